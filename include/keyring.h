/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys with which object keys are sealed (key-encryption keys), and the envelopes in which those lie.
 *
 *     master key (pail.key, --master-key-file, systemd credential, PAIL_MASTER_KEY) or an external key service
 *        seals   key-encryption keys: named, each with numbered versions; documents of the store
 *        seals   object keys: one for each object, in an envelope beside it
 *        seals   data keys: one for each blob (the store's business, storage/seal.h)
 *
 * An envelope says by itself what is needed to open it: method, key, version, encryption context. It is bound to the
 * place of its object (partition and key) and to its own public part: moved or changed, it does not open. SSE-C
 * envelopes are sealed with the customer's key, which is never kept.
 *
 * Rotation gives a key a new version for what is sealed from now on; keyring_reseal then moves old envelopes to it, and
 * data is never rewritten. Old versions stay for what could not be moved.
 *
 * Everything the request path asks is answered from memory. A key that the key service could not open yet is
 * UNAVAILABLE and is tried again in the background; one that was opened stays open, so an outage hurts only a restart.
 *
 * Ownership: texts in the arena given. Keys that come out are the caller's to wipe (OPENSSL_cleanse).
 * Threads: any.
 */
#ifndef PAIL_KEYRING_H
#define PAIL_KEYRING_H

#include "base/arena.h"
#include "base/bytes.h"

struct crypt;
struct key_service;
struct keyring;
struct store;

#define KEYRING_KEYS_MAX     1000
#define KEYRING_VERSIONS_MAX 1000      /* of a key */
#define KEYRING_NAME_MAX     128       /* bytes: letters, digits, and . _ - */
#define KEYRING_CONTEXT_MAX  2048      /* bytes of encryption context */
#define KEYRING_S3_KEY       "pail-s3" /* seals SSE-S3 objects; there from the start */
#define KEYRING_KMS_DEFAULT  "aws-s3"  /* alias/aws/s3: SSE-KMS without a key id; there from the start */

enum keyring_rc {
    KEYRING_OK = 0,
    KEYRING_NO_SUCH_KEY = -1,
    KEYRING_DISABLED = -2,
    KEYRING_UNAVAILABLE = -3, /* no master key, or the key service does not answer */
    KEYRING_WRONG_KEY = -4,   /* SSE-C: it does not open with this customer's key */
    KEYRING_DAMAGED = -5,     /* the envelope, or the sealed key: changed, moved, or of another master key */
    KEYRING_EXISTS = -6,
    KEYRING_IN_USE = -7,
    KEYRING_INVALID_NAME = -8,
    KEYRING_FULL = -9,
    KEYRING_STORE = -10, /* the store could not read or write */
};
const char *keyring_rc_name(int rc);

/* ---- life ---- */

struct keyring_options {
    struct store *store;
    const struct crypt *master;        /* NULL: missing or wrong; what it sealed is UNAVAILABLE */
    const struct key_service *service; /* not NULL: new versions of keys are sealed by it instead of `master` */
    bool no_background;                /* tests and commands: no thread of its own; see keyring_work */
};
/* KEYRING_OK also when keys cannot be opened: they are UNAVAILABLE. The call itself answers that only where the system
 * has no thread. */
int keyring_open(const struct keyring_options *, struct keyring **ret);
void keyring_close(struct keyring **); /* accepts NULL inside */
/*
 * What the background thread does once in a while: makes the default keys, opens what is closed, goes on with sealing
 * anew. True: there is more to do at once. [worker]
 */
bool keyring_work(struct keyring *);

/* ---- envelopes ---- */

enum sse_method {
    /* Numbers are on disk: append only. */
    SSE_NONE = 0,
    SSE_S3 = 1,
    SSE_KMS = 2,
    SSE_KMS_DSSE = 3, /* served as SSE_KMS */
    SSE_C = 4,        /* the customer's key */
};

struct sse_place {      /* what an envelope is bound to */
    uint64_t partition; /* of the bucket */
    struct bytes key;   /* of the object */
};

struct sse_info { /* what an envelope tells without being opened */
    enum sse_method method;
    struct bytes key_id; /* the key's name; SSE-C: empty */
    uint32_t key_version;
    struct bytes context; /* encryption context as the client gave it (JSON, not base64); empty: none */
    bool bucket_key;
    unsigned char customer_md5[16]; /* SSE-C: MD5 of the customer's key, for the reply */
};

/* False: no envelope of a format that is known. Borrows from `envelope`. */
bool sse_info_read(struct bytes envelope, struct sse_info *ret);
/*
 * A fresh object key and its envelope. `info`: method, and for KMS key_id (empty: KEYRING_KMS_DEFAULT), context,
 * bucket_key; the version is filled in. `customer_key`: SSE-C's 32 bytes. NO_SUCH_KEY, DISABLED, UNAVAILABLE. From
 * memory: the two default keys are made by keyring_open. [loop]
 */
int keyring_seal(struct keyring *, struct arena *, struct sse_info *info, const unsigned char *customer_key,
                 const struct sse_place *, unsigned char ret_object_key[32], struct bytes *ret_envelope);
/* [loop] */
int keyring_unseal(struct keyring *, struct bytes envelope, const unsigned char *customer_key, const struct sse_place *,
                   unsigned char ret_object_key[32]);

/* ---- keys ---- */

struct keyring_key {
    struct bytes name;
    uint32_t versions, current; /* how many there are, the one that seals now */
    bool disabled;              /* neither seals nor opens */
    bool available;             /* it is open in memory */
    int64_t created_ms, rotated_ms;
    uint64_t resealed; /* envelopes that the last rotation has moved so far */
    bool resealing;    /* it is still at it */
};
/* By name; max entries from after `after` on. */
int keyring_list(struct keyring *, struct bytes after, size_t max, struct arena *, struct keyring_key **ret,
                 size_t *ret_n, bool *ret_more);
int keyring_get(struct keyring *, struct bytes name, struct arena *, struct keyring_key *ret); /* [loop] */
int keyring_create(struct keyring *, struct bytes name);                                       /* [worker] */
/* A new version; old envelopes are sealed anew in the background (or by keyring_reseal). [worker] */
int keyring_rotate(struct keyring *, struct bytes name);
int keyring_set_disabled(struct keyring *, struct bytes name, bool disabled); /* [worker] */
/* Only a disabled key that no envelope names (all are looked at: slow). IN_USE with how many were seen. [worker] */
int keyring_delete(struct keyring *, struct bytes name, uint64_t *ret_uses);
/* Moves all envelopes to the current versions of their keys, as far as those can be opened. [worker] */
int keyring_reseal(struct keyring *, uint64_t *ret_moved);

/*
 * A key's name out of what a client may say: the name, "alias/aws/s3", "alias/NAME", or an ARN
 * arn:aws:kms:REGION:ACCOUNT:key/NAME (or :alias/NAME). False: nothing of that form.
 */
bool keyring_name_of(struct bytes said, struct bytes *ret_name);

#endif
