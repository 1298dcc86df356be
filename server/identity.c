/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is asking, by the keys that the identities know.
 * Threads: any.
 */
#include "server/identity.h"

#include "config.h"
#include "server/conn.h"
#include "server/iam/identities.h"
#include "server/req.h"
#include "server/server.h"

enum auth_lookup identity_lookup(void *ctx, struct bytes access_key, struct bytes token, struct auth_key *ret)
{
    struct req *r = ctx;
    return identities_find_key(r->server->identities, r->arena, r->now_ms, access_key, token, ret);
}

void identity_from_auth(struct req *r, struct identity *ret)
{
    const struct auth_result *auth = &r->auth;
    const struct principal *p = auth->mechanism == AUTH_ANONYMOUS ? principal_anonymous() : auth->identity;
    *ret = (struct identity){.anonymous = auth->mechanism == AUTH_ANONYMOUS,
                             .root = p->caller.kind == IAM_CALLER_ROOT && p->session_policies.n == 0,
                             .account = p->caller.account,
                             .canonical_id = p->caller.canonical_id,
                             .access_key = auth->access_key,
                             .principal = p};
    bool role = p->session == SESSION_ROLE || p->session == SESSION_WEB_IDENTITY;
    if (!ret->anonymous)
        identities_note_use(r->server->identities, role ? p->caller.unique_id : auth->access_key, r->now_ms,
                            auth->service, auth->region);
}

/* The default credentials are known to everybody: they work for peers on this machine that no proxy speaks for. */
static bool default_refused(const struct req *r)
{
    if (!r->server->config->default_credentials || !bytes_eq_str(r->who.access_key, r->server->config->root_user))
        return false;
    bool proxied = http_head_has(&r->head, HDR_FORWARDED) || http_head_has(&r->head, HDR_X_FORWARDED_FOR) ||
                   http_head_has(&r->head, HDR_X_FORWARDED_HOST) || http_head_has(&r->head, HDR_X_FORWARDED_PROTO) ||
                   http_head_has(&r->head, HDR_X_REAL_IP) || http_head_has(&r->head, HDR_VIA);
    return !r->conn->peer_loopback || proxied;
}

const char *identity_refused_here(const struct req *r)
{
    return default_refused(r) ? "The default credentials work from this machine alone; set PAIL_ROOT_USER and "
                                "PAIL_ROOT_PASSWORD on the server to allow access from elsewhere."
                              : NULL;
}
