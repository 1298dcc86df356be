/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing keys: derived from a secret by four HMACs, valid for one day, region and service; and a cache of them.
 *
 * The cache is per thread, bounded, and keyed by the secret itself (compared in constant time) rather than by the
 * access key's name: a changed secret can never find the key of the old one, whatever its owner forgot to invalidate.
 * Entries are wiped when evicted and when their thread ends. Only keys that verified a signature should be put in, so
 * that strangers cannot push out the useful ones.
 * Threads: any; nothing is shared.
 */
#ifndef PAIL_SERVER_AUTH_KEY_CACHE_H
#define PAIL_SERVER_AUTH_KEY_CACHE_H

#include <stdint.h>

#include "base/bytes.h"

#define KEY_CACHE_SETS 512 /* users of a thousand and more take turns; a set is memory only when it is used */
#define KEY_CACHE_WAYS 4

struct key_scope {
    struct bytes secret, date /* 8 digits */, region, service;
};

void signing_key_derive(const struct key_scope *scope, unsigned char ret_key[32]);

uint64_t key_cache_misses(void); /* since the start */
bool key_cache_get(const struct key_scope *scope, unsigned char ret_key[32]);
void key_cache_put(const struct key_scope *scope, const unsigned char key[32]);
void key_cache_wipe(void);    /* this thread's entries */
size_t key_cache_count(void); /* this thread's entries, for tests and metrics */

/*
 * A key for access keys that do not exist, derived from a random secret of this process and remembered apart, so that
 * an unknown name costs what a known one does.
 */
void signing_key_of_nobody(struct bytes date, struct bytes region, struct bytes service, unsigned char ret_key[32]);

#endif
