/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of MinIO's admin API. Each row has the IAM action that MinIO asks for, so that its policies mean here what
 * they mean there; rows with OP_OWN_SELF are also anybody's about himself, which their handlers decide.
 * Threads: constant; admin_not_here: workers.
 */
#include "base/check.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/archive.h"
#include "server/admin_api/common.h"
#include "server/admin_api/trace.h"
#include "server/ops.h"

#define ROW(verb, what, label, right, more, function)                                                                  \
    {                                                                                                                  \
        .name = label, .method = HTTP_##verb, .level = ON_OWN, .path = ADMIN_PATH what, .kind = OP_DOC,                \
        .action = "admin:" right, .body_max = SEALED_BODY_MAX, .flags = (more), .handle = (function)                   \
    }
#define UPLOAD(what, label, right, function)                                                                           \
    {                                                                                                                  \
        .name = label, .method = HTTP_PUT, .level = ON_OWN, .path = ADMIN_PATH what, .kind = OP_DOC,                   \
        .action = "admin:" right, .body_max = ARCHIVE_BODY_MAX, .handle = (function)                                   \
    }
#define KMS(verb, what, label, right, function)                                                                        \
    {                                                                                                                  \
        .name = label, .method = HTTP_##verb, .level = ON_OWN, .path = KMS_PATH what, .kind = OP_DOC,                  \
        .action = "kms:" right, .body_max = SEALED_BODY_MAX, .handle = (function)                                      \
    }
#define SELF OP_OWN_SELF

