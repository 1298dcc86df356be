/* SPDX-License-Identifier: Apache-2.0 */
/* Long keys directly over LMDB: order at the segments' ends, no node left behind, damage found. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "storage/longkey.h"

#define FOLDER_MAX 128
#define ROOT       5

static MDB_env *env;
static struct longkey_writer w;
static char folder[FOLDER_MAX];

static void begin(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/pail-longkey-XXXXXX", tmp && strlen(tmp) < FOLDER_MAX / 2 ? tmp : P_tmpdir);
    cr_assert(mkdtemp(folder) != NULL);
    cr_assert_eq(mdb_env_create(&env), 0);
    cr_assert_eq(mdb_env_set_mapsize(env, 64 << 20), 0);
    cr_assert_eq(mdb_env_open(env, folder, 0, 0600), 0);
    cr_assert_eq(mdb_txn_begin(env, NULL, 0, &w.txn), 0);
    cr_assert_eq(mdb_dbi_open(w.txn, NULL, 0, &w.dbi), 0);
    w.next_child = 1;
}

static void end(void)
{
    char path[FOLDER_MAX + 32];
    mdb_txn_abort(w.txn);
    mdb_env_close(env);
    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", folder);
    unlink(path);
    rmdir(folder);
}

static size_t entries(void)
{
    MDB_stat st;
    cr_assert_eq(mdb_stat(w.txn, w.dbi, &st), 0);
    return st.ms_entries;
}

static void put(struct bytes key, char value)
{
    struct longkey_name name;
    void *room;
    cr_assert_eq(longkey_put(&w, ROOT, key, 1, &name, &room), 0);
    *(char *)room = value;
}

static int get(struct bytes key, char *ret)
{
    struct longkey_name name;
    MDB_val v;
    int rc = longkey_get(w.txn, w.dbi, ROOT, key, &name, &v);
    if (rc == 0)
        *ret = *(char *)v.mv_data;
    return rc;
}

static char big[5000];

/* Keys in their right order: each is filled with `fill` and ends with `last`. */
static const struct {
    size_t n;
    char last;
} ladder[] = {{1, 'a'},    {2, 'a'},    {479, 'a'}, {480, 'a'}, {481, 'a'}, {960, 'a'}, {961, 'a'},
              {1200, 'a'}, {1200, 'b'}, {961, 'b'}, {960, 'b'}, {481, 'b'}, {480, 'b'}, {1, 'b'}};

static struct bytes rung(char *room, size_t i)
{
    memset(room, 'a', ladder[i].n);
    room[ladder[i].n - 1] = ladder[i].last;
    return bytes_of(room, ladder[i].n);
}

Test(longkey, order_at_the_ends_of_segments, .init = begin, .fini = end)
{
    MDB_cursor *cursors[LONGKEY_LEVELS] = {NULL};
    struct longkey_scan s;
    char room[1200];
    for (size_t i = ARRAY_LEN(ladder); i-- > 0;)
        put(rung(room, i), (char)i);
    longkey_scan_init(&s, w.txn, w.dbi, cursors, ROOT);
    for (size_t from = 0; from < ARRAY_LEN(ladder); from++) {
        int rc = longkey_scan_seek(&s, rung(room, from));
        for (size_t i = from; i < ARRAY_LEN(ladder); i++) {
            cr_assert_eq(rc, 0);
            cr_assert(bytes_eq(s.key, rung(room, i)), "from %zu: %zu", from, i);
            cr_assert_eq(*(char *)s.record.mv_data, (char)i);
            rc = longkey_scan_next(&s);
        }
        cr_assert_eq(rc, MDB_NOTFOUND);
    }
    for (int i = 0; i < LONGKEY_LEVELS; i++)
        mdb_cursor_close(cursors[i]);
}

Test(longkey, deleting_leaves_nothing_behind, .init = begin, .fini = end)
{
    char room[1200], v;
    for (int backwards = 0; backwards < 2; backwards++) {
        for (size_t i = 0; i < ARRAY_LEN(ladder); i++)
            put(rung(room, i), (char)i);
        cr_assert(entries() > ARRAY_LEN(ladder), "there are links");
        for (size_t i = 0; i < ARRAY_LEN(ladder); i++) {
            size_t at = backwards ? ARRAY_LEN(ladder) - 1 - i : i;
            cr_assert_eq(get(rung(room, at), &v), 0);
            cr_assert_eq(v, (char)at);
            cr_assert_eq(longkey_del(&w, ROOT, rung(room, at)), 0);
            cr_assert_eq(longkey_del(&w, ROOT, rung(room, at)), MDB_NOTFOUND);
            cr_assert_eq(get(rung(room, at), &v), MDB_NOTFOUND);
        }
        cr_assert_eq(entries(), 0);
    }
}

