/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs in files when things go wrong: every system call fails once, the disk is full, the power goes, bits rot, and
 * strangers leave things in our folders. What every backend must do is in blob_suite.c.
 */
#include "blob_file.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/check.h"
#include "checksum.h"
#include "storage/blob_format.h"
#include "tests/double/fault_io.h"

#define PIECE (BLOB_BLOCK + 1000) /* no multiple of a block: all but the first begin inside of one */

static char top[64], dir[80], graveyard[80];

static int rm_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
    (void)sb, (void)flag, (void)ftw;
    return remove(path);
}

static void setup(void)
{
    snprintf(top, sizeof(top), "/tmp/blob-file-XXXXXX");
    cr_assert_not_null(mkdtemp(top));
    snprintf(dir, sizeof(dir), "%s/data", top);
    snprintf(graveyard, sizeof(graveyard), "%s/graveyard", top);
    cr_assert(mkdir(dir, 0700) == 0 && mkdir(graveyard, 0700) == 0);
    fault_reset();
}

static void teardown(void)
{
    fault_reset();
    nftw(top, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(blob_file, .init = setup, .fini = teardown);

/* --- helpers
 * ------------------------------------------------------------------------------------------------------------ */

static int try_open(struct blob_store **ret)
{
    struct blob_file_options options = {.folder = dir, .io = &fault_io};

    return blob_file_open(&options, ret);
}

static struct blob_store *open_store(void)
{
    struct blob_store *st = NULL;

    cr_assert_eq(try_open(&st), BLOB_OK);
    return st;
}

static unsigned char *pattern(size_t n, unsigned seed)
{
    unsigned char *p = xmalloc(n);

    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(((i + 1) * (2654435761u + 2 * seed)) >> 11);
    return p;
}

static int put(struct blob_store *st, size_t n, unsigned seed, struct blob_id *ret)
{
    struct blob_writer *w = NULL;
    unsigned char *p = pattern(n, seed);
    size_t piece = n < 1000000 ? 50000 : 700001;
    int rc = st->ops->create(st, BYTES_LIT("description"), n, &w);

    for (size_t at = 0; rc == BLOB_OK && at < n; at += piece)
        rc = st->ops->append(w, p + at, n - at < piece ? n - at : piece);
    free(p);
    if (w == NULL)
        return rc;
    int end = st->ops->finish(&w, BYTES_LIT("trailer"), ret);
    cr_assert(rc == BLOB_OK || end == rc, "a failed append fails the finish too");
    return end;
}

static struct blob_id put_ok(struct blob_store *st, size_t n, unsigned seed)
{
    struct blob_id id;

    cr_assert_eq(put(st, n, seed, &id), BLOB_OK);
    return id;
}

/*
 * 1: all bytes are there and right, read at once and in pieces that begin and end inside of blocks; 0: not found;
 * otherwise the code of whatever did not work. Wrong bytes fail the test.
 */
static int check_blob(struct blob_store *st, const struct blob_id *id, size_t n, unsigned seed)
{
    struct blob_reader *r = NULL;
    int rc = st->ops->open(st, id, &r);

    if (rc != BLOB_OK)
        return rc == BLOB_NOT_FOUND ? 0 : rc;
    unsigned char *want = pattern(n, seed), *got = xmalloc(n);
    rc = st->ops->length(r) == n ? BLOB_OK : BLOB_CORRUPT;
    if (rc == BLOB_OK)
        rc = st->ops->read(r, 0, got, n, false);
    cr_assert(rc != BLOB_OK || memcmp(want, got, n) == 0, "wrong bytes were read");
    size_t there = st->ops->length(r) < n ? (size_t)st->ops->length(r) : n;
    for (size_t at = 0, piece = 0; at < there; at += piece) {
        piece = there - at < PIECE ? there - at : PIECE;
        int piece_rc = st->ops->read(r, at, got, piece, false);
        cr_assert(piece_rc != BLOB_OK || memcmp(want + at, got, piece) == 0, "wrong bytes were read in a piece");
        rc = rc == BLOB_OK ? piece_rc : rc;
    }
    free(want);
    free(got);
    st->ops->close_reader(&r);
    return rc == BLOB_OK ? 1 : rc;
}

static void blob_path(const struct blob_id *id, char ret[256])
{
    char folder[BLOB_PATH_BYTES], name[BLOB_NAME_BYTES + 1];

    blob_folder_path(blob_id_folder(id), folder);
    blob_id_name(id, name);
    snprintf(ret, 256, "%s/blobs/%s/%s", dir, folder, name);
}

static size_t found_files, found_folders;

static int count_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
    const char *name = strrchr(path, '/') + 1;

    (void)flag, (void)ftw;
    found_folders += S_ISDIR(sb->st_mode);
    found_files += !S_ISDIR(sb->st_mode) && strcmp(name, "unsettled") != 0;
    return 0;
}

/* All below the folder, but the mark. */
static size_t count_files(void)
{
    found_files = found_folders = 0;
    nftw(dir, count_one, 16, FTW_PHYS);
    return found_files;
}

static size_t count_fds(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");

    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

struct model { /* what an index would know: these are referred to */
    struct blob_id ids[16];
    size_t n, asked, answered_no;
};

static int keep_referred(void *arg, const struct blob_id *id, struct bytes desc)
{
    struct model *m = arg;

    m->asked++;
    cr_expect(bytes_eq_str(desc, "description"));
    for (size_t i = 0; i < m->n; i++)
        if (memcmp(&m->ids[i], id, sizeof(*id)) == 0)
            return 1;
    m->answered_no++;
    return 0;
}

static struct blob_store *restart(struct blob_store *st)
{
    st->ops->close(&st);
    return open_store();
}

/* --- every system call fails once
 * ------------------------------------------------------------------------------------------ */

static const int errors[] = {EIO, ENOSPC, EINTR, EAGAIN};

/* What was answered is what is there, and nothing else; the store works on; no descriptor leaks. */
static void writing_fails_at_every_call(size_t n)
{
    for (size_t e = 0; e < ARRAY_LEN(errors); e++)
        for (int nth = 0;; nth++) {
            struct model m = {.n = 0};
            struct blob_store *st = open_store();
            struct blob_id id;
            m.ids[m.n++] = put_ok(st, 100, 1);
            size_t fds = count_fds();
            fault_arm(FAULT_ANY, nth, errors[e]);
            int rc = put(st, n, 2, &id);
            bool fired = fault_disarm();
            cr_assert_eq(count_fds(), fds, "call %d", nth);
            if (rc == BLOB_OK) {
                m.ids[m.n++] = id;
                cr_assert_eq(check_blob(st, &id, n, 2), 1, "call %d", nth);
            }
            m.ids[m.n++] = put_ok(st, 200, 3);
            cr_assert_eq(check_blob(st, &m.ids[m.n - 1], 200, 3), 1);
            st = restart(st);
            cr_assert_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
            cr_assert_eq(count_files(), m.n, "call %d, error %d", nth, errors[e]);
            for (size_t i = 0; i < m.n; i++)
                st->ops->remove(st, &m.ids[i]);
            st->ops->close(&st);
            if (!fired)
                break;
        }
}

Test(blob_file, every_call_of_a_small_write_fails)
{
    writing_fails_at_every_call(1000);
}

Test(blob_file, every_call_of_a_large_write_fails)
{
    writing_fails_at_every_call(5000000);
}

Test(blob_file, every_call_of_a_named_write_fails)
{
    fault_no_unnamed(true);
    writing_fails_at_every_call(200000);
}

Test(blob_file, every_call_of_a_read_fails)
{
    struct blob_store *st = open_store();
    const size_t n = 300000;
    struct blob_id id = put_ok(st, n, 1);

    for (int cold = 0; cold < 2; cold++)
        for (int nth = 0;; nth++) {
            size_t fds = count_fds();
            fault_cold(cold != 0);
            fault_arm(FAULT_ANY, nth, EIO);
            int rc = check_blob(st, &id, n, 1);
            bool fired = fault_disarm();
            cr_assert(rc == 1 || rc == BLOB_IO, "call %d: %d", nth, rc);
            cr_assert_eq(count_fds(), fds);
            if (!fired)
                break;
        }
    st->ops->close(&st);
}

Test(blob_file, every_call_of_opening_fails)
{
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, 5000, 1);

    st->ops->close(&st);
    for (int nth = 0;; nth++) {
        size_t fds = count_fds();
        fault_arm(FAULT_ANY, nth, EIO);
        int rc = try_open(&st);
        bool fired = fault_disarm();
        if (rc == BLOB_OK) {
            cr_assert_eq(check_blob(st, &id, 5000, 1), 1);
            st->ops->close(&st);
        }
        cr_assert_eq(count_fds(), fds, "call %d", nth);
        if (!fired)
            break;
    }
}

Test(blob_file, every_call_of_recovery_fails)
{
    for (int nth = 0;; nth++) {
        struct model m = {.n = 0};
        struct blob_store *st = open_store();
        put_ok(st, 10, 1);
        m.ids[m.n++] = put_ok(st, 20, 2);
        st = restart(st);
        fault_arm(FAULT_ANY, nth, EIO);
        st->ops->recover(st, keep_referred, &m);
        bool fired = fault_disarm();
        st = restart(st);
        cr_assert_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
        cr_assert_eq(count_files(), 1, "call %d", nth);
        cr_assert_eq(check_blob(st, &m.ids[0], 20, 2), 1);
        st->ops->remove(st, &m.ids[0]);
        st->ops->close(&st);
        if (!fired)
            break;
    }
}

/* --- past the page cache
 * ----------------------------------------------------------------------------------------------------- */

#define LARGE (9u * 1024 * 1024 + 1234)

Test(blob_file, every_call_of_a_direct_write_fails)
{
    writing_fails_at_every_call(LARGE);
}

Test(blob_file, large_blobs_go_past_the_page_cache)
{
    static const size_t sizes[] = {8u << 20, (8u << 20) + 1, LARGE, 40u << 20};
    struct blob_store *st = open_store();
    size_t turned = fault_count(FAULT_DIRECT);

    put_ok(st, (8u << 20) - 1, 9);
    cr_expect_eq(fault_count(FAULT_DIRECT), turned, "not worth it");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct blob_id id = put_ok(st, sizes[i], (unsigned)i);
        cr_expect_eq(fault_count(FAULT_DIRECT) - turned, 2 * (i + 1), "on, and off for the end");
        cr_expect_eq(check_blob(st, &id, sizes[i], (unsigned)i), 1);
    }
    st->ops->close(&st);
}

