/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the LMDB index promises: durability, what it opens and refuses, full disks, failing disks, rot. The names
 * are those of the reliability cases. index_suite.c has what every backend promises.
 *
 * Failing disks are made by putting another file under LMDB's descriptors: one opened for reading only fails each
 * write, /dev/full has no space, /dev/null takes writes but cannot be synced.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rand.h"
#include "index_lmdb.h"
#include "storage/lmdb_env.h"
#include "storage/lmdb_record.h"

#define FOLDER_MAX 128
#define SYS        INDEX_PARTITION_SYSTEM
#define MIB        (UINT64_C(1) << 20)

static char folder[FOLDER_MAX], data_file[FOLDER_MAX + 32];
static char message[INDEX_LMDB_MESSAGE_MAX];
static struct arena *arena;
static struct index *ix;
static struct index_lmdb_options options;

static void begin(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/pail-lmdb-XXXXXX", tmp && strlen(tmp) < FOLDER_MAX / 2 ? tmp : P_tmpdir);
    cr_assert(mkdtemp(folder) != NULL);
    snprintf(data_file, sizeof(data_file), "%s/data.mdb", folder);
    arena = arena_create(0);
    options = (struct index_lmdb_options){.path = folder, .create = true, .map_initial = 64 * MIB, .reserve = MIB};
}

static void end(void)
{
    char path[FOLDER_MAX + 32];
    if (ix)
        ix->ops->close(&ix);
    unlink(data_file);
    snprintf(path, sizeof(path), "%s/lock.mdb", folder);
    unlink(path);
    rmdir(folder);
    arena_free(arena);
}

static int open_index(void)
{
    return index_lmdb_open(&options, &ix, message);
}

static void close_index(void)
{
    ix->ops->close(&ix);
}

static void reopen(void)
{
    if (ix)
        close_index();
    cr_assert_eq(open_index(), INDEX_OK, "%s", message);
}

static int put_n(const char *key, const void *value, size_t n)
{
    struct index_put p = {.key = bytes_str(key), .value = bytes_of(value, n)};
    struct index_batch b = {.partition = SYS, .generation = 1, .puts = &p, .n_puts = 1};
    rand_bytes(b.request_id, 16);
    return index_apply(ix, &b);
}

static int put(const char *key, const char *value)
{
    return put_n(key, value, strlen(value));
}

static int del(const char *key)
{
    struct bytes k = bytes_str(key);
    struct index_batch b = {.partition = SYS, .generation = 1, .deletes = &k, .n_deletes = 1};
    return index_apply(ix, &b);
}

static int get(const char *key)
{
    struct bytes v;
    return index_get(ix, SYS, bytes_str(key), arena, &v);
}

static bool holds(const char *key, const char *value)
{
    struct bytes v;
    int rc = index_get(ix, SYS, bytes_str(key), arena, &v);
    return value ? rc == INDEX_OK && bytes_eq_str(v, value) : rc == INDEX_NOT_FOUND;
}

static struct index_lmdb_stats stats(void)
{
    struct index_lmdb_stats s;
    index_lmdb_stats(ix, &s);
    return s;
}

/* --- opening --- */

Test(index_lmdb, DUR_14_flags_at_open, .init = begin, .fini = end)
{
    struct lmdb_env *e = NULL;
    unsigned flags = 0;
    cr_assert_eq(lmdb_env_open(&options, &e, message), INDEX_OK);
    cr_assert_eq(mdb_env_get_flags(e->env, &flags), 0);
    cr_assert_eq(flags & (MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_MAPASYNC | MDB_NOLOCK), 0);
    cr_assert(flags & MDB_NOTLS);
    lmdb_env_close(&e);
}

Test(index_lmdb, what_was_applied_is_there_after_a_restart, .init = begin, .fini = end)
{
    char key[1001];
    uint64_t g;
    memset(key, 'k', 1000);
    key[1000] = '\0';
    reopen();
    struct index_put p = {.key = bytes_str(key), .value = BYTES_LIT("1")};
    struct index_batch b = {.partition = 77, .next_generation = 5, .puts = &p, .n_puts = 1};
    cr_assert_eq(index_apply(ix, &b), INDEX_OK);
    cr_assert_eq(put(key, "2"), INDEX_OK);
    reopen();
    struct bytes v;
    cr_assert_eq(index_get(ix, 77, bytes_str(key), arena, &v), INDEX_OK);
    cr_assert(bytes_eq_str(v, "1"));
    cr_assert(holds(key, "2"));
    cr_assert_eq(index_generation(ix, 77, &g), INDEX_OK);
    cr_assert_eq(g, 5);
    key[999] = 'l'; /* child nodes made later must not be given old numbers */
    cr_assert_eq(put(key, "3"), INDEX_OK);
    key[0] = 'l';
    cr_assert_eq(put(key, "4"), INDEX_OK);
    cr_assert(holds(key, "4"));
    key[0] = 'k';
    cr_assert(holds(key, "3"));
}

