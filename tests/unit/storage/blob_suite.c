/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every blob store must do, run for each backend: files, files where there are no unnamed ones, and the double in
 * memory, so that tests above storage may trust it.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/check.h"
#include "blob_file.h"
#include "tests/double/blob_double.h"
#include "tests/double/fault_io.h"

struct fixture {
    const char *name;
    struct blob_store *st;
    char dir[64];
    bool files;
};

static int rm_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
    (void)sb, (void)flag, (void)ftw;
    return remove(path);
}

static void file_open(struct fixture *fx)
{
    struct blob_file_options options = {.folder = fx->dir, .io = &fault_io};

    cr_assert_eq(blob_file_open(&options, &fx->st), BLOB_OK);
}

static void restart(struct fixture *fx)
{
    if (!fx->files) {
        blob_double_restart(fx->st);
        return;
    }
    fx->st->ops->close(&fx->st);
    cr_assert_null(fx->st);
    file_open(fx);
}

static void with_files(void (*test)(struct fixture *), const char *name)
{
    struct fixture fx = {.name = name, .files = true};

    snprintf(fx.dir, sizeof(fx.dir), "/tmp/blob-suite-XXXXXX");
    cr_assert_not_null(mkdtemp(fx.dir));
    file_open(&fx);
    test(&fx);
    fx.st->ops->close(&fx.st);
    nftw(fx.dir, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void for_each_backend(void (*test)(struct fixture *))
{
    struct fixture fx = {.name = "double", .st = blob_double_new()};

    test(&fx);
    cr_expect_eq(blob_double_users(fx.st), 0);
    fx.st->ops->close(&fx.st);
    fault_reset();
    with_files(test, "files");
    fault_reset();
    fault_no_unnamed(true);
    with_files(test, "named files");
    fault_reset();
}

/* --- helpers
 * ------------------------------------------------------------------------------------------------------------ */

static unsigned char byte_at(uint64_t i)
{
    return (unsigned char)((i * 2654435761u) >> 13 ^ i >> 16);
}

static unsigned char *pattern(size_t n)
{
    unsigned char *p = xmalloc(n);

    for (size_t i = 0; i < n; i++)
        p[i] = byte_at(i);
    return p;
}

static int put(struct fixture *fx, size_t n, size_t piece, const char *desc, struct blob_id *ret)
{
    const struct blob_ops *ops = fx->st->ops;
    struct blob_writer *w = NULL;
    unsigned char *p = pattern(n);
    int rc = ops->create(fx->st, bytes_str(desc), n, &w);

    for (size_t at = 0; rc == BLOB_OK && at < n; at += piece)
        rc = ops->append(w, p + at, n - at < piece ? n - at : piece);
    free(p);
    if (w == NULL)
        return rc;
    int end = ops->finish(&w, BYTES_LIT("the trailer"), ret);
    cr_assert_null(w);
    return rc != BLOB_OK ? rc : end;
}

static void put_ok(struct fixture *fx, size_t n, const char *desc, struct blob_id *ret)
{
    cr_assert_eq(put(fx, n, 10000, desc, ret), BLOB_OK, "%s", fx->name);
}

static bool range_is_right(struct blob_reader *r, const struct blob_ops *ops, uint64_t offset, size_t n)
{
    unsigned char *got = xmalloc(n);
    bool right = ops->read(r, offset, got, n, false) == BLOB_OK;

    for (size_t i = 0; right && i < n; i++)
        right = got[i] == byte_at(offset + i);
    free(got);
    return right;
}

static bool exists(struct fixture *fx, const struct blob_id *id)
{
    struct blob_reader *r = NULL;
    int rc = fx->st->ops->open(fx->st, id, &r);

    cr_assert(rc == BLOB_OK || rc == BLOB_NOT_FOUND, "%s: %s", fx->name, blob_rc_name(rc));
    if (rc == BLOB_OK)
        fx->st->ops->close_reader(&r);
    cr_assert_null(r);
    return rc == BLOB_OK;
}

/* --- the contract
 * ------------------------------------------------------------------------------------------------------- */

static const size_t sizes[] = {0,
                               1,
                               100,
                               4095,
                               4096,
                               4097,
                               BLOB_BLOCK - 4096,
                               BLOB_BLOCK - 1,
                               BLOB_BLOCK,
                               BLOB_BLOCK + 1,
                               3 * BLOB_BLOCK + 17,
                               1000000,
                               16 * BLOB_BLOCK};

static void round_trip(struct fixture *fx)
{
    static const size_t pieces[] = {777, 4096, 16384, 65536, 65537, 400000, 2000000};
    const struct blob_ops *ops = fx->st->ops;

    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
            struct blob_id id;
            struct blob_reader *r = NULL;
            size_t n = sizes[s];
            cr_assert_eq(put(fx, n, pieces[k], "whom it is for", &id), BLOB_OK);
            ops->settled(fx->st, &id);
            cr_assert_eq(ops->open(fx->st, &id, &r), BLOB_OK);
            cr_assert_eq(ops->length(r), n);
            cr_expect(range_is_right(r, ops, 0, n), "%s: %zu by %zu", fx->name, n, pieces[k]);
            cr_expect(range_is_right(r, ops, n / 2, n - n / 2), "%s: %zu by %zu, half", fx->name, n, pieces[k]);
            ops->close_reader(&r);
        }
}

Test(blob_suite, round_trip)
{
    for_each_backend(round_trip);
}

static void ranges(struct fixture *fx)
{
    const struct blob_ops *ops = fx->st->ops;
    const size_t n = 5 * BLOB_BLOCK + 321;
    struct blob_id id;
    struct blob_reader *r = NULL;
    unsigned seed = 1;

    put_ok(fx, n, "", &id);
    cr_assert_eq(ops->open(fx->st, &id, &r), BLOB_OK);
    for (int i = 0; i < 200; i++) {
        seed = seed * 1664525u + 1013904223u;
        size_t from = (seed >> 4) % (n + 1);
        seed = seed * 1664525u + 1013904223u;
        size_t len = i % 4 == 0 ? n - from : (seed >> 4) % (n - from + 1);
        cr_expect(range_is_right(r, ops, from, len), "%s: %zu+%zu", fx->name, from, len);
    }
    for (size_t from = 0; from < n; from += 1000) /* small steps, as a cipher takes them */
        cr_expect(range_is_right(r, ops, from, n - from < 1000 ? n - from : 1000));
    ops->close_reader(&r);
}

Test(blob_suite, ranges)
{
    for_each_backend(ranges);
}

static void range_beyond_the_end(struct fixture *fx)
{
    const struct blob_ops *ops = fx->st->ops;
    struct blob_id id;
    struct blob_reader *r = NULL;
    char buf[64];

    put_ok(fx, 100, "", &id);
    cr_assert_eq(ops->open(fx->st, &id, &r), BLOB_OK);
    cr_expect_eq(ops->read(r, 90, buf, 11, false), BLOB_CORRUPT);
    cr_expect_eq(ops->read(r, 101, buf, 0, false), BLOB_CORRUPT);
    cr_expect_eq(ops->read(r, UINT64_MAX - 5, buf, 20, false), BLOB_CORRUPT);
    cr_expect_eq(ops->read(r, 100, buf, 0, false), BLOB_OK);
    ops->close_reader(&r);
}

Test(blob_suite, range_beyond_the_end)
{
    for_each_backend(range_beyond_the_end);
}

static void description_and_trailer(struct fixture *fx)
{
    static const size_t lengths[] = {0, 1, 500, 4048, 4049, BLOB_DESC_MAX};
    const struct blob_ops *ops = fx->st->ops;

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct arena *arena = arena_create(0);
        struct blob_writer *w = NULL;
        struct blob_reader *r = NULL;
        struct blob_id id;
        struct bytes desc, trailer;
        unsigned char *p = pattern(lengths[i]);
        struct bytes given = bytes_of(p, lengths[i]);
        cr_assert_eq(ops->create(fx->st, given, 0, &w), BLOB_OK);
        cr_assert_eq(ops->append(w, "hello", 5), BLOB_OK);
        cr_assert_eq(ops->finish(&w, given, &id), BLOB_OK);
        cr_assert_eq(ops->open(fx->st, &id, &r), BLOB_OK);
        cr_assert_eq(ops->describe(r, arena, &desc, &trailer), BLOB_OK);
        cr_expect(bytes_eq(desc, given) && bytes_eq(trailer, given), "%s: %zu", fx->name, lengths[i]);
        ops->close_reader(&r);
        arena_free(arena);
        free(p);
    }
}

