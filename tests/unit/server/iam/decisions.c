/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of decisions.txt, asked of the evaluator. The file says what its rows mean; tests/model/check_decisions.py
 * works the same rows out naively, so a row that is wrong itself fails there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "server/iam/acl.h"
#include "tests/unit/server/iam/fixture.h"

#define MAX_NAMED       200
#define MAX_LIST        4
#define LEAST_ROWS      800
#define LEAST_SECTIONS  20
#define OTHER_CANONICAL "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct named {
    const char *name;
    const struct iam_policy *policy;
};

struct reader {
    struct arena *arena; /* of the policies */
    struct named named[MAX_NAMED];
    size_t n_named, line, rows, sections;
    const char *condition; /* of the last "when" */
};

static const char *wrapped(struct arena *arena, const char *version, const char *statements)
{
    return arena_printf(arena, "{%s\"Statement\":[%s]}", version, statements);
}

#define VERSION "\"Version\":\"2012-10-17\","

/* --- rows of decisions -------------------------------------------------------------------------------------------- */

struct question {
    struct arena *arena;
    struct iam_context context;
    struct iam_request r;
    const struct iam_policy *identity[MAX_LIST], *group[MAX_LIST], *session[MAX_LIST];
    struct acl bucket_list, object_list;
    bool ignore_public;
};

static const struct iam_policy *find(const struct reader *f, const char *name)
{
    for (size_t i = 0; i < f->n_named; i++)
        if (strcmp(f->named[i].name, name) == 0)
            return f->named[i].policy;
    cr_assert_fail("line %zu: no policy is named %s", f->line, name);
    return NULL;
}

static void find_list(const struct reader *f, char *names, const struct iam_policy **list, struct iam_policies *ret)
{
    char *rest = names;
    for (char *name; (name = strsep(&rest, "+"));) {
        cr_assert(ret->n < MAX_LIST);
        list[ret->n++] = find(f, name);
    }
    ret->list = list;
}

static void read_grants(const struct reader *f, struct arena *arena, char *grants, struct acl *list)
{
    static const struct {
        const char *word;
        enum acl_grantee grantee;
        const char *id;
    } who[] = {{"everyone", ACL_ALL_USERS, ""},
               {"authenticated", ACL_AUTHENTICATED_USERS, ""},
               {"own", ACL_ACCOUNT, CANONICAL},
               {"other", ACL_ACCOUNT, OTHER_CANONICAL}};
    char *rest = grants;
    for (char *grant; (grant = strsep(&rest, "+"));) {
        char *name = strsep(&grant, ":");
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(who); i++) {
            struct acl_grant g = {.grantee = who[i].grantee, .id = bytes_str(who[i].id)};
            if (strcmp(name, who[i].word) != 0)
                continue;
            known = grant && acl_permission_of(bytes_str(grant), &g.permission) && acl_add(arena, list, g) == ACL_OK;
        }
        cr_assert(known, "line %zu: %s", f->line, name);
    }
}

/* As the server asks lists: server/authorize.c. */
static enum acl_match match(const struct question *q, const struct acl *list, enum acl_permission need)
{
    struct acl kept = *list;
    if (q->ignore_public)
        acl_without_public(q->arena, list, &kept);
    return acl_match(&kept, q->r.caller.canonical_id, false, need);
}

static struct iam_caller caller_named(const struct reader *f, const char *name)
{
    static const char *const names[] = {
        [IAM_CALLER_ANONYMOUS] = "anonymous", [IAM_CALLER_ROOT] = "root",           [IAM_CALLER_USER] = "user",
        [IAM_CALLER_ROLE] = "role",           [IAM_CALLER_FEDERATED] = "federated", [IAM_CALLER_SERVICE] = "service"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!names[i] || strcmp(name, names[i]) != 0)
            continue;
        struct iam_caller c = caller_of((enum iam_caller_kind)i);
        if (i == IAM_CALLER_SERVICE)
            c.arn = BYTES_LIT("logging.s3.amazonaws.com");
        return c;
    }
    cr_assert_fail("line %zu: nobody is called %s", f->line, name);
    return (struct iam_caller){0};
}