Test(index_lmdb, files_are_private_and_closed_on_exec, .init = begin, .fini = end)
{
    char sub[FOLDER_MAX + 16], path[FOLDER_MAX + 32];
    struct stat st;
    snprintf(sub, sizeof(sub), "%s/index", folder);
    options.path = sub;
    umask(0);
    reopen();
    cr_assert(stat(sub, &st) == 0 && (st.st_mode & 07777) == 0700);
    snprintf(path, sizeof(path), "%s/data.mdb", sub);
    cr_assert(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
    unsigned n = 0;
    for (int fd = 3; fd < 100; fd++) { /* LDB-03 */
        char link[32], target[256] = "";
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (readlink(link, target, sizeof(target) - 1) > 0 && strstr(target, sub)) {
            cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC, "%s", target);
            n++;
        }
    }
    cr_assert(n >= 2);
    snprintf(path, sizeof(path), "%s/lock.mdb", sub);
    cr_assert(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
    close_index();
    unlink(path);
    snprintf(path, sizeof(path), "%s/data.mdb", sub);
    unlink(path);
    cr_assert_eq(rmdir(sub), 0, "nothing else is left there");
}

Test(index_lmdb, no_index_is_made_unless_asked, .init = begin, .fini = end)
{
    options.create = false;
    cr_assert_eq(open_index(), INDEX_NOT_FOUND);
    cr_assert(strstr(message, folder) != NULL);
    cr_assert(access(data_file, F_OK) != 0);
    options.path = "/nonexistent/pail";
    cr_assert_eq(open_index(), INDEX_NOT_FOUND);
    options.create = true;
    cr_assert_neq(open_index(), INDEX_OK);
}

Test(index_lmdb, a_half_made_index_is_made_anew, .init = begin, .fini = end)
{
    char path[FOLDER_MAX + 32];
    snprintf(path, sizeof(path), "%s/new", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/new/data.mdb", folder);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    reopen();
    cr_assert_eq(put("k", "v"), INDEX_OK);
    snprintf(path, sizeof(path), "%s/new", folder);
    cr_assert(access(path, F_OK) != 0);
}

static char *file_content(size_t *ret_n)
{
    struct stat st;
    int fd = open(data_file, O_RDONLY);
    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    char *p = arena_alloc(arena, (size_t)st.st_size + 1);
    cr_assert_eq(pread(fd, p, (size_t)st.st_size, 0), st.st_size);
    close(fd);
    *ret_n = (size_t)st.st_size;
    return p;
}

static void overwrite(off_t at, const void *p, size_t n)
{
    int fd = open(data_file, O_WRONLY);
    cr_assert_eq(pwrite(fd, p, n, at), (ssize_t)n);
    close(fd);
}

/* The file must be refused, and be left as it is. */
static void refused(int rc)
{
    size_t before_n, after_n;
    char *before = file_content(&before_n);
    cr_assert_eq(open_index(), rc, "%s", message);
    cr_assert(message[0] != '\0');
    char *after = file_content(&after_n);
    cr_assert(before_n == after_n && memcmp(before, after, before_n) == 0, "touched");
}

Test(index_lmdb, LDB_06_a_file_cut_short_is_refused, .init = begin, .fini = end)
{
    reopen();
    for (int i = 0; i < 100; i++) {
        char key[16], value[3000];
        memset(value, i, sizeof(value));
        snprintf(key, sizeof(key), "%d", i);
        cr_assert_eq(put_n(key, value, sizeof(value)), INDEX_OK);
    }
    uint64_t used = stats().used_bytes;
    close_index();
    cr_assert_eq(truncate(data_file, (off_t)used), 0);
    reopen();
    cr_assert(holds("none", NULL));
    close_index();
    off_t cuts[] = {(off_t)used - 1, (off_t)used - 4096, 8192, 4097, 4096, 100, 0};
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        cr_assert_eq(truncate(data_file, cuts[i]), 0);
        refused(INDEX_CORRUPT);
    }
}

Test(index_lmdb, LDB_04_one_header_page_is_enough, .init = begin, .fini = end)
{
    char junk[4096];
    memset(junk, 0x5a, sizeof(junk));
    for (int round = 0; round < 4; round++) { /* the newer and the older one, either page */
        char key[16];
        snprintf(key, sizeof(key), "%d", round);
        reopen();
        cr_assert_eq(put("first", "1"), INDEX_OK);
        cr_assert_eq(put(key, "2"), INDEX_OK);
        if (round & 2)
            cr_assert_eq(put(key, "3"), INDEX_OK);
        close_index();
        overwrite((round & 1) * 4096, junk, sizeof(junk));
        cr_assert_eq(open_index(), INDEX_OK, "%s", message);
        cr_assert(strstr(message, "header page") != NULL);
        cr_assert(holds("first", "1"), "all but the last commit");
        cr_assert_eq(put("after", "4"), INDEX_OK);
        reopen();
        cr_assert_eq(message[0], '\0');
        cr_assert(holds("after", "4"));
    }
    close_index();
    overwrite(0, junk, sizeof(junk));
    overwrite(4096, junk, sizeof(junk));
    refused(INDEX_CORRUPT);
}

/* Replaces the record "format" in an index that is closed. */
static void set_format(const void *p, size_t n)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    struct longkey_writer w = {.next_child = 1};
    cr_assert_eq(mdb_env_create(&env), 0);
    cr_assert_eq(mdb_env_open(env, folder, 0, 0600), 0);
    cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    cr_assert_eq(mdb_dbi_open(txn, NULL, 0, &w.dbi), 0);
    w.txn = txn;
    if (n == 0) {
        cr_assert_eq(longkey_del(&w, LMDB_META_ROOT, BYTES_LIT("format")), 0);
    } else {
        struct longkey_name name;
        void *room;
        cr_assert_eq(longkey_put(&w, LMDB_META_ROOT, BYTES_LIT("format"), lmdb_record_size(n, 0), &name, &room), 0);
        MDB_val k = {name.n, name.b};
        lmdb_record_write(room, &k, bytes_of(p, n), 0);
    }
    cr_assert_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

Test(index_lmdb, other_formats_are_refused, .init = begin, .fini = end)
{
    reopen();
    cr_assert_eq(put("k", "v"), INDEX_OK);
    close_index();
    set_format("pailindx\2\0\0\0\340\1\0\0", 16);
    refused(INDEX_UNAVAILABLE);
    cr_assert(strstr(message, "newer") != NULL);
    set_format("pailindx\1\0\0\0\100\1\0\0", 16);
    refused(INDEX_UNAVAILABLE);
    set_format("somebody\1\0\0\0\340\1\0\0", 16);
    refused(INDEX_CORRUPT);
    set_format("pailindx\1\0\0\0\340\1\0\0 and what a later version may add", 40);
    reopen();
    cr_assert(holds("k", "v"));
    close_index();
    set_format(NULL, 0);
    refused(INDEX_CORRUPT);
    unlink(data_file);
    int fd = open(data_file, O_CREAT | O_WRONLY, 0600);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(write(fd, "this is no database\n", 20), 20);
    close(fd);
    refused(INDEX_CORRUPT);
}

/* --- kill -9 --- */

struct progress {
    atomic_uint acknowledged;
};

/* The child: two threads read, one writes numbered keys and notes what was acknowledged. */
static void *read_for_ever(void *arg)
{
    (void)arg;
    for (;;) {
        struct arena *a = arena_create(0);
        struct index_scan s = {.partition = SYS, .max_rows = 50};
        struct index_page p;
        index_page(ix, &s, a, &p);
        arena_free(a);
    }
    return NULL;
}

static void child_main(struct progress *p, unsigned from)
{
    pthread_t t[2];
    if (open_index() != INDEX_OK)
        _exit(3);
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, read_for_ever, NULL);
    for (unsigned i = from;; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%08u", i);
        if (put(key, key) != INDEX_OK)
            _exit(4);
        atomic_store(&p->acknowledged, i + 1);
    }
}

