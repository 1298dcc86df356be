/* SPDX-License-Identifier: Apache-2.0 */
/* Copies by reference: same bucket, other bucket, ranges, parts; digests; faults, crashes, races with deletes and the
 * collector. */
#include <string.h>

#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

#define BIG 60000u

static int copy_as(struct world *w, const struct store_object *source, struct store_put to, uint64_t offset,
                   uint64_t length, struct store_object **ret)
{
    struct store_copy req = {
        .source = source, .source_bucket = &w->bucket, .to = to, .offset = offset, .length = length};
    return store_copy(w->store, &req, w->arena, ret);
}

static struct store_object *get(struct world *w, const struct store_bucket *b, const char *key)
{
    struct store_object *o;
    cr_assert_eq(store_object_get(w->store, b, bytes_str(key), NULL, w->arena, &o), STORE_OK);
    return o;
}

Test(store_copy, same_bucket_and_other_bucket_every_size)
{
    static const size_t sizes[] = {0, 1, 100, STORE_INLINE_MAX, STORE_INLINE_MAX + 1, WORLD_BIG};
    struct world w = world_open();
    struct store_bucket other = world_bucket(&w, "other");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        cr_assert_eq(world_put(&w, &w.bucket, "a", 1, sizes[i], NULL), STORE_OK);
        cr_assert_eq(world_copy(&w, &w.bucket, "a", &w.bucket, "b"), STORE_OK);
        cr_assert_eq(world_copy(&w, &w.bucket, "a", &other, "c"), STORE_OK);
        cr_assert_eq(world_copy(&w, &other, "c", &w.bucket, "d"), STORE_OK);
        cr_assert_eq(world_copy(&w, &w.bucket, "d", &w.bucket, "d"), STORE_OK, "onto itself");
        world_check(&w, false);
        world_collect(&w);
        world_check(&w, true);
        cr_assert_eq(world_blobs_count(&w), sizes[i] > STORE_INLINE_MAX ? 1 : 0);
        cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("a"), NULL, NULL), STORE_OK);
        world_collect(&w);
        world_check(&w, true);
        cr_assert(world_holds(&w, &w.bucket, "b", 1, sizes[i]) && world_holds(&w, &other, "c", 1, sizes[i]) &&
                  world_holds(&w, &w.bucket, "d", 1, sizes[i]));
        cr_assert(bytes_eq_str(get(&w, &other, "c")->owner, "bob"));
    }
    world_restart(&w);
    const char *keys[] = {"b", "d"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        cr_assert_eq(world_delete(w.store, &w.bucket, bytes_str(keys[i]), NULL, NULL), STORE_OK);
    world_collect(&w);
    cr_assert_eq(world_blobs_count(&w), 1);
    cr_assert_eq(world_delete(w.store, &other, BYTES_LIT("c"), NULL, NULL), STORE_OK);
    world_collect(&w);
    cr_assert_eq(world_blobs_count(&w), 0);
    cr_assert_eq(index_double_records(w.disk_index, w.bucket.partition), 0);
    cr_assert_eq(index_double_records(w.disk_index, other.partition), 0);
    world_close(&w);
}

Test(store_copy, metadata_is_the_callers)
{
    struct world w = world_open();
    struct store_header h = {BYTES_LIT("x-amz-meta-a"), BYTES_LIT("1")};
    struct store_put to = {.bucket = &w.bucket,
                           .key = BYTES_LIT("k"),
                           .owner = BYTES_LIT("bob"),
                           .headers = &h,
                           .n_headers = 1,
                           .storage_class = BYTES_LIT("GLACIER_IR")};
    struct store_object *made, *o;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
    cr_assert_eq(copy_as(&w, get(&w, &w.bucket, "k"), to, 0, BIG, &made), STORE_OK);
    o = get(&w, &w.bucket, "k");
    cr_assert(o->n_headers == 1 && bytes_eq_str(o->headers[0].name, "x-amz-meta-a"));
    cr_assert(bytes_eq_str(o->storage_class, "GLACIER_IR") && bytes_eq_str(made->storage_class, "GLACIER_IR"));
    cr_assert(o->mtime_ms == made->mtime_ms && memcmp(&o->etag, &made->etag, sizeof o->etag) == 0);
    cr_assert(world_holds(&w, &w.bucket, "k", 1, BIG));
    struct store_condition none = {.if_none_match = true};
    to.condition = none;
    cr_assert_eq(copy_as(&w, o, to, 0, BIG, &made), STORE_PRECONDITION_FAILED);
    world_collect(&w);
    world_check(&w, true);
    world_close(&w);
}

