/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: what may be asked for, uniqueness, limits, sealed secrets, deletion, and the table of owners. */
#include "accounts.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "server/iam/iam_api.h"
#include "server/identity.h"
#include "tests/double/iam_world.h"
#include "tests/double/index_double.h"

static struct accounts_answer make(struct iam_world *w, const char *json)
{
    return accounts_create_of_json(w->ids, bytes_str(json), w->arena);
}

/* A member of an answer, in the world's arena. */
static struct bytes member(struct iam_world *w, struct bytes json, const char *name)
{
    json_t *j = json_loadb(json.p, json.n, 0, NULL);
    cr_assert_not_null(j, "%.*s", (int)json.n, json.p);
    struct bytes text = bytes_dup(w->arena, record_text(j, name));
    json_decref(j);
    return text;
}

static struct accounts_answer made(struct iam_world *w, const char *json)
{
    struct accounts_answer a = make(w, json);
    cr_assert_eq(a.rc, ACCOUNTS_OK, "%s: %s", json, a.text.p);
    return a;
}

Test(accounts, what_is_asked_for_is_checked)
{
    static const struct {
        const char *json;
        enum accounts_rc rc;
    } cases[] = {
        {"", ACCOUNTS_INVALID},
        {"[]", ACCOUNTS_INVALID},
        {"{}", ACCOUNTS_INVALID},
        {"{\"name\":\"\"}", ACCOUNTS_INVALID},
        {"{\"name\":7}", ACCOUNTS_INVALID},
        {"{\"name\":{\"name\":\"a\"}}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"email\":[]}", ACCOUNTS_INVALID},
        {"{\"name\":\"a b\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a/b\"}", ACCOUNTS_INVALID},
        {"{\"name\":\".a\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\\u0000\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"123456789012\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"name\":\"b\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"id\":\"123456789012\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"email\":\"@b\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"email\":\"a@\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"email\":\"a b@c\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"email\":\"a@b\\\"\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"accessKey\":\"abc\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"secretKey\":\"12345678\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"accessKey\":\"ab\",\"secretKey\":\"12345678\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"accessKey\":\"a,b\",\"secretKey\":\"12345678\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"accessKey\":\"abc\",\"secretKey\":\"1234567\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"accessKey\":\"abc\",\"secretKey\":\"1234 5678\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"accessKey\":\"ASIA0123456789012345\",\"secretKey\":\"12345678\"}", ACCOUNTS_INVALID},
        {"{\"name\":\"a\",\"accessKey\":\"rootrootroot\",\"secretKey\":\"12345678\"}", ACCOUNTS_EXISTS},
        {"{\"name\":\"a\",\"accessKey\":\"minioadmin\",\"secretKey\":\"12345678\"}", ACCOUNTS_EXISTS},
        {"{\"name\":\"Root\"}", ACCOUNTS_EXISTS},
        {"{\"name\":\"a\",\"email\":\"ROOT@localhost\"}", ACCOUNTS_EXISTS},
        {"{\"name\":\"a\",\"email\":null,\"accessKey\":\"abc\",\"secretKey\":\"12345678\"}", ACCOUNTS_OK},
        {"{\"name\":\"b\",\"accessKey\":\"abc\",\"secretKey\":\"12345678\"}", ACCOUNTS_EXISTS},
        {"{\"name\":\"A\"}", ACCOUNTS_EXISTS},
        {"{\"name\":\"b\",\"email\":\"b@x\"}", ACCOUNTS_OK},
        {"{\"name\":\"c\",\"email\":\"B@X\"}", ACCOUNTS_EXISTS},
    };
    struct iam_world w;
    iam_world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct accounts_answer a = make(&w, cases[i].json);
        cr_expect_eq(a.rc, cases[i].rc, "%s: %s", cases[i].json, a.text.p);
    }
    char long_text[ACCOUNT_BODY_MAX + 64];
    memset(long_text, '[', sizeof long_text);
    long_text[ACCOUNT_BODY_MAX - 1] = '\0';
    cr_assert_eq(make(&w, long_text).rc, ACCOUNTS_INVALID);
    memset(long_text, ' ', sizeof long_text);
    memcpy(long_text, "{\"name\":\"long\"}", 15);
    long_text[sizeof long_text - 1] = '\0';
    cr_assert_eq(make(&w, long_text).rc, ACCOUNTS_INVALID);
    iam_world_close(&w);
}

static enum index_visit look_for(void *arg, struct bytes key, struct bytes value, struct buf *seek)
{
    struct bytes *secret = arg;
    (void)key;
    (void)seek;
    cr_expect_lt(bytes_find(value, *secret, 0), 0, "the secret key lies in the index");
    return INDEX_VISIT_NEXT;
}