Test(index_lmdb, LDB_01_killed_while_reading_and_writing, .init = begin, .fini = end)
{
    struct progress *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned total = 0;
    for (int round = 0; round < 8; round++) {
        pid_t pid = fork();
        if (pid == 0)
            child_main(p, total);
        unsigned before = atomic_load(&p->acknowledged);
        for (int i = 0; i < 20000 && atomic_load(&p->acknowledged) < before + 5 + (unsigned)round; i++)
            usleep(1000);
        usleep((useconds_t)(rand_u64() % 3000));
        int status;
        kill(pid, SIGKILL);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status), "the child ended by itself");
        total = atomic_load(&p->acknowledged);
        cr_assert(total > before);
        reopen();
        cr_assert_eq(message[0], '\0');
        for (unsigned i = 0; i < total; i++) {
            char key[16];
            snprintf(key, sizeof(key), "%08u", i);
            cr_assert(holds(key, key), "acknowledged and lost: %u of %u", i, total);
        }
        cr_assert_eq(put("parent", "1"), INDEX_OK);
        close_index();
    }
    munmap(p, 4096);
}

/* --- room --- */

Test(index_lmdb, CAP_04_a_small_map_grows, .init = begin, .fini = end)
{
    char value[20000];
    memset(value, 'v', sizeof(value));
    options.map_initial = MIB;
    reopen();
    cr_assert(stats().map_bytes >= 1 * MIB && stats().map_bytes < 32 * MIB);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        cr_assert_eq(put_n(key, value, sizeof(value)), INDEX_OK);
    }
    cr_assert(stats().map_bytes >= 32 * MIB);
    cr_assert(!stats().full);
    options.map_initial = MIB; /* less than what is used: the map must hold it all the same */
    reopen();
    cr_assert_eq(get("999"), INDEX_OK);
}

