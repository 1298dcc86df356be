/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision: every combination of caller, account, identity policy, boundary, session policy, resource policy and
 * list against a second, plain statement of AWS's rules; then rows for what combinations do not show.
 */
#include "server/iam/eval.h"

#include "base/check.h"
#include "base/clock.h"
#include "tests/unit/server/iam/fixture.h"

#define ALLOW                                                                                                          \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}"
#define DENY                                                                                                           \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}]" \
    "}"
#define SILENT                                                                                                         \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:PutObject\",\"Resource\":\"*\"}" \
    "]}"
#define GRANT(effect, principal)                                                                                       \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"" effect "\"," principal                                 \
    ",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bkt/*\"}]}"
#define TO(principal) GRANT("Allow", "\"Principal\":{\"AWS\":\"" principal "\"}")

enum says { ABSENT, NOTHING, ALLOWS, DENIES, SAYS };
enum grants { NO_GRANT, TO_SELF, TO_ISSUER, TO_ACCOUNT, TO_ALL, DENY_ALL, TO_OTHERS, GRANTS };

/* --- the rules once more, as the documents put them
 * -------------------------------------------------------------------- */

struct facts {
    enum iam_caller_kind caller;
    bool same_account;
    enum says identity, boundary, session;
    enum grants resource;
    enum acl_match acl;
};

static bool should_allow(const struct facts *f)
{
    bool root = f->caller == IAM_CALLER_ROOT, anonymous = f->caller == IAM_CALLER_ANONYMOUS;
    bool temporary = f->caller == IAM_CALLER_ROLE || f->caller == IAM_CALLER_FEDERATED;
    bool boundary_ok = root || f->boundary == ABSENT || f->boundary == ALLOWS;
    bool session_ok = f->session == ABSENT || f->session == ALLOWS;
    if (f->resource == DENY_ALL)
        return false;
    if (anonymous)
        return f->resource == TO_ALL || f->acl == ACL_BY_ALL_USERS;
    if (f->session == DENIES || (!root && (f->identity == DENIES || f->boundary == DENIES)))
        return false;
    bool own = (root || f->identity == ALLOWS) && boundary_ok && session_ok;
    if (f->caller == IAM_CALLER_FEDERATED && f->session != ALLOWS)
        own = false;
    bool self = f->resource == TO_SELF || (root && f->resource == TO_ACCOUNT);
    bool issuer = temporary && f->resource == TO_ISSUER;
    if (!f->same_account)
        return own && (self || issuer || f->resource == TO_ACCOUNT || f->resource == TO_ALL || f->acl != ACL_NO_MATCH);
    if (own || f->resource == TO_ALL || f->acl == ACL_BY_ALL_USERS || f->acl == ACL_BY_AUTHENTICATED)
        return true;
    if (self)
        return temporary || session_ok;
    return issuer && boundary_ok && session_ok;
}

/* --- and as the function has them
 * ----------------------------------------------------------------------------------------- */

struct world {
    struct arena *arena;
    struct iam_context context;
    const struct iam_policy *says[SAYS];
    const struct iam_policy *grants[IAM_CALLER_SERVICE + 1][GRANTS];
};

static void world_init(struct world *w)
{
    static const char *const self[] = {[IAM_CALLER_ANONYMOUS] = OTHER_ACCOUNT,
                                       [IAM_CALLER_ROOT] = ROOT_ARN,
                                       [IAM_CALLER_USER] = USER_ARN,
                                       [IAM_CALLER_ROLE] = SESSION_ARN,
                                       [IAM_CALLER_FEDERATED] = FEDERATED_ARN};
    static const char *const issuer[] = {[IAM_CALLER_ANONYMOUS] = OTHER_ACCOUNT,
                                         [IAM_CALLER_ROOT] = USER_ARN,
                                         [IAM_CALLER_USER] = ROLE_ARN,
                                         [IAM_CALLER_ROLE] = ROLE_ARN,
                                         [IAM_CALLER_FEDERATED] = USER_ARN};
    memset(w, 0, sizeof *w);
    w->arena = arena_create(0);
    iam_context_init(&w->context, w->arena);
    w->says[ABSENT] = NULL;
    w->says[NOTHING] = policy_of(w->arena, IAM_POLICY_IDENTITY, SILENT);
    w->says[ALLOWS] = policy_of(w->arena, IAM_POLICY_IDENTITY, ALLOW);
    w->says[DENIES] = policy_of(w->arena, IAM_POLICY_IDENTITY, DENY);
    for (int c = IAM_CALLER_ANONYMOUS; c <= IAM_CALLER_FEDERATED; c++) {
        const char *to[GRANTS] = {[TO_SELF] = arena_printf(w->arena, TO("%s"), self[c]),
                                  [TO_ISSUER] = arena_printf(w->arena, TO("%s"), issuer[c]),
                                  [TO_ACCOUNT] = TO(ACCOUNT),
                                  [TO_ALL] = GRANT("Allow", "\"Principal\":\"*\""),
                                  [DENY_ALL] = GRANT("Deny", "\"Principal\":\"*\""),
                                  [TO_OTHERS] = TO(OTHER_ACCOUNT)};
        for (int g = TO_SELF; g < GRANTS; g++)
            w->grants[c][g] = policy_of(w->arena, IAM_POLICY_BUCKET, to[g]);
    }
}

