/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sent this request? One call, auth_verify, answers for every mechanism: the Authorization header and presigned
 * queries of Signature Versions 4 and 2, nobody (anonymous), and the ones that are recognised only to be refused.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 *
 * Call it once per request, before routing looks at anything else, and act on nothing but its answer: a request that
 * carries the least trace of a signature is either verified or refused, never anonymous. What remains to be done by the
 * caller after AUTH_OK depends on `payload`: see enum auth_payload, auth_check_body and sigv4_chunked.h.
 *
 * Ownership: everything in struct auth_request is borrowed and must live as long as the arena's content; results point
 * into it or into the arena. Secrets are wiped before auth_verify returns, except the chunk seed, which a deferred call
 * of the arena wipes.
 * Threads: any; auth_verify keeps derived signing keys in a small cache of the calling thread (key_cache.h).
 */
#ifndef PAIL_SERVER_AUTH_H
#define PAIL_SERVER_AUTH_H

#include "base/arena.h"
#include "base/bytes.h"

#define AUTH_ACCESS_KEY_MAX     128              /* longer ones are unknown without being looked up */
#define AUTH_SECRET_MAX         128              /* bytes of a secret key; the settings must refuse longer ones */
#define AUTH_REGION_MAX         64               /* bytes of a region's name in a credential scope */
#define AUTH_SERVICE_MAX        16               /* bytes of a service's name there */
#define AUTH_SIGNED_HEADERS_MAX 128              /* names in one SignedHeaders list */
#define AUTH_SKEW_MAX_MS        (15 * 60 * 1000) /* how far a client's clock may be off */
#define AUTH_EXPIRES_MAX_S      604800           /* a presigned URL lives a week at most */
#define AUTH_EXTRAS_MAX         8
#define AUTH_QUOTE_MAX          80 /* bytes of client text quoted in a message */

/* One query parameter, decoded exactly once; `?acl` and `?acl=` both have an empty value. */
struct auth_param {
    struct bytes name, value;
};

/* One header line as it arrived, in order of arrival; the name in any case, the value not necessarily trimmed. */
struct auth_header {
    struct bytes name, value;
};

struct auth_request {
    struct bytes method;   /* as sent */
    struct bytes raw_path; /* as sent: still percent-encoded, no query, no scheme and host */
    const struct auth_param *params;
    size_t param_count;
    const struct auth_header *headers;
    size_t header_count;
    struct bytes host_bucket; /* the bucket that the Host header named; empty when the path begins with it */
    int64_t now_ms;
    const unsigned char *body_sha256; /* 32 bytes when the body was read already, or NULL; see AUTH_NEED_BODY */
};

/* How a key look-up ended. */
enum auth_lookup {
    AUTH_KEY_FOUND,
    AUTH_KEY_UNKNOWN,
    AUTH_KEY_TOKEN_INVALID, /* a temporary key whose session token is not the one that was issued with it */
    AUTH_KEY_TOKEN_EXPIRED,
    AUTH_KEY_UNAVAILABLE, /* cannot tell just now: the client gets 503 and retries */
};

#define AUTH_KEY_TEMPORARY 1u /* belongs to a session: valid only with its token */
#define AUTH_KEY_DISABLED  2u /* answered like an unknown one */

struct auth_key {
    unsigned char secret[AUTH_SECRET_MAX];
    size_t secret_n; /* 0 never verifies */
    unsigned flags;
    void *identity; /* opaque here; handed on in auth_result */
};

/*
 * Finds an access key. `access_key` has 1..AUTH_ACCESS_KEY_MAX printable ASCII characters without space; `token` is the
 * session token or empty, not looked at yet. Called for every request, so a key that was disabled is refused at once.
 * Must take about as long for an unknown key as for a known one. Compare tokens with CRYPTO_memcmp. The identity must
 * stay valid as long as the request; how is up to `ctx`.
 */
typedef enum auth_lookup auth_lookup_f(void *ctx, struct bytes access_key, struct bytes token, struct auth_key *ret);

struct auth_config {
    const char *required_region; /* NULL: whatever region the client names, the empty one too */
    const char *const *services; /* accepted service names, ended by NULL; the first is named in error texts */
    auth_lookup_f *lookup;
    void *lookup_ctx;
};

