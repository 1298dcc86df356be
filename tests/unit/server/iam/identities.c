/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, principals, sessions and the master key, on a store in memory. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/double/iam_world.h"
#include "tests/double/index_double.h"

#define IAM(form) BYTES_LIT("Version=2010-05-08&" form)
#define STS(form) BYTES_LIT("Version=2011-06-15&" form)
#define ALLOW_LIST_USERS                                                                                               \
    "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22iam%3A" \
    "ListUsers%22%2C%22Resource%22%3A%22*%22%7D%7D"

static struct iam_answer as_root(struct iam_world *w, struct bytes form)
{
    return iam_call(w, w->ids->root, form);
}

static struct bytes text(struct iam_world *w, struct bytes form, const char *element)
{
    struct iam_answer a = as_root(w, form);
    cr_assert_eq(a.status, 200, "%.*s: %.*s", (int)form.n, form.p, (int)a.body.n, a.body.p);
    return iam_element(w, &a, element);
}

/* User "ann" with a key; its name. */
static struct bytes made_key(struct iam_world *w)
{
    text(w, IAM("Action=CreateUser&UserName=ann"), "UserId");
    return text(w, IAM("Action=CreateAccessKey&UserName=ann"), "AccessKeyId");
}

Test(identities, a_key_leads_to_its_user)
{
    struct iam_world w;
    enum auth_lookup how;
    iam_world_open(&w);
    struct bytes key = made_key(&w);
    const struct principal *p = iam_find(&w, key, BYTES_NONE, &how);
    cr_assert(p && p->caller.kind == IAM_CALLER_USER);
    cr_assert(bytes_eq_str(p->caller.arn, "arn:aws:iam::000000000000:user/ann"));
    cr_assert_eq(p->identity.n, 0);
    cr_assert_eq(iam_find(&w, key, BYTES_NONE, &how), p, "the same, from the cache");
    cr_assert_null(iam_find(&w, BYTES_LIT("AKIA0000000000000000"), BYTES_NONE, &how));
    cr_assert_eq(how, AUTH_KEY_UNKNOWN);
    cr_assert_eq(iam_find(&w, BYTES_LIT("rootrootroot"), BYTES_NONE, &how), w.ids->root);
    iam_world_close(&w);
}

Test(identities, a_change_is_seen_by_the_next_look_up)
{
    struct iam_world w;
    enum auth_lookup how;
    iam_world_open(&w);
    struct bytes key = made_key(&w);
    cr_assert_eq(iam_find(&w, key, BYTES_NONE, &how)->identity.n, 0);
    text(&w, IAM("Action=PutUserPolicy&UserName=ann&PolicyName=p&PolicyDocument=" ALLOW_LIST_USERS), "RequestId");
    const struct principal *ann = iam_find(&w, key, BYTES_NONE, &how);
    cr_assert_eq(ann->identity.n, 1);
    cr_assert_eq(iam_call(&w, ann, IAM("Action=ListUsers")).status, 200);
    cr_assert_eq(iam_call(&w, ann, IAM("Action=ListGroups")).status, 403);
    text(&w, IAM("Action=DeleteUserPolicy&UserName=ann&PolicyName=p"), "RequestId");
    cr_assert_eq(iam_find(&w, key, BYTES_NONE, &how)->identity.n, 0);
    struct auth_key found;
    struct bytes form = arena_bytesf(w.arena, "Action=UpdateAccessKey&UserName=ann&Status=Inactive&AccessKeyId=%.*s",
                                     (int)key.n, key.p);
    text(&w, form, "RequestId");
    cr_assert_eq(identities_find_key(w.ids, w.arena, w.now_ms, key, BYTES_NONE, &found), AUTH_KEY_FOUND);
    cr_assert(found.flags & AUTH_KEY_DISABLED);
    iam_world_close(&w);
}