static struct iam_decision decide(const struct world *w, const struct facts *f)
{
    struct iam_request r = {.caller = caller_of(f->caller),
                            .action = BYTES_LIT("s3:GetObject"),
                            .resource = BYTES_LIT(OBJECT_ARN),
                            .resource_account = f->same_account ? BYTES_LIT(ACCOUNT) : BYTES_LIT(OTHER_ACCOUNT),
                            .context = &w->context,
                            .boundary = w->says[f->boundary],
                            .identity = {&w->says[f->identity], f->identity != ABSENT},
                            .session = {&w->says[f->session], f->session != ABSENT},
                            .resource_policy = w->grants[f->caller][f->resource],
                            .acl = f->acl};
    return iam_decide(&r);
}

Test(eval, every_combination)
{
    struct world w;
    struct facts f;
    size_t n = 0, allowed = 0;
    world_init(&w);
    for (f.caller = IAM_CALLER_ANONYMOUS; f.caller <= IAM_CALLER_FEDERATED; f.caller++)
        for (int same = 0; same < 2; same++)
            for (f.identity = ABSENT; f.identity < SAYS; f.identity++)
                for (f.boundary = ABSENT; f.boundary < SAYS; f.boundary++)
                    for (f.session = ABSENT; f.session < SAYS; f.session++)
                        for (f.resource = NO_GRANT; f.resource < GRANTS; f.resource++)
                            for (f.acl = ACL_NO_MATCH; f.acl <= ACL_BY_ALL_USERS; f.acl++, n++) {
                                f.same_account = same;
                                if (f.caller == IAM_CALLER_ANONYMOUS && (f.identity || f.boundary || f.session))
                                    continue;
                                bool want = should_allow(&f);
                                struct iam_decision d = decide(&w, &f);
                                allowed += want;
                                cr_assert_eq(d.allowed, want,
                                             "caller %d same %d identity %d boundary %d session %d resource %d acl %d",
                                             f.caller, same, f.identity, f.boundary, f.session, f.resource, f.acl);
                                cr_assert(!d.explicit_deny || !d.allowed);
                            }
    cr_assert(n > 10000 && allowed > 500);
    arena_free(w.arena);
}

/* --- single rows
 * ------------------------------------------------------------------------------------------------------------ */

struct scene {
    struct arena *arena;
    struct iam_context context;
    struct iam_request r;
    const struct iam_policy *identity[8], *session[2];
};

static struct scene *scene_new(enum iam_caller_kind kind)
{
    struct arena *arena = arena_create(0);
    struct scene *s = arena_new(arena, struct scene);
    s->arena = arena;
    iam_context_init(&s->context, arena);
    s->r = (struct iam_request){.caller = caller_of(kind),
                                .action = BYTES_LIT("s3:GetObject"),
                                .resource = BYTES_LIT(OBJECT_ARN),
                                .resource_account = BYTES_LIT(ACCOUNT),
                                .context = &s->context,
                                .identity = {s->identity, 0},
                                .session = {s->session, 0}};
    return s;
}

static void add_identity(struct scene *s, const char *text)
{
    s->identity[s->r.identity.n++] = policy_of(s->arena, IAM_POLICY_IDENTITY, text);
}

static void set_bucket_policy(struct scene *s, const char *text)
{
    s->r.resource_policy = policy_of(s->arena, IAM_POLICY_BUCKET, text);
}

