// SPDX-License-Identifier: Apache-2.0
import { t, type Key } from '../strings';
import type { PolicyContext } from './validate';

export type Example = { id: string; title: string; text: string };
type Row = [id: string, title: Key, statements: unknown[]];

const S3 = 'arn:aws:s3:::';
const LIST = ['s3:ListBucket', 's3:GetBucketLocation'];

function identity(bucket: string): Row[] {
  const all = [`${S3}${bucket}`, `${S3}${bucket}/*`];
  return [
    ['read', 'identity.exRead', [{ Effect: 'Allow', Action: [...LIST, 's3:GetObject'], Resource: all }]],
    ['write', 'identity.exWrite', [{ Effect: 'Allow', Action: [...LIST, 's3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'], Resource: all }]],
    ['drop', 'identity.exDrop', [{ Effect: 'Allow', Action: ['s3:PutObject', 's3:AbortMultipartUpload'], Resource: [`${S3}${bucket}/*`] }]],
    [
      'home',
      'identity.exHome',
      [
        { Effect: 'Allow', Action: ['s3:ListBucket'], Resource: [`${S3}${bucket}`], Condition: { StringLike: { 's3:prefix': ['${aws:username}/*'] } } },
        { Effect: 'Allow', Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], Resource: [`${S3}${bucket}/\${aws:username}/*`] },
      ],
    ],
    ['keep', 'identity.exKeep', [{ Effect: 'Allow', Action: ['s3:*'], Resource: all }, { Effect: 'Deny', Action: ['s3:DeleteObject*', 's3:DeleteBucket', 's3:PutLifecycleConfiguration', 's3:BypassGovernanceRetention'], Resource: all }]],
    ['network', 'identity.exNetwork', [{ Effect: 'Deny', Action: ['*'], Resource: ['*'], Condition: { NotIpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '192.168.0.0/16'] } } }]],
    [
      'ownKeys',
      'identity.exOwnKeys',
      [{ Effect: 'Allow', Action: ['iam:CreateAccessKey', 'iam:ListAccessKeys', 'iam:UpdateAccessKey', 'iam:DeleteAccessKey', 'iam:GetAccessKeyLastUsed', 'iam:GetUser'], Resource: ['arn:aws:iam::*:user/${aws:username}'] }],
    ],
    ['admin', 'identity.exAdmin', [{ Effect: 'Allow', Action: ['*'], Resource: ['*'] }]],
  ];
}

function ofBucket(bucket: string, account: string): Row[] {
  const all = [`${S3}${bucket}`, `${S3}${bucket}/*`];
  return [
    ['public', 'identity.exPublic', [{ Sid: 'PublicRead', Effect: 'Allow', Principal: '*', Action: ['s3:GetObject'], Resource: [`${S3}${bucket}/*`] }]],
    ['user', 'identity.exUser', [{ Effect: 'Allow', Principal: { AWS: [`arn:aws:iam::${account}:user/alice`] }, Action: [...LIST, 's3:GetObject'], Resource: all }]],
    ['tls', 'identity.exTls', [{ Sid: 'OnlyTls', Effect: 'Deny', Principal: '*', Action: ['s3:*'], Resource: all, Condition: { Bool: { 'aws:SecureTransport': 'false' } } }]],
    ['from', 'identity.exFrom', [{ Effect: 'Deny', Principal: '*', Action: ['s3:*'], Resource: all, Condition: { NotIpAddress: { 'aws:SourceIp': ['10.0.0.0/8'] } } }]],
  ];
}

function trust(account: string, provider: string): Row[] {
  const host = provider.replace(/^.*:oidc-provider\//, '') || 'sso.example.com';
  const arn = provider || `arn:aws:iam::${account}:oidc-provider/${host}`;
  return [
    ['account', 'identity.exTrustAccount', [{ Effect: 'Allow', Principal: { AWS: [`arn:aws:iam::${account}:root`] }, Action: ['sts:AssumeRole'] }]],
    ['oneUser', 'identity.exTrustUser', [{ Effect: 'Allow', Principal: { AWS: [`arn:aws:iam::${account}:user/alice`] }, Action: ['sts:AssumeRole'] }]],
    ['external', 'identity.exTrustExternal', [{ Effect: 'Allow', Principal: { AWS: ['111122223333'] }, Action: ['sts:AssumeRole'], Condition: { StringEquals: { 'sts:ExternalId': 'agreed-secret' } } }]],
    ['oidc', 'identity.exTrustOidc', [{ Effect: 'Allow', Principal: { Federated: [arn] }, Action: ['sts:AssumeRoleWithWebIdentity'], Condition: { StringEquals: { [`${host}:aud`]: 'client-id' } } }]],
  ];
}

/** Whole documents to begin with. */
export function examples(c: PolicyContext, o: { account?: string; provider?: string } = {}): Example[] {
  const account = o.account ?? '123456789012';
  const bucket = c.bucket ?? 'example-bucket';
  const rows = c.kind === 'identity' ? identity(bucket) : c.kind === 'bucket' ? ofBucket(bucket, account) : trust(account, o.provider ?? '');
  return rows.map(([id, title, Statement]) => ({ id, title: t(title as 'identity.exRead'), text: JSON.stringify({ Version: '2012-10-17', Statement }, null, 2) }));
}
