/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over all envelopes, bucket by bucket: versions by pages of store_version_list, so that one which moves
 * between current and older is seen exactly once, then uploads. A page is read first and its envelopes are shown
 * afterwards, so `look` may take its time.
 *
 * A new envelope goes into the record as it is then, if it still has the one that was shown. Only the envelope changes;
 * whoever was about to change the record too finds it changed and reads again.
 *
 * The cursor: which of the two lists, the bucket's name with its length, and where in the list. Threads: blocks.
 */
#include "storage/store_internal.h"

#include <string.h>

#define PAGE_ROWS 1000

enum walk_list { WALK_VERSIONS = 'v', WALK_UPLOADS = 'u', WALK_NEXT = 'n' /* the buckets behind this one */ };

struct walk {
    struct store *store;
    struct arena *arena; /* of one page */
    store_envelope_f *look;
    void *arg;
    size_t left; /* rows */
    /* where it is: */
    enum walk_list list;
    struct store_bucket bucket;
    struct bytes key, upload_id;
    bool has_version;
    struct store_version version;
};

/* ---- the cursor ---- */

static struct bytes write_cursor(const struct walk *w, struct arena *a)
{
    struct buf b;
    buf_init(&b, INDEX_KEY_MAX);
    char head[2] = {(char)w->list, (char)w->bucket.name.n};
    buf_put(&b, head, sizeof head);
    buf_put_bytes(&b, w->bucket.name);
    if (w->list == WALK_VERSIONS && w->has_version)
        buf_put(&b, &w->version, sizeof w->version);
    if (w->list == WALK_UPLOADS && w->key.n)
        buf_put_bytes(&b, w->upload_id);
    if (w->list != WALK_NEXT)
        buf_put_bytes(&b, w->key);
    struct bytes cursor = bytes_dup(a, buf_bytes(&b));
    buf_fini(&b);
    return cursor;
}

static void read_cursor(struct walk *w, struct bytes cursor)
{
    w->list = WALK_NEXT;
    if (cursor.n < 2)
        return;
    w->list = (enum walk_list)cursor.p[0];
    w->bucket.name = bytes_cut(cursor, 2, (unsigned char)cursor.p[1]);
    struct bytes rest = bytes_cut(cursor, 2 + w->bucket.name.n, SIZE_MAX);
    if (w->list == WALK_VERSIONS && rest.n > sizeof w->version) {
        memcpy(&w->version, rest.p, sizeof w->version);
        w->has_version = true;
        w->key = bytes_cut(rest, sizeof w->version, SIZE_MAX);
    }
    if (w->list == WALK_UPLOADS && rest.n > KEY_UPLOAD_TEXT) {
        w->upload_id = bytes_cut(rest, 0, KEY_UPLOAD_TEXT);
        w->key = bytes_cut(rest, KEY_UPLOAD_TEXT, SIZE_MAX);
    }
}

/* ---- one envelope ---- */

struct shown {
    struct bytes key, envelope, upload_id;
    struct store_version version;
};

static int plan_version(struct walk *w, const struct shown *s, struct bytes fresh, struct txn *t)
{
    struct store_located *found = arena_new(w->arena, struct store_located);
    int rc = store__find_version(w->store, &w->bucket, s->key, &s->version, w->arena, found);
    if (rc != STORE_OK)
        return rc;
    if (!bytes_eq(found->r.o.envelope, s->envelope))
        return STORE_NO_SUCH_VERSION;
    found->r.o.envelope = fresh;
    txn_expect(t, found->index_key, found->value);
    store__put_again(t, found->index_key, &found->r);
    return STORE_OK;
}

static int plan_upload(struct walk *w, const struct shown *s, struct bytes fresh, struct txn *t)
{
    unsigned char id[KEY_UPLOAD_BYTES];
    struct rec_upload u;
    struct bytes value;
    size_t head;
    if (!upload_id_parse(s->upload_id, id))
        return STORE_CORRUPT;
    int rc = store__load_upload(w->store, w->bucket.partition, s->key, id, w->arena, &u, &value);
    if (rc != STORE_OK)
        return rc;
    if (!bytes_eq(u.u.envelope, s->envelope))
        return STORE_NO_SUCH_UPLOAD;
    u.u.envelope = fresh;
    if (bytes_eq_str(u.u.storage_class, "STANDARD"))
        u.u.storage_class = BYTES_NONE;
    struct bytes key = key_upload(w->arena, s->key, id), again = record_encode(&rec_upload, &u, w->arena, &head);
    txn_expect(t, key, value);
    txn_put(t, key, again, head);
    return STORE_OK;
}

/* STORE_OK also when the object is gone or has another envelope by now. */
static int replace(struct walk *w, const struct shown *s, struct bytes fresh)
{
    struct attempt at = {0};
    int rc;
    do {
        struct txn t;
        txn_init(&t, w->arena, w->bucket.partition, w->bucket.generation);
        rc = s->upload_id.n ? plan_upload(w, s, fresh, &t) : plan_version(w, s, fresh, &t);
        if (rc != STORE_OK)
            break;
        rc = txn_apply(w->store, &t);
        if (rc == INDEX_OK)
            return STORE_OK;
        rc = store__retry(w->store, &at, rc, &w->bucket);
    } while (rc == STORE_OK);
    bool gone = rc == STORE_NO_SUCH_KEY || rc == STORE_NO_SUCH_VERSION || rc == STORE_NO_SUCH_UPLOAD ||
                rc == STORE_DELETE_MARKER || rc == STORE_NO_SUCH_BUCKET;
    return gone ? STORE_OK : rc;
}

