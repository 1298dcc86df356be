// SPDX-License-Identifier: Apache-2.0
import { Network, Pencil, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { getBucketCors, putBucketCors, type CorsRule } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, Callout, Card, Checkbox, ConfirmDialog, Dialog, EmptyState, ErrorState, IconButton, NumberField, TextField } from '../../ui';
import css from './bucket.module.css';
import { corsInWords, corsProblem, emptyCors, fromLines, METHODS, toLines } from './corsRules';
import { Loaded, useAction, useSetting, type Action, type SectionProps } from './parts';

export function Cors({ bucket, rights }: SectionProps) {
  const query = useSetting(bucket, 'cors', (signal) => getBucketCors(api(), bucket, { signal }));
  return <Loaded query={query}>{(rules) => <Rules bucket={bucket} may={rights.putCors} rules={rules ?? []} />}</Loaded>;
}

function Rules({ bucket, may, rules }: { bucket: string; may: boolean; rules: readonly CorsRule[] }) {
  const action = useAction(bucket);
  const [editing, setEditing] = useState<number | null>(null);
  const [removing, setRemoving] = useState<number | null>(null);
  const add = may && (
    <Button size="sm" variant={rules.length === 0 ? 'primary' : 'secondary'} icon={Plus} onPress={() => setEditing(rules.length)}>
      {t('bucket.addRule')}
    </Button>
  );
  return (
    <Card title={t('bucket.cors')} description={t('bucket.corsHelp')} flush actions={rules.length > 0 && add} {...(may ? {} : { footer: <span>{t('bucket.readOnly')}</span> })}>
      {rules.length === 0 ? (
        <EmptyState icon={Network} title={t('bucket.corsNone')} actions={add}>
          {t('bucket.corsNoneAdvice')}
        </EmptyState>
      ) : (
        rules.map((r, i) => (
          <div key={i} className={css.rule}>
            <div className={css.ruleHead}>
              <h3 className="hostile">{r.id || t('bucket.ruleNumber', { n: i + 1 })}</h3>
              {may && (
                <span className="row">
                  <IconButton size="sm" icon={Pencil} label={t('bucket.editRule', { n: i + 1 })} onPress={() => setEditing(i)} />
                  <IconButton size="sm" icon={Trash2} label={t('bucket.removeRule', { n: i + 1 })} onPress={() => setRemoving(i)} />
                </span>
              )}
            </div>
            <p className="hostile">{corsInWords(r)}</p>
            {r.headers.length > 0 && <p className="muted hostile">{t('bucket.corsHeadersLine', { list: r.headers.join(', ') })}</p>}
            {r.exposeHeaders.length > 0 && <p className="muted hostile">{t('bucket.corsExposeLine', { list: r.exposeHeaders.join(', ') })}</p>}
          </div>
        ))
      )}
      {editing !== null && (
        <Editor
          rule={rules[editing] ?? emptyCors()}
          isNew={editing >= rules.length}
          action={action}
          onClose={() => {
            setEditing(null);
            action.clear();
          }}
          onSave={(rule) => action.run(() => putBucketCors(api(), bucket, editing >= rules.length ? [...rules, rule] : rules.map((r, i) => (i === editing ? rule : r))))}
        />
      )}
      <ConfirmDialog
        isOpen={removing !== null}
        onClose={() => setRemoving(null)}
        danger
        title={t('bucket.removeRuleTitle')}
        confirmLabel={t('ui.delete')}
        onConfirm={async () => {
          const rest = rules.filter((_, i) => i !== removing);
          await putBucketCors(api(), bucket, rest);
          await action.run(() => Promise.resolve());
        }}
      >
        <p>{t('bucket.corsRemoveBody')}</p>
      </ConfirmDialog>
    </Card>
  );
}

function Editor({ rule, isNew, action, onClose, onSave }: { rule: CorsRule; isNew: boolean; action: Action; onClose: () => void; onSave: (rule: CorsRule) => Promise<boolean> }) {
  const [id, setId] = useState(rule.id ?? '');
  const [origins, setOrigins] = useState(toLines(rule.origins));
  const [methods, setMethods] = useState<ReadonlySet<string>>(new Set(rule.methods));
  const [headers, setHeaders] = useState(toLines(rule.headers));
  const [expose, setExpose] = useState(toLines(rule.exposeHeaders));
  const [age, setAge] = useState<number | null>(rule.maxAgeSeconds ?? null);
  const made: CorsRule = { id: id || undefined, origins: fromLines(origins), methods: METHODS.filter((m) => methods.has(m)), headers: fromLines(headers), exposeHeaders: fromLines(expose), maxAgeSeconds: age ?? undefined };
  const problem = corsProblem(made);
  return (
    <Dialog
      isOpen
      size="lg"
      onClose={onClose}
      title={t(isNew ? 'bucket.addRule' : 'bucket.editRuleTitle')}
      onSubmit={() => {
        if (!problem) void onSave(made).then((ok) => ok && onClose());
      }}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isPending={action.busy} isDisabled={Boolean(problem)}>
            {t('ui.save')}
          </Button>
        </>
      }
    >
      <TextField label={t('bucket.ruleName')} value={id} onChange={setId} maxLength={255} />
      <TextField label={t('bucket.corsOrigins')} description={t('bucket.corsOriginsHelp')} value={origins} onChange={setOrigins} multiline rows={3} mono />
      <fieldset className={css.fieldset}>
        <legend>{t('bucket.corsMethods')}</legend>
        <div className={css.methods}>
          {METHODS.map((m) => (
            <Checkbox
              key={m}
              label={m}
              isSelected={methods.has(m)}
              onChange={(on) => {
                const next = new Set(methods);
                if (on) next.add(m);
                else next.delete(m);
                setMethods(next);
              }}
            />
          ))}
        </div>
      </fieldset>
      <div className="grid3">
        <TextField label={t('bucket.corsHeaders')} description={t('bucket.corsHeadersHelp')} value={headers} onChange={setHeaders} multiline rows={3} mono />
        <TextField label={t('bucket.corsExpose')} description={t('bucket.corsExposeHelp')} value={expose} onChange={setExpose} multiline rows={3} mono />
      </div>
      <NumberField label={t('bucket.corsAge')} description={t('bucket.corsAgeHelp')} value={age} onChange={setAge} max={2147483647} />
      <div className={css.words} aria-live="polite">
        {problem ? <Callout tone="warning">{problem}</Callout> : <p className="hostile">{corsInWords(made)}</p>}
      </div>
      {action.error !== null && <ErrorState error={action.error} compact />}
    </Dialog>
  );
}