static bool allowed_for(struct scene *s, const char *action, const char *resource)
{
    s->r.action = bytes_str(action);
    s->r.resource = bytes_str(resource);
    return iam_decide(&s->r).allowed;
}

Test(eval, POL_01_deny_wins_in_every_order)
{
    static const char *const parts[] = {
        "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bkt/*\"}",
        "{\"Effect\":\"Deny\",\"Principal\":{\"AWS\":\"" USER_ARN
        "\"},\"Action\":\"s3:Get*\",\"Resource\":\"arn:aws:s3:::bkt/docs/*\"}",
        "{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" USER_ARN
        "\"},\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::bkt/docs/a.txt\"}"};
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct scene *s = scene_new(IAM_CALLER_USER);
        add_identity(s, ALLOW);
        s->r.acl = ACL_BY_ALL_USERS;
        set_bucket_policy(s, arena_printf(s->arena, "{\"Statement\":[%s,%s,%s]}", parts[orders[i][0]],
                                          parts[orders[i][1]], parts[orders[i][2]]));
        struct iam_decision d = iam_decide(&s->r);
        cr_assert(!d.allowed && d.explicit_deny && d.source == IAM_FROM_RESOURCE);
        cr_assert_eq(orders[i][d.statement], 1);
        arena_free(s->arena);
    }
}

