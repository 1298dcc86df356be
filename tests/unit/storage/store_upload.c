/* SPDX-License-Identifier: Apache-2.0 */
/* Multipart uploads: create, parts, complete, abort, lists; their faults, crashes and races. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

/* Part i of an upload: `size` bytes of seed 100 + i. */
static struct store_etag part(struct world *w, const char *key, struct bytes id, unsigned number, size_t size)
{
    struct store_etag e;
    cr_assert_eq(world_put_part(w, &w->bucket, key, id, number, 100 + number, size, &e), STORE_OK);
    return e;
}

/* The key holds the parts one after another. */
static bool holds_parts(struct world *w, const char *key, size_t n, const unsigned *numbers, const size_t *part_sizes)
{
    struct buf want;
    struct bytes got = BYTES_NONE;
    struct store_object *o;
    buf_init(&want, 1 << 28);
    for (size_t i = 0; i < n; i++)
        buf_put(&want, world_bytes(w->arena, 100 + numbers[i], part_sizes[i]), part_sizes[i]);
    bool ok = world_get(w, &w->bucket, key, &got) == STORE_OK && bytes_eq(got, buf_bytes(&want));
    if (ok) {
        cr_assert_eq(store_object_get(w->store, &w->bucket, bytes_str(key), NULL, w->arena, &o), STORE_OK);
        cr_assert_eq(o->etag.parts, n);
        cr_assert_eq(o->n_parts, n);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(o->parts[i].size, part_sizes[i]);
        for (uint64_t at = 0; at < want.n; at += want.n / 7 + 1) { /* ranges across parts */
            uint64_t length = want.n - at < want.n / 3 ? want.n - at : want.n / 3;
            cr_assert_eq(world_read(w, o, at, length, &got), STORE_OK);
            cr_assert(bytes_eq(got, bytes_of(want.p + at, length)));
        }
        struct checksum_value sum;
        if (o->checksum_type == CHECKSUM_FULL_OBJECT) {
            checksum_of(o->checksum.alg, want.p, want.n, &sum);
            cr_assert(checksum_equal(&sum, &o->checksum));
        }
    }
    buf_fini(&want);
    return ok;
}

Test(store_upload, parts_become_an_object)
{
    /* sizes of parts: inline, in a blob, mixed; the world's smallest part but the last is 1 KiB */
    static const struct {
        size_t n, sizes[3];
        bool inlined;
    } cases[] = {
        {1, {0}, true},
        {1, {10}, true},
        {1, {50000}, false},
        {2, {2000, 3000}, true},
        {2, {50000, 0}, false},
        {2, {50000, 7}, false},
        {2, {16000, 16000}, false},
        {3, {30000, 2000, 40000}, false},
        {3, {2000, 30000, 9}, false},
    };
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct world w = world_open();
        struct store_upload u = world_upload(&w, &w.bucket, "k");
        unsigned numbers[3] = {1, 7, 10000};
        struct store_etag etags[3];
        struct store_object *o;
        cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 60000, NULL), STORE_OK);
        for (size_t i = 0; i < cases[c].n; i++)
            etags[i] = part(&w, "k", u.id, numbers[i], cases[c].sizes[i]);
        part(&w, "k", u.id, 9000, 40000); /* not used */
        cr_assert(world_holds(&w, &w.bucket, "k", 1, 60000), "nothing to be seen before completion");
        cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, cases[c].n, numbers, etags, NULL), STORE_OK);
        cr_assert(holds_parts(&w, "k", cases[c].n, numbers, cases[c].sizes), "case %zu", c);
        cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
        cr_assert_eq(o->n_extents == 0, cases[c].inlined);
        world_restart(&w);
        world_collect(&w);
        world_check(&w, true);
        cr_assert(holds_parts(&w, "k", cases[c].n, numbers, cases[c].sizes), "case %zu", c);
        cr_assert_eq(world_records(&w, w.bucket.partition, KEY_PART), 0);
        cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
        world_collect(&w);
        cr_assert_eq(world_blobs_count(&w), 0);
        cr_assert_eq(index_double_records(w.disk_index, w.bucket.partition), 0);
        world_close(&w);
    }
}

