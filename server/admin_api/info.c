/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server tells of itself: its state, its one drive, what its buckets hold, what the caller may see of them;
 * quotas; and being restarted or stopped. Counts are those that the store keeps, so nothing is scanned.
 *
 * To MinIO's clients Pail is a cluster of one server with one drive, in one set of one pool, without parity.
 * Threads: workers.
 */
#include <signal.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"
#include "server/authorize.h"
#include "server/identity.h"
#include "server/metrics.h"
#include "server/server.h"
#include "store.h"
#include "upkeep.h"
#include "version.h"

#define BUCKETS_PAGE 1000

/* ---- what there is ---- */

struct usage {
    uint64_t buckets, objects, versions, markers, bytes;
    json_t *each; /* NULL: not wanted */
};

/* MinIO's ranges of sizes, in its names. */
static json_t *histogram(const struct store_counts *k)
{
    static const struct {
        uint64_t below;
        const char *name;
    } ranges[] = {{1024, "LESS_THAN_1024_B"},
                  {1 << 20, "BETWEEN_1024_B_AND_1_MB"},
                  {10 << 20, "BETWEEN_1_MB_AND_10_MB"},
                  {64 << 20, "BETWEEN_10_MB_AND_64_MB"},
                  {128 << 20, "BETWEEN_64_MB_AND_128_MB"},
                  {512 << 20, "BETWEEN_128_MB_AND_512_MB"},
                  {UINT64_MAX, "GREATER_THAN_512_MB"}};
    uint64_t sums[ARRAY_LEN(ranges)] = {0};
    for (size_t i = 0; i < STORE_COUNT_SIZES; i++) {
        size_t at = 0;
        while (k->sizes[i].below > ranges[at].below)
            at++;
        sums[at] += k->sizes[i].objects;
    }
    json_t *j = json_object();
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        json_object_set_new(j, ranges[i].name, json_integer((json_int_t)sums[i]));
    return j;
}

static json_t *bucket_json(const struct store_counts *k)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:o,s:{}}", "size", (json_int_t)k->bytes, "objectsCount", (json_int_t)k->objects,
                     "versionsCount", (json_int_t)k->objects + (json_int_t)k->versions, "deleteMarkersCount",
                     (json_int_t)k->markers, "objectsSizesHistogram", histogram(k), "objectsVersionsHistogram");
}

typedef int each_bucket_f(struct req *, const struct store_bucket *, const struct store_counts *, void *arg);

static int each_bucket(struct req *r, each_bucket_f *f, void *arg)
{
    struct bytes after = BYTES_NONE;
    struct store_bucket *list;
    bool more = true;
    size_t n;
    while (more) {
        int rc = store_bucket_list(r->server->store, BYTES_NONE, after, BUCKETS_PAGE, r->arena, &list, &n, &more);
        if (rc != STORE_OK)
            return req_fail_store(r, rc);
        for (size_t i = 0; i < n; i++) {
            struct store_counts k;
            rc = store_bucket_counts(r->server->store, &list[i], &k);
            if (rc != STORE_OK && rc != STORE_NO_SUCH_BUCKET)
                return req_fail_store(r, rc);
            if (rc == STORE_OK && f(r, &list[i], &k, arg) < 0)
                return -1;
        }
        if (n)
            after = list[n - 1].name;
    }
    return 0;
}

static int add_usage(struct req *r, const struct store_bucket *b, const struct store_counts *k, void *arg)
{
    struct usage *u = arg;
    u->buckets++;
    u->objects += k->objects;
    u->versions += k->objects + k->versions;
    u->markers += k->markers;
    u->bytes += k->bytes;
    if (u->each)
        json_object_set_new(u->each, bytes_cstr(r->arena, b->name), bucket_json(k));
    return 0;
}

/* ---- the server ---- */

static json_t *drive(struct req *r)
{
    uint64_t available = 0, total = 0;
    struct statvfs s;
    const char *dir = r->server->config->dir;
    store_space(r->server->store, &available, &total);
    bool inodes = statvfs(dir, &s) == 0;
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:f,s:I,s:I,s:b,s:i,s:i,s:i,s:i,s:i}", "endpoint", dir, "path", dir,
                     "state", "ok", "totalspace", (json_int_t)total, "usedspace", (json_int_t)(total - available),
                     "availspace", (json_int_t)available, "utilization",
                     total ? 100.0 * (double)(total - available) / (double)total : 0.0, "used_inodes",
                     (json_int_t)(inodes ? s.f_files - s.f_ffree : 0), "free_inodes",
                     (json_int_t)(inodes ? s.f_ffree : 0), "local", 1, "pool_index", 0, "set_index", 0, "disk_index", 0,
                     "major", 0, "minor", 0);
}

