/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records behind identities: compact JSON in the store's map of documents, read and changed by the IAM and STS
 * actions. The drawing of the keys is in records.c.
 *
 * Whoever changes records holds identities' one lock from its first read to its last write (records_lock), so that what
 * it read still holds when it writes; all its writes go in one change, all or nothing. Readers need no lock.
 * Ownership: what is read is let go with the arena. Threads: workers, but for record_get, which may run on a loop.
 */
#ifndef PAIL_SERVER_IAM_RECORDS_H
#define PAIL_SERVER_IAM_RECORDS_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "crypt.h"
#include "server/iam/cache.h"
#include "server/iam/identities.h"
#include "store.h"

/* AWS's limits. */
#define IAM_MAX_USERS             5000
#define IAM_MAX_GROUPS            300
#define IAM_MAX_ROLES             1000
#define IAM_MAX_POLICIES          1500
#define IAM_MAX_PROVIDERS         100
#define IAM_MAX_KEYS_PER_USER     2
#define IAM_MAX_GROUPS_PER_USER   10
#define IAM_MAX_ATTACHED          10
#define IAM_MAX_TAGS              50
#define IAM_MAX_POLICY_VERSIONS   5
#define IAM_MAX_CLIENT_IDS        100
#define IAM_MAX_THUMBPRINTS       5
#define IAM_MAX_INLINE_PER_ENTITY 100 /* the sum of their characters is limited too */

#define IAM_ACCOUNT_ID_LEN 12
#define IAM_UNIQUE_ID_LEN  21
#define IAM_ACCESS_KEY_LEN 20
#define IAM_SECRET_LEN     40

#define ACCOUNT_KEYS "iam/a/" /* what the keys of accounts begin with; of those that are gone: */
#define GONE_KEYS    "iam/z/"

#define OWNER_SLOTS 1024 /* of the table of owners, a power of two */
struct owner_entry;

struct identities {
    struct store *store;
    const struct config *config;
    bool offline;              /* there is no server: the settings need not be its settings */
    const struct crypt *crypt; /* NULL: nothing can be sealed or opened */
    struct crypt *own_crypt;   /* the same, when it is to be closed here */
    struct pool *pool;
    pthread_mutex_t changing;
    _Atomic uint64_t generation; /* counts changes */
    struct cache_budget kept;    /* of both: */
    struct cache *principals, *policies;
    struct jwks *jwks; /* keys of identity providers */
    struct arena *forever;
    const struct principal *root; /* of the first account, whose keys are settings */
    int64_t root_gen;             /* what its sessions are bound to: other credentials end them */
    /* All accounts that there ever were, by id: entries are added with `changing` held and stay for ever. */
    struct owner_entry *_Atomic owners[OWNER_SLOTS];
};

enum entity { ENTITY_USER, ENTITY_GROUP, ENTITY_ROLE, ENTITY_POLICY, ENTITY_PROVIDER, ENTITIES };

/* ---- keys ---- */

struct bytes key_of_account(struct arena *, struct bytes id);
struct bytes key_of_canonical(struct arena *, struct bytes canonical_id);
struct bytes key_of_email(struct arena *, struct bytes email);
struct bytes key_of_account_name(struct arena *, struct bytes name); /* any case */
struct bytes key_of_gone_account(struct arena *, struct bytes id);
struct bytes key_of_entity(struct arena *, enum entity, struct bytes account, struct bytes name); /* name: any case */
struct bytes key_of_access_key(struct arena *, struct bytes id);
struct bytes key_of_last_use(struct arena *, struct bytes id);
struct bytes key_of_document(struct arena *, struct bytes id);
struct bytes key_of_unique_id(struct arena *, struct bytes id);
struct bytes key_of_member(struct arena *, struct bytes account, struct bytes group, struct bytes user);
struct bytes key_of_counts(struct arena *, struct bytes account);
struct bytes bytes_lower(struct arena *, struct bytes);
struct bytes bytes_join(struct arena *, struct bytes, struct bytes);

/* ---- reading ---- */

/* STORE_OK; NO_SUCH_SETTING; CORRUPT when it is no JSON; other errors of the store. [loop] */
int record_get(struct identities *, struct arena *, struct bytes key, json_t **ret);
int document_get(struct identities *, struct arena *, struct bytes id, struct bytes *ret); /* a policy's text [loop] */
json_t *json_in(struct arena *, json_t *);                                                 /* let go with the arena */

/* Members, with something for those that are absent. */
struct bytes record_text(const json_t *, const char *name);
int64_t record_number(const json_t *, const char *name);
json_t *record_list(json_t *, const char *name);   /* made when absent */
json_t *record_object(json_t *, const char *name); /* made when absent */
struct bytes json_bytes(const json_t *string);
json_t *json_of_bytes(struct bytes);
/* Place of a string in an array, in any case of letters when `nocase`; -1. */
ptrdiff_t json_find(const json_t *array, struct bytes text, bool nocase);

