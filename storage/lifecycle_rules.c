/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lifecycle rules say about one version of an object: nothing here knows the store, the clock or the disk.
 *
 * The rules of conflict are AWS's (userguide, lifecycle-conflicts): an end for good wins over a move, a move over a
 * delete marker, the earliest end wins, the colder class wins. Days are counted in full and rounded up to midnight UTC.
 * Threads: pure functions.
 */
#include "lifecycle.h"

#include "base/check.h"

/* ---- classes ---- */

static const struct {
    const char *name;
    unsigned rank;
} classes[] = {
    [LIFECYCLE_STANDARD] = {"STANDARD", 0},         [LIFECYCLE_STANDARD_IA] = {"STANDARD_IA", 1},
    [LIFECYCLE_ONEZONE_IA] = {"ONEZONE_IA", 3},     [LIFECYCLE_INTELLIGENT_TIERING] = {"INTELLIGENT_TIERING", 2},
    [LIFECYCLE_GLACIER_IR] = {"GLACIER_IR", 4},     [LIFECYCLE_GLACIER] = {"GLACIER", 5},
    [LIFECYCLE_DEEP_ARCHIVE] = {"DEEP_ARCHIVE", 6},
};
_Static_assert(ARRAY_LEN(classes) == LIFECYCLE_CLASS_COUNT, "a name for each class");

const char *lifecycle_class_name(enum lifecycle_class c)
{
    return (size_t)c < ARRAY_LEN(classes) ? classes[c].name : "STANDARD";
}

enum lifecycle_class lifecycle_class_of(struct bytes name)
{
    for (size_t i = 1; i < ARRAY_LEN(classes); i++)
        if (bytes_eq_str(name, classes[i].name))
            return (enum lifecycle_class)i;
    return LIFECYCLE_STANDARD;
}

unsigned lifecycle_class_rank(enum lifecycle_class c)
{
    return (size_t)c < ARRAY_LEN(classes) ? classes[c].rank : 0;
}

bool lifecycle_may_move(enum lifecycle_class from, enum lifecycle_class to)
{
    if (from == LIFECYCLE_ONEZONE_IA && to == LIFECYCLE_GLACIER_IR)
        return false; /* the one step down that S3 does not make */
    return lifecycle_class_rank(to) > lifecycle_class_rank(from);
}

/* ---- time ---- */

int64_t lifecycle_after(int64_t from_ms, uint32_t days, int64_t day_ms)
{
    if (day_ms > 0)
        return from_ms + (int64_t)days * day_ms;
    int64_t at = from_ms + (int64_t)days * LIFECYCLE_DAY_MS, into = at % LIFECYCLE_DAY_MS;
    if (into < 0)
        into += LIFECYCLE_DAY_MS;
    return into ? at - into + LIFECYCLE_DAY_MS : at;
}

bool lifecycle_clock_jumped(int64_t wall_before_ms, int64_t boot_before_ms, int64_t wall_ms, int64_t boot_ms)
{
    int64_t off = (wall_ms - wall_before_ms) - (boot_ms - boot_before_ms);
    return off > LIFECYCLE_JUMP_MS || off < -LIFECYCLE_JUMP_MS;
}

/* ---- filters ---- */

static bool has_tag(const struct lifecycle_subject *s, const struct store_header *tag)
{
    for (size_t i = 0; i < s->n_tags; i++)
        if (bytes_eq(s->tags[i].name, tag->name) && bytes_eq(s->tags[i].value, tag->value))
            return true;
    return false;
}

/* Markers have no tags and no bytes. */
static bool concerns(const struct lifecycle_rule *r, const struct lifecycle_subject *s)
{
    if (!r->enabled || !bytes_starts(s->key, r->prefix))
        return false;
    if ((r->has_greater && s->size <= r->size_greater) || (r->size_less && s->size >= r->size_less))
        return false;
    for (size_t i = 0; i < r->n_tags; i++)
        if (!has_tag(s, &r->tags[i]))
            return false;
    return true;
}

/* A rule with a size of its own decides itself which objects are too small to move. */
static bool large_enough(const struct lifecycle *l, const struct lifecycle_rule *r, const struct lifecycle_subject *s,
                         enum lifecycle_class to)
{
    if (s->size >= LIFECYCLE_SMALL_BYTES || r->has_greater || r->size_less)
        return true;
    return l->minimum == LIFECYCLE_VARIES && (to == LIFECYCLE_GLACIER || to == LIFECYCLE_DEEP_ARCHIVE);
}

/* ---- what is due ---- */

static bool move_is_due(const struct lifecycle_transition *t, const struct lifecycle_subject *s, int64_t now_ms,
                        int64_t day_ms)
{
    if (s->noncurrent_ms)
        return s->newer >= t->newer && lifecycle_after(s->noncurrent_ms, t->days, day_ms) <= now_ms;
    return (t->is_date ? t->date_ms : lifecycle_after(s->mtime_ms, t->days, day_ms)) <= now_ms;
}

