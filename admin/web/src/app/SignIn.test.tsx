// SPDX-License-Identifier: Apache-2.0
import { fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { hostile } from '../test/hostile';
import { setConsoleInfo } from './console';
import { SignInForm } from './SignIn';

const offer = (...providers: Array<{ id: string; name: string }>) =>
  setConsoleInfo({ version: '1', endpoint: null, port: 9000, region: 'us-east-1', providers: providers.map((p) => ({ url: `https://${p.id}`, clientId: 'c', roleArn: 'r', ...p })), prefix: '/' });

it.each(hostile.map((h) => [h]))('a provider called %j is text, with a direction of its own', (name) => {
  offer({ id: 'id.example.com', name });
  const { container } = render(<SignInForm />);
  expect(container.querySelector('img,script,svg[onload]')).toBeNull();
  const [button] = screen.getAllByRole('button').slice(-1);
  expect(button?.textContent).toBe(`Sign in with ${name}`);
  expect(button?.querySelector('bdi')?.textContent).toBe(name);
});

afterEach(() => vi.unstubAllGlobals());

it('providers with one name are shown with their hosts, or as much as tells them apart, and each leads to its own', () => {
  offer({ id: 'a.example.com', name: 'Staff' }, { id: 'b.example.com/one', name: ' staff' }, { id: 'b.example.com/two', name: 'Staff' }, { id: 'c.example.com', name: 'Guests' });
  const assign = vi.fn<(url: URL) => void>();
  vi.stubGlobal('location', { host: 'console.test', origin: 'https://console.test', href: 'https://console.test/', assign });
  render(<SignInForm />);
  const buttons = screen.getAllByRole('button').slice(-4);
  expect(buttons.map((b) => b.textContent)).toEqual(['Sign in with Staff (a.example.com)', 'Sign in with  staff (b.example.com/one)', 'Sign in with Staff (b.example.com/two)', 'Sign in with Guests']);
  buttons.forEach((b) => fireEvent.click(b));
  expect(assign.mock.calls.map(([url]) => /oidc\/([^?]*)/.exec(url.href)?.[1])).toEqual(['a.example.com', 'b.example.com%2Fone', 'b.example.com%2Ftwo', 'c.example.com']);
});
