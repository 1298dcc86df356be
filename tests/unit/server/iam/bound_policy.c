/* SPDX-License-Identifier: Apache-2.0 */
/* Stored bucket policies: the text comes back as it was, and ARNs mean whom they meant. */
#include "server/iam/bound_policy.h"

#include "tests/double/iam_world.h"
#include "tests/unit/server/iam/fixture.h"

#define TEXT                                                                                                           \
    "{ \"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"" USER_ARN "\",\"" ROLE_ARN "\",\"" ACCOUNT      \
    "\"]},\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::bkt/*\"}]}"
#define LINES USER_ARN " AIDA00000000000000001\n"

static const struct iam_principal *principals(struct arena *a, struct bytes stored, size_t *n)
{
    struct iam_policy_error error;
    const struct iam_policy *p = bound_policy_parse(a, BYTES_LIT("bkt"), stored, &error);
    cr_assert(p, "%.*s", (int)error.message.n, error.message.p);
    return iam_policy_principals(p, 0, n);
}

Test(bound_policy, text_alone_goes_by_arns)
{
    struct arena *a = arena_create(0);
    size_t n;
    const struct iam_principal *p = principals(a, BYTES_LIT(TEXT), &n);
    cr_assert(n == 3 && p[0].kind == IAM_PRINCIPAL_USER && p[1].kind == IAM_PRINCIPAL_ROLE);
    cr_assert(bytes_eq_str(bound_policy_text(BYTES_LIT(TEXT)), TEXT));
    arena_free(a);
}

Test(bound_policy, lines_tell_who_is_meant)
{
    struct arena *a = arena_create(0);
    size_t n;
    struct bytes stored = BYTES_LIT(TEXT "\0" LINES);
    const struct iam_principal *p = principals(a, stored, &n);
    cr_assert(n == 3 && p[0].kind == IAM_PRINCIPAL_UNIQUE_ID && bytes_eq_str(p[0].value, "AIDA00000000000000001"));
    cr_assert(p[1].kind == IAM_PRINCIPAL_ROLE && p[2].kind == IAM_PRINCIPAL_ACCOUNT);
    cr_assert(bytes_eq_str(bound_policy_text(stored), TEXT), "the bytes that were put");
    /* Cut or odd lines name nobody else. */
    for (size_t cut = sizeof TEXT; cut < stored.n; cut++) {
        p = principals(a, bytes_cut(stored, 0, cut), &n);
        cr_assert(p[0].kind == IAM_PRINCIPAL_USER || bytes_starts(BYTES_LIT("AIDA00000000000000001"), p[0].value));
    }
    p = principals(a, BYTES_LIT(TEXT "\0\n \nx\n" ROLE_ARN " AROA00000000000000001\n"), &n);
    cr_assert(p[0].kind == IAM_PRINCIPAL_USER && p[1].kind == IAM_PRINCIPAL_UNIQUE_ID);
    arena_free(a);
}

Test(bound_policy, a_user_made_anew_is_another)
{
    static const char text[] =
        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"arn:aws:iam::000000000000:"
        "user/x/ann\",\"arn:aws:iam::000000000000:user/nobody\"]},\"Action\":\"s3:GetObject\","
        "\"Resource\":\"arn:aws:s3:::bkt/*\"}}";
    struct iam_world w;
    size_t n;
    iam_world_open(&w);
    const struct principal *root = iam_find(&w, bytes_str(w.config.root_user), BYTES_NONE, &(enum auth_lookup){0});
    cr_assert(root);
    struct iam_answer made =
        iam_call(&w, root, BYTES_LIT("Action=CreateUser&Version=2010-05-08&UserName=ann&Path=%2Fx%2F"));
    cr_assert_eq(made.status, 200);
    const struct iam_policy *p = policy_of(w.arena, IAM_POLICY_BUCKET, text);
    struct bytes stored = bound_policy_make(w.ids, w.arena, bytes_str(text), p);
    const struct iam_principal *list = principals(w.arena, stored, &n);
    cr_assert(n == 2 && list[0].kind == IAM_PRINCIPAL_UNIQUE_ID && list[1].kind == IAM_PRINCIPAL_USER);
    cr_assert(bytes_eq(list[0].value, iam_element(&w, &made, "UserId")));
    cr_assert(bytes_eq_str(bound_policy_text(stored), text));
    iam_world_close(&w);
}
