/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills a data folder that no server holds: bench_fill_objects DIR BUCKETS OBJECTS. The buckets are called fill-00000
 * and so on; each holds one object, the first one all others. Objects are small, of a few sizes.
 *
 * One object of each size is stored as a client's would be; the others are its record under other keys, put into the
 * index by the thousand, with the index's own accounts of them. So ten million take a minute and not an hour.
 * Threads: the buckets are made by many, so that they share commits.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends.h"
#include "base/check.h"
#include "base/rand.h"
#include "config.h"
#include "data_dir.h"
#include "server/identity.h"
#include "storage/record.h"
#include "storage/store_internal.h"

#define OBJECTS_IN_A_BATCH 5000
#define THREADS            64
#define PREFIXES           10 /* as the keys that other measurements write */

static const size_t sizes[] = {16, 64, 128, 1500};
#define SIZES ARRAY_LEN(sizes)

static void put_object(struct store *st, const struct store_bucket *b, const char *key, size_t size)
{
    static const char text[2048];
    struct store_put put = {.bucket = b,
                            .key = bytes_str(key),
                            .owner = b->owner,
                            .storage_class = BYTES_LIT("STANDARD"),
                            .expected_size = size};
    struct store_write *w;
    CHECK(store_write_open(st, &put, &w) == STORE_OK);
    CHECK(store_write_append(w, text, size) == STORE_OK);
    CHECK(store_write_commit_wait(w) == STORE_OK);
    store_write_close(&w);
}

static void make_bucket(struct store *st, unsigned long number, struct arena *a, struct store_bucket *ret)
{
    struct store_bucket_new fresh = {.owner = BYTES_LIT(ROOT_ACCOUNT_ID)};
    CHECK(store_bucket_create(st, arena_bytesf(a, "fill-%05lu", number), &fresh, a, ret) == STORE_OK);
}

static void take_samples(struct store *st, const struct store_bucket *b, struct arena *a, struct rec_object *ret)
{
    for (size_t i = 0; i < SIZES; i++) {
        char key[32];
        struct bytes value;
        snprintf(key, sizeof key, "sample-%zu", i);
        put_object(st, b, key, sizes[i]);
        CHECK(index_get(st->index, b->partition, key_object(a, bytes_str(key)), a, &value) == INDEX_OK);
        CHECK(record_decode(&rec_object, value, a, &ret[i]));
    }
}

/* The keys of a batch are in order, so the index appends. */
static void put_many(struct store *st, const struct store_bucket *b, struct rec_object *samples, unsigned long first,
                     unsigned long end, unsigned long of)
{
    struct arena *a = arena_create(0);
    size_t n = end - first;
    struct index_put *puts = arena_new_array(a, struct index_put, n);
    struct index_batch batch = {.partition = b->partition, .puts = puts, .n_puts = n};
    CHECK(index_generation(st->index, b->partition, &batch.generation) == INDEX_OK);
    for (size_t i = 0; i < n; i++) {
        unsigned long number = first + i;
        struct rec_object r = samples[number % SIZES];
        rand_bytes(r.o.uid, sizeof r.o.uid);
        puts[i].key = key_object(a, arena_bytesf(a, "p%lu/%09lu", number * PREFIXES / of, number));
        puts[i].value = record_encode(&rec_object, &r, a, &puts[i].head);
    }
    CHECK(index_apply(st->index, &batch) == INDEX_OK);
    arena_free(a);
}

struct buckets {
    struct store *st;
    _Atomic unsigned long next;
    unsigned long n;
};

static void *make_buckets(void *arg)
{
    struct buckets *all = arg;
    struct arena *a = arena_create(0);
    for (unsigned long i; (i = atomic_fetch_add(&all->next, 1)) < all->n;) {
        struct store_bucket b;
        arena_reset(a);
        make_bucket(all->st, i, a, &b);
        put_object(all->st, &b, "only", sizes[0]);
    }
    arena_free(a);
    return NULL;
}

static void fill(struct store *st, unsigned long buckets, unsigned long objects)
{
    struct rec_object samples[SIZES];
    pthread_t threads[THREADS];
    struct arena *kept = arena_create(0);
    struct buckets all = {.st = st, .next = 1, .n = buckets};
    struct store_bucket first;
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, make_buckets, &all) == 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    make_bucket(st, 0, kept, &first);
    take_samples(st, &first, kept, samples);
    for (unsigned long done = SIZES; done < objects;) {
        unsigned long end = done + OBJECTS_IN_A_BATCH < objects ? done + OBJECTS_IN_A_BATCH : objects;
        put_many(st, &first, samples, done, end, objects);
        done = end;
    }
    arena_free(kept);
}

static int fail(const char *error)
{
    fprintf(stderr, "bench_fill_objects: %s\n", error);
    return 1;
}

int main(int argc, char **argv)
{
    struct config cfg;
    struct data_dir dir;
    struct store *store;
    char error[512], *end = "", *end2 = "";
    unsigned long buckets = argc == 4 ? strtoul(argv[2], &end, 10) : 0,
                  objects = argc == 4 ? strtoul(argv[3], &end2, 10) : 0;
    if (buckets == 0 || *end != '\0' || *end2 != '\0')
        return fail("DIR BUCKETS OBJECTS are wanted");
    if (config_load(&cfg, 1, &argv[1], error) != 0 || !data_dir_open(cfg.dir, &dir, error) ||
        !(store = backends_open(&cfg, &dir, error)))
        return fail(error);
    fill(store, buckets, objects);
    store_close(&store);
    data_dir_close(&dir);
    config_fini(&cfg);
    return 0;
}