Test(blob_suite, description_and_trailer)
{
    for_each_backend(description_and_trailer);
}

static void wrong_expectations(struct fixture *fx)
{
    static const uint64_t expected[] = {0, 1, 50, 59 * 1024, 1u << 30};
    const struct blob_ops *ops = fx->st->ops;

    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        struct blob_writer *w = NULL;
        struct blob_reader *r = NULL;
        struct blob_id id;
        unsigned char *p = pattern(150000);
        cr_assert_eq(ops->create(fx->st, BYTES_NONE, expected[i], &w), BLOB_OK);
        for (size_t at = 0; at < 150000; at += 30)
            cr_assert_eq(ops->append(w, p + at, 30), BLOB_OK);
        free(p);
        cr_assert_eq(ops->append(w, NULL, 0), BLOB_OK);
        cr_assert_eq(ops->finish(&w, BYTES_NONE, &id), BLOB_OK);
        cr_assert_eq(ops->open(fx->st, &id, &r), BLOB_OK);
        cr_expect(range_is_right(r, ops, 0, 150000));
        ops->close_reader(&r);
    }
}

Test(blob_suite, wrong_expectations)
{
    for_each_backend(wrong_expectations);
}

static void removal(struct fixture *fx)
{
    const struct blob_ops *ops = fx->st->ops;
    struct blob_id id, other;
    struct blob_reader *r = NULL, *none = NULL;

    put_ok(fx, 200000, "", &id);
    put_ok(fx, 10, "", &other);
    cr_assert(memcmp(id.b, other.b, sizeof(id.b)) != 0);
    cr_assert_eq(ops->open(fx->st, &id, &r), BLOB_OK);
    cr_assert_eq(ops->remove(fx->st, &id), BLOB_OK);
    cr_expect(range_is_right(r, ops, 0, 200000), "%s: who has it open reads on", fx->name);
    ops->close_reader(&r);
    cr_expect_not(exists(fx, &id));
    cr_expect_eq(ops->remove(fx->st, &id), BLOB_OK, "%s: again", fx->name);
    cr_expect(exists(fx, &other));
    memset(&id, 0xee, sizeof(id));
    cr_expect_eq(ops->remove(fx->st, &id), BLOB_OK, "%s: never was", fx->name);
    cr_expect_eq(ops->open(fx->st, &id, &none), BLOB_NOT_FOUND);
    cr_expect_null(none);
    ops->close_reader(&none);
}

