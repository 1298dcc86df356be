// SPDX-License-Identifier: Apache-2.0
/*
 * Every action that this server knows, by service. Lists are written as name:resource:groups.
 *   resource  b bucket, o object, u user, g group, r role, p policy, i identity provider, * anything
 *   groups    of condition keys that go with it (keys.ts), a letter each
 */
export type Level = 'list' | 'read' | 'write' | 'tagging' | 'permissions';
export type ResourceKind = 'b' | 'o' | 'u' | 'g' | 'r' | 'p' | 'i' | '*';
export type ServiceId = 's3' | 'iam' | 'sts' | 'admin' | 'pail' | 'kms';
export type Action = { name: string; service: ServiceId; level: Level; resource: ResourceKind; groups: string };

export const SERVICES: readonly ServiceId[] = ['s3', 'iam', 'sts', 'admin', 'pail', 'kms'];
export const LEVELS: readonly Level[] = ['list', 'read', 'write', 'tagging', 'permissions'];

/** Those that a bucket policy may name. */
const S3_OF_BUCKETS = `
  AbortMultipartUpload:o, BypassGovernanceRetention:o:acehknrw, CreateBucket:b:ab, CreateBucketMetadataTableConfiguration:b, DeleteBucket:b,
  DeleteBucketMetadataTableConfiguration:b, DeleteBucketPolicy:b, DeleteBucketWebsite:b, DeleteObject:o:m, DeleteObjectAnnotation:o, DeleteObjectTagging:o:t,
  DeleteObjectVersion:o:v, DeleteObjectVersionTagging:o:tv, GetAccelerateConfiguration:b, GetAnalyticsConfiguration:b, GetBucketAbac:b, GetBucketAcl:b, GetBucketCORS:b,
  GetBucketLocation:b, GetBucketLogging:b, GetBucketMetadataTableConfiguration:b, GetBucketNotification:b, GetBucketObjectLockConfiguration:b, GetBucketOwnershipControls:b,
  GetBucketPolicy:b, GetBucketPolicyStatus:b, GetBucketPublicAccessBlock:b, GetBucketRequestPayment:b, GetBucketTagging:b, GetBucketVersioning:b, GetBucketWebsite:b,
  GetEncryptionConfiguration:b, GetIntelligentTieringConfiguration:b, GetInventoryConfiguration:b, GetLifecycleConfiguration:b, GetMetricsConfiguration:b, GetObject:o:t,
  GetObjectAcl:o:t, GetObjectAnnotation:o:t, GetObjectAttributes:o:t, GetObjectLegalHold:o, GetObjectRetention:o, GetObjectTagging:o:t, GetObjectTorrent:o,
  GetObjectVersion:o:tv, GetObjectVersionAcl:o:tv, GetObjectVersionAttributes:o:tv, GetObjectVersionForReplication:o, GetObjectVersionTagging:o:tv,
  GetObjectVersionTorrent:o:v, GetReplicationConfiguration:b, InitiateReplication:o, ListBucket:b:l, ListBucketMultipartUploads:b, ListBucketVersions:b:l,
  ListMultipartUploadParts:o, ListObjectAnnotations:o:t, ListTagsForResource:b, ObjectOwnerOverrideToBucketOwner:o, PutAccelerateConfiguration:b,
  PutAnalyticsConfiguration:b, PutBucketAbac:b, PutBucketAcl:b:a, PutBucketCORS:b, PutBucketLogging:b, PutBucketNotification:b, PutBucketObjectLockConfiguration:b,
  PutBucketOwnershipControls:b, PutBucketPolicy:b, PutBucketPublicAccessBlock:b, PutBucketRequestPayment:b, PutBucketTagging:b, PutBucketVersioning:b, PutBucketWebsite:b,
  PutEncryptionConfiguration:b, PutIntelligentTieringConfiguration:b, PutInventoryConfiguration:b:i, PutLifecycleConfiguration:b, PutMetricsConfiguration:b,
  PutObject:o:acehkmnrwx, PutObjectAcl:o:act, PutObjectAnnotation:o, PutObjectLegalHold:o:h, PutObjectRetention:o:n, PutObjectTagging:o:rt, PutObjectVersionAcl:o:actv,
  PutObjectVersionTagging:o:rtv, PutReplicationConfiguration:b, ReplicateDelete:o, ReplicateObject:o:ek, ReplicateTags:o, RestoreObject:o, TagResource:b, UntagResource:b,
  UpdateBucketMetadataAnnotationTableConfiguration:b, UpdateBucketMetadataInventoryTableConfiguration:b, UpdateBucketMetadataJournalTableConfiguration:b,
  UpdateObjectEncryption:o:et`;