/* ---- changing ---- */

struct change { /* at most STORE_DOCS_MAX */
    struct identities *ids;
    struct arena *arena;
    struct store_doc_change *list;
    size_t n, room;
};
void records_lock(struct identities *);
void records_unlock(struct identities *);
void change_put(struct change *, struct bytes key, const json_t *record);
void change_put_text(struct change *, struct bytes key, struct bytes text);
void change_delete(struct change *, struct bytes key);
/* As it will be once the change is applied: for several steps of one change on one record. As record_get. */
int change_get(const struct change *, struct bytes key, json_t **ret);
int change_apply(struct change *); /* of the store */

/* ---- names ---- */

struct bytes new_unique_id(struct arena *, const char *prefix, size_t len); /* "AIDA" and random letters */
struct bytes new_secret(struct arena *);
struct bytes new_document_id(struct arena *);
struct bytes iam_arn(struct arena *, const char *type, struct bytes account, struct bytes path, struct bytes name);

/* The record of a new access key of a user, or of an account's root (empty), with its secret sealed. In the arena. */
json_t *new_key_record(struct identities *, struct arena *, struct bytes account, struct bytes user, struct bytes id,
                       struct bytes secret);
/* The secret of a key's record, opened; the arena is wiped. False: it does not open. */
bool key_record_secret(struct identities *, struct arena *, struct bytes id, const json_t *key, struct bytes *ret);

/* ---- accounts (accounts.c) ---- */

bool owners_load(struct identities *, char ret_error[512]); /* start-up */
void owners_add(struct identities *, struct bytes id, struct bytes canonical_id, struct bytes name);

/* ---- policies (managed.c, identities.c) ---- */

struct managed_policy {
    const char *name, *path, *description, *document;
    char id[IAM_UNIQUE_ID_LEN + 1];
    struct bytes arn;
    const struct iam_policy *parsed;
};
#define MANAGED_CREATED_MS INT64_C(1423161660000) /* 2015-02-05, when AWS began to have them */
void managed_open(struct arena *);                /* once; parses them */
const struct managed_policy *managed_find(struct bytes arn);
const struct managed_policy *managed_all(size_t *ret_n);

/* The account and lower-case name that a policy's ARN names: arn:aws:iam::111122223333:policy/path/name. */
bool policy_arn_split(struct bytes arn, struct bytes *ret_account, struct bytes *ret_name, struct bytes *ret_path);
/* The text of a managed policy's default version. NO_SUCH_SETTING: there is none. */
int policy_document(struct identities *, struct arena *, struct bytes arn, struct bytes *ret);

/*
 * A principal put together from records; it lives as long as the arena. `name` empty: the account's root.
 * *ret_generation: the number that its sessions are bound to.
 */
int principal_load_user(struct identities *, struct arena *, struct bytes account, struct bytes name,
                        struct principal *ret, int64_t *ret_generation);
int principal_load_role(struct identities *, struct arena *, struct bytes account, struct bytes name,
                        struct principal *ret, int64_t *ret_generation);
void record_tags(struct arena *, const json_t *record, const struct iam_tag **ret, size_t *ret_n);
/* The number that sessions of it are bound to. */
int principal_generation(struct identities *, struct arena *, struct bytes account, const json_t *record, int64_t *ret);

/* ---- sessions (session.c) ---- */

#define SESSION_TOKEN_MAX 12288 /* bytes of its text: a request's head must have room for it */
#define SESSION_POLICIES  11    /* one inline and ten by ARN */
#define SESSION_NAME_MAX  64

struct session {
    enum principal_session kind;
    struct bytes access_key, secret;
    struct bytes account, name, unique_id; /* of user (name empty: root) or role */
    int64_t generation;                    /* of its record */
    int64_t issued_ms, expires_ms;
    struct bytes session_name;
    struct bytes policy; /* text; empty: none */
    struct bytes policy_arns[SESSION_POLICIES];
    size_t n_policy_arns;
    struct iam_tag tags[IAM_MAX_TAGS];
    size_t n_tags;
    struct bytes transitive[IAM_MAX_TAGS];
    size_t n_transitive;
    struct bytes source_identity, provider;
    size_t min_token; /* bytes that its token must have at least */
};
/* Makes access key and secret, seals the rest. False: the token would be too long (PackedPolicyTooLarge). */
bool session_seal(struct identities *, struct arena *, struct session *, struct bytes *ret_token);
bool session_unseal(struct identities *, struct arena *, struct bytes access_key, struct bytes token,
                    struct session *ret);
/* Puts its principal together. NO_SUCH_SETTING: user or role is gone, or another one by now. */
int session_load(struct identities *, struct arena *, const struct session *, struct principal *ret);

#endif
