/* SPDX-License-Identifier: Apache-2.0 */
/* LDB-10: stores damaged by hand, one way each: the check finds just that, and repairs what can be repaired. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rand.h"
#include "blob_file.h"
#include "index_lmdb.h"
#include "maintenance.h"
#include "storage/store_internal.h"

#define BIG 70000u

struct folder {
    char path[64], index[80];
    struct arena *a;
    struct index *ix; /* open for damaging, or NULL */
    uint64_t partition;
    struct check_report report;
    struct {
        enum check_kind kind;
        char key[64], what[200], blob[40];
    } found[64];
    size_t n;
};

/* ---- a store with something of each kind ---- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static struct store *open_store(struct folder *f)
{
    char message[INDEX_LMDB_MESSAGE_MAX];
    struct index *ix;
    struct blob_store *blobs;
    struct store *st;
    struct index_lmdb_options io = {.path = f->index, .create = true, .map_initial = 1 << 24};
    cr_assert_eq(index_lmdb_open(&io, &ix, message), INDEX_OK, "%s", message);
    cr_assert_eq(blob_file_open(&(struct blob_file_options){.folder = f->path}, &blobs), BLOB_OK);
    struct store_options so = {.index = ix, .blobs = blobs, .no_background = true};
    cr_assert_eq(store_open(&so, &st), STORE_OK);
    return st;
}

static void put(struct store *st, const struct store_bucket *b, const char *key, size_t size)
{
    struct store_put p = {.bucket = b, .key = bytes_str(key), .owner = BYTES_LIT("alice"), .expected_size = UINT64_MAX};
    struct store_write *w;
    char *data = xcalloc(1, size + 1);
    memset(data, 'x', size);
    cr_assert_eq(store_write_open(st, &p, &w), STORE_OK);
    cr_assert_eq(store_write_append(w, data, size), STORE_OK);
    cr_assert_eq(store_write_commit_wait(w), STORE_OK);
    store_write_close(&w);
    free(data);
}

static void remove_key(struct store *st, const struct store_bucket *b, const char *key)
{
    struct store_delete d = {.key = bytes_str(key)};
    store_objects_delete(st, b, BYTES_LIT("alice"), &d, 1);
    cr_assert_eq(d.rc, STORE_OK);
}

/* "plain": big, small, a copy's source; "kept", with versions: k (three, and an object), d (deleted). */
static struct folder begin(void)
{
    struct folder f = {.path = "/tmp/pail-check-XXXXXX", .a = arena_create(0)};
    struct store_bucket plain, kept;
    struct store_bucket_new want = {.owner = BYTES_LIT("alice")};
    struct store_bucket_change change = {.versioning = VERSIONING_ENABLED};
    struct store_upload u;
    cr_assert_not_null(mkdtemp(f.path));
    snprintf(f.index, sizeof f.index, "%s/index", f.path);
    char mark[80];
    snprintf(mark, sizeof mark, "%s/pail.format", f.path);
    close(open(mark, O_WRONLY | O_CREAT, 0600));
    struct store *st = open_store(&f);
    cr_assert_eq(store_bucket_create(st, BYTES_LIT("plain"), &want, f.a, &plain), STORE_OK);
    cr_assert_eq(store_bucket_create(st, BYTES_LIT("kept"), &want, f.a, &kept), STORE_OK);
    put(st, &plain, "big", BIG);
    put(st, &plain, "small", 100);
    struct store_put up = {.bucket = &plain, .key = BYTES_LIT("upload"), .owner = BYTES_LIT("alice")};
    cr_assert_eq(store_upload_create(st, &up, CHECKSUM_TYPE_NONE, f.a, &u), STORE_OK);
    put(st, &kept, "k", 50); /* null */
    cr_assert_eq(store_bucket_change(st, BYTES_LIT("kept"), &change, f.a, &kept), STORE_OK);
    put(st, &kept, "k", BIG);
    put(st, &kept, "k", 60);
    put(st, &kept, "d", BIG);
    remove_key(st, &kept, "d");
    store_close(&st);
    f.partition = plain.partition;
    return f;
}

