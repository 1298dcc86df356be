/* SPDX-License-Identifier: Apache-2.0 */
/* Records: round trips of every field, heads, and bytes that make no sense. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "storage/record.h"

static struct checksum_value sum_of(const char *s)
{
    struct checksum_value v;
    checksum_of(CHECKSUM_SHA256, s, strlen(s), &v);
    return v;
}

static struct rec_object full_object(struct arena *a)
{
    struct rec_object r = {.in_manifest = true, .manifest_parts = 3, .time_ms = 5};
    struct store_header *h = arena_new_array(a, struct store_header, 2);
    struct store_part_info *p = arena_new_array(a, struct store_part_info, 2);
    struct store_extent *e = arena_new_array(a, struct store_extent, 2);
    h[0] = (struct store_header){BYTES_LIT("content-type"), BYTES_LIT("text/plain")};
    h[1] = (struct store_header){BYTES_LIT("x-amz-meta-empty"), BYTES_NONE};
    p[0] = (struct store_part_info){5 << 20, sum_of("1")};
    p[1] = (struct store_part_info){.size = 0};
    e[0] = (struct store_extent){.partition = 77, .offset = 1, .length = UINT64_MAX};
    memset(&e[0].blob, 0xab, sizeof e[0].blob);
    memset(e[0].ref, 0xcd, sizeof e[0].ref);
    e[1] = (struct store_extent){.length = 5, .data = BYTES_LIT("piece")};
    r.o = (struct store_object){
        .size = UINT64_MAX,
        .mtime_ms = INT64_MAX,
        .etag = {"0123456789abcde", 10000},
        .storage_class = BYTES_LIT("GLACIER"),
        .owner = BYTES_LIT("alice"),
        .checksum = sum_of("x"),
        .checksum_type = CHECKSUM_COMPOSITE,
        .explicit_checksum = true,
        .headers = h,
        .n_headers = 2,
        .parts = p,
        .n_parts = 2,
        .uid = "uid of 16 bytes",
        .inline_data = BYTES_LIT("data"),
        .extents = e,
        .n_extents = 2,
    };
    return r;
}

static void check_head(const struct rec_object *a, const struct rec_object *b)
{
    cr_assert(a->o.size == b->o.size && a->o.mtime_ms == b->o.mtime_ms && a->o.checksum_type == b->o.checksum_type);
    cr_assert(memcmp(&a->o.etag, &b->o.etag, sizeof a->o.etag) == 0 &&
              bytes_eq(a->o.storage_class, b->o.storage_class) && bytes_eq(a->o.owner, b->o.owner) &&
              checksum_equal(&a->o.checksum, &b->o.checksum));
}

Test(record, an_object_comes_back)
{
    struct arena *a = arena_create(0);
    struct rec_object r = full_object(a), back;
    size_t head;
    struct bytes v = record_encode(&rec_object, &r, a, &head);
    cr_assert_leq(v.n, record_bound(&rec_object, &r));
    cr_assert(record_decode(&rec_object, v, a, &back));
    check_head(&r, &back);
    cr_assert(back.o.explicit_checksum && memcmp(back.o.uid, r.o.uid, 16) == 0 && back.in_manifest &&
              back.manifest_parts == 3);
    cr_assert(back.o.n_headers == 2 && bytes_eq(back.o.headers[0].value, r.o.headers[0].value) &&
              bytes_eq(back.o.headers[1].name, r.o.headers[1].name) && back.o.headers[1].value.n == 0);
    cr_assert(back.o.n_parts == 2 && back.o.parts[0].size == 5 << 20 &&
              checksum_equal(&back.o.parts[0].checksum, &r.o.parts[0].checksum) && back.o.parts[1].size == 0 &&
              back.o.parts[1].checksum.alg == CHECKSUM_NONE);
    cr_assert(back.o.n_extents == 2 && back.o.extents[0].partition == 77 && back.o.extents[0].offset == 1 &&
              back.o.extents[0].length == UINT64_MAX &&
              memcmp(&back.o.extents[0].blob, &r.o.extents[0].blob, 16) == 0 &&
              memcmp(back.o.extents[0].ref, r.o.extents[0].ref, 16) == 0 && back.o.extents[0].data.n == 0);
    cr_assert(bytes_eq_str(back.o.extents[1].data, "piece") && bytes_eq_str(back.o.inline_data, "data"));
    cr_assert(back.o.inline_data.p > v.p && back.o.inline_data.p < v.p + v.n, "decoded in place");

    struct rec_object top;
    cr_assert(record_decode(&rec_object, bytes_cut(v, 0, head), NULL, &top));
    check_head(&r, &top);
    cr_assert(top.o.n_headers == 0 && top.o.inline_data.n == 0);
    cr_assert_not(record_decode(&rec_part, v, a, &back), "another kind");
    arena_free(a);
}

Test(record, inline_data_is_encoded_where_it_lies)
{
    struct arena *a = arena_create(0);
    struct rec_object r = full_object(a), back;
    char buffer[1000];
    memcpy(buffer + 900, "the data", 8);
    r.o.inline_data = bytes_of(buffer + 900, 8);
    struct bytes v = record_encode_before(&rec_object, &r, buffer + 908, 908, NULL);
    cr_assert(v.n > 0 && v.p + v.n == buffer + 908 && memcmp(buffer + 900, "the data", 8) == 0);
    cr_assert(record_decode(&rec_object, v, a, &back) && back.o.inline_data.p == buffer + 900);
    for (size_t room = 0; room < v.n; room++)
        cr_assert_eq(record_encode_before(&rec_object, &r, buffer + 908, room, NULL).n, 0);
    r.o.inline_data = BYTES_LIT("elsewhere");
    v = record_encode_before(&rec_object, &r, buffer + sizeof buffer, sizeof buffer, NULL);
    cr_assert(record_decode(&rec_object, v, a, &back) && bytes_eq_str(back.o.inline_data, "elsewhere"));
    arena_free(a);
}

Test(record, the_empty_object_is_two_bytes)
{
    struct arena *a = arena_create(0);
    struct rec_object r = {0}, back;
    struct bytes v = record_encode(&rec_object, &r, a, NULL);
    cr_assert_eq(v.n, 2);
    cr_assert(record_decode(&rec_object, v, a, &back) && back.o.size == 0 && back.o.n_parts == 0);
    cr_assert(bytes_eq(record_ref_value(), record_encode(&rec_ref, &r, a, NULL)));
    arena_free(a);
}

Test(record, unknown_fields_are_skipped_newer_versions_refused)
{
    struct arena *a = arena_create(0);
    struct rec_bucket b = {.b = {.partition = 9, .generation = 3, .owner = BYTES_LIT("x")}, .state = 1}, back;
    struct bytes v = record_encode(&rec_bucket, &b, a, NULL);
    struct buf more;
    buf_init(&more, 1000);
    buf_put_bytes(&more, v);
    buf_put(&more, "\xc0\x07\x05", 3); /* field 120, number */
    buf_put(&more,
            "\xc2\x07\x03"
            "abc",
            6); /* bytes */
    buf_put(&more,
            "\xc1\x07"
            "12345678",
            10); /* 64 bits */
    buf_put(&more,
            "\xfd\xff\x03"
            "1234",
            7); /* field 8191, 32 bits */
    cr_assert(record_decode(&rec_bucket, buf_bytes(&more), a, &back));
    cr_assert(back.b.partition == 9 && back.b.generation == 3 && back.state == 1 && bytes_eq_str(back.b.owner, "x"));
    buf_put(&more, "\xc3\x07", 2); /* a group: unknown to us */
    cr_assert_not(record_decode(&rec_bucket, buf_bytes(&more), a, &back));
    more.p[1] = 2;
    more.n -= 2;
    cr_assert_not(record_decode(&rec_bucket, buf_bytes(&more), a, &back));
    buf_fini(&more);
    arena_free(a);
}

