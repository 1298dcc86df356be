/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who exists: accounts, their roots, users, groups, roles, managed policies, access keys and identity providers; and
 * the one question of the request path, "whose key is this, and which policies speak for him?".
 *
 * identities_find_key answers that with a struct principal: the caller as server/iam/eval.h wants it, with all policies
 * parsed. It only makes point look-ups and may run on an event loop. Principals and parsed policies are kept in bounded
 * caches; a principal is used again only while nothing has changed since it was put together (a number counts the
 * changes), so a change holds for every request that starts after its reply. Policy documents never change under their
 * id, so their parsed form needs no such care.
 *
 * Everything else (server/iam/records.h) works on the records themselves and belongs on a worker.
 *
 * Ownership: a principal is counted; identities_find_key ties it to the arena of the request, which lets it go.
 * Threads: any, unless a call says otherwise.
 */
#ifndef PAIL_SERVER_IAM_IDENTITIES_H
#define PAIL_SERVER_IAM_IDENTITIES_H

#include "base/bytes.h"
#include "server/auth/auth.h"
#include "server/iam/eval.h"

struct arena;
struct config;
struct crypt;
struct identities;
struct pool;
struct store;

struct iam_tag {
    struct bytes key, value;
};

enum principal_session {
    SESSION_NONE, /* long-term keys */
    SESSION_USER, /* GetSessionToken, and MinIO's AssumeRole: stays the user (or root) */
    SESSION_ROLE,
    SESSION_WEB_IDENTITY, /* of a role too */
    SESSION_FEDERATED,
};

struct principal {
    struct iam_caller caller;
    const char *type;           /* aws:PrincipalType: "Account", "User", "AssumedRole", "FederatedUser", "Anonymous" */
    struct bytes user_name;     /* aws:username; empty unless a user's own or GetSessionToken's keys */
    struct bytes user_id;       /* aws:userid: AIDA..., AROA...:session, account:name; of root the account's id */
    struct bytes principal_arn; /* aws:PrincipalArn: of role sessions the role's */
    struct bytes name;          /* of user or role, as its record is found by; empty for root */
    const struct iam_tag *tags; /* aws:PrincipalTag/...: of user or role, and of the session, which win */
    size_t n_tags;
    enum principal_session session;
    bool disabled;                  /* of a user, by MinIO's tools: its keys and sessions are dead */
    int64_t issued_ms, expires_ms;  /* of temporary keys; otherwise 0 */
    struct bytes source_identity;   /* aws:SourceIdentity */
    struct bytes provider;          /* aws:FederatedProvider */
    const struct bytes *transitive; /* keys of session tags that go on into the next role */
    size_t n_transitive;
    /* What iam_decide wants; the boundary may be NULL. */
    struct iam_policies identity, group, session_policies;
    const struct iam_policy *boundary;
};

/* The principal of a request that nobody signed. */
const struct principal *principal_anonymous(void);
/* Caller and policies into a request for iam_decide; action, resource and the like are the caller's to add. */
void principal_fill(const struct principal *, struct iam_request *);
/* The condition keys that tell who is asking: aws:username, aws:userid, aws:PrincipalTag/..., TokenIssueTime and so on.
 * Texts that have to be made lie in the context's arena. */
void principal_set_context(const struct principal *, struct iam_context *);

/* ---- life ---- */

struct identities_options {
    struct store *store;
    const struct config *config; /* root's keys */
    /* The master key; NULL: it is missing or wrong, so of all keys only root's are available. Borrowed. */
    const struct crypt *crypt;
};
/* Opens the first account, or makes it. False: one clear line in ret_error. Start-up only. */
bool identities_open(const struct identities_options *, struct identities **ret, char ret_error[512]);
/* From now on uses of keys are written down there. Start-up only. */
void identities_set_pool(struct identities *, struct pool *);
void identities_close(struct identities **); /* accepts NULL inside */

/* ---- the request path ---- */

/*
 * Finds a key for auth_verify: secret, flags, and as `identity` a const struct principal * that lives as long as
 * the arena. `token` as for auth_lookup_f. Never waits. [loop]
 */
enum auth_lookup identities_find_key(struct identities *, struct arena *, int64_t now_ms, struct bytes access_key,
                                     struct bytes token, struct auth_key *ret);
/* Notes that a key, or a role (by its unique id), was used (after its signature was verified); written down now and
 * then. [loop] */
void identities_note_use(struct identities *, struct bytes access_key, int64_t now_ms, struct bytes service,
                         struct bytes region);

/* Look-ups that found nothing kept, since the start. */
void identities_cache_misses(const struct identities *, uint64_t *ret_principals, uint64_t *ret_policies);

/* ---- accounts, for owners, grantees and principals of policies ---- */

struct iam_account {
    struct bytes id, canonical_id, name, email;
};
/*
 * How an account is shown as an owner, also one that is gone by now. Looked up in memory, with texts that stay: this
 * may be asked within a read of the index.
 */
struct iam_owner {
    struct bytes canonical_id, name;
};
bool identities_owner(const struct identities *, struct bytes account, struct iam_owner *ret);
/* False: there is none. Texts in the arena. [loop] */
bool identities_account(struct identities *, struct bytes id, struct arena *, struct iam_account *ret);
bool identities_account_of_canonical(struct identities *, struct bytes canonical_id, struct arena *,
                                     struct iam_account *ret);
bool identities_account_of_email(struct identities *, struct bytes email, struct arena *, struct iam_account *ret);
/*
 * For iam_policy_rules.principal_exists, with the struct identities as ctx: accounts, users and roles are looked up,
 * sessions by their role; services and everybody exist. [loop]
 */
bool identities_principal_exists(const void *ctx, const struct iam_principal *);

#endif
