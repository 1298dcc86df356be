/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over the pages of an LMDB file. The idea: read each page by pread, believe nothing before it was compared with
 * the file's bounds, and go down in the order of keys, so that one pass sees order, counts and double use. For a copy
 * each page is written after what hangs below it, with the numbers of the new file; so the copy has no free pages, and
 * a damaged tree is noticed rather than copied.
 *
 * Layout (LMDB 0.9, 64 bit): a page begins with its number (8), pad (2), flags (2), and either the bounds of its free
 * room (2 + 2) or, of an overflow run, its pages (4). Then 2-byte offsets of nodes, in the order of keys. A node: low
 * and high half of the data's size or of the child's number (2 + 2), flags (or the number's rest) (2), key length (2),
 * key, data or the number (8) of the overflow run.
 *
 * Invariant: memory is one page a level, a bit a page, and the largest value. Threads: one a walk.
 */
#include "storage/lmdb_walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"

#define MAGIC        0xBEEFC0DEu
#define VERSION      1
#define PAGE_MIN     4096u
#define PAGE_MAX     65536u
#define PAGE_HEADER  16u
#define NODE_HEADER  8u
#define DEPTH_MAX    32u
#define KEY_MAX      511u
#define VALUE_MAX    (UINT64_C(128) << 20)
#define NO_PAGE      UINT64_MAX
#define FAULTS_MAX   20u /* told of one walk; more are counted as one line */
#define TICK_PAGES   1024u
#define OUT_BYTES    (1u << 20)
#define INTEGER_KEYS 0x08u /* flag of the tree of free pages */

enum page_flags { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };
enum node_flags { NODE_BIG = 1 };

_Static_assert(sizeof(struct lmdb_header) == 152, "no padding");

struct walker {
    struct lmdb_walk *w;
    struct lmdb_walk_census *census;
    uint32_t psize;
    uint64_t last;       /* page number of the header */
    unsigned char *seen; /* a bit a page */
    unsigned char *page[DEPTH_MAX];
    char *value; /* of overflow runs */
    size_t value_cap;
    const struct lmdb_tree *tree;
    bool main;
    struct lmdb_tree count;
    char last_key[KEY_MAX];
    size_t last_key_n;
    bool has_last;
    unsigned faults;
    uint64_t next_out; /* pages of the copy */
    char *out_buffer;
    size_t out_n;
    uint64_t out_at;
};

static uint16_t get16(const unsigned char *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t get32n(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t get64n(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* ---- headers ---- */

static bool header_good(const struct lmdb_header *h, unsigned number, uint64_t at)
{
    uint32_t psize = h->dbs[0].pad;
    return h->pgno == number && (h->flags & PAGE_META) && h->magic == MAGIC && h->version == VERSION &&
           psize >= PAGE_MIN && psize <= PAGE_MAX && (psize & (psize - 1)) == 0 && h->last_pg >= 1 &&
           h->last_pg < UINT64_MAX / PAGE_MAX && (number == 0 || at == psize);
}

static bool header_read(int fd, unsigned number, uint64_t at, struct lmdb_header *ret)
{
    return pread(fd, ret, sizeof *ret, (off_t)at) == (ssize_t)sizeof *ret && header_good(ret, number, at);
}

unsigned lmdb_headers_read(int fd, struct lmdb_header ret[2])
{
    struct lmdb_header h[2];
    bool first = header_read(fd, 0, 0, &h[0]), second = false;
    for (uint32_t psize = first ? h[0].dbs[0].pad : PAGE_MIN; !second && psize <= PAGE_MAX; psize *= 2) {
        second = header_read(fd, 1, psize, &h[1]);
        if (first)
            break;
    }
    if (first && second) {
        bool order = h[0].txnid >= h[1].txnid;
        ret[0] = h[order ? 0 : 1];
        ret[1] = h[order ? 1 : 0];
        return 2;
    }
    if (first || second)
        ret[0] = h[first ? 0 : 1];
    return first || second;
}

/* ---- faults ---- */

__attribute__((format(printf, 2, 3))) static int fault(struct walker *k, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (k->faults < FAULTS_MAX)
        k->w->fault(k->w->arg, text);
    else if (k->faults == FAULTS_MAX)
        k->w->fault(k->w->arg, "and more of the kind");
    k->faults++;
    return EIO;
}

/* ---- reading and writing pages ---- */

static int read_at(struct walker *k, uint64_t pgno, size_t from, void *into, size_t n)
{
    char *p = into;
    uint64_t at = pgno * k->psize + from;
    while (n > 0) {
        ssize_t done = pread(k->w->fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno;
        if (done == 0)
            return fault(k, "page %" PRIu64 " lies behind the end of the file", pgno);
        p += done;
        n -= (size_t)done;
        at += (uint64_t)done;
    }
    return 0;
}

static int out_flush(struct walker *k)
{
    for (size_t done = 0; done < k->out_n;) {
        ssize_t n = pwrite(k->w->out, k->out_buffer + done, k->out_n - done, (off_t)(k->out_at + done));
        if (n < 0 && errno != EINTR)
            return errno;
        done += n > 0 ? (size_t)n : 0;
    }
    k->out_at += k->out_n;
    k->out_n = 0;
    return 0;
}

static int out_put(struct walker *k, const void *p, size_t n)
{
    int rc = 0;
    for (const char *from = p; rc == 0 && n > 0;) {
        size_t part = OUT_BYTES - k->out_n < n ? OUT_BYTES - k->out_n : n;
        memcpy(k->out_buffer + k->out_n, from, part);
        k->out_n += part;
        from += part;
        n -= part;
        if (k->out_n == OUT_BYTES)
            rc = out_flush(k);
    }
    return rc;
}

/* Notes that the pages are used; each may be so once. */
static int take_pages(struct walker *k, uint64_t pgno, uint64_t n, const char *what)
{
    if (pgno < 2 || pgno > k->last || n > k->last - pgno + 1)
        return fault(k, "%s page %" PRIu64 " is not one of the file's", what, pgno);
    for (uint64_t i = pgno; i < pgno + n; i++) {
        if (k->seen[i / 8] & (1u << i % 8))
            return fault(k, "page %" PRIu64 " is used twice", i);
        k->seen[i / 8] |= (unsigned char)(1u << i % 8);
    }
    uint64_t before = k->census->pages;
    k->census->pages += n;
    if (before / TICK_PAGES == k->census->pages / TICK_PAGES)
        return 0;
    if (k->w->tick)
        k->w->tick(k->w->arg, k->census->pages);
    return k->w->stop && atomic_load(k->w->stop) ? ECANCELED : 0;
}

/* ---- nodes ---- */

struct node {
    unsigned char *at;
    const char *key;
    size_t key_n;
    uint16_t flags;
    uint64_t child; /* branch */
    uint32_t data_n;
};

static bool node_get(struct walker *k, unsigned char *page, unsigned i, bool leaf, struct node *ret)
{
    size_t at = get16(page + PAGE_HEADER + 2 * i);
    if (at < get16(page + 14) || at % 2 || at + NODE_HEADER > k->psize)
        return false;
    unsigned char *p = page + at;
    uint32_t low = get16(p) | (uint32_t)get16(p + 2) << 16;
    *ret = (struct node){.at = p, .key = (char *)p + NODE_HEADER, .key_n = get16(p + 6), .flags = get16(p + 4)};
    if (ret->key_n > KEY_MAX || at + NODE_HEADER + ret->key_n > k->psize)
        return false;
    if (!leaf) {
        ret->child = low | (uint64_t)ret->flags << 32;
        return true;
    }
    ret->data_n = low;
    size_t inside = (ret->flags & NODE_BIG) ? 8 : ret->data_n;
    return (ret->flags & ~NODE_BIG) == 0 && inside <= k->psize - at - NODE_HEADER - ret->key_n;
}

/* Keys rise over the whole tree. */
static bool key_rises(struct walker *k, const struct node *n)
{
    bool rises = true;
    if (k->has_last && (k->tree->flags & INTEGER_KEYS))
        rises = n->key_n == 8 && get64n((const unsigned char *)n->key) > get64n((const unsigned char *)k->last_key);
    else if (k->has_last)
        rises = bytes_cmp(bytes_of(n->key, n->key_n), bytes_of(k->last_key, k->last_key_n)) > 0;
    memcpy(k->last_key, n->key, n->key_n);
    k->last_key_n = n->key_n;
    k->has_last = true;
    return rises;
}

/* The run's bytes into k->value; in a copy also to the new file, and its new number into the node. */
static int big_value(struct walker *k, struct node *n)
{
    unsigned char head[PAGE_HEADER];
    unsigned char *number = n->at + NODE_HEADER + n->key_n;
    uint64_t pgno = get64n(number), pages = (PAGE_HEADER + (uint64_t)n->data_n + k->psize - 1) / k->psize;
    if (n->data_n > VALUE_MAX)
        return fault(k, "a value of %u bytes", n->data_n);
    int rc = take_pages(k, pgno, pages, "overflow");
    if (rc == 0)
        rc = read_at(k, pgno, 0, head, sizeof head);
    if (rc != 0)
        return rc;
    if (get64n(head) != pgno || get16(head + 10) != PAGE_OVERFLOW || get32n(head + 12) != pages)
        return fault(k, "page %" PRIu64 " is not the overflow run that it should be", pgno);
    size_t whole = (size_t)(pages * k->psize);
    if (k->value_cap < whole) {
        k->value = xrealloc(k->value, whole);
        k->value_cap = whole;
    }
    rc = read_at(k, pgno, 0, k->value, whole);
    k->count.overflow += pages;
    if (rc != 0 || k->w->out < 0 || !k->main)
        return rc;
    memcpy(k->value, &k->next_out, 8);
    memcpy(number, &k->next_out, 8);
    k->next_out += pages;
    return out_put(k, k->value, whole);
}

static int mark_free(struct walker *k, const unsigned char *p, size_t n)
{
    uint64_t count = n >= 8 ? get64n(p) : 0;
    if (n < 8 || count > (n - 8) / 8)
        return fault(k, "a list of free pages has %zu bytes", n);
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t pgno = get64n(p + 8 * i);
        if (pgno < 2 || pgno > k->last || (k->seen[pgno / 8] & (1u << pgno % 8)))
            return fault(k, "page %" PRIu64 " is free and used, or does not exist", pgno);
        k->seen[pgno / 8] |= (unsigned char)(1u << pgno % 8);
        k->census->free_pages++;
    }
    return 0;
}

static int leaf_node(struct walker *k, struct node *n)
{
    const char *data = n->key + n->key_n;
    if (!key_rises(k, n))
        fault(k, "keys are out of order in a leaf page");
    if (n->flags & NODE_BIG) {
        int rc = big_value(k, n);
        if (rc != 0)
            return rc;
        data = k->value + PAGE_HEADER;
    }
    k->count.entries++;
    if (!k->main)
        return mark_free(k, (const unsigned char *)data, n->data_n);
    k->census->records++;
    if (k->w->record) {
        MDB_val key = {n->key_n, (void *)(uintptr_t)n->key}, value = {n->data_n, (void *)(uintptr_t)data};
        k->w->record(k->w->arg, &key, &value);
    }
    return 0;
}

/* ---- pages ---- */

static bool page_good(struct walker *k, const unsigned char *p, uint64_t pgno, bool leaf)
{
    unsigned lower = get16(p + 12), upper = get16(p + 14);
    return get64n(p) == pgno && get16(p + 10) == (leaf ? PAGE_LEAF : PAGE_BRANCH) && lower >= PAGE_HEADER + 2 &&
           lower % 2 == 0 && lower <= upper && upper <= k->psize;
}

static int walk_page(struct walker *k, uint64_t pgno, unsigned level, uint64_t *ret_new);

static int walk_nodes(struct walker *k, uint64_t pgno, unsigned level, bool leaf)
{
    unsigned char *page = k->page[level];
    unsigned n = (get16(page + 12) - PAGE_HEADER) / 2;
    int first = 0;
    for (unsigned i = 0; i < n; i++) {
        struct node node;
        int rc;
        uint64_t fresh = 0;
        if (!node_get(k, page, i, leaf, &node)) {
            rc = fault(k, "node %u of page %" PRIu64 " is damaged", i, pgno);
        } else if (leaf) {
            rc = leaf_node(k, &node);
        } else {
            rc = walk_page(k, node.child, level + 1, &fresh);
            uint16_t parts[3] = {(uint16_t)fresh, (uint16_t)(fresh >> 16), (uint16_t)(fresh >> 32)};
            memcpy(node.at, parts, sizeof parts);
        }
        if (rc != 0 && rc != EIO)
            return rc;
        first = first ? first : rc;
    }
    return first;
}

/* 0; EIO: damaged, and told; else errno. The page's number in the copy to *ret_new. */
static int walk_page(struct walker *k, uint64_t pgno, unsigned level, uint64_t *ret_new)
{
    bool leaf = level + 1 == k->tree->depth;
    int rc = take_pages(k, pgno, 1, "tree");
    if (rc != 0)
        return rc;
    if (!k->page[level])
        k->page[level] = xmalloc(k->psize);
    unsigned char *page = k->page[level];
    rc = read_at(k, pgno, 0, page, k->psize);
    if (rc != 0)
        return rc;
    if (!page_good(k, page, pgno, leaf))
        return fault(k, "page %" PRIu64 " is not the %s page that it should be", pgno, leaf ? "leaf" : "branch");
    if (leaf)
        k->count.leaf++;
    else
        k->count.branch++;
    rc = walk_nodes(k, pgno, level, leaf);
    *ret_new = k->next_out;
    if (rc != 0 || k->w->out < 0 || !k->main)
        return rc;
    memcpy(page, &k->next_out, 8);
    k->next_out++;
    return out_put(k, page, k->psize);
}

static int walk_tree(struct walker *k, unsigned which, uint64_t *ret_root)
{
    int rc = 0;
    k->tree = &k->w->header.dbs[which];
    k->main = which == 1;
    k->count = (struct lmdb_tree){0};
    k->has_last = false;
    *ret_root = NO_PAGE;
    if (k->tree->root == NO_PAGE)
        return 0;
    if (k->tree->depth < 1 || k->tree->depth > DEPTH_MAX)
        return fault(k, "a tree of %u levels", k->tree->depth);
    rc = walk_page(k, k->tree->root, 0, ret_root);
    const struct lmdb_tree *said = k->tree, *is = &k->count;
    if (rc == 0 && (is->branch != said->branch || is->leaf != said->leaf || is->overflow != said->overflow ||
                    is->entries != said->entries))
        fault(k, "the header counts %" PRIu64 " records in %" PRIu64 " pages, and there are %" PRIu64 " in %" PRIu64,
              said->entries, said->branch + said->leaf + said->overflow, is->entries,
              is->branch + is->leaf + is->overflow);
    return rc;
}

/* Both header pages of the copy say the same, so that one is enough. */
static int write_headers(struct walker *k, uint64_t root)
{
    unsigned char *pages = xcalloc(2, k->psize);
    int rc = out_flush(k);
    for (unsigned i = 0; i < 2; i++) {
        struct lmdb_header h = k->w->header;
        h.pgno = i;
        h.flags = PAGE_META;
        h.dbs[0] = (struct lmdb_tree){.pad = k->psize, .flags = k->w->header.dbs[0].flags, .root = NO_PAGE};
        h.dbs[1] = k->count;
        h.dbs[1].pad = k->w->header.dbs[1].pad;
        h.dbs[1].flags = k->w->header.dbs[1].flags;
        h.dbs[1].depth = k->w->header.dbs[1].depth;
        h.dbs[1].root = root;
        h.last_pg = k->next_out - 1;
        h.txnid = i;
        memcpy(pages + i * k->psize, &h, sizeof h);
    }
    if (rc == 0) {
        k->out_at = 0;
        rc = out_put(k, pages, 2 * (size_t)k->psize);
    }
    free(pages);
    return rc == 0 ? out_flush(k) : rc;
}

int lmdb_walk_run(struct lmdb_walk *w, struct lmdb_walk_census *ret)
{
    struct walker k = {.w = w, .census = ret, .psize = w->header.dbs[0].pad, .last = w->header.last_pg, .next_out = 2};
    uint64_t root = NO_PAGE, unused;
    struct stat st;
    *ret = (struct lmdb_walk_census){0};
    if (fstat(w->fd, &st) != 0)
        return errno;
    if ((uint64_t)st.st_size / k.psize < k.last + 1)
        return fault(&k, "the file was cut short: %jd bytes, and %" PRIu64 " are in use", (intmax_t)st.st_size,
                     (k.last + 1) * k.psize);
    k.seen = xcalloc(1, (size_t)(k.last / 8 + 1));
    if (w->out >= 0) {
        k.out_buffer = xmalloc(OUT_BYTES);
        k.out_at = 2 * (uint64_t)k.psize;
    }
    int rc = walk_tree(&k, 1, &root);
    if (rc == 0 && w->out >= 0)
        rc = write_headers(&k, root);
    if (rc == 0)
        rc = walk_tree(&k, 0, &unused);
    if (rc == 0 && k.faults > 0 && w->out >= 0)
        rc = EIO;
    if (rc == 0 && k.faults == 0)
        ret->lost_pages = k.last - 1 - ret->pages - ret->free_pages;
    for (unsigned i = 0; i < DEPTH_MAX; i++)
        free(k.page[i]);
    free(k.value);
    free(k.out_buffer);
    free(k.seen);
    return rc;
}
