/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities in memory. A call gets a request of its own, as if the connection had authenticated it for the service
 * that the form's Version names; nothing but a socket is missing. Threads: one.
 */
#include "tests/double/iam_world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "server/conn.h"
#include "server/iam/query.h"
#include "server/ops.h"
#include "server/server.h"
#include "tests/double/blob_double.h"
#include "tests/double/index_double.h"

void iam_world_open(struct iam_world *w)
{
    char error[512];
    *w = (struct iam_world){.folder = "/tmp/pail-iam-XXXXXX", .now_ms = 1800000000000};
    CHECK(mkdtemp(w->folder));
    w->config = (struct config){.root_user = "rootrootroot",
                                .root_password = "root-password",
                                .region = "",
                                .master_key_file = "",
                                .jwks_dir = ""};
    w->index = index_double_open(1);
    index_double_cut_pages(w->index, false);
    struct store_options o = {.index = w->index, .blobs = blob_double_new(), .no_background = true};
    CHECK(store_open(&o, &w->store) == STORE_OK);
    w->arena = arena_create(0);
    CHECK(iam_world_restart(w, error));
}

bool iam_world_restart(struct iam_world *w, char error[512])
{
    struct master_key_options m = {.store = w->store, .data_dir = w->folder};
    arena_reset(w->arena); /* lets principals go */
    identities_close(&w->ids);
    master_key_close(&w->master_key);
    if (!master_key_open(&m, &w->master_key, error))
        return false;
    struct identities_options o = {.store = w->store, .config = &w->config, .crypt = w->master_key.crypt};
    return identities_open(&o, &w->ids, error);
}

void iam_world_close(struct iam_world *w)
{
    arena_free(w->arena);
    identities_close(&w->ids);
    master_key_close(&w->master_key);
    store_close(&w->store);
    unlink(arena_printf(w->arena = arena_create(0), "%s/pail.key", w->folder));
    rmdir(w->folder);
    arena_free(w->arena);
}

static const struct s3_op *query_row(void)
{
    size_t n;
    const struct s3_op *ops = op_table(&n);
    for (size_t i = 0; i < n; i++)
        if (ops[i].flags & OP_QUERY && ops[i].method == HTTP_POST)
            return &ops[i];
    return NULL;
}

struct iam_answer iam_call(struct iam_world *w, const struct principal *who, struct bytes form)
{
    struct http_header slots[1];
    struct http_limits limits = http_limits_default;
    struct server server = {.config = &w->config, .store = w->store, .identities = w->ids};
    struct conn conn = {.peer_text = "192.0.2.1", .peer_loopback = true};
    struct req r = {.conn = &conn, .server = &server, .arena = w->arena, .id = "REQUEST", .now_ms = w->now_ms};
    bool sts = bytes_find(form, BYTES_LIT("Version=2011-06-15"), 0) >= 0;
    limits.max_headers = 1;
    http_head_init(&r.head, &limits, slots);
    r.head.method = HTTP_POST;
    r.op = query_row();
    r.who.anonymous = who == NULL;
    r.who.principal = who ? who : principal_anonymous();
    r.auth.service = sts ? BYTES_LIT("sts") : BYTES_LIT("iam");
    buf_init(&r.body, form.n + 1);
    buf_put_bytes(&r.body, form);
    buf_init(&r.resp.headers, 4096);
    buf_init(&r.resp.doc, REQ_DOC_MAX);
    int rc = query_handle(&r);
    if (rc < 0)
        query_respond_error(&r);
    struct iam_answer answer = {rc < 0 ? r.resp.status : 200, bytes_dup(w->arena, r.resp.body)};
    buf_fini(&r.body);
    buf_fini(&r.resp.headers);
    buf_fini(&r.resp.doc);
    return answer;
}

struct bytes iam_element(struct iam_world *w, const struct iam_answer *a, const char *name)
{
    struct bytes open = arena_bytesf(w->arena, "<%s>", name), close = arena_bytesf(w->arena, "</%s>", name);
    ptrdiff_t from = bytes_find(a->body, open, 0), to = from < 0 ? -1 : bytes_find(a->body, close, (size_t)from);
    return to < 0 ? BYTES_NONE : bytes_cut(a->body, (size_t)from + open.n, (size_t)to - (size_t)from - open.n);
}

const struct principal *iam_find(struct iam_world *w, struct bytes access_key, struct bytes token,
                                 enum auth_lookup *ret)
{
    struct auth_key key;
    *ret = identities_find_key(w->ids, w->arena, w->now_ms, access_key, token, &key);
    return *ret == AUTH_KEY_FOUND ? key.identity : NULL;
}