Test(eval, POL_01_root_may_always_mend_the_policy)
{
    struct scene *s = scene_new(IAM_CALLER_ROOT);
    set_bucket_policy(s, "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":["
                         "\"arn:aws:s3:::bkt\",\"arn:aws:s3:::bkt/*\"]}}");
    cr_assert(allowed_for(s, "s3:PutBucketPolicy", "arn:aws:s3:::bkt"));
    cr_assert(allowed_for(s, "s3:GetBucketPolicy", "arn:aws:s3:::bkt"));
    cr_assert(allowed_for(s, "s3:DeleteBucketPolicy", "arn:aws:s3:::bkt"));
    cr_assert(!allowed_for(s, "s3:GetObject", OBJECT_ARN));
    cr_assert(!allowed_for(s, "s3:PutBucketAcl", "arn:aws:s3:::bkt"));
    s->r.resource_account = BYTES_LIT(OTHER_ACCOUNT);
    cr_assert(!allowed_for(s, "s3:PutBucketPolicy", "arn:aws:s3:::bkt"), "not another account's root");
    s->r.resource_account = BYTES_LIT(ACCOUNT);
    s->r.caller = caller_of(IAM_CALLER_USER);
    add_identity(s, ALLOW);
    cr_assert(!allowed_for(s, "s3:PutBucketPolicy", "arn:aws:s3:::bkt"), "root alone");
    arena_free(s->arena);
}

Test(eval, POL_03_no_policy_no_rights)
{
    static const char *const actions[] = {"s3:GetObject",
                                          "s3:PutObject",
                                          "s3:ListBucket",
                                          "s3:ListAllMyBuckets",
                                          "iam:GetUser",
                                          "s3:PutBucketPolicy",
                                          "sts:AssumeRole",
                                          "",
                                          "*",
                                          "s3:GetBucketLocation"};
    for (int kind = IAM_CALLER_ANONYMOUS; kind <= IAM_CALLER_SERVICE; kind++) {
        struct scene *s = scene_new((enum iam_caller_kind)kind);
        for (size_t i = 0; i < ARRAY_LEN(actions) && kind != IAM_CALLER_ROOT; i++) {
            cr_assert(!allowed_for(s, actions[i], OBJECT_ARN), "%d %s", kind, actions[i]);
            cr_assert(!allowed_for(s, actions[i], ""), "%d %s", kind, actions[i]);
        }
        arena_free(s->arena);
    }
}

Test(eval, POL_06_not_action_and_not_resource)
{
    struct scene *s = scene_new(IAM_CALLER_USER);
    add_identity(
        s, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"NotAction\":[\"iam:*\",\"s3:Delete*\"],"
           "\"NotResource\":[\"arn:aws:s3:::bkt/secret/*\",\"arn:aws:s3:::other\"]}]}");
    cr_assert(allowed_for(s, "s3:GetObject", OBJECT_ARN));
    cr_assert(!allowed_for(s, "s3:DeleteObject", OBJECT_ARN));
    cr_assert(!allowed_for(s, "IAM:getuser", OBJECT_ARN));
    cr_assert(!allowed_for(s, "s3:GetObject", "arn:aws:s3:::bkt/secret/a"));
    cr_assert(!allowed_for(s, "s3:ListBucket", "arn:aws:s3:::other"));
    cr_assert(allowed_for(s, "s3:ListAllMyBuckets", ""), "no resource is none of those");
    arena_free(s->arena);
}

struct named_row {
    enum iam_caller_kind caller;
    const char *principals;
    bool denied;
};

Test(eval, POL_06_not_principal_excepts_the_whole_chain)
{
    static const struct named_row rows[] = {
        {IAM_CALLER_USER, "{\"AWS\":[\"" ACCOUNT "\",\"" USER_ARN "\"]}", false},
        {IAM_CALLER_USER, "{\"AWS\":[\"" ACCOUNT "\",\"AIDA00000000000000001\"]}", false},
        {IAM_CALLER_USER, "{\"AWS\":\"" USER_ARN "\"}", true}, /* the account is denied, and the user with it */
        {IAM_CALLER_USER, "{\"AWS\":\"" ACCOUNT "\"}", true},
        {IAM_CALLER_USER, "{\"AWS\":[\"" ACCOUNT "\",\"" ROLE_ARN "\"]}", true},
        {IAM_CALLER_ROLE, "{\"AWS\":[\"" ACCOUNT "\",\"" ROLE_ARN "\",\"" SESSION_ARN "\"]}", false},
        {IAM_CALLER_ROLE, "{\"AWS\":[\"" ACCOUNT "\",\"" ROLE_ARN "\"]}", true},
        {IAM_CALLER_ROLE, "{\"AWS\":[\"" ACCOUNT "\",\"" SESSION_ARN "\"]}", true},
        {IAM_CALLER_FEDERATED, "{\"AWS\":[\"" ACCOUNT "\",\"" USER_ARN "\",\"" FEDERATED_ARN "\"]}", false},
        {IAM_CALLER_FEDERATED, "{\"AWS\":[\"" ACCOUNT "\",\"" USER_ARN "\"]}", true},
        {IAM_CALLER_ROOT, "{\"AWS\":\"" ACCOUNT "\"}", false},
        {IAM_CALLER_ROOT, "{\"CanonicalUser\":\"" CANONICAL "\"}", false},
        {IAM_CALLER_ROOT, "{\"AWS\":\"" OTHER_ACCOUNT "\"}", true},
        {IAM_CALLER_ANONYMOUS, "{\"AWS\":\"" ACCOUNT "\"}", true},
        {IAM_CALLER_ANONYMOUS, "\"*\"", false},
        {IAM_CALLER_USER, "{\"AWS\":\"*\"}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene *s = scene_new(rows[i].caller);
        set_bucket_policy(s, arena_printf(s->arena,
                                          "{\"Statement\":{\"Effect\":\"Deny\",\"NotPrincipal\":%s,"
                                          "\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bkt/*\"}}",
                                          rows[i].principals));
        cr_expect_eq(iam_decide(&s->r).explicit_deny, rows[i].denied, "%d %s", rows[i].caller, rows[i].principals);
        arena_free(s->arena);
    }
}

Test(eval, POL_06_who_is_named)
{
    static const struct named_row rows[] = {
        {IAM_CALLER_ANONYMOUS, "\"*\"", true},
        {IAM_CALLER_ANONYMOUS, "{\"AWS\":\"*\"}", true},
        {IAM_CALLER_ANONYMOUS, "{\"AWS\":\"" ACCOUNT "\"}", false},
        {IAM_CALLER_USER, "\"*\"", true},
        {IAM_CALLER_USER, "{\"AWS\":\"" ACCOUNT "\"}", true},
        {IAM_CALLER_USER, "{\"AWS\":\"" ROOT_ARN "\"}", true},
        {IAM_CALLER_USER, "{\"AWS\":\"" USER_ARN "\"}", true},
        {IAM_CALLER_USER, "{\"AWS\":\"AIDA00000000000000001\"}", true},
        {IAM_CALLER_USER, "{\"AWS\":\"AIDA00000000000000002\"}", false}, /* of that name before */
        {IAM_CALLER_USER, "{\"AWS\":\"arn:aws:iam::111122223333:user/ann\"}", false},
        {IAM_CALLER_USER, "{\"AWS\":\"arn:aws:iam::111122223333:user/team/Ann\"}", false},
        {IAM_CALLER_USER, "{\"CanonicalUser\":\"" CANONICAL "\"}", true},
        {IAM_CALLER_USER, "{\"AWS\":\"" OTHER_ACCOUNT "\"}", false},
        {IAM_CALLER_ROLE, "{\"AWS\":\"" ROLE_ARN "\"}", true},
        {IAM_CALLER_ROLE, "{\"AWS\":\"AROA00000000000000001\"}", true},
        {IAM_CALLER_ROLE, "{\"AWS\":\"" SESSION_ARN "\"}", true},
        {IAM_CALLER_ROLE, "{\"AWS\":\"arn:aws:sts::111122223333:assumed-role/reader/job-2\"}", false},
        {IAM_CALLER_ROLE, "{\"AWS\":\"" USER_ARN "\"}", false},
        {IAM_CALLER_FEDERATED, "{\"AWS\":\"" USER_ARN "\"}", true},
        {IAM_CALLER_SERVICE, "{\"Service\":\"logging.s3.amazonaws.com\"}", true},
        {IAM_CALLER_SERVICE, "{\"Service\":\"other.amazonaws.com\"}", false},
        {IAM_CALLER_USER, "{\"Service\":\"logging.s3.amazonaws.com\"}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene *s = scene_new(rows[i].caller);
        if (rows[i].caller == IAM_CALLER_SERVICE)
            s->r.caller.arn = BYTES_LIT("logging.s3.amazonaws.com");
        set_bucket_policy(s, arena_printf(s->arena,
                                          "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":%s,"
                                          "\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bkt/*\"}}",
                                          rows[i].principals));
        cr_expect_eq(iam_decide(&s->r).explicit_deny, rows[i].denied, "%d %s", rows[i].caller, rows[i].principals);
        arena_free(s->arena);
    }
}

Test(eval, the_closest_name_counts)
{
    static const char *const parts[] = {"{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ACCOUNT
                                        "\"},\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bkt/*\"}",
                                        "{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" USER_ARN
                                        "\"},\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::bkt/*\"}"};
    for (int first = 0; first < 2; first++) {
        struct scene *s = scene_new(IAM_CALLER_USER);
        set_bucket_policy(s, arena_printf(s->arena, "{\"Statement\":[%s,%s]}", parts[first], parts[!first]));
        struct iam_decision d = iam_decide(&s->r);
        cr_assert(d.allowed && d.source == IAM_FROM_RESOURCE && d.statement == (size_t)!first);
        cr_assert(!allowed_for(s, "s3:PutObject", OBJECT_ARN), "the account alone gives nothing");
        arena_free(s->arena);
    }
}

Test(eval, POL_10_strange_user_names)
{
    static const char *const names[] = {"*", "?", "a/b", "${aws:username}", "\xc3\xa9", "../x", ""};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct scene *s = scene_new(IAM_CALLER_USER);
        iam_context_set(&s->context, IAM_KEY_AWS_USERNAME, bytes_str(names[i]));
        add_identity(
            s, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":"
               "\"arn:aws:s3:::bkt/home/${aws:username}/*\"}]}");
        cr_assert(!allowed_for(s, "s3:GetObject", "arn:aws:s3:::bkt/home/other/x"), "%s", names[i]);
        cr_assert(allowed_for(s, "s3:GetObject", arena_printf(s->arena, "arn:aws:s3:::bkt/home/%s/x", names[i])), "%s",
                  names[i]);
        arena_free(s->arena);
    }
}

Test(eval, a_variable_without_value_matches_nothing)
{
    struct scene *s = scene_new(IAM_CALLER_USER);
    add_identity(s, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":"
                    "\"arn:aws:s3:::bkt/${aws:PrincipalTag/team}*\"}]}");
    cr_assert(!allowed_for(s, "s3:GetObject", "arn:aws:s3:::bkt/x"));
    s->r.identity.n = 0;
    add_identity(s,
                 "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"NotResource\":"
                 "\"arn:aws:s3:::bkt/${aws:PrincipalTag/team}*\"}]}");
    cr_assert(!allowed_for(s, "s3:GetObject", "arn:aws:s3:::bkt/x"));
    s->r.identity.n = 0;
    add_identity(s, "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":"
                    "\"arn:aws:s3:::bkt/${aws:username}\"}]}");
    cr_assert(allowed_for(s, "s3:GetObject", "arn:aws:s3:::bkt/${aws:username}"), "text before 2012");
    arena_free(s->arena);
}

Test(eval, POL_15_versions_need_their_own_action)
{
    struct scene *s = scene_new(IAM_CALLER_USER);
    add_identity(s, "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}]}");
    cr_assert(allowed_for(s, "s3:GetObject", OBJECT_ARN));
    cr_assert(!allowed_for(s, "s3:GetObjectVersion", OBJECT_ARN));
    cr_assert(!allowed_for(s, "s3:GetObjectTagging", OBJECT_ARN));
    arena_free(s->arena);
}

Test(eval, buckets_and_objects_are_different_resources)
{
    struct scene *s = scene_new(IAM_CALLER_USER);
    add_identity(s, "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bkt/*\"}]}");
    cr_assert(allowed_for(s, "s3:GetObject", "arn:aws:s3:::bkt/a"));
    cr_assert(!allowed_for(s, "s3:ListBucket", "arn:aws:s3:::bkt"));
    cr_assert(!allowed_for(s, "s3:GetObject", "arn:aws:s3:::bkt2/a"));
    cr_assert(!allowed_for(s, "s3:ListAllMyBuckets", ""));
    arena_free(s->arena);
}

Test(eval, POL_20_restricted_public_buckets)
{
    static const char text[] =
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\","
        "\"Resource\":\"arn:aws:s3:::bkt/*\"},{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ACCOUNT
        "\"},\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::bkt/*\"}]}";
    static const enum iam_caller_kind kinds[] = {IAM_CALLER_ANONYMOUS, IAM_CALLER_USER, IAM_CALLER_ROOT};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct scene *s = scene_new(kinds[i]);
        add_identity(s, ALLOW);
        set_bucket_policy(s, text);
        s->r.resource_account = BYTES_LIT(OTHER_ACCOUNT);
        cr_assert(iam_decide(&s->r).allowed);
        s->r.restrict_public_buckets = true;
        cr_assert(!iam_decide(&s->r).allowed, "%d", kinds[i]);
        s->r.acl = ACL_BY_ALL_USERS;
        cr_assert(iam_decide(&s->r).allowed, "lists have a switch of their own");
        s->r.acl = ACL_NO_MATCH;
        /* Not public: no effect. */
        set_bucket_policy(s, TO(ACCOUNT));
        cr_assert_eq(iam_decide(&s->r).allowed, kinds[i] != IAM_CALLER_ANONYMOUS);
        /* The owner's own people stay in. */
        set_bucket_policy(s, text);
        s->r.identity.n = 0;
        s->r.resource_account = BYTES_LIT(ACCOUNT);
        cr_assert_eq(iam_decide(&s->r).allowed, kinds[i] != IAM_CALLER_ANONYMOUS);
        arena_free(s->arena);
    }
}

Test(eval, objects_of_another_owner)
{
    struct scene *s = scene_new(IAM_CALLER_USER);
    add_identity(s, ALLOW);
    set_bucket_policy(s, GRANT("Allow", "\"Principal\":\"*\""));
    s->r.object_account = BYTES_LIT(OTHER_ACCOUNT);
    cr_assert(!allowed_for(s, "s3:GetObject", OBJECT_ARN), "the bucket's policy cannot give it");
    cr_assert(allowed_for(s, "s3:DeleteObject", OBJECT_ARN), "the bucket's owner may always delete");
    cr_assert(allowed_for(s, "s3:PutObject", OBJECT_ARN), "and replace");
    s->r.acl = ACL_BY_ACCOUNT;
    cr_assert(allowed_for(s, "s3:GetObject", OBJECT_ARN), "the object's list can");
    s->r.acl = ACL_NO_MATCH;
    s->r.resource_account = BYTES_LIT(OTHER_ACCOUNT);
    s->r.object_account = BYTES_LIT(ACCOUNT);
    cr_assert(allowed_for(s, "s3:GetObject", OBJECT_ARN), "its owner, in another's bucket");
    set_bucket_policy(s, GRANT("Deny", "\"Principal\":\"*\""));
    cr_assert(!allowed_for(s, "s3:GetObject", OBJECT_ARN), "unless the bucket's owner denies");
    s->r.caller = caller_of(IAM_CALLER_ANONYMOUS);
    set_bucket_policy(s, GRANT("Allow", "\"Principal\":\"*\""));
    cr_assert(!allowed_for(s, "s3:GetObject", OBJECT_ARN));
    arena_free(s->arena);
}

Test(eval, IAM_09_sessions_are_intersections)
{
    struct scene *s = scene_new(IAM_CALLER_ROOT);
    s->session[s->r.session.n++] = policy_of(s->arena, IAM_POLICY_IDENTITY, SILENT);
    cr_assert(!allowed_for(s, "s3:GetObject", OBJECT_ARN), "a session of root is bounded too");
    cr_assert(allowed_for(s, "s3:PutObject", OBJECT_ARN));
    cr_assert(!allowed_for(s, "s3:PutBucketPolicy", "arn:aws:s3:::bkt"));
    set_bucket_policy(s, TO(ACCOUNT));
    cr_assert(!allowed_for(s, "s3:GetObject", OBJECT_ARN));
    /* Several session policies: any of them allows. */
    s->session[s->r.session.n++] = policy_of(s->arena, IAM_POLICY_IDENTITY, ALLOW);
    cr_assert(allowed_for(s, "s3:GetObject", OBJECT_ARN));
    arena_free(s->arena);
}

Test(eval, groups)
{
    struct scene *s = scene_new(IAM_CALLER_USER);
    const struct iam_policy *allow = policy_of(s->arena, IAM_POLICY_IDENTITY, ALLOW);
    s->r.group = (struct iam_policies){&allow, 1};
    struct iam_decision d = iam_decide(&s->r);
    cr_assert(d.allowed && d.source == IAM_FROM_GROUP);
    add_identity(s, DENY);
    d = iam_decide(&s->r);
    cr_assert(d.explicit_deny && d.source == IAM_FROM_IDENTITY);
    arena_free(s->arena);
}

Test(eval, trust)
{
    struct scene *s = scene_new(IAM_CALLER_USER);
    s->r.action = BYTES_LIT("sts:AssumeRole");
    s->r.resource = BYTES_LIT(ROLE_ARN);
    s->r.resource_policy = policy_of(s->arena, IAM_POLICY_TRUST,
                                     "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" USER_ARN
                                     "\"},\"Action\":\"sts:AssumeRole\"}}");
    cr_assert(iam_decide(&s->r).allowed, "named itself");
    s->r.resource_policy = policy_of(s->arena, IAM_POLICY_TRUST,
                                     "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ACCOUNT
                                     "\"},\"Action\":\"sts:AssumeRole\"}}");
    cr_assert(!iam_decide(&s->r).allowed, "its account is: its own policy is needed");
    add_identity(s,
                 "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"" ROLE_ARN "\"}}");
    cr_assert(iam_decide(&s->r).allowed);
    s->r.resource_account = BYTES_LIT(OTHER_ACCOUNT);
    cr_assert(iam_decide(&s->r).allowed);
    s->r.identity.n = 0;
    cr_assert(!iam_decide(&s->r).allowed, "both sides across accounts");
    arena_free(s->arena);
}

Test(eval, web_identities_come_by_their_provider)
{
    static const char provider[] = "arn:aws:iam::111122223333:oidc-provider/id.example";
    struct scene *s = scene_new(IAM_CALLER_WEB_IDENTITY);
    const struct iam_policy *named = policy_of(
        s->arena, IAM_POLICY_TRUST,
        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"arn:aws:iam::111122223333:oidc-provider/"
        "id.example\"},"
        "\"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Condition\":{\"StringEquals\":{\"id.example:aud\":\"app\"}}}}");
    s->r.caller.arn = bytes_str(provider);
    s->r.resource_policy = named;
    set_facts(&s->context, "id.example:aud=app");
    cr_assert(allowed_for(s, "sts:AssumeRoleWithWebIdentity", ROLE_ARN));
    cr_assert(!allowed_for(s, "sts:AssumeRole", ROLE_ARN));
    set_facts(&s->context, "id.example:aud=other");
    cr_assert(!allowed_for(s, "sts:AssumeRoleWithWebIdentity", ROLE_ARN));
    set_facts(&s->context, "id.example:aud=app");
    s->r.caller.arn = BYTES_LIT("arn:aws:iam::111122223333:oidc-provider/other.example");
    cr_assert(!allowed_for(s, "sts:AssumeRoleWithWebIdentity", ROLE_ARN));
    s->r.resource_policy = policy_of(s->arena, IAM_POLICY_TRUST,
                                     "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sts:*\"}}");
    cr_assert(!allowed_for(s, "sts:AssumeRoleWithWebIdentity", ROLE_ARN), "not by everybody");
    arena_free(s->arena);
}

Test(eval, one_policy_alone)
{
    struct scene *s = scene_new(IAM_CALLER_USER);
    size_t statement;
    const struct iam_policy *p = policy_of(
        s->arena, IAM_POLICY_BUCKET,
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bkt/"
        "*\"},"
        "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:PutObject\",\"Resource\":\"arn:aws:s3:::bkt/*\"}]}");
    cr_assert_eq(iam_policy_effect(&s->r, p, &statement), IAM_ALLOW);
    cr_assert_eq(statement, 0);
    s->r.action = BYTES_LIT("s3:PutObject");
    cr_assert_eq(iam_policy_effect(&s->r, p, &statement), IAM_DENY);
    cr_assert_eq(statement, 1);
    s->r.resource = BYTES_LIT("arn:aws:s3:::bkt");
    cr_assert_eq(iam_policy_effect(&s->r, p, &statement), IAM_NO_EFFECT);
    arena_free(s->arena);
}

static void expect_text(struct scene *s, const char *want)
{
    struct iam_decision d = iam_decide(&s->r);
    struct bytes text = iam_decision_text(s->arena, &s->r, &d);
    cr_expect(bytes_eq_str(text, want), "%.*s", (int)text.n, text.p);
}

Test(eval, messages)
{
    struct scene *s = scene_new(IAM_CALLER_USER);
    expect_text(s, "User: " USER_ARN " is not authorized to perform: s3:GetObject on resource: \"" OBJECT_ARN
                   "\" because no identity-based policy allows the s3:GetObject action");
    add_identity(s, ALLOW);
    s->r.boundary = policy_of(s->arena, IAM_POLICY_IDENTITY, SILENT);
    expect_text(s, "User: " USER_ARN " is not authorized to perform: s3:GetObject on resource: \"" OBJECT_ARN
                   "\" because no permissions boundary allows the s3:GetObject action");
    set_bucket_policy(s, GRANT("Deny", "\"Principal\":\"*\""));
    expect_text(s, "User: " USER_ARN " is not authorized to perform: s3:GetObject on resource: \"" OBJECT_ARN
                   "\" with an explicit deny in a resource-based policy");
    s->r.resource_account = BYTES_LIT(OTHER_ACCOUNT);
    expect_text(s, "Access Denied");
    s->r.resource_account = BYTES_LIT(ACCOUNT);
    s->r.resource_policy = NULL;
    add_identity(s, DENY);
    expect_text(s, "User: " USER_ARN " is not authorized to perform: s3:GetObject on resource: \"" OBJECT_ARN
                   "\" with an explicit deny in an identity-based policy");
    s->r.action = BYTES_LIT("iam:CreateUser");
    s->r.resource = BYTES_LIT(USER_ARN);
    s->r.resource_account = BYTES_NONE;
    expect_text(s, "User: " USER_ARN " is not authorized to perform: iam:CreateUser on resource: " USER_ARN
                   " because no identity-based policy allows the iam:CreateUser action");
    s->r.caller = caller_of(IAM_CALLER_ANONYMOUS);
    expect_text(s, "Access Denied");
    arena_free(s->arena);
}

/* Hostile policies on a hostile key: in proportion to their size, not more. */
Test(eval, POL_09_a_thousand_statements)
{
    struct scene *s = scene_new(IAM_CALLER_USER);
    struct buf b;
    char key[1100] = "arn:aws:s3:::bkt/";
    memset(key + 17, 'a', 1024);
    buf_init(&b, 1 << 20);
    buf_put_str(&b, "{\"Statement\":[");
    for (int i = 0; i < 1000; i++)
        buf_printf(
            &b, "%s{\"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bkt/a*a*a*a*a*a*a*a*a*a*b\"}",
            i ? "," : "");
    buf_put_str(&b, "]}");
    s->identity[s->r.identity.n++] = iam_policy_parse(s->arena, &(struct iam_policy_rules){.kind = IAM_POLICY_IDENTITY},
                                                      buf_bytes(&b), &(struct iam_policy_error){0});
    cr_assert(s->identity[0]);
    s->r.resource = bytes_str(key);
    uint64_t start = clock_own_cpu_ns();
    cr_assert(!iam_decide(&s->r).allowed);
    /* Well under 5 ms as released; instrumented we allow more. */
    cr_assert(clock_own_cpu_ns() - start < 500u * 1000 * 1000);
    buf_fini(&b);
    arena_free(s->arena);
}
