// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, it, vi } from 'vitest';
import * as s3 from '../../api/s3';
import { renderPage } from '../../test/render';
import { COUNTED_MAX, deleteItems, type Item } from './actions';
import type * as actions from './actions';
import { Delete, UNTYPED_MAX } from './dialogs';
import type { Rights } from './rights';

vi.mock('../../api/s3', async (original) => ({ ...(await original<typeof s3>()), listObjectsV2: vi.fn(), listObjectVersions: vi.fn() }));
vi.mock('./actions', async (original) => ({ ...(await original<typeof actions>()), deleteItems: vi.fn(() => Promise.resolve(true)) }));

const files = (n: number, more: Partial<Item> = {}): Item[] => Array.from({ length: n }, (_, i) => ({ key: `k${i}`, folder: false, size: 1, ...more }));
const folder = (key: string): Item => ({ key, folder: true, size: 0 });
const PAGE = Array.from({ length: 1000 }, (_, i) => ({ key: `f/${i}`, size: 1, versionId: `${i}` }));
let below = 0;

beforeEach(() => {
  vi.mocked(deleteItems).mockClear();
  const pages = (from: unknown) => {
    const at = Number(from ?? 0);
    return { of: PAGE.slice(0, Math.max(0, Math.min(1000, below - at))), next: at + 1000 < below ? at + 1000 : undefined };
  };
  vi.mocked(s3.listObjectsV2).mockReset().mockImplementation((_c, _b, o) => {
    const { of, next } = pages(o?.token);
    return Promise.resolve({ objects: of, prefixes: [], ...(next && { next: String(next) }) } as never);
  });
  vi.mocked(s3.listObjectVersions).mockReset().mockImplementation((_c, _b, o) => {
    const { of, next } = pages(o?.marker?.keyMarker);
    return Promise.resolve({ versions: of, prefixes: [], ...(next && { next: { keyMarker: String(next) } }) } as never);
  });
});

const open = (items: Item[], versioned = false) =>
  renderPage(<Delete bucket="b" base="" items={items} versioned={versioned} locked={false} rights={{ delete: true, deleteVersion: true, listVersions: true } as Rights} onClose={() => undefined} onDeleted={() => undefined} />);
const button = () => screen.getByRole<HTMLButtonElement>('button', { name: 'Delete' });
const type = async (text: string) => {
  const user = userEvent.setup();
  await user.clear(await screen.findByRole('textbox'));
  await user.type(screen.getByRole('textbox'), text);
};

it('of very many objects, which nothing brings back, the number has to be typed', async () => {
  open(files(UNTYPED_MAX + 1));
  expect(button().disabled).toBe(true);
  await type('1000');
  expect(button().disabled).toBe(true);
  await type('1001');
  await userEvent.click(button());
  expect(deleteItems).toHaveBeenCalledOnce();
});

it.each([
  ['not so many', files(UNTYPED_MAX), false],
  ['behind delete markers', files(UNTYPED_MAX + 1), true],
  ['folders, behind delete markers', [folder('f/'), folder('g/')], true],
])('a plain question: %s', async (_what, items, versioned) => {
  below = 5000;
  open(items, versioned);
  await waitFor(() => expect(button().disabled).toBe(false));
  expect(screen.queryByRole('textbox')).toBeNull();
  expect(s3.listObjectsV2).not.toHaveBeenCalled();
});

it('versions that are gone for good count, however many versions are kept', async () => {
  open(files(UNTYPED_MAX + 1, { versionId: 'v' }), true);
  await type('1001');
  expect(button().disabled).toBe(false);
});

it('a folder counts with all that is in it; what is not counted yet is not deleted', async () => {
  below = 2500;
  open([folder('f/'), ...files(2)]);
  expect(button().disabled).toBe(true);
  await screen.findByText('In all, 2,502 objects are deleted.');
  await type('2502');
  expect(button().disabled).toBe(false);
});

it('a folder with few wants its name, one without end the number that was counted to', async () => {
  below = 3;
  const few = open([folder('few/')]);
  await screen.findByText('In all, 3 objects are deleted.');
  await type('few');
  expect(button().disabled).toBe(false);
  few.unmount();
  below = 10 * COUNTED_MAX;
  open([folder('all/')]);
  await screen.findByText('In all, more than 100,000 are deleted.');
  expect(vi.mocked(s3.listObjectsV2).mock.calls.length).toBeLessThan(110);
  await type('all');
  expect(button().disabled).toBe(true);
  await type('100000');
  expect(button().disabled).toBe(false);
});

it('all versions of a folder: they are what is counted', async () => {
  below = 1200;
  open([folder('f/'), folder('g/')], true);
  expect(button().disabled).toBe(false);
  await userEvent.click(screen.getByRole('checkbox'));
  await screen.findByText('In all, 2,400 versions are deleted.');
  await type('2400');
  expect(button().disabled).toBe(false);
});

it('what cannot be counted is not deleted, and can be counted again', async () => {
  below = 3;
  vi.mocked(s3.listObjectsV2).mockRejectedValueOnce(new Error('No reply.'));
  open([folder('few/')]);
  await screen.findByRole('alert');
  expect(button().disabled).toBe(true);
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  await screen.findByText('In all, 3 objects are deleted.');
});
