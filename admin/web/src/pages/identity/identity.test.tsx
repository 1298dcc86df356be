// SPDX-License-Identifier: Apache-2.0
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import type { SimulationResult } from '../../api/iam';
import { ACTIONS, readDocument } from '../../policy';
import { hostile } from '../../test/hostile';
import { endOf } from '../profile/KeyDialogs';
import { byLevel, covers, setAction, setActions, setService } from './choose';
import { inTurn, isOld, isUnused } from './keyRows';
import { Choices, Chip, RemoveDialog, TagsCard } from './parts';
import { found, nameFits, namedIn, pathFits, place } from './places';
import { Sentences } from './PolicyEditor';
import { cut, sourceInWords, statementInWords, why } from './verdict';

/** Rendering takes its time on a busy machine. */
const SLOW_MS = 30_000;

test('ticking an action', () => {
  expect(setAction([], 's3:GetObject', true)).toEqual(['s3:GetObject']);
  expect(setAction(['s3:*'], 's3:GetObject', true)).toEqual(['s3:*']);
  const without = setAction(['s3:*', 'iam:GetUser'], 's3:DeleteObject', false);
  expect(covers(without, 's3:DeleteObject')).toBe(false);
  expect(covers(without, 's3:GetObject')).toBe(true);
  expect(without).toContain('iam:GetUser');
  expect(setAction(['S3:getobject'], 's3:GetObject', false)).toEqual([]);
});

test('ticking many', () => {
  const all = ACTIONS.filter((a) => a.service === 's3').map((a) => a.name);
  expect(setActions(['s3:*'], all, false)).toEqual([]);
  expect(setService(['s3:GetObject', 'iam:GetUser'], 's3', true)).toEqual(['iam:GetUser', 's3:*']);
  expect(setService(['s3:*', 'iam:GetUser'], 's3', false)).toEqual(['iam:GetUser']);
  expect(covers(setService(['*'], 's3', false), 'iam:GetUser')).toBe(true);
  expect(covers(setService(['*'], 's3', false), 's3:GetObject')).toBe(false);
  expect(byLevel('s3', 'tagg').map((g) => g.level)).toContain('tagging');
});