static const struct s3_op rows[] = {
    ROW(GET, "info", "AdminInfo", "ServerInfo", 0, admin_info),
    ROW(GET, "storageinfo", "AdminStorageInfo", "StorageInfo", 0, admin_storage_info),
    ROW(GET, "datausageinfo", "AdminDataUsageInfo", "DataUsageInfo", 0, admin_data_usage),
    ROW(GET, "accountinfo", "AdminAccountInfo", "AccountInfo", SELF, admin_account_info),
    ROW(POST, "service", "AdminService", "ServiceRestart", SELF, admin_service),
    ROW(GET, "get-config-kv", "AdminGetConfig", "ConfigUpdate", 0, admin_get_config),
    ROW(PUT, "set-config-kv", "AdminSetConfig", "ConfigUpdate", 0, admin_set_config),
    ROW(DELETE, "del-config-kv", "AdminDeleteConfig", "ConfigUpdate", 0, admin_delete_config),
    ROW(GET, "help-config-kv", "AdminHelpConfig", "ConfigUpdate", 0, admin_help_config),
    ROW(GET, "config", "AdminExportConfig", "ConfigUpdate", 0, admin_get_config),
    ROW(PUT, "config", "AdminImportConfig", "ConfigUpdate", 0, admin_set_config),
    ROW(PUT, "add-user", "AdminAddUser", "CreateUser", 0, admin_add_user),
    ROW(DELETE, "remove-user", "AdminRemoveUser", "DeleteUser", 0, admin_remove_user),
    ROW(PUT, "set-user-status", "AdminSetUserStatus", "EnableUser", SELF, admin_set_user_status),
    ROW(GET, "list-users", "AdminListUsers", "ListUsers", 0, admin_list_users),
    ROW(GET, "user-info", "AdminUserInfo", "GetUser", SELF, admin_user_info),
    ROW(PUT, "update-group-members", "AdminUpdateGroup", "AddUserToGroup", SELF, admin_update_group),
    ROW(GET, "group", "AdminGroupInfo", "GetGroup", 0, admin_group_info),
    ROW(GET, "groups", "AdminListGroups", "ListGroups", 0, admin_list_groups),
    ROW(PUT, "set-group-status", "AdminSetGroupStatus", "EnableGroup", SELF, admin_set_group_status),
    ROW(PUT, "add-canned-policy", "AdminAddPolicy", "CreatePolicy", 0, admin_add_policy),
    ROW(DELETE, "remove-canned-policy", "AdminRemovePolicy", "DeletePolicy", 0, admin_remove_policy),
    ROW(GET, "info-canned-policy", "AdminInfoPolicy", "GetPolicy", 0, admin_info_policy),
    ROW(GET, "list-canned-policies", "AdminListPolicies", "ListUserPolicies", 0, admin_list_policies),
    ROW(PUT, "set-user-or-group-policy", "AdminSetPolicy", "AttachUserOrGroupPolicy", 0,
        admin_set_user_or_group_policy),
    ROW(POST, "idp/builtin/policy/attach", "AdminAttachPolicy", "AttachUserOrGroupPolicy", 0, admin_attach_policy),
    ROW(POST, "idp/builtin/policy/detach", "AdminDetachPolicy", "AttachUserOrGroupPolicy", 0, admin_detach_policy),
    ROW(GET, "idp/builtin/policy-entities", "AdminPolicyEntities", "ListUserPolicies", 0, admin_policy_entities),
    ROW(PUT, "add-service-account", "AdminAddAccessKey", "CreateServiceAccount", SELF, admin_add_key),
    ROW(POST, "update-service-account", "AdminUpdateAccessKey", "UpdateServiceAccount", SELF, admin_update_key),
    ROW(DELETE, "delete-service-account", "AdminDeleteAccessKey", "RemoveServiceAccount", SELF, admin_delete_key),
    ROW(GET, "info-service-account", "AdminInfoServiceAccount", "ListServiceAccounts", SELF, admin_info_key),
    ROW(GET, "info-access-key", "AdminInfoAccessKey", "ListServiceAccounts", SELF, admin_info_any_key),
    ROW(GET, "list-service-accounts", "AdminListServiceAccounts", "ListServiceAccounts", SELF, admin_list_keys),
    ROW(GET, "list-access-keys-bulk", "AdminListAccessKeys", "ListServiceAccounts", SELF, admin_list_all_keys),
    ROW(GET, "get-bucket-quota", "AdminGetQuota", "GetBucketQuota", 0, admin_get_quota),
    ROW(PUT, "set-bucket-quota", "AdminSetQuota", "SetBucketQuota", 0, admin_set_quota),
    ROW(GET, "list-remote-targets", "AdminListTargets", "GetBucketTarget", 0, admin_list_nothing),
    ROW(GET, "trace", "AdminTrace", "ServerTrace", 0, admin_trace),
    ROW(GET, "log", "AdminLog", "ConsoleLog", 0, admin_logs),
    ROW(GET, "metrics", "AdminMetrics", "ServerInfo", 0, admin_realtime),
    ROW(POST, "heal/**", "AdminHeal", "Heal", 0, admin_heal),
    ROW(POST, "background-heal/status", "AdminHealStatus", "Heal", 0, admin_heal_status),
    ROW(GET, "list-config-history-kv", "AdminConfigHistory", "ConfigUpdate", 0, admin_config_history),
    ROW(DELETE, "clear-config-history-kv", "AdminClearConfigHistory", "ConfigUpdate", 0, admin_clear_config_history),
    ROW(PUT, "restore-config-history-kv", "AdminRestoreConfig", "ConfigUpdate", 0, admin_restore_config),
    ROW(GET, "export-iam", "AdminExportIam", "ExportIAM", 0, admin_export_iam),
    UPLOAD("import-iam", "AdminImportIam", "ImportIAM", admin_import_iam),
    UPLOAD("import-iam-v2", "AdminImportIamV2", "ImportIAM", admin_import_iam_v2),
    ROW(GET, "export-bucket-metadata", "AdminExportBuckets", "ExportBucketMetadata", 0, admin_export_buckets),
    UPLOAD("import-bucket-metadata", "AdminImportBuckets", "ImportBucketMetadata", admin_import_buckets),
    ROW(GET, "idp-config/**", "AdminListProviders", "ConfigUpdate", 0, admin_list_providers),
    ROW(GET, "top/locks", "AdminTopLocks", "TopLocksInfo", 0, admin_list_nothing),
    ROW(GET, "tier-stats", "AdminTierStats", "ListTier", 0, admin_list_nothing),
    ROW(POST, "kms/status", "AdminKmsStatus", "KMSKeyStatus", 0, admin_kms_status),
    ROW(POST, "kms/key/create", "AdminKmsCreateKey", "KMSCreateKey", 0, admin_kms_create),
    ROW(GET, "kms/key/status", "AdminKmsKeyStatus", "KMSKeyStatus", 0, admin_kms_key_status),
    KMS(GET, "status", "KmsStatus", "Status", admin_kms_status),
    KMS(GET, "version", "KmsVersion", "Version", admin_kms_version),
    KMS(GET, "apis", "KmsApis", "API", admin_kms_apis),
    KMS(POST, "key/create", "KmsCreateKey", "CreateKey", admin_kms_create),
    KMS(GET, "key/list", "KmsListKeys", "ListKeys", admin_kms_list),
    KMS(GET, "key/status", "KmsKeyStatus", "KeyStatus", admin_kms_key_status),
    ROW(GET, "tier", "AdminListTiers", "ListTier", 0, admin_list_nothing),

    /* What follows makes no sense here, or not yet: admin_not_here says why. */
    ROW(POST, "update", "AdminUpdate", "ServerUpdate", 0, admin_not_here),
    ROW(GET, "inspect-data", "AdminInspect", "InspectData", 0, admin_not_here),
    ROW(POST, "inspect-data", "AdminInspect", "InspectData", 0, admin_not_here),
    ROW(GET, "pools/*", "AdminPools", "DecommissionPool", 0, admin_not_here),
    ROW(POST, "pools/*", "AdminPools", "DecommissionPool", 0, admin_not_here),
    ROW(GET, "rebalance/*", "AdminRebalance", "Rebalance", 0, admin_not_here),
    ROW(POST, "rebalance/*", "AdminRebalance", "Rebalance", 0, admin_not_here),
    ROW(POST, "profiling/start", "AdminProfile", "Profiling", 0, admin_not_here),
    ROW(GET, "profiling/download", "AdminProfile", "Profiling", 0, admin_not_here),
    ROW(POST, "profile", "AdminProfile", "Profiling", 0, admin_not_here),
    ROW(GET, "temporary-account-info", "AdminTemporaryAccount", "ListTemporaryAccounts", 0, admin_not_here),
    ROW(PUT, "idp-config/**", "AdminIdpConfig", "ConfigUpdate", 0, admin_not_here),
    ROW(POST, "idp-config/**", "AdminIdpConfig", "ConfigUpdate", 0, admin_not_here),
    ROW(DELETE, "idp-config/**", "AdminIdpConfig", "ConfigUpdate", 0, admin_not_here),
    ROW(GET, "idp/ldap/**", "AdminLdap", "ConfigUpdate", 0, admin_not_here),
    ROW(PUT, "idp/ldap/**", "AdminLdap", "ConfigUpdate", 0, admin_not_here),
    ROW(POST, "idp/ldap/**", "AdminLdap", "ConfigUpdate", 0, admin_not_here),
    ROW(GET, "idp/openid/**", "AdminOpenid", "ListServiceAccounts", 0, admin_not_here),
    ROW(PUT, "set-remote-target", "AdminSetTarget", "SetBucketTarget", 0, admin_not_here),
    ROW(DELETE, "remove-remote-target", "AdminRemoveTarget", "SetBucketTarget", 0, admin_not_here),
    ROW(POST, "replication/**", "AdminReplication", "ReplicationDiff", 0, admin_not_here),
    ROW(GET, "replication/**", "AdminReplication", "ReplicationDiff", 0, admin_not_here),
    ROW(POST, "start-job", "AdminJob", "StartBatchJob", 0, admin_not_here),
    ROW(GET, "list-jobs", "AdminJob", "ListBatchJobs", 0, admin_not_here),
    ROW(GET, "status-job", "AdminJob", "ListBatchJobs", 0, admin_not_here),
    ROW(GET, "describe-job", "AdminJob", "DescribeBatchJob", 0, admin_not_here),
    ROW(DELETE, "cancel-job", "AdminJob", "CancelBatchJob", 0, admin_not_here),
    ROW(PUT, "tier", "AdminTier", "SetTier", 0, admin_not_here),
    ROW(POST, "tier/*", "AdminTier", "SetTier", 0, admin_not_here),
    ROW(GET, "tier/*", "AdminTier", "ListTier", 0, admin_not_here),
    ROW(DELETE, "tier/*", "AdminTier", "SetTier", 0, admin_not_here),
    ROW(GET, "site-replication/**", "AdminSites", "SiteReplicationInfo", 0, admin_not_here),
    ROW(PUT, "site-replication/**", "AdminSites", "SiteReplicationAdd", 0, admin_not_here),
    ROW(POST, "site-replication/**", "AdminSites", "SiteReplicationOperation", 0, admin_not_here),
    KMS(GET, "metrics", "KmsMetrics", "Metrics", admin_not_here),
    KMS(DELETE, "key/delete", "KmsDeleteKey", "DeleteKey", admin_not_here),
    KMS(POST, "key/import", "KmsImportKey", "ImportKey", admin_not_here),
    KMS(GET, "policy/**", "KmsPolicy", "GetPolicy", admin_not_here),
    KMS(GET, "identity/**", "KmsIdentity", "DescribeIdentity", admin_not_here),
    ROW(POST, "force-unlock", "AdminLocks", "ForceUnlock", 0, admin_not_here),
    ROW(POST, "speedtest/**", "AdminSpeedtest", "Heal", 0, admin_not_here),
    ROW(GET, "obdinfo", "AdminHealthInfo", "OBDInfo", 0, admin_not_here),
    ROW(GET, "healthinfo", "AdminHealthInfo", "OBDInfo", 0, admin_not_here),
    ROW(POST, "revoke-tokens/*", "AdminRevoke", "RemoveServiceAccount", 0, admin_not_here),
};

