/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One suite for every backend of index.h: each case runs against LMDB and against the double. A case may only rely on
 * what the contract says; pages may be short at any time.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rand.h"
#include "index_lmdb.h"
#include "tests/double/index_double.h"

#define FOLDER_MAX 128
#define PART       7
#define GEN        100

struct world {
    struct index *ix;
    struct arena *a;
    char folder[FOLDER_MAX];
};

static void open_lmdb(struct world *w)
{
    char message[INDEX_LMDB_MESSAGE_MAX];
    const char *tmp = getenv("TMPDIR");
    snprintf(w->folder, sizeof(w->folder), "%s/pail-index-XXXXXX",
             tmp && strlen(tmp) < FOLDER_MAX / 2 ? tmp : P_tmpdir);
    cr_assert(mkdtemp(w->folder) != NULL);
    struct index_lmdb_options o = {.path = w->folder, .create = true, .map_initial = 64 << 20, .reserve = 1 << 20};
    cr_assert_eq(index_lmdb_open(&o, &w->ix, message), INDEX_OK, "%s", message);
}

static void run_case(void (*test)(struct world *), bool lmdb)
{
    struct world w = {.a = arena_create(0)};
    if (lmdb)
        open_lmdb(&w);
    else
        w.ix = index_double_open(42);
    struct index_batch make = {.partition = PART, .next_generation = GEN};
    cr_assert_eq(index_apply(w.ix, &make), INDEX_OK);
    test(&w);
    w.ix->ops->close(&w.ix);
    cr_assert_null(w.ix);
    arena_free(w.a);
    if (lmdb) {
        char path[FOLDER_MAX + 32];
        snprintf(path, sizeof(path), "%s/data.mdb", w.folder);
        unlink(path);
        snprintf(path, sizeof(path), "%s/lock.mdb", w.folder);
        unlink(path);
        rmdir(w.folder);
    }
}

#define CASE(name)                                                                                                     \
    static void name(struct world *w);                                                                                 \
    Test(index, name##_on_lmdb)                                                                                        \
    {                                                                                                                  \
        run_case(name, true);                                                                                          \
    }                                                                                                                  \
    Test(index, name##_on_double)                                                                                      \
    {                                                                                                                  \
        run_case(name, false);                                                                                         \
    }                                                                                                                  \
    static void name(struct world *w)

/* --- helpers --- */

static struct bytes str(const char *s)
{
    return bytes_str(s);
}

static int put(struct world *w, const char *key, const char *value)
{
    struct index_put p = {.key = str(key), .value = str(value)};
    struct index_batch b = {.partition = PART, .generation = GEN, .puts = &p, .n_puts = 1};
    return index_apply(w->ix, &b);
}

static int del(struct world *w, const char *key)
{
    struct bytes k = str(key);
    struct index_batch b = {.partition = PART, .generation = GEN, .deletes = &k, .n_deletes = 1};
    return index_apply(w->ix, &b);
}

static bool holds(struct world *w, const char *key, const char *value)
{
    struct bytes v;
    int rc = index_get(w->ix, PART, str(key), w->a, &v);
    return value ? rc == INDEX_OK && bytes_eq_str(v, value) : rc == INDEX_NOT_FOUND;
}

/* All rows of a scan, page after page, as "key=value,". */
static char *rows(struct world *w, struct index_scan s)
{
    char *out = arena_alloc(w->a, 4096);
    size_t n = 0;
    struct index_page p;
    s.partition = PART;
    do {
        cr_assert_eq(index_page(w->ix, &s, w->a, &p), INDEX_OK);
        cr_assert(p.n_rows <= s.max_rows);
        cr_assert(!p.more || p.n_rows > 0, "a page that says more must get on");
        for (size_t i = 0; i < p.n_rows; i++)
            n += (size_t)snprintf(out + n, 4096 - n, "%.*s=%.*s,", (int)p.rows[i].key.n, p.rows[i].key.p,
                                  (int)p.rows[i].value.n, p.rows[i].value.p);
        if (p.n_rows > 0) {
            s.from = p.rows[p.n_rows - 1].key;
            s.after = true;
        }
    } while (p.more);
    out[n] = '\0';
    return out;
}

/* --- point operations --- */

CASE(put_get_overwrite_delete)
{
    cr_assert(holds(w, "k", NULL));
    cr_assert_eq(put(w, "k", "1"), INDEX_OK);
    cr_assert(holds(w, "k", "1"));
    cr_assert_eq(put(w, "k", "22"), INDEX_OK);
    cr_assert(holds(w, "k", "22"));
    cr_assert_eq(del(w, "k"), INDEX_OK);
    cr_assert(holds(w, "k", NULL));
    cr_assert_eq(del(w, "k"), INDEX_OK, "deleting an absent key is no error");
}

CASE(partitions_are_apart)
{
    struct index_put p = {.key = str("k"), .value = str("other")};
    struct index_batch b = {.partition = 8, .next_generation = 5, .puts = &p, .n_puts = 1};
    cr_assert_eq(index_apply(w->ix, &b), INDEX_OK);
    cr_assert_eq(put(w, "k", "mine"), INDEX_OK);
    struct bytes v;
    cr_assert_eq(index_get(w->ix, 8, str("k"), w->a, &v), INDEX_OK);
    cr_assert(bytes_eq_str(v, "other"));
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 10}), "k=mine,");
    cr_assert_eq(index_get(w->ix, 9, str("k"), w->a, &v), INDEX_NOT_FOUND);
}