static atomic_bool stop;

static void *read_until_stop(void *arg)
{
    struct arena *a = arena_create(0);
    (void)arg;
    while (!atomic_load(&stop)) {
        struct bytes v;
        struct index_scan s = {.partition = SYS, .max_rows = 100};
        struct index_page p;
        arena_reset(a);
        cr_assert_eq(index_get(ix, SYS, BYTES_LIT("0"), a, &v), INDEX_OK);
        cr_assert_eq(v.n, 20000);
        cr_assert_eq(index_page(ix, &s, a, &p), INDEX_OK);
        cr_assert(p.n_rows >= 1 && p.rows[0].value.p[0] == 'v');
    }
    arena_free(a);
    return NULL;
}

Test(index_lmdb, CAP_04_the_map_grows_under_readers, .init = begin, .fini = end)
{
    char value[20000];
    pthread_t t[3];
    memset(value, 'v', sizeof(value));
    options.map_initial = MIB;
    reopen();
    cr_assert_eq(put_n("0", value, sizeof(value)), INDEX_OK);
    atomic_store(&stop, false);
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, read_until_stop, NULL);
    for (int i = 1; i < 600; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        cr_assert_eq(put_n(key, value, sizeof(value)), INDEX_OK);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    cr_assert(stats().map_bytes >= 16 * MIB);
}

/* Fills the index until it says so; returns how many keys it took. */
static int fill(size_t value_n)
{
    char key[16], *value = arena_zalloc(arena, value_n);
    for (int i = 0;; i++) {
        snprintf(key, sizeof(key), "%06d", i);
        int rc = put_n(key, value, value_n);
        if (rc == INDEX_FULL)
            return i;
        cr_assert_eq(rc, INDEX_OK);
        cr_assert(i < 100000);
    }
}

/* On a full index: what must still be possible. */
static void full_index(int n, size_t value_n)
{
    char key[16], *value = arena_zalloc(arena, value_n);
    cr_assert(n > 10, "%d", n);
    cr_assert(stats().full && !stats().failed);
    cr_assert_eq(get("000000"), INDEX_OK);
    cr_assert_eq(put_n("new", value, value_n), INDEX_FULL);
    cr_assert_eq(put_n("new", value, value_n), INDEX_FULL, "and again");
    for (int i = 0; i < n; i++) { /* a delete that notes something, as deleting an object does */
        snprintf(key, sizeof(key), "%06d", i);
        char note[16];
        snprintf(note, sizeof(note), "n%06d", i);
        struct bytes k = bytes_str(key);
        struct index_put p = {.key = bytes_str(note), .value = BYTES_LIT("garbage")};
        struct index_expect x = {.key = bytes_str(note), .value = BYTES_NONE};
        struct index_batch b = {.partition = SYS,
                                .generation = 1,
                                .deletes = &k,
                                .n_deletes = 1,
                                .puts = &p,
                                .n_puts = 1,
                                .expects = &x,
                                .n_expects = 1};
        cr_assert_eq(index_apply(ix, &b), INDEX_OK, "delete %d of %d", i, n);
        cr_assert_eq(index_apply(ix, &b), INDEX_CONFLICT, "answers are as ever");
    }
    cr_assert_eq(get("000000"), INDEX_NOT_FOUND);
    for (int i = 0; i < n / 2; i++) {
        snprintf(key, sizeof(key), "%06d", i);
        cr_assert_eq(put_n(key, value, value_n), INDEX_OK, "what was freed can be used: %d of %d", i, n);
    }
}

Test(index_lmdb, CAP_04_a_full_map_takes_deletes, .init = begin, .fini = end)
{
    options.map_initial = MIB;
    options.map_max = 4 * MIB;
    options.reserve = MIB;
    reopen();
    full_index(fill(1000), 1000);
    cr_assert(stats().file_bytes <= 4 * MIB);
}

Test(index_lmdb, CAP_04_long_values_on_a_full_map, .init = begin, .fini = end)
{
    options.map_initial = options.map_max = 8 * MIB;
    options.reserve = 2 * MIB;
    reopen();
    full_index(fill(60000), 60000);
}

static _Atomic uint64_t disk_end;

static int small_disk(int fd, uint64_t from, uint64_t n)
{
    if (from + n > atomic_load(&disk_end))
        return ENOSPC;
    return posix_fallocate(fd, (off_t)from, (off_t)n);
}

