/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted objects: that they read back as they were written, whatever way they went, and that nothing which somebody
 * did to the disk meanwhile gives a byte. Blobs of the world have no checksums, so here only the cipher can notice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>

#include "base/rand.h"
#include "blob_file.h"
#include "storage/coded.h"
#include "tests/unit/storage/store_world.h"

static struct world sealed_world(void)
{
    struct world w = world_open();
    w.sealing = WORLD_SEALED;
    return w;
}

static struct store_object *object_of(struct world *w, const char *key)
{
    struct store_object *o = NULL;
    cr_assert_eq(store_object_get(w->store, &w->bucket, bytes_str(key), NULL, w->arena, &o), STORE_OK, "%s", key);
    return o;
}

/* Reads with pieces of `max`; STORE_*. What came is compared with the object of `seed`. */
static int read_range(struct world *w, const struct store_object *o, const char *want, uint64_t from, uint64_t n,
                      size_t max)
{
    struct store_read *r = NULL;
    struct store_span span = {.n = 1};
    char *scratch = xmalloc(max);
    uint64_t at = 0;
    int rc = store_read_open(w->store, o, from, n, world_key(o->envelope), &r);
    while (rc == STORE_OK && span.n) {
        memset(scratch, 0, max);
        rc = store_read_next(r, max, at % 2, scratch, &span);
        for (size_t i = 0; rc != STORE_OK && i < max; i++)
            cr_assert_eq(scratch[i], 0, "bytes with an error");
        if (rc == STORE_OK) {
            cr_assert(span.n <= n - at && (!span.n || memcmp(span.bytes.p, want + from + at, span.n) == 0));
            at += span.n;
        }
    }
    cr_assert(rc != STORE_OK || at == n);
    store_read_close(&r);
    free(scratch);
    return rc;
}

static const size_t sizes[] = {0,      1,      15,     16,     16383,  16384,   16385,   65503,  65504,  65519,
                               65520,  65521,  65536,  65537,  131039, 131040,  131041,  131072, 196560, 262080,
                               262081, 262144, 400000, 524160, 655200, 1 << 20, 5 << 20, 5242881};

Test(store_seal, every_size_in_every_way)
{
    struct world w = sealed_world();
    srand(5);
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i];
        cr_assert_eq(world_put(&w, &w.bucket, "k", i, n, NULL), STORE_OK);
        cr_assert(world_holds(&w, &w.bucket, "k", i, n), "%zu", n);
        struct store_object *o = object_of(&w, "k");
        const char *want = world_bytes(w.arena, i, n);
        cr_assert(o->envelope.n && !o->opaque_etag);
        cr_assert_eq(o->n_extents, n > STORE_INLINE_MAX);
        static const size_t most[] = {1000, 65519, 65520, 65521, 65536, 262080, 262144, 300000};
        for (size_t k = 0; k < ARRAY_LEN(most); k++)
            cr_assert_eq(read_range(&w, o, want, 0, n, most[k]), STORE_OK);
        for (int k = 0; k < 60; k++) {
            uint64_t from = (uint64_t)rand() % (n + 1), len = (uint64_t)rand() % (n - from + 1);
            if (k % 3 == 0)
                len = len % 100;
            cr_assert_eq(read_range(&w, o, want, from, len, most[k % ARRAY_LEN(most)]), STORE_OK);
        }
        cr_assert_eq(read_range(&w, o, want, n, 0, 10), STORE_OK);
        arena_reset(w.arena);
    }
    world_close(&w);
}

static bool contains(const char *p, size_t n, const char *what, size_t what_n)
{
    return n >= what_n && memmem(p, n, what, what_n) != NULL;
}

Test(store_seal, the_disk_has_no_clear_text)
{
    struct world w = sealed_world();
    cr_assert_eq(world_put(&w, &w.bucket, "small", 1, 10000, NULL), STORE_OK);
    cr_assert_eq(world_put(&w, &w.bucket, "big", 2, 200000, NULL), STORE_OK);
    struct store_object *small = object_of(&w, "small");
    cr_assert_eq(small->inline_data.n, 10000 + SEAL_BOX_BYTES);
    const char *clear = world_bytes(w.arena, 1, 10000), *big = world_bytes(w.arena, 2, 200000);
    for (size_t i = 0; i + 8 <= 10000; i++)
        cr_assert_not(contains(small->inline_data.p, small->inline_data.n, clear + i, 8));
    size_t n;
    const char *blob = world_blob(&w, 0, &n);
    cr_assert_eq(n, seal_stream_bytes(200000));
    for (size_t i = 0; i + 16 <= 200000; i += 1111)
        cr_assert_not(contains(blob, n, big + i, 16));
    world_close(&w);
}

Test(store_seal, no_key_no_bytes)
{
    static const size_t both[] = {100, 100000};
    struct world w = sealed_world();
    struct store_read *r = NULL;
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(world_put(&w, &w.bucket, "k", 1, both[i], NULL), STORE_OK);
        struct store_object *o = object_of(&w, "k");
        cr_assert_eq(store_read_open(w.store, o, 0, 10, NULL, &r), STORE_WRONG_KEY);
        struct store_object other = *o;
        other.envelope = world_seal(&w, 99).envelope; /* its key, as another object's */
        cr_assert_eq(read_range(&w, &other, NULL, 0, both[i], 65536), STORE_CORRUPT);
        w.sealing = WORLD_PLAIN;
        cr_assert_eq(world_put(&w, &w.bucket, "plain", 1, both[i], NULL), STORE_OK);
        w.sealing = WORLD_SEALED;
        cr_assert_eq(store_read_open(w.store, object_of(&w, "plain"), 0, 10, world_seal(&w, 1).key, &r),
                     STORE_WRONG_KEY);
    }
    struct store_write *wr = NULL;
    struct store_put put = {.bucket = &w.bucket, .key = BYTES_LIT("k"), .seal = {.envelope = BYTES_LIT("e")}};
    cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_WRONG_KEY);
    put.seal = (struct store_seal){.key = world_seal(&w, 1).key};
    cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_WRONG_KEY);
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    put = (struct store_put){.bucket = &w.bucket, .key = BYTES_LIT("k"), .upload_id = u.id, .part_number = 1};
    cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_WRONG_KEY);
    cr_assert_eq(wr, NULL);
    world_close(&w);
}

/* ---- ETags ---- */