Test(longkey, deleting_by_budget, .init = begin, .fini = end)
{
    char room[1200];
    size_t steps = 0, budget;
    put(BYTES_NONE, 'r');
    for (size_t i = 0; i < ARRAY_LEN(ladder); i++)
        put(rung(room, i), (char)i);
    do {
        budget = 3;
        cr_assert_eq(longkey_del_some(&w, ROOT, &budget), 0);
        steps++;
    } while (budget == 0);
    cr_assert(steps >= ARRAY_LEN(ladder) / 3);
    cr_assert_eq(entries(), 1, "the root's own record stays");
    char v;
    cr_assert_eq(get(BYTES_NONE, &v), 0);
}

Test(longkey, the_roots_own_record_is_no_row, .init = begin, .fini = end)
{
    MDB_cursor *cursors[LONGKEY_LEVELS] = {NULL};
    struct longkey_scan s;
    put(BYTES_NONE, 'r');
    longkey_scan_init(&s, w.txn, w.dbi, cursors, ROOT);
    cr_assert_eq(longkey_scan_seek(&s, BYTES_NONE), MDB_NOTFOUND);
    put(BYTES_LIT("\0"), 'k');
    cr_assert_eq(longkey_scan_seek(&s, BYTES_NONE), 0);
    cr_assert(bytes_eq(s.key, BYTES_LIT("\0")));
    mdb_cursor_close(cursors[0]);
}

/* The longest keys of all: deeper than any node may lie. */
Test(longkey, keys_longer_than_any_are_not_found, .init = begin, .fini = end)
{
    MDB_cursor *cursors[LONGKEY_LEVELS] = {NULL};
    struct longkey_scan s;
    char v;
    memset(big, 'a', sizeof(big));
    put(bytes_of(big, LONGKEY_LEVELS * LONGKEY_SEGMENT), 1);
    cr_assert_eq(get(bytes_of(big, sizeof(big)), &v), MDB_NOTFOUND);
    cr_assert_eq(longkey_del(&w, ROOT, bytes_of(big, sizeof(big))), MDB_NOTFOUND);
    longkey_scan_init(&s, w.txn, w.dbi, cursors, ROOT);
    cr_assert_eq(longkey_scan_seek(&s, bytes_of(big, sizeof(big))), MDB_NOTFOUND);
    cr_assert_eq(longkey_scan_seek(&s, bytes_of(big, LONGKEY_LEVELS * LONGKEY_SEGMENT)), 0);
    for (int i = 0; i < LONGKEY_LEVELS; i++)
        mdb_cursor_close(cursors[i]);
}

Test(longkey, a_damaged_link_is_found, .init = begin, .fini = end)
{
    MDB_cursor *cursors[LONGKEY_LEVELS] = {NULL}, *c;
    struct longkey_scan s;
    MDB_val k, v;
    char copy[64], got;
    memset(big, 'a', sizeof(big));
    put(bytes_of(big, 1000), 1);
    cr_assert_eq(mdb_cursor_open(w.txn, w.dbi, &c), 0);
    cr_assert_eq(mdb_cursor_get(c, &k, &v, MDB_FIRST), 0);
    cr_assert_eq(v.mv_size, 12);
    memcpy(copy, v.mv_data, 12);
    for (int i = 0; i < 12; i++) {
        MDB_val bad = {12, copy};
        copy[i] ^= 0x10;
        cr_assert_eq(mdb_cursor_put(c, &k, &bad, MDB_CURRENT), 0);
        copy[i] ^= 0x10;
        cr_assert_eq(get(bytes_of(big, 1000), &got), MDB_CORRUPTED);
        longkey_scan_init(&s, w.txn, w.dbi, cursors, ROOT);
        cr_assert_eq(longkey_scan_seek(&s, BYTES_NONE), MDB_CORRUPTED);
        cr_assert_eq(longkey_scan_seek(&s, bytes_of(big, 1000)), MDB_CORRUPTED);
        size_t budget = 10;
        cr_assert_eq(longkey_del_some(&w, ROOT, &budget), MDB_CORRUPTED);
    }
    mdb_cursor_close(c);
    for (int i = 0; i < LONGKEY_LEVELS; i++)
        if (cursors[i])
            mdb_cursor_close(cursors[i]);
}