Test(blob_file, large_blobs_by_the_real_calls)
{
    struct blob_file_options options = {.folder = dir};
    struct blob_store *st = NULL;

    cr_assert_eq(blob_file_open(&options, &st), BLOB_OK);
    struct blob_id id = put_ok(st, LARGE, 1);
    cr_expect_eq(check_blob(st, &id, LARGE, 1), 1);
    st->ops->close(&st);
}

Test(blob_file, file_system_without_direct_writes)
{
    fault_no_direct(true);
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, LARGE, 1);
    size_t asked = fault_count(FAULT_DIRECT);

    cr_expect_eq(check_blob(st, &id, LARGE, 1), 1);
    put_ok(st, LARGE, 2);
    cr_expect_eq(fault_count(FAULT_DIRECT), asked, "it was not asked again");
    st->ops->close(&st);
}

Test(blob_file, file_system_that_refuses_the_first_direct_write)
{
    struct blob_store *st = open_store();

    put_ok(st, 10, 1); /* the folders are there */
    fault_arm(FAULT_WRITE, 0, EINVAL);
    struct blob_id id = put_ok(st, LARGE, 2);
    cr_expect(fault_disarm());
    cr_expect_eq(check_blob(st, &id, LARGE, 2), 1);
    size_t asked = fault_count(FAULT_DIRECT);
    put_ok(st, LARGE, 3);
    cr_expect_eq(fault_count(FAULT_DIRECT), asked, "it was not asked again");
    st->ops->close(&st);
}

Test(blob_file, direct_write_that_is_short)
{
    struct blob_store *st = open_store();

    put_ok(st, 10, 1);
    fault_short(100001);
    struct blob_id id = put_ok(st, LARGE, 2);
    fault_short(0);
    cr_expect_eq(check_blob(st, &id, LARGE, 2), 1);
    st->ops->close(&st);
}

Test(blob_file, direct_write_abandoned)
{
    struct blob_store *st = open_store();
    struct blob_writer *w = NULL;
    unsigned char *p = pattern(3000000, 1);
    size_t fds = 0;

    put_ok(st, 10, 1);
    fds = count_fds();
    cr_assert_eq(st->ops->create(st, BYTES_LIT("d"), LARGE, &w), BLOB_OK);
    cr_assert_eq(st->ops->append(w, p, 3000000), BLOB_OK);
    st->ops->abandon(&w);
    cr_expect_eq(count_fds(), fds);
    cr_expect_eq(count_files(), 1);
    free(p);
    st->ops->close(&st);
}

Test(blob_file, direct_write_that_becomes_shorter_than_announced)
{
    struct blob_store *st = open_store();
    struct blob_writer *w = NULL;
    struct blob_id id;
    unsigned char *p = pattern(5000, 1);

    cr_assert_eq(st->ops->create(st, BYTES_LIT("d"), LARGE, &w), BLOB_OK);
    cr_assert_eq(st->ops->append(w, p, 5000), BLOB_OK);
    cr_assert_eq(st->ops->finish(&w, BYTES_NONE, &id), BLOB_OK);
    cr_expect_eq(check_blob(st, &id, 5000, 1), 1);
    free(p);
    st->ops->close(&st);
}

#define MANY_WRITERS 40 /* more than may write past the page cache at once */

/* Writers that stall hold up nobody; those without an area write through the page cache. */
Test(blob_file, more_large_blobs_than_areas)
{
    struct blob_store *st = open_store();
    struct blob_writer *w[MANY_WRITERS] = {NULL};
    struct blob_id id[MANY_WRITERS];
    unsigned char *p = pattern(400000, 7);
    size_t turned = fault_count(FAULT_DIRECT);

    for (size_t i = 0; i < MANY_WRITERS; i++)
        cr_assert_eq(st->ops->create(st, BYTES_LIT("d"), LARGE, &w[i]), BLOB_OK);
    cr_expect_lt(fault_count(FAULT_DIRECT) - turned, MANY_WRITERS);
    for (size_t i = 0; i < MANY_WRITERS; i++)
        cr_assert_eq(st->ops->append(w[i], p, 400000), BLOB_OK);
    for (size_t i = 0; i < MANY_WRITERS; i++)
        cr_assert_eq(st->ops->finish(&w[i], BYTES_NONE, &id[i]), BLOB_OK);
    for (size_t i = 0; i < MANY_WRITERS; i++)
        cr_expect_eq(check_blob(st, &id[i], 400000, 7), 1);
    turned = fault_count(FAULT_DIRECT);
    put_ok(st, LARGE, 8);
    cr_expect_eq(fault_count(FAULT_DIRECT) - turned, 2, "the areas were given back");
    free(p);
    st->ops->close(&st);
}

static void *put_large(void *arg)
{
    struct blob_store *st = arg;
    struct blob_id id;

    cr_assert_eq(put(st, LARGE, 5, &id), BLOB_OK);
    cr_assert_eq(check_blob(st, &id, LARGE, 5), 1);
    return NULL;
}

Test(blob_file, large_blobs_from_many_threads)
{
    struct blob_store *st = open_store();
    pthread_t threads[6];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, put_large, st), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    st->ops->close(&st);
}

Test(blob_file, DUR_05_power_cut_right_after_a_large_write)
{
    fault_power_watch(graveyard);
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, LARGE, 1);

    st->ops->close(&st);
    fault_power_cut(0);
    st = open_store();
    cr_expect_eq(check_blob(st, &id, LARGE, 1), 1);
    st->ops->close(&st);
}

/* --- single failures
 * ---------------------------------------------------------------------------------------------------------- */

