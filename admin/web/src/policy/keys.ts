// SPDX-License-Identifier: Apache-2.0
/* Condition operators and keys. A key is written as: name type group; the groups are those of actions.ts, and * all actions, s all of S3's, - none of S3's. */
export type KeyType = 'string' | 'numeric' | 'date' | 'bool' | 'ip' | 'arn' | 'list' | 'tag' | 'object_tag';
export type ConditionKey = { name: string; type: KeyType; group: string; family: boolean };
export type OperatorType = 'string' | 'numeric' | 'date' | 'bool' | 'binary' | 'ip' | 'arn' | 'null';

const KEYS_TEXT = `
  aws:SourceIp ip *, aws:SecureTransport bool *, aws:CurrentTime date *, aws:EpochTime date *, aws:UserAgent string *, aws:Referer string *, aws:RequestedRegion string *,
  aws:username string *, aws:userid string *, aws:PrincipalArn arn *, aws:PrincipalAccount string *, aws:PrincipalType string *, aws:PrincipalTag/ tag *,
  aws:PrincipalOrgID string *, aws:PrincipalOrgPaths list *, aws:PrincipalIsAWSService bool *, aws:PrincipalServiceName string *, aws:PrincipalServiceNamesList list *,
  aws:ResourceAccount string *, aws:ResourceTag/ tag *, aws:ResourceOrgID string *, aws:ResourceOrgPaths list *, aws:RequestTag/ tag *, aws:TagKeys list *,
  aws:TokenIssueTime date *, aws:MultiFactorAuthPresent bool *, aws:MultiFactorAuthAge numeric *, aws:FederatedProvider string *, aws:SourceIdentity string *,
  aws:SourceArn arn *, aws:SourceAccount string *, aws:SourceOwner string *, aws:SourceOrgID string *, aws:SourceOrgPaths list *, aws:SourceVpc string *,
  aws:SourceVpce string *, aws:VpcSourceIp ip *, aws:ViaAWSService bool *, aws:CalledVia list *, aws:CalledViaFirst string *, aws:CalledViaLast string *,
  s3:authType string s, s3:signatureversion string s, s3:signatureAge numeric s, s3:TlsVersion numeric s, s3:x-amz-content-sha256 string s, s3:ResourceAccount string s,
  s3:DataAccessPointArn arn s, s3:DataAccessPointAccount string s, s3:AccessPointNetworkOrigin string s, s3:BucketTag/ tag s, s3:prefix string l, s3:delimiter string l,
  s3:max-keys numeric l, s3:locationconstraint string b, s3:x-amz-object-ownership string b, s3:x-amz-bucket-namespace string b, s3:x-amz-acl string a,
  s3:x-amz-grant-read string a, s3:x-amz-grant-write string a, s3:x-amz-grant-read-acp string a, s3:x-amz-grant-write-acp string a, s3:x-amz-grant-full-control string a,
  s3:x-amz-copy-source string w, s3:x-amz-metadata-directive string w, s3:x-amz-website-redirect-location string w, s3:x-amz-storage-class string c,
  s3:x-amz-server-side-encryption string e, s3:x-amz-server-side-encryption-aws-kms-key-id arn e, s3:x-amz-server-side-encryption-customer-algorithm string k,
  s3:RequestObjectTag/ object_tag r, s3:RequestObjectTagKeys list r, s3:ExistingObjectTag/ object_tag t, s3:versionid string v, s3:object-lock-mode string n,
  s3:object-lock-retain-until-date date n, s3:object-lock-remaining-retention-days numeric n, s3:object-lock-legal-hold string h, s3:if-match string m,
  s3:if-none-match string x, s3:ObjectCreationOperation bool x, s3:InventoryAccessibleOptionalFields list i, iam:PolicyARN arn -, iam:PermissionsBoundary string -,
  iam:ResourceTag/ tag -, iam:PassedToService string -, iam:AssociatedResourceArn arn -, sts:ExternalId string -, sts:RoleSessionName string -, sts:SourceIdentity string -,
  sts:TransitiveTagKeys list -`;

export const KEYS: readonly ConditionKey[] = KEYS_TEXT.split(',').map((row) => {
  const [name = '', type = 'string', group = '*'] = row.trim().split(' ');
  return { name, type: type as KeyType, group, family: name.endsWith('/') };
});

/** Undefined: no key that this server sets. */
export function keyOf(name: string): ConditionKey | undefined {
  const lower = name.toLowerCase();
  return KEYS.find((k) => (k.family ? lower.startsWith(k.name.toLowerCase()) && name.length > k.name.length : k.name.toLowerCase() === lower));
}