CASE(get_of_impossible_keys_finds_nothing)
{
    char *big = arena_zalloc(w->a, 5000);
    struct bytes v;
    cr_assert_eq(index_get(w->ix, PART, bytes_of(big, 5000), w->a, &v), INDEX_NOT_FOUND);
    cr_assert_eq(index_get(w->ix, PART, bytes_of(big, INDEX_KEY_MAX), w->a, &v), INDEX_NOT_FOUND);
    cr_assert_eq(index_get(w->ix, PART, BYTES_NONE, w->a, &v), INDEX_NOT_FOUND);
    cr_assert_eq(index_get(w->ix, 0, str("k"), w->a, &v), INDEX_NOT_FOUND);
    cr_assert_eq(index_get(w->ix, UINT64_MAX, str("k"), w->a, &v), INDEX_NOT_FOUND);
}

CASE(large_values)
{
    size_t sizes[] = {1, 8, 2000, 2040, 4096, 70000, 3 << 20};
    char *value = arena_alloc(w->a, 3 << 20);
    rand_bytes(value, 3 << 20);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct index_put p = {.key = str("k"), .value = bytes_of(value, sizes[i]), .head = i % 2 ? 1 : 0};
        struct index_batch b = {.partition = PART, .generation = GEN, .puts = &p, .n_puts = 1};
        struct bytes v;
        cr_assert_eq(index_apply(w->ix, &b), INDEX_OK);
        cr_assert_eq(index_get(w->ix, PART, str("k"), w->a, &v), INDEX_OK);
        cr_assert(bytes_eq(v, p.value), "%zu bytes", sizes[i]);
    }
}

/* --- batches --- */

CASE(batch_is_all_or_nothing)
{
    cr_assert_eq(put(w, "a", "1"), INDEX_OK);
    struct index_expect x[] = {{str("a"), str("1")}, {str("b"), BYTES_NONE}, {str("c"), str("no")}};
    struct index_put p[] = {{.key = str("a"), .value = str("2")}, {.key = str("d"), .value = str("2")}};
    struct bytes gone = str("a");
    struct index_batch b = {.partition = PART,
                            .generation = GEN,
                            .expects = x,
                            .n_expects = 3,
                            .puts = p,
                            .n_puts = 2,
                            .deletes = &gone,
                            .n_deletes = 1};
    cr_assert_eq(index_apply(w->ix, &b), INDEX_CONFLICT);
    cr_assert_eq(b.ret_conflict, 2);
    cr_assert(holds(w, "a", "1") && holds(w, "d", NULL));
    b.n_expects = 2;
    cr_assert_eq(index_apply(w->ix, &b), INDEX_OK);
    cr_assert(holds(w, "a", "2") && holds(w, "d", "2"), "deletes come before puts");
}

CASE(conflicts_name_the_first_that_failed)
{
    cr_assert_eq(put(w, "here", "1"), INDEX_OK);
    struct index_expect absent = {str("here"), BYTES_NONE}, other = {str("here"), str("11")},
                        gone = {str("no"), str("1")};
    struct index_expect *each[] = {&absent, &other, &gone};
    for (size_t i = 0; i < 3; i++) {
        struct index_batch b = {
            .partition = PART, .generation = GEN, .expects = each[i], .n_expects = 1, .ret_conflict = 99};
        cr_assert_eq(index_apply(w->ix, &b), INDEX_CONFLICT);
        cr_assert_eq(b.ret_conflict, 0);
    }
}

