/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bucket policies as they are stored: the bytes that were put, and whom the ARNs of users and roles in them named then.
 * As on AWS a policy means the very user or role that was there: one that is made anew under the same name is another,
 * one that was renamed is still the same.
 *
 * Threads: any; bound_policy_make looks identities up and belongs on a worker, the others are pure.
 */
#ifndef PAIL_SERVER_IAM_BOUND_POLICY_H
#define PAIL_SERVER_IAM_BOUND_POLICY_H

#include "base/bytes.h"
#include "server/iam/policy.h"

struct arena;
struct identities;

/* What is stored for a policy that was parsed from this text. */
struct bytes bound_policy_make(struct identities *, struct arena *, struct bytes text, const struct iam_policy *);
/* The bytes that were put. */
struct bytes bound_policy_text(struct bytes stored);
/* NULL: refused, and *ret_error says why. */
const struct iam_policy *bound_policy_parse(struct arena *, struct bytes bucket, struct bytes stored,
                                            struct iam_policy_error *ret_error);

#endif