static int put_opaque(struct world *w, const char *key, size_t n, const unsigned char *md5, struct store_etag *ret)
{
    struct store_write *wr;
    struct store_put put = {
        .bucket = &w->bucket, .key = bytes_str(key), .seal = world_seal(w, 4), .expected_size = UINT64_MAX};
    put.seal.opaque_etag = true;
    cr_assert_eq(store_write_open(w->store, &put, &wr), STORE_OK);
    if (md5)
        store_write_expect_md5(wr, md5);
    cr_assert_eq(store_write_append(wr, world_bytes(w->arena, 4, n), n), STORE_OK);
    int rc = store_write_commit_wait(wr);
    store_write_etag(wr, ret);
    store_write_close(&wr);
    return rc;
}

Test(store_seal, opaque_etags)
{
    static const size_t both[] = {100, 100000};
    struct world w = sealed_world();
    for (size_t i = 0; i < 2; i++) {
        unsigned char md5[16], wrong[16] = {1};
        struct store_etag etag, again;
        md5_of(world_bytes(w.arena, 4, both[i]), both[i], md5);
        cr_assert_eq(put_opaque(&w, "k", both[i], NULL, &etag), STORE_OK);
        cr_assert_neq(memcmp(etag.md5, md5, 16), 0);
        cr_assert_eq(memcmp(etag.md5, object_of(&w, "k")->etag.md5, 16), 0);
        cr_assert(object_of(&w, "k")->opaque_etag);
        cr_assert_eq(put_opaque(&w, "k", both[i], md5, &again), STORE_OK);
        cr_assert_neq(memcmp(again.md5, md5, 16), 0);
        cr_assert_neq(memcmp(again.md5, etag.md5, 16), 0);
        cr_assert(world_holds(&w, &w.bucket, "k", 4, both[i]));
        cr_assert_eq(put_opaque(&w, "k", both[i], wrong, &again), STORE_MD5_MISMATCH);
        cr_assert_eq(memcmp(again.md5, md5, 16), 0, "what was computed is told");
    }
    world_close(&w);
}

/* ---- uploads ---- */

enum { PARTS = 5 };
static const size_t part_sizes[PARTS] = {20000, 65520, 131041, 70000, 3000};

/* An object of five parts, the last of which is small; the bytes are those that `want` gets. */
static char *big_upload(struct world *w, const char *key, size_t *ret_n)
{
    struct store_upload u = world_upload(w, &w->bucket, key);
    struct store_etag etags[PARTS];
    unsigned numbers[PARTS];
    struct buf all;
    buf_init(&all, 1 << 24);
    for (unsigned i = 0; i < PARTS; i++) {
        numbers[i] = 3 * i + 1;
        cr_assert_eq(world_put_part(w, &w->bucket, key, u.id, numbers[i], 50 + i, part_sizes[i], &etags[i]), STORE_OK);
        buf_put(&all, world_bytes(w->arena, 50 + i, part_sizes[i]), part_sizes[i]);
    }
    cr_assert_eq(world_complete(w, &w->bucket, key, u.id, PARTS, numbers, etags, NULL), STORE_OK);
    char *want = arena_alloc(w->arena, all.n);
    memcpy(want, all.p, all.n);
    *ret_n = all.n;
    buf_fini(&all);
    return want;
}

static void check_ranges(struct world *w, const char *key, const char *want, size_t n)
{
    struct store_object *o = object_of(w, key);
    cr_assert_eq(o->size, n);
    cr_assert_eq(read_range(w, o, want, 0, n, 262144), STORE_OK);
    cr_assert_eq(read_range(w, o, want, 0, n, 7777), STORE_OK);
    for (int i = 0; i < 100; i++) {
        uint64_t from = (uint64_t)rand() % n, len = (uint64_t)rand() % (n - from);
        cr_assert_eq(read_range(w, o, want, from, len, 65536), STORE_OK);
    }
}

Test(store_seal, uploads_are_completed_without_a_key)
{
    struct world w = sealed_world();
    size_t n;
    char *want = big_upload(&w, "k", &n);
    struct store_object *o = object_of(&w, "k");
    cr_assert_eq(o->n_extents, PARTS);
    cr_assert_eq(o->extents[4].data.n, 3000 + SEAL_BOX_BYTES);
    check_ranges(&w, "k", want, n);
    world_restart(&w);
    check_ranges(&w, "k", want, n);
    world_check(&w, false);
    world_close(&w);
}

Test(store_seal, small_and_empty_uploads)
{
    static const size_t few[] = {0, 1, 1024, STORE_INLINE_MAX};
    struct world w = sealed_world();
    for (size_t i = 0; i < ARRAY_LEN(few); i++) {
        struct store_upload u = world_upload(&w, &w.bucket, "k");
        struct store_etag etags[2];
        unsigned numbers[2] = {2, 7};
        cr_assert_eq(world_put_part(&w, &w.bucket, "k", u.id, 2, 1, 1024, &etags[0]), STORE_OK);
        cr_assert_eq(world_put_part(&w, &w.bucket, "k", u.id, 7, 2, few[i], &etags[1]), STORE_OK);
        cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, 2, numbers, etags, NULL), STORE_OK);
        char *want = arena_alloc(w.arena, 1024 + few[i]);
        memcpy(want, world_bytes(w.arena, 1, 1024), 1024);
        if (few[i])
            memcpy(want + 1024, world_bytes(w.arena, 2, few[i]), few[i]);
        check_ranges(&w, "k", want, 1024 + few[i]);
    }
    cr_assert_eq(world_blobs_count(&w), 0);
    world_close(&w);
}

