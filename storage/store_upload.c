/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipart uploads up to their end: create, look up, list, list parts, abort. Parts are written by store_write.c, the
 * completion is in store_complete.c.
 *
 * An upload is one record whose key sorts by S3 key, then by the time of its initiation; its parts stand under its id.
 * Aborting removes the record and leaves the parts to the collector: O(1), and no part can come later, for a part's
 * batch requires the upload record. The record remembers which object was current at the start, for the rule that a
 * conditional completion fails when the key was written since. Threads: store_upload_get may run on a loop; the rest
 * blocks.
 */
#include "storage/store_internal.h"

#include <string.h>

#include "base/clock.h"

#define VISIT_BYTES (64u << 20) /* rows are what limits a visit */

int store__load_upload(struct store *st, uint64_t partition, struct bytes s3_key,
                       const unsigned char id[KEY_UPLOAD_BYTES], struct arena *a, struct rec_upload *ret,
                       struct bytes *ret_value)
{
    struct bytes value;
    if (s3_key.n == 0 || s3_key.n > STORE_KEY_MAX)
        return STORE_NO_SUCH_UPLOAD;
    int rc = index_get(st->index, partition, key_upload(a, s3_key, id), a, &value);
    if (rc == INDEX_NOT_FOUND)
        return STORE_NO_SUCH_UPLOAD;
    if (rc != INDEX_OK)
        return store__index_rc(rc);
    if (!record_decode(&rec_upload, value, a, ret))
        return STORE_CORRUPT;
    if (ret->u.storage_class.n == 0)
        ret->u.storage_class = BYTES_LIT("STANDARD");
    ret->u.initiated_ms = upload_id_time_ms(id);
    if (ret_value)
        *ret_value = value;
    return STORE_OK;
}

static void fill(struct store_upload *ret, const struct rec_upload *r, struct bytes key, struct bytes id)
{
    *ret = r->u;
    ret->key = key;
    ret->id = id;
}

int store_upload_create(struct store *st, const struct store_put *put, enum checksum_type type, struct arena *a,
                        struct store_upload *ret)
{
    struct store_bucket b = *put->bucket;
    const struct checksum_info *info = checksum_info(put->checksum);
    if (put->key.n == 0 || put->key.n > STORE_KEY_MAX)
        return STORE_NO_SUCH_KEY;
    struct rec_upload r = {.explicit_checksum = put->explicit_checksum};
    r.u = (struct store_upload){
        .owner = bytes_dup(a, put->owner),
        .storage_class = bytes_eq_str(put->storage_class, "STANDARD") ? BYTES_NONE : bytes_dup(a, put->storage_class),
        .checksum = put->checksum,
        .checksum_type = !info  ? CHECKSUM_TYPE_NONE
                         : type ? type
                                : info->default_type,
        .n_headers = put->n_headers,
    };
    struct store_header *headers = arena_new_array(a, struct store_header, put->n_headers);
    for (size_t i = 0; i < put->n_headers; i++)
        headers[i] = (struct store_header){bytes_dup(a, put->headers[i].name), bytes_dup(a, put->headers[i].value)};
    r.u.headers = headers;
    r.u.tags = put->tags;
    r.u.n_tags = put->n_tags;
    r.u.lock = put->lock;
    r.u.acl = put->acl;
    r.u.envelope = bytes_dup(a, put->seal.envelope);
    r.u.opaque_etag = put->seal.opaque_etag;
    if (put->seal.envelope.n > STORE_ENVELOPE_MAX)
        return STORE_OBJECT_TOO_LARGE;
    if ((put->lock.mode != LOCK_NONE || put->lock.hold_set) && !b.lock_enabled)
        return STORE_NO_LOCK;

    struct attempt at = {0};
    int rc;
    do {
        struct rec_object current;
        unsigned char id[KEY_UPLOAD_BYTES];
        struct txn t;
        rc = store__load_object(st, b.partition, key_object(a, put->key), &rec_object, a, &current, NULL);
        if (rc != STORE_OK && rc != STORE_NO_SUCH_KEY)
            return rc;
        memset(r.current_uid, 0, sizeof r.current_uid);
        if (rc == STORE_OK)
            memcpy(r.current_uid, current.o.uid, sizeof r.current_uid);
        upload_id_new(clock_wall_ms(), id);
        struct bytes key = key_upload(a, put->key, id);
        size_t head;
        struct bytes value = record_encode(&rec_upload, &r, a, &head);
        txn_init(&t, a, b.partition, b.generation);
        txn_expect(&t, key, BYTES_NONE);
        txn_put(&t, key, value, head);
        rc = txn_apply(st, &t);
        if (rc == INDEX_OK) {
            fill(ret, &r, bytes_dup(a, put->key), upload_id_text(a, id));
            ret->initiated_ms = upload_id_time_ms(id);
            if (ret->storage_class.n == 0)
                ret->storage_class = BYTES_LIT("STANDARD");
            return STORE_OK;
        }
        rc = store__retry(st, &at, rc, &b);
    } while (rc == STORE_OK);
    return rc;
}

