/* SPDX-License-Identifier: Apache-2.0 */
/* The actions of STS. Threads: workers. */
#include "server/iam/query.h"

static int get_caller_identity(struct query_call *c)
{
    xml_element(c->out, "Arn", c->who->caller.arn);
    xml_element(c->out, "UserId", c->who->user_id);
    xml_element(c->out, "Account", c->account);
    return 0;
}

const struct query_action sts_actions[] = {
    {"GetCallerIdentity", QUERY_STS, ON_OWN_RULES, "", get_caller_identity, 0},
    {0},
};
