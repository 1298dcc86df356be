/* SPDX-License-Identifier: Apache-2.0 */
/* The query protocol: which error comes when, limits, and rights for every action from the table itself. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "server/iam/query.h"
#include "tests/double/iam_world.h"

static void expect(struct iam_world *w, const char *form, int status, const char *code)
{
    struct iam_answer a = iam_call(w, w->ids->root, bytes_str(form));
    struct bytes got = iam_element(w, &a, "Code");
    cr_expect(a.status == status && (status == 200 || bytes_eq_str(got, code)), "%.200s: %d %.*s", form, a.status,
              (int)a.body.n, a.body.p);
}

Test(query, errors_in_their_order)
{
    static const struct {
        const char *form;
        int status;
        const char *code;
    } cases[] = {
        {"", 400, "MissingAction"},
        {"Action=ListUsers&Version=2010-05-08", 200, NULL},
        {"Action=ListUsers", 200, NULL},
        {"Action=ListUsers&Version=2011-06-15", 400, "InvalidAction"},
        {"Action=ListUsers&Version=1999-01-01", 400, "InvalidAction"},
        {"Action=Nothing&Version=2010-05-08", 400, "InvalidAction"},
        {"Action=%zz", 400, "MalformedQueryString"},
        {"Action=CreateUser&Version=2010-05-08", 400, "ValidationError"},
        {"Action=CreateUser&Version=2010-05-08&UserName=", 400, "ValidationError"},
        {"Action=CreateUser&Version=2010-05-08&UserName=a/b", 400, "ValidationError"},
        {"Action=CreateUser&Version=2010-05-08&UserName=a&Path=x", 400, "ValidationError"},
        {"Action=CreateUser&Version=2010-05-08&UserName=a&Tags.member.1.Key=aws:x", 400, "InvalidInput"},
        {"Action=CreateUser&Version=2010-05-08&UserName=a&Tags.member.1.Key=x&Tags.member.2.Key=X", 400,
         "InvalidInput"},
        {"Action=ListUsers&Version=2010-05-08&MaxItems=0", 400, "ValidationError"},
        {"Action=ListUsers&Version=2010-05-08&MaxItems=1001", 400, "ValidationError"},
        {"Action=ListUsers&Version=2010-05-08&MaxItems=x", 400, "MalformedInput"},
        {"Action=CreateUser&Version=2010-05-08&UserName=a&PermissionsBoundary=arn:aws:iam::000000000000:policy/x", 404,
         "NoSuchEntity"},
        {"Action=UpdateAccessKey&Version=2010-05-08&UserName=a&AccessKeyId=AKIA0000000000000000&Status=On", 400,
         "ValidationError"},
    };
    struct iam_world w;
    iam_world_open(&w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(&w, cases[i].form, cases[i].status, cases[i].code);
    cr_assert_eq(iam_call(&w, NULL, BYTES_LIT("Action=ListUsers&Version=2010-05-08")).status, 403);
    iam_world_close(&w);
}

/* Whoever has no rights is refused by each action, before it tells what exists. */
Test(query, no_action_without_a_right)
{
    struct iam_world w;
    enum auth_lookup how;
    iam_world_open(&w);
    expect(&w, "Action=CreateUser&Version=2010-05-08&UserName=ann", 200, NULL);
    struct iam_answer made = iam_call(&w, w.ids->root, BYTES_LIT("Action=CreateAccessKey&UserName=ann"));
    const struct principal *ann = iam_find(&w, iam_element(&w, &made, "AccessKeyId"), BYTES_NONE, &how);
    for (const struct query_action *a = iam_actions; a->name; a++) {
        struct bytes form = arena_bytesf(
            w.arena,
            "Version=2010-05-08&Action=%s&UserName=nobody&GroupName=none&RoleName=none&PolicyName=none&PolicyDocument={"
            "}"
            "&AssumeRolePolicyDocument={}&PolicyArn=arn:aws:iam::000000000000:policy/none&VersionId=v1&Status=Active"
            "&PermissionsBoundary=arn:aws:iam::aws:policy/none&AccessKeyId=AKIA0000000000000000&Url=https://x.example"
            "&OpenIDConnectProviderArn=arn:aws:iam::000000000000:oidc-provider/none&ClientID=c&Description=d"
            "&PolicySourceArn=arn:aws:iam::000000000000:user/none",
            a->name);
        struct iam_answer answer = iam_call(&w, ann, form);
        cr_expect(answer.status == 403 && bytes_eq_str(iam_element(&w, &answer, "Code"), "AccessDenied"), "%s: %.*s",
                  a->name, (int)answer.body.n, answer.body.p);
    }
    iam_world_close(&w);
}

Test(query, limits_of_a_user)
{
    struct iam_world w;
    char form[256];
    iam_world_open(&w);
    expect(&w, "Action=CreateUser&UserName=ann", 200, NULL);
    for (int i = 0; i < 12; i++) {
        snprintf(form, sizeof form, "Action=CreateGroup&GroupName=g%d", i);
        expect(&w, form, 200, NULL);
        snprintf(form, sizeof form, "Action=AddUserToGroup&UserName=ann&GroupName=G%d", i);
        expect(&w, form, i < 10 ? 200 : 409, "LimitExceeded");
        snprintf(form, sizeof form,
                 "Action=CreatePolicy&PolicyName=p%d&PolicyDocument={\"Version\":\"2012-10-17\",\"Statement\":[{"
                 "\"Effect\":\"Allow\",\"Action\":\"s3:x\",\"Resource\":\"*\"}]}",
                 i);
        expect(&w, form, 200, NULL);
        snprintf(form, sizeof form,
                 "Action=AttachUserPolicy&UserName=ann&PolicyArn=arn:aws:iam::000000000000:policy/p%d", i);
        expect(&w, form, i < 10 ? 200 : 409, "LimitExceeded");
    }
    expect(&w, "Action=DeleteGroup&GroupName=g1", 409, "DeleteConflict");
    expect(&w, "Action=DeleteUser&UserName=ann", 409, "DeleteConflict");
    iam_world_close(&w);
}
