/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What finding a user costs: bench_look_up DIR, with access keys in lines of standard input, as bench_fill_users
 * prints them. Everybody in turn, first with nothing in memory, then again.
 *
 * Prints two lines: "cold" or "again", and nanoseconds of processor time a look-up. Threads: one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accounts.h"
#include "backends.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "config.h"
#include "data_dir.h"
#include "server/iam/identities.h"
#include "store.h"

#define KEYS_MAX 200000
#define KEY_ROOM 24

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t read_keys(char (*keys)[KEY_ROOM])
{
    char line[256];
    size_t n = 0;
    while (n < KEYS_MAX && fgets(line, sizeof line, stdin)) {
        size_t length = strcspn(line, " \n");
        CHECK(length < KEY_ROOM);
        memcpy(keys[n], line, length);
        keys[n++][length] = '\0';
    }
    return n;
}

static void measure(const char *name, struct identities *ids, char (*keys)[KEY_ROOM], size_t n)
{
    struct arena *a = arena_create(0);
    int64_t now = clock_wall_ms();
    double start = cpu_ns();
    for (size_t i = 0; i < n; i++) {
        struct auth_key key;
        CHECK(identities_find_key(ids, a, now, bytes_str(keys[i]), BYTES_NONE, &key) == AUTH_KEY_FOUND);
        arena_reset(a);
    }
    printf("%s\t%.0f\n", name, (cpu_ns() - start) / (double)(n ? n : 1));
    arena_free(a);
}

static int fail(const char *error)
{
    fprintf(stderr, "bench_look_up: %s\n", error);
    return 1;
}

int main(int argc, char **argv)
{
    struct config cfg;
    struct data_dir dir;
    struct store *store;
    struct identities *ids;
    char error[512];
    if (argc != 2)
        return fail("DIR is wanted");
    if (config_load(&cfg, 1, &argv[1], error) != 0 || !data_dir_open(cfg.dir, &dir, error) ||
        !(store = backends_open(&cfg, &dir, error)) || !(ids = accounts_open(store, &cfg, dir.path, error)))
        return fail(error);
    char(*keys)[KEY_ROOM] = xcalloc(KEYS_MAX, KEY_ROOM);
    size_t n = read_keys(keys);
    measure("cold", ids, keys, n);
    measure("again", ids, keys, n);
    free(keys);
    accounts_close(&ids);
    store_close(&store);
    data_dir_close(&dir);
    config_fini(&cfg);
    return 0;
}
