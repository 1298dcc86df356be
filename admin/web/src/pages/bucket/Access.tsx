// SPDX-License-Identifier: Apache-2.0
/* Who can reach the bucket: everybody, those whom its policy names, and the users and groups of the server, each asked of the simulator. */
import { useQuery } from '@tanstack/react-query';
import { Check, Globe, Lock, Minus, User, Users } from 'lucide-react';
import { useState } from 'react';
import { listGroups, listUsers, simulatePrincipalPolicy } from '../../api/iam';
import { getBucketAcl, getBucketPolicy, getBucketPolicyStatus, getPublicAccessBlock } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Badge, Button, Callout, Card, ErrorState, formatNumber, Loading } from '../../ui';
import { isPublicAcl } from '../buckets/facts';
import { limitTo } from '../buckets/limit';
import css from './bucket.module.css';
import { useSetting, type SectionProps } from './parts';
import { namedPrincipals } from './policy';

const FIRST = 20;
const MORE = 40;
const AT_ONCE = 3;
const limit = limitTo(AT_ONCE);

const CHECKS = [
  { action: 's3:ListBucket', onBucket: true, label: 'bucket.mayList' },
  { action: 's3:GetObject', onBucket: false, label: 'bucket.mayRead' },
  { action: 's3:PutObject', onBucket: false, label: 'bucket.mayWrite' },
  { action: 's3:DeleteObject', onBucket: false, label: 'bucket.mayDelete' },
  { action: 's3:PutBucketPolicy', onBucket: true, label: 'bucket.mayManage' },
] as const;

interface Who {
  kind: 'user' | 'group';
  name: string;
  arn: string;
}

async function ask(bucket: string, who: Who, policy: string | undefined, signal: AbortSignal): Promise<boolean[]> {
  const arn = `arn:aws:s3:::${bucket}`;
  const of = async (onBucket: boolean) => {
    const results = await simulatePrincipalPolicy(
      api(),
      who.arn,
      {
        actions: CHECKS.filter((c) => c.onBucket === onBucket).map((c) => c.action),
        resources: [onBucket ? arn : `${arn}/*`],
        ...(policy && who.kind === 'user' ? { resourcePolicy: policy, callerArn: who.arn } : {}),
      },
      { signal },
    );
    return new Map(results.map((r) => [r.action, r.decision === 'allowed']));
  };
  const [one, two] = [await of(true), await of(false)];
  return CHECKS.map((c) => (c.onBucket ? one : two).get(c.action) ?? false);
}

export function Access({ bucket, rights }: SectionProps) {
  return (
    <>
      <PublicState bucket={bucket} rights={rights} />
      {rights.getPolicy && <InPolicy bucket={bucket} />}
      {rights.simulate && (rights.listUsers || rights.listGroups) && <Identities bucket={bucket} rights={rights} />}
    </>
  );
}

function PublicState({ bucket, rights }: SectionProps) {
  const policy = useSetting(bucket, 'policyStatus', (signal) => getBucketPolicyStatus(api(), bucket, { signal }), rights.getPolicyStatus);
  const acl = useSetting(bucket, 'acl', (signal) => getBucketAcl(api(), bucket, { signal }), rights.getAcl);
  const block = useSetting(bucket, 'block', (signal) => getPublicAccessBlock(api(), bucket, { signal }), rights.getBlock);
  if ((rights.getPolicyStatus && policy.isPending) || (rights.getAcl && acl.isPending) || (rights.getBlock && block.isPending)) return <Loading rows={2} />;
  const byPolicy = policy.data === true && !block.data?.restrictPublicBuckets;
  const byAcl = acl.data ? isPublicAcl(acl.data) && !block.data?.ignorePublicAcls : false;
  const held = (policy.data === true && !byPolicy) || (acl.data ? isPublicAcl(acl.data) && !byAcl : false);
  return byPolicy || byAcl ? (
    <Callout tone="danger" title={t('bucket.isPublic')}>
      {byPolicy && t('bucket.isPublicPolicy')} {byAcl && t('bucket.isPublicAcl')}
    </Callout>
  ) : (
    <Callout tone="success" title={t('bucket.isPrivate')}>
      {t(held ? 'bucket.isPrivateHeld' : 'bucket.isPrivateAdvice')}
    </Callout>
  );
}