enum auth_mechanism {
    AUTH_ANONYMOUS,
    AUTH_SIGV4_HEADER,
    AUTH_SIGV4_QUERY,  /* presigned */
    AUTH_SIGV2_HEADER, /* both for S3 only */
    AUTH_SIGV2_QUERY,
    AUTH_OTHER,      /* SigV4A, Bearer, Basic, ...: refused */
    AUTH_SIGV4_FORM, /* auth_verify_form */
    AUTH_SIGV2_FORM,
};

enum auth_payload {
    AUTH_PAYLOAD_NONE,                    /* nothing said about the body (anonymous only) */
    AUTH_PAYLOAD_HASH,                    /* the body's SHA-256 must equal payload_sha256: auth_check_body */
    AUTH_PAYLOAD_UNSIGNED,                /* plain body, not covered by the signature */
    AUTH_PAYLOAD_CHUNKED_SIGNED,          /* aws-chunked, each chunk signed: sigv4_chunked.h with `seed` */
    AUTH_PAYLOAD_CHUNKED_SIGNED_TRAILER,  /* the same, with signed trailers */
    AUTH_PAYLOAD_CHUNKED_UNSIGNED_TRAILER /* aws-chunked, no signatures, trailers */
};

struct auth_extra {
    const char *name; /* of the XML element */
    struct bytes
        value; /* may hold any byte a client can send: escape it, replace what XML cannot carry, never log it */
};

/* A refusal as S3 words it: the code as on the wire (the status comes from the error table), message, more elements. */
struct auth_error {
    const char *code; /* NULL: no error */
    struct bytes message;
    struct auth_extra extras[AUTH_EXTRAS_MAX];
    size_t extra_count;
};

/* Every code that auth_verify, auth_check_body and sigv4_chunked.h can answer with, ended by NULL: for the error table.
 */
extern const char *const auth_error_codes[];

/* What the signatures of chunks start from. */
struct sigv4_seed {
    unsigned char signing_key[32];
    char signature[64]; /* lower-case hex */
    char date[16];      /* 20130524T000000Z */
    struct bytes scope; /* 20130524/us-east-1/s3/aws4_request */
};

struct auth_result {
    enum auth_mechanism mechanism;
    struct bytes access_key; /* as claimed, empty if it is not even well-formed; after AUTH_FAILED only good for logs */
    void *identity;          /* from the look-up; NULL unless AUTH_OK, and for anonymous */
    unsigned key_flags;      /* AUTH_KEY_* of the look-up */
    struct bytes token;      /* session token, empty if none */
    struct bytes region, service; /* of the credential scope; V2 has no region */
    int64_t signed_ms;            /* when the client says it signed; 0 if it does not: AUTH_SIGV2_QUERY */
    int64_t expires_ms;           /* presigned: when it ends; otherwise 0 */
    struct bytes signed_headers;  /* `host;x-amz-date`: sorted, lower-case; V4 only, see auth_header_is_signed */
    enum auth_payload payload;
    unsigned char payload_sha256[32]; /* with AUTH_PAYLOAD_HASH */
    struct sigv4_seed *seed;          /* with the two signed chunked modes, else NULL */
    struct auth_error error;          /* with AUTH_FAILED */
};

enum auth_status {
    AUTH_OK,
    AUTH_FAILED,    /* ret->error says why */
    AUTH_NEED_BODY, /* IAM, STS: the signature covers a hash that no header names: read the body, set body_sha256, call
                       again */
};

enum auth_status auth_verify(const struct auth_config *cfg, const struct auth_request *req, struct arena *arena,
                             struct auth_result *ret);

/*
 * The same for a form upload, whose signature is among its fields (names in any case, none of those that matter may be
 * there twice) and covers the policy field alone: see post_policy.h for what remains to be checked. A form without any
 * of them is anonymous.
 */
enum auth_status auth_verify_form(const struct auth_config *cfg, const struct auth_param *fields, size_t n,
                                  int64_t now_ms, struct arena *arena, struct auth_result *ret);

/* Is this header (any case) covered by the signature? */
bool auth_header_is_signed(const struct auth_result *res, struct bytes name);

/* With AUTH_PAYLOAD_HASH: does the body that arrived have the hash that was signed? Otherwise *ret is filled. */
bool auth_check_body(const struct auth_result *res, const unsigned char body_sha256[32], struct arena *arena,
                     struct auth_error *ret);

#endif