Test(blob_suite, removal)
{
    for_each_backend(removal);
}

static void removals_for_good(struct fixture *fx)
{
    const struct blob_ops *ops = fx->st->ops;
    struct blob_id id[3];

    for (int i = 0; i < 3; i++) {
        put_ok(fx, 1000, "", &id[i]);
        ops->settled(fx->st, &id[i]);
    }
    cr_expect_eq(ops->sync_removals(fx->st, NULL, 0), BLOB_OK);
    cr_assert_eq(ops->remove(fx->st, &id[0]), BLOB_OK);
    cr_expect_eq(ops->sync_removals(fx->st, id, 1), BLOB_OK, "%s: in the run that wrote them", fx->name);
    restart(fx);
    ops = fx->st->ops;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(ops->remove(fx->st, &id[i]), BLOB_OK);
    cr_expect_eq(ops->sync_removals(fx->st, id, 2), BLOB_OK, "%s: and later", fx->name);
    cr_expect_eq(ops->sync_removals(fx->st, id, 2), BLOB_OK, "%s: twice", fx->name);
    cr_expect(!exists(fx, &id[0]) && !exists(fx, &id[1]) && exists(fx, &id[2]));
    cr_assert_eq(ops->remove(fx->st, &id[2]), BLOB_OK);
    cr_expect_eq(ops->sync_removals(fx->st, id, 3), BLOB_OK);
    cr_expect_eq(ops->remove(fx->st, &id[2]), BLOB_OK);
    cr_expect_eq(ops->sync_removals(fx->st, id, 3), BLOB_OK, "%s: when nothing is left there", fx->name);
}

