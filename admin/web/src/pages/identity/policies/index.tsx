// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { diffLines } from 'diff';
import { GitCompare, MoreHorizontal, Pencil, Plus, ShieldCheck, Star, Trash2, User as UserIcon, UserRoundCog, Users as UsersIcon, X } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import * as iam from '../../../api/iam';
import { api, forgetPermissions, useCan, useSession, type PageProps } from '../../../app';
import { pretty, readDocument, refusal } from '../../../policy';
import { t } from '../../../strings';
import { Badge, Button, Card, CodeEditor, Copyable, Dialog, EmptyState, ErrorState, FormDialog, formatNumber, IconButton, KeyValue, KeyValues, LinkButton, Loading, Menu, PageHeader, Select, Table, Tabs, TextField, Time, toast, type Column } from '../../../ui';
import css from '../identity.module.css';
import { AddDialog, DocumentDialog, entityPlace, ListPage, Missing, RemoveDialog, Row, Rows, usePolicies } from '../parts';
import { found, nameFits, place } from '../places';
import { PolicyEditor, Sentences } from '../PolicyEditor';
import { managedPolicySteps } from '../removal';
import { useNamed, useQueryParameter } from '../useNamed';

export default function Page({ params }: PageProps) {
  const name = useNamed(params);
  const arn = new URLSearchParams(useSearch()).get('arn');
  return name === undefined ? <List /> : <PolicyPage key={`${arn}${name}`} name={name} arn={arn} />;
}

function List() {
  const [, go] = useLocation();
  const { who } = useSession();
  const policies = usePolicies();
  const can = useCan([{ action: 'iam:CreatePolicy', resource: `arn:aws:iam::${who?.account ?? '*'}:policy/*` }]);
  const [filter, setFilter] = useState('');
  const [scope, setScope] = useState<'all' | 'own' | 'builtIn' | 'attached'>('all');
  const inScope = (p: iam.Policy) => scope === 'all' || (scope === 'own' ? !p.builtIn : scope === 'builtIn' ? p.builtIn : p.attachments > 0);
  const rows = (policies.data ?? []).filter((p) => inScope(p) && found(filter, p.name, p.description ?? '', p.path)).sort((a, b) => Number(a.builtIn) - Number(b.builtIn) || a.name.localeCompare(b.name));
  const columns: Column<iam.Policy>[] = [
    {
      id: 'name',
      header: t('identity.name'),
      width: 'minmax(0, 3fr)',
      cell: (p) => (
        <span className={css.two}>
          <strong className="ellipsis">{p.name}</strong>
          {p.description && <small className="ellipsis">{p.description}</small>}
        </span>
      ),
    },
    { id: 'kind', header: t('identity.kind'), width: '7rem', minTable: 460, cell: (p) => <Badge tone={p.builtIn ? 'neutral' : 'accent'}>{p.builtIn ? t('identity.builtIn') : t('identity.own')}</Badge> },
    { id: 'attached', header: t('identity.attachments'), width: '6.5rem', align: 'end', cell: (p) => <span className="num">{formatNumber(p.attachments)}</span> },
    { id: 'updated', header: t('identity.updated'), width: '9rem', minTable: 700, cell: (p) => (p.builtIn ? <span className="muted">–</span> : <Time value={p.updated ?? p.created ?? null} />) },
  ];
  const create = can.all && { label: t('identity.createPolicy'), dialog: (close: () => void) => <CreatePolicy onClose={close} /> };
  const kinds = (
    <Select
      label={t('identity.kind')}
      hideLabel
      options={[
        { id: 'all', label: t('identity.scopeAll') },
        { id: 'own', label: t('identity.scopeOwn') },
        { id: 'builtIn', label: t('identity.scopeBuiltIn') },
        { id: 'attached', label: t('identity.scopeAttached') },
      ]}
      value={scope}
      onChange={setScope}
    />
  );
  return (
    <ListPage
      title={t('app.identityPolicies')}
      help={t('identity.policiesHelp')}
      query={policies}
      icon={ShieldCheck}
      none={t('ui.noMatch')}
      create={create}
      search={{ label: t('identity.searchPolicies'), value: filter, onChange: setFilter, more: kinds }}
    >
      <Table label={t('app.identityPolicies')} rows={rows} rowKey={(p) => p.arn} rowHeight={50} columns={columns} onOpen={(p) => go(place('policies', p.name, { arn: p.arn }))} empty={<EmptyState icon={ShieldCheck} title={t('ui.noMatch')} />} />
    </ListPage>
  );
}

