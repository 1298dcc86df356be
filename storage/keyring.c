/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in memory: what requests ask, and changes.
 *
 * Invariants. A change is durable before memory shows it, so no envelope is ever sealed by a version that a crash could
 * take back. What a request needs of a key (its version's 32 bytes) is copied with the lock held for reading, and wiped
 * once the envelope is sealed or open; a writer holds the lock only to exchange a pointer, so event loops never wait
 * for the disk or the network. Keys are wiped before their memory goes.
 * Threads: any; see keyring_in.h for the locks.
 */
#include "keyring.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "checksum.h"
#include "store.h"
#include "storage/keyring_in.h"

const char *keyring_rc_name(int rc)
{
    static const char *const names[] = {
        "ok",
        "there is no such key",
        "the key is disabled",
        "the key is not available: no master key, or its key service does not answer",
        "the customer's key is another one",
        "the sealed key is damaged, moved, or of another master key",
        "the key exists already",
        "the key is in use",
        "a key's name has 1 to 128 letters, digits, and . _ -, and begins with none of these three",
        "there are too many keys, or versions of it",
        "the store could not read or write"};
    return rc <= 0 && (size_t)-rc < ARRAY_LEN(names) ? names[-rc] : "unknown";
}

/* ---- names ---- */

bool keyring_name_good(struct bytes name)
{
    if (!name.n || name.n > KEYRING_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (i == 0 || !memchr("._-", c, 3)))
            return false;
    }
    return true;
}

bool keyring_is_default(struct bytes name)
{
    return bytes_eq_str(name, KEYRING_S3_KEY) || bytes_eq_str(name, KEYRING_KMS_DEFAULT);
}

/* arn:PARTITION:kms:REGION:ACCOUNT:REST */
static bool rest_of_arn(struct bytes arn, struct bytes *ret)
{
    size_t from = 0;
    for (int field = 0; field < 5; field++) {
        ptrdiff_t colon = bytes_find_char(arn, ':', from);
        if (colon < 0 || (field == 2 && !bytes_eq(bytes_cut(arn, from, (size_t)colon - from), BYTES_LIT("kms"))))
            return false;
        from = (size_t)colon + 1;
    }
    *ret = bytes_cut(arn, from, arn.n);
    return true;
}

bool keyring_name_of(struct bytes said, struct bytes *ret_name)
{
    bool arn = bytes_starts(said, BYTES_LIT("arn:"));
    if (arn && !rest_of_arn(said, &said))
        return false;
    if (bytes_eq_str(said, "alias/aws/s3")) {
        *ret_name = BYTES_LIT(KEYRING_KMS_DEFAULT);
        return true;
    }
    bool alias = bytes_starts(said, BYTES_LIT("alias/")), key = bytes_starts(said, BYTES_LIT("key/"));
    if (arn && !alias && !key)
        return false;
    if (alias || (arn && key))
        said = bytes_cut(said, alias ? 6 : 4, said.n);
    *ret_name = said;
    return keyring_name_good(said);
}

/* ---- the array ---- */