static json_t *backend(void)
{
    return json_pack("{s:s,s:i,s:i,s:i,s:i,s:[i],s:[i]}", "backendType", "Erasure", "onlineDisks", 1, "offlineDisks", 0,
                     "standardSCParity", 0, "rrSCParity", 0, "totalSets", 1, "totalDrivesPerSet", 1);
}

static json_t *backend_info(void)
{
    return json_pack("{s:i,s:b,s:{},s:{},s:[i],s:[i],s:[i],s:[i],s:[i],s:[i],s:i,s:i}", "Type", 2, "GatewayOnline", 0,
                     "OnlineDisks", "OfflineDisks", "StandardSCData", 1, "StandardSCParities", 0, "RRSCData", 1,
                     "RRSCParities", 0, "TotalSets", 1, "DrivesPerSet", 1, "StandardSCParity", 0, "RRSCParity", 0);
}

static json_t *server_json(struct req *r)
{
    const char *host = bytes_cstr(r->arena, admin_host(r));
    int64_t up = (clock_wall_ms() - metrics_started_ms(r->server)) / 1000;
    return json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:{s:s},s:[o],s:i,s:[i],s:{s:i,s:i,s:i,s:i,s:i},s:I,s:s}", "state",
                     "online", "endpoint", host, "scheme", r->server->tls ? "https" : "http", "uptime",
                     (json_int_t)(up > 0 ? up : 1), "version", PAIL_VERSION, "commitID", "", "network", host, "online",
                     "drives", drive(r), "poolNumber", 1, "poolNumbers", 1, "mem_stats", "Alloc", 0, "TotalAlloc", 0,
                     "Mallocs", 0, "Frees", 0, "HeapAlloc", 0, "num_cpu", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN),
                     "edition", "Pail");
}

static json_t *count(uint64_t n)
{
    return json_pack("{s:I}", "count", (json_int_t)n);
}

int admin_info(struct req *r)
{
    struct usage u = {0};
    uint64_t available = 0, total = 0;
    if (each_bucket(r, add_usage, &u) < 0)
        return -1;
    store_space(r->server->store, &available, &total);
    json_t *domains = json_array();
    for (size_t i = 0; i < r->server->n_domains; i++)
        json_array_append_new(domains, json_of_bytes(r->server->domains[i]));
    json_t *set =
        json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:i}", "id", 0, "rawUsage", (json_int_t)(total - available),
                  "rawCapacity", (json_int_t)total, "usage", (json_int_t)u.bytes, "objectsCount", (json_int_t)u.objects,
                  "versionsCount", (json_int_t)u.versions, "deleteMarkersCount", (json_int_t)u.markers, "healDisks", 0);
    return admin_reply(r, json_pack("{s:s,s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:{s:I},s:o,s:[o],s:{s:{s:o}}}", "mode", "online",
                                    "domain", domains, "region", r->server->config->region, "deploymentID",
                                    r->server->deployment_id, "buckets", count(u.buckets), "objects", count(u.objects),
                                    "versions", count(u.versions), "deletemarkers", count(u.markers), "usage", "size",
                                    (json_int_t)u.bytes, "backend", backend(), "servers", server_json(r), "pools", "0",
                                    "0", set));
}

int admin_storage_info(struct req *r)
{
    return admin_reply(r, json_pack("{s:[o],s:o}", "Disks", drive(r), "Backend", backend_info()));
}

/* What the scrubber has found. */
int admin_heal_status(struct req *r)
{
    struct upkeep_health h;
    upkeep_health(r->server->upkeep, &h);
    json_t *disk = drive(r), *set = json_pack("{s:s,s:i,s:i,s:s,s:s,s:I,s:[o]}", "id", "0", "pool_index", 0,
                                              "set_index", 0, "heal_status", h.damaged ? "damaged" : "ok",
                                              "heal_priority", "low", "total_objects", (json_int_t)0, "disks", disk);
    return admin_reply(r, json_pack("{s:[],s:I,s:[],s:[o],s:{},s:{s:i,s:i},s:I,s:o}", "offline_nodes",
                                    "ScannedItemsCount", (json_int_t)h.scrubbed_blobs, "HealDisks", "sets", set, "mrf",
                                    "sc_parity", "STANDARD", 0, "REDUCED_REDUNDANCY", 0, "damaged",
                                    (json_int_t)h.damaged, "last_pass", admin_time(h.pass_ended_ms)));
}