CASE(invalid_batches_do_nothing)
{
    char *big = arena_zalloc(w->a, INDEX_KEY_MAX + 1);
    struct index_put puts[] = {{.key = BYTES_NONE, .value = str("1")},
                               {.key = bytes_of(big, INDEX_KEY_MAX + 1), .value = str("1")},
                               {.key = str("k"), .value = BYTES_NONE},
                               {.key = str("k"), .value = bytes_of(big, INDEX_VALUE_MAX + 1ul)}};
    for (size_t i = 0; i < ARRAY_LEN(puts); i++) {
        struct index_put two[] = {{.key = str("fine"), .value = str("1")}, puts[i]};
        struct index_batch b = {.partition = PART, .generation = GEN, .puts = two, .n_puts = 2};
        cr_assert_eq(index_apply(w->ix, &b), INDEX_INVALID, "case %zu", i);
    }
    struct bytes none = BYTES_NONE;
    struct index_batch b = {.partition = PART, .generation = GEN, .deletes = &none, .n_deletes = 1};
    cr_assert_eq(index_apply(w->ix, &b), INDEX_INVALID);
    struct index_batch zero = {.partition = 0, .next_generation = 1};
    cr_assert_eq(index_apply(w->ix, &zero), INDEX_INVALID);
    struct index_batch high = {.partition = UINT64_MAX, .next_generation = 1};
    cr_assert_eq(index_apply(w->ix, &high), INDEX_INVALID);
    cr_assert(holds(w, "fine", NULL));
}

CASE(request_id_settles)
{
    struct index_put p = {.key = str("n"), .value = str("1")};
    struct index_expect x = {str("n"), BYTES_NONE};
    struct index_batch b = {
        .partition = PART, .generation = GEN, .puts = &p, .n_puts = 1, .expects = &x, .n_expects = 1};
    rand_bytes(b.request_id, 16);
    cr_assert_eq(index_apply(w->ix, &b), INDEX_OK);
    cr_assert_eq(put(w, "n", "2"), INDEX_OK);
    cr_assert_eq(index_apply(w->ix, &b), INDEX_OK, "the answer of the first time");
    cr_assert(holds(w, "n", "2"), "no second effect");
    rand_bytes(b.request_id, 16);
    cr_assert_eq(index_apply(w->ix, &b), INDEX_CONFLICT);
    cr_assert_eq(del(w, "n"), INDEX_OK);
    cr_assert_eq(index_apply(w->ix, &b), INDEX_OK, "an id whose batch was refused is not used up");
}

/* --- generations --- */

CASE(generations)
{
    uint64_t g = 0;
    cr_assert_eq(index_generation(w->ix, INDEX_PARTITION_SYSTEM, &g), INDEX_OK);
    cr_assert_eq(g, 1);
    cr_assert_eq(index_generation(w->ix, PART, &g), INDEX_OK);
    cr_assert_eq(g, GEN);
    cr_assert_eq(index_generation(w->ix, 99, &g), INDEX_NOT_FOUND);
    cr_assert_eq(g, GEN, "outputs are left alone on failure");

    struct index_put p = {.key = str("k"), .value = str("1")};
    struct index_batch b = {.partition = 99, .generation = 1, .puts = &p, .n_puts = 1};
    cr_assert_eq(index_apply(w->ix, &b), INDEX_STALE, "no such partition");
    b.generation = 0;
    cr_assert_eq(index_apply(w->ix, &b), INDEX_STALE, "nobody asked to make it");
    b.next_generation = 3;
    cr_assert_eq(index_apply(w->ix, &b), INDEX_OK);
    cr_assert_eq(index_apply(w->ix, &b), INDEX_STALE, "it exists");
    b.generation = 3;
    b.next_generation = 4;
    cr_assert_eq(index_apply(w->ix, &b), INDEX_OK);
    cr_assert_eq(index_apply(w->ix, &b), INDEX_STALE, "it moved");
    cr_assert_eq(index_generation(w->ix, 99, &g), INDEX_OK);
    cr_assert_eq(g, 4);
}

