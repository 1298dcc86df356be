/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart/form-data. Property: parts and data do not depend on how the bytes were cut; names and file names are what
 * the header promises. The first byte seeds the cutting, the second is the boundary's length; each piece lies in memory
 * of its own, so reading outside of it is found. Also: whatever Content-Type is, its boundary is one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "server/http/multipart_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t random_state;

static size_t next_size(bool cut)
{
    random_state = random_state * 1664525u + 1013904223u;
    return cut ? 1 + (random_state >> 16) % 13 : SIZE_MAX;
}

static void note(struct buf *out, enum form_event e, const struct form_item *item)
{
    switch (e) {
    case FORM_PART:
        CHECK(item->name.n >= 1 && item->name.n <= FORM_NAME_MAX && utf8_valid(item->name));
        buf_printf(out, "<part %zu %zu>", item->name.n, item->filename.n);
        buf_put_bytes(out, item->name);
        buf_put_bytes(out, item->filename);
        break;
    case FORM_DATA:
        CHECK(item->data.n > 0);
        buf_put_bytes(out, item->data);
        break;
    case FORM_MORE:
        break;
    default:
        buf_printf(out, "<%d>", (int)e);
    }
}

static enum form_event run(struct bytes boundary, struct bytes all, bool cut, struct buf *out)
{
    struct multipart_form *f = xcalloc(1, sizeof *f);
    enum form_event e = FORM_MORE;
    form_init(f, boundary);
    for (size_t at = 0, n; at < all.n && !form_failed(e); at += n) {
        struct bytes piece = bytes_cut(all, at, next_size(cut));
        char *own = xmalloc(piece.n);
        memcpy(own, piece.p, piece.n);
        struct bytes in = bytes_of(own, n = piece.n);
        struct form_item item;
        while (in.n && !form_failed(e))
            note(out, e = form_next(f, &in, &item), &item);
        free(own);
    }
    struct bytes none = BYTES_NONE;
    struct form_item item;
    CHECK(!form_failed(e) || (form_next(f, &none, &item) == e && !form_ended(f)));
    if (form_ended(f))
        buf_put_str(out, "<ended>");
    free(f);
    return form_failed(e) ? e : FORM_MORE;
}

static void try_type(struct bytes type)
{
    struct bytes boundary;
    bool is_form;
    if (form_boundary(type, &is_form, &boundary))
        CHECK(is_form && boundary.n >= 1 && boundary.n <= FORM_BOUNDARY_MAX && boundary.p >= type.p &&
              boundary.p + boundary.n <= type.p + type.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char letters[] = "b--aXyZ0123456789'()+_,-./:=? abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
    if (size < 2)
        return 0;
    struct bytes all = bytes_of(data + 2, size - 2);
    struct bytes boundary = bytes_of(letters, 1 + data[1] % FORM_BOUNDARY_MAX);
    struct buf a, b;
    random_state = data[0];
    try_type(all);
    buf_init(&a, 1 << 22);
    buf_init(&b, 1 << 22);
    CHECK(run(boundary, all, false, &a) == run(boundary, all, true, &b));
    CHECK(bytes_eq(buf_bytes(&a), buf_bytes(&b)));
    buf_fini(&a);
    buf_fini(&b);
    return 0;
}
