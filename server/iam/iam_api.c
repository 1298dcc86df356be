/* SPDX-License-Identifier: Apache-2.0 */
/* The actions of IAM. Threads: workers. */
#include "server/iam/query.h"

const struct query_action iam_actions[] = {
    {0},
};
