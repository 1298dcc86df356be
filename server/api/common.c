/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handlers share. Each piece of knowledge about S3's headers that more than one operation needs has its one
 * place here. Threads: those of the calling handler; nothing is kept.
 */
#include "server/api/api.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "server/authorize.h"
#include "server/form.h"
#include "server/http/date.h"
#include "server/http/etag_match.h"
#include "server/http/rfc2047.h"
#include "server/iam/identities.h"
#include "server/server.h"

static const char meta_prefix[] = "x-amz-meta-";

/* System metadata that S3 keeps with an object and sends back. */
static const char *const system_headers[] = {"cache-control",
                                             "content-disposition",
                                             "content-encoding",
                                             "content-language",
                                             "content-type",
                                             "expires",
                                             "x-amz-website-redirect-location"};

static const char *const storage_classes[] = {"STANDARD",   "REDUCED_REDUNDANCY",  "STANDARD_IA",
                                              "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR",
                                              "GLACIER",    "DEEP_ARCHIVE"};

/* ---- metadata ---- */

/* `aws-chunked` says how the body travelled and is no property of the object. */
static struct bytes without_aws_chunked(struct req *r, struct bytes value)
{
    struct buf kept;
    buf_init(&kept, value.n + 1);
    for (size_t at = 0; at <= value.n;) {
        ptrdiff_t comma = bytes_find_char(value, ',', at);
        size_t end = comma < 0 ? value.n : (size_t)comma;
        struct bytes word = bytes_trim(bytes_cut(value, at, end - at));
        if (word.n && !bytes_eq_str_nocase(word, "aws-chunked")) {
            if (kept.n)
                buf_put_char(&kept, ',');
            buf_put_bytes(&kept, word);
        }
        at = end + 1;
    }
    struct bytes out = bytes_dup(r->arena, buf_bytes(&kept));
    buf_fini(&kept);
    return out;
}

struct metadata {
    struct store_header *list;
    size_t n, cap, user_bytes;
};

