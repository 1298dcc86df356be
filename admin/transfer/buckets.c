/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bucket is set to. Idea: each setting is a document that one side answers and the other takes, as it is.
 * Versioning and lock come before the objects, since they decide how these are kept; what could stand in their way or
 * act on them (policy, lifecycle) comes after. What the destination has already is left alone, so a second run changes
 * nothing.
 * Threads: the first one.
 */
#include "admin/transfer/buckets.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "admin/transfer/report.h"
#include "admin/transfer/s3.h"
#include "admin/transfer/xml.h"
#include "base/check.h"
#include "checksum.h"

#define BUCKET_NAME_MAX 255 /* of AWS's oldest */
#define XMLNS           "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static int ask(struct line *l, bool source, const char *method, const char *query, struct bytes body,
               struct http_client_reply *r, struct s3_error *e)
{
    unsigned char md5[16];
    char sum[25] = "";
    struct http_client_header h[] = {{"Content-MD5", sum}};
    struct s3_call c = {.method = method,
                        .bucket = source ? l->t->from_bucket : l->t->to_bucket,
                        .query = query,
                        .headers = h,
                        .n_headers = body.n ? 1 : 0,
                        .body = body};
    if (body.n) {
        md5_of(body.p, body.n, md5);
        base64_encode(md5, sizeof md5, sum);
    }
    return s3_send(l, source ? &l->t->o->from : &l->t->o->to, &c, r, e);
}

/* "Enabled", "Suspended", or "" */
static const char *versioning_of(struct line *l, bool source)
{
    struct http_client_reply r;
    struct s3_error e;
    struct bytes root;
    if (!s3_good(ask(l, source, "GET", "versioning=", BYTES_NONE, &r, &e)) ||
        !doc_root(r.body, "VersioningConfiguration", &root))
        return "";
    return bytes_cstr(l->arena, doc_find_text(root, "Status", l->arena));
}

static bool set_versioning(struct line *l, const char *status)
{
    struct http_client_reply r;
    struct s3_error e;
    struct bytes doc = arena_bytesf(
        l->arena, "<VersioningConfiguration " XMLNS "><Status>%s</Status></VersioningConfiguration>", status);
    if (s3_good(ask(l, false, "PUT", "versioning=", doc, &r, &e)))
        return true;
    report(l->t, PROBLEM_FAILED, BYTES_NONE, "versioning of %s cannot be set: %s", l->t->to_bucket, e.message);
    return false;
}

static bool has_lock(struct line *l, bool source)
{
    struct http_client_reply r;
    struct s3_error e;
    return s3_good(ask(l, source, "GET", "object-lock=", BYTES_NONE, &r, &e));
}

static bool create(struct line *l)
{
    bool from_s3 = !l->t->o->from.folder;
    const char *region = l->t->o->to.region, *versioning = from_s3 ? versioning_of(l, true) : "";
    struct http_client_header lock = {"x-amz-bucket-object-lock-enabled", "true"};
    struct s3_call c = {.method = "PUT",
                        .bucket = l->t->to_bucket,
                        .headers = &lock,
                        .n_headers = from_s3 && has_lock(l, true) ? 1 : 0};
    struct http_client_reply r;
    struct s3_error e;
    if (strcmp(region, "us-east-1") != 0)
        c.body = arena_bytesf(l->arena,
                              "<CreateBucketConfiguration " XMLNS "><LocationConstraint>%s</LocationConstraint>"
                              "</CreateBucketConfiguration>",
                              region);
    int status = s3_send(l, &l->t->o->to, &c, &r, &e);
    if (!s3_good(status) && strcmp(e.code, "BucketAlreadyOwnedByYou") != 0) {
        report(l->t, PROBLEM_FAILED, BYTES_NONE, "the bucket %s cannot be made: %s", l->t->to_bucket, e.message);
        return false;
    }
    return !*versioning || set_versioning(l, "Enabled");
}