Test(store_copy, another_checksum_is_computed)
{
    struct world w = world_open();
    static const enum checksum_alg algs[] = {CHECKSUM_NONE, CHECKSUM_CRC64NVME, CHECKSUM_CRC32C, CHECKSUM_SHA256,
                                             CHECKSUM_SHA1};
    for (size_t size = 100; size <= BIG; size += BIG - 100)
        for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
            struct store_put to = {.bucket = &w.bucket, .key = BYTES_LIT("c"), .checksum = algs[i]};
            struct store_object *made;
            cr_assert_eq(world_put(&w, &w.bucket, "k", 1, size, NULL), STORE_OK);
            cr_assert_eq(copy_as(&w, get(&w, &w.bucket, "k"), to, 0, size, &made), STORE_OK);
            cr_assert_eq(made->checksum.alg, algs[i] ? algs[i] : CHECKSUM_CRC64NVME);
            cr_assert(world_holds(&w, &w.bucket, "c", 1, size));
        }
    world_close(&w);
}

/* A composite multipart object becomes FULL_OBJECT, of the same algorithm. */
Test(store_copy, of_a_multipart_object)
{
    static const enum checksum_alg algs[] = {CHECKSUM_NONE, CHECKSUM_CRC32, CHECKSUM_SHA256};
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        struct world w = world_open();
        struct store_upload u;
        struct store_put put = {.bucket = &w.bucket, .key = BYTES_LIT("m"), .checksum = algs[i]};
        struct store_etag e[2];
        struct bytes got;
        struct checksum_value sum;
        struct store_object *made, *m;
        cr_assert_eq(store_upload_create(w.store, &put, CHECKSUM_TYPE_NONE, w.arena, &u), STORE_OK);
        cr_assert_eq(world_put_part(&w, &w.bucket, "m", u.id, 1, 1, BIG, &e[0]), STORE_OK);
        cr_assert_eq(world_put_part(&w, &w.bucket, "m", u.id, 2, 2, 500, &e[1]), STORE_OK);
        cr_assert_eq(world_complete(&w, &w.bucket, "m", u.id, 2, (unsigned[]){1, 2}, e, NULL), STORE_OK);
        m = get(&w, &w.bucket, "m");
        put.key = BYTES_LIT("c");
        put.checksum = CHECKSUM_NONE;
        cr_assert_eq(copy_as(&w, m, put, 0, m->size, &made), STORE_OK);
        cr_assert_eq(made->checksum_type, CHECKSUM_FULL_OBJECT);
        cr_assert_eq(made->checksum.alg, algs[i] ? algs[i] : CHECKSUM_CRC64NVME);
        cr_assert_eq(memcmp(&made->etag, &m->etag, sizeof m->etag), 0);
        cr_assert_eq(world_get(&w, &w.bucket, "c", &got), STORE_OK);
        checksum_of(made->checksum.alg, got.p, got.n, &sum);
        cr_assert(checksum_equal(&sum, &made->checksum));
        cr_assert_eq(get(&w, &w.bucket, "c")->n_parts, 0, "a copy is one part");
        world_collect(&w);
        world_check(&w, true);
        world_close(&w);
    }
}