Test(accounts, a_made_account_works_and_its_secret_is_sealed)
{
    struct iam_world w;
    enum auth_lookup how;
    char error[512];
    iam_world_open(&w);
    struct bytes json = made(&w, "{\"name\":\"Team\",\"email\":\"t@x\"}").text;
    char key[21] = {0}, id[13] = {0};
    struct bytes secret = member(&w, json, "secretKey");
    memcpy(key, member(&w, json, "accessKey").p, 20);
    memcpy(id, member(&w, json, "id").p, 12);
    cr_assert(acl_is_canonical_id(member(&w, json, "canonicalId")));
    const struct principal *p = iam_find(&w, bytes_str(key), BYTES_NONE, &how);
    cr_assert_not_null(p);
    cr_assert_eq(p->caller.kind, IAM_CALLER_ROOT);
    cr_assert(bytes_eq_str(p->caller.account, id));
    struct index_scan all = {.partition = INDEX_PARTITION_SYSTEM, .max_rows = 100000, .max_bytes = 1u << 30};
    bool more;
    cr_assert_eq(index_visit(w.index, &all, look_for, &secret, &more), INDEX_OK);
    cr_assert_lt(bytes_find(accounts_list(w.ids, w.arena).text, secret, 0), 0);
    cr_assert_lt(bytes_find(accounts_get(w.ids, BYTES_LIT("team"), w.arena).text, secret, 0), 0);
    struct iam_owner owner;
    cr_assert(identities_owner(w.ids, bytes_str(id), &owner) && bytes_eq_str(owner.name, "Team"));
    cr_assert(iam_world_restart(&w, error), "%s", error);
    cr_assert(identities_owner(w.ids, bytes_str(id), &owner) && bytes_eq_str(owner.name, "Team"));
    cr_assert_not_null(iam_find(&w, bytes_str(key), BYTES_NONE, &how));
    w.config.root_user = key; /* a key is one account's */
    cr_assert_not(iam_world_restart(&w, error));
    cr_assert_not_null(strstr(error, "taken already"), "%s", error);
    iam_world_close(&w);
}

Test(accounts, what_has_something_is_not_deleted)
{
    struct iam_world w;
    enum auth_lookup how;
    char error[512], kept[12];
    struct store_bucket b;
    iam_world_open(&w);
    struct bytes json = made(&w, "{\"name\":\"team\",\"email\":\"t@x\"}").text, id = member(&w, json, "id");
    struct bytes key = member(&w, json, "accessKey");
    const struct principal *root = iam_find(&w, key, BYTES_NONE, &how);
    cr_assert_eq(accounts_delete(w.ids, BYTES_LIT(ROOT_ACCOUNT_ID), w.arena).rc, ACCOUNTS_IN_USE);
    cr_assert_eq(accounts_delete(w.ids, BYTES_LIT("root"), w.arena).rc, ACCOUNTS_IN_USE);
    cr_assert_eq(accounts_delete(w.ids, BYTES_LIT("nobody"), w.arena).rc, ACCOUNTS_ABSENT);
    cr_assert_eq(accounts_delete(w.ids, BYTES_NONE, w.arena).rc, ACCOUNTS_ABSENT);
    for (unsigned i = 0; i < 5; i++) {
        struct bytes name = arena_bytesf(w.arena, "bucket-%u", i),
                     form = arena_bytesf(w.arena, "Version=2010-05-08&Action=CreateUser&UserName=user-%u", i);
        struct store_bucket_new want = {.owner = id, .region = BYTES_LIT("r")};
        cr_assert_eq(store_bucket_create(w.store, name, &want, w.arena, &b), STORE_OK);
        cr_assert_eq(iam_call(&w, root, form).status, 200);
    }
    struct accounts_answer a = accounts_delete(w.ids, id, w.arena);
    cr_assert_eq(a.rc, ACCOUNTS_IN_USE);
    cr_assert_str_eq(a.text.p, "account team still has buckets (bucket-0, bucket-1, bucket-2, ...), users (user-0, "
                               "user-1, user-2, ...); delete them first");
    for (unsigned i = 0; i < 5; i++) {
        struct bytes form = arena_bytesf(w.arena, "Version=2010-05-08&Action=DeleteUser&UserName=user-%u", i);
        cr_assert_eq(store_bucket_delete(w.store, arena_bytesf(w.arena, "bucket-%u", i)), STORE_OK);
        cr_assert_eq(iam_call(&w, root, form).status, 200);
    }
    cr_assert(accounts_keeps(w.ids, id));
    cr_assert_eq(accounts_delete(w.ids, BYTES_LIT("TEAM"), w.arena).rc, ACCOUNTS_OK);
    cr_assert_not(accounts_keeps(w.ids, id));
    cr_assert(accounts_keeps(w.ids, BYTES_LIT(ROOT_ACCOUNT_ID)));
    cr_assert_null(iam_find(&w, key, BYTES_NONE, &how));
    cr_assert_eq(how, AUTH_KEY_UNKNOWN);
    cr_assert_eq(iam_call(&w, root, BYTES_LIT("Version=2010-05-08&Action=CreateUser&UserName=late")).status, 403,
                 "a request that began before");
    memcpy(kept, id.p, 12);
    id = bytes_of(kept, 12);
    cr_assert(iam_world_restart(&w, error), "%s", error);
    struct iam_owner owner;
    struct iam_account account;
    cr_assert(identities_owner(w.ids, id, &owner) && bytes_eq_str(owner.name, "team"), "its name stays known");
    cr_assert_not(identities_account(w.ids, id, w.arena, &account));
    cr_assert_not(identities_account_of_email(w.ids, BYTES_LIT("t@x"), w.arena, &account));
    cr_assert_not(identities_account_of_canonical(w.ids, owner.canonical_id, w.arena, &account));
    made(&w, "{\"name\":\"team\",\"email\":\"t@x\"}");
    iam_world_close(&w);
}

