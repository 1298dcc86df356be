/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request heads. Property: the answer, and everything read, is the same whether the bytes come at once or in pieces, in
 * a buffer that moves each time. The first byte of the input chooses limits, the second seeds the cutting.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "server/http/head.h"
#include "server/http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits[2] = {
    {.max_request_line = 40, .max_header_bytes = 200, .max_headers = 4},
    {.max_request_line = 16384, .max_header_bytes = 32768, .max_headers = 128},
};

static void check_within(struct bytes part, struct bytes all)
{
    CHECK(part.p >= all.p && part.p + part.n <= all.p + all.n);
}

static void check_result(const struct http_head *h, struct bytes in)
{
    struct bytes head = bytes_cut(in, 0, h->head_len);
    CHECK(h->head_len <= in.n && bytes_ends(head, BYTES_LIT("\r\n\r\n")));
    check_within(h->target, head);
    check_within(h->method_text, head);
    CHECK(h->target.n > 0 && h->method_text.n > 0 && h->method_text.n <= HTTP_MAX_METHOD);
    CHECK(h->minor == 0 || h->minor == 1);
    CHECK(h->header_count <= h->limits.max_headers && h->head_len <= UINT32_MAX);
    for (unsigned i = 0; i < h->header_count; i++) {
        const struct http_header *x = &h->headers[i];
        check_within(x->name, head);
        check_within(x->value, head);
        CHECK(x->name.n > 0 && x->id == (unsigned)http_header_id(x->name));
        for (size_t k = 0; k < x->value.n; k++) {
            unsigned char c = (unsigned char)x->value.p[k];
            CHECK(c == '\t' || (c >= 0x20 && c != 0x7f));
        }
        if (x->id)
            CHECK(http_head_has(h, x->id));
    }
    CHECK((h->framing == HTTP_BODY_CHUNKED) == http_head_has(h, HDR_TRANSFER_ENCODING));
    CHECK(!(http_head_has(h, HDR_TRANSFER_ENCODING) && http_head_has(h, HDR_CONTENT_LENGTH)));
    CHECK(h->content_length <= INT64_MAX);
    if (h->host.n) {
        check_within(h->host, head);
        CHECK(http_host_split(h->host, NULL, NULL));
    } else {
        CHECK(h->minor == 0);
    }
}

static bool same(struct bytes a, struct bytes b)
{
    return bytes_eq(a, b);
}

static void check_same(const struct http_head *a, const struct http_head *b)
{
    CHECK(a->result == b->result);
    if (a->result != HTTP_PARSE_OK)
        return;
    CHECK(same(a->target, b->target) && same(a->method_text, b->method_text) && same(a->host, b->host));
    CHECK(a->method == b->method && a->form == b->form && a->minor == b->minor && a->framing == b->framing);
    CHECK(a->content_length == b->content_length && a->keep_alive == b->keep_alive);
    CHECK(a->expect_continue == b->expect_continue && a->head_len == b->head_len);
    CHECK(a->header_count == b->header_count);
    for (unsigned i = 0; i < a->header_count; i++)
        CHECK(same(a->headers[i].name, b->headers[i].name) && same(a->headers[i].value, b->headers[i].value) &&
              a->headers[i].id == b->headers[i].id && a->headers[i].next == b->headers[i].next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_header slots_a[128], slots_b[128];
    struct http_head a, b;
    if (size < 2)
        return 0;
    const struct http_limits *l = &limits[data[0] & 1];
    uint32_t random = data[1] * 2654435761u + 1;
    struct bytes all = bytes_of(data + 2, size - 2);

    http_head_init(&a, l, slots_a);
    http_head_parse(&a, all);
    if (a.result == HTTP_PARSE_OK)
        check_result(&a, all);

    http_head_init(&b, l, slots_b);
    char *last = NULL;
    for (size_t n = 0; b.result == HTTP_PARSE_MORE && n < all.n;) {
        random = random * 1664525u + 1013904223u;
        size_t step = (random >> 16) % 13;
        n = n + step < all.n ? n + step : all.n;
        char *moved = xmalloc(n ? n : 1);
        memcpy(moved, all.p, n);
        http_head_parse(&b, bytes_of(moved, n));
        free(last);
        last = moved;
    }
    check_same(&a, &b);
    if (a.result == HTTP_PARSE_OK) {
        struct uri_parts parts;
        if (a.form == HTTP_TARGET_ORIGIN || a.form == HTTP_TARGET_ABSOLUTE)
            CHECK(uri_split(a.target, &parts) == URI_OK && parts.path.p[0] == '/');
    }
    free(last);
    return 0;
}