/* So many inline pieces that they are put into one blob: boxes, which are read from there. */
Test(store_seal, gathered_pieces)
{
    enum { MANY = 30, EACH = 5000 };
    struct world w = sealed_world();
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    struct store_etag etags[MANY];
    unsigned numbers[MANY];
    char *want = arena_alloc(w.arena, MANY * EACH);
    for (unsigned i = 0; i < MANY; i++) {
        numbers[i] = i + 1;
        cr_assert_eq(world_put_part(&w, &w.bucket, "k", u.id, i + 1, i, EACH, &etags[i]), STORE_OK);
        memcpy(want + i * EACH, world_bytes(w.arena, i, EACH), EACH);
    }
    cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, MANY, numbers, etags, NULL), STORE_OK);
    cr_assert_eq(world_blobs_count(&w), 1);
    cr_assert_eq(object_of(&w, "k")->extents[3].codec, CODEC_BOX);
    check_ranges(&w, "k", want, MANY * EACH);
    cr_assert_eq(world_copy(&w, &w.bucket, "k", &w.bucket, "copy"), STORE_OK); /* too many to be pieces again */
    check_ranges(&w, "copy", want, MANY * EACH);
    /* A few of them are, in a part. */
    struct store_upload v = world_upload(&w, &w.bucket, "part");
    struct store_object *source = object_of(&w, "k"), *made;
    struct store_copy copy = {.source = source,
                              .source_bucket = &w.bucket,
                              .source_key = world_key(source->envelope),
                              .to = {.bucket = &w.bucket,
                                     .key = BYTES_LIT("part"),
                                     .upload_id = v.id,
                                     .part_number = 9,
                                     .seal.key = world_key(v.envelope)},
                              .offset = 7000,
                              .length = 30000};
    cr_assert_eq(store_copy(w.store, &copy, w.arena, &made), STORE_OK);
    unsigned nine = 9;
    cr_assert_eq(world_complete(&w, &w.bucket, "part", v.id, 1, &nine, &made->etag, NULL), STORE_OK);
    cr_assert_eq(object_of(&w, "part")->n_extents, 7);
    check_ranges(&w, "part", want + 7000, 30000);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    world_collect(&w);
    check_ranges(&w, "part", want + 7000, 30000);
    size_t n;
    char *blob = world_blob(&w, 0, &n);
    cr_assert(blob);
    world_check(&w, true);
    world_close(&w);
}

/* ---- copies ---- */

static int copy_with(struct world *w, const char *from, const char *to, const struct store_seal *seal,
                     struct store_object **ret)
{
    struct store_object *source = object_of(w, from);
    struct store_copy copy = {.source = source,
                              .source_bucket = &w->bucket,
                              .source_key = world_key(source->envelope),
                              .to = {.bucket = &w->bucket, .key = bytes_str(to), .seal = *seal}};
    return store_copy(w->store, &copy, w->arena, ret);
}

/* Plain, encrypted, encrypted with an opaque ETag. */
static struct store_seal seal_of(struct world *w, int kind, unsigned n)
{
    struct store_seal s = kind ? world_seal(w, n) : (struct store_seal){0};
    s.opaque_etag = kind == 2;
    return s;
}

Test(store_seal, copies_from_all_to_all)
{
    static const size_t both[] = {0, 5000, 200000};
    for (int from = 0; from < 3; from++)
        for (int to = 0; to < 3; to++)
            for (size_t i = 0; i < ARRAY_LEN(both); i++) {
                struct world w = world_open();
                struct store_object *made;
                struct store_seal first = seal_of(&w, from, 1), second = seal_of(&w, to, 2);
                cr_assert_eq(world_put(&w, &w.bucket, "plain", 6, both[i], NULL), STORE_OK);
                cr_assert_eq(copy_with(&w, "plain", "from", &first, &made), STORE_OK);
                size_t blobs = world_blobs_count(&w);
                cr_assert_eq(copy_with(&w, "from", "to", &second, &made), STORE_OK);
                bool moves = (from > 0) != (to > 0);
                cr_assert_eq(world_blobs_count(&w), blobs + (moves && both[i] > STORE_INLINE_MAX));
                unsigned char md5[16];
                md5_of(world_bytes(w.arena, 6, both[i]), both[i], md5);
                cr_assert_eq(memcmp(made->etag.md5, md5, 16) == 0, to != 2, "from %d to %d", from, to);
                cr_assert(bytes_eq(made->envelope, second.envelope) && made->opaque_etag == (to == 2));
                cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("from"), NULL, NULL), STORE_OK);
                cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("plain"), NULL, NULL), STORE_OK);
                world_collect(&w);
                world_restart(&w);
                cr_assert(world_holds(&w, &w.bucket, "to", 6, both[i]), "from %d to %d, %zu", from, to, both[i]);
                world_check(&w, true);
                world_close(&w);
            }
}

Test(store_seal, copies_want_both_keys)
{
    struct world w = sealed_world();
    struct store_object *made;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 6, 100000, NULL), STORE_OK);
    struct store_object *source = object_of(&w, "k");
    struct store_copy copy = {.source = source,
                              .source_bucket = &w.bucket,
                              .to = {.bucket = &w.bucket, .key = BYTES_LIT("to"), .seal = world_seal(&w, 1)}};
    cr_assert_eq(store_copy(w.store, &copy, w.arena, &made), STORE_WRONG_KEY);
    copy.source_key = world_key(source->envelope);
    copy.to.seal.key = NULL;
    cr_assert_eq(store_copy(w.store, &copy, w.arena, &made), STORE_WRONG_KEY);
    copy.to.seal = world_seal(&w, 1);
    copy.source_key = world_seal(&w, 77).key;
    cr_assert_eq(store_copy(w.store, &copy, w.arena, &made), STORE_CORRUPT);
    copy.source_key = world_key(source->envelope);
    cr_assert_eq(store_copy(w.store, &copy, w.arena, &made), STORE_OK);
    cr_assert(world_holds(&w, &w.bucket, "to", 6, 100000));
    world_close(&w);
}

Test(store_seal, copies_of_many_parts)
{
    struct world w = sealed_world();
    struct store_object *made;
    size_t n;
    char *want = big_upload(&w, "k", &n);
    size_t blobs = world_blobs_count(&w);
    struct store_seal other = world_seal(&w, 8);
    cr_assert_eq(copy_with(&w, "k", "copy", &other, &made), STORE_OK);
    cr_assert_eq(copy_with(&w, "copy", "again", &other, &made), STORE_OK);
    cr_assert_eq(world_blobs_count(&w), blobs);
    check_ranges(&w, "again", want, n);
    /* As parts, ranges of it that begin and end anywhere. */
    for (int i = 0; i < 40; i++) {
        struct store_upload u = world_upload(&w, &w.bucket, "part");
        struct store_etag etags[3];
        unsigned numbers[3] = {1, 2, 30};
        struct buf all;
        buf_init(&all, 1 << 24);
        for (int p = 0; p < 3; p++) {
            uint64_t from = (uint64_t)rand() % (n - 2000), len = 1024 + (uint64_t)rand() % (n - from - 1024);
            struct store_copy copy = {.source = object_of(&w, "again"),
                                      .source_bucket = &w.bucket,
                                      .source_key = other.key,
                                      .offset = from,
                                      .length = len};
            copy.to = (struct store_put){.bucket = &w.bucket,
                                         .key = BYTES_LIT("part"),
                                         .upload_id = u.id,
                                         .part_number = numbers[p],
                                         .seal.key = world_key(u.envelope)};
            copy.source_key = world_key(copy.source->envelope);
            cr_assert_eq(store_copy(w.store, &copy, w.arena, &made), STORE_OK);
            etags[p] = made->etag;
            buf_put(&all, want + from, len);
        }
        cr_assert_eq(world_complete(&w, &w.bucket, "part", u.id, 3, numbers, etags, NULL), STORE_OK);
        check_ranges(&w, "part", all.p, all.n);
        buf_fini(&all);
    }
    world_collect(&w);
    world_check(&w, true);
    world_close(&w);
}

