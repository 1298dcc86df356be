// SPDX-License-Identifier: Apache-2.0
/*
 * What is being uploaded, copied and so on, in a corner of every page. It has a root of its own beside the
 * application's, made with the first transfer, so that it stays when the page that began it is left.
 */
import { ArrowUpFromLine, ChevronDown, ChevronUp, CircleCheck, CircleX, Copy, FileArchive, FolderInput, ListX, Pause, Play, RotateCw, Tags, Trash2, X, type LucideIcon } from 'lucide-react';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';
import { t } from '../../strings';
import { cx, describeError, formatBytes, formatDuration, formatNumber, IconButton, Progress } from '../../ui';
import { FileUnreadable } from './checksums';
import { lastName, Name, visible } from './names';
import css from './objects.module.css';
import { canResume, clearEnded, getTasks, isActive, isEnded, pauseTask, resumeTask, stopTask, subscribe, type Task, type TaskKind } from './transfers';

const SHOWN = 100;
const icons: Record<TaskKind, LucideIcon> = { upload: ArrowUpFromLine, zip: FileArchive, copy: Copy, move: FolderInput, delete: Trash2, tag: Tags };
const inBytes = (task: Task) => task.kind === 'upload' || task.kind === 'zip';

export function stateText(task: Task): string {
  const bytes = inBytes(task);
  const total = task.total === undefined ? '' : formatBytes(task.total);
  switch (task.state) {
    case 'waiting':
      return t('objects.stateWaiting');
    case 'checking':
      return t('objects.stateChecking');
    case 'offline':
      return t('objects.stateOffline');
    case 'paused':
      return t('objects.statePaused', { done: formatBytes(task.done), total });
    case 'stopped':
      return !bytes && task.done > 0 ? t('objects.stateStoppedCount', { count: task.done }) : t('objects.stateStopped');
    case 'done':
      return bytes ? t('objects.stateDone', { total: total || formatBytes(task.done) }) : t('objects.stateDoneCount', { count: task.done });
    case 'failed': {
      const { error } = task;
      const why = error instanceof FileUnreadable ? t('objects.fileGone') : [describeError(error).title, describeError(error).advice].filter(Boolean).join(' ');
      return t('objects.stateFailed', { why: visible(why) });
    }
    case 'running': {
      if (!bytes) return task.total === undefined ? t('objects.stateCount', { count: task.done }) : t('objects.stateCountOf', { done: formatNumber(task.done), count: task.total });
      if (task.total === undefined) return t('objects.stateBytes', { done: formatBytes(task.done) });
      const done = formatBytes(task.done);
      if (task.speed < 1) return t('objects.stateRunning', { done, total });
      const speed = formatBytes(task.speed);
      const left = (task.total - task.done) / task.speed;
      return left >= 2 ? t('objects.stateRunningLeft', { done, total, speed, left: formatDuration(left) }) : t('objects.stateRunningSpeed', { done, total, speed });
    }
  }
}

function TaskRow({ task }: { task: Task }) {
  const Icon = task.state === 'done' ? CircleCheck : task.state === 'failed' ? CircleX : icons[task.kind];
  const name = visible(task.kind === 'upload' ? lastName(task.name) : task.name);
  const live = !isEnded(task);
  return (
    <li className={css.task}>
      <span className={css.taskName}>
        <Icon size={15} aria-hidden className={task.state === 'done' ? (css.taskDone ?? '') : ''} />
        <Name text={task.kind === 'upload' ? lastName(task.name) : task.name} />
      </span>
      <span className={css.taskButtons}>
        {task.canPause && isActive(task) && <IconButton size="sm" icon={Pause} label={`${t('objects.pause')}: ${name}`} onPress={() => pauseTask(task.id)} />}
        {canResume(task) && (
          <IconButton size="sm" icon={task.state === 'paused' ? Play : RotateCw} label={`${t(task.state === 'paused' ? 'objects.resume' : 'objects.retry')}: ${name}`} onPress={() => resumeTask(task.id)} />
        )}
        {live && <IconButton size="sm" icon={X} label={`${t('objects.stop')}: ${name}`} onPress={() => stopTask(task.id)} />}
      </span>
      {live && (
        <div className={css.taskBar}>
          <Progress
            label={name}
            hideLabel
            value={task.total === undefined || task.state === 'checking' ? undefined : task.done}
            max={Math.max(1, task.total ?? 1)}
            {...(task.state === 'offline' || task.state === 'paused' ? { tone: 'warning' as const } : {})}
          />
        </div>
      )}
      <span className={cx(css.taskState, task.state === 'failed' && css.taskFailed)}>
        {stateText(task)}
        {live && task.resumed > 0 && ` · ${t('objects.resumedNote', { done: formatBytes(task.resumed) })}`}
      </span>
    </li>
  );
}