Test(blob_file, IOE_01_failed_fdatasync_is_not_repeated)
{
    struct blob_store *st = open_store();
    struct blob_id id;

    put_ok(st, 10, 1);
    size_t before = fault_count(FAULT_FDATASYNC);
    fault_arm(FAULT_FDATASYNC, 0, EIO);
    cr_expect_eq(put(st, 1000, 2, &id), BLOB_IO);
    cr_expect(fault_disarm());
    cr_expect_eq(fault_count(FAULT_FDATASYNC) - before, 1);
    cr_expect_eq(count_files(), 1, "the temporary file is dropped");
    put_ok(st, 1000, 3); /* a new attempt, a new file */
    st->ops->close(&st);
}

Test(blob_file, IOE_01_folder_whose_fsync_failed_is_not_used_again)
{
    struct blob_store *st = open_store();
    struct blob_id first = put_ok(st, 10, 1), failed, after;

    fault_arm(FAULT_FSYNC, 0, EIO);
    cr_expect_eq(put(st, 1000, 2, &failed), BLOB_IO);
    cr_expect(fault_disarm());
    cr_expect_eq(count_files(), 1, "the name is taken back");
    after = put_ok(st, 1000, 3);
    cr_expect_neq(blob_id_folder(&after), blob_id_folder(&first));
    cr_expect_eq(check_blob(st, &first, 10, 1), 1);
    st->ops->close(&st);
}

Test(blob_file, IOE_04_short_reads_and_writes)
{
    static const size_t most[] = {100, 4096, 4097, 65537};

    for (size_t i = 0; i < ARRAY_LEN(most); i++) {
        struct blob_store *st = open_store();
        fault_short(most[i]);
        struct blob_id id = put_ok(st, 140000, 1);
        cr_expect_eq(check_blob(st, &id, 140000, 1), 1);
        fault_short(0);
        cr_expect_eq(check_blob(st, &id, 140000, 1), 1);
        st->ops->close(&st);
    }
}

Test(blob_file, IOE_05_odd_errors_of_link_and_open)
{
    static const int odd[] = {EXDEV, EEXIST, EMLINK, EACCES, EROFS, ESTALE, ENOENT, EPERM, ELOOP};

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct blob_store *st = open_store();
        struct blob_id id = put_ok(st, 10, 1), failed;
        fault_arm(FAULT_LINK, 0, odd[i]);
        cr_expect_eq(put(st, 100, 2, &failed), BLOB_IO, "link: %s", strerror(odd[i]));
        fault_arm(FAULT_OPEN, 0, odd[i]);
        cr_expect_eq(put(st, 100, 2, &failed), BLOB_IO, "open: %s", strerror(odd[i]));
        fault_disarm();
        cr_expect_eq(count_files(), 1);
        cr_expect_eq(check_blob(st, &id, 10, 1), 1);
        st->ops->remove(st, &id);
        st->ops->close(&st);
    }
}

Test(blob_file, IOE_06_out_of_descriptors)
{
    static const int errs[] = {EMFILE, ENFILE};
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, 10, 1), other;
    struct blob_reader *r = NULL;

    for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
        fault_arm_from(FAULT_OPEN, 0, errs[i]);
        cr_expect_eq(put(st, 10, 1, &other), BLOB_BUSY);
        cr_expect_eq(st->ops->open(st, &id, &r), BLOB_BUSY);
        fault_disarm();
        cr_expect_eq(check_blob(st, &id, 10, 1), 1);
        put_ok(st, 10, 2);
    }
    st->ops->close(&st);
}

Test(blob_file, IOE_08_failed_close_is_a_failed_write)
{
    static const int errs[] = {EIO, EDQUOT};
    struct blob_store *st = open_store();
    struct blob_id id;

    put_ok(st, 10, 1);
    for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
        fault_arm(FAULT_CLOSE, 0, errs[i]);
        cr_expect_eq(put(st, 1000, 2, &id), errs[i] == EIO ? BLOB_IO : BLOB_FULL);
        cr_expect(fault_disarm());
        cr_expect_eq(count_files(), 1);
    }
    st->ops->close(&st);
}

Test(blob_file, CAP_01_full_disk)
{
    static const enum fault_call calls[] = {FAULT_WRITE, FAULT_FDATASYNC, FAULT_LINK, FAULT_MKDIR, FAULT_FSYNC};
    static const int errs[] = {ENOSPC, EDQUOT};

    for (size_t c = 0; c < ARRAY_LEN(calls); c++)
        for (size_t e = 0; e < ARRAY_LEN(errs); e++) {
            struct blob_store *st = open_store();
            struct blob_id id;
            size_t files = count_files();
            fault_arm_from(calls[c], 0, errs[e]);
            cr_expect_eq(put(st, 3000000, 2, &id), BLOB_FULL, "call %zu", c);
            cr_expect_eq(put(st, 10, 2, &id), BLOB_FULL, "call %zu", c);
            fault_disarm();
            cr_expect_eq(count_files(), files, "nothing stays behind");
            id = put_ok(st, 1000, 3); /* without a restart */
            cr_expect_eq(check_blob(st, &id, 1000, 3), 1);
            st->ops->remove(st, &id);
            st->ops->close(&st);
        }
}

Test(blob_file, CAP_01_start_and_delete_on_a_full_disk)
{
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, 1000, 1);
    struct model m = {.n = 0};

    st->ops->close(&st);
    fault_arm_from(FAULT_WRITE, 0, ENOSPC);
    st = open_store();
    cr_expect_eq(check_blob(st, &id, 1000, 1), 1);
    cr_expect_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    cr_expect_eq(st->ops->remove(st, &id), BLOB_OK);
    cr_expect_eq(count_files(), 0);
    fault_disarm();
    st->ops->close(&st);
}

Test(blob_file, works_without_proc)
{
    fault_no_proc(true);
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, 1000, 1);

    cr_expect_eq(check_blob(st, &id, 1000, 1), 1);
    cr_expect_eq(count_files(), 1);
    st->ops->close(&st);
}

/* --- order
 * ----------------------------------------------------------------------------------------------------------------------
 */

Test(blob_file, DUR_06_order_of_a_small_write)
{
    struct blob_store *st = open_store();

    put_ok(st, 10, 1);
    fault_trace_begin();
    put_ok(st, 1000, 2);
    cr_expect_str_eq(fault_trace(), "open write fdatasync link close fsync");
    st->ops->close(&st);
}

Test(blob_file, DUR_07_published_file_is_not_written)
{
    struct blob_store *st = open_store();

    put_ok(st, 10, 1);
    fault_trace_begin();
    put_ok(st, 1000000, 2);
    const char *linked = strstr(fault_trace(), "link");
    cr_assert_not_null(linked);
    cr_expect_str_eq(linked, "link close fsync");
    cr_expect_null(strstr(fault_trace(), "..."));
    st->ops->close(&st);
    fault_no_unnamed(true);
    st = open_store();
    put_ok(st, 10, 1);
    fault_trace_begin();
    put_ok(st, 1000000, 2);
    cr_expect_not_null(strstr(fault_trace(), " fdatasync rename close fsync"));
    st->ops->close(&st);
}

Test(blob_file, first_blob_makes_durable_folders)
{
    struct blob_store *st = open_store();

    fault_trace_begin();
    put_ok(st, 1000, 2);
    /* upper folder, its parent; lower folder, its parent; the mark; the blob */
    cr_expect_str_eq(fault_trace(), "mkdir fsync mkdir fsync unlink open write fsync close rename fsync "
                                    "open write fdatasync link close fsync");
    st->ops->close(&st);
}

/* --- power cuts
 * -------------------------------------------------------------------------------------------------------------- */

/*
 * The power goes at the nth call of a run that puts and removes blobs. Whatever of the unsynced things survives: all
 * acknowledged blobs are whole, and after recovery nothing else is there.
 */
