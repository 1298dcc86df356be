// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Fingerprint, Trash2 } from 'lucide-react';
import { useState } from 'react';
import * as iam from '../../../api/iam';
import { api, useCan, useSession, type PageProps } from '../../../app';
import { basePath } from '../../../app/base';
import { t } from '../../../strings';
import { Button, Callout, Card, ComboBox, ConfirmDialog, Copyable, Dialog, ErrorState, FormDialog, KeyValue, KeyValues, Select, TextField, Time, toast } from '../../../ui';
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
  const can = useCan(['iam:CreateOpenIDConnectProvider', 'iam:DeleteOpenIDConnectProvider', 'iam:AddClientIDToOpenIDConnectProvider', 'iam:RemoveClientIDFromOpenIDConnectProvider', 'iam:TagOpenIDConnectProvider', 'iam:UntagOpenIDConnectProvider'].map((action) => ({ action, resource })));
  const [mayCreate, mayDelete, mayAdd, mayRemove, mayTag, mayUntag] = can.allowed;
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
            <Provider key={p.arn} provider={p} taken={(providers.data ?? []).filter((o) => o !== p && o.tags[TAG.role]).map(offeredAs)} mayAdd={Boolean(mayAdd)} mayRemove={Boolean(mayRemove)} mayOffer={Boolean(mayTag && mayUntag)} onChanged={() => void changed()} onRemove={mayDelete ? () => setRemoving(p) : undefined} />
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

const TAG = { role: 'pail:console-role', name: 'pail:console-name', client: 'pail:console-client', flow: 'pail:console-flow' } as const;
const FLOWS = ['', 'code', 'id_token'] as const;
const offeredAs = (p: iam.OidcProvider) => p.tags[TAG.name] || p.url;
const roleName = (arn: string) => arn.slice(arn.lastIndexOf('/') + 1);

/** Whether the console's own sign-in offers it, and with which role: the server reads that from tags. */
function Offered({ provider, taken, may, onChanged }: { provider: iam.OidcProvider; taken: readonly string[]; may: boolean; onChanged: () => void }) {
  const [editing, setEditing] = useState(false);
  const role = provider.tags[TAG.role];
  const offered = role && provider.clientIds.length > 0;
  return (
    <>
      <KeyValues>
        <KeyValue label={t('identity.offer')}>
          <span className="row wrap">
            <span className="hostile">{offered ? t('identity.offered', { name: offeredAs(provider), role: roleName(role) }) : t(role ? 'identity.offeredNoClient' : 'identity.notOffered')}</span>
            {may && (
              <Button size="sm" onPress={() => setEditing(true)}>
                {t(role ? 'identity.offerChange' : 'identity.offerIt')}
              </Button>
            )}
          </span>
        </KeyValue>
      </KeyValues>
      {editing && <OfferDialog provider={provider} taken={taken} onClose={() => setEditing(false)} onDone={onChanged} />}
    </>
  );
}

function OfferDialog({ provider, taken, onClose, onDone }: { provider: iam.OidcProvider; taken: readonly string[]; onClose: () => void; onDone: () => void }) {
  const roles = useQuery({ queryKey: ['roles'], queryFn: ({ signal }) => iam.listRoles(api(), { signal }), retry: false });
  const [role, setRole] = useState(provider.tags[TAG.role] ?? '');
  const [name, setName] = useState(provider.tags[TAG.name] ?? '');
  const kept = provider.tags[TAG.client] ?? '';
  const [clientId, setClientId] = useState(provider.clientIds.includes(kept) ? kept : (provider.clientIds[0] ?? ''));
  const [flow, setFlow] = useState(FLOWS.find((f) => f === provider.tags[TAG.flow]) ?? '');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const badName = !/^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u.test(name);
  // Past this page two may have the same; then each is shown with its address, where people sign in.
  const isTaken = taken.includes(name || provider.url);
  const valid = role !== '' && clientId !== '' && !badName && !isTaken;
  const run = async (work: () => Promise<unknown>) => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await work();
      toast.success(t('bucket.saved'));
      onDone();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const save = async () => {
    await iam.tagOidcProvider(api(), provider.arn, { [TAG.role]: role, [TAG.client]: clientId, ...(name && { [TAG.name]: name }), ...(flow && { [TAG.flow]: flow }) });
    const gone = [...(name ? [] : [TAG.name]), ...(flow ? [] : [TAG.flow])].filter((tag) => provider.tags[tag]);
    if (gone.length > 0) await iam.untagOidcProvider(api(), provider.arn, gone);
  };
  return (
    <Dialog
      isOpen
      title={t('identity.offer')}
      isModal={busy}
      onClose={onClose}
      onSubmit={() => valid && void run(save)}
      footer={
        <>
          {provider.tags[TAG.role] && (
            <Button variant="dangerGhost" isDisabled={busy} onPress={() => void run(() => iam.untagOidcProvider(api(), provider.arn, Object.values(TAG)))}>
              {t('identity.offerEnd')}
            </Button>
          )}
          <Button onPress={onClose} isDisabled={busy}>
            {t('ui.cancel')}
          </Button>
          <Button type="submit" variant="primary" isPending={busy} isDisabled={!valid}>
            {t('ui.save')}
          </Button>
        </>
      }
    >
      <div className="stack">
        <p className="muted">{t('identity.offerHelp', { address: `${location.origin}${basePath}/` })}</p>
        <TextField label={t('identity.offerName')} value={name} onChange={setName} maxLength={64} placeholder={provider.url} error={badName ? t('bucket.badTagChars') : isTaken ? t('identity.offerNameTaken') : null} />
        {roles.data ? (
          <ComboBox label={t('identity.offerRole')} description={t('identity.offerRoleHelp')} value={role} onChange={setRole} options={roles.data.map((r) => ({ id: r.arn, label: r.name }))} />
        ) : (
          <TextField label={t('identity.offerRole')} description={t('identity.offerRoleHelp')} value={role} onChange={setRole} mono placeholder="arn:aws:iam::…:role/…" />
        )}
        {provider.clientIds.length > 1 && <Select label={t('identity.offerClient')} value={clientId} onChange={setClientId} options={provider.clientIds.map((c) => ({ id: c, label: c }))} />}
        <Select label={t('identity.offerFlow')} description={t('identity.offerFlowHelp')} value={flow} onChange={setFlow} options={FLOWS.map((f) => ({ id: f, label: t(f === '' ? 'identity.flowAuto' : f === 'code' ? 'identity.flowCode' : 'identity.flowToken') }))} />
        {clientId === '' && <Callout tone="warning">{t('identity.offerNeedsClient')}</Callout>}
        {error !== null && <ErrorState error={error} compact />}
      </div>
    </Dialog>
  );
}

function Provider({ provider, taken, mayAdd, mayRemove, mayOffer, onChanged, onRemove }: { provider: iam.OidcProvider; taken: readonly string[]; mayAdd: boolean; mayRemove: boolean; mayOffer: boolean; onChanged: () => void; onRemove: (() => void) | undefined }) {
  // Those of the first account alone are offered.
  const first = useSession().who?.account === '000000000000';
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
        {first && <Offered provider={provider} taken={taken} may={mayOffer} onChanged={onChanged} />}
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
