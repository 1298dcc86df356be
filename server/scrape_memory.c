/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena with a large first block, which a reset leaves in place, and the buffer of the last page's text. The buffer
 * is lent to the reply, so that it counts as a document like any other while a client takes it.
 * Threads: the one slot is exchanged atomically.
 */
#include "server/scrape_memory.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"
#include "server/req.h"
#include "server/server.h"

struct scrape_memory {
    struct arena *arena;
    char *text;
    size_t text_cap;
};

static void release(struct scrape_memory *m)
{
    if (!m)
        return;
    arena_free(m->arena);
    free(m->text);
    free(m);
}

struct arena *scrape_memory_take(struct req *r)
{
    struct scrape_memory *m = atomic_exchange(&r->server->scrape_memory, NULL);
    if (!m) {
        m = xcalloc(1, sizeof *m);
        m->arena = arena_create(SCRAPE_ARENA_KEPT_BYTES);
    }
    buf_fini(&r->resp.doc);
    r->resp.doc.p = m->text;
    r->resp.doc.cap = m->text_cap;
    m->text = NULL;
    m->text_cap = 0;
    r->resp.scrape = m;
    return m->arena;
}

void scrape_memory_give(struct req *r)
{
    struct scrape_memory *m = r->resp.scrape;
    if (!m)
        return;
    r->resp.scrape = NULL;
    arena_reset(m->arena);
    if (r->resp.doc.cap <= SCRAPE_TEXT_KEPT_BYTES) {
        m->text = r->resp.doc.p;
        m->text_cap = r->resp.doc.cap;
        r->resp.doc.p = NULL; /* and the rest of it by whoever ends the document */
    }
    release(atomic_exchange(&r->server->scrape_memory, m));
}

void scrape_memory_free(struct server *s)
{
    release(atomic_exchange(&s->scrape_memory, NULL));
}