CASE(drop_removes_everything)
{
    char key[1100];
    memset(key, 'x', sizeof(key));
    for (int i = 0; i < 50; i++) {
        struct index_put p[100];
        char keys[100][1100];
        for (int j = 0; j < 100; j++) {
            size_t n = 1 + (size_t)(i * 100 + j) % 1090;
            memcpy(keys[j], key, n);
            int m = snprintf(keys[j] + n, 10, "%d", i * 100 + j);
            p[j] = (struct index_put){.key = bytes_of(keys[j], n + (size_t)m), .value = str("v")};
        }
        struct index_batch b = {.partition = PART, .generation = GEN, .puts = p, .n_puts = 100};
        cr_assert_eq(index_apply(w->ix, &b), INDEX_OK);
    }
    uint64_t g;
    cr_assert_eq(index_drop(w->ix, PART), INDEX_OK);
    cr_assert_eq(index_generation(w->ix, PART, &g), INDEX_NOT_FOUND);
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 10}), "");
    cr_assert_eq(index_drop(w->ix, PART), INDEX_OK, "there is none: fine");
    cr_assert_eq(put(w, "k", "1"), INDEX_STALE);
    cr_assert_eq(index_drop(w->ix, INDEX_PARTITION_SYSTEM), INDEX_INVALID);
    cr_assert_eq(index_generation(w->ix, INDEX_PARTITION_SYSTEM, &g), INDEX_OK);
}

/* --- scans --- */

static void some_rows(struct world *w)
{
    const char *keys[] = {"a", "a/1", "a/2", "b", "b/", "b/x", "c"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        cr_assert_eq(put(w, keys[i], "v"), INDEX_OK);
}

CASE(pages)
{
    some_rows(w);
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 100}), "a=v,a/1=v,a/2=v,b=v,b/=v,b/x=v,c=v,");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 1}), "a=v,a/1=v,a/2=v,b=v,b/=v,b/x=v,c=v,");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 2, .from = str("a/2")}), "a/2=v,b=v,b/=v,b/x=v,c=v,");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 2, .from = str("a/2"), .after = true}),
                     "b=v,b/=v,b/x=v,c=v,");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 2, .from = str("a/3"), .after = true}),
                     "b=v,b/=v,b/x=v,c=v,");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .prefix = str("a/")}), "a/1=v,a/2=v,");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .prefix = str("b/"), .from = str("b/"), .after = true}),
                     "b/x=v,");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .prefix = str("b/"), .from = str("a"), .after = true}),
                     "b/=v,b/x=v,");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .prefix = str("a/"), .from = str("b")}), "");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .prefix = str("zz")}), "");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .max_bytes = 1, .prefix = str("a")}),
                     "a=v,a/1=v,a/2=v,");
}

CASE(a_scan_may_start_at_any_bytes)
{
    some_rows(w);
    char *big = arena_alloc(w->a, 9000);
    memset(big, 'a', 9000);
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .from = bytes_of(big, 9000)}), "b=v,b/=v,b/x=v,c=v,");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .prefix = bytes_of(big, 9000)}), "");
    struct index_put p = {.key = bytes_of(big, INDEX_KEY_MAX), .value = str("1")};
    struct index_batch b = {.partition = PART, .generation = GEN, .puts = &p, .n_puts = 1};
    cr_assert_eq(index_apply(w->ix, &b), INDEX_OK);
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .from = bytes_of(big, 9000)}), "b=v,b/=v,b/x=v,c=v,");
    memset(big, 'b', 9000);
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .from = bytes_of(big, 9000)}), "c=v,");
}

CASE(a_scan_of_nothing)
{
    struct index_scan s = {.partition = 12345, .max_rows = 3};
    struct index_page p;
    cr_assert_eq(index_page(w->ix, &s, w->a, &p), INDEX_OK);
    cr_assert(p.n_rows == 0 && !p.more);
    s.partition = PART;
    cr_assert_eq(index_page(w->ix, &s, w->a, &p), INDEX_OK);
    cr_assert(p.n_rows == 0 && !p.more, "a partition's own record is no row");
}

CASE(heads)
{
    struct index_put p[] = {{.key = str("a"), .value = str("headtail"), .head = 4},
                            {.key = str("b"), .value = str("all"), .head = 0},
                            {.key = str("c"), .value = str("all"), .head = 3},
                            {.key = str("d"), .value = str("all"), .head = 4000}};
    struct index_batch b = {.partition = PART, .generation = GEN, .puts = p, .n_puts = 4};
    cr_assert_eq(index_apply(w->ix, &b), INDEX_OK);
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9, .heads = true}), "a=head,b=all,c=all,d=all,");
    cr_assert_str_eq(rows(w, (struct index_scan){.max_rows = 9}), "a=headtail,b=all,c=all,d=all,");
    cr_assert(holds(w, "a", "headtail"));
}

