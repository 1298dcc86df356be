// SPDX-License-Identifier: Apache-2.0
import { act, fireEvent, render, screen } from '@testing-library/react';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../api/http';
import { hostile } from '../test/hostile';
import { axisOf, Chart, pathOf } from './Chart';
import { describeError } from './errors';
import { CodeBlock, PageHeader } from './Layout';
import { Badge, EmptyState, ErrorState, Progress } from './States';
import { toast, ToastRegion } from './Toast';

describe('describeError', () => {
  it.each([
    [new ApiError('AccessDenied', 'Access Denied.', 403, 'R1'), 'denied'],
    [new ApiError('Whatever', 'No.', 403, 'R1'), 'denied'],
    [new ApiError('NoSuchBucket', 'None.', 404, ''), 'missing'],
    [new ApiError('NetworkError', '', 0, ''), 'unreachable'],
    [new TypeError('Failed to fetch'), 'unreachable'],
    [new ApiError('SlowDown', 'Slow down.', 503, ''), 'busy'],
    [new ApiError('InternalError', 'Oops.', 500, ''), 'other'],
    ['a text', 'other'],
    [undefined, 'other'],
    [{ code: 7, message: {} }, 'other'],
  ])('%s', (error, kind) => {
    const e = describeError(error);
    expect(e.kind).toBe(kind);
    expect(e.title).not.toBe('');
  });
  it('keeps the request id, and what the server said', () => {
    render(<ErrorState error={new ApiError('AccessDenied', hostile[0], 403, 'ABCD')} />);
    const alert = screen.getByRole('alert');
    expect(alert.textContent).toContain('ABCD');
    expect(alert.textContent).toContain(hostile[0]);
    expect(alert.querySelector('img')).toBeNull();
  });
});

describe('Chart', () => {
  it('has round axes', () => {
    expect(axisOf(0)).toEqual({ top: 1, step: 0.5 });
    expect(axisOf(97)).toEqual({ top: 100, step: 50 });
    expect(axisOf(3)).toEqual({ top: 3, step: 1 });
    const { top, step } = axisOf(5000, true);
    expect(step % 1024).toBe(0);
    expect(top).toBeGreaterThanOrEqual(5000);
    for (const max of [0.003, 1, 7.5, 1e3, 123456, 9e15]) expect(axisOf(max).top).toBeGreaterThanOrEqual(max);
  });
  it('leaves a gap where nothing is known', () => {
    const path = pathOf([1, 2, null, 3, 4], (i) => i, (v) => v);
    expect(path.match(/M/g)).toHaveLength(2);
    expect(pathOf([null, 5, null], (i) => i, (v) => v)).toContain('M');
    expect(pathOf([1, 2, null, 3], (i) => i, (v) => v, 9).match(/Z/g)).toHaveLength(2);
    expect(pathOf([null, null], (i) => i, (v) => v)).toBe('');
  });
  it('can be read by keys, and as a table', () => {
    render(<Chart label="Requests" times={[0, 60_000, 120_000]} series={[{ label: hostile[1], values: [1, null, 3] }]} />);
    const image = screen.getByRole('img');
    fireEvent.keyDown(image, { key: 'End' });
    expect(document.querySelector('[aria-live]')?.textContent).toContain(`${hostile[1]} 3`);
    fireEvent.click(screen.getByRole('button', { name: 'Table' }));
    expect(screen.getAllByRole('row')).toHaveLength(4);
    expect(document.querySelector('script')).toBeNull();
  });
  it('says when there is nothing yet', () => {
    render(<Chart label="Requests" times={[]} series={[{ label: 'a', values: [] }]} />);
    expect(screen.getByText('No data for this time yet')).toBeTruthy();
  });
});

describe('toast', () => {
  beforeEach(() => act(() => toast.clear()));
  it('goes away by itself, but errors stay', () => {
    vi.useFakeTimers();
    render(<ToastRegion />);
    act(() => {
      toast.success('Saved');
      toast.error(new ApiError('AccessDenied', hostile[2], 403, 'R'));
    });
    expect(screen.getByText('Saved')).toBeTruthy();
    expect(screen.getByRole('alert').textContent).toContain(hostile[2]);
    act(() => void vi.advanceTimersByTime(6000));
    expect(screen.queryByText('Saved')).toBeNull();
    expect(screen.getByRole('alert')).toBeTruthy();
    vi.useRealTimers();
  });
  it('keeps a few', () => {
    render(<ToastRegion />);
    act(() => {
      for (let i = 0; i < 20; i++) toast.info(`message ${i}`);
    });
    expect(screen.getAllByRole('status').length).toBeLessThanOrEqual(4);
  });
});

it('small parts show hostile text as text', () => {
  const { container } = render(
    <>
      {hostile.map((name) => (
        <div key={name}>
          <PageHeader title={name} description={name} crumbs={[{ label: name, href: '/' }, { label: name }]} />
          <EmptyState title={name}>{name}</EmptyState>
          <Badge>{name}</Badge>
          <CodeBlock label={name} code={name} />
          <Progress label={name} value={1} max={2} text={name} />
        </div>
      ))}
    </>,
  );
  expect(container.querySelector('script,img,svg[onload],a[href^="javascript"]')).toBeNull();
});
