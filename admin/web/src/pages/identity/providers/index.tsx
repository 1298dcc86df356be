// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Fingerprint, Trash2 } from 'lucide-react';
import { useState } from 'react';
import * as iam from '../../../api/iam';
import { api, useCan, useSession, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Button, Card, ConfirmDialog, Copyable, FormDialog, KeyValue, KeyValues, TextField, Time, toast } from '../../../ui';
import css from '../identity.module.css';
import { Chip, ListPage } from '../parts';

const words = (text: string) => [...new Set(text.split(/[\s,]+/).filter(Boolean))];
const THUMBPRINT = /^[0-9a-f]{40}$/i;

export default function Page(_: PageProps) {
  const client = useQueryClient();
  const { who } = useSession();
  const providers = useQuery({
    queryKey: ['providers'],
    queryFn: async ({ signal }) => Promise.all((await iam.listOidcProviders(api(), { signal })).map((arn) => iam.getOidcProvider(api(), arn, { signal }))),
  });
  const resource = `arn:aws:iam::${who?.account ?? '*'}:oidc-provider/*`;
  const can = useCan(['iam:CreateOpenIDConnectProvider', 'iam:DeleteOpenIDConnectProvider', 'iam:AddClientIDToOpenIDConnectProvider', 'iam:RemoveClientIDFromOpenIDConnectProvider'].map((action) => ({ action, resource })));
  const [mayCreate, mayDelete, mayAdd, mayRemove] = can.allowed;
  const [removing, setRemoving] = useState<iam.OidcProvider | null>(null);
  const changed = () => client.invalidateQueries({ queryKey: ['providers'] });
  return (
    <>
      <ListPage
        title={t('app.identityProviders')}
        help={t('identity.providersHelp')}
        query={providers}
        icon={Fingerprint}
        none={t('identity.noProviders')}
        noneHelp={t('identity.noProvidersHelp')}
        create={mayCreate && { label: t('identity.createProvider'), dialog: (close) => <CreateProvider onClose={close} onDone={() => void changed()} /> }}
      >
        <div className="stack">
          {(providers.data ?? []).map((p) => (
            <Provider key={p.arn} provider={p} mayAdd={Boolean(mayAdd)} mayRemove={Boolean(mayRemove)} onChanged={() => void changed()} onRemove={mayDelete ? () => setRemoving(p) : undefined} />
          ))}
        </div>
      </ListPage>
      <ConfirmDialog
        isOpen={removing !== null}
        onClose={() => setRemoving(null)}
        danger
        title={t('identity.deleteProvider', { name: removing?.url ?? '' })}
        typed={removing?.url ?? ''}
        confirmLabel={t('ui.delete')}
        onConfirm={async () => {
          if (!removing) return;
          await iam.deleteOidcProvider(api(), removing.arn);
          toast.success(t('identity.deleted', { name: removing.url }));
          await changed();
        }}
      >
        <p>{t('identity.deleteProviderBody')}</p>
      </ConfirmDialog>
    </>
  );
}

function Provider({ provider, mayAdd, mayRemove, onChanged, onRemove }: { provider: iam.OidcProvider; mayAdd: boolean; mayRemove: boolean; onChanged: () => void; onRemove: (() => void) | undefined }) {
  const [id, setId] = useState('');
  const [busy, setBusy] = useState(false);
  const act = async (work: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await work();
      setId('');
      onChanged();
    } catch (error) {
      toast.error(error);
    }
    setBusy(false);
  };
  return (
    <Card title={<span className="hostile">{provider.url}</span>} actions={onRemove && <Button size="sm" variant="dangerGhost" icon={Trash2} onPress={onRemove}>{t('ui.delete')}</Button>}>
      <div className="stack">
        <KeyValues>
          <KeyValue label={t('profile.arn')}>
            <Copyable value={provider.arn} />
          </KeyValue>
          <KeyValue label={t('identity.clientIds')}>
            <span className={css.chips}>
              {provider.clientIds.map((c) => (
                <Chip key={c} label={t('identity.removeName', { name: c })} onRemove={mayRemove ? () => void act(() => iam.removeOidcClient(api(), provider.arn, c)) : undefined}>
                  {c}
                </Chip>
              ))}
              {provider.clientIds.length === 0 && <span className="muted">{t('identity.noClientIds')}</span>}
            </span>
          </KeyValue>
          {provider.thumbprints.length > 0 && (
            <KeyValue label={t('identity.thumbprintsShown')}>
              <code className="hostile">{provider.thumbprints.join(', ')}</code>
            </KeyValue>
          )}
          <KeyValue label={t('identity.created')}>
            <Time value={provider.created ?? null} full />
          </KeyValue>
        </KeyValues>
        {mayAdd && (
          <form
            className="row"
            style={{ maxWidth: '30rem', alignItems: 'end' }}
            onSubmit={(e) => {
              e.preventDefault();
              if (id.trim()) void act(() => iam.addOidcClient(api(), provider.arn, id.trim()));
            }}
          >
            <TextField className="grow" size="sm" mono label={t('identity.addClientId')} value={id} onChange={setId} maxLength={255} />
            <Button size="sm" type="submit" isPending={busy} isDisabled={id.trim() === ''}>
              {t('identity.add')}
            </Button>
          </form>
        )}
      </div>
    </Card>
  );
}

function CreateProvider({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [url, setUrl] = useState('https://');
  const [ids, setIds] = useState('');
  const [prints, setPrints] = useState('');
  const badUrl = !/^https?:\/\/[^\s/?#]+[^\s?#]*$/.test(url);
  const badPrint = words(prints).some((p) => !THUMBPRINT.test(p));
  const send = async () => {
    await iam.createOidcProvider(api(), url, words(ids), words(prints));
    toast.success(t('identity.created_', { name: url }));
    onDone();
    onClose();
  };
  return (
    <FormDialog title={t('identity.createProvider')} action={t('identity.createProvider')} isWrong={badUrl || badPrint} onClose={onClose} onSend={send}>
      {(tried) => (
        <div className="stack">
          <TextField label={t('identity.issuer')} value={url} onChange={setUrl} mono isRequired autoFocus inputMode="url" error={tried && badUrl ? t('identity.badIssuer') : null} description={t('identity.issuerHelp')} />
          <TextField label={t('identity.clientIds')} value={ids} onChange={setIds} mono multiline rows={2} description={t('identity.clientIdsHelp')} />
          <TextField label={t('identity.thumbprints')} value={prints} onChange={setPrints} mono multiline rows={2} description={t('identity.thumbprintsHelp')} error={tried && badPrint ? t('identity.badThumbprint') : null} />
        </div>
      )}
    </FormDialog>
  );
}
