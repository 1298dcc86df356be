/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object lock: the bucket's configuration, retention and legal hold of a version, and the headers that set and show
 * them. What is well-formed is decided here (lock_rules.c); what a lock forbids is decided by the store alone, inside
 * the transaction that would break it, so that no path can forget to ask.
 *
 * Invariant: everything here answers InvalidRequest in a bucket without object lock, before it looks at an object.
 * Threads: workers; the reads and the headers also the loop.
 */
#include "server/api/api.h"
#include "server/api/lock_rules.h"
#include "server/authorize.h"
#include "server/http/date.h"
#include "server/ops.h"
#include "server/server.h"

static int no_lock(struct req *r)
{
    return req_failf(r, S3E_INVALID_REQUEST, "Bucket is missing Object Lock Configuration");
}

/* InvalidArgument without an ArgumentValue: what is wrong is that it is missing. */
static int missing_argument(struct req *r, const char *name)
{
    req_failf(r, S3E_INVALID_ARGUMENT,
              "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied");
    return req_extra(r, "ArgumentName", bytes_str(name));
}

#define HEADER_MODE  "x-amz-object-lock-mode"
#define HEADER_UNTIL "x-amz-object-lock-retain-until-date"
#define HEADER_HOLD  "x-amz-object-lock-legal-hold"

/* What is wrong with a retention's end; `name` is what the client calls it. */
static int fail_until(struct req *r, enum lock_fault fault, const char *name, struct bytes value)
{
    switch (fault) {
    case LOCK_PAST:
        return req_fail_argument(r, name, value, "The retain until date must be in the future!");
    case LOCK_FAR:
        return req_fail_argument(r, name, value,
                                 "The retain until date must not be more than 100 years in the future.");
    default:
        return req_fail_argument(r, name, value, "The retain until date must be provided in ISO 8601 format");
    }
}

static int fail_headers(struct req *r, enum lock_fault fault)
{
    switch (fault) {
    case LOCK_NO_MODE:
        return missing_argument(r, HEADER_MODE);
    case LOCK_NO_DATE:
        return missing_argument(r, HEADER_UNTIL);
    case LOCK_BAD_MODE:
        return req_fail_argument(r, HEADER_MODE, req_header(r, HEADER_MODE), "Unknown wormMode directive.");
    case LOCK_BAD_HOLD:
        return req_fail_argument(r, HEADER_HOLD, req_header(r, HEADER_HOLD),
                                 "Legal Hold must be either of 'ON' or 'OFF'");
    default:
        return fail_until(r, fault, HEADER_UNTIL, req_header(r, HEADER_UNTIL));
    }
}

/* A locked object cannot be put right: S3 wants to be sure of its bytes. Only where there are bytes in the request. */
static int need_digest(struct req *r)
{
    if (r->op->kind != OP_UPLOAD || req_header(r, "content-md5").p || payload_checksum_alg(r->payload) != CHECKSUM_NONE)
        return 0;
    return req_failf(r, S3E_INVALID_REQUEST,
                     "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock "
                     "parameters");
}

int api_put_lock(struct req *r, struct store_put *put)
{
    struct bytes mode = req_header(r, HEADER_MODE), until = req_header(r, HEADER_UNTIL),
                 hold = req_header(r, HEADER_HOLD);
    bool any = mode.n || until.n || hold.n;
    if (any && !r->bucket.lock_enabled)
        return no_lock(r);
    enum lock_fault fault = lock_parse(mode, until, hold, store_lock_now_ms(r->server->store), &put->lock);
    if (fault != LOCK_OK)
        return fail_headers(r, fault);
    return any || (r->bucket.lock_enabled && r->bucket.lock_default.mode != LOCK_NONE) ? need_digest(r) : 0;
}

/* As documents have it, in whole seconds: who sends back what is shown must not shorten anything. */
static int64_t shown_until(const struct store_object *o)
{
    return (o->lock.until_ms + 999) / 1000 * 1000;
}

