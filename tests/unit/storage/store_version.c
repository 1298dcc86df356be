/* SPDX-License-Identifier: Apache-2.0 */
/* Versions in the store: each corner by name, and thousands of random operations against a list of versions. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

static void set_versioning(struct world *w, enum versioning v)
{
    struct store_bucket_change c = {.versioning = v};
    cr_assert_eq(store_bucket_change(w->store, w->bucket.name, &c, w->arena, &w->bucket), STORE_OK);
}

static struct store_version put(struct world *w, const char *key, const char *body)
{
    struct store_put p = {.bucket = &w->bucket, .key = bytes_str(key), .expected_size = UINT64_MAX};
    struct store_write *wr;
    struct store_version v;
    cr_assert_eq(store_write_open(w->store, &p, &wr), STORE_OK);
    cr_assert_eq(store_write_append(wr, body, strlen(body)), STORE_OK);
    cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
    store_write_version(wr, &v);
    store_write_close(&wr);
    return v;
}

/* The same with so many zeros behind it that it goes to a blob. */
static struct store_version put_big(struct world *w, const char *key, const char *body)
{
    char *big = arena_alloc(w->arena, WORLD_BIG);
    memset(big, 0, WORLD_BIG);
    memcpy(big, body, strlen(body));
    struct store_put p = {.bucket = &w->bucket, .key = bytes_str(key), .expected_size = WORLD_BIG};
    struct store_write *wr;
    struct store_version v;
    cr_assert_eq(store_write_open(w->store, &p, &wr), STORE_OK);
    cr_assert_eq(store_write_append(wr, big, WORLD_BIG), STORE_OK);
    cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
    store_write_version(wr, &v);
    store_write_close(&wr);
    return v;
}

static struct store_delete del(struct world *w, const char *key, const struct store_version *v)
{
    struct store_delete item = {.key = bytes_str(key), .version = v};
    store_objects_delete(w->store, &w->bucket, BYTES_LIT("me"), &item, 1);
    return item;
}

/* "body", "(marker)", or the name of the error. */
static const char *get(struct world *w, const char *key, const struct store_version *v)
{
    struct store_object *o;
    struct bytes body;
    int rc = store_object_get(w->store, &w->bucket, bytes_str(key), v, w->arena, &o);
    if (rc == STORE_DELETE_MARKER)
        return "(marker)";
    if (rc != STORE_OK)
        return store_rc_name(rc);
    cr_assert_eq(world_read(w, o, 0, o->size, &body), STORE_OK);
    return arena_printf(w->arena, "%.*s", (int)body.n, body.p);
}

struct shown {
    struct world *w;
    struct buf out;
};

static void show(void *arg, const struct store_list_row *row)
{
    struct shown *s = arg;
    buf_put_bytes(&s->out, row->key);
    buf_put_str(&s->out, row->is_prefix ? "*" : row->marker ? "-" : "+");
    if (!row->is_prefix && row->version.null)
        buf_put_str(&s->out, "0");
    if (row->latest)
        buf_put_str(&s->out, "!");
    buf_put_str(&s->out, " ");
}

/* In pages of `max`, each begun where the last ended. */
static const char *list(struct world *w, const char *prefix, const char *delimiter, size_t max)
{
    struct shown s = {.w = w};
    struct store_version_list_end end;
    struct store_version_list l = {.prefix = bytes_str(prefix), .delimiter = bytes_str(delimiter), .max = max};
    struct store_version marker;
    buf_init(&s.out, 1 << 20);
    do {
        cr_assert_eq(store_version_list(w->store, &w->bucket, &l, show, &s, w->arena, &end), STORE_OK);
        l.key_marker = end.last_key;
        marker = end.last_version;
        l.version_marker = end.last_is_version ? &marker : NULL;
        if (marker.null)
            marker.seq = 0; /* clients only know the name */
    } while (end.truncated);
    const char *text = arena_printf(w->arena, "%.*s", (int)s.out.n, s.out.n ? s.out.p : "");
    buf_fini(&s.out);
    return text;
}