Test(store_copy, parts_from_ranges)
{
    struct world w = world_open();
    struct store_bucket other = world_bucket(&w, "other");
    const char *data = world_bytes(w.arena, 1, WORLD_BIG);
    struct {
        uint64_t offset, length;
    } ranges[] = {
        {0, WORLD_BIG}, {1, WORLD_BIG - 1}, {70000, 30000}, {5000, 3000}, {0, 1200}, {WORLD_BIG - 7, 7},
    };
    enum { N = ARRAY_LEN(ranges) };
    struct store_object *src, *made;
    struct store_etag e[N];
    unsigned numbers[N];
    struct buf want;
    struct bytes got;
    buf_init(&want, 1 << 24);
    cr_assert_eq(world_put(&w, &w.bucket, "src", 1, WORLD_BIG, NULL), STORE_OK);
    src = get(&w, &w.bucket, "src");
    struct store_upload u = world_upload(&w, &other, "m");
    for (unsigned i = 0; i < N; i++) {
        struct store_put to = {.bucket = &other, .key = BYTES_LIT("m"), .upload_id = u.id, .part_number = i + 1};
        unsigned char md5[16];
        cr_assert_eq(copy_as(&w, src, to, ranges[i].offset, ranges[i].length, &made), STORE_OK);
        md5_of(data + ranges[i].offset, ranges[i].length, md5);
        cr_assert_arr_eq(md5, made->etag.md5, 16);
        cr_assert(made->etag.parts == 0 && made->size == ranges[i].length);
        e[i] = made->etag;
        numbers[i] = i + 1;
        buf_put(&want, data + ranges[i].offset, ranges[i].length);
    }
    struct store_put bad = {.bucket = &other, .key = BYTES_LIT("m"), .upload_id = u.id, .part_number = 9};
    cr_assert_eq(copy_as(&w, src, bad, WORLD_BIG, 1, &made), STORE_INVALID_RANGE);
    cr_assert_eq(copy_as(&w, src, bad, 1, UINT64_MAX, &made), STORE_INVALID_RANGE);
    world_check(&w, false);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("src"), NULL, NULL), STORE_OK);
    world_collect(&w);
    cr_assert_eq(world_complete(&w, &other, "m", u.id, N, numbers, e, NULL), STORE_OK);
    cr_assert_eq(world_get(&w, &other, "m", &got), STORE_OK);
    cr_assert(bytes_eq(got, buf_bytes(&want)));
    world_collect(&w);
    world_check(&w, true);
    cr_assert_eq(world_blobs_count(&w), 1);

    /* Copies of it, also of ranges that begin and end within its pieces. */
    cr_assert_eq(world_copy(&w, &other, "m", &w.bucket, "again"), STORE_OK);
    struct store_upload v = world_upload(&w, &w.bucket, "n");
    struct store_object *m = get(&w, &other, "m");
    uint64_t length = m->size - 3000;
    struct store_put to = {.bucket = &w.bucket, .key = BYTES_LIT("n"), .upload_id = v.id, .part_number = 1};
    cr_assert_eq(copy_as(&w, m, to, 1500, length, &made), STORE_OK);
    cr_assert_eq(world_complete(&w, &w.bucket, "n", v.id, 1, (unsigned[]){1}, &made->etag, NULL), STORE_OK);
    cr_assert_eq(world_delete(w.store, &other, BYTES_LIT("m"), NULL, NULL), STORE_OK);
    world_collect(&w);
    world_check(&w, true);
    cr_assert_eq(world_get(&w, &w.bucket, "n", &got), STORE_OK);
    cr_assert(bytes_eq(got, bytes_of(want.p + 1500, length)));
    cr_assert_eq(world_get(&w, &w.bucket, "again", &got), STORE_OK);
    cr_assert(bytes_eq(got, buf_bytes(&want)));
    buf_fini(&want);
    world_close(&w);
}

