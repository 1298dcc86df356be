/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyring's inside: keys as they lie in memory, the codec of envelopes, the documents that keys are kept in.
 *
 *   keyring.c           keys in memory, what requests ask, changes
 *   keyring_envelope.c  envelopes: format, sealing, opening; pure
 *   keyring_doc.c       documents of keys, and what seals their versions
 *   keyring_work.c      the background: opening what was closed, one step after the other of sealing anew
 *   keyring_reseal.c    sealing envelopes anew, counting what a key is used for
 *
 * Locks. `lock` guards the array, the keys that it points to and their open versions; whoever reads takes a copy of
 * what he needs and lets go, so nobody waits longer than for some copying. `changing` is held by whoever changes keys,
 * from reading to the durable document; `resealing` by the one pass that seals anew. Order: resealing, changing, lock.
 */
#ifndef PAIL_STORAGE_KEYRING_IN_H
#define PAIL_STORAGE_KEYRING_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "keyring.h"

#define KEK_BYTES     32
#define KEK_HALF      16 /* an AES block */
#define KEYRING_DOCS  "keys/k/"
#define RESEAL_DOC    "keys/reseal"
#define OBJECT_KEY    32
#define ENVELOPE_MOST (7 + 1 + KEYRING_NAME_MAX + 2 + KEYRING_CONTEXT_MAX + 16 + XAES_NONCE + OBJECT_KEY + XAES_TAG)

/* ---- keyring_envelope.c ---- */

#define XAES_NONCE 24
#define XAES_TAG   16

/* A key with what XAES-256-GCM derives from it once. */
struct kek_key {
    unsigned char key[KEK_BYTES], half[KEK_HALF];
};
void kek_key_set(struct kek_key *, const unsigned char key[KEK_BYTES]);
void kek_key_wipe(struct kek_key *);

/* Associated data in two runs, one after the other. */
void xaes_seal(const struct kek_key *, const unsigned char nonce[XAES_NONCE], struct bytes one, struct bytes two,
               struct bytes in, unsigned char *out); /* in.n + XAES_TAG bytes */
bool xaes_open(const struct kek_key *, const unsigned char nonce[XAES_NONCE], struct bytes one, struct bytes two,
               struct bytes in, unsigned char *out); /* in.n - XAES_TAG bytes; wiped when it answers false */

/* All of `info` is written down as it is. */
struct bytes envelope_seal(struct arena *, const struct sse_info *, const struct kek_key *, const struct sse_place *,
                           const unsigned char object_key[OBJECT_KEY]);
bool envelope_open(struct bytes envelope, const struct kek_key *, const struct sse_place *,
                   unsigned char ret_object_key[OBJECT_KEY]);

/* ---- keys in memory ---- */

enum version_state {
    VERSION_CLOSED,  /* what opens it is not there: no master key, or the key service has not answered yet */
    VERSION_DAMAGED, /* what should open it does not */
    VERSION_OPEN,
};

struct kek_version {
    struct kek_key key;
    enum version_state state;
    struct bytes sealed; /* by the master key, or by the key that `wrapped` is */
    struct bytes by;     /* name of the key service; empty: the master key */
    struct bytes wrapped;
};

struct kek {
    struct arena *arena; /* of the texts and the versions */
    struct bytes name;
    struct kek_version *versions; /* number 1 is the first; the last one seals */
    uint32_t n;
    bool disabled;
    bool unreadable; /* its document is damaged: it is kept as it is */
    int64_t created_ms, rotated_ms;
    bool resealing;
    _Atomic uint64_t resealed;
    _Atomic int64_t sealed_ms; /* when it last sealed, in this process */
};

struct keyring {
    struct store *store;
    const struct crypt *master;
    const struct key_service *service;
    pthread_rwlock_t lock;
    struct kek **keys; /* by name */
    size_t n, room;
    pthread_mutex_t changing, resealing;
    bool background;
    pthread_t thread;
    pthread_mutex_t sleep_mutex;
    pthread_cond_t sleep_cond;
    bool stop, woken;
    /* The worker's, and keyring_open's before it: */
    int64_t ask_at_ms;  /* of the monotonic clock */
    int64_t retry_ms;   /* how long it waits before it asks the key service again; 0: there is nothing to ask */
    bool reseal_failed; /* the store could not; it is tried again after a while */
    bool complained;    /* the log has it that the service does not answer */
};

/* With `lock` held. */
struct kek *keyring_find(const struct keyring *, struct bytes name);
/* Takes the place of the key of its name, or a place of its own, or (kek NULL) goes. Takes the lock itself. */
void keyring_swap(struct keyring *, struct bytes name, struct kek *);
/* A copy to change, with room for one more version. `changing` is held. NULL: there is none. */
struct kek *keyring_copy(struct keyring *, struct bytes name);
int keyring_make(struct keyring *, struct bytes name, char error[256]); /* keyring_create without a word */
bool keyring_is_default(struct bytes name);
bool keyring_name_good(struct bytes name);

/* ---- keyring_doc.c ---- */

struct kek *kek_new(struct bytes name, uint32_t room);
void kek_free(struct kek *); /* wipes; accepts NULL */
/* A fresh version, sealed. UNAVAILABLE with why. There is room for it. */
int kek_add_version(const struct keyring *, struct kek *, char error[256]);
/* Opens what the master key sealed. */
void kek_open_by_master(const struct keyring *, struct kek *);
/* Opens with the key service. CLOSED: it did not answer. Blocks, so without a lock. */
enum version_state kek_open_by_service(const struct keyring *, struct bytes name, uint32_t number,
                                       const struct kek_version *, struct kek_key *ret, char error[256]);
int kek_save(const struct keyring *, const struct kek *);
/* All documents, into the keyring that is empty yet. */
int keyring_load(struct keyring *);

/* ---- keyring_work.c ---- */

/* One round of opening what is closed and making what should be there; it ends after that many failures in a row. */
void keyring_open_closed(struct keyring *, unsigned failures_max);
bool keyring_start(struct keyring *); /* false: the system has no thread */
void keyring_stop(struct keyring *);
void keyring_wake(struct keyring *);

/* ---- keyring_reseal.c ---- */

/* One batch of what rotations left to do. True: there is more to do. */
bool keyring_reseal_step(struct keyring *);

#endif