Test(store_upload, many_parts_use_a_manifest)
{
    struct world w = world_open();
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    enum { N = 40 };
    unsigned numbers[N];
    size_t part_sizes[N];
    struct store_etag etags[N];
    struct store_object *o;
    for (unsigned i = 0; i < N; i++) {
        numbers[i] = i + 1;
        part_sizes[i] = 17000 + i;
        etags[i] = part(&w, "k", u.id, numbers[i], part_sizes[i]);
    }
    cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, N, numbers, etags, NULL), STORE_OK);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_MANIFEST), 1);
    cr_assert(holds_parts(&w, "k", N, numbers, part_sizes));
    cr_assert_eq(store_object_head(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
    cr_assert(o->n_parts == N && o->parts == NULL && o->etag.parts == N);
    cr_assert_eq(world_copy(&w, &w.bucket, "k", &w.bucket, "copy"), STORE_OK);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 3, NULL), STORE_OK);
    world_collect(&w);
    world_check(&w, true);
    cr_assert_eq(world_blobs_count(&w), N);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("copy"), NULL, NULL), STORE_OK);
    world_collect(&w);
    cr_assert_eq(world_blobs_count(&w), 0);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_MANIFEST), 0);
    world_close(&w);
}

Test(store_upload, MPU_01_wrong_lists_are_refused_and_the_upload_stays)
{
    struct world w = world_open();
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    struct store_etag e[3] = {part(&w, "k", u.id, 1, 2000), part(&w, "k", u.id, 2, 500), part(&w, "k", u.id, 3, 10)};
    struct store_complete_part parts[3];
    struct store_complete req = {
        .bucket = &w.bucket, .key = BYTES_LIT("k"), .upload_id = u.id, .parts = parts, .expected_size = UINT64_MAX};
    struct store_complete_error err;
    struct store_object *o;
    char text[3][STORE_ETAG_TEXT_MAX];
    for (unsigned i = 0; i < 3; i++)
        parts[i] =
            (struct store_complete_part){.number = i + 1, .etag = bytes_of(text[i], store_etag_text(&e[i], text[i]))};

    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_INVALID_PART, "no parts");
    req.n_parts = 2;
    parts[1].number = 4;
    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_INVALID_PART);
    cr_assert_eq(err.part_number, 4);
    parts[1].number = 2;
    parts[1].etag = parts[0].etag;
    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_INVALID_PART);
    cr_assert(err.part_number == 2 && bytes_eq(err.etag, parts[0].etag));
    parts[1].etag = bytes_of(text[1], 32);
    req.n_parts = 3; /* the second is too small to stand in the middle */
    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_PART_TOO_SMALL);
    cr_assert(err.part_number == 2 && err.size == 500);
    req.n_parts = 2;
    checksum_of(CHECKSUM_CRC64NVME, "x", 1, &parts[0].checksum);
    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_INVALID_PART);
    parts[0].checksum.alg = CHECKSUM_NONE;
    req.key = BYTES_LIT("other");
    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_NO_SUCH_UPLOAD);
    req.key = BYTES_LIT("k");
    req.upload_id = BYTES_LIT("nonsense");
    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_NO_SUCH_UPLOAD);
    req.upload_id = u.id;
    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_OK);
    cr_assert(holds_parts(&w, "k", 2, (unsigned[]){1, 2}, (size_t[]){2000, 500}));
    world_close(&w);
}

Test(store_upload, MPU_03_complete_again_answers_the_same)
{
    struct world w = world_open();
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    struct store_etag e = part(&w, "k", u.id, 1, 50000);
    char text[STORE_ETAG_TEXT_MAX];
    struct store_complete_part p = {.number = 1, .etag = bytes_of(text, store_etag_text(&e, text))};
    struct store_complete req = {.bucket = &w.bucket,
                                 .key = BYTES_LIT("k"),
                                 .upload_id = u.id,
                                 .parts = &p,
                                 .n_parts = 1,
                                 .expected_size = UINT64_MAX};
    struct store_object *first, *again;
    struct store_upload gone;
    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &first, NULL), STORE_OK);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 9, 10, NULL), STORE_OK);
    world_restart(&w);
    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &again, NULL), STORE_OK);
    cr_assert(memcmp(&first->etag, &again->etag, sizeof first->etag) == 0 && first->size == again->size &&
              first->mtime_ms == again->mtime_ms && checksum_equal(&first->checksum, &again->checksum));
    cr_assert(world_holds(&w, &w.bucket, "k", 9, 10), "and changes nothing");
    cr_assert_eq(store_upload_get(w.store, &w.bucket, req.key, u.id, w.arena, &gone), STORE_NO_SUCH_UPLOAD);
    cr_assert_eq(store_upload_abort(w.store, &w.bucket, req.key, u.id), STORE_NO_SUCH_UPLOAD);
    world_collect(&w); /* a day later */
    cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &again, NULL), STORE_NO_SUCH_UPLOAD);
    world_check(&w, true);
    world_close(&w);
}

