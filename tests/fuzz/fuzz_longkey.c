/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long keys against a plain sorted list: the input is a little program of puts, deletes, gets and scans; both must
 * agree after every step, and at the end, when all was deleted, LMDB must be empty.
 *
 * Keys are described rather than spelt: three runs of one byte each, so that lengths around the ends of segments and
 * bytes that look like tags are common. The transaction is never committed, so each input starts from nothing.
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "index.h"
#include "storage/longkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOT      9
#define ITEMS_MAX 256
#define STEPS_MAX 200

struct item {
    char key[INDEX_KEY_MAX];
    size_t n;
    unsigned char value;
};

static struct item *list[ITEMS_MAX];
static size_t n_list;

struct input {
    const uint8_t *p;
    size_t n;
};

static unsigned take(struct input *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

static struct bytes make_key(struct input *in, char *room)
{
    static const char bytes[] = {0x00, 0x01, 0x02, 'a', 'b', (char)0xfe, (char)0xff, '/'};
    size_t n = 0;
    for (int run = 0; run < 3; run++) {
        unsigned what = take(in), length = take(in);
        size_t count = run == 0 && (what & 0x80) ? LONGKEY_SEGMENT * (1 + (what >> 6 & 1)) - 4 + length % 8 : length;
        if (count > INDEX_KEY_MAX - n)
            count = INDEX_KEY_MAX - n;
        memset(room + n, bytes[what & 7], count);
        n += count;
    }
    if (n == 0)
        room[n++] = 'k';
    return bytes_of(room, n);
}

static size_t list_at(struct bytes key, bool *exact)
{
    size_t at = 0;
    while (at < n_list && bytes_cmp(bytes_of(list[at]->key, list[at]->n), key) < 0)
        at++;
    *exact = at < n_list && bytes_eq(bytes_of(list[at]->key, list[at]->n), key);
    return at;
}

static void do_put(struct longkey_writer *w, struct bytes key, unsigned char value)
{
    struct longkey_name name;
    void *room;
    bool exact;
    size_t at = list_at(key, &exact);
    if (!exact && n_list == ITEMS_MAX)
        return;
    if (!exact) {
        memmove(&list[at + 1], &list[at], (n_list - at) * sizeof(list[0]));
        list[at] = xcalloc(1, sizeof(struct item));
        memcpy(list[at]->key, key.p, key.n);
        list[at]->n = key.n;
        n_list++;
    }
    list[at]->value = value;
    CHECK(longkey_put(w, ROOT, key, 1, &name, &room) == 0);
    *(unsigned char *)room = value;
}

static void do_delete(struct longkey_writer *w, struct bytes key)
{
    bool exact;
    size_t at = list_at(key, &exact);
    CHECK(longkey_del(w, ROOT, key) == (exact ? 0 : MDB_NOTFOUND));
    if (exact) {
        free(list[at]);
        n_list--;
        memmove(&list[at], &list[at + 1], (n_list - at) * sizeof(list[0]));
    }
}

static void do_get(struct longkey_writer *w, struct bytes key)
{
    struct longkey_name name;
    MDB_val v;
    bool exact;
    size_t at = list_at(key, &exact);
    int rc = longkey_get(w->txn, w->dbi, ROOT, key, &name, &v);
    CHECK(rc == (exact ? 0 : MDB_NOTFOUND));
    CHECK(!exact || (v.mv_size == 1 && *(unsigned char *)v.mv_data == list[at]->value));
}

static void do_scan(struct longkey_writer *w, struct bytes from, unsigned steps)
{
    MDB_cursor *cursors[LONGKEY_LEVELS] = {NULL};
    struct longkey_scan s;
    bool exact;
    size_t at = list_at(from, &exact);
    longkey_scan_init(&s, w->txn, w->dbi, cursors, ROOT);
    int rc = longkey_scan_seek(&s, from);
    for (; steps > 0 && at < n_list; steps--, at++) {
        CHECK(rc == 0 && bytes_eq(s.key, bytes_of(list[at]->key, list[at]->n)));
        CHECK(*(unsigned char *)s.record.mv_data == list[at]->value);
        rc = longkey_scan_next(&s);
    }
    CHECK(at < n_list || rc == MDB_NOTFOUND);
    for (int i = 0; i < LONGKEY_LEVELS; i++)
        if (cursors[i])
            mdb_cursor_close(cursors[i]);
}

static MDB_env *open_env(void)
{
    char folder[] = P_tmpdir "/pail-fuzz-longkey-XXXXXX", path[128];
    MDB_env *env = NULL;
    CHECK(mkdtemp(folder) != NULL);
    CHECK(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, 64 << 20) == 0);
    CHECK(mdb_env_open(env, folder, MDB_NOLOCK, 0600) == 0);
    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    unlink(path); /* it goes with the process */
    rmdir(folder);
    return env;
}

static void empty_all(struct longkey_writer *w, bool by_budget)
{
    MDB_stat st;
    size_t budget;
    if (by_budget)
        do {
            budget = 7;
            CHECK(longkey_del_some(w, ROOT, &budget) == 0);
        } while (budget == 0);
    while (n_list > 0) {
        if (!by_budget)
            CHECK(longkey_del(w, ROOT, bytes_of(list[n_list - 1]->key, list[n_list - 1]->n)) == 0);
        free(list[--n_list]);
    }
    CHECK(mdb_stat(w->txn, w->dbi, &st) == 0 && st.ms_entries == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static MDB_env *env;
    struct longkey_writer w = {.next_child = 1};
    struct input in = {data, size};
    char room[INDEX_KEY_MAX];
    if (env == NULL)
        env = open_env();
    CHECK(mdb_txn_begin(env, NULL, 0, &w.txn) == 0 && mdb_dbi_open(w.txn, NULL, 0, &w.dbi) == 0);
    bool by_budget = take(&in) & 1;
    for (int step = 0; step < STEPS_MAX && in.n > 0; step++) {
        unsigned op = take(&in);
        struct bytes key = make_key(&in, room);
        if (op % 8 < 4)
            do_put(&w, key, (unsigned char)(op >> 3));
        else if (op % 8 < 6)
            do_delete(&w, key);
        else if (op % 8 == 6)
            do_get(&w, key);
        else
            do_scan(&w, key, op >> 3);
    }
    do_scan(&w, BYTES_NONE, ITEMS_MAX + 1);
    empty_all(&w, by_budget);
    mdb_txn_abort(w.txn);
    return 0;
}