static bool power_cut_at(int nth, unsigned seed)
{
    static const size_t sizes[] = {500, 70000, 30, 200000};
    struct model m = {.n = 0};
    struct blob_store *st = NULL;
    struct blob_id id[4];

    fault_power_watch(graveyard);
    fault_arm_from(FAULT_ANY, nth, EIO);
    if (try_open(&st) == BLOB_OK) {
        for (unsigned i = 0; i < 4; i++)
            if (put(st, sizes[i], i, &id[m.n]) == BLOB_OK) {
                m.ids[m.n] = id[m.n];
                cr_assert_eq(sizes[m.n], sizes[i], "a later one worked after an earlier one failed");
                if (i < 2)
                    st->ops->settled(st, &id[m.n]);
                m.n++;
            }
        st->ops->close(&st);
    }
    bool fired = fault_disarm();
    fault_power_cut(seed);

    st = open_store();
    for (size_t i = 0; i < m.n; i++)
        cr_assert_eq(check_blob(st, &m.ids[i], sizes[i], (unsigned)i), 1, "call %d seed %u blob %zu", nth, seed, i);
    cr_assert_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    size_t files = count_files();
    cr_assert(files == m.n, "call %d seed %u: %zu files, %zu blobs", nth, seed, files, m.n);
    struct blob_file_stats stats;
    blob_file_stats(st, &stats);
    cr_assert_eq(stats.corrupt, 0, "INF-05: a name leads to a whole file or to none");
    for (size_t i = 0; i < m.n; i++)
        st->ops->remove(st, &m.ids[i]);
    st->ops->close(&st);
    nftw(dir, rm_one, 16, FTW_DEPTH | FTW_PHYS);
    cr_assert_eq(mkdir(dir, 0700), 0);
    return fired;
}

static void power_cuts(void)
{
    for (unsigned seed = 0; seed < 6; seed++)
        for (int nth = 0; power_cut_at(nth, seed); nth++)
            ;
}

Test(blob_file, DUR_04_power_cut_at_every_call)
{
    power_cuts();
}

Test(blob_file, DUR_04_power_cut_at_every_call_named)
{
    fault_no_unnamed(true);
    power_cuts();
}

Test(blob_file, DUR_05_power_cut_right_after_the_first_write)
{
    fault_power_watch(graveyard);
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, 1000, 1);

    st->ops->close(&st);
    fault_power_cut(0);
    st = open_store();
    cr_expect_eq(check_blob(st, &id, 1000, 1), 1);
    st->ops->close(&st);
}

Test(blob_file, INF_05_bytes_of_an_unfinished_blob_are_never_seen)
{
    fault_power_watch(graveyard);
    struct blob_store *st = open_store();
    struct model m = {.n = 0};
    struct blob_writer *w = NULL;
    unsigned char *p = pattern(5000000, 1);

    put_ok(st, 10, 1);
    cr_assert_eq(st->ops->create(st, BYTES_LIT("description"), 0, &w), BLOB_OK);
    cr_assert_eq(st->ops->append(w, p, 5000000), BLOB_OK);
    free(p);
    fault_arm_from(FAULT_ANY, 0, EIO); /* the process is gone */
    st->ops->abandon(&w);
    st->ops->close(&st);
    fault_disarm();
    fault_power_cut(7);
    st = open_store();
    st->ops->recover(st, keep_referred, &m);
    cr_expect_eq(m.asked, 1);
    cr_expect_eq(count_files(), 0);
    st->ops->close(&st);
}

/* --- rot
 * -------------------------------------------------------------------------------------------------------------------------
 */

static void flip(const char *path, off_t at, unsigned char bits)
{
    int fd = open(path, O_RDWR);
    unsigned char b;

    cr_assert(fd >= 0 && pread(fd, &b, 1, at) == 1);
    b ^= bits;
    cr_assert(pwrite(fd, &b, 1, at) == 1);
    close(fd);
}

static off_t file_bytes(const char *path)
{
    struct stat sb;

    cr_assert_eq(stat(path, &sb), 0);
    return sb.st_size;
}

/* check_blob itself fails the test when a wrong byte comes out. */
Test(blob_file, ROT_01_one_flipped_bit)
{
    struct blob_store *st = open_store();
    const size_t n = 3 * BLOB_BLOCK + 5000;
    struct blob_id id = put_ok(st, n, 1);
    struct blob_file_stats stats;
    char path[256];

    blob_path(&id, path);
    off_t size = file_bytes(path), data_end = (off_t)(BLOB_HEADER_ALIGN + n);
    cr_assert_eq(chmod(path, 0600), 0);
    for (off_t at = 0; at < size; at += at < BLOB_HEADER_FIXED || at >= data_end ? 1 : 4096 - at % 48) {
        flip(path, at, (unsigned char)(1 << at % 8));
        int rc = check_blob(st, &id, n, 1);
        bool data = at >= (off_t)BLOB_HEADER_ALIGN && at < data_end;
        cr_expect(rc == BLOB_CORRUPT || (!data && rc == 1), "byte %ld: %d", (long)at, rc);
        flip(path, at, (unsigned char)(1 << at % 8));
    }
    cr_expect_eq(check_blob(st, &id, n, 1), 1);
    blob_file_stats(st, &stats);
    cr_expect(stats.corrupt > 50);
    st->ops->close(&st);
}

Test(blob_file, ROT_01_ranged_reads_beside_the_rot_work)
{
    struct blob_store *st = open_store();
    const size_t n = 4 * BLOB_BLOCK;
    struct blob_id id = put_ok(st, n, 1);
    struct blob_reader *r = NULL;
    unsigned char *want = pattern(n, 1), *got = xmalloc(n);
    char path[256];

    blob_path(&id, path);
    flip(path, BLOB_HEADER_ALIGN + 2 * BLOB_BLOCK + 77, 4);
    cr_assert_eq(st->ops->open(st, &id, &r), BLOB_OK);
    cr_expect_eq(st->ops->read(r, 100, got, 2 * BLOB_BLOCK - 100, false), BLOB_OK);
    cr_expect_arr_eq(got, want + 100, 2 * BLOB_BLOCK - 100);
    cr_expect_eq(st->ops->read(r, 2 * BLOB_BLOCK, got, 1, false), BLOB_CORRUPT);
    cr_expect_eq(st->ops->read(r, 0, got, n, false), BLOB_CORRUPT);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(got[i], 0, "nothing unverified is left in the caller's memory");
    cr_expect_eq(st->ops->read(r, 0, got, 2 * BLOB_BLOCK, false), BLOB_OK);
    cr_expect_arr_eq(got, want, 2 * BLOB_BLOCK);
    cr_expect_eq(st->ops->read(r, 2 * BLOB_BLOCK - 1, got, 2, false), BLOB_CORRUPT);
    cr_expect_eq(st->ops->read(r, 2 * BLOB_BLOCK, got, 2, false), BLOB_CORRUPT, "and again");
    cr_expect_eq(st->ops->read(r, 2 * BLOB_BLOCK, got, BLOB_BLOCK, true), BLOB_CORRUPT,
                 "a whole block, without waiting");
    cr_expect_eq(st->ops->read(r, 3 * BLOB_BLOCK, got, 2, false), BLOB_OK);
    cr_expect_arr_eq(got, want + 3 * BLOB_BLOCK, 2);
    st->ops->close_reader(&r);
    free(want);
    free(got);
    st->ops->close(&st);
}

static void copy_range(const char *from, off_t from_at, const char *to, off_t to_at, size_t n)
{
    unsigned char *p = xmalloc(n);
    int a = open(from, O_RDONLY), b = open(to, O_RDWR);

    cr_assert(a >= 0 && b >= 0 && pread(a, p, n, from_at) == (ssize_t)n && pwrite(b, p, n, to_at) == (ssize_t)n);
    close(a);
    close(b);
    free(p);
}

static void swap_ranges(const char *path, off_t a, off_t b, size_t n)
{
    char tmp[300];

    snprintf(tmp, sizeof(tmp), "%s/range", top);
    int fd = open(tmp, O_CREAT | O_WRONLY, 0600);
    cr_assert(fd >= 0);
    close(fd);
    copy_range(path, a, tmp, 0, n);
    copy_range(path, b, path, a, n);
    copy_range(tmp, 0, path, b, n);
}

