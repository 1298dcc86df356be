/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature Version 2, which boto3 and the AWS CLI still presign with unless told otherwise, and old tools sign with.
 * Internal to server/auth; everybody else calls auth_verify.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
 */
#ifndef PAIL_SERVER_AUTH_SIGV2_H
#define PAIL_SERVER_AUTH_SIGV2_H

#include "server/auth/internal.h"

#define SIGV2_SCHEME        "AWS"
#define SIGV2_SIGNATURE_LEN 28           /* base64 of 20 bytes */
#define SIGV2_EXPIRES_MAX   253402300799 /* seconds: the last one of the year 9999 */

/* `Authorization: AWS AKID:signature` in w->authorization, which starts with the scheme. */
enum auth_status sigv2_verify_header(struct auth_work *w);
/* ?AWSAccessKeyId=...&Expires=...&Signature=... */
enum auth_status sigv2_verify_query(struct auth_work *w);

/* A form: the signature covers `text`, its policy. */
enum auth_status sigv2_verify_text(struct auth_work *w, struct bytes access_key, struct bytes token,
                                   struct bytes signature, struct bytes text);

/* Are headers of this name (any case) part of every string to sign? */
bool sigv2_header_is_signed(struct bytes name);

#endif