/* Many copies of small pieces pile up inline data; it is gathered in a blob at completion. */
Test(store_copy, pieces_are_gathered)
{
    struct world w = world_open();
    enum { N = 30 };
    struct store_etag e[N];
    unsigned numbers[N];
    struct store_object *made;
    struct buf want;
    struct bytes got;
    buf_init(&want, 1 << 24);
    cr_assert_eq(world_put(&w, &w.bucket, "src", 1, BIG, NULL), STORE_OK);
    struct store_upload u = world_upload(&w, &w.bucket, "m");
    for (unsigned i = 0; i < N; i++) {
        struct store_put to = {.bucket = &w.bucket, .key = BYTES_LIT("m"), .upload_id = u.id, .part_number = i + 1};
        uint64_t length = i % 5 ? 8000 + i : 20000;
        cr_assert_eq(copy_as(&w, get(&w, &w.bucket, "src"), to, i * 100, length, &made), STORE_OK);
        e[i] = made->etag;
        numbers[i] = i + 1;
        buf_put(&want, world_bytes(w.arena, 1, BIG) + i * 100, length);
    }
    cr_assert_eq(world_complete(&w, &w.bucket, "m", u.id, N, numbers, e, NULL), STORE_OK);
    cr_assert_eq(world_get(&w, &w.bucket, "m", &got), STORE_OK);
    cr_assert(bytes_eq(got, buf_bytes(&want)));
    cr_assert_eq(world_blobs_count(&w), 2);
    world_collect(&w);
    world_check(&w, true);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("m"), NULL, NULL), STORE_OK);
    world_collect(&w);
    cr_assert_eq(world_blobs_count(&w), 1);
    buf_fini(&want);
    world_close(&w);
}

/* A part that would lie in very many pieces is copied by bytes. */
Test(store_copy, of_very_many_extents)
{
    struct world w = world_open();
    enum { N = STORE_PART_EXTENTS + 10, PIECE = STORE_INLINE_MAX + 1 };
    struct store_etag *e = arena_new_array(w.arena, struct store_etag, N);
    unsigned *numbers = arena_new_array(w.arena, unsigned, N);
    struct store_object *made, *big;
    struct buf want;
    struct bytes got;
    buf_init(&want, 1 << 26);
    cr_assert_eq(world_put(&w, &w.bucket, "src", 1, BIG, NULL), STORE_OK);
    struct store_object *src = get(&w, &w.bucket, "src");
    struct store_upload u = world_upload(&w, &w.bucket, "m"), v = world_upload(&w, &w.bucket, "n");
    for (unsigned i = 0; i < N; i++) {
        struct store_put to = {.bucket = &w.bucket, .key = BYTES_LIT("m"), .upload_id = u.id, .part_number = i + 1};
        cr_assert_eq(copy_as(&w, src, to, i, PIECE, &made), STORE_OK);
        e[i] = made->etag;
        numbers[i] = i + 1;
        buf_put(&want, world_bytes(w.arena, 1, BIG) + i, PIECE);
    }
    cr_assert_eq(world_complete(&w, &w.bucket, "m", u.id, N, numbers, e, NULL), STORE_OK);
    big = get(&w, &w.bucket, "m");
    cr_assert_eq(big->n_extents, N);
    struct store_put to = {.bucket = &w.bucket, .key = BYTES_LIT("n"), .upload_id = v.id, .part_number = 1};
    cr_assert_eq(copy_as(&w, big, to, 5, big->size - 5, &made), STORE_OK);
    cr_assert_eq(world_complete(&w, &w.bucket, "n", v.id, 1, numbers, &made->etag, NULL), STORE_OK);
    cr_assert_eq(get(&w, &w.bucket, "n")->n_extents, 1);
    cr_assert_eq(world_get(&w, &w.bucket, "n", &got), STORE_OK);
    cr_assert(bytes_eq(got, bytes_of(want.p + 5, want.n - 5)));
    cr_assert_eq(world_copy(&w, &w.bucket, "m", &w.bucket, "whole"), STORE_OK, "an object as a whole shares them");
    cr_assert_eq(world_blobs_count(&w), 2);
    cr_assert_eq(world_get(&w, &w.bucket, "whole", &got), STORE_OK);
    cr_assert(bytes_eq(got, buf_bytes(&want)));
    struct store_object *head;
    cr_assert_eq(store_object_head(w.store, &w.bucket, BYTES_LIT("m"), NULL, w.arena, &head), STORE_OK);
    to = (struct store_put){.bucket = &w.bucket, .key = BYTES_LIT("x")};
    cr_assert_eq(copy_as(&w, head, to, 0, head->size, &made), STORE_CORRUPT,
                 "what was only looked at cannot be copied");
    buf_fini(&want);
    world_close(&w);
}

