/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the headers, in the order in which S3 finds fault with them; then one way to a key for writes and one for
 * reads.
 *
 * Invariants: nothing is read or written with a key before the caller was found to have the right to it. A customer's
 * key that was sent for something that is not encrypted with one is refused, never ignored. Most requests have none of
 * the headers; they cost a look at a few bits.
 * Threads: see sse.h.
 */
#include "server/sse.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/check.h"
#include "checksum.h"
#include "server/access_log.h"
#include "server/authorize.h"
#include "server/client_addr.h"
#include "server/conn.h"
#include "server/server.h"

#define SSE         "x-amz-server-side-encryption"
#define SSE_KEY_ID  SSE "-aws-kms-key-id"
#define SSE_CONTEXT SSE "-context"
#define SSE_BUCKET  SSE "-bucket-key-enabled"

#define NEEDS_PARAMETERS                                                                                               \
    "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to "        \
    "retrieve the object."
#define NOT_APPLICABLE "The encryption parameters are not applicable to this object."
#define OTHER_KEY      "The provided encryption parameters did not match the ones used originally."
#define CUSTOMER       "Requests specifying Server Side Encryption with Customer provided keys must "

/* The three headers of a customer's key, of the object itself or of a copy's source. */
struct customer_headers {
    const char *algorithm, *key, *md5;
    enum http_header_id algorithm_id, key_id, md5_id;
};
static const struct customer_headers of_object = {
    SSE "-customer-algorithm",
    SSE "-customer-key",
    SSE "-customer-key-md5",
    HDR_X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
    HDR_X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY,
    HDR_X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5,
};
static const struct customer_headers of_source = {
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key-md5",
    HDR_X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
    HDR_X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY,
    HDR_X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5,
};

struct customer {
    bool sent;
    unsigned char key[STORE_KEY_BYTES];
};

/* A header that may stand elsewhere too (req_header); where it cannot, one bit tells. */
static struct bytes sent_header(const struct req *r, const char *name, enum http_header_id id)
{
    if (!r->form && !r->hoisted)
        return http_head_value(&r->head, id);
    return req_header(r, name);
}

/* ---- keys in memory ---- */

static void wipe_key(void *key)
{
    OPENSSL_cleanse(key, STORE_KEY_BYTES);
}

static unsigned char *new_key(struct req *r)
{
    unsigned char *key = arena_zalloc(r->arena, STORE_KEY_BYTES);
    arena_defer(r->arena, wipe_key, key);
    return key;
}

/* The text of a key where the request has it: headers and form fields are our own memory, and nobody asks again. */
static void wipe_text(struct bytes text)
{
    if (text.n)
        OPENSSL_cleanse((char *)text.p, text.n);
}

/* A key that came as a parameter, where the request line has it. */
static void wipe_parameter(const struct req *r, const char *name)
{
    struct bytes line = r->head.target;
    size_t n = strlen(name);
    for (ptrdiff_t at = bytes_find_char(line, '?', 0); at >= 0;) {
        size_t from = (size_t)at + 1;
        at = bytes_find_char(line, '&', from);
        struct bytes one = bytes_cut(line, from, at < 0 ? line.n : (size_t)at - from);
        if (bytes_starts_str_nocase(one, name) && one.n > n && one.p[n] == '=')
            wipe_text(bytes_cut(one, n + 1, one.n));
    }
}

/* ---- customers' keys ---- */

static int refuse_customer(struct req *r, const char *message)
{
    return req_fail_argument(r, SSE, BYTES_LIT("null"), message);
}

static bool is_secure(const struct req *r)
{
    return r->server->config->allow_insecure_ssec ||
           client_addr_of(&r->server->proxies, r->conn->peer_name, r->conn->ssl != NULL, &r->head).https;
}

