/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendering by table, fast enough that a listing's XML costs less than its index reads.
 *
 * Tags were joined by the compiler, so a leaf is three copies: tag, text, tag. Text is scanned eight bytes at a time
 * for a byte that needs thought, and clean runs are copied whole. Nothing here allocates but the buf.
 *
 * Invariant: what comes out is well-formed XML 1.0 but for the numeric references of characters that XML 1.0 cannot
 * carry. Threads: any; see render.h.
 */
#include "server/xml/render.h"

#include <string.h>

#include "base/check.h"

/* buf_put without the call while there is room, which is nearly always. */
static inline void put(struct buf *b, const char *p, size_t n)
{
    if (__builtin_expect(n <= b->cap - b->n && n <= b->max - b->n && n != 0 && !b->failed, 1)) {
        memcpy(b->p + b->n, p, n);
        b->n += n;
    } else {
        buf_put(b, p, n);
    }
}

#define PUT_LIT(b, s) put(b, s, sizeof(s) - 1)

static inline void put_open(struct buf *b, const struct xml_field *f)
{
    put(b, f->open, f->name_n + 2);
}

static inline void put_close(struct buf *b, const struct xml_field *f)
{
    put(b, f->close, f->name_n + 3);
}

/* ---- text ---- */

#define ONES  0x0101010101010101ull
#define HIGHS 0x8080808080808080ull

/* Does one of the eight bytes need a closer look: a control character, a character with a meaning in XML, or not ASCII?
 */
static inline bool word_is_special(uint64_t w)
{
#define ZERO_IN(x) (((x)-ONES) & ~(x))
    uint64_t hit = (w - 0x20 * ONES) & ~w;
    hit |=
        ZERO_IN(w ^ ('"' * ONES)) | ZERO_IN(w ^ ('&' * ONES)) | ZERO_IN(w ^ ('<' * ONES)) | ZERO_IN(w ^ ('>' * ONES));
    return ((hit | w) & HIGHS) != 0;
#undef ZERO_IN
}

/* Length of the valid UTF-8 sequence of two to four bytes at p, or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (p[0] >= 0xe0 && p[0] <= 0xef) {
        unsigned low = p[0] == 0xe0 ? 0xa0 : 0x80, high = p[0] == 0xed ? 0x9f : 0xbf;
        return n >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        unsigned low = p[0] == 0xf0 ? 0x90 : 0x80, high = p[0] == 0xf4 ? 0x8f : 0xbf;
        return n >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80 ? 4 : 0;
    }
    return 0;
}

static inline bool is_noncharacter(const unsigned char *p, size_t sequence)
{
    return sequence == 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe; /* U+FFFE, U+FFFF */
}

/* Bytes at the start of p that can be copied as they are. */
static size_t clean_run(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint64_t w;
        while (n - i >= 8 && (memcpy(&w, p + i, 8), !word_is_special(w)))
            i += 8;
        if (i == n)
            break;
        unsigned char c = p[i];
        if (c >= 0x80) {
            size_t sequence = utf8_sequence(p + i, n - i);
            if (sequence == 0 || is_noncharacter(p + i, sequence))
                break;
            i += sequence;
        } else if ((c < 0x20 && c != '\t' && c != '\n') || c == '"' || c == '&' || c == '<' || c == '>') {
            break;
        } else {
            i++;
        }
    }
    return i;
}

/* Writes what stands for the character at p, which no clean run takes; answers its length in p. */
static size_t put_special(struct buf *b, const unsigned char *p, size_t n)
{
    switch (p[0]) {
    case '"':
        PUT_LIT(b, "&quot;");
        return 1;
    case '&':
        PUT_LIT(b, "&amp;");
        return 1;
    case '<':
        PUT_LIT(b, "&lt;");
        return 1;
    case '>':
        PUT_LIT(b, "&gt;");
        return 1;
    case '\r':
        PUT_LIT(b, "&#13;");
        return 1;
    }
    if (p[0] < 0x20) {
        buf_printf(b, "&#x%x;", p[0]);
        return 1;
    }
    if (is_noncharacter(p, utf8_sequence(p, n))) {
        buf_printf(b, "&#xff%02x;", p[2] + 0x40);
        return 3;
    }
    PUT_LIT(b, "\xef\xbf\xbd");
    return 1;
}

void xml_text(struct buf *out, struct bytes text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t n = p ? text.n : 0;
    while (n) {
        size_t run = clean_run(p, n);
        if (run)
            put(out, (const char *)p, run);
        p += run;
        n -= run;
        if (n == 0 || out->failed)
            return;
        size_t took = put_special(out, p, n);
        p += took;
        n -= took;
    }
}

