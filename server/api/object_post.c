/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostObject: an upload from a browser's form. The fields come before the file, so who asks and for what is known when
 * the file begins: then the signature and the policy are checked, the fields take the place of a PutObject's headers
 * (server/form.h), and the file streams into the store as any upload does. What stands behind the file is skipped, as
 * S3 does, except a second file. Nothing is visible before the last boundary was seen.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
 *
 * Invariant: the value that the policy was compared with is the value that is used; so no field may be there twice.
 * Threads: object_post and object_post_done on the loop, the rest where the body is taken in.
 */
#include <string.h>

#include "base/check.h"
#include "server/api/api.h"
#include "server/auth/post_policy.h"
#include "server/conn.h"
#include "server/form.h"
#include "server/http/multipart_form.h"
#include "server/http/uri.h"
#include "server/ops.h"
#include "server/server.h"
#include "server/xml/parse.h"

#define FILENAME "${filename}"

enum part { PART_NONE, PART_FIELD, PART_FILE, PART_SKIPPED };

struct form {
    struct multipart_form parser;
    enum part part;
    struct auth_param fields[FORM_FIELDS_MAX];
    size_t n_fields, field_bytes;
    struct buf value; /* of the field that is being read */
    bool has_file;
    struct bytes filename; /* of the file, without its path; p NULL: it has none */
    uint64_t size, size_min, size_max;
    uint64_t after; /* bytes behind the file */
    struct http_header *headers;
    size_t n_headers;
};

static void free_value(void *buf)
{
    buf_fini(buf);
}

int object_post(struct req *r)
{
    struct bytes boundary;
    bool is_form = false;
    if (http_head_repeated(&r->head, HDR_CONTENT_TYPE) ||
        !form_boundary(http_head_value(&r->head, HDR_CONTENT_TYPE), &is_form, &boundary))
        return req_fail(r, is_form ? S3E_MALFORMED_POST_REQUEST : S3E_REQUEST_IS_NOT_MULTI_PART_CONTENT);
    if (r->auth.mechanism != AUTH_ANONYMOUS)
        return req_fail_argument(r, "Authorization", BYTES_LIT(""), "A form upload is signed by its fields alone.");
    if (r->auth.payload > AUTH_PAYLOAD_UNSIGNED)
        return req_failf(r, S3E_INVALID_REQUEST, "A form cannot be sent with aws-chunked framing.");
    struct form *f = arena_new(r->arena, struct form);
    form_init(&f->parser, boundary);
    buf_init(&f->value, FORM_FIELDS_BYTES);
    arena_defer(r->arena, free_value, &f->value);
    r->form = f;
    return 0;
}

/* ---- fields ---- */

struct bytes form_header(const struct form *f, struct bytes name)
{
    for (size_t i = 0; i < f->n_headers; i++)
        if (bytes_eq_nocase(f->headers[i].name, name))
            return f->headers[i].value;
    return BYTES_NONE;
}

const struct http_header *form_headers(const struct form *f, size_t *ret_n)
{
    *ret_n = f->n_headers;
    return f->headers;
}

/* p NULL: the form has no such field. */
static struct bytes field(const struct form *f, const char *name)
{
    for (size_t i = 0; i < f->n_fields; i++)
        if (bytes_eq_str_nocase(f->fields[i].name, name))
            return f->fields[i].value;
    return BYTES_NONE;
}

static int pre_data_too_long(struct req *r)
{
    req_fail(r, S3E_MAX_POST_PRE_DATA_LENGTH_EXCEEDED);
    return req_extra(r, "MaxPostPreDataLengthBytes", arena_bytesf(r->arena, "%u", FORM_FIELDS_BYTES));
}

static int begin_field(struct req *r, struct form *f, struct bytes name)
{
    if (f->n_fields == FORM_FIELDS_MAX || name.n > FORM_FIELDS_BYTES - f->field_bytes)
        return pre_data_too_long(r);
    for (size_t i = 0; i < f->n_fields; i++)
        if (bytes_eq_nocase(f->fields[i].name, name) && !bytes_starts_str_nocase(name, "x-ignore-"))
            return req_fail_argument(r, bytes_cstr(r->arena, name), BYTES_LIT(""),
                                     "A field of a form must not be specified more than once.");
    f->field_bytes += name.n;
    f->fields[f->n_fields].name = bytes_dup(r->arena, name);
    buf_reset(&f->value);
    f->part = PART_FIELD;
    return 0;
}

