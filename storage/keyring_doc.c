/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as documents of the store, one each, in JSON:
 *
 *   keys/k/NAME   {"v": 1, "created", "rotated": ms, "disabled", "resealing": bool, "resealed": count,
 *                  "versions": [{"sealed": base64, "by": "vault", "wrapped": text}, ...]}
 *
 * A version is 32 random bytes, sealed with AES-256-GCM for its key's name and its number: it opens nowhere else. The
 * key for that is the master key; or, where the version says "by", one of its own, which the key service has wrapped.
 * So a service that binds nothing to what it wraps is good enough.
 *
 * Invariants: a document that cannot be read is left as it is; a version that was ever written is never taken away.
 * Threads: whoever calls; kek_open_by_service and kek_add_version may wait for the network.
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "crypt.h"
#include "key_service.h"
#include "store.h"
#include "storage/keyring_in.h"

#define FORMAT    1
#define LOAD_PAGE 100

/* ---- keys ---- */

struct kek *kek_new(struct bytes name, uint32_t room)
{
    struct arena *a = arena_create(0);
    struct kek *k = xcalloc(1, sizeof *k);
    k->arena = a;
    k->name = bytes_dup(a, name);
    k->versions = arena_new_array(a, struct kek_version, room ? room : 1);
    return k;
}

void kek_free(struct kek *k)
{
    if (!k)
        return;
    for (uint32_t i = 0; i < k->n; i++)
        kek_key_wipe(&k->versions[i].key);
    arena_free(k->arena);
    free(k);
}

static struct bytes version_place(struct arena *a, struct bytes name, uint32_t number)
{
    return arena_bytesf(a, "pail key %.*s version %u", (int)name.n, name.p, number);
}

/* ---- sealing ---- */

/* Seals with a key of its own, which the service wraps. */
static bool seal_by_service(const struct key_service *s, struct arena *a, struct kek_version *v, struct bytes secret,
                            struct bytes place, char error[256])
{
    unsigned char own[CRYPT_KEY_SIZE];
    rand_bytes(own, sizeof own);
    struct crypt *c = crypt_of_key(own);
    bool good = s->wrap(s->ctx, a, bytes_of(own, sizeof own), &v->wrapped, error);
    if (good) {
        v->sealed = crypt_seal(c, a, secret, place);
        v->wrapped = bytes_dup(a, v->wrapped);
        v->by = bytes_dup(a, bytes_str(s->name));
    }
    crypt_close(&c);
    OPENSSL_cleanse(own, sizeof own);
    return good;
}

int kek_add_version(const struct keyring *r, struct kek *k, char error[256])
{
    unsigned char secret[KEK_BYTES];
    struct kek_version *v = &k->versions[k->n];
    struct bytes place = version_place(k->arena, k->name, k->n + 1), text = bytes_of(secret, sizeof secret);
    *v = (struct kek_version){.state = VERSION_OPEN};
    error[0] = '\0';
    if (!r->service && !r->master) {
        snprintf(error, 256, "there is no master key");
        return KEYRING_UNAVAILABLE;
    }
    rand_bytes(secret, sizeof secret);
    bool good = true;
    if (r->service)
        good = seal_by_service(r->service, k->arena, v, text, place, error);
    else
        v->sealed = crypt_seal(r->master, k->arena, text, place);
    if (good) {
        kek_key_set(&v->key, secret);
        k->n++;
    }
    OPENSSL_cleanse(secret, sizeof secret);
    return good ? KEYRING_OK : KEYRING_UNAVAILABLE;
}

/* ---- opening ---- */

static enum version_state unseal(const struct crypt *c, struct arena *a, struct bytes name, uint32_t number,
                                 struct bytes sealed, struct kek_key *ret)
{
    struct bytes secret;
    if (!crypt_unseal(c, a, sealed, version_place(a, name, number), &secret))
        return VERSION_DAMAGED;
    bool good = secret.n == KEK_BYTES;
    if (good)
        kek_key_set(ret, (const unsigned char *)secret.p);
    OPENSSL_cleanse((char *)secret.p, secret.n);
    return good ? VERSION_OPEN : VERSION_DAMAGED;
}

void kek_open_by_master(const struct keyring *r, struct kek *k)
{
    struct arena *a = arena_create(0);
    for (uint32_t i = 0; i < k->n && r->master; i++) {
        struct kek_version *v = &k->versions[i];
        if (v->state != VERSION_OPEN && !v->by.n)
            v->state = unseal(r->master, a, k->name, i + 1, v->sealed, &v->key);
        if (v->state == VERSION_DAMAGED)
            log_error("keys", "version %u of key %.*s does not open: it is damaged, or of another master key", i + 1,
                      (int)k->name.n, k->name.p);
    }
    arena_free(a);
}

enum version_state kek_open_by_service(const struct keyring *r, struct bytes name, uint32_t number,
                                       const struct kek_version *v, struct kek_key *ret, char error[256])
{
    const struct key_service *s = r->service;
    enum version_state state = VERSION_CLOSED;
    struct bytes own;
    if (!s || !bytes_eq_str(v->by, s->name)) {
        snprintf(error, 256, "it was sealed by the key service %.*s, which is not set", (int)v->by.n, v->by.p);
        return VERSION_CLOSED;
    }
    struct arena *a = arena_create(0);
    if (s->unwrap(s->ctx, a, v->wrapped, &own, error)) {
        struct crypt *c = own.n == CRYPT_KEY_SIZE ? crypt_of_key((const unsigned char *)own.p) : NULL;
        state = c ? unseal(c, a, name, number, v->sealed, ret) : VERSION_DAMAGED;
        if (state == VERSION_DAMAGED)
            snprintf(error, 256, "what the key service answered does not open it");
        OPENSSL_cleanse((char *)own.p, own.n);
        crypt_close(&c);
    }
    arena_free(a);
    return state;
}

