/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long keys as a tree of nodes inside one LMDB database; longkey.h has the drawing.
 *
 * Why the order is right. Within one node, let E(k) = k 0x00 for a key that ends and L(s) = s 0x01 for a full segment.
 *  - E keeps order: where two keys differ, so do their images; where one is a prefix of the other, the 0x00 meets a
 * byte of the longer key, which is greater or equal, and if equal, the shorter image is a prefix of the longer one.
 *  - E(s) < L(s), and every key below L(s) is longer than s: so a key comes before those that extend it.
 *  - Another key k of the node is at most as long as s, so it cannot extend s; it is smaller or greater than s, hence
 * than everything that extends s, and E(k) stands on the same side of L(s). A scan that goes down at each link
 * therefore sees keys in the order of memcmp. tests/fuzz/fuzz_longkey.c compares all of it with a plain sorted list.
 *
 * Invariants: a child node is never empty, except between two calls that change it inside one transaction; a node's
 * depth is at most LONGKEY_LEVELS - 1; the usual key of up to LONGKEY_SEGMENT bytes costs one look-up. A link's value
 * is the child's id with a CRC32C over LMDB key and id, so that a rotten link cannot lead astray.
 */
#include "storage/longkey.h"

#include <endian.h>
#include <string.h>

#include "base/check.h"
#include "checksum.h"

enum { TAG_END = 0, TAG_LINK = 1 };

/* A link's value. Fixed width on disk; little-endian as all numbers of the index. */
#define LINK_BYTES 12

static void name_set(struct longkey_name *name, uint64_t node, const char *segment, size_t n, unsigned char tag)
{
    uint64_t id = htobe64(node);
    CHECK(n <= LONGKEY_SEGMENT);
    memcpy(name->b, &id, 8);
    if (n > 0)
        memcpy(name->b + 8, segment, n);
    name->b[8 + n] = tag;
    name->n = 8 + n + 1;
}

static MDB_val name_val(struct longkey_name *name)
{
    return (MDB_val){name->n, name->b};
}

static uint32_t link_crc(const MDB_val *name, uint64_t id_le)
{
    return crc32c(crc32c(0, name->mv_data, name->mv_size), &id_le, 8);
}

static bool link_read(const MDB_val *name, const MDB_val *value, uint64_t *ret_child)
{
    uint64_t id;
    uint32_t crc;
    if (value->mv_size != LINK_BYTES)
        return false;
    memcpy(&crc, value->mv_data, 4);
    memcpy(&id, (const char *)value->mv_data + 4, 8);
    if (le32toh(crc) != link_crc(name, id) || !(le64toh(id) & LONGKEY_CHILD_BIT))
        return false;
    *ret_child = le64toh(id);
    return true;
}

bool longkey_link_read(const MDB_val *name, const MDB_val *value, uint64_t *ret_child)
{
    return name->mv_size == LONGKEY_NAME_MAX && link_read(name, value, ret_child);
}

bool longkey_name_is_link(const MDB_val *name)
{
    return name->mv_size > 8 && ((const unsigned char *)name->mv_data)[name->mv_size - 1] == TAG_LINK;
}

static int link_get(MDB_txn *txn, MDB_dbi dbi, struct longkey_name *name, uint64_t *ret_child)
{
    MDB_val k = name_val(name), v;
    int rc = mdb_get(txn, dbi, &k, &v);
    if (rc != 0)
        return rc;
    return link_read(&k, &v, ret_child) ? 0 : MDB_CORRUPTED;
}

/* Where a key lies: the nodes on its path and the name of its end. */
struct place {
    uint64_t node[LONGKEY_LEVELS];
    unsigned depth;
    struct longkey_name name;
};

/* Follows the links. MDB_NOTFOUND when one is missing: then `depth` and `name` are those of the missing link. */
static int place_find(MDB_txn *txn, MDB_dbi dbi, uint64_t root, struct bytes key, struct place *p)
{
    p->depth = 0;
    p->node[0] = root;
    while (key.n > LONGKEY_SEGMENT) {
        name_set(&p->name, p->node[p->depth], key.p, LONGKEY_SEGMENT, TAG_LINK);
        if (p->depth + 1 == LONGKEY_LEVELS)
            return MDB_NOTFOUND; /* longer than any key can be */
        uint64_t child = 0;
        int rc = link_get(txn, dbi, &p->name, &child);
        if (rc != 0)
            return rc;
        p->node[++p->depth] = child;
        key = bytes_of(key.p + LONGKEY_SEGMENT, key.n - LONGKEY_SEGMENT);
    }
    name_set(&p->name, p->node[p->depth], key.p, key.n, TAG_END);
    return 0;
}

