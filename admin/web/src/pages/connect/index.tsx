// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { listBuckets } from '../../api/s3';
import { api, consoleInfo, s3Endpoint, type PageProps } from '../../app';
import { t } from '../../strings';
import { Callout, Card, CodeBlock, ComboBox, Copyable, KeyValue, KeyValues, LinkButton, PageHeader, Tabs } from '../../ui';
import { snippets } from './snippets';

const EXAMPLE = 'my-bucket';
const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

export default function Page(_: PageProps) {
  const buckets = useQuery({ queryKey: ['buckets', 'names'], queryFn: ({ signal }) => listBuckets(api(), { signal }) });
  const [typed, setTyped] = useState<string | null>(null);
  const [client, setClient] = useState('aws');
  const names = buckets.data ?? [];
  const bucket = typed ?? names[0]?.name ?? '';
  const valid = bucket === '' || BUCKET_NAME.test(bucket);
  const endpoint = s3Endpoint();
  const { region } = consoleInfo();
  // What is typed ends up in commands that people paste: only what a bucket can be called.
  const all = snippets({ endpoint, region, bucket: valid && bucket ? bucket : EXAMPLE });
  return (
    <>
      <PageHeader
        title={t('connect.title')}
        description={t('connect.description')}
        actions={
          <LinkButton icon={KeyRound} href="/profile?new">
            {t('connect.createKey')}
          </LinkButton>
        }
      />
      <div className="stack">
        <div className="grid2">
          <Card title={t('connect.server')}>
            <KeyValues>
              <KeyValue label={t('connect.endpoint')}>
                <Copyable value={endpoint} />
              </KeyValue>
              <KeyValue label={t('connect.region')}>
                <Copyable value={region} />
              </KeyValue>
              <KeyValue label={t('connect.addressing')}>{t('connect.pathStyle')}</KeyValue>
              <KeyValue label={t('connect.signature')}>{t('connect.signatureV4')}</KeyValue>
            </KeyValues>
          </Card>
          <Card title={t('connect.fill')}>
            <div className="stack">
              <ComboBox label={t('connect.bucket')} allowsCustom mono placeholder={EXAMPLE} options={names.map((b) => ({ id: b.name, label: b.name }))} value={bucket} onChange={setTyped} error={valid ? null : t('connect.badBucket')} />
              <Callout>{t('connect.secretNote')}</Callout>
            </div>
          </Card>
        </div>
        <Card>
          <Tabs
            label={t('connect.clients')}
            selected={client}
            onSelect={setClient}
            items={all.map((s) => ({
              id: s.id,
              label: s.label,
              content: (
                <div className="stack">
                  {s.parts.map((part) => (
                    <div key={part.title} className="stack">
                      {s.parts.length > 1 && <h3>{t(part.title === 'config' ? 'connect.setUp' : 'connect.use')}</h3>}
                      <CodeBlock code={part.code} label={`${s.label}, ${t(part.title === 'config' ? 'connect.setUp' : 'connect.use')}`} />
                    </div>
                  ))}
                </div>
              ),
            }))}
          />
        </Card>
      </div>
    </>
  );
}