struct skipper {
    char seen[200];
    const char *stop_at;
};

/* Lists as with delimiter '/': after a key with one, on to the first key behind all that share it. */
static enum index_visit skip_prefixes(void *arg, struct bytes key, struct bytes value, struct buf *seek)
{
    struct skipper *s = arg;
    size_t n = strlen(s->seen);
    cr_assert(bytes_eq_str(value, "v"));
    snprintf(s->seen + n, sizeof(s->seen) - n, "%.*s,", (int)key.n, key.p);
    if (s->stop_at && bytes_eq_str(key, s->stop_at))
        return INDEX_VISIT_STOP;
    ptrdiff_t slash = bytes_find_char(key, '/', 0);
    if (slash < 0)
        return INDEX_VISIT_NEXT;
    buf_put(seek, key.p, (size_t)slash);
    buf_put_char(seek, '/' + 1);
    return INDEX_VISIT_SEEK;
}

CASE(visit_skips)
{
    some_rows(w);
    struct index_scan s = {.partition = PART, .max_rows = 100};
    struct skipper k = {.seen = ""};
    bool more = true;
    while (more) { /* a visit may be cut short; going on means the rows after the last one seen, or after the skip */
        k.seen[0] = '\0';
        cr_assert_eq(index_visit(w->ix, &s, skip_prefixes, &k, &more), INDEX_OK);
    }
    cr_assert_str_eq(k.seen, "a,a/1,b,b/,c,");
    do {
        k = (struct skipper){.stop_at = "b"};
        cr_assert_eq(index_visit(w->ix, &s, skip_prefixes, &k, &more), INDEX_OK);
    } while (more);
    cr_assert_str_eq(k.seen, "a,a/1,b,");
}

static enum index_visit count_rows(void *arg, struct bytes key, struct bytes value, struct buf *seek)
{
    (void)key, (void)value, (void)seek;
    ++*(size_t *)arg;
    return INDEX_VISIT_NEXT;
}

CASE(visit_counts_its_limits)
{
    some_rows(w);
    for (size_t max = 1; max < 10; max++) {
        struct index_scan s = {.partition = PART, .max_rows = max};
        size_t n = 0;
        bool more = false;
        cr_assert_eq(index_visit(w->ix, &s, count_rows, &n, &more), INDEX_OK);
        cr_assert(n >= 1 && n <= max && n <= 7);
        cr_assert_eq(more, n < 7, "more is exact: %zu of 7", n);
    }
}

/* --- against a model, with long and nasty keys --- */

#define MODEL_KEYS  400
#define MODEL_STEPS 1500

struct model_row {
    struct bytes key, value;
};

struct model {
    struct model_row rows[MODEL_KEYS * 8];
    size_t n;
};

/* Keys that share long prefixes, of lengths around the segments' ends, of bytes that look like tags. */
static struct bytes model_key(struct arena *a, uint64_t r)
{
    static const size_t lengths[] = {1, 2, 3, 479, 480, 481, 482, 600, 959, 960, 961, 962, 1000, 1024, 1199, 1200};
    static const unsigned char fill[] = {0x00, 0x01, 0xff};
    size_t n = lengths[r % ARRAY_LEN(lengths)];
    char *p = arena_alloc(a, n);
    memset(p, fill[(r >> 8) % 3], n);
    for (int i = 0; i < 2; i++) /* differ at one or two places, mostly late */
        p[((r >> (16 + 8 * i)) & 1) ? n - 1 - (r >> 20) % (n < 3 ? n : 3) : (r >> 24) % n] =
            (char)fill[(r >> (40 + 2 * i)) % 3];
    return bytes_of(p, n);
}

static size_t model_at(const struct model *m, struct bytes key, bool *ret_exact)
{
    size_t at = 0;
    while (at < m->n && bytes_cmp(m->rows[at].key, key) < 0)
        at++;
    *ret_exact = at < m->n && bytes_eq(m->rows[at].key, key);
    return at;
}

static void model_put(struct model *m, struct bytes key, struct bytes value)
{
    bool exact;
    size_t at = model_at(m, key, &exact);
    if (!exact) {
        cr_assert(m->n < ARRAY_LEN(m->rows));
        memmove(&m->rows[at + 1], &m->rows[at], (m->n - at) * sizeof(m->rows[0]));
        m->n++;
    }
    m->rows[at] = (struct model_row){key, value};
}

