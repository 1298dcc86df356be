/* SPDX-License-Identifier: Apache-2.0 */
/* Listing: order, groups, markers, pages; against a plain model; during writes. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

struct rows {
    char text[8192];
    size_t n;
};

static void note(void *arg, const struct store_list_row *row)
{
    struct rows *r = arg;
    size_t n = strlen(r->text);
    snprintf(r->text + n, sizeof r->text - n, "%.*s%s ", (int)row->key.n, row->key.p, row->is_prefix ? "*" : "");
    r->n++;
}

static const char *list(struct world *w, const char *prefix, const char *delimiter, const char *after, size_t max,
                        struct store_list_end *end)
{
    struct rows *r = arena_new(w->arena, struct rows);
    struct store_list l = {bytes_str(prefix), bytes_str(delimiter), bytes_str(after), max};
    cr_assert_eq(store_list_objects(w->store, &w->bucket, &l, note, r, w->arena, end), STORE_OK);
    return r->text;
}

static void put_all(struct world *w, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(world_put(w, &w->bucket, keys[i], (unsigned)i, 5, NULL), STORE_OK);
}

Test(store_list, groups_and_markers)
{
    struct world w = world_open();
    struct store_list_end end;
    const char *keys[] = {"a", "folder/", "folder/a/x", "folder/a/y", "folder/b", "folder0", "g/h", "z"};
    put_all(&w, keys, ARRAY_LEN(keys));
    cr_assert_str_eq(list(&w, "", "", "", 100, &end), "a folder/ folder/a/x folder/a/y folder/b folder0 g/h z ");
    cr_assert(!end.truncated && bytes_eq_str(end.last, "z"));
    cr_assert_str_eq(list(&w, "", "/", "", 100, &end), "a folder/* folder0 g/* z ");
    cr_assert_str_eq(list(&w, "folder/", "/", "", 100, &end), "folder/ folder/a/* folder/b ");
    cr_assert_str_eq(list(&w, "folder", "/", "", 100, &end), "folder/* folder0 ");
    cr_assert_str_eq(list(&w, "folder/a", "/", "", 100, &end), "folder/a/* ");
    cr_assert_str_eq(list(&w, "none", "/", "", 100, &end), "");
    cr_assert(!end.truncated && end.last.n == 0);
    cr_assert_str_eq(list(&w, "", "/a/", "", 100, &end), "a folder/ folder/a/* folder/b folder0 g/h z ");

    cr_assert_str_eq(list(&w, "", "/", "folder/a/x", 100, &end), "folder0 g/* z ", "a marker inside a group skips it");
    cr_assert_str_eq(list(&w, "", "/", "folder/", 100, &end), "folder0 g/* z ", "and one that is the group");
    cr_assert_str_eq(list(&w, "", "/", "folder", 100, &end), "folder/* folder0 g/* z ");
    cr_assert_str_eq(list(&w, "folder/", "/", "folder/a/x", 100, &end), "folder/b ");
    cr_assert_str_eq(list(&w, "folder/", "", "folder/a/x", 100, &end), "folder/a/y folder/b ");
    cr_assert_str_eq(list(&w, "folder/", "", "a", 100, &end), "folder/ folder/a/x folder/a/y folder/b ");
    cr_assert_str_eq(list(&w, "folder/", "/", "z", 100, &end), "");
    cr_assert_str_eq(list(&w, "", "", "zz", 100, &end), "");

    cr_assert_str_eq(list(&w, "", "/", "", 2, &end), "a folder/* ");
    cr_assert(end.truncated && bytes_eq_str(end.last, "folder/"));
    cr_assert_str_eq(list(&w, "", "/", "folder/", 3, &end), "folder0 g/* z ");
    cr_assert_not(end.truncated, "exactly the rest is no truncation");
    cr_assert_str_eq(list(&w, "", "/", "", 0, &end), "");
    cr_assert_not(end.truncated);
    world_close(&w);
}

Test(store_list, rows_tell_what_the_objects_are)
{
    struct world w = world_open();
    struct store_put put = {.bucket = &w.bucket,
                            .key = BYTES_LIT("k"),
                            .owner = BYTES_LIT("alice"),
                            .storage_class = BYTES_LIT("ONEZONE_IA"),
                            .checksum = CHECKSUM_SHA1,
                            .expected_size = UINT64_MAX};
    struct store_write *wr;
    struct store_etag etag;
    struct index_scan scan = {.partition = w.bucket.partition, .max_rows = 1, .heads = true};
    struct index_page page;
    cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
    cr_assert_eq(store_write_append(wr, world_bytes(w.arena, 1, 9999), 9999), STORE_OK);
    cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
    store_write_etag(wr, &etag);
    cr_assert_eq(index_page(w.disk_index, &scan, w.arena, &page), INDEX_OK);
    cr_assert_lt(page.rows[0].value.n, 120, "a head is small");
    struct rec_object r;
    cr_assert(record_decode(&rec_object, page.rows[0].value, NULL, &r));
    cr_assert(r.o.size == 9999 && r.o.mtime_ms == store_write_mtime_ms(wr) && r.o.checksum.alg == CHECKSUM_SHA1 &&
              r.o.checksum_type == CHECKSUM_FULL_OBJECT && bytes_eq_str(r.o.storage_class, "ONEZONE_IA") &&
              bytes_eq_str(r.o.owner, "alice") && memcmp(&r.o.etag, &etag, sizeof etag) == 0);
    cr_assert(r.o.inline_data.n == 0 && r.o.n_headers == 0);
    store_write_close(&wr);
    world_close(&w);
}

/* ---- against a model ---- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the list must be, computed the plain way. */
static const char *model(struct world *w, const char *const *keys, size_t n, const char *prefix, const char *delimiter,
                         const char *after, size_t max, bool *ret_truncated)
{
    struct rows *r = arena_new(w->arena, struct rows);
    struct bytes last_group = BYTES_NONE,
                 mark = store__group_of(bytes_str(after), bytes_str(prefix), bytes_str(delimiter));
    *ret_truncated = false;
    for (size_t i = 0; i < n; i++) {
        struct bytes key = bytes_str(keys[i]), group = store__group_of(key, bytes_str(prefix), bytes_str(delimiter));
        if (!bytes_starts(key, bytes_str(prefix)) || strcmp(keys[i], after) <= 0 ||
            (group.n && bytes_eq(group, mark)) || (group.n && bytes_eq(group, last_group)))
            continue;
        if (r->n == max) {
            *ret_truncated = max > 0;
            break;
        }
        note(r, &(struct store_list_row){.key = group.n ? group : key, .is_prefix = group.n > 0});
        last_group = group;
    }
    return r->text;
}

