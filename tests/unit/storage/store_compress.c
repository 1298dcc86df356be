/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed objects, encrypted or not: the same bytes, digests and ranges as of any other, and less of the disk. */
#include <stdlib.h>
#include <string.h>

#include "storage/coded.h"
#include "storage/frames.h"
#include "tests/double/blob_double.h"
#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

enum content { WORDS, NOISE, WORDS_THEN_NOISE, NOISE_THEN_WORDS, CONTENTS };

static char *make(struct arena *a, enum content what, size_t n)
{
    char *p = arena_alloc(a, n ? n : 1);
    size_t half = n / 2;
    memcpy(p, world_bytes(a, what == WORDS || what == WORDS_THEN_NOISE ? 3 : 4, half), half);
    memcpy(p + half, world_bytes(a, what == WORDS || what == NOISE_THEN_WORDS ? 7 : 8, n - half), n - half);
    return p;
}

static int put(struct world *w, const char *key, const char *p, size_t n, bool sealed, size_t piece)
{
    struct store_write *wr = NULL;
    struct store_put put = {
        .bucket = &w->bucket, .key = bytes_str(key), .compress = true, .expected_size = piece % 2 ? n : UINT64_MAX};
    if (sealed)
        put.seal = world_seal(w, 1);
    int rc = store_write_open(w->store, &put, &wr);
    for (size_t at = 0; rc == STORE_OK && at < n; at += piece)
        rc = store_write_append(wr, p + at, n - at < piece ? n - at : piece);
    if (rc == STORE_OK)
        rc = store_write_commit_wait(wr);
    store_write_close(&wr);
    return rc;
}

static struct store_object *object_of(struct world *w, const char *key)
{
    struct store_object *o = NULL;
    cr_assert_eq(store_object_get(w->store, &w->bucket, bytes_str(key), NULL, w->arena, &o), STORE_OK);
    return o;
}

static void check(struct world *w, const char *key, const char *want, size_t n)
{
    static const size_t most[] = {1000, 65536, 131071, 131072, 131073, 262144, 700000};
    struct store_object *o = object_of(w, key);
    struct bytes got;
    unsigned char md5[16];
    struct checksum_value sum;
    md5_of(want, n, md5);
    checksum_of(o->checksum.alg, want, n, &sum);
    cr_assert(o->size == n && (o->etag.parts || memcmp(md5, o->etag.md5, 16) == 0) &&
              checksum_equal(&sum, &o->checksum));
    for (unsigned i = 0; i < 30; i++) {
        uint64_t from = i ? (uint64_t)rand() % n : 0, len = i ? (uint64_t)rand() % (n - from + 1) : n;
        if (i % 3 == 2)
            len %= 1000;
        struct store_read *r;
        struct store_span span = {.n = 1};
        size_t max = most[i % ARRAY_LEN(most)], at = 0;
        char *scratch = xmalloc(max);
        cr_assert_eq(store_read_open(w->store, o, from, len, world_key(o->envelope), &r), STORE_OK);
        for (; span.n; at += span.n) {
            cr_assert_eq(store_read_next(r, max, i % 2, scratch, &span), STORE_OK);
            cr_assert(span.n <= len - at && (!span.n || memcmp(span.bytes.p, want + from + at, span.n) == 0));
        }
        cr_assert_eq(at, len);
        store_read_close(&r);
        free(scratch);
    }
    cr_assert_eq(world_read(w, o, 0, n, &got), STORE_OK);
    cr_assert(bytes_eq(got, bytes_of(want, n)));
}

Test(store_compress, every_size_and_content)
{
    static const size_t sizes[] = {16385,  65520,  131071, 131072, 131073, 196608,
                                   262143, 262144, 262145, 393216, 700000, 3000000};
    struct world w = world_open();
    srand(3);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (enum content what = WORDS; what < CONTENTS; what++)
            for (int sealed = 0; sealed < 2; sealed++) {
                static const size_t pieces[] = {50001, 131072, 300000, 1 << 20, 13};
                char *want = make(w.arena, what, sizes[i]);
                size_t piece = sizes[i] < 20000 ? 13 : pieces[(i + what) % 4], n;
                cr_assert_eq(put(&w, "k", want, sizes[i], sealed, piece), STORE_OK);
                world_collect(&w);
                check(&w, "k", want, sizes[i]);
                struct store_object *o = object_of(&w, "k");
                world_blob(&w, 0, &n);
                bool shrinks = what == WORDS || (what == WORDS_THEN_NOISE && sizes[i] > 262144);
                if (shrinks)
                    cr_assert_lt(n, sizes[i] * 15 / 16);
                if (what == NOISE || (what == NOISE_THEN_WORDS && sizes[i] > 262144))
                    cr_assert_eq(n, sealed ? seal_stream_bytes(sizes[i]) : sizes[i]);
                cr_assert(!shrinks || o->extents[0].codec == CODEC_ZSTD);
                arena_reset(w.arena);
            }
    world_close(&w);
}

Test(store_compress, small_objects_stay_in_their_records)
{
    struct world w = world_open();
    char *want = make(w.arena, WORDS, STORE_INLINE_MAX);
    cr_assert_eq(put(&w, "k", want, STORE_INLINE_MAX, false, 1000), STORE_OK);
    cr_assert_eq(world_blobs_count(&w), 0);
    check(&w, "k", want, STORE_INLINE_MAX);
    world_close(&w);
}

