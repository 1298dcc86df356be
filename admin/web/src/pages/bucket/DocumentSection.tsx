// SPDX-License-Identifier: Apache-2.0
/* A setting that the console has no form for: its document, as S3 has it. */
import { useState } from 'react';
import { parseXml } from '../../api/xml';
import { deleteSettingDocument, getSettingDocument, putSettingDocument } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, Callout, CodeEditor } from '../../ui';
import { prettyXml } from './lifecycle';
import { FormCard, Loaded, useAction, useSetting, type SectionProps } from './parts';

export function isWellFormed(text: string): boolean {
  try {
    parseXml(text);
    return true;
  } catch {
    return false;
  }
}

export function DocumentSection({ bucket, query, title, may }: SectionProps & { query: string; title: string; may: boolean }) {
  const setting = useSetting(bucket, query, (signal) => getSettingDocument(api(), bucket, query, { signal }));
  return <Loaded query={setting}>{(text) => <Form key={text} bucket={bucket} query={query} title={title} may={may} now={text ? prettyXml(text) : ''} />}</Loaded>;
}

function Form({ bucket, query, title, may, now }: { bucket: string; query: string; title: string; may: boolean; now: string }) {
  const action = useAction(bucket);
  const [text, setText] = useState(now);
  const bad = text.trim() !== '' && !isWellFormed(text);
  return (
    <FormCard
      title={title}
      description={t('bucket.documentHelp')}
      may={may}
      action={action}
      changed={text !== now}
      valid={text.trim() !== '' && !bad}
      onReset={() => setText(now)}
      onSave={() => void action.run(() => putSettingDocument(api(), bucket, query, text))}
      extra={
        now && (
          <Button variant="dangerGhost" onPress={() => void action.run(() => deleteSettingDocument(api(), bucket, query))}>
            {t('ui.delete')}
          </Button>
        )
      }
    >
      <CodeEditor label={title} value={text} onChange={setText} language="text" readOnly={!may} />
      {bad && <Callout tone="warning">{t('bucket.xmlBad')}</Callout>}
    </FormCard>
  );
}
