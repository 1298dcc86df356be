// SPDX-License-Identifier: Apache-2.0
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { hostile } from '../test/hostile';
import { ConfirmDialog, Dialog } from './Dialog';

const confirm = (props: Partial<Parameters<typeof ConfirmDialog>[0]> = {}) => {
  const onConfirm = vi.fn(() => Promise.resolve());
  const onClose = vi.fn();
  render(
    <ConfirmDialog isOpen onClose={onClose} title="Delete it?" confirmLabel="Delete" typed="bucket" danger onConfirm={onConfirm} {...props}>
      Gone for good.
    </ConfirmDialog>,
  );
  return { onConfirm, onClose };
};

describe('ConfirmDialog', () => {
  it('wants the name typed exactly', async () => {
    const user = userEvent.setup();
    const { onConfirm, onClose } = confirm();
    const button = screen.getByRole('button', { name: 'Delete' });
    expect(button).toHaveProperty('disabled', true);
    await user.type(screen.getByRole('textbox'), 'Bucket');
    expect(button).toHaveProperty('disabled', true);
    await user.clear(screen.getByRole('textbox'));
    await user.type(screen.getByRole('textbox'), 'bucket');
    await user.click(button);
    expect(onConfirm).toHaveBeenCalledOnce();
    await waitFor(() => expect(onClose).toHaveBeenCalled());
  });
  it('stays open and says what failed', async () => {
    const user = userEvent.setup();
    const onConfirm = vi.fn(() => Promise.reject(Object.assign(new Error('The bucket is not empty.'), { code: 'BucketNotEmpty', status: 409, requestId: 'ABC' })));
    const { onClose } = confirm({ typed: undefined as never, onConfirm });
    await user.click(screen.getByRole('button', { name: 'Delete' }));
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('The bucket is not empty.');
    expect(alert.textContent).toContain('ABC');
    expect(onClose).not.toHaveBeenCalled();
  });
  it('is an alertdialog with its title as name', () => {
    confirm();
    expect(screen.getByRole('alertdialog', { name: 'Delete it?' })).toBeTruthy();
  });
});

describe('Dialog', () => {
  it('closes by Escape, unless an answer is needed', async () => {
    const user = userEvent.setup();
    const onClose = vi.fn();
    const { rerender } = render(
      <Dialog isOpen isModal onClose={onClose} title="Title">
        <input aria-label="field" />
      </Dialog>,
    );
    await user.click(screen.getByLabelText('field'));
    await user.keyboard('{Escape}');
    expect(onClose).not.toHaveBeenCalled();
    rerender(
      <Dialog isOpen onClose={onClose} title="Title">
        <input aria-label="field" />
      </Dialog>,
    );
    await user.keyboard('{Escape}');
    expect(onClose).toHaveBeenCalled();
  });
  it('shows hostile titles as text', () => {
    render(
      <Dialog isOpen onClose={() => {}} title={hostile[0]}>
        {hostile.join('\n')}
      </Dialog>,
    );
    expect(screen.getByRole('dialog', { name: hostile[0] })).toBeTruthy();
    expect(document.querySelector('script,img,svg[onload]')).toBeNull();
  });
});
