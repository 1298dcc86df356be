// SPDX-License-Identifier: Apache-2.0
// A policy as forms and as JSON, side by side: the JSON is what counts, the forms write it and read it. Below, what it says in words
// and what is wrong with it.
import { useQuery } from '@tanstack/react-query';
import { Ban, BookOpen, CircleAlert, CircleCheck, Info, Plus, Trash2, TriangleAlert, WandSparkles, X } from 'lucide-react';
import { useMemo, useState } from 'react';
import { listOidcProviders, listRoles, listUsers } from '../../api/iam';
import { listBuckets } from '../../api/s3';
import { api, useCan, useSession } from '../../app';
import {
  complete,
  emptyStatement,
  examples,
  KEYS,
  keyOf,
  operatorOf,
  OPERATORS,
  pretty,
  readDocument,
  readS3Resource,
  sentence,
  serviceName,
  SERVICES,
  sizeOf,
  TRUST_ACTIONS,
  usualOperator,
  validate,
  VALUES,
  VERSION,
  writeDocument,
  writeS3Resource,
  type Condition,
  type Finding,
  type Names,
  type PolicyKind,
  type Principal,
  type ServiceId,
  type Statement,
} from '../../policy';
import { t } from '../../strings';
import { Badge, Button, Callout, Checkbox, CodeEditor, ComboBox, IconButton, Menu, SearchField, Select, Switch, TextField } from '../../ui';
import { byLevel, covers, setAction, setActions, setService } from './choose';
import css from './identity.module.css';
import { Chip } from './parts';

type Kind = Exclude<PolicyKind, 'bucket'>;

/** Lists that the caller may not see are empty: names can be typed as well. */
function useNames(kind: Kind): Required<Names> {
  const [seesBuckets, seesUsers, seesRoles, seesProviders] = useCan(['s3:ListAllMyBuckets', 'iam:ListUsers', 'iam:ListRoles', 'iam:ListOpenIDConnectProviders'].map((action) => ({ action }))).allowed;
  const buckets = useQuery({ queryKey: ['buckets', 'names'], queryFn: ({ signal }) => listBuckets(api(), { signal }).then((l) => l.map((b) => b.name)), staleTime: 60_000, enabled: Boolean(kind === 'identity' && seesBuckets) });
  const people = useQuery({
    queryKey: ['principals', 'arns'],
    queryFn: async ({ signal }) => [...(await listUsers(api(), { signal })), ...(await listRoles(api(), { signal }))].map((p) => p.arn),
    staleTime: 60_000,
    enabled: Boolean(kind === 'trust' && seesUsers && seesRoles),
  });
  const providers = useQuery({ queryKey: ['providers', 'arns'], queryFn: ({ signal }) => listOidcProviders(api(), { signal }), staleTime: 60_000, enabled: Boolean(kind === 'trust' && seesProviders) });
  return { buckets: buckets.data ?? [], principals: people.data ?? [], providers: providers.data ?? [] };
}

