// SPDX-License-Identifier: Apache-2.0
import { fireEvent, render, screen, within } from '@testing-library/react';
import { useState } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { hostile } from '../test/hostile';
import { scrollToRow, slotsFrom, Table, windowOf, type Slots, type Sort } from './Table';

type Row = { key: string };
const rowsOf = (n: number): Row[] => Array.from({ length: n }, (_, i) => ({ key: `row ${i}` }));
const columns = [{ id: 'key', header: 'Key', sortable: true, cell: (r: Row) => r.key }];

function Selecting({ rows, onOpen }: { rows: Row[]; onOpen?: (r: Row) => void }) {
  const [selected, setSelected] = useState<Set<string>>(new Set());
  return (
    <>
      <Table label="Rows" rows={rows} rowKey={(r) => r.key} columns={columns} selected={selected} onSelect={setSelected} {...(onOpen ? { onOpen } : {})} />
      <output>{[...selected].join(',')}</output>
    </>
  );
}
const body = () => screen.getAllByRole('rowgroup')[1] as HTMLElement;
const press = (key: string, more = {}) => fireEvent.keyDown(document.activeElement ?? body(), { key, ...more });

function Opened({ name }: { name: string }) {
  const [open, setOpen] = useState(false);
  return <button onClick={() => setOpen(true)}>{open ? `menu of ${name}` : name}</button>;
}

describe('a list that changes', () => {
  it('leaves what is open in a row with that row', () => {
    const table = (keys: string[]) => <Table label="Keys" rows={keys.map((key) => ({ key }))} rowKey={(r) => r.key} columns={[{ id: 'k', header: 'Key', cell: (r: Row) => <Opened name={r.key} /> }]} />;
    const { rerender } = render(table(['b', 'c']));
    fireEvent.click(screen.getByRole('button', { name: 'b' }));
    rerender(table(['a', 'b', 'c']));
    expect(screen.getAllByRole('button').map((b) => b.textContent)).toEqual(['a', 'menu of b', 'c']);
    rerender(table(['x', 'y']));
    expect(screen.getAllByRole('button').map((b) => b.textContent)).toEqual(['x', 'y']);
  });
});

describe('slotsFrom', () => {
  const list = {};
  const none = { list, of: new Map<string, number>(), next: 0 };
  const numbers = (s: Slots) => [...s.of.values()];
  it('keeps the numbers of rows that stay, and hands them on after a jump', () => {
    const first = slotsFrom(none, list, ['a', 'b', 'c']);
    expect(numbers(first)).toEqual([0, 1, 2]);
    const scrolled = slotsFrom(first, list, ['c', 'd', 'e']);
    expect(numbers(scrolled)).toEqual([2, 3, 4]);
    expect(numbers(slotsFrom(scrolled, list, ['x', 'y', 'z', 'zz']))).toEqual([2, 3, 4, 5]);
  });
  it('never gives a row what another one had when the list changes', () => {
    const first = slotsFrom(none, list, ['b', 'c']);
    expect(numbers(slotsFrom(first, {}, ['a', 'b', 'c']))).toEqual([2, 0, 1]);
    expect(numbers(slotsFrom(first, {}, ['c', 'b']))).toEqual([1, 0]);
    expect(numbers(slotsFrom(first, {}, ['x', 'y']))).toEqual([2, 3]);
  });
});

describe('windowOf', () => {
  it('draws what is in sight and a little more', () => {
    const w = windowOf(1000, 40, 4000, 400);
    expect(w.height).toBe(40_000);
    expect(w.first).toBe(96);
    expect(w.last).toBe(116);
    expect(w.shift).toBe(0);
  });
  it('reaches the last of a million rows, within what browsers can scroll', () => {
    const n = 1_000_000;
    const viewport = 600;
    const { height } = windowOf(n, 44, 0, viewport);
    expect(height).toBeLessThan(16_000_000);
    const end = windowOf(n, 44, height - viewport, viewport);
    expect(end.last).toBe(n);
    // The last row ends where the scrolled area ends.
    expect(n * 44 + end.shift).toBeCloseTo(height, 0);
  });
  it('never leaves a hole while a million rows scroll', () => {
    const n = 1_000_000;
    const { height } = windowOf(n, 44, 0, 600);
    for (let top = 0; top <= height - 600; top += 123_457) {
      const w = windowOf(n, 44, top, 600);
      expect(w.first * 44 + w.shift).toBeLessThanOrEqual(top);
      expect(w.last * 44 + w.shift).toBeGreaterThanOrEqual(top + 600);
    }
  });
  it('finds every row again', () => {
    for (const i of [0, 1, 499_999, 999_999]) {
      const top = scrollToRow(i, 1_000_000, 44, 5_000_000, 600);
      const w = windowOf(1_000_000, 44, top, 600);
      expect(i).toBeGreaterThanOrEqual(w.first);
      expect(i).toBeLessThan(w.last);
    }
  });
});