Test(store_upload, MPU_05_no_part_after_abort)
{
    struct world w = world_open();
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    struct store_etag e;
    part(&w, "k", u.id, 1, 50000);
    part(&w, "k", u.id, 2, 500);
    struct store_put put = {
        .bucket = &w.bucket, .key = BYTES_LIT("k"), .upload_id = u.id, .part_number = 3, .expected_size = UINT64_MAX};
    struct store_write *wr; /* begun before the abort, ends after it */
    cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
    cr_assert_eq(store_write_append(wr, world_bytes(w.arena, 1, 30000), 30000), STORE_OK);
    uint64_t before = index_double_batches(w.disk_index);
    cr_assert_eq(store_upload_abort(w.store, &w.bucket, BYTES_LIT("k"), u.id), STORE_OK);
    cr_assert_eq(index_double_batches(w.disk_index) - before, 1);
    cr_assert_eq(store_write_commit_wait(wr), STORE_NO_SUCH_UPLOAD);
    store_write_close(&wr);
    cr_assert_eq(world_put_part(&w, &w.bucket, "k", u.id, 1, 1, 5, &e), STORE_NO_SUCH_UPLOAD);
    cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, 1, (unsigned[]){1}, &e, NULL), STORE_NO_SUCH_UPLOAD);
    cr_assert_eq(store_upload_abort(w.store, &w.bucket, BYTES_LIT("k"), u.id), STORE_NO_SUCH_UPLOAD);
    world_collect(&w);
    cr_assert_eq(world_blobs_count(&w), 0, "space is given back");
    cr_assert_eq(index_double_records(w.disk_index, w.bucket.partition), 0);
    world_close(&w);
}

Test(store_upload, MPU_06_the_etag_list_decides_about_a_part_sent_twice)
{
    struct world w = world_open();
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    struct store_etag first, second;
    cr_assert_eq(world_put_part(&w, &w.bucket, "k", u.id, 1, 1, 40000, &first), STORE_OK);
    cr_assert_eq(world_put_part(&w, &w.bucket, "k", u.id, 1, 101, 40000, &second), STORE_OK);
    cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, 1, (unsigned[]){1}, &first, NULL), STORE_INVALID_PART);
    cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, 1, (unsigned[]){1}, &second, NULL), STORE_OK);
    cr_assert(holds_parts(&w, "k", 1, (unsigned[]){1}, (size_t[]){40000}));
    world_collect(&w);
    cr_assert_eq(world_blobs_count(&w), 1);
    world_close(&w);
}

/* ---- checksums ---- */

static struct store_upload upload_with(struct world *w, enum checksum_alg alg, enum checksum_type type)
{
    struct store_upload u;
    struct store_header h = {BYTES_LIT("content-type"), BYTES_LIT("x/y")};
    struct store_put put = {.bucket = &w->bucket,
                            .key = BYTES_LIT("k"),
                            .owner = BYTES_LIT("alice"),
                            .checksum = alg,
                            .explicit_checksum = alg != CHECKSUM_NONE,
                            .headers = &h,
                            .n_headers = 1,
                            .storage_class = BYTES_LIT("GLACIER_IR")};
    cr_assert_eq(store_upload_create(w->store, &put, type, w->arena, &u), STORE_OK);
    return u;
}

