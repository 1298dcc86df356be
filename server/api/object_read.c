/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GetObject, HeadObject, GetObjectAttributes. The record is one look-up in the index's memory map, so the head of the
 * reply is made on the loop; the bytes follow span by span (conn_send.c).
 * Threads: the loop; attributes on a worker.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "server/api/api.h"
#include "server/http/date.h"
#include "server/http/etag_match.h"
#include "server/http/range.h"
#include "server/http/rfc2047.h"
#include "server/server.h"
#include "server/sse.h"

#define ATTRIBUTE_PARTS_MAX 1000 /* a page of GetObjectAttributes */

struct slice { /* what of the object is sent */
    uint64_t offset, length;
    bool partial;  /* 206 */
    unsigned part; /* partNumber, 0 if not asked for */
};

static int fail_range(struct req *r, const struct store_object *o)
{
    req_fail(r, S3E_INVALID_RANGE);
    req_extra(r, "RangeRequested", http_head_value(&r->head, HDR_RANGE));
    req_extra(r, "ActualObjectSize", arena_bytesf(r->arena, "%llu", (unsigned long long)o->size));
    resp_headerf(r, "Content-Range", "bytes */%llu", (unsigned long long)o->size);
    return -1;
}

static int slice_part(struct req *r, const struct store_object *o, unsigned number, struct slice *s)
{
    size_t parts = o->n_parts ? o->n_parts : 1;
    if (number > parts) {
        req_fail(r, S3E_INVALID_PART_NUMBER);
        req_extra(r, "PartNumberRequested", arena_bytesf(r->arena, "%u", number));
        return req_extra(r, "ActualPartCount", arena_bytesf(r->arena, "%zu", parts));
    }
    s->part = number;
    s->partial = true;
    if (o->n_parts == 0)
        return 0;
    s->offset = 0;
    for (unsigned i = 0; i + 1 < number; i++)
        s->offset += o->parts[i].size;
    s->length = o->parts[number - 1].size;
    return 0;
}

/* If-Range: the range counts only if the object is still the one that the client has a piece of. */
static bool range_wanted(struct req *r, const struct store_object *o)
{
    struct bytes condition = http_head_value(&r->head, HDR_IF_RANGE);
    int64_t date;
    if (!http_head_has(&r->head, HDR_RANGE))
        return false;
    if (!condition.p)
        return true;
    if (date_parse_http(condition, &date))
        return o->mtime_ms / 1000 == date;
    return bytes_eq(condition,
                    arena_bytesf(r->arena, "\"%.*s\"", (int)api_etag(r, &o->etag).n, api_etag(r, &o->etag).p));
}

static int slice_of(struct req *r, const struct store_object *o, struct slice *s)
{
    unsigned number = 0;
    *s = (struct slice){.length = o->size};
    if (api_part_number(r, &number) < 0)
        return -1;
    if (number && http_head_has(&r->head, HDR_RANGE))
        return req_failf(r, S3E_INVALID_REQUEST, "Cannot specify both Range header and partNumber query parameter");
    if (number)
        return slice_part(r, o, number, s);
    if (!range_wanted(r, o))
        return 0;
    struct range_spec range;
    range_parse(http_head_value(&r->head, HDR_RANGE), &range);
    enum range_answer answer = range_resolve(&range, o->size, &s->offset, &s->length);
    if (answer == RANGE_UNSATISFIABLE)
        return fail_range(r, o);
    s->partial = answer == RANGE_PARTIAL;
    return 0;
}

/* response-* parameters replace the stored header of the name behind the dash. */
static const char *const overrides[][2] = {
    {"response-content-type", "content-type"},
    {"response-content-language", "content-language"},
    {"response-expires", "expires"},
    {"response-cache-control", "cache-control"},
    {"response-content-disposition", "content-disposition"},
    {"response-content-encoding", "content-encoding"},
};

static int put_overrides(struct req *r)
{
    for (size_t i = 0; i < ARRAY_LEN(overrides); i++) {
        struct bytes v = req_param(r, overrides[i][0]);
        for (size_t k = 0; k < v.n; k++)
            if ((unsigned char)v.p[k] < 0x20 || v.p[k] == 0x7f)
                return req_fail_argument(r, overrides[i][0], v, "Header value cannot be represented using ISO-8859-1.");
        if (v.p)
            resp_header(r, overrides[i][1], v);
    }
    return 0;
}

static bool overridden(struct req *r, struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(overrides); i++)
        if (bytes_eq_str(name, overrides[i][1]))
            return req_has_param(r, overrides[i][0]);
    return false;
}

/* User metadata that a header cannot carry goes out as encoded words; system metadata byte for byte, as in S3. */
static struct bytes metadata_value(struct req *r, struct bytes name, struct bytes value)
{
    return bytes_starts(name, BYTES_LIT("x-amz-meta-")) ? rfc2047_encode(r->arena, value) : value;
}

static void validators(struct req *r, const struct store_object *o)
{
    char date[DATE_HTTP_LEN + 1];
    struct bytes etag = api_etag(r, &o->etag);
    date_format_http(o->mtime_ms / 1000, date);
    resp_header(r, "Last-Modified", bytes_of(date, DATE_HTTP_LEN));
    resp_headerf(r, "ETag", "\"%.*s\"", (int)etag.n, etag.p);
}