static const struct {
    const char *path, *why;
} reasons[] = {
    {"update", "Pail is updated by its package, not over the network."},
    {"inspect-data", "Pail keeps no data in files that could be inspected one by one; `pail check` reads all of it."},
    {"pools/", "There are no pools here: the data lies in one folder."},
    {"rebalance/", "There are no pools here: the data lies in one folder."},
    {"profil", "This server has no profiler to be driven from outside; use perf on its machine."},
    {"temporary-account-info", "Temporary keys are kept nowhere: all about one is in its session token."},
    {"idp-config/", "Identity providers are made with IAM's CreateOpenIDConnectProvider."},
    {"idp/ldap/", "This server knows no LDAP."},
    {"idp/openid/", "Temporary keys are kept nowhere, so they cannot be listed."},
    {"set-remote-target", "There is no replication to other servers."},
    {"remove-remote-target", "There is no replication to other servers."},
    {"replication/", "There is no replication to other servers."},
    {"site-replication/", "There is no replication to other servers."},
    {"start-job", "There are no batch jobs."},
    {"list-jobs", "There are no batch jobs."},
    {"status-job", "There are no batch jobs."},
    {"describe-job", "There are no batch jobs."},
    {"cancel-job", "There are no batch jobs."},
    {"tier", "Tiers are folders that the server is started with (--tier CLASS=DIR)."},
    {"force-unlock", "Nothing here holds locks that could be broken."},
    {"speedtest", "Measure from a client, for example with warp or wrk."},
    {"key/delete", "Keys are disabled and deleted with `pail key` or /pail/v1/keys."},
    {"key/import", "Keys are made here; none can be brought."},
    {"metrics", "What keys are used for is among the metrics at /pail/v1/metrics."},
    {"policy/", "Who may use keys is said in IAM's policies."},
    {"identity/", "Who may use keys is said in IAM's policies."},
    {"obdinfo", "This server collects nothing about its machine."},
    {"healthinfo", "This server collects nothing about its machine."},
    {"revoke-tokens/", "Temporary keys end when their user or role is changed or removed."},
};

const struct s3_op *admin_op_table(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(rows);
    return rows;
}

enum s3_error admin_unknown_path(const struct req *r)
{
    (void)r;
    return S3E_ADMIN_VERSION_MISMATCH;
}

int admin_not_here(struct req *r)
{
    bool kms = bytes_starts(r->key, BYTES_LIT("kms/"));
    size_t head = (kms ? sizeof KMS_PATH : sizeof ADMIN_PATH) - sizeof "minio/";
    struct bytes path = bytes_cut(r->key, head, r->key.n);
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (bytes_starts(path, bytes_str(reasons[i].path)))
            return req_failf(r, S3E_NOT_IMPLEMENTED, "%s", reasons[i].why);
    return req_fail(r, S3E_NOT_IMPLEMENTED);
}