function InPolicy({ bucket }: { bucket: string }) {
  const policy = useSetting(bucket, 'policy', (signal) => getBucketPolicy(api(), bucket, { signal }));
  const named = policy.data ? namedPrincipals(policy.data) : [];
  return (
    <Card title={t('bucket.namedInPolicy')}>
      {policy.isPending ? (
        <Loading rows={2} />
      ) : policy.error ? (
        <ErrorState error={policy.error} compact />
      ) : named.length === 0 ? (
        <p className="muted">{t('bucket.namesNobody')}</p>
      ) : (
        <ul className={css.plainList}>
          {named.map((n) => (
            <li key={`${n.allow}${n.principal}`}>
              <span className="row wrap">
                {n.principal === '*' ? <Globe size={15} aria-hidden /> : <Lock size={15} aria-hidden />}
                <span className="hostile">{n.principal === '*' ? t('bucket.everyone') : n.principal}</span>
                <Badge tone={n.allow ? 'success' : 'danger'}>{t(n.allow ? 'bucket.allowed' : 'bucket.denied')}</Badge>
                {n.conditional && <Badge>{t('bucket.underConditions')}</Badge>}
              </span>
              <span className="muted hostile mono">{n.actions.join(', ')}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Identities({ bucket, rights }: SectionProps) {
  const [most, setMost] = useState(FIRST);
  const policy = useSetting(bucket, 'policy', (signal) => getBucketPolicy(api(), bucket, { signal }), rights.getPolicy);
  const users = useQuery({ queryKey: ['users'], queryFn: ({ signal }) => listUsers(api(), { signal }), enabled: rights.listUsers });
  const groups = useQuery({ queryKey: ['groups'], queryFn: ({ signal }) => listGroups(api(), { signal }), enabled: rights.listGroups });
  const error = users.error ?? groups.error;
  const all: Who[] = [
    ...(users.data ?? []).map((u) => ({ kind: 'user' as const, name: u.name, arn: u.arn })),
    ...(groups.data ?? []).map((g) => ({ kind: 'group' as const, name: g.name, arn: g.arn })),
  ];
  const waits = (rights.listUsers && users.isPending) || (rights.listGroups && groups.isPending) || (rights.getPolicy && policy.isPending);
  return (
    <Card title={t('bucket.identities')} description={t('bucket.identitiesHelp')}>
      {error ? (
        <ErrorState error={error} compact />
      ) : waits ? (
        <Loading rows={4} />
      ) : all.length === 0 ? (
        <p className="muted">{t('bucket.noIdentities')}</p>
      ) : (
        <div className="stack">
          <div className={css.matrix} tabIndex={0} role="region" aria-label={t('bucket.identities')}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t('bucket.identity')}</th>
                  {CHECKS.map((c) => (
                    <th key={c.action} scope="col" title={c.action}>
                      {t(c.label)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {all.slice(0, most).map((who) => (
                  <Row key={who.arn} bucket={bucket} who={who} policy={policy.data ?? undefined} />
                ))}
              </tbody>
            </table>
          </div>
          {all.length > most && (
            <div>
              <Button size="sm" onPress={() => setMost(most + MORE)}>
                {t('bucket.moreIdentities', { count: formatNumber(all.length - most) })}
              </Button>
            </div>
          )}
        </div>
      )}
    </Card>
  );
}

function Row({ bucket, who, policy }: { bucket: string; who: Who; policy: string | undefined }) {
  const may = useQuery({
    queryKey: ['bucket', bucket, 'simulated', who.arn, policy ?? ''],
    queryFn: ({ signal }) => limit(() => ask(bucket, who, policy, signal), signal),
    retry: false,
    staleTime: 60_000,
  });
  const Icon = who.kind === 'user' ? User : Users;
  return (
    <tr>
      <th scope="row">
        <span className="row">
          <Icon size={14} aria-label={t(who.kind === 'user' ? 'bucket.aUser' : 'bucket.aGroup')} />
          <span className="ellipsis" title={who.arn}>
            {who.name}
          </span>
        </span>
      </th>
      {may.error ? (
        <td colSpan={CHECKS.length} className="muted">
          {t('bucket.notKnown')}
        </td>
      ) : (
        CHECKS.map((c, i) => (
          <td key={c.action}>
            {may.data === undefined ? (
              <span className="muted">…</span>
            ) : may.data[i] ? (
              <Check size={16} className={css.yes} aria-label={t('bucket.yes')} />
            ) : (
              <Minus size={16} className={css.no} aria-label={t('bucket.no')} />
            )}
          </td>
        ))
      )}
    </tr>
  );
}