/* What somebody would do who changes a blob on purpose. */
static void mend_table_crc(const char *path, const struct blob_id *id, size_t data_bytes)
{
    unsigned char entries[64], end[BLOB_FOOTER_BYTES];
    struct blob_footer f;
    off_t size = file_bytes(path);
    size_t n = BLOB_ENTRY_BYTES * (size_t)blob_block_count(data_bytes);
    int fd = open(path, O_RDWR);

    cr_assert(fd >= 0 && n <= sizeof(entries));
    cr_assert(pread(fd, end, sizeof(end), size - (off_t)sizeof(end)) == (ssize_t)sizeof(end));
    cr_assert(pread(fd, entries, n, BLOB_HEADER_ALIGN + (off_t)data_bytes) == (ssize_t)n);
    cr_assert_eq(blob_footer_decode(end, id, (uint64_t)size, &f), BLOB_OK);
    f.table_crc = crc32c(blob_seed(id), entries, n);
    blob_footer_encode(id, &f, end);
    cr_assert(pwrite(fd, end, sizeof(end), size - (off_t)sizeof(end)) == (ssize_t)sizeof(end));
    close(fd);
}

Test(blob_file, ROT_02_cut_extend_zero_empty)
{
    struct blob_store *st = open_store();
    const size_t n = 150000;

    for (int how = 0; how < 6; how++) {
        struct blob_id id = put_ok(st, n, 1);
        char path[256];
        blob_path(&id, path);
        off_t size = file_bytes(path);
        int fd = open(path, O_RDWR);
        char *zeros = xcalloc(1, (size_t)size);
        switch (how) {
        case 0:
            cr_assert_eq(ftruncate(fd, size - 1), 0);
            break;
        case 1:
            cr_assert_eq(ftruncate(fd, size + 1), 0);
            break;
        case 2:
            cr_assert_eq(ftruncate(fd, 0), 0);
            break;
        case 3:
            cr_assert_eq(pwrite(fd, zeros, (size_t)size, 0), size);
            break;
        case 4: /* a whole block is missing, with the end of the file in its place */
            copy_range(path, size - 1000, path, size - 1000 - BLOB_BLOCK, 1000);
            cr_assert_eq(ftruncate(fd, size - BLOB_BLOCK), 0);
            break;
        default:
            cr_assert_eq(ftruncate(fd, BLOB_HEADER_ALIGN), 0);
            break;
        }
        close(fd);
        free(zeros);
        cr_expect_eq(check_blob(st, &id, n, 1), BLOB_CORRUPT, "way %d", how);
    }
    st->ops->close(&st);
}

Test(blob_file, ROT_02_swapped_blobs_and_blocks)
{
    struct blob_store *st = open_store();
    const size_t n = 4 * BLOB_BLOCK;
    struct blob_id a = put_ok(st, n, 1), b = put_ok(st, n, 2), c = put_ok(st, n, 3), d = put_ok(st, n, 3);
    char pa[256], pb[256], pc[256], pd[256], tmp[300];

    blob_path(&a, pa);
    blob_path(&b, pb);
    blob_path(&c, pc);
    blob_path(&d, pd);
    const off_t table = BLOB_HEADER_ALIGN + (off_t)n;
    snprintf(tmp, sizeof(tmp), "%s/swap", top);
    cr_assert(rename(pa, tmp) == 0 && rename(pb, pa) == 0 && rename(tmp, pb) == 0);
    cr_expect_eq(check_blob(st, &a, n, 1), BLOB_CORRUPT);
    cr_expect_eq(check_blob(st, &b, n, 2), BLOB_CORRUPT);
    swap_ranges(pc, BLOB_HEADER_ALIGN, BLOB_HEADER_ALIGN + BLOB_BLOCK, BLOB_BLOCK);
    cr_expect_eq(check_blob(st, &c, n, 3), BLOB_CORRUPT, "two blocks changed places");
    swap_ranges(pc, table, table + 4, 4);
    cr_expect_eq(check_blob(st, &c, n, 3), BLOB_CORRUPT, "and so did their entries in the table");
    mend_table_crc(pc, &c, n);
    cr_expect_eq(check_blob(st, &c, n, 3), BLOB_CORRUPT, "and its crc was put right");
    swap_ranges(pc, BLOB_HEADER_ALIGN, BLOB_HEADER_ALIGN + BLOB_BLOCK, BLOB_BLOCK);
    swap_ranges(pc, table, table + 4, 4);
    mend_table_crc(pc, &c, n);
    cr_expect_eq(check_blob(st, &c, n, 3), 1);
    cr_expect_eq(check_blob(st, &d, n, 3), 1);
    /* the same data, block and table of another blob */
    struct blob_id e = put_ok(st, n, 3);
    char pe[256];
    blob_path(&e, pe);
    copy_range(pc, BLOB_HEADER_ALIGN, pe, BLOB_HEADER_ALIGN, n + 16);
    cr_expect_eq(check_blob(st, &e, n, 3), BLOB_CORRUPT);
    st->ops->close(&st);
}

Test(blob_file, file_cut_while_it_is_open)
{
    struct blob_store *st = open_store();
    const size_t n = 10 * BLOB_BLOCK;
    struct blob_id id = put_ok(st, n, 1);
    struct blob_reader *r = NULL;
    unsigned char *got = xmalloc(n);
    char path[256], byte;

    blob_path(&id, path);
    cr_assert_eq(st->ops->open(st, &id, &r), BLOB_OK);
    cr_assert_eq(truncate(path, 3 * BLOB_BLOCK), 0);
    cr_expect_eq(st->ops->read(r, 9 * BLOB_BLOCK, &byte, 1, false), BLOB_CORRUPT);
    cr_expect_eq(st->ops->read(r, 0, got, n, false), BLOB_CORRUPT);
    cr_expect_eq(st->ops->read(r, 9 * BLOB_BLOCK, &byte, 1, true), BLOB_WOULD_BLOCK, "the blocking call tells");
    st->ops->close_reader(&r);
    free(got);
    st->ops->close(&st);
}

/* A table that does not come with the footer, and has more than one piece. */
Test(blob_file, long_table)
{
    struct blob_store *st = open_store();
    struct blob_writer *w = NULL;
    struct blob_reader *r = NULL;
    struct blob_id id;
    const size_t piece = 1 << 20, pieces = 300; /* 4,800 blocks */
    unsigned char *p = xcalloc(1, piece), *got = xmalloc(piece);

    cr_assert_eq(st->ops->create(st, BYTES_NONE, 0, &w), BLOB_OK);
    for (size_t i = 0; i < pieces; i++) {
        memcpy(p, &i, sizeof(i));
        cr_assert_eq(st->ops->append(w, p, piece), BLOB_OK);
    }
    cr_assert_eq(st->ops->finish(&w, BYTES_NONE, &id), BLOB_OK);
    cr_assert_eq(st->ops->open(st, &id, &r), BLOB_OK);
    for (size_t k = 0; k < 40; k++) {
        size_t i = k * 127 % pieces;
        memcpy(p, &i, sizeof(i));
        cr_assert_eq(st->ops->read(r, i * piece, got, piece, false), BLOB_OK);
        cr_assert_arr_eq(got, p, piece);
        cr_assert_eq(st->ops->read(r, i * piece + 5, got, piece - 9, true), BLOB_OK);
        cr_assert_arr_eq(got, p + 5, piece - 9);
    }
    for (size_t i = 0; i < pieces; i++) /* from one piece of the table into the next */
        cr_expect_eq(st->ops->read(r, i * piece, got, piece, true), BLOB_OK);
    st->ops->close_reader(&r);
    free(p);
    free(got);
    st->ops->close(&st);
}

/* --- strangers
 * --------------------------------------------------------------------------------------------------------------- */

