// SPDX-License-Identifier: Apache-2.0
// Ctrl-K: every page, every bucket, and what can be done from anywhere.
import { useQuery } from '@tanstack/react-query';
import { Database, LogOut, Moon, Plus, Search, Settings2, Sun, Upload, type LucideIcon } from 'lucide-react';
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { Dialog, Modal, ModalOverlay } from 'react-aria-components';
import { useLocation } from 'wouter';
import { listBuckets } from '../api/s3';
import { t } from '../strings';
import css from './CommandPalette.module.css';
import { bucketArn, objectArn, useCan } from './permissions';
import { placeOf, type Group, type Route } from './routes';
import { api, leave, useSession } from './session';
import { setTheme } from './theme';

type Command = { id: string; label: string; hint?: string; words: string; icon: LucideIcon; run: () => void };
const MOST_SHOWN = 60;
const MOST_BUCKETS = 200;

/** All words have to occur; those at the start of the label come first. */
export function rank(commands: Command[], text: string): Command[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const scored = commands.flatMap((c) => {
    const label = c.label.toLowerCase();
    const all = `${label} ${(c.hint ?? '').toLowerCase()} ${c.words.toLowerCase()}`;
    if (!words.every((w) => all.includes(w))) return [];
    const first = words[0] ?? '';
    return [{ c, score: label.startsWith(first) ? 0 : label.includes(first) ? 1 : 2 }];
  });
  return scored
    .sort((a, b) => a.score - b.score)
    .slice(0, MOST_SHOWN)
    .map((s) => s.c);
}

const groupNames: Partial<Record<Group, string>> = { identity: t('app.groupIdentity'), monitoring: t('app.groupMonitoring'), system: t('app.groupSystem'), storage: t('app.groupStorage') };

function useCommands(visible: Route[]): Command[] {
  const [, go] = useLocation();
  const lists = useCan([{ action: 's3:ListAllMyBuckets' }]).all;
  const buckets = useQuery({ queryKey: ['buckets', 'names'], queryFn: ({ signal }) => listBuckets(api(), { signal }), staleTime: 30_000, enabled: lists });
  const { who } = useSession();
  const can = useCan([{ action: 's3:CreateBucket', resource: bucketArn('*') }, { action: 'iam:CreateUser' }, { action: 'iam:CreatePolicy' }, { action: 'iam:CreateAccessKey', resource: who?.arn ?? '*' }]);
  const [createBucket, createUser, createPolicy, createKey] = can.allowed;
  const names = (buckets.data ?? []).slice(0, MOST_BUCKETS);
  const upload = useCan(names.map((b) => ({ action: 's3:PutObject', resource: objectArn(b.name) }))).allowed;
  const ownsKeys = who?.kind === 'user' || who?.kind === 'root';
  return [
    ...visible
      .filter((r) => !r.path.includes('/:bucket/'))
      .map((r) => ({ id: r.path, label: t(r.title as 'app.overview'), hint: groupNames[r.group] ?? '', words: r.words ?? '', icon: r.icon, run: () => go(placeOf(r)) })),
    ...(createBucket ? [{ id: '+bucket', label: t('app.newBucket'), words: 'create add', icon: Plus, run: () => go('/buckets?new') }] : []),
    ...(createUser ? [{ id: '+user', label: t('app.newUser'), words: 'create add', icon: Plus, run: () => go('/identity/users?new') }] : []),
    ...(createPolicy ? [{ id: '+policy', label: t('app.newPolicy'), words: 'create add', icon: Plus, run: () => go('/identity/policies?new') }] : []),
    ...(createKey && ownsKeys ? [{ id: '+key', label: t('app.newKey'), words: 'create add secret', icon: Plus, run: () => go('/profile?new') }] : []),
    { id: 'light', label: t('app.themeToLight'), words: 'theme appearance colour', icon: Sun, run: () => setTheme('light') },
    { id: 'dark', label: t('app.themeToDark'), words: 'theme appearance colour', icon: Moon, run: () => setTheme('dark') },
    { id: 'out', label: t('app.signOut'), words: 'log out leave', icon: LogOut, run: () => leave(go) },
    ...names.flatMap((b, i) => [
      { id: `o:${b.name}`, label: b.name, hint: t('app.objects'), words: 'bucket browse', icon: Database, run: () => go(`/objects/${b.name}`) },
      { id: `s:${b.name}`, label: b.name, hint: t('app.systemSettings'), words: 'bucket settings', icon: Settings2, run: () => go(`/buckets/${b.name}`) },
      ...(upload[i] ? [{ id: `u:${b.name}`, label: b.name, hint: t('app.upload'), words: 'bucket upload', icon: Upload, run: () => go(`/objects/${b.name}?upload`) }] : []),
    ]),
  ];
}

function Inside({ visible, onClose }: { visible: Route[]; onClose: () => void }) {
  const commands = useCommands(visible);
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const found = useMemo(() => rank(commands, text), [commands, text]);
  const current = Math.min(at, found.length - 1);

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [current]);

  const run = (c: Command | undefined) => {
    if (!c) return;
    onClose();
    c.run();
  };
  const onKey = (e: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + 8, PageUp: current - 8 };
    const to = moves[e.key];
    if (to !== undefined) {
      e.preventDefault();
      setAt(e.key.startsWith('Arrow') ? (to + found.length) % Math.max(1, found.length) : Math.max(0, Math.min(found.length - 1, to)));
    } else if (e.key === 'Enter') {
      e.preventDefault();
      run(found[current]);
    }
  };
  return (
    <>
      <div className={css.inputRow}>
        <Search size={17} aria-hidden />
        <input
          className={css.input}
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={found.length ? `palette-${current}` : undefined}
          aria-autocomplete="list"
          aria-label={t('app.paletteHint')}
          placeholder={t('app.paletteHint')}
          autoFocus
          spellCheck={false}
          autoComplete="off"
          value={text}
          onChange={(e) => {
            setText(e.target.value);
            setAt(0);
          }}
          onKeyDown={onKey}
        />
      </div>
      <div ref={list} className={css.list} id="palette-list" role="listbox" aria-label={t('app.paletteTitle')}>
        {found.map((c, i) => {
          const Icon = c.icon;
          return (
            <div key={c.id} id={`palette-${i}`} role="option" aria-selected={i === current} className={css.item} onPointerMove={() => setAt(i)} onClick={() => run(c)}>
              <Icon size={16} aria-hidden />
              <span className="ellipsis">{c.label}</span>
              {c.hint && <span className={css.hint}>{c.hint}</span>}
            </div>
          );
        })}
      </div>
      {found.length === 0 && (
        <div className={css.none} role="status">
          {t('app.noMatches', { text })}
        </div>
      )}
    </>
  );
}

export default function CommandPalette({ isOpen, onClose, visible }: { isOpen: boolean; onClose: () => void; visible: Route[] }) {
  return (
    <ModalOverlay className={css.overlay} isOpen={isOpen} onOpenChange={(open) => !open && onClose()} isDismissable>
      <Modal className={css.modal}>
        <Dialog aria-label={t('app.paletteTitle')}>
          <Inside visible={visible} onClose={onClose} />
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