static void read_option(const struct reader *f, struct question *q, char *word)
{
    char *value = word, *name = strsep(&value, "=");
    if (strcmp(name, "identity") == 0)
        find_list(f, value, q->identity, &q->r.identity);
    else if (strcmp(name, "group") == 0)
        find_list(f, value, q->group, &q->r.group);
    else if (strcmp(name, "session") == 0)
        find_list(f, value, q->session, &q->r.session);
    else if (strcmp(name, "boundary") == 0)
        q->r.boundary = find(f, value);
    else if (strcmp(name, "bucket") == 0)
        q->r.resource_policy = find(f, value);
    else if (strcmp(name, "bucket-acl") == 0)
        read_grants(f, q->arena, value, &q->bucket_list);
    else if (strcmp(name, "object-acl") == 0)
        read_grants(f, q->arena, value, &q->object_list);
    else if (strcmp(name, "ignore-public") == 0)
        q->ignore_public = true;
    else if (strcmp(name, "other") == 0)
        q->r.resource_account = BYTES_LIT(OTHER_ACCOUNT);
    else if (strcmp(name, "object") == 0)
        q->r.object_account = strcmp(value, "own") == 0 ? BYTES_LIT(ACCOUNT) : BYTES_LIT(OTHER_ACCOUNT);
    else if (strcmp(name, "restricted") == 0)
        q->r.restrict_public_buckets = true;
    else
        cr_assert_fail("line %zu: %s", f->line, name);
}

static void read_question(const struct reader *f, struct question *q, char *text)
{
    char *facts = strstr(text, " with "), *rest = text;
    if (facts) {
        *facts = '\0';
        set_facts(&q->context, facts + strlen(" with "));
    }
    q->r.caller = caller_named(f, strsep(&rest, " "));
    q->r.action = bytes_str(strsep(&rest, " "));
    const char *resource = strsep(&rest, " ");
    if (strncmp(resource, "arn:", 4) == 0)
        q->r.resource = bytes_str(resource);
    else if (strcmp(resource, "-") != 0)
        q->r.resource = arena_bytesf(q->arena, "arn:aws:s3:::%s", resource);
    for (char *word; (word = strsep(&rest, " "));)
        read_option(f, q, word);
    struct acl_need need = acl_need(q->r.action);
    enum acl_match bucket = match(q, &q->bucket_list, need.bucket), object = match(q, &q->object_list, need.object);
    q->r.acl = object > bucket ? object : bucket;
}

static void check_decision(const struct reader *f, const char *want, char *text)
{
    struct arena *arena = arena_create(0);
    struct question *q = arena_new(arena, struct question);
    const char *row = arena_printf(arena, "%s", text);
    q->arena = arena;
    q->r.context = &q->context;
    q->r.resource_account = BYTES_LIT(ACCOUNT);
    iam_context_init(&q->context, arena);
    read_question(f, q, text);
    struct iam_decision d = iam_decide(&q->r);
    const char *got = d.allowed ? "allow" : d.explicit_deny ? "DENY" : "deny";
    cr_expect_str_eq(got, want, "line %zu: %s %s: %s", f->line, want, row, got);
    arena_free(arena);
}

/* --- rows of conditions and of documents -------------------------------------------------------------------------- */

static const struct iam_policy *with_condition(struct arena *arena, const char *condition)
{
    struct iam_policy_error error;
    const char *statement =
        arena_printf(arena, "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":%s}", condition);
    return parse_as(arena, IAM_POLICY_IDENTITY, wrapped(arena, VERSION, statement), &error);
}