Test(identities, keys_survive_a_restart_and_nothing_opens_with_another_master_key)
{
    struct iam_world w;
    enum auth_lookup how;
    char error[512], path[128], kept[128];
    iam_world_open(&w);
    char key[21] = {0};
    struct bytes made = made_key(&w);
    memcpy(key, made.p, 20);
    cr_assert(iam_world_restart(&w, error), "%s", error);
    cr_assert_not_null(iam_find(&w, bytes_str(key), BYTES_NONE, &how));
    snprintf(path, sizeof path, "%s/pail.key", w.folder);
    snprintf(kept, sizeof kept, "%s/kept", w.folder);
    cr_assert_eq(rename(path, kept), 0);
    cr_assert(iam_world_restart(&w, error), "%s", error);
    cr_assert_not_null(strstr(w.master_key.problem, "missing"));
    cr_assert_null(iam_find(&w, bytes_str(key), BYTES_NONE, &how));
    cr_assert_eq(how, AUTH_KEY_UNAVAILABLE);
    cr_assert_eq(as_root(&w, IAM("Action=CreateAccessKey&UserName=ann")).status, 503, "it could not be sealed");
    cr_assert_eq(as_root(&w, STS("Action=GetSessionToken")).status, 503);
    cr_assert_eq(as_root(&w, IAM("Action=ListUsers")).status, 200, "the rest goes on");
    cr_assert_neq(access(path, F_OK), 0, "no new key over old data");
    FILE *other = fopen(path, "w");
    fprintf(other, "%064d\n", 7);
    fclose(other);
    chmod(path, 0600);
    cr_assert(iam_world_restart(&w, error), "%s", error);
    cr_assert_not_null(strstr(w.master_key.problem, "another master key"));
    cr_assert_null(iam_find(&w, bytes_str(key), BYTES_NONE, &how));
    cr_assert_eq(how, AUTH_KEY_UNAVAILABLE);
    cr_assert_eq(rename(kept, path), 0);
    cr_assert(iam_world_restart(&w, error), "%s", error);
    cr_assert_not_null(iam_find(&w, bytes_str(key), BYTES_NONE, &how));
    iam_world_close(&w);
}

/* A GetSessionToken of ann's: access key and token. */
static void made_session(struct iam_world *w, const struct principal *who, struct bytes *key, struct bytes *token)
{
    struct iam_answer a = iam_call(w, who, STS("Action=GetSessionToken&DurationSeconds=900"));
    cr_assert_eq(a.status, 200);
    *key = iam_element(w, &a, "AccessKeyId");
    *token = iam_element(w, &a, "SessionToken");
}

Test(identities, a_session_opens_with_its_own_token_until_it_ends)
{
    struct iam_world w;
    struct bytes key, token, key2, token2;
    enum auth_lookup how;
    iam_world_open(&w);
    const struct principal *ann = iam_find(&w, made_key(&w), BYTES_NONE, &how);
    made_session(&w, ann, &key, &token);
    made_session(&w, ann, &key2, &token2);
    for (int cached = 0; cached < 2; cached++) {
        const struct principal *p = iam_find(&w, key, token, &how);
        cr_assert(p && p->session == SESSION_USER && bytes_eq_str(p->user_name, "ann"));
        cr_assert(!iam_find(&w, key, token2, &how) && how == AUTH_KEY_TOKEN_INVALID);
        cr_assert(!iam_find(&w, key2, token, &how) && how == AUTH_KEY_TOKEN_INVALID);
        cr_assert(!iam_find(&w, key, bytes_cut(token, 0, token.n - 1), &how) && how == AUTH_KEY_TOKEN_INVALID);
        for (size_t i = 0; i < token.n; i += 7) {
            char *bent = (char *)bytes_dup(w.arena, token).p;
            bent[i] = bent[i] == 'A' ? 'B' : 'A';
            cr_assert(!iam_find(&w, key, bytes_of(bent, token.n), &how), "byte %zu", i);
        }
    }
    w.now_ms += 899 * 1000;
    cr_assert_not_null(iam_find(&w, key, token, &how));
    w.now_ms += 1000;
    cr_assert(!iam_find(&w, key, token, &how) && how == AUTH_KEY_TOKEN_EXPIRED);
    iam_world_close(&w);
}

Test(identities, sessions_die_with_their_user)
{
    struct iam_world w;
    struct bytes key, token;
    enum auth_lookup how;
    iam_world_open(&w);
    struct bytes id = made_key(&w);
    made_session(&w, iam_find(&w, id, BYTES_NONE, &how), &key, &token);
    cr_assert_not_null(iam_find(&w, key, token, &how));
    text(&w,
         arena_bytesf(w.arena, "Version=2010-05-08&Action=DeleteAccessKey&UserName=ann&AccessKeyId=%.*s", (int)id.n,
                      id.p),
         "RequestId");
    text(&w, IAM("Action=DeleteUser&UserName=ann"), "RequestId");
    cr_assert(!iam_find(&w, key, token, &how) && how == AUTH_KEY_TOKEN_INVALID);
    text(&w, IAM("Action=CreateUser&UserName=ann"), "RequestId");
    cr_assert(!iam_find(&w, key, token, &how) && how == AUTH_KEY_TOKEN_INVALID, "the new ann is another");
    iam_world_close(&w);
}

