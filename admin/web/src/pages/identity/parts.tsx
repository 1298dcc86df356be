// SPDX-License-Identifier: Apache-2.0
// What the pages of identities share.
import { useQuery, useQueryClient, type QueryKey } from '@tanstack/react-query';
import { Circle, CircleCheck, FileText, Pencil, Plus, ShieldCheck, Trash2, X, type LucideIcon } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import * as iam from '../../api/iam';
import type { Tags } from '../../api/s3';
import { api, forgetPermissions, useCan } from '../../app';
import { pretty, refusal, validate, type PolicyKind } from '../../policy';
import { t } from '../../strings';
import { Badge, Button, Callout, Card, Checkbox, Dialog, EmptyState, ErrorState, FormDialog, IconButton, Loading, PageHeader, SearchField, Skeleton, TextField, Time, toast } from '../../ui';
import css from './identity.module.css';
import { found, place, type Kind } from './places';
import { PolicyEditor } from './PolicyEditor';
import type { Step } from './removal';

const PLACES: Record<iam.Entity['kind'], Kind> = { user: 'users', group: 'groups', role: 'roles' };
export const entityPlace = (e: iam.Entity) => place(PLACES[e.kind], e.name);

export function Chip({ children, label, onRemove }: { children: string; label: string; onRemove?: (() => void) | undefined }) {
  return (
    <span className={css.chip}>
      <span className="hostile">{children}</span>
      {onRemove && <IconButton size="sm" label={label} icon={X} onPress={onRemove} />}
    </span>
  );
}

/** Rows of a name with what is known of it, and a button each. */
export function Rows({ children, empty }: { children: ReactNode[]; empty: string }) {
  return children.length === 0 ? <p className={css.none}>{empty}</p> : <ul className={css.list}>{children}</ul>;
}

export function Row({ icon, children, note, actions }: { icon?: ReactNode; children: ReactNode; note?: ReactNode; actions?: ReactNode }) {
  return (
    <li className={css.item}>
      {icon}
      <div className={css.itemText}>
        <div className="hostile">{children}</div>
        {note && <small className="hostile">{note}</small>}
      </div>
      {actions}
    </li>
  );
}

export function LastUsed({ id }: { id: string }) {
  const used = useQuery({ queryKey: ['keyUse', id], queryFn: ({ signal }) => iam.getAccessKeyLastUsed(api(), id, { signal }), staleTime: 60_000 });
  if (used.isPending) return <Skeleton width="5rem" />;
  if (used.error) return <span className="muted">–</span>;
  return used.data.at ? <Time value={used.data.at} /> : <span className="muted">{t('identity.never')}</span>;
}

/** Removes with all that hangs on it; what that is, is shown first. */
export function RemoveDialog({ title, id, plan, typed, onClose, onDone }: { title: string; id: string; plan: () => Promise<Step[]>; typed?: string; onClose: () => void; onDone: () => void }) {
  const steps = useQuery({ queryKey: ['removal', id], queryFn: plan, gcTime: 0, staleTime: Infinity });
  const [done, setDone] = useState(0);
  const [failed, setFailed] = useState(false);
  const [text, setText] = useState('');
  const list = steps.data ?? [];
  const run = async () => {
    try {
      for (let at = done; at < list.length; at++) {
        await list[at]?.run();
        setDone(at + 1);
      }
    } catch (error) {
      setFailed(true);
      throw error;
    }
    forgetPermissions();
    onDone();
  };
  return (
    <FormDialog role="alertdialog" title={title} action={failed ? t('ui.retry') : t('ui.delete')} danger isDisabled={!steps.isSuccess || (typed !== undefined && text !== typed)} onClose={onClose} onSend={run}>
      {steps.isPending ? (
        <Loading rows={3} />
      ) : steps.error ? (
        <ErrorState error={steps.error} compact onRetry={() => void steps.refetch()} />
      ) : (
        <>
          <p>{t('identity.removeSteps', { count: list.length })}</p>
          <ol className={css.steps}>
            {list.map((s, i) => (
              <li key={i} data-done={i < done}>
                {i < done ? <CircleCheck size={15} aria-label={t('identity.done')} /> : <Circle size={15} aria-hidden />}
                <span>{s.text}</span>
              </li>
            ))}
          </ol>
          {typed !== undefined && <TextField label={t('ui.typeToConfirm', { name: typed })} value={text} onChange={setText} mono autoFocus />}
        </>
      )}
    </FormDialog>
  );
}

export type Choice = { id: string; label: string; note?: string };