Test(store_copy, ROT_06_rotten_bytes_do_not_get_fresh_digests)
{
    struct world w = world_open();
    struct store_object *made, *src;
    struct bytes got;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
    src = get(&w, &w.bucket, "k");
    world_rot_blobs(&w);
    struct store_put to = {.bucket = &w.bucket, .key = BYTES_LIT("c"), .checksum = CHECKSUM_SHA256};
    cr_assert_eq(copy_as(&w, src, to, 0, BIG, &made), STORE_CORRUPT);
    struct store_upload u = world_upload(&w, &w.bucket, "c");
    to = (struct store_put){.bucket = &w.bucket, .key = BYTES_LIT("c"), .upload_id = u.id, .part_number = 1};
    cr_assert_eq(copy_as(&w, src, to, 10, BIG - 10, &made), STORE_CORRUPT);
    cr_assert_eq(copy_as(&w, src, to, 10, 100, &made), STORE_CORRUPT);
    cr_assert_eq(world_copy(&w, &w.bucket, "k", &w.bucket, "ref"), STORE_OK, "by reference: it shares the blob");
    cr_assert_eq(world_get(&w, &w.bucket, "ref", &got), STORE_CORRUPT);
    world_close(&w);
}

Test(store_copy, a_source_that_is_gone)
{
    struct world w = world_open();
    struct store_bucket other = world_bucket(&w, "other");
    struct store_object *src, *made;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
    src = get(&w, &w.bucket, "k");
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    struct store_put to = {.bucket = &w.bucket, .key = BYTES_LIT("c")};
    cr_assert_eq(copy_as(&w, src, to, 0, BIG, &made), STORE_OK,
                 "it was there when it was looked up, and is not collected yet");
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("c"), NULL, NULL), STORE_OK);
    world_collect(&w);
    cr_assert_eq(copy_as(&w, src, to, 0, BIG, &made), STORE_NO_SUCH_KEY);
    to.bucket = &other;
    cr_assert_eq(copy_as(&w, src, to, 0, BIG, &made), STORE_NO_SUCH_KEY);
    world_collect(&w);
    world_check(&w, true);
    cr_assert_eq(world_blobs_count(&w), 0);
    world_close(&w);
}

/* ---- faults and crashes ---- */

static const enum index_double_fault faults[] = {INDEX_DOUBLE_CONFLICT,        INDEX_DOUBLE_STALE,
                                                 INDEX_DOUBLE_UNAVAILABLE,     INDEX_DOUBLE_FULL,
                                                 INDEX_DOUBLE_UNKNOWN_APPLIED, INDEX_DOUBLE_UNKNOWN_LOST};

/* Source in "bucket"; copies it over an old object of the same or another bucket. */
static struct store_bucket prepare(struct world *w, bool foreign)
{
    struct store_bucket to = foreign ? world_bucket(w, "other") : w->bucket;
    cr_assert_eq(world_put(w, &w->bucket, "k", 1, BIG, NULL), STORE_OK);
    cr_assert_eq(world_put(w, &to, "c", 2, BIG, NULL), STORE_OK);
    return to;
}

