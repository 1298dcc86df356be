/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature Version 4: the parts that the Authorization header, presigned queries and form uploads have in common.
 * Internal to server/auth; everybody else calls auth_verify.
 */
#ifndef PAIL_SERVER_AUTH_SIGV4_H
#define PAIL_SERVER_AUTH_SIGV4_H

#include "server/auth/internal.h"

#define SIGV4_ALGORITHM     "AWS4-HMAC-SHA256"
#define SIGV4_TERMINATOR    "aws4_request"
#define SIGV4_SIGNATURE_LEN 64

/* AKID/20130524/us-east-1/s3/aws4_request; the access key may itself hold slashes, all but the last four belong to it.
 */
struct sigv4_credential {
    struct bytes access_key, date, region, service, terminator;
    struct bytes scope; /* from the date to the end, as sent */
};

bool sigv4_credential_parse(struct bytes text, struct sigv4_credential *ret);

/* What a request claims, wherever it said so. */
struct sigv4_claim {
    bool presigned;
    struct sigv4_credential credential;
    struct bytes signed_headers, signature, token;
    char date[AMZ_DATE_LEN]; /* as it enters the string to sign */
    int64_t signed_ms;
    struct bytes payload; /* last line of the canonical request */
};

/* Terminator, service, region and day of the credential scope against the configuration and the claim's date. */
enum auth_status sigv4_check_scope(struct auth_work *w, const struct sigv4_claim *claim);
/* Signed headers, key, token, signature. The claim is complete and its times are checked. Fills the result. */
enum auth_status sigv4_verify_claim(struct auth_work *w, const struct sigv4_claim *claim);
/* The same of a form: the signature covers `text` itself. The claim has no signed headers and no payload. */
enum auth_status sigv4_verify_text(struct auth_work *w, const struct sigv4_claim *claim, struct bytes text);
/* The Authorization header in w->authorization, which starts with the algorithm's name. */
enum auth_status sigv4_verify_header(struct auth_work *w);
/* For services other than S3, whose signature covers the body's real hash. Sets claim->payload and the result's mode.
 */
enum auth_status sigv4_payload_of_body(struct auth_work *w, struct sigv4_claim *claim, struct bytes header);

/* hex(HMAC(key, "AWS4-HMAC-SHA256\n" date scope hash)); *ret_text, if wanted, is the string to sign. */
void sigv4_sign_canonical(const unsigned char key[32], const char date[AMZ_DATE_LEN], struct bytes scope,
                          struct bytes canonical, struct arena *arena, char ret_hex[SIGV4_SIGNATURE_LEN],
                          struct bytes *ret_text);

#endif