static int take_field(struct req *r, struct form *f, struct bytes data)
{
    if (data.n > FORM_FIELDS_BYTES - f->field_bytes)
        return pre_data_too_long(r);
    if (memchr(data.p, '\0', data.n))
        return req_fail(r, S3E_MALFORMED_POST_REQUEST);
    f->field_bytes += data.n;
    buf_put_bytes(&f->value, data);
    return 0;
}

static void end_field(struct req *r, struct form *f)
{
    struct bytes v = buf_bytes(&f->value);
    f->fields[f->n_fields++].value = v.n ? bytes_dup(r->arena, v) : BYTES_LIT("");
}

/* ---- the fields as headers ---- */

static bool is_of_signature(struct bytes name)
{
    static const char *const names[] = {"x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-date",
                                        "x-amz-security-token"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_eq_str_nocase(name, names[i]))
            return true;
    return false;
}

/* The header that a field of this name stands for; p NULL: none. */
static struct bytes header_of(struct bytes name)
{
    static const char *const same[] = {"cache-control",    "content-type",     "content-disposition",
                                       "content-encoding", "content-language", "expires",
                                       "content-md5",      "if-match",         "if-none-match"};
    if (bytes_eq_str_nocase(name, "acl"))
        return BYTES_LIT("x-amz-acl");
    if (bytes_eq_str_nocase(name, "tagging"))
        return BYTES_LIT("x-amz-tagging");
    if (bytes_starts_str_nocase(name, "x-amz-"))
        return is_of_signature(name) ? BYTES_NONE : name;
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        if (bytes_eq_str_nocase(name, same[i]))
            return bytes_str(same[i]);
    return BYTES_NONE;
}

/* A tagging field holds a document; as a header it is what PutObject is sent. */
static int tags_as_header(struct req *r, struct bytes *value)
{
    struct xml_tagging doc;
    struct xml_fault fault = {0};
    struct buf text;
    enum s3_error code = xml_parse(*value, &xml_tagging_doc, r->arena, &doc, &fault);
    if (code != S3E_OK)
        return req_fail(r, code == S3E_MISSING_REQUEST_BODY ? S3E_MALFORMED_XML : code);
    buf_init(&text, 6 * FORM_FIELDS_BYTES); /* escapes treble it, and there is little beside it */
    for (size_t i = 0; i < doc.n_tags; i++) {
        if (i)
            buf_put_char(&text, '&');
        uri_encode(&text, doc.tags[i].key, URI_ENCODE_SLASH);
        buf_put_char(&text, '=');
        uri_encode(&text, doc.tags[i].value, URI_ENCODE_SLASH);
    }
    bool failed = text.failed;
    *value = text.n ? bytes_dup(r->arena, buf_bytes(&text)) : BYTES_LIT("");
    buf_fini(&text);
    return failed ? req_fail(r, S3E_MALFORMED_XML) : 0;
}

static bool is_header(struct bytes name, struct bytes value)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", name.p[i]))
            return false;
    for (size_t i = 0; i < value.n; i++)
        if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
            return false;
    return true;
}

static int make_headers(struct req *r, struct form *f)
{
    f->headers = arena_new_array(r->arena, struct http_header, f->n_fields + 1);
    for (size_t i = 0; i < f->n_fields; i++) {
        struct bytes name = header_of(f->fields[i].name), value = bytes_trim(f->fields[i].value);
        if (!name.p)
            continue;
        if (bytes_eq_str_nocase(f->fields[i].name, "tagging") && tags_as_header(r, &value) < 0)
            return -1;
        if (!is_header(name, value) || form_header(f, name).p)
            return req_fail_argument(r, bytes_cstr(r->arena, f->fields[i].name), BYTES_LIT(""),
                                     "This field cannot be represented as a header.");
        f->headers[f->n_headers++] = (struct http_header){.name = name, .value = value};
    }
    return 0;
}

/* ---- the file begins ---- */

/* Browsers may send a path, with the slashes of their system. */
static struct bytes without_path(struct bytes name)
{
    size_t at = name.n;
    while (at > 0 && name.p[at - 1] != '/' && name.p[at - 1] != '\\')
        at--;
    return name.p ? bytes_of(name.p + at, name.n - at) : BYTES_NONE;
}