Test(store_list, random_keys_against_a_model)
{
    static const char letters[] = "a/b\x01\x7f\xfe\xff";
    static const char *delimiters[] = {"", "/", "a", "//", "/a", "\xff"};
    struct world w = world_open();
    enum { N = 150 };
    const char *keys[N];
    size_t n = 0;
    srand(4711);
    for (size_t i = 0; i < N; i++) {
        char key[8] = {0};
        for (int k = rand() % 6; k >= 0; k--)
            key[k] = letters[rand() % 7];
        bool known = false;
        for (size_t k = 0; k < n; k++)
            known = known || strcmp(keys[k], key) == 0;
        if (!known) {
            keys[n] = arena_printf(w.arena, "%s", key);
            put_all(&w, &keys[n++], 1);
        }
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    for (int round = 0; round < 3000; round++) {
        char prefix[4] = {0}, after[6] = {0};
        for (int k = rand() % 3; k > 0; k--)
            prefix[strlen(prefix)] = letters[rand() % 7];
        for (int k = rand() % 5; k > 0; k--)
            after[strlen(after)] = letters[rand() % 7];
        const char *delimiter = delimiters[rand() % ARRAY_LEN(delimiters)],
                   *mark = rand() % 3 ? after : keys[rand() % (int)n];
        size_t max = (size_t)(rand() % 12);
        struct store_list_end end;
        bool truncated;
        const char *want = model(&w, keys, n, prefix, delimiter, mark, max, &truncated);
        cr_assert_str_eq(list(&w, prefix, delimiter, mark, max, &end), want);
        cr_assert_eq(end.truncated, truncated);
    }
    /* All of it by pages of every size, whatever the delimiter. */
    for (size_t max = 1; max < 10; max++)
        for (size_t d = 0; d < ARRAY_LEN(delimiters); d++) {
            struct buf all;
            struct store_list_end end = {0};
            bool truncated;
            buf_init(&all, 1 << 20);
            do {
                char *after = bytes_cstr(w.arena, end.last);
                buf_put_str(&all, list(&w, "", delimiters[d], after, max, &end));
            } while (end.truncated);
            cr_assert(bytes_eq_str(buf_bytes(&all), model(&w, keys, n, "", delimiters[d], "", 100000, &truncated)));
            buf_fini(&all);
        }
    world_close(&w);
}

/* ---- costs ---- */

struct counting {
    struct index index;
    struct index *inner;
    size_t rows;
    index_visit_f *f;
    void *arg;
};

static enum index_visit count_row(void *arg, struct bytes key, struct bytes head, struct buf *seek)
{
    struct counting *c = arg;
    c->rows++;
    return c->f(c->arg, key, head, seek);
}

static int count_visit(struct index *ix, const struct index_scan *scans, size_t n, index_visit_f *f, void *const *args,
                       bool *more)
{
    struct counting *c = (struct counting *)ix;
    c->f = f;
    c->arg = args[0];
    cr_assert_eq(n, 1);
    return index_visit(c->inner, scans, count_row, c, more);
}

Test(store_list, a_group_costs_one_row_however_full)
{
    struct world w = world_open();
    struct store_list_end end;
    for (int g = 0; g < 5; g++)
        for (int i = 0; i < 100; i++)
            cr_assert_eq(world_put(&w, &w.bucket, arena_printf(w.arena, "g%d/%03d", g, i), 1, 5, NULL), STORE_OK);
    struct index_ops ops = *w.store->index->ops;
    ops.visit = count_visit;
    struct counting c = {.index = {&ops}, .inner = w.store->index};
    struct index *was = w.store->index;
    w.store->index = &c.index;
    cr_assert_str_eq(list(&w, "", "/", "", 1000, &end), "g0/* g1/* g2/* g3/* g4/* ");
    w.store->index = was;
    cr_assert_eq(c.rows, 5);
    world_close(&w);
}

/* ---- during writes: keys present throughout appear exactly once, in order ---- */

struct writer {
    pthread_t thread;
    struct world *w;
    _Atomic bool stop;
};

static void *come_and_go(void *arg)
{
    struct writer *wr = arg;
    for (unsigned i = 0; !wr->stop; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%03u-", i * 37 % 200);
        if (i % 3)
            world_put(wr->w, &wr->w->bucket, key, i, 10, NULL);
        else
            world_delete(wr->w->store, &wr->w->bucket, bytes_str(key), NULL, NULL);
    }
    return NULL;
}

struct seen {
    size_t stable;
    char last[32];
};

static void look(void *arg, const struct store_list_row *row)
{
    struct seen *s = arg;
    char key[32] = {0};
    memcpy(key, row->key.p, row->key.n < 31 ? row->key.n : 31);
    cr_assert_gt(strcmp(key, s->last), 0);
    memcpy(s->last, key, sizeof key);
    if (row->key.n == 4) {
        char want[8];
        snprintf(want, sizeof want, "k%03zu", s->stable++);
        cr_assert_str_eq(key, want);
    }
}

Test(store_list, CON_07_pages_during_writes)
{
    struct world w = world_open();
    struct writer wr = {.w = &w};
    for (int i = 0; i < 200; i++)
        cr_assert_eq(world_put(&w, &w.bucket, arena_printf(w.arena, "k%03d", i), 1, 5, NULL), STORE_OK);
    cr_assert_eq(pthread_create(&wr.thread, NULL, come_and_go, &wr), 0);
    for (int round = 0; round < 30; round++) {
        struct seen s = {0};
        struct store_list l = {.max = 7};
        struct store_list_end end;
        do {
            cr_assert_eq(store_list_objects(w.store, &w.bucket, &l, look, &s, w.arena, &end), STORE_OK);
            l.after = end.last;
        } while (end.truncated);
        cr_assert_eq(s.stable, 200);
    }
    wr.stop = true;
    pthread_join(wr.thread, NULL);
    world_close(&w);
}

Test(store_list, damage_is_an_error)
{
    struct world w = world_open();
    struct rows r = {0};
    struct store_list l = {.max = 10};
    struct store_list_end end;
    const char *keys[] = {"a", "b", "c"};
    put_all(&w, keys, 3);
    index_double_rot(w.disk_index, w.bucket.partition, BYTES_LIT("ob"));
    cr_assert_eq(store_list_objects(w.store, &w.bucket, &l, note, &r, w.arena, &end), STORE_CORRUPT);
    world_close(&w);
}