/** What goes on first, then what failed, then the rest. */
function order(tasks: readonly Task[]): Task[] {
  const rank = (task: Task) => (task.state === 'failed' ? 1 : isEnded(task) ? 3 : task.state === 'waiting' ? 2 : 0);
  return [...tasks].sort((a, b) => rank(a) - rank(b) || a.id - b.id);
}

export function TransfersPanel() {
  const tasks = useSyncExternalStore(subscribe, getTasks);
  const [open, setOpen] = useState(true);
  const [said, setSaid] = useState('');
  const known = useRef(new Map<number, string>());
  useEffect(() => {
    for (const task of tasks) {
      const before = known.current.get(task.id);
      if (before !== undefined && before !== task.state && (task.state === 'done' || task.state === 'failed'))
        setSaid(t(task.state === 'done' ? 'objects.announceDone' : 'objects.announceFailed', { name: visible(lastName(task.name)) }));
      known.current.set(task.id, task.state);
    }
  }, [tasks]);
  if (tasks.length === 0) return null;
  const active = tasks.filter((task) => !isEnded(task));
  const failed = tasks.filter((task) => task.state === 'failed').length;
  const uploads = tasks.filter((task) => inBytes(task) && task.state !== 'stopped' && task.total !== undefined);
  const done = uploads.reduce((sum, task) => sum + task.done, 0);
  const total = uploads.reduce((sum, task) => sum + (task.total ?? 0), 0);
  const title = active.length > 0 ? t('objects.transfersActive', { count: active.length }) : t('objects.transfersDone');
  return (
    <section className={css.transfers} aria-label={t('objects.transfers')}>
      <div className={css.transfersHead}>
        <h2>
          {title}
          {failed > 0 && <span className={css.taskFailed}> · {t('objects.transfersFailed', { count: failed })}</span>}
        </h2>
        <IconButton size="sm" icon={open ? ChevronDown : ChevronUp} label={t(open ? 'objects.collapse' : 'objects.expand')} onPress={() => setOpen(!open)} />
        {tasks.some(isEnded) && <IconButton size="sm" icon={active.length === 0 ? X : ListX} label={t('objects.clearEnded')} onPress={clearEnded} />}
      </div>
      {active.length > 0 && uploads.length > 1 && (
        <div className={css.transfersAll}>
          <Progress label={title} hideLabel value={done} max={Math.max(1, total)} text={t('objects.stateRunning', { done: formatBytes(done), total: formatBytes(total) })} />
        </div>
      )}
      {open && (
        <ul className={css.transfersList}>
          {order(tasks).slice(0, SHOWN).map((task) => (
            <TaskRow key={task.id} task={task} />
          ))}
          {tasks.length > SHOWN && <li className={css.moreTasks}>{t('objects.showingTasks', { shown: SHOWN, total: tasks.length })}</li>}
        </ul>
      )}
      <span className="visually-hidden" role="status">
        {said}
      </span>
    </section>
  );
}

let mounted = false;

/** Once, before the first transfer. */
export function mountTransfers(): void {
  if (mounted) return;
  mounted = true;
  const host = document.createElement('div');
  host.dataset.reactAriaTopLayer = 'true';
  document.body.append(host);
  createRoot(host).render(<TransfersPanel />);
}