static int check_customer(struct req *r, struct bytes algorithm, struct bytes key, struct bytes md5,
                          struct customer *ret)
{
    unsigned char sent[16], computed[16];
    if (!is_secure(r))
        return req_failf(r, S3E_INVALID_REQUEST,
                         CUSTOMER "be made over a secure connection. This one has no TLS, nor came it through a proxy "
                                  "that the server trusts to say so.");
    if (!algorithm.p)
        return refuse_customer(r, CUSTOMER "provide a valid encryption algorithm.");
    if (!bytes_eq_str(algorithm, "AES256")) {
        req_fail(r, S3E_INVALID_ENCRYPTION_ALGORITHM);
        req_extra(r, "ArgumentName", BYTES_LIT(SSE));
        return req_extra(r, "ArgumentValue", algorithm);
    }
    if (!key.n)
        return refuse_customer(r, CUSTOMER "provide an appropriate secret key.");
    if (!md5.n)
        return refuse_customer(r, CUSTOMER "provide the client calculated MD5 of the secret key.");
    if (base64_decode(key, ret->key, sizeof ret->key) != (ptrdiff_t)sizeof ret->key)
        return refuse_customer(r, "The secret key was invalid for the specified algorithm.");
    md5_of(ret->key, sizeof ret->key, computed);
    if (base64_decode(md5, sent, sizeof sent) != (ptrdiff_t)sizeof sent ||
        CRYPTO_memcmp(sent, computed, sizeof sent) != 0)
        return refuse_customer(r, "The calculated MD5 hash of the key did not match the hash that was provided.");
    ret->sent = true;
    return 0;
}

static void wipe_customer(void *customer)
{
    OPENSSL_cleanse(customer, sizeof(struct customer));
}

/* *ret is NULL when none of the headers was sent. */
static int read_customer(struct req *r, const struct customer_headers *h, const struct customer **ret)
{
    struct bytes algorithm = sent_header(r, h->algorithm, h->algorithm_id), key = sent_header(r, h->key, h->key_id),
                 md5 = sent_header(r, h->md5, h->md5_id);
    *ret = NULL;
    if (!algorithm.p && !key.p && !md5.p)
        return 0;
    struct customer *c = arena_new(r->arena, struct customer);
    arena_defer(r->arena, wipe_customer, c);
    arena_keep_secret(r->arena); /* what was signed has a copy of the key, a form has another */
    int rc = check_customer(r, algorithm, key, md5, c);
    wipe_text(key);
    if (r->hoisted)
        wipe_parameter(r, h->key);
    *ret = c;
    return rc;
}

/* ---- KMS ---- */

struct bytes sse_key_arn(const struct req *r, struct arena *a, struct bytes said)
{
    struct bytes name;
    const char *region = r->server->config->region;
    if (!keyring_name_of(said, &name))
        return said;
    return arena_bytesf(a, "arn:aws:kms:%s:" ROOT_ACCOUNT_ID ":key/%.*s", *region ? region : "us-east-1", (int)name.n,
                        name.p);
}

static bool is_kms(enum sse_method method)
{
    return method == SSE_KMS || method == SSE_KMS_DSSE;
}

/* KMS knows whoever signs, and signatures of version 4 alone. */
static int check_signature(struct req *r)
{
    switch (r->auth.mechanism) {
    case AUTH_ANONYMOUS:
    case AUTH_SIGV2_HEADER:
    case AUTH_SIGV2_QUERY:
    case AUTH_SIGV2_FORM:
        return req_fail_argument(r, "Authorization", BYTES_LIT("null"),
                                 "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS "
                                 "Signature Version 4.");
    default:
        return 0;
    }
}

/* May the caller use this key so? The default key is everybody's who may do the rest. */
static int authorize_key(struct req *r, struct bytes name, const char *action)
{
    if (check_signature(r) < 0)
        return -1;
    if (bytes_eq_str(name, KEYRING_KMS_DEFAULT))
        return 0;
    return authorize_kms(r, action, sse_key_arn(r, r->arena, name));
}

static int fail_keyring(struct req *r, int rc, struct bytes key_name)
{
    struct bytes arn = sse_key_arn(r, r->arena, key_name);
    switch ((enum keyring_rc)rc) {
    case KEYRING_NO_SUCH_KEY:
    case KEYRING_INVALID_NAME:
        return req_failf(r, S3E_KMS_NOT_FOUND, "Key '%.*s' does not exist", (int)arn.n, arn.p);
    case KEYRING_DISABLED:
        return req_failf(r, S3E_KMS_DISABLED, "%.*s is disabled.", (int)arn.n, arn.p);
    case KEYRING_UNAVAILABLE:
        access_log_trouble("encryption", r, "the key is not available: no master key, or no answer of the key service");
        return req_failf(r, S3E_SERVICE_UNAVAILABLE,
                         "The key of this object is not available: the server lacks its master key, or its key "
                         "service does not answer.");
    case KEYRING_WRONG_KEY:
        return req_failf(r, S3E_ACCESS_DENIED, CUSTOMER "provide the correct secret key.");
    default:
        access_log_trouble("encryption", r, keyring_rc_name(rc));
        return req_fail(r, S3E_INTERNAL_ERROR);
    }
}

/* ---- what a write asks for ---- */

struct wish {
    enum sse_method method;
    struct bytes key_id, context; /* of KMS; the context decoded */
    bool bucket_key;
    const struct customer *customer;
};

