/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to try, for the question whether somebody may do something anywhere below a pattern: policies speak of names
 * and patterns, and a plain name under each of them finds out what they allow. Threads: pure functions.
 */
#ifndef PAIL_SERVER_IAM_EXAMPLES_H
#define PAIL_SERVER_IAM_EXAMPLES_H

#include "server/iam/eval.h"

#define IAM_EXAMPLES_MAX 64 /* of one question */

/*
 * Plain ARNs that `pattern` (an ARN, perhaps with * and ?) stands for: one made of it, and those under the resources of
 * Allow statements in the request's policies that it matches. At most IAM_EXAMPLES_MAX, in the arena. The number; 0: it
 * is no ARN.
 */
size_t iam_examples(struct arena *, const struct iam_request *, struct bytes pattern,
                    struct bytes ret[IAM_EXAMPLES_MAX]);

#endif