Test(blob_file, KEY_17_links_fifos_and_folders_instead_of_blobs, .timeout = 20)
{
    struct blob_store *st = open_store();
    struct blob_reader *r = NULL;
    char path[256], real[300], folder[300], relative[BLOB_PATH_BYTES];

    for (int how = 0; how < 4; how++) {
        struct blob_id id = put_ok(st, 1000, 1);
        blob_path(&id, path);
        snprintf(real, sizeof(real), "%s/elsewhere-%d", top, how);
        cr_assert_eq(rename(path, real), 0);
        switch (how) {
        case 0:
            cr_assert_eq(symlink(real, path), 0);
            break;
        case 1:
            cr_assert_eq(mkfifo(path, 0600), 0);
            break;
        case 2:
            cr_assert_eq(mkdir(path, 0700), 0);
            break;
        default: /* the folder is a link to a folder with the very blob in it */
            cr_assert_eq(rename(real, path), 0);
            blob_folder_path(blob_id_folder(&id), relative);
            snprintf(folder, sizeof(folder), "%s/blobs/%s", dir, relative);
            snprintf(real, sizeof(real), "%s/moved", top);
            cr_assert(rename(folder, real) == 0 && symlink(real, folder) == 0);
            break;
        }
        cr_expect_eq(st->ops->open(st, &id, &r), BLOB_CORRUPT, "way %d", how);
        if (how == 3) {
            cr_expect_neq(st->ops->remove(st, &id), BLOB_OK, "not through a link");
            cr_expect_eq(access(real, F_OK), 0);
        }
    }
    st->ops->close(&st);
}

Test(blob_file, KEY_17_upper_folder_is_a_link)
{
    char path[200];
    struct blob_store *st = open_store();

    st->ops->close(&st);
    snprintf(path, sizeof(path), "%s/blobs/0", dir);
    cr_assert_eq(symlink(graveyard, path), 0);
    st = open_store();
    struct blob_id id = put_ok(st, 1000, 1); /* goes past it */
    cr_expect_eq(blob_id_folder(&id), 1000);
    cr_expect_eq(check_blob(st, &id, 1000, 1), 1);
    cr_expect_eq(rmdir(graveyard), 0, "nothing was put there");
    st->ops->close(&st);
}

static void make_file(const char *where, const char *name)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/blobs/%s%s", dir, where, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert(fd >= 0 && write(fd, "foreign", 7) == 7);
    close(fd);
}

Test(blob_file, OPS_06_foreign_names_are_ignored_and_reported)
{
    static const char *const names[] = {"lost+found", ".nfs0001", "00", "0.bak", "4294968", "99999999999999999999"};
    static const char *const inner[] = {"notes~", "0000000000000000000000000000000", "00000007000000000000000000000000",
                                        "0000000000000000000000000000000A", "x.tmp"};
    struct blob_store *st = open_store();
    struct blob_file_stats stats;
    struct blob_id id = put_ok(st, 1000, 1);
    struct model m = {.n = 1, .ids = {id}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        make_file("", names[i]);
    for (size_t i = 0; i < ARRAY_LEN(inner); i++)
        make_file("0/0/", inner[i]);
    st = restart(st);
    blob_file_stats(st, &stats);
    cr_expect_eq(stats.foreign, ARRAY_LEN(names));
    cr_expect_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    blob_file_stats(st, &stats);
    cr_expect_eq(stats.foreign, ARRAY_LEN(names) + ARRAY_LEN(inner));
    cr_expect_eq(stats.orphans, 0);
    cr_expect_eq(m.asked, 1);
    cr_expect_eq(count_files(), 1 + ARRAY_LEN(names) + ARRAY_LEN(inner), "all still there");
    cr_expect_eq(check_blob(st, &id, 1000, 1), 1);
    st->ops->close(&st);
}

Test(blob_file, damaged_orphan_stays_and_holds_nothing_up)
{
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, 1000, 1);
    struct model m = {.n = 0};
    char path[256];

    blob_path(&id, path);
    flip(path, 20, 1);
    st = restart(st);
    cr_expect_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    st = restart(st);
    cr_expect_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    cr_expect_eq(m.asked, 0);
    cr_expect_eq(count_files(), 1);
    st->ops->close(&st);
}

Test(blob_file, second_process_is_refused)
{
    struct blob_store *st = open_store(), *second = NULL;
    struct blob_file_options shared = {.folder = dir, .no_lock = true};

    cr_expect_eq(try_open(&second), BLOB_BUSY);
    cr_expect_null(second);
    cr_assert_eq(blob_file_open(&shared, &second), BLOB_OK);
    second->ops->close(&second);
    st->ops->close(&st);
    st = open_store();
    st->ops->close(&st);
    shared.folder = "/nonexistent-folder-of-a-test";
    cr_expect_eq(blob_file_open(&shared, &second), BLOB_NOT_FOUND);
}

Test(blob_file, newer_format_is_refused)
{
    struct blob_store *st = open_store(), *again = NULL;
    unsigned char mark[BLOB_MARK_BYTES];
    char path[200];

    put_ok(st, 10, 1);
    st->ops->close(&st);
    blob_mark_encode(0, mark);
    mark[11] = BLOB_FORMAT_VERSION + 1;
    uint32_t crc = htobe32(crc32c(0, mark, BLOB_MARK_BYTES - 4));
    memcpy(mark + BLOB_MARK_BYTES - 4, &crc, 4);
    snprintf(path, sizeof(path), "%s/blobs/unsettled", dir);
    int fd = open(path, O_WRONLY);
    cr_assert(fd >= 0 && pwrite(fd, mark, sizeof(mark), 0) == (ssize_t)sizeof(mark));
    close(fd);
    size_t fds = count_fds();
    cr_expect_eq(try_open(&again), BLOB_CORRUPT);
    cr_expect_null(again);
    cr_expect_eq(count_fds(), fds);
    cr_expect_eq(count_files(), 1, "nothing was touched");
}

Test(blob_file, damaged_mark_is_replaced)
{
    struct blob_store *st = open_store();
    struct model m = {.n = 0};
    char path[200];

    put_ok(st, 10, 1);
    st->ops->close(&st);
    snprintf(path, sizeof(path), "%s/blobs/unsettled", dir);
    flip(path, 9, 1);
    st = open_store();
    cr_expect_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    cr_expect_eq(m.answered_no, 1, "without the mark the last folders are looked into");
    cr_expect_eq(count_files(), 0);
    st->ops->close(&st);
    unsigned char mark[BLOB_MARK_BYTES];
    uint32_t from;
    bool newer;
    blob_mark_encode(5, mark);
    cr_assert_eq(blob_mark_decode(mark, sizeof(mark), &from, &newer), BLOB_OK);
    cr_expect_eq(from, 5);
    cr_expect_eq(blob_mark_decode(mark, sizeof(mark) - 1, &from, &newer), BLOB_CORRUPT);
}

/* --- folders
 * -------------------------------------------------------------------------------------------------------------------
 */

Test(blob_file, folders_are_filled_in_turn)
{
    struct blob_store *st = open_store();
    struct blob_id first = put_ok(st, 1, 1), id = first;

    st->ops->settled(st, &first);
    for (int i = 1; i < 2 * BLOB_FOLDER_MAX + 2; i++) {
        id = put_ok(st, 1, 1);
        st->ops->settled(st, &id);
        cr_assert_eq(blob_id_folder(&id), (unsigned)i / BLOB_FOLDER_MAX);
    }
    size_t looked = fault_count(FAULT_OPEN);
    struct model m = {.n = 0};
    st = restart(st);
    st->ops->recover(st, keep_referred, &m);
    cr_expect_eq(m.asked, 0);
    cr_expect_lt(fault_count(FAULT_OPEN) - looked, 30, "not all blobs were walked");
    cr_expect_eq(count_files(), 2 * BLOB_FOLDER_MAX + 2);
    id = put_ok(st, 1, 1);
    cr_expect_eq(blob_id_folder(&id), 3, "a new run, a new folder");
    st->ops->close(&st);
}

Test(blob_file, a_restart_looks_only_where_something_is_open)
{
    struct blob_store *st = open_store();
    struct blob_id id, open[2];
    struct model m = {.n = 0};

    for (int i = 0; i < 4 * BLOB_FOLDER_MAX; i++) {
        id = put_ok(st, 1, 1);
        if (i == 2 * BLOB_FOLDER_MAX + 5)
            open[0] = id;
        else if (i == 3 * BLOB_FOLDER_MAX + 5)
            open[1] = id;
        else
            st->ops->settled(st, &id);
    }
    m.ids[m.n++] = open[0];
    st = restart(st);
    struct blob_file_stats stats;
    st->ops->recover(st, keep_referred, &m);
    blob_file_stats(st, &stats);
    cr_expect_eq(m.asked, 2 * BLOB_FOLDER_MAX, "two folders out of four: %zu", m.asked);
    st->ops->close(&st);
}