bool sse_asked(const struct req *r)
{
    return sent_header(r, SSE, HDR_X_AMZ_SERVER_SIDE_ENCRYPTION).p ||
           sent_header(r, of_object.algorithm, of_object.algorithm_id).p;
}

static bool is_string_map(struct bytes json)
{
    json_t *j = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, NULL), *value;
    const char *key;
    bool ok = json_is_object(j);
    json_object_foreach(j, key, value) ok &= json_is_string(value);
    json_decref(j);
    return ok;
}

static int read_context(struct req *r, struct bytes text, struct bytes *ret)
{
    char *json = arena_alloc(r->arena, KEYRING_CONTEXT_MAX);
    ptrdiff_t n = base64_decode(text, json, KEYRING_CONTEXT_MAX);
    *ret = bytes_of(json, n > 0 ? (size_t)n : 0);
    if (n > 0 && utf8_valid(*ret) && is_string_map(*ret))
        return 0;
    return req_fail_argument(r, SSE_CONTEXT, text,
                             "The header '" SSE_CONTEXT "' shall be Base64-encoded UTF-8 string holding JSON which "
                             "represents a string-string map");
}

static int read_bucket_key(struct req *r, struct bytes text, bool *ret)
{
    *ret = bytes_eq_str_nocase(text, "true");
    if (*ret || bytes_eq_str_nocase(text, "false"))
        return 0;
    return req_fail_argument(r, SSE_BUCKET, text, "The value of this header must be true or false.");
}

/* What belongs to KMS alone. */
static int read_kms(struct req *r, struct wish *w)
{
    struct bytes key_id = sent_header(r, SSE_KEY_ID, HDR_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID),
                 context = sent_header(r, SSE_CONTEXT, HDR_X_AMZ_SERVER_SIDE_ENCRYPTION_CONTEXT);
    if ((key_id.p || context.p) && !is_kms(w->method))
        return req_fail_argument(r, SSE, bytes_str(w->method ? access_sse_name(w->method) : "null"),
                                 "Server Side Encryption with AWS KMS managed key requires HTTP header " SSE
                                 " : aws:kms");
    w->key_id = key_id;
    return context.p ? read_context(r, context, &w->context) : 0;
}

/* The request's own words; the method stays SSE_NONE when it says nothing. */
static int read_wish(struct req *r, struct wish *w)
{
    struct bytes method = sent_header(r, SSE, HDR_X_AMZ_SERVER_SIDE_ENCRYPTION);
    if (read_customer(r, &of_object, &w->customer) < 0)
        return -1;
    if (method.p && w->customer)
        return req_fail_argument(r, SSE, method,
                                 "Server Side Encryption with Customer provided key is incompatible with the "
                                 "encryption method specified");
    if (method.p && (w->method = access_sse_method(method)) == SSE_NONE)
        return req_fail_argument(r, SSE, method, "The encryption method specified is not supported");
    if (w->customer)
        w->method = SSE_C;
    return read_kms(r, w);
}

static int choose(struct req *r, struct wish *w)
{
    const struct bucket_encryption *of_bucket = &authorize_settings(r)->encryption;
    struct bytes bucket_key = sent_header(r, SSE_BUCKET, HDR_X_AMZ_SERVER_SIDE_ENCRYPTION_BUCKET_KEY_ENABLED);
    if (read_wish(r, w) < 0 || (bucket_key.p && read_bucket_key(r, bucket_key, &w->bucket_key) < 0))
        return -1;
    if (w->method == SSE_C && of_bucket->block_customer)
        return req_failf(r, S3E_ACCESS_DENIED,
                         "Access Denied. Server Side Encryption with Customer provided keys is blocked by the "
                         "BlockedEncryptionTypes of this bucket.");
    if (!bucket_key.p)
        w->bucket_key = of_bucket->bucket_key;
    if (w->method != SSE_NONE)
        return 0;
    if (of_bucket->set) {
        w->method = of_bucket->method;
        w->key_id = of_bucket->key_id;
    } else if (strcmp(r->server->config->default_encryption, "AES256") == 0) {
        w->method = SSE_S3;
    }
    return 0;
}

static int name_kms_key(struct req *r, const struct wish *w, struct sse_info *info)
{
    info->key_id = BYTES_LIT(KEYRING_KMS_DEFAULT);
    info->context = w->context;
    info->bucket_key = w->bucket_key;
    if (w->key_id.n && !keyring_name_of(w->key_id, &info->key_id))
        return req_failf(r, S3E_KMS_NOT_FOUND, "Invalid keyId '%.*s'", (int)(w->key_id.n < 256 ? w->key_id.n : 256),
                         w->key_id.p);
    return authorize_key(r, info->key_id, "kms:GenerateDataKey");
}

