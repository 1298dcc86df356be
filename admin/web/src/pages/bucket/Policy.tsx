// SPDX-License-Identifier: Apache-2.0
import { AlertTriangle, CircleAlert, FileJson, FilePlus2, WandSparkles } from 'lucide-react';
import { useCallback, useMemo, useState } from 'react';
import { isApiError } from '../../api/http';
import { objectPath } from '../../api/sign';
import { deleteBucketPolicy, getBucketPolicy, getBucketPolicyStatus, putBucketPolicy } from '../../api/s3';
import { api, forgetPermissions, useSession } from '../../app';
import { complete, parseJson, pretty, validate, type PolicyContext } from '../../policy';
import { t } from '../../strings';
import { Badge, Button, Callout, Card, CodeEditor, ConfirmDialog, EmptyState, ErrorState, Menu } from '../../ui';
import css from './bucket.module.css';
import { Loaded, useAction, useSetting, type SectionProps } from './parts';
import { addStatements, lineOf, templates } from './policy';

const PROBLEMS_SHOWN = 8;

const isJson = (text: string) => parseJson(text) !== undefined;

export function Policy(p: SectionProps) {
  const query = useSetting(p.bucket, 'policy', (signal) => getBucketPolicy(api(), p.bucket, { signal }));
  return <Loaded query={query}>{(text) => <Editor key={text} {...p} now={text ? pretty(text) : ''} />}</Loaded>;
}

