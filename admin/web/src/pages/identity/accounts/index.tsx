// SPDX-License-Identifier: Apache-2.0
// The server's accounts: each has its own root, users and buckets. For the first account's root.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Building2, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import type { NewAccessKey } from '../../../api/iam';
import { createAccount, deleteAccount, listAccounts } from '../../../api/pail';
import { api, useCan, useSession, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Badge, Button, ConfirmDialog, Copyable, Dialog, EmptyState, ErrorState, IconButton, PageHeader, Table, TextField, Time, toast, type Column } from '../../../ui';
import { NewKeyDialog } from '../../profile/NewKeyDialog';
import css from '../identity.module.css';
import { ListState } from '../parts';

type Account = { id: string; name: string; email: string | null; canonicalId: string; created: string; accessKey: string | null };

export default function Page(_: PageProps) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const search = useSearch();
  const { who } = useSession();
  const accounts = useQuery({ queryKey: ['accounts'], queryFn: async ({ signal }) => ((await listAccounts(api(), { signal })) as { accounts?: Account[] }).accounts ?? [] });
  const can = useCan([{ action: 'pail:CreateAccount' }, { action: 'pail:DeleteAccount' }]);
  const [mayCreate, mayDelete] = can.allowed;
  const [removing, setRemoving] = useState<Account | null>(null);
  const [made, setMade] = useState<NewAccessKey | null>(null);
  const changed = () => client.invalidateQueries({ queryKey: ['accounts'] });
  const columns: Column<Account>[] = [
    {
      id: 'name',
      header: t('identity.name'),
      width: 'minmax(0, 1.5fr)',
      cell: (a) => (
        <span className="row" style={{ minWidth: 0 }}>
          <span className={css.two}>
            <strong className="ellipsis">{a.name}</strong>
            {a.email && <small className="ellipsis">{a.email}</small>}
          </span>
          {a.id === who?.account && <Badge tone="accent">{t('identity.yours')}</Badge>}
        </span>
      ),
    },
    { id: 'id', header: t('identity.accountId'), width: '11rem', minTable: 420, cell: (a) => <Copyable value={a.id} /> },
    { id: 'key', header: t('identity.rootKey'), width: 'minmax(0, 1.2fr)', minTable: 640, cell: (a) => (a.accessKey ? <code className="ellipsis">{a.accessKey}</code> : <span className="muted">–</span>) },
    { id: 'created', header: t('identity.created'), width: '9rem', minTable: 820, cell: (a) => <Time value={a.created} /> },
    {
      id: 'delete',
      header: t('ui.delete'),
      hideHeader: true,
      width: '2.25rem',
      overflow: true,
      cell: (a) => (mayDelete && a.id !== who?.account ? <IconButton size="sm" variant="dangerGhost" label={t('identity.deleteName', { name: a.name })} icon={Trash2} onPress={() => setRemoving(a)} /> : null),
    },
  ];
  return (
    <>
      <PageHeader
        title={t('app.identityAccounts')}
        description={t('identity.accountsHelp')}
        actions={
          mayCreate && (
            <Button variant="primary" icon={Plus} onPress={() => go('/identity/accounts?new')}>
              {t('identity.createAccount')}
            </Button>
          )
        }
      />
      <ListState query={accounts} empty={<EmptyState icon={Building2} title={t('identity.noAccounts')} />}>
        <Table label={t('app.identityAccounts')} rows={accounts.data ?? []} rowKey={(a) => a.id} columns={columns} rowHeight={50} />
      </ListState>
      {mayCreate && new URLSearchParams(search).has('new') && (
        <CreateAccount
          onClose={() => go('/identity/accounts', { replace: true })}
          onDone={(key) => {
            setMade(key);
            go('/identity/accounts', { replace: true });
            void changed();
          }}
        />
      )}
      {made && <NewKeyDialog accessKey={made} onClose={() => setMade(null)} />}
      <ConfirmDialog
        isOpen={removing !== null}
        onClose={() => setRemoving(null)}
        danger
        typed={removing?.name ?? ''}
        title={t('identity.deleteAccount', { name: removing?.name ?? '' })}
        confirmLabel={t('ui.delete')}
        onConfirm={async () => {
          if (!removing) return;
          await deleteAccount(api(), removing.id);
          toast.success(t('identity.deleted', { name: removing.name }));
          await changed();
        }}
      >
        <p>{t('identity.deleteAccountBody')}</p>
      </ConfirmDialog>
    </>
  );
}

function CreateAccount({ onClose, onDone }: { onClose: () => void; onDone: (key: NewAccessKey) => void }) {
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const bad = !/^(?!\d{12}$)[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(name);
  const badEmail = email !== '' && !/^[^@\s",]+@[^@\s",]+$/.test(email);
  const run = async () => {
    setTried(true);
    if (bad || badEmail || busy) return;
    setBusy(true);
    setError(null);
    try {
      const made = (await createAccount(api(), { name, ...(email ? { email } : {}) })) as { accessKey?: string; secretKey?: string };
      onDone({ id: made.accessKey ?? '', secret: made.secretKey ?? '', user: '', active: true });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      title={t('identity.createAccount')}
      isModal={busy}
      onClose={onClose}
      onSubmit={() => void run()}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isPending={busy}>
            {t('identity.createAccount')}
          </Button>
        </>
      }
    >
      <div className="stack">
        <p>{t('identity.createAccountHelp')}</p>
        <TextField label={t('identity.name')} value={name} onChange={setName} isRequired autoFocus maxLength={64} error={tried && bad ? t('identity.badAccount') : null} />
        <TextField label={t('identity.email')} value={email} onChange={setEmail} type="email" maxLength={254} error={tried && badEmail ? t('identity.badEmail') : null} />
        {error !== null && <ErrorState error={error} compact />}
      </div>
    </Dialog>
  );
}
