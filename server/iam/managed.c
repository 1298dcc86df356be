/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies that are there without anybody making them: those of AWS that concern S3 and IAM, under their real ARNs and
 * with their real words, and MinIO's five beside them. They belong to the account `aws`, are the same in every account
 * and cannot be changed.
 * Threads: constant after managed_open.
 */
#include <openssl/sha.h>
#include <string.h>

#include "base/check.h"
#include "server/iam/records.h"

#define DOC(statements)          "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"
#define ALLOW(actions, resource) "{\"Effect\":\"Allow\",\"Action\":[" actions "],\"Resource\":" resource "}"
#define S3_READ                  "\"s3:Get*\",\"s3:List*\",\"s3:Describe*\",\"s3-object-lambda:Get*\",\"s3-object-lambda:List*\""
#define ARN_PREFIX               "arn:aws:iam::aws:policy"

static struct managed_policy all[] = {
    {.name = "AdministratorAccess",
     .path = "/",
     .description = "Provides full access to AWS services and resources.",
     .document = DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}")},
    {.name = "AmazonS3FullAccess",
     .path = "/",
     .description = "Provides full access to all buckets via the AWS Management Console.",
     .document = DOC(ALLOW("\"s3:*\",\"s3-object-lambda:*\"", "\"*\""))},
    {.name = "AmazonS3ReadOnlyAccess",
     .path = "/",
     .description = "Provides read only access to all buckets via the AWS Management Console.",
     .document = DOC(ALLOW(S3_READ, "\"*\""))},
    {.name = "IAMFullAccess",
     .path = "/",
     .description = "Provides full access to IAM via the AWS Management Console.",
     .document =
         DOC(ALLOW("\"iam:*\",\"organizations:DescribeAccount\",\"organizations:DescribeOrganization\","
                   "\"organizations:DescribeOrganizationalUnit\",\"organizations:DescribePolicy\","
                   "\"organizations:ListChildren\",\"organizations:ListParents\","
                   "\"organizations:ListPoliciesForTarget\",\"organizations:ListRoots\",\"organizations:ListPolicies\","
                   "\"organizations:ListTargetsForPolicy\"",
                   "\"*\""))},
    {.name = "IAMReadOnlyAccess",
     .path = "/",
     .description = "Provides read only access to IAM via the AWS Management Console.",
     .document = DOC(ALLOW("\"iam:GenerateCredentialReport\",\"iam:GenerateServiceLastAccessedDetails\",\"iam:Get*\","
                           "\"iam:List*\",\"iam:SimulateCustomPolicy\",\"iam:SimulatePrincipalPolicy\"",
                           "\"*\""))},
    {.name = "IAMUserChangePassword",
     .path = "/",
     .description = "Provides the ability for an IAM user to change their own password.",
     .document = DOC(ALLOW("\"iam:ChangePassword\"", "[\"arn:aws:iam::*:user/${aws:username}\"]") "," ALLOW(
         "\"iam:GetAccountPasswordPolicy\"", "\"*\""))},
    {.name = "ReadOnlyAccess",
     .path = "/",
     .description = "Provides read-only access to AWS services and resources.",
     .document =
         DOC(ALLOW(S3_READ ",\"iam:Get*\",\"iam:List*\",\"iam:Simulate*\",\"sts:GetCallerIdentity\"", "\"*\""))},
    {.name = "PowerUserAccess",
     .path = "/",
     .description = "Provides full access to AWS services and resources, but does not allow management of Users and "
                    "groups.",
     .document = DOC("{\"Effect\":\"Allow\",\"NotAction\":[\"iam:*\",\"organizations:*\",\"account:*\"],\"Resource\":"
                     "\"*\"}," ALLOW("\"iam:ListRoles\"", "\"*\""))},
    {.name = "readwrite",
     .path = "/",
     .description = "All of S3, as MinIO's policy of this name.",
     .document = DOC(ALLOW("\"s3:*\"", "[\"arn:aws:s3:::*\"]"))},
    {.name = "readonly",
     .path = "/",
     .description = "Reading objects, as MinIO's policy of this name.",
     .document = DOC(ALLOW("\"s3:GetBucketLocation\",\"s3:GetObject\"", "[\"arn:aws:s3:::*\"]"))},
    {.name = "writeonly",
     .path = "/",
     .description = "Writing objects, as MinIO's policy of this name.",
     .document = DOC(ALLOW("\"s3:PutObject\"", "[\"arn:aws:s3:::*\"]"))},
    {.name = "diagnostics",
     .path = "/",
     .description = "Watching the server, as MinIO's policy of this name.",
     .document = DOC(ALLOW("\"admin:ServerTrace\",\"admin:Profiling\",\"admin:ConsoleLog\",\"admin:ServerInfo\","
                           "\"admin:TopLocksInfo\",\"admin:OBDInfo\",\"admin:BandwidthMonitor\",\"admin:Prometheus\"",
                           "[\"arn:aws:s3:::*\"]"))},
    {.name = "consoleAdmin",
     .path = "/",
     .description = "Everything, as MinIO's policy of this name.",
     .document = DOC(
         ALLOW("\"admin:*\",\"kms:*\",\"iam:*\",\"sts:*\"", "\"*\"") "," ALLOW("\"s3:*\"", "[\"arn:aws:s3:::*\"]"))},
};

/* The same id each time, made of the name. */
static void make_id(struct managed_policy *m)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned char digest[32];
    SHA256((const unsigned char *)m->name, strlen(m->name), digest);
    memcpy(m->id, "ANPA", 4);
    for (size_t i = 4; i < IAM_UNIQUE_ID_LEN; i++)
        m->id[i] = letters[digest[i] & 31];
    m->id[IAM_UNIQUE_ID_LEN] = '\0';
}

void managed_open(struct arena *a)
{
    static const struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct iam_policy_error error;
        make_id(&all[i]);
        all[i].arn = arena_bytesf(a, ARN_PREFIX "%s%s", all[i].path, all[i].name);
        all[i].parsed = iam_policy_parse(a, &rules, bytes_str(all[i].document), &error);
        CHECK(all[i].parsed);
    }
}

const struct managed_policy *managed_find(struct bytes arn)
{
    if (!bytes_starts(arn, BYTES_LIT(ARN_PREFIX)))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (bytes_eq(all[i].arn, arn))
            return &all[i];
    return NULL;
}

const struct managed_policy *managed_all(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(all);
    return all;
}