static void checksums_of_slice(struct req *r, const struct store_object *o, const struct slice *s)
{
    if (!bytes_eq_str_nocase(req_header(r, "x-amz-checksum-mode"), "ENABLED"))
        return;
    if (s->part && o->n_parts) {
        if (o->explicit_checksum)
            api_checksum_headers(r, &o->parts[s->part - 1].checksum, o->checksum_type, 0);
        return;
    }
    if (s->offset == 0 && s->length == o->size)
        api_checksum_headers(r, &o->checksum, o->checksum_type, o->etag.parts);
}

static int head_of_object(struct req *r, const struct store_object *o, const struct slice *s)
{
    if (put_overrides(r) < 0)
        return -1;
    validators(r, o);
    api_version_header(r, &o->version);
    resp_header(r, "Accept-Ranges", BYTES_LIT("bytes"));
    for (size_t i = 0; i < o->n_headers; i++)
        if (!overridden(r, o->headers[i].name))
            resp_header(r, arena_printf(r->arena, "%.*s", (int)o->headers[i].name.n, o->headers[i].name.p),
                        metadata_value(r, o->headers[i].name, o->headers[i].value));
    if (!bytes_eq_str(o->storage_class, "STANDARD"))
        resp_header(r, "x-amz-storage-class", o->storage_class);
    api_tag_headers(r, o);
    api_lock_headers(r, o);
    api_expiration_header(r, o);
    api_restore_header(r, o);
    sse_reply(r, o->envelope, SSE_REPLY_READ);
    checksums_of_slice(r, o, s);
    if (s->part && o->n_parts)
        resp_headerf(r, "x-amz-mp-parts-count", "%zu", o->n_parts);
    r->resp.status = s->partial ? 206 : 200;
    r->resp.length = s->length;
    if (s->partial && s->length)
        resp_headerf(r, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)s->offset,
                     (unsigned long long)(s->offset + s->length - 1), (unsigned long long)o->size);
    return 0;
}

/* The bytes need it, and so does what can be told of them only with the right to read them. */
static enum sse_use needs_key(const struct req *r)
{
    bool sums = bytes_eq_str_nocase(req_header(r, "x-amz-checksum-mode"), "ENABLED");
    return r->head.method == HTTP_GET || sums ? SSE_READ : SSE_TELL;
}

/* Common to GET and HEAD: 1 when there is nothing to send (304). `whole`: with where its bytes and parts lie. */
static int prepare(struct req *r, bool whole, struct store_object **ret, struct slice *s, const unsigned char **ret_key)
{
    struct store_object *o = NULL;
    const struct store_version *version;
    if (api_version_id(r, &version) < 0)
        return -1;
    int rc = whole ? store_object_get(r->server->store, &r->bucket, r->key, version, r->arena, &o)
                   : store_object_head(r->server->store, &r->bucket, r->key, version, r->arena, &o);
    if (rc < 0)
        return api_fail_version(r, rc, version, o, false);
    *ret = o;
    if (sse_open(r, o, needs_key(r), ret_key) < 0)
        return -1;
    switch (api_read_condition(r, "", o)) {
    case API_FAILED:
        return -1;
    case API_NOT_MODIFIED:
        validators(r, o);
        api_version_header(r, &o->version);
        r->resp.status = 304;
        return 1;
    case API_PASS:
        break;
    }
    if (r->head.method == HTTP_GET && api_readable(r, o) < 0)
        return -1;
    return slice_of(r, o, s) < 0 || head_of_object(r, o, s) < 0 ? -1 : 0;
}

int object_head(struct req *r)
{
    struct store_object *o;
    struct slice s;
    const unsigned char *key;
    return prepare(r, req_has_param(r, "partNumber"), &o, &s, &key) < 0 ? -1 : 0;
}

/* What lies in the record goes out with the head, in one piece. */
static int send_inline(struct req *r, const struct store_object *o, const struct slice *s, const unsigned char *key)
{
    struct store_read *read = NULL;
    struct store_span span = {.n = 1};
    size_t got = 0, want = (size_t)s->length;
    if (!key && o->inline_data.n == o->size) { /* as it is: neither encrypted nor compressed */
        r->resp.body = bytes_cut(o->inline_data, (size_t)s->offset, want);
        return STORE_OK;
    }
    char *to = arena_alloc(r->arena, want);
    int rc = store_read_open(r->server->store, o, s->offset, s->length, key, &read);
    while (rc == STORE_OK && got < want && span.n) {
        rc = store_read_next(read, want - got, true, to + got, &span);
        if (rc != STORE_OK)
            break;
        memmove(to + got, span.bytes.p, span.n); /* in its place already, as a rule */
        got += span.n;
    }
    store_read_close(&read);
    r->resp.body = bytes_of(to, got);
    return rc == STORE_OK && got < want ? STORE_CORRUPT : rc;
}

