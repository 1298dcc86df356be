// SPDX-License-Identifier: Apache-2.0
// What has to go before somebody can go: looked up first, shown, and then done one step after the other.
import * as iam from '../../api/iam';
import { api } from '../../app';
import { t } from '../../strings';

export type Step = { text: string; run: () => Promise<unknown> };

async function policySteps(e: iam.Entity): Promise<Step[]> {
  const [attached, inline] = await Promise.all([iam.listAttachedPolicies(api(), e), iam.listInlinePolicies(api(), e)]);
  return [
    ...attached.map((p) => ({ text: t('identity.stepDetach', { name: p.name }), run: () => iam.detachPolicy(api(), e, p.arn) })),
    ...inline.map((name) => ({ text: t('identity.stepInline', { name }), run: () => iam.deleteInlinePolicy(api(), e, name) })),
  ];
}

export async function userSteps(name: string): Promise<Step[]> {
  const [keys, groups, policies] = await Promise.all([iam.listAccessKeys(api(), name), iam.listGroupsForUser(api(), name), policySteps({ kind: 'user', name })]);
  return [
    ...keys.map((k) => ({ text: t('identity.stepKey', { id: k.id }), run: () => iam.deleteAccessKey(api(), k.id, name) })),
    ...groups.map((g) => ({ text: t('identity.stepGroup', { name: g.name }), run: () => iam.removeUserFromGroup(api(), g.name, name) })),
    ...policies,
    { text: t('identity.stepUser', { name }), run: () => iam.deleteUser(api(), name) },
  ];
}

export async function groupSteps(name: string): Promise<Step[]> {
  const [members, policies] = await Promise.all([iam.getGroup(api(), name), policySteps({ kind: 'group', name })]);
  return [
    ...members.map((u) => ({ text: t('identity.stepMember', { name: u.name }), run: () => iam.removeUserFromGroup(api(), name, u.name) })),
    ...policies,
    { text: t('identity.stepTheGroup', { name }), run: () => iam.deleteGroup(api(), name) },
  ];
}

export async function roleSteps(name: string): Promise<Step[]> {
  return [...(await policySteps({ kind: 'role', name })), { text: t('identity.stepRole', { name }), run: () => iam.deleteRole(api(), name) }];
}

export async function managedPolicySteps(policy: iam.Policy): Promise<Step[]> {
  const [entities, versions] = await Promise.all([iam.listEntitiesForPolicy(api(), policy.arn), iam.listPolicyVersions(api(), policy.arn)]);
  return [
    ...entities.map((e) => ({ text: t(`identity.stepFrom_${e.kind}`, { name: e.name }), run: () => iam.detachPolicy(api(), e, policy.arn) })),
    ...versions.filter((v) => !v.isDefault).map((v) => ({ text: t('identity.stepVersion', { id: v.id }), run: () => iam.deletePolicyVersion(api(), policy.arn, v.id) })),
    { text: t('identity.stepPolicy', { name: policy.name }), run: () => iam.deletePolicy(api(), policy.arn) },
  ];
}