Test(accounts, a_server_takes_so_many)
{
    struct iam_world w;
    char json[64];
    iam_world_open(&w);
    for (unsigned i = 1; i < ACCOUNTS_MAX; i++) {
        snprintf(json, sizeof json, "{\"name\":\"team-%u\"}", i);
        struct arena *a = arena_create(0);
        cr_assert_eq(accounts_create_of_json(w.ids, bytes_str(json), a).rc, ACCOUNTS_OK);
        arena_free(a);
    }
    cr_assert_eq(make(&w, "{\"name\":\"one-more\"}").rc, ACCOUNTS_LIMIT);
    cr_assert_eq(accounts_delete(w.ids, BYTES_LIT("team-500"), w.arena).rc, ACCOUNTS_OK);
    made(&w, "{\"name\":\"one-more\"}");
    json_t *list = json_loads(accounts_list(w.ids, w.arena).text.p, 0, NULL);
    cr_assert_eq(json_array_size(json_object_get(list, "accounts")), ACCOUNTS_MAX);
    json_decref(list);
    iam_world_close(&w);
}

struct racer {
    struct iam_world *w;
    unsigned wins;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    char json[64];
    struct iam_owner owner;
    for (unsigned i = 0; i < 40; i++) {
        struct arena *a = arena_create(0);
        snprintf(json, sizeof json, "{\"name\":\"name-%u\"}", i);
        r->wins += accounts_create_of_json(r->w->ids, bytes_str(json), a).rc == ACCOUNTS_OK;
        cr_expect(identities_owner(r->w->ids, BYTES_LIT(ROOT_ACCOUNT_ID), &owner));
        arena_free(a);
    }
    return NULL;
}

Test(accounts, one_of_many_gets_a_name)
{
    enum { RACERS = 4 };
    struct iam_world w;
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    unsigned wins = 0;
    iam_world_open(&w);
    for (size_t i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.w = &w};
        cr_assert_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        wins += racers[i].wins;
    }
    cr_assert_eq(wins, 40);
    iam_world_close(&w);
}

Test(accounts, the_last_key_of_a_root_stays)
{
    struct iam_world w;
    enum auth_lookup how;
    iam_world_open(&w);
    struct bytes key = member(&w, made(&w, "{\"name\":\"team\"}").text, "accessKey");
    const struct principal *root = iam_find(&w, key, BYTES_NONE, &how);
    struct bytes drop =
        arena_bytesf(w.arena, "Version=2010-05-08&Action=DeleteAccessKey&AccessKeyId=%.*s", (int)key.n, key.p);
    struct bytes stop = arena_bytesf(
        w.arena, "Version=2010-05-08&Action=UpdateAccessKey&Status=Inactive&AccessKeyId=%.*s", (int)key.n, key.p);
    cr_assert_eq(iam_call(&w, root, drop).status, 409);
    cr_assert_eq(iam_call(&w, root, stop).status, 409);
    struct iam_answer second = iam_call(&w, root, BYTES_LIT("Version=2010-05-08&Action=CreateAccessKey"));
    struct bytes id = iam_element(&w, &second, "AccessKeyId");
    struct bytes stop_second = arena_bytesf(
        w.arena, "Version=2010-05-08&Action=UpdateAccessKey&Status=Inactive&AccessKeyId=%.*s", (int)id.n, id.p);
    cr_assert_eq(iam_call(&w, root, stop_second).status, 200);
    cr_assert_eq(iam_call(&w, root, drop).status, 409, "the other one is not active");
    cr_assert_not_null(iam_find(&w, key, BYTES_NONE, &how));
    iam_world_close(&w);
}