Test(blob_suite, removals_for_good)
{
    for_each_backend(removals_for_good);
}

struct keeping {
    int answer;
    int asked;
    struct blob_id last;
    char desc[32];
};

static int keep(void *arg, const struct blob_id *id, struct bytes desc)
{
    struct keeping *k = arg;

    k->asked++;
    k->last = *id;
    snprintf(k->desc, sizeof(k->desc), "%.*s", (int)desc.n, desc.p);
    return k->answer;
}

static void abandon_leaves_nothing(struct fixture *fx)
{
    const struct blob_ops *ops = fx->st->ops;
    struct blob_writer *w = NULL;
    struct keeping k = {.answer = 1};
    unsigned char *p = pattern(300000);

    ops->abandon(&w);
    cr_assert_eq(ops->create(fx->st, BYTES_LIT("x"), 300000, &w), BLOB_OK);
    cr_assert_eq(ops->append(w, p, 300000), BLOB_OK);
    ops->abandon(&w);
    cr_expect_null(w);
    free(p);
    restart(fx);
    cr_expect_eq(fx->st->ops->recover(fx->st, keep, &k), BLOB_OK);
    cr_expect_eq(k.asked, 0);
}

Test(blob_suite, abandon_leaves_nothing)
{
    for_each_backend(abandon_leaves_nothing);
}

static void recovery(struct fixture *fx)
{
    struct blob_id settled, open, fresh;
    struct keeping k = {.answer = -1};

    put_ok(fx, 10, "settled", &settled);
    fx->st->ops->settled(fx->st, &settled);
    restart(fx); /* a clean stop with everything settled: nobody is asked */
    cr_expect_eq(fx->st->ops->recover(fx->st, keep, &k), BLOB_OK);
    cr_expect_eq(k.asked, 0, "%s", fx->name);

    put_ok(fx, 20, "open", &open);
    restart(fx);
    put_ok(fx, 30, "of this run", &fresh);
    cr_expect_eq(fx->st->ops->recover(fx->st, keep, &k), BLOB_OK);
    cr_expect_eq(k.asked, 1, "%s", fx->name);
    cr_expect_str_eq(k.desc, "open");
    cr_expect(memcmp(&k.last, &open, sizeof(open)) == 0);
    cr_expect(exists(fx, &open), "%s: left for the next time", fx->name);

    fx->st->ops->settled(fx->st, &fresh);
    restart(fx);
    k = (struct keeping){.answer = 0};
    fx->st->ops->recover(fx->st, keep, &k);
    cr_expect(k.asked >= 1, "%s", fx->name);
    cr_expect_not(exists(fx, &open));
    restart(fx);
    k = (struct keeping){.answer = 0};
    fx->st->ops->recover(fx->st, keep, &k);
    cr_expect_eq(k.asked, 0, "%s: over", fx->name);
    cr_expect(exists(fx, &settled));
}