export const OPERATORS: Readonly<Record<string, OperatorType>> = {
  StringEquals: 'string',
  StringNotEquals: 'string',
  StringEqualsIgnoreCase: 'string',
  StringNotEqualsIgnoreCase: 'string',
  StringLike: 'string',
  StringNotLike: 'string',
  NumericEquals: 'numeric',
  NumericNotEquals: 'numeric',
  NumericLessThan: 'numeric',
  NumericLessThanEquals: 'numeric',
  NumericGreaterThan: 'numeric',
  NumericGreaterThanEquals: 'numeric',
  DateEquals: 'date',
  DateNotEquals: 'date',
  DateLessThan: 'date',
  DateLessThanEquals: 'date',
  DateGreaterThan: 'date',
  DateGreaterThanEquals: 'date',
  Bool: 'bool',
  BinaryEquals: 'binary',
  IpAddress: 'ip',
  NotIpAddress: 'ip',
  ArnEquals: 'arn',
  ArnLike: 'arn',
  ArnNotEquals: 'arn',
  ArnNotLike: 'arn',
  Null: 'null',
};

export type Operator = { name: string; type: OperatorType; quantifier: '' | 'ForAllValues' | 'ForAnyValue'; ifExists: boolean };

export function operatorOf(text: string): Operator | undefined {
  const m = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(text);
  const name = m?.[2] ?? '';
  if (!m || !Object.hasOwn(OPERATORS, name)) return undefined;
  const type = OPERATORS[name] as OperatorType;
  if (type === 'null' && (m[1] || m[3])) return undefined;
  return { name, type, quantifier: (m[1] ?? '') as Operator['quantifier'], ifExists: Boolean(m[3]) };
}

/** The operator that is meant most often for a key. */
export function usualOperator(key: ConditionKey | undefined): string {
  const usual: Record<KeyType, string> = {
    string: 'StringEquals',
    numeric: 'NumericLessThanEquals',
    date: 'DateLessThan',
    bool: 'Bool',
    ip: 'IpAddress',
    arn: 'ArnLike',
    list: 'ForAllValues:StringEquals',
    tag: 'StringEquals',
    object_tag: 'StringEquals',
  };
  if (key?.name === 's3:prefix') return 'StringLike';
  return key ? usual[key.type] : 'StringEquals';
}

const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}(\/(3[0-2]|[12]?\d))?$/;
const IPV6 = /^[0-9a-f:.]*:[0-9a-f:.]*(\/(12[0-8]|1[01]\d|\d?\d))?$/i;

/** Is a value what an operator of this type compares? */
export function fits(type: OperatorType, value: string): boolean {
  switch (type) {
    case 'numeric':
      return /^[+-]?\d+(\.\d+)?$/.test(value);
    case 'bool':
    case 'null':
      return /^(true|false)$/i.test(value);
    case 'date':
      return /^\d+$/.test(value) || (/^\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?)?$/.test(value) && !Number.isNaN(Date.parse(value)));
    case 'ip':
      return IPV4.test(value) || IPV6.test(value);
    case 'binary':
      return value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
    default:
      return true;
  }
}

/** What is written for keys that take few values. */
export const VALUES: Readonly<Record<string, readonly string[]>> = {
  'aws:PrincipalType': ['Account', 'User', 'AssumedRole', 'FederatedUser', 'Anonymous'],
  'aws:SourceIp': ['203.0.113.0/24', '10.0.0.0/8', '192.168.0.0/16'],
  's3:authType': ['REST-HEADER', 'REST-QUERY-STRING', 'POST'],
  's3:signatureversion': ['AWS4-HMAC-SHA256'],
  's3:TlsVersion': ['1.2', '1.3'],
  's3:x-amz-acl': ['private', 'public-read', 'public-read-write', 'bucket-owner-full-control', 'bucket-owner-read', 'authenticated-read'],
  's3:x-amz-server-side-encryption': ['AES256', 'aws:kms'],
  's3:x-amz-metadata-directive': ['COPY', 'REPLACE'],
  's3:object-lock-mode': ['GOVERNANCE', 'COMPLIANCE'],
  's3:object-lock-legal-hold': ['ON', 'OFF'],
  's3:delimiter': ['/'],
  's3:x-amz-content-sha256': ['UNSIGNED-PAYLOAD'],
};

/** Policy variables that stand for something in each request. */
export const VARIABLES: readonly string[] = ['${aws:username}', '${aws:userid}', '${aws:PrincipalAccount}', '${aws:PrincipalTag/team}', '${s3:prefix}', '${*}', '${?}', '${$}'];
