// SPDX-License-Identifier: Apache-2.0
import { fireEvent, render, screen } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';
import type { Acl } from '../../api/s3';
import { hostile } from '../../test/hostile';
import { cannedName, cannedOf, EVERYONE, fromCanned, isCanonicalId, isEqual, isPublic, toGrants, toRows, type Kind } from './grants';
import { Grants } from './Grants';

const owner = { id: 'a'.repeat(64), displayName: 'root' };
const list = (...grants: Acl['grants']): Acl => ({ owner, grants });
const full = { type: 'CanonicalUser' as const, grantee: owner.id, permission: 'FULL_CONTROL' };

describe('grants as rows', () => {
  it('has rows of the owner and the groups, whoever the list names', () => {
    expect(toRows(list(), 'bucket').map((r) => r.has.length)).toEqual([0, 0, 0, 0]);
    expect(toRows(list(full), 'object')).toHaveLength(3);
    const other = { type: 'CanonicalUser' as const, grantee: 'b'.repeat(64), permission: 'READ' };
    expect(toRows(list(full, other, { ...other, permission: 'WRITE_ACP' }), 'bucket')[4]?.has).toEqual(['READ', 'WRITE_ACP']);
  });
  it('writes all permissions of a row as one', () => {
    const single = ['READ', 'WRITE', 'READ_ACP', 'WRITE_ACP'].map((permission) => ({ ...full, permission }));
    expect(toGrants(toRows(list(...single), 'bucket'), 'bucket')).toEqual([full]);
    expect(isEqual(toRows(list(...single), 'bucket'), toRows(list(full), 'bucket'), 'bucket')).toBe(true);
  });
  it.each<[Kind]>([['bucket'], ['object']])('knows the ready-made lists of a %s', (kind) => {
    for (const c of cannedOf(kind)) expect(cannedName(toRows({ owner, grants: toGrants(fromCanned(c, owner, kind), kind) }, kind), owner, kind)).toBe(c);
    expect(cannedName(toRows(list(), kind), owner, kind)).toBeNull();
  });
  it('says what is public', () => {
    expect(isPublic(toRows(list(full), 'bucket'))).toBe(false);
    expect(isPublic(toRows(list({ type: 'Group', grantee: EVERYONE, permission: 'READ_ACP' }), 'bucket'))).toBe(true);
    expect(isPublic(fromCanned('log-delivery-write', owner, 'bucket'))).toBe(false);
  });
  it('takes canonical ids only', () => {
    expect(['', 'x', 'A'.repeat(64), 'a'.repeat(63), owner.id].map(isCanonicalId)).toEqual([false, false, false, false, true]);
  });
  it.each(hostile.map((h) => [h]))('shows %j as text', (name) => {
    const { container } = render(<Grants kind="bucket" owner={owner} rows={toRows(list(full, { type: 'CanonicalUser', grantee: name, displayName: name, permission: 'READ' }), 'bucket')} />);
    expect(container.querySelector('img,script,svg[onload]')).toBeNull();
    expect(screen.getAllByRole('rowheader')).toHaveLength(2);
    expect(container.textContent).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
  });
  it('adds an account with the Enter key, and does not send the form around it', () => {
    const send = vi.fn((e: React.FormEvent) => e.preventDefault());
    const change = vi.fn();
    render(
      <form onSubmit={send}>
        <Grants kind="bucket" owner={owner} rows={toRows(list(full), 'bucket')} onChange={change} />
        <button type="submit">Save</button>
      </form>,
    );
    const field = screen.getByRole('textbox');
    fireEvent.change(field, { target: { value: 'b'.repeat(64) } });
    expect(fireEvent.keyDown(field, { key: 'Enter' })).toBe(false);
    expect(change).toHaveBeenCalledWith(expect.arrayContaining([{ type: 'CanonicalUser', grantee: 'b'.repeat(64), has: ['READ'] }]));
    expect(send).not.toHaveBeenCalled();
  });
});