function CreatePolicy({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [text, setText] = useState(() => '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Effect": "Allow",\n      "Action": [],\n      "Resource": []\n    }\n  ]\n}');
  const bad = !nameFits(name, 'policies');
  const wrong = refusal(text, { kind: 'identity' });
  const send = async () => {
    const made = await iam.createPolicy(api(), name, text, description);
    await client.invalidateQueries({ queryKey: ['policies'] });
    toast.success(t('identity.created_', { name }));
    go(place('policies', made.name, { arn: made.arn }), { replace: true });
  };
  return (
    <FormDialog size="xl" title={t('identity.createPolicy')} action={t('identity.createPolicy')} isModal={name !== ''} isWrong={bad || Boolean(wrong)} onClose={onClose} onSend={send}>
      {(tried) => (
        <div className="stack">
          <div className="grid2">
            <TextField label={t('identity.name')} value={name} onChange={setName} isRequired autoFocus maxLength={128} error={tried && bad ? t('identity.badName') : null} />
            <TextField label={t('identity.description')} value={description} onChange={setDescription} maxLength={1000} />
          </div>
          <PolicyEditor kind="identity" value={text} onChange={setText} />
          {tried && wrong && <ErrorState error={wrong} compact />}
        </div>
      )}
    </FormDialog>
  );
}

const icons = { user: UserIcon, group: UsersIcon, role: UserRoundCog };

function PolicyPage({ name, arn }: { name: string; arn: string | null }) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [tab, setTab] = useQueryParameter('tab', 'permissions');
  const policies = usePolicies();
  // Own ones may have the name of one that comes with the server.
  const policy = policies.data?.find((p) => (arn ? p.arn === arn : p.name === name && !p.builtIn)) ?? policies.data?.find((p) => p.name === name);
  const resource = policy?.arn ?? '*';
  const can = useCan(['iam:DeletePolicy', 'iam:CreatePolicyVersion', 'iam:GetPolicyVersion', 'iam:ListPolicyVersions', 'iam:ListEntitiesForPolicy'].map((action) => ({ action, resource })));
  const [mayDelete, mayEdit, mayRead, mayVersions, mayEntities] = can.allowed;
  const version = policy?.defaultVersion ?? '';
  const text = useQuery({ queryKey: ['policy', policy?.arn, 'text', version], queryFn: ({ signal }) => iam.getPolicyVersion(api(), policy?.arn ?? '', version, { signal }), enabled: Boolean(policy && mayRead) });
  const [open, setOpen] = useState<'edit' | 'remove' | null>(null);
  const changed = () => {
    void client.invalidateQueries({ queryKey: ['policies'] });
    void client.invalidateQueries({ queryKey: ['policy', policy?.arn] });
    forgetPermissions();
  };
  if (policies.isPending) return <Loading rows={6} />;
  if (policies.error) return <ErrorState error={policies.error} onRetry={() => void policies.refetch()} />;
  if (!policy) return <Missing title={t('identity.noSuchPolicy', { name })} back={<LinkButton href="/identity/policies">{t('app.identityPolicies')}</LinkButton>} />;
  const statements = text.data === undefined ? [] : (readDocument(text.data)?.statements ?? []);
  const items = [
    ...(mayRead
      ? [
          {
            id: 'permissions',
            label: t('identity.permissions'),
            content: (
              <Card>
                {text.isPending ? (
                  <Loading />
                ) : text.error ? (
                  <ErrorState error={text.error} onRetry={() => void text.refetch()} />
                ) : (
                  <div className="stack">
                    <Sentences statements={statements} />
                    <CodeEditor label={policy.name} value={pretty(text.data)} readOnly minHeight="6rem" />
                  </div>
                )}
              </Card>
            ),
          },
        ]
      : []),
    ...(mayVersions && !policy.builtIn ? [{ id: 'versions', label: t('identity.versions'), content: <Versions policy={policy} onChanged={changed} /> }] : []),
    ...(mayEntities ? [{ id: 'attached', label: t('identity.attachments'), count: policy.attachments || undefined, content: <Attachments policy={policy} onChanged={changed} /> }] : []),
  ];
  return (
    <>
      <PageHeader
        title={policy.name}
        description={policy.description}
        badge={<Badge tone={policy.builtIn ? 'neutral' : 'accent'}>{policy.builtIn ? t('identity.builtIn') : t('identity.own')}</Badge>}
        crumbs={[{ label: t('app.identityPolicies'), href: '/identity/policies' }, { label: policy.name }]}
        actions={
          !policy.builtIn && (
            <>
              {mayEdit && mayRead && (
                <Button icon={Pencil} onPress={() => setOpen('edit')}>
                  {t('ui.edit')}
                </Button>
              )}
              {mayDelete && (
                <Button variant="dangerGhost" icon={Trash2} onPress={() => setOpen('remove')}>
                  {t('ui.delete')}
                </Button>
              )}
            </>
          )
        }
      />
      <div className="stack">
        <Card>
          <KeyValues>
            <KeyValue label={t('profile.arn')}>
              <Copyable value={policy.arn} />
            </KeyValue>
            <KeyValue label={t('identity.defaultVersion')}>
              <code>{policy.defaultVersion}</code>
            </KeyValue>
            {!policy.builtIn && (
              <KeyValue label={t('identity.updated')}>
                <Time value={policy.updated ?? policy.created ?? null} full />
              </KeyValue>
            )}
          </KeyValues>
        </Card>
        {items.length > 0 && <Tabs label={policy.name} items={items} selected={items.some((i) => i.id === tab) ? tab : (items[0]?.id ?? '')} onSelect={setTab} />}
      </div>
      {open === 'edit' && (
        <DocumentDialog
          title={t('identity.editPolicy', { name: policy.name })}
          kind="identity"
          name={policy.name}
          initial={text.data}
          readOnly={false}
          onClose={() => setOpen(null)}
          save={async (next) => {
            await iam.savePolicy(api(), policy.arn, next);
            toast.success(t('identity.savedVersion'));
            changed();
          }}
        />
      )}
      {open === 'remove' && (
        <RemoveDialog
          title={t('identity.deletePolicy', { name: policy.name })}
          id={policy.arn}
          typed={policy.name}
          plan={() => managedPolicySteps(policy)}
          onClose={() => setOpen(null)}
          onDone={() => {
            toast.success(t('identity.deleted', { name: policy.name }));
            changed();
            void client.invalidateQueries({ queryKey: ['user'] });
            go('/identity/policies');
          }}
        />
      )}
    </>
  );
}

