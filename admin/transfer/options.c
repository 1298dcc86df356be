/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of `pail import` and `pail export`. Idea: two tables, of words with a value and of switches; the flags
 * of a place come thrice, as --from-NAME, as --to-NAME, and as --NAME for the side that is not the Pail's.
 * Threads: the first one.
 */
#include "admin/transfer/options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

#define WORKERS 32
#define RETRIES 8

struct reading {
    struct transfer_options *o;
    struct place_flags flags[2]; /* from, to */
    bool import;
    const char *paths[2];
    size_t n_paths;
};

static const char flags_help[] =
    "What is carried over: bytes, Content-Type and the other standard headers, metadata, tags, storage class, "
    "retention\n"
    "and legal hold (where the destination's bucket has object lock), with --versions all versions in their order. The "
    "time\n"
    "of the last change is noted as x-amz-meta-mtime, in seconds, as rclone does; the source's ETag as\n"
    "x-amz-meta-pail-source-etag. ACLs are not carried over.\n"
    "\n"
    "What is there already is not sent again: both sides are listed and compared (size and ETag; where ETags cannot be "
    "the\n"
    "same, by what was noted; files by their MD5). So the same command goes on after a kill, and a later one brings "
    "only\n"
    "what is new. Nothing that was there is deleted. Only uploads in parts that were open are remembered, in a\n"
    "journal.\n"
    "\n"
    "Everything is verified: the destination is told the MD5 that the source's ETag is, or else a CRC, and takes "
    "nothing\n"
    "else; a large object is put together only when its CRC, or its ETag, is the source's; what goes into a folder is\n"
    "compared before it gets its name. Objects of which a source tells neither an MD5 nor a checksum are taken as "
    "read.\n"
    "\n"
    "How:\n"
    "  --versions             all versions and delete markers, oldest first; the destination has to keep versions\n"
    "  --all-buckets          every bucket of SRC (s3://), made at the destination with its settings\n"
    "  --create               make the destination's bucket where it is missing, with the settings of the source's\n"
    "  --dry-run              say what would be written, and write nothing\n"
    "  --compare              say what is missing, different or extra at the destination, and write nothing\n"
    "  --workers N            objects or parts at a time, 1 to 256; default 32\n"
    "  --limit RATE           bytes a second at most, such as 10MiB\n"
    "  --part-size SIZE       of large objects, 5MiB to 512MiB; default 16MiB, or the parts that the source has\n"
    "  --retries N            of a request that fails for a reason that may pass, with growing pauses; default 8\n"
    "  --sse AES256|aws:kms[:KEY]   encryption at the destination, instead of its default\n"
    "  --follow-symlinks      in a folder to import; links that lead out of it are never followed\n"
    "  --journal FILE         of one bucket; default: a file for each in ~/.local/state/pail\n"
    "  --json                 one JSON object a line: problems as they come, a report at the end\n"
    "\n"
    "Where, for the side that is not this Pail (--from-endpoint, --to-endpoint, ... name a side):\n"
    "  --endpoint URL         also AWS_ENDPOINT_URL; default AWS\n"
    "  --region NAME          also AWS_REGION, AWS_DEFAULT_REGION; default us-east-1\n"
    "  --access-key KEY --secret-key KEY [--session-token TOKEN]   better in the environment, as AWS_ACCESS_KEY_ID, "
    "...\n"
    "  --profile NAME         of ~/.aws/credentials; also AWS_PROFILE\n"
    "  --ca-file FILE         further certificates to trust, for https\n"
    "  ALIAS/bucket/prefix    an alias of mc: MC_HOST_ALIAS or ~/.mc/config.json\n"
    "A prefix means a folder: bucket/photos is what begins with photos/. s3://bucket is never an alias.\n"
    "\n"
    "Where, for this Pail: --from-... or --to-...; else PAIL_ENDPOINT, PAIL_REGION; default " PLACE_ENDPOINT
    ", " PLACE_REGION "\n"
    "  The keys of the first account's root are read from PAIL_ROOT_USER and PAIL_ROOT_PASSWORD, MINIO_ROOT_USER and\n"
    "  MINIO_ROOT_PASSWORD; default minioadmin / minioadmin.\n"
    "\n"
    "Exit status: 0 all is there; 1 something failed, differs or was left out; 2 called wrongly.\n";

static int wrong(const struct reading *r, const char *why, const char *what)
{
    fprintf(stderr, "pail: %s%s; `pail %s --help` tells more\n", why, what, r->o->command);
    return TRANSFER_MISUSE;
}

static bool read_size(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    static const char *const units[] = {"", "k", "m", "g", "t"};
    size_t digits = strspn(text, "0123456789");
    struct bytes unit = bytes_str(text + digits);
    uint64_t n;
    if (bytes_ends(unit, BYTES_LIT("/s")))
        unit.n -= 2;
    if (unit.n && (unit.p[unit.n - 1] == 'B' || unit.p[unit.n - 1] == 'b'))
        unit.n--;
    if (unit.n == 2 && unit.p[1] == 'i')
        unit.n--;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (bytes_eq_str_nocase(unit, units[i]) && bytes_to_u64(bytes_of(text, digits), max >> (10 * i), &n)) {
            *ret = n << (10 * i);
            return *ret >= min;
        }
    return false;
}

static bool read_count(const char *text, unsigned min, unsigned max, unsigned *ret)
{
    uint64_t n;
    if (!bytes_to_u64(bytes_str(text), max, &n) || n < min)
        return false;
    *ret = (unsigned)n;
    return true;
}

static bool read_sse(struct transfer_options *o, const char *value)
{
    static const char kms[] = "aws:kms";
    if (strcmp(value, "AES256") == 0 || strcmp(value, kms) == 0)
        o->sse = value;
    else if (strncmp(value, "aws:kms:", sizeof kms) == 0 && value[sizeof kms]) {
        o->sse = kms;
        o->sse_key = value + sizeof kms;
    } else
        return false;
    return true;
}