Test(identities, roots_sessions_end_with_its_password)
{
    struct iam_world w;
    struct bytes key, token;
    enum auth_lookup how;
    char error[512], kept[4096], name[32];
    iam_world_open(&w);
    made_session(&w, w.ids->root, &key, &token);
    cr_assert_lt(token.n, sizeof kept);
    memcpy(kept, token.p, token.n);
    memcpy(name, key.p, key.n);
    size_t n = token.n, name_n = key.n;
    cr_assert(iam_world_restart(&w, error));
    cr_assert_not_null(iam_find(&w, bytes_of(name, name_n), bytes_of(kept, n), &how));
    w.config.root_password = "another";
    cr_assert(iam_world_restart(&w, error));
    cr_assert_null(iam_find(&w, bytes_of(name, name_n), bytes_of(kept, n), &how));
    iam_world_close(&w);
}

Test(identities, a_store_that_cannot_answer_is_unavailable_and_nobody_is_let_in_with_less)
{
    struct iam_world w;
    enum auth_lookup how;
    iam_world_open(&w);
    struct bytes key = made_key(&w);
    index_double_fail_reads(w.index, INDEX_UNAVAILABLE);
    cr_assert_null(iam_find(&w, key, BYTES_NONE, &how));
    cr_assert_eq(how, AUTH_KEY_UNAVAILABLE);
    index_double_fail_reads(w.index, INDEX_OK);
    cr_assert_not_null(iam_find(&w, key, BYTES_NONE, &how));
    iam_world_close(&w);
}