static void check_condition(const struct reader *f, bool want, const char *facts)
{
    struct arena *arena = arena_create(0);
    struct iam_context context;
    size_t statement;
    const struct iam_policy *p = with_condition(arena, f->condition);
    cr_assert(p, "line %zu: %s", f->line, f->condition);
    iam_context_init(&context, arena);
    set_facts(&context, facts);
    struct iam_request r = {
        .caller = caller_of(IAM_CALLER_USER), .action = BYTES_LIT("s3:GetObject"), .context = &context};
    bool holds = iam_policy_effect(&r, p, &statement) == IAM_ALLOW;
    cr_expect_eq(holds, want, "line %zu: %s with %s", f->line, f->condition, facts);
    arena_free(arena);
}

static void check_refused(const struct reader *f, const char *condition)
{
    struct arena *arena = arena_create(0);
    cr_expect(!with_condition(arena, condition), "line %zu: %s", f->line, condition);
    arena_free(arena);
}

static void check_public(const struct reader *f, bool want, const char *statements)
{
    struct arena *arena = arena_create(0);
    const struct iam_policy *p = policy_of(arena, IAM_POLICY_BUCKET, wrapped(arena, VERSION, statements));
    cr_expect_eq(iam_policy_is_public(p), want, "line %zu: %s", f->line, statements);
    arena_free(arena);
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static void add_policy(struct reader *f, enum iam_policy_kind kind, const char *version, char *text)
{
    char *equals = strstr(text, " = ");
    cr_assert(equals && f->n_named < MAX_NAMED, "line %zu", f->line);
    *equals = '\0';
    f->named[f->n_named++] =
        (struct named){arena_printf(f->arena, "%s", text),
                       policy_of(f->arena, kind, wrapped(f->arena, version, equals + strlen(" = ")))};
}

static void take_line(struct reader *f, char *line)
{
    char *rest = line;
    const char *word = strsep(&rest, " ");
    rest = rest ? rest : line + strlen(line);
    bool yes = strcmp(word, "yes") == 0, is_public = strcmp(word, "public") == 0;
    if (strcmp(word, "==") == 0) {
        f->sections++;
        return;
    }
    if (strcmp(word, "policy") == 0 || strcmp(word, "old") == 0) {
        add_policy(f, IAM_POLICY_IDENTITY, *word == 'o' ? "" : VERSION, rest);
        return;
    }
    if (strcmp(word, "bucket") == 0) {
        add_policy(f, IAM_POLICY_BUCKET, VERSION, rest);
        return;
    }
    if (strcmp(word, "when") == 0) {
        f->condition = arena_printf(f->arena, "%s", rest);
        return;
    }
    f->rows++;
    if (yes || strcmp(word, "no") == 0)
        check_condition(f, yes, rest);
    else if (strcmp(word, "refused") == 0)
        check_refused(f, rest);
    else if (is_public || strcmp(word, "fixed") == 0)
        check_public(f, is_public, rest);
    else if (strcmp(word, "allow") == 0 || strcmp(word, "deny") == 0 || strcmp(word, "DENY") == 0)
        check_decision(f, word, rest);
    else
        cr_assert_fail("line %zu: %s", f->line, word);
}

static FILE *open_rows(void)
{
    char beside[1024];
    FILE *file = fopen("tests/unit/server/iam/decisions.txt", "r");
    if (file)
        return file;
    snprintf(beside, sizeof beside, "%s", __FILE__);
    char *slash = strrchr(beside, '/');
    if (!slash)
        return NULL;
    snprintf(slash + 1, sizeof beside - (size_t)(slash + 1 - beside), "decisions.txt");
    return fopen(beside, "r");
}

Test(decisions, rows_of_the_file)
{
    struct reader *f = calloc(1, sizeof *f);
    char *line = NULL;
    size_t cap = 0;
    FILE *file = open_rows();
    cr_assert(f && file, "decisions.txt not found; run from the top of the tree");
    f->arena = arena_create(0);
    for (ssize_t n; (n = getline(&line, &cap, file)) > 0;) {
        f->line++;
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        if (line[0] && line[0] != '#')
            take_line(f, line);
    }
    cr_expect(f->rows >= LEAST_ROWS && f->sections >= LEAST_SECTIONS, "%zu rows", f->rows);
    fclose(file);
    free(line);
    arena_free(f->arena);
    free(f);
}