/** Several of a list, found by typing. */
export function Choices({ label, options, chosen, onChange, empty }: { label: string; options: readonly Choice[]; chosen: ReadonlySet<string>; onChange: (chosen: Set<string>) => void; empty: string }) {
  const [search, setSearch] = useState('');
  const shown = options.filter((o) => found(search, o.label, o.note ?? ''));
  const SHOWN_MAX = 100;
  const toggle = (id: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(id);
    else next.delete(id);
    onChange(next);
  };
  return (
    <fieldset className={css.choices}>
      <legend className={css.legend}>
        {label}
        {chosen.size > 0 && <span className="muted"> · {t('identity.chosen', { count: chosen.size })}</span>}
      </legend>
      {options.length > 6 && <SearchField label={t('identity.searchIn', { name: label })} value={search} onChange={setSearch} size="sm" />}
      {options.length === 0 ? (
        <p className="muted">{empty}</p>
      ) : (
        <div className={css.options}>
          {shown.slice(0, SHOWN_MAX).map((o) => (
            <Checkbox key={o.id} className="hostile" label={o.label} description={o.note} isSelected={chosen.has(o.id)} onChange={(on) => toggle(o.id, on)} />
          ))}
          {shown.length === 0 && <p className="muted">{t('ui.noMatch')}</p>}
          {shown.length > SHOWN_MAX && <p className="muted">{t('identity.wMore', { count: shown.length - SHOWN_MAX })}</p>}
        </div>
      )}
    </fieldset>
  );
}

/** A dialog that adds some of a list, one request each. */
export function AddDialog({ title, label, options, add, onClose, onDone, empty, action, single }: { single?: boolean; title: string; label: string; options: readonly Choice[] | undefined; add: (id: string) => Promise<unknown>; onClose: () => void; onDone: () => void; empty: string; action: string }) {
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const run = async () => {
    try {
      for (const id of chosen) await add(id);
    } finally {
      forgetPermissions();
      onDone();
    }
    onClose();
  };
  return (
    <FormDialog title={title} action={action} isDisabled={chosen.size === 0} onClose={onClose} onSend={run}>
      {options === undefined ? <Loading rows={4} /> : <Choices label={label} options={options} chosen={chosen} onChange={(next) => setChosen(single ? new Set([...next].filter((id) => !chosen.has(id))) : next)} empty={empty} />}
    </FormDialog>
  );
}

export const usePolicies = (enabled = true) => useQuery({ queryKey: ['policies'], queryFn: ({ signal }) => iam.listPolicies(api(), { signal }), enabled });
export const policyChoices = (list: readonly iam.Policy[] | undefined, without: ReadonlySet<string> = new Set()): Choice[] | undefined =>
  list
    ?.filter((p) => !without.has(p.arn))
    .sort((a, b) => Number(a.builtIn) - Number(b.builtIn) || a.name.localeCompare(b.name))
    .map((p) => ({ id: p.arn, label: p.name, note: p.description ?? (p.builtIn ? t('identity.builtIn') : '') }));

const NOUN = { user: 'User', group: 'Group', role: 'Role' } as const;