static struct bytes lower_dup(struct req *r, struct bytes s)
{
    char *p = arena_alloc(r->arena, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
    return bytes_of(p, s.n);
}

/* Values are stored decoded, as UTF-8; repeated ones are decoded before they are joined. */
static void add_user_metadata(struct req *r, struct metadata *m, struct bytes name, struct bytes value)
{
    if (name.n <= sizeof meta_prefix - 1 || !bytes_starts_str_nocase(name, meta_prefix))
        return;
    name = lower_dup(r, name);
    value = rfc2047_decode(r->arena, value);
    for (size_t i = 0; i < m->n; i++) /* repeated headers are one value */
        if (bytes_eq(m->list[i].name, name)) {
            m->user_bytes += value.n + 1;
            m->list[i].value =
                arena_bytesf(r->arena, "%.*s,%.*s", (int)m->list[i].value.n, m->list[i].value.p, (int)value.n, value.p);
            return;
        }
    m->user_bytes += name.n - (sizeof meta_prefix - 1) + value.n;
    m->list[m->n++] = (struct store_header){name, value};
}

int api_metadata(struct req *r, const struct store_header **ret, size_t *ret_n)
{
    size_t n_sent = r->head.header_count;
    const struct http_header *sent_headers = r->form ? form_headers(r->form, &n_sent) : r->head.headers;
    struct metadata m = {.cap = ARRAY_LEN(system_headers) + n_sent + r->query.n};
    m.list = arena_alloc(r->arena, m.cap * sizeof *m.list);
    for (size_t i = 0; i < ARRAY_LEN(system_headers); i++) {
        struct bytes value = req_header(r, system_headers[i]);
        if (bytes_eq_str(bytes_str(system_headers[i]), "content-encoding"))
            value = without_aws_chunked(r, value);
        if (bytes_eq_str(bytes_str(system_headers[i]), "content-type") && value.n == 0)
            value = BYTES_LIT("binary/octet-stream");
        if (value.n)
            m.list[m.n++] = (struct store_header){bytes_str(system_headers[i]), value};
    }
    size_t system = m.n;
    for (size_t i = 0; i < n_sent; i++)
        add_user_metadata(r, &m, sent_headers[i].name, sent_headers[i].value);
    if (r->hoisted)
        for (size_t i = 0; i < r->query.n; i++) {
            bool sent = false; /* as a header too: the verifier has seen that both are the same */
            for (size_t k = system; k < m.n; k++)
                sent |= bytes_eq_nocase(m.list[k].name, r->query.params[i].name);
            if (!sent)
                add_user_metadata(r, &m, r->query.params[i].name, r->query.params[i].value);
        }
    if (m.user_bytes > API_METADATA_MAX) {
        req_fail(r, S3E_METADATA_TOO_LARGE);
        req_extra(r, "Size", arena_bytesf(r->arena, "%zu", m.user_bytes));
        return req_extra(r, "MaxSizeAllowed", arena_bytesf(r->arena, "%d", API_METADATA_MAX));
    }
    *ret = m.list;
    *ret_n = m.n;
    return 0;
}

int api_storage_class(struct req *r, struct bytes *ret)
{
    struct bytes asked = req_header(r, "x-amz-storage-class");
    if (!asked.p) {
        *ret = BYTES_LIT("STANDARD");
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(storage_classes); i++)
        if (bytes_eq_str(asked, storage_classes[i])) {
            *ret = asked;
            return 0;
        }
    req_fail(r, S3E_INVALID_STORAGE_CLASS);
    return req_extra(r, "StorageClassRequested", asked);
}

int api_refuse_unsupported(struct req *r)
{
    static const char *const headers[] = {"x-amz-write-offset-bytes", "x-amz-object-lock-event-hold",
                                          "x-amz-object-lock-event-hold-duration-days",
                                          "x-amz-object-lock-event-hold-duration-years"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        if (req_header(r, headers[i]).n) {
            req_fail(r, S3E_NOT_IMPLEMENTED);
            return req_extra(r, "Header", bytes_str(headers[i]));
        }
    }
    return 0;
}

/* ---- conditions ---- */

static int not_implemented(struct req *r, const char *header, const char *why)
{
    req_fail(r, S3E_NOT_IMPLEMENTED);
    req_extra(r, "Header", bytes_str(header));
    return req_extra(r, "additionalMessage", bytes_str(why));
}

int api_write_condition(struct req *r, struct store_condition *ret)
{
    static const char refused[] = "We don't accept the provided value of %s header for this API";
    struct bytes match = req_header(r, "if-match"), none = req_header(r, "if-none-match");
    *ret = (struct store_condition){0};
    if (match.p && none.p)
        return not_implemented(r, "If-Match,If-None-Match",
                               "Multiple conditional request headers present in the request");
    if (none.p && !bytes_eq_str(none, "*"))
        return not_implemented(r, "If-None-Match", arena_printf(r->arena, refused, "If-None-Match"));
    if (bytes_eq_str(match, "*"))
        return not_implemented(r, "If-Match", arena_printf(r->arena, refused, "If-Match"));
    if (req_header(r, "if-modified-since").p || req_header(r, "if-unmodified-since").p)
        return not_implemented(r, req_header(r, "if-modified-since").p ? "If-Modified-Since" : "If-Unmodified-Since",
                               "A header you provided implies functionality that is not implemented");
    ret->if_none_match = none.p != NULL;
    ret->if_match = match.p != NULL;
    ret->if_match_etag = etag_unquote(match);
    return 0;
}

static enum api_condition condition_failed(struct req *r, const char *prefix, const char *name)
{
    req_fail(r, S3E_PRECONDITION_FAILED);
    req_extra(r, "Condition", arena_bytesf(r->arena, "%s%s", prefix, name));
    return API_FAILED;
}

static struct bytes condition_header(struct req *r, const char *prefix, const char *name)
{
    return req_header(r, arena_printf(r->arena, "%s%s", prefix, name));
}

enum api_condition api_read_condition(struct req *r, const char *prefix, const struct store_object *o)
{
    char text[STORE_ETAG_TEXT_MAX];
    struct bytes etag = bytes_of(text, store_etag_text(&o->etag, text));
    struct bytes match = condition_header(r, prefix, "if-match"), none = condition_header(r, prefix, "if-none-match");
    int64_t seconds = o->mtime_ms / 1000, date;
    bool copy = *prefix != '\0';
    if (match.p && !etag_list_matches(match, etag))
        return condition_failed(r, prefix, "If-Match");
    struct bytes unmodified = condition_header(r, prefix, "if-unmodified-since");
    if (!match.p && unmodified.p && date_parse_http(unmodified, &date) && seconds > date)
        return condition_failed(r, prefix, "If-Unmodified-Since");
    if (none.p) {
        if (!etag_list_matches(none, etag))
            return API_PASS;
        return copy ? condition_failed(r, prefix, "If-None-Match") : API_NOT_MODIFIED;
    }
    struct bytes modified = condition_header(r, prefix, "if-modified-since");
    if (modified.p && date_parse_http(modified, &date) && date <= r->now_ms / 1000 && seconds <= date)
        return copy ? condition_failed(r, prefix, "If-Modified-Since") : API_NOT_MODIFIED;
    return API_PASS;
}

/* ---- parameters ---- */

int api_number(struct req *r, const char *name, uint64_t min, uint64_t max, const char *message, uint64_t *ret)
{
    struct bytes text = req_param(r, name);
    uint64_t v;
    if (!text.p)
        return 0;
    if (!bytes_to_u64(text, max, &v) || v < min)
        return req_fail_argument(r, name, text, message);
    *ret = v;
    return 0;
}

int api_page_size(struct req *r, const char *name, uint64_t *ret)
{
    struct bytes text = req_param(r, name);
    *ret = 1000;
    if (text.n == 0)
        return 0;
    if (!bytes_to_u64(text, INT32_MAX, ret))
        return req_fail_argument(
            r, name, text,
            text.p[0] == '-' ? arena_printf(r->arena, "Argument %s must be an integer between 0 and 2147483647", name)
                             : arena_printf(r->arena, "Provided %s not an integer or within integer range", name));
    if (*ret > 1000)
        *ret = 1000;
    return 0;
}

int api_encoding(struct req *r, bool *ret)
{
    struct bytes text = req_param(r, "encoding-type");
    *ret = bytes_eq_str_nocase(text, "url");
    if (text.p && !*ret)
        return req_fail_argument(r, "encoding-type", text, "Invalid Encoding Method specified in Request");
    return 0;
}

int api_part_number(struct req *r, unsigned *ret)
{
    uint64_t number = 0;
    if (api_number(r, "partNumber", 1, STORE_PARTS_MAX, "Part number must be an integer between 1 and 10000, inclusive",
                   &number) < 0)
        return -1;
    *ret = (unsigned)number;
    return 0;
}

int api_checksum_algorithm(struct req *r, const char *header, enum checksum_alg *ret)
{
    struct bytes name = req_header(r, header);
    *ret = CHECKSUM_NONE;
    if (!name.p)
        return 0;
    *ret = checksum_by_name(name);
    if (*ret == CHECKSUM_NONE)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
                         "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5, XXHASH64, XXHASH3, XXHASH128]");
    return 0;
}