static bool prepare_folder(struct line *l, bool *there)
{
    struct transfer *t = l->t;
    const char *path = t->o->to.folder;
    bool may_make = !t->o->dry_run && !t->o->compare;
    struct stat st;
    if (t->o->all_buckets) {
        path = arena_printf(l->arena, "%s/%s", path, t->to_bucket);
        if (may_make && mkdir(t->o->to.folder, 0777) != 0 && errno != EEXIST) {
            report(t, PROBLEM_FAILED, BYTES_NONE, "%s: %s", t->o->to.folder, strerror(errno));
            return false;
        }
    }
    *there = stat(path, &st) == 0;
    if (!*there && !may_make)
        return true;
    if (!*there && mkdir(path, 0777) != 0 && errno != EEXIST) {
        report(t, PROBLEM_FAILED, BYTES_NONE, "%s: %s", path, strerror(errno));
        return false;
    }
    t->to_fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (t->to_fd < 0)
        report(t, PROBLEM_FAILED, BYTES_NONE, "%s: %s", path, strerror(errno));
    *there = t->to_fd >= 0;
    if (*there && may_make && flock(t->to_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        report(t, PROBLEM_FAILED, BYTES_NONE, "another run writes into %s right now", path);
        return false;
    }
    return *there;
}

/* Whether the source can have several versions of a key; who does not tell may. */
static bool source_has_versions(struct line *l)
{
    struct http_client_reply r;
    struct s3_error e;
    struct bytes root;
    return !s3_good(ask(l, true, "GET", "versioning=", BYTES_NONE, &r, &e)) ||
           !doc_root(r.body, "VersioningConfiguration", &root) || doc_find_text(root, "Status", l->arena).n > 0;
}

/*
 * Versions can be written where versioning is on. A bucket that an earlier run suspended as its source is suspended
 * gets it back until this one is through; and a source that never had versioning needs none.
 */
static bool takes_versions(struct line *l)
{
    const char *to = versioning_of(l, false);
    bool whole = l->t->o->create || l->t->o->all_buckets, from_s3 = !l->t->o->from.folder;
    if (strcmp(to, "Enabled") == 0 || (from_s3 && !*to && !source_has_versions(l)))
        return true;
    if (from_s3 && whole && strcmp(to, "Suspended") == 0 && strcmp(versioning_of(l, true), "Suspended") == 0)
        return set_versioning(l, "Enabled");
    report(l->t, PROBLEM_FAILED, BYTES_NONE, "%s keeps no versions; switch its versioning on first", l->t->to_bucket);
    return false;
}

bool bucket_prepare(struct line *l, bool *there)
{
    const struct transfer_options *o = l->t->o;
    struct http_client_reply r;
    struct s3_error e;
    if (o->to.folder)
        return prepare_folder(l, there);
    int status = ask(l, false, "HEAD", NULL, BYTES_NONE, &r, &e);
    *there = s3_good(status);
    if (status == 404 && (o->dry_run || o->compare))
        return true;
    if (status == 404 && (o->create || o->all_buckets))
        *there = create(l);
    else if (!*there)
        report(l->t, PROBLEM_FAILED, BYTES_NONE,
               status == 404 ? "%s has no bucket %s; --create makes it%s" : "%s/%s cannot be used: %s", o->to.endpoint,
               l->t->to_bucket, status == 404 ? "" : e.message);
    if (!*there)
        return false;
    l->t->to_locks = has_lock(l, false);
    return !o->versions || o->compare || o->dry_run || takes_versions(l);
}

/* A bucket with lock always answers; what may be carried over is its rule. */
static bool says_something(const char *query, struct bytes document)
{
    return document.n && (strcmp(query, "object-lock=") != 0 || bytes_find(document, BYTES_LIT("<Rule>"), 0) >= 0);
}

static void carry_setting(struct line *l, const char *name, const char *query)
{
    struct http_client_reply r, theirs;
    struct s3_error e;
    int status = ask(l, true, "GET", query, BYTES_NONE, &r, &e);
    if (status == 404 || status == 501 || status == 405)
        return;
    if (!s3_good(status)) {
        report(l->t, PROBLEM_FAILED, BYTES_NONE, "%s of the bucket %s cannot be read: %s", name, l->t->from_bucket,
               e.message);
        return;
    }
    if (!says_something(query, r.body) ||
        (s3_good(ask(l, false, "GET", query, BYTES_NONE, &theirs, &e)) && says_something(query, theirs.body)))
        return;
    if (strcmp(query, "policy=") == 0 && strcmp(l->t->from_bucket, l->t->to_bucket) != 0) {
        report(l->t, PROBLEM_DIFFERS, BYTES_NONE, "the policy of %s names that bucket and is not carried over to %s",
               l->t->from_bucket, l->t->to_bucket);
        return;
    }
    if (!s3_good(ask(l, false, "PUT", query, r.body, &theirs, &e)))
        report(l->t, PROBLEM_FAILED, BYTES_NONE, "%s of the bucket %s cannot be set: %s", name, l->t->to_bucket,
               e.message);
}

void bucket_configure(struct line *l)
{
    static const char *const settings[][2] = {
        {"tags", "tagging="},        {"encryption", "encryption="},
        {"CORS", "cors="},           {"the default lock", "object-lock="},
        {"lifecycle", "lifecycle="}, {"the policy", "policy="},
    };
    const struct transfer_options *o = l->t->o;
    if (o->from.folder || o->to.folder || !(o->create || o->all_buckets) || o->dry_run || o->compare)
        return;
    for (size_t i = 0; i < ARRAY_LEN(settings) && !l->t->stop; i++) {
        arena_reset(l->arena);
        if (strcmp(settings[i][1], "object-lock=") != 0 || l->t->to_locks)
            carry_setting(l, settings[i][0], settings[i][1]);
    }
    if (strcmp(versioning_of(l, true), "Suspended") == 0 && strcmp(versioning_of(l, false), "Enabled") == 0)
        set_versioning(l, "Suspended");
}

bool bucket_name_plain(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!isalnum((unsigned char)name.p[i]) && !strchr("._-", name.p[i]))
            return false;
    return name.n && name.n <= BUCKET_NAME_MAX && name.p[0] != '.' && memchr(name.p, '\0', name.n) == NULL;
}

