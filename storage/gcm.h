/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the store: AES-256-GCM, from whichever library does it fastest here. All implementations give the same
 * bytes; what one has sealed the others open. Who calls this sees to it that no nonce comes twice under a key
 * (storage/seal.h says how).
 *
 * Threads: an implementation may be used by all; a key belongs to one thread at a time.
 */
#ifndef PAIL_STORAGE_GCM_H
#define PAIL_STORAGE_GCM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

#define GCM_KEY_BYTES   32u
#define GCM_NONCE_BYTES 12u
#define GCM_TAG_BYTES   16u
#define GCM_BYTES_MAX   (1u << 30) /* of one message; more than anything here is long */

/* Overrides the choice: the name of an implementation. Unknown, or not usable here: as if it were not set. */
#define GCM_VARIABLE "PAIL_CIPHER_LIBRARY"

struct gcm_key; /* expanded; each implementation has its own, and wipes it when it is freed */

struct gcm {
    const char *name;
    struct gcm_key *(*key_new)(const unsigned char key[GCM_KEY_BYTES]);
    void (*key_free)(struct gcm_key *);
    /* n bytes become n + GCM_TAG_BYTES at `out`, which may be `clear` and overlaps it in no other way. `also` is bound
     * to them and not kept. */
    void (*seal)(struct gcm_key *, const unsigned char nonce[GCM_NONCE_BYTES], struct bytes also, const void *clear,
                 size_t n, unsigned char *out);
    /* The reverse, of n + GCM_TAG_BYTES bytes; `out` takes n and may be `sealed`. False: not sealed with this key,
     * nonce and `also`; `out` was wiped. */
    bool (*open)(struct gcm_key *, const unsigned char nonce[GCM_NONCE_BYTES], struct bytes also, const void *sealed,
                 size_t n, void *out);
};

const struct gcm *gcm_openssl(void);  /* always there */
const struct gcm *gcm_ipsec_mb(void); /* Intel's library; NULL: not built in, or of no use on this processor */
const struct gcm *gcm_best(void);     /* of those; always the same one */

#endif
