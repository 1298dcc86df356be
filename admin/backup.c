/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail backup DIR DEST` and `pail restore BACKUP DIR`: arguments, progress and the report. Exit status: 0 done, 1 it
 * failed or something is damaged, 2 called wrongly.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/commands.h"
#include "admin/folder_owner.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

static const char backup_help[] =
    "Usage: pail backup DIR DEST [--verify] [--without-key] [--copy] [--tier CLASS=DIR]...\n\n"
    "Copies the data folder DIR to DEST as it is at one moment; a server may work in DIR meanwhile. DEST is a new or\n"
    "empty folder, or has the last backup of the same data: then only what is new is added, and the last one stays\n"
    "whole until the new one is complete, whatever happens.\n"
    "Started by root, it works as the user whom DIR belongs to, and makes a new DEST that user's.\n\n"
    "  --verify           afterwards read everything in DEST and compare it with its checksums\n"
    "  --without-key      leave the master key pail.key out. Without it nobody can read what is encrypted, nor sign "
    "in\n"
    "                     as a user other than root: keep it elsewhere. The default is to include it, so whoever has\n"
    "                     the backup can read the data\n"
    "  --copy             copy the data also where DEST is on the same file system. The default there is to link it,\n"
    "                     which takes no room and no time and guards against deletion, but not against a failing disk\n"
    "  --tier CLASS=DIR   where the data of a storage class lies, as given to the server\n\n"
    "Examples:\n"
    "  pail backup /srv/pail /backup/pail\n"
    "  pail backup /srv/pail /backup/pail --verify --without-key\n";

static const char restore_help[] =
    "Usage: pail restore BACKUP DIR [--fast] [--copy] [--tier CLASS=DIR]...\n\n"
    "Makes a data folder in DIR, which is new or empty, from a backup, and checks it. Then `pail server DIR` serves "
    "it.\n"
    "Started by root, it works as the user whom DIR belongs to, or the backup where DIR is not there yet.\n\n"
    "  --fast             check without reading the data again\n"
    "  --copy             copy the data also where it could be linked: then DIR shares no bytes with the backup\n"
    "  --tier CLASS=DIR   an empty folder for the data of a storage class that had one of its own\n\n"
    "Examples:\n"
    "  pail restore /backup/pail /srv/pail-2\n";

struct talking {
    struct progress_bar bar;
    uint64_t findings;
};

static void say(void *arg, const char *text)
{
    struct talking *t = arg;
    progress_bar_clear(&t->bar);
    fprintf(stderr, "pail: %s\n", text);
}

static void say_finding(void *arg, const struct check_finding *f)
{
    struct talking *t = arg;
    char text[256];
    if (f->kind > CHECK_LAST_DAMAGE)
        return;
    progress_bar_clear(&t->bar);
    printf("DAMAGED %.*s%s%s: %s%s%s%s\n", (int)f->bucket.n, f->bucket.n ? f->bucket.p : "", f->bucket.n ? "/" : "",
           key_text(f->key, text), f->what, f->blob ? " [blob " : "", f->blob ? f->blob : "", f->blob ? "]" : "");
    t->findings++;
}

static int failed(struct talking *t, const char *error)
{
    progress_bar_clear(&t->bar);
    fprintf(stderr, "pail: %s\n", error);
    return 1;
}

/* ---- backup ---- */

static void report_backup(const struct backup_options *o, const struct backup_report *r, int64_t ms)
{
    static const char *const keys[] = {
        "The master key pail.key IS INCLUDED: whoever has this backup can read all of it.",
        "The master key pail.key is NOT included (--without-key): keep it elsewhere, a restored server needs it.",
        "The master key is NOT included, for it lies elsewhere: a restored server needs it."};
    char a[32], b[32], c[32];
    printf("%s of %s in %s: %" PRIu64 " blobs, %s, and %s of index, in %.1f s\n",
           r->first ? "A first backup" : "A new backup", o->folder.path, o->dest, r->blobs, size_text(r->blob_bytes, a),
           size_text(r->index_bytes, b), (double)ms / 1000);
    printf("New: %" PRIu64 " linked, %" PRIu64 " copied (%s). Kept from before: %" PRIu64 ". No longer needed: %" PRIu64
           ".\n",
           r->linked, r->copied, size_text(r->copied_bytes, c), r->kept, r->pruned);
    puts(keys[r->key]);
    if (r->linked)
        puts("Linked data lies on the same disk as the original; --copy makes a backup that survives that disk.");
    if (r->missing)
        printf("%" PRIu64 " blobs were missing in the data folder itself: `pail check` names their objects.\n",
               r->missing);
}

static int verify_backup(const struct backup_options *o, struct talking *t)
{
    struct check_report report;
    char error[MAINTENANCE_ERROR], a[32];
    struct check_options check = {
        .folder = {.path = o->dest}, .finding = say_finding, .arg = t, .progress = {progress_bar_tick, &t->bar}};
    if (check_run(&check, &report, error) != 0)
        return failed(t, error);
    progress_bar_clear(&t->bar);
    if (!check_is_clean(&report)) {
        puts("The backup was verified and has the damage named above.");
        return 1;
    }
    printf("Verified: %" PRIu64 " objects, %" PRIu64 " blobs, %s read.\n", report.objects + report.versions,
           report.blobs, size_text(report.read_bytes, a));
    return 0;
}

int backup_command(int argc, char **argv)
{
    static const char *const flags[] = {"--verify", "--without-key", "--copy", NULL};
    struct folder_args args = {.command = "backup", .help = backup_help, .flags = flags, .wanted_paths = 2};
    struct talking t = {0};
    struct backup_report report;
    char error[MAINTENANCE_ERROR];
    int rc = folder_args_read(&args, argc, argv);
    if (rc != 0)
        return rc > 0 ? 0 : 2;
    progress_bar_init(&t.bar);
    log_setup(LOG_TEXT, LOG_ERROR);
    struct backup_options o = {.folder = {.path = args.paths[0], .n_tiers = args.n_tiers},
                               .dest = args.paths[1],
                               .without_key = args.on[1],
                               .copy = args.on[2],
                               .missing = say,
                               .arg = &t,
                               .progress = {progress_bar_tick, &t.bar}};
    memcpy(o.folder.tiers, args.tiers, sizeof args.tiers);
    if (!folder_owner_become(o.folder.path, NULL, o.dest, error))
        return failed(&t, error);
    int64_t began = clock_mono_ms();
    if (backup_run(&o, &report, error) != 0)
        return failed(&t, error);
    progress_bar_clear(&t.bar);
    report_backup(&o, &report, clock_mono_ms() - began);
    fflush(stdout);
    rc = args.on[0] ? verify_backup(&o, &t) : 0;
    return rc || report.missing ? 1 : 0;
}

/* ---- restore ---- */

int restore_command(int argc, char **argv)
{
    static const char *const flags[] = {"--fast", "--copy", NULL};
    struct folder_args args = {.command = "restore", .help = restore_help, .flags = flags, .wanted_paths = 2};
    struct talking t = {0};
    struct restore_report r;
    char error[MAINTENANCE_ERROR], a[32];
    int rc = folder_args_read(&args, argc, argv);
    if (rc != 0)
        return rc > 0 ? 0 : 2;
    progress_bar_init(&t.bar);
    log_setup(LOG_TEXT, LOG_ERROR);
    struct restore_options o = {.backup = args.paths[0],
                                .folder = {.path = args.paths[1], .n_tiers = args.n_tiers},
                                .fast = args.on[0],
                                .copy = args.on[1],
                                .finding = say_finding,
                                .arg = &t,
                                .progress = {progress_bar_tick, &t.bar}};
    memcpy(o.folder.tiers, args.tiers, sizeof args.tiers);
    bool there = access(o.folder.path, F_OK) == 0;
    if (!(there ? folder_owner_become(o.folder.path, o.backup, NULL, error)
                : folder_owner_become(o.backup, NULL, o.folder.path, error)))
        return failed(&t, error);
    if (restore_run(&o, &r, error) != 0)
        return failed(&t, error);
    progress_bar_clear(&t.bar);
    printf("Restored to %s: %" PRIu64 " buckets, %" PRIu64 " objects and versions, %" PRIu64 " blobs (%s).\n",
           o.folder.path, r.check.buckets, r.check.objects + r.check.versions, r.blobs, size_text(r.blob_bytes, a));
    if (!r.key)
        puts("The backup has no master key: give the server the one it had (--master-key-file).");
    if (!check_is_clean(&r.check)) {
        puts("It has the damage named above; the rest can be served.");
        return 1;
    }
    printf("Checked: no damage. `pail server %s` serves it.\n", o.folder.path);
    return 0;
}