/** What an identity may do by itself: attached and inline policies. */
export function PoliciesCard({ entity, arn }: { entity: iam.Entity; arn: string }) {
  const client = useQueryClient();
  const key: QueryKey = [entity.kind, entity.name, 'attached'];
  const attached = useQuery({ queryKey: key, queryFn: ({ signal }) => iam.listAttachedPolicies(api(), entity, { signal }) });
  const inline = useQuery({ queryKey: [entity.kind, entity.name, 'inline'], queryFn: ({ signal }) => iam.listInlinePolicies(api(), entity, { signal }) });
  const noun = NOUN[entity.kind];
  const can = useCan([`iam:Attach${noun}Policy`, `iam:Detach${noun}Policy`, `iam:Put${noun}Policy`, `iam:Delete${noun}Policy`].map((action) => ({ action, resource: arn })));
  const [mayAttach, mayDetach, mayPut, mayDelete] = can.allowed;
  const [adding, setAdding] = useState(false);
  const [editing, setEditing] = useState<{ name: string | null } | null>(null);
  const policies = usePolicies(adding);
  const changed = () => {
    void client.invalidateQueries({ queryKey: [entity.kind, entity.name] });
    void client.invalidateQueries({ queryKey: ['policies'] });
    void client.invalidateQueries({ queryKey: ['policy'] });
    forgetPermissions();
  };
  const act = async (work: Promise<unknown>, done: string) => {
    try {
      await work;
      toast.success(done);
      changed();
    } catch (error) {
      toast.error(error);
    }
  };
  return (
    <>
      <Card
        flush
        title={t('identity.attached')}
        description={t(`identity.attachedHelp_${entity.kind}`)}
        actions={
          mayAttach && (
            <Button size="sm" icon={Plus} onPress={() => setAdding(true)}>
              {t('identity.attach')}
            </Button>
          )
        }
      >
        {attached.isPending ? (
          <div className={css.none}>
            <Loading rows={2} />
          </div>
        ) : attached.error ? (
          <ErrorState error={attached.error} onRetry={() => void attached.refetch()} />
        ) : (
          <Rows empty={t('identity.noAttached')}>
            {attached.data.map((p) => (
              <Row
                key={p.arn}
                icon={<ShieldCheck size={16} aria-hidden className="muted" />}
                note={p.arn.startsWith('arn:aws:iam::aws:') ? t('identity.builtIn') : undefined}
                actions={mayDetach && <IconButton size="sm" variant="dangerGhost" label={t('identity.detachName', { name: p.name })} icon={X} onPress={() => void act(iam.detachPolicy(api(), entity, p.arn), t('identity.detached', { name: p.name }))} />}
              >
                <Link href={place('policies', p.name, { arn: p.arn })}>{p.name}</Link>
              </Row>
            ))}
          </Rows>
        )}
      </Card>
      <Card
        flush
        title={t('identity.inline')}
        description={t('identity.inlineHelp')}
        actions={
          mayPut && (
            <Button size="sm" icon={Plus} onPress={() => setEditing({ name: null })}>
              {t('identity.inlineNew')}
            </Button>
          )
        }
      >
        {inline.isPending ? (
          <div className={css.none}>
            <Loading rows={2} />
          </div>
        ) : inline.error ? (
          <ErrorState error={inline.error} onRetry={() => void inline.refetch()} />
        ) : (
          <Rows empty={t('identity.noInline')}>
            {inline.data.map((name) => (
              <Row
                key={name}
                icon={<FileText size={16} aria-hidden className="muted" />}
                actions={
                  <>
                    <IconButton size="sm" label={t(mayPut ? 'identity.editName' : 'identity.showName', { name })} icon={mayPut ? Pencil : FileText} onPress={() => setEditing({ name })} />
                    {mayDelete && <IconButton size="sm" variant="dangerGhost" label={t('identity.deleteName', { name })} icon={Trash2} onPress={() => void act(iam.deleteInlinePolicy(api(), entity, name), t('identity.deleted', { name }))} />}
                  </>
                }
              >
                {name}
              </Row>
            ))}
          </Rows>
        )}
      </Card>
      {adding && (
        <AddDialog
          title={t('identity.attachTo', { name: entity.name })}
          label={t('identity.policies')}
          action={t('identity.attach')}
          options={policyChoices(policies.data, new Set(attached.data?.map((p) => p.arn)))}
          empty={t('identity.nothingLeft')}
          add={(id) => iam.attachPolicy(api(), entity, id)}
          onClose={() => setAdding(false)}
          onDone={changed}
        />
      )}
      {editing && <InlineDialog entity={entity} name={editing.name} readOnly={!mayPut} onClose={() => setEditing(null)} onDone={changed} />}
    </>
  );
}

function InlineDialog({ entity, name, readOnly, onClose, onDone }: { entity: iam.Entity; name: string | null; readOnly: boolean; onClose: () => void; onDone: () => void }) {
  const saved = useQuery({ queryKey: [entity.kind, entity.name, 'inline', name], queryFn: ({ signal }) => iam.getInlinePolicy(api(), entity, name ?? '', { signal }), enabled: name !== null });
  return (
    <DocumentDialog
      title={name ?? t('identity.inlineNew')}
      kind="identity"
      name={name ?? undefined}
      initial={name === null ? '' : saved.data}
      error={saved.error}
      readOnly={readOnly}
      onClose={onClose}
      save={async (text, newName) => {
        await iam.putInlinePolicy(api(), entity, newName, text);
        onDone();
      }}
    />
  );
}

