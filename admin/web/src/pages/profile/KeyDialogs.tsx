// SPDX-License-Identifier: Apache-2.0
/* Access keys with an end: making one, changing what is known of one, and how lists show it. */
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { useState } from 'react';
import { createAccessKey, type NewAccessKey } from '../../api/iam';
import { createServiceKey, listServiceKeys, updateServiceKey, type ServiceKey } from '../../api/pail';
import { api, useCan } from '../../app';
import { t } from '../../strings';
import { Badge, ComboBox, Copyable, FormDialog, localDate, Select, TextField, Time } from '../../ui';
import { visible } from '../objects/names';

/** No user is called so. */
export const ROOT = ':root';

const DAY_MS = 86_400_000;
const NAME_MAX = 32;
const DESCRIPTION_MAX = 256;

/** Who may give keys an end, and see it. Their own server, not IAM, has these rights. */
export function useKeyRights(): { list: boolean; create: boolean; update: boolean } {
  const [list, create, update] = useCan(['List', 'Create', 'Update'].map((verb) => ({ action: `admin:${verb}ServiceAccount${verb === 'List' ? 's' : ''}` }))).allowed;
  return { list: list ?? false, create: create ?? false, update: update ?? false };
}

/** What is known of keys beyond what IAM tells, by id: of a user's, of the root's (''), or of all. */
export const useServiceKeys = (user: string | undefined, enabled: boolean): UseQueryResult<Map<string, ServiceKey>> =>
  useQuery({
    queryKey: ['serviceKeys', user ?? null],
    queryFn: async ({ signal }) => new Map((await listServiceKeys(api(), user, { signal })).map((k) => [k.id, k])),
    enabled,
    retry: false,
  });

export function Ends({ of }: { of: ServiceKey | undefined }) {
  if (!of) return <span className="muted">–</span>;
  if (of.expired) return <Badge tone="danger">{t('profile.expired')}</Badge>;
  return of.expires ? <Time value={new Date(of.expires)} /> : <span className="muted">{t('profile.never')}</span>;
}

/** An access key by its id, and what it is called. */
export const KeyId = ({ of, known }: { of: { id: string }; known: ServiceKey | undefined }) => (
  <span style={{ minWidth: 0 }}>
    <Copyable value={of.id} label={t('profile.copyKeyId')} />
    {known?.name && (
      <bdi className="muted ellipsis" title={visible(known.description || known.name)} style={{ display: 'block' }}>
        {visible(known.name)}
      </bdi>
    )}
  </span>
);

/* ---- when it ends ---- */

type Preset = 'never' | '7' | '30' | '90' | '365' | 'date';
interface End {
  preset: Preset;
  date: string;
}

const inDays = (days: number) => new Date(Date.now() + days * DAY_MS);
const toEnd = (expires: string | null): End => (expires ? { preset: 'date', date: localDate(new Date(expires)) } : { preset: 'never', date: localDate(inDays(30)) });

/** Null: never; undefined: the date is none, or past. */
export function endOf({ preset, date }: End, now = Date.now()): Date | null | undefined {
  if (preset === 'never') return null;
  if (preset !== 'date') return new Date(now + Number(preset) * DAY_MS);
  const at = new Date(date);
  return at.getTime() > now ? at : undefined;
}

function EndField({ value, onChange }: { value: End; onChange: (end: End) => void }) {
  const presets: Preset[] = ['never', '7', '30', '90', '365', 'date'];
  const label = (p: Preset) => (p === 'never' ? t('profile.never') : p === 'date' ? t('profile.endsOn') : t('profile.endsIn', { count: Number(p) }));
  return (
    <div className="grid2">
      <Select label={t('profile.ends')} value={value.preset} onChange={(preset: Preset) => onChange({ ...value, preset })} options={presets.map((p) => ({ id: p, label: label(p) }))} />
      {value.preset === 'date' && <TextField label={t('profile.endDate')} type="datetime-local" value={value.date} onChange={(date) => onChange({ ...value, date })} error={endOf(value) === undefined ? t('profile.endPast') : null} />}
    </div>
  );
}

