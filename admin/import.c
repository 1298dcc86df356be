/* SPDX-License-Identifier: Apache-2.0 */
/* `pail import`: objects come in, from an S3 endpoint or a folder. The work is that of transfer/run.h. */
#include "admin/commands.h"
#include "admin/transfer/options.h"
#include "admin/transfer/run.h"

static const char help[] =
    "Usage: pail import SRC DEST [flags]\n"
    "\n"
    "Copies objects into a bucket of this Pail (or of any S3 endpoint). SRC is s3://bucket/prefix at another endpoint, "
    "an\n"
    "alias of mc, or a folder. DEST is bucket/prefix.\n"
    "\n"
    "Examples:\n"
    "  pail import ./photos pictures/2026 --create\n"
    "  pail import s3://media backup --endpoint https://minio.example.com:9000 --versions --create\n"
    "  pail import s3:// s3:// --all-buckets --versions --endpoint https://minio.example.com:9000\n"
    "  pail import s3://my-data data --profile work --region eu-central-1 --limit 20MiB\n"
    "  pail import s3://media backup --endpoint https://minio.example.com:9000 --compare\n"
    "\n";

int import_command(int argc, char **argv)
{
    struct transfer_options o;
    struct arena *a = arena_create(0);
    int rc = transfer_options_read(&o, true, help, argc, argv, a);
    rc = rc == TRANSFER_HELP_SHOWN ? 0 : rc ? rc : transfer_run(&o);
    arena_free(a);
    return rc;
}