void api_lock_headers(struct req *r, const struct store_object *o)
{
    if (o->lock.mode != LOCK_NONE && authorize_may(r, "s3:GetObjectRetention", NULL)) {
        char date[DATE_ISO_LEN + 1];
        date_format_iso(shown_until(o), date);
        resp_header(r, HEADER_MODE, bytes_str(o->lock.mode == LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE"));
        resp_header(r, HEADER_UNTIL, bytes_of(date, DATE_ISO_LEN));
    }
    if (o->lock.hold_set && authorize_may(r, "s3:GetObjectLegalHold", NULL))
        resp_header(r, HEADER_HOLD, bytes_str(o->lock.hold ? "ON" : "OFF"));
}

static int refuse_event_hold(struct req *r)
{
    req_fail(r, S3E_NOT_IMPLEMENTED);
    return req_extra(r, "additionalMessage", BYTES_LIT("Event holds are not supported"));
}

/* ---- the bucket's configuration ---- */

int lock_put_configuration(struct req *r)
{
    struct xml_lock_configuration doc;
    struct store_bucket_change change = {.lock = true};
    if (req_document(r, &xml_lock_configuration_doc, &doc) < 0)
        return -1;
    if (doc.rule) {
        const struct xml_default_retention *d = doc.rule->retention;
        if (d->event_hold)
            return refuse_event_hold(r);
        enum lock_fault fault =
            lock_check_default(d->mode, d->days.has, d->days.v, d->years.has, d->years.v, &change.lock_default);
        if (fault == LOCK_BAD_PERIOD)
            return req_failf(r, S3E_INVALID_RETENTION_PERIOD,
                             "The retention period must be a positive integer value: at most %d days or %d years.",
                             LOCK_DAYS_MAX, LOCK_YEARS_MAX);
        if (fault != LOCK_OK)
            return req_fail(r, S3E_MALFORMED_XML);
    }
    int rc = store_bucket_change(r->server->store, r->bucket_name, &change, r->arena, NULL);
    if (rc == STORE_BUCKET_STATE)
        return req_failf(r, S3E_INVALID_BUCKET_STATE,
                         "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

int lock_get_configuration(struct req *r)
{
    const struct lock_default *d = &r->bucket.lock_default;
    if (!r->bucket.lock_enabled) {
        req_fail(r, S3E_OBJECT_LOCK_CONFIGURATION_NOT_FOUND);
        return req_extra(r, "BucketName", r->bucket_name);
    }
    struct xml_default_retention retention = {.mode = d->mode};
    struct xml_lock_rule rule = {.retention = &retention};
    struct xml_lock_configuration doc = {.enabled = 1, .rule = d->mode == LOCK_NONE ? NULL : &rule};
    if (d->days)
        retention.days = (struct xml_opt_i64){d->days, true};
    else
        retention.years = (struct xml_opt_i64){d->years, true};
    return resp_document(r, &xml_lock_configuration_doc, &doc);
}

/* ---- one version ---- */

/* The version that is asked about, in a bucket that has locks; NULL after a failure. */
static const struct store_object *find_version(struct req *r)
{
    const struct store_version *version;
    struct store_object *o = NULL;
    if (!r->bucket.lock_enabled) {
        no_lock(r);
        return NULL;
    }
    if (api_version_id(r, &version) < 0)
        return NULL;
    int rc = store_object_head(r->server->store, &r->bucket, r->key, version, r->arena, &o);
    if (rc == STORE_OK)
        return o;
    api_fail_version(r, rc, version, o, false);
    return NULL;
}

int lock_put_retention(struct req *r)
{
    struct xml_retention doc;
    struct store_change change = {.set_retention = true,
                                  .bypass_governance = api_bypass_governance(r) &&
                                                       authorize_may(r, "s3:BypassGovernanceRetention", NULL)};
    struct store_object *changed;
    if (!r->bucket.lock_enabled)
        return no_lock(r);
    if (req_document(r, &xml_retention_doc, &doc) < 0)
        return -1;
    if (doc.event_hold || doc.event_hold_duration)
        return refuse_event_hold(r);
    if ((doc.mode != LOCK_NONE) != doc.until_ms.has)
        return req_fail(r, S3E_MALFORMED_XML);
    if (doc.mode != LOCK_NONE) {
        char date[DATE_ISO_LEN + 1];
        change.mode = doc.mode;
        change.until_ms = doc.until_ms.v;
        enum lock_fault fault = lock_check_until(store_lock_now_ms(r->server->store), &change.until_ms);
        date_format_iso(doc.until_ms.v, date);
        if (fault != LOCK_OK)
            return fail_until(r, fault, "RetainUntilDate", bytes_dup(r->arena, bytes_of(date, DATE_ISO_LEN)));
    }
    if (authorize_body(r, &(struct facts_body){.mode = change.mode, .until_ms = change.until_ms}) < 0)
        return -1;
    return api_change_version(r, &change, &changed);
}

int lock_get_retention(struct req *r)
{
    const struct store_object *o = find_version(r);
    if (!o)
        return -1;
    if (o->lock.mode == LOCK_NONE)
        return req_fail(r, S3E_NO_SUCH_OBJECT_LOCK_CONFIGURATION);
    struct xml_retention doc = {.mode = o->lock.mode, .until_ms = {shown_until(o), true}};
    return resp_document(r, &xml_retention_doc, &doc);
}

int lock_put_legal_hold(struct req *r)
{
    struct xml_legal_hold doc;
    struct store_object *changed;
    if (!r->bucket.lock_enabled)
        return no_lock(r);
    if (req_document(r, &xml_legal_hold_doc, &doc) < 0)
        return -1;
    struct facts_body facts = {.legal_hold = doc.status == XML_HOLD_ON ? BYTES_LIT("ON") : BYTES_LIT("OFF")};
    if (authorize_body(r, &facts) < 0)
        return -1;
    struct store_change change = {.set_hold = true, .hold = doc.status == XML_HOLD_ON};
    return api_change_version(r, &change, &changed);
}

int lock_get_legal_hold(struct req *r)
{
    const struct store_object *o = find_version(r);
    if (!o)
        return -1;
    if (!o->lock.hold_set)
        return req_fail(r, S3E_NO_SUCH_OBJECT_LOCK_CONFIGURATION);
    struct xml_legal_hold doc = {.status = o->lock.hold ? XML_HOLD_ON : XML_HOLD_OFF};
    return resp_document(r, &xml_legal_hold_doc, &doc);
}