/* ---- versions ---- */

int api_version_parse(struct req *r, const char *name, struct bytes text, const struct store_bucket *b,
                      struct store_version *ret)
{
    if (text.n == 0)
        return req_fail_argument(r, name, text, "Version id cannot be the empty string");
    if (!store_version_parse(text, ret) || (b->versioning == VERSIONING_NEVER && !ret->null))
        return req_fail_argument(r, name, text, "Invalid version id specified");
    return 0;
}

int api_version_id(struct req *r, const struct store_version **ret)
{
    struct bytes text = req_param(r, "versionId");
    *ret = NULL;
    if (!text.p)
        return 0;
    struct store_version *v = arena_new(r->arena, struct store_version);
    if (api_version_parse(r, "versionId", text, &r->bucket, v) < 0)
        return -1;
    *ret = v;
    return 0;
}

int api_no_version_id(struct req *r)
{
    struct bytes text = req_param(r, "versionId");
    return text.p ? req_fail_argument(r, "versionId", text, "This operation does not accept a version-id.") : 0;
}

struct bytes api_version_text(struct req *r, const struct store_version *v)
{
    char *text = arena_alloc(r->arena, STORE_VERSION_TEXT);
    return bytes_of(text, store_version_text(v, text));
}

void api_version_header(struct req *r, const struct store_version *v)
{
    if (r->bucket.versioning != VERSIONING_NEVER)
        resp_header(r, "x-amz-version-id", api_version_text(r, v));
}

