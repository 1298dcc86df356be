// SPDX-License-Identifier: Apache-2.0
/*
 * IAM over its query protocol: users, groups, roles, policies with versions, access keys, simulators, identity providers.
 * Lists are read to their end. Documents of policies come percent-encoded and are given decoded.
 */
import { isApiError, type Client } from './http';
import { queryCall, type QueryValue } from './query';
import type { Tags } from './s3';
import type { XmlNode } from './xml';

type Abortable = { signal?: AbortSignal };
type Parameters = Record<string, QueryValue>;

const call = (c: Client, action: string, parameters: Parameters = {}, o: Abortable = {}) =>
  queryCall(c, 'iam', action, parameters, o);

const run = async (c: Client, action: string, parameters: Parameters): Promise<void> => {
  await call(c, action, parameters);
};

async function all<T>(
  c: Client,
  action: string,
  parameters: Parameters,
  list: string,
  read: (n: XmlNode) => T,
  o: Abortable = {},
): Promise<T[]> {
  const found: T[] = [];
  let marker: string | undefined;
  do {
    const x = await call(c, action, { MaxItems: 1000, ...parameters, Marker: marker }, o);
    found.push(...x.list(list).map(read));
    marker = x.bool('IsTruncated') ? x.get('Marker') : undefined;
  } while (marker);
  return found;
}