static void check_after(struct world *w, const struct store_bucket *to, int rc)
{
    bool is_old = world_holds(w, to, "c", 2, BIG), is_new = world_holds(w, to, "c", 1, BIG);
    cr_assert(world_holds(w, &w->bucket, "k", 1, BIG));
    cr_assert(rc == STORE_OK ? is_new : is_old || is_new);
    world_check(w, false);
    world_collect(w);
    world_check(w, true);
    cr_assert_eq(world_blobs_count(w), is_new ? 1 : 2);
    cr_assert_eq(world_delete(w->store, &w->bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    world_collect(w);
    world_check(w, true);
    cr_assert(is_new ? world_holds(w, to, "c", 1, BIG) : world_holds(w, to, "c", 2, BIG));
    cr_assert_eq(world_blobs_count(w), 1);
}

Test(store_copy, every_index_fault_at_every_batch)
{
    for (int foreign = 0; foreign < 2; foreign++)
        for (size_t f = 0; f < ARRAY_LEN(faults); f++)
            for (unsigned nth = 1;; nth++) {
                struct world w = world_open();
                struct store_bucket to = prepare(&w, foreign);
                index_double_fail(w.disk_index, nth, faults[f]);
                int rc = world_copy(&w, &w.bucket, "k", &to, "c");
                bool fired = index_double_fired(w.disk_index);
                world_restart(&w);
                check_after(&w, &to, rc);
                world_close(&w);
                if (!fired)
                    break;
            }
}

Test(store_copy, DUR_03_killed_at_every_step)
{
    for (int what = 0; what < 8; what++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            struct store_bucket to = prepare(&w, what & 1);
            world_kill_at(&w, nth, what & 2);
            int rc = world_copy(&w, &w.bucket, "k", &to, "c");
            if (what & 4) {
                gc_set_ages(w.store, 0, 0, 0);
                store_collect(w.store); /* dies there too */
            }
            bool killed = world_killed(&w);
            world_restart(&w);
            check_after(&w, &to, rc);
            world_close(&w);
            if (!killed)
                break;
        }
}

/* A part copied from another bucket, completed while its intent is still there; the collector must not judge it then.
 */
Test(store_copy, DUR_03_part_copy_and_complete_killed_at_every_step)
{
    for (int after = 0; after < 2; after++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            struct store_bucket to = prepare(&w, true);
            struct store_upload u = world_upload(&w, &to, "c");
            struct store_put put = {.bucket = &to, .key = BYTES_LIT("c"), .upload_id = u.id, .part_number = 1};
            struct store_object *made;
            world_kill_at(&w, nth, after);
            int rc = copy_as(&w, get(&w, &w.bucket, "k"), put, 0, BIG, &made);
            bool killed = world_killed(&w);
            struct store_part *parts;
            size_t n;
            bool more;
            world_restart(&w);
            cr_assert_eq(store_part_list(w.store, &to, &u, 0, 1, w.arena, &parts, &n, &more), STORE_OK);
            cr_assert(rc != STORE_OK || n == 1);
            if (n)
                cr_assert_eq(world_complete(&w, &to, "c", u.id, 1, (unsigned[]){1}, &parts[0].etag, NULL), STORE_OK);
            else
                cr_assert_eq(store_upload_abort(w.store, &to, BYTES_LIT("c"), u.id), STORE_OK);
            cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
            world_collect(&w);
            world_check(&w, true);
            struct bytes got;
            cr_assert_eq(world_get(&w, &to, "c", &got), STORE_OK);
            cr_assert(bytes_eq(got, bytes_of(world_bytes(w.arena, n ? 1 : 2, BIG), BIG)));
            cr_assert_eq(world_blobs_count(&w), 1);
            world_close(&w);
            if (!killed)
                break;
        }
}

/* ---- races ---- */

struct racer {
    pthread_t thread;
    struct world *w;
    struct store_bucket to;
    unsigned id, made, missing;
    int bad;
};

static int copy_once(struct racer *r, struct arena *a, unsigned i)
{
    struct store_object *src, *made;
    int rc = store_object_get(r->w->store, &r->w->bucket, BYTES_LIT("k"), NULL, a, &src);
    if (rc != STORE_OK)
        return rc;
    struct store_copy req = {
        .source = src,
        .source_bucket = &r->w->bucket,
        .to = {.bucket = i % 2 ? &r->to : &r->w->bucket, .key = arena_bytesf(a, "c%u-%u", r->id, i)}};
    return store_copy(r->w->store, &req, a, &made);
}

static void *act(void *arg)
{
    struct racer *r = arg;
    struct arena *a = arena_create(0);
    for (unsigned i = 0; i < 40; i++) {
        int rc = STORE_OK;
        arena_reset(a);
        if (r->id == 0)
            rc = store_collect(r->w->store);
        else if (r->id == 1)
            rc = i % 2 ? world_put(r->w, &r->w->bucket, "k", i, BIG, NULL)
                       : world_delete(r->w->store, &r->w->bucket, BYTES_LIT("k"), NULL, NULL);
        else
            rc = copy_once(r, a, i);
        r->made += rc == STORE_OK;
        r->missing += rc == STORE_NO_SUCH_KEY;
        r->bad += rc != STORE_OK && (rc != STORE_NO_SUCH_KEY || r->id < 2);
    }
    arena_free(a);
    return NULL;
}

Test(store_copy, copies_against_deletes_and_the_collector)
{
    struct world w = world_open();
    struct store_bucket other = world_bucket(&w, "other");
    struct racer r[5];
    gc_set_ages(w.store, 0, 0, 0);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 7, BIG, NULL), STORE_OK);
    for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
        r[i] = (struct racer){.w = &w, .to = other, .id = i};
        cr_assert_eq(pthread_create(&r[i].thread, NULL, act, &r[i]), 0);
    }
    for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
        pthread_join(r[i].thread, NULL);
        cr_assert_eq(r[i].bad, 0);
    }
    world_check(&w, false);
    world_collect(&w);
    world_check(&w, true);
    unsigned found = 0;
    for (unsigned id = 2; id < ARRAY_LEN(r); id++)
        for (unsigned i = 0; i < 40; i++) {
            struct bytes got;
            int rc = world_get(&w, i % 2 ? &other : &w.bucket, arena_printf(w.arena, "c%u-%u", id, i), &got);
            cr_assert(rc == STORE_OK || rc == STORE_NO_SUCH_KEY);
            found += rc == STORE_OK;
        }
    cr_assert_eq(found, r[2].made + r[3].made + r[4].made, "what was answered is there");
    world_close(&w);
}