/* ---- times ---- */

/* Whole seconds, and yet with a fraction: so S3 writes them. */
void xml_format_time(int64_t ms, char out[XML_TIME_TEXT])
{
    char text[DATE_ISO_SECONDS_LEN + 1];
    date_format_iso_seconds(date_seconds_of_ms(ms), text);
    memcpy(out, text, DATE_ISO_SECONDS_LEN - 1);
    memcpy(out + DATE_ISO_SECONDS_LEN - 1, ".000Z", 5);
}

void xml_text_time(struct buf *out, int64_t ms)
{
    char text[XML_TIME_TEXT];
    xml_format_time(ms, text);
    put(out, text, sizeof text);
}

static void put_rfc822(struct buf *out, int64_t ms)
{
    char text[DATE_HTTP_LEN + 1];
    date_format_http(date_seconds_of_ms(ms), text);
    put(out, text, DATE_HTTP_LEN);
}

/* ---- fields ---- */

static inline struct bytes get_bytes(const char *obj, size_t at)
{
    struct bytes v;
    memcpy(&v, obj + at, sizeof v);
    return v;
}

static inline uint64_t get_u64(const char *obj, size_t at)
{
    uint64_t v;
    memcpy(&v, obj + at, sizeof v);
    return v;
}

static inline const char *get_pointer(const char *obj, size_t at)
{
    const char *v;
    memcpy(&v, obj + at, sizeof v);
    return v;
}

static inline size_t get_count(const char *obj, size_t at)
{
    size_t v;
    memcpy(&v, obj + at, sizeof v);
    return v;
}

static inline bool get_bool(const char *obj, size_t at)
{
    return *(const bool *)(const void *)(obj + at);
}

