// SPDX-License-Identifier: Apache-2.0
// A table of any length: only the rows in sight are in the document. It is an ARIA grid of rows: arrows, Home, End and the page keys
// move, Space selects (with Shift a range, Ctrl+A all), Enter opens. All rows have one height. Browsers cannot make elements
// taller than some 16 million pixels, so a longer list's scroll position stands for a place in it.
//
// Scrolling is what it must do fast. Rows lie in the flow of one block that is moved as a whole, and are drawn again only when
// they themselves change; what happens to them is heard on the block; their checkboxes are the browser's own. A jump to where no
// row of before is in sight changes the texts of the rows that are there, which costs a third of making others.
import { ArrowDown, ArrowUp } from 'lucide-react';
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type ChangeEvent, type FocusEvent, type KeyboardEvent, type MouseEvent, type ReactNode } from 'react';
import { t } from '../strings';
import { cx } from './cx';
import css from './Table.module.css';

export type Column<T> = {
  id: string;
  header: string;
  cell: (row: T, index: number) => ReactNode;
  /** A grid track: '1fr', '8rem', 'minmax(8rem, 2fr)'. */
  width?: string;
  align?: 'end';
  sortable?: boolean;
  hideHeader?: boolean;
  /** Left out when the table is narrower than so many pixels. */
  minTable?: number;
  /** For buttons and menus: not cut off at the cell's edge. */
  overflow?: boolean;
};

export type Sort = { column: string; descending: boolean };

export type TableProps<T> = {
  label: string;
  columns: Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  /** Names a row for assistive technology where there is a checkbox. */
  rowLabel?: (row: T) => string;
  rowHeight?: number;
  /** A CSS length; the table grows with its rows up to it. */
  maxHeight?: string;
  selected?: ReadonlySet<string>;
  onSelect?: (keys: Set<string>) => void;
  onOpen?: (row: T) => void;
  sort?: Sort | null;
  onSort?: (sort: Sort) => void;
  /** Called when the end comes near: load the next page. */
  onNearEnd?: () => void;
  /** Shown instead of rows when there are none. */
  empty?: ReactNode;
  /** A line below the last row. */
  footer?: ReactNode;
  /** Without frame, to stand in a Card with flush. */
  bare?: boolean;
  /** Keys that the table does not know (Delete, F2...), with the row that has the focus. */
  onRowKey?: (event: KeyboardEvent, row: T) => void;
};

const TALLEST_PX = 12_000_000;
const OVERSCAN = 4;
/** Rows come and go by so many at once. */
const STEP = 4;
const floorTo = (n: number) => Math.floor(n / STEP) * STEP;
const NEAR_END_ROWS = 60;
const HEAD_PX = 36;
const INTERACTIVE = 'a,button,input,select,textarea,label,[role="button"],[role="menuitem"],[role="checkbox"]';

/** Which rows to draw for a scroll position, and where. */
export function windowOf(count: number, rowHeight: number, scrollTop: number, viewport: number) {
  const total = count * rowHeight;
  const height = Math.min(total, TALLEST_PX);
  const range = height - viewport;
  const at = total <= TALLEST_PX || range <= 0 ? scrollTop : (Math.min(scrollTop, range) / range) * (total - viewport);
  const first = Math.max(0, floorTo(Math.floor(at / rowHeight) - OVERSCAN));
  const last = Math.min(count, floorTo(Math.ceil((at + viewport) / rowHeight) + OVERSCAN + STEP - 1));
  return { height, first, last, shift: scrollTop - at };
}

type Window = ReturnType<typeof windowOf>;

/** Numbers of rows in sight, which React knows them by. `list`: what they were rows of. */
export type Slots = { list: unknown; of: ReadonlyMap<string, number>; next: number };

/**
 * Rows that stay in sight keep their numbers, so nothing of a row, such as its open menu, becomes another's when the list changes.
 * Only after a jump in the same list, where no row stays, the new rows take over the numbers of the old.
 */
