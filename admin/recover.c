/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail recover DIR`: arguments, progress, and a report that names what came back and what cannot. Exit status: 0 done
 * and nothing is damaged, 1 it failed or damage is left, 2 called wrongly.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/commands.h"
#include "admin/folder_owner.h"
#include "base/check.h"
#include "base/log.h"
#include "data_dir.h"

static const char help[] =
    "Usage: pail recover DIR [--complete-uploads] [--force] [--tier CLASS=DIR]...\n\n"
    "Makes the index of the data folder DIR anew when it is lost or broken: from the last of the snapshots that the\n"
    "server keeps in DIR/snapshots, and from what each blob says about itself. The old index is kept beside, no blob "
    "is\n"
    "touched. No server may run in DIR. When there is a backup that is recent enough, `pail restore` is the better "
    "way.\n"
    "Started by root, it works as the user whom DIR belongs to.\n\n"
    "  --complete-uploads  parts of uploads that nothing is known of become objects when none is missing between the\n"
    "                      first and the last one. The default is to show them as uploads in progress, for a last "
    "part\n"
    "                      of up to 16 KiB would be lost without a trace\n"
    "  --force             also when the present index is whole\n"
    "  --tier CLASS=DIR    where the data of a storage class lies, as given to the server\n\n"
    "Examples:\n"
    "  pail recover /srv/pail\n";

static void say(void *arg, const char *text)
{
    progress_bar_clear(arg);
    printf("  %s\n", text);
}

static void print_snapshot(int64_t ms)
{
    char text[64];
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    if (ms == 0) {
        puts("There was no snapshot of the index: all comes from the blobs.");
        return;
    }
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
    printf("The new index is the snapshot of %s and what blobs say that are newer.\n", text);
}

static void line(uint64_t n, const char *text)
{
    if (n)
        printf("  %8" PRIu64 "  %s\n", n, text);
}

static void print_losses(const struct recover_report *r)
{
    bool snapshot = r->snapshot_ms != 0;
    const char *since = snapshot ? " since the snapshot" : "";
    printf("What cannot come back this way:\n"
           "  - objects%s whose data is so small that it lay in the index (up to 16 KiB), and small last parts\n"
           "  - copies made%s: a copy shares the data of its source, which does not know of it\n"
           "  - tags, access lists, locks, retention and restore states set%s\n"
           "  - settings of buckets, users, keys and policies changed%s\n"
           "  - which multipart uploads were completed%s%s\n"
           "  - the ids of versions that were written%s: they have new ones\n",
           since, since, since, since, since, r->uploads ? ": the parts are there, as uploads in progress" : "", since);
    if (snapshot)
        puts("What may be there again although it was deleted since the snapshot: objects small enough to lie in the "
             "index,\nbuckets, and what was hidden by a delete marker.");
}

static void report(const struct recover_report *r)
{
    print_snapshot(r->snapshot_ms);
    if (*r->moved_to)
        printf("The old index is kept as %s; remove it when all is well.\n", r->moved_to);
    line(r->known, "blobs that the snapshot knew");
    line(r->buckets_made, "buckets made anew from what blobs say");
    line(r->objects, "objects put back");
    line(r->snapshot_ms ? 0 : r->encrypted,
         "of them are ENCRYPTED: their keys lay in the index, so only those with a key of their client's (SSE-C) can "
         "be read");
    line(r->completed, "objects made of the parts of uploads (named above)");
    line(r->uploads, "uploads in progress again (named above)");
    line(r->parts, "parts put back");
    line(r->moved, "objects found again in another storage class");
    line(r->gone, "objects, versions and parts of the snapshot without their data: deleted or replaced since");
    line(r->superseded, "blobs that had been replaced or deleted; `pail check --repair` moves them away");
    line(r->pieces, "blobs that are pieces of something that is not known any more");
    line(r->damaged, "damaged blobs (named above)");
    print_losses(r);
}

static int check_after(const struct recover_options *o, struct progress_bar *bar)
{
    struct check_report r;
    char error[MAINTENANCE_ERROR];
    struct check_options check = {.folder = o->folder, .fast = true, .progress = {progress_bar_tick, bar}};
    if (check_run(&check, &r, error) != 0) {
        fprintf(stderr, "pail: %s\n", error);
        return 1;
    }
    progress_bar_clear(bar);
    printf("Now there are %" PRIu64 " buckets, %" PRIu64 " objects, %" PRIu64 " older versions. %s\n", r.buckets,
           r.objects, r.versions,
           check_is_clean(&r) ? "No damage is left (`pail check DIR` reads all data too)."
                              : "Damage is left: `pail check DIR` names it.");
    return check_is_clean(&r) ? 0 : 1;
}

int recover_command(int argc, char **argv)
{
    static const char *const flags[] = {"--complete-uploads", "--force", NULL};
    struct folder_args args = {.command = "recover", .help = help, .flags = flags, .wanted_paths = 1};
    struct data_dir dir = {.lock_fd = -1};
    struct progress_bar bar;
    struct recover_report r;
    char error[512], mark[4200];
    int rc = folder_args_read(&args, argc, argv);
    if (rc != 0)
        return rc > 0 ? 0 : 2;
    progress_bar_init(&bar);
    log_setup(LOG_TEXT, LOG_ERROR);
    snprintf(mark, sizeof mark, "%.4000s/pail.format", args.paths[0]);
    if (!folder_owner_become(args.paths[0], NULL, NULL, error)) {
        fprintf(stderr, "pail: %s\n", error);
        return 2;
    }
    bool ours = access(mark, F_OK) == 0;
    if (!ours || !data_dir_open(args.paths[0], &dir, error)) {
        fprintf(stderr, "pail: %s: %s\n", args.paths[0], ours ? error : "is no data folder of Pail");
        return 2;
    }
    struct recover_options o = {.folder = {.path = args.paths[0], .n_tiers = args.n_tiers},
                                .complete_uploads = args.on[0],
                                .force = args.on[1],
                                .note = say,
                                .arg = &bar,
                                .progress = {progress_bar_tick, &bar}};
    memcpy(o.folder.tiers, args.tiers, sizeof args.tiers);
    rc = recover_run(&o, &r, error);
    progress_bar_clear(&bar);
    if (rc == 0) {
        report(&r);
        rc = check_after(&o, &bar);
    } else {
        fprintf(stderr, "pail: %s\n", error);
        rc = 1;
    }
    data_dir_close(&dir);
    return rc;
}