static int show(struct walk *w, const struct shown *s)
{
    struct bytes fresh = BYTES_NONE;
    if (s->envelope.n == 0 || !w->look(w->arg, w->bucket.partition, s->key, s->envelope, w->arena, &fresh))
        return STORE_OK;
    return fresh.n <= STORE_ENVELOPE_MAX ? replace(w, s, fresh) : STORE_OBJECT_TOO_LARGE;
}

/* ---- pages ---- */

struct page {
    struct arena *arena;
    struct shown *rows;
    size_t n;
};

static void take_version(void *arg, const struct store_list_row *row)
{
    struct page *p = arg;
    p->rows[p->n++] = (struct shown){
        .key = bytes_dup(p->arena, row->key), .envelope = bytes_dup(p->arena, row->envelope), .version = row->version};
}

static void take_upload(void *arg, const struct store_upload_row *row)
{
    struct page *p = arg;
    p->rows[p->n++] = (struct shown){.key = bytes_dup(p->arena, row->upload.key),
                                     .envelope = bytes_dup(p->arena, row->upload.envelope),
                                     .upload_id = bytes_dup(p->arena, row->upload.id)};
}

static int show_page(struct walk *w, const struct page *p)
{
    int rc = STORE_OK;
    for (size_t i = 0; rc == STORE_OK && i < p->n; i++)
        rc = show(w, &p->rows[i]);
    w->left -= p->n;
    return rc;
}

static int versions_page(struct walk *w, struct page *p, struct arena *a)
{
    struct store_version_list list = {
        .key_marker = w->key, .version_marker = w->has_version ? &w->version : NULL, .max = w->left};
    struct store_version_list_end end;
    int rc = store_version_list(w->store, &w->bucket, &list, take_version, p, w->arena, &end);
    if (rc == STORE_OK)
        rc = show_page(w, p);
    w->has_version = end.truncated;
    w->key = end.truncated ? bytes_dup(a, end.last_key) : BYTES_NONE;
    w->version = end.last_version;
    w->list = end.truncated ? WALK_VERSIONS : WALK_UPLOADS;
    return rc;
}

static int uploads_page(struct walk *w, struct page *p, struct arena *a)
{
    struct store_upload_list list = {.key_marker = w->key, .upload_id_marker = w->upload_id, .max = w->left};
    struct store_upload_list_end end;
    int rc = store_upload_list(w->store, &w->bucket, &list, take_upload, p, w->arena, &end);
    if (rc == STORE_OK)
        rc = show_page(w, p);
    w->key = end.truncated ? bytes_dup(a, end.last_key) : BYTES_NONE;
    w->upload_id = end.truncated ? bytes_dup(a, end.last_id) : BYTES_NONE;
    w->list = end.truncated ? WALK_UPLOADS : WALK_NEXT;
    return rc;
}

/* The bucket of the cursor again, or the next one. *ret_any false: that was the last. */
static int enter_bucket(struct walk *w, struct arena *a, bool *ret_any)
{
    struct store_bucket *next;
    size_t n;
    bool more;
    *ret_any = true;
    if (w->list != WALK_NEXT) {
        int rc = store_bucket_get(w->store, w->bucket.name, a, &w->bucket);
        if (rc != STORE_NO_SUCH_BUCKET)
            return rc;
        w->list = WALK_NEXT;
    }
    int rc = store_bucket_list(w->store, BYTES_NONE, w->bucket.name, 1, a, &next, &n, &more);
    *ret_any = rc == STORE_OK && n > 0;
    if (!*ret_any)
        return rc;
    w->bucket = *next;
    w->list = WALK_VERSIONS;
    w->key = w->upload_id = BYTES_NONE;
    w->has_version = false;
    return rc;
}

static int walk_on(struct walk *w, struct arena *a, bool *ret_any)
{
    int rc = enter_bucket(w, a, ret_any);
    while (rc == STORE_OK && *ret_any && w->left) {
        struct page p = {.arena = w->arena, .rows = arena_new_array(w->arena, struct shown, w->left)};
        rc = w->list == WALK_VERSIONS ? versions_page(w, &p, a) : uploads_page(w, &p, a);
        if (rc == STORE_OK && w->list == WALK_NEXT)
            rc = enter_bucket(w, a, ret_any);
        arena_reset(w->arena);
    }
    return rc;
}

int store_envelopes(struct store *st, struct bytes *cursor, size_t max, store_envelope_f *look, void *arg,
                    struct arena *a)
{
    struct walk w = {
        .store = st, .look = look, .arg = arg, .left = max < PAGE_ROWS ? max : PAGE_ROWS, .arena = arena_create(0)};
    bool any;
    read_cursor(&w, *cursor);
    int rc = walk_on(&w, a, &any);
    if (rc == STORE_OK)
        *cursor = any ? write_cursor(&w, a) : BYTES_NONE;
    arena_free(w.arena);
    return rc;
}