Test(index_lmdb, CAP_02_a_full_disk_takes_deletes, .init = begin, .fini = end)
{
    options.allocate = small_disk;
    atomic_store(&disk_end, 20 * MIB);
    reopen();
    int n = fill(30000);
    full_index(n, 30000);
    uint64_t used = stats().used_bytes;
    cr_assert(used <= 20 * MIB);
    fill(25000);
    cr_assert(stats().used_bytes <= 20 * MIB);
    atomic_store(&disk_end, 200 * MIB); /* somebody made room: no restart needed */
    for (int i = 0; i < 200; i++) {
        char key[32], value[3000] = "x";
        snprintf(key, sizeof(key), "again%d", i);
        cr_assert_eq(put_n(key, value, sizeof(value)), INDEX_OK);
    }
    cr_assert(!stats().full);
}

#define MIXED 66

static atomic_int mixed_done;
static int mixed_rc[MIXED];

static void on_mixed(struct index_batch *b, int rc)
{
    mixed_rc[(size_t)(intptr_t)b->arg] = rc;
    atomic_fetch_add(&mixed_done, 1);
}

/* Submitted together, so that they meet in groups: every third deletes, grows, or does both. */
Test(index_lmdb, CAP_02_groups_of_puts_and_deletes_on_a_full_disk, .init = begin, .fini = end)
{
    static struct index_batch b[MIXED];
    static struct index_put p[MIXED];
    static struct bytes d[MIXED];
    static char keys[MIXED][16], news[MIXED][16], value[2000];
    options.map_initial = options.map_max = 4 * MIB;
    reopen();
    cr_assert(fill(2000) > MIXED);
    for (int i = 0; i < MIXED; i++) {
        snprintf(keys[i], 16, "%06d", i);
        snprintf(news[i], 16, "n%06d", i);
        d[i] = bytes_str(keys[i]);
        p[i] = (struct index_put){.key = bytes_str(news[i]), .value = bytes_of(value, sizeof(value))};
        b[i] = (struct index_batch){.partition = SYS,
                                    .generation = 1,
                                    .puts = &p[i],
                                    .deletes = &d[i],
                                    .n_puts = i % 3 != 0,
                                    .n_deletes = i % 3 != 1,
                                    .done = on_mixed,
                                    .arg = (void *)(intptr_t)i};
        index_submit(ix, &b[i]);
    }
    while (atomic_load(&mixed_done) < MIXED)
        usleep(1000);
    for (int i = 0; i < MIXED; i++) {
        bool deletes = i % 3 != 1, puts = i % 3 != 0, done = mixed_rc[i] == INDEX_OK;
        cr_assert(done || (mixed_rc[i] == INDEX_FULL && !deletes), "%d: %s", i, index_rc_name(mixed_rc[i]));
        cr_assert_eq(get(keys[i]), deletes ? INDEX_NOT_FOUND : INDEX_OK);
        cr_assert_eq(get(news[i]), puts && done ? INDEX_OK : INDEX_NOT_FOUND);
    }
}

/* --- failing disks --- */

/* LMDB's descriptors of data.mdb: for pages (read-write), for the header pages (write-only, synchronous). */
static int data_fd(int access)
{
    for (int fd = 3; fd < 200; fd++) {
        char link[32], target[256] = "";
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (readlink(link, target, sizeof(target) - 1) > 0 && strcmp(target, data_file) == 0 &&
            (fcntl(fd, F_GETFL) & O_ACCMODE) == access)
            return fd;
    }
    cr_assert(false, "LMDB has no such descriptor");
    return -1;
}

/* Puts another file under a descriptor; returns what was there. */
static int replace_fd(int fd, const char *path, int flags)
{
    int kept = dup(fd), other = open(path, flags);
    cr_assert(kept >= 0 && other >= 0);
    cr_assert_eq(dup2(other, fd), fd);
    close(other);
    return kept;
}

static void restore_fd(int fd, int kept)
{
    cr_assert_eq(dup2(kept, fd), fd);
    close(kept);
}

static void dead_for_writes(void)
{
    cr_assert(stats().failed);
    cr_assert_eq(put("later", "x"), INDEX_UNAVAILABLE);
    cr_assert_eq(del("before"), INDEX_UNAVAILABLE);
    cr_assert_eq(index_drop(ix, 5), INDEX_UNAVAILABLE);
}

Test(index_lmdb, IOE_02_pages_cannot_be_written, .init = begin, .fini = end)
{
    reopen();
    cr_assert_eq(put("before", "1"), INDEX_OK);
    int fd = data_fd(O_RDWR), kept = replace_fd(fd, data_file, O_RDONLY);
    cr_assert_eq(put("k", "2"), INDEX_UNAVAILABLE);
    restore_fd(fd, kept);
    dead_for_writes();
    cr_assert(!stats().in_doubt);
    cr_assert(holds("before", "1") && holds("k", NULL), "reads go on");
    reopen();
    cr_assert(holds("before", "1") && holds("k", NULL) && holds("later", NULL));
    cr_assert_eq(put("k", "3"), INDEX_OK);
}