int store_upload_get(struct store *st, const struct store_bucket *b, struct bytes key, struct bytes id, struct arena *a,
                     struct store_upload *ret)
{
    unsigned char raw[KEY_UPLOAD_BYTES];
    struct rec_upload r;
    if (!upload_id_parse(id, raw))
        return STORE_NO_SUCH_UPLOAD;
    int rc = store__load_upload(st, b->partition, key, raw, a, &r, NULL);
    if (rc == STORE_OK)
        fill(ret, &r, bytes_dup(a, key), bytes_dup(a, id));
    return rc;
}

static int abort_upload(struct store *st, struct store_bucket *b, struct bytes key,
                        const unsigned char id[KEY_UPLOAD_BYTES], struct arena *a)
{
    struct attempt at = {0};
    int rc;
    do {
        struct rec_upload r;
        struct bytes value = BYTES_NONE;
        struct txn t;
        arena_reset(a);
        rc = store__load_upload(st, b->partition, key, id, a, &r, &value);
        if (rc != STORE_OK)
            return rc;
        txn_init(&t, a, b->partition, b->generation);
        txn_expect(&t, key_upload(a, key, id), value);
        txn_delete(&t, key_upload(a, key, id));
        txn_purge_parts(&t, id);
        rc = txn_apply(st, &t);
        if (rc == INDEX_OK)
            return STORE_OK;
        rc = store__retry(st, &at, rc, b);
    } while (rc == STORE_OK);
    return rc;
}

int store_upload_abort(struct store *st, const struct store_bucket *bucket, struct bytes key, struct bytes id)
{
    struct store_bucket b = *bucket;
    unsigned char raw[KEY_UPLOAD_BYTES];
    if (!upload_id_parse(id, raw))
        return STORE_NO_SUCH_UPLOAD;
    struct arena *a = arena_create(0);
    int rc = abort_upload(st, &b, key, raw, a);
    arena_free(a);
    return rc;
}

/* ---- parts ---- */

int store_part_list(struct store *st, const struct store_bucket *b, const struct store_upload *u, unsigned after,
                    size_t max, struct arena *a, struct store_part **ret, size_t *ret_n, bool *ret_more)
{
    unsigned char id[KEY_UPLOAD_BYTES];
    if (!upload_id_parse(u->id, id))
        return STORE_NO_SUCH_UPLOAD;
    max = max < STORE_PARTS_MAX ? max : STORE_PARTS_MAX;
    struct index_scan scan = {
        .partition = b->partition, .prefix = key_parts(a, id), .after = true, .heads = true, .max_bytes = VISIT_BYTES};
    scan.from = key_part(a, id, after < STORE_PARTS_MAX ? after : STORE_PARTS_MAX);
    struct store_part *parts = arena_new_array(a, struct store_part, max + 1);
    size_t n = 0;
    for (bool more = max > 0; more && n <= max;) {
        struct index_page page;
        scan.max_rows = max + 1 - n;
        int rc = index_page(st->index, &scan, a, &page);
        if (rc != INDEX_OK && rc != INDEX_NOT_FOUND)
            return store__index_rc(rc);
        more = rc == INDEX_OK && page.more && page.n_rows > 0;
        for (size_t i = 0; rc == INDEX_OK && i < page.n_rows && n <= max; i++) {
            struct rec_object r;
            if (!record_decode(&rec_part, page.rows[i].value, NULL, &r))
                return STORE_CORRUPT;
            parts[n++] = (struct store_part){.number = key_part_number(page.rows[i].key),
                                             .size = r.o.size,
                                             .mtime_ms = r.o.mtime_ms,
                                             .etag = r.o.etag,
                                             .checksum = r.o.checksum};
        }
        if (more)
            scan.from = page.rows[page.n_rows - 1].key;
    }
    *ret = parts;
    *ret_n = n > max ? max : n;
    *ret_more = n > max;
    return STORE_OK;
}

/* ---- listing uploads ---- */

struct listing {
    const struct store_upload_list *list;
    store_upload_list_f *row;
    void *arg;
    struct arena *arena;
    size_t given;
    bool truncated, corrupt;
    struct buf last_key;
    unsigned char last_id[KEY_UPLOAD_BYTES];
    bool last_is_upload;
};

