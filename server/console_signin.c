/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failed sign-ins by address: a table of sets of a few places, see console_signin.h. The mutex is taken once or twice a
 * sign-in. Invariant: a place is free when its window is over.
 */
#include "server/console_signin.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rand.h"

struct place {
    unsigned char address[16];
    unsigned failures;
    int64_t ends_ms; /* of the window */
};

struct console_signin {
    pthread_mutex_t lock;
    uint64_t seed;
    struct place sets[CONSOLE_SIGNIN_SETS][CONSOLE_SIGNIN_WAYS];
};

struct console_signin *console_signin_create(void)
{
    struct console_signin *t = xcalloc(1, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    t->seed = rand_u64();
    return t;
}

void console_signin_free(struct console_signin **pt)
{
    if (*pt)
        pthread_mutex_destroy(&(*pt)->lock);
    free(*pt);
    *pt = NULL;
}

size_t console_signin_memory(void)
{
    return sizeof(struct console_signin);
}

/* What is no address counts as one, all together. */
static void key_of(struct bytes ip, unsigned char key[16])
{
    char text[INET6_ADDRSTRLEN] = "";
    memset(key, 0, 16);
    if (ip.n < sizeof text && ip.n)
        memcpy(text, ip.p, ip.n);
    if (inet_pton(AF_INET, text, key + 12) == 1)
        key[10] = key[11] = 0xff;
    else if (inet_pton(AF_INET6, text, key) == 1)
        memset(key + 8, 0, 8);
}

static struct place *set_of(struct console_signin *t, const unsigned char key[16])
{
    uint64_t a, b;
    memcpy(&a, key, 8);
    memcpy(&b, key + 8, 8);
    uint64_t h = (a ^ t->seed) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 29 ^ b) * 0xbf58476d1ce4e5b9u;
    return t->sets[(h >> 32) % CONSOLE_SIGNIN_SETS];
}

static struct place *find(struct place *set, const unsigned char key[16])
{
    for (size_t i = 0; i < CONSOLE_SIGNIN_WAYS; i++)
        if (set[i].failures && memcmp(set[i].address, key, 16) == 0)
            return &set[i];
    return NULL;
}

static struct place *take(struct place *set, const unsigned char key[16])
{
    struct place *p = &set[0];
    for (size_t i = 1; i < CONSOLE_SIGNIN_WAYS; i++)
        if (set[i].ends_ms < p->ends_ms)
            p = &set[i];
    *p = (struct place){0};
    memcpy(p->address, key, 16);
    return p;
}

unsigned console_signin_begin(struct console_signin *t, struct bytes ip, int64_t now_ms)
{
    unsigned char key[16];
    unsigned wait_s = 0;
    key_of(ip, key);
    pthread_mutex_lock(&t->lock);
    struct place *set = set_of(t, key), *p = find(set, key);
    if (!p)
        p = take(set, key);
    if (p->ends_ms <= now_ms) {
        p->failures = 0;
        p->ends_ms = now_ms + CONSOLE_SIGNIN_WINDOW_MS;
    }
    if (p->failures >= CONSOLE_SIGNIN_FAILURES)
        wait_s = (unsigned)((p->ends_ms - now_ms + 999) / 1000);
    else
        p->failures++;
    pthread_mutex_unlock(&t->lock);
    return wait_s;
}

void console_signin_good(struct console_signin *t, struct bytes ip)
{
    unsigned char key[16];
    key_of(ip, key);
    pthread_mutex_lock(&t->lock);
    struct place *p = find(set_of(t, key), key);
    if (p && --p->failures == 0)
        p->ends_ms = 0;
    pthread_mutex_unlock(&t->lock);
}
