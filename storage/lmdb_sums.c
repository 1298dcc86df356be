/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of partitions in LMDB, see lmdb_sums.h. What a batch changes is the weight of what it puts, less the weight of
 * what lies under the same keys now: so the sums are exact by construction, whoever writes.
 */
#include "storage/lmdb_sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "storage/lmdb_record.h"

void lmdb_sums_begin(struct lmdb_sums *s)
{
    s->n_slots = 0;
}

void lmdb_sums_forget(struct lmdb_sums *s, uint64_t partition)
{
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].partition == partition)
            s->slots[i].changed = false;
}

static int write_slot(struct lmdb_sums *s, struct longkey_writer *lw, const struct lmdb_sums_slot *slot)
{
    struct longkey_name name;
    void *room;
    bool any = false;
    for (size_t i = 0; i < s->kept->n; i++)
        any = any || slot->sums[i] != 0;
    if (!any) {
        int rc = longkey_del(lw, slot->partition, s->kept->key);
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    struct arena *a = arena_create(0);
    struct bytes value = index_sums_encode(a, slot->sums, s->kept->n);
    int rc = longkey_put(lw, slot->partition, s->kept->key, lmdb_record_size(value.n, 0), &name, &room);
    if (rc == 0) {
        MDB_val key = {name.n, name.b};
        lmdb_record_write(room, &key, value, 0);
    }
    arena_free(a);
    return rc;
}

int lmdb_sums_end(struct lmdb_sums *s, struct longkey_writer *lw)
{
    int rc = 0;
    for (size_t i = 0; i < s->n_slots && rc == 0; i++)
        if (s->slots[i].changed)
            rc = write_slot(s, lw, &s->slots[i]);
    s->n_slots = 0;
    return rc;
}

static int slot_of(struct lmdb_sums *s, struct longkey_writer *lw, uint64_t partition, struct lmdb_sums_slot **ret)
{
    struct longkey_name name;
    MDB_val record;
    struct bytes value;
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].partition == partition) {
            *ret = &s->slots[i];
            return 0;
        }
    int rc = s->n_slots == LMDB_SUMS_PARTITIONS ? lmdb_sums_end(s, lw) : 0;
    if (rc != 0)
        return rc;
    struct lmdb_sums_slot *slot = &s->slots[s->n_slots];
    *slot = (struct lmdb_sums_slot){.partition = partition};
    rc = longkey_get(lw->txn, lw->dbi, partition, s->kept->key, &name, &record);
    if (rc == 0 && (!lmdb_record_read(&(MDB_val){name.n, name.b}, &record, false, &value) ||
                    !index_sums_decode(value, slot->sums, s->kept->n)))
        rc = MDB_CORRUPTED;
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    s->n_slots++;
    *ret = slot;
    return 0;
}

/* Takes off what lies under the key now. A damaged record weighs nothing: it may go, and `pail check` counts anew. */
static int weigh_old(struct lmdb_sums *s, struct longkey_writer *lw, uint64_t partition, struct bytes key,
                     int64_t *delta)
{
    int64_t weight[INDEX_SUMS_MAX] = {0};
    struct longkey_name name;
    MDB_val record;
    struct bytes head;
    int rc = longkey_get(lw->txn, lw->dbi, partition, key, &name, &record);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    if (lmdb_record_read(&(MDB_val){name.n, name.b}, &record, true, &head))
        s->kept->weigh(key, head, weight);
    for (size_t i = 0; i < s->kept->n; i++)
        delta[i] -= weight[i];
    return 0;
}

static int compare_keys(const void *x, const void *y)
{
    return bytes_cmp(*(const struct bytes *)x, *(const struct bytes *)y);
}

/* What is both deleted and put has its old weight taken off once: with the put. */
static int take_off_deletes(struct lmdb_sums *s, struct longkey_writer *lw, const struct index_batch *b, int64_t *delta)
{
    int rc = 0;
    size_t n = 0;
    struct arena *a = arena_create(0);
    struct bytes *put = arena_new_array(a, struct bytes, b->n_puts + 1);
    for (size_t i = 0; i < b->n_puts; i++)
        if (s->kept->counted(b->puts[i].key))
            put[n++] = b->puts[i].key;
    qsort(put, n, sizeof *put, compare_keys);
    for (size_t i = 0; i < b->n_deletes && rc == 0; i++)
        if (s->kept->counted(b->deletes[i]) && !bsearch(&b->deletes[i], put, n, sizeof *put, compare_keys))
            rc = weigh_old(s, lw, b->partition, b->deletes[i], delta);
    arena_free(a);
    return rc;
}

static int delta_of(struct lmdb_sums *s, struct longkey_writer *lw, const struct index_batch *b, int64_t *delta)
{
    int rc = 0;
    for (size_t i = 0; i < b->n_puts && rc == 0; i++) {
        const struct index_put *p = &b->puts[i];
        if (!s->kept->counted(p->key))
            continue;
        s->kept->weigh(p->key, bytes_cut(p->value, 0, p->head ? p->head : p->value.n), delta);
        rc = weigh_old(s, lw, b->partition, p->key, delta);
    }
    return rc == 0 && b->n_deletes ? take_off_deletes(s, lw, b, delta) : rc;
}

int lmdb_sums_batch(struct lmdb_sums *s, struct longkey_writer *lw, const struct index_batch *b, bool *ret_over)
{
    int64_t delta[INDEX_SUMS_MAX] = {0};
    struct lmdb_sums_slot *slot;
    bool any = false;
    *ret_over = false;
    if (!s->kept)
        return 0;
    int rc = delta_of(s, lw, b, delta);
    for (size_t i = 0; i < s->kept->n; i++)
        any = any || delta[i] != 0;
    if (rc != 0 || !any)
        return rc;
    rc = slot_of(s, lw, b->partition, &slot);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < b->n_limits; i++) {
        const struct index_limit *limit = &b->limits[i];
        if (delta[limit->sum] > 0 && slot->sums[limit->sum] + delta[limit->sum] > limit->max)
            *ret_over = true;
    }
    for (size_t i = 0; i < s->kept->n && !*ret_over; i++)
        slot->sums[i] += delta[i];
    slot->changed = slot->changed || !*ret_over;
    return 0;
}