void api_made_version_header(struct req *r, const struct store_version *v)
{
    if (!v->null)
        api_version_header(r, v);
}

/* A marker is neither there nor quite absent: the reply names it, in a 405 with what can be done to it. */
static int fail_marker(struct req *r, bool not_allowed, const struct store_object *marker)
{
    char date[DATE_HTTP_LEN + 1];
    req_fail(r, not_allowed ? S3E_METHOD_NOT_ALLOWED : S3E_NO_SUCH_KEY);
    resp_header(r, "x-amz-delete-marker", BYTES_LIT("true"));
    api_version_header(r, &marker->version);
    if (!not_allowed)
        return req_extra(r, "Key", r->key);
    date_format_http(marker->mtime_ms / 1000, date);
    resp_header(r, "Allow", BYTES_LIT("DELETE"));
    resp_header(r, "Last-Modified", bytes_of(date, DATE_HTTP_LEN));
    req_extra(r, "Method", r->head.method_text);
    return req_extra(r, "ResourceType", BYTES_LIT("DeleteMarker"));
}

int api_fail_version(struct req *r, int rc, const struct store_version *asked, const struct store_object *o, bool write)
{
    bool absent = rc == STORE_NO_SUCH_KEY || (rc == STORE_DELETE_MARKER && !asked);
    if (absent && !write && authorize_missing(r, &r->bucket) < 0)
        return -1;
    if (rc == STORE_DELETE_MARKER)
        return fail_marker(r, asked || write, o);
    req_fail_store(r, rc);
    if (rc == STORE_NO_SUCH_VERSION) {
        req_extra(r, "Key", r->key);
        req_extra(r, "VersionId", asked ? api_version_text(r, asked) : BYTES_NONE);
    }
    return -1;
}

bool api_bypass_governance(struct req *r)
{
    return bytes_eq_str_nocase(req_header(r, "x-amz-bypass-governance-retention"), "true");
}

int api_optional_attributes(struct req *r, bool *ret_restore)
{
    struct bytes text = req_header(r, "x-amz-optional-object-attributes");
    *ret_restore = false;
    for (size_t at = 0; text.p && at <= text.n;) {
        ptrdiff_t comma = bytes_find_char(text, ',', at);
        size_t end = comma < 0 ? text.n : (size_t)comma;
        if (!bytes_eq_str(bytes_trim(bytes_cut(text, at, end - at)), "RestoreStatus"))
            return req_fail_argument(r, "x-amz-optional-object-attributes", text, "Invalid attribute name specified.");
        *ret_restore = true;
        at = end + 1;
    }
    return 0;
}

/* ---- texts ---- */

struct bytes api_etag(struct req *r, const struct store_etag *e)
{
    char *text = arena_alloc(r->arena, STORE_ETAG_TEXT_MAX);
    return bytes_of(text, store_etag_text(e, text));
}