function Versions({ policy, onChanged }: { policy: iam.Policy; onChanged: () => void }) {
  const versions = useQuery({ queryKey: ['policy', policy.arn, 'versions'], queryFn: ({ signal }) => iam.listPolicyVersions(api(), policy.arn, { signal }) });
  const can = useCan(['iam:SetDefaultPolicyVersion', 'iam:DeletePolicyVersion', 'iam:GetPolicyVersion'].map((action) => ({ action, resource: policy.arn })));
  const [mayDefault, mayDelete, mayRead] = can.allowed;
  const [compare, setCompare] = useState<string | null>(null);
  const act = async (work: Promise<unknown>, done: string) => {
    try {
      await work;
      toast.success(done);
      onChanged();
    } catch (error) {
      toast.error(error);
    }
  };
  if (versions.isPending) return <Loading />;
  if (versions.error) return <ErrorState error={versions.error} onRetry={() => void versions.refetch()} />;
  return (
    <Card flush title={t('identity.versions')} description={t('identity.versionsHelp')}>
      <Rows empty="">
        {versions.data.map((v) => (
          <Row
            key={v.id}
            note={<Time value={v.created ?? null} full />}
            actions={
              <>
                {v.isDefault && <Badge tone="success">{t('identity.inForce')}</Badge>}
                {!v.isDefault && mayRead && (
                  <Button size="sm" variant="ghost" icon={GitCompare} onPress={() => setCompare(v.id)}>
                    {t('identity.compare')}
                  </Button>
                )}
                {!v.isDefault && (mayDefault || mayDelete) && (
                  <Menu
                    label={t('ui.more')}
                    trigger={<IconButton size="sm" icon={MoreHorizontal} label={t('identity.actionsFor', { name: v.id })} />}
                    items={[
                      mayDefault && { id: 'default', label: t('identity.makeDefault'), icon: Star, onAction: () => void act(iam.setDefaultPolicyVersion(api(), policy.arn, v.id), t('identity.nowDefault', { id: v.id })) },
                      mayDelete && { id: 'delete', label: t('ui.delete'), icon: Trash2, danger: true, onAction: () => void act(iam.deletePolicyVersion(api(), policy.arn, v.id), t('identity.deleted', { name: v.id })) },
                    ]}
                  />
                )}
              </>
            }
          >
            <code>{v.id}</code>
          </Row>
        ))}
      </Rows>
      {compare && <Compare policy={policy} id={compare} onClose={() => setCompare(null)} />}
    </Card>
  );
}

