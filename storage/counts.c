/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What buckets hold. The index keeps the sums (index.h); this file says what a record weighs, and what the sums mean.
 *
 * Buckets that were filled before there were sums are counted once, at the first start that knows of them, before
 * anything is written: a record in the system partition says that this was done.
 * Threads: counts_weigh on the index's thread; the rest as told.
 */
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "storage/store_internal.h"

#define PAGE_ROWS 1000

/* The sums of a partition. Positions are on disk: append only. */
enum sum {
    SUM_OBJECTS,
    SUM_OBJECT_BYTES,
    SUM_VERSIONS,
    SUM_VERSION_BYTES,
    SUM_MARKERS,
    SUM_UPLOADS,
    SUM_PARTS,
    SUM_PART_BYTES,
    SUM_BYTES,
    SUM_CLASS_OBJECTS,
    SUM_CLASS_BYTES = SUM_CLASS_OBJECTS + STORE_COUNT_CLASSES,
    SUM_SIZES = SUM_CLASS_BYTES + STORE_COUNT_CLASSES,
    SUM_COUNT = SUM_SIZES + STORE_COUNT_SIZES,
};
_Static_assert(SUM_COUNT <= INDEX_SUMS_MAX, "the index keeps that many");

static const char *const classes[STORE_COUNT_CLASSES] = {
    "STANDARD",     "STANDARD_IA",        "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER",
    "DEEP_ARCHIVE", "REDUCED_REDUNDANCY", "OTHER",
};
static const uint64_t sizes[STORE_COUNT_SIZES] = {
    UINT64_C(1) << 10,   UINT64_C(64) << 10, UINT64_C(256) << 10, UINT64_C(512) << 10,
    UINT64_C(1) << 20,   UINT64_C(10) << 20, UINT64_C(64) << 20,  UINT64_C(128) << 20,
    UINT64_C(512) << 20, UINT64_C(5) << 30,  UINT64_MAX,
};

static bool counted(struct bytes key)
{
    return key.n &&
           (key.p[0] == KEY_OBJECT || key.p[0] == KEY_VERSION || key.p[0] == KEY_PART || key.p[0] == KEY_UPLOAD);
}

static size_t class_of(struct bytes name)
{
    if (name.n == 0)
        return 0;
    for (size_t i = 0; i + 1 < STORE_COUNT_CLASSES; i++)
        if (bytes_eq_str(name, classes[i]))
            return i;
    return STORE_COUNT_CLASSES - 1;
}

static void weigh_version(bool newest, const struct store_object *o, int64_t *add)
{
    int64_t size = (int64_t)o->size;
    size_t class = class_of(o->storage_class), range = 0;
    if (o->marker) {
        add[SUM_MARKERS]++;
        return;
    }
    add[newest ? SUM_OBJECTS : SUM_VERSIONS]++;
    add[newest ? SUM_OBJECT_BYTES : SUM_VERSION_BYTES] += size;
    add[SUM_BYTES] += size;
    add[SUM_CLASS_OBJECTS + class]++;
    add[SUM_CLASS_BYTES + class] += size;
    while (o->size >= sizes[range] && range + 1 < STORE_COUNT_SIZES)
        range++;
    if (newest)
        add[SUM_SIZES + range]++;
}

static void weigh(struct bytes key, struct bytes head, int64_t *add)
{
    struct rec_object r;
    char kind = key.p[0];
    if (kind == KEY_UPLOAD) {
        add[SUM_UPLOADS]++;
        return;
    }
    if (!record_decode(kind == KEY_PART ? &rec_part : &rec_object, head, NULL, &r))
        return; /* damage: `pail check` tells of it */
    if (kind != KEY_PART) {
        weigh_version(kind == KEY_OBJECT, &r.o, add);
        return;
    }
    add[SUM_PARTS]++;
    add[SUM_PART_BYTES] += (int64_t)r.o.size;
    add[SUM_BYTES] += (int64_t)r.o.size;
}

static const char sums_key[] = {KEY_SUMS};
const struct index_sums store__sums = {
    .n = SUM_COUNT, .key = {sums_key, sizeof sums_key}, .counted = counted, .weigh = weigh};

void txn_limit(struct txn *t, const struct store_bucket *b)
{
    if (b->quota == 0)
        return;
    t->quota = (struct index_limit){.sum = SUM_BYTES, .max = b->quota > INT64_MAX ? INT64_MAX : (int64_t)b->quota};
    t->batch.limits = &t->quota;
    t->batch.n_limits = 1;
}

