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
        {"Action=CreateUser&Version=2010-05-08&UserName=a&Tags.member.1.Key=aws:x&Tags.member.1.Value=", 400,
         "InvalidInput"},
        {"Action=CreateUser&UserName=a&Tags.member.1.Key=x&Tags.member.1.Value=&Tags.member.2.Key=X"
         "&Tags.member.2.Value=",
         400, "InvalidInput"},
        {"Action=CreateUser&UserName=a&Tags.member.1.Key=x", 400, "ValidationError"},
        {"Action=CreateUser&UserName=a&Tags.member.1.Value=x", 400, "ValidationError"},
        {"Action=TagUser&UserName=nobody", 400, "ValidationError"},
        {"Action=TagUser&UserName=nobody&Tags=", 404, "NoSuchEntity"},
        {"Action=UntagUser&UserName=nobody&TagKeys.member.1=%00", 400, "MalformedQueryString"},
        {"Action=UntagUser&UserName=nobody&TagKeys.member.1=!", 400, "ValidationError"},
        {"Action=ListUsers&PathPrefix=x", 400, "ValidationError"},
        {"Action=ListUsers&PathPrefix=/x", 200, NULL},
        {"Action=ListUsers&MaxItems=-1", 400, "ValidationError"},
        {"Action=UpdateAccessKey&UserName=a&AccessKeyId=AKIA0000000000000000&Status=Active|Inactive", 400,
         "ValidationError"},
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
            "&PolicySourceArn=arn:aws:iam::000000000000:user/none&ActionNames.member.1=s3:GetObject&Tags=&TagKeys="
            "&ThumbprintList=&PolicyInputList=",
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

/* What a message quotes must not break the reply. */
Test(query, messages_are_xml)
{
    static const char *const forms[] = {
        "Action=GetUser&UserName=%01%02%7f",
        "Action=GetUser&UserName=%3c%26%3e",
        "Action=%01%0b",
        "Action=ListUsers&Version=%1f",
        "Action=GetPolicy&PolicyArn=arn:aws:iam::000000000000:policy/%c3%a4%e2%98%83",
    };
    struct iam_world w;
    char form[1024];
    iam_world_open(&w);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct iam_answer a = iam_call(&w, w.ids->root, bytes_str(forms[i]));
        cr_expect(a.status >= 400 && utf8_valid(a.body));
        cr_expect(bytes_find(a.body, BYTES_LIT("&#x"), 0) < 0, "%.*s", (int)a.body.n, a.body.p);
    }
    /* cut within a character */
    int n = snprintf(form, sizeof form, "Action=GetUser&UserName=");
    for (int i = 0; i < 150; i++)
        n += snprintf(form + n, sizeof form - (size_t)n, i ? "\xc3\xa4" : "a");
    struct iam_answer a = iam_call(&w, w.ids->root, bytes_str(form));
    cr_expect(a.status == 400 && utf8_valid(a.body));
    iam_world_close(&w);
}

/* A form may have more and longer parameters than a request's query. */
Test(query, large_forms)
{
    struct iam_world w;
    struct buf form;
    iam_world_open(&w);
    buf_init(&form, QUERY_BODY_MAX);
    buf_put_str(&form,
                "Action=SimulateCustomPolicy&PolicyInputList.member.1={\"Version\":\"2012-10-17\",\"Statement\":{"
                "\"Effect\":\"Allow\",\"Action\":\"s3:Get*\",\"Resource\":\"*\"}}");
    for (int i = 1; i <= 900; i++)
        buf_printf(&form, "&ActionNames.member.%d=s3:GetObject", i);
    struct iam_answer a = iam_call(&w, w.ids->root, buf_bytes(&form));
    cr_expect_eq(a.status, 200, "%.*s", (int)(a.body.n < 500 ? a.body.n : 500), a.body.p);
    for (int i = 901; i <= 4200; i++)
        buf_printf(&form, "&ActionNames.member.%d=s3:GetObject", i);
    cr_expect_eq(iam_call(&w, w.ids->root, buf_bytes(&form)).status, 400);
    buf_fini(&form);
    iam_world_close(&w);
}
