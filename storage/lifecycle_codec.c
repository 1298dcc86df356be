/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifecycle rules as bytes: a record like any other (record.c has the tables), so that the store reads them without
 * knowing the XML they came from. What decodes is checked once more: numbers of a later release are no rules of ours.
 * Threads: pure functions.
 */
#include "lifecycle.h"
#include "storage/record.h"

struct bytes lifecycle_encode(const struct lifecycle *l, struct arena *a)
{
    return record_encode(&rec_lifecycle, l, a, NULL);
}

static bool transitions_known(const struct lifecycle_transition *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned)list[i].to >= LIFECYCLE_CLASS_COUNT)
            return false;
    return true;
}

/* A rule that is understood in part must not be carried out in part. */
static bool known(const struct lifecycle_rule *r)
{
    return (unsigned)r->form <= LIFECYCLE_FILTER_AND && (unsigned)r->expire <= LIFECYCLE_EXPIRE_NO_MARKER &&
           transitions_known(r->transitions, r->n_transitions) &&
           transitions_known(r->noncurrent_transitions, r->n_noncurrent_transitions);
}

bool lifecycle_decode(struct bytes value, struct arena *a, struct lifecycle *ret)
{
    if (!record_decode(&rec_lifecycle, value, a, ret) || ret->n_rules > LIFECYCLE_RULES_MAX)
        return false;
    for (size_t i = 0; i < ret->n_rules; i++)
        if (!known(&ret->rules[i]))
            return false;
    return true;
}
