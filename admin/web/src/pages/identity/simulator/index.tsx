// SPDX-License-Identifier: Apache-2.0
// May X do Y on Z, and why. ?principal=ARN&action=…&resource=… fill in the form, and ask at once when all are there.
import { useQuery } from '@tanstack/react-query';
import { Ban, CircleCheck, CircleX, Play, Plus, ShieldQuestion, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useSearch } from 'wouter';
import * as iam from '../../../api/iam';
import { listBuckets } from '../../../api/s3';
import { api, useCan, type PageProps } from '../../../app';
import { ACTIONS, complete, KEYS, keyOf, pretty, refusal, validate, VALUES } from '../../../policy';
import { t } from '../../../strings';
import { Badge, Button, Callout, Card, CodeEditor, ComboBox, cx, EmptyState, ErrorState, IconButton, PageHeader, RadioGroup, Select, Table, Tabs, type Column } from '../../../ui';
import css from '../identity.module.css';
import { Chip } from '../parts';
import { ResourceRow } from '../PolicyEditor';
import { cut, remarks, sourceInWords, statementInWords, why } from '../verdict';

type Entry = { name: string; type: string; values: string };
type Asked = { who: string; arn: string | null; text: string; bounded: boolean; results: iam.SimulationResult[]; texts: Map<string, string>; builtIn: ReadonlySet<string> };

const TYPES = ['string', 'stringList', 'numeric', 'boolean', 'date', 'ip', 'binary'] as const;
const TYPE_OF: Record<string, string> = { numeric: 'numeric', date: 'date', bool: 'boolean', ip: 'ip', list: 'stringList' };
const START = '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Effect": "Allow",\n      "Action": ["s3:GetObject"],\n      "Resource": ["arn:aws:s3:::*"]\n    }\n  ]\n}';

const WIDE_PX = 1024;

const keyOfSource = (s: iam.SimulationStatement) => `${s.policyType}\n${s.policyId}`;

async function isBounded(arn: string): Promise<boolean> {
  const [, kind, name = ''] = /:(user|role)\/(?:.*\/)?([^/]+)$/.exec(arn) ?? [];
  if (!kind) return false;
  const found = await (kind === 'user' ? iam.getUser(api(), name) : iam.getRole(api(), name)).catch(() => undefined);
  return found?.boundary !== undefined;
}

/** The texts of the policies that decided, as far as the caller may read them. */
async function textsOf(arn: string | null, custom: string, results: iam.SimulationResult[]): Promise<{ texts: Map<string, string>; builtIn: ReadonlySet<string> }> {
  const sources = new Map(results.flatMap((r) => r.statements).map((s) => [keyOfSource(s), s] as const));
  const texts = new Map<string, string>();
  const managed = arn ? await iam.listPolicies(api()).catch(() => []) : [];
  for (const [key, s] of sources) {
    const inline = /^(user|group|role)_(.*)$/s.exec(s.policyId);
    if (s.policyType === 'none') texts.set(key, custom);
    else if (/-managed$/.test(s.policyType)) {
      const found = managed.find((p) => p.name === s.policyId && p.builtIn === (s.policyType === 'aws-managed'));
      const text = found && (await iam.getPolicyVersion(api(), found.arn, found.defaultVersion).catch(() => undefined));
      if (text) texts.set(key, text);
    } else if (inline && arn) {
      // "user_NAME_POLICY": both may have underscores, so each way to read it is tried.
      const kind = inline[1] as iam.Entity['kind'];
      const rest = inline[2] ?? '';
      for (let i = rest.indexOf('_'); i > 0 && !texts.has(key); i = rest.indexOf('_', i + 1)) {
        const text = await iam.getInlinePolicy(api(), { kind, name: rest.slice(0, i) }, rest.slice(i + 1)).catch(() => undefined);
        if (text) texts.set(key, text);
      }
    }
  }
  const own = new Set(managed.filter((p) => !p.builtIn).map((p) => p.name));
  return { texts, builtIn: new Set(managed.filter((p) => p.builtIn && !own.has(p.name)).map((p) => p.name)) };
}

