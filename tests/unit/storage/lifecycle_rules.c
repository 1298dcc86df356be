/* SPDX-License-Identifier: Apache-2.0 */
/* What lifecycle rules say, as tables: one version, some rules, a moment, and what is due then. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "lifecycle.h"

#define DAY     LIFECYCLE_DAY_MS
#define HOUR    (3600 * 1000LL)
#define MORNING (20000 * DAY + 10 * HOUR) /* 10:00 UTC of some day */
#define LARGE   (256u * 1024)

/* Days after MORNING's midnight. */
#define MIDNIGHT(n) (20000 * DAY + (n)*DAY)

static const struct lifecycle_transition to_ia = {.days = 30, .to = LIFECYCLE_STANDARD_IA};
static const struct lifecycle_transition ia_glacier[] = {{.days = 30, .to = LIFECYCLE_STANDARD_IA},
                                                         {.days = 90, .to = LIFECYCLE_GLACIER}};
static const struct lifecycle_transition glacier_now = {.to = LIFECYCLE_GLACIER};
static const struct lifecycle_transition glacier_dated = {
    .is_date = true, .date_ms = MIDNIGHT(3), .to = LIFECYCLE_GLACIER};
static const struct lifecycle_transition older_ia[] = {{.days = 30, .newer = 2, .to = LIFECYCLE_STANDARD_IA}};
static const struct store_header red[] = {{{"colour", 6}, {"red", 3}}};
static const struct store_header red_round[] = {{{"shape", 5}, {"round", 5}}, {{"colour", 6}, {"red", 3}}};

#define RULE(...) ((struct lifecycle_rule){.enabled = true, .form = LIFECYCLE_FILTER_PREFIX, __VA_ARGS__})
#define EXPIRE(n) .expire = LIFECYCLE_EXPIRE_DAYS, .expire_days = (n)
#define MOVES(m)  .transitions = (m), .n_transitions = sizeof(m) / sizeof(struct lifecycle_transition)
#define MOVE(m)   .transitions = &(m), .n_transitions = 1

/* ---- time ---- */

