/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MinIO's admin API, version 3, as mc and madmin speak it: /minio/admin/v3/... The table of its operations is in
 * routes.c; what makes no sense for one server on one machine is there too, with the reason that is answered.
 * Threads: handlers run on workers; the table is constant.
 */
#ifndef PAIL_SERVER_ADMIN_API_ADMIN_API_H
#define PAIL_SERVER_ADMIN_API_ADMIN_API_H

#include <stddef.h>

#include "s3_error.h"

struct config;
struct req;
struct s3_op;
struct server;
struct store;

/* The table, for own_ops.c. */
const struct s3_op *admin_op_table(size_t *ret_n);
/* What a path below /minio/admin/ answers that no row has. */
enum s3_error admin_unknown_path(const struct req *);

/* users.c */
int admin_add_user(struct req *);
int admin_remove_user(struct req *);
int admin_set_user_status(struct req *);
int admin_list_users(struct req *);
int admin_user_info(struct req *);
int admin_update_group(struct req *);
int admin_group_info(struct req *);
int admin_list_groups(struct req *);
int admin_set_group_status(struct req *);
/* policies.c */
int admin_add_policy(struct req *);
int admin_remove_policy(struct req *);
int admin_info_policy(struct req *);
int admin_list_policies(struct req *);
int admin_set_user_or_group_policy(struct req *);
int admin_attach_policy(struct req *);
int admin_detach_policy(struct req *);
int admin_policy_entities(struct req *);
/* keys.c */
int admin_add_key(struct req *);
int admin_update_key(struct req *);
int admin_delete_key(struct req *);
int admin_info_key(struct req *);
int admin_info_any_key(struct req *);
int admin_list_keys(struct req *);
int admin_list_all_keys(struct req *);
/* keys.c, in plain JSON: /pail/v1/access-keys */
#define ACCESS_KEY_BODY_MAX (64u * 1024)
int access_keys_list(struct req *);
int access_keys_add(struct req *);
int access_keys_change(struct req *);
/* info.c */
int admin_info(struct req *);
int admin_storage_info(struct req *);
int admin_data_usage(struct req *);
int admin_account_info(struct req *);
int admin_service(struct req *);
int admin_get_quota(struct req *);
int admin_set_quota(struct req *);
int admin_list_nothing(struct req *);
/* logs.c */
int admin_logs(struct req *);
/* realtime.c */
int admin_realtime(struct req *);
/* heal.c */
int admin_heal(struct req *);
int admin_heal_status(struct req *); /* info.c */
/* kms.c */
int admin_kms_status(struct req *);
int admin_kms_version(struct req *);
int admin_kms_apis(struct req *);
int admin_kms_create(struct req *);
int admin_kms_list(struct req *);
int admin_kms_key_status(struct req *);
/* iam_archive.c, bucket_archive.c */
int admin_export_iam(struct req *);
int admin_import_iam(struct req *);
int admin_import_iam_v2(struct req *);
int admin_export_buckets(struct req *);
int admin_import_buckets(struct req *);
/* providers.c */
int admin_list_providers(struct req *);
/* deployment.c: the data folder's UUID, made when there is none; empty when that fails. At start. */
void admin_deployment_id(struct store *, char ret[37]);
/* settings.c */
int admin_config_history(struct req *);
int admin_clear_config_history(struct req *);
int admin_restore_config(struct req *);
int admin_get_config(struct req *);
int admin_set_config(struct req *);
int admin_delete_config(struct req *);
int admin_help_config(struct req *);

int admin_not_here(struct req *);

#endif
