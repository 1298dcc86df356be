/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and applies policies of form uploads. The JSON library gives the tree (no key twice, valid UTF-8, no NUL); its
 * depth is bounded by a scan of the text before, since the library's own bound is generous.
 * Threads: pure; the tree is private to a call.
 */
#include "server/auth/post_policy.h"

#include <jansson.h>
#include <string.h>

#include "base/check.h"
#include "server/http/date.h"
#include "server/json_text.h"

#define INVALID "Invalid Policy: "
#define REFUSED "Invalid according to Policy: "

struct parser {
    struct arena *arena;
    struct post_policy *policy;
    struct bytes *message;
};

static bool complain(struct parser *p, const char *text)
{
    *p->message = arena_bytesf(p->arena, INVALID "%s", text);
    return false;
}

static struct bytes text_of(const json_t *j)
{
    return json_is_string(j) ? bytes_of(json_string_value(j), json_string_length(j)) : BYTES_NONE;
}

/* ---- reading ---- */

static void add(struct parser *p, enum post_operator op, struct bytes field, struct bytes value, bool simple)
{
    p->policy->conditions[p->policy->n_conditions++] =
        (struct post_condition){op, bytes_dup(p->arena, field), bytes_dup(p->arena, value), simple};
}

static bool read_simple(struct parser *p, const json_t *j)
{
    void *at = json_object_iter((json_t *)j);
    if (json_object_size(j) != 1)
        return complain(p, "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
    const json_t *value = json_object_iter_value(at);
    const char *name = json_object_iter_key(at);
    if (json_is_integer(value)) {
        struct bytes text = arena_bytesf(p->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        add(p, POST_EQ, bytes_str(name), text, true);
        return true;
    }
    if (!json_is_string(value))
        return complain(p, "Invalid Simple-Condition: value must be a string.");
    add(p, POST_EQ, bytes_str(name), text_of(value), true);
    return true;
}

/* 1: a number; 0: text that is none; -1: no number can be meant. */
static int range_end(const json_t *j, uint64_t *ret)
{
    if (json_is_integer(j)) {
        if (json_integer_value(j) < 0)
            return -1;
        *ret = (uint64_t)json_integer_value(j);
        return 1;
    }
    return json_is_string(j) ? bytes_to_u64(text_of(j), INT64_MAX, ret) : -1;
}

static bool read_range(struct parser *p, const json_t *j)
{
    struct post_policy *policy = p->policy;
    uint64_t min, max;
    if (json_array_size(j) != 3)
        return complain(p, "Invalid Condition: wrong number of arguments.");
    int a = range_end(json_array_get(j, 1), &min), b = range_end(json_array_get(j, 2), &max);
    if (a < 0 || b < 0)
        return complain(p, "Invalid Condition: content-length-range needs two numbers.");
    if (a == 0 || b == 0) {
        char *text = json_dumps(j, 0);
        policy->bad_range = bytes_dup(p->arena, bytes_str(text));
        free(text);
        return true;
    }
    policy->size_min = min > policy->size_min ? min : policy->size_min;
    policy->size_max = max < policy->size_max ? max : policy->size_max;
    return true;
}

static bool read_operation(struct parser *p, const json_t *j)
{
    struct bytes word = text_of(json_array_get(j, 0)), field = text_of(json_array_get(j, 1));
    const json_t *value = json_array_get(j, 2);
    if (bytes_eq_str_nocase(word, "content-length-range"))
        return read_range(p, j);
    bool eq = bytes_eq_str_nocase(word, "eq");
    if (!eq && !bytes_eq_str_nocase(word, "starts-with"))
        return complain(p, "Invalid Condition: unknown operation.");
    if (json_array_size(j) != 3)
        return complain(p, "Invalid Condition: wrong number of arguments.");
    if (field.n < 2 || field.p[0] != '$' || !json_is_string(value))
        return complain(p, "Invalid Condition: needs a field's name, with a dollar sign before it, and a text.");
    add(p, eq ? POST_EQ : POST_STARTS_WITH, bytes_cut(field, 1, field.n), text_of(value), false);
    return true;
}

static bool read_conditions(struct parser *p, const json_t *list)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list))
        return complain(p, "Invalid 'conditions' value: must be a List.");
    if (n > POST_POLICY_MAX_CONDITIONS)
        return complain(p, "Too many conditions.");
    p->policy->conditions = arena_new_array(p->arena, struct post_condition, n + 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *j = json_array_get(list, i);
        bool good = json_is_object(j)  ? read_simple(p, j)
                    : json_is_array(j) ? read_operation(p, j)
                                       : complain(p, "Invalid Condition: must be a List or an Object.");
        if (!good)
            return false;
    }
    return true;
}

static bool read_expiration(struct parser *p, const json_t *j)
{
    struct bytes text = text_of(j);
    if (text.n > 0 && text.p[text.n - 1] == 'Z' && bytes_find_char(text, 'T', 0) > 0 &&
        date_parse_iso(text, &p->policy->expires_ms))
        return true;
    *p->message = arena_bytesf(p->arena, INVALID "Invalid 'expiration' value: '%.*s'",
                               (int)(text.n < AUTH_QUOTE_MAX ? text.n : AUTH_QUOTE_MAX), text.n ? text.p : "");
    return false;
}