static void best_move(const struct lifecycle *l, const struct lifecycle_rule *r, const struct lifecycle_subject *s,
                      int64_t now_ms, int64_t day_ms, struct lifecycle_due *due)
{
    const struct lifecycle_transition *list = s->noncurrent_ms ? r->noncurrent_transitions : r->transitions;
    size_t n = s->noncurrent_ms ? r->n_noncurrent_transitions : r->n_transitions;
    for (size_t i = 0; i < n; i++)
        if (lifecycle_may_move(s->in, list[i].to) && large_enough(l, r, s, list[i].to) &&
            move_is_due(&list[i], s, now_ms, day_ms) &&
            (!due->move || lifecycle_class_rank(list[i].to) > lifecycle_class_rank(due->to))) {
            due->move = true;
            due->to = list[i].to;
        }
}

/* When the rule ends the newest version; false: never. */
static bool expiry_of(const struct lifecycle_rule *r, const struct lifecycle_subject *s, int64_t day_ms,
                      int64_t *ret_ms)
{
    if (r->expire == LIFECYCLE_EXPIRE_DAYS)
        *ret_ms = lifecycle_after(s->mtime_ms, r->expire_days, day_ms);
    else if (r->expire == LIFECYCLE_EXPIRE_DATE)
        *ret_ms = r->expire_date_ms;
    else
        return false;
    return true;
}

static bool ends(const struct lifecycle_rule *r, const struct lifecycle_subject *s, int64_t now_ms, int64_t day_ms)
{
    int64_t at = 0;
    if (s->noncurrent_ms)
        return r->noncurrent_days && s->newer >= r->noncurrent_newer &&
               lifecycle_after(s->noncurrent_ms, r->noncurrent_days, day_ms) <= now_ms;
    if (s->marker && r->expire == LIFECYCLE_EXPIRE_MARKER)
        return s->alone;
    return (!s->marker || s->alone) && expiry_of(r, s, day_ms, &at) && at <= now_ms;
}

struct lifecycle_due lifecycle_due(const struct lifecycle *l, const struct lifecycle_subject *s, int64_t now_ms,
                                   int64_t day_ms)
{
    struct lifecycle_due due = {.action = LIFECYCLE_NOTHING};
    for (size_t i = 0; i < l->n_rules; i++) {
        const struct lifecycle_rule *r = &l->rules[i];
        if (!concerns(r, s))
            continue;
        if (ends(r, s, now_ms, day_ms))
            due.action = s->noncurrent_ms || s->marker ? LIFECYCLE_DELETE_VERSION : LIFECYCLE_EXPIRE;
        if (!s->marker)
            best_move(l, r, s, now_ms, day_ms, &due);
    }
    if (due.action == LIFECYCLE_DELETE_VERSION || (due.action == LIFECYCLE_EXPIRE && !s->keeps))
        due.move = false;
    return due;
}

bool lifecycle_expiry(const struct lifecycle *l, const struct lifecycle_subject *s, int64_t *ret_ms,
                      struct bytes *ret_rule_id)
{
    bool found = false;
    for (size_t i = 0; i < l->n_rules; i++) {
        int64_t at;
        if (concerns(&l->rules[i], s) && expiry_of(&l->rules[i], s, 0, &at) && (!found || at < *ret_ms)) {
            *ret_ms = at;
            *ret_rule_id = l->rules[i].id;
            found = true;
        }
    }
    return found;
}

bool lifecycle_abort(const struct lifecycle *l, struct bytes key, int64_t initiated_ms, int64_t day_ms, int64_t *ret_ms,
                     struct bytes *ret_rule_id)
{
    bool found = false;
    for (size_t i = 0; i < l->n_rules; i++) {
        const struct lifecycle_rule *r = &l->rules[i];
        if (!r->enabled || !r->abort_days || !bytes_starts(key, r->prefix))
            continue;
        int64_t at = lifecycle_after(initiated_ms, r->abort_days, day_ms);
        if (!found || at < *ret_ms) {
            *ret_ms = at;
            *ret_rule_id = r->id;
            found = true;
        }
    }
    return found;
}

struct lifecycle_reach lifecycle_reach(const struct lifecycle *l)
{
    struct lifecycle_reach reach = {0};
    for (size_t i = 0; i < l->n_rules; i++) {
        const struct lifecycle_rule *r = &l->rules[i];
        if (!r->enabled)
            continue;
        bool ends_current = r->expire == LIFECYCLE_EXPIRE_DAYS || r->expire == LIFECYCLE_EXPIRE_DATE;
        reach.current |= ends_current || r->n_transitions;
        reach.versions |=
            ends_current || r->expire == LIFECYCLE_EXPIRE_MARKER || r->noncurrent_days || r->n_noncurrent_transitions;
        reach.uploads |= r->abort_days != 0;
    }
    return reach;
}