Test(store_upload, MPU_10_object_checksum_and_size_are_verified)
{
    static const struct {
        enum checksum_alg alg;
        enum checksum_type type, want;
    } cases[] = {
        {CHECKSUM_NONE, CHECKSUM_TYPE_NONE, CHECKSUM_FULL_OBJECT},
        {CHECKSUM_CRC32, CHECKSUM_TYPE_NONE, CHECKSUM_COMPOSITE},
        {CHECKSUM_CRC32, CHECKSUM_FULL_OBJECT, CHECKSUM_FULL_OBJECT},
        {CHECKSUM_CRC32C, CHECKSUM_COMPOSITE, CHECKSUM_COMPOSITE},
        {CHECKSUM_CRC32C, CHECKSUM_FULL_OBJECT, CHECKSUM_FULL_OBJECT},
        {CHECKSUM_CRC64NVME, CHECKSUM_TYPE_NONE, CHECKSUM_FULL_OBJECT},
        {CHECKSUM_SHA1, CHECKSUM_TYPE_NONE, CHECKSUM_COMPOSITE},
        {CHECKSUM_SHA256, CHECKSUM_TYPE_NONE, CHECKSUM_COMPOSITE},
    };
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct world w = world_open();
        struct store_upload u = upload_with(&w, cases[c].alg, cases[c].type), got;
        enum checksum_alg alg = cases[c].alg ? cases[c].alg : CHECKSUM_CRC64NVME;
        size_t part_sizes[3] = {40000, 2000, 77};
        unsigned numbers[3] = {1, 2, 3};
        struct checksum_value sums[3], want;
        struct buf whole, digests;
        struct store_complete_part parts[3];
        char text[3][STORE_ETAG_TEXT_MAX];
        cr_assert_eq(store_upload_get(w.store, &w.bucket, BYTES_LIT("k"), u.id, w.arena, &got), STORE_OK);
        cr_assert(got.checksum == cases[c].alg && got.n_headers == 1 && bytes_eq_str(got.storage_class, "GLACIER_IR"));
        cr_assert_eq(got.checksum_type, cases[c].alg ? cases[c].want : CHECKSUM_TYPE_NONE);
        buf_init(&whole, 1 << 20);
        buf_init(&digests, 1 << 20);
        cr_assert_eq(world_put(&w, &w.bucket, "k", 5, 5, NULL), STORE_OK);
        for (unsigned i = 0; i < 3; i++) {
            struct store_etag e = part(&w, "k", u.id, i + 1, part_sizes[i]);
            const char *data = world_bytes(w.arena, 101 + i, part_sizes[i]);
            checksum_of(alg, data, part_sizes[i], &sums[i]);
            buf_put(&whole, data, part_sizes[i]);
            buf_put(&digests, sums[i].b, checksum_info(alg)->bytes);
            parts[i] = (struct store_complete_part){
                .number = i + 1, .etag = bytes_of(text[i], store_etag_text(&e, text[i])), .checksum = sums[i]};
        }
        struct buf *over = cases[c].want == CHECKSUM_COMPOSITE ? &digests : &whole;
        checksum_of(alg, over->p, over->n, &want);
        struct store_complete req = {.bucket = &w.bucket,
                                     .key = BYTES_LIT("k"),
                                     .upload_id = u.id,
                                     .parts = parts,
                                     .n_parts = 3,
                                     .expected_size = 42077,
                                     .checksum = want};
        struct store_complete_error err;
        struct store_object *o;
        req.checksum.b[0] ^= 1;
        cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_CHECKSUM_MISMATCH);
        cr_assert_eq(err.part_number, 0);
        req.checksum = want;
        req.expected_size = 42078;
        cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_SIZE_MISMATCH);
        cr_assert_eq(err.size, 42077);
        req.expected_size = 42077;
        cr_assert(world_holds(&w, &w.bucket, "k", 5, 5));
        req.expected_size = UINT64_MAX;
        parts[1].checksum.b[0] ^= 1;
        cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_INVALID_PART);
        cr_assert_eq(err.part_number, 2);
        parts[1].checksum.b[0] ^= 1;
        cr_assert_eq(store_upload_complete(w.store, &req, w.arena, &o, &err), STORE_OK);
        cr_assert(checksum_equal(&o->checksum, &want) && o->checksum_type == cases[c].want);
        cr_assert(holds_parts(&w, "k", 3, numbers, part_sizes));
        cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
        cr_assert(checksum_equal(&o->checksum, &want) && o->checksum_type == cases[c].want);
        cr_assert(bytes_eq_str(o->storage_class, "GLACIER_IR") && bytes_eq_str(o->owner, "alice") && o->n_headers == 1);
        cr_assert_eq(o->explicit_checksum, cases[c].alg != CHECKSUM_NONE);
        for (int i = 0; i < 3; i++)
            cr_assert(cases[c].alg ? checksum_equal(&o->parts[i].checksum, &sums[i])
                                   : o->parts[i].checksum.alg == CHECKSUM_NONE);
        buf_fini(&whole);
        buf_fini(&digests);
        world_close(&w);
    }
}