int sse_seal(struct req *r, struct store_put *put)
{
    struct wish w = {0};
    r->envelope = BYTES_NONE;
    put->seal = (struct store_seal){0};
    if (choose(r, &w) < 0)
        return -1;
    if (w.method == SSE_NONE)
        return 0;
    struct sse_info info = {.method = w.method};
    struct sse_place place = {put->bucket->partition, put->key};
    if (is_kms(w.method) && name_kms_key(r, &w, &info) < 0)
        return -1;
    unsigned char *key = new_key(r);
    int rc = keyring_seal(r->server->keyring, r->arena, &info, w.customer ? w.customer->key : NULL, &place, key,
                          &put->seal.envelope);
    if (rc < 0)
        return fail_keyring(r, rc, info.key_id.n ? info.key_id : BYTES_LIT(KEYRING_S3_KEY));
    put->seal.key = key;
    put->seal.opaque_etag = w.method != SSE_S3;
    r->envelope = put->seal.envelope;
    return 0;
}

/* ---- what was sealed before ---- */

/* Operations on what exists already take no word about how it should be encrypted. */
static int refuse_method(struct req *r)
{
    static const struct {
        const char *name;
        enum http_header_id id;
    } headers[] = {
        {SSE, HDR_X_AMZ_SERVER_SIDE_ENCRYPTION},
        {SSE_KEY_ID, HDR_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID},
        {SSE_CONTEXT, HDR_X_AMZ_SERVER_SIDE_ENCRYPTION_CONTEXT},
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct bytes value = sent_header(r, headers[i].name, headers[i].id);
        if (value.p)
            return req_fail_argument(
                r, headers[i].name, value,
                arena_printf(r->arena, "%s header is not supported for this operation.", headers[i].name));
    }
    return 0;
}

static int unseal(struct req *r, const struct sse_place *place, struct bytes envelope, const struct sse_info *info,
                  const struct customer *customer, const unsigned char **ret)
{
    unsigned char *key = new_key(r);
    int rc = keyring_unseal(r->server->keyring, envelope, customer ? customer->key : NULL, place, key);
    if (rc < 0)
        return fail_keyring(r, rc, info->key_id.n ? info->key_id : BYTES_LIT(KEYRING_S3_KEY));
    *ret = key;
    return 0;
}

static int fail_envelope(struct req *r)
{
    access_log_trouble("encryption", r, "the envelope of the object's key cannot be read");
    return req_fail(r, S3E_INTERNAL_ERROR);
}

static int open_envelope(struct req *r, const struct sse_place *place, struct bytes envelope,
                         const struct customer *customer, enum sse_use use, const unsigned char **ret)
{
    struct sse_info info;
    *ret = NULL;
    if (envelope.n == 0)
        return customer ? req_failf(r, S3E_INVALID_REQUEST, NOT_APPLICABLE) : 0;
    if (!sse_info_read(envelope, &info))
        return fail_envelope(r);
    if (info.method == SSE_C && !customer)
        return req_failf(r, S3E_INVALID_REQUEST, NEEDS_PARAMETERS);
    if (info.method != SSE_C && customer)
        return req_failf(r, S3E_INVALID_REQUEST, NOT_APPLICABLE);
    if (use == SSE_TELL && info.method != SSE_C)
        return 0;
    if (is_kms(info.method) && authorize_key(r, info.key_id, "kms:Decrypt") < 0)
        return -1;
    return unseal(r, place, envelope, &info, customer, ret);
}

int sse_open(struct req *r, const struct store_object *o, enum sse_use use, const unsigned char **ret)
{
    const struct customer *customer;
    struct sse_place place = {r->bucket.partition, r->key};
    if (refuse_method(r) < 0 || read_customer(r, &of_object, &customer) < 0)
        return -1;
    return open_envelope(r, &place, o->envelope, customer, use, ret);
}

int sse_open_source(struct req *r, const struct store_bucket *b, struct bytes key, const struct store_object *o,
                    const unsigned char **ret)
{
    const struct customer *customer;
    struct sse_place place = {b->partition, key};
    if (read_customer(r, &of_source, &customer) < 0)
        return -1;
    return open_envelope(r, &place, o->envelope, customer, SSE_READ, ret);
}

/* ---- uploads ---- */

