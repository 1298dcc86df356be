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
struct audit;
struct identities;
struct keyring;
struct master_key;
struct vault;
struct parsed_cache;
struct metrics;
struct console;
struct history;
struct recent;
struct scrape_memory;

enum drain_step {
    DRAIN_NONE,
    DRAIN_ANNOUNCE, /* replies say that the connection ends; what comes until then is served */
    DRAIN_CLOSE,    /* connections without a request are closed */
};

struct health_state {                            /* server/health.h */
    _Atomic int64_t looked_ms, looking_since_ms; /* 0: never; nobody does */
    atomic_bool writes, reads;
};
struct upkeep;

struct server {
    const struct config *_Atomic config;      /* another one after SIGHUP; the ones before stay until the end */
    struct bytes domains[CONFIG_DOMAINS_MAX]; /* of virtual-hosted style */
    size_t n_domains;
    struct client_proxies proxies; /* trusted */
    struct store *store;
    struct pool *pool;
    struct identities *identities;
    struct audit *audit;                 /* NULL: there is none */
    struct keyring *keyring;             /* include/keyring.h */
    const struct master_key *master_key; /* include/master_key.h */
    struct vault *vault;                 /* NULL: the master key seals keys */
    struct upkeep *upkeep;               /* include/upkeep.h */
    struct tls *tls;                     /* NULL: plain HTTP */
    struct loop **loops;
    unsigned n_loops;
    struct addr_limit *addresses; /* connections per peer address */
    struct parsed_cache *access;  /* of buckets' policies and the like; NULL: nothing is kept */
    _Atomic unsigned n_conns;
    _Atomic size_t document_bytes; /* what requests hold of large documents */
    _Atomic int draining;          /* enum drain_step */
    atomic_bool frozen;            /* by an administrator: S3's operations are refused for now */
    char deployment_id[37];        /* a UUID, the data folder's own; empty: none could be made */
    struct health_state health;
    struct metrics *metrics;                     /* NULL: nothing is counted */
    struct recent *recent;                       /* server/recent.h; NULL: nothing is kept */
    struct scrape_memory *_Atomic scrape_memory; /* server/scrape_memory.h; NULL: none yet, or a scrape has it */
    struct history *history;                     /* server/history.h; NULL: there is none */
    struct console *console;                     /* server/console.h; NULL: there is none */
};

#endif