/* ---- dialogs ---- */

const bytes = (text: string) => new TextEncoder().encode(text).length;

function Texts({ name, description, onName, onDescription }: { name: string; description: string; onName: (text: string) => void; onDescription: (text: string) => void }) {
  return (
    <>
      <TextField label={t('profile.keyName')} value={name} onChange={onName} error={bytes(name) > NAME_MAX ? t('profile.tooLong', { most: NAME_MAX }) : null} />
      <TextField label={t('profile.keyDescription')} value={description} onChange={onDescription} error={bytes(description) > DESCRIPTION_MAX ? t('profile.tooLong', { most: DESCRIPTION_MAX }) : null} />
    </>
  );
}
const fit = (name: string, description: string) => bytes(name) <= NAME_MAX && bytes(description) <= DESCRIPTION_MAX;

export interface CreateKeyProps {
  title: string;
  body: string;
  /** Whose; undefined: the root's. With `users` it is only where the choice begins. */
  user: string | undefined;
  /** To choose from; ROOT stands for the root. */
  users?: readonly string[];
  /** A name and an end may be given. */
  mayEnd: boolean;
  onMade: (key: NewAccessKey) => void;
  onClose: () => void;
}

export function CreateKeyDialog({ title, body, user, users, mayEnd, onMade, onClose }: CreateKeyProps) {
  const [whose, setWhose] = useState(user ?? (users ? '' : ROOT));
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [end, setEnd] = useState<End>(toEnd(null));
  const expires = endOf(end);
  const known = !users || users.includes(whose);
  const owner = whose === ROOT ? undefined : whose;
  const make = async () => {
    onMade(mayEnd ? await withEnd() : await createAccessKey(api(), owner));
    onClose();
  };
  const withEnd = async (): Promise<NewAccessKey> => {
    const key = await createServiceKey(api(), { ...(owner && { user: owner }), ...(name && { name }), ...(description && { description }), ...(expires && { expires: expires.toISOString() }) });
    return { id: key.id, user: key.user, active: true, secret: key.secret };
  };
  return (
    <FormDialog title={title} action={t('profile.createKey')} isDisabled={!known || expires === undefined || !fit(name, description)} onSend={make} onClose={onClose}>
      <div className="stack">
        <p>{body}</p>
        {users && <ComboBox label={t('profile.whose')} value={whose} onChange={setWhose} options={users.map((u) => ({ id: u, label: u === ROOT ? t('profile.root') : u }))} />}
        {mayEnd && (
          <>
            <Texts name={name} description={description} onName={setName} onDescription={setDescription} />
            <EndField value={end} onChange={setEnd} />
          </>
        )}
      </div>
    </FormDialog>
  );
}

export function EditKeyDialog({ of, onSaved, onClose }: { of: ServiceKey; onSaved: () => void; onClose: () => void }) {
  const [name, setName] = useState(of.name);
  const [description, setDescription] = useState(of.description);
  const [end, setEnd] = useState(toEnd(of.expires));
  const [touched, setTouched] = useState(false);
  const expires = endOf(end);
  // Seconds of an end that is not touched stay as they are.
  const change = { name, description, ...(touched && { expires: expires?.toISOString() ?? null }) };
  const save = async () => {
    await updateServiceKey(api(), of.id, change);
    onSaved();
    onClose();
  };
  return (
    <FormDialog title={t('profile.editKey', { id: of.id })} action={t('ui.save')} isDisabled={(touched && expires === undefined) || !fit(name, description)} onSend={save} onClose={onClose}>
      <div className="stack">
        <Texts name={name} description={description} onName={setName} onDescription={setDescription} />
        <EndField
          value={end}
          onChange={(e) => {
            setEnd(e);
            setTouched(true);
          }}
        />
      </div>
    </FormDialog>
  );
}