/* ---- documents ---- */

static json_t *version_to_json(struct arena *a, const struct kek_version *v)
{
    size_t n = base64_len(v->sealed.n);
    char *coded = arena_alloc(a, n);
    base64_encode(v->sealed.p, v->sealed.n, coded);
    json_t *j = json_pack("{s:s%}", "sealed", coded, n);
    if (v->by.n) {
        json_object_set_new(j, "by", json_stringn(v->by.p, v->by.n));
        json_object_set_new(j, "wrapped", json_stringn(v->wrapped.p, v->wrapped.n));
    }
    return j;
}

int kek_save(const struct keyring *r, const struct kek *k)
{
    struct arena *a = arena_create(0);
    json_t *versions = json_array();
    for (uint32_t i = 0; i < k->n; i++)
        CHECK(json_array_append_new(versions, version_to_json(a, &k->versions[i])) == 0);
    json_t *j = json_pack("{s:i,s:I,s:I,s:b,s:b,s:I,s:o}", "v", FORMAT, "created", (json_int_t)k->created_ms, "rotated",
                          (json_int_t)k->rotated_ms, "disabled", k->disabled, "resealing", k->resealing, "resealed",
                          (json_int_t)atomic_load(&k->resealed), "versions", versions);
    char *text = json_dumps(j, JSON_COMPACT);
    CHECK(text);
    struct store_doc_change c = {
        .key = arena_bytesf(a, KEYRING_DOCS "%.*s", (int)k->name.n, k->name.p), .put = true, .value = bytes_str(text)};
    int rc = store_doc_apply(r->store, &c, 1);
    if (rc != STORE_OK)
        log_error("keys", "key %.*s cannot be written: %s", (int)k->name.n, k->name.p, store_rc_name(rc));
    free(text);
    json_decref(j);
    arena_free(a);
    return rc == STORE_OK ? KEYRING_OK : KEYRING_STORE;
}

static struct bytes text_of(const json_t *j, const char *name)
{
    const json_t *t = json_object_get(j, name);
    return json_is_string(t) ? bytes_of(json_string_value(t), json_string_length(t)) : BYTES_NONE;
}

static bool version_of_json(struct arena *a, const json_t *j, struct kek_version *v)
{
    struct bytes coded = text_of(j, "sealed");
    char *sealed = arena_alloc(a, coded.n + 1);
    ptrdiff_t n = base64_decode(coded, sealed, coded.n);
    v->sealed = bytes_of(sealed, n < 0 ? 0 : (size_t)n);
    v->by = bytes_dup(a, text_of(j, "by"));
    v->wrapped = bytes_dup(a, text_of(j, "wrapped"));
    return n > 0 && (!v->by.n || v->wrapped.n);
}

static bool fill(struct kek *k, const json_t *j, const json_t *versions)
{
    if (json_integer_value(json_object_get(j, "v")) != FORMAT || !json_array_size(versions) ||
        json_array_size(versions) > KEYRING_VERSIONS_MAX)
        return false;
    k->created_ms = json_integer_value(json_object_get(j, "created"));
    k->rotated_ms = json_integer_value(json_object_get(j, "rotated"));
    k->disabled = json_is_true(json_object_get(j, "disabled"));
    k->resealing = json_is_true(json_object_get(j, "resealing"));
    atomic_store(&k->resealed, (uint64_t)json_integer_value(json_object_get(j, "resealed")));
    for (size_t i = 0; i < json_array_size(versions); i++)
        if (!version_of_json(k->arena, json_array_get(versions, i), &k->versions[i]))
            return false;
    k->n = (uint32_t)json_array_size(versions);
    return true;
}

static struct kek *kek_of_document(struct bytes name, struct bytes text)
{
    json_t *j = json_loadb(text.p, text.n, 0, NULL), *versions = json_object_get(j, "versions");
    struct kek *k = kek_new(name, (uint32_t)json_array_size(versions) + 1);
    k->unreadable = !fill(k, j, versions);
    if (k->unreadable)
        log_error("keys", "the document of key %.*s is damaged; it is left as it is", (int)name.n, name.p);
    json_decref(j);
    return k;
}

int keyring_load(struct keyring *r)
{
    const struct bytes prefix = BYTES_LIT(KEYRING_DOCS);
    struct arena *a = arena_create(0);
    struct bytes after = BYTES_NONE;
    struct store_doc *docs;
    size_t n;
    bool more = true;
    int rc = STORE_OK;
    while (more && rc == STORE_OK) {
        rc = store_doc_list(r->store, prefix, after, LOAD_PAGE, a, &docs, &n, &more);
        for (size_t i = 0; i < n && rc == STORE_OK; i++) {
            struct bytes name = bytes_cut(docs[i].key, prefix.n, docs[i].key.n);
            struct kek *k = kek_of_document(name, docs[i].value);
            kek_open_by_master(r, k);
            keyring_swap(r, name, k);
            after = docs[i].key;
        }
        more = more && n > 0;
    }
    arena_free(a);
    return rc == STORE_OK ? KEYRING_OK : KEYRING_STORE;
}