function document(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const tagList = (tags: Tags): Array<Record<string, string>> =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
const readTags = (n: XmlNode | undefined): Tags =>
  Object.fromEntries((n?.list('Tags') ?? []).map((t) => [t.str('Key'), t.str('Value')]));

/* ---- users ---- */

export interface User {
  name: string;
  id: string;
  arn: string;
  path: string;
  created?: Date;
  boundary?: string;
  tags: Tags;
}

const readUser = (n: XmlNode): User => ({
  name: n.str('UserName'),
  id: n.str('UserId'),
  arn: n.str('Arn'),
  path: n.str('Path'),
  created: n.date('CreateDate'),
  boundary: n.child('PermissionsBoundary')?.get('PermissionsBoundaryArn'),
  tags: readTags(n),
});

export const listUsers = (c: Client, o: Abortable = {}) => all(c, 'ListUsers', {}, 'Users', readUser, o);

/** The caller when no name is given. */
export const getUser = async (c: Client, name?: string, o: Abortable = {}): Promise<User> => {
  const x = await call(c, 'GetUser', { UserName: name }, o);
  return readUser(x.child('User') ?? x);
};

export const createUser = async (c: Client, name: string, o: { path?: string; tags?: Tags } = {}): Promise<User> => {
  const x = await call(c, 'CreateUser', { UserName: name, Path: o.path, Tags: o.tags && tagList(o.tags) });
  return readUser(x.child('User') ?? x);
};

export const renameUser = (c: Client, name: string, newName: string) =>
  run(c, 'UpdateUser', { UserName: name, NewUserName: newName });
export const deleteUser = (c: Client, name: string) => run(c, 'DeleteUser', { UserName: name });
export const tagUser = (c: Client, name: string, tags: Tags) => run(c, 'TagUser', { UserName: name, Tags: tagList(tags) });
export const untagUser = (c: Client, name: string, keys: string[]) => run(c, 'UntagUser', { UserName: name, TagKeys: keys });

/** A user cannot be deleted while something hangs on it: this takes all of that away first. */
export async function deleteUserWithAll(c: Client, name: string): Promise<void> {
  const user: Entity = { kind: 'user', name };
  for (const key of await listAccessKeys(c, name)) await deleteAccessKey(c, key.id, name);
  for (const group of await listGroupsForUser(c, name)) await removeUserFromGroup(c, group.name, name);
  await stripPolicies(c, user);
  await deleteUser(c, name);
}

/* ---- groups ---- */

export interface Group {
  name: string;
  id: string;
  arn: string;
  path: string;
  created?: Date;
}

const readGroup = (n: XmlNode): Group => ({
  name: n.str('GroupName'),
  id: n.str('GroupId'),
  arn: n.str('Arn'),
  path: n.str('Path'),
  created: n.date('CreateDate'),
});

export const listGroups = (c: Client, o: Abortable = {}) => all(c, 'ListGroups', {}, 'Groups', readGroup, o);
export const listGroupsForUser = (c: Client, user: string, o: Abortable = {}) =>
  all(c, 'ListGroupsForUser', { UserName: user }, 'Groups', readGroup, o);
/** Its members. */
export const getGroup = (c: Client, name: string, o: Abortable = {}) =>
  all(c, 'GetGroup', { GroupName: name }, 'Users', readUser, o);
export const createGroup = (c: Client, name: string) => run(c, 'CreateGroup', { GroupName: name });
export const renameGroup = (c: Client, name: string, newName: string) =>
  run(c, 'UpdateGroup', { GroupName: name, NewGroupName: newName });
export const deleteGroup = (c: Client, name: string) => run(c, 'DeleteGroup', { GroupName: name });
export const addUserToGroup = (c: Client, group: string, user: string) =>
  run(c, 'AddUserToGroup', { GroupName: group, UserName: user });
export const removeUserFromGroup = (c: Client, group: string, user: string) =>
  run(c, 'RemoveUserFromGroup', { GroupName: group, UserName: user });

export async function deleteGroupWithAll(c: Client, name: string): Promise<void> {
  for (const user of await getGroup(c, name)) await removeUserFromGroup(c, name, user.name);
  await stripPolicies(c, { kind: 'group', name });
  await deleteGroup(c, name);
}

/* ---- roles ---- */

export interface Role {
  name: string;
  id: string;
  arn: string;
  path: string;
  created?: Date;
  description?: string;
  maxSessionSeconds?: number;
  trust: string;
  boundary?: string;
  lastUsed?: Date;
  tags: Tags;
}

const readRole = (n: XmlNode): Role => ({
  name: n.str('RoleName'),
  id: n.str('RoleId'),
  arn: n.str('Arn'),
  path: n.str('Path'),
  created: n.date('CreateDate'),
  description: n.get('Description'),
  maxSessionSeconds: n.num('MaxSessionDuration'),
  trust: document(n.str('AssumeRolePolicyDocument')),
  boundary: n.child('PermissionsBoundary')?.get('PermissionsBoundaryArn'),
  lastUsed: n.child('RoleLastUsed')?.date('LastUsedDate'),
  tags: readTags(n),
});

export const listRoles = (c: Client, o: Abortable = {}) => all(c, 'ListRoles', {}, 'Roles', readRole, o);
export const getRole = async (c: Client, name: string, o: Abortable = {}): Promise<Role> => {
  const x = await call(c, 'GetRole', { RoleName: name }, o);
  return readRole(x.child('Role') ?? x);
};
export const createRole = (
  c: Client,
  name: string,
  trust: string,
  o: { description?: string; maxSessionSeconds?: number; tags?: Tags } = {},
) =>
  run(c, 'CreateRole', {
    RoleName: name,
    AssumeRolePolicyDocument: trust,
    Description: o.description || undefined,
    MaxSessionDuration: o.maxSessionSeconds,
    Tags: o.tags && tagList(o.tags),
  });
export const updateRole = (c: Client, name: string, o: { description?: string; maxSessionSeconds?: number }) =>
  run(c, 'UpdateRole', { RoleName: name, Description: o.description, MaxSessionDuration: o.maxSessionSeconds });
export const updateTrust = (c: Client, name: string, trust: string) =>
  run(c, 'UpdateAssumeRolePolicy', { RoleName: name, PolicyDocument: trust });
export const deleteRole = (c: Client, name: string) => run(c, 'DeleteRole', { RoleName: name });

export async function deleteRoleWithAll(c: Client, name: string): Promise<void> {
  await stripPolicies(c, { kind: 'role', name });
  await deleteRole(c, name);
}

/* ---- managed policies ---- */

export interface Policy {
  name: string;
  id: string;
  arn: string;
  path: string;
  created?: Date;
  updated?: Date;
  description?: string;
  defaultVersion: string;
  attachments: number;
  /** One that comes with the server and cannot be changed. */
  builtIn: boolean;
}

const readPolicy = (n: XmlNode): Policy => ({
  name: n.str('PolicyName'),
  id: n.str('PolicyId'),
  arn: n.str('Arn'),
  path: n.str('Path'),
  created: n.date('CreateDate'),
  updated: n.date('UpdateDate'),
  description: n.get('Description'),
  defaultVersion: n.str('DefaultVersionId'),
  attachments: n.num('AttachmentCount') ?? 0,
  builtIn: n.str('Arn').startsWith('arn:aws:iam::aws:'),
});

export const listPolicies = (c: Client, o: Abortable & { scope?: 'All' | 'AWS' | 'Local' } = {}) =>
  all(c, 'ListPolicies', { Scope: o.scope ?? 'All' }, 'Policies', readPolicy, o.signal ? { signal: o.signal } : {});
export const getPolicy = async (c: Client, arn: string, o: Abortable = {}): Promise<Policy> => {
  const x = await call(c, 'GetPolicy', { PolicyArn: arn }, o);
  return readPolicy(x.child('Policy') ?? x);
};
export const createPolicy = async (c: Client, name: string, text: string, description?: string): Promise<Policy> => {
  const x = await call(c, 'CreatePolicy', {
    PolicyName: name,
    PolicyDocument: text,
    Description: description || undefined,
  });
  return readPolicy(x.child('Policy') ?? x);
};
export const deletePolicy = (c: Client, arn: string) => run(c, 'DeletePolicy', { PolicyArn: arn });

/** Versions other than the default one stand in the way of a deletion, and so do attachments. */
export async function deletePolicyWithAll(c: Client, arn: string): Promise<void> {
  for (const entity of await listEntitiesForPolicy(c, arn)) await detachPolicy(c, entity, arn);
  for (const version of await listPolicyVersions(c, arn)) if (!version.isDefault) await deletePolicyVersion(c, arn, version.id);
  await deletePolicy(c, arn);
}

export interface PolicyVersion {
  id: string;
  isDefault: boolean;
  created?: Date;
}

const readVersion = (n: XmlNode): PolicyVersion => ({
  id: n.str('VersionId'),
  isDefault: n.bool('IsDefaultVersion'),
  created: n.date('CreateDate'),
});

export const listPolicyVersions = (c: Client, arn: string, o: Abortable = {}) =>
  all(c, 'ListPolicyVersions', { PolicyArn: arn }, 'Versions', readVersion, o);
export const getPolicyVersion = async (c: Client, arn: string, id: string, o: Abortable = {}): Promise<string> => {
  const x = await call(c, 'GetPolicyVersion', { PolicyArn: arn, VersionId: id }, o);
  return document(x.child('PolicyVersion')?.str('Document') ?? '');
};
export const createPolicyVersion = (c: Client, arn: string, text: string, makeDefault = true) =>
  run(c, 'CreatePolicyVersion', { PolicyArn: arn, PolicyDocument: text, SetAsDefault: makeDefault });
export const setDefaultPolicyVersion = (c: Client, arn: string, id: string) =>
  run(c, 'SetDefaultPolicyVersion', { PolicyArn: arn, VersionId: id });
export const deletePolicyVersion = (c: Client, arn: string, id: string) =>
  run(c, 'DeletePolicyVersion', { PolicyArn: arn, VersionId: id });

/** Saves a text as the new default; the oldest version makes room when there are five. */
export async function savePolicy(c: Client, arn: string, text: string): Promise<void> {
  const versions = await listPolicyVersions(c, arn);
  if (versions.length >= 5) {
    const oldest = versions
      .filter((v) => !v.isDefault)
      .sort((a, b) => (a.created?.getTime() ?? 0) - (b.created?.getTime() ?? 0))[0];
    if (oldest) await deletePolicyVersion(c, arn, oldest.id);
  }
  await createPolicyVersion(c, arn, text);
}

/* ---- what hangs on whom ---- */

export interface Entity {
  kind: 'user' | 'group' | 'role';
  name: string;
}

const NOUN = { user: 'User', group: 'Group', role: 'Role' } as const;
const named = (e: Entity): Parameters => ({ [`${NOUN[e.kind]}Name`]: e.name });

export const attachPolicy = (c: Client, e: Entity, arn: string) =>
  run(c, `Attach${NOUN[e.kind]}Policy`, { ...named(e), PolicyArn: arn });
export const detachPolicy = (c: Client, e: Entity, arn: string) =>
  run(c, `Detach${NOUN[e.kind]}Policy`, { ...named(e), PolicyArn: arn });

export interface AttachedPolicy {
  name: string;
  arn: string;
}

export const listAttachedPolicies = (c: Client, e: Entity, o: Abortable = {}) =>
  all(
    c,
    `ListAttached${NOUN[e.kind]}Policies`,
    named(e),
    'AttachedPolicies',
    (n): AttachedPolicy => ({ name: n.str('PolicyName'), arn: n.str('PolicyArn') }),
    o,
  );

export const listInlinePolicies = (c: Client, e: Entity, o: Abortable = {}) =>
  all(c, `List${NOUN[e.kind]}Policies`, named(e), 'PolicyNames', (n) => n.text, o);
export const getInlinePolicy = async (c: Client, e: Entity, name: string, o: Abortable = {}): Promise<string> => {
  const x = await call(c, `Get${NOUN[e.kind]}Policy`, { ...named(e), PolicyName: name }, o);
  return document(x.str('PolicyDocument'));
};
export const putInlinePolicy = (c: Client, e: Entity, name: string, text: string) =>
  run(c, `Put${NOUN[e.kind]}Policy`, { ...named(e), PolicyName: name, PolicyDocument: text });
export const deleteInlinePolicy = (c: Client, e: Entity, name: string) =>
  run(c, `Delete${NOUN[e.kind]}Policy`, { ...named(e), PolicyName: name });

async function stripPolicies(c: Client, e: Entity): Promise<void> {
  for (const policy of await listAttachedPolicies(c, e)) await detachPolicy(c, e, policy.arn);
  for (const name of await listInlinePolicies(c, e)) await deleteInlinePolicy(c, e, name);
}

export async function listEntitiesForPolicy(c: Client, arn: string, o: Abortable = {}): Promise<Entity[]> {
  const found: Entity[] = [];
  let marker: string | undefined;
  do {
    const x = await call(c, 'ListEntitiesForPolicy', { PolicyArn: arn, Marker: marker, MaxItems: 1000 }, o);
    for (const n of x.list('PolicyUsers')) found.push({ kind: 'user', name: n.str('UserName') });
    for (const n of x.list('PolicyGroups')) found.push({ kind: 'group', name: n.str('GroupName') });
    for (const n of x.list('PolicyRoles')) found.push({ kind: 'role', name: n.str('RoleName') });
    marker = x.bool('IsTruncated') ? x.get('Marker') : undefined;
  } while (marker);
  return found;
}

export const putBoundary = (c: Client, e: Entity & { kind: 'user' | 'role' }, arn: string) =>
  run(c, `Put${NOUN[e.kind]}PermissionsBoundary`, { ...named(e), PermissionsBoundary: arn });
export const deleteBoundary = (c: Client, e: Entity & { kind: 'user' | 'role' }) =>
  run(c, `Delete${NOUN[e.kind]}PermissionsBoundary`, named(e));

/* ---- access keys ---- */

export interface AccessKey {
  id: string;
  user: string;
  active: boolean;
  created?: Date;
}

export interface NewAccessKey extends AccessKey {
  /** Shown once. */
  secret: string;
}

const readKey = (n: XmlNode): AccessKey => ({
  id: n.str('AccessKeyId'),
  user: n.str('UserName'),
  active: n.str('Status') === 'Active',
  created: n.date('CreateDate'),
});

/** The caller's own when no user is named. */
export const listAccessKeys = (c: Client, user?: string, o: Abortable = {}) =>
  all(c, 'ListAccessKeys', { UserName: user }, 'AccessKeyMetadata', readKey, o);
export const createAccessKey = async (c: Client, user?: string): Promise<NewAccessKey> => {
  const x = await call(c, 'CreateAccessKey', { UserName: user });
  const n = x.child('AccessKey') ?? x;
  return { ...readKey(n), secret: n.str('SecretAccessKey') };
};
export const setAccessKeyActive = (c: Client, id: string, active: boolean, user?: string) =>
  run(c, 'UpdateAccessKey', { UserName: user, AccessKeyId: id, Status: active ? 'Active' : 'Inactive' });
export const deleteAccessKey = (c: Client, id: string, user?: string) =>
  run(c, 'DeleteAccessKey', { UserName: user, AccessKeyId: id });

export interface KeyUse {
  at?: Date;
  service: string;
  region: string;
}

export const getAccessKeyLastUsed = async (c: Client, id: string, o: Abortable = {}): Promise<KeyUse> => {
  const x = await call(c, 'GetAccessKeyLastUsed', { AccessKeyId: id }, o);
  const n = x.child('AccessKeyLastUsed') ?? x;
  return { at: n.date('LastUsedDate'), service: n.str('ServiceName'), region: n.str('Region') };
};

/** Undefined on servers that have no passwords. */
export const changePassword = async (c: Client, oldPassword: string, newPassword: string): Promise<boolean> => {
  try {
    await run(c, 'ChangePassword', { OldPassword: oldPassword, NewPassword: newPassword });
    return true;
  } catch (error) {
    if (isApiError(error, 'InvalidAction')) return false;
    throw error;
  }
};

export const getAccountSummary = async (c: Client, o: Abortable = {}): Promise<Record<string, number>> => {
  const x = await call(c, 'GetAccountSummary', {}, o);
  return Object.fromEntries(x.list('SummaryMap', 'entry').map((n) => [n.str('key'), n.num('value') ?? 0]));
};

/* ---- simulators ---- */

export interface SimulationInput {
  actions: string[];
  resources?: string[];
  resourcePolicy?: string;
  resourceOwner?: string;
  callerArn?: string;
  context?: Array<{ name: string; type: string; values: string[] }>;
}

export interface SimulationStatement {
  policyId: string;
  policyType: string;
  start?: { line: number; column: number };
  end?: { line: number; column: number };
}

export interface SimulationResult {
  action: string;
  resource: string;
  decision: 'allowed' | 'explicitDeny' | 'implicitDeny';
  statements: SimulationStatement[];
  missingContext: string[];
  details: Array<{ key: string; value: string }>;
}

function simulation(o: SimulationInput): Parameters {
  const parameters: Parameters = {
    ActionNames: o.actions,
    ResourceArns: o.resources?.length ? o.resources : undefined,
    ResourcePolicy: o.resourcePolicy || undefined,
    ResourceOwner: o.resourceOwner || undefined,
    CallerArn: o.callerArn || undefined,
  };
  o.context?.forEach((entry, i) => {
    const name = `ContextEntries.member.${i + 1}`;
    parameters[`${name}.ContextKeyName`] = entry.name;
    parameters[`${name}.ContextKeyType`] = entry.type;
    parameters[`${name}.ContextKeyValues`] = entry.values;
  });
  return parameters;
}

const readPlace = (n: XmlNode | undefined) => n && { line: n.num('Line') ?? 0, column: n.num('Column') ?? 0 };

const readResult = (n: XmlNode): SimulationResult => ({
  action: n.str('EvalActionName'),
  resource: n.str('EvalResourceName'),
  decision: n.str('EvalDecision') as SimulationResult['decision'],
  statements: n.list('MatchedStatements').map((s) => ({
    policyId: s.str('SourcePolicyId'),
    policyType: s.str('SourcePolicyType'),
    start: readPlace(s.child('StartPosition')),
    end: readPlace(s.child('EndPosition')),
  })),
  missingContext: n.list('MissingContextValues').map((m) => m.text),
  details: n.list('EvalDecisionDetails', 'entry').map((e) => ({ key: e.str('key'), value: e.str('value') })),
});

export const simulatePrincipalPolicy = (
  c: Client,
  arn: string,
  input: SimulationInput,
  o: Abortable & { policies?: string[] } = {},
) =>
  all(
    c,
    'SimulatePrincipalPolicy',
    { PolicySourceArn: arn, PolicyInputList: o.policies, ...simulation(input) },
    'EvaluationResults',
    readResult,
    o.signal ? { signal: o.signal } : {},
  );

export const simulateCustomPolicy = (c: Client, policies: string[], input: SimulationInput, o: Abortable = {}) =>
  all(
    c,
    'SimulateCustomPolicy',
    { PolicyInputList: policies, ...simulation(input) },
    'EvaluationResults',
    readResult,
    o,
  );

/* ---- identity providers ---- */

export interface OidcProvider {
  arn: string;
  url: string;
  clientIds: string[];
  thumbprints: string[];
  created?: Date;
  tags: Tags;
}

export const listOidcProviders = (c: Client, o: Abortable = {}) =>
  call(c, 'ListOpenIDConnectProviders', {}, o).then((x) =>
    x.list('OpenIDConnectProviderList').map((n) => n.str('Arn')),
  );
export const getOidcProvider = async (c: Client, arn: string, o: Abortable = {}): Promise<OidcProvider> => {
  const x = await call(c, 'GetOpenIDConnectProvider', { OpenIDConnectProviderArn: arn }, o);
  return {
    arn,
    url: x.str('Url'),
    clientIds: x.list('ClientIDList').map((n) => n.text),
    thumbprints: x.list('ThumbprintList').map((n) => n.text),
    created: x.date('CreateDate'),
    tags: readTags(x),
  };
};
export const tagOidcProvider = (c: Client, arn: string, tags: Tags) => run(c, 'TagOpenIDConnectProvider', { OpenIDConnectProviderArn: arn, Tags: tagList(tags) });
export const untagOidcProvider = (c: Client, arn: string, keys: string[]) => run(c, 'UntagOpenIDConnectProvider', { OpenIDConnectProviderArn: arn, TagKeys: keys });
export const createOidcProvider = async (c: Client, url: string, clientIds: string[], thumbprints: string[] = []): Promise<string> => {
  const x = await call(c, 'CreateOpenIDConnectProvider', {
    Url: url,
    ClientIDList: clientIds,
    ThumbprintList: thumbprints,
  });
  return x.str('OpenIDConnectProviderArn');
};
export const deleteOidcProvider = (c: Client, arn: string) =>
  run(c, 'DeleteOpenIDConnectProvider', { OpenIDConnectProviderArn: arn });
export const addOidcClient = (c: Client, arn: string, clientId: string) =>
  run(c, 'AddClientIDToOpenIDConnectProvider', { OpenIDConnectProviderArn: arn, ClientID: clientId });
export const removeOidcClient = (c: Client, arn: string, clientId: string) =>
  run(c, 'RemoveClientIDFromOpenIDConnectProvider', { OpenIDConnectProviderArn: arn, ClientID: clientId });