Test(store_upload, a_parts_own_checksum_is_verified_beside_the_uploads)
{
    struct world w = world_open();
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    for (size_t size = 10; size < 50000; size *= 1000)
        for (int wrong = 0; wrong < 2; wrong++) {
            const char *data = world_bytes(w.arena, 1, size);
            struct store_put put = {.bucket = &w.bucket,
                                    .key = BYTES_LIT("k"),
                                    .upload_id = u.id,
                                    .part_number = 1,
                                    .checksum = CHECKSUM_SHA256,
                                    .expected_size = size};
            struct checksum_value sha, got;
            struct store_write *wr;
            struct store_part *parts;
            size_t n;
            bool more;
            checksum_of(CHECKSUM_SHA256, data, size, &sha);
            cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
            cr_assert_eq(store_write_append(wr, data, size), STORE_OK);
            sha.b[3] ^= wrong;
            store_write_expect_checksum(wr, &sha);
            cr_assert_eq(store_write_commit_wait(wr), wrong ? STORE_CHECKSUM_MISMATCH : STORE_OK);
            store_write_checksum(wr, &got);
            cr_assert_eq(got.alg, CHECKSUM_SHA256, "what was sent is echoed");
            store_write_close(&wr);
            cr_assert_eq(store_part_list(w.store, &w.bucket, &u, 0, 10, w.arena, &parts, &n, &more), STORE_OK);
            cr_assert(n == 1 || (n == 0 && wrong));
            cr_assert(n == 0 || parts[0].checksum.alg == CHECKSUM_CRC64NVME, "what the store needs is kept");
        }
    world_close(&w);
}

/* ---- conditions ---- */

Test(store_upload, conditions_remember_writes_since_the_upload_began)
{
    enum { NOTHING, PUT, PUT_SAME, DELETE };
    static const struct {
        int before, since;
        bool none_match, match; /* match: the current ETag at completion */
        int want;
    } cases[] = {
        {NOTHING, NOTHING, true, false, STORE_OK},
        {PUT, NOTHING, true, false, STORE_PRECONDITION_FAILED},
        {NOTHING, PUT, true, false, STORE_PRECONDITION_FAILED},
        {PUT, DELETE, true, false, STORE_CONFLICT},
        {PUT, NOTHING, false, true, STORE_OK},
        {PUT, PUT, false, true, STORE_CONFLICT},
        {PUT, PUT_SAME, false, true, STORE_CONFLICT},
        {NOTHING, PUT, false, true, STORE_CONFLICT},
        {PUT, DELETE, false, true, STORE_NO_SUCH_KEY},
        {PUT, PUT, false, false, STORE_OK},
        {PUT, DELETE, false, false, STORE_OK},
    };
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct world w = world_open();
        struct store_object *o;
        char text[STORE_ETAG_TEXT_MAX];
        if (cases[c].before == PUT)
            cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 10, NULL), STORE_OK);
        struct store_upload u = world_upload(&w, &w.bucket, "k");
        struct store_etag e = part(&w, "k", u.id, 1, 50000);
        if (cases[c].since == PUT || cases[c].since == PUT_SAME)
            cr_assert_eq(world_put(&w, &w.bucket, "k", cases[c].since == PUT ? 2 : 1, 10, NULL), STORE_OK);
        struct store_condition cond = {
            .if_none_match = cases[c].none_match, .if_match = cases[c].match, .if_match_etag = BYTES_LIT("x")};
        if (cases[c].match && store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o) == STORE_OK)
            cond.if_match_etag = bytes_of(text, store_etag_text(&o->etag, text));
        if (cases[c].since == DELETE)
            cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
        cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, 1, (unsigned[]){1}, &e, &cond), cases[c].want, "case %zu",
                     c);
        struct store_upload still;
        cr_assert_eq(store_upload_get(w.store, &w.bucket, BYTES_LIT("k"), u.id, w.arena, &still),
                     cases[c].want == STORE_OK ? STORE_NO_SUCH_UPLOAD : STORE_OK);
        world_close(&w);
    }
}

/* ---- lists ---- */

Test(store_upload, list_parts_by_pages)
{
    struct world w = world_open();
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    struct store_part *parts;
    size_t n, seen = 0;
    bool more = true;
    for (unsigned i = 1; i <= 25; i++)
        part(&w, "k", u.id, i * 3, i % 2 ? 10 : 20000);
    for (unsigned after = 0; more; after = parts[n - 1].number) {
        cr_assert_eq(store_part_list(w.store, &w.bucket, &u, after, 4, w.arena, &parts, &n, &more), STORE_OK);
        for (size_t i = 0; i < n; i++) {
            seen++;
            cr_assert_eq(parts[i].number, seen * 3);
            cr_assert_eq(parts[i].size, seen % 2 ? 10 : 20000);
            cr_assert_gt(parts[i].mtime_ms, 0);
        }
        cr_assert(n == 4 || !more);
    }
    cr_assert_eq(seen, 25);
    cr_assert_eq(store_part_list(w.store, &w.bucket, &u, 75, 4, w.arena, &parts, &n, &more), STORE_OK);
    cr_assert(n == 0 && !more);
    cr_assert_eq(store_part_list(w.store, &w.bucket, &u, 0, 0, w.arena, &parts, &n, &more), STORE_OK);
    cr_assert(n == 0 && !more);
    world_close(&w);
}

