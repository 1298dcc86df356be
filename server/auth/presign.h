/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Presigned URLs: verifying them (internal to server/auth), and making them, for tools.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
#ifndef PAIL_SERVER_AUTH_PRESIGN_H
#define PAIL_SERVER_AUTH_PRESIGN_H

#include "server/auth/internal.h"

enum auth_status presign_verify(struct auth_work *w);

struct presign_spec {
    struct bytes method;
    struct bytes host;               /* as the client will send it: with the port unless it is the default one */
    struct bytes raw_path;           /* percent-encoded or not: it is decoded once and encoded; empty means / */
    const struct auth_param *params; /* decoded; versionId, response-content-type, x-amz-acl, ... */
    size_t param_count;
    const struct auth_header *headers; /* to be sent and signed along with host */
    size_t header_count;
    struct bytes access_key, secret, token; /* token empty: none */
    struct bytes region, service;           /* service empty: s3 */
    uint32_t expires_s;                     /* 1..AUTH_EXPIRES_MAX_S */
    int64_t now_ms;
};

/*
 * The query to put behind `?`, signature included: `X-Amz-Algorithm=...`. False when the spec cannot be presigned:
 * expiry out of range, empty or too long key, too many headers, or a parameter with the name of one it must add.
 */
bool sigv4_presign(const struct presign_spec *spec, struct arena *arena, struct bytes *ret_query);

#endif
