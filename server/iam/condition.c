/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Condition operators. Each is a test of one value of the request against one value of the policy; a negated operator
 * is the opposite of "some value of the policy matches". Around that, for every operator alike:
 *
 *   key absent            false; negated: true; ...IfExists: true; ForAllValues: true; ForAnyValue: false
 *   ForAllValues          every value of the request passes
 *   ForAnyValue, neither  some value of the request passes
 *
 * A value of the request that does not parse as what the operator compares matches nothing.
 * Threads: pure functions; memory for bound variables comes from the context's arena.
 */
#include "server/iam/condition.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "server/http/date.h"

#define V4_PREFIX_BITS 96 /* of ::ffff:0:0/96 */

struct operator_row {
    const char *name;
    enum condition_test test;
    enum condition_relation relation;
    bool negated;
};

static const struct operator_row operators[] = {
    {"StringEquals", TEST_STRING, REL_EQUAL, false},
    {"StringNotEquals", TEST_STRING, REL_EQUAL, true},
    {"StringEqualsIgnoreCase", TEST_STRING_NOCASE, REL_EQUAL, false},
    {"StringNotEqualsIgnoreCase", TEST_STRING_NOCASE, REL_EQUAL, true},
    {"StringLike", TEST_STRING_LIKE, REL_EQUAL, false},
    {"StringNotLike", TEST_STRING_LIKE, REL_EQUAL, true},
    {"NumericEquals", TEST_NUMBER, REL_EQUAL, false},
    {"NumericNotEquals", TEST_NUMBER, REL_EQUAL, true},
    {"NumericLessThan", TEST_NUMBER, REL_LESS, false},
    {"NumericLessThanEquals", TEST_NUMBER, REL_LESS_EQUAL, false},
    {"NumericGreaterThan", TEST_NUMBER, REL_GREATER, false},
    {"NumericGreaterThanEquals", TEST_NUMBER, REL_GREATER_EQUAL, false},
    {"DateEquals", TEST_DATE, REL_EQUAL, false},
    {"DateNotEquals", TEST_DATE, REL_EQUAL, true},
    {"DateLessThan", TEST_DATE, REL_LESS, false},
    {"DateLessThanEquals", TEST_DATE, REL_LESS_EQUAL, false},
    {"DateGreaterThan", TEST_DATE, REL_GREATER, false},
    {"DateGreaterThanEquals", TEST_DATE, REL_GREATER_EQUAL, false},
    {"Bool", TEST_BOOL, REL_EQUAL, false},
    {"BinaryEquals", TEST_BINARY, REL_EQUAL, false},
    {"IpAddress", TEST_IP, REL_EQUAL, false},
    {"NotIpAddress", TEST_IP, REL_EQUAL, true},
    {"ArnEquals", TEST_ARN, REL_EQUAL, false},
    {"ArnLike", TEST_ARN, REL_EQUAL, false},
    {"ArnNotEquals", TEST_ARN, REL_EQUAL, true},
    {"ArnNotLike", TEST_ARN, REL_EQUAL, true},
    {"Null", TEST_NULL, REL_EQUAL, false},
};

static bool take_prefix(struct bytes *name, const char *prefix)
{
    struct bytes p = bytes_str(prefix);
    if (!bytes_starts(*name, p))
        return false;
    *name = bytes_cut(*name, p.n, name->n);
    return true;
}

bool condition_operator(struct bytes name, struct iam_condition *ret)
{
    *ret = (struct iam_condition){.quantifier = FOR_THE_VALUE};
    if (take_prefix(&name, "ForAllValues:"))
        ret->quantifier = FOR_ALL_VALUES;
    else if (take_prefix(&name, "ForAnyValue:"))
        ret->quantifier = FOR_ANY_VALUE;
    if (bytes_ends(name, BYTES_LIT("IfExists"))) {
        ret->if_exists = true;
        name.n -= strlen("IfExists");
    }
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (!bytes_eq_str(name, operators[i].name))
            continue;
        ret->test = operators[i].test;
        ret->relation = operators[i].relation;
        ret->negated = operators[i].negated;
        return ret->test != TEST_NULL || (!ret->if_exists && ret->quantifier == FOR_THE_VALUE);
    }
    return false;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