Test(blob_file, emptied_folders_are_removed)
{
    struct blob_store *st = open_store();
    struct blob_id id[3];

    for (int i = 0; i < 3; i++) {
        id[i] = put_ok(st, 100, 1);
        st->ops->settled(st, &id[i]);
    }
    st = restart(st);
    struct blob_id last = put_ok(st, 100, 1);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(st->ops->remove(st, &id[i]), BLOB_OK);
    cr_expect_eq(st->ops->sync_removals(st, id, 3), BLOB_OK);
    cr_expect_eq(count_files(), 1);
    cr_expect_eq(found_folders, 4, "data, blobs, 0, 0/1: %zu", found_folders);
    st->ops->remove(st, &last);
    st->ops->settled(st, &last);
    st = restart(st);
    count_files();
    cr_expect_eq(found_folders, 3, "the last one goes when the store is closed: %zu", found_folders);
    struct blob_id next = put_ok(st, 100, 1);
    cr_expect_eq(blob_id_folder(&next), 2, "numbers are not used twice");
    st->ops->close(&st);
}

Test(blob_file, removal_of_an_unsettled_blob_is_on_disk_before_the_mark_moves)
{
    fault_power_watch(graveyard);
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, 100, 1);
    struct model m = {.n = 0};

    cr_expect_eq(st->ops->remove(st, &id), BLOB_OK);
    st->ops->settled(st, &id);
    st->ops->close(&st);
    fault_power_cut(0);
    st = open_store();
    st->ops->recover(st, keep_referred, &m);
    cr_expect_eq(count_files(), 0);
    st->ops->close(&st);
}

Test(blob_file, removal_of_an_orphan_is_on_disk_before_the_mark_moves)
{
    struct blob_store *st = open_store();
    struct model m = {.n = 0};

    put_ok(st, 100, 1);
    m.ids[m.n++] = put_ok(st, 100, 1);
    fault_power_watch(graveyard);
    st = restart(st);
    cr_expect_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    cr_expect_eq(m.answered_no, 1);
    st->ops->close(&st);
    fault_power_cut(0);
    st = open_store();
    st->ops->recover(st, keep_referred, &m);
    cr_expect_eq(count_files(), 1);
    st->ops->close(&st);
}

/* Two blobs of an old folder, below the mark, where no recovery looks. */
static struct blob_store *two_old_blobs(struct blob_id id[2])
{
    struct blob_store *st = open_store();

    for (unsigned i = 0; i < 2; i++) {
        id[i] = put_ok(st, 1000, i);
        st->ops->settled(st, &id[i]);
    }
    return restart(st);
}

/* The index refers to `kept` when the store opens again. */
static struct blob_store *power_cut(struct blob_store *st, unsigned seed, const struct blob_id *kept)
{
    struct model m = {.n = 1, .ids = {*kept}};

    st->ops->close(&st);
    fault_power_cut(seed);
    st = open_store();
    cr_assert_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    return st;
}

Test(blob_file, DUR_04_a_removal_lasts_once_it_was_synced)
{
    struct blob_id id[2];
    struct blob_store *st = two_old_blobs(id);

    fault_power_watch(graveyard);
    cr_assert_eq(st->ops->remove(st, &id[0]), BLOB_OK);
    st = power_cut(st, 0, &id[1]);
    cr_expect_eq(check_blob(st, &id[0], 1000, 0), 1, "not synced, it may come back: so this test can tell");
    fault_power_watch(graveyard);
    cr_assert_eq(st->ops->remove(st, &id[0]), BLOB_OK);
    cr_assert_eq(st->ops->sync_removals(st, &id[0], 1), BLOB_OK);
    st = power_cut(st, 0, &id[1]);
    cr_expect_eq(check_blob(st, &id[0], 1000, 0), 0);
    cr_expect_eq(check_blob(st, &id[1], 1000, 1), 1);
    st->ops->close(&st);
}

/* The process that removed it died before the sync: for the next one the name is gone, but not for the disk. */
Test(blob_file, DUR_04_a_removal_by_a_former_process_is_synced_too)
{
    struct blob_id id[2];
    struct blob_store *st = two_old_blobs(id);

    fault_power_watch(graveyard);
    cr_assert_eq(st->ops->remove(st, &id[0]), BLOB_OK);
    st = restart(st);
    cr_assert_eq(st->ops->remove(st, &id[0]), BLOB_OK);
    cr_assert_eq(st->ops->sync_removals(st, &id[0], 1), BLOB_OK);
    st = power_cut(st, 0, &id[1]);
    cr_expect_eq(check_blob(st, &id[0], 1000, 0), 0);
    st->ops->close(&st);
}

/* Removing and syncing, of blobs old and new: what was said to last lasts, and nothing else is lost. */
Test(blob_file, DUR_04_every_call_of_a_removal_fails_and_the_power_goes)
{
    for (unsigned seed = 0; seed < 4; seed++)
        for (int nth = 0;; nth++) {
            size_t fds = count_fds();
            struct blob_id id[4];
            struct blob_store *st = two_old_blobs(id);
            bool last[3];
            for (unsigned i = 2; i < 4; i++) {
                id[i] = put_ok(st, 1000, i);
                st->ops->settled(st, &id[i]);
            }
            fault_power_watch(graveyard);
            fault_arm_from(FAULT_ANY, nth, EIO);
            for (unsigned i = 0; i < 3; i++) /* the second one empties its folder */
                last[i] = st->ops->remove(st, &id[i]) == BLOB_OK && st->ops->sync_removals(st, &id[i], 1) == BLOB_OK;
            bool fired = fault_disarm();
            st = power_cut(st, seed, &id[3]);
            for (unsigned i = 0; i < 3; i++)
                cr_assert(!last[i] || check_blob(st, &id[i], 1000, i) == 0, "call %d seed %u blob %u", nth, seed, i);
            cr_assert_eq(check_blob(st, &id[3], 1000, 3), 1);
            for (unsigned i = 0; i < 4; i++)
                st->ops->remove(st, &id[i]);
            cr_assert_eq(st->ops->sync_removals(st, id, 4), BLOB_OK);
            cr_assert_eq(count_files(), 0);
            st->ops->close(&st);
            cr_assert_eq(count_fds(), fds);
            if (!fired)
                break;
        }
}

Test(blob_file, IOE_01_a_folder_that_could_not_be_synced_is_not_believed_later)
{
    struct blob_id id[2], other;
    struct blob_store *st = two_old_blobs(id);

    other = put_ok(st, 100, 1);
    st->ops->settled(st, &other);
    cr_assert_eq(st->ops->remove(st, &id[0]), BLOB_OK);
    cr_assert_eq(st->ops->remove(st, &other), BLOB_OK);
    fault_arm(FAULT_FSYNC, 0, EIO);
    struct blob_id both[] = {id[0], other};
    cr_expect_eq(st->ops->sync_removals(st, both, 2), BLOB_IO);
    cr_assert(fault_disarm());
    size_t before = fault_count(FAULT_FSYNC);
    cr_expect_eq(st->ops->sync_removals(st, id, 1), BLOB_IO);
    cr_expect_eq(fault_count(FAULT_FSYNC), before, "asking again would prove nothing");
    cr_expect_eq(st->ops->sync_removals(st, &other, 1), BLOB_OK, "other folders are none the worse");
    st = restart(st);
    cr_assert_eq(st->ops->remove(st, &id[0]), BLOB_OK);
    cr_expect_eq(st->ops->sync_removals(st, id, 1), BLOB_OK, "a new run, a new judgement");
    cr_expect_eq(check_blob(st, &id[1], 1000, 1), 1);
    st->ops->close(&st);
}