/* ---- somebody changes the disk ---- */

static bool reads(struct world *w, const char *key, const char *want)
{
    struct store_object *o;
    int rc = store_object_get(w->store, &w->bucket, bytes_str(key), NULL, w->arena, &o);
    if (rc == STORE_OK)
        rc = read_range(w, o, want, 0, o->size, 262144);
    cr_assert(rc == STORE_OK || rc == STORE_CORRUPT, "%s", store_rc_name(rc));
    return rc == STORE_OK;
}

Test(store_seal, every_byte_of_a_blob_is_checked)
{
    enum { SIZE = STORE_INLINE_MAX + 1 };
    struct world w = sealed_world();
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, SIZE, NULL), STORE_OK);
    char *want = world_bytes(w.arena, 1, SIZE);
    size_t n;
    char *blob = world_blob(&w, 0, &n);
    struct store_object *o = object_of(&w, "k");
    for (size_t i = 0; i < n; i++) {
        blob[i] ^= (char)(1 << i % 8);
        cr_assert_eq(read_range(&w, o, want, 0, SIZE, SIZE), STORE_CORRUPT, "byte %zu", i);
        if (i % 64 == 0)
            cr_assert_eq(read_range(&w, o, want, SIZE - 2, 1, SIZE), STORE_CORRUPT, "byte %zu", i);
        blob[i] ^= (char)(1 << i % 8);
    }
    cr_assert(reads(&w, "k", want));
    world_close(&w);
}

Test(store_seal, chunks_and_blobs_stay_where_they_are)
{
    enum { SIZE = 5 * SEAL_CHUNK + 100 };
    struct world w = sealed_world();
    size_t n;
    cr_assert_eq(world_put(&w, &w.bucket, "a", 1, SIZE, NULL), STORE_OK);
    cr_assert_eq(world_put(&w, &w.bucket, "b", 1, SIZE, NULL), STORE_OK);
    char *want = world_bytes(w.arena, 1, SIZE), *a = world_blob(&w, 0, &n), *b = world_blob(&w, 1, &n);
    char *saved = arena_alloc(w.arena, n), *other = arena_alloc(w.arena, n);
    memcpy(saved, a, n);
    memcpy(other, b, n);
    struct store_object *o = object_of(&w, "a");
    for (size_t i = 0; i < 5; i++) /* a chunk in the place of another */
        for (size_t k = 0; k < 5; k++) {
            memcpy(a + k * BLOB_BLOCK, saved + i * BLOB_BLOCK, BLOB_BLOCK);
            cr_assert_eq(reads(&w, "a", want), i == k);
            for (size_t c = 0; c < 5; c++)
                cr_assert_eq(read_range(&w, o, want, c * SEAL_CHUNK + 5, 50, 100) == STORE_OK, i == k || c != k);
            memcpy(a + k * BLOB_BLOCK, saved + k * BLOB_BLOCK, BLOB_BLOCK);
        }
    memcpy(a, other, BLOB_BLOCK); /* the same chunk of the same bytes, of another object */
    cr_assert_not(reads(&w, "a", want));
    memcpy(a, other, n); /* all of it */
    memcpy(b, saved, n);
    cr_assert_not(reads(&w, "a", want));
    cr_assert_not(reads(&w, "b", want));
    memcpy(a, saved, n);
    memcpy(b, other, n);
    cr_assert(reads(&w, "a", want) && reads(&w, "b", want));
    static const size_t cuts[] = {0, 1, 16, 17, BLOB_BLOCK, 2 * BLOB_BLOCK, 5 * BLOB_BLOCK};
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        world_blob_resize(&w, 0, cuts[i]);
        cr_assert_not(reads(&w, "a", want), "cut to %zu", cuts[i]);
        world_blob_resize(&w, 0, n);
        memcpy(world_blob(&w, 0, &n), saved, n);
    }
    world_blob_resize(&w, 0, n + 1);
    cr_assert_not(reads(&w, "a", want), "lengthened");
    world_blob_resize(&w, 0, n + BLOB_BLOCK);
    cr_assert_not(reads(&w, "a", want), "lengthened by a block");
    world_close(&w);
}

/* A part of the object that was read before its last chunk was cut off must not look like the end. */
Test(store_seal, a_shorter_object_does_not_open)
{
    struct world w = sealed_world();
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 3 * SEAL_CHUNK, NULL), STORE_OK);
    char *want = world_bytes(w.arena, 1, 3 * SEAL_CHUNK);
    struct store_object *o = object_of(&w, "k");
    struct store_extent *e = (struct store_extent *)o->extents;
    world_blob_resize(&w, 0, 2 * BLOB_BLOCK);
    o->size = e->length = 2 * SEAL_CHUNK; /* as if the record said so too */
    cr_assert_eq(read_range(&w, o, want, 0, o->size, 262144), STORE_CORRUPT);
    world_close(&w);
}

Test(store_seal, the_last_chunk_is_the_last)
{
    unsigned char key[SEAL_KEY_BYTES] = {7};
    struct world w = world_open();
    struct blob_writer *to = NULL;
    struct blob_id id;
    struct coded_read *r;
    char *clear = world_bytes(w.arena, 1, 3 * SEAL_CHUNK), *out = arena_alloc(w.arena, 3 * SEAL_CHUNK);
    cr_assert_eq(blob_create(w.store->blobs, 0, BYTES_NONE, 0, &to), BLOB_OK);
    struct coded_write *cw = coded_write_new(w.store->blobs, key, false);
    cr_assert_eq(coded_append(cw, to, clear, 3 * SEAL_CHUNK), BLOB_OK);
    cr_assert_eq(coded_end(cw, to), BLOB_OK);
    coded_write_free(&cw);
    cr_assert_eq(w.store->blobs->ops->finish(&to, BYTES_NONE, &id), BLOB_OK);
    for (size_t chunks = 3; chunks > 0; chunks--) { /* the data key is right, and each chunk in its place */
        world_blob_resize(&w, 0, chunks * BLOB_BLOCK);
        cr_assert_eq(coded_open(w.store->blobs, &id, key, CODEC_RAW, false, &r), BLOB_OK);
        int rc = coded_read(r, (chunks - 1) * SEAL_CHUNK, out, SEAL_CHUNK, false);
        cr_assert_eq(rc, chunks == 3 ? BLOB_OK : BLOB_CORRUPT);
        coded_close(&r);
    }
    world_close(&w);
}