static void model_delete(struct model *m, struct bytes key)
{
    bool exact;
    size_t at = model_at(m, key, &exact);
    if (exact) {
        m->n--;
        memmove(&m->rows[at], &m->rows[at + 1], (m->n - at) * sizeof(m->rows[0]));
    }
}

static void model_compare(struct world *w, const struct model *m, struct bytes from, struct bytes prefix, size_t max)
{
    struct index_scan s = {.partition = PART, .from = from, .prefix = prefix, .max_rows = max, .heads = true};
    struct arena *a = arena_create(0);
    struct index_page p;
    bool exact;
    size_t at = model_at(m, bytes_cmp(from, prefix) > 0 ? from : prefix, &exact);
    do {
        cr_assert_eq(index_page(w->ix, &s, a, &p), INDEX_OK);
        for (size_t i = 0; i < p.n_rows; i++, at++) {
            cr_assert(at < m->n);
            cr_assert(bytes_eq(p.rows[i].key, m->rows[at].key), "row %zu", at);
            cr_assert(bytes_starts(m->rows[at].value, p.rows[i].value));
        }
        if (p.n_rows > 0)
            s.from = p.rows[p.n_rows - 1].key;
        s.after = true;
    } while (p.more);
    cr_assert(at == m->n || !bytes_starts(m->rows[at].key, prefix));
    arena_free(a);
}

static void model_step(struct world *w, struct model *m, const uint64_t *pool, uint64_t r)
{
    struct index_put puts[4];
    struct bytes deletes[4];
    struct index_expect x;
    struct index_batch b = {.partition = PART, .generation = GEN, .puts = puts, .deletes = deletes};
    for (unsigned i = 0; i < 4; i++) {
        uint64_t roll = rand_u64();
        struct bytes key = model_key(w->a, pool[roll % MODEL_KEYS]);
        bool twice = false;
        for (size_t j = 0; j < b.n_puts; j++)
            twice = twice || bytes_eq(puts[j].key, key);
        if ((roll >> 32) % 100 < 45 + (r & 8)) {
            deletes[b.n_deletes++] = key;
        } else if (!twice) {
            size_t n = 1 + (roll >> 40) % ((roll >> 60) == 0 ? 9000 : 60);
            char *v = arena_alloc(w->a, n);
            memset(v, (int)(roll >> 50), n);
            puts[b.n_puts++] = (struct index_put){.key = key, .value = bytes_of(v, n), .head = (roll >> 52) % 40};
        }
    }
    bool exact;
    x.key = model_key(w->a, pool[(r >> 8) % MODEL_KEYS]);
    size_t at = model_at(m, x.key, &exact);
    x.value = exact ? m->rows[at].value : BYTES_NONE;
    if (r % 10 == 0)
        x.value = exact ? BYTES_NONE : str("x");
    b.expects = &x;
    b.n_expects = 1;
    rand_bytes(b.request_id, 16);
    cr_assert_eq(index_apply(w->ix, &b), r % 10 == 0 ? INDEX_CONFLICT : INDEX_OK);
    if (r % 10 == 0)
        return;
    for (size_t i = 0; i < b.n_deletes; i++)
        model_delete(m, deletes[i]);
    for (size_t i = 0; i < b.n_puts; i++)
        model_put(m, puts[i].key, puts[i].value);
}

CASE(LDB_08_model_with_long_binary_keys)
{
    static struct model m;
    uint64_t pool[MODEL_KEYS];
    for (size_t i = 0; i < MODEL_KEYS; i++)
        pool[i] = rand_u64();
    for (size_t step = 0; step < MODEL_STEPS; step++) {
        uint64_t r = rand_u64();
        model_step(w, &m, pool, r);
        struct bytes key = model_key(w->a, pool[(r >> 16) % MODEL_KEYS]), v;
        bool exact;
        size_t at = model_at(&m, key, &exact);
        int rc = index_get(w->ix, PART, key, w->a, &v);
        cr_assert_eq(rc, exact ? INDEX_OK : INDEX_NOT_FOUND);
        cr_assert(!exact || bytes_eq(v, m.rows[at].value));
        if (step % 20 == 0)
            model_compare(w, &m, key, bytes_cut(key, 0, (r >> 32) % (key.n + 1)), 1 + (r >> 40) % 50);
        if (step % 200 == 0)
            model_compare(w, &m, BYTES_NONE, BYTES_NONE, 1000);
    }
    model_compare(w, &m, BYTES_NONE, BYTES_NONE, 7);
}