int admin_data_usage(struct req *r)
{
    struct usage u = {.each = json_in(r->arena, json_object())};
    uint64_t available = 0, total = 0;
    if (each_bucket(r, add_usage, &u) < 0)
        return -1;
    store_space(r->server->store, &available, &total);
    json_t *sizes = json_object(), *one = NULL;
    const char *name;
    json_object_foreach(u.each, name, one) json_object_set(sizes, name, json_object_get(one, "size"));
    return admin_reply(r, json_pack("{s:o,s:I,s:I,s:I,s:O,s:o,s:I,s:I,s:I}", "lastUpdate", admin_time(r->now_ms),
                                    "objectsCount", (json_int_t)u.objects, "objectsTotalSize", (json_int_t)u.bytes,
                                    "bucketsCount", (json_int_t)u.buckets, "bucketsUsageInfo", u.each, "bucketsSizes",
                                    sizes, "capacity", (json_int_t)total, "freeCapacity", (json_int_t)available,
                                    "usedCapacity", (json_int_t)(total - available)));
}

/* ---- the caller ---- */

struct account {
    struct admin_call *c;
    json_t *buckets;
};

static bool may(struct admin_call *c, const char *action, struct bytes bucket, const char *rest)
{
    struct iam_context context;
    struct iam_request q = {.action = bytes_str(action),
                            .resource = arena_bytesf(c->arena, "arn:aws:s3:::%.*s%s", (int)bucket.n, bucket.p, rest),
                            .resource_account = c->q.account,
                            .context = &context};
    iam_context_init(&context, c->arena);
    facts_collect(c->r, &context);
    principal_fill(c->r->who.principal, &q);
    return iam_decide(&q).allowed;
}

json_t *admin_quota_json(uint64_t quota)
{
    json_t *j =
        json_pack("{s:I,s:I,s:i,s:i}", "quota", (json_int_t)quota, "size", (json_int_t)quota, "rate", 0, "requests", 0);
    if (quota)
        json_object_set_new(j, "quotatype", json_string("hard"));
    return j;
}

static int add_access(struct req *r, const struct store_bucket *b, const struct store_counts *k, void *arg)
{
    struct account *a = arg;
    (void)r;
    if (!bytes_eq(b->owner, a->c->q.account))
        return 0;
    bool read = may(a->c, "s3:ListBucket", b->name, "") || may(a->c, "s3:GetObject", b->name, "/*");
    bool write = may(a->c, "s3:PutObject", b->name, "/*");
    if (!read && !write)
        return 0;
    json_array_append_new(a->buckets,
                          json_pack("{s:o,s:I,s:I,s:o,s:{},s:{s:b,s:b,s:b,s:b,s:n,s:o},s:n,s:o,s:{s:b,s:b}}", "name",
                                    json_of_bytes(b->name), "size", (json_int_t)k->bytes, "objects",
                                    (json_int_t)k->objects, "objectHistogram", histogram(k), "objectsVersionsHistogram",
                                    "details", "versioning", b->versioning == VERSIONING_ENABLED, "versioningSuspended",
                                    b->versioning == VERSIONING_SUSPENDED, "locking", b->lock_enabled, "replication", 0,
                                    "tags", "quota", admin_quota_json(b->quota), "prefixUsage", "created",
                                    admin_time(b->created_ms), "access", "read", read, "write", write));
    return 0;
}

/* The texts of all attached policies in one; of root everything. */
static json_t *policy_of(struct admin_call *c)
{
    json_t *statements = json_array();
    struct bytes name = admin_caller(c), text = BYTES_NONE;
    json_t *user = NULL;
    if (c->r->who.root)
        json_array_append_new(statements, json_pack("{s:s,s:[s,s],s:[s]}", "Effect", "Allow", "Action", "admin:*",
                                                    "s3:*", "Resource", "arn:aws:s3:::*"));
    else if (name.n)
        (void)record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_USER, c->q.account, name), &user);
    const json_t *attached = json_object_get(user, "attached");
    for (size_t i = 0; i < json_array_size(attached); i++) {
        if (policy_document(c->ids, c->arena, json_bytes(json_array_get(attached, i)), &text) != STORE_OK)
            continue;
        json_t *policy = json_in(c->arena, json_loadb(text.p, text.n, 0, NULL));
        json_t *of = json_object_get(policy, "Statement");
        if (json_is_array(of))
            json_array_extend(statements, of);
        else
            json_array_append(statements, of);
    }
    return json_pack("{s:s,s:o}", "Version", "2012-10-17", "Statement", statements);
}

