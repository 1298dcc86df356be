/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail check DIR`: prints what the check finds, one line each, and a page of result; or the same as JSON lines with a
 * last object that is the result. The work is done in a child process: an index so damaged that reading it ends the
 * process is a finding as well. Exit status: 0 no damage, 1 damage, 2 it could not be looked at.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/commands.h"
#include "admin/folder_owner.h"
#include "base/check.h"
#include "base/log.h"
#include "data_dir.h"

#define SHOWN_MAX 100 /* findings of a kind that are printed; all are counted (JSON has them all) */

static const char help[] =
    "Usage: pail check DIR [--fast] [--json] [--repair] [--tier CLASS=DIR]...\n\n"
    "Looks at everything in the data folder DIR (or in a backup): the index, page by page and record by record; every\n"
    "blob, with the checksums of all its data; and whether each has what it refers to. Changes nothing, and may run\n"
    "while a server works in DIR. Started by root, it works as the user whom DIR belongs to.\n\n"
    "  --fast             do not read the data of the blobs: only whether they are there and whole at both ends\n"
    "  --json             one JSON object a finding, and one with the result\n"
    "  --repair           afterwards do what cannot lose data, naming each step (no server may run in DIR): blobs "
    "that\n"
    "                     nothing refers to are moved to DIR/found, references that nobody needs are dropped, missing\n"
    "                     ones are put back\n"
    "  --tier CLASS=DIR   where the data of a storage class lies, as given to the server\n\n"
    "Exit status: 0 no damage (blobs without owner are none), 1 damage was found, 2 it could not be looked at.\n\n"
    "Examples:\n"
    "  pail check /srv/pail\n"
    "  pail check /srv/pail --fast --json\n"
    "  pail check /backup/pail\n";

struct showing {
    bool json;
    uint64_t shown[CHECK_KINDS];
    struct progress_bar bar;
};

static void put_json(struct buf *b, const char *name, struct bytes value)
{
    buf_printf(b, ",\"%s\":\"", name);
    log_json_escape(b, value);
    buf_put_char(b, '"');
}

static void show_json(const struct check_finding *f)
{
    struct buf b;
    buf_init(&b, 16384);
    buf_printf(&b, "{\"finding\":\"%s\"", check_kind_name(f->kind));
    put_json(&b, "what", bytes_str(f->what));
    if (f->bucket.n)
        put_json(&b, "bucket", f->bucket);
    if (f->key.n)
        put_json(&b, "key", f->key);
    if (f->version.n)
        put_json(&b, "version", f->version);
    if (f->blob)
        put_json(&b, "blob", bytes_str(f->blob));
    if (f->path)
        put_json(&b, "path", bytes_str(f->path));
    if (f->bytes)
        buf_printf(&b, ",\"bytes\":%" PRIu64, f->bytes);
    buf_put_str(&b, "}\n");
    fwrite(b.p, 1, b.n, stdout);
    buf_fini(&b);
}

static void show(void *arg, const struct check_finding *f)
{
    struct showing *s = arg;
    char text[256];
    if (s->json) {
        show_json(f);
        return;
    }
    if (s->shown[f->kind]++ >= SHOWN_MAX)
        return;
    progress_bar_clear(&s->bar);
    printf("%-7s  ", check_kind_name(f->kind));
    if (f->bucket.n)
        printf("%.*s", (int)f->bucket.n, f->bucket.p);
    if (f->key.n)
        printf("%s%s", f->bucket.n ? "/" : "", key_text(f->key, text));
    if (f->version.n)
        printf(" (version %.*s)", (int)f->version.n, f->version.p);
    printf("%s%s", f->bucket.n || f->key.n ? ": " : "", f->what);
    if (f->blob)
        printf(" [blob %s]", f->blob);
    if (f->path)
        printf(" blobs/%s", key_text(bytes_str(f->path), text));
    if (f->bytes)
        printf(", %s", size_text(f->bytes, text));
    putchar('\n');
    if (s->shown[f->kind] == SHOWN_MAX)
        printf("%-7s  more of this kind are only counted\n", check_kind_name(f->kind));
}

static void say_repair(void *arg, const char *text)
{
    struct showing *s = arg;
    progress_bar_clear(&s->bar);
    if (!s->json)
        printf("repair   %s\n", text);
    fflush(stdout);
}

static void print_json(const struct check_report *r)
{
    printf("{\"result\":\"%s\"", check_is_clean(r) ? "clean" : "damaged");
    for (unsigned i = 0; i < CHECK_KINDS; i++)
        printf(",\"%s\":%" PRIu64, check_kind_name((enum check_kind)i), r->found[i]);
    printf(",\"buckets\":%" PRIu64 ",\"objects\":%" PRIu64 ",\"versions\":%" PRIu64 ",\"markers\":%" PRIu64
           ",\"uploads\":%" PRIu64 ",\"parts\":%" PRIu64 ",\"object_bytes\":%" PRIu64 ",\"blobs\":%" PRIu64
           ",\"blob_bytes\":%" PRIu64 ",\"read_bytes\":%" PRIu64 ",\"records\":%" PRIu64 ",\"pages\":%" PRIu64
           ",\"orphan_bytes\":%" PRIu64 ",\"settling\":%" PRIu64 ",\"waiting\":%" PRIu64 ",\"repaired\":%" PRIu64
           ",\"moved\":%" PRIu64 "}\n",
           r->buckets, r->objects, r->versions, r->markers, r->uploads, r->parts, r->object_bytes, r->blobs,
           r->blob_bytes, r->read_bytes, r->records, r->pages, r->orphan_bytes, r->settling, r->waiting, r->repaired,
           r->moved);
}

static void line(uint64_t n, const char *text)
{
    if (n)
        printf("  %8" PRIu64 "  %s\n", n, text);
}

static void print_result(const struct check_options *o, const struct check_report *r)
{
    char a[32], b[32], c[32];
    printf("%" PRIu64 " buckets, %" PRIu64 " objects, %" PRIu64 " older versions and %" PRIu64
           " delete markers (%s), %" PRIu64 " uploads in progress\n",
           r->buckets, r->objects, r->versions, r->markers, size_text(r->object_bytes, a), r->uploads);
    printf("%" PRIu64 " blobs (%s), %s compared with their checksums%s; %" PRIu64 " records in %" PRIu64
           " pages of the index\n",
           r->blobs, size_text(r->blob_bytes, b), size_text(r->read_bytes, c), o->fast ? " (--fast)" : "", r->records,
           r->pages);
    if (!check_is_clean(r))
        printf("DAMAGED:\n");
    line(r->found[CHECK_OBJECT], "objects, versions or parts whose data is damaged or missing (named above)");
    line(r->found[CHECK_BLOB], "blobs that are damaged or missing");
    line(r->found[CHECK_INDEX], "places in the index that cannot be read: restore a backup, or `pail recover DIR`");
    line(r->found[CHECK_RULE], "records that contradict each other");
    if (r->found[CHECK_MARKED] + r->found[CHECK_ORPHAN] + r->found[CHECK_SPARE] + r->found[CHECK_FOREIGN])
        printf("To know:\n");
    line(r->found[CHECK_MARKED], "blobs marked as damaged by the scrubber");
    line(r->found[CHECK_ORPHAN], "blobs that nothing refers to (--repair moves them to `found`)");
    line(r->found[CHECK_SPARE], "references or records that nobody needs");
    line(r->found[CHECK_FOREIGN], "names that are not ours; they are left alone");
    line(r->repaired, "repairs were made");
    if (r->settling + r->waiting)
        printf("Under way: %" PRIu64 " new blobs, %" PRIu64 " pieces of garbage.\n", r->settling, r->waiting);
    printf(check_is_clean(r) ? "No damage was found.\n" : "Damage was found.\n");
}

static int work(struct check_options *o, struct showing *s)
{
    struct check_report report;
    char error[MAINTENANCE_ERROR];
    int rc = check_run(o, &report, error);
    progress_bar_clear(&s->bar);
    if (rc != 0) {
        fprintf(stderr, "pail: %s\n", error);
        return 2;
    }
    if (s->json)
        print_json(&report);
    else
        print_result(o, &report);
    return check_is_clean(&report) ? 0 : 1;
}

/* The child's status; when it was killed by what it read, that is said. */
static int work_apart(struct check_options *o, struct showing *s)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int rc = work(o, s);
        fflush(NULL);
        _exit(rc);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return work(o, s);
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    progress_bar_clear(&s->bar);
    if (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGKILL)
        return 2;
    if (s->json)
        printf("{\"result\":\"damaged\",\"crash\":%d}\n", WTERMSIG(status));
    else
        printf("DAMAGED: the index could not be read to its end (signal %d): restore a backup, or `pail recover DIR`\n",
               WTERMSIG(status));
    return 1;
}

int check_command(int argc, char **argv)
{
    static const char *const flags[] = {"--fast", "--json", "--repair", NULL};
    struct folder_args args = {.command = "check", .help = help, .flags = flags, .wanted_paths = 1};
    struct data_dir dir = {.lock_fd = -1};
    char error[512];
    int rc = folder_args_read(&args, argc, argv);
    if (rc != 0)
        return rc > 0 ? 0 : 2;
    struct showing s = {.json = args.on[1]};
    progress_bar_init(&s.bar);
    s.bar.terminal = s.bar.terminal && !s.json;
    struct check_options o = {.folder = {.path = args.paths[0], .n_tiers = args.n_tiers},
                              .fast = args.on[0],
                              .repair = args.on[2],
                              .finding = show,
                              .repairing = say_repair,
                              .arg = &s,
                              .progress = {progress_bar_tick, &s.bar}};
    memcpy(o.folder.tiers, args.tiers, sizeof args.tiers);
    log_setup(LOG_TEXT, LOG_ERROR);
    if (!folder_owner_become(args.paths[0], NULL, NULL, error)) {
        fprintf(stderr, "pail: %s\n", error);
        return 2;
    }
    char mark[4200];
    snprintf(mark, sizeof mark, "%s/pail.format", args.paths[0]);
    if (o.repair && (access(mark, F_OK) != 0 || !data_dir_open(args.paths[0], &dir, error))) {
        fprintf(stderr, "pail: %s\n", access(mark, F_OK) != 0 ? "that is no data folder of Pail" : error);
        return 2;
    }
    rc = work_apart(&o, &s);
    data_dir_close(&dir);
    return rc;
}