/* Changes the object's record as `how` says. */
static void edit(struct world *w, const char *key, void (*how)(struct rec_object *, int), int arg)
{
    struct rec_object r;
    struct bytes index_key = key_object(w->arena, bytes_str(key)), value;
    struct txn t;
    cr_assert_eq(store__load_object(w->store, w->bucket.partition, index_key, &rec_object, w->arena, &r, &value),
                 STORE_OK);
    how(&r, arg);
    txn_init(&t, w->arena, w->bucket.partition, w->bucket.generation);
    store__put_again(&t, index_key, &r);
    cr_assert_eq(txn_apply(w->store, &t), INDEX_OK);
}

static struct rec_object taken; /* out of one record, to be put into another */

static void take(struct rec_object *r, int arg)
{
    (void)arg;
    taken = *r;
}

static void swap(struct rec_object *r, int arg)
{
    struct store_extent *e = (struct store_extent *)r->o.extents, *a = &e[arg / 10], *b = &e[arg % 10], was = *a;
    *a = *b;
    *b = was;
}

static void swap_blobs(struct rec_object *r, int arg)
{
    struct store_extent *e = (struct store_extent *)r->o.extents, *a = &e[arg / 10], *b = &e[arg % 10];
    struct blob_id was = a->blob;
    a->blob = b->blob;
    b->blob = was;
}

static void swap_keys(struct rec_object *r, int arg)
{
    struct store_extent *e = (struct store_extent *)r->o.extents, *a = &e[arg / 10], *b = &e[arg % 10];
    struct bytes was = a->sealed;
    a->sealed = b->sealed;
    b->sealed = was;
}

static void swap_numbers(struct rec_object *r, int arg)
{
    struct store_extent *e = (struct store_extent *)r->o.extents, *a = &e[arg / 10], *b = &e[arg % 10];
    uint64_t was = a->seal;
    a->seal = b->seal;
    b->seal = was;
}

/* As if they had been sealed so: what changed places has the numbers of its new place. */
static void swap_all_but_numbers(struct rec_object *r, int arg)
{
    swap(r, arg);
    swap_numbers(r, arg);
}

static void end_early(struct rec_object *r, int arg)
{
    struct store_extent *e = (struct store_extent *)r->o.extents;
    e[arg].length--;
    r->o.size--;
}

static void slide(struct rec_object *r, int arg)
{
    struct store_extent *e = (struct store_extent *)r->o.extents;
    e[0].offset = (uint64_t)((int64_t)e[0].offset + arg);
}

static void repeat(struct rec_object *r, int arg)
{
    struct store_extent *e = (struct store_extent *)r->o.extents;
    e[arg / 10] = e[arg % 10];
}

static void shift(struct rec_object *r, int arg)
{
    struct store_extent *e = (struct store_extent *)r->o.extents;
    e[arg].offset++;
    e[arg].length--;
    r->o.size--;
}

static void foreign(struct rec_object *r, int arg)
{
    struct store_extent *e = (struct store_extent *)r->o.extents;
    struct blob_id blob = e[arg].blob;
    struct bytes data = e[arg].data;
    e[arg] = taken.o.extents[arg];
    if (data.n == 0)
        e[arg].blob = blob;
}

static void foreign_all(struct rec_object *r, int arg)
{
    (void)arg;
    r->o.extents = taken.o.extents;
    r->o.n_extents = taken.o.n_extents;
    r->o.inline_data = taken.o.inline_data;
}

static void drop_part_piece(struct rec_object *r, int arg)
{
    struct store_extent *e = (struct store_extent *)r->o.extents;
    r->o.size -= e[arg].length;
    memmove(&e[arg], &e[arg + 1], (r->o.n_extents - (size_t)arg - 1) * sizeof *e);
    r->o.n_extents--;
}

Test(store_seal, records_cannot_be_rearranged)
{
    static const struct {
        void (*how)(struct rec_object *, int);
        int arg;
    } ways[] = {{swap, 12},
                {swap, 3},
                {swap, 34},
                {swap_blobs, 13},
                {swap_keys, 13},
                {swap_numbers, 13},
                {repeat, 12},
                {repeat, 21},
                {shift, 0},
                {shift, 1},
                {shift, 4},
                {foreign, 0},
                {foreign, 4},
                {foreign_all, 0},
                {swap_all_but_numbers, 12},
                {swap_all_but_numbers, 34},
                {end_early, 3},
                {swap, 1}};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct world w = sealed_world();
        size_t n;
        char *want = big_upload(&w, "k", &n), *other = big_upload(&w, "other", &n);
        (void)other;
        edit(&w, "other", take, 0);
        cr_assert(reads(&w, "k", want));
        edit(&w, "k", ways[i].how, ways[i].arg);
        cr_assert_not(reads(&w, "k", want), "way %zu", i);
        world_close(&w);
    }
}

Test(store_seal, a_range_of_a_blob_is_that_range)
{
    struct world w = sealed_world();
    struct store_object *made;
    char *want = world_bytes(w.arena, 1, 200000);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 200000, NULL), STORE_OK);
    struct store_upload u = world_upload(&w, &w.bucket, "part");
    struct store_object *source = object_of(&w, "k");
    struct store_copy copy = {.source = source,
                              .source_bucket = &w.bucket,
                              .source_key = world_key(source->envelope),
                              .offset = 50000,
                              .length = 100000,
                              .to = {.bucket = &w.bucket,
                                     .key = BYTES_LIT("part"),
                                     .upload_id = u.id,
                                     .part_number = 1,
                                     .seal.key = world_key(u.envelope)}};
    cr_assert_eq(store_copy(w.store, &copy, w.arena, &made), STORE_OK);
    unsigned one = 1;
    cr_assert_eq(world_complete(&w, &w.bucket, "part", u.id, 1, &one, &made->etag, NULL), STORE_OK);
    cr_assert(reads(&w, "part", want + 50000));
    static const int by[] = {1, -1, 50000, -50000};
    for (size_t i = 0; i < ARRAY_LEN(by); i++) {
        edit(&w, "part", slide, by[i]);
        cr_assert_not(reads(&w, "part", want + 50000 + by[i]));
        edit(&w, "part", slide, -by[i]);
    }
    cr_assert(reads(&w, "part", want + 50000));
    world_close(&w);
}