test('addresses', () => {
  expect(place('users', 'alice')).toBe('/identity/users/alice');
  expect(place('users', '..')).toBe('/identity/users?name=..');
  expect(place('policies', 'a=b', { arn: 'x:y' })).toBe('/identity/policies/a%3Db?arn=x%3Ay');
  expect(namedIn({}, 'name=..')).toBe('..');
  expect(namedIn({ name: 'bob' }, '')).toBe('bob');
  for (const name of hostile) if (name !== '\uD800') expect(place('users', name)).not.toMatch(/[<>"\n]/);
});

test('names and paths', () => {
  expect(nameFits('a+b=c,d.e@f-g_h', 'users')).toBe(true);
  expect(nameFits('x'.repeat(65), 'users')).toBe(false);
  for (const name of hostile) if (!['__proto__', 'constructor'].includes(name)) expect(nameFits(name, 'users')).toBe(false);
  expect(pathFits('/a/')).toBe(true);
  expect(pathFits('a')).toBe(false);
  expect(found('ali dev', 'alice', 'developers')).toBe(true);
  expect(found('.*', 'alice')).toBe(false);
});

test('keys that are old or idle', () => {
  const now = Date.UTC(2026, 0, 1);
  const days = (n: number) => new Date(now - n * 86_400_000);
  expect(isOld({ created: days(91) }, now)).toBe(true);
  expect(isOld({ created: days(89) }, now)).toBe(false);
  expect(isUnused({ active: true, created: days(2), use: undefined }, now)).toBe(true);
  expect(isUnused({ active: true, created: days(0), use: undefined }, now)).toBe(false);
  expect(isUnused({ active: false, created: days(200), use: undefined }, now)).toBe(false);
  expect(isUnused({ active: true, created: days(200), use: { at: days(1), service: '', region: '' } }, now)).toBe(false);
});

test('a few at a time, in order', async () => {
  let running = 0;
  let most = 0;
  const out = await inTurn([5, 1, 4, 2, 3], 2, async (n) => {
    most = Math.max(most, ++running);
    await new Promise((done) => setTimeout(done, n));
    running--;
    return n * 2;
  });
  expect(out).toEqual([10, 2, 8, 4, 6]);
  expect(most).toBe(2);
  expect(await inTurn([], 3, async (x) => x)).toEqual([]);
});

test('the statement that decided', () => {
  const text = '{\n "é": "x",\n "Statement": [{"Effect": "Deny"}]}';
  const line = ' "Statement": [{"Effect": "Deny"}]}';
  const from = line.indexOf('{') + 1;
  expect(cut(text, { line: 3, column: from }, { line: 3, column: line.indexOf('}') + 2 })).toBe('{"Effect": "Deny"}');
  expect(cut(text, { line: 99, column: 1 }, { line: 99, column: 5 })).toBeUndefined();
  expect(cut(text, undefined, undefined)).toBeUndefined();
  expect(statementInWords('{"Effect":"Deny","Action":"s3:*","Resource":"*"}')).toBe('Denies all S3 actions on everything.');
  expect(statementInWords('nonsense')).toBeUndefined();
});

test('why', () => {
  const r = (over: Partial<SimulationResult>): SimulationResult => ({ action: 'a:b', resource: '*', decision: 'implicitDeny', statements: [], missingContext: [], details: [], ...over });
  const s = { policyId: 'user_alice_no-delete', policyType: 'user' };
  expect(sourceInWords(s)).toContain('alice_no-delete');
  expect(sourceInWords({ policyId: 'PolicyInputList.1', policyType: 'none' })).toBe('this policy');
  expect(why(r({ decision: 'explicitDeny', statements: [s, s] }))).toBe('Denied by the inline policy alice_no-delete. A denial always wins.');
  expect(why(r({ decision: 'allowed', statements: [{ policyId: 'p', policyType: 'user-managed' }] }))).toBe('Allowed by the policy p.');
  expect(why(r({ missingContext: ['aws:SourceIp'] }))).toContain('aws:SourceIp');
  expect(why(r({}), { bounded: true })).toContain('boundary');
});

test('hostile names stay text', () => {
  const alert = vi.spyOn(window, 'alert').mockImplementation(() => {});
  for (const name of hostile) {
    const statements = readDocument(JSON.stringify({ Statement: [{ Sid: name, Effect: 'Allow', Action: [name], Resource: [name] }] }))?.statements ?? [];
    const { container, unmount } = render(
      <>
        <Chip label={name}>{name}</Chip>
        <Choices label={name} options={[{ id: name, label: name, note: name }]} chosen={new Set()} onChange={() => {}} empty="" />
        <TagsCard tags={Object.fromEntries([[name, name]])} mayEdit={false} save={async () => {}} />
        <Sentences statements={statements} />
      </>,
    );
    expect(container.querySelector('img,script,svg[onload]')).toBeNull();
    expect(container.textContent).toContain(name.slice(0, 100));
    unmount();
  }
  expect(alert).not.toHaveBeenCalled();
}, SLOW_MS);

test('removal shows its steps, goes on where it stopped, and ends once', async () => {
  const user = userEvent.setup();
  let fail = true;
  const first = vi.fn(async () => {});
  const second = vi.fn(async () => {
    if (fail) throw new Error('no');
  });
  const onDone = vi.fn();
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <RemoveDialog title="Delete?" id="x" typed="alice" plan={async () => [{ text: 'key', run: first }, { text: 'user', run: second }]} onClose={() => {}} onDone={onDone} />
    </QueryClientProvider>,
  );
  fireEvent.change(await screen.findByRole('textbox', {}, { timeout: 5000 }), { target: { value: 'alice' } });
  await user.click(screen.getByRole('button', { name: 'Delete' }));
  expect(await screen.findByRole('alert', {}, { timeout: 5000 })).toBeTruthy();
  expect(onDone).not.toHaveBeenCalled();
  fail = false;
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await vi.waitFor(() => expect(onDone).toHaveBeenCalledTimes(1), { timeout: 5000 });
  expect(first).toHaveBeenCalledTimes(1);
  expect(second).toHaveBeenCalledTimes(2);
}, SLOW_MS);

test('the end of a key is a time to come, or never', () => {
  const now = Date.UTC(2030, 0, 1);
  expect(endOf({ preset: 'never', date: '' }, now)).toBeNull();
  expect(endOf({ preset: '7', date: '' }, now)).toEqual(new Date(Date.UTC(2030, 0, 8)));
  expect(endOf({ preset: 'date', date: '2031-01-01T00:00' }, now)?.getFullYear()).toBe(2031);
  expect(endOf({ preset: 'date', date: '2029-01-01T00:00' }, now)).toBeUndefined();
  expect(endOf({ preset: 'date', date: '' }, now)).toBeUndefined();
});