static void end(struct folder *f)
{
    if (f->ix)
        f->ix->ops->close(&f->ix);
    arena_free(f->a);
    nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- damaging ---- */

static struct index *damage(struct folder *f)
{
    char message[INDEX_LMDB_MESSAGE_MAX];
    struct index_lmdb_options io = {.path = f->index, .map_initial = 1 << 24};
    if (!f->ix) {
        cr_assert_eq(index_lmdb_open(&io, &f->ix, message), INDEX_OK, "%s", message);
        index_keep_sums(f->ix, &store__sums);
    }
    return f->ix;
}

/* The nth record (0: first) with this prefix. */
static struct index_row row(struct folder *f, uint64_t partition, struct bytes prefix, size_t nth)
{
    struct index_scan scan = {.partition = partition, .prefix = prefix, .from = prefix, .max_rows = nth + 1};
    struct index_page page;
    cr_assert_eq(index_page(damage(f), &scan, f->a, &page), INDEX_OK);
    cr_assert_gt(page.n_rows, nth);
    return page.rows[nth];
}

static void change(struct folder *f, uint64_t partition, struct bytes key, struct bytes value)
{
    struct index_put p = {.key = key, .value = value};
    struct index_batch b = {.partition = partition};
    cr_assert_eq(index_generation(damage(f), partition, &b.generation), INDEX_OK);
    rand_bytes(b.request_id, sizeof b.request_id);
    if (value.n) {
        b.puts = &p;
        b.n_puts = 1;
    } else {
        b.deletes = &key;
        b.n_deletes = 1;
    }
    cr_assert_eq(index_apply(f->ix, &b), INDEX_OK);
}

static void drop(struct folder *f, uint64_t partition, struct bytes key)
{
    change(f, partition, key, BYTES_NONE);
}

/* ---- checking ---- */

static void note(void *arg, const struct check_finding *x)
{
    struct folder *f = arg;
    cr_assert_lt(f->n, ARRAY_LEN(f->found));
    f->found[f->n].kind = x->kind;
    snprintf(f->found[f->n].key, sizeof f->found[f->n].key, "%.*s", (int)x->key.n, x->key.n ? x->key.p : "");
    snprintf(f->found[f->n].what, sizeof f->found[f->n].what, "%s", x->what);
    snprintf(f->found[f->n].blob, sizeof f->found[f->n].blob, "%s", x->blob ? x->blob : "");
    f->n++;
}

static void run(struct folder *f, bool fast, bool repair)
{
    char error[MAINTENANCE_ERROR];
    struct check_options o = {.folder = {.path = f->path}, .fast = fast, .repair = repair, .finding = note, .arg = f};
    if (f->ix)
        f->ix->ops->close(&f->ix);
    f->n = 0;
    cr_assert_eq(check_run(&o, &f->report, error), 0, "%s", error);
}

/* Just one finding of this kind, about this key and in these words; none of another kind. */
static void finds(struct folder *f, enum check_kind kind, const char *key, const char *words)
{
    run(f, false, false);
    cr_assert_eq(f->n, 1, "%zu findings, the first: %s", f->n, f->n ? f->found[0].what : "");
    cr_assert_eq(f->found[0].kind, kind, "%s: %s", check_kind_name(f->found[0].kind), f->found[0].what);
    cr_assert_str_eq(f->found[0].key, key);
    cr_assert_not_null(strstr(f->found[0].what, words), "%s", f->found[0].what);
    cr_assert_eq(check_is_clean(&f->report), kind > CHECK_LAST_DAMAGE);
}

static struct bytes lit(struct folder *f, char kind, const char *rest)
{
    return key_of_kind(f->a, (enum key_kind)kind, bytes_str(rest));
}

Test(check, a_good_store_is_clean)
{
    struct folder f = begin();
    run(&f, false, false);
    cr_assert_eq(f.n, 0, "%s", f.n ? f.found[0].what : "");
    cr_assert_eq(f.report.buckets, 2);
    cr_assert_eq(f.report.objects, 3);
    cr_assert_eq(f.report.versions, 3);
    cr_assert_eq(f.report.markers, 1);
    cr_assert_eq(f.report.uploads, 1);
    cr_assert_eq(f.report.blobs, 3);
    cr_assert_eq(f.report.read_bytes, 3 * BIG);
    end(&f);
}

Test(check, LDB_10_a_record_that_makes_no_sense)
{
    struct folder f = begin();
    change(&f, f.partition, lit(&f, 'o', "small"), BYTES_LIT("rubbish"));
    finds(&f, CHECK_INDEX, "small", "makes no sense");
    end(&f);
}

Test(check, LDB_10_records_of_each_kind_that_make_no_sense)
{
    static const struct {
        char kind;
        const char *rest, *words;
    } cases[] = {{'u', "k", "has another form"},
                 {'h', "new", "history makes no sense"},
                 {'g', "12345678abcdefgh", "garbage"},
                 {'i', "0123456789abcdef", "intent"},
                 {'c', "x", "completed upload"},
                 {'r', "short", "reference to a blob"},
                 {'m', "short", "list of parts"},
                 {'w', "k", "key of a version"},
                 {'p', "short", "key of a part"},
                 {'Z', "x", "unknown kind"},
                 {'q', "x", "unknown kind"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct folder f = begin();
        change(&f, f.partition, lit(&f, cases[i].kind, cases[i].rest), BYTES_LIT("rubbish"));
        run(&f, true, false);
        cr_assert_eq(f.n, 1, "%c: %zu", cases[i].kind, f.n);
        cr_assert_not_null(strstr(f.found[0].what, cases[i].words), "%c: %s", cases[i].kind, f.found[0].what);
        end(&f);
    }
}

Test(check, LDB_10_records_of_the_server)
{
    struct folder f = begin();
    change(&f, INDEX_PARTITION_SYSTEM, lit(&f, 'b', "broken"), BYTES_LIT("rubbish"));
    change(&f, INDEX_PARTITION_SYSTEM, lit(&f, 'a', "doc"), BYTES_LIT("rubbish"));
    change(&f, INDEX_PARTITION_SYSTEM, lit(&f, 'Z', ""), BYTES_LIT("rubbish"));
    struct rec_setting set = {BYTES_LIT("x")};
    change(&f, INDEX_PARTITION_SYSTEM, key_setting(f.a, BYTES_LIT("nobody"), 1),
           record_encode(&rec_setting, &set, f.a, NULL));
    run(&f, true, false);
    cr_assert_eq(f.n, 4);
    cr_assert_eq(f.report.found[CHECK_INDEX], 2);
    cr_assert_eq(f.report.found[CHECK_RULE], 1);
    cr_assert_eq(f.report.found[CHECK_SPARE], 1);
    end(&f);
}

Test(check, LDB_10_a_bucket_without_its_partition_and_a_partition_without_a_bucket)
{
    struct folder f = begin();
    struct bytes key = key_bucket(f.a, BYTES_LIT("plain"));
    struct index_row r = row(&f, INDEX_PARTITION_SYSTEM, key, 0);
    drop(&f, INDEX_PARTITION_SYSTEM, key);
    run(&f, true, false);
    cr_assert(f.report.found[CHECK_SPARE] == 1 && check_is_clean(&f.report), "%s", f.found[0].what);
    struct rec_bucket b;
    cr_assert(record_decode(&rec_bucket, r.value, f.a, &b));
    b.b.partition = 777;
    change(&f, INDEX_PARTITION_SYSTEM, key, record_encode(&rec_bucket, &b, f.a, NULL));
    run(&f, true, false);
    cr_assert_eq(f.report.found[CHECK_RULE], 2, "no partition, and the counter is behind");
    end(&f);
}

Test(check, LDB_10_two_buckets_share_a_partition)
{
    struct folder f = begin();
    struct index_row r = row(&f, INDEX_PARTITION_SYSTEM, key_bucket(f.a, BYTES_LIT("plain")), 0);
    change(&f, INDEX_PARTITION_SYSTEM, key_bucket(f.a, BYTES_LIT("twin")), r.value);
    finds(&f, CHECK_RULE, "", "shares a partition");
    end(&f);
}

Test(check, LDB_10_a_missing_reference_is_found_and_put_back)
{
    struct folder f = begin();
    struct index_row r = row(&f, f.partition, lit(&f, 'r', ""), 0);
    drop(&f, f.partition, r.key);
    run(&f, false, false);
    cr_assert_eq(f.report.found[CHECK_OBJECT], 1);
    cr_assert_eq(f.report.found[CHECK_BLOB], 1);
    cr_assert_str_eq(f.found[0].key, "big");
    run(&f, false, true);
    cr_assert_eq(f.report.repaired, 1);
    run(&f, false, false);
    cr_assert_eq(f.n, 0, "%s", f.n ? f.found[0].what : "");
    end(&f);
}

Test(check, LDB_10_a_spare_reference_is_found_and_dropped)
{
    struct folder f = begin();
    struct blob_id none = {{0, 0, 0, 9, 1, 2, 3}};
    unsigned char ref[KEY_UID_BYTES] = {1};
    change(&f, f.partition, key_ref(f.a, &none, ref), record_ref_value());
    finds(&f, CHECK_SPARE, "", "no object needs");
    run(&f, false, true);
    run(&f, false, false);
    cr_assert_eq(f.n, 0);
    end(&f);
}

Test(check, counts_that_are_wrong_are_found_and_put_right)
{
    struct folder f = begin();
    int64_t sums[INDEX_SUMS_MAX] = {7, 7, 7};
    change(&f, f.partition, store__sums.key, index_sums_encode(f.a, sums, store__sums.n));
    run(&f, false, true);
    cr_assert_eq(f.report.found[CHECK_RULE], 1);
    cr_assert_eq(f.report.repaired, 1);
    run(&f, false, false);
    cr_assert_eq(f.report.found[CHECK_RULE], 0, "they are right now");
    end(&f);
}

Test(check, LDB_10_nothing_is_dropped_where_records_cannot_be_read)
{
    struct folder f = begin();
    change(&f, f.partition, lit(&f, 'o', "big"), BYTES_LIT("rubbish"));
    run(&f, false, true);
    cr_assert_eq(f.report.found[CHECK_INDEX], 1);
    cr_assert_eq(f.report.found[CHECK_SPARE], 1, "its reference looks spare");
    cr_assert_eq(f.report.repaired, 0);
    end(&f);
}

Test(check, LDB_10_an_object_that_does_not_add_up)
{
    struct folder f = begin();
    struct rec_object r;
    struct index_row was = row(&f, f.partition, lit(&f, 'o', "big"), 0);
    cr_assert(record_decode(&rec_object, was.value, f.a, &r));
    r.o.size++;
    change(&f, f.partition, was.key, record_encode(&rec_object, &r, f.a, NULL));
    finds(&f, CHECK_OBJECT, "big", "do not add up");
    end(&f);
}

Test(check, LDB_10_an_extent_beyond_its_blob)
{
    struct folder f = begin();
    struct rec_object r;
    struct index_row was = row(&f, f.partition, lit(&f, 'o', "big"), 0);
    cr_assert(record_decode(&rec_object, was.value, f.a, &r));
    struct store_extent e = r.o.extents[0];
    e.offset = 1;
    r.o.extents = &e;
    change(&f, f.partition, was.key, record_encode(&rec_object, &r, f.a, NULL));
    run(&f, false, false);
    cr_assert_eq(f.report.found[CHECK_OBJECT], 1);
    cr_assert_not_null(strstr(f.found[0].what, "shorter"));
    end(&f);
}

Test(check, LDB_10_a_lost_list_of_parts)
{
    struct folder f = begin();
    struct rec_object r;
    struct index_row was = row(&f, f.partition, lit(&f, 'o', "big"), 0);
    cr_assert(record_decode(&rec_object, was.value, f.a, &r));
    r.in_manifest = true;
    r.manifest_parts = 2;
    change(&f, f.partition, was.key, record_encode(&rec_object, &r, f.a, NULL));
    run(&f, false, false);
    cr_assert_eq(f.report.found[CHECK_INDEX], 1);
    cr_assert_str_eq(f.found[0].key, "big");
    end(&f);
}

Test(check, LDB_10_a_list_of_parts_of_nobody)
{
    struct folder f = begin();
    struct rec_object r = {0};
    unsigned char uid[KEY_UID_BYTES] = {5};
    change(&f, f.partition, key_manifest(f.a, uid), record_encode(&rec_manifest, &r, f.a, NULL));
    finds(&f, CHECK_SPARE, "", "belongs to no object");
    end(&f);
}

Test(check, LDB_10_a_part_of_nobody)
{
    struct folder f = begin();
    struct rec_object r = {.o = {.size = 1, .inline_data = BYTES_LIT("x")}};
    unsigned char id[KEY_UPLOAD_BYTES] = {5};
    change(&f, f.partition, key_part(f.a, id, 3), record_encode(&rec_part, &r, f.a, NULL));
    finds(&f, CHECK_SPARE, "", "part 3 of an upload");
    end(&f);
}

/* ---- versions; the bucket `kept` has the partition after `plain`'s ---- */

Test(check, LDB_10_a_history_that_is_gone)
{
    struct folder f = begin();
    drop(&f, f.partition + 1, lit(&f, 'h', "d"));
    finds(&f, CHECK_RULE, "d", "does not name its delete marker");
    end(&f);
}

Test(check, LDB_10_a_null_version_that_is_not_named)
{
    struct folder f = begin();
    drop(&f, f.partition + 1, lit(&f, 'h', "k"));
    finds(&f, CHECK_RULE, "k", "does not name its null version");
    end(&f);
}

Test(check, LDB_10_a_history_that_names_what_is_not_there)
{
    struct folder f = begin();
    struct rec_history h = {.null_seq = 12345};
    change(&f, f.partition + 1, lit(&f, 'h', "nobody"), record_encode(&rec_history, &h, f.a, NULL));
    finds(&f, CHECK_RULE, "nobody", "is not there");
    end(&f);
}

Test(check, LDB_10_versions_without_a_newest)
{
    struct folder f = begin();
    drop(&f, f.partition + 1, lit(&f, 'o', "k"));
    finds(&f, CHECK_RULE, "k", "none of its versions is the newest");
    end(&f);
}

Test(check, LDB_10_a_version_under_another_id)
{
    struct folder f = begin();
    struct index_row r = row(&f, f.partition + 1, lit(&f, 'w', "k"), 0); /* the newest of the older ones */
    struct bytes key;
    uint64_t seq;
    const unsigned char *uid;
    cr_assert(key_version_parse(r.key, &key, &seq, &uid));
    drop(&f, f.partition + 1, r.key);
    change(&f, f.partition + 1, key_version(f.a, key, seq + 1, uid), r.value);
    finds(&f, CHECK_RULE, "k", "under the id of another one");
    end(&f);
}

Test(check, LDB_10_a_marker_in_the_place_of_an_object)
{
    struct folder f = begin();
    struct rec_object m = {.versioned = true, .o = {.marker = true, .mtime_ms = 5}};
    change(&f, f.partition, lit(&f, 'o', "odd"), record_encode(&rec_object, &m, f.a, NULL));
    finds(&f, CHECK_RULE, "odd", "in the place of the object");
    end(&f);
}

/* ---- files ---- */

Test(check, LDB_10_garbage_explains_what_is_gone)
{
    struct folder f = begin();
    struct store *st = open_store(&f);
    struct store_bucket b;
    cr_assert_eq(store_bucket_get(st, BYTES_LIT("plain"), f.a, &b), STORE_OK);
    remove_key(st, &b, "big");
    store_close(&st);
    struct index_row r = row(&f, f.partition, lit(&f, 'r', ""), 0);
    run(&f, false, false);
    cr_assert(f.n == 0 && f.report.waiting == 1);
    struct blob_id id;
    char name[BLOB_FILE_PATH], path[200];
    memcpy(id.b, r.key.p + 1, sizeof id.b);
    blob_file_path(&id, name);
    snprintf(path, sizeof path, "%s/blobs/%s", f.path, name);
    cr_assert_eq(unlink(path), 0);
    run(&f, false, false);
    cr_assert_eq(f.n, 0, "the collector died between the blob and the record");
    drop(&f, f.partition, r.key);
    run(&f, false, false);
    cr_assert_eq(f.n, 0, "... and between the reference and the record");
    end(&f);
}

/* A record's checksum is broken in the file itself. */
Test(check, LDB_10_a_bit_in_the_index)
{
    struct folder f = begin();
    char path[100];
    unsigned char *content;
    snprintf(path, sizeof path, "%s/data.mdb", f.index);
    int fd = open(path, O_RDWR);
    struct stat st;
    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    content = xmalloc((size_t)st.st_size);
    cr_assert_eq(pread(fd, content, (size_t)st.st_size, 0), st.st_size);
    static const char name[] = "osmall"; /* with the tag behind it */
    size_t hits = 0;
    for (size_t at = 0; at + sizeof name + 50 < (size_t)st.st_size; at++)
        if (memcmp(content + at, name, sizeof name) == 0) {
            content[at + sizeof name + 40] ^= 1;
            cr_assert_eq(pwrite(fd, content + at, sizeof name + 50, (off_t)at), sizeof name + 50);
            hits++;
        }
    cr_assert_gt(hits, 0);
    close(fd);
    free(content);
    run(&f, false, false);
    cr_assert_eq(f.report.found[CHECK_INDEX], 1);
    cr_assert_str_eq(f.found[0].key, "small");
    cr_assert_eq(f.report.objects, 2, "the others are seen");
    end(&f);
}

Test(check, LDB_10_a_page_in_the_wrong_place)
{
    for (unsigned page = 2; page < 6; page++) {
        struct folder f = begin();
        char path[100], content[4096];
        snprintf(path, sizeof path, "%s/data.mdb", f.index);
        int fd = open(path, O_RDWR);
        cr_assert_eq(pread(fd, content, sizeof content, 4096 * (off_t)page), sizeof content);
        cr_assert_eq(pwrite(fd, content, sizeof content, 4096 * (off_t)(page + 1)), sizeof content);
        close(fd);
        run(&f, false, false); /* a free page is no finding; nothing crashes */
        end(&f);
    }
}

Test(check, a_copy_of_the_index_can_be_ended)
{
    struct folder f = begin();
    char file[120];
    atomic_bool stop = true;
    damage(&f);
    for (int i = 0; i < 200; i++) { /* more pages than lie between two looks at `stop` */
        char *value = arena_alloc(f.a, 30000), key[16];
        memset(value, i, 30000);
        snprintf(key, sizeof key, "o%d", i);
        change(&f, f.partition, bytes_str(key), bytes_of(value, 30000));
    }
    snprintf(file, sizeof file, "%s/copy.mdb", f.path);
    cr_assert_eq(f.ix->ops->copy(f.ix, file, &stop), INDEX_UNAVAILABLE);
    cr_assert_neq(access(file, F_OK), 0);
    stop = false;
    cr_assert_eq(f.ix->ops->copy(f.ix, file, &stop), INDEX_OK);
    cr_assert_eq(unlink(file), 0);
    end(&f);
}

Test(check, a_copy_of_the_index_is_compact_and_whole)
{
    struct folder f = begin();
    char copy[100], file[120], message[INDEX_LMDB_MESSAGE_MAX];
    struct index *ix;
    struct index_lmdb_census census;
    struct bytes big, again;
    damage(&f);
    for (int i = 0; i < 200; i++) { /* long keys and values of many pages, and many free pages */
        char *key = arena_alloc(f.a, 900), *value = arena_alloc(f.a, 30000);
        memset(key, 'o', 900);
        memset(value, i, 30000);
        snprintf(key + 880, 20, "%d", i);
        change(&f, f.partition, bytes_of(key, 900), bytes_of(value, (size_t)(100 * i + 1)));
        if (i % 3 == 0)
            drop(&f, f.partition, bytes_of(key, 900));
        big = bytes_of(key, 900);
    }
    snprintf(copy, sizeof copy, "%s/copy", f.path);
    snprintf(file, sizeof file, "%s/data.mdb", copy);
    cr_assert_eq(mkdir(copy, 0700), 0);
    cr_assert_eq(f.ix->ops->copy(f.ix, file, NULL), INDEX_OK);
    cr_assert_eq(index_get(f.ix, f.partition, big, f.a, &again), INDEX_OK);
    cr_assert_eq(index_lmdb_open_snapshot(copy, &ix, message), INDEX_OK, "%s", message);
    cr_assert_eq(index_lmdb_verify(ix, NULL, &census), INDEX_OK);
    cr_assert(census.faults == 0 && census.free_pages == 0 && census.lost_pages == 0);
    struct bytes value;
    cr_assert_eq(index_get(ix, f.partition, big, f.a, &value), INDEX_OK);
    cr_assert(bytes_eq(value, again));
    ix->ops->close(&ix);
    struct index_lmdb_options io = {.path = copy, .map_initial = 1 << 24};
    cr_assert_eq(index_lmdb_open(&io, &ix, message), INDEX_OK, "%s", message);
    struct index_put p = {.key = BYTES_LIT("onew"), .value = BYTES_LIT("v")};
    struct index_batch b = {.partition = f.partition, .puts = &p, .n_puts = 1};
    cr_assert_eq(index_generation(ix, f.partition, &b.generation), INDEX_OK);
    cr_assert_eq(index_apply(ix, &b), INDEX_OK);
    ix->ops->close(&ix);
    cr_assert_eq(index_lmdb_open_snapshot(copy, &ix, message), INDEX_OK, "%s", message);
    cr_assert_eq(index_lmdb_verify(ix, NULL, &census), INDEX_OK);
    cr_assert_eq(census.faults, 0);
    ix->ops->close(&ix);
    end(&f);
}

/* ---- what the blob store does for all this ---- */

static size_t count_blobs(struct blob_store *st)
{
    struct blob_id page[7], after;
    size_t count = 0;
    for (size_t n = ARRAY_LEN(page); n == ARRAY_LEN(page); count += n) {
        cr_assert_eq(st->ops->list(st, count ? &after : NULL, ARRAY_LEN(page), page, &n), BLOB_OK);
        for (size_t i = 0; i < n; i++) {
            cr_assert(count + i == 0 || memcmp(&after, &page[i], sizeof after) < 0, "in order");
            after = page[i];
        }
    }
    return count;
}

Test(check, blobs_are_listed_in_order_page_by_page)
{
    struct folder f = begin();
    for (int turn = 0; turn < 3; turn++) { /* each start has a folder of its own */
        struct store *st = open_store(&f);
        struct store_bucket b;
        cr_assert_eq(store_bucket_get(st, BYTES_LIT("plain"), f.a, &b), STORE_OK);
        for (int i = 0; i < 9; i++) {
            char key[32];
            snprintf(key, sizeof key, "k%d-%d", turn, i);
            put(st, &b, key, 20000);
        }
        cr_assert_eq(count_blobs(st->blobs), 3 + 9 * ((size_t)turn + 1));
        store_close(&st);
    }
    end(&f);
}

Test(check, OPS_03_a_hold_keeps_what_was_referred_to)
{
    struct folder f = begin();
    struct store *st = open_store(&f);
    struct store_bucket b;
    int first = -1, second = -1;
    cr_assert_eq(store_bucket_get(st, BYTES_LIT("plain"), f.a, &b), STORE_OK);
    cr_assert_eq(blob_file_hold(f.path, &first), 0);
    cr_assert_eq(blob_file_hold(f.path, &second), 0);
    remove_key(st, &b, "big");
    cr_assert_eq(store_collect(st), STORE_OK);
    cr_assert_eq(count_blobs(st->blobs), 3);
    blob_file_release(&first);
    cr_assert_eq(store_collect(st), STORE_OK);
    cr_assert_eq(count_blobs(st->blobs), 3, "somebody else holds it");
    blob_file_release(&second);
    cr_assert_eq(store_collect(st), STORE_OK);
    cr_assert_eq(count_blobs(st->blobs), 2);
    store_close(&st);
    run(&f, false, false);
    cr_assert_eq(f.n, 0);
    end(&f);
}

/* --verify-reads off hands out what the disk says; the scrubber compares all the same. */
Test(check, ROT_01_a_trusted_disk_is_scrubbed_all_the_same)
{
    struct folder f = begin();
    struct blob_store *st;
    struct blob_reader *r;
    struct blob_id id;
    struct blob_findings found;
    char name[BLOB_FILE_PATH], path[200], data[100];
    size_t n;
    cr_assert_eq(blob_file_open(&(struct blob_file_options){.folder = f.path, .trust_disk = true}, &st), BLOB_OK);
    cr_assert_eq(st->ops->list(st, NULL, 1, &id, &n), BLOB_OK);
    blob_file_path(&id, name);
    snprintf(path, sizeof path, "%s/blobs/%s", f.path, name);
    int fd = open(path, O_RDWR);
    cr_assert_eq(pwrite(fd, "y", 1, 4096 + 66000), 1);
    close(fd);
    cr_assert_eq(st->ops->open(st, &id, &r), BLOB_OK);
    cr_assert_eq(st->ops->read(r, 65990, data, sizeof data, false), BLOB_OK);
    cr_assert_eq(data[10], 'y');
    st->ops->close_reader(&r);
    cr_assert_eq(blob_verify(st, &id, NULL, &found), BLOB_CORRUPT);
    cr_assert_eq(found.first_bad, 65536);
    cr_assert_eq(found.bad_bytes, BIG - 65536);
    st->ops->close(&st);
    end(&f);
}
