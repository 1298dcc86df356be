/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request targets as S3 reads them: bucket and key from path and Host, query parameters, x-amz-copy-source; and the
 * percent encodings of the way back.
 *
 * One rule above all: a byte is percent-decoded exactly once, and nothing is normalised. `a//b`, `a/../b`, `.` and a
 * trailing slash are ordinary parts of a key; `%2F` is a slash like any other, also the one between bucket and key
 * (`/bucket%2Fkey`), so signing, routing and authorisation all see the same name. `+` in a path is a plus.
 *
 * Decoded values point into the input when it had nothing to decode, otherwise into the arena: both must live as long
 * as the result. Threads: pure functions.
 */
#ifndef PAIL_SERVER_HTTP_URI_H
#define PAIL_SERVER_HTTP_URI_H

#include "base/bytes.h"
#include "s3_error.h"

struct arena;

#define URI_MAX_KEY          1024 /* bytes of a key after decoding */
#define URI_MAX_QUERY_PARAMS 256
#define URI_MAX_QUERY_BYTES  (16 * 1024) /* of the raw query */

/* symbol, what it is to S3 clients (status 400 all), text for people */
#define URI_ERROR_MAP(X)                                                                                               \
    X(URI_OK, S3E_OK, "")                                                                                              \
    X(URI_BAD_TARGET, S3E_INVALID_URI, "The request target is not a path.")                                            \
    X(URI_BAD_ESCAPE, S3E_INVALID_URI, "A percent escape is malformed.")                                               \
    X(URI_NUL, S3E_INVALID_URI, "A NUL byte is not allowed here.")                                                     \
    X(URI_NOT_UTF8, S3E_INVALID_URI, "The name is not valid UTF-8.")                                                   \
    X(URI_NO_BUCKET, S3E_INVALID_URI, "A key without a bucket.")                                                       \
    X(URI_KEY_TOO_LONG, S3E_KEY_TOO_LONG, "Your key is too long.")                                                     \
    X(URI_LONG_QUERY, S3E_INVALID_URI, "The query string is too long.")                                                \
    X(URI_MANY_PARAMS, S3E_INVALID_URI, "The query string has too many parameters.")                                   \
    X(URI_BAD_COPY_SOURCE, S3E_INVALID_ARGUMENT, "Invalid copy source object key.")

enum uri_error {
#define X(symbol, error, text) symbol,
    URI_ERROR_MAP(X)
#undef X
};
enum s3_error uri_error_s3(enum uri_error e);
const char *uri_error_text(enum uri_error e);

/* ---- Targets ---- */

struct uri_parts {
    struct bytes path;  /* raw, begins with '/' */
    struct bytes query; /* raw, without the '?' */
    bool has_query;     /* there was a '?' */
};

/*
 * Cuts a target at its first '?'. Of an absolute target the scheme and authority are left out, an empty path becomes
 * "/". "*" and other forms: URI_BAD_TARGET.
 */
enum uri_error uri_split(struct bytes target, struct uri_parts *ret);

struct s3_target {
    struct bytes bucket; /* decoded; empty: the service itself. Not checked against the naming rules */
    struct bytes key;    /* decoded, UTF-8, 1 to 1,024 bytes; empty: the bucket itself (or the service) */
    bool virtual_host;   /* the bucket came from the Host */
};

/*
 * Which bucket and key a request is about.
 * `host` is host[:port] as http_head gives it; `domains` are the names under which buckets are sub-domains
 * ("s3.example.com"; no port, any case). Host equal to a domain, or under none of them: path style. Host
 * "name.domain": bucket "name" (lower-cased, as host names mean the same in any case), the whole path is the key. The
 * longest domain that fits decides. One dot at the end of Host changes nothing. "[name.]s3-accelerate.domain" and
 * "[name.]s3.dualstack.domain" are the same as "[name.]domain"; beside a domain "s3.example.com" so are
 * "[name.]s3-accelerate.example.com" and "[name.]s3.dualstack.example.com".
 */
enum uri_error uri_s3_target(struct arena *arena, struct bytes raw_path, struct bytes host, const struct bytes *domains,
                             size_t domain_count, struct s3_target *ret);

/* ---- Queries ---- */

struct query_param {
    struct bytes name, value;         /* decoded once, '+' is a space; UTF-8 without NUL */
    struct bytes raw_name, raw_value; /* as sent, for signatures */
    bool has_value;                   /* there was a '=' */
};

struct query {
    struct query_param *params; /* in the order sent; empty pieces ("a&&b") left out */
    size_t n;
};

enum uri_error query_parse(struct arena *arena, struct bytes raw, struct query *ret);
/* The same of a body, whose size the caller has bounded. */
enum uri_error query_parse_form(struct arena *, struct bytes raw, size_t max_params, struct query *ret);
/* The first parameter of this (decoded, case-sensitive) name, or NULL. */
const struct query_param *query_get(const struct query *q, const char *name);
/* The same; *ret_dup tells whether the name came more than once. */
const struct query_param *query_get_unique(const struct query *q, const char *name, bool *ret_dup);
/* Value of the first, or the empty value with p NULL when the name is absent (present without value: p not NULL). */
struct bytes query_value(const struct query *q, const char *name);
bool query_has(const struct query *q, const char *name);

/* ---- Percent coding ---- */

enum uri_plus { URI_PLUS_LITERAL, URI_PLUS_SPACE };

/* Decodes once. URI_BAD_ESCAPE, URI_NUL (escaped or bare); UTF-8 is not looked at. */
enum uri_error uri_decode(struct arena *arena, struct bytes in, enum uri_plus plus, struct bytes *ret);

/* Every byte but A-Z a-z 0-9 - _ . ~ (and '/' when kept) becomes %XX in upper case: AWS's canonical form. */
enum uri_slash { URI_ENCODE_SLASH, URI_KEEP_SLASH };
void uri_encode(struct buf *out, struct bytes in, enum uri_slash slash);
/* encoding-type=url of lists: keeps A-Z a-z 0-9 - _ . * and '/'; space becomes '+'. */
void uri_encode_list(struct buf *out, struct bytes in);

/* ---- Copy sources ---- */

struct copy_source {
    struct bytes bucket, key; /* decoded; neither is empty */
    struct bytes version_id;  /* decoded; meaningful when has_version */
    bool has_version;         /* "?versionId=" was there, perhaps with nothing after it */
};

/*
 * x-amz-copy-source: [/]bucket/key[?versionId=id], escaped, '+' is a space, the slash may be escaped. A '?' that does
 * not begin "?versionId=" belongs to the key, as some clients leave it unescaped.
 */
enum uri_error uri_copy_source(struct arena *arena, struct bytes value, struct copy_source *ret);

#endif
