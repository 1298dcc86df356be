/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An external key service that seals key-encryption keys in place of the master key: a small table of functions, so
 * that the keyring (storage/) needs to know no protocol. server/vault.c speaks to HashiCorp Vault's transit engine.
 * Threads: any that may block; never event loops.
 */
#ifndef PAIL_KEY_SERVICE_H
#define PAIL_KEY_SERVICE_H

#include "base/arena.h"
#include "base/bytes.h"

struct key_service {
    const char *name; /* "vault" */
    void *ctx;
    /* False: it did not answer, or refused; one clear line in ret_error. `secret` is 32 bytes; the sealed form is text.
     */
    bool (*wrap)(void *ctx, struct arena *, struct bytes secret, struct bytes *ret_sealed, char ret_error[256]);
    bool (*unwrap)(void *ctx, struct arena *, struct bytes sealed, struct bytes *ret_secret, char ret_error[256]);
};

#endif