export function PolicyEditor({ kind, value, onChange, readOnly = false }: { kind: PolicyKind; value: string; onChange: (text: string) => void; readOnly?: boolean }) {
  const of: Kind = kind === 'trust' ? 'trust' : 'identity';
  const names = useNames(of);
  const { who } = useSession();
  const context = { kind: of } as const;
  const document = useMemo(() => (value.trim() === '' ? { version: VERSION, id: '', statements: [] } : readDocument(value)), [value]);
  const findings = useMemo(() => validate(value, { kind: of }), [value, of]);
  const set = (statements: Statement[]) => document && onChange(writeDocument({ ...document, version: document.version || VERSION, statements }));
  const list = document?.statements ?? [];
  const starts = examples(context, { account: who?.account ?? '123456789012', ...(names.providers[0] ? { provider: names.providers[0] } : {}) });
  return (
    <div className={css.editor}>
      {!readOnly && (
        <div>
          <div className={css.editorTop}>
            <h3>{t('identity.builder')}</h3>
            <Menu
              label={t('identity.examples')}
              trigger={
                <Button size="sm" variant="ghost" icon={BookOpen}>
                  {t('identity.examples')}
                </Button>
              }
              items={starts.map((e) => ({ id: e.id, label: e.title, onAction: () => onChange(e.text) }))}
            />
          </div>
          {document ? (
            <div className="stack">
              {list.map((s, i) => (
                <StatementForm
                  key={i}
                  number={i + 1}
                  kind={of}
                  names={names}
                  value={s}
                  onChange={(next) => set(list.map((old, k) => (k === i ? next : old)))}
                  onRemove={() => set(list.filter((_, k) => k !== i))}
                />
              ))}
              <div>
                <Button size="sm" icon={Plus} onPress={() => set([...list, of === 'trust' ? { ...emptyStatement(), actions: ['sts:AssumeRole'] } : emptyStatement()])}>
                  {t('identity.addStatement')}
                </Button>
              </div>
            </div>
          ) : (
            <Callout tone="warning" title={t('identity.builderCannot')}>
              {t('identity.builderCannotWhy')}
            </Callout>
          )}
        </div>
      )}
      <div className={readOnly ? 'stack' : css.sticky}>
        {!readOnly && (
          <div className={css.editorTop}>
            <h3>JSON</h3>
            <span className="row">
              <span className="muted num">{t('identity.size', { size: sizeOf(value, of), max: of === 'trust' ? 2048 : 6144 })}</span>
              <Button size="sm" variant="ghost" icon={WandSparkles} onPress={() => onChange(pretty(value))}>
                {t('identity.format')}
              </Button>
            </span>
          </div>
        )}
        <CodeEditor
          label={t('identity.json')}
          value={value}
          onChange={onChange}
          readOnly={readOnly}
          minHeight={readOnly ? '6rem' : '16rem'}
          maxHeight="30rem"
          lint={(text) => validate(text, { kind: of })}
          complete={(text, at) => complete(text, at, { kind: of }, names)}
        />
        <div className="stack" style={{ marginTop: 'var(--s3)', gap: 'var(--s3)' }}>
          {findings.length > 0 && <Findings findings={findings} text={value} />}
          {document && list.length > 0 && <Sentences statements={list} />}
        </div>
      </div>
    </div>
  );
}

const MARKS = { error: CircleAlert, warning: TriangleAlert, info: Info } as const;

function Findings({ findings, text }: { findings: Finding[]; text: string }) {
  const SHOWN_MAX = 8;
  return (
    <ul aria-label={t('identity.findings')} role="list">
      {findings.slice(0, SHOWN_MAX).map((f, i) => {
        const Icon = MARKS[f.severity];
        return (
          <li key={i} className={css.finding} data-severity={f.severity}>
            <Icon size={14} aria-label={t(`identity.severity_${f.severity}`)} />
            <span className="hostile">
              {f.message} <span className="muted">{t('identity.line', { n: text.slice(0, f.from).split('\n').length })}</span>
            </span>
          </li>
        );
      })}
      {findings.length > SHOWN_MAX && <li className="muted">{t('identity.wMore', { count: findings.length - SHOWN_MAX })}</li>}
    </ul>
  );
}

