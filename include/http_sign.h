/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature version 4 of a request that Pail sends. Pure; threads: any.
 *
 * The path of the URL is signed as it stands, which is S3's rule; names and values of its query are decoded and encoded
 * anew, as the rule for the canonical query has it. Of the headers, Content-Type, Content-MD5 and all x-amz-* are
 * signed, and the host as libcurl sends it.
 */
#ifndef PAIL_HTTP_SIGN_H
#define PAIL_HTTP_SIGN_H

#include <stddef.h>

#include "base/arena.h"

struct http_client_header;

struct http_sign {
    const char *method, *url;
    const struct http_client_header *headers; /* x-amz-date and x-amz-content-sha256 among them */
    size_t n_headers;
    const char *payload; /* the value of x-amz-content-sha256 */
    const char *stamp;   /* the value of x-amz-date: 20260131T235959Z */
    const char *access_key, *secret_key, *region, *service;
};

/* The value of the Authorization header, in the arena; NULL: the URL is none. */
char *http_sign_v4(const struct http_sign *, struct arena *);

#endif