Test(store_compress, copies_and_ranges_of_copies)
{
    for (int sealed = 0; sealed < 2; sealed++) {
        enum { SIZE = 600000 };
        struct world w = world_open();
        struct store_object *made;
        char *want = make(w.arena, WORDS_THEN_NOISE, SIZE), *all = arena_alloc(w.arena, 2 * SIZE);
        w.sealing = sealed ? WORLD_SEALED : WORLD_PLAIN;
        cr_assert_eq(put(&w, "k", want, SIZE, sealed, 100000), STORE_OK);
        cr_assert_eq(world_copy(&w, &w.bucket, "k", &w.bucket, "copy"), STORE_OK);
        cr_assert_eq(world_blobs_count(&w), 1);
        check(&w, "copy", want, SIZE);
        struct store_upload u = world_upload(&w, &w.bucket, "parts");
        struct store_etag etags[2];
        unsigned numbers[2] = {1, 2};
        size_t n = 0;
        for (unsigned i = 0; i < 2; i++) {
            struct store_object *source = object_of(&w, "copy");
            struct store_copy copy = {.source = source,
                                      .source_bucket = &w.bucket,
                                      .source_key = world_key(source->envelope),
                                      .offset = 70000 + 200000 * i,
                                      .length = 250001,
                                      .to = {.bucket = &w.bucket,
                                             .key = BYTES_LIT("parts"),
                                             .upload_id = u.id,
                                             .part_number = i + 1,
                                             .seal.key = world_key(u.envelope)}};
            cr_assert_eq(store_copy(w.store, &copy, w.arena, &made), STORE_OK);
            etags[i] = made->etag;
            memcpy(all + n, want + copy.offset, copy.length);
            n += copy.length;
        }
        cr_assert_eq(world_complete(&w, &w.bucket, "parts", u.id, 2, numbers, etags, NULL), STORE_OK);
        cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
        cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("copy"), NULL, NULL), STORE_OK);
        world_collect(&w);
        cr_assert_eq(world_blobs_count(&w), 1);
        world_restart(&w);
        check(&w, "parts", all, n);
        world_check(&w, true);
        world_close(&w);
    }
}

/* Sealed: every byte counts. Not sealed, blobs have block checksums, which the world's do not: no byte too many. */
Test(store_compress, damage)
{
    enum { SIZE = 140000 };
    for (int sealed = 0; sealed < 2; sealed++) {
        struct world w = world_open();
        char *want = make(w.arena, WORDS, SIZE);
        size_t n;
        cr_assert_eq(put(&w, "k", want, SIZE, sealed, 100000), STORE_OK);
        char *blob = world_blob(&w, 0, &n);
        for (size_t i = 0; i < n; i += i < 300 || i + 300 > n ? 1 : 97) {
            struct bytes got;
            blob[i] ^= (char)(1 << i % 8);
            int rc = world_read(&w, object_of(&w, "k"), 0, SIZE, &got);
            cr_assert(rc == STORE_CORRUPT || (rc == STORE_OK && !sealed && got.n == SIZE), "byte %zu", i);
            blob[i] ^= (char)(1 << i % 8);
            if (i % 16 == 0)
                arena_reset(w.arena);
        }
        for (size_t cut = 0; cut < n; cut += 4999) {
            struct bytes got;
            char *saved = xmalloc(n);
            memcpy(saved, world_blob(&w, 0, &n), n);
            world_blob_resize(&w, 0, cut);
            cr_assert_eq(world_read(&w, object_of(&w, "k"), 0, SIZE, &got), STORE_CORRUPT, "cut to %zu", cut);
            size_t all = n;
            world_blob_resize(&w, 0, all);
            memcpy(world_blob(&w, 0, &n), saved, all);
            free(saved);
        }
        world_close(&w);
    }
}

/* On a loop: nothing waits, not even for the table. */
Test(store_compress, cold_blobs_would_block)
{
    struct world w = {.arena = arena_create(0)};
    struct blob_store *blobs = blob_double_new();
    struct store_options o = {.index = index_double_open(1), .blobs = blobs, .no_background = true};
    cr_assert_eq(store_open(&o, &w.store), STORE_OK);
    w.bucket = world_bucket(&w, "bucket");
    char *want = make(w.arena, WORDS, 300000), *scratch = arena_alloc(w.arena, 1 << 18);
    for (int sealed = 0; sealed < 2; sealed++) {
        struct store_read *r;
        struct store_span span;
        cr_assert_eq(put(&w, "k", want, 300000, sealed, 100000), STORE_OK);
        struct store_object *object = object_of(&w, "k");
        cr_assert_eq(store_read_open(w.store, object, 5, 299990, world_key(object->envelope), &r), STORE_OK);
        for (size_t at = 0; at < 299990; at += span.n) {
            blob_double_cold(blobs, true);
            int rc = store_read_next(r, 1 << 18, true, scratch, &span);
            cr_assert(rc == STORE_WOULD_BLOCK || (rc == STORE_OK && at > 0), "what was read may have been enough");
            blob_double_cold(blobs, false);
            if (rc == STORE_WOULD_BLOCK)
                cr_assert_eq(store_read_next(r, 1 << 18, false, scratch, &span), STORE_OK);
            cr_assert(span.n && memcmp(span.bytes.p, want + 5 + at, span.n) == 0);
        }
        store_read_close(&r);
        cr_assert_eq(blob_double_users(blobs), 0);
    }
    store_close(&w.store);
    arena_free(w.arena);
}
