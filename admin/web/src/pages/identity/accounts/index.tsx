// SPDX-License-Identifier: Apache-2.0
// The server's accounts: each has its own root, users and buckets. For the first account's root.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Building2, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { NewAccessKey } from '../../../api/iam';
import { createAccount, deleteAccount, listAccounts } from '../../../api/pail';
import { api, useCan, useSession, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Badge, ConfirmDialog, Copyable, FormDialog, IconButton, Table, TextField, Time, toast, type Column } from '../../../ui';
import { NewKeyDialog } from '../../profile/NewKeyDialog';
import css from '../identity.module.css';
import { ListPage } from '../parts';

type Account = { id: string; name: string; email: string | null; canonicalId: string; created: string; accessKey: string | null };

export default function Page(_: PageProps) {
  const client = useQueryClient();
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
      <ListPage
        title={t('app.identityAccounts')}
        help={t('identity.accountsHelp')}
        query={accounts}
        icon={Building2}
        none={t('identity.noAccounts')}
        create={
          mayCreate && {
            label: t('identity.createAccount'),
            dialog: (close) => (
              <CreateAccount
                onClose={close}
                onDone={(key) => {
                  setMade(key);
                  close();
                  void changed();
                }}
              />
            ),
          }
        }
      >
        <Table label={t('app.identityAccounts')} rows={accounts.data ?? []} rowKey={(a) => a.id} columns={columns} rowHeight={50} />
      </ListPage>
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
  const bad = !/^(?!\d{12}$)[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(name);
  const badEmail = email !== '' && !/^[^@\s",]+@[^@\s",]+$/.test(email);
  const send = async () => {
    const made = (await createAccount(api(), { name, ...(email ? { email } : {}) })) as { accessKey?: string; secretKey?: string };
    onDone({ id: made.accessKey ?? '', secret: made.secretKey ?? '', user: '', active: true });
  };
  return (
    <FormDialog title={t('identity.createAccount')} action={t('identity.createAccount')} isWrong={bad || badEmail} onClose={onClose} onSend={send}>
      {(tried) => (
        <div className="stack">
          <p>{t('identity.createAccountHelp')}</p>
          <TextField label={t('identity.name')} value={name} onChange={setName} isRequired autoFocus maxLength={64} error={tried && bad ? t('identity.badAccount') : null} />
          <TextField label={t('identity.email')} value={email} onChange={setEmail} type="email" maxLength={254} error={tried && badEmail ? t('identity.badEmail') : null} />
        </div>
      )}
    </FormDialog>
  );
}