int object_get(struct req *r)
{
    struct store_object *o = NULL;
    struct slice s = {0};
    const unsigned char *key = NULL;
    int rc = prepare(r, true, &o, &s, &key);
    if (rc != 0 || s.length == 0)
        return rc < 0 ? -1 : 0;
    if (o->inline_data.n)
        rc = send_inline(r, o, &s, key);
    else
        rc = store_read_open(r->server->store, o, s.offset, s.length, key, &r->resp.read);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

/* ---- attributes ---- */

enum { ASK_ETAG = 1, ASK_CHECKSUM = 2, ASK_PARTS = 4, ASK_CLASS = 8, ASK_SIZE = 16 };

static int asked_attributes(struct req *r, unsigned *ret)
{
    static const char *const names[] = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"};
    *ret = 0;
    for (const struct http_header *h = http_head_get(&r->head, HDR_X_AMZ_OBJECT_ATTRIBUTES); h;
         h = http_head_next(&r->head, h))
        for (size_t at = 0; at <= h->value.n;) {
            ptrdiff_t comma = bytes_find_char(h->value, ',', at);
            size_t end = comma < 0 ? h->value.n : (size_t)comma;
            struct bytes word = bytes_trim(bytes_cut(h->value, at, end - at));
            unsigned bit = 0;
            for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (bytes_eq_str(word, names[i]))
                    bit = 1u << i;
            if (!bit)
                return req_fail_argument(r, "x-amz-object-attributes", word, "Invalid attribute name specified.");
            *ret |= bit;
            at = end + 1;
        }
    if (!*ret)
        return req_fail_argument(
            r, "x-amz-object-attributes", BYTES_LIT(""),
            "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty");
    return 0;
}

static int header_number(struct req *r, const char *name, uint64_t max, uint64_t *ret)
{
    struct bytes text = req_header(r, name);
    if (text.p && !bytes_to_u64(text, max, ret))
        return req_fail_argument(r, name, text, "The value must be a non-negative integer");
    return 0;
}

static int attribute_parts(struct req *r, const struct store_object *o, struct xml_attributes_parts *p)
{
    uint64_t max = ATTRIBUTE_PARTS_MAX, marker = 0;
    if (header_number(r, "x-amz-max-parts", INT32_MAX, &max) < 0 ||
        header_number(r, "x-amz-part-number-marker", INT32_MAX, &marker) < 0)
        return -1;
    p->total = o->n_parts;
    if (!o->explicit_checksum)
        return 0; /* just the count, as S3 has it for uploads without a chosen algorithm */
    max = max > ATTRIBUTE_PARTS_MAX ? ATTRIBUTE_PARTS_MAX : max;
    struct xml_attributes_part *rows = arena_new_array(r->arena, struct xml_attributes_part, o->n_parts + 1);
    uint64_t i = marker;
    for (; i < o->n_parts && p->n_parts < max; i++) {
        struct xml_attributes_part *row = &rows[p->n_parts++];
        row->number = i + 1;
        row->size = o->parts[i].size;
        api_checksum_slot(r, row->checksums, &o->parts[i].checksum, CHECKSUM_TYPE_NONE, 0);
    }
    p->parts = rows;
    p->marker = (struct xml_opt_u64){marker, true};
    p->next_marker = (struct xml_opt_u64){i, true};
    p->max_parts = (struct xml_opt_u64){max, true};
    p->truncated = (struct xml_opt_bool){i < o->n_parts, true};
    return 0;
}

int object_attributes(struct req *r)
{
    unsigned ask;
    struct store_object *o = NULL;
    const struct store_version *version;
    if (asked_attributes(r, &ask) < 0 || api_version_id(r, &version) < 0)
        return -1;
    int rc = store_object_get(r->server->store, &r->bucket, r->key, version, r->arena, &o);
    if (rc < 0)
        return api_fail_version(r, rc, version, o, false);
    const unsigned char *key;
    if (sse_open(r, o, SSE_TELL, &key) < 0)
        return -1;
    struct xml_attributes_checksum sums = {.type = o->checksum_type};
    struct xml_attributes_parts parts = {0};
    struct xml_object_attributes doc = {0};
    api_checksum_slot(r, sums.checksums, &o->checksum, o->checksum_type, 0); /* without -N here */
    if (ask & ASK_ETAG)
        doc.etag = api_etag(r, &o->etag);
    if ((ask & ASK_CHECKSUM) && checksum_info(o->checksum.alg))
        doc.checksum = &sums;
    if ((ask & ASK_PARTS) && o->n_parts) {
        if (attribute_parts(r, o, &parts) < 0)
            return -1;
        doc.parts = &parts;
    }
    if (ask & ASK_CLASS)
        doc.storage_class = o->storage_class;
    if (ask & ASK_SIZE)
        doc.size = (struct xml_opt_u64){o->size, true};
    char date[DATE_HTTP_LEN + 1];
    date_format_http(o->mtime_ms / 1000, date);
    resp_header(r, "Last-Modified", bytes_of(date, DATE_HTTP_LEN));
    api_version_header(r, &o->version);
    return resp_document(r, &xml_object_attributes_doc, &doc);
}