static struct bytes key_of(struct req *r, const struct form *f, struct bytes key)
{
    struct bytes hole = BYTES_LIT(FILENAME);
    struct buf out;
    buf_init(&out, FORM_FIELDS_BYTES + FORM_HEAD_MAX);
    for (size_t at = 0;;) {
        ptrdiff_t next = f->filename.n ? bytes_find(key, hole, at) : -1;
        if (next < 0) {
            buf_put_bytes(&out, bytes_cut(key, at, key.n));
            break;
        }
        buf_put_bytes(&out, bytes_cut(key, at, (size_t)next - at));
        buf_put_bytes(&out, f->filename);
        at = (size_t)next + hole.n;
    }
    struct bytes made = out.failed ? BYTES_NONE : bytes_dup(r->arena, buf_bytes(&out));
    bool failed = out.failed;
    buf_fini(&out);
    return failed ? key : made;
}

static int read_key(struct req *r, const struct form *f)
{
    struct bytes key = field(f, "key");
    if (!key.p)
        return req_fail(r, S3E_USER_KEY_MUST_BE_SPECIFIED);
    key = key_of(r, f, key);
    if (key.n == 0)
        return req_fail_argument(r, "key", key, "User key must have a length greater than 0.");
    if (key.n > STORE_KEY_MAX) {
        req_fail(r, S3E_KEY_TOO_LONG);
        req_extra(r, "Size", arena_bytesf(r->arena, "%zu", key.n));
        return req_extra(r, "MaxSizeAllowed", arena_bytesf(r->arena, "%d", STORE_KEY_MAX));
    }
    if (!utf8_valid(key) || memchr(key.p, '\0', key.n))
        return req_fail_argument(r, "key", BYTES_LIT(""), "A key must be valid UTF-8.");
    r->key = key;
    r->on_object = true;
    return 0;
}

static int check_policy(struct req *r, struct form *f)
{
    struct post_policy policy;
    struct bytes message;
    f->size_max = STORE_PART_MAX;
    if (r->auth.mechanism == AUTH_ANONYMOUS)
        return 0;
    if (!post_policy_parse(r->arena, field(f, "policy"), &policy, &message))
        return req_failf(r, S3E_INVALID_POLICY_DOCUMENT, "%.*s", (int)message.n, message.p);
    if (!post_policy_check(&policy, f->fields, f->n_fields, r->bucket_name, r->now_ms, r->arena, &message))
        return req_failf(r, S3E_ACCESS_DENIED, "%.*s", (int)message.n, message.p);
    f->size_min = policy.size_min;
    f->size_max = policy.size_max < STORE_PART_MAX ? policy.size_max : STORE_PART_MAX;
    return 0;
}

static int begin_file(struct req *r, struct form *f, const struct form_item *item)
{
    f->has_file = true;
    f->part = PART_FILE;
    f->filename = without_path(item->filename);
    if (req_authenticate_form(r, f->fields, f->n_fields) < 0 || read_key(r, f) < 0 || check_policy(r, f) < 0 ||
        make_headers(r, f) < 0 || req_authorize(r) < 0 || payload_form_begins(r->payload) < 0)
        return -1;
    return object_put(r);
}

/* ---- the body ---- */

static int wrong_size(struct req *r, enum s3_error code, uint64_t size, const char *name, uint64_t allowed)
{
    req_fail(r, code);
    req_extra(r, "ProposedSize", arena_bytesf(r->arena, "%llu", (unsigned long long)size));
    return req_extra(r, name, arena_bytesf(r->arena, "%llu", (unsigned long long)allowed));
}