/** Edits one document; with a name field when it has none yet. */
export function DocumentDialog(p: { title: string; kind: PolicyKind; name: string | undefined; initial: string | undefined; error?: unknown; readOnly: boolean; onClose: () => void; save: (text: string, name: string) => Promise<unknown> }) {
  const [text, setText] = useState<string | null>(null);
  const [name, setName] = useState('');
  const value = text ?? (p.initial === undefined ? undefined : pretty(p.initial));
  const wrong = value === undefined ? null : refusal(value, { kind: p.kind });
  const badName = p.name === undefined && !/^[\w+=,.@-]{1,128}$/.test(name);
  const content = (tried: boolean) => (
    <>
      {p.name === undefined && <TextField label={t('identity.name')} value={name} onChange={setName} isRequired mono autoFocus error={tried && badName ? t('identity.badName') : null} />}
      {p.error ? <ErrorState error={p.error} compact /> : value === undefined ? <Loading rows={6} /> : <PolicyEditor kind={p.kind} value={value} onChange={setText} readOnly={p.readOnly} />}
      {tried && wrong && <ErrorState error={wrong} compact />}
    </>
  );
  if (p.readOnly)
    return (
      <Dialog isOpen size="xl" title={p.title} onClose={p.onClose} footer={<Button onPress={p.onClose}>{t('ui.close')}</Button>}>
        {content(false)}
      </Dialog>
    );
  return (
    <FormDialog
      size="xl"
      title={p.title}
      action={t('ui.save')}
      isModal={text !== null}
      isDisabled={value === undefined}
      isWrong={Boolean(wrong) || badName}
      onClose={p.onClose}
      onSend={async () => {
        await p.save(value ?? '', p.name ?? name);
        forgetPermissions();
        p.onClose();
      }}
    >
      {content}
    </FormDialog>
  );
}

/** The most that an identity may do, whatever its policies say. */
export function BoundaryCard({ entity, arn, boundary }: { entity: iam.Entity & { kind: 'user' | 'role' }; arn: string; boundary: string | undefined }) {
  const client = useQueryClient();
  const noun = NOUN[entity.kind];
  const can = useCan([`iam:Put${noun}PermissionsBoundary`, `iam:Delete${noun}PermissionsBoundary`].map((action) => ({ action, resource: arn })));
  const [mayPut, mayDelete] = can.allowed;
  const [choosing, setChoosing] = useState(false);
  const policies = usePolicies(choosing);
  const changed = () => {
    void client.invalidateQueries({ queryKey: [entity.kind, entity.name] });
    forgetPermissions();
  };
  const remove = async () => {
    try {
      await iam.deleteBoundary(api(), entity);
      changed();
    } catch (error) {
      toast.error(error);
    }
  };
  return (
    <Card
      flush
      title={t('identity.boundary')}
      description={t('identity.boundaryHelp')}
      actions={
        mayPut && (
          <Button size="sm" onPress={() => setChoosing(true)}>
            {boundary ? t('identity.change') : t('identity.set')}
          </Button>
        )
      }
    >
      <Rows empty={t('identity.noBoundary')}>
        {boundary
          ? [
              <Row key="b" icon={<ShieldCheck size={16} aria-hidden className="muted" />} actions={mayDelete && <IconButton size="sm" variant="dangerGhost" label={t('identity.boundaryRemove')} icon={X} onPress={() => void remove()} />}>
                <Link href={place('policies', boundary.split('/').pop() ?? '', { arn: boundary })}>{boundary.split('/').pop()}</Link>
              </Row>,
            ]
          : []}
      </Rows>
      {choosing && (
        <AddDialog
          single
          title={t('identity.boundary')}
          label={t('identity.boundaryChoose')}
          action={t('ui.save')}
          options={policyChoices(policies.data)}
          empty={t('identity.nothingLeft')}
          add={(id) => iam.putBoundary(api(), entity, id)}
          onClose={() => setChoosing(false)}
          onDone={changed}
        />
      )}
    </Card>
  );
}