function Editor({ bucket, rights, now }: SectionProps & { now: string }) {
  const { who } = useSession();
  const action = useAction(bucket);
  const [text, setText] = useState(now);
  const [begun, setBegun] = useState(now !== '');
  const [removing, setRemoving] = useState(false);
  const status = useSetting(bucket, 'policyStatus', (signal) => getBucketPolicyStatus(api(), bucket, { signal }), rights.getPolicyStatus);
  const context = useMemo<PolicyContext>(() => ({ kind: 'bucket', bucket }), [bucket]);
  const suggest = useCallback((all: string, at: number) => complete(all, at, context), [context]);
  const lint = useCallback((all: string) => validate(all, context), [context]);
  const problems = useMemo(() => validate(text, context), [text, context]);
  const valid = text.trim() !== '' && isJson(text) && problems.every((p) => p.severity !== 'error');
  const may = rights.putPolicy;
  const changed = text !== now;

  const edit = (next: string) => {
    setText(next);
    if (action.error !== null) action.clear();
  };
  const detail = isApiError(action.error) ? action.error.detail?.get('Detail') : undefined;
  const choose = (make: (name: string, account: string) => Record<string, unknown>[]) => {
    setText(addStatements(begun ? text : '', make(bucket, who?.account ?? '000000000000')));
    setBegun(true);
  };
  const save = (confirmLockOut = false) =>
    action.run(async () => {
      if (confirmLockOut)
        await api().request({ method: 'PUT', path: objectPath(bucket), query: { policy: '' }, headers: { 'content-type': 'application/json', 'x-amz-confirm-remove-self-bucket-access': 'true' }, body: text, digest: true });
      else await putBucketPolicy(api(), bucket, text);
      forgetPermissions();
    });
  const locksOut = isApiError(action.error, 'MalformedPolicy') && /confirm-remove-self/i.test(action.error.message);
  const menu = (
    <Menu
      label={t('bucket.templates')}
      trigger={
        <Button size="sm" icon={WandSparkles}>
          {t('bucket.templates')}
        </Button>
      }
      items={templates().map((x) => ({ id: x.id, label: x.label, onAction: () => choose(x.statement) }))}
    />
  );
  if (!begun) {
    return (
      <Card title={t('bucket.policy')} description={t('bucket.policyHelp')} {...(may ? {} : { footer: <span>{t('bucket.readOnly')}</span> })}>
        <EmptyState
          icon={FileJson}
          title={t('bucket.noPolicy')}
          actions={
            may && (
              <>
                {menu}
                <Button
                  size="sm"
                  icon={FilePlus2}
                  onPress={() => {
                    setText(JSON.stringify({ Version: '2012-10-17', Statement: [] }, null, 2));
                    setBegun(true);
                  }}
                >
                  {t('bucket.emptyPolicy')}
                </Button>
              </>
            )
          }
        >
          {t('bucket.noPolicyAdvice')}
        </EmptyState>
      </Card>
    );
  }
  return (
    <>
      <Card
        title={
          <span className="row wrap">
            {t('bucket.policy')}
            {status.data && <Badge tone="danger">{t('bucket.public')}</Badge>}
          </span>
        }
        description={t('bucket.policyHelp')}
        actions={
          may && (
            <>
              {menu}
              {isJson(text) && pretty(text) !== text && (
                <Button size="sm" variant="ghost" onPress={() => setText(pretty(text))}>
                  {t('bucket.format')}
                </Button>
              )}
            </>
          )
        }
        footer={
          may ? (
            <>
              {now && rights.deletePolicy && (
                <Button variant="dangerGhost" onPress={() => setRemoving(true)}>
                  {t('bucket.deletePolicy')}
                </Button>
              )}
              {changed && (
                <Button
                  variant="ghost"
                  onPress={() => {
                    setText(now);
                    setBegun(now !== '');
                    action.clear();
                  }}
                >
                  {t('bucket.discard')}
                </Button>
              )}
              <Button variant="primary" isDisabled={!changed || !valid} isPending={action.busy} onPress={() => void save()}>
                {t('ui.save')}
              </Button>
            </>
          ) : (
            <span>{t('bucket.readOnly')}</span>
          )
        }
      >
        <div className="stack">
          <CodeEditor label={t('bucket.policyEditor')} value={text} onChange={edit} readOnly={!may} complete={suggest} lint={lint} minHeight="18rem" maxHeight="34rem" />
          <div aria-live="polite">
            {text.trim() !== '' && !isJson(text) ? (
              <Callout tone="warning">{t('bucket.pNotJson')}</Callout>
            ) : problems.length > 0 ? (
              <ul className={css.problems}>
                {problems.slice(0, PROBLEMS_SHOWN).map((p, i) => (
                  <li key={i} className={p.severity === 'error' ? css.isError : css.isWarning}>
                    {p.severity === 'error' ? <CircleAlert size={14} aria-label={t('bucket.isError')} /> : <AlertTriangle size={14} aria-label={t('bucket.isWarning')} />}
                    <span className={css.line}>{t('bucket.lineNumber', { n: lineOf(text, p.from) })}</span>
                    <span className="hostile">{p.message}</span>
                  </li>
                ))}
                {problems.length > PROBLEMS_SHOWN && <li className="muted">{t('bucket.moreProblems', { count: problems.length - PROBLEMS_SHOWN })}</li>}
              </ul>
            ) : null}
          </div>
          {changed && location.protocol === 'http:' && /aws:SecureTransport/i.test(text) && <Callout tone="warning">{t('bucket.tlsYourself')}</Callout>}
          {action.error !== null && !locksOut && <ErrorState error={action.error} compact />}
          {detail && <p className="hostile muted">{detail}</p>}
          {locksOut && (
            <Callout
              tone="danger"
              title={t('bucket.locksOut')}
              actions={
                <Button size="sm" variant="danger" onPress={() => void save(true)}>
                  {t('bucket.saveAnyway')}
                </Button>
              }
            >
              {t('bucket.locksOutAdvice')}
            </Callout>
          )}
        </div>
      </Card>
      <ConfirmDialog
        isOpen={removing}
        danger
        onClose={() => setRemoving(false)}
        title={t('bucket.deletePolicy')}
        confirmLabel={t('ui.delete')}
        onConfirm={async () => {
          await deleteBucketPolicy(api(), bucket);
          forgetPermissions();
          await action.run(() => Promise.resolve());
        }}
      >
        <p>{t('bucket.deletePolicyBody')}</p>
      </ConfirmDialog>
    </>
  );
}