static int take_file(struct req *r, struct form *f, struct bytes data)
{
    f->size += data.n;
    if (f->size > f->size_max)
        return wrong_size(r, S3E_ENTITY_TOO_LARGE, f->size, "MaxSizeAllowed", f->size_max);
    int rc = store_write_append(r->write, data.p, data.n);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

static int begin_part(struct req *r, struct form *f, const struct form_item *item)
{
    bool is_file = bytes_eq_str_nocase(item->name, "file");
    if (f->has_file && is_file)
        return req_fail(r, S3E_INCORRECT_NUMBER_OF_FILES_IN_POST_REQUEST);
    f->part = PART_SKIPPED;
    if (f->has_file)
        return 0;
    return is_file ? begin_file(r, f, item) : begin_field(r, f, item->name);
}

static int take_event(struct req *r, struct form *f, enum form_event event, const struct form_item *item)
{
    switch (event) {
    case FORM_PART:
        return begin_part(r, f, item);
    case FORM_DATA:
        return f->part == PART_FIELD  ? take_field(r, f, item->data)
               : f->part == PART_FILE ? take_file(r, f, item->data)
                                      : 0;
    case FORM_PART_END:
        if (f->part == PART_FIELD)
            end_field(r, f);
        f->part = PART_NONE;
        return 0;
    case FORM_END:
        return 0;
    default:
        return req_fail(r, S3E_MALFORMED_POST_REQUEST);
    }
}

int form_sink(struct req *r, const void *p, size_t n)
{
    struct form *f = r->form;
    struct bytes in = bytes_of(p, n);
    while (in.n) {
        struct form_item item;
        size_t offered = in.n;
        bool behind = f->has_file && f->part != PART_FILE;
        enum form_event event = form_next(&f->parser, &in, &item);
        if (behind && (f->after += offered - in.n) > FORM_AFTER_MAX)
            return req_fail(r, S3E_MALFORMED_POST_REQUEST);
        if (event != FORM_MORE && take_event(r, f, event, &item) < 0)
            return -1;
    }
    return 0;
}

int form_end(struct req *r)
{
    const struct form *f = r->form;
    if (!form_ended(&f->parser))
        return req_fail(r, S3E_MALFORMED_POST_REQUEST);
    if (!f->has_file)
        return req_fail(r, S3E_INCORRECT_NUMBER_OF_FILES_IN_POST_REQUEST);
    if (f->size < f->size_min)
        return wrong_size(r, S3E_ENTITY_TOO_SMALL, f->size, "MinSizeAllowed", f->size_min);
    return 0;
}

/* ---- the reply ---- */

/* Where the object is, as the browser may ask for it. */
static struct bytes location(struct req *r)
{
    struct s3_target target;
    struct buf out;
    bool by_host = uri_s3_target(r->arena, r->raw_path, r->head.host, r->server->domains, r->server->n_domains,
                                 &target) == URI_OK &&
                   target.virtual_host;
    buf_init(&out, 3 * (STORE_KEY_MAX + r->bucket_name.n) + r->head.host.n + 64);
    buf_put_str(&out, r->conn->ssl ? "https://" : "http://");
    buf_put_bytes(&out, r->head.host);
    buf_put_char(&out, '/');
    if (!by_host) {
        uri_encode(&out, r->bucket_name, URI_ENCODE_SLASH);
        buf_put_char(&out, '/');
    }
    uri_encode(&out, r->key, URI_KEEP_SLASH);
    struct bytes made = bytes_dup(r->arena, buf_bytes(&out));
    buf_fini(&out);
    return made;
}

/* http or https with a host, and nothing that a URL cannot hold: others count for nothing, as S3 has it. */
static bool is_url(struct bytes url)
{
    size_t at = bytes_starts_str_nocase(url, "http://") ? 7 : bytes_starts_str_nocase(url, "https://") ? 8 : 0;
    if (url.n <= at || at == 0 || strchr("/?#:@", url.p[at]))
        return false;
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("\"<>\\^`{|}", url.p[i]))
            return false;
    return true;
}

static void redirect(struct req *r, struct bytes url, struct bytes etag)
{
    struct buf out;
    ptrdiff_t hash = bytes_find_char(url, '#', 0);
    size_t end = hash < 0 ? url.n : (size_t)hash;
    buf_init(&out, 2 * FORM_FIELDS_BYTES);
    buf_put(&out, url.p, end);
    buf_put_char(&out, bytes_find_char(bytes_cut(url, 0, end), '?', 0) < 0 ? '?' : '&');
    buf_put_str(&out, "bucket=");
    uri_encode(&out, r->bucket_name, URI_ENCODE_SLASH);
    buf_put_str(&out, "&key=");
    uri_encode(&out, r->key, URI_ENCODE_SLASH);
    buf_printf(&out, "&etag=%%22%.*s%%22", (int)etag.n, etag.p);
    buf_put_bytes(&out, bytes_cut(url, end, url.n));
    resp_header(r, "Location", buf_bytes(&out));
    buf_fini(&out);
    r->resp.status = 303;
}

int object_post_done(struct req *r)
{
    struct store_etag etag;
    struct bytes url = field(r->form, "success_action_redirect"), status = field(r->form, "success_action_status");
    struct bytes where = location(r);
    if (!url.p)
        url = field(r->form, "redirect");
    store_write_etag(r->write, &etag);
    object_put_done(r);
    if (is_url(url)) {
        redirect(r, url, api_etag(r, &etag));
        return 0;
    }
    resp_header(r, "Location", where);
    r->resp.status = bytes_eq_str(status, "200") ? 200 : 204;
    if (!bytes_eq_str(status, "201"))
        return 0;
    struct xml_post_response doc = {where, r->bucket_name, r->key, api_etag(r, &etag)};
    r->resp.status = 201;
    return resp_document(r, &xml_post_response_doc, &doc);
}
