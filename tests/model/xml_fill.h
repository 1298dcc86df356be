/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills the struct of any XML table with values that its limits allow, and compares two of them: what the round-trip
 * tests, the fuzzer and the check against botocore share. Everything follows from the table and a seed, so a new table
 * is tested by being listed.
 */
#ifndef PAIL_TESTS_MODEL_XML_FILL_H
#define PAIL_TESTS_MODEL_XML_FILL_H

#include <string.h>

#include "base/arena.h"
#include "server/xml/schema.h"

struct xml_fill {
    struct arena *arena;
    unsigned seed;
    bool sparse;  /* leave optional fields out */
    bool hostile; /* texts with every character that XML carries only when escaped */
};

static inline struct bytes xml_fill_text(struct xml_fill *x, const struct xml_field *f)
{
    const char *odd = x->hostile ? " a&b<c>\"d'\r\n\t]]> \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 " : "";
    struct bytes v = arena_bytesf(x->arena, "%s-%u%s", f->name, x->seed++, odd);
    size_t max = f->max && !xml_is_list(f) ? f->max : XML_TEXT_MAX;
    return f->trim || v.n > max ? arena_bytesf(x->arena, "t%u", x->seed) : v;
}

static inline void xml_fill_fields(struct xml_fill *x, const struct xml_field *fields, char *obj);

static inline void xml_fill_list(struct xml_fill *x, const struct xml_field *f, char *obj)
{
    size_t n = x->sparse ? (size_t)f->min : 2 + x->seed % 3;
    char *items = arena_zalloc(x->arena, (n ? n : 1) * f->size);
    for (size_t i = 0; i < n; i++) {
        if (f->kind == XML_KIND_LIST) {
            xml_fill_fields(x, f->fields, items + i * f->size);
        } else {
            struct bytes v = xml_fill_text(x, f);
            memcpy(items + i * f->size, &v, sizeof v);
        }
    }
    if (n == 0 && !f->wrap)
        items = NULL;
    memcpy(obj + f->at, &items, sizeof items);
    memcpy(obj + f->count_at, &n, sizeof n);
}

static inline void xml_fill_number(struct xml_fill *x, const struct xml_field *f, char *obj)
{
    uint64_t v = 1 + x->seed++ * 7919u;
    if (f->kind == XML_KIND_TIME)
        v = 1700049760000ull + x->seed * 1000ull;
    if (f->max)
        v = (uint64_t)f->min + v % (f->max - (uint64_t)f->min + 1);
    if (f->kind == XML_KIND_U64 && !f->max && x->seed % 5 == 0)
        v = UINT64_MAX - x->seed;
    memcpy(obj + f->at, &v, sizeof v);
}

static inline void xml_fill_field(struct xml_fill *x, const struct xml_field *f, char *obj)
{
    struct bytes text;
    switch (f->kind) {
    case XML_KIND_TEXT:
    case XML_KIND_ETAG:
    case XML_KIND_ATTR:
    case XML_KIND_CONTENT:
        text = f->kind == XML_KIND_ETAG ? arena_bytesf(x->arena, "%032x-%u", x->seed, x->seed) : xml_fill_text(x, f);
        memcpy(obj + f->at, &text, sizeof text);
        break;
    case XML_KIND_BOOL:
        obj[f->at] = f->optional && !f->has_at ? 1 : (char)(x->seed++ & 1);
        break;
    case XML_KIND_ENUM: {
        int n = 0;
        while (f->names[n])
            n++;
        int v = 1 + (int)(x->seed++ % (unsigned)n);
        memcpy(obj + f->at, &v, sizeof v);
        break;
    }
    case XML_KIND_CHILD: {
        char *child = arena_zalloc(x->arena, f->size);
        xml_fill_fields(x, f->fields, child);
        memcpy(obj + f->at, &child, sizeof child);
        break;
    }
    case XML_KIND_LIST:
    case XML_KIND_TEXTS:
        xml_fill_list(x, f, obj);
        break;
    default:
        xml_fill_number(x, f, obj);
    }
    if (f->has_at)
        obj[f->has_at] = 1;
}

static inline void xml_fill_fields(struct xml_fill *x, const struct xml_field *fields, char *obj)
{
    for (const struct xml_field *f = fields; f->kind != XML_KIND_END; f++) {
        if (!(x->sparse && f->optional))
            xml_fill_field(x, f, obj);
    }
}

/* ---- comparing ---- */

static inline bool xml_same_fields(const struct xml_field *fields, const char *a, const char *b);

static inline bool xml_same_text(const char *a, const char *b)
{
    struct bytes va, vb;
    memcpy(&va, a, sizeof va);
    memcpy(&vb, b, sizeof vb);
    return bytes_eq(va, vb);
}

static inline bool xml_same_list(const struct xml_field *f, const char *a, const char *b)
{
    const char *ia, *ib;
    size_t na, nb;
    memcpy(&ia, a + f->at, sizeof ia);
    memcpy(&ib, b + f->at, sizeof ib);
    memcpy(&na, a + f->count_at, sizeof na);
    memcpy(&nb, b + f->count_at, sizeof nb);
    if (na != nb)
        return false;
    for (size_t i = 0; i < na; i++) {
        const char *x = ia + i * f->size, *y = ib + i * f->size;
        if (!(f->kind == XML_KIND_LIST ? xml_same_fields(f->fields, x, y) : xml_same_text(x, y)))
            return false;
    }
    return true;
}

static inline bool xml_same_field(const struct xml_field *f, const char *a, const char *b)
{
    const char *ca, *cb;
    if (f->has_at && a[f->has_at] != b[f->has_at])
        return false;
    switch (f->kind) {
    case XML_KIND_TEXT:
    case XML_KIND_ETAG:
    case XML_KIND_ATTR:
    case XML_KIND_CONTENT:
        return xml_same_text(a + f->at, b + f->at);
    case XML_KIND_BOOL:
        return a[f->at] == b[f->at];
    case XML_KIND_ENUM:
        return memcmp(a + f->at, b + f->at, sizeof(int)) == 0;
    case XML_KIND_CHILD:
        memcpy(&ca, a + f->at, sizeof ca);
        memcpy(&cb, b + f->at, sizeof cb);
        return ca && cb ? xml_same_fields(f->fields, ca, cb) : ca == cb;
    case XML_KIND_LIST:
    case XML_KIND_TEXTS:
        return xml_same_list(f, a, b);
    default:
        return memcmp(a + f->at, b + f->at, 8) == 0;
    }
}

static inline bool xml_same_fields(const struct xml_field *fields, const char *a, const char *b)
{
    for (const struct xml_field *f = fields; f->kind != XML_KIND_END; f++) {
        if (!xml_same_field(f, a, b))
            return false;
    }
    return true;
}

#endif
