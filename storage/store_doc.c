/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of other modules: a plain map in the system partition. What is in them is their owner's business; a change
 * of several is one batch, so it happens entirely or not at all.
 * Threads: store_doc_get may run on a loop; the rest blocks.
 */
#include "storage/store_internal.h"

static bool possible(struct bytes key)
{
    return key.n > 0 && key.n <= STORE_DOC_KEY_MAX;
}

int store_doc_get(struct store *st, struct bytes key, struct arena *a, struct bytes *ret)
{
    return possible(key) ? store__get_setting(st, key_of_kind(a, KEY_DOC, key), a, ret) : STORE_NO_SUCH_SETTING;
}

int store_doc_list(struct store *st, struct bytes prefix, struct bytes after, size_t max, struct arena *a,
                   struct store_doc **ret, size_t *ret_n, bool *ret_more)
{
    bool within = after.n && bytes_cmp(after, prefix) >= 0;
    struct index_scan scan = {.partition = INDEX_PARTITION_SYSTEM, .prefix = key_of_kind(a, KEY_DOC, prefix)};
    struct store_doc *found = arena_new_array(a, struct store_doc, max + 1);
    size_t n = 0;
    scan.from = within ? key_of_kind(a, KEY_DOC, after) : scan.prefix;
    scan.after = within;
    for (bool more = max > 0; more && n <= max;) { /* one more than asked for tells whether there are more */
        struct index_page page;
        scan.max_rows = max + 1 - n;
        int rc = index_page(st->index, &scan, a, &page);
        if (rc != INDEX_OK)
            return store__index_rc(rc);
        for (size_t i = 0; i < page.n_rows; i++) {
            struct rec_setting r;
            if (!record_decode(&rec_setting, page.rows[i].value, a, &r))
                return STORE_CORRUPT;
            found[n++] = (struct store_doc){key_rest(page.rows[i].key), r.value};
        }
        more = page.more && page.n_rows > 0;
        if (more) {
            scan.from = page.rows[page.n_rows - 1].key;
            scan.after = true;
        }
    }
    *ret = found;
    *ret_n = n > max ? max : n;
    *ret_more = n > max;
    return STORE_OK;
}

int store_doc_apply(struct store *st, const struct store_doc_change *changes, size_t n)
{
    struct arena *a = arena_create(0);
    struct txn t;
    int rc = n <= STORE_DOCS_MAX ? STORE_OK : STORE_OBJECT_TOO_LARGE;
    txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
    for (size_t i = 0; i < n && rc == STORE_OK; i++) {
        const struct store_doc_change *c = &changes[i];
        struct bytes key = key_of_kind(a, KEY_DOC, c->key);
        struct rec_setting was = {c->was}, value = {c->value};
        if (!possible(c->key) || c->value.n > STORE_SETTING_MAX)
            rc = STORE_OBJECT_TOO_LARGE;
        if (c->check)
            txn_expect(&t, key, c->was.n ? record_encode(&rec_setting, &was, a, NULL) : BYTES_NONE);
        if (c->put && c->value.n)
            txn_put(&t, key, record_encode(&rec_setting, &value, a, NULL), 0);
        else if (c->put)
            txn_delete(&t, key);
    }
    if (rc == STORE_OK && n)
        rc = store__index_rc(txn_apply(st, &t));
    arena_free(a);
    return rc;
}
