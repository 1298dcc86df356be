/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing of short secrets (secret keys, session tokens) with a master key: AES-256-GCM, a fresh random 96-bit nonce
 * for each sealing. What a secret belongs to is given as associated data: it is not kept in the sealed form, and a
 * secret that was moved to another place does not open there.
 *
 * A sealed value is  version (1 byte, 1) | nonce (12) | ciphertext (as long as the secret) | tag (16).
 * With random nonces one key is good for some 2^32 sealings, far more than there are keys and sessions.
 *
 * The master key is a file: 64 hex digits and perhaps a line's end. Whoever has it and the index can read all secrets;
 * without it they are lost. It is wiped from memory by crypt_close.
 * Threads: crypt_seal and crypt_open may run on any thread at once.
 */
#ifndef PAIL_CRYPT_H
#define PAIL_CRYPT_H

#include "base/arena.h"
#include "base/bytes.h"

struct crypt;

#define CRYPT_KEY_SIZE 32 /* bytes */
#define CRYPT_OVERHEAD 29 /* bytes that sealing adds */

enum crypt_rc {
    CRYPT_OK = 0,
    CRYPT_NO_FILE = -1,    /* there is no key file */
    CRYPT_BAD_FILE = -2,   /* it holds something else */
    CRYPT_UNREADABLE = -3, /* errno says why */
    CRYPT_EXPOSED = -4,    /* others may read or write it */
};

/* Reads the key. */
int crypt_load(const char *path, struct crypt **ret);
/* Makes a new key and writes it, durably and with mode 0600, where no file is yet (else UNREADABLE, EEXIST). */
int crypt_create(const char *path, struct crypt **ret);
/* Writes the key in the same way to another file. */
int crypt_write(const struct crypt *, const char *path);
/* Of 64 hex digits and perhaps a line's end, else BAD_FILE. */
int crypt_of_text(struct bytes text, struct crypt **ret);
bool crypt_same(const struct crypt *, const struct crypt *);
/* A key that is known. */
struct crypt *crypt_of_key(const unsigned char key[CRYPT_KEY_SIZE]);
void crypt_close(struct crypt **); /* accepts NULL inside */

/* The sealed form, in the arena. */
struct bytes crypt_seal(const struct crypt *, struct arena *, struct bytes secret, struct bytes belongs_to);
/* False: damaged, sealed with another key or for something else. Wipe *ret (n bytes) when it is no longer needed. */
bool crypt_unseal(const struct crypt *, struct arena *, struct bytes sealed, struct bytes belongs_to,
                  struct bytes *ret);

#endif