/** Of accounts: only policies of users, groups and roles grant them. */
const S3_OF_ACCOUNTS = 'ListAllMyBuckets:*, GetAccountPublicAccessBlock:*, PutAccountPublicAccessBlock:*';
const IAM = `
  CreateUser:u, GetUser:u, ListUsers:*, UpdateUser:u, DeleteUser:u, CreateGroup:g, GetGroup:g, ListGroups:*, UpdateGroup:g, DeleteGroup:g, AddUserToGroup:g,
  RemoveUserFromGroup:g, ListGroupsForUser:u, CreateRole:r, GetRole:r, ListRoles:*, UpdateRole:r, UpdateRoleDescription:r, UpdateAssumeRolePolicy:r, DeleteRole:r,
  TagUser:u, UntagUser:u, ListUserTags:u, TagRole:r, UntagRole:r, ListRoleTags:r, CreatePolicy:p, GetPolicy:p, ListPolicies:*, DeletePolicy:p, CreatePolicyVersion:p,
  GetPolicyVersion:p, ListPolicyVersions:p, DeletePolicyVersion:p, SetDefaultPolicyVersion:p, TagPolicy:p, UntagPolicy:p, ListPolicyTags:p, ListEntitiesForPolicy:p,
  AttachUserPolicy:u, AttachGroupPolicy:g, AttachRolePolicy:r, DetachUserPolicy:u, DetachGroupPolicy:g, DetachRolePolicy:r, ListAttachedUserPolicies:u,
  ListAttachedGroupPolicies:g, ListAttachedRolePolicies:r, PutUserPolicy:u, PutGroupPolicy:g, PutRolePolicy:r, GetUserPolicy:u, GetGroupPolicy:g, GetRolePolicy:r,
  ListUserPolicies:u, ListGroupPolicies:g, ListRolePolicies:r, DeleteUserPolicy:u, DeleteGroupPolicy:g, DeleteRolePolicy:r, PutUserPermissionsBoundary:u,
  PutRolePermissionsBoundary:r, DeleteUserPermissionsBoundary:u, DeleteRolePermissionsBoundary:r, CreateAccessKey:u, ListAccessKeys:u, UpdateAccessKey:u, DeleteAccessKey:u,
  GetAccessKeyLastUsed:*, GetAccountSummary:*, CreateOpenIDConnectProvider:i, GetOpenIDConnectProvider:i, ListOpenIDConnectProviders:*, DeleteOpenIDConnectProvider:i,
  AddClientIDToOpenIDConnectProvider:i, RemoveClientIDFromOpenIDConnectProvider:i, UpdateOpenIDConnectProviderThumbprint:i, TagOpenIDConnectProvider:i,
  UntagOpenIDConnectProvider:i, ListOpenIDConnectProviderTags:i, SimulatePrincipalPolicy:*, SimulateCustomPolicy:*,
  PassRole:r, ChangePassword:u`;
const STS =
  'AssumeRole:r, AssumeRoleWithWebIdentity:r, GetCallerIdentity:*, GetFederationToken:*, GetSessionToken:*, SetSourceIdentity:r, TagSession:r';