bool decimal_parse(struct bytes text, struct decimal *ret)
{
    bool minus = text.n && text.p[0] == '-';
    if (text.n && (minus || text.p[0] == '+'))
        text = bytes_cut(text, 1, text.n);
    ptrdiff_t point = bytes_find_char(text, '.', 0);
    struct bytes fraction = point < 0 ? BYTES_NONE : bytes_cut(text, (size_t)point + 1, text.n);
    struct bytes whole = point < 0 ? text : bytes_cut(text, 0, (size_t)point);
    uint64_t w;
    uint32_t nano = 0, unit = 100000000;
    if (!bytes_to_u64(whole, INT64_MAX - 1, &w) || (point >= 0 && fraction.n == 0))
        return false;
    for (size_t i = 0; i < fraction.n; i++, unit /= 10) {
        if (fraction.p[i] < '0' || fraction.p[i] > '9')
            return false;
        nano += unit * (uint32_t)(fraction.p[i] - '0');
    }
    *ret = (struct decimal){(int64_t)w, nano};
    if (minus)
        *ret = (struct decimal){-(int64_t)w - (nano > 0), nano ? 1000000000 - nano : 0};
    return true;
}

static int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    if (a->whole != b->whole)
        return a->whole < b->whole ? -1 : 1;
    return a->nano < b->nano ? -1 : a->nano > b->nano;
}

/*
 * The W3C profile of ISO 8601: 2026, 2026-05, 2026-05-01, and with a time 2026-05-01T10:00Z, seconds, fraction, offset;
 * or seconds since 1970. Four digits are a year.
 */
bool policy_date_parse(struct bytes text, int64_t *ret_ms)
{
    char full[40];
    uint64_t seconds;
    size_t n = text.n;
    if (n != 4 && bytes_to_u64(text, INT64_MAX / 2000, &seconds)) {
        *ret_ms = (int64_t)seconds * 1000;
        return true;
    }
    if (n == 0 || n > 32)
        return false;
    memcpy(full, text.p, n);
    /* What is left out is filled in; what is filled into stays as it was, and is judged by the one parser. */
    if (n == 4) {
        memcpy(full + n, "-01-01", 6);
        n += 6;
    } else if (n == 7) {
        memcpy(full + n, "-01", 3);
        n += 3;
    } else if (n > 16 && full[10] == 'T' && full[16] != ':') {
        memmove(full + 19, full + 16, n - 16);
        memcpy(full + 16, ":00", 3);
        n += 3;
    }
    return date_parse_iso(bytes_of(full, n), ret_ms);
}

bool ip_range_parse(struct bytes text, struct ip_range *ret)
{
    char host[INET6_ADDRSTRLEN];
    ptrdiff_t slash = bytes_find_char(text, '/', 0);
    struct bytes addr = slash < 0 ? text : bytes_cut(text, 0, (size_t)slash);
    uint64_t bits;
    memset(ret, 0, sizeof *ret);
    if (addr.n == 0 || addr.n >= sizeof host || memchr(addr.p, 0, addr.n))
        return false;
    memcpy(host, addr.p, addr.n);
    host[addr.n] = 0;
    ret->v4 = inet_pton(AF_INET, host, ret->addr + 12) == 1;
    if (ret->v4)
        ret->addr[10] = ret->addr[11] = 0xff;
    else if (inet_pton(AF_INET6, host, ret->addr) != 1)
        return false;
    unsigned most = ret->v4 ? 32 : 128;
    bits = most;
    if (slash >= 0 && !bytes_to_u64(bytes_cut(text, (size_t)slash + 1, text.n), most, &bits))
        return false;
    ret->bits = (unsigned)bits + (ret->v4 ? V4_PREFIX_BITS : 0);
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (ret->bits >= V4_PREFIX_BITS && memcmp(ret->addr, mapped, sizeof mapped) == 0)
        ret->v4 = true;
    return true;
}