export default function Page(_: PageProps) {
  const search = useSearch();
  const given = new URLSearchParams(search);
  const can = useCan(['iam:SimulatePrincipalPolicy', 'iam:SimulateCustomPolicy', 's3:ListAllMyBuckets', 'iam:ListUsers', 'iam:ListGroups', 'iam:ListRoles'].map((action) => ({ action })));
  const [mayPrincipal, mayCustom, seesBuckets, seesUsers, seesGroups, seesRoles] = can.allowed;
  const [mode, setMode] = useState<'principal' | 'custom'>('principal');
  const [principal, setPrincipal] = useState(given.get('principal') ?? '');
  const [text, setText] = useState(START);
  const [actions, setActions] = useState<string[]>(given.getAll('action'));
  const [action, setAction] = useState('');
  const [resources, setResources] = useState<string[]>(given.getAll('resource').length ? given.getAll('resource') : ['*']);
  const [context, setContext] = useState<Entry[]>([]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [tried, setTried] = useState(false);
  const [asked, setAsked] = useState<Asked | null>(null);
  const outcome = useRef<HTMLDivElement>(null);
  const people = useQuery({
    queryKey: ['principals', 'all', seesUsers, seesGroups, seesRoles],
    staleTime: 60_000,
    enabled: !can.isLoading,
    queryFn: async ({ signal }) => {
      const some = await Promise.allSettled([seesUsers ? iam.listUsers(api(), { signal }) : [], seesGroups ? iam.listGroups(api(), { signal }) : [], seesRoles ? iam.listRoles(api(), { signal }) : []]);
      const kinds = ['user', 'group', 'role'] as const;
      return some.flatMap((r, i) => (r.status === 'fulfilled' ? r.value.map((p) => ({ id: p.arn, label: p.name, description: t(`identity.kind_${kinds[i] ?? 'user'}`) })) : []));
    },
  });
  const buckets = useQuery({ queryKey: ['buckets', 'names'], queryFn: ({ signal }) => listBuckets(api(), { signal }).then((l) => l.map((b) => b.name)), staleTime: 60_000, enabled: Boolean(seesBuckets) });

  const noPrincipal = mode === 'principal' && !principal.startsWith('arn:');
  const badText = mode === 'custom' ? refusal(text, { kind: 'identity' }) : null;
  const all = action.includes(':') ? [...new Set([...actions, action])] : actions;
  const add = (name: string) => {
    if (/^[\w-]+:[\w-]+$/.test(name) && !actions.includes(name)) setActions([...actions, name]);
    setAction('');
  };
  const run = async () => {
    setTried(true);
    if (noPrincipal || badText || all.length === 0 || busy) return;
    setActions(all);
    setAction('');
    setBusy(true);
    setError(null);
    const input: iam.SimulationInput = {
      actions: all,
      resources: resources.filter((r) => r !== '' && r !== 'arn:aws:s3:::'),
      context: context.filter((c) => c.name).map((c) => ({ name: c.name, type: c.type, values: c.type.endsWith('List') ? c.values.split(/\s*,\s*/) : [c.values] })),
    };
    try {
      const results = mode === 'principal' ? await iam.simulatePrincipalPolicy(api(), principal, input) : await iam.simulateCustomPolicy(api(), [text], input);
      const person = people.data?.find((p) => p.id === principal);
      const bounded = mode === 'principal' && results.some((r) => r.decision === 'implicitDeny') && (await isBounded(principal));
      const arn = mode === 'principal' ? principal : null;
      setAsked({ who: person?.label ?? (arn ? (principal.split('/').pop() ?? principal) : t('identity.thisPolicy')), arn, text, bounded, results, ...(await textsOf(arn, text, results)) });
      // Where the answer stands below the form it comes into sight.
      if (window.innerWidth < WIDE_PX) setTimeout(() => outcome.current?.scrollIntoView({ block: 'start', behavior: 'smooth' }), 50);
    } catch (failure) {
      setError(failure);
      setAsked(null);
    }
    setBusy(false);
  };
  useEffect(() => {
    if (given.has('principal') && given.has('action')) void run();
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  return (
    <>
      <PageHeader title={t('app.identitySimulator')} description={t('identity.simulatorHelp')} />
      <div className={css.editor}>
        <Card>
          <form
            className="stack"
            onSubmit={(e) => {
              e.preventDefault();
              void run();
            }}
          >
            {mayPrincipal && mayCustom && (
              <RadioGroup
                label={t('identity.whose')}
                options={[
                  { id: 'principal', label: t('identity.ofPrincipal') },
                  { id: 'custom', label: t('identity.ofText') },
                ]}
                value={mode}
                onChange={setMode}
              />
            )}
            {mode === 'principal' ? (
              <ComboBox
                label={t('identity.principal')}
                allowsCustom
                options={people.data ?? []}
                key={people.isSuccess ? 'loaded' : 'loading'}
                value={principal}
                onChange={setPrincipal}
                placeholder={t('identity.principalHint')}
                error={tried && noPrincipal ? t('identity.badPrincipal') : null}
              />
            ) : (
              <div>
                <CodeEditor label={t('identity.json')} value={text} onChange={setText} minHeight="9rem" maxHeight="20rem" lint={(x) => validate(x, { kind: 'identity' })} complete={(x, at) => complete(x, at, { kind: 'identity' }, { buckets: buckets.data ?? [] })} />
                {tried && badText && <ErrorState error={badText} compact />}
              </div>
            )}
            <div className="stack" style={{ gap: 'var(--s2)' }}>
              <ComboBox
                label={t('identity.actions')}
                allowsCustom
                mono
                options={ACTIONS.filter((a) => !actions.includes(a.name)).map((a) => ({ id: a.name, label: a.name, description: t(`identity.level_${a.level}`) }))}
                key={actions.join()}
                value={action}
                onChange={(name) => (ACTIONS.some((a) => a.name === name) ? add(name) : setAction(name))}
                placeholder="s3:GetObject"
                error={tried && all.length === 0 ? t('identity.needAction') : null}
              />
              {actions.length > 0 && (
                <div className={css.chips}>
                  {actions.map((a) => (
                    <Chip key={a} label={t('identity.removeName', { name: a })} onRemove={() => setActions(actions.filter((x) => x !== a))}>
                      {a}
                    </Chip>
                  ))}
                </div>
              )}
            </div>
            <div className="stack" role="group" aria-label={t('identity.resources')} style={{ gap: 'var(--s2)' }}>
              <span className={css.legend}>{t('identity.resources')}</span>
              {resources.map((r, i) => (
                <ResourceRow key={i} value={r} buckets={buckets.data ?? []} onChange={(arn) => setResources(resources.map((old, k) => (k === i ? arn : old)))} onRemove={resources.length > 1 ? () => setResources(resources.filter((_, k) => k !== i)) : undefined} />
              ))}
              <div>
                <Button size="sm" variant="ghost" icon={Plus} onPress={() => setResources([...resources, 'arn:aws:s3:::'])}>
                  {t('identity.addResource')}
                </Button>
              </div>
            </div>
            <div className="stack" role="group" aria-label={t('identity.context')} style={{ gap: 'var(--s2)' }}>
              {context.length > 0 && <span className={css.legend}>{t('identity.context')}</span>}
              {context.map((c, i) => {
                const change = (next: Entry) => setContext(context.map((old, k) => (k === i ? next : old)));
                const known = c.type === 'boolean' ? ['true', 'false'] : ((Object.hasOwn(VALUES, c.name) && VALUES[c.name]) || []);
                return (
                  <div key={i} className={css.condition}>
                    <ComboBox size="sm" mono allowsCustom label={t('identity.conditionKey')} hideLabel placeholder="aws:SourceIp" options={KEYS.map((k) => ({ id: k.name, label: k.name }))} value={c.name} onChange={(name) => change({ ...c, name, type: TYPE_OF[keyOf(name)?.type ?? ''] ?? 'string' })} />
                    <Select size="sm" label={t('identity.contextType')} hideLabel options={TYPES.map((id) => ({ id, label: id }))} value={c.type as 'string'} onChange={(type) => change({ ...c, type })} />
                    <ComboBox size="sm" mono allowsCustom label={t('identity.values')} hideLabel options={known.map((id) => ({ id, label: id }))} value={c.values} onChange={(values) => change({ ...c, values })} />
                    <IconButton size="sm" label={t('identity.removeName', { name: c.name })} icon={X} onPress={() => setContext(context.filter((_, k) => k !== i))} />
                  </div>
                );
              })}
              <div>
                <Button size="sm" variant="ghost" icon={Plus} onPress={() => setContext([...context, { name: '', type: 'string', values: '' }])}>
                  {t('identity.addContext')}
                </Button>
              </div>
            </div>
            <div>
              <Button type="submit" variant="primary" icon={Play} isPending={busy}>
                {t('identity.ask')}
              </Button>
            </div>
          </form>
        </Card>
        <div ref={outcome} aria-live="polite" className="stack" style={{ scrollMarginTop: 'calc(var(--topbar) + var(--s3))' }}>
          {error !== null ? (
            <ErrorState error={error} compact />
          ) : asked ? (
            <Outcome
              asked={asked}
              onGive={(keys) => setContext([...context, ...keys.filter((k) => !context.some((c) => c.name === k)).map((name) => ({ name, type: TYPE_OF[keyOf(name)?.type ?? ''] ?? 'string', values: '' }))])}
            />
          ) : (
            <Card>
              <EmptyState icon={ShieldQuestion} title={t('identity.notAsked')}>{t('identity.notAskedHelp')}</EmptyState>
            </Card>
          )}
        </div>
      </div>
    </>
  );
}

const SHOWN = { allowed: CircleCheck, explicitDeny: Ban, implicitDeny: CircleX } as const;

function Outcome({ asked, onGive }: { asked: Asked; onGive: (keys: string[]) => void }) {
  const yes = asked.results.filter((r) => r.decision === 'allowed').length;
  const notes = [...new Set(asked.results.flatMap((r) => remarks(r, asked.builtIn)))];
  const columns: Column<iam.SimulationResult>[] = [
    { id: 'action', header: t('identity.action'), width: 'minmax(0, 1fr)', cell: (r) => <code className="ellipsis">{r.action}</code> },
    { id: 'resource', header: t('identity.resource'), width: 'minmax(0, 1fr)', minTable: 480, cell: (r) => <code className="ellipsis">{r.resource}</code> },
    { id: 'decision', header: t('identity.decision'), width: '9.5rem', cell: (r) => <Decision decision={r.decision} /> },
    { id: 'by', header: t('identity.decidedBy'), width: 'minmax(0, 1fr)', minTable: 640, cell: (r) => <span className="ellipsis">{[...new Set(r.statements.map(sourceInWords))].join(', ') || '–'}</span> },
  ];
  const words = (
    <Card flush>
      {asked.results.map((r, i) => {
        const Icon = SHOWN[r.decision] ?? CircleX;
        return (
          <div key={i} className={cx(css.verdict, r.decision === 'allowed' ? css.allowed : css.denied)}>
            <Icon size={18} aria-hidden />
            <div className="grow hostile">
              <strong>{t(r.decision === 'allowed' ? 'identity.may' : 'identity.mayNot', { who: asked.who, action: r.action, resource: r.resource })}</strong>
              <div>{why(r, { bounded: asked.bounded })}</div>
              {r.statements.map((s, k) => {
                const text = cut(asked.texts.get(keyOfSource(s)) ?? '', s.start, s.end);
                if (!text) return null;
                const said = statementInWords(text);
                return (
                  <div key={k}>
                    <div className="muted" style={{ marginTop: 'var(--s2)' }}>
                      {sourceInWords(s)}
                      {said && `: ${said}`}
                    </div>
                    <pre tabIndex={0}>{pretty(text)}</pre>
                  </div>
                );
              })}
              {r.missingContext.length > 0 && (
                <Button size="sm" variant="ghost" icon={Plus} onPress={() => onGive(r.missingContext)}>
                  {t('identity.giveKeys', { keys: r.missingContext.slice(0, 3).join(', ') })}
                </Button>
              )}
            </div>
          </div>
        );
      })}
    </Card>
  );
  return (
    <>
      <Callout tone={yes === asked.results.length ? 'success' : yes === 0 ? 'danger' : 'warning'} title={t('identity.outcome', { n: yes, count: asked.results.length })}>
        <span className="hostile">{asked.arn ? t('identity.outcomeOf', { who: asked.who }) : t('identity.outcomeText')}</span>
      </Callout>
      {notes.length > 0 && (
        <Callout tone="warning" title={t('identity.remarks')}>
          <ul>
            {notes.map((n) => (
              <li key={n} className="hostile">
                {n}
              </li>
            ))}
          </ul>
        </Callout>
      )}
      <Tabs
        label={t('identity.results')}
        items={[
          { id: 'words', label: t('identity.inWords'), content: words },
          { id: 'table', label: t('ui.asTable'), content: <Table label={t('identity.results')} rows={asked.results} rowKey={(r) => `${r.action} ${r.resource}`} columns={columns} /> },
        ]}
      />
    </>
  );
}

function Decision({ decision }: { decision: iam.SimulationResult['decision'] }) {
  if (decision === 'allowed') return <Badge tone="success" dot>{t('identity.dAllowed')}</Badge>;
  return decision === 'explicitDeny' ? <Badge tone="danger" dot>{t('identity.dDenied')}</Badge> : <Badge tone="warning" dot>{t('identity.dNot')}</Badge>;
}