Test(blob_suite, recovery)
{
    for_each_backend(recovery);
}

static void kept_is_settled(struct fixture *fx)
{
    struct blob_id id;
    struct keeping k = {.answer = 1};

    put_ok(fx, 10, "kept", &id);
    restart(fx);
    fx->st->ops->recover(fx->st, keep, &k);
    fx->st->ops->recover(fx->st, keep, &k);
    restart(fx);
    fx->st->ops->recover(fx->st, keep, &k);
    cr_expect_eq(k.asked, 1, "%s: %d", fx->name, k.asked);
    cr_expect(exists(fx, &id));
}

Test(blob_suite, kept_is_settled)
{
    for_each_backend(kept_is_settled);
}

static void nowait_after_reading(struct fixture *fx)
{
    const struct blob_ops *ops = fx->st->ops;
    struct blob_id id;
    struct blob_reader *r = NULL;
    const size_t n = 300000;
    unsigned char *buf = xmalloc(n);

    put_ok(fx, n, "", &id);
    cr_assert_eq(ops->open(fx->st, &id, &r), BLOB_OK);
    cr_expect(range_is_right(r, ops, 0, n));
    cr_expect_eq(ops->read(r, 0, buf, n, true), BLOB_OK);
    cr_expect_eq(ops->read(r, 70000, buf, 1000, true), BLOB_OK);
    fx->files ? fault_cold(true) : blob_double_cold(fx->st, true);
    cr_expect_eq(ops->read(r, 270000, buf, 1000, true), BLOB_WOULD_BLOCK, "%s", fx->name);
    cr_expect_eq(ops->read(r, 0, buf, 2 * BLOB_BLOCK, true), BLOB_WOULD_BLOCK, "%s: whole blocks too", fx->name);
    cr_expect(range_is_right(r, ops, 0, n), "%s: with waiting it works", fx->name);
    cr_expect(range_is_right(r, ops, 70000, 1000), "%s: with waiting it works", fx->name);
    fx->files ? fault_cold(false) : blob_double_cold(fx->st, false);
    free(buf);
    ops->close_reader(&r);
}

Test(blob_suite, nowait_after_reading)
{
    for_each_backend(nowait_after_reading);
}

#define THREADS   6
#define PER_WRITE 40

struct worker {
    struct fixture *fx;
    size_t size;
    struct blob_id kept[PER_WRITE];
    size_t kept_n, wrong;
};

static void *work(void *arg)
{
    struct worker *k = arg;
    const struct blob_ops *ops = k->fx->st->ops;

    for (int i = 0; i < PER_WRITE; i++) {
        struct blob_id id;
        struct blob_reader *r = NULL;
        if (put(k->fx, k->size, 5000, "of a thread", &id) != BLOB_OK || ops->open(k->fx->st, &id, &r) != BLOB_OK) {
            k->wrong++;
            continue;
        }
        if (i % 2 == 0) {
            k->wrong += ops->remove(k->fx->st, &id) != BLOB_OK;
            ops->settled(k->fx->st, &id);
        } else {
            k->kept[k->kept_n++] = id;
        }
        k->wrong += !range_is_right(r, ops, 0, k->size);
        ops->close_reader(&r);
    }
    return NULL;
}