static bool read_document(struct parser *p, json_t *root)
{
    const char *name;
    json_t *value;
    if (!json_is_object(root))
        return complain(p, "Invalid JSON.");
    json_object_foreach(root, name, value)
    {
        if (strcmp(name, "expiration") != 0 && strcmp(name, "conditions") != 0) {
            *p->message = arena_bytesf(p->arena, INVALID "Unexpected: '%.*s'", AUTH_QUOTE_MAX, name);
            return false;
        }
    }
    if (!json_object_get(root, "expiration"))
        return complain(p, "Policy missing expiration.");
    if (!json_object_get(root, "conditions"))
        return complain(p, "Policy missing conditions.");
    return read_expiration(p, json_object_get(root, "expiration")) &&
           read_conditions(p, json_object_get(root, "conditions"));
}

/* Encoders of old put line ends into what they make. */
static struct bytes without_line_ends(struct arena *arena, struct bytes in)
{
    char *out = arena_alloc(arena, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] != '\r' && in.p[i] != '\n')
            out[n++] = in.p[i];
    return bytes_of(out, n);
}

bool post_policy_parse(struct arena *arena, struct bytes base64, struct post_policy *ret, struct bytes *ret_message)
{
    struct parser p = {arena, ret, ret_message};
    *ret = (struct post_policy){.size_max = UINT64_MAX};
    char *json = arena_alloc(arena, base64.n + 1);
    ptrdiff_t n = base64_decode(without_line_ends(arena, base64), json, base64.n);
    if (n < 0)
        return complain(&p, "Invalid Base64 encoding.");
    if (json_deeper_than(bytes_of(json, (size_t)n), POST_POLICY_MAX_DEPTH))
        return complain(&p, "Invalid JSON.");
    json_error_t why;
    json_t *root = json_loadb(json, (size_t)n, JSON_REJECT_DUPLICATES, &why);
    bool good = root ? read_document(&p, root) : complain(&p, "Invalid JSON.");
    json_decref(root);
    return good;
}

/* ---- applying ---- */

static struct bytes value_of(const struct auth_param *fields, size_t n, struct bytes name)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_eq_nocase(fields[i].name, name))
            return fields[i].value;
    return BYTES_LIT("");
}

/* Of Content-Type starts-with looks at each item of a list. */
static bool all_start_with(struct bytes list, struct bytes prefix)
{
    for (size_t at = 0; at <= list.n;) {
        ptrdiff_t comma = bytes_find_char(list, ',', at);
        size_t end = comma < 0 ? list.n : (size_t)comma;
        if (!bytes_starts(bytes_trim(bytes_cut(list, at, end - at)), prefix))
            return false;
        at = end + 1;
    }
    return true;
}

static bool fulfilled(const struct post_condition *c, struct bytes value)
{
    if (c->op == POST_EQ)
        return bytes_eq(c->value, value);
    return bytes_eq_str_nocase(c->field, "content-type") ? all_start_with(value, c->value)
                                                         : bytes_starts(value, c->value);
}

/* The condition as JSON, as S3 shows it. */
static struct bytes shown(struct arena *arena, const struct post_condition *c)
{
    struct bytes field = arena_bytesf(arena, "$%.*s", (int)c->field.n, c->field.p);
    json_t *j = json_pack("[s, s%, s%]", c->op == POST_EQ ? "eq" : "starts-with", field.p, field.n,
                          c->value.n ? c->value.p : "", c->value.n);
    char *text = j ? json_dumps(j, 0) : NULL;
    struct bytes out = text ? bytes_dup(arena, bytes_str(text)) : BYTES_NONE;
    free(text);
    json_decref(j);
    return out;
}

static bool needs_no_condition(struct bytes name)
{
    static const char *const names[] = {"x-amz-signature", "signature", "AWSAccessKeyId", "policy", "file"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_eq_str_nocase(name, names[i]))
            return true;
    return bytes_starts_str_nocase(name, "x-ignore-");
}

static bool is_covered(const struct post_policy *policy, struct bytes name)
{
    for (size_t i = 0; i < policy->n_conditions; i++)
        if (bytes_eq_nocase(policy->conditions[i].field, name))
            return true;
    return needs_no_condition(name);
}

static bool condition_failed(struct arena *arena, struct bytes condition, struct bytes *ret)
{
    *ret =
        arena_bytesf(arena, REFUSED "Policy Condition failed: %.*s", (int)condition.n, condition.n ? condition.p : "");
    return false;
}

static bool extra_fields(struct arena *arena, struct bytes name, struct bytes *ret)
{
    *ret = arena_bytesf(arena, REFUSED "Extra input fields: %.*s", (int)name.n, name.p);
    return false;
}

bool post_policy_check(const struct post_policy *policy, const struct auth_param *fields, size_t n_fields,
                       struct bytes bucket, int64_t now_ms, struct arena *arena, struct bytes *ret_message)
{
    if (now_ms >= policy->expires_ms) {
        *ret_message = BYTES_LIT(REFUSED "Policy expired.");
        return false;
    }
    for (size_t i = 0; i < policy->n_conditions; i++) {
        const struct post_condition *c = &policy->conditions[i];
        bool of_bucket = bytes_eq_str_nocase(c->field, "bucket");
        if (!fulfilled(c, of_bucket ? bucket : value_of(fields, n_fields, c->field)))
            return condition_failed(arena, shown(arena, c), ret_message);
    }
    if (policy->bad_range.n)
        return condition_failed(arena, policy->bad_range, ret_message);
    for (size_t i = 0; i < n_fields; i++)
        if (!is_covered(policy, fields[i].name))
            return extra_fields(arena, fields[i].name, ret_message);
    return true;
}
