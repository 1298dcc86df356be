// SPDX-License-Identifier: Apache-2.0
import { render, screen } from '@testing-library/react';
import { expect, it } from 'vitest';
import { hostile } from '../test/hostile';
import { setConsoleInfo } from './console';
import { SignInForm } from './SignIn';

it.each(hostile.map((h) => [h]))('a provider called %j is text, with a direction of its own', (name) => {
  setConsoleInfo({ version: '1', endpoint: null, port: 9000, region: 'us-east-1', providers: [{ name }], prefix: '/' });
  const { container } = render(<SignInForm />);
  expect(container.querySelector('img,script,svg[onload]')).toBeNull();
  const [button] = screen.getAllByRole('button').slice(-1);
  expect(button?.textContent).toBe(`Sign in with ${name}`);
  expect(button?.querySelector('bdi')?.textContent).toBe(name);
});