/* Within one part, and of an object that never had parts, nothing can be left out either. */
Test(store_seal, nothing_is_left_out)
{
    for (int i = 0; i < PARTS; i++) {
        struct world w = sealed_world();
        struct store_object *made;
        size_t n;
        char *want = big_upload(&w, "k", &n);
        struct store_seal seal = world_seal(&w, 3);
        cr_assert_eq(copy_with(&w, "k", "copy", &seal, &made), STORE_OK);
        cr_assert(reads(&w, "copy", want));
        edit(&w, "copy", drop_part_piece, i);
        cr_assert_not(reads(&w, "copy", want), "extent %d", i);
        world_close(&w);
    }
}

static void flip_inline(struct rec_object *r, int arg)
{
    char *p = (char *)r->o.inline_data.p;
    p[arg] ^= 1;
}

static void empty_it(struct rec_object *r, int arg)
{
    (void)arg;
    r->o.inline_data = BYTES_NONE;
    r->o.size = 0;
}

static void shorten(struct rec_object *r, int arg)
{
    (void)arg;
    r->o.inline_data.n--;
    r->o.size--;
}

Test(store_seal, small_objects_are_checked)
{
    struct world w = sealed_world();
    char *want = world_bytes(w.arena, 1, 100);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 100, NULL), STORE_OK);
    cr_assert_eq(world_put(&w, &w.bucket, "other", 1, 100, NULL), STORE_OK);
    for (int i = 0; i < 100 + (int)SEAL_BOX_BYTES; i++) {
        edit(&w, "k", flip_inline, i);
        cr_assert_not(reads(&w, "k", want), "byte %d", i);
        edit(&w, "k", flip_inline, i);
    }
    cr_assert(reads(&w, "k", want));
    edit(&w, "other", take, 0);
    edit(&w, "k", foreign_all, 0);
    cr_assert_not(reads(&w, "k", want));
    edit(&w, "other", shorten, 0);
    cr_assert_not(reads(&w, "other", want));
    edit(&w, "other", empty_it, 0);
    cr_assert_not(reads(&w, "other", want));
    world_close(&w);
}

/* ---- the walk over envelopes ---- */

struct tally {
    size_t seen, moved;
    char last[16];
    unsigned to; /* > 0: becomes this envelope's last byte */
    bool none;
};

static bool count(void *arg, uint64_t partition, struct bytes key, struct bytes envelope, struct arena *a,
                  struct bytes *ret_new)
{
    struct tally *t = arg;
    cr_assert(partition >= 2 && key.n && envelope.n >= STORE_KEY_BYTES + 1);
    t->seen++;
    if (!t->to || envelope.p[envelope.n - 1] == (char)t->to)
        return false;
    char *fresh = arena_alloc(a, STORE_KEY_BYTES + 2); /* the same key, said otherwise */
    memcpy(fresh, envelope.p, STORE_KEY_BYTES + 1);
    fresh[STORE_KEY_BYTES + 1] = (char)t->to;
    *ret_new = bytes_of(fresh, STORE_KEY_BYTES + 2);
    t->moved++;
    return true;
}

static void walk(struct world *w, size_t max, struct tally *t)
{
    struct bytes cursor = BYTES_NONE;
    size_t before, calls = 0;
    do {
        before = t->seen;
        cr_assert_eq(store_envelopes(w->store, &cursor, max, count, t, w->arena), STORE_OK);
        cr_assert_leq(t->seen - before, max);
        cr_assert_lt(++calls, 10000);
    } while (cursor.n);
}

Test(store_seal, all_envelopes_are_seen_and_moved)
{
    struct world w = sealed_world();
    struct store_bucket versioned = world_bucket(&w, "versioned"), empty = world_bucket(&w, "empty");
    (void)empty;
    struct store_bucket_change on = {.versioning = VERSIONING_ENABLED};
    size_t n, expected = 0;
    char *want = big_upload(&w, "many", &n);
    expected++;
    cr_assert_eq(store_bucket_change(w.store, versioned.name, &on, w.arena, &versioned), STORE_OK);
    for (unsigned i = 0; i < 30; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        cr_assert_eq(world_put(&w, &w.bucket, key, i, i * 1000, NULL), STORE_OK);
        for (unsigned k = 0; k < 3; k++)
            cr_assert_eq(world_put(&w, &versioned, key, i * 10 + k, i * 1000, NULL), STORE_OK);
        if (i % 3 == 0)
            cr_assert_eq(world_delete(w.store, &versioned, bytes_str(key), NULL, NULL), STORE_OK);
        expected += 4;
    }
    struct store_upload u = world_upload(&w, &w.bucket, "upload");
    struct store_etag etags[2];
    cr_assert_eq(world_put_part(&w, &w.bucket, "upload", u.id, 1, 1, 50000, &etags[0]), STORE_OK);
    for (int i = 0; i < 7; i++)
        world_upload(&w, &versioned, "upload");
    expected += 8;
    w.sealing = WORLD_PLAIN;
    cr_assert_eq(world_put(&w, &w.bucket, "plain", 1, 100, NULL), STORE_OK);
    static const size_t steps[] = {1, 7, 1000};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct tally t = {.to = (unsigned)i + 1};
        walk(&w, steps[i], &t);
        cr_assert_eq(t.seen, expected);
        cr_assert_eq(t.moved, expected);
        struct tally again = {.to = (unsigned)i + 1};
        walk(&w, 13, &again);
        cr_assert_eq(again.moved, 0);
    }
    /* Objects read as before, and the upload goes on. */
    cr_assert(reads(&w, "many", want) && world_holds(&w, &w.bucket, "k29", 29, 29000));
    cr_assert(world_holds(&w, &w.bucket, "k2", 2, 2000) && world_holds(&w, &versioned, "k1", 12, 1000));
    w.sealing = WORLD_SEALED;
    cr_assert_eq(world_put_part(&w, &w.bucket, "upload", u.id, 2, 2, 100, &etags[1]), STORE_OK);
    unsigned numbers[2] = {1, 2};
    cr_assert_eq(world_complete(&w, &w.bucket, "upload", u.id, 2, numbers, etags, NULL), STORE_OK);
    struct bytes got;
    cr_assert_eq(world_get(&w, &w.bucket, "upload", &got), STORE_OK);
    cr_assert_eq(got.n, 50100);
    world_close(&w);
}

