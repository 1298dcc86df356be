/* SPDX-License-Identifier: Apache-2.0 */
/* The authorize step on a store in memory: what cannot be read refuses. */
#include "server/authorize.h"

#include <criterion/criterion.h>

#include "server/conn.h"
#include "server/iam/identities.h"
#include "server/ops.h"
#include "server/server.h"
#include "tests/double/iam_world.h"

#define MAX_LINES 16
#define ROOT      "000000000000"

struct scene {
    struct iam_world world;
    struct server server;
    struct conn conn;
    struct http_header slots[MAX_LINES];
    struct req r;
};

static struct scene *scene_new(void)
{
    struct scene *s = calloc(1, sizeof *s);
    struct store_bucket made;
    cr_assert(s);
    iam_world_open(&s->world);
    s->server = (struct server){.config = &s->world.config, .store = s->world.store, .identities = s->world.ids};
    s->conn.peer_name = BYTES_LIT("127.0.0.1");
    s->conn.peer_loopback = true;
    struct store_bucket_new wanted = {.owner = BYTES_LIT(ROOT)};
    cr_assert_eq(store_bucket_create(s->world.store, BYTES_LIT("bkt"), &wanted, s->world.arena, &made), STORE_OK);
    return s;
}

static void scene_free(struct scene *s)
{
    iam_world_close(&s->world);
    free(s);
}

/* The error's code, or "" when the request may happen. */
static const char *ask(struct scene *s, const struct principal *who, const char *request)
{
    struct arena *a = s->world.arena;
    struct http_limits limits = http_limits_default;
    struct uri_parts parts;
    struct s3_target where;
    enum s3_error why;
    limits.max_headers = MAX_LINES;
    s->r = (struct req){.arena = a, .server = &s->server, .conn = &s->conn, .now_ms = s->world.now_ms};
    s->r.who = (struct identity){.anonymous = who == principal_anonymous(),
                                 .account = who->caller.account,
                                 .canonical_id = who->caller.canonical_id,
                                 .principal = who};
    http_head_init(&s->r.head, &limits, s->slots);
    cr_assert_eq(http_head_parse(&s->r.head, arena_bytesf(a, "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", request)),
                 HTTP_PARSE_OK);
    cr_assert_eq(uri_split(s->r.head.target, &parts), URI_OK);
    cr_assert_eq(uri_s3_target(a, parts.path, s->r.head.host, NULL, 0, &where), URI_OK);
    cr_assert_eq(query_parse(a, parts.query, &s->r.query), URI_OK);
    s->r.bucket_name = where.bucket;
    s->r.key = where.key;
    s->r.on_bucket = where.bucket.n > 0;
    s->r.on_object = where.key.n > 0;
    s->r.op = op_match(&s->r, &why);
    cr_assert(s->r.op, "%s", request);
    cr_assert_eq(store_bucket_get(s->world.store, where.bucket, a, &s->r.bucket), STORE_OK);
    return authorize_request(&s->r) < 0 ? s3_error_code(s->r.err.code) : "";
}

static void put(struct scene *s, enum store_setting kind, const char *text)
{
    cr_assert_eq(store_setting_put(s->world.store, BYTES_LIT("bkt"), kind, bytes_str(text)), STORE_OK);
}

/* No policy that cannot be read is taken for none; only the owner's root gets past it, to mend it. */
Test(authorize, POL_23_a_policy_that_cannot_be_read)
{
    static const char *const broken[] = {"x", "{\"Statement\":[]}", "{\"Statement\":[{\"Effect\":\"Allow\"}]}",
                                         "{\"Version\":\"2099-01-01\",\"Statement\":[]}", "\x01\x02"};
    static const char *const requests[] = {"GET /bkt/k",   "PUT /bkt/k",  "DELETE /bkt/k",        "GET /bkt",
                                           "PUT /bkt?acl", "DELETE /bkt", "GET /bkt?policyStatus"};
    static const char *const mending[] = {"GET /bkt?policy", "PUT /bkt?policy", "DELETE /bkt?policy"};
    struct scene *s = scene_new();
    const struct principal *root =
        iam_find(&s->world, bytes_str(s->world.config.root_user), BYTES_NONE, &(enum auth_lookup){0});
    struct principal user = {.caller = {.kind = IAM_CALLER_USER, .account = BYTES_LIT(ROOT)}, .type = "User"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        put(s, STORE_SETTING_POLICY, broken[i]);
        for (size_t k = 0; k < sizeof requests / sizeof requests[0]; k++) {
            cr_expect_str_eq(ask(s, root, requests[k]), "InternalError", "%s: %s", broken[i], requests[k]);
            cr_expect_str_eq(ask(s, &user, requests[k]), "InternalError", "%s: %s", broken[i], requests[k]);
            cr_expect_str_eq(ask(s, principal_anonymous(), requests[k]), "InternalError", "%s", requests[k]);
        }
        for (size_t k = 0; k < sizeof mending / sizeof mending[0]; k++) {
            cr_expect_str_eq(ask(s, root, mending[k]), "", "%s: %s", broken[i], mending[k]);
            cr_expect_str_eq(ask(s, &user, mending[k]), "InternalError", "%s: %s", broken[i], mending[k]);
        }
    }
    put(s, STORE_SETTING_POLICY, "");
    cr_expect_str_eq(ask(s, root, "GET /bkt/k"), "", "without a policy");
    scene_free(s);
}

/* Nor is a block, an ownership or a list. */
Test(authorize, POL_23_settings_that_cannot_be_read)
{
    static const enum store_setting kinds[] = {STORE_SETTING_PUBLIC_ACCESS, STORE_SETTING_OWNERSHIP, STORE_SETTING_ACL};
    struct scene *s = scene_new();
    const struct principal *root =
        iam_find(&s->world, bytes_str(s->world.config.root_user), BYTES_NONE, &(enum auth_lookup){0});
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        put(s, kinds[i], "\x7f damaged");
        const char *code = ask(s, root, "GET /bkt/k");
        cr_expect_str_neq(code, "", "setting %zu", i);
        cr_expect_str_neq(code, "AccessDenied", "setting %zu: the owner learns that something is wrong", i);
        put(s, kinds[i], "");
        cr_expect_str_eq(ask(s, root, "GET /bkt/k"), "", "setting %zu mended", i);
    }
    scene_free(s);
}
