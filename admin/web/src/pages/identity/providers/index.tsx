// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Fingerprint, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import * as iam from '../../../api/iam';
import { api, useCan, useSession, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Button, Card, ConfirmDialog, Copyable, Dialog, EmptyState, ErrorState, KeyValue, KeyValues, PageHeader, TextField, Time, toast } from '../../../ui';
import css from '../identity.module.css';
import { Chip, ListState } from '../parts';

const words = (text: string) => [...new Set(text.split(/[\s,]+/).filter(Boolean))];
const THUMBPRINT = /^[0-9a-f]{40}$/i;

export default function Page(_: PageProps) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const search = useSearch();
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
  const create = mayCreate && (
    <Button variant="primary" icon={Plus} onPress={() => go('/identity/providers?new')}>
      {t('identity.createProvider')}
    </Button>
  );
  return (
    <>
      <PageHeader title={t('app.identityProviders')} description={t('identity.providersHelp')} actions={providers.data?.length ? create : null} />
      <ListState
        query={providers}
        empty={
          <EmptyState icon={Fingerprint} title={t('identity.noProviders')} actions={create}>
            {t('identity.noProvidersHelp')}
          </EmptyState>
        }
      >
        <div className="stack">
          {(providers.data ?? []).map((p) => (
            <Provider key={p.arn} provider={p} mayAdd={Boolean(mayAdd)} mayRemove={Boolean(mayRemove)} onChanged={() => void changed()} onRemove={mayDelete ? () => setRemoving(p) : undefined} />
          ))}
        </div>
      </ListState>
      {mayCreate && new URLSearchParams(search).has('new') && <CreateProvider onClose={() => go('/identity/providers', { replace: true })} onDone={() => void changed()} />}
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
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const badUrl = !/^https?:\/\/[^\s/?#]+[^\s?#]*$/.test(url);
  const badPrint = words(prints).find((p) => !THUMBPRINT.test(p));
  const run = async () => {
    setTried(true);
    if (badUrl || badPrint || busy) return;
    setBusy(true);
    setError(null);
    try {
      await iam.createOidcProvider(api(), url, words(ids), words(prints));
      toast.success(t('identity.created_', { name: url }));
      onDone();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      title={t('identity.createProvider')}
      isModal={busy}
      onClose={onClose}
      onSubmit={() => void run()}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isPending={busy}>
            {t('identity.createProvider')}
          </Button>
        </>
      }
    >
      <div className="stack">
        <TextField label={t('identity.issuer')} value={url} onChange={setUrl} mono isRequired autoFocus inputMode="url" error={tried && badUrl ? t('identity.badIssuer') : null} description={t('identity.issuerHelp')} />
        <TextField label={t('identity.clientIds')} value={ids} onChange={setIds} mono multiline rows={2} description={t('identity.clientIdsHelp')} />
        <TextField label={t('identity.thumbprints')} value={prints} onChange={setPrints} mono multiline rows={2} description={t('identity.thumbprintsHelp')} error={tried && badPrint ? t('identity.badThumbprint') : null} />
        {error !== null && <ErrorState error={error} compact />}
      </div>
    </Dialog>
  );
}
