// SPDX-License-Identifier: Apache-2.0
/* What the user may see and change of a bucket, asked at once. */
import { bucketArn, objectArn, useCan } from '../../app';

const ON_BUCKET = {
  status: 'admin:DataUsageInfo',
  getVersioning: 's3:GetBucketVersioning',
  putVersioning: 's3:PutBucketVersioning',
  getLock: 's3:GetBucketObjectLockConfiguration',
  putLock: 's3:PutBucketObjectLockConfiguration',
  getEncryption: 's3:GetEncryptionConfiguration',
  putEncryption: 's3:PutEncryptionConfiguration',
  getLifecycle: 's3:GetLifecycleConfiguration',
  putLifecycle: 's3:PutLifecycleConfiguration',
  list: 's3:ListBucket',
  getPolicy: 's3:GetBucketPolicy',
  putPolicy: 's3:PutBucketPolicy',
  deletePolicy: 's3:DeleteBucketPolicy',
  getPolicyStatus: 's3:GetBucketPolicyStatus',
  getBlock: 's3:GetBucketPublicAccessBlock',
  putBlock: 's3:PutBucketPublicAccessBlock',
  getOwnership: 's3:GetBucketOwnershipControls',
  putOwnership: 's3:PutBucketOwnershipControls',
  getAcl: 's3:GetBucketAcl',
  putAcl: 's3:PutBucketAcl',
  getPayment: 's3:GetBucketRequestPayment',
  putPayment: 's3:PutBucketRequestPayment',
  getCors: 's3:GetBucketCORS',
  putCors: 's3:PutBucketCORS',
  getTags: 's3:GetBucketTagging',
  putTags: 's3:PutBucketTagging',
  getQuota: 'admin:GetBucketQuota',
  putQuota: 'admin:SetBucketQuota',
  listUploads: 's3:ListBucketMultipartUploads',
  delete: 's3:DeleteBucket',
  listVersions: 's3:ListBucketVersions',
  getNotification: 's3:GetBucketNotification',
  putNotification: 's3:PutBucketNotification',
  getReplication: 's3:GetReplicationConfiguration',
  putReplication: 's3:PutReplicationConfiguration',
  getLogging: 's3:GetBucketLogging',
  putLogging: 's3:PutBucketLogging',
  getWebsite: 's3:GetBucketWebsite',
  putWebsite: 's3:PutBucketWebsite',
  simulate: 'iam:SimulatePrincipalPolicy',
  listUsers: 'iam:ListUsers',
  listGroups: 'iam:ListGroups',
} as const;

const ON_OBJECTS = {
  abort: 's3:AbortMultipartUpload',
  deleteVersion: 's3:DeleteObjectVersion',
} as const;

export type Right = keyof typeof ON_BUCKET | keyof typeof ON_OBJECTS;
export type Rights = Record<Right, boolean>;

const names = [...Object.keys(ON_BUCKET), ...Object.keys(ON_OBJECTS)] as Right[];

export function useRights(bucket: string): { rights: Rights; isLoading: boolean } {
  const { allowed, isLoading } = useCan([
    ...Object.values(ON_BUCKET).map((action) => (action.startsWith('s3:') ? { action, resource: bucketArn(bucket) } : { action })),
    ...Object.values(ON_OBJECTS).map((action) => ({ action, resource: objectArn(bucket) })),
  ]);
  const rights = Object.fromEntries(names.map((n, i) => [n, allowed[i] ?? false])) as Rights;
  return { rights, isLoading };
}