CASE(LDB_08_keys_sharing_a_thousand_bytes)
{
    char key[1024], value[16];
    memset(key, 0xff, sizeof(key));
    for (int i = 0; i < 300; i++) {
        int n = snprintf(value, sizeof(value), "%03d", (i * 7) % 300);
        memcpy(key + 1000, value, (size_t)n);
        struct index_put p = {.key = bytes_of(key, 1000 + (size_t)n), .value = bytes_of(value, (size_t)n)};
        struct index_batch b = {.partition = PART, .generation = GEN, .puts = &p, .n_puts = 1};
        cr_assert_eq(index_apply(w->ix, &b), INDEX_OK);
    }
    struct index_scan s = {.partition = PART, .max_rows = 64, .prefix = bytes_of(key, 1000)};
    struct index_page page;
    int next = 0;
    do {
        cr_assert_eq(index_page(w->ix, &s, w->a, &page), INDEX_OK);
        for (size_t i = 0; i < page.n_rows; i++, next++) {
            snprintf(value, sizeof(value), "%03d", next);
            cr_assert(bytes_eq_str(page.rows[i].value, value));
        }
        s.from = page.rows[page.n_rows - 1].key;
        s.after = true;
    } while (page.more);
    cr_assert_eq(next, 300);
}

/* --- threads --- */

#define WRITERS    4
#define READERS    3
#define INCREMENTS 150

static struct index *shared;
static atomic_bool stop_readers;

static uint64_t number_of(struct bytes v)
{
    uint64_t n = 0;
    cr_assert(bytes_to_u64(v, UINT64_MAX, &n));
    return n;
}

/* Adds one to a counter, optimistically, and notes it under a key of its own in the same batch. */
static void increment(struct arena *a, int writer, int i)
{
    char mine[32], next[32];
    snprintf(mine, sizeof(mine), "w%d/%04d", writer, i);
    for (;;) {
        struct bytes old;
        arena_reset(a);
        cr_assert_eq(index_get(shared, PART, str("counter"), a, &old), INDEX_OK);
        snprintf(next, sizeof(next), "%llu", (unsigned long long)number_of(old) + 1);
        struct index_expect x = {str("counter"), old};
        struct index_put p[] = {{.key = str("counter"), .value = str(next)}, {.key = str(mine), .value = str(next)}};
        struct index_batch b = {
            .partition = PART, .generation = GEN, .expects = &x, .n_expects = 1, .puts = p, .n_puts = 2};
        rand_bytes(b.request_id, 16);
        int rc = index_apply(shared, &b);
        if (rc == INDEX_OK)
            break;
        cr_assert_eq(rc, INDEX_CONFLICT);
    }
    struct bytes v;
    cr_assert_eq(index_get(shared, PART, str(mine), a, &v), INDEX_OK, "what was acknowledged is seen");
}

static void *writer_main(void *arg)
{
    struct arena *a = arena_create(0);
    for (int i = 0; i < INCREMENTS; i++)
        increment(a, (int)(intptr_t)arg, i);
    arena_free(a);
    return NULL;
}

/* The counter and the keys of one page belong together when a page is consistent in itself. */
static void *reader_main(void *arg)
{
    struct arena *a = arena_create(0);
    uint64_t last = 0;
    (void)arg;
    while (!atomic_load(&stop_readers)) {
        struct index_scan s = {.partition = PART, .max_rows = 10000};
        struct index_page p;
        arena_reset(a);
        cr_assert_eq(index_page(shared, &s, a, &p), INDEX_OK);
        uint64_t counter = number_of(p.rows[0].value);
        cr_assert(p.more || p.n_rows == counter + 1, "%zu rows at %llu", p.n_rows, (unsigned long long)counter);
        cr_assert(counter >= last, "time does not go back");
        last = counter;
    }
    arena_free(a);
    return NULL;
}

CASE(many_writers_and_readers)
{
    pthread_t t[WRITERS + READERS];
    shared = w->ix;
    atomic_store(&stop_readers, false);
    cr_assert_eq(put(w, "counter", "0"), INDEX_OK);
    for (int i = 0; i < WRITERS + READERS; i++)
        pthread_create(&t[i], NULL, i < WRITERS ? writer_main : reader_main, (void *)(intptr_t)i);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(t[i], NULL);
    atomic_store(&stop_readers, true);
    for (int i = WRITERS; i < WRITERS + READERS; i++)
        pthread_join(t[i], NULL);
    char total[32];
    snprintf(total, sizeof(total), "%d", WRITERS * INCREMENTS);
    cr_assert(holds(w, "counter", total));
}