int longkey_get(MDB_txn *txn, MDB_dbi dbi, uint64_t root, struct bytes key, struct longkey_name *ret_name,
                MDB_val *ret_record)
{
    if (key.n <= LONGKEY_SEGMENT) {
        name_set(ret_name, root, key.p, key.n, TAG_END);
    } else {
        struct place p;
        int rc = place_find(txn, dbi, root, key, &p);
        if (rc != 0)
            return rc;
        *ret_name = p.name;
    }
    MDB_val k = name_val(ret_name);
    return mdb_get(txn, dbi, &k, ret_record);
}

/* Adds the link that place_find missed. */
static int link_add(struct longkey_writer *w, struct longkey_name *name)
{
    uint64_t id = htole64(LONGKEY_CHILD_BIT | w->next_child);
    char value[LINK_BYTES];
    MDB_val k = name_val(name), v = {LINK_BYTES, value};
    uint32_t crc = htole32(link_crc(&k, id));
    memcpy(value, &crc, 4);
    memcpy(value + 4, &id, 8);
    CHECK(!(w->next_child & LONGKEY_CHILD_BIT));
    w->next_child++;
    return mdb_put(w->txn, w->dbi, &k, &v, 0);
}

int longkey_put(struct longkey_writer *w, uint64_t root, struct bytes key, size_t n, struct longkey_name *ret_name,
                void **ret_room)
{
    struct place p;
    CHECK(key.n <= LONGKEY_LEVELS * LONGKEY_SEGMENT);
    for (;;) {
        int rc = place_find(w->txn, w->dbi, root, key, &p);
        if (rc == 0)
            break;
        if (rc != MDB_NOTFOUND)
            return rc;
        rc = link_add(w, &p.name);
        if (rc != 0)
            return rc;
    }
    *ret_name = p.name;
    MDB_val k = name_val(ret_name), v = {n, NULL};
    int rc = mdb_put(w->txn, w->dbi, &k, &v, MDB_RESERVE);
    if (rc == 0)
        *ret_room = v.mv_data;
    return rc;
}

static uint64_t name_node(const MDB_val *name)
{
    uint64_t id;
    if (name->mv_size < 9)
        return 0; /* not a name of ours; node 0 is never scanned */
    memcpy(&id, name->mv_data, 8);
    return be64toh(id);
}

static bool name_is_link(const MDB_val *name)
{
    return name->mv_size == LONGKEY_NAME_MAX &&
           ((const unsigned char *)name->mv_data)[LONGKEY_NAME_MAX - 1] == TAG_LINK;
}

/* The smallest name that a key or link of the node can have; after the node's own record. */
static void name_first(struct longkey_name *name, uint64_t node)
{
    name_set(name, node, "", 1, TAG_END);
}

/* Whether a node has no key and no link. */
static int node_empty(MDB_txn *txn, MDB_dbi dbi, uint64_t node, bool *ret_empty)
{
    struct longkey_name first;
    MDB_cursor *c;
    int rc = mdb_cursor_open(txn, dbi, &c);
    if (rc != 0)
        return rc;
    name_first(&first, node);
    MDB_val k = name_val(&first), v;
    rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
    if (rc == 0 || rc == MDB_NOTFOUND) {
        *ret_empty = rc == MDB_NOTFOUND || name_node(&k) != node;
        rc = 0;
    }
    mdb_cursor_close(c);
    return rc;
}

int longkey_del(struct longkey_writer *w, uint64_t root, struct bytes key)
{
    struct place p;
    int rc = place_find(w->txn, w->dbi, root, key, &p);
    if (rc != 0)
        return rc;
    MDB_val k = name_val(&p.name);
    rc = mdb_del(w->txn, w->dbi, &k, NULL);
    while (rc == 0 && p.depth > 0) {
        bool empty = false;
        rc = node_empty(w->txn, w->dbi, p.node[p.depth], &empty);
        if (rc != 0 || !empty)
            break;
        p.depth--;
        name_set(&p.name, p.node[p.depth], key.p + p.depth * LONGKEY_SEGMENT, LONGKEY_SEGMENT, TAG_LINK);
        k = name_val(&p.name);
        rc = mdb_del(w->txn, w->dbi, &k, NULL);
    }
    return rc;
}

