/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the caller is and what he may do: GET /pail/v1/session, POST /pail/v1/can. For whoever signs, of any account; a
 * page asks it so that it shows nobody what he may not do. docs/openapi.yaml describes the replies. Threads: workers.
 */
#include <string.h>

#include "server/api/api.h"
#include "server/authorize.h"
#include "server/iam/identities.h"
#include "server/json_reply.h"
#include "server/server.h"

static const char *kind_of(const struct principal *p)
{
    switch (p->caller.kind) {
    case IAM_CALLER_ROOT:
        return "root";
    case IAM_CALLER_ROLE:
        return "role";
    case IAM_CALLER_FEDERATED:
        return "federated";
    default:
        return "user";
    }
}

int session_get(struct req *r)
{
    const struct principal *p = r->who.principal;
    struct bytes name = p->name.n ? p->name : p->user_name;
    struct iam_owner owner = {BYTES_NONE, BYTES_NONE};
    bool own_key = p->session == SESSION_NONE && p->session_policies.n > 0; /* a key with a policy of its own */
    (void)identities_owner(r->server->identities, r->who.account, &owner);
    return json_reply(
        r, json_pack("{s:o,s:o,s:o,s:o,s:o,s:s,s:b,s:o,s:o}", "arn", json_bytes_text(p->caller.arn), "user_id",
                     json_bytes_text(p->user_id), "account", json_bytes_text(r->who.account), "account_name",
                     json_bytes_text(owner.name), "name", json_bytes_text(name.n ? name : BYTES_LIT("root")), "kind",
                     own_key ? "service-account" : kind_of(p), "temporary", p->session != SESSION_NONE, "expires",
                     json_moment(p->expires_ms), "access_key", json_bytes_text(r->who.access_key)));
}

int session_can(struct req *r)
{
    json_t *body, *check;
    size_t i;
    if (json_body(r, &body) < 0)
        return -1;
    const json_t *checks = json_object_get(body, "checks");
    if (!json_is_array(checks) || json_array_size(checks) > SESSION_CHECKS_MAX)
        return req_failf(r, S3E_INVALID_REQUEST, "\"checks\" must be a list of at most %d.", SESSION_CHECKS_MAX);
    json_t *allowed = json_array();
    json_array_foreach(checks, i, check)
    {
        const char *action = json_string_value(json_object_get(check, "action"));
        const char *resource = json_string_value(json_object_get(check, "resource"));
        if (!action || !strchr(action, ':') || !resource) {
            json_decref(allowed);
            return req_failf(r, S3E_INVALID_REQUEST, "Each check has an \"action\" and a \"resource\".");
        }
        json_array_append_new(allowed, json_boolean(authorize_can(r, action, bytes_str(resource))));
    }
    return json_reply(r, json_pack("{s:o}", "allowed", allowed));
}
