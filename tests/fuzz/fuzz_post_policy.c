/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of form uploads. Properties: what is parsed is within its limits; a form of exactly the fields and values
 * that its simple conditions name fulfils it when it names nothing twice; one more field is always refused.
 */
#include "base/arena.h"
#include "base/check.h"
#include "server/auth/post_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ADDED "x-amz-meta-that-nobody-names"

static bool named_twice(const struct post_policy *p, size_t i)
{
    for (size_t k = 0; k < p->n_conditions; k++)
        if (k != i && bytes_eq_nocase(p->conditions[k].field, p->conditions[i].field))
            return true;
    return false;
}

static void try_policy(struct arena *arena, const struct post_policy *p)
{
    struct auth_param *fields = arena_new_array(arena, struct auth_param, p->n_conditions + 1);
    struct bytes message = BYTES_NONE;
    bool plain = p->bad_range.n == 0 && p->expires_ms > 0, added = true;
    CHECK(p->n_conditions <= POST_POLICY_MAX_CONDITIONS);
    for (size_t i = 0; i < p->n_conditions; i++) {
        const struct post_condition *c = &p->conditions[i];
        fields[i] = (struct auth_param){c->field, c->value};
        CHECK(utf8_valid(c->field) && utf8_valid(c->value));
        plain = plain && !named_twice(p, i) && !bytes_eq_str_nocase(c->field, "bucket") &&
                !bytes_eq_str_nocase(c->field, "content-type");
        added = added && !bytes_eq_str_nocase(c->field, ADDED);
    }
    bool good = post_policy_check(p, fields, p->n_conditions, BYTES_LIT("b"), 0, arena, &message);
    CHECK(good || message.n > 0);
    CHECK(good || !plain);
    fields[p->n_conditions] = (struct auth_param){BYTES_LIT(ADDED), BYTES_LIT("x")};
    if (added)
        CHECK(!post_policy_check(p, fields, p->n_conditions + 1, BYTES_LIT("b"), 0, arena, &message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(0);
    struct post_policy policy;
    struct bytes message = BYTES_NONE;
    char *text = arena_alloc(arena, base64_len(size) + 1);
    base64_encode(data, size, text);
    if (post_policy_parse(arena, bytes_of(text, base64_len(size)), &policy, &message))
        try_policy(arena, &policy);
    else
        CHECK(message.n > 0);
    (void)post_policy_parse(arena, bytes_of(data, size), &policy, &message); /* as base64 */
    arena_free(arena);
    return 0;
}