Test(store_version, text_round_trip)
{
    struct store_version v = {.seq = 0x0102030405060708, .uid = {9, 8, 7}}, back;
    char text[STORE_VERSION_TEXT];
    cr_assert_eq(store_version_text(&v, text), STORE_VERSION_TEXT);
    cr_assert(store_version_parse(bytes_of(text, sizeof text), &back));
    cr_assert(back.seq == v.seq && memcmp(back.uid, v.uid, 16) == 0 && !back.null);
    cr_assert(store_version_parse(BYTES_LIT("null"), &back) && back.null);
    cr_assert_not(store_version_parse(BYTES_LIT(""), &back));
    cr_assert_not(store_version_parse(BYTES_LIT("nul"), &back));
    text[3] = '!';
    cr_assert_not(store_version_parse(bytes_of(text, sizeof text), &back));
    struct store_version null = {.seq = 1}; /* where a null version may lie, but by its place instead of its name */
    store_version_text(&null, text);
    cr_assert_not(store_version_parse(bytes_of(text, sizeof text), &back));
}

Test(store_version, newest_first_and_promotion)
{
    struct world w = world_open();
    put(&w, "k", "zero");
    set_versioning(&w, VERSIONING_ENABLED);
    struct store_version null = {.null = true}, one = put(&w, "k", "one"), two = put(&w, "k", "two");
    cr_assert_str_eq(list(&w, "", "", 1), "k+! k+ k+0 ");
    cr_assert_str_eq(get(&w, "k", NULL), "two");
    cr_assert_str_eq(get(&w, "k", &one), "one");
    cr_assert_str_eq(get(&w, "k", &null), "zero");
    cr_assert(del(&w, "k", &two).existed);
    cr_assert_str_eq(get(&w, "k", NULL), "one");
    cr_assert_str_eq(get(&w, "k", &two), "NO_SUCH_VERSION");
    struct store_delete d = del(&w, "k", NULL);
    cr_assert(d.rc == STORE_OK && d.marker && d.has_version && !d.ret_version.null);
    cr_assert_str_eq(get(&w, "k", NULL), "(marker)");
    cr_assert_str_eq(get(&w, "k", &d.ret_version), "(marker)");
    cr_assert_str_eq(list(&w, "", "", 2), "k-! k+ k+0 ");
    cr_assert(del(&w, "k", &d.ret_version).marker);
    cr_assert_str_eq(get(&w, "k", NULL), "one");
    del(&w, "k", &one);
    cr_assert_str_eq(get(&w, "k", NULL), "zero");
    cr_assert_str_eq(list(&w, "", "", 2), "k+0! ");
    del(&w, "k", &null);
    cr_assert_str_eq(list(&w, "", "", 2), "");
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_HISTORY), 0, "nothing is left of it");
    world_close(&w);
}

/* A rule saw an older version; by the time it acts, that one is the newest, or an older one anew. */
Test(store_version, a_version_that_changed_its_place_is_not_what_was_seen)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    struct store_version one = put(&w, "k", "one");
    struct store_delete marker = del(&w, "k", NULL);
    struct store_located seen;
    cr_assert_eq(store__find_version(w.store, &w.bucket, BYTES_LIT("k"), &one, w.arena, &seen), STORE_OK);
    int64_t since = seen.r.noncurrent_ms;
    cr_assert_gt(since, 0);
    struct store_delete aged = {
        .key = BYTES_LIT("k"), .version = &one, .expect_uid = seen.r.o.uid, .expect_noncurrent_ms = &since};
    del(&w, "k", &marker.ret_version);
    store_objects_delete(w.store, &w.bucket, BYTES_NONE, &aged, 1);
    cr_assert_eq(aged.rc, STORE_PRECONDITION_FAILED, "it is the current object");
    clock_test_shift_ms(5000);
    marker = del(&w, "k", NULL);
    store_objects_delete(w.store, &w.bucket, BYTES_NONE, &aged, 1);
    cr_assert_eq(aged.rc, STORE_PRECONDITION_FAILED, "its days begin anew");
    clock_test_shift_ms(0);
    cr_assert_eq(store__find_version(w.store, &w.bucket, BYTES_LIT("k"), &one, w.arena, &seen), STORE_OK);
    since = seen.r.noncurrent_ms;
    store_objects_delete(w.store, &w.bucket, BYTES_NONE, &aged, 1);
    cr_assert_eq(aged.rc, STORE_OK);
    world_close(&w);
}