export function slotsFrom(before: Slots, list: unknown, keys: readonly string[]): Slots {
  const jumped = before.list === list && !keys.some((key) => before.of.has(key));
  const free = jumped ? [...before.of.values()] : [];
  let next = before.next;
  return { list, of: new Map(keys.map((key, i) => [key, before.of.get(key) ?? free[i] ?? next++])), next };
}
const sameWindow = (a: Window, b: Window) => a.first === b.first && a.last === b.last && a.shift === b.shift;

/** The scroll position at which a row is in sight, as near to the present one as it can be. */
export function scrollToRow(index: number, count: number, rowHeight: number, scrollTop: number, viewport: number): number {
  const total = count * rowHeight;
  const height = Math.min(total, TALLEST_PX);
  const scale = total <= TALLEST_PX || height <= viewport ? 1 : (total - viewport) / (height - viewport);
  const at = scrollTop * scale;
  const top = index * rowHeight;
  const target = top < at ? top : top + rowHeight > at + viewport ? top + rowHeight - viewport : at;
  return Math.max(0, target / scale);
}

function Tick({ label, isSelected, isIndeterminate, onChange }: { label: string; isSelected: boolean; isIndeterminate?: boolean; onChange?: () => void }) {
  return (
    <label className={css.tick}>
      <input
        type="checkbox"
        aria-label={label}
        checked={isSelected}
        {...(isIndeterminate === undefined
          ? {}
          : {
              ref: (el: HTMLInputElement | null) => {
                if (el) el.indeterminate = isIndeterminate;
              },
            })}
        onChange={onChange ?? ignore}
      />
    </label>
  );
}
/** Of a row: heard on the block of all rows. */
const ignore = () => {};

type RowProps<T> = {
  row: T;
  index: number;
  columns: Column<T>[];
  template: string;
  height: number;
  /** Undefined where nothing can be selected. */
  isSelected: boolean | undefined;
  /** The one that the Tab key reaches. */
  isCurrent: boolean;
  isClickable: boolean;
  label: string;
};

function RowOf<T>({ row, index, columns, template, height, isSelected, isCurrent, isClickable, label }: RowProps<T>) {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      {...(isSelected === undefined ? {} : { 'aria-selected': isSelected })}
      data-index={index}
      tabIndex={isCurrent ? 0 : -1}
      className={cx(css.row, isClickable && css.clickable)}
      style={{ gridTemplateColumns: template, height }}
    >
      {isSelected !== undefined && (
        <div role="gridcell">
          <Tick label={label} isSelected={isSelected} />
        </div>
      )}
      {columns.map((c) => (
        <div key={c.id} role="gridcell" className={cx(css.cell, c.align === 'end' && css.end, c.overflow && css.visible)}>
          {c.cell(row, index)}
        </div>
      ))}
    </div>
  );
}
const MemoRow = memo(RowOf) as typeof RowOf;

/** The row that an event came from; -1: none. */
function indexOf(target: EventTarget): number {
  const row = (target as HTMLElement).closest<HTMLElement>('[data-index]');
  return row ? Number(row.dataset['index']) : -1;
}