int admin_account_info(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct account a = {.c = c, .buckets = json_in(r->arena, json_array())};
    if (each_bucket(r, add_access, &a) < 0)
        return -1;
    return admin_reply(r, json_pack("{s:o,s:o,s:o,s:O}", "AccountName",
                                    json_of_bytes(admin_user_shown(c, r->who.principal->name)), "Server",
                                    backend_info(), "Policy", policy_of(c), "Buckets", a.buckets));
}

/* ---- quotas ---- */

int admin_get_quota(struct req *r)
{
    struct bytes name = BYTES_NONE;
    struct store_bucket b;
    if (admin_param(r, "bucket", &name) < 0)
        return -1;
    int rc = store_bucket_get(r->server->store, name, r->arena, &b);
    return rc == STORE_OK ? admin_reply(r, admin_quota_json(b.quota)) : req_fail_store(r, rc);
}

int admin_put_quota(struct req *r, struct bytes name)
{
    struct store_bucket_change change = {.set_quota = true};
    json_t *body = NULL;
    if (admin_plain_json(admin_begin(r), &body) < 0)
        return -1;
    struct bytes type = record_text(body, "quotatype");
    json_int_t size = json_integer_value(json_object_get(body, "size"));
    if (size == 0) /* as madmin of version 3 called it */
        size = json_integer_value(json_object_get(body, "quota"));
    if (size < 0 || (type.n && !bytes_eq_str(type, "hard")) || json_integer_value(json_object_get(body, "rate")) ||
        json_integer_value(json_object_get(body, "requests")))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "Quotas are hard, in bytes; there are none of rates here.");
    change.quota = (uint64_t)size;
    int rc = store_bucket_change(r->server->store, name, &change, r->arena, NULL);
    return rc == STORE_OK ? admin_reply_nothing(r, 200) : req_fail_store(r, rc);
}

int admin_set_quota(struct req *r)
{
    struct bytes name = BYTES_NONE;
    return admin_param(r, "bucket", &name) < 0 ? -1 : admin_put_quota(r, name);
}

/* ---- lists of what there never is ---- */

int admin_list_nothing(struct req *r)
{
    return admin_reply(r, json_array());
}

/* ---- restart, stop, freeze ---- */

/*
 * A frozen server refuses S3's operations with 503, which clients repeat; MinIO lets them wait, which here would take
 * up connections. Calls of administrators, IAM, STS and probes go on. A restart ends it.
 *
 * A restart is the hand-over of an upgrade: the new process takes the listening socket over before this one stops to
 * serve, so this reply and all that runs still goes out.
 */
static void set_frozen(struct server *s, bool frozen)
{
    if (atomic_exchange(&s->frozen, frozen) != frozen)
        log_warn("service", frozen ? "an administrator froze this server: S3 requests are refused until it is unfrozen"
                                   : "an administrator unfroze this server");
}

int admin_service(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes action = req_param(r, "action");
    bool restart = bytes_eq_str(action, "restart"), stop = bytes_eq_str(action, "stop");
    bool freeze = bytes_eq_str(action, "freeze"), unfreeze = bytes_eq_str(action, "unfreeze");
    if (!restart && !stop && !freeze && !unfreeze)
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "The action is restart, stop, freeze or unfreeze.");
    const char *right = restart ? "admin:ServiceRestart" : stop ? "admin:ServiceStop" : "admin:ServiceFreeze";
    if (admin_check(c, right, false) < 0)
        return -1;
    bool dry = bytes_eq_str(req_param(r, "dry-run"), "true");
    if (!dry && (freeze || unfreeze))
        set_frozen(r->server, freeze);
    else if (!dry && kill(getpid(), restart ? SIGUSR2 : SIGTERM) != 0)
        return req_fail(r, S3E_INTERNAL_ERROR);
    return admin_reply(r, json_pack("{s:o,s:b,s:[{s:o}]}", "action", json_of_bytes(action), "dryRun", dry, "results",
                                    "host", json_of_bytes(admin_host(r))));
}