/** What IAM allows in keys and values of tags. */
const TAG = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** Tags of a user. */
export function TagsCard({ tags, mayEdit, save }: { tags: Tags; mayEdit: boolean; save: (tags: Tags, gone: string[]) => Promise<unknown> }) {
  const [draft, setDraft] = useState<Array<[string, string]> | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const pairs = Object.entries(tags);
  const names = draft?.map(([k]) => k) ?? [];
  const wrong = draft && (names.some((k) => k === '' || k.length > 128) || new Set(names).size !== names.length || draft.some(([k, v]) => v.length > 256 || !TAG.test(k) || !TAG.test(v)));
  const edit = (i: number, pair: [string, string] | null) => setDraft((d) => (d ?? []).flatMap((old, k) => (k === i ? (pair ? [pair] : []) : [old])));
  const run = async () => {
    if (!draft || wrong) return;
    setBusy(true);
    setError(null);
    try {
      await save(
        Object.fromEntries(draft),
        Object.keys(tags).filter((k) => !names.includes(k)),
      );
      setDraft(null);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  if (!draft) {
    return (
      <Card
        flush
        title={t('identity.tags')}
        description={t('identity.tagsHelp')}
        actions={
          mayEdit && (
            <Button size="sm" icon={Pencil} onPress={() => setDraft(pairs.length ? pairs : [['', '']])}>
              {t('ui.edit')}
            </Button>
          )
        }
      >
        <Rows empty={t('identity.noTags')}>
          {pairs.map(([k, v]) => (
            <Row key={k} note={k}>
              {v || '–'}
            </Row>
          ))}
        </Rows>
      </Card>
    );
  }
  return (
    <Card
      title={t('identity.tags')}
      footer={
        <div className="row">
          <Button variant="primary" size="sm" isPending={busy} isDisabled={Boolean(wrong)} onPress={() => void run()}>
            {t('ui.save')}
          </Button>
          <Button size="sm" onPress={() => setDraft(null)} isDisabled={busy}>
            {t('ui.cancel')}
          </Button>
        </div>
      }
    >
      <div className="stack">
        {draft.map(([k, v], i) => (
          <div key={i} className="row">
            <TextField className="grow" size="sm" label={t('identity.tagName', { n: i + 1 })} hideLabel placeholder={t('identity.tagNameShort')} value={k} onChange={(text) => edit(i, [text, v])} maxLength={128} />
            <TextField className="grow" size="sm" label={t('identity.tagValue', { n: i + 1 })} hideLabel placeholder={t('identity.tagValueShort')} value={v} onChange={(text) => edit(i, [k, text])} maxLength={256} />
            <IconButton size="sm" label={t('identity.tagRemove', { n: i + 1 })} icon={X} onPress={() => edit(i, null)} />
          </div>
        ))}
        <div>
          <Button size="sm" variant="ghost" icon={Plus} onPress={() => setDraft([...draft, ['', '']])} isDisabled={draft.length >= 50}>
            {t('identity.tagAdd')}
          </Button>
        </div>
        {wrong && <Callout tone="warning">{t('identity.badTags')}</Callout>}
        {error !== null && <ErrorState error={error} compact />}
      </div>
    </Card>
  );
}

/** A page that lists: its header, its search and its dialog for a new one (at ?new), and its list's query in all states. */
export function ListPage({ title, help, query, icon, none, noneHelp, create, search, children }: {
  title: string;
  help: string;
  query: { isPending: boolean; error: unknown; refetch: () => unknown; data?: readonly unknown[] | undefined };
  icon: LucideIcon;
  none: string;
  noneHelp?: string;
  /** Null where that is not allowed. */
  create: { label: string; dialog: (close: () => void) => ReactNode } | null | undefined | false;
  search?: { label: string; value: string; onChange: (text: string) => void; more?: ReactNode };
  children: ReactNode;
}) {
  const [place, go] = useLocation();
  const isNew = new URLSearchParams(useSearch()).has('new');
  const isEmpty = query.data?.length === 0;
  const button = create && (
    <Button variant="primary" icon={Plus} onPress={() => go(`${place}?new`)}>
      {create.label}
    </Button>
  );
  return (
    <>
      <PageHeader title={title} description={help} actions={isEmpty ? null : button} />
      {query.isPending ? (
        <Loading rows={6} />
      ) : query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : isEmpty ? (
        <EmptyState icon={icon} title={none} actions={button}>
          {noneHelp}
        </EmptyState>
      ) : (
        <>
          {search && (
            <div className={css.toolbar}>
              <SearchField label={search.label} value={search.value} onChange={search.onChange} />
              {search.more}
            </div>
          )}
          {children}
        </>
      )}
      {create && isNew && create.dialog(() => go(place, { replace: true }))}
    </>
  );
}

export function Missing({ title, back }: { title: string; back: ReactNode }) {
  return (
    <EmptyState title={title} actions={back}>
      {t('errors.noEntity')}
    </EmptyState>
  );
}

export const ActiveBadge = ({ active }: { active: boolean }) => (active ? <Badge tone="success" dot>{t('profile.active')}</Badge> : <Badge dot>{t('profile.inactive')}</Badge>);
export const hasErrors = (text: string, kind: PolicyKind) => validate(text, { kind }).some((f) => f.severity === 'error');