/* Pages go on where they ended, also when what ended them has gone and an older version has moved up. */
Test(store_version, marker_version_has_gone)
{
    struct world w = world_open();
    struct store_version_list_end end;
    struct shown s = {.w = &w};
    set_versioning(&w, VERSIONING_ENABLED);
    put(&w, "a", "one");
    struct store_version two = put(&w, "a", "two");
    put(&w, "b", "x");
    struct store_version_list l = {.key_marker = BYTES_LIT("a"), .version_marker = &two, .max = 10};
    for (int gone = 0; gone < 2; gone++) {
        buf_init(&s.out, 1000);
        cr_assert_eq(store_version_list(w.store, &w.bucket, &l, show, &s, w.arena, &end), STORE_OK);
        cr_assert_str_eq(arena_printf(w.arena, "%.*s", (int)s.out.n, s.out.p), gone ? "a+! b+! " : "a+ b+! ");
        buf_fini(&s.out);
        del(&w, "a", &two);
    }
    world_close(&w);
}

Test(store_version, suspended_replaces_the_null_version_only)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    struct store_version one = put(&w, "k", "one"), null = {.null = true};
    set_versioning(&w, VERSIONING_SUSPENDED);
    cr_assert(put(&w, "k", "two").null);
    cr_assert_str_eq(list(&w, "", "", 10), "k+0! k+ ");
    put(&w, "k", "three");
    cr_assert_str_eq(list(&w, "", "", 10), "k+0! k+ ");
    cr_assert_str_eq(get(&w, "k", &null), "three");
    struct store_delete d = del(&w, "k", NULL);
    cr_assert(d.marker && d.ret_version.null);
    cr_assert_str_eq(list(&w, "", "", 10), "k-0! k+ ");
    d = del(&w, "k", NULL); /* again: the same marker anew */
    cr_assert_str_eq(list(&w, "", "", 10), "k-0! k+ ");
    set_versioning(&w, VERSIONING_ENABLED);
    put(&w, "k", "four");
    cr_assert_str_eq(list(&w, "", "", 10), "k+! k-0 k+ ");
    cr_assert_str_eq(get(&w, "k", &null), "(marker)");
    set_versioning(&w, VERSIONING_SUSPENDED);
    put(&w, "k", "five"); /* takes the place of the null marker below */
    cr_assert_str_eq(list(&w, "", "", 10), "k+0! k+ k+ ");
    cr_assert(del(&w, "k", &one).existed);
    cr_assert_str_eq(list(&w, "", "", 1), "k+0! k+ ");
    world_collect(&w);
    world_check(&w, true);
    world_close(&w);
}

Test(store_version, marker_on_nothing_and_on_a_marker)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    struct store_delete first = del(&w, "k", NULL), second = del(&w, "k", NULL);
    cr_assert(!first.existed && first.marker && second.marker);
    cr_assert_str_eq(list(&w, "", "", 10), "k-! k- ");
    del(&w, "k", &second.ret_version);
    cr_assert_str_eq(list(&w, "", "", 10), "k-! ");
    cr_assert_eq(store_bucket_delete(w.store, w.bucket.name), STORE_BUCKET_NOT_EMPTY);
    del(&w, "k", &first.ret_version);
    cr_assert_str_eq(get(&w, "k", NULL), "NO_SUCH_KEY");
    cr_assert_eq(store_bucket_delete(w.store, w.bucket.name), STORE_OK);
    world_close(&w);
}