static void threads(struct fixture *fx)
{
    struct worker workers[THREADS];
    pthread_t ids[THREADS];
    struct keeping k = {.answer = 1};

    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.fx = fx, .size = (size_t)i * 20000 + 5};
        cr_assert_eq(pthread_create(&ids[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 3; i++) /* all of it is of this run */
        fx->st->ops->recover(fx->st, keep, &k);
    cr_expect_eq(k.asked, 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
        cr_expect_eq(workers[i].wrong, 0, "%s", fx->name);
        for (size_t j = 0; j < workers[i].kept_n; j++)
            cr_expect(exists(fx, &workers[i].kept[j]));
    }
}

Test(blob_suite, threads)
{
    for_each_backend(threads);
}

static void room(struct fixture *fx)
{
    uint64_t left = 0, all = 0;

    fx->st->ops->space(fx->st, &left, &all);
    cr_expect(all > 0 && left <= all);
}

Test(blob_suite, room)
{
    for_each_backend(room);
}

/* --- the double's own tricks
 * ------------------------------------------------------------------------------------------------ */

Test(blob_double, fails_on_demand)
{
    struct fixture fx = {.name = "double", .st = blob_double_new()};
    const struct blob_ops *ops = fx.st->ops;
    struct blob_id id, other;
    struct blob_reader *r = NULL;
    char b;

    blob_double_fail(fx.st, BLOB_DOUBLE_FINISH, 1, BLOB_FULL);
    put_ok(&fx, 10, "", &id);
    cr_expect_eq(put(&fx, 10, 10, "", &other), BLOB_FULL);
    cr_expect(blob_double_calm(fx.st));
    cr_expect_eq(blob_double_count(fx.st), 1);
    cr_expect_eq(blob_double_bytes(fx.st), 10);
    cr_expect_eq(blob_double_unsettled(fx.st), 1);
    cr_expect(blob_double_has(fx.st, &id));
    blob_double_fail_from(fx.st, BLOB_DOUBLE_ANY, 0, BLOB_IO);
    cr_expect_eq(put(&fx, 10, 10, "", &other), BLOB_IO);
    cr_expect_eq(ops->open(fx.st, &id, &r), BLOB_IO);
    cr_expect(blob_double_calm(fx.st));
    cr_expect_not(blob_double_calm(fx.st));
    blob_double_rot(fx.st, &id, 5);
    cr_assert_eq(ops->open(fx.st, &id, &r), BLOB_OK);
    cr_expect_eq(ops->read(r, 0, &b, 1, false), BLOB_CORRUPT);
    ops->close_reader(&r);
    cr_expect_eq(blob_double_users(fx.st), 0);
    ops->close(&fx.st);
}

Test(blob_double, a_power_cut_brings_back_what_was_not_removed_for_good)
{
    struct fixture fx = {.name = "double", .st = blob_double_new()};
    struct blob_id id[3];

    for (int i = 0; i < 3; i++) {
        put_ok(&fx, 10, "", &id[i]);
        fx.st->ops->settled(fx.st, &id[i]);
        cr_assert_eq(fx.st->ops->remove(fx.st, &id[i]), BLOB_OK);
    }
    cr_assert_eq(fx.st->ops->sync_removals(fx.st, &id[1], 1), BLOB_OK);
    blob_double_fail(fx.st, BLOB_DOUBLE_SYNC_REMOVALS, 0, BLOB_IO);
    cr_expect_eq(fx.st->ops->sync_removals(fx.st, &id[2], 1), BLOB_IO);
    cr_expect(blob_double_calm(fx.st));
    blob_double_restart(fx.st);
    cr_expect_eq(blob_double_count(fx.st), 0, "the death of the process does not");
    blob_double_power_cut(fx.st);
    cr_expect(blob_double_has(fx.st, &id[0]) && !blob_double_has(fx.st, &id[1]) && blob_double_has(fx.st, &id[2]));
    cr_expect_eq(blob_double_unsettled(fx.st), 0);
    fx.st->ops->close(&fx.st);
}

Test(blob, rc_names)
{
    for (int rc = BLOB_OK; rc >= BLOB_WOULD_BLOCK; rc--)
        cr_expect(strcmp(blob_rc_name(rc), "unknown") != 0);
    cr_expect_str_eq(blob_rc_name(-99), "unknown");
    cr_expect_str_eq(blob_rc_name(BLOB_CORRUPT), "CORRUPT");
}