/* Where it is, or ought to be. */
static size_t place_of(const struct keyring *r, struct bytes name)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (bytes_cmp(r->keys[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct kek *keyring_find(const struct keyring *r, struct bytes name)
{
    size_t at = place_of(r, name);
    return at < r->n && bytes_eq(r->keys[at]->name, name) ? r->keys[at] : NULL;
}

void keyring_swap(struct keyring *r, struct bytes name, struct kek *k)
{
    pthread_rwlock_wrlock(&r->lock);
    struct kek *old = keyring_find(r, name);
    size_t at = place_of(r, name);
    if (old && k) {
        atomic_store(&k->sealed_ms, atomic_load(&old->sealed_ms));
        r->keys[at] = k;
    } else if (old) {
        memmove(r->keys + at, r->keys + at + 1, (--r->n - at) * sizeof *r->keys);
    } else if (k) {
        if (r->n == r->room) {
            r->room = r->room ? 2 * r->room : 16;
            r->keys = xrealloc(r->keys, r->room * sizeof *r->keys);
        }
        memmove(r->keys + at + 1, r->keys + at, (r->n++ - at) * sizeof *r->keys);
        r->keys[at] = k;
    }
    pthread_rwlock_unlock(&r->lock);
    kek_free(old);
}

struct kek *keyring_copy(struct keyring *r, struct bytes name)
{
    struct kek *copy = NULL;
    pthread_rwlock_rdlock(&r->lock);
    const struct kek *k = keyring_find(r, name);
    if (k) {
        copy = kek_new(k->name, k->n + 1);
        for (uint32_t i = 0; i < k->n; i++) {
            copy->versions[i] = k->versions[i];
            copy->versions[i].sealed = bytes_dup(copy->arena, k->versions[i].sealed);
            copy->versions[i].by = bytes_dup(copy->arena, k->versions[i].by);
            copy->versions[i].wrapped = bytes_dup(copy->arena, k->versions[i].wrapped);
        }
        copy->n = k->n;
        copy->disabled = k->disabled;
        copy->unreadable = k->unreadable;
        copy->created_ms = k->created_ms;
        copy->rotated_ms = k->rotated_ms;
        copy->resealing = k->resealing;
        atomic_store(&copy->resealed, atomic_load(&k->resealed));
    }
    pthread_rwlock_unlock(&r->lock);
    return copy;
}

/* ---- envelopes ---- */

/* A version's key; *version 0: the one that seals, which is then noted as having done so. Wipe it. */
static int take_key(struct keyring *r, struct bytes name, uint32_t *version, struct kek_key *ret)
{
    int rc = KEYRING_OK;
    pthread_rwlock_rdlock(&r->lock);
    struct kek *k = keyring_find(r, name);
    if (!k)
        rc = keyring_is_default(name) ? KEYRING_UNAVAILABLE : KEYRING_NO_SUCH_KEY;
    else if (k->unreadable)
        rc = KEYRING_DAMAGED;
    else if (k->disabled)
        rc = KEYRING_DISABLED;
    else if (*version > k->n)
        rc = KEYRING_DAMAGED;
    if (rc == KEYRING_OK) {
        const struct kek_version *v = &k->versions[(*version ? *version : k->n) - 1];
        if (v->state == VERSION_OPEN)
            *ret = v->key;
        else
            rc = v->state == VERSION_DAMAGED ? KEYRING_DAMAGED : KEYRING_UNAVAILABLE;
        if (!*version) {
            atomic_store_explicit(&k->sealed_ms, clock_wall_ms(), memory_order_relaxed);
            *version = k->n;
        }
    }
    pthread_rwlock_unlock(&r->lock);
    return rc;
}

int keyring_seal(struct keyring *r, struct arena *a, struct sse_info *info, const unsigned char *customer_key,
                 const struct sse_place *place, unsigned char ret_object_key[32], struct bytes *ret_envelope)
{
    struct kek_key key;
    int rc = KEYRING_OK;
    if (info->method == SSE_C) {
        if (!customer_key)
            return KEYRING_WRONG_KEY;
        *info = (struct sse_info){.method = SSE_C};
        md5_of(customer_key, OBJECT_KEY, info->customer_md5);
        kek_key_set(&key, customer_key);
    } else {
        if (info->method == SSE_S3)
            *info = (struct sse_info){.method = SSE_S3, .key_id = BYTES_LIT(KEYRING_S3_KEY)};
        if (!info->key_id.n)
            info->key_id = BYTES_LIT(KEYRING_KMS_DEFAULT);
        info->key_version = 0;
        rc =
            keyring_name_good(info->key_id) ? take_key(r, info->key_id, &info->key_version, &key) : KEYRING_NO_SUCH_KEY;
    }
    if (rc != KEYRING_OK)
        return rc;
    rand_bytes(ret_object_key, OBJECT_KEY);
    *ret_envelope = envelope_seal(a, info, &key, place, ret_object_key);
    kek_key_wipe(&key);
    return KEYRING_OK;
}

int keyring_unseal(struct keyring *r, struct bytes envelope, const unsigned char *customer_key,
                   const struct sse_place *place, unsigned char ret_object_key[32])
{
    struct sse_info info;
    struct kek_key key;
    if (!sse_info_read(envelope, &info))
        return KEYRING_DAMAGED;
    if (info.method == SSE_C) {
        unsigned char md5[16];
        if (!customer_key)
            return KEYRING_WRONG_KEY;
        md5_of(customer_key, OBJECT_KEY, md5);
        if (CRYPTO_memcmp(md5, info.customer_md5, sizeof md5) != 0)
            return KEYRING_WRONG_KEY;
        kek_key_set(&key, customer_key);
    } else {
        int rc = take_key(r, info.key_id, &info.key_version, &key);
        if (rc != KEYRING_OK)
            return rc;
    }
    bool good = envelope_open(envelope, &key, place, ret_object_key);
    kek_key_wipe(&key);
    return good ? KEYRING_OK : KEYRING_DAMAGED;
}

/* ---- telling ---- */

static void describe(const struct kek *k, struct arena *a, struct keyring_key *ret)
{
    *ret = (struct keyring_key){.name = bytes_dup(a, k->name),
                                .versions = k->n,
                                .current = k->n,
                                .disabled = k->disabled,
                                .available = k->n > 0,
                                .created_ms = k->created_ms,
                                .rotated_ms = k->rotated_ms,
                                .resealed = atomic_load(&k->resealed),
                                .resealing = k->resealing};
    for (uint32_t i = 0; i < k->n; i++)
        ret->available = ret->available && k->versions[i].state == VERSION_OPEN;
}

int keyring_list(struct keyring *r, struct bytes after, size_t max, struct arena *a, struct keyring_key **ret,
                 size_t *ret_n, bool *ret_more)
{
    pthread_rwlock_rdlock(&r->lock);
    size_t at = place_of(r, after), n = 0;
    if (at < r->n && bytes_eq(r->keys[at]->name, after))
        at++;
    size_t room = r->n - at < max ? r->n - at : max;
    *ret = arena_new_array(a, struct keyring_key, room + 1);
    while (n < room)
        describe(r->keys[at + n], a, &(*ret)[n]), n++;
    *ret_n = n;
    *ret_more = at + n < r->n;
    pthread_rwlock_unlock(&r->lock);
    return KEYRING_OK;
}

int keyring_get(struct keyring *r, struct bytes name, struct arena *a, struct keyring_key *ret)
{
    pthread_rwlock_rdlock(&r->lock);
    const struct kek *k = keyring_find(r, name);
    if (k)
        describe(k, a, ret);
    pthread_rwlock_unlock(&r->lock);
    return k ? KEYRING_OK : KEYRING_NO_SUCH_KEY;
}

/* ---- changes ---- */

static int say(struct bytes name, const char *what, int rc, const char *why)
{
    if (rc == KEYRING_OK)
        log_info("keys", "key %.*s was %s", (int)name.n, name.p, what);
    else
        log_warn("keys", "key %.*s was not %s: %s", (int)name.n, name.p, what, *why ? why : keyring_rc_name(rc));
    return rc;
}

static bool exists(struct keyring *r, struct bytes name)
{
    pthread_rwlock_rdlock(&r->lock);
    bool found = keyring_find(r, name) != NULL;
    pthread_rwlock_unlock(&r->lock);
    return found;
}

int keyring_make(struct keyring *r, struct bytes name, char error[256])
{
    int rc = KEYRING_OK;
    error[0] = '\0';
    if (!keyring_name_good(name))
        return KEYRING_INVALID_NAME;
    pthread_mutex_lock(&r->changing);
    if (exists(r, name))
        rc = KEYRING_EXISTS;
    else if (r->n >= KEYRING_KEYS_MAX) /* only changed with `changing` held */
        rc = KEYRING_FULL;
    if (rc == KEYRING_OK) {
        struct kek *k = kek_new(name, 1);
        k->created_ms = k->rotated_ms = clock_wall_ms();
        rc = kek_add_version(r, k, error);
        if (rc == KEYRING_OK)
            rc = kek_save(r, k);
        if (rc == KEYRING_OK)
            keyring_swap(r, name, k);
        else
            kek_free(k);
    }
    pthread_mutex_unlock(&r->changing);
    return rc;
}

int keyring_create(struct keyring *r, struct bytes name)
{
    char error[256];
    int rc = keyring_make(r, name, error);
    return say(name, "created", rc, error);
}

/* Saves a changed copy and lets it take the key's place, or frees it. `changing` is held. */
static int put_copy(struct keyring *r, struct kek *k, int rc)
{
    if (rc == KEYRING_OK)
        rc = kek_save(r, k);
    if (rc == KEYRING_OK)
        keyring_swap(r, k->name, k);
    else
        kek_free(k);
    return rc;
}

int keyring_rotate(struct keyring *r, struct bytes name)
{
    char error[256] = "";
    int rc = KEYRING_OK;
    pthread_mutex_lock(&r->changing);
    struct kek *k = keyring_copy(r, name);
    if (!k)
        rc = KEYRING_NO_SUCH_KEY;
    else if (k->unreadable)
        rc = KEYRING_DAMAGED;
    else if (k->disabled)
        rc = KEYRING_DISABLED;
    else if (k->n >= KEYRING_VERSIONS_MAX)
        rc = KEYRING_FULL;
    if (rc == KEYRING_OK)
        rc = kek_add_version(r, k, error);
    if (rc == KEYRING_OK) {
        k->rotated_ms = clock_wall_ms();
        k->resealing = true;
        atomic_store(&k->resealed, 0);
    }
    if (k)
        rc = put_copy(r, k, rc);
    pthread_mutex_unlock(&r->changing);
    keyring_wake(r);
    return say(name, "rotated", rc, error);
}

int keyring_set_disabled(struct keyring *r, struct bytes name, bool disabled)
{
    int rc = KEYRING_OK;
    pthread_mutex_lock(&r->changing);
    struct kek *k = keyring_copy(r, name);
    if (!k)
        rc = KEYRING_NO_SUCH_KEY;
    else if (k->unreadable)
        rc = KEYRING_DAMAGED;
    if (k) {
        k->disabled = disabled;
        rc = put_copy(r, k, rc);
    }
    pthread_mutex_unlock(&r->changing);
    keyring_wake(r);
    return say(name, disabled ? "disabled" : "enabled", rc, "");
}

/* ---- life ---- */

static void make_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t how;
    pthread_rwlockattr_init(&how);
    /* Otherwise many requests could keep a change waiting for ever. */
    pthread_rwlockattr_setkind_np(&how, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &how);
    pthread_rwlockattr_destroy(&how);
}

int keyring_open(const struct keyring_options *o, struct keyring **ret)
{
    struct keyring *r = xcalloc(1, sizeof *r);
    r->store = o->store;
    r->master = o->master;
    r->service = o->service;
    make_lock(&r->lock);
    pthread_mutex_init(&r->changing, NULL);
    pthread_mutex_init(&r->resealing, NULL);
    pthread_mutex_init(&r->sleep_mutex, NULL);
    clock_cond_init(&r->sleep_cond);
    int rc = keyring_load(r);
    if (rc != KEYRING_OK) {
        keyring_close(&r);
        return rc;
    }
    keyring_open_closed(r, 1);
    if (!o->no_background && !keyring_start(r)) {
        keyring_close(&r);
        return KEYRING_UNAVAILABLE;
    }
    *ret = r;
    return KEYRING_OK;
}

void keyring_close(struct keyring **pr)
{
    struct keyring *r = *pr;
    if (!r)
        return;
    keyring_stop(r);
    for (size_t i = 0; i < r->n; i++)
        kek_free(r->keys[i]);
    free(r->keys);
    pthread_cond_destroy(&r->sleep_cond);
    pthread_mutex_destroy(&r->sleep_mutex);
    pthread_mutex_destroy(&r->resealing);
    pthread_mutex_destroy(&r->changing);
    pthread_rwlock_destroy(&r->lock);
    free(r);
    *pr = NULL;
}