Test(index_lmdb, IOE_02_sync_fails, .init = begin, .fini = end)
{
    reopen();
    cr_assert_eq(put("before", "1"), INDEX_OK);
    int fd = data_fd(O_RDWR), kept = replace_fd(fd, "/dev/null", O_RDWR);
    cr_assert_eq(put("k", "2"), INDEX_UNAVAILABLE);
    restore_fd(fd, kept);
    dead_for_writes();
    cr_assert(holds("before", "1") && holds("k", NULL), "what was not synced is not seen");
    reopen();
    cr_assert(holds("before", "1") && holds("k", NULL));
}

Test(index_lmdb, IOE_02_the_header_page_cannot_be_written, .init = begin, .fini = end)
{
    reopen();
    cr_assert_eq(put("before", "1"), INDEX_OK);
    int fd = data_fd(O_WRONLY), kept = replace_fd(fd, data_file, O_RDONLY);
    struct index_put p = {.key = BYTES_LIT("k"), .value = BYTES_LIT("2")};
    struct index_batch b = {
        .partition = SYS, .generation = 1, .puts = &p, .n_puts = 1, .request_id = "an id of its own"};
    cr_assert_eq(index_apply(ix, &b), INDEX_UNKNOWN, "nobody knows what a restart will find");
    restore_fd(fd, kept);
    cr_assert(stats().failed && stats().in_doubt);
    cr_assert_eq(index_apply(ix, &b), INDEX_UNKNOWN, "asking again does not settle it");
    cr_assert_eq(put("later", "x"), INDEX_UNAVAILABLE);
    cr_assert_eq(get("before"), INDEX_UNAVAILABLE, "a state that may not survive is not shown");
    reopen();
    cr_assert(holds("before", "1") && holds("later", NULL));
    cr_assert_eq(index_apply(ix, &b), INDEX_OK);
    cr_assert(holds("k", "2"));
}

static int no_allocation(int fd, uint64_t from, uint64_t n)
{
    (void)fd, (void)from, (void)n;
    return 0;
}

static void limit_files(rlim_t n)
{
    struct rlimit r;
    getrlimit(RLIMIT_FSIZE, &r);
    r.rlim_cur = n < r.rlim_max ? n : r.rlim_max;
    setrlimit(RLIMIT_FSIZE, &r);
}

/* A file system that promises room and has none when it comes to writing, as those do that copy on write. */
Test(index_lmdb, CAP_01_no_space_in_the_commit_is_no_failure, .init = begin, .fini = end)
{
    char value[100000] = "long";
    signal(SIGXFSZ, SIG_IGN);
    options.allocate = no_allocation;
    reopen();
    cr_assert_eq(put_n("before", value, sizeof(value)), INDEX_OK);
    limit_files(stats().used_bytes);
    cr_assert_eq(put_n("k", value, sizeof(value)), INDEX_FULL);
    cr_assert_eq(put_n("k", value, sizeof(value)), INDEX_FULL);
    cr_assert(!stats().failed && stats().full);
    cr_assert_eq(get("before"), INDEX_OK);
    cr_assert_eq(get("k"), INDEX_NOT_FOUND);
    limit_files(RLIM_INFINITY);
    cr_assert_eq(put("k", "3"), INDEX_OK, "no restart needed");
    cr_assert_eq(put_n("l", value, sizeof(value)), INDEX_OK);
    reopen();
    cr_assert_eq(get("before"), INDEX_OK);
    cr_assert(holds("k", "3"));
}

/* LMDB gives up its old map before it has the new one: without any, nothing may touch it again. */
Test(index_lmdb, IOE_11_a_lost_map_ends_it_all, .init = begin, .fini = end)
{
    char value[100000];
    memset(value, 'v', sizeof(value));
    options.map_initial = MIB;
    reopen();
    cr_assert_eq(put("before", "1"), INDEX_OK);
    int fd = data_fd(O_RDWR), kept = replace_fd(fd, "/dev/full", O_RDWR), rc = INDEX_OK;
    struct index_put p[50];
    struct index_batch b = {.partition = SYS, .generation = 1, .puts = p, .n_puts = 50};
    for (int i = 0; i < 50; i++)
        p[i] = (struct index_put){.key = bytes_str(arena_printf(arena, "%d", i)), .value = bytes_of(value, 100000)};
    rc = index_apply(ix, &b);
    cr_assert(rc == INDEX_UNAVAILABLE || rc == INDEX_FULL, "%s", index_rc_name(rc));
    cr_assert_eq(index_apply(ix, &b), INDEX_UNAVAILABLE);
    cr_assert_eq(get("before"), INDEX_UNAVAILABLE);
    cr_assert(stats().failed && stats().in_doubt);
    restore_fd(fd, kept);
    reopen();
    cr_assert(holds("before", "1"));
    cr_assert_eq(get("0"), INDEX_NOT_FOUND);
}

/* --- batches that are planned anew where they are committed --- */

#define ADDERS 40