ptrdiff_t bucket_names(struct line *l, const char ***ret)
{
    struct http_client_reply r;
    struct s3_error e;
    struct bytes root, set, name, bucket;
    struct s3_call c = {.method = "GET"};
    int status = s3_send(l, &l->t->o->from, &c, &r, &e);
    if (!s3_good(status) || !doc_root(r.body, "ListAllMyBucketsResult", &root) || !doc_find(root, "Buckets", &set)) {
        report(l->t, PROBLEM_FAILED, BYTES_NONE, "the buckets of %s cannot be listed: %s", l->t->o->from.endpoint,
               s3_good(status) ? "the reply is no list" : e.message);
        return -1;
    }
    size_t n = 0, room = 0;
    for (struct bytes rest = set; doc_next(&rest, &name, &bucket);)
        room++;
    *ret = arena_new_array(l->arena, const char *, room + 1);
    while (doc_next(&set, &name, &bucket)) {
        struct bytes own = doc_find_text(bucket, "Name", l->arena);
        if (!bytes_eq_str(name, "Bucket"))
            continue;
        if (bucket_name_plain(own))
            (*ret)[n++] = bytes_cstr(l->arena, own);
        else
            report(l->t, PROBLEM_FAILED, own, "no bucket can have this name: it is not asked for");
    }
    if (doc_over(set))
        return (ptrdiff_t)n;
    report(l->t, PROBLEM_FAILED, BYTES_NONE, "the list of buckets of %s is malformed", l->t->o->from.endpoint);
    return -1;
}