export function Sentences({ statements }: { statements: readonly Statement[] }) {
  return (
    <section aria-label={t('identity.inWords')}>
      <p style={{ marginBottom: 'var(--s2)' }}>
        <strong>{t('identity.inWords')}</strong>
      </p>
      <ul className={css.words} role="list">
        {statements.map((s, i) => (
          <li key={i}>
            {s.effect === 'Allow' ? <CircleCheck size={14} aria-hidden color="var(--success-text)" /> : <Ban size={14} aria-hidden color="var(--danger-text)" />}
            <span className="hostile">{sentence(s)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

type FormProps = { number: number; kind: Kind; names: Required<Names>; value: Statement; onChange: (s: Statement) => void; onRemove: () => void };

function StatementForm({ number, kind, names, value, onChange, onRemove }: FormProps) {
  return (
    <section className={css.statement} data-effect={value.effect} aria-label={t('identity.statement', { n: number })}>
      <div className={css.statementHead}>
        <Select
          className={css.effect}
          size="sm"
          label={t('identity.effect')}
          hideLabel
          options={[
            { id: 'Allow', label: t('identity.allow') },
            { id: 'Deny', label: t('identity.deny') },
          ]}
          value={value.effect}
          onChange={(effect) => onChange({ ...value, effect: effect as Statement['effect'] })}
        />
        <TextField className="grow" size="sm" label={t('identity.sid')} hideLabel placeholder={t('identity.sidHint', { n: number })} value={value.sid} onChange={(sid) => onChange({ ...value, sid })} />
        <IconButton size="sm" variant="dangerGhost" label={t('identity.removeStatement', { n: number })} icon={Trash2} onPress={onRemove} />
      </div>
      {kind === 'trust' && <PrincipalsForm names={names} value={value} onChange={onChange} />}
      <ActionsForm kind={kind} value={value} onChange={onChange} />
      {kind === 'identity' && <ResourcesForm names={names} value={value} onChange={onChange} />}
      <ConditionsForm value={value} onChange={onChange} />
    </section>
  );
}

type PartProps = { value: Statement; onChange: (s: Statement) => void };

/** What the server can do of what a trust policy may allow. */
const TICKED = TRUST_ACTIONS.filter((a) => !/SAML|Context/.test(a));

function ActionsForm({ kind, value, onChange }: PartProps & { kind: Kind }) {
  const [open, setOpen] = useState(value.actions.length === 0 && kind === 'identity');
  const set = (actions: string[]) => onChange({ ...value, actions });
  const SHOWN_MAX = 14;
  const [all, setAll] = useState(false);
  const listed = value.actions.map((action, at) => ({ action, at })).filter(({ action }) => kind === 'identity' || !TICKED.includes(action));
  const shown = all ? listed : listed.slice(0, SHOWN_MAX);
  return (
    <div className={css.section} role="group" aria-label={t('identity.actions')}>
      <div className={css.sectionHead}>
        <span className={css.legend}>{value.notAction ? t('identity.actionsBut') : t('identity.actions')}</span>
        <span className="row">
          {kind === 'identity' && <Switch label={t('identity.allBut')} isSelected={value.notAction} onChange={(notAction) => onChange({ ...value, notAction })} />}
          {kind === 'identity' && (
            <Button size="sm" variant="ghost" aria-expanded={open} onPress={() => setOpen(!open)}>
              {open ? t('identity.close') : t('identity.chooseActions')}
            </Button>
          )}
        </span>
      </div>
      {listed.length > 0 && (
        <div className={css.chips}>
          {shown.map(({ action, at }) => (
            <Chip key={`${at}${action}`} label={t('identity.removeName', { name: action })} onRemove={() => set(value.actions.filter((_, k) => k !== at))}>
              {action}
            </Chip>
          ))}
          {listed.length > SHOWN_MAX && (
            <Button size="sm" variant="ghost" onPress={() => setAll(!all)}>
              {all ? t('identity.fewer') : t('identity.wMore', { count: listed.length - SHOWN_MAX })}
            </Button>
          )}
        </div>
      )}
      {kind === 'trust' ? (
        <div className="row wrap" style={{ columnGap: 'var(--s4)' }}>
          {TICKED.map((a) => (
            <Checkbox key={a} label={a} isSelected={covers(value.actions, a)} onChange={(on) => set(on ? [...value.actions, a] : value.actions.filter((x) => x !== a))} />
          ))}
        </div>
      ) : (
        open && <ActionPicker value={value.actions} onChange={set} />
      )}
    </div>
  );
}

export function ActionPicker({ value, onChange }: { value: string[]; onChange: (actions: string[]) => void }) {
  const [service, setServiceId] = useState<ServiceId>('s3');
  const [search, setSearch] = useState('');
  const groups = byLevel(service, search);
  const whole = covers(value, `${service}:*`);
  return (
    <div className="stack" style={{ gap: 'var(--s2)' }}>
      <div className="row wrap">
        <Select size="sm" label={t('identity.service')} hideLabel options={SERVICES.map((id) => ({ id, label: serviceName(id) }))} value={service} onChange={setServiceId} />
        <SearchField className="grow" size="sm" label={t('identity.searchActions')} value={search} onChange={setSearch} />
        <Checkbox label={t('identity.allOf', { service: serviceName(service) })} isSelected={whole} onChange={(on) => onChange(setService(value, service, on))} />
      </div>
      <div className={css.levels}>
        {groups.length === 0 && <p className={css.none}>{t('ui.noMatch')}</p>}
        {groups.map((g) => {
          const on = g.actions.filter((a) => covers(value, a.name)).length;
          const names = g.actions.map((a) => a.name);
          return (
            <details key={g.level} className={css.level} {...(search ? { open: true } : {})}>
              <summary>
                {t(`identity.level_${g.level}`)}
                <span className="muted num">
                  {t('identity.ofCount', { n: on, count: g.actions.length })}
                </span>
                {on > 0 && <Badge tone="accent">{on}</Badge>}
              </summary>
              <div className={css.levelBody}>
                <Checkbox className={css.wide} label={t('identity.allAtLevel', { level: t(`identity.level_${g.level}`) })} isSelected={on === g.actions.length} isIndeterminate={on > 0 && on < g.actions.length} onChange={() => onChange(setActions(value, names, on < g.actions.length))} />
                {g.actions.map((a) => (
                  <Checkbox key={a.name} label={a.name.slice(a.service.length + 1)} isSelected={covers(value, a.name)} onChange={(yes) => onChange(setAction(value, a.name, yes))} />
                ))}
              </div>
            </details>
          );
        })}
      </div>
    </div>
  );
}

type ResourceKind = 'all' | 'bucket' | 'objects' | 'arn';
const kindOf = (arn: string): ResourceKind => (arn === '*' ? 'all' : (readS3Resource(arn)?.what ?? 'arn'));

export function ResourceRow({ value, buckets, onChange, onRemove }: { value: string; buckets: readonly string[]; onChange: (arn: string) => void; onRemove?: (() => void) | undefined }) {
  const [forced, setForced] = useState<ResourceKind | null>(null);
  const kind = forced ?? kindOf(value);
  const s3 = readS3Resource(value) ?? { bucket: '', what: 'bucket' as const, prefix: '' };
  const options = [...new Set(['*', ...buckets])].map((b) => ({ id: b, label: b, ...(b === '*' ? { description: t('identity.allBucketsShort') } : {}) }));
  const choose = (next: ResourceKind) => {
    setForced(next === 'arn' ? next : null);
    if (next === 'all') onChange('*');
    else if (next !== 'arn') onChange(writeS3Resource({ ...s3, bucket: s3.bucket, what: next }));
  };
  return (
    <div className={css.resource}>
      <Select
        size="sm"
        label={t('identity.resourceKind')}
        hideLabel
        options={[
          { id: 'all', label: t('identity.rAll') },
          { id: 'bucket', label: t('identity.rBucket') },
          { id: 'objects', label: t('identity.rObjects') },
          { id: 'arn', label: t('identity.rArn') },
        ]}
        value={kind}
        onChange={choose}
      />
      {kind === 'arn' ? (
        <TextField className={css.wide} size="sm" mono label={t('identity.rArn')} hideLabel placeholder="arn:aws:iam::123456789012:user/alice" value={value} onChange={onChange} />
      ) : kind === 'all' ? (
        <span className={css.wide} />
      ) : (
        <>
          <ComboBox className={kind === 'bucket' ? css.wide : ''} size="sm" mono allowsCustom label={t('identity.bucket')} hideLabel placeholder={t('identity.bucket')} options={options} value={s3.bucket} onChange={(bucket) => onChange(writeS3Resource({ ...s3, bucket: bucket.replaceAll('/', '') }))} />
          {kind === 'objects' && <TextField size="sm" mono label={t('identity.prefix')} hideLabel placeholder={t('identity.prefixHint')} value={s3.prefix} onChange={(prefix) => onChange(writeS3Resource({ ...s3, prefix: prefix.replaceAll('*', '') }))} suffix="*" />}
        </>
      )}
      {onRemove ? <IconButton size="sm" label={t('identity.removeName', { name: value })} icon={X} onPress={onRemove} /> : <span />}
    </div>
  );
}

function ResourcesForm({ names, value, onChange }: PartProps & { names: Required<Names> }) {
  const set = (resources: string[]) => onChange({ ...value, resources });
  return (
    <div className={css.section} role="group" aria-label={t('identity.resources')}>
      <div className={css.sectionHead}>
        <span className={css.legend}>{value.notResource ? t('identity.resourcesBut') : t('identity.resources')}</span>
        <Switch label={t('identity.allBut')} isSelected={value.notResource} onChange={(notResource) => onChange({ ...value, notResource })} />
      </div>
      {value.resources.map((r, i) => (
        <ResourceRow key={i} value={r} buckets={names.buckets} onChange={(arn) => set(value.resources.map((old, k) => (k === i ? arn : old)))} onRemove={() => set(value.resources.filter((_, k) => k !== i))} />
      ))}
      <div className="row wrap">
        <Button size="sm" variant="ghost" icon={Plus} onPress={() => set([...value.resources, 'arn:aws:s3:::'])}>
          {t('identity.addResource')}
        </Button>
      </div>
    </div>
  );
}

function PrincipalsForm({ names, value, onChange }: PartProps & { names: Required<Names> }) {
  const set = (principals: Principal[]) => onChange({ ...value, principals });
  return (
    <div className={css.section} role="group" aria-label={t('identity.principals')}>
      <span className={css.legend}>{t('identity.principals')}</span>
      {value.principals.map((p, i) => {
        const change = (next: Principal) => set(value.principals.map((old, k) => (k === i ? next : old)));
        const options = (p.type === 'Federated' ? names.providers : names.principals).map((id) => ({ id, label: id }));
        return (
          <div key={i} className={css.resource}>
            <Select
              size="sm"
              label={t('identity.principalKind')}
              hideLabel
              options={[
                { id: 'AWS', label: t('identity.pAws') },
                { id: 'Federated', label: t('identity.pFederated') },
                { id: 'Service', label: t('identity.pService') },
                { id: 'CanonicalUser', label: t('identity.pCanonical') },
                { id: '*', label: t('identity.pAnyone') },
              ]}
              value={p.type}
              onChange={(type) => change({ type: type as Principal['type'], value: type === '*' ? '*' : p.value === '*' ? '' : p.value })}
            />
            {p.type === '*' ? <span className={css.wide} /> : <ComboBox className={css.wide} size="sm" mono allowsCustom label={t('identity.principal')} hideLabel placeholder="arn:aws:iam::123456789012:user/alice" options={options} value={p.value} onChange={(text) => change({ ...p, value: text })} />}
            <IconButton size="sm" label={t('identity.removeName', { name: p.value })} icon={X} onPress={() => set(value.principals.filter((_, k) => k !== i))} />
          </div>
        );
      })}
      <div>
        <Button size="sm" variant="ghost" icon={Plus} onPress={() => set([...value.principals, { type: 'AWS', value: '' }])}>
          {t('identity.addPrincipal')}
        </Button>
      </div>
    </div>
  );
}

/** Operators that fit a key first; all of them for keys that nobody knows. */
function operatorsFor(key: string, current: string): string[] {
  const type = keyOf(key)?.type;
  const wanted = !type ? null : type === 'list' || type === 'tag' || type === 'object_tag' ? 'string' : type;
  const fitting = Object.entries(OPERATORS)
    .filter(([, of]) => !wanted || of === wanted || of === 'null' || (wanted === 'arn' && of === 'string'))
    .map(([name]) => name);
  const many = type === 'list' ? fitting.filter((n) => OPERATORS[n] === 'string').flatMap((n) => [`ForAllValues:${n}`, `ForAnyValue:${n}`]) : [];
  return [...new Set([...many, ...fitting, current])].filter(Boolean);
}

function ConditionsForm({ value, onChange }: PartProps) {
  const set = (conditions: Condition[]) => onChange({ ...value, conditions });
  return (
    <div className={css.section} role="group" aria-label={t('identity.conditions')}>
      {value.conditions.length > 0 && <span className={css.legend}>{t('identity.conditions')}</span>}
      {value.conditions.map((c, i) => {
        const change = (next: Condition) => set(value.conditions.map((old, k) => (k === i ? next : old)));
        const type = operatorOf(c.operator)?.type;
        const known = type === 'bool' || type === 'null' ? ['true', 'false'] : ((Object.hasOwn(VALUES, c.key) && VALUES[c.key]) || []);
        return (
          <div key={i} className={css.condition}>
            <ComboBox size="sm" mono allowsCustom label={t('identity.conditionKey')} hideLabel placeholder="aws:SourceIp" options={KEYS.map((k) => ({ id: k.name, label: k.name }))} value={c.key} onChange={(key) => change({ ...c, key, operator: keyOf(key) && keyOf(key)?.type !== keyOf(c.key)?.type ? usualOperator(keyOf(key)) : c.operator })} />
            <Select size="sm" label={t('identity.operator')} hideLabel options={operatorsFor(c.key, c.operator).map((id) => ({ id, label: id }))} value={c.operator} onChange={(operator) => change({ ...c, operator })} />
            {known.length > 0 && c.values.length <= 1 ? (
              <ComboBox size="sm" mono allowsCustom label={t('identity.values')} hideLabel options={known.map((id) => ({ id, label: id }))} value={c.values[0] ?? ''} onChange={(text) => change({ ...c, values: [text] })} />
            ) : (
              <TextField size="sm" mono multiline rows={Math.min(6, Math.max(1, c.values.length))} label={t('identity.values')} hideLabel placeholder={t('identity.valuesHint')} value={c.values.join('\n')} onChange={(text) => change({ ...c, values: text.split('\n') })} />
            )}
            <IconButton size="sm" label={t('identity.removeName', { name: c.key })} icon={X} onPress={() => set(value.conditions.filter((_, k) => k !== i))} />
          </div>
        );
      })}
      <div>
        <Button size="sm" variant="ghost" icon={Plus} onPress={() => set([...value.conditions, { operator: 'IpAddress', key: 'aws:SourceIp', values: [''] }])}>
          {t('identity.addCondition')}
        </Button>
      </div>
    </div>
  );
}
