/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encrypted bodies of MinIO's admin API: a document under a key that is derived from the caller's secret key.
 *
 *   body = salt[32] || id[1] || nonce[8] || fragments       id: how the key is made and which cipher
 *   fragments of 16 KiB of plaintext, each with its tag; the number of a fragment is part of its nonce, and its
 *   associated data says whether it is the last one, so that none can be cut off, added or moved
 *
 * A derivation takes 64 MiB and a core for a tenth of a second, so only a few run at a time, a few more wait, and all
 * others are turned away. Whoever calls has authenticated and authorized the request before.
 *
 * Ownership: plaintexts lie in the arena and are wiped with it. Threads: workers; sealing and opening are pure apart
 * from the derivations' waiting.
 */
#ifndef PAIL_SERVER_ADMIN_API_SEALED_H
#define PAIL_SERVER_ADMIN_API_SEALED_H

#include "base/bytes.h"

struct arena;

#define SEALED_BODY_MAX    262272u /* bytes of a sealed request */
#define SEALED_SALT        32
#define SEALED_NONCE       8
#define SEALED_HEAD        (SEALED_SALT + 1 + SEALED_NONCE)
#define SEALED_DERIVATIONS 2 /* that run at a time, 64 MiB each */
#define SEALED_WAITING     8 /* beyond those */

enum sealed_id {
    SEALED_ARGON2ID_AES = 0,
    SEALED_ARGON2ID_CHACHA = 1,
    SEALED_PBKDF2_AES = 2,
};

enum sealed_rc {
    SEALED_OK = 0,
    SEALED_MALFORMED = -1, /* no such format, or too short */
    SEALED_WRONG = -2,     /* another secret, or damaged */
    SEALED_BUSY = -3,      /* too many derivations, or no memory for one */
};

struct sealed_key {
    enum sealed_id id;
    unsigned char salt[SEALED_SALT], key[32];
};

/* The key for this salt. */
enum sealed_rc sealed_derive(struct bytes secret, enum sealed_id, const unsigned char salt[SEALED_SALT],
                             struct sealed_key *ret);
/* A key with a new salt. */
enum sealed_rc sealed_new_key(struct bytes secret, enum sealed_id, struct sealed_key *ret);
/* *ret_key can seal the answer, which spares a second derivation; wipe it. */
enum sealed_rc sealed_open(struct bytes secret, struct bytes body, struct arena *, struct sealed_key *ret_key,
                           struct bytes *ret);
/* The same with a key that is there already. */
enum sealed_rc sealed_open_with(const struct sealed_key *, struct bytes body, struct arena *, struct bytes *ret);
/* Appends the sealed form. */
void sealed_seal(const struct sealed_key *, struct bytes plain, struct buf *out);

#endif