static void put_i64(struct buf *out, int64_t v)
{
    if (v < 0)
        put(out, "-", 1);
    buf_put_u64(out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static const char *enum_name(const struct xml_field *f, const char *obj)
{
    unsigned v;
    memcpy(&v, obj + f->at, sizeof v);
    if (v == 0)
        return NULL;
    for (unsigned i = 1; i < v; i++)
        CHECK(f->names[i - 1] != NULL); /* a value without a name is a mistake of ours */
    return f->names[v - 1];
}

/* Is an optional field absent? */
static bool is_absent(const struct xml_field *f, const char *obj)
{
    if (f->has_at)
        return !get_bool(obj, f->has_at);
    switch (f->kind) {
    case XML_KIND_U64:
    case XML_KIND_I64:
    case XML_KIND_TIME:
        return get_u64(obj, f->at) == 0;
    case XML_KIND_BOOL:
        return !get_bool(obj, f->at);
    case XML_KIND_ENUM:
        return enum_name(f, obj) == NULL;
    default:
        return get_pointer(obj, f->at) == NULL; /* struct bytes starts with its pointer too */
    }
}

/* An element that holds others: its attributes go into the open tag, and with nothing inside it is written <X/>. */
static void put_element(struct buf *out, const char *open, size_t open_n, const char *close, size_t close_n,
                        const struct xml_field *fields, const char *obj)
{
    put(out, open, open_n - 1);
    for (; fields->kind == XML_KIND_ATTR; fields++) {
        struct bytes value = get_bytes(obj, fields->at);
        if (!value.p && fields->optional)
            continue;
        buf_put_str(out, fields->open);
        xml_text(out, value);
        put(out, "\"", 1);
    }
    put(out, ">", 1);
    size_t at = out->n;
    xml_render_fields(out, fields, obj);
    if (out->failed)
        return;
    if (out->n == at) {
        out->n--;
        put(out, "/>", 2);
    } else {
        put(out, close, close_n);
    }
}

static inline void put_child(struct buf *out, const struct xml_field *f, const char *obj)
{
    put_element(out, f->open, f->name_n + 2, f->close, f->name_n + 3, f->fields, obj);
}

static void put_items(struct buf *out, const struct xml_field *f, const char *obj)
{
    const char *items = get_pointer(obj, f->at);
    size_t n = get_count(obj, f->count_at);
    if (f->wrap && n == 0) {
        put(out, f->wrap_open, f->wrap_n + 1);
        put(out, "/>", 2);
        return;
    }
    if (f->wrap)
        put(out, f->wrap_open, f->wrap_n + 2);
    for (size_t i = 0; i < n; i++) {
        if (f->kind == XML_KIND_LIST) {
            put_child(out, f, items + i * f->size);
        } else {
            put_open(out, f);
            xml_text(out, get_bytes(items, i * f->size));
            put_close(out, f);
        }
    }
    if (f->wrap)
        put(out, f->wrap_close, f->wrap_n + 3);
}

static void put_value(struct buf *out, const struct xml_field *f, const char *obj)
{
    switch (f->kind) {
    case XML_KIND_TEXT:
        xml_text(out, get_bytes(obj, f->at));
        break;
    case XML_KIND_ETAG:
        PUT_LIT(out, "&quot;");
        xml_text(out, get_bytes(obj, f->at));
        PUT_LIT(out, "&quot;");
        break;
    case XML_KIND_U64:
        buf_put_u64(out, get_u64(obj, f->at));
        break;
    case XML_KIND_I64:
        put_i64(out, (int64_t)get_u64(obj, f->at));
        break;
    case XML_KIND_BOOL:
        if (get_bool(obj, f->at))
            PUT_LIT(out, "true");
        else
            PUT_LIT(out, "false");
        break;
    case XML_KIND_ENUM: {
        const char *name = enum_name(f, obj);
        if (name)
            put(out, name, strlen(name));
        break;
    }
    case XML_KIND_TIME:
        if (f->rfc822)
            put_rfc822(out, (int64_t)get_u64(obj, f->at));
        else
            xml_text_time(out, (int64_t)get_u64(obj, f->at));
        break;
    default:
        CHECK(!"a leaf");
    }
}

static void put_field(struct buf *out, const struct xml_field *f, const char *obj)
{
    if (f->optional && is_absent(f, obj))
        return;
    switch (f->kind) {
    case XML_KIND_ATTR:
        return;
    case XML_KIND_CONTENT:
        xml_text(out, get_bytes(obj, f->at));
        return;
    case XML_KIND_LIST:
    case XML_KIND_TEXTS:
        put_items(out, f, obj);
        return;
    case XML_KIND_CHILD: {
        const char *child = get_pointer(obj, f->at);
        CHECK(child != NULL); /* a required child has to be there */
        put_child(out, f, child);
        return;
    }
    default:
        put_open(out, f);
        put_value(out, f, obj);
        put_close(out, f);
    }
}

void xml_render_fields(struct buf *out, const struct xml_field *fields, const void *obj)
{
    for (const struct xml_field *f = fields; f->kind != XML_KIND_END; f++)
        put_field(out, f, obj);
}

/* ---- documents ---- */

void xml_render(struct buf *out, const struct xml_doc *doc, const void *obj)
{
    put_element(out, doc->open, strlen(doc->open), doc->close, doc->root_n + 3, doc->fields, obj);
}

void xml_rows_begin(struct xml_rows *r, struct buf *out, const struct xml_doc *doc)
{
    *r = (struct xml_rows){.out = out, .doc = doc, .start = out->n};
}

void xml_rows_add(struct xml_rows *r, const struct xml_field *row, const void *item)
{
    put_child(r->out, row, item);
}

void xml_rows_end(struct xml_rows *r, const void *obj)
{
    struct buf *out = r->out, head;
    const struct xml_field *f = r->doc->fields;
    size_t rows_n = out->n - r->start;
    buf_init(&head, out->max);
    buf_put_str(&head, r->doc->open);
    for (; f->kind != XML_KIND_END && !f->rows; f++)
        put_field(&head, f, obj);
    if (head.failed)
        out->failed = true;
    if (buf_reserve(out, head.n)) {
        memmove(out->p + r->start + head.n, out->p + r->start, rows_n);
        memcpy(out->p + r->start, head.p, head.n);
        out->n += head.n;
    }
    buf_fini(&head);
    xml_render_fields(out, f, obj);
    put(out, r->doc->close, r->doc->root_n + 3);
}

const struct xml_field *xml_rows_field(const struct xml_doc *doc, const char *name)
{
    const struct xml_field *f = xml_field_find(doc->fields, name, strlen(name));
    CHECK(f != NULL && f->rows && f->kind == XML_KIND_LIST && !f->wrap);
    return f;
}

/* ---- by hand ---- */

void xml_open(struct buf *out, const char *name)
{
    put(out, "<", 1);
    buf_put_str(out, name);
    put(out, ">", 1);
}

void xml_close(struct buf *out, const char *name)
{
    PUT_LIT(out, "</");
    buf_put_str(out, name);
    put(out, ">", 1);
}

void xml_element(struct buf *out, const char *name, struct bytes text)
{
    xml_open(out, name);
    xml_text(out, text);
    xml_close(out, name);
}

void xml_element_u64(struct buf *out, const char *name, uint64_t v)
{
    xml_open(out, name);
    buf_put_u64(out, v);
    xml_close(out, name);
}