Test(identities, principals_exist_or_not)
{
    struct iam_world w;
    iam_world_open(&w);
    made_key(&w);
    static const struct {
        struct iam_principal p;
        bool exists;
    } cases[] = {
        {{IAM_PRINCIPAL_ACCOUNT, {"000000000000", 12}}, true},
        {{IAM_PRINCIPAL_ACCOUNT, {"111122223333", 12}}, false},
        {{IAM_PRINCIPAL_USER, {"arn:aws:iam::000000000000:user/ann", 34}}, true},
        {{IAM_PRINCIPAL_USER, {"arn:aws:iam::000000000000:user/x/ann", 36}}, false},
        {{IAM_PRINCIPAL_USER, {"arn:aws:iam::000000000000:user/bob", 34}}, false},
        {{IAM_PRINCIPAL_ROLE, {"arn:aws:iam::000000000000:role/ann", 34}}, false},
        {{IAM_PRINCIPAL_UNIQUE_ID, {"AIDA00000000000000000", 21}}, false},
        {{IAM_PRINCIPAL_ANYONE, {NULL, 0}}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(identities_principal_exists(w.ids, &cases[i].p), cases[i].exists, "case %zu", i);
    struct iam_account a;
    cr_assert(identities_account_of_email(w.ids, BYTES_LIT("ROOT@localhost"), w.arena, &a));
    cr_assert(bytes_eq_str(a.id, "000000000000"));
    iam_world_close(&w);
}

#define GROUP_OF_ANN                                                                                                   \
    "Action=CreateGroup&GroupName=g", "Action=AddUserToGroup&GroupName=g&UserName=ann",                                \
        "Action=PutGroupPolicy&GroupName=g&PolicyName=p&PolicyDocument=" ALLOW_LIST_USERS
#define SHARED "PolicyArn=arn:aws:iam::000000000000:policy/team/shared"

static void all(struct iam_world *w, const char *const *forms, size_t n)
{
    for (size_t i = 0; i < n; i++)
        text(w, arena_bytesf(w->arena, "Version=2010-05-08&%s", forms[i]), "RequestId");
}

/* What a principal is made of, once from records and once from the cache. */
Test(identities, all_of_a_user_is_kept)
{
    static const char *const forms[] = {
        GROUP_OF_ANN,
        "Action=TagUser&UserName=ann&Tags.member.1.Key=team&Tags.member.1.Value=red&Tags.member.2.Key=empty&"
        "Tags.member.2.Value=",
        "Action=CreatePolicy&PolicyName=shared&Path=/team/&PolicyDocument=" ALLOW_LIST_USERS,
        "Action=AttachUserPolicy&UserName=ann&" SHARED,
        ("Action=AttachGroupPolicy&GroupName=g&" SHARED),
        "Action=AttachUserPolicy&UserName=ann&PolicyArn=arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
        "Action=PutUserPermissionsBoundary&UserName=ann&PermissionsBoundary=arn:aws:iam::000000000000:policy/team/"
        "shared",
    };
    struct iam_world w;
    enum auth_lookup how;
    iam_world_open(&w);
    struct bytes key = made_key(&w);
    all(&w, forms, sizeof forms / sizeof forms[0]);
    for (int cached = 0; cached < 2; cached++) {
        const struct principal *p = iam_find(&w, key, BYTES_NONE, &how);
        cr_assert(p && p->identity.n == 2 && p->group.n == 2 && p->boundary);
        cr_assert_eq(iam_policy_statements(p->identity.list[0]), 1);
        cr_assert_eq(iam_policy_statements(p->group.list[0]), 1);
        cr_assert_eq(p->n_tags, 2);
        cr_assert(bytes_eq_str(p->tags[0].key, "team") && bytes_eq_str(p->tags[0].value, "red"));
        cr_assert(bytes_eq_str(p->tags[1].key, "empty") && !p->tags[1].value.n);
        cr_assert(bytes_eq_str(p->name, "ann") && bytes_eq_str(p->user_name, "ann"));
        cr_assert(bytes_starts(p->user_id, BYTES_LIT("AIDA")) && bytes_eq(p->user_id, p->caller.unique_id));
        cr_assert(bytes_eq_str(p->caller.account, "000000000000"));
        cr_assert(bytes_eq(p->caller.canonical_id, w.ids->root->caller.canonical_id));
    }
    iam_world_close(&w);
}

/* Groups and managed policies are kept for all their users: a change of one is a change for each. */
Test(identities, a_change_of_what_is_shared_is_seen_by_the_next_look_up)
{
    static const char *const forms[] = {
        GROUP_OF_ANN,
        "Action=CreatePolicy&PolicyName=shared&Path=/team/&PolicyDocument=" ALLOW_LIST_USERS,
        ("Action=AttachGroupPolicy&GroupName=g&" SHARED),
    };
    static const char *const two_statements[] = {
        "Action=CreatePolicyVersion&SetAsDefault=true&" SHARED
        "&PolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C"
        "%22Action%22%3A%22iam%3AGet*%22%2C%22Resource%22%3A%22*%22%7D%2C%7B%22Effect%22%3A%22Deny%22%2C%22Action%22%3A"
        "%22s3%3A*%22%2C%22Resource%22%3A%22*%22%7D%5D%7D"};
    static const char *const back[] = {"Action=SetDefaultPolicyVersion&VersionId=v1&" SHARED};
    static const char *const no_inline[] = {"Action=DeleteGroupPolicy&GroupName=g&PolicyName=p"};
    static const char *const detached[] = {"Action=DetachGroupPolicy&GroupName=g&" SHARED};
    static const struct {
        const char *const *forms;
        size_t n, policies, statements; /* of the first one */
    } steps[] = {
        {forms, 5, 2, 1}, {two_statements, 1, 2, 2}, {back, 1, 2, 1}, {no_inline, 1, 1, 1}, {detached, 1, 0, 0},
    };
    struct iam_world w;
    enum auth_lookup how;
    iam_world_open(&w);
    struct bytes key = made_key(&w);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        all(&w, steps[i].forms, steps[i].n);
        for (int cached = 0; cached < 2; cached++) {
            const struct principal *p = iam_find(&w, key, BYTES_NONE, &how);
            cr_assert(p && p->group.n == steps[i].policies, "step %zu", i);
            if (p->group.n)
                cr_assert_eq(iam_policy_statements(p->group.list[0]), steps[i].statements, "step %zu", i);
        }
    }
    iam_world_close(&w);
}

struct looker {
    struct iam_world *w;
    struct bytes key;
    _Atomic bool *stop;
    bool wrong;
};

/* Whatever changes meanwhile, a look-up finds the user, with the policy or without. */
static void *look(void *arg)
{
    struct looker *l = arg;
    struct arena *a = arena_create(0);
    while (!atomic_load(l->stop)) {
        struct auth_key found;
        enum auth_lookup how = identities_find_key(l->w->ids, a, l->w->now_ms, l->key, BYTES_NONE, &found);
        const struct principal *p = found.identity;
        if (how != AUTH_KEY_FOUND || p->identity.n > 1 || !bytes_eq_str(p->name, "ann"))
            l->wrong = true;
        arena_reset(a);
    }
    arena_free(a);
    return NULL;
}

Test(identities, look_ups_and_changes_at_once)
{
    enum { LOOKERS = 3, CHANGES = 60 };
    struct iam_world w;
    pthread_t threads[LOOKERS];
    struct looker lookers[LOOKERS];
    _Atomic bool stop = false;
    enum auth_lookup how;
    iam_world_open(&w);
    struct bytes key = made_key(&w);
    for (int i = 0; i < LOOKERS; i++) {
        lookers[i] = (struct looker){&w, key, &stop, false};
        cr_assert_eq(pthread_create(&threads[i], NULL, look, &lookers[i]), 0);
    }
    for (unsigned i = 0; i < CHANGES; i++) {
        text(&w,
             i % 2 ? IAM("Action=DeleteUserPolicy&UserName=ann&PolicyName=p")
                   : IAM("Action=PutUserPolicy&UserName=ann&PolicyName=p&PolicyDocument=" ALLOW_LIST_USERS),
             "RequestId");
        cr_assert_eq(iam_find(&w, key, BYTES_NONE, &how)->identity.n, 1 - i % 2);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < LOOKERS; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_not(lookers[i].wrong);
    }
    iam_world_close(&w);
}