/* --endpoint, --from-endpoint, ...; the value, when it is a key, goes from the process's arguments into the arena. */
static bool read_place_flag(struct reading *r, const char *name, char *value, struct arena *a)
{
    static const struct {
        const char *name;
        size_t at;
        bool secret;
    } rows[] = {
        {"endpoint", offsetof(struct place_flags, endpoint), false},
        {"region", offsetof(struct place_flags, region), false},
        {"access-key", offsetof(struct place_flags, access_key), true},
        {"secret-key", offsetof(struct place_flags, secret_key), true},
        {"session-token", offsetof(struct place_flags, token), true},
        {"profile", offsetof(struct place_flags, profile), false},
        {"ca-file", offsetof(struct place_flags, ca_file), false},
    };
    size_t side = r->import ? 0 : 1;
    if (strncmp(name, "from-", 5) == 0 || strncmp(name, "to-", 3) == 0) {
        side = name[0] == 'f' ? 0 : 1;
        name += side ? 3 : 5;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(name, rows[i].name) != 0)
            continue;
        const char **field = (const char **)((char *)&r->flags[side] + rows[i].at);
        *field = bytes_cstr(a, bytes_str(value));
        if (rows[i].secret)
            explicit_bzero(value, strlen(value));
        return true;
    }
    return false;
}

static int read_value(struct reading *r, const char *name, char *value, struct arena *a)
{
    struct transfer_options *o = r->o;
    bool good = true;
    if (strcmp(name, "workers") == 0)
        good = read_count(value, 1, TRANSFER_WORKERS_MAX, &o->workers);
    else if (strcmp(name, "retries") == 0)
        good = read_count(value, 0, 100, &o->retries);
    else if (strcmp(name, "limit") == 0)
        good = read_size(value, 1024, UINT64_C(1) << 50, &o->limit);
    else if (strcmp(name, "part-size") == 0)
        good = read_size(value, TRANSFER_PART_MIN, TRANSFER_PART_MAX, &o->part_size);
    else if (strcmp(name, "sse") == 0)
        good = read_sse(o, value);
    else if (strcmp(name, "journal") == 0)
        o->journal = value;
    else if (!read_place_flag(r, name, value, a))
        return wrong(r, "unknown flag --", name);
    return good ? 0 : wrong(r, "that is no value of --", name);
}

static bool read_switch(struct transfer_options *o, const char *name)
{
    const struct {
        const char *name;
        bool *on;
    } rows[] = {{"versions", &o->versions},
                {"all-buckets", &o->all_buckets},
                {"create", &o->create},
                {"dry-run", &o->dry_run},
                {"compare", &o->compare},
                {"json", &o->json},
                {"follow-symlinks", &o->follow_links}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return *rows[i].on = true;
    return false;
}

static int read_flag(struct reading *r, int argc, char **argv, int *i, struct arena *a)
{
    char *word = argv[*i] + 2, *eq = strchr(word, '=');
    const char *name = bytes_cstr(a, bytes_of(word, eq ? (size_t)(eq - word) : strlen(word)));
    if (!eq && read_switch(r->o, name))
        return 0;
    if (!eq && *i + 1 == argc)
        return wrong(r, "unknown flag, or a value is missing: --", name);
    return read_value(r, name, eq ? eq + 1 : argv[++*i], a);
}

/* What the two places and the switches have to do with each other. */
static int check(const struct reading *r)
{
    const struct transfer_options *o = r->o;
    if (o->all_buckets ? (o->from.folder || *o->from.bucket) : (!o->from.folder && !*o->from.bucket))
        return wrong(
            r, o->all_buckets ? "--all-buckets takes s3:// (all of an endpoint) as SRC" : "SRC names no bucket", "");
    if (o->all_buckets && o->journal)
        return wrong(r, "--journal names the file of one bucket; without it each of --all-buckets has its own", "");
    if (!o->to.folder && (o->all_buckets ? *o->to.bucket || *o->to.prefix : !*o->to.bucket))
        return wrong(r, o->all_buckets ? "--all-buckets takes s3:// or a folder as DEST" : "DEST names no bucket", "");
    if (o->versions && (o->from.folder || o->to.folder))
        return wrong(r, "a folder holds no versions", "");
    if (o->dry_run && o->compare)
        return wrong(r, "--dry-run and --compare exclude each other", "");
    return 0;
}

int transfer_options_read(struct transfer_options *o, bool import, const char *help, int argc, char **argv,
                          struct arena *a)
{
    struct reading r = {.o = o, .import = import};
    char error[256];
    *o = (struct transfer_options){.command = import ? "import" : "export", .workers = WORKERS, .retries = RETRIES};
    arena_keep_secret(a);
    for (int i = 0; i < argc; i++) {
        int rc = 0;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            fputs(flags_help, stdout);
            return TRANSFER_HELP_SHOWN;
        }
        if (strncmp(argv[i], "--", 2) == 0)
            rc = read_flag(&r, argc, argv, &i, a);
        else if (argv[i][0] == '-' || r.n_paths == 2)
            rc = wrong(&r, r.n_paths == 2 ? "one place too many: " : "unknown flag ", argv[i]);
        else
            r.paths[r.n_paths++] = argv[i];
        if (rc != 0)
            return rc;
    }
    if (r.n_paths != 2)
        return wrong(&r, "SRC and DEST are needed", "");
    if (!place_read(r.paths[0], &r.flags[0], !import, a, &o->from, error) ||
        !place_read(r.paths[1], &r.flags[1], import, a, &o->to, error))
        return wrong(&r, error, "");
    return check(&r);
}
