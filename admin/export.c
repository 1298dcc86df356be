/* SPDX-License-Identifier: Apache-2.0 */
/* `pail export`: objects go out, to a folder or an S3 endpoint. The work is that of transfer/run.h. */
#include "admin/commands.h"
#include "admin/transfer/options.h"
#include "admin/transfer/run.h"

static const char help[] =
    "Usage: pail export SRC DEST [flags]\n"
    "\n"
    "Copies objects of a bucket of this Pail (or of any S3 endpoint) to DEST: a folder, s3://bucket/prefix at another\n"
    "endpoint, or an alias of mc. Files appear whole, under their name, with the time of the object's last change. "
    "Keys that\n"
    "no file can have as a name (.. in them, a NUL byte, ...) are named and left out.\n"
    "\n"
    "Examples:\n"
    "  pail export pictures/2026 ./photos\n"
    "  pail export pictures ./photos --compare\n"
    "  pail export s3://media s3://media-copy --endpoint https://s3.example.com --profile work --versions --create\n"
    "  pail export s3:// /srv/export --all-buckets\n"
    "\n";

int export_command(int argc, char **argv)
{
    struct transfer_options o;
    struct arena *a = arena_create(0);
    int rc = transfer_options_read(&o, false, help, argc, argv, a);
    rc = rc == TRANSFER_HELP_SHOWN ? 0 : rc ? rc : transfer_run(&o);
    arena_free(a);
    return rc;
}