int store_bucket_counts(struct store *st, const struct store_bucket *b, struct store_counts *ret)
{
    int64_t s[INDEX_SUMS_MAX];
    struct arena *a = arena_create(0);
    int rc = index_sums_get(st->index, b->partition, &store__sums, a, s);
    arena_free(a);
    *ret = (struct store_counts){
        .objects = (uint64_t)s[SUM_OBJECTS],
        .object_bytes = (uint64_t)s[SUM_OBJECT_BYTES],
        .versions = (uint64_t)s[SUM_VERSIONS],
        .version_bytes = (uint64_t)s[SUM_VERSION_BYTES],
        .markers = (uint64_t)s[SUM_MARKERS],
        .uploads = (uint64_t)s[SUM_UPLOADS],
        .parts = (uint64_t)s[SUM_PARTS],
        .part_bytes = (uint64_t)s[SUM_PART_BYTES],
        .bytes = (uint64_t)s[SUM_BYTES],
    };
    for (size_t i = 0; i < STORE_COUNT_CLASSES; i++)
        ret->classes[i] = (struct store_class_count){classes[i], (uint64_t)s[SUM_CLASS_OBJECTS + i],
                                                     (uint64_t)s[SUM_CLASS_BYTES + i]};
    for (size_t i = 0; i < STORE_COUNT_SIZES; i++)
        ret->sizes[i] = (struct store_size_count){sizes[i], (uint64_t)s[SUM_SIZES + i]};
    return store__index_rc(rc);
}

/* ---- counting anew ---- */

static enum index_visit add_row(void *arg, struct bytes key, struct bytes value, struct buf *seek)
{
    (void)seek;
    if (counted(key))
        weigh(key, value, arg);
    return INDEX_VISIT_NEXT;
}

/* What all records of a partition weigh, by looking at each. */
static int weigh_all(struct index *ix, uint64_t partition, int64_t *sums)
{
    static const char kinds[] = {KEY_OBJECT, KEY_VERSION, KEY_PART, KEY_UPLOAD};
    memset(sums, 0, SUM_COUNT * sizeof *sums);
    for (size_t i = 0; i < sizeof kinds; i++) {
        struct bytes prefix = bytes_of(&kinds[i], 1);
        struct index_scan scan = {.partition = partition,
                                  .from = prefix,
                                  .prefix = prefix,
                                  .max_rows = SIZE_MAX,
                                  .max_bytes = SIZE_MAX,
                                  .heads = true};
        bool more = false;
        int rc = index_visit(ix, &scan, add_row, sums, &more);
        if (rc != INDEX_OK)
            return rc == INDEX_NOT_FOUND ? INDEX_OK : rc;
    }
    return INDEX_OK;
}

int counts_recount(struct index *ix, uint64_t partition)
{
    int64_t found[INDEX_SUMS_MAX];
    struct arena *a = arena_create(0);
    struct index_put put = {.key = store__sums.key};
    struct index_batch b = {.partition = partition, .puts = &put, .n_puts = 1};
    int rc = weigh_all(ix, partition, found);
    put.value = index_sums_encode(a, found, SUM_COUNT);
    if (rc == INDEX_OK)
        rc = index_generation(ix, partition, &b.generation);
    if (rc == INDEX_OK)
        rc = index_apply(ix, &b);
    arena_free(a);
    return rc;
}

static int count_buckets(struct store *st, uint64_t *ret_n)
{
    struct bytes after = BYTES_NONE;
    bool more = true;
    int rc = STORE_OK;
    struct arena *a = arena_create(0);
    while (more && rc == STORE_OK) {
        struct store_bucket *list;
        size_t n;
        rc = store_bucket_list(st, BYTES_NONE, after, PAGE_ROWS, a, &list, &n, &more);
        for (size_t i = 0; i < n && rc == STORE_OK; i++, ++*ret_n)
            rc = store__index_rc(counts_recount(st->index, list[i].partition));
        more = more && n > 0;
        if (rc == STORE_OK && n)
            after = list[n - 1].name;
    }
    arena_free(a);
    return rc;
}

int counts_open(struct store *st)
{
    struct bytes key = store__sums.key, value;
    struct arena *a = arena_create(0);
    uint64_t n = 0;
    index_keep_sums(st->index, &store__sums);
    int rc = index_get(st->index, INDEX_PARTITION_SYSTEM, key, a, &value);
    if (rc != INDEX_NOT_FOUND) {
        arena_free(a);
        return store__index_rc(rc);
    }
    rc = count_buckets(st, &n);
    if (rc == STORE_OK) {
        struct txn t;
        int64_t none = 0;
        txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
        txn_put(&t, key, index_sums_encode(a, &none, 1), 0);
        rc = store__index_rc(txn_apply(st, &t));
    }
    if (n)
        log_info("store", "the contents of %llu buckets were counted, once for all", (unsigned long long)n);
    arena_free(a);
    return rc;
}