#define SUBMITS 500

static atomic_int n_done;
static int order_done[SUBMITS];

static void on_done(struct index_batch *b, int rc)
{
    cr_assert_eq(rc, INDEX_OK);
    int at = atomic_fetch_add(&n_done, 1);
    order_done[at] = (int)(intptr_t)b->arg;
}

CASE(submit_completes_in_order_before_close)
{
    static struct index_batch b[SUBMITS];
    static struct index_put p[SUBMITS];
    static char keys[SUBMITS][16];
    atomic_store(&n_done, 0);
    for (int i = 0; i < SUBMITS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%d", i);
        p[i] = (struct index_put){.key = str(keys[i]), .value = str(keys[i])};
        b[i] = (struct index_batch){.partition = PART,
                                    .generation = GEN,
                                    .puts = &p[i],
                                    .n_puts = 1,
                                    .done = on_done,
                                    .arg = (void *)(intptr_t)i};
        index_submit(w->ix, &b[i]);
    }
    cr_assert_eq(put(w, "last", "1"), INDEX_OK);
    cr_assert_eq(atomic_load(&n_done), SUBMITS, "apply came after them");
    for (int i = 0; i < SUBMITS; i++)
        cr_assert_eq(order_done[i], i);
}

static struct index *chained;

static void on_link(struct index_batch *b, int rc)
{
    cr_assert_eq(rc, INDEX_OK);
    if (atomic_fetch_add(&n_done, 1) < 20)
        index_submit(chained, b);
}

CASE(done_may_submit_even_while_closing)
{
    static struct index_batch b = {.partition = PART, .generation = GEN, .done = on_link};
    chained = w->ix;
    atomic_store(&n_done, 0);
    index_submit(w->ix, &b);
    w->ix->ops->close(&w->ix); /* waits for the whole chain */
    cr_assert_eq(atomic_load(&n_done), 21);
    w->ix = index_double_open(3); /* for the end of the case */
}

/* --- the double's own faults --- */

Test(index, double_faults_on_demand)
{
    struct world w = {.ix = index_double_open(1), .a = arena_create(0)};
    struct index_batch make = {.partition = PART, .next_generation = GEN};
    static const int answers[] = {INDEX_CONFLICT, INDEX_STALE,   INDEX_UNAVAILABLE,
                                  INDEX_FULL,     INDEX_UNKNOWN, INDEX_UNKNOWN};
    cr_assert_eq(index_apply(w.ix, &make), INDEX_OK);
    for (int fault = INDEX_DOUBLE_CONFLICT; fault <= INDEX_DOUBLE_UNKNOWN_LOST; fault++) {
        struct index_put p = {.key = str("k"), .value = str("1")};
        struct index_batch b = {.partition = PART, .generation = GEN, .puts = &p, .n_puts = 1};
        rand_bytes(b.request_id, 16);
        cr_assert_eq(del(&w, "k"), INDEX_OK);
        index_double_fail(w.ix, 2, (enum index_double_fault)fault);
        cr_assert_eq(put(&w, "before", "1"), INDEX_OK);
        cr_assert(!index_double_fired(w.ix));
        cr_assert_eq(index_apply(w.ix, &b), answers[fault]);
        cr_assert(index_double_fired(w.ix));
        cr_assert(holds(&w, "k", fault == INDEX_DOUBLE_UNKNOWN_APPLIED ? "1" : NULL));
        cr_assert_eq(index_apply(w.ix, &b), INDEX_OK, "asked again");
        cr_assert(holds(&w, "k", "1"));
    }
    struct bytes v;
    cr_assert_eq(index_double_rot(w.ix, PART, str("k")), INDEX_OK);
    cr_assert_eq(index_get(w.ix, PART, str("k"), w.a, &v), INDEX_CORRUPT);
    index_double_fail_reads(w.ix, INDEX_UNAVAILABLE);
    cr_assert_eq(index_get(w.ix, PART, str("before"), w.a, &v), INDEX_UNAVAILABLE);
    w.ix->ops->close(&w.ix);
    arena_free(w.a);
}
