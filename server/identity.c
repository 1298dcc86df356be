/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities and the decision. Invariant: nothing else in the server grants or refuses access.
 * Threads: any.
 */
#include "server/identity.h"

#include <openssl/crypto.h>
#include <string.h>

#include "config.h"
#include "server/conn.h"
#include "server/req.h"
#include "server/server.h"

enum auth_lookup identity_lookup(void *ctx, struct bytes access_key, struct bytes token, struct auth_key *ret)
{
    const struct config *cfg = ctx;
    (void)token; /* long-term keys: the verifier refuses tokens with them */
    size_t user_n = strlen(cfg->root_user), secret_n = strlen(cfg->root_password);
    bool same = access_key.n == user_n && CRYPTO_memcmp(access_key.p, cfg->root_user, user_n) == 0;
    memcpy(ret->secret, cfg->root_password, secret_n);
    ret->secret_n = secret_n;
    ret->flags = 0;
    ret->identity = NULL;
    return same ? AUTH_KEY_FOUND : AUTH_KEY_UNKNOWN;
}

void identity_from_auth(const struct config *cfg, const struct auth_result *auth, struct identity *ret)
{
    (void)cfg;
    *ret = (struct identity){.anonymous = auth->mechanism == AUTH_ANONYMOUS, .access_key = auth->access_key};
    if (ret->anonymous)
        return;
    ret->root = true;
    ret->account = BYTES_LIT(ROOT_ACCOUNT_ID);
    ret->canonical_id = BYTES_LIT(ROOT_CANONICAL_ID);
}

/* The default credentials are known to everybody: they work for peers on this machine that no proxy speaks for. */
static bool default_refused(const struct req *r)
{
    if (!r->server->config->default_credentials)
        return false;
    bool proxied = http_head_has(&r->head, HDR_FORWARDED) || http_head_has(&r->head, HDR_X_FORWARDED_FOR) ||
                   http_head_has(&r->head, HDR_X_FORWARDED_HOST) || http_head_has(&r->head, HDR_X_FORWARDED_PROTO) ||
                   http_head_has(&r->head, HDR_X_REAL_IP) || http_head_has(&r->head, HDR_VIA);
    return !r->conn->peer_loopback || proxied;
}

struct decision identity_authorize(const struct req *r)
{
    if (r->who.anonymous)
        return (struct decision){false, "anonymous"};
    if (default_refused(r))
        return (struct decision){false, "The default credentials work from this machine alone; set PAIL_ROOT_USER and "
                                        "PAIL_ROOT_PASSWORD on the server to allow access from elsewhere."};
    if (r->who.root)
        return (struct decision){true, "root"};
    return (struct decision){false, "no policy allows it"};
}