static int fail_upload_key(struct req *r, int rc)
{
    return rc < 0 && r->err.code == S3E_ACCESS_DENIED ? req_failf(r, S3E_INVALID_REQUEST, OTHER_KEY) : rc;
}

/* The customer's key against the upload; `needed`: parts cannot do without. */
static int check_upload_customer(struct req *r, const struct sse_info *info, const struct customer *customer,
                                 bool needed)
{
    if (info->method != SSE_C && customer)
        return req_failf(r, S3E_INVALID_REQUEST, NOT_APPLICABLE);
    if (info->method == SSE_C && !customer && needed)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "The multipart upload initiate requested encryption. Subsequent part requests must include "
                         "the appropriate encryption parameters.");
    return 0;
}

static int read_upload(struct req *r, const struct store_upload *u, bool needed, struct sse_info *info,
                       const struct customer **ret_customer)
{
    *info = (struct sse_info){.method = SSE_NONE};
    if (read_customer(r, &of_object, ret_customer) < 0)
        return -1;
    if (u->envelope.n && !sse_info_read(u->envelope, info))
        return fail_envelope(r);
    return check_upload_customer(r, info, *ret_customer, needed);
}

int sse_seal_part(struct req *r, const struct store_upload *u, struct store_put *put)
{
    struct sse_info info;
    const struct customer *customer;
    struct sse_place place = {put->bucket->partition, put->key};
    put->seal = (struct store_seal){.opaque_etag = u->opaque_etag};
    r->envelope = u->envelope;
    if (refuse_method(r) < 0 || read_upload(r, u, true, &info, &customer) < 0)
        return -1;
    if (info.method == SSE_NONE)
        return 0;
    if (is_kms(info.method) &&
        (authorize_key(r, info.key_id, "kms:GenerateDataKey") < 0 || authorize_key(r, info.key_id, "kms:Decrypt") < 0))
        return -1;
    int rc = unseal(r, &place, u->envelope, &info, customer, &put->seal.key);
    return info.method == SSE_C ? fail_upload_key(r, rc) : rc;
}

int sse_check_upload(struct req *r, const struct store_upload *u)
{
    struct sse_info info;
    const struct customer *customer;
    const unsigned char *key;
    struct sse_place place = {r->bucket.partition, r->key};
    if (read_upload(r, u, false, &info, &customer) < 0)
        return -1;
    if (is_kms(info.method))
        return authorize_key(r, info.key_id, "kms:Decrypt");
    return customer ? fail_upload_key(r, unseal(r, &place, u->envelope, &info, customer, &key)) : 0;
}

/* ---- replies ---- */

static struct bytes base64_of(struct req *r, const void *p, size_t n)
{
    char *text = arena_alloc(r->arena, base64_len(n));
    base64_encode(p, n, text);
    return bytes_of(text, base64_len(n));
}

static void reply_customer(struct req *r, const struct sse_info *info)
{
    resp_header(r, of_object.algorithm, BYTES_LIT("AES256"));
    resp_header(r, SSE "-customer-key-MD5", base64_of(r, info->customer_md5, sizeof info->customer_md5));
}

static void reply_kms(struct req *r, const struct sse_info *info, bool context)
{
    resp_header(r, SSE_KEY_ID, sse_key_arn(r, r->arena, info->key_id));
    if (info->bucket_key)
        resp_header(r, SSE_BUCKET, BYTES_LIT("true"));
    if (context && info->context.n)
        resp_header(r, SSE_CONTEXT, base64_of(r, info->context.p, info->context.n));
}

void sse_reply(struct req *r, struct bytes envelope, enum sse_reply what)
{
    struct sse_info info;
    if (envelope.n == 0 || !sse_info_read(envelope, &info))
        return;
    if (info.method == SSE_C) {
        if (what != SSE_REPLY_COMPLETED)
            reply_customer(r, &info);
        return;
    }
    resp_header(r, SSE, bytes_str(access_sse_name(info.method)));
    if (is_kms(info.method))
        reply_kms(r, &info, what == SSE_REPLY_MADE);
}

void sse_facts_of(const struct req *r, struct bytes envelope, struct arena *a, struct sse_facts *ret)
{
    struct sse_info info;
    *ret = (struct sse_facts){{NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (envelope.n == 0 || !sse_info_read(envelope, &info))
        return;
    if (info.method == SSE_C)
        ret->customer_algorithm = BYTES_LIT("AES256");
    else
        ret->method = bytes_str(access_sse_name(info.method));
    if (is_kms(info.method))
        ret->key_arn = sse_key_arn(r, a, info.key_id);
}