static bool ip_within(const struct ip_range *range, const struct ip_range *addr)
{
    size_t whole = range->bits / 8, rest = range->bits % 8;
    if (addr->bits < range->bits || range->v4 != addr->v4 || memcmp(range->addr, addr->addr, whole) != 0)
        return false;
    return rest == 0 || ((range->addr[whole] ^ addr->addr[whole]) >> (8 - rest)) == 0;
}

static bool bool_parse(struct bytes text, bool *ret)
{
    *ret = bytes_eq_str_nocase(text, "true");
    return *ret || bytes_eq_str_nocase(text, "false");
}

const void *condition_variable_name(struct arena *arena, struct bytes name)
{
    struct iam_key *key = arena_new(arena, struct iam_key);
    return iam_key_of(arena, name, key) ? key : NULL;
}

bool condition_variable_value(const void *ctx, const void *variable, struct bytes *ret)
{
    const struct iam_key *key = variable;
    const struct iam_fact *f = iam_context_find(ctx, key);
    if (!f || f->n != 1 || iam_key_type(key->id) == IAM_TYPE_LIST)
        return false;
    *ret = f->values[0];
    return true;
}

bool condition_value(struct arena *arena, const struct iam_condition *c, struct bytes text, bool variables,
                     struct condition_value *ret)
{
    unsigned flags = variables ? WILD_VARIABLES : 0;
    ptrdiff_t n;
    char *binary;
    memset(ret, 0, sizeof *ret);
    switch (c->test) {
    case TEST_STRING_LIKE:
        flags |= WILD_WILDCARDS;
        __attribute__((fallthrough));
    case TEST_STRING:
    case TEST_STRING_NOCASE:
        return wild_compile(arena, text, flags, condition_variable_name, &ret->string);
    case TEST_ARN:
        ret->never = !arn_compile(arena, text, flags | WILD_WILDCARDS, condition_variable_name, &ret->arn);
        /* Colons may be missing; a variable that is none stays an error. */
        return !ret->never || wild_compile(arena, text, flags, condition_variable_name, &ret->string);
    case TEST_NUMBER:
        return decimal_parse(text, &ret->number);
    case TEST_DATE:
        return policy_date_parse(text, &ret->date_ms);
    case TEST_BOOL:
    case TEST_NULL:
        return bool_parse(text, &ret->boolean);
    case TEST_IP:
        return ip_range_parse(text, &ret->ip);
    case TEST_BINARY:
        binary = arena_alloc(arena, text.n);
        n = base64_decode(text, binary, text.n);
        ret->binary = bytes_of(binary, n < 0 ? 0 : (size_t)n);
        return n >= 0;
    }
    return false;
}

/* --- testing ------------------------------------------------------------------------------------------------------ */

static bool string_matches(enum condition_test test, const struct wild *pattern, struct bytes text,
                           const struct iam_context *ctx)
{
    struct wild bound;
    if (!wild_bind(ctx->arena, pattern, condition_variable_value, ctx, &bound))
        return false;
    if (test == TEST_STRING_NOCASE)
        return bytes_eq_nocase(wild_literal(&bound), text);
    return wild_match(&bound, text);
}

static bool arn_matches(const struct arn_pattern *pattern, const struct arn *arn, const struct iam_context *ctx)
{
    struct arn_pattern bound;
    if (!arn_has_variables(pattern))
        return arn_match(pattern, arn);
    return arn_bind(ctx->arena, pattern, condition_variable_value, ctx, &bound) && arn_match(&bound, arn);
}

