/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the whole server shares: settings, store, workers, loops, counters. Made by serve.c, read by everybody.
 * Threads: pointers are constant after start; counters are atomic.
 */
#ifndef PAIL_SERVER_SERVER_H
#define PAIL_SERVER_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "config.h"
#include "server/client_addr.h"

struct store;
struct pool;
struct loop;
struct tls;
struct addr_limit;
struct identities;
struct keyring;
struct master_key;
struct vault;
struct access_cache;
struct upkeep;

struct server {
    const struct config *config;
    struct bytes domains[CONFIG_DOMAINS_MAX]; /* of virtual-hosted style */
    size_t n_domains;
    struct client_proxies proxies; /* trusted */
    struct store *store;
    struct pool *pool;
    struct identities *identities;
    struct keyring *keyring;             /* include/keyring.h */
    const struct master_key *master_key; /* include/master_key.h */
    struct vault *vault;                 /* NULL: the master key seals keys */
    struct upkeep *upkeep;               /* include/upkeep.h */
    struct tls *tls;                     /* NULL: plain HTTP */
    struct loop **loops;
    unsigned n_loops;
    struct addr_limit *addresses; /* connections per peer address */
    struct access_cache *access;  /* of buckets' policies and the like; NULL: nothing is kept */
    _Atomic unsigned n_conns;
    _Atomic size_t document_bytes; /* what requests hold of large documents */
    _Atomic bool draining;         /* no new requests on kept connections */
};

#endif