Test(store_version, all_versions_of_a_key_at_once)
{
    struct world w = world_open();
    enum { N = 600 };
    set_versioning(&w, VERSIONING_ENABLED);
    struct store_version *v = arena_new_array(w.arena, struct store_version, N);
    struct store_delete *items = arena_new_array(w.arena, struct store_delete, N);
    for (int i = N; i-- > 0;)
        v[i] = put(&w, "k", "x");
    for (int i = 0; i < N; i++)
        items[i] = (struct store_delete){.key = BYTES_LIT("k"), .version = &v[i]};
    uint64_t before = index_double_batches(w.disk_index);
    store_objects_delete(w.store, &w.bucket, BYTES_NONE, items, N);
    cr_assert_leq(index_double_batches(w.disk_index) - before, 6, "newest first, and yet few batches");
    for (int i = 0; i < N; i++)
        cr_assert_eq(items[i].rc, STORE_OK);
    cr_assert_str_eq(list(&w, "", "", 10), "");
    world_close(&w);
}

/* What lies in the records themselves is copied by plans: many such items take more batches, not more memory. */
Test(store_version, large_records_are_removed_by_several_batches)
{
    enum { KEYS = 200, SIZE = 16000 };
    struct world w = world_open();
    char *body = arena_alloc(w.arena, SIZE + 1);
    struct store_delete items[KEYS];
    memset(body, 'x', SIZE);
    body[SIZE] = '\0';
    set_versioning(&w, VERSIONING_ENABLED);
    for (int i = 0; i < KEYS; i++) {
        const char *key = arena_printf(w.arena, "%d", i);
        struct store_version *v = arena_new(w.arena, struct store_version);
        put(&w, key, body);
        *v = put(&w, key, body);
        items[i] = (struct store_delete){.key = bytes_str(key), .version = v};
    }
    uint64_t before = index_double_batches(w.disk_index);
    store_objects_delete(w.store, &w.bucket, BYTES_NONE, items, KEYS);
    uint64_t batches = index_double_batches(w.disk_index) - before;
    cr_assert(batches > 1 && batches < 20, "%llu", (unsigned long long)batches);
    for (int i = 0; i < KEYS; i++)
        cr_assert_eq(items[i].rc, STORE_OK);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_VERSION), 0);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_OBJECT), KEYS);
    world_close(&w);
}

Test(store_version, versioning_change_bars_writes_planned_before)
{
    struct world w = world_open();
    struct store_bucket old = w.bucket; /* as a slow upload remembers it */
    put(&w, "k", "zero");
    set_versioning(&w, VERSIONING_ENABLED);
    put(&w, "k", "one");
    struct store_put p = {.bucket = &old, .key = BYTES_LIT("k"), .expected_size = UINT64_MAX};
    struct store_write *wr;
    cr_assert_eq(store_write_open(w.store, &p, &wr), STORE_OK);
    cr_assert_eq(store_write_append(wr, "two", 3), STORE_OK);
    cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
    store_write_close(&wr);
    cr_assert_str_eq(list(&w, "", "", 10), "k+! k+ k+0 ");
    world_close(&w);
}

/* Somebody else asked for the same, and has changed the record but not the partition yet: our answer holds too. */
Test(store_version, versioning_change_bars_writes_although_it_was_made_before)
{
    struct world w = world_open();
    struct store_bucket old = w.bucket;
    struct bytes key = key_bucket(w.arena, w.bucket.name);
    struct rec_bucket r;
    struct txn t;
    uint64_t generation;
    cr_assert_eq(store__load_bucket(w.store, w.bucket.name, w.arena, &r, NULL), STORE_OK);
    r.b.versioning = VERSIONING_ENABLED;
    r.b.generation++;
    txn_init(&t, w.arena, INDEX_PARTITION_SYSTEM, 1);
    txn_put(&t, key, record_encode(&rec_bucket, &r, w.arena, NULL), 0);
    cr_assert_eq(txn_apply(w.store, &t), INDEX_OK);
    set_versioning(&w, VERSIONING_ENABLED);
    cr_assert_eq(index_generation(w.store->index, old.partition, &generation), INDEX_OK);
    cr_assert_gt(generation, old.generation);
    world_close(&w);
}