/* Every cut and every flipped bit: never more than a wrong answer (the sanitizer watches). */
Test(record, damage)
{
    struct arena *a = arena_create(0), *tmp = arena_create(0);
    struct rec_object r = full_object(a), back;
    struct bytes v = record_encode(&rec_object, &r, a, NULL);
    for (size_t n = 0; n < v.n; n++) {
        char *cut = malloc(n ? n : 1);
        memcpy(cut, v.p, n);
        record_decode(&rec_object, bytes_of(cut, n), tmp, &back);
        record_decode(&rec_object, bytes_of(cut, n), NULL, &back);
        free(cut);
        arena_reset(tmp);
    }
    for (size_t i = 0; i < v.n * 8; i++) {
        char *flipped = malloc(v.n);
        memcpy(flipped, v.p, v.n);
        flipped[i / 8] = (char)(flipped[i / 8] ^ 1 << i % 8);
        if (record_decode(&rec_object, bytes_of(flipped, v.n), tmp, &back))
            record_encode(&rec_object, &back, tmp, NULL);
        free(flipped);
        arena_reset(tmp);
    }
    static const char *bad[] = {"\x01\x01\x08",
                                "\x01\x01\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
                                "\x01\x01\x2a\x05"
                                "ab",
                                "\x01\x01\x1a\x02"
                                "ab",
                                "\x01\x01\x3a\x01\x7f",
                                "\x01\x01\x3a\x02\x01\x01",
                                "\x01\x01\x0a\x01x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_not(record_decode(&rec_object, bytes_str(bad[i]), tmp, &back), "%zu", i);
    arena_free(tmp);
    arena_free(a);
}

Test(record, the_other_kinds_come_back)
{
    struct arena *a = arena_create(0);
    struct rec_object full = full_object(a);
    struct rec_garbage g = {
        .uid = "u", .in_manifest = true, .extents = full.o.extents, .n_extents = 2, .purge = true, .upload = "id"};
    struct rec_garbage g2;
    cr_assert(record_decode(&rec_garbage, record_encode(&rec_garbage, &g, a, NULL), a, &g2));
    cr_assert(memcmp(g.uid, g2.uid, 16) == 0 && g2.in_manifest && g2.n_extents == 2 && g2.purge && g2.upload[0] == 'i');
    struct rec_intent in = {
        .partition = 4, .key = BYTES_LIT("okey"), .uid = "u", .time_ms = 99, .extents = full.o.extents, .n_extents = 1};
    struct rec_intent in2;
    cr_assert(record_decode(&rec_intent, record_encode(&rec_intent, &in, a, NULL), a, &in2));
    cr_assert(in2.partition == 4 && bytes_eq(in2.key, in.key) && in2.time_ms == 99 && in2.n_extents == 1);
    struct rec_upload u = {.u = {.owner = BYTES_LIT("o"),
                                 .checksum = CHECKSUM_CRC32,
                                 .checksum_type = CHECKSUM_COMPOSITE,
                                 .headers = full.o.headers,
                                 .n_headers = 2},
                           .current_uid = "c",
                           .explicit_checksum = true};
    struct rec_upload u2;
    size_t head;
    struct bytes v = record_encode(&rec_upload, &u, a, &head);
    cr_assert(record_decode(&rec_upload, v, a, &u2) && u2.u.n_headers == 2 && u2.current_uid[0] == 'c');
    cr_assert(head < v.n && record_decode(&rec_upload, bytes_cut(v, 0, head), NULL, &u2) &&
              u2.u.checksum == CHECKSUM_CRC32);
    struct rec_blob_desc d = {.partition = 2,
                              .bucket = BYTES_LIT("b"),
                              .key = BYTES_LIT("k"),
                              .part_number = 7,
                              .headers = full.o.headers,
                              .n_headers = 2,
                              .time_ms = 1};
    struct rec_blob_desc d2;
    cr_assert(record_decode(&rec_blob_desc, record_encode(&rec_blob_desc, &d, a, NULL), a, &d2));
    cr_assert(d2.partition == 2 && bytes_eq_str(d2.key, "k") && d2.part_number == 7 && d2.n_headers == 2);
    struct rec_blob_trailer t = {.size = 5, .etag = full.o.etag, .checksum = sum_of("y"), .mtime_ms = 8}, t2;
    cr_assert(record_decode(&rec_blob_trailer, record_encode(&rec_blob_trailer, &t, a, NULL), a, &t2));
    cr_assert(t2.size == 5 && t2.mtime_ms == 8 && checksum_equal(&t.checksum, &t2.checksum));
    struct rec_object tomb;
    full.o.key = BYTES_LIT("k");
    cr_assert(record_decode(&rec_tombstone, record_encode(&rec_tombstone, &full, a, NULL), a, &tomb));
    check_head(&full, &tomb);
    cr_assert(bytes_eq_str(tomb.o.key, "k") && tomb.time_ms == 5);
    for (unsigned kind = 0; kind < 300; kind++)
        cr_assert_eq(rec_type_of(kind) != NULL, kind >= REC_OBJECT && kind <= REC_LIFECYCLE_CURSOR);
    arena_free(a);
}
