/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing keys and their cache. A set-associative table per thread: the scope (never the secret) picks a set of
 * KEY_CACHE_WAYS entries, the oldest used of which gives way. All of a day's users of one region share few sets if only
 * the scope were hashed, so a keyed digest of the secret picks the set: a plain multiplicative hash with a random
 * process-wide key; its value never leaves the process and only chooses among KEY_CACHE_SETS.
 *
 * Invariants: an entry in use has secret_n > 0; whatever stops being in use is wiped with OPENSSL_cleanse.
 * Threads: any; each has a table of its own, made at first use, freed by the thread-specific destructor.
 */
#include "server/auth/key_cache.h"
#include "server/auth/auth.h"
#include "base/arena.h"
#include "base/rand.h"
#include "checksum.h"
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define DATE_LEN 8

struct entry {
    unsigned char key[32];
    unsigned char secret[AUTH_SECRET_MAX];
    char date[DATE_LEN], region[AUTH_REGION_MAX], service[AUTH_SERVICE_MAX];
    unsigned short secret_n, region_n, service_n;
    uint64_t used; /* the table's clock at the last hit */
};

struct table {
    struct entry set[KEY_CACHE_SETS][KEY_CACHE_WAYS];
    struct entry nobody;
    uint64_t clock;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t destructor_key;
static _Atomic uint64_t misses; /* of all threads */
static uint64_t hash_key;
static unsigned char nobody_secret[40]; /* as long as AWS's */
static _Thread_local struct table *table;

static void table_free(void *p)
{
    OPENSSL_cleanse(p, sizeof(struct table));
    free(p);
    table = NULL;
}

static void setup(void)
{
    hash_key = rand_u64() | 1;
    rand_bytes(nobody_secret, sizeof(nobody_secret));
    (void)pthread_key_create(&destructor_key, table_free);
}

static struct table *own_table(void)
{
    if (table == NULL) {
        pthread_once(&once, setup);
        table = xcalloc(1, sizeof(*table));
        (void)pthread_setspecific(destructor_key, table);
    }
    return table;
}

static bool fits(const struct key_scope *s)
{
    return s->secret.n > 0 && s->secret.n <= AUTH_SECRET_MAX && s->date.n == DATE_LEN &&
           s->region.n <= AUTH_REGION_MAX && s->service.n <= AUTH_SERVICE_MAX;
}

static uint64_t mix(uint64_t h, struct bytes s)
{
    uint64_t word;
    while (s.n > 0) {
        size_t n = s.n < sizeof(word) ? s.n : sizeof(word);
        word = n;
        memcpy(&word, s.p, n);
        h = (h ^ word) * hash_key;
        h ^= h >> 29;
        s = bytes_cut(s, n, s.n);
    }
    return h;
}

static struct entry *pick_set(struct table *t, const struct key_scope *s)
{
    uint64_t h = mix(mix(mix(hash_key, s->secret), s->date), s->region);
    return t->set[(h ^ h >> 32) % KEY_CACHE_SETS];
}

static bool entry_is(const struct entry *e, const struct key_scope *s)
{
    return e->secret_n == s->secret.n && e->region_n == s->region.n && e->service_n == s->service.n &&
           memcmp(e->date, s->date.p, DATE_LEN) == 0 && bytes_eq(bytes_of(e->region, e->region_n), s->region) &&
           bytes_eq(bytes_of(e->service, e->service_n), s->service) &&
           CRYPTO_memcmp(e->secret, s->secret.p, s->secret.n) == 0;
}

static void entry_fill(struct entry *e, const struct key_scope *s, const unsigned char key[32])
{
    OPENSSL_cleanse(e, sizeof(*e));
    memcpy(e->key, key, sizeof(e->key));
    memcpy(e->secret, s->secret.p, s->secret.n);
    memcpy(e->date, s->date.p, DATE_LEN);
    if (s->region.n > 0)
        memcpy(e->region, s->region.p, s->region.n);
    if (s->service.n > 0)
        memcpy(e->service, s->service.p, s->service.n);
    e->secret_n = (unsigned short)s->secret.n;
    e->region_n = (unsigned short)s->region.n;
    e->service_n = (unsigned short)s->service.n;
}

bool key_cache_get(const struct key_scope *scope, unsigned char ret_key[32])
{
    if (!fits(scope))
        return false;
    struct table *t = own_table();
    struct entry *set = pick_set(t, scope);
    for (size_t i = 0; i < KEY_CACHE_WAYS; i++) {
        if (!entry_is(&set[i], scope))
            continue;
        set[i].used = ++t->clock;
        memcpy(ret_key, set[i].key, 32);
        return true;
    }
    atomic_fetch_add_explicit(&misses, 1, memory_order_relaxed);
    return false;
}

uint64_t key_cache_misses(void)
{
    return atomic_load_explicit(&misses, memory_order_relaxed);
}

void key_cache_put(const struct key_scope *scope, const unsigned char key[32])
{
    if (!fits(scope))
        return;
    struct table *t = own_table();
    struct entry *set = pick_set(t, scope), *victim = &set[0];
    for (size_t i = 0; i < KEY_CACHE_WAYS; i++) {
        if (entry_is(&set[i], scope))
            return;
        if (set[i].used < victim->used)
            victim = &set[i];
    }
    entry_fill(victim, scope, key);
    victim->used = ++t->clock;
}

void key_cache_wipe(void)
{
    if (table != NULL)
        OPENSSL_cleanse(table, sizeof(*table));
}

size_t key_cache_count(void)
{
    size_t n = 0;
    for (size_t i = 0; table != NULL && i < KEY_CACHE_SETS * KEY_CACHE_WAYS; i++)
        n += table->set[i / KEY_CACHE_WAYS][i % KEY_CACHE_WAYS].secret_n > 0;
    return n;
}

void signing_key_derive(const struct key_scope *s, unsigned char ret_key[32])
{
    unsigned char first[4 + AUTH_SECRET_MAX], k[32], next[32];
    size_t n = s->secret.n <= AUTH_SECRET_MAX ? s->secret.n : 0;
    memcpy(first, "AWS4", 4);
    if (n > 0)
        memcpy(first + 4, s->secret.p, n);
    hmac_sha256(first, 4 + n, s->date.p, s->date.n, k);
    hmac_sha256(k, sizeof(k), s->region.p, s->region.n, next);
    hmac_sha256(next, sizeof(next), s->service.p, s->service.n, k);
    hmac_sha256(k, sizeof(k), "aws4_request", 12, ret_key);
    OPENSSL_cleanse(first, sizeof(first));
    OPENSSL_cleanse(k, sizeof(k));
    OPENSSL_cleanse(next, sizeof(next));
}

void signing_key_of_nobody(struct bytes date, struct bytes region, struct bytes service, unsigned char ret_key[32])
{
    struct table *t = own_table();
    struct key_scope s = {bytes_of(nobody_secret, sizeof(nobody_secret)), date, region, service};
    if (!fits(&s)) {
        signing_key_derive(&s, ret_key);
        return;
    }
    if (!entry_is(&t->nobody, &s)) {
        signing_key_derive(&s, ret_key);
        entry_fill(&t->nobody, &s, ret_key);
    }
    memcpy(ret_key, t->nobody.key, 32);
}
