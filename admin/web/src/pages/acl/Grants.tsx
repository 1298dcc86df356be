// SPDX-License-Identifier: Apache-2.0
/* The form of an access control list: ready-made ones to choose, and every grant as a box to tick. */
import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import type { Acl } from '../../api/s3';
import { t } from '../../strings';
import { Badge, Button, Callout, Checkbox, IconButton, Select, TextField } from '../../ui';
import { visible } from '../objects/names';
import css from './acl.module.css';
import { cannedName, cannedOf, EVERYONE, fromCanned, groupsOf, isCanonicalId, isPublic, LOG_DELIVERY, permissionsOf, SIGNED_IN, type Canned, type GrantRow, type Kind, type Permission } from './grants';

const groupWords: Record<string, 'bucket.groupEveryone' | 'bucket.groupSignedIn' | 'bucket.groupLogs'> = {
  [EVERYONE]: 'bucket.groupEveryone',
  [SIGNED_IN]: 'bucket.groupSignedIn',
  [LOG_DELIVERY]: 'bucket.groupLogs',
};
const cannedWords = {
  private: 'bucket.cannedPrivate',
  'public-read': 'bucket.cannedPublicRead',
  'public-read-write': 'bucket.cannedPublicWrite',
  'authenticated-read': 'bucket.cannedSignedIn',
  'log-delivery-write': 'bucket.cannedLogs',
} as const;
const permissionWords = {
  bucket: { READ: 'bucket.aclRead', WRITE: 'bucket.aclWrite', READ_ACP: 'bucket.aclReadAcp', WRITE_ACP: 'bucket.aclWriteAcp' },
  object: { READ: 'bucket.aclReadObject', WRITE: 'bucket.aclWrite', READ_ACP: 'bucket.aclReadAcp', WRITE_ACP: 'bucket.aclWriteAcp' },
} as const;

function nameOf(row: GrantRow, ownerId: string): string {
  const known = row.type === 'Group' ? groupWords[row.grantee] : undefined;
  if (known) return t(known);
  const name = visible(row.displayName || (row.type === 'CanonicalUser' && row.grantee.length > 16 ? `${row.grantee.slice(0, 12)}…` : row.grantee));
  return row.grantee === ownerId ? t('bucket.aclOwner', { name }) : name;
}

export function Grants({ kind, owner, rows, onChange }: { kind: Kind; owner: Acl['owner']; rows: readonly GrantRow[]; onChange?: (rows: GrantRow[]) => void }) {
  const [id, setId] = useState('');
  const [tried, setTried] = useState(false);
  const permissions = permissionsOf(kind);
  const chosen = cannedName(rows, owner, kind);
  const fixed = 1 + groupsOf(kind).length;
  const taken = rows.some((r) => r.grantee === id);
  const set = (at: number, permission: Permission, on: boolean) =>
    onChange?.(rows.map((r, i) => (i === at ? { ...r, has: permissions.filter((p) => (p === permission ? on : r.has.includes(p))) } : r)));
  const add = () => {
    setTried(true);
    if (!isCanonicalId(id) || taken) return;
    onChange?.([...rows, { type: 'CanonicalUser', grantee: id, has: ['READ'] }]);
    setId('');
    setTried(false);
  };
  const shown = rows.map((row, at) => ({ row, at })).filter(({ row, at }) => onChange || at === 0 || row.has.length > 0);
  return (
    <div className="stack">
      {onChange && (
        <Select
          label={t('bucket.canned')}
          description={t('bucket.cannedHelp')}
          value={chosen ?? 'custom'}
          onChange={(c: Canned | 'custom') => c !== 'custom' && onChange(fromCanned(c, owner, kind))}
          options={[...cannedOf(kind).map((c) => ({ id: c, label: t(cannedWords[c]) })), ...(chosen ? [] : [{ id: 'custom' as const, label: t('bucket.cannedCustom') }])]}
        />
      )}
      {isPublic(rows) && <Callout tone="warning">{t(kind === 'bucket' ? 'bucket.aclPublic' : 'bucket.aclPublicObject')}</Callout>}
      <div className={css.scroll}>
        <table className={css.grants}>
          <thead>
            <tr>
              <th scope="col">{t('bucket.grantee')}</th>
              {permissions.map((p) => (
                <th key={p} scope="col">
                  {t(permissionWords[kind][p])}
                </th>
              ))}
              {onChange && rows.length > fixed && (
                <td>
                  <span className="visually-hidden">{t('ui.more')}</span>
                </td>
              )}
            </tr>
          </thead>
          <tbody>
            {shown.map(({ row, at }) => {
              const name = nameOf(row, owner.id);
              const open = row.type === 'Group' && row.grantee !== LOG_DELIVERY && row.has.length > 0;
              return (
                <tr key={`${row.type}\0${row.grantee}`}>
                  <th scope="row" title={row.grantee}>
                    <span className="hostile">{name}</span> {open && <Badge tone="danger">{t('bucket.public')}</Badge>}
                  </th>
                  {permissions.map((p) => (
                    <td key={p}>
                      {onChange ? (
                        <Checkbox hideLabel label={t('bucket.grantTo', { name, permission: t(permissionWords[kind][p]) })} isSelected={row.has.includes(p)} onChange={(on) => set(at, p, on)} />
                      ) : (
                        t(row.has.includes(p) ? 'bucket.yes' : 'bucket.no')
                      )}
                    </td>
                  ))}
                  {onChange && rows.length > fixed && <td>{at >= fixed && <IconButton size="sm" icon={X} label={t('bucket.removeGrant', { name })} onPress={() => onChange(rows.filter((_, i) => i !== at))} />}</td>}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {onChange && (
        <div
          className={css.account}
          onKeyDown={(e) => {
            // In a dialog the Enter key would save the list, without what is typed here.
            if (e.key !== 'Enter' || !id || !(e.target instanceof HTMLInputElement)) return;
            e.preventDefault();
            add();
          }}
        >
          <TextField
            label={t('bucket.aclAccount')}
            description={t('bucket.aclAccountHelp')}
            value={id}
            onChange={(text) => setId(text.trim().toLowerCase())}
            mono
            error={id && taken ? t('bucket.aclAccountTaken') : tried && id && !isCanonicalId(id) ? t('bucket.aclAccountBad') : null}
          />
          <Button icon={Plus} onPress={add} isDisabled={!id}>
            {t('bucket.aclAddAccount')}
          </Button>
        </div>
      )}
    </div>
  );
}