Test(store_version, lock_protects_the_version_not_the_key)
{
    struct world w = world_open();
    struct store_bucket_change lock = {.lock = true};
    cr_assert_eq(store_bucket_change(w.store, w.bucket.name, &lock, w.arena, NULL), STORE_BUCKET_STATE);
    put(&w, "k", "null");
    struct store_version null = {.null = true};
    struct store_object *o;
    struct store_change hold = {.set_hold = true, .hold = true};
    cr_assert_eq(store_object_change(w.store, &w.bucket, BYTES_LIT("k"), NULL, &hold, w.arena, &o), STORE_NO_LOCK);
    lock.versioning = VERSIONING_ENABLED;
    lock.lock_default = (struct lock_default){.mode = LOCK_COMPLIANCE, .days = 1};
    cr_assert_eq(store_bucket_change(w.store, w.bucket.name, &lock, w.arena, &w.bucket), STORE_OK);
    cr_assert_eq(store_object_change(w.store, &w.bucket, BYTES_LIT("k"), &null, &hold, w.arena, &o), STORE_OK);
    struct store_version one = put(&w, "k", "one");
    cr_assert_eq(del(&w, "k", &one).rc, STORE_LOCKED);
    cr_assert_eq(del(&w, "k", &null).rc, STORE_LOCKED);
    cr_assert_eq(del(&w, "k", NULL).rc, STORE_OK);
    cr_assert_str_eq(list(&w, "", "", 10), "k-! k+ k+0 ");
    struct store_bucket_change suspend = {.versioning = VERSIONING_SUSPENDED};
    cr_assert_eq(store_bucket_change(w.store, w.bucket.name, &suspend, w.arena, NULL), STORE_BUCKET_STATE);

    struct store_delete bypass = {.key = BYTES_LIT("k"), .version = &one, .bypass_governance = true};
    store_objects_delete(w.store, &w.bucket, BYTES_NONE, &bypass, 1);
    cr_assert_eq(bypass.rc, STORE_LOCKED, "compliance knows no bypass");
    int64_t until = store_lock_now_ms(w.store) + 2 * 86400000;
    struct store_change longer = {.set_retention = true, .mode = LOCK_COMPLIANCE, .until_ms = until};
    struct store_change shorter = {.set_retention = true, .mode = LOCK_COMPLIANCE, .until_ms = until - 1};
    struct store_change weaker = {
        .set_retention = true, .mode = LOCK_GOVERNANCE, .until_ms = until + 1, .bypass_governance = true};
    cr_assert_eq(store_object_change(w.store, &w.bucket, BYTES_LIT("k"), &one, &longer, w.arena, &o), STORE_OK);
    cr_assert_eq(store_object_change(w.store, &w.bucket, BYTES_LIT("k"), &one, &shorter, w.arena, &o), STORE_LOCKED);
    cr_assert_eq(store_object_change(w.store, &w.bucket, BYTES_LIT("k"), &one, &weaker, w.arena, &o), STORE_LOCKED);

    /* The clock cannot be turned back to shorten a lock, nor does a restart forget. */
    int64_t before = store_lock_now_ms(w.store);
    cr_assert_eq(store__save_clock(w.store), STORE_OK);
    clock_test_shift_ms(-10 * 86400000LL);
    cr_assert_geq(store_lock_now_ms(w.store), before);
    world_restart(&w);
    cr_assert_geq(store_lock_now_ms(w.store), before - 1000);
    struct store_version late = put(&w, "late", "x");
    cr_assert_eq(store_object_head(w.store, &w.bucket, BYTES_LIT("late"), &late, w.arena, &o), STORE_OK);
    cr_assert_geq(o->lock.until_ms, before + 86400000 - 1000);

    /* LCK-06: nor does a clock that jumps ahead free anything, while the server runs or between two starts. */
    clock_test_shift_ms(3 * 86400000LL);
    cr_assert_eq(del(&w, "k", &one).rc, STORE_LOCKED, "no three days have passed");
    clock_test_shift_ms(3650 * 86400000LL);
    world_restart(&w);
    cr_assert_eq(del(&w, "k", &one).rc, STORE_LOCKED, "and hardly ten years");
    clock_test_shift_ms(3 * 86400000LL);
    world_restart(&w);
    cr_assert_eq(del(&w, "k", &one).rc, STORE_OK, "its time is over");
    clock_test_shift_ms(0);
    world_close(&w);
}

