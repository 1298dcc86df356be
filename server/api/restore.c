/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archived objects: GLACIER and DEEP_ARCHIVE cannot be read until RestoreObject has restored them for some days.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html
 *
 * Here every byte is on a disk, so a restore moves nothing: the object remembers from when until when it can be read,
 * and both ends are judged when it is looked at; nothing has to run for a copy to come or to expire. The short time
 * between request and copy is there because clients poll for it, and it lets a faster tier be asked for meanwhile.
 * Threads: RestoreObject on workers, the rest also on the loop.
 */
#include "server/api/api.h"
#include "server/http/date.h"
#include "server/server.h"

#define DAY_MS           (INT64_C(24) * 60 * 60 * 1000)
#define RESTORE_DAYS_MAX 36500 /* a hundred years */

/* How long a restore is "ongoing", by tier: enum xml_restore_tier. */
static const int64_t delay_ms[] = {
    [XML_TIER_NONE] = 1000, [XML_TIER_STANDARD] = 1000, [XML_TIER_BULK] = 2000, [XML_TIER_EXPEDITED] = 250};

bool api_is_archived(const struct store_object *o)
{
    return bytes_eq_str(o->storage_class, "GLACIER") || bytes_eq_str(o->storage_class, "DEEP_ARCHIVE");
}

static bool ongoing(const struct store_object *o, int64_t now_ms)
{
    return o->restore_ready_ms > now_ms && o->restored_until_ms > now_ms;
}

static bool restored(const struct store_object *o, int64_t now_ms)
{
    return o->restore_ready_ms <= now_ms && o->restored_until_ms > now_ms;
}

int api_readable(struct req *r, const struct store_object *o)
{
    if (!api_is_archived(o) || restored(o, r->now_ms))
        return 0;
    req_failf(r, S3E_INVALID_OBJECT_STATE, "The operation is not valid for the object's storage class");
    return req_extra(r, "StorageClass", o->storage_class);
}

void api_restore_header(struct req *r, const struct store_object *o)
{
    char date[DATE_HTTP_LEN + 1];
    if (ongoing(o, r->now_ms)) {
        resp_header(r, "x-amz-restore", BYTES_LIT("ongoing-request=\"true\""));
    } else if (restored(o, r->now_ms)) {
        date_format_http(o->restored_until_ms / 1000, date);
        resp_headerf(r, "x-amz-restore", "ongoing-request=\"false\", expiry-date=\"%s\"", date);
    }
}

/* Until the midnight (UTC) after so many days; with --lifecycle-day, days of that length and no midnight. */
static int64_t until(const struct req *r, uint64_t days)
{
    int64_t day = (int64_t)r->server->config->lifecycle_day_s * 1000;
    if (day)
        return r->now_ms + (int64_t)days * day;
    return (r->now_ms / DAY_MS + (int64_t)days + 1) * DAY_MS;
}

static int read_request(struct req *r, struct xml_restore_request *want, enum xml_restore_tier *ret_tier)
{
    if (req_document(r, &xml_restore_request_doc, want) < 0)
        return -1;
    if (want->type.p || want->output_location || want->select_parameters) {
        req_fail(r, S3E_NOT_IMPLEMENTED);
        return req_extra(r, "additionalMessage", BYTES_LIT("SELECT restores are not supported"));
    }
    *ret_tier = want->job && want->job->tier ? want->job->tier : want->tier;
    if (want->days.has && (want->days.v < 1 || want->days.v > RESTORE_DAYS_MAX))
        return req_fail(r, S3E_MALFORMED_XML);
    return 0;
}

/* What is to happen: 202 with *c filled in, 200 likewise when it was restored before, or an error. */
static int decide(struct req *r, const struct store_object *o, struct store_change *c)
{
    struct xml_restore_request want = {0};
    enum xml_restore_tier tier = XML_TIER_NONE;
    if (read_request(r, &want, &tier) < 0)
        return -1;
    if (!api_is_archived(o)) {
        req_failf(r, S3E_INVALID_OBJECT_STATE, "Restore is not allowed for the object's current storage class");
        return req_extra(r, "StorageClass", o->storage_class);
    }
    if (tier == XML_TIER_EXPEDITED && bytes_eq_str(o->storage_class, "DEEP_ARCHIVE"))
        return req_fail_argument(r, "Tier", BYTES_LIT("Expedited"),
                                 "Expedited retrievals are not available for the DEEP_ARCHIVE storage class");
    *c = (struct store_change){
        .set_restore = true, .restore_ready_ms = r->now_ms + delay_ms[tier], .expect_uid = o->uid};
    if (ongoing(o, r->now_ms)) {
        bool faster = tier && !want.days.has && c->restore_ready_ms < o->restore_ready_ms;
        if (!faster)
            return req_fail(r, S3E_RESTORE_ALREADY_IN_PROGRESS);
        c->restored_until_ms = o->restored_until_ms;
        r->resp.status = 202;
        return 0;
    }
    if (!want.days.has)
        return req_fail(r, S3E_MALFORMED_XML);
    c->restored_until_ms = until(r, want.days.v);
    if (restored(o, r->now_ms))
        c->restore_ready_ms = o->restore_ready_ms; /* the copy that is there stays longer, or less long */
    r->resp.status = restored(o, r->now_ms) ? 200 : 202;
    return 0;
}

int object_restore(struct req *r)
{
    const struct store_version *version;
    struct store_object *o = NULL, *after = NULL;
    struct store_change change;
    if (api_version_id(r, &version) < 0)
        return -1;
    int rc = store_object_head(r->server->store, &r->bucket, r->key, version, r->arena, &o);
    if (rc < 0)
        return api_fail_version(r, rc, version, o, true);
    if (decide(r, o, &change) < 0)
        return -1;
    rc = store_object_change(r->server->store, &r->bucket, r->key, &o->version, &change, r->arena, &after);
    if (rc == STORE_PRECONDITION_FAILED || rc == STORE_NO_SUCH_KEY || rc == STORE_NO_SUCH_VERSION)
        return req_fail(r, S3E_OPERATION_ABORTED); /* it was overwritten or deleted meanwhile */
    return rc < 0 ? req_fail_store(r, rc) : 0;
}
