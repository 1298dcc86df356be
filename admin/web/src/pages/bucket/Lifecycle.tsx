// SPDX-License-Identifier: Apache-2.0
/* Lifecycle rules: what they do in words, a form for each, and the document behind them. */
import { Pencil, Plus, Recycle, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { getBucketVersioning, getLifecycleDocument, lifecycleDocument, putLifecycleDocument, readLifecycle, type LifecycleRule } from '../../api/s3';
import { parseXml } from '../../api/xml';
import { api } from '../../app';
import { t } from '../../strings';
import { Badge, Button, Callout, Card, CodeBlock, CodeEditor, ConfirmDialog, EmptyState, ErrorState, IconButton, Select, Tabs } from '../../ui';
import css from './bucket.module.css';
import { isWellFormed } from './DocumentSection';
import { actionsInWords, emptyRule, freeId, prettyXml, scopeInWords, toJson } from './lifecycle';
import { FormCard, Loaded, useAction, useSetting, type Action, type SectionProps } from './parts';
import { RuleDialog } from './RuleDialog';

const MINIMA = ['all_storage_classes_128K', 'varies_by_storage_class'] as const;

interface Kept {
  text: string;
  minimum?: string;
}

export function Lifecycle(p: SectionProps) {
  const query = useSetting(p.bucket, 'lifecycle', (signal) => getLifecycleDocument(api(), p.bucket, { signal }));
  const versioning = useSetting(p.bucket, 'versioning', (signal) => getBucketVersioning(api(), p.bucket, { signal }), p.rights.getVersioning);
  const [tab, setTab] = useState('rules');
  return (
    <Loaded query={query}>
      {(kept) => {
        const rules = kept ? readLifecycle(parseXml(kept.text)) : [];
        const content = <Rules {...p} kept={kept} rules={rules} versioned={versioning.data === 'Enabled' || versioning.data === 'Suspended'} />;
        if (!kept) return content;
        return (
          <Tabs
            label={t('bucket.lifecycle')}
            selected={tab}
            onSelect={setTab}
            items={[
              { id: 'rules', label: t('bucket.rules'), count: rules.length, content },
              { id: 'xml', label: 'XML', content: <Xml key={kept.text} {...p} kept={kept} /> },
              { id: 'json', label: 'JSON', content: <Json rules={rules} /> },
            ]}
          />
        );
      }}
    </Loaded>
  );
}

function Rules({ bucket, rights, kept, rules, versioned }: SectionProps & { kept: Kept | null; rules: LifecycleRule[]; versioned: boolean }) {
  const action = useAction(bucket);
  const [editing, setEditing] = useState<number | null>(null);
  const [removing, setRemoving] = useState<number | null>(null);
  const may = rights.putLifecycle;
  const put = (list: LifecycleRule[], minimum = kept?.minimum) => putLifecycleDocument(api(), bucket, list.length ? lifecycleDocument(list) : '', minimum);
  const add = may && (
    <Button size="sm" variant={rules.length === 0 ? 'primary' : 'secondary'} icon={Plus} onPress={() => setEditing(rules.length)}>
      {t('bucket.addRule')}
    </Button>
  );
  const moves = rules.some((r) => r.transitions.length > 0 || r.noncurrentTransitions.length > 0);
  const edited = editing === null ? null : (rules[editing] ?? emptyRule(freeId(rules)));
  return (
    <div className="stack">
      <Card title={t('bucket.lifecycle')} description={t('bucket.lifecycleHelp')} flush actions={rules.length > 0 && add} {...(may ? {} : { footer: <span>{t('bucket.readOnly')}</span> })}>
        {rules.length === 0 ? (
          <EmptyState icon={Recycle} title={t('bucket.noRules')} actions={add}>
            {t('bucket.noRulesAdvice')}
          </EmptyState>
        ) : (
          rules.map((r, i) => (
            <RuleRow key={`${i}\0${r.id}`} rule={r} n={i + 1} versioned={versioned} may={may} onEdit={() => setEditing(i)} onRemove={() => setRemoving(i)} />
          ))
        )}
      </Card>
      {moves && <Minimum may={may} action={action} minimum={kept?.minimum} onSave={(minimum) => put(rules, minimum)} />}
      {action.error !== null && editing === null && <ErrorState error={action.error} compact />}
      {edited && editing !== null && (
        <RuleDialog
          bucket={bucket}
          rule={edited}
          isNew={editing >= rules.length}
          others={rules.filter((_, i) => i !== editing)}
          versioned={versioned}
          mayPreview={rights.getLifecycle && rights.list}
          action={action}
          onClose={() => {
            setEditing(null);
            action.clear();
          }}
          onSave={(rule) => action.run(() => put(editing >= rules.length ? [...rules, rule] : rules.map((r, i) => (i === editing ? rule : r))))}
        />
      )}
      <ConfirmDialog
        isOpen={removing !== null}
        danger
        onClose={() => setRemoving(null)}
        title={t('bucket.removeRuleTitle')}
        confirmLabel={t('ui.delete')}
        onConfirm={async () => {
          await put(rules.filter((_, i) => i !== removing));
          await action.run(() => Promise.resolve());
        }}
      >
        <p>{t('bucket.removeRuleBody')}</p>
      </ConfirmDialog>
    </div>
  );
}

export function RuleRow({ rule, n, versioned, may, onEdit, onRemove }: { rule: LifecycleRule; n: number; versioned: boolean; may: boolean; onEdit: () => void; onRemove: () => void }) {
  return (
    <div className={css.rule}>
      <div className={css.ruleHead}>
        <h3 className="hostile">{rule.id || t('bucket.ruleNumber', { n })}</h3>
        <Badge tone={rule.enabled ? 'success' : 'neutral'} dot>
          {t(rule.enabled ? 'bucket.enabled' : 'bucket.disabled')}
        </Badge>
        {may && (
          <span className="row">
            <IconButton size="sm" icon={Pencil} label={t('bucket.editRule', { n })} onPress={onEdit} />
            <IconButton size="sm" icon={Trash2} label={t('bucket.removeRule', { n })} onPress={onRemove} />
          </span>
        )}
      </div>
      <p className="hostile">{scopeInWords(rule)}:</p>
      <ul>
        {actionsInWords(rule, versioned).map((line, i) => (
          <li key={i} className="hostile">
            {line}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Minimum({ may, action, minimum, onSave }: { may: boolean; action: Action; minimum: string | undefined; onSave: (minimum: string) => Promise<void> }) {
  const value = MINIMA.find((m) => m === minimum) ?? MINIMA[0];
  const options = [
    { id: MINIMA[0], label: t('bucket.minimum128') },
    { id: MINIMA[1], label: t('bucket.minimumVaries') },
  ] as const;
  return (
    <Card>
      {may ? (
        <Select label={t('bucket.minimum')} description={t('bucket.minimumHelp')} value={value} options={options} isDisabled={action.busy} onChange={(m) => void action.run(() => onSave(m))} />
      ) : (
        <p>
          {t('bucket.minimum')}: {options.find((o) => o.id === value)?.label}
        </p>
      )}
    </Card>
  );
}

function Xml({ bucket, rights, kept }: SectionProps & { kept: Kept }) {
  const action = useAction(bucket);
  const now = prettyXml(kept.text);
  const [text, setText] = useState(now);
  const bad = !isWellFormed(text);
  return (
    <FormCard
      title={t('bucket.asXml')}
      description={t('bucket.asXmlHelp')}
      may={rights.putLifecycle}
      action={action}
      changed={text !== now}
      valid={!bad}
      onReset={() => setText(now)}
      onSave={() => void action.run(() => putLifecycleDocument(api(), bucket, text, kept.minimum))}
    >
      <CodeEditor label={t('bucket.asXml')} value={text} onChange={setText} language="text" readOnly={!rights.putLifecycle} minHeight="16rem" />
      {bad && <Callout tone="warning">{t('bucket.xmlBad')}</Callout>}
    </FormCard>
  );
}

function Json({ rules }: { rules: readonly LifecycleRule[] }) {
  return (
    <Card title={t('bucket.asJson')} description={t('bucket.asJsonHelp')}>
      <CodeBlock code={toJson(rules)} label={t('bucket.asJson')} />
    </Card>
  );
}
