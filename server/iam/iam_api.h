/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the actions of IAM share: kinds of entities, finding them, counting them, listing them in pages.
 * Internal to server/iam; the table of actions is in iam_api.c. Threads: workers.
 */
#ifndef PAIL_SERVER_IAM_IAM_API_H
#define PAIL_SERVER_IAM_IAM_API_H

#include "server/iam/query.h"

struct entity_kind {
    enum entity kind;
    const char *param;         /* UserName */
    const char *new_param;     /* NewUserName */
    const char *noun, *Noun;   /* user, User */
    const char *arn;           /* type in its ARN */
    const char *prefix;        /* AIDA */
    const char *list;          /* Users */
    uint64_t max;              /* of an account */
    uint64_t max_inline_chars; /* the sum of its inline policies */
};
const struct entity_kind *entity_kind(enum entity);
enum entity api_kind(const struct query_call *); /* user, group or role, as the row of its action says */

/* 0, or -1 with NoSuchEntity. */
int api_find(struct query_call *, enum entity, struct bytes name, json_t **ret);
struct bytes api_arn(struct query_call *, enum entity, const json_t *record);
/* An entity as its lists show it; `full` with what Get adds. */
void api_render(struct query_call *, enum entity, const json_t *record, bool full);
void api_tags(struct query_call *, const json_t *record, const char *element);
/* One more or less of a kind, in the change. -1: LimitExceeded. */
int api_count(struct query_call *, struct change *, enum entity, int by);
/* One more or less use of a policy, attached or as a boundary. -1: there is no such policy. */
int api_count_use(struct query_call *, struct change *, struct bytes arn, bool boundary, int by);
int64_t api_managed_uses(struct query_call *, struct bytes arn, bool boundary);

void api_time(struct buf *, const char *element, int64_t ms);
void api_text(struct buf *, const char *element, struct bytes); /* left out when it is empty */
void api_bool(struct buf *, const char *element, bool);
void api_document(struct query_call *, const char *element, struct bytes text); /* percent-encoded */

/* ---- pages ---- */

/* Renders a record as one <member>; false: it is none of this list. */
typedef bool api_row_f(struct query_call *, json_t *record, void *arg);
/* All records whose keys begin with `prefix`, as <List><member>...: PathPrefix, MaxItems and Marker are obeyed. */
int api_list(struct query_call *, struct bytes prefix, const char *list, api_row_f *row, void *arg);
/* Which part of a list of n is asked for; api_page_end tells how it goes on. */
int api_page(struct query_call *, size_t n, size_t *ret_from, size_t *ret_to);
void api_page_end(struct query_call *, size_t n, size_t to);

/* ---- policies ---- */

/* Checks a policy's text. 0, or -1 after query_fail. */
int api_policy(struct query_call *, enum iam_policy_kind, size_t max_chars, struct bytes text);
/* Principals of a trust policy as unique ids, and back, as far as they exist. */
struct bytes trust_to_ids(struct query_call *, struct bytes text);
struct bytes trust_to_arns(struct query_call *, struct bytes text);

/* Handlers: iam_entities.c; those for all kinds look at what their action is on. */
query_handler_f iam_create_user, iam_get_user, iam_list_users, iam_update_user, iam_delete_entity, iam_create_group,
    iam_get_group, iam_list_groups, iam_update_group, iam_create_role, iam_get_role, iam_list_roles, iam_update_role,
    iam_update_role_description, iam_update_trust, iam_add_to_group, iam_remove_from_group, iam_groups_of_user,
    iam_tag_entity, iam_untag_entity, iam_list_entity_tags;
/* iam_policies.c */
query_handler_f iam_create_policy, iam_get_policy, iam_list_policies, iam_delete_policy, iam_create_version,
    iam_get_version, iam_list_versions, iam_delete_version, iam_set_default_version, iam_attach, iam_detach,
    iam_list_attached, iam_put_inline, iam_get_inline, iam_list_inline, iam_delete_inline, iam_put_boundary,
    iam_delete_boundary, iam_tag_policy, iam_untag_policy, iam_list_policy_tags, iam_entities_for_policy;
/* iam_keys.c */
query_handler_f iam_create_key, iam_list_keys, iam_update_key, iam_delete_key, iam_key_last_used, iam_account_summary,
    iam_create_provider, iam_get_provider, iam_list_providers, iam_delete_provider, iam_add_client, iam_remove_client,
    iam_update_thumbprints, iam_tag_provider, iam_untag_provider, iam_list_provider_tags;
/* simulate.c */
query_handler_f iam_simulate_principal, iam_simulate_custom;

int api_tag(struct query_call *, enum entity, struct bytes name);
int api_untag(struct query_call *, enum entity, struct bytes name);
int api_list_tags(struct query_call *, enum entity, struct bytes name);

#endif
