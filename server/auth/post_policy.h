/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy document of a form upload: what the one who signed it allows others to send.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 *
 * Read strictly: an element that is not understood is an error, never skipped, since a condition that is lost would
 * allow more. Threads: pure functions; results live in the arena.
 */
#ifndef PAIL_SERVER_AUTH_POST_POLICY_H
#define PAIL_SERVER_AUTH_POST_POLICY_H

#include "base/arena.h"
#include "base/bytes.h"
#include "server/auth/auth.h"

#define POST_POLICY_MAX_DEPTH      8   /* objects and arrays inside each other; a document needs 3 */
#define POST_POLICY_MAX_CONDITIONS 512 /* the fields of a form are limited to 20 KB, so this one never hurts */

enum post_operator { POST_EQ, POST_STARTS_WITH };

struct post_condition {
    enum post_operator op;
    struct bytes field; /* without the dollar sign; names mean the same in any case */
    struct bytes value;
    bool simple; /* {"field": "value"} */
};

struct post_policy {
    int64_t expires_ms;
    struct post_condition *conditions;
    size_t n_conditions;
    uint64_t size_min, size_max; /* bytes of the file: all content-length-range conditions together */
    struct bytes bad_range;      /* one whose ends are no numbers: never fulfilled; empty: none */
};

/*
 * `base64` as it was sent and signed. False: *ret_message says why, the code is InvalidPolicyDocument.
 */
bool post_policy_parse(struct arena *, struct bytes base64, struct post_policy *ret, struct bytes *ret_message);

/*
 * Does the form fulfil it? `bucket` is the one that the request is for, whatever a field says. Everything but the
 * file's size is checked, and that no field is left that the policy does not name. False: *ret_message says why, the
 * code is AccessDenied.
 */
bool post_policy_check(const struct post_policy *, const struct auth_param *fields, size_t n_fields,
                       struct bytes bucket, int64_t now_ms, struct arena *, struct bytes *ret_message);

#endif