struct bytes api_checksum_text(struct req *r, const struct checksum_value *v, enum checksum_type type, uint32_t parts)
{
    const struct checksum_info *info = checksum_info(v->alg);
    if (!info)
        return BYTES_NONE;
    size_t n = base64_len(info->bytes);
    char *text = arena_alloc(r->arena, n + 12);
    base64_encode(v->b, info->bytes, text);
    if (type == CHECKSUM_COMPOSITE && parts)
        n += (size_t)snprintf(text + n, 12, "-%u", parts);
    return bytes_of(text, n);
}

void api_checksum_headers(struct req *r, const struct checksum_value *v, enum checksum_type type, uint32_t parts)
{
    const struct checksum_info *info = checksum_info(v->alg);
    if (!info)
        return;
    resp_header(r, info->header, api_checksum_text(r, v, type, parts));
    if (type != CHECKSUM_TYPE_NONE)
        resp_header(r, "x-amz-checksum-type", bytes_str(checksum_type_name(type)));
}

void api_checksum_slot(struct req *r, xml_checksums slots, const struct checksum_value *v, enum checksum_type type,
                       uint32_t parts)
{
    if (checksum_info(v->alg))
        slots[v->alg] = api_checksum_text(r, v, type, parts);
}

bool api_checksum_decode(enum checksum_alg alg, struct bytes text, struct checksum_value *ret)
{
    const struct checksum_info *info = checksum_info(alg);
    struct checksum_value v = {.alg = alg};
    if (!info || base64_decode(text, v.b, info->bytes) != (ptrdiff_t)info->bytes)
        return false;
    *ret = v;
    return true;
}

int api_checksum_parse(struct req *r, const xml_checksums slots, struct checksum_value *ret)
{
    *ret = (struct checksum_value){.alg = CHECKSUM_NONE};
    for (int alg = 1; alg < CHECKSUM_ALG_COUNT; alg++)
        if (slots[alg].p && !api_checksum_decode((enum checksum_alg)alg, slots[alg], ret))
            return req_failf(r, S3E_INVALID_REQUEST, "Value for %s is invalid.",
                             checksum_info((enum checksum_alg)alg)->element);
    return 0;
}

struct bytes api_encoded(struct req *r, struct bytes text, bool url)
{
    if (!url || !text.p)
        return text;
    struct buf out;
    buf_init(&out, text.n * 3 + 1);
    uri_encode_list(&out, text);
    struct bytes kept = bytes_dup(r->arena, buf_bytes(&out));
    buf_fini(&out);
    return kept;
}

const struct xml_owner *api_owner(struct req *r)
{
    return api_owner_of(r, r->bucket.name.n ? r->bucket.owner : r->who.account);
}

const struct xml_owner *api_owner_of(struct req *r, struct bytes account)
{
    struct xml_owner *o = arena_new(r->arena, struct xml_owner);
    struct iam_owner found;
    *o = (struct xml_owner){.id = BYTES_LIT("")};
    if (bytes_eq_str(account, ACCESS_ANONYMOUS))
        o->id = BYTES_LIT(ACL_ANONYMOUS_ID);
    else if (identities_owner(r->server->identities, account, &found))
        *o = (struct xml_owner){found.canonical_id, found.name};
    return o;
}

void api_owners_begin(struct req *r, struct api_owners *ret)
{
    *ret = (struct api_owners){.req = r, .bucket = api_owner(r)};
    ret->enforced = authorize_settings(r)->ownership == ACL_BUCKET_OWNER_ENFORCED;
}

const struct xml_owner *api_owners_of(struct api_owners *o, struct bytes account)
{
    if (o->enforced || !account.n || bytes_eq(account, o->req->bucket.owner))
        return o->bucket;
    if (o->last && bytes_eq(account, bytes_of(o->account, o->account_n)))
        return o->last;
    o->last = api_owner_of(o->req, account);
    o->account_n = account.n <= sizeof o->account ? account.n : 0;
    memcpy(o->account, account.p, o->account_n);
    return o->last;
}