/* Adds one to a counter; `seen` is what it believes the counter to be. */
struct adder {
    struct index_batch b;
    struct index_expect x[2];
    struct index_put p;
    char seen[16], next[16];
    unsigned revised;
    bool refuse;
};

static void adder_plan(struct adder *a, struct bytes seen)
{
    uint64_t n = 0;
    cr_assert(seen.n < sizeof(a->seen));
    memcpy(a->seen, seen.p, seen.n);
    cr_assert(bytes_to_u64(seen, 1000, &n));
    int m = snprintf(a->next, sizeof(a->next), "%llu", (unsigned long long)n + 1);
    a->x[0] = (struct index_expect){BYTES_LIT("counter"), bytes_of(a->seen, seen.n)};
    a->p = (struct index_put){.key = BYTES_LIT("counter"), .value = bytes_of(a->next, (size_t)m)};
}

static bool adder_revise(struct index_batch *b, size_t expect, struct bytes current)
{
    struct adder *a = b->arg;
    if (a->refuse || expect != 0)
        return false;
    a->revised++;
    adder_plan(a, current);
    return true;
}

static void on_added(struct index_batch *b, int rc)
{
    struct adder *a = b->arg;
    cr_assert_eq(rc, a->refuse ? INDEX_CONFLICT : INDEX_OK);
    atomic_fetch_add(&mixed_done, 1);
}

static void adder_init(struct adder *a, struct bytes seen)
{
    *a = (struct adder){.b = {.partition = SYS,
                              .generation = 1,
                              .expects = a->x,
                              .n_expects = 1,
                              .puts = &a->p,
                              .n_puts = 1,
                              .revise = adder_revise,
                              .done = on_added,
                              .arg = a}};
    adder_plan(a, seen);
}

Test(index_lmdb, writers_of_one_key_share_a_commit, .init = begin, .fini = end)
{
    static struct adder a[ADDERS];
    unsigned revised = 0;
    reopen();
    cr_assert_eq(put("counter", "0"), INDEX_OK);
    for (int i = 0; i < ADDERS; i++) {
        adder_init(&a[i], BYTES_LIT("0"));
        a[i].refuse = i % 10 == 9;
        index_submit(ix, &a[i].b);
    }
    while (atomic_load(&mixed_done) < ADDERS)
        usleep(1000);
    cr_assert(holds("counter", "36"), "each but the four that refuse");
    for (int i = 0; i < ADDERS; i++)
        revised += a[i].revised;
    cr_assert(revised >= 35);
    cr_assert(stats().groups < 20, "%llu", (unsigned long long)stats().groups);
}

static void on_answer(struct index_batch *b, int rc)
{
    (void)b;
    int at = atomic_load(&mixed_done); /* one thread calls this */
    mixed_rc[at] = rc;
    atomic_store(&mixed_done, at + 1);
}

Test(index_lmdb, only_what_can_be_helped_is_planned_anew, .init = begin, .fini = end)
{
    static struct adder a[3];
    reopen();
    cr_assert_eq(put("counter", "5"), INDEX_OK);
    for (int i = 0; i < 3; i++) {
        adder_init(&a[i], BYTES_LIT("5"));
        a[i].b.done = on_answer;
    }
    a[0].x[1] = (struct index_expect){BYTES_LIT("other"), BYTES_LIT("1")};
    a[0].b.n_expects = 2;
    a[1].b.generation = 2;
    index_submit(ix, &a[0].b);
    index_submit(ix, &a[1].b);
    while (atomic_load(&mixed_done) < 2)
        usleep(1000);
    cr_assert(mixed_rc[0] == INDEX_CONFLICT && a[0].b.ret_conflict == 1);
    cr_assert_eq(mixed_rc[1], INDEX_STALE);
    cr_assert(a[0].revised == 0 && a[1].revised == 0);
    cr_assert(holds("counter", "5"));
    cr_assert_eq(put("counter", "6"), INDEX_OK);
    cr_assert_eq(index_apply(ix, &a[2].b), INDEX_CONFLICT, "apply has no owner to ask");
    cr_assert(a[2].revised == 0 && a[2].b.revise == adder_revise);
}

/* --- rot --- */

static off_t find_in_file(const char *needle, size_t n)
{
    size_t size;
    char *p = file_content(&size);
    char *at = memmem(p, size, needle, n);
    cr_assert(at != NULL);
    cr_assert_null(memmem(at + 1, size - (size_t)(at + 1 - p), needle, n), "more than once");
    return at - p;
}

