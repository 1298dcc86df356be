// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Pencil, ShieldQuestion, Trash2, UserRoundCog } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { isApiError } from '../../../api/http';
import * as iam from '../../../api/iam';
import { api, forgetPermissions, useCan, useSession, type PageProps } from '../../../app';
import { examples, pretty, readDocument, refusal } from '../../../policy';
import { t } from '../../../strings';
import { Button, Card, CodeEditor, Copyable, EmptyState, ErrorState, formatDuration, FormDialog, KeyValue, KeyValues, LinkButton, Loading, NumberField, PageHeader, Table, Tabs, TextField, Time, toast, type Column } from '../../../ui';
import css from '../identity.module.css';
import { BoundaryCard, Choices, DocumentDialog, ListPage, Missing, PoliciesCard, policyChoices, RemoveDialog, usePolicies } from '../parts';
import { found, nameFits, place, simulatorFor } from '../places';
import { PolicyEditor, Sentences } from '../PolicyEditor';
import { roleSteps } from '../removal';
import { useNamed, useQueryParameter } from '../useNamed';

/** What a session of a role may last, in hours. */
const HOURS_MIN = 1;
const HOURS_MAX = 12;
const hoursRange = () => t('ui.between', { min: HOURS_MIN, max: HOURS_MAX });
const hoursFit = (hours: number | null) => hours !== null && hours >= HOURS_MIN && hours <= HOURS_MAX;

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
    { id: 'created', header: t('identity.created'), width: '8rem', minTable: 420, cell: (r) => <Time value={r.created ?? null} /> },
  ];
  return (
    <ListPage
      title={t('app.identityRoles')}
      help={t('identity.rolesHelp')}
      query={roles}
      icon={UserRoundCog}
      none={t('identity.noRoles')}
      noneHelp={t('identity.noRolesHelp')}
      create={can.all && { label: t('identity.createRole'), dialog: (close) => <CreateRole onClose={close} /> }}
      search={{ label: t('identity.searchRoles'), value: filter, onChange: setFilter }}
    >
      <Table label={t('app.identityRoles')} rows={rows} rowKey={(r) => r.name} rowHeight={50} columns={columns} onOpen={(r) => go(place('roles', r.name))} empty={<EmptyState title={t('ui.noMatch')} />} />
    </ListPage>
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
  const [made, setMade] = useState(false);
  const bad = !nameFits(name, 'roles');
  const wrong = refusal(trust, { kind: 'trust' });
  const send = async () => {
    if (!made) await iam.createRole(api(), name, trust, { description, maxSessionSeconds: (hours ?? HOURS_MIN) * 3600 });
    setMade(true);
    for (const arn of attached) await iam.attachPolicy(api(), { kind: 'role', name }, arn);
    forgetPermissions();
    await client.invalidateQueries({ queryKey: ['roles'] });
    toast.success(t('identity.created_', { name }));
    go(place('roles', name), { replace: true });
  };
  return (
    <FormDialog size="xl" title={t('identity.createRole')} action={t('identity.createRole')} isWrong={bad || Boolean(wrong) || !hoursFit(hours)} onClose={onClose} onSend={send}>
      {(tried) => (
        <div className="stack">
          <div className="grid3">
            <TextField label={t('identity.name')} value={name} onChange={setName} isRequired autoFocus isDisabled={made} maxLength={64} error={tried && bad ? t('identity.badName') : null} />
            <TextField label={t('identity.description')} value={description} onChange={setDescription} isDisabled={made} maxLength={1000} />
            <NumberField label={t('identity.sessionHours')} value={hours} onChange={setHours} min={HOURS_MIN} max={HOURS_MAX} isDisabled={made} error={tried && hours === null ? hoursRange() : null} />
          </div>
          <div>
            <h3 style={{ fontSize: 'var(--size-md)', marginBottom: 'var(--s2)' }}>{t('identity.trust')}</h3>
            <PolicyEditor kind="trust" value={trust} onChange={setTrust} />
          </div>
          {policies.data && <Choices label={t('identity.policies')} options={policyChoices(policies.data) ?? []} chosen={attached} onChange={setAttached} empty={t('identity.nothingLeft')} />}
          {tried && wrong && <ErrorState error={wrong} compact />}
        </div>
      )}
    </FormDialog>
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
  const send = async () => {
    await iam.updateRole(api(), role.name, { description, maxSessionSeconds: (hours ?? HOURS_MIN) * 3600 });
    onDone();
    onClose();
  };
  return (
    <FormDialog title={role.name} action={t('ui.save')} isWrong={!hoursFit(hours)} onClose={onClose} onSend={send}>
      {(tried) => (
        <div className="stack">
          <TextField label={t('identity.description')} value={description} onChange={setDescription} maxLength={1000} autoFocus />
          <NumberField label={t('identity.sessionHours')} description={t('identity.sessionHelp')} value={hours} onChange={setHours} min={HOURS_MIN} max={HOURS_MAX} error={tried && hours === null ? hoursRange() : null} />
        </div>
      )}
    </FormDialog>
  );
}
