/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form is the text, and if it names any user or role, a NUL (which no JSON document has) and a line
 * "ARN id" for each. A policy that was stored without such lines goes by its ARNs.
 * Threads: see the header.
 */
#include "server/iam/bound_policy.h"

#include "base/arena.h"
#include "server/iam/records.h"

/* The unique id of the user or role that has this ARN; empty: there is none. */
static struct bytes id_of(struct identities *ids, struct arena *a, const struct iam_principal *p)
{
    static const char head[] = "arn:aws:iam::";
    bool user = p->kind == IAM_PRINCIPAL_USER;
    struct bytes account = bytes_cut(p->value, sizeof head - 1, IAM_ACCOUNT_ID_LEN), name = p->value;
    json_t *record;
    for (size_t i = 0; i < p->value.n; i++)
        if (p->value.p[i] == '/')
            name = bytes_cut(p->value, i + 1, p->value.n);
    struct bytes key = key_of_entity(a, user ? ENTITY_USER : ENTITY_ROLE, account, name);
    if (record_get(ids, a, key, &record) != STORE_OK)
        return BYTES_NONE;
    struct bytes own =
        iam_arn(a, user ? "user" : "role", account, record_text(record, "path"), record_text(record, "name"));
    return bytes_eq(own, p->value) ? record_text(record, "id") : BYTES_NONE;
}

struct bytes bound_policy_make(struct identities *ids, struct arena *a, struct bytes text, const struct iam_policy *p)
{
    struct buf out;
    buf_init(&out, STORE_SETTING_MAX);
    buf_put_bytes(&out, text);
    for (size_t i = 0; i < iam_policy_statements(p); i++) {
        size_t n;
        const struct iam_principal *list = iam_policy_principals(p, i, &n);
        for (size_t k = 0; k < n; k++) {
            if (list[k].kind != IAM_PRINCIPAL_USER && list[k].kind != IAM_PRINCIPAL_ROLE)
                continue;
            struct bytes id = id_of(ids, a, &list[k]);
            if (!id.n)
                continue;
            buf_put_bytes(&out, out.n == text.n ? bytes_of("\0", 1) : BYTES_NONE);
            buf_printf(&out, "%.*s %.*s\n", (int)list[k].value.n, list[k].value.p, (int)id.n, id.p);
        }
    }
    struct bytes made = out.failed ? text : bytes_dup(a, buf_bytes(&out));
    buf_fini(&out);
    return made;
}

struct bytes bound_policy_text(struct bytes stored)
{
    ptrdiff_t end = bytes_find_char(stored, '\0', 0);
    return end < 0 ? stored : bytes_cut(stored, 0, (size_t)end);
}

static bool find_id(const void *lines, struct bytes arn, struct bytes *ret)
{
    struct bytes rest = *(const struct bytes *)lines;
    while (rest.n) {
        ptrdiff_t end = bytes_find_char(rest, '\n', 0);
        struct bytes line = bytes_cut(rest, 0, end < 0 ? rest.n : (size_t)end);
        ptrdiff_t space = bytes_find_char(line, ' ', 0);
        rest = bytes_cut(rest, line.n + 1, rest.n);
        if (space < 0 || !bytes_eq(bytes_cut(line, 0, (size_t)space), arn))
            continue;
        *ret = bytes_cut(line, (size_t)space + 1, line.n);
        return true;
    }
    return false;
}

const struct iam_policy *bound_policy_parse(struct arena *a, struct bytes bucket, struct bytes stored,
                                            struct iam_policy_error *ret_error)
{
    struct bytes text = bound_policy_text(stored), lines = bytes_cut(stored, text.n + 1, stored.n);
    struct iam_policy_rules rules = {
        .kind = IAM_POLICY_BUCKET, .bucket = bucket, .principal_id = find_id, .ctx = &lines};
    return iam_policy_parse(a, &rules, text, ret_error);
}