export function Table<T>(p: TableProps<T>) {
  const { rows, rowKey, rowHeight = 44, columns, onNearEnd, selected, onSelect } = p;
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600, width: 1200 });
  const [focused, setFocused] = useState(0);
  const anchor = useRef(0);
  const wantFocus = useRef(false);

  useLayoutEffect(() => {
    const el = scroller;
    if (!el) return;
    const measure = () => setView((v) => ({ ...v, height: el.clientHeight || v.height, width: el.clientWidth || v.width }));
    measure();
    if (typeof ResizeObserver === 'undefined') return;
    const observer = new ResizeObserver(measure);
    observer.observe(el);
    return () => observer.disconnect();
  }, [scroller]);

  const shown = useMemo(() => columns.filter((c) => c.minTable === undefined || view.width >= c.minTable), [columns, view.width]);
  const template = [onSelect ? '1.25rem' : '', ...shown.map((c) => c.width ?? 'minmax(0, 1fr)')].filter(Boolean).join(' ');
  const w = windowOf(rows.length, rowHeight, view.top, view.height);
  const drawn = rows.slice(w.first, w.last);
  const slots = useRef<Slots>({ list: rows, of: new Map(), next: 0 });
  slots.current = slotsFrom(slots.current, rows, drawn.map(rowKey));
  const current = Math.min(focused, Math.max(0, rows.length - 1));

  useEffect(() => {
    if (onNearEnd && rows.length > 0 && w.last >= rows.length - NEAR_END_ROWS) onNearEnd();
  }, [w.last, rows.length, onNearEnd]);

  useLayoutEffect(() => {
    if (!wantFocus.current) return;
    const row = frame.current?.querySelector<HTMLElement>(`[data-index="${current}"]`);
    if (row) {
      wantFocus.current = false;
      row.focus({ preventScroll: true });
    }
  });

  const goTo = useCallback(
    (index: number) => {
      const el = scroller;
      const i = Math.max(0, Math.min(rows.length - 1, index));
      wantFocus.current = true;
      setFocused(i);
      if (!el) return;
      el.scrollTop = scrollToRow(i, rows.length, rowHeight, el.scrollTop, Math.max(rowHeight, el.clientHeight - HEAD_PX));
      setView((v) => ({ ...v, top: el.scrollTop }));
    },
    [rows.length, rowHeight, scroller],
  );

  const select = (index: number, how: 'toggle' | 'range' | 'only') => {
    if (!onSelect) return;
    const row = rows[index];
    if (row === undefined) return;
    let next = new Set(how === 'only' ? [] : selected);
    if (how === 'range') {
      next = new Set(selected);
      const [from, to] = [Math.min(anchor.current, index), Math.max(anchor.current, index)];
      for (let i = from; i <= to; i++) next.add(rowKey(rows[i] as T));
    } else {
      const key = rowKey(row);
      if (how === 'toggle' && next.has(key)) next.delete(key);
      else next.add(key);
      anchor.current = index;
    }
    onSelect(next);
  };

  const onKeyDown = (e: KeyboardEvent) => {
    if (e.target !== e.currentTarget && (e.target as HTMLElement).closest(INTERACTIVE)) return;
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 2);
    const moves: Record<string, number> = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: rows.length - 1, PageDown: current + page, PageUp: current - page };
    const to = moves[e.key];
    const row = rows[current];
    if (to !== undefined && !e.altKey) {
      e.preventDefault();
      const index = Math.max(0, Math.min(rows.length - 1, to));
      goTo(index);
      if (e.shiftKey && onSelect) select(index, 'range');
    } else if (e.key === ' ' && onSelect) {
      e.preventDefault();
      select(current, e.shiftKey ? 'range' : 'toggle');
    } else if (e.key === 'Enter' && row !== undefined && p.onOpen) {
      e.preventDefault();
      p.onOpen(row);
    } else if (e.key === 'a' && (e.ctrlKey || e.metaKey) && onSelect) {
      e.preventDefault();
      onSelect(new Set(rows.map(rowKey)));
    } else if (e.key === 'Escape' && onSelect && selected && selected.size > 0) {
      onSelect(new Set());
    } else if (row !== undefined) {
      p.onRowKey?.(e, row);
    }
  };

  const onRowClick = (e: MouseEvent) => {
    const index = indexOf(e.target);
    if (index < 0 || (e.target as HTMLElement).closest(INTERACTIVE)) return;
    setFocused(index);
    if (onSelect && (e.ctrlKey || e.metaKey)) return select(index, 'toggle');
    if (onSelect && e.shiftKey) return select(index, 'range');
    if (window.getSelection()?.toString()) return;
    const row = rows[index];
    if (row === undefined) return;
    if (p.onOpen) p.onOpen(row);
    else if (onSelect) select(index, 'toggle');
  };

  const onTick = (e: ChangeEvent<HTMLElement>) => {
    const index = indexOf(e.target);
    if (index >= 0 && (e.target as HTMLInputElement).parentElement?.className === css.tick) select(index, 'toggle');
  };
  const onRowFocus = (e: FocusEvent) => {
    const index = indexOf(e.target);
    if (index >= 0) setFocused(index);
  };

  const all = Boolean(selected && rows.length > 0 && selected.size >= rows.length);
  if (rows.length === 0 && p.empty) return <div className={cx(css.frame, p.bare && css.bare)}>{p.empty}</div>;
  return (
    <div ref={frame} className={cx(css.frame, p.bare && css.bare)}>
      <div
        ref={setScroller}
        className={css.scroller}
        style={{ maxHeight: p.maxHeight ?? '70vh' }}
        onScroll={(e) => {
          const top = e.currentTarget.scrollTop;
          setView((v) => (sameWindow(windowOf(rows.length, rowHeight, v.top, v.height), windowOf(rows.length, rowHeight, top, v.height)) ? v : { ...v, top }));
        }}
      >
        <div role="grid" aria-label={p.label} aria-rowcount={rows.length + 1} aria-colcount={shown.length + (onSelect ? 1 : 0)} {...(onSelect ? { 'aria-multiselectable': true } : {})}>
          <div role="rowgroup">
            <div role="row" aria-rowindex={1} className={css.head} style={{ gridTemplateColumns: template }}>
              {onSelect && (
                <div role="columnheader">
                  <Tick
                    label={t('ui.selectAll')}
                    isSelected={all}
                    isIndeterminate={!all && Boolean(selected?.size)}
                    onChange={() => onSelect(all ? new Set() : new Set(rows.map(rowKey)))}
                  />
                </div>
              )}
              {shown.map((c) => {
                const on = p.sort?.column === c.id;
                const sortLabel = on ? (p.sort?.descending ? 'descending' : 'ascending') : 'none';
                return (
                  <div key={c.id} role="columnheader" className={cx(css.cell, c.align === 'end' && css.end)} {...(c.sortable && p.onSort ? { 'aria-sort': sortLabel } : {})}>
                    {c.sortable && p.onSort ? (
                      <button type="button" className={css.sort} onClick={() => p.onSort?.({ column: c.id, descending: on ? !p.sort?.descending : false })}>
                        {c.header}
                        {on && (p.sort?.descending ? <ArrowDown size={12} aria-hidden /> : <ArrowUp size={12} aria-hidden />)}
                      </button>
                    ) : (
                      <span className={c.hideHeader ? 'visually-hidden' : undefined}>{c.header}</span>
                    )}
                  </div>
                );
              })}
            </div>
          </div>
          <div role="rowgroup" className={css.body} style={{ height: w.height }} onKeyDown={onKeyDown} onClick={onRowClick} onFocus={onRowFocus} onChange={onTick}>
            <div role="presentation" className={css.rows} style={{ transform: `translateY(${w.first * rowHeight + w.shift}px)` }}>
              {drawn.map((row, i) => {
                const index = w.first + i;
                const key = rowKey(row);
                return (
                  <MemoRow
                    key={slots.current.of.get(key)}
                    row={row}
                    index={index}
                    columns={shown}
                    template={template}
                    height={rowHeight}
                    isSelected={onSelect ? (selected?.has(key) ?? false) : undefined}
                    isCurrent={index === current}
                    isClickable={Boolean(p.onOpen)}
                    label={onSelect ? t('ui.selectRow', { name: p.rowLabel?.(row) ?? key }) : ''}
                  />
                );
              })}
            </div>
          </div>
        </div>
      </div>
      {p.footer && <div className={css.more}>{p.footer}</div>}
    </div>
  );
}