static bool relation_holds(enum condition_relation relation, int order)
{
    switch (relation) {
    case REL_EQUAL:
        return order == 0;
    case REL_LESS:
        return order < 0;
    case REL_LESS_EQUAL:
        return order <= 0;
    case REL_GREATER:
        return order > 0;
    case REL_GREATER_EQUAL:
        return order >= 0;
    }
    return false;
}

/* A value of the request, read once for all values of the policy, and for all policies that compare it alike. */
struct subject {
    enum condition_test test;
    struct bytes text;
    bool valid;
    struct arn arn;
    struct decimal number;
    int64_t date_ms;
    bool boolean;
    struct ip_range ip;
};

static void read_subject(enum condition_test test, struct bytes text, struct subject *s)
{
    s->test = test;
    s->text = text;
    s->valid = true;
    if (test == TEST_ARN)
        s->valid = arn_split(text, &s->arn);
    else if (test == TEST_NUMBER)
        s->valid = decimal_parse(text, &s->number);
    else if (test == TEST_DATE)
        s->valid = policy_date_parse(text, &s->date_ms);
    else if (test == TEST_BOOL)
        s->valid = bool_parse(text, &s->boolean);
    else if (test == TEST_IP)
        s->valid = ip_range_parse(text, &s->ip);
}

static bool value_matches(const struct iam_condition *c, const struct condition_value *v, const struct subject *s,
                          const struct iam_context *ctx)
{
    if (c->test == TEST_ARN)
        return !v->never && arn_matches(&v->arn, s->valid ? &s->arn : NULL, ctx);
    if (!s->valid)
        return false;
    switch (c->test) {
    case TEST_NUMBER:
        return relation_holds(c->relation, decimal_compare(&s->number, &v->number));
    case TEST_DATE:
        return relation_holds(c->relation, s->date_ms < v->date_ms ? -1 : s->date_ms > v->date_ms);
    case TEST_BOOL:
        return s->boolean == v->boolean;
    case TEST_IP:
        return ip_within(&v->ip, &s->ip);
    case TEST_BINARY:
        return bytes_eq(v->binary, s->text);
    default:
        return string_matches(c->test, &v->string, s->text, ctx);
    }
}

/* The fact's value number `i`; `room` is for one that is not kept: texts need no reading, lists are rare. */
static const struct subject *subject_of(enum condition_test test, struct iam_fact *f, size_t i,
                                        const struct iam_context *ctx, struct subject *room)
{
    const struct subject *kept = f->subject;
    bool keep = f->n == 1 && (test == TEST_IP || test == TEST_DATE || test == TEST_NUMBER || test == TEST_ARN);
    if (keep && kept && kept->test == test)
        return kept;
    struct subject *s = keep ? arena_alloc(ctx->arena, sizeof *s) : room;
    read_subject(test, f->values[i], s);
    if (keep)
        f->subject = s;
    return s;
}

/* Does this value of the request pass: match some value of the policy, or for a negated operator none? */
static bool passes(const struct iam_condition *c, const struct subject *s, const struct iam_context *ctx)
{
    for (size_t i = 0; i < c->n; i++)
        if (value_matches(c, &c->values[i], s, ctx))
            return !c->negated;
    return c->negated;
}

static bool null_holds(const struct iam_condition *c, bool absent)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->values[i].boolean == absent)
            return true;
    return false;
}

bool condition_holds(const struct iam_condition *c, const struct iam_context *ctx)
{
    struct iam_fact *f = iam_context_find(ctx, &c->key);
    struct subject room;
    if (c->test == TEST_NULL)
        return null_holds(c, !f);
    if (!f)
        return c->if_exists || c->quantifier == FOR_ALL_VALUES || (c->negated && c->quantifier != FOR_ANY_VALUE);
    bool all = c->quantifier == FOR_ALL_VALUES;
    for (size_t i = 0; i < f->n; i++)
        if (passes(c, subject_of(c->test, f, i, ctx, &room), ctx) != all)
            return !all;
    return all;
}
