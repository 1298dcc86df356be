/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handlers of MinIO's admin API share: a call with its change of records, sealed and plain bodies both ways,
 * the ways to fail, and who may do what for himself.
 *
 * Users, groups, policies and access keys are those of the first account, the very records that IAM's actions work on.
 * A user of MinIO's is an IAM user with an access key that is called like him; a canned policy is a managed policy of
 * the account, by its name; a service account is any other access key of a user, perhaps with a policy of its own.
 *
 * Ownership: everything lies in the request's arena. Threads: workers; whoever changes records holds records_lock.
 */
#ifndef PAIL_SERVER_ADMIN_API_COMMON_H
#define PAIL_SERVER_ADMIN_API_COMMON_H

#include "server/admin_api/sealed.h"
#include "server/iam/iam_api.h"
#include "server/req.h"

#define ADMIN_PATH     "minio/admin/v3/"
#define KMS_PATH       "minio/kms/v1/"
#define ADMIN_KEYS_MAX 200 /* access keys of one user */

struct admin_call {
    struct req *r;
    struct arena *arena;
    struct identities *ids;
    struct query_call q; /* what the shared parts of IAM's actions want: counts and limits */
    struct change change;
    struct sealed_key key;
    bool has_key;
    bool keyless; /* users may be made without a key */
};

struct admin_call *admin_begin(struct req *);

/* ---- in: 0, or -1 after req_fail ---- */

int admin_open_body(struct admin_call *, struct bytes *ret);
int admin_open_json(struct admin_call *, json_t **ret); /* a sealed JSON object */
int admin_plain_json(struct admin_call *, json_t **ret);
/* A parameter that must be there and not be empty. */
int admin_param(struct req *, const char *name, struct bytes *ret);
/* Parameters of one name, in order. */
size_t admin_params(struct req *, const char *name, struct bytes **ret);

/* ---- out: all answer 0, or -1 after req_fail ---- */

int admin_reply(struct req *, json_t *);               /* the reference is taken */
int admin_reply_text(struct req *, struct bytes);      /* JSON that is text already */
int admin_reply_sealed(struct admin_call *, json_t *); /* the reference is taken */
int admin_reply_sealed_text(struct admin_call *, struct bytes);
int admin_reply_nothing(struct req *, int status);
int admin_reply_zip(struct req *, const char *file_name); /* what was put into resp.doc */
/* A reply without an end: server/admin_api/trace.h. */
int admin_stream(struct req *, bool (*take)(void *arg, struct buf *out), void (*end)(void *arg), void *arg);
json_t *admin_time(int64_t ms);                 /* RFC 3339; the zero time of Go for 0 */
void admin_time_text(int64_t ms, char out[40]); /* with milliseconds */
const char *admin_peer(const struct req *);     /* the client's address */
struct bytes admin_host(const struct req *);    /* what this node is called: as the client calls it */

/* ---- failing ---- */

int admin_fail_query(struct admin_call *); /* what a shared part of IAM's actions refused */
int admin_apply(struct admin_call *);      /* the change */
/* Secrets that are made are sealed with it; a server may run without it when it cannot be read. */
int admin_need_master_key(struct admin_call *);

/*
 * May the caller do this? `self`: it is about himself, which needs no policy, but must not be denied. Keys that are
 * bounded by a policy of their own, and temporary ones, count as nobody's self: they would reach beyond their bounds.
 */
int admin_check(struct admin_call *, const char *action, bool self);
/* The name of the user who calls, as records have it; empty: the root, or nobody's user. */
struct bytes admin_caller(const struct admin_call *);
/* What the caller's user is called in this API: root by its access key. */
struct bytes admin_user_shown(const struct admin_call *, struct bytes name);
bool admin_is_root_name(const struct admin_call *, struct bytes name);

/* ---- several changes in one request ---- */

/*
 * What went wrong is put away, for the request goes on: its text in the arena. False: it was the server that failed, so
 * the request had better end.
 */
bool admin_forgive(struct req *, struct bytes *ret_why);

/* ---- entities ---- */

int admin_find(struct admin_call *, enum entity, struct bytes name, enum s3_error missing, json_t **ret);
/* A record of something new; *ret is not in the change yet, but what goes with it is. */
int admin_new_entity(struct admin_call *, enum entity, struct bytes name, json_t **ret);
void admin_put(struct admin_call *, enum entity, const json_t *record);
void admin_delete_entity_keys(struct admin_call *, enum entity, const json_t *record);
typedef int admin_each_f(struct admin_call *, json_t *record, void *arg); /* negative ends it */
int admin_each(struct admin_call *, enum entity, admin_each_f *f, void *arg);
bool admin_name_good(struct bytes name, size_t max);
/* Names of a group's users. */
int admin_members(struct admin_call *, struct bytes group, size_t max, struct bytes **ret, size_t *ret_n);

/* ---- policies.c ---- */

struct bytes admin_policy_of_arn(struct bytes arn);  /* its name */
json_t *admin_policies(const json_t *record);        /* names of what is attached, a new array */
json_t *admin_policies_joined(const json_t *record); /* the same as one text with commas */
/* The ARN of the policy that is called so. -1: there is none. */
int admin_policy_arn(struct admin_call *, struct bytes name, struct bytes *ret);
/* Makes just these the attached ones. */
int admin_set_policies(struct admin_call *, json_t *record, const struct bytes *names, size_t n);
/* "a,b" as names; empty ones are passed over. */
size_t admin_split(struct admin_call *, struct bytes text, struct bytes **ret);
/* MinIO's statements of admin actions need name no resource; ours do. The text that is stored, checked. */
int admin_policy_text(struct admin_call *, json_t *policy, size_t max_chars, struct bytes *ret);

/* ---- for imports: one change each; 0, or -1 after req_fail ---- */

int admin_put_policy(struct admin_call *, struct bytes name, json_t *policy);
/* `body` as add-user has it. Without a secret the user gets no key, unless he has one. */
int admin_put_user(struct admin_call *, struct bytes name, const json_t *body);
/* `body` as update-group-members has it; any number of members. */
int admin_put_group(struct admin_call *, const json_t *body);
int admin_put_mapping(struct admin_call *, enum entity, struct bytes name, struct bytes policies);
/* `body` as svcaccts.json has it; a key that is there is replaced, if it is of the same user. */
int admin_put_key(struct admin_call *, struct bytes id, const json_t *body);

/* ---- keys.c ---- */

/* The keys of a user, gone with all that belongs to them. */
int admin_delete_keys(struct admin_call *, const json_t *owner);

/* ---- usage, info.c ---- */

json_t *admin_quota_json(uint64_t quota);
int admin_put_quota(struct req *, struct bytes bucket); /* the request's body, plain */

#endif