/* The active folder: no blob is finished there any more, and the next start looks into it. */
Test(blob_file, IOE_01_the_active_folder_could_not_be_synced_after_a_removal)
{
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, 1000, 1), kept = put_ok(st, 1000, 2), next;
    struct model m = {.n = 1, .ids = {kept}};

    st->ops->settled(st, &id);
    st->ops->settled(st, &kept);
    fault_power_watch(graveyard);
    cr_assert_eq(st->ops->remove(st, &id), BLOB_OK);
    fault_arm(FAULT_FSYNC, 0, EIO);
    cr_expect_eq(st->ops->sync_removals(st, &id, 1), BLOB_IO);
    cr_assert(fault_disarm());
    cr_expect_eq(st->ops->sync_removals(st, &id, 1), BLOB_IO);
    next = put_ok(st, 1000, 3);
    cr_expect_neq(blob_id_folder(&next), blob_id_folder(&id));
    m.ids[m.n++] = next;
    st->ops->close(&st);
    fault_power_cut(0);
    st = open_store();
    cr_expect_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    cr_expect_eq(m.answered_no, 1, "it was back");
    cr_expect_eq(count_files(), 2);
    st->ops->close(&st);
}

/* The first attempt removes an orphan and cannot sync; the second finds nothing, and must not forget that. */
Test(blob_file, IOE_01_recovery_that_could_not_sync_keeps_the_mark)
{
    struct blob_store *st = open_store();
    struct model m = {.n = 0};

    put_ok(st, 100, 1);
    m.ids[m.n++] = put_ok(st, 100, 2);
    fault_power_watch(graveyard);
    st = restart(st);
    fault_arm(FAULT_FSYNC, 0, EIO);
    cr_expect_neq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    cr_assert(fault_disarm());
    cr_expect_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    cr_expect_eq(m.answered_no, 1);
    st->ops->close(&st);
    fault_power_cut(0);
    st = open_store();
    cr_expect_eq(st->ops->recover(st, keep_referred, &m), BLOB_OK);
    cr_expect_eq(m.answered_no, 2);
    cr_expect_eq(count_files(), 1);
    st->ops->close(&st);
}

/* The name may reach the disk although its sync failed, and its removal may not. */
Test(blob_file, blob_whose_folder_sync_failed_is_found_later)
{
    for (unsigned seed = 1; seed < 20; seed++) {
        fault_power_watch(graveyard);
        struct blob_store *st = open_store();
        struct blob_id id = put_ok(st, 100, 1), failed, next;
        struct model m = {.n = 2};
        st->ops->settled(st, &id);
        fault_arm(FAULT_FSYNC, 0, EIO);
        cr_assert_eq(put(st, 1000, 2, &failed), BLOB_IO);
        cr_assert(fault_disarm());
        next = put_ok(st, 100, 1);
        st->ops->settled(st, &next);
        m.ids[0] = id;
        m.ids[1] = next;
        st->ops->close(&st);
        fault_power_cut(seed);
        st = open_store();
        st->ops->recover(st, keep_referred, &m);
        cr_assert_eq(count_files(), 2, "seed %u", seed);
        for (size_t i = 0; i < m.n; i++)
            st->ops->remove(st, &m.ids[i]);
        st->ops->close(&st);
    }
}

Test(blob_file, next_folder_cannot_be_made)
{
    struct blob_store *st = open_store();

    for (int i = 0; i < BLOB_FOLDER_MAX; i++)
        put_ok(st, 1, 1);
    fault_arm_from(FAULT_MKDIR, 0, ENOSPC);
    struct blob_id id = put_ok(st, 1, 1); /* the full folder takes one more */
    cr_expect_eq(blob_id_folder(&id), 0);
    fault_disarm();
    id = put_ok(st, 1, 1);
    cr_expect_eq(blob_id_folder(&id), 1);
    st->ops->close(&st);
}

/* --- sharing syncs
 * ------------------------------------------------------------------------------------------------------------- */

static struct io slow_io;
static bool slow_fails;

static int slow_fsync(int fd)
{
    usleep(100000);
    if (slow_fails) {
        errno = EIO;
        return -1;
    }
    return fault_io.fsync(fd);
}

struct finisher {
    struct blob_store *st;
    struct blob_id id;
    int rc;
};

static void *finish_one(void *arg)
{
    struct finisher *f = arg;

    f->rc = put(f->st, 1000, 5, &f->id);
    return NULL;
}

#define FINISHERS 16

static void finish_together(struct blob_store *st, struct finisher *f)
{
    pthread_t threads[FINISHERS];

    for (int i = 0; i < FINISHERS; i++) {
        f[i] = (struct finisher){.st = st};
        cr_assert_eq(pthread_create(&threads[i], NULL, finish_one, &f[i]), 0);
    }
    for (int i = 0; i < FINISHERS; i++)
        pthread_join(threads[i], NULL);
}

Test(blob_file, finishes_at_the_same_time_share_the_sync_of_the_folder)
{
    struct blob_file_options options = {.folder = dir, .io = &slow_io};
    struct finisher f[FINISHERS];
    struct blob_store *st;

    slow_io = fault_io;
    slow_io.fsync = slow_fsync;
    cr_assert_eq(blob_file_open(&options, &st), BLOB_OK);
    put_ok(st, 10, 1);
    size_t before = fault_count(FAULT_FSYNC);
    finish_together(st, f);
    cr_expect_lt(fault_count(FAULT_FSYNC) - before, FINISHERS / 2);
    for (int i = 0; i < FINISHERS; i++) {
        cr_expect_eq(f[i].rc, BLOB_OK);
        cr_expect_eq(check_blob(st, &f[i].id, 1000, 5), 1);
    }
    slow_fails = true;
    finish_together(st, f);
    for (int i = 0; i < FINISHERS; i++)
        cr_expect_neq(f[i].rc, BLOB_OK, "nobody is told that a failed sync worked");
    slow_fails = false;
    put_ok(st, 10, 1);
    cr_expect_eq(count_files(), 1 + FINISHERS + 1);
    st->ops->close(&st);
}

/* --- the walk that stands in for openat2
 * ----------------------------------------------------------------------------------------- */

/* Kernels before 5.6, and sandboxes that let only known calls pass. */
static void forbid_openat2(int answer)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void stays_beneath(void)
{
    char path[100];
    int root = open(top, O_RDONLY | O_DIRECTORY);

    cr_assert(root >= 0);
    snprintf(path, sizeof(path), "%s/link", dir);
    cr_assert_eq(symlink(graveyard, path), 0);
    size_t fds = count_fds();
    cr_expect_lt(io_real.open_beneath(root, "../", O_RDONLY, 0), 0);
    cr_expect_lt(io_real.open_beneath(root, "..", O_RDONLY, 0), 0);
    cr_expect_lt(io_real.open_beneath(root, "data/../../x", O_RDONLY, 0), 0);
    cr_expect_lt(io_real.open_beneath(root, "/etc/passwd", O_RDONLY, 0), 0);
    cr_expect_lt(io_real.open_beneath(root, "data/link", O_RDONLY, 0), 0);
    cr_expect_eq(errno, ELOOP);
    cr_expect_lt(io_real.open_beneath(root, "data/link/x", O_RDONLY | O_CREAT, 0600), 0);
    cr_expect_lt(io_real.open_beneath(root, "data/nothing/x", O_RDONLY, 0), 0);
    cr_expect_eq(errno, ENOENT);
    cr_expect_eq(count_fds(), fds);
    int fd = io_real.open_beneath(root, "data", O_RDONLY | O_DIRECTORY, 0);
    cr_expect(fd >= 0);
    close(fd);
    fd = io_real.open_beneath(root, "data/new", O_RDWR | O_CREAT | O_EXCL, 0600);
    cr_expect(fd >= 0);
    close(fd);
    cr_expect_eq(count_fds(), fds);
    cr_expect_eq(rmdir(graveyard), 0, "nothing was made there");
    close(root);
}

Test(blob_file, KEY_17_open_beneath_stays_beneath)
{
    stays_beneath();
}

Test(blob_file, KEY_17_open_beneath_without_openat2)
{
    forbid_openat2(ENOSYS);
    stays_beneath();
    struct blob_store *st = open_store();
    struct blob_id id = put_ok(st, 1000, 1);
    cr_expect_eq(check_blob(st, &id, 1000, 1), 1);
    st->ops->close(&st);
}

Test(blob_file, KEY_17_open_beneath_with_openat2_forbidden)
{
    forbid_openat2(EPERM);
    stays_beneath();
}