struct meddler {
    struct world *w;
    struct tally t;
    unsigned what;
    struct store_write *part;
};

/* The object changes between being shown and being written again. */
static bool meddle(void *arg, uint64_t partition, struct bytes key, struct bytes envelope, struct arena *a,
                   struct bytes *ret_new)
{
    struct meddler *m = arg;
    bool moves = count(&m->t, partition, key, envelope, a, ret_new);
    if (m->what == 1)
        cr_assert_eq(world_put(m->w, &m->w->bucket, "k", 2, 500, NULL), STORE_OK);
    if (m->what == 2)
        cr_assert_eq(world_delete(m->w->store, &m->w->bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    return moves;
}

Test(store_seal, what_changed_meanwhile_is_left_alone)
{
    for (unsigned what = 0; what < 3; what++) {
        struct world w = sealed_world();
        struct meddler m = {.w = &w, .t = {.to = 9}, .what = what};
        struct bytes cursor = BYTES_NONE;
        cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 500, NULL), STORE_OK);
        cr_assert_eq(store_envelopes(w.store, &cursor, 1000, meddle, &m, w.arena), STORE_OK);
        cr_assert_eq(m.t.moved, 1);
        if (what < 2)
            cr_assert(world_holds(&w, &w.bucket, "k", what + 1, 500));
        struct store_object *o;
        if (what == 1)
            cr_assert(object_of(&w, "k")->envelope.n == STORE_KEY_BYTES + 1);
        if (what == 2)
            cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_NO_SUCH_KEY);
        world_close(&w);
    }
}

/* A part that is being written while its upload gets another envelope. */
Test(store_seal, parts_survive_a_rotation)
{
    struct world w = sealed_world();
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    struct store_put put = {.bucket = &w.bucket,
                            .key = BYTES_LIT("k"),
                            .upload_id = u.id,
                            .part_number = 1,
                            .expected_size = 40000,
                            .seal.key = world_key(u.envelope)};
    struct store_write *wr;
    struct store_etag etag;
    struct tally t = {.to = 5};
    unsigned one = 1;
    cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
    cr_assert_eq(store_write_append(wr, world_bytes(w.arena, 3, 40000), 40000), STORE_OK);
    walk(&w, 10, &t);
    cr_assert_eq(t.moved, 1);
    cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
    store_write_etag(wr, &etag);
    store_write_close(&wr);
    cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, 1, &one, &etag, NULL), STORE_OK);
    cr_assert_eq(object_of(&w, "k")->envelope.n, STORE_KEY_BYTES + 2);
    cr_assert_eq(read_range(&w, object_of(&w, "k"), world_bytes(w.arena, 3, 40000), 0, 40000, 65536), STORE_OK);
    world_close(&w);
}

/* ---- the process dies ---- */

static bool holds_either(struct world *w, const char *key, unsigned old, unsigned new, size_t n, bool must_be_new)
{
    return world_holds(w, &w->bucket, key, new, n) || (!must_be_new && world_holds(w, &w->bucket, key, old, n));
}

static int upload_over(struct world *w, const char *key, unsigned seed, size_t n)
{
    struct store_put put = {
        .bucket = &w->bucket, .key = bytes_str(key), .owner = BYTES_LIT("alice"), .seal = world_seal(w, seed)};
    struct store_upload u;
    struct store_etag etag;
    unsigned one = 1;
    int rc = store_upload_create(w->store, &put, CHECKSUM_TYPE_NONE, w->arena, &u);
    if (rc == STORE_OK)
        rc = world_put_part(w, &w->bucket, key, u.id, 1, seed, n, &etag);
    return rc == STORE_OK ? world_complete(w, &w->bucket, key, u.id, 1, &one, &etag, NULL) : rc;
}

Test(store_seal, DUR_03_killed_at_every_step)
{
    static const size_t both[] = {3000, 100000};
    for (int what = 0; what < 12; what++)
        for (unsigned nth = 1, over = 0; !over; nth++) {
            struct world w = sealed_world();
            size_t n = both[what & 1];
            int rc;
            cr_assert_eq(world_put(&w, &w.bucket, "k", 1, n, NULL), STORE_OK);
            cr_assert_eq(world_put(&w, &w.bucket, "source", 2, n, NULL), STORE_OK);
            world_kill_at(&w, nth, what & 2);
            if (what < 4)
                rc = world_put(&w, &w.bucket, "k", 2, n, NULL);
            else if (what < 8)
                rc = world_copy(&w, &w.bucket, "source", &w.bucket, "k");
            else
                rc = upload_over(&w, "k", 2, n);
            over = !world_killed(&w);
            world_restart(&w);
            cr_assert(holds_either(&w, "k", 1, 2, n, rc == STORE_OK), "%d, step %u", what, nth);
            world_collect(&w);
            cr_assert(holds_either(&w, "k", 1, 2, n, rc == STORE_OK), "%d, step %u", what, nth);
            cr_assert(world_holds(&w, &w.bucket, "source", 2, n));
            world_check(&w, true);
            world_close(&w);
        }
}

/* ---- nothing stays in memory ---- */

#define REGION_MAX (256ul << 20) /* bytes; what is larger is a sanitizer's own */

/* How often the pattern lies in memory that this process may write. `mask` hides our own copy. */
static size_t find_in_memory(const unsigned char *masked, size_t n, unsigned char mask)
{
    FILE *maps = fopen("/proc/self/maps", "r"), *mem = fopen("/proc/self/mem", "r");
    char line[512], *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t found = 0;
    cr_assert(maps && mem && page != MAP_FAILED);
    setvbuf(mem, NULL, _IONBF, 0);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 || mode[0] != 'r' || mode[1] != 'w' ||
            to - from > REGION_MAX)
            continue;
        for (unsigned long at = from; at < to; at += 1 << 19) {
            size_t len = to - at < 1 << 20 ? to - at : 1 << 20;
            if (at == (unsigned long)page || fseek(mem, (long)at, SEEK_SET) || fread(page, 1, len, mem) != len)
                continue;
            const char *p = page;
            while ((p = memchr(p, masked[0] ^ mask, (size_t)(page + len - p)))) {
                size_t same = 1;
                while (same < n && p + same < page + len && (unsigned char)(p[same] ^ mask) == masked[same])
                    same++;
                found += same == n;
                p++;
            }
        }
    }
    munmap(page, 1 << 20);
    fclose(maps);
    fclose(mem);
    return found;
}