/* CON-08: the registry's pattern, on one key after another. */
Test(store_copy, CON_08_complete_copy_delete_at_once)
{
    struct world w = world_open();
    gc_set_ages(w.store, 0, 0, 0);
    for (unsigned i = 0; i < 200; i++) {
        struct store_upload u = world_upload(&w, &w.bucket, "up");
        struct store_etag e;
        char *to = arena_printf(w.arena, "blob%u", i % 20);
        cr_assert_eq(world_put_part(&w, &w.bucket, "up", u.id, 1, i, 17000 + i, &e), STORE_OK);
        cr_assert_eq(world_complete(&w, &w.bucket, "up", u.id, 1, (unsigned[]){1}, &e, NULL), STORE_OK);
        cr_assert_eq(world_copy(&w, &w.bucket, "up", &w.bucket, to), STORE_OK);
        cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("up"), NULL, NULL), STORE_OK);
        if (i % 10 == 0)
            cr_assert_eq(store_collect(w.store), STORE_OK);
        struct bytes got;
        cr_assert_eq(world_get(&w, &w.bucket, to, &got), STORE_OK);
        cr_assert(bytes_eq(got, bytes_of(world_bytes(w.arena, i, 17000 + i), 17000 + i)));
    }
    world_collect(&w);
    world_check(&w, true);
    cr_assert_eq(world_blobs_count(&w), 20);
    world_close(&w);
}