describe('Table', () => {
  it('keeps only the rows in sight in the document', () => {
    render(<Table label="Rows" rows={rowsOf(100_000)} rowKey={(r) => r.key} columns={columns} />);
    expect(screen.getAllByRole('row').length).toBeLessThan(60);
    expect(screen.getByRole('grid').getAttribute('aria-rowcount')).toBe('100001');
  });
  it('moves with the keys', () => {
    render(<Selecting rows={rowsOf(500)} />);
    (screen.getAllByRole('row')[1] as HTMLElement).focus();
    press('ArrowDown');
    expect(document.activeElement?.textContent).toContain('row 1');
    press('End');
    expect(screen.getByText('row 499')).toBeTruthy();
    press('Home');
    expect(document.activeElement?.textContent).toContain('row 0');
  });
  it('selects: one, a range, all, none', () => {
    render(<Selecting rows={rowsOf(5)} />);
    (screen.getAllByRole('row')[1] as HTMLElement).focus();
    press(' ');
    expect(screen.getByRole('status').textContent).toBe('row 0');
    press('ArrowDown', { shiftKey: true });
    press('ArrowDown', { shiftKey: true });
    expect(screen.getByRole('status').textContent).toBe('row 0,row 1,row 2');
    press('a', { ctrlKey: true });
    expect(screen.getByRole('status').textContent?.split(',')).toHaveLength(5);
    press('Escape');
    expect(screen.getByRole('status').textContent).toBe('');
    fireEvent.click(within(screen.getAllByRole('row')[3] as HTMLElement).getByRole('checkbox'));
    expect(screen.getByRole('status').textContent).toBe('row 2');
  });
  it('opens with Enter and a click, but not by a control in the row', () => {
    const onOpen = vi.fn();
    render(<Selecting rows={rowsOf(3)} onOpen={onOpen} />);
    (screen.getAllByRole('row')[1] as HTMLElement).focus();
    press('Enter');
    fireEvent.click(screen.getByText('row 1'));
    fireEvent.click(within(screen.getAllByRole('row')[1] as HTMLElement).getByRole('checkbox'));
    expect(onOpen).toHaveBeenCalledTimes(2);
  });
  it('asks for another order, and says which there is', () => {
    const onSort = vi.fn();
    const sort: Sort = { column: 'key', descending: false };
    render(<Table label="Rows" rows={rowsOf(2)} rowKey={(r) => r.key} columns={columns} sort={sort} onSort={onSort} />);
    expect(screen.getByRole('columnheader').getAttribute('aria-sort')).toBe('ascending');
    fireEvent.click(screen.getByRole('button', { name: 'Key' }));
    expect(onSort).toHaveBeenCalledWith({ column: 'key', descending: true });
  });
  it('asks for more near the end', () => {
    const onNearEnd = vi.fn();
    render(<Table label="Rows" rows={rowsOf(50)} rowKey={(r) => r.key} columns={columns} onNearEnd={onNearEnd} />);
    expect(onNearEnd).toHaveBeenCalled();
  });
  it('shows hostile names as text', () => {
    const rows = hostile.map((key) => ({ key }));
    const { container } = render(<Selecting rows={rows} />);
    expect(container.querySelector('script,img,svg[onload]')).toBeNull();
    expect(screen.getByText(hostile[0])).toBeTruthy();
    expect(screen.getByRole('checkbox', { name: `Select ${hostile[1]}` })).toBeTruthy();
  });
});