struct rows {
    struct arena *arena;
    char text[4096];
};

static void note_row(void *arg, const struct store_upload_row *row)
{
    struct rows *r = arg;
    size_t n = strlen(r->text);
    struct bytes s = row->is_prefix ? row->prefix : row->upload.key;
    snprintf(r->text + n, sizeof r->text - n, "%.*s%s ", (int)s.n, s.p, row->is_prefix ? "*" : "");
}

static const char *list_uploads(struct world *w, struct store_upload_list *list, struct store_upload_list_end *end)
{
    struct rows *r = arena_new(w->arena, struct rows);
    cr_assert_eq(store_upload_list(w->store, &w->bucket, list, note_row, r, w->arena, end), STORE_OK);
    return r->text;
}

Test(store_upload, list_uploads)
{
    struct world w = world_open();
    struct store_upload_list_end end;
    const char *keys[] = {"a", "b/1", "b/2", "b/2", "c", "b!"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        world_upload(&w, &w.bucket, keys[i]);
        clock_test_shift_ms((int64_t)i * 10 + 10); /* a time of initiation of its own */
    }
    clock_test_shift_ms(0);
    struct store_upload_list list = {.max = 100};
    cr_assert_str_eq(list_uploads(&w, &list, &end), "a b! b/1 b/2 b/2 c ");
    cr_assert(!end.truncated && bytes_eq_str(end.last_key, "c") && end.last_id.n == KEY_UPLOAD_TEXT);
    list.delimiter = BYTES_LIT("/");
    cr_assert_str_eq(list_uploads(&w, &list, &end), "a b! b/* c ");
    list.max = 3;
    cr_assert_str_eq(list_uploads(&w, &list, &end), "a b! b/* ");
    cr_assert(end.truncated && bytes_eq_str(end.last_key, "b/") && end.last_id.n == 0);
    list.key_marker = end.last_key;
    cr_assert_str_eq(list_uploads(&w, &list, &end), "c ");
    cr_assert_not(end.truncated);
    list.key_marker = BYTES_LIT("b/1");
    cr_assert_str_eq(list_uploads(&w, &list, &end), "c ", "a marker inside a group skips it");
    list = (struct store_upload_list){.max = 100, .prefix = BYTES_LIT("b/")};
    cr_assert_str_eq(list_uploads(&w, &list, &end), "b/1 b/2 b/2 ");
    list.key_marker = BYTES_LIT("b/1");
    cr_assert_str_eq(list_uploads(&w, &list, &end), "b/2 b/2 ");
    list.key_marker = BYTES_LIT("b/2");
    cr_assert_str_eq(list_uploads(&w, &list, &end), "");
    list = (struct store_upload_list){.max = 0};
    cr_assert_str_eq(list_uploads(&w, &list, &end), "");
    cr_assert_not(end.truncated);
    list = (struct store_upload_list){.max = 1, .key_marker = BYTES_LIT("a"), .upload_id_marker = BYTES_LIT("?")};
    struct rows none = {0};
    cr_assert_eq(store_upload_list(w.store, &w.bucket, &list, note_row, &none, w.arena, &end), STORE_NO_SUCH_UPLOAD);

    /* One at a time, each exactly once. */
    char all[4096] = "";
    list = (struct store_upload_list){.max = 1};
    do {
        strcat(all, list_uploads(&w, &list, &end));
        list.key_marker = end.last_key;
        list.upload_id_marker = end.last_id;
    } while (end.truncated);
    cr_assert_str_eq(all, "a b! b/1 b/2 b/2 c ");
    world_close(&w);
}

/* ---- faults and crashes ---- */

static const enum index_double_fault faults[] = {INDEX_DOUBLE_CONFLICT,        INDEX_DOUBLE_STALE,
                                                 INDEX_DOUBLE_UNAVAILABLE,     INDEX_DOUBLE_FULL,
                                                 INDEX_DOUBLE_UNKNOWN_APPLIED, INDEX_DOUBLE_UNKNOWN_LOST};

static const unsigned two[] = {1, 2};
static const size_t two_sizes[] = {50000, 600};