Test(lifecycle_rules, days_are_rounded_up_to_midnight)
{
    static const struct {
        int64_t from, day_ms, expect;
        uint32_t days;
    } rows[] = {
        {MORNING, 0, MIDNIGHT(2), 1},
        {MORNING, 0, MIDNIGHT(1), 0},
        {MIDNIGHT(0), 0, MIDNIGHT(3), 3},
        {MIDNIGHT(0) + 1, 0, MIDNIGHT(4), 3},
        {MIDNIGHT(1) - 1, 0, MIDNIGHT(4), 3},
        {0, 0, 0, 0},
        {-1, 0, 0, 0},
        {-DAY - 1, 0, 0, 1},
        {MORNING, 0, MIDNIGHT(1) + 36500 * DAY, 36500},
        {MORNING, 2000, MORNING + 6000, 3}, /* short days are not rounded */
        {MORNING, 2000, MORNING, 0},
        /* AWS's own example: created 15 January 2014 at 10:30, three days, gone on the 19th at 0:00. */
        {1389781800000, 0, 1390089600000, 3},
        /* OPS-11: 28 February 2028 at noon and a day is 1 March, of a leap year 29 February is in between. */
        {1835352000000, 0, 1835481600000, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_assert_eq(lifecycle_after(rows[i].from, rows[i].days, rows[i].day_ms), rows[i].expect, "row %zu", i);
}

Test(lifecycle_rules, IOE_10_a_clock_that_jumps_is_noticed)
{
    static const struct {
        int64_t wall_before, boot_before, wall, boot;
        bool expect;
    } rows[] = {
        {MORNING, 1000, MORNING + 1000, 2000, false},
        {MORNING, 1000, MORNING + 10 * DAY, 1000 + 10 * DAY, false}, /* it slept */
        {MORNING, 1000, MORNING + HOUR, 1001, false},
        {MORNING, 1000, MORNING + HOUR + 2, 1001, true},
        {MORNING, 1000, MORNING + 3650 * DAY, 2000, true},
        {MORNING, 1000, MORNING - 2 * HOUR, 2000, true},
        {MORNING, 1000, MORNING - HOUR + 1000, 2000, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_assert_eq(lifecycle_clock_jumped(rows[i].wall_before, rows[i].boot_before, rows[i].wall, rows[i].boot),
                     rows[i].expect, "row %zu", i);
}

/* ---- classes ---- */

Test(lifecycle_rules, objects_move_towards_colder_classes_only)
{
    /* From the table of the user guide ("supported transitions"); columns in the order of the enum. */
    static const char *const may[LIFECYCLE_CLASS_COUNT] = {
        [LIFECYCLE_STANDARD] = "-yyyyyy",
        [LIFECYCLE_STANDARD_IA] = "--yyyyy",
        [LIFECYCLE_ONEZONE_IA] = "-----yy",
        [LIFECYCLE_GLACIER_IR] = "-----yy",
        [LIFECYCLE_GLACIER] = "------y",
        [LIFECYCLE_DEEP_ARCHIVE] = "-------",
        [LIFECYCLE_INTELLIGENT_TIERING] = "--y-yyy",
    };
    for (int from = 0; from < LIFECYCLE_CLASS_COUNT; from++)
        for (int to = 0; to < LIFECYCLE_CLASS_COUNT; to++)
            cr_assert_eq(lifecycle_may_move((enum lifecycle_class)from, (enum lifecycle_class)to), may[from][to] == 'y',
                         "%s to %s", lifecycle_class_name((enum lifecycle_class)from),
                         lifecycle_class_name((enum lifecycle_class)to));
}

Test(lifecycle_rules, classes_have_names)
{
    for (int c = 0; c < LIFECYCLE_CLASS_COUNT; c++)
        cr_assert_eq((int)lifecycle_class_of(bytes_str(lifecycle_class_name((enum lifecycle_class)c))), c);
    cr_assert_eq(lifecycle_class_of(BYTES_LIT("REDUCED_REDUNDANCY")), LIFECYCLE_STANDARD);
    cr_assert_eq(lifecycle_class_of(BYTES_NONE), LIFECYCLE_STANDARD);
    cr_assert_str_eq(lifecycle_class_name((enum lifecycle_class)77), "STANDARD");
}

/* ---- what is due ---- */

#define DO_NOTHING                                                                                                     \
    {                                                                                                                  \
        0                                                                                                              \
    }
#define DO_EXPIRE                                                                                                      \
    {                                                                                                                  \
        .action = LIFECYCLE_EXPIRE                                                                                     \
    }
#define DO_DELETE                                                                                                      \
    {                                                                                                                  \
        .action = LIFECYCLE_DELETE_VERSION                                                                             \
    }
#define DO_MOVE(c)                                                                                                     \
    {                                                                                                                  \
        .move = true, .to = (c)                                                                                        \
    }

struct due_case {
    const char *name;
    struct lifecycle_rule rules[3];
    enum lifecycle_minimum minimum;
    struct lifecycle_subject s;
    int64_t now, day_ms;
    struct lifecycle_due expect;
};

#define SIZED(n, ...)                                                                                                  \
    {                                                                                                                  \
        .key = {"logs/a", 6}, .size = (n), .mtime_ms = MORNING, __VA_ARGS__                                            \
    }
#define OBJECT(...) SIZED(LARGE, __VA_ARGS__)
#define OLDER(...)                                                                                                     \
    {                                                                                                                  \
        .key = {"logs/a", 6}, .size = LARGE, .mtime_ms = 0, .noncurrent_ms = MORNING, .keeps = true, __VA_ARGS__       \
    }
#define MARKER(...)                                                                                                    \
    {                                                                                                                  \
        .key = {"logs/a", 6}, .mtime_ms = MORNING, .marker = true, .keeps = true, __VA_ARGS__                          \
    }
#define LOGS     .prefix = {"logs/", 5}
#define OFF(...) ((struct lifecycle_rule){.form = LIFECYCLE_FILTER_ALL, __VA_ARGS__})

static const struct due_case due_cases[] = {
    {"no rule", {RULE()}, 0, OBJECT(), MIDNIGHT(999), 0, DO_NOTHING},
    {"a day before", {RULE(EXPIRE(1))}, 0, OBJECT(), MIDNIGHT(2) - 1, 0, DO_NOTHING},
    {"on the day", {RULE(EXPIRE(1))}, 0, OBJECT(), MIDNIGHT(2), 0, DO_EXPIRE},
    {"short days", {RULE(EXPIRE(1))}, 0, OBJECT(), MORNING + 2000, 2000, DO_EXPIRE},
    {"short days, before", {RULE(EXPIRE(1))}, 0, OBJECT(), MORNING + 1999, 2000, DO_NOTHING},
    {"disabled", {OFF(EXPIRE(1))}, 0, OBJECT(), MIDNIGHT(99), 0, DO_NOTHING},
    {"prefix", {RULE(LOGS, EXPIRE(1))}, 0, OBJECT(), MIDNIGHT(2), 0, DO_EXPIRE},
    {"another prefix", {RULE(.prefix = {"logs/b", 6}, EXPIRE(1))}, 0, OBJECT(), MIDNIGHT(9), 0, DO_NOTHING},
    {"longer prefix", {RULE(.prefix = {"logs/ab", 7}, EXPIRE(1))}, 0, OBJECT(), MIDNIGHT(9), 0, DO_NOTHING},
    {"date not come",
     {RULE(.expire = LIFECYCLE_EXPIRE_DATE, .expire_date_ms = MIDNIGHT(5))},
     0,
     OBJECT(),
     MIDNIGHT(5) - 1,
     0,
     DO_NOTHING},
    {"date come",
     {RULE(.expire = LIFECYCLE_EXPIRE_DATE, .expire_date_ms = MIDNIGHT(5))},
     0,
     OBJECT(.keeps = true),
     MIDNIGHT(5),
     0,
     DO_EXPIRE},
    {"date, object made after it",
     {RULE(.expire = LIFECYCLE_EXPIRE_DATE, .expire_date_ms = MIDNIGHT(-5))},
     0,
     OBJECT(),
     MORNING,
     0,
     DO_EXPIRE},

    /* filters */
    {"tag there",
     {RULE(.tags = red, .n_tags = 1, EXPIRE(1))},
     0,
     OBJECT(.tags = red_round, .n_tags = 2),
     MIDNIGHT(2),
     0,
     DO_EXPIRE},
    {"tag missing", {RULE(.tags = red, .n_tags = 1, EXPIRE(1))}, 0, OBJECT(), MIDNIGHT(2), 0, DO_NOTHING},
    {"all tags wanted",
     {RULE(.tags = red_round, .n_tags = 2, EXPIRE(1))},
     0,
     OBJECT(.tags = red, .n_tags = 1),
     MIDNIGHT(2),
     0,
     DO_NOTHING},
    {"not greater",
     {RULE(.has_greater = true, .size_greater = LARGE, EXPIRE(1))},
     0,
     OBJECT(),
     MIDNIGHT(2),
     0,
     DO_NOTHING},
    {"greater",
     {RULE(.has_greater = true, .size_greater = LARGE - 1, EXPIRE(1))},
     0,
     OBJECT(),
     MIDNIGHT(2),
     0,
     DO_EXPIRE},
    {"greater than nothing",
     {RULE(.has_greater = true, EXPIRE(1))},
     0,
     {.key = {"k", 1}, .mtime_ms = MORNING},
     MIDNIGHT(2),
     0,
     DO_NOTHING},
    {"not less", {RULE(.size_less = LARGE, EXPIRE(1))}, 0, OBJECT(), MIDNIGHT(2), 0, DO_NOTHING},
    {"less", {RULE(.size_less = LARGE + 1, EXPIRE(1))}, 0, OBJECT(), MIDNIGHT(2), 0, DO_EXPIRE},

    /* moves: 30 days to STANDARD_IA, 90 to GLACIER, gone after 365 */
    {"day 30",
     {RULE(LOGS, MOVES(ia_glacier), EXPIRE(365))},
     0,
     OBJECT(),
     MIDNIGHT(31),
     0,
     DO_MOVE(LIFECYCLE_STANDARD_IA)},
    {"before day 30", {RULE(LOGS, MOVES(ia_glacier), EXPIRE(365))}, 0, OBJECT(), MIDNIGHT(31) - 1, 0, DO_NOTHING},
    {"day 60",
     {RULE(LOGS, MOVES(ia_glacier), EXPIRE(365))},
     0,
     OBJECT(.in = LIFECYCLE_STANDARD_IA),
     MIDNIGHT(61),
     0,
     DO_NOTHING},
    {"day 90",
     {RULE(LOGS, MOVES(ia_glacier), EXPIRE(365))},
     0,
     OBJECT(.in = LIFECYCLE_STANDARD_IA),
     MIDNIGHT(91),
     0,
     DO_MOVE(LIFECYCLE_GLACIER)},
    {"day 90, missed day 30",
     {RULE(LOGS, MOVES(ia_glacier), EXPIRE(365))},
     0,
     OBJECT(),
     MIDNIGHT(91),
     0,
     DO_MOVE(LIFECYCLE_GLACIER)},
    {"day 365",
     {RULE(LOGS, MOVES(ia_glacier), EXPIRE(365))},
     0,
     OBJECT(.in = LIFECYCLE_GLACIER),
     MIDNIGHT(366),
     0,
     DO_EXPIRE},
    {"day 365, first look", {RULE(LOGS, MOVES(ia_glacier), EXPIRE(365))}, 0, OBJECT(), MIDNIGHT(366), 0, DO_EXPIRE},
    {"never back up", {RULE(MOVE(to_ia))}, 0, OBJECT(.in = LIFECYCLE_GLACIER_IR), MIDNIGHT(99), 0, DO_NOTHING},
    {"a date moves", {RULE(MOVE(glacier_dated))}, 0, OBJECT(), MIDNIGHT(3), 0, DO_MOVE(LIFECYCLE_GLACIER)},
    {"day 0 moves at midnight", {RULE(MOVE(glacier_now))}, 0, OBJECT(), MIDNIGHT(1) - 1, 0, DO_NOTHING},
    {"day 0 moves", {RULE(MOVE(glacier_now))}, 0, OBJECT(), MIDNIGHT(1), 0, DO_MOVE(LIFECYCLE_GLACIER)},

    /* small objects stay */
    {"small", {RULE(MOVE(glacier_now))}, 0, SIZED(LIFECYCLE_SMALL_BYTES - 1), MIDNIGHT(9), 0, DO_NOTHING},
    {"just large enough",
     {RULE(MOVE(glacier_now))},
     0,
     SIZED(LIFECYCLE_SMALL_BYTES),
     MIDNIGHT(9),
     0,
     DO_MOVE(LIFECYCLE_GLACIER)},
    {"small, varies, archive",
     {RULE(MOVE(glacier_now))},
     LIFECYCLE_VARIES,
     SIZED(1),
     MIDNIGHT(9),
     0,
     DO_MOVE(LIFECYCLE_GLACIER)},
    {"small, varies, IA", {RULE(MOVE(to_ia))}, LIFECYCLE_VARIES, SIZED(1), MIDNIGHT(99), 0, DO_NOTHING},
    {"small, the rule has a size",
     {RULE(.has_greater = true, MOVE(to_ia))},
     0,
     SIZED(1),
     MIDNIGHT(99),
     0,
     DO_MOVE(LIFECYCLE_STANDARD_IA)},
    {"small ones expire", {RULE(EXPIRE(1))}, 0, SIZED(0), MIDNIGHT(2), 0, DO_EXPIRE},

    /* several rules */
    {"colder class wins",
     {RULE(MOVE(to_ia)), RULE(MOVE(glacier_now))},
     0,
     OBJECT(),
     MIDNIGHT(99),
     0,
     DO_MOVE(LIFECYCLE_GLACIER)},
    {"colder class wins, other order",
     {RULE(MOVE(glacier_now)), RULE(MOVE(to_ia))},
     0,
     OBJECT(),
     MIDNIGHT(99),
     0,
     DO_MOVE(LIFECYCLE_GLACIER)},
    {"earliest end wins", {RULE(EXPIRE(365)), RULE(LOGS, EXPIRE(2))}, 0, OBJECT(), MIDNIGHT(3), 0, DO_EXPIRE},
    {"an end for good wins over a move",
     {RULE(MOVE(glacier_now)), RULE(EXPIRE(1))},
     0,
     OBJECT(),
     MIDNIGHT(3),
     0,
     DO_EXPIRE},
    {"a move goes before a marker",
     {RULE(MOVE(glacier_now)), RULE(EXPIRE(1))},
     0,
     OBJECT(.keeps = true),
     MIDNIGHT(3),
     0,
     {.move = true, .to = LIFECYCLE_GLACIER, .action = LIFECYCLE_EXPIRE}},

    /* noncurrent versions count from when they became so */
    {"noncurrent", {RULE(.noncurrent_days = 1)}, 0, OLDER(), MIDNIGHT(2), 0, DO_DELETE},
    {"noncurrent, not yet", {RULE(.noncurrent_days = 1)}, 0, OLDER(), MIDNIGHT(2) - 1, 0, DO_NOTHING},
    {"noncurrent, only current ones expire", {RULE(EXPIRE(1))}, 0, OLDER(), MIDNIGHT(99), 0, DO_NOTHING},
    {"current, only noncurrent ones expire",
     {RULE(.noncurrent_days = 1)},
     0,
     OBJECT(.keeps = true),
     MIDNIGHT(99),
     0,
     DO_NOTHING},
    {"two newer kept: newest",
     {RULE(.noncurrent_days = 1, .noncurrent_newer = 2)},
     0,
     OLDER(.newer = 0),
     MIDNIGHT(99),
     0,
     DO_NOTHING},
    {"two newer kept: second",
     {RULE(.noncurrent_days = 1, .noncurrent_newer = 2)},
     0,
     OLDER(.newer = 1),
     MIDNIGHT(99),
     0,
     DO_NOTHING},
    {"two newer kept: third",
     {RULE(.noncurrent_days = 1, .noncurrent_newer = 2)},
     0,
     OLDER(.newer = 2),
     MIDNIGHT(99),
     0,
     DO_DELETE},
    {"two newer kept: third, young",
     {RULE(.noncurrent_days = 9, .noncurrent_newer = 2)},
     0,
     OLDER(.newer = 2),
     MIDNIGHT(2),
     0,
     DO_NOTHING},
    {"noncurrent moves",
     {RULE(.noncurrent_transitions = older_ia, .n_noncurrent_transitions = 1)},
     0,
     OLDER(.newer = 2),
     MIDNIGHT(31),
     0,
     DO_MOVE(LIFECYCLE_STANDARD_IA)},
    {"noncurrent stays for the newer ones",
     {RULE(.noncurrent_transitions = older_ia, .n_noncurrent_transitions = 1)},
     0,
     OLDER(.newer = 1),
     MIDNIGHT(31),
     0,
     DO_NOTHING},
    {"noncurrent, moves are for current ones", {RULE(MOVE(to_ia))}, 0, OLDER(), MIDNIGHT(99), 0, DO_NOTHING},
    {"noncurrent marker", {RULE(.noncurrent_days = 1)}, 0, MARKER(.noncurrent_ms = MORNING), MIDNIGHT(2), 0, DO_DELETE},
    {"noncurrent marker does not move",
     {RULE(.noncurrent_transitions = older_ia, .n_noncurrent_transitions = 1, .has_greater = false)},
     LIFECYCLE_VARIES,
     MARKER(.noncurrent_ms = MORNING, .newer = 9),
     MIDNIGHT(99),
     0,
     DO_NOTHING},

    /* delete markers */
    {"marker alone", {RULE(.expire = LIFECYCLE_EXPIRE_MARKER)}, 0, MARKER(.alone = true), MORNING, 0, DO_DELETE},
    {"marker over versions", {RULE(.expire = LIFECYCLE_EXPIRE_MARKER)}, 0, MARKER(), MIDNIGHT(99), 0, DO_NOTHING},
    {"marker alone, written as false",
     {RULE(.expire = LIFECYCLE_EXPIRE_NO_MARKER)},
     0,
     MARKER(.alone = true),
     MIDNIGHT(99),
     0,
     DO_NOTHING},
    {"marker alone, of age", {RULE(EXPIRE(3))}, 0, MARKER(.alone = true), MIDNIGHT(4), 0, DO_DELETE},
    {"marker alone, young", {RULE(EXPIRE(3))}, 0, MARKER(.alone = true), MIDNIGHT(4) - 1, 0, DO_NOTHING},
    {"no marker upon a marker", {RULE(EXPIRE(3))}, 0, MARKER(), MIDNIGHT(99), 0, DO_NOTHING},
    {"an object is no marker", {RULE(.expire = LIFECYCLE_EXPIRE_MARKER)}, 0, OBJECT(), MIDNIGHT(99), 0, DO_NOTHING},
    {"markers have no tags",
     {RULE(.tags = red, .n_tags = 1, EXPIRE(1))},
     0,
     MARKER(.alone = true),
     MIDNIGHT(9),
     0,
     DO_NOTHING},
};

Test(lifecycle_rules, what_is_due)
{
    for (size_t i = 0; i < ARRAY_LEN(due_cases); i++) {
        const struct due_case *c = &due_cases[i];
        struct lifecycle l = {.rules = c->rules, .n_rules = ARRAY_LEN(c->rules), .minimum = c->minimum};
        struct lifecycle_due due = lifecycle_due(&l, &c->s, c->now, c->day_ms);
        cr_expect(due.move == c->expect.move && due.action == c->expect.action, "%s: move %d, action %d", c->name,
                  due.move, due.action);
        cr_expect(!due.move || due.to == c->expect.to, "%s: to %s", c->name, lifecycle_class_name(due.to));
    }
}

/* ---- headers ---- */

Test(lifecycle_rules, the_earliest_expiry_is_told)
{
    struct lifecycle_rule rules[] = {RULE(.id = BYTES_LIT("year"), EXPIRE(365)),
                                     RULE(.id = BYTES_LIT("week"), .prefix = BYTES_LIT("logs/"), EXPIRE(7)),
                                     RULE(.id = BYTES_LIT("day"), .prefix = BYTES_LIT("tmp/"), EXPIRE(1)),
                                     OFF(.id = BYTES_LIT("off"), EXPIRE(1)),
                                     RULE(.id = BYTES_LIT("marker"), .expire = LIFECYCLE_EXPIRE_MARKER)};
    struct lifecycle l = {.rules = rules, .n_rules = ARRAY_LEN(rules)};
    struct lifecycle_subject s = OBJECT();
    struct bytes id;
    int64_t at;
    cr_assert(lifecycle_expiry(&l, &s, &at, &id));
    cr_assert(at == MIDNIGHT(8) && bytes_eq_str(id, "week"));
    s.key = BYTES_LIT("other");
    cr_assert(lifecycle_expiry(&l, &s, &at, &id));
    cr_assert(at == MIDNIGHT(366) && bytes_eq_str(id, "year"));
    l.rules = &rules[3]; /* rules that end no object */
    l.n_rules = 2;
    cr_assert(!lifecycle_expiry(&l, &s, &at, &id));
}

Test(lifecycle_rules, the_earliest_abort_is_told)
{
    struct lifecycle_rule rules[] = {RULE(.id = BYTES_LIT("week"), .abort_days = 7),
                                     RULE(.id = BYTES_LIT("tmp"), .prefix = BYTES_LIT("tmp/"), .abort_days = 1),
                                     OFF(.id = BYTES_LIT("off"), .abort_days = 1)};
    struct lifecycle l = {.rules = rules, .n_rules = ARRAY_LEN(rules)};
    struct bytes id;
    int64_t at;
    cr_assert(lifecycle_abort(&l, BYTES_LIT("tmp/x"), MORNING, 0, &at, &id));
    cr_assert(at == MIDNIGHT(2) && bytes_eq_str(id, "tmp"));
    cr_assert(lifecycle_abort(&l, BYTES_LIT("x"), MORNING, 1000, &at, &id));
    cr_assert(at == MORNING + 7000 && bytes_eq_str(id, "week"));
    l.rules = &rules[1];
    l.n_rules = 2;
    cr_assert(!lifecycle_abort(&l, BYTES_LIT("x"), MORNING, 0, &at, &id));
}

Test(lifecycle_rules, kinds_of_records_that_matter)
{
    struct lifecycle_rule expire = RULE(EXPIRE(1)), move = RULE(MOVE(to_ia)), older = RULE(.noncurrent_days = 1),
                          marker = RULE(.expire = LIFECYCLE_EXPIRE_MARKER), uploads = RULE(.abort_days = 1),
                          off = OFF(EXPIRE(1), .abort_days = 1);
    const struct {
        const struct lifecycle_rule *rule;
        bool current, versions, uploads;
    } rows[] = {{&expire, true, true, false},  {&move, true, false, false},    {&older, false, true, false},
                {&marker, false, true, false}, {&uploads, false, false, true}, {&off, false, false, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lifecycle l = {.rules = rows[i].rule, .n_rules = 1};
        struct lifecycle_reach reach = lifecycle_reach(&l);
        cr_assert(reach.current == rows[i].current && reach.versions == rows[i].versions &&
                      reach.uploads == rows[i].uploads,
                  "row %zu", i);
    }
}
