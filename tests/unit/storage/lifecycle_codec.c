/* SPDX-License-Identifier: Apache-2.0 */
/* Lifecycle rules as bytes: every field comes back, and what is damaged or newer is no rule. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"
#include "lifecycle.h"
#include "storage/record.h"

static const struct lifecycle_transition moves[] = {
    {.days = 30, .to = LIFECYCLE_STANDARD_IA},
    {.days = 0, .to = LIFECYCLE_DEEP_ARCHIVE},
    {.is_date = true, .date_ms = INT64_MAX, .to = LIFECYCLE_GLACIER_IR},
};
static const struct lifecycle_transition older[] = {{.days = UINT32_MAX, .newer = 100, .to = LIFECYCLE_GLACIER}};
static const struct store_header tags[] = {{{"k", 1}, {"v", 1}}, {{"empty", 5}, {NULL, 0}}};

static bool same_moves(const struct lifecycle_transition *a, const struct lifecycle_transition *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].is_date != b[i].is_date || a[i].days != b[i].days || a[i].date_ms != b[i].date_ms ||
            a[i].newer != b[i].newer || a[i].to != b[i].to)
            return false;
    return true;
}

Test(lifecycle_codec, every_field_comes_back)
{
    struct arena *a = arena_create(0);
    struct lifecycle_rule rules[] = {
        {.id = BYTES_LIT("all"),
         .enabled = true,
         .form = LIFECYCLE_FILTER_AND,
         .has_prefix = true,
         .prefix = BYTES_LIT("logs/\xc3\xa9"),
         .tags = tags,
         .n_tags = 2,
         .has_greater = true,
         .size_greater = 0,
         .size_less = UINT64_MAX,
         .expire = LIFECYCLE_EXPIRE_DATE,
         .expire_date_ms = -LIFECYCLE_DAY_MS,
         .transitions = moves,
         .n_transitions = ARRAY_LEN(moves),
         .noncurrent_transitions = older,
         .n_noncurrent_transitions = 1,
         .noncurrent_days = 5,
         .noncurrent_newer = 100,
         .abort_days = 7},
        {.id = BYTES_LIT("old"), .expire = LIFECYCLE_EXPIRE_DAYS, .expire_days = 1},
    };
    struct lifecycle l = {.rules = rules, .n_rules = 2, .minimum = LIFECYCLE_VARIES}, back;
    cr_assert(lifecycle_decode(lifecycle_encode(&l, a), a, &back));
    cr_assert(back.n_rules == 2 && back.minimum == LIFECYCLE_VARIES);
    const struct lifecycle_rule *r = &back.rules[0];
    cr_assert(bytes_eq_str(r->id, "all") && r->enabled && r->form == LIFECYCLE_FILTER_AND && r->has_prefix);
    cr_assert(bytes_eq(r->prefix, rules[0].prefix) && r->n_tags == 2 && bytes_eq_str(r->tags[1].name, "empty"));
    cr_assert(r->has_greater && r->size_greater == 0 && r->size_less == UINT64_MAX);
    cr_assert(r->expire == LIFECYCLE_EXPIRE_DATE && r->expire_date_ms == -LIFECYCLE_DAY_MS);
    cr_assert(r->n_transitions == 3 && same_moves(r->transitions, moves, 3));
    cr_assert(r->n_noncurrent_transitions == 1 && same_moves(r->noncurrent_transitions, older, 1));
    cr_assert(r->noncurrent_days == 5 && r->noncurrent_newer == 100 && r->abort_days == 7);
    r = &back.rules[1];
    cr_assert(!r->enabled && r->form == LIFECYCLE_OLD_PREFIX && r->expire_days == 1 && r->n_transitions == 0);
    arena_free(a);
}

Test(lifecycle_codec, a_thousand_rules)
{
    struct arena *a = arena_create(0);
    struct lifecycle_rule *rules = arena_new_array(a, struct lifecycle_rule, LIFECYCLE_RULES_MAX + 1);
    struct lifecycle l = {.rules = rules, .n_rules = LIFECYCLE_RULES_MAX}, back;
    for (size_t i = 0; i <= LIFECYCLE_RULES_MAX; i++)
        rules[i] = (struct lifecycle_rule){.id = arena_bytesf(a, "rule %zu", i), .enabled = true, .abort_days = 1};
    cr_assert(lifecycle_decode(lifecycle_encode(&l, a), a, &back));
    cr_assert(back.n_rules == LIFECYCLE_RULES_MAX && bytes_eq_str(back.rules[999].id, "rule 999"));
    l.n_rules++;
    cr_assert(!lifecycle_decode(lifecycle_encode(&l, a), a, &back));
    arena_free(a);
}

Test(lifecycle_codec, numbers_of_a_later_release_are_no_rules)
{
    struct arena *a = arena_create(0);
    struct lifecycle_transition odd = {.to = LIFECYCLE_CLASS_COUNT};
    struct lifecycle_rule rules[] = {
        {.form = (enum lifecycle_form)7},
        {.expire = (enum lifecycle_expire)5},
        {.transitions = &odd, .n_transitions = 1},
        {.noncurrent_transitions = &odd, .n_noncurrent_transitions = 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct lifecycle l = {.rules = &rules[i], .n_rules = 1}, back;
        cr_assert(!lifecycle_decode(lifecycle_encode(&l, a), a, &back), "rule %zu", i);
    }
    arena_free(a);
}

Test(lifecycle_codec, bytes_that_make_no_sense)
{
    struct arena *a = arena_create(0);
    struct lifecycle_rule rule = {.id = BYTES_LIT("id"), .tags = tags, .n_tags = 2, .transitions = moves};
    struct lifecycle l = {.rules = &rule, .n_rules = 1}, back;
    rule.n_transitions = 3;
    struct bytes good = lifecycle_encode(&l, a);
    cr_assert(!lifecycle_decode(BYTES_NONE, a, &back));
    for (size_t n = 0; n < good.n; n++) /* a prefix may be a record, but never reads beyond */
        (void)lifecycle_decode(bytes_dup(a, bytes_of(good.p, n)), a, &back);
    for (size_t i = 0; i < good.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            char *bad = arena_alloc(a, good.n);
            memcpy(bad, good.p, good.n);
            bad[i] = (char)(bad[i] ^ 1 << bit);
            (void)lifecycle_decode(bytes_of(bad, good.n), a, &back);
        }
    arena_free(a);
}

Test(lifecycle_codec, the_cursor_of_a_pass)
{
    struct arena *a = arena_create(0);
    struct rec_lifecycle_cursor c = {.began_ms = 5,
                                     .bucket = BYTES_LIT("b"),
                                     .seq = UINT64_MAX,
                                     .key = BYTES_LIT("w\0x"),
                                     .newer = 7},
                                back;
    cr_assert(record_decode(&rec_lifecycle_cursor, record_encode(&rec_lifecycle_cursor, &c, a, NULL), a, &back));
    cr_assert(back.began_ms == 5 && !back.done && bytes_eq(back.bucket, c.bucket) && back.seq == UINT64_MAX &&
              bytes_eq(back.key, c.key) && back.newer == 7);
    arena_free(a);
}