/* An overwriting upload, the whole of it: the first thing that fails ends it. */
static int whole_upload(struct world *w)
{
    struct store_upload u;
    struct store_etag e[2];
    struct store_put put = {.bucket = &w->bucket, .key = BYTES_LIT("k"), .owner = BYTES_LIT("alice")};
    int rc = store_upload_create(w->store, &put, CHECKSUM_TYPE_NONE, w->arena, &u);
    if (rc == STORE_OK)
        rc = world_put_part(w, &w->bucket, "k", u.id, 1, 9, 40000, &e[0]);
    for (unsigned i = 0; rc == STORE_OK && i < 2; i++)
        rc = world_put_part(w, &w->bucket, "k", u.id, two[i], 100 + two[i], two_sizes[i], &e[i]);
    if (rc == STORE_OK)
        rc = world_put_part(w, &w->bucket, "k", u.id, 3, 9, 45000, &e[0]) ? -99 : STORE_OK;
    if (rc == STORE_OK) {
        unsigned char md5[16];
        md5_of(world_bytes(w->arena, 101, two_sizes[0]), two_sizes[0], md5);
        memcpy(e[0].md5, md5, 16);
        rc = world_complete(w, &w->bucket, "k", u.id, 2, two, e, NULL);
    }
    return rc;
}

static void check_after(struct world *w, int rc)
{
    bool is_old = world_holds(w, &w->bucket, "k", 1, 60000), is_new = holds_parts(w, "k", 2, two, two_sizes);
    cr_assert(rc == STORE_OK ? is_new : is_old || is_new);
    world_check(w, false);
    struct store_upload_list list = {.max = 10};
    struct store_upload_list_end end;
    const char *left = list_uploads(w, &list, &end);
    if (left[0])
        cr_assert_eq(store_upload_abort(w->store, &w->bucket, BYTES_LIT("k"), end.last_id), STORE_OK);
    world_collect(w);
    world_check(w, true);
    is_old = world_holds(w, &w->bucket, "k", 1, 60000);
    cr_assert_eq(is_old, !holds_parts(w, "k", 2, two, two_sizes));
    cr_assert_eq(world_blobs_count(w), 1);
    cr_assert_eq(world_records(w, w->bucket.partition, KEY_PART), 0);
}

Test(store_upload, every_index_fault_at_every_batch)
{
    for (size_t f = 0; f < ARRAY_LEN(faults); f++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 60000, NULL), STORE_OK);
            index_double_fail(w.disk_index, nth, faults[f]);
            int rc = whole_upload(&w);
            bool fired = index_double_fired(w.disk_index);
            bool heals = faults[f] != INDEX_DOUBLE_UNAVAILABLE && faults[f] != INDEX_DOUBLE_FULL;
            cr_assert_eq(rc == STORE_OK, !fired || heals, "fault %zu at %u: %s", f, nth, store_rc_name(rc));
            world_restart(&w);
            check_after(&w, rc);
            world_close(&w);
            if (!fired)
                break;
        }
}

Test(store_upload, DUR_03_killed_at_every_step)
{
    for (int after = 0; after < 2; after++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 60000, NULL), STORE_OK);
            world_kill_at(&w, nth, after);
            int rc = whole_upload(&w);
            if (rc == STORE_OK) {
                gc_set_ages(w.store, 0, 0, 0);
                store_collect(w.store); /* dies there too */
            }
            bool killed = world_killed(&w);
            world_restart(&w);
            check_after(&w, rc);
            world_close(&w);
            if (!killed)
                break;
        }
}

Test(store_upload, every_blob_fault)
{
    for (unsigned nth = 1;; nth++) {
        struct world w = world_open();
        cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 60000, NULL), STORE_OK);
        world_fail_blob(&w, nth, BLOB_IO);
        int rc = whole_upload(&w);
        bool fired = world_blob_failed(&w);
        world_restart(&w);
        check_after(&w, rc);
        world_close(&w);
        if (!fired)
            break;
    }
}

/* ---- races ---- */

struct racer {
    pthread_t thread;
    struct world *w;
    const struct store_upload *u;
    struct store_etag e;
    unsigned id;
    int rc;
    struct store_etag made;
};

static int complete_one(struct racer *r, struct arena *a)
{
    char text[STORE_ETAG_TEXT_MAX];
    struct store_complete_part p = {.number = 1, .etag = bytes_of(text, store_etag_text(&r->e, text))};
    struct store_complete req = {.bucket = &r->w->bucket,
                                 .key = BYTES_LIT("k"),
                                 .upload_id = r->u->id,
                                 .parts = &p,
                                 .n_parts = 1,
                                 .expected_size = UINT64_MAX};
    struct store_object *o;
    int rc = store_upload_complete(r->w->store, &req, a, &o, NULL);
    if (rc == STORE_OK)
        r->made = o->etag;
    return rc;
}