/* Written while the lock clock did not follow a clock that was put right; with the next start it does. */
Test(store_version, LCK_06_default_retention_counts_from_the_later_clock)
{
    struct world w = world_open();
    struct store_bucket_change lock = {
        .versioning = VERSIONING_ENABLED, .lock = true, .lock_default = {.mode = LOCK_COMPLIANCE, .days = 1}};
    cr_assert_eq(store_bucket_change(w.store, w.bucket.name, &lock, w.arena, &w.bucket), STORE_OK);
    put(&w, "before", "x");
    cr_assert_eq(store__save_clock(w.store), STORE_OK);
    clock_test_shift_ms(3 * 86400000LL);
    struct store_version v = put(&w, "k", "x");
    world_restart(&w);
    cr_assert_eq(del(&w, "k", &v).rc, STORE_LOCKED);
    clock_test_shift_ms(0);
    world_close(&w);
}

Test(store_version, tags_stay_with_their_version)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    struct store_version one = put(&w, "k", "one"), two = put(&w, "k", "two");
    struct store_header t = {BYTES_LIT("team"), BYTES_LIT("blue")};
    struct store_change tag = {.set_tags = true, .tags = &t, .n_tags = 1};
    struct store_object *o;
    cr_assert_eq(store_object_change(w.store, &w.bucket, BYTES_LIT("k"), &one, &tag, w.arena, &o), STORE_OK);
    del(&w, "k", &two); /* promotes it, tags and all */
    cr_assert_eq(store_object_head(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
    cr_assert(o->n_tags == 1 && bytes_eq_str(o->tags[0].value, "blue") && o->latest);
    world_close(&w);
}

Test(store_version, access_lists_stay_with_their_version)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    struct store_version one = put(&w, "k", "one"), two = put(&w, "k", "two");
    struct store_change share = {.set_acl = true, .acl = BYTES_LIT("public")};
    struct store_object *o;
    cr_assert_eq(store_object_change(w.store, &w.bucket, BYTES_LIT("k"), &one, &share, w.arena, &o), STORE_OK);
    cr_assert_eq(store_object_head(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
    cr_assert_eq(o->acl.n, 0);
    del(&w, "k", &two);
    cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
    cr_assert_str_eq(bytes_cstr(w.arena, o->acl), "public");
    world_close(&w);
}

Test(store_version, uploads_hand_their_access_list_on)
{
    struct world w = world_open();
    struct store_put p = {.bucket = &w.bucket, .key = BYTES_LIT("k"), .acl = BYTES_LIT("shared")};
    struct store_upload u;
    struct store_etag etag;
    struct store_object *o;
    cr_assert_eq(store_upload_create(w.store, &p, CHECKSUM_TYPE_NONE, w.arena, &u), STORE_OK);
    cr_assert_eq(world_put_part(&w, &w.bucket, "k", u.id, 1, 7, 100, &etag), STORE_OK);
    cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, 1, (unsigned[]){1}, &etag, NULL), STORE_OK);
    cr_assert_eq(store_object_head(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
    cr_assert_str_eq(bytes_cstr(w.arena, o->acl), "shared");
    world_close(&w);
}

Test(store_version, settings_go_with_their_bucket)
{
    struct world w = world_open();
    struct bytes got;
    cr_assert_eq(store_setting_get(w.store, w.bucket.name, STORE_SETTING_TAGS, w.arena, &got), STORE_NO_SUCH_SETTING);
    cr_assert_eq(store_setting_put(w.store, w.bucket.name, STORE_SETTING_TAGS, BYTES_LIT("tags")), STORE_OK);
    cr_assert_eq(store_setting_get(w.store, w.bucket.name, STORE_SETTING_TAGS, w.arena, &got), STORE_OK);
    cr_assert(bytes_eq_str(got, "tags"));
    cr_assert_eq(store_bucket_delete(w.store, w.bucket.name), STORE_OK);
    cr_assert_eq(store_setting_put(w.store, w.bucket.name, STORE_SETTING_TAGS, BYTES_LIT("x")), STORE_NO_SUCH_BUCKET);
    struct store_bucket again;
    cr_assert_eq(store_bucket_create(w.store, w.bucket.name,
                                     &(struct store_bucket_new){.owner = BYTES_LIT("me"), .region = BYTES_NONE},
                                     w.arena, &again),
                 STORE_OK);
    cr_assert_eq(store_setting_get(w.store, w.bucket.name, STORE_SETTING_TAGS, w.arena, &got), STORE_NO_SUCH_SETTING);
    world_close(&w);
}

/* ---- random operations against a plain list ---- */

#define M_KEYS     3
#define M_VERSIONS 64

struct m_version {
    struct store_version v;
    bool marker;
    char body[16];
};
struct model {
    enum versioning versioning;
    struct m_version list[M_KEYS][M_VERSIONS]; /* newest first */
    int n[M_KEYS];
};
static const char *const m_keys[M_KEYS] = {"a", "a/b", "b"};

static void m_drop(struct model *m, int k, int i)
{
    memmove(&m->list[k][i], &m->list[k][i + 1], (size_t)(m->n[k] - i - 1) * sizeof m->list[k][0]);
    m->n[k]--;
}

static void m_push(struct model *m, int k, struct m_version v)
{
    if (v.v.null)
        for (int i = m->n[k]; i-- > 0;)
            if (m->list[k][i].v.null)
                m_drop(m, k, i);
    memmove(&m->list[k][1], &m->list[k][0], (size_t)m->n[k] * sizeof m->list[k][0]);
    m->list[k][0] = v;
    m->n[k]++;
}

static const char *m_list(struct model *m, struct arena *a, const char *delimiter)
{
    struct buf out;
    bool grouped = false;
    buf_init(&out, 1 << 16);
    for (int k = 0; k < M_KEYS; k++)
        for (int i = 0; i < m->n[k]; i++) {
            if (*delimiter && k == 1) {
                if (!grouped)
                    buf_put_str(&out, "a/* ");
                grouped = true;
                continue;
            }
            struct m_version *v = &m->list[k][i];
            buf_put_str(&out, arena_printf(a, "%s%s%s%s ", m_keys[k], v->marker ? "-" : "+", v->v.null ? "0" : "",
                                           i == 0 ? "!" : ""));
        }
    const char *text = arena_printf(a, "%.*s", (int)out.n, out.n ? out.p : "");
    buf_fini(&out);
    return text;
}

static void m_compare(struct world *w, struct model *m, unsigned step)
{
    static const char *const delimiters[] = {"", "/"};
    for (size_t i = 0; i < ARRAY_LEN(delimiters); i++) {
        const char *got = list(w, "", delimiters[i], 1 + (step + i) % 5), *want = m_list(m, w->arena, delimiters[i]);
        cr_assert_str_eq(got, want, "step %u: %s, not %s", step, got, want);
    }
    for (int k = 0; k < M_KEYS; k++) {
        const char *want = m->n[k] == 0 ? "NO_SUCH_KEY" : m->list[k][0].marker ? "(marker)" : m->list[k][0].body;
        cr_assert_str_eq(get(w, m_keys[k], NULL), want, "step %u key %s", step, m_keys[k]);
        for (int i = 0; i < m->n[k]; i++) {
            struct m_version *v = &m->list[k][i];
            cr_assert_str_eq(get(w, m_keys[k], &v->v), v->marker ? "(marker)" : v->body, "step %u key %s", step,
                             m_keys[k]);
        }
    }
}

static void m_step(struct world *w, struct model *m, unsigned step, unsigned random)
{
    int k = (int)(random % M_KEYS);
    struct m_version v = {0};
    struct store_delete d;
    switch (random / 8 % 8) {
    case 0:
    case 1:
    case 2:
        snprintf(v.body, sizeof v.body, "b%u", step);
        v.v = random / 64 % 4 ? put(w, m_keys[k], v.body) : put_big(w, m_keys[k], v.body);
        m_push(m, k, v);
        break;
    case 3:
    case 4:
        if (m->versioning == VERSIONING_NEVER) {
            del(w, m_keys[k], NULL);
            m->n[k] = 0;
            break;
        }
        d = del(w, m_keys[k], NULL);
        cr_assert_eq(d.rc, STORE_OK);
        v.v = d.ret_version;
        v.marker = true;
        m_push(m, k, v);
        break;
    case 5:
    case 6:
        if (m->n[k]) {
            int i = (int)(random / 64) % m->n[k];
            struct store_version named = m->list[k][i].v;
            if (named.null)
                named.seq = 0;
            d = del(w, m_keys[k], &named);
            cr_assert(d.rc == STORE_OK && d.existed && d.marker == m->list[k][i].marker);
            m_drop(m, k, i);
        }
        break;
    default:
        if (random / 64 % 4 == 0) {
            m->versioning = random / 256 % 2 ? VERSIONING_ENABLED : VERSIONING_SUSPENDED;
            set_versioning(w, m->versioning);
        }
    }
    for (int i = 0; i < M_KEYS; i++)
        while (m->n[i] > 12) { /* keep it small */
            cr_assert_eq(del(w, m_keys[i], &m->list[i][m->n[i] - 1].v).rc, STORE_OK);
            m->n[i]--;
        }
}

Test(store_version, random_operations_against_a_list)
{
    for (unsigned seed = 1; seed <= 6; seed++) {
        struct world w = world_open();
        struct model m = {0};
        uint64_t x = seed * 0x9e3779b97f4a7c15u;
        for (unsigned step = 0; step < 400; step++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            if (step % 97 == 96)
                clock_test_shift_ms((int64_t)(x % 2000000) - 1000000); /* the order does not hang on the clock */
            m_step(&w, &m, step, (unsigned)(x >> 20));
            if (step % 7 == 0)
                m_compare(&w, &m, step);
            if (step % 50 == 49)
                world_restart(&w);
        }
        m_compare(&w, &m, 0);
        clock_test_shift_ms(2000000); /* garbage must not look as if it came from the future */
        world_collect(&w);
        world_check(&w, true);
        clock_test_shift_ms(0);
        world_close(&w);
    }
}

Test(store_version, killed_anywhere_is_before_or_after)
{
    for (unsigned nth = 1; nth < 40; nth++)
        for (int after = 0; after < 2; after++) {
            struct world w = world_open();
            put(&w, "k", "zero");
            set_versioning(&w, VERSIONING_ENABLED);
            struct store_version one = put(&w, "k", "one");
            del(&w, "k", NULL);
            world_kill_at(&w, nth, after);
            struct store_delete item = {.key = BYTES_LIT("k")}, back = {.key = BYTES_LIT("k"), .version = &one};
            struct store_bucket_change c = {.versioning = VERSIONING_SUSPENDED};
            world_put(&w, &w.bucket, "k", 1, 10, NULL);
            store_objects_delete(w.store, &w.bucket, BYTES_NONE, &item, 1);
            store_objects_delete(w.store, &w.bucket, BYTES_NONE, &back, 1);
            store_bucket_change(w.store, w.bucket.name, &c, w.arena, &w.bucket);
            world_put(&w, &w.bucket, "k", 2, WORLD_BIG, NULL);
            bool killed = world_killed(&w);
            world_restart(&w);
            world_collect(&w);
            world_check(&w, true);
            cr_assert_eq(store_bucket_get(w.store, w.bucket.name, w.arena, &w.bucket), STORE_OK);
            cr_assert_eq(world_put(&w, &w.bucket, "k", 3, 10, NULL), STORE_OK, "writes go on");
            const char *now = list(&w, "", "", 1);
            cr_assert(strncmp(now, "k+", 2) == 0 && strstr(now + 2, "!") && !strstr(strstr(now, "!") + 1, "!"), "%s",
                      now);
            world_close(&w);
            if (!killed)
                return;
        }
}