static bool give_upload(struct listing *l, struct bytes key, const unsigned char *id, struct bytes head)
{
    struct rec_upload r;
    char text[KEY_UPLOAD_TEXT];
    if (!record_decode(&rec_upload, head, NULL, &r))
        return false;
    struct store_upload_row row = {0};
    base64url_encode(id, KEY_UPLOAD_BYTES, text);
    fill(&row.upload, &r, key, bytes_of(text, sizeof text));
    row.upload.initiated_ms = upload_id_time_ms(id);
    if (row.upload.storage_class.n == 0)
        row.upload.storage_class = BYTES_LIT("STANDARD");
    l->row(l->arg, &row);
    memcpy(l->last_id, id, KEY_UPLOAD_BYTES);
    return true;
}

static enum index_visit on_row(void *arg, struct bytes index_key, struct bytes head, struct buf *seek)
{
    struct listing *l = arg;
    struct bytes key;
    const unsigned char *id;
    if (l->given == l->list->max) {
        l->truncated = true;
        return INDEX_VISIT_STOP;
    }
    l->corrupt = !key_upload_parse(index_key, &key, &id);
    if (l->corrupt)
        return INDEX_VISIT_STOP;
    if (!bytes_starts(key, l->list->prefix))
        return INDEX_VISIT_NEXT; /* the prefix reaches into the upload id */
    struct bytes group = store__group_of(key, l->list->prefix, l->list->delimiter);
    if (group.n == 0)
        l->corrupt = !give_upload(l, key, id, head);
    else
        l->row(l->arg, &(struct store_upload_row){.is_prefix = true, .prefix = group});
    if (l->corrupt)
        return INDEX_VISIT_STOP;
    l->given++;
    l->last_is_upload = group.n == 0;
    buf_reset(&l->last_key);
    buf_put_bytes(&l->last_key, group.n ? group : key);
    if (group.n == 0)
        return INDEX_VISIT_NEXT;
    buf_reset(seek);
    return key_after_prefix(seek, bytes_of(index_key.p, 1 + group.n)) ? INDEX_VISIT_SEEK : INDEX_VISIT_STOP;
}

/* Where the scan begins; STORE_NO_SUCH_UPLOAD: the id marker is none. */
static int first_key(const struct store_upload_list *list, struct arena *a, struct index_scan *scan, bool *ret_nothing)
{
    unsigned char id[KEY_UPLOAD_BYTES];
    struct bytes group = store__group_of(list->key_marker, list->prefix, list->delimiter);
    *ret_nothing = false;
    scan->from = scan->prefix;
    if (list->key_marker.n == 0 || (bytes_cmp(list->key_marker, list->prefix) < 0))
        return STORE_OK;
    if (group.n) {
        struct buf from;
        buf_init(&from, INDEX_KEY_MAX);
        *ret_nothing = !key_after_prefix(&from, key_of_kind(a, KEY_UPLOAD, group));
        scan->from = bytes_dup(a, buf_bytes(&from));
        buf_fini(&from);
        return STORE_OK;
    }
    struct bytes marker = bytes_cut(list->key_marker, 0, STORE_KEY_MAX + 1);
    memset(id, 0xff, sizeof id); /* behind all uploads of the key */
    if (list->upload_id_marker.n && !upload_id_parse(list->upload_id_marker, id))
        return STORE_NO_SUCH_UPLOAD;
    scan->from = key_upload(a, marker, id);
    scan->after = true;
    return STORE_OK;
}

int store_upload_list(struct store *st, const struct store_bucket *b, const struct store_upload_list *list,
                      store_upload_list_f *row, void *arg, struct arena *a, struct store_upload_list_end *ret)
{
    struct listing l = {.list = list, .row = row, .arg = arg, .arena = a};
    struct index_scan scan = {
        .partition = b->partition, .max_bytes = VISIT_BYTES, .heads = true, .max_rows = list->max + 1};
    bool nothing;
    *ret = (struct store_upload_list_end){0};
    if (list->max == 0 || list->prefix.n > STORE_KEY_MAX)
        return STORE_OK;
    scan.prefix = key_of_kind(a, KEY_UPLOAD, list->prefix);
    int rc = first_key(list, a, &scan, &nothing);
    if (rc != STORE_OK || nothing)
        return rc;
    buf_init(&l.last_key, INDEX_KEY_MAX);
    rc = store__visit(st, &scan, on_row, &l);
    if (rc == STORE_OK && l.corrupt)
        rc = STORE_CORRUPT;
    if (rc == STORE_OK) {
        ret->truncated = l.truncated;
        ret->last_key = bytes_dup(a, buf_bytes(&l.last_key));
        if (l.last_is_upload)
            ret->last_id = upload_id_text(a, l.last_id);
    }
    buf_fini(&l.last_key);
    return rc;
}