static void *finish_somehow(void *arg)
{
    struct racer *r = arg;
    struct arena *a = arena_create(0);
    r->rc = r->id == 0 ? store_upload_abort(r->w->store, &r->w->bucket, BYTES_LIT("k"), r->u->id) : complete_one(r, a);
    arena_free(a);
    return NULL;
}

static void race(struct world *w, const struct store_upload *u, struct store_etag e, struct racer *racers, size_t n,
                 unsigned first)
{
    for (size_t i = 0; i < n; i++) {
        racers[i] = (struct racer){.w = w, .u = u, .e = e, .id = first + (unsigned)i};
        cr_assert_eq(pthread_create(&racers[i].thread, NULL, finish_somehow, &racers[i]), 0);
    }
    for (size_t i = 0; i < n; i++)
        pthread_join(racers[i].thread, NULL);
}

Test(store_upload, MPU_03_sixteen_completions_at_once)
{
    struct world w = world_open();
    for (int round = 0; round < 10; round++) {
        struct store_upload u = world_upload(&w, &w.bucket, "k");
        struct store_etag e = part(&w, "k", u.id, 1, 50000);
        struct racer racers[16];
        race(&w, &u, e, racers, ARRAY_LEN(racers), 1);
        for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
            cr_assert_eq(racers[i].rc, STORE_OK);
            cr_assert_eq(memcmp(&racers[i].made, &racers[0].made, sizeof racers[0].made), 0);
        }
        cr_assert(holds_parts(&w, "k", 1, two, two_sizes));
    }
    world_collect(&w);
    world_check(&w, true);
    cr_assert_eq(world_blobs_count(&w), 1);
    world_close(&w);
}

Test(store_upload, complete_against_abort)
{
    struct world w = world_open();
    for (int round = 0; round < 30; round++) {
        struct store_upload u = world_upload(&w, &w.bucket, "k");
        struct store_etag e = part(&w, "k", u.id, 1, 50000);
        struct racer racers[3];
        struct bytes got;
        race(&w, &u, e, racers, ARRAY_LEN(racers), 0);
        bool aborted = racers[0].rc == STORE_OK;
        cr_assert(aborted || racers[0].rc == STORE_NO_SUCH_UPLOAD);
        for (int i = 1; i < 3; i++)
            cr_assert_eq(racers[i].rc, aborted ? STORE_NO_SUCH_UPLOAD : STORE_OK);
        if (aborted)
            cr_assert_eq(world_get(&w, &w.bucket, "k", &got), STORE_NO_SUCH_KEY);
        else
            cr_assert(holds_parts(&w, "k", 1, two, two_sizes));
        cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
        world_collect(&w);
        cr_assert_eq(world_blobs_count(&w), 0);
    }
    world_close(&w);
}

struct part_racer {
    pthread_t thread;
    struct world *w;
    const struct store_upload *u;
    unsigned bad;
};

static void *send_parts(void *arg)
{
    struct part_racer *r = arg;
    for (unsigned i = 0; i < 30; i++) {
        struct store_etag e;
        int rc = world_put_part(r->w, &r->w->bucket, "k", r->u->id, 1 + i % 3, i, i % 2 ? 20000 : 1500, &e);
        r->bad += rc != STORE_OK && rc != STORE_NO_SUCH_UPLOAD;
    }
    return NULL;
}

/* MPU-05: a part that lands while the upload completes is in it or gone, and never left behind. */
Test(store_upload, MPU_05_parts_against_complete)
{
    struct world w = world_open();
    for (int round = 0; round < 10; round++) {
        struct store_upload u = world_upload(&w, &w.bucket, "k");
        struct store_etag e = part(&w, "k", u.id, 10, 50000);
        struct part_racer r[2] = {{.w = &w, .u = &u}, {.w = &w, .u = &u}};
        for (int i = 0; i < 2; i++)
            cr_assert_eq(pthread_create(&r[i].thread, NULL, send_parts, &r[i]), 0);
        cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, 1, (unsigned[]){10}, &e, NULL), STORE_OK);
        for (int i = 0; i < 2; i++) {
            pthread_join(r[i].thread, NULL);
            cr_assert_eq(r[i].bad, 0);
        }
        world_collect(&w);
        world_check(&w, true);
        cr_assert_eq(world_records(&w, w.bucket.partition, KEY_PART), 0);
        cr_assert_eq(world_blobs_count(&w), 1);
    }
    world_close(&w);
}