function Compare({ policy, id, onClose }: { policy: iam.Policy; id: string; onClose: () => void }) {
  const both = useQuery({
    queryKey: ['policy', policy.arn, 'compare', id, policy.defaultVersion],
    queryFn: ({ signal }) => Promise.all([iam.getPolicyVersion(api(), policy.arn, id, { signal }), iam.getPolicyVersion(api(), policy.arn, policy.defaultVersion, { signal })]),
  });
  const parts = useMemo(() => (both.data ? diffLines(pretty(both.data[0]), pretty(both.data[1])) : []), [both.data]);
  return (
    <Dialog isOpen size="lg" title={t('identity.compareTitle', { from: id, to: policy.defaultVersion })} onClose={onClose} footer={<Button onPress={onClose}>{t('ui.close')}</Button>}>
      {both.isPending ? (
        <Loading />
      ) : both.error ? (
        <ErrorState error={both.error} onRetry={() => void both.refetch()} />
      ) : (
        <div className={css.diff} tabIndex={0} role="region" aria-label={t('identity.compareTitle', { from: id, to: policy.defaultVersion })}>
          {parts.map((p, i) => {
            const lines = p.value
              .replace(/\n$/, '')
              .split('\n')
              .map((line) => `${p.added ? '+ ' : p.removed ? '− ' : '  '}${line}`)
              .join('\n');
            return p.added ? <ins key={i}>{lines}</ins> : p.removed ? <del key={i}>{lines}</del> : <div key={i}>{lines}</div>;
          })}
        </div>
      )}
    </Dialog>
  );
}

function Attachments({ policy, onChanged }: { policy: iam.Policy; onChanged: () => void }) {
  const client = useQueryClient();
  const entities = useQuery({ queryKey: ['policy', policy.arn, 'entities'], queryFn: ({ signal }) => iam.listEntitiesForPolicy(api(), policy.arn, { signal }) });
  const { who } = useSession();
  const arnOf = (kind: iam.Entity['kind']) => `arn:aws:iam::${who?.account ?? '*'}:${kind}/*`;
  const can = useCan([
    { action: 'iam:AttachUserPolicy', resource: arnOf('user') },
    { action: 'iam:AttachGroupPolicy', resource: arnOf('group') },
    { action: 'iam:AttachRolePolicy', resource: arnOf('role') },
    { action: 'iam:DetachUserPolicy', resource: arnOf('user') },
    { action: 'iam:DetachGroupPolicy', resource: arnOf('group') },
    { action: 'iam:DetachRolePolicy', resource: arnOf('role') },
  ]);
  const kinds = ['user', 'group', 'role'] as const;
  const mayAttach = kinds.filter((_, i) => can.allowed[i]);
  const mayDetach = new Set(kinds.filter((_, i) => can.allowed[i + 3]));
  const [adding, setAdding] = useState(false);
  const all = useQuery({
    queryKey: ['entities', ...mayAttach],
    enabled: adding,
    queryFn: async ({ signal }) => {
      const lists = { user: iam.listUsers, group: iam.listGroups, role: iam.listRoles };
      return (await Promise.all(mayAttach.map(async (kind) => (await lists[kind](api(), { signal })).map((e): iam.Entity => ({ kind, name: e.name }))))).flat();
    },
  });
  const changed = () => {
    onChanged();
    for (const kind of kinds) void client.invalidateQueries({ queryKey: [kind] });
  };
  const detach = async (e: iam.Entity) => {
    try {
      await iam.detachPolicy(api(), e, policy.arn);
      changed();
    } catch (error) {
      toast.error(error);
    }
  };
  const keyOf = (e: iam.Entity) => `${e.kind}/${e.name}`;
  const there = new Set(entities.data?.map(keyOf));
  if (entities.isPending) return <Loading />;
  if (entities.error) return <ErrorState error={entities.error} onRetry={() => void entities.refetch()} />;
  return (
    <Card
      flush
      title={t('identity.attachments')}
      description={t('identity.attachmentsHelp')}
      actions={
        mayAttach.length > 0 && (
          <Button size="sm" icon={Plus} onPress={() => setAdding(true)}>
            {t('identity.attach')}
          </Button>
        )
      }
    >
      <Rows empty={t('identity.notAttached')}>
        {entities.data.map((e) => {
          const Icon = icons[e.kind];
          return (
            <Row key={keyOf(e)} icon={<Icon size={16} aria-hidden className="muted" />} note={t(`identity.kind_${e.kind}`)} actions={mayDetach.has(e.kind) && <IconButton size="sm" variant="dangerGhost" label={t('identity.detachFrom', { name: e.name })} icon={X} onPress={() => void detach(e)} />}>
              <Link href={entityPlace(e)}>{e.name}</Link>
            </Row>
          );
        })}
      </Rows>
      {adding && (
        <AddDialog
          title={t('identity.attachName', { name: policy.name })}
          label={t('identity.toWhom')}
          action={t('identity.attach')}
          options={all.data?.filter((e) => !there.has(keyOf(e))).map((e) => ({ id: keyOf(e), label: e.name, note: t(`identity.kind_${e.kind}`) }))}
          empty={t('identity.nothingLeft')}
          add={(id) => {
            const slash = id.indexOf('/');
            return iam.attachPolicy(api(), { kind: id.slice(0, slash) as iam.Entity['kind'], name: id.slice(slash + 1) }, policy.arn);
          }}
          onClose={() => setAdding(false)}
          onDone={changed}
        />
      )}
    </Card>
  );
}