/* Empties a node from its start; recursion ends after LONGKEY_LEVELS. Ends early when the budget is used up. */
static int node_del_some(struct longkey_writer *w, uint64_t node, unsigned depth, size_t *budget)
{
    while (*budget > 0) {
        struct longkey_name first;
        MDB_cursor *c;
        MDB_val k, v;
        uint64_t child = 0;
        int rc = mdb_cursor_open(w->txn, w->dbi, &c);
        if (rc != 0)
            return rc;
        name_first(&first, node);
        k = name_val(&first);
        rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
        bool ours = rc == 0 && name_node(&k) == node;
        bool link = ours && name_is_link(&k);
        if (link && (depth + 1 == LONGKEY_LEVELS || !link_read(&k, &v, &child)))
            rc = MDB_CORRUPTED;
        if (ours && !link) {
            rc = mdb_cursor_del(c, 0);
            --*budget;
        }
        if (rc == 0 && link) {
            struct longkey_name name = {.n = k.mv_size};
            memcpy(name.b, k.mv_data, k.mv_size); /* before the pages under it change */
            mdb_cursor_close(c);
            rc = node_del_some(w, child, depth + 1, budget);
            k = name_val(&name);
            if (rc == 0 && *budget > 0) {
                rc = mdb_del(w->txn, w->dbi, &k, NULL);
                --*budget;
            }
        } else {
            mdb_cursor_close(c);
        }
        if (rc == MDB_NOTFOUND || (rc == 0 && !ours))
            return 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int longkey_del_some(struct longkey_writer *w, uint64_t root, size_t *budget)
{
    return node_del_some(w, root, 0, budget);
}

void longkey_scan_init(struct longkey_scan *s, MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursors, uint64_t root)
{
    s->txn = txn;
    s->dbi = dbi;
    s->cursors = cursors;
    s->root = root;
    s->depth = 0;
}

static int level_cursor(struct longkey_scan *s)
{
    MDB_cursor **c = &s->cursors[s->depth];
    return *c ? 0 : mdb_cursor_open(s->txn, s->dbi, c);
}

/* Enters the child under the link at which the scan stands. `name` is the link's. */
static int scan_descend(struct longkey_scan *s, const MDB_val *name, const MDB_val *value)
{
    struct longkey_level *at = &s->level[s->depth];
    uint64_t child = 0;
    if (s->depth + 1 == LONGKEY_LEVELS || !link_read(name, value, &child))
        return MDB_CORRUPTED;
    memcpy(s->path + at->path_n, (const char *)name->mv_data + 8, LONGKEY_SEGMENT);
    at[1] = (struct longkey_level){.node = child, .path_n = at->path_n + LONGKEY_SEGMENT};
    s->depth++;
    return level_cursor(s);
}

/* The cursor of the present level was moved, with this outcome: goes on, down or up until the scan stands at a key. */
static int scan_settle(struct longkey_scan *s, MDB_val *k, MDB_val *v, int rc)
{
    for (;;) {
        struct longkey_level *at = &s->level[s->depth];
        if (rc != 0 && rc != MDB_NOTFOUND)
            return rc;
        if (rc == MDB_NOTFOUND || name_node(k) != at->node) {
            if (s->depth == 0)
                return MDB_NOTFOUND;
            s->depth--;
            rc = mdb_cursor_get(s->cursors[s->depth], k, v, MDB_NEXT);
        } else if (name_is_link(k)) {
            struct longkey_name first;
            rc = scan_descend(s, k, v);
            if (rc != 0)
                return rc;
            name_first(&first, s->level[s->depth].node);
            *k = name_val(&first);
            rc = mdb_cursor_get(s->cursors[s->depth], k, v, MDB_SET_RANGE);
        } else {
            break;
        }
    }
    const char *segment = (const char *)k->mv_data + 8;
    size_t n = k->mv_size - 9;
    if (n == 0 || n > LONGKEY_SEGMENT || segment[n] != TAG_END)
        return MDB_CORRUPTED;
    s->name = *k;
    s->record = *v;
    s->key = bytes_of(segment, n);
    if (s->depth > 0) {
        size_t path_n = s->level[s->depth].path_n;
        memcpy(s->path + path_n, segment, n);
        s->key = bytes_of(s->path, path_n + n);
    }
    return 0;
}

int longkey_scan_seek(struct longkey_scan *s, struct bytes from)
{
    struct longkey_name name;
    MDB_val k, v;
    s->depth = 0;
    s->level[0] = (struct longkey_level){.node = s->root, .path_n = 0};
    int rc = level_cursor(s);
    while (rc == 0) {
        uint64_t node = s->level[s->depth].node;
        bool longer = from.n > LONGKEY_SEGMENT;
        if (longer)
            name_set(&name, node, from.p, LONGKEY_SEGMENT, TAG_LINK);
        else if (from.n == 0)
            name_first(&name, node);
        else
            name_set(&name, node, from.p, from.n, TAG_END);
        k = name_val(&name);
        rc = mdb_cursor_get(s->cursors[s->depth], &k, &v, MDB_SET_RANGE);
        bool exact = rc == 0 && k.mv_size == name.n && memcmp(k.mv_data, name.b, name.n) == 0;
        if (!longer || !exact || s->depth + 1 == LONGKEY_LEVELS)
            return scan_settle(s, &k, &v, rc);
        rc = scan_descend(s, &k, &v);
        from = bytes_of(from.p + LONGKEY_SEGMENT, from.n - LONGKEY_SEGMENT);
    }
    return rc;
}

int longkey_scan_next(struct longkey_scan *s)
{
    MDB_val k, v;
    int rc = mdb_cursor_get(s->cursors[s->depth], &k, &v, MDB_NEXT);
    return scan_settle(s, &k, &v, rc);
}
