/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The look at index and disk behind the health paths; health.h says what for.
 * Invariant: whoever sets `looking` looks and clears it; everybody else takes the last answer while it is fresh, and
 * says "no" once the look has run for too long. Threads: any worker.
 */
#include "server/health.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/server.h"
#include "store.h"

#define WAIT_MS      5 /* between two looks at what another one finds */
#define UPLOAD_BYTES (128u * 1024)

/*
 * An upload that nobody ends: so many bytes that they go to the disk, as an object's would, and nothing stays. A full
 * disk is noticed here; whether it makes writes durable, store_probe finds out.
 */
static int take_bytes(struct server *s)
{
    static const struct store_bucket nowhere;
    static const char zeros[4096];
    struct store_put put = {.bucket = &nowhere, .key = BYTES_LIT("probe"), .expected_size = UPLOAD_BYTES};
    struct store_write *w = NULL;
    int rc = store_write_open(s->store, &put, &w);
    for (size_t n = 0; rc == STORE_OK && n < UPLOAD_BYTES; n += sizeof zeros)
        rc = store_write_append(w, zeros, sizeof zeros);
    store_write_close(&w);
    return rc;
}

static void look(struct server *s)
{
    struct health_state *h = &s->health;
    int rc = take_bytes(s);
    if (rc == STORE_OK)
        rc = store_probe(s->store, true);
    bool reads = rc == STORE_OK || store_probe(s->store, false) == STORE_OK;
    if (rc != STORE_OK && atomic_load(&h->writes))
        log_error("health", "the disk does not take a write: %s", store_rc_name(rc));
    else if (rc == STORE_OK && !atomic_load(&h->writes) && atomic_load(&h->looked_ms))
        log_info("health", "the disk takes writes again");
    atomic_store(&h->writes, rc == STORE_OK);
    atomic_store(&h->reads, reads);
    atomic_store(&h->looked_ms, clock_mono_ms());
    atomic_store(&h->looking_since_ms, 0);
}

/* False: a look hangs. */
static bool refresh(struct server *s)
{
    struct health_state *h = &s->health;
    for (;;) {
        int64_t now = clock_mono_ms(), since = 0, looked = atomic_load(&h->looked_ms);
        if (looked && now - looked < HEALTH_FRESH_MS)
            return true;
        if (atomic_compare_exchange_strong(&h->looking_since_ms, &since, now)) {
            look(s);
            return true;
        }
        if (now - since > HEALTH_HANGS_MS)
            return false;
        usleep(WAIT_MS * 1000);
    }
}

bool health_writes(struct server *s)
{
    return refresh(s) && atomic_load(&s->health.writes);
}

bool health_reads(struct server *s)
{
    return refresh(s) && atomic_load(&s->health.reads);
}

bool health_seems_well(struct server *s, bool failed)
{
    bool well = atomic_load(&s->health.writes) || atomic_load(&s->health.looked_ms) == 0;
    return !failed && (well || health_writes(s));
}
