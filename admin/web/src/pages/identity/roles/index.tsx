// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Pencil, Plus, ShieldQuestion, Trash2, UserRoundCog } from 'lucide-react';
import { useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { isApiError } from '../../../api/http';
import * as iam from '../../../api/iam';
import { api, forgetPermissions, useCan, useSession, type PageProps } from '../../../app';
import { examples, pretty, readDocument, refusal } from '../../../policy';
import { t } from '../../../strings';
import { Button, Card, CodeEditor, Copyable, Dialog, EmptyState, ErrorState, formatDuration, KeyValue, KeyValues, LinkButton, Loading, NumberField, PageHeader, SearchField, Table, Tabs, TextField, Time, toast, type Column } from '../../../ui';
import css from '../identity.module.css';
import { BoundaryCard, Choices, DocumentDialog, ListState, Missing, PoliciesCard, policyChoices, RemoveDialog, usePolicies } from '../parts';
import { found, nameFits, place, simulatorFor } from '../places';
import { PolicyEditor, Sentences } from '../PolicyEditor';
import { roleSteps } from '../removal';
import { useNamed, useQueryParameter } from '../useNamed';

/** What a session of a role may last, in hours. */
const HOURS_MIN = 1;
const HOURS_MAX = 12;

export default function Page({ params }: PageProps) {
  const name = useNamed(params);
  return name === undefined ? <List /> : <RolePage key={name} name={name} />;
}

function trusted(trust: string): string {
  const all = readDocument(trust)?.statements.filter((s) => s.effect === 'Allow').flatMap((s) => s.principals.map((p) => p.value.replace(/^arn:aws:iam::/, ''))) ?? [];
  return all.join(', ');
}

function List() {
  const [, go] = useLocation();
  const search = useSearch();
  const { who } = useSession();
  const roles = useQuery({ queryKey: ['roles'], queryFn: ({ signal }) => iam.listRoles(api(), { signal }) });
  const can = useCan([{ action: 'iam:CreateRole', resource: `arn:aws:iam::${who?.account ?? '*'}:role/*` }]);
  const [filter, setFilter] = useState('');
  const rows = (roles.data ?? []).filter((r) => found(filter, r.name, r.description ?? '', r.trust)).sort((a, b) => a.name.localeCompare(b.name));
  const columns: Column<iam.Role>[] = [
    {
      id: 'name',
      header: t('identity.name'),
      width: 'minmax(0, 2fr)',
      cell: (r) => (
        <span className={css.two}>
          <strong className="ellipsis">{r.name}</strong>
          {r.description && <small className="ellipsis">{r.description}</small>}
        </span>
      ),
    },
    { id: 'trust', header: t('identity.trustedBy'), width: 'minmax(0, 2fr)', minTable: 560, cell: (r) => <span className="ellipsis mono">{trusted(r.trust) || '–'}</span> },
    { id: 'session', header: t('identity.session'), width: '7rem', minTable: 760, cell: (r) => <span className="num">{formatDuration(r.maxSessionSeconds)}</span> },
    { id: 'created', header: t('identity.created'), width: '8rem', minTable: 420, cell: (r) => <Time value={r.created ?? null} /> },
  ];
  const create = can.all && (
    <Button variant="primary" icon={Plus} onPress={() => go('/identity/roles?new')}>
      {t('identity.createRole')}
    </Button>
  );
  return (
    <>
      <PageHeader title={t('app.identityRoles')} description={t('identity.rolesHelp')} actions={roles.data?.length ? create : null} />
      <ListState
        query={roles}
        empty={
          <EmptyState icon={UserRoundCog} title={t('identity.noRoles')} actions={create}>
            {t('identity.noRolesHelp')}
          </EmptyState>
        }
      >
        <div className={css.toolbar}>
          <SearchField label={t('identity.searchRoles')} value={filter} onChange={setFilter} />
        </div>
        <Table label={t('app.identityRoles')} rows={rows} rowKey={(r) => r.name} rowHeight={50} columns={columns} onOpen={(r) => go(place('roles', r.name))} empty={<EmptyState title={t('ui.noMatch')} />} />
      </ListState>
      {can.all && new URLSearchParams(search).has('new') && <CreateRole onClose={() => go('/identity/roles', { replace: true })} />}
    </>
  );
}

function CreateRole({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const { who } = useSession();
  const can = useCan([{ action: 'iam:AttachRolePolicy', resource: `arn:aws:iam::${who?.account ?? '*'}:role/*` }, { action: 'iam:ListPolicies' }]);
  const policies = usePolicies(can.all);
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [hours, setHours] = useState<number | null>(1);
  const [trust, setTrust] = useState(() => examples({ kind: 'trust' }, { account: who?.account ?? '' })[0]?.text ?? '');
  const [attached, setAttached] = useState<Set<string>>(new Set());
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const bad = !nameFits(name, 'roles');
  const wrong = refusal(trust, { kind: 'trust' });
  const run = async () => {
    setTried(true);
    if (bad || wrong || busy || hours === null || hours < HOURS_MIN || hours > HOURS_MAX) return;
    setBusy(true);
    setError(null);
    try {
      if (!made) await iam.createRole(api(), name, trust, { description, maxSessionSeconds: hours * 3600 });
      setMade(true);
      for (const arn of attached) await iam.attachPolicy(api(), { kind: 'role', name }, arn);
      forgetPermissions();
      await client.invalidateQueries({ queryKey: ['roles'] });
      toast.success(t('identity.created_', { name }));
      go(place('roles', name), { replace: true });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      size="xl"
      title={t('identity.createRole')}
      isModal={busy}
      onClose={onClose}
      onSubmit={() => void run()}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isPending={busy}>
            {t('identity.createRole')}
          </Button>
        </>
      }
    >
      <div className="stack">
        <div className="grid3">
          <TextField label={t('identity.name')} value={name} onChange={setName} isRequired autoFocus isDisabled={made} maxLength={64} error={tried && bad ? t('identity.badName') : null} />
          <TextField label={t('identity.description')} value={description} onChange={setDescription} isDisabled={made} maxLength={1000} />
          <NumberField label={t('identity.sessionHours')} value={hours} onChange={setHours} min={HOURS_MIN} max={HOURS_MAX} isDisabled={made} />
        </div>
        <div>
          <h3 style={{ fontSize: 'var(--size-md)', marginBottom: 'var(--s2)' }}>{t('identity.trust')}</h3>
          <PolicyEditor kind="trust" value={trust} onChange={setTrust} />
        </div>
        {policies.data && <Choices label={t('identity.policies')} options={policyChoices(policies.data) ?? []} chosen={attached} onChange={setAttached} empty={t('identity.nothingLeft')} />}
        {tried && wrong && <ErrorState error={wrong} compact />}
        {error !== null && <ErrorState error={error} compact />}
      </div>
    </Dialog>
  );
}

function RolePage({ name }: { name: string }) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [tab, setTab] = useQueryParameter('tab', 'permissions');
  const role = useQuery({ queryKey: ['role', name], queryFn: ({ signal }) => iam.getRole(api(), name, { signal }) });
  const resource = role.data?.arn ?? '*';
  const can = useCan(['iam:DeleteRole', 'iam:SimulatePrincipalPolicy', 'iam:UpdateRole', 'iam:UpdateAssumeRolePolicy'].map((action) => ({ action, resource })));
  const [mayDelete, maySimulate, mayUpdate, mayTrust] = can.allowed;
  const [open, setOpen] = useState<'remove' | 'edit' | 'trust' | null>(null);
  const changed = () => {
    void client.invalidateQueries({ queryKey: ['role', name] });
    void client.invalidateQueries({ queryKey: ['roles'] });
  };
  if (role.isPending) return <Loading rows={6} />;
  if (isApiError(role.error) && role.error.isMissing) return <Missing title={t('identity.noSuchRole', { name })} back={<LinkButton href="/identity/roles">{t('app.identityRoles')}</LinkButton>} />;
  if (role.error) return <ErrorState error={role.error} onRetry={() => void role.refetch()} />;
  const r = role.data;
  const statements = readDocument(r.trust)?.statements ?? [];
  return (
    <>
      <PageHeader
        title={name}
        description={r.description}
        crumbs={[{ label: t('app.identityRoles'), href: '/identity/roles' }, { label: name }]}
        actions={
          <>
            {maySimulate && (
              <LinkButton href={simulatorFor(r.arn)} icon={ShieldQuestion}>
                {t('identity.simulate')}
              </LinkButton>
            )}
            {mayUpdate && (
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
        }
      />
      <div className="stack">
        <Card>
          <KeyValues>
            <KeyValue label={t('profile.arn')}>
              <Copyable value={r.arn} />
            </KeyValue>
            <KeyValue label={t('identity.session')}>{formatDuration(r.maxSessionSeconds)}</KeyValue>
            <KeyValue label={t('identity.lastUsed')}>{r.lastUsed ? <Time value={r.lastUsed} /> : t('identity.never')}</KeyValue>
            <KeyValue label={t('identity.created')}>
              <Time value={r.created ?? null} full />
            </KeyValue>
          </KeyValues>
        </Card>
        <Tabs
          label={name}
          selected={tab === 'trust' ? 'trust' : 'permissions'}
          onSelect={setTab}
          items={[
            {
              id: 'permissions',
              label: t('identity.permissions'),
              content: (
                <div className="stack">
                  <PoliciesCard entity={{ kind: 'role', name }} arn={r.arn} />
                  <BoundaryCard entity={{ kind: 'role', name }} arn={r.arn} boundary={r.boundary} />
                </div>
              ),
            },
            {
              id: 'trust',
              label: t('identity.trust'),
              content: (
                <Card
                  title={t('identity.trust')}
                  description={t('identity.trustHelp')}
                  actions={
                    mayTrust && (
                      <Button size="sm" icon={Pencil} onPress={() => setOpen('trust')}>
                        {t('ui.edit')}
                      </Button>
                    )
                  }
                >
                  <div className="stack">
                    <Sentences statements={statements} />
                    <CodeEditor label={t('identity.trust')} value={pretty(r.trust)} readOnly minHeight="4rem" />
                  </div>
                </Card>
              ),
            },
          ]}
        />
      </div>
      {open === 'trust' && (
        <DocumentDialog
          title={t('identity.trust')}
          kind="trust"
          name={name}
          initial={r.trust}
          readOnly={false}
          onClose={() => setOpen(null)}
          save={async (text) => {
            await iam.updateTrust(api(), name, text);
            changed();
          }}
        />
      )}
      {open === 'edit' && <EditRole role={r} onClose={() => setOpen(null)} onDone={changed} />}
      {open === 'remove' && (
        <RemoveDialog
          title={t('identity.deleteRole', { name })}
          id={r.arn}
          typed={name}
          plan={() => roleSteps(name)}
          onClose={() => setOpen(null)}
          onDone={() => {
            toast.success(t('identity.deleted', { name }));
            void client.invalidateQueries({ queryKey: ['roles'] });
            go('/identity/roles');
          }}
        />
      )}
    </>
  );
}

function EditRole({ role, onClose, onDone }: { role: iam.Role; onClose: () => void; onDone: () => void }) {
  const [description, setDescription] = useState(role.description ?? '');
  const [hours, setHours] = useState<number | null>(Math.round((role.maxSessionSeconds ?? 3600) / 3600));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    if (busy || hours === null || hours < HOURS_MIN || hours > HOURS_MAX) return;
    setBusy(true);
    setError(null);
    try {
      await iam.updateRole(api(), role.name, { description, maxSessionSeconds: hours * 3600 });
      onDone();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      title={role.name}
      onClose={onClose}
      onSubmit={() => void run()}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isPending={busy}>
            {t('ui.save')}
          </Button>
        </>
      }
    >
      <div className="stack">
        <TextField label={t('identity.description')} value={description} onChange={setDescription} maxLength={1000} autoFocus />
        <NumberField label={t('identity.sessionHours')} description={t('identity.sessionHelp')} value={hours} onChange={setHours} min={HOURS_MIN} max={HOURS_MAX} />
        {error !== null && <ErrorState error={error} compact />}
      </div>
    </Dialog>
  );
}