/* Of what was written and read, and of the key; sanitizers keep freed memory aside, so what was freed is seen too. */
Test(store_seal, keys_and_clear_text_are_wiped)
{
    enum { MASK = 0xa7, SIZE = 300000, MARK = 24 };
    static unsigned char key_masked[STORE_KEY_BYTES], mark_masked[MARK];
    static const size_t both[] = {5000, SIZE};
    static char bytes[SIZE]; /* of the test: wiped before it looks */
    struct world w = world_open();
    rand_bytes(key_masked, sizeof key_masked);
    rand_bytes(mark_masked, sizeof mark_masked);
    for (size_t turn = 0; turn < 2; turn++) {
        unsigned char key[STORE_KEY_BYTES];
        struct store_put put = {.bucket = &w.bucket, .key = BYTES_LIT("k"), .expected_size = UINT64_MAX};
        struct store_write *wr;
        struct store_read *r;
        struct store_span span = {.n = 1};
        for (size_t i = 0; i < sizeof key; i++)
            key[i] = key_masked[i] ^ MASK;
        for (size_t i = 0; i < both[turn]; i++)
            bytes[i] = (char)(mark_masked[i % MARK] ^ MASK);
        put.seal = (struct store_seal){.key = key, .envelope = BYTES_LIT("an envelope")};
        cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
        cr_assert_eq(store_write_append(wr, bytes, 4000), STORE_OK);
        cr_assert_eq(store_write_append(wr, bytes + 4000, both[turn] - 4000), STORE_OK);
        cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
        store_write_close(&wr);
        struct store_object *o = object_of(&w, "k");
        memset(bytes, 0, sizeof bytes);
        cr_assert_eq(store_read_open(w.store, o, 10, both[turn] - 20, key, &r), STORE_OK);
        while (span.n)
            cr_assert_eq(store_read_next(r, 70000, false, bytes, &span), STORE_OK);
        cr_assert(find_in_memory(mark_masked, MARK, MASK) > 0, "it finds what is there");
        store_read_close(&r);
        OPENSSL_cleanse(key, sizeof key);
        OPENSSL_cleanse(bytes, sizeof bytes);
        cr_assert_eq(find_in_memory(mark_masked, MARK, MASK), 0, "clear text of %zu bytes", both[turn]);
        cr_assert_eq(find_in_memory(key_masked, sizeof key_masked, MASK), 0, "a key");
    }
    world_close(&w);
}

/* ---- files ---- */

/* The checksum is asked when a chunk does not open: then the disk is to blame, and that is counted. */
Test(store_seal, rot_is_counted_as_rot)
{
    char folder[] = P_tmpdir "/store-seal-XXXXXX", line[200];
    unsigned char key[SEAL_KEY_BYTES] = {3};
    struct blob_store *st;
    struct blob_file_stats stats;
    struct blob_writer *to = NULL;
    struct blob_id id;
    struct coded_read *r;
    struct arena *a = arena_create(0);
    char *clear = world_bytes(a, 1, 150000), *out = arena_alloc(a, 150000);
    cr_assert(mkdtemp(folder));
    cr_assert_eq(blob_file_open(&(struct blob_file_options){.folder = folder}, &st), BLOB_OK);
    cr_assert_eq(blob_create(st, 0, BYTES_NONE, 0, &to), BLOB_OK);
    struct coded_write *cw = coded_write_new(st, key, false);
    cr_assert_eq(coded_append(cw, to, clear, 150000), BLOB_OK);
    cr_assert_eq(coded_end(cw, to), BLOB_OK);
    coded_write_free(&cw);
    cr_assert_eq(st->ops->finish(&to, BYTES_NONE, &id), BLOB_OK);
    for (int rotten = 0; rotten < 2; rotten++) {
        cr_assert_eq(coded_open(st, &id, key, CODEC_RAW, false, &r), BLOB_OK);
        cr_assert_eq(coded_read(r, 0, out, 150000, false), rotten ? BLOB_CORRUPT : BLOB_OK);
        cr_assert_eq(coded_read(r, 140000, out, 10, false), BLOB_OK, "another block");
        coded_close(&r);
        blob_file_stats(st, &stats);
        cr_assert_eq(stats.corrupt, (unsigned)rotten);
        snprintf(
            line, sizeof line,
            "f=$(find %s/blobs -size +100k) && printf x | dd of=$f bs=1 seek=70000 conv=notrunc 2>&1 | cat >/dev/null",
            folder);
        cr_assert_eq(system(line), 0);
    }
    st->ops->close(&st);
    snprintf(line, sizeof line, "rm -r %s", folder);
    cr_assert_eq(system(line), 0);
    arena_free(a);
}

/* ---- descriptions ---- */

/* What recovery finds in a blob is enough to read it with the object key. */
Test(store_seal, blobs_describe_how_they_are_sealed)
{
    struct world w = sealed_world();
    struct bytes desc, trailer;
    struct rec_blob_desc d;
    struct rec_blob_trailer t;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 100000, NULL), STORE_OK);
    struct store_object *o = object_of(&w, "k");
    struct blob_reader *r;
    cr_assert_eq(w.store->blobs->ops->open(w.store->blobs, &o->extents[0].blob, &r), BLOB_OK);
    cr_assert_eq(w.store->blobs->ops->describe(r, w.arena, &desc, &trailer), BLOB_OK);
    w.store->blobs->ops->close_reader(&r);
    cr_assert(record_decode(&rec_blob_desc, desc, w.arena, &d) &&
              record_decode(&rec_blob_trailer, trailer, w.arena, &t));
    cr_assert(bytes_eq(d.envelope, o->envelope));
    struct store_extent again = {.partition = o->extents[0].partition,
                                 .blob = o->extents[0].blob,
                                 .offset = t.offset,
                                 .length = t.size,
                                 .codec = t.codec,
                                 .seal = t.seal,
                                 .sealed = t.sealed};
    struct store_object rebuilt = *o;
    rebuilt.extents = &again;
    cr_assert_eq(read_range(&w, &rebuilt, world_bytes(w.arena, 1, 100000), 0, 100000, 262144), STORE_OK);
    world_close(&w);
}