Test(index_lmdb, ROT_01_a_flipped_bit_is_found, .init = begin, .fini = end)
{
    static char head[100], tail[9000];
    char value[9100];
    rand_bytes(head, sizeof(head));
    rand_bytes(tail, sizeof(tail));
    memcpy(value, head, 100);
    memcpy(value + 100, tail, 9000);
    reopen();
    struct index_put p = {.key = BYTES_LIT("k"), .value = bytes_of(value, 9100), .head = 100};
    struct index_batch b = {.partition = SYS, .generation = 1, .puts = &p, .n_puts = 1};
    cr_assert_eq(index_apply(ix, &b), INDEX_OK);
    cr_assert_eq(put("a", "fine"), INDEX_OK);
    close_index();
    off_t at = find_in_file(head, sizeof(head));
    off_t bits[] = {at - 12, at - 8, at - 5, at - 4, at, at + 99, at + 100, at + 5000, at + 9099};
    for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
        char c;
        int fd = open(data_file, O_RDWR);
        cr_assert_eq(pread(fd, &c, 1, bits[i]), 1);
        c ^= 0x08;
        cr_assert_eq(pwrite(fd, &c, 1, bits[i]), 1);
        reopen();
        bool in_tail = bits[i] >= at + 100;
        struct index_scan s = {.partition = SYS, .max_rows = 10, .heads = true};
        struct index_page page;
        struct index_expect x = {.key = BYTES_LIT("k"), .value = bytes_of(value, 9100)};
        struct index_batch same = {.partition = SYS, .generation = 1, .expects = &x, .n_expects = 1};
        cr_assert_eq(get("k"), INDEX_CORRUPT);
        cr_assert(holds("a", "fine"));
        cr_assert_eq(index_apply(ix, &same), INDEX_CORRUPT);
        cr_assert_eq(index_page(ix, &s, arena, &page), in_tail ? INDEX_OK : INDEX_CORRUPT, "heads leave tails alone");
        s.heads = false;
        cr_assert_eq(index_page(ix, &s, arena, &page), INDEX_CORRUPT);
        cr_assert_eq(put("b", "written all the same"), INDEX_OK);
        c ^= 0x08;
        cr_assert_eq(pwrite(fd, &c, 1, bits[i]), 1);
        close(fd);
        reopen();
        cr_assert_eq(get("k"), INDEX_OK);
    }
    cr_assert_eq(del("k"), INDEX_OK);
}

/* A record that lies under another key than it was written for is as wrong as a flipped bit. */
Test(index_lmdb, ROT_02_a_record_out_of_place_is_found, .init = begin, .fini = end)
{
    MDB_val name = {5, "first"}, other = {5, "other"};
    char room[64];
    struct bytes v;
    lmdb_record_write(room, &name, BYTES_LIT("value"), 0);
    MDB_val record = {lmdb_record_size(5, 0), room};
    cr_assert(lmdb_record_read(&name, &record, false, &v) && bytes_eq_str(v, "value"));
    cr_assert(!lmdb_record_read(&other, &record, false, &v));
    for (size_t n = 0; n < record.mv_size; n++) {
        MDB_val cut = {n, room};
        cr_assert(!lmdb_record_read(&name, &cut, false, &v), "%zu bytes", n);
    }
    lmdb_record_write(room, &name, BYTES_LIT("headtail"), 4);
    for (size_t n = 0; n < lmdb_record_size(8, 4); n++) {
        MDB_val cut = {n, room};
        cr_assert(!lmdb_record_read(&name, &cut, false, &v), "%zu bytes", n);
    }
}

/* --- reads of their own --- */

#define CROWD (LMDB_READERS + 40)

static pthread_barrier_t crowded;

static enum index_visit stand_still(void *arg, struct bytes key, struct bytes value, struct buf *seek)
{
    (void)key, (void)value, (void)seek;
    if (arg)
        usleep(300000);
    return INDEX_VISIT_STOP;
}

static void *visit_slowly(void *arg)
{
    struct index_scan s = {.partition = SYS, .max_rows = 1};
    bool more;
    pthread_barrier_wait(&crowded);
    cr_assert_eq(index_visit(ix, &s, stand_still, arg, &more), INDEX_OK);
    return NULL;
}

Test(index_lmdb, more_reads_at_once_than_transactions, .init = begin, .fini = end)
{
    static pthread_t t[CROWD];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    pthread_barrier_init(&crowded, NULL, CROWD);
    reopen();
    cr_assert_eq(put("k", "v"), INDEX_OK);
    for (int i = 0; i < CROWD; i++)
        cr_assert_eq(pthread_create(&t[i], &small, visit_slowly, ix), 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(t[i], NULL);
    cr_assert_eq(put("k", "w"), INDEX_OK);
}

/* The file must not grow for ever when the same few keys are written again and again under readers. */
Test(index_lmdb, pages_are_used_again, .init = begin, .fini = end)
{
    char value[3000];
    reopen();
    for (int i = 0; i < 300; i++) {
        memset(value, i, sizeof(value));
        cr_assert_eq(put_n("k", value, sizeof(value)), INDEX_OK);
        cr_assert_eq(get("k"), INDEX_OK);
    }
    cr_assert(stats().used_bytes < MIB, "%llu", (unsigned long long)stats().used_bytes);
}