const ADMIN = `
  AddUserToGroup:*, AttachUserOrGroupPolicy:*, ConfigUpdate:*, ConsoleLog:*, CreateServiceAccount:*, DataUsageInfo:*, DisableGroup:*,
  DisableUser:*, EnableGroup:*, EnableUser:*, GetBucketQuota:*, GetUser:*, ListServiceAccounts:*, Prometheus:*, RemoveServiceAccount:*,
  RemoveUserFromGroup:*, ServerInfo:*, ServerTrace:*, ServiceFreeze:*, ServiceRestart:*, ServiceStop:*, SetBucketQuota:*, UpdateServiceAccount:*`;
const PAIL = 'CreateAccount:*, CreateKey:*, DeleteAccount:*, DeleteKey:*, DisableKey:*, EnableKey:*, GetAccount:*, GetKey:*, ListAccounts:*, ListKeys:*, RotateKey:*';
const KMS = 'Decrypt:*, GenerateDataKey:*';

const PERMISSIONS =
  /^((Put|Delete).*(Policy|Acl|PublicAccessBlock|OwnershipControls|PermissionsBoundary)$|Attach|Detach|(Add|Remove)User(To|From)Group|PassRole|AssumeRole|Bypass|ObjectOwnerOverride|(Create|Set|Update).*Policy|AttachUserOr|.*AccessKey$|.*ServiceAccount$)/;

/** How much an action can do: as the access levels that IAM's documentation groups actions by. */
export function levelOf(name: string): Level {
  if (/^(ListBucket$|List)/.test(name)) return name === 'ListObjectAnnotations' ? 'read' : 'list';
  if (/^(Get|Describe|Head|Simulate|Decrypt|Generate(Data|Credential)|ServerInfo|ServerTrace|ConsoleLog|Prometheus|DataUsage)/.test(name)) return 'read';
  if (/(Tagging$|^Tag|^Untag|ReplicateTags)/.test(name)) return 'tagging';
  return PERMISSIONS.test(name) ? 'permissions' : 'write';
}

const read = (service: ServiceId, list: string): Action[] =>
  list
    .split(',')
    .map((row) => row.trim().split(':'))
    .map(([name = '', resource = '*', groups = '']) => ({ name: `${service}:${name}`, service, level: levelOf(name), resource: resource as ResourceKind, groups }));

const ofBuckets = read('s3', S3_OF_BUCKETS);

/** By service and name. */
export const ACTIONS: readonly Action[] = [
  ...ofBuckets,
  ...read('s3', S3_OF_ACCOUNTS),
  ...read('iam', IAM),
  ...read('sts', STS),
  ...read('admin', ADMIN),
  ...read('pail', PAIL),
  ...read('kms', KMS),
];

export const BUCKET_ACTIONS: readonly Action[] = ofBuckets;
export const TRUST_ACTIONS: readonly string[] = ['sts:AssumeRole', 'sts:AssumeRoleWithWebIdentity', 'sts:AssumeRoleWithSAML', 'sts:TagSession', 'sts:SetSourceIdentity', 'sts:SetContext'];

/** Does a text match a pattern with * and ?, without regard to case? Takes time of their lengths' product at most, whatever the pattern. */
export function matches(pattern: string, text: string): boolean {
  const p = pattern.toLowerCase();
  const s = text.toLowerCase();
  let i = 0;
  let k = 0;
  let star = -1;
  let mark = 0;
  while (k < s.length) {
    if (p[i] === '*') {
      star = i++;
      mark = k;
    } else if (i < p.length && (p[i] === '?' || p[i] === s[k])) {
      i++;
      k++;
    } else if (star >= 0) {
      i = star + 1;
      k = ++mark;
    } else return false;
  }
  while (p[i] === '*') i++;
  return i === p.length;
}

/** The known actions that a pattern stands for. */
export const expand = (pattern: string, among: readonly Action[] = ACTIONS): Action[] => (pattern.length > 256 ? [] : among.filter((a) => matches(pattern, a.name)));
