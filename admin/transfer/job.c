/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job: one key, whose versions are written one after the other, oldest first. Idea: what the destination has of them
 * already is found out first; the others are copied, and the first that fails ends the job, so that what is there is
 * always a beginning of the source's history.
 * Threads: workers.
 */
#include "admin/transfer/job.h"

#include <inttypes.h>

#include "admin/transfer/copy.h"
#include "admin/transfer/folder.h"
#include "admin/transfer/late.h"
#include "admin/transfer/report.h"
#include "admin/transfer/same.h"

/* How many versions need not be written. SIZE_MAX: it is not to be written at all, which was said. */
static size_t have_already(struct line *l, struct job *j)
{
    struct transfer *t = l->t;
    bool conflict;
    size_t k = same_versions(l, j, &conflict);
    if (conflict && t->o->versions) {
        report(t, t->o->compare ? PROBLEM_DIFFERS : PROBLEM_FAILED, j->key,
               "the destination has versions of it that the source has not");
        return SIZE_MAX;
    }
    if (k == j->n)
        return k;
    if (t->o->compare)
        report(t, PROBLEM_DIFFERS, j->key,
               !j->n_have ? "is missing at the destination"
               : k        ? "newer versions are missing at the destination"
                          : "is not the same");
    else if (t->o->dry_run)
        report(t, PROBLEM_WOULD, j->key, "%" PRIu64 " bytes%s", j->versions[j->n - 1].size,
               j->n_have ? " over what is there" : "");
    return t->o->compare ? SIZE_MAX : k;
}

static void count_end(struct transfer *t, enum copy_end end, const struct version *v)
{
    if (end == COPY_DONE && v->marker)
        t->counts.markers++;
    else if (end == COPY_DONE)
        t->counts.copied++;
    else if (end == COPY_SAME)
        t->counts.same++;
    else if (end == COPY_GONE)
        t->counts.gone++;
    if (end != COPY_DONE)
        t->counts.planned--;
    if (end != COPY_DONE)
        t->counts.planned_bytes -= v->size;
}

static void leave_out(struct transfer *t, const struct job *j, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        t->counts.planned--;
        t->counts.planned_bytes -= j->versions[i].size;
    }
}

void job_run(struct line *l, struct job *j)
{
    struct transfer *t = l->t;
    const char *why = t->o->to.folder ? folder_key_problem(j->key) : NULL;
    const char *last_id =
        j->n_have && j->have[j->n_have - 1].id.n ? bytes_cstr(l->arena, j->have[j->n_have - 1].id) : NULL;
    if (why) {
        report(t, PROBLEM_SKIPPED, j->key, "no file can have this name: %s", why);
        leave_out(t, j, 0, j->n);
        return;
    }
    size_t done = have_already(l, j);
    if (done == SIZE_MAX) {
        leave_out(t, j, 0, j->n);
        return;
    }
    t->counts.same += done;
    leave_out(t, j, 0, done);
    for (size_t i = done; i < j->n && !t->o->dry_run; i++) {
        char error[400] = "";
        if (t->stop)
            return;
        const char *before = last_id;
        enum copy_end end = copy_version(l, j, &j->versions[i], &last_id, error);
        /* It was written if nothing was there. */
        bool guarded = !j->n_have && !j->versions[i].marker && !t->no_conditions;
        if (end == COPY_DONE && t->o->versions && i == done && !guarded && last_id &&
            !late_settle(l, j, before, &last_id, error))
            end = COPY_FAILED;
        if (end == COPY_FAILED && t->stop)
            return;
        count_end(t, end, &j->versions[i]);
        if (end == COPY_FAILED) {
            report(t, PROBLEM_FAILED, j->key, "%s", error);
            leave_out(t, j, i + 1, j->n);
            return; /* later versions wait, so that the order holds */
        }
    }
}
