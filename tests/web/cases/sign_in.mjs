// SPDX-License-Identifier: Apache-2.0
// Signing in, and what happens when it ends.
import { FILES } from '../data.mjs';
import { ROOT_USER } from '../lib/pail.mjs';
import { equal, go, ok, settle, test, until } from '../lib/rig.mjs';

export async function signIn(page, { accessKeyId, secretAccessKey } = ROOT_USER) {
  await page.getByLabel('Access key').fill(accessKeyId);
  await page.getByLabel('Secret key').fill(secretAccessKey);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

const stored = (page) => page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));

test('sign-in: with the right secret, which is kept nowhere', async (t) => {
  const page = await t.page('/', { as: null });
  await signIn(page);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  const kept = await stored(page);
  ok(!kept.includes(ROOT_USER.secretAccessKey) && !kept.includes(JSON.stringify(ROOT_USER.secretAccessKey).slice(1, -1)), 'the secret is not in the browser');
  ok(/sessionToken/.test(kept), 'a session is');
  equal(await page.evaluate(() => [document.cookie, Object.keys(localStorage).filter((k) => /session|key|secret/i.test(k)).length]), ['', 0], 'cookies and lasting storage');
  await page.reload();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.getByRole('button', { name: /^Signed in as/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByLabel('Secret key').waitFor();
  ok(!(await stored(page)).includes('sessionToken'), 'the session is gone');
});

test('sign-in: with a wrong secret says so and stays', async (t) => {
  const pail = await t.server();
  const page = await t.page('/', { as: null, base: pail.console });
  await signIn(page, { ...ROOT_USER, secretAccessKey: 'wrong' });
  await page.getByText('The access key or the secret key is wrong.').waitFor();
  await signIn(page, { accessKeyId: 'NOBODYNOBODYNOBODY00', secretAccessKey: 'wrong' });
  await page.getByText('The access key or the secret key is wrong.').waitFor();
  await signIn(page);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await pail.stop();
});

test('sign-in: is refused for a while after many failures, and the page says so', async (t) => {
  const pail = await t.server();
  const page = await t.page('/', { as: null, base: pail.console });
  const refused = [];
  page.on('response', (r) => [429, 503].includes(r.status()) && refused.push(r.headers()['retry-after']));
  for (let i = 0; i < 16 && refused.length === 0; i++) {
    const answer = page.waitForResponse((r) => r.url().includes('/api/'));
    await signIn(page, { ...ROOT_USER, secretAccessKey: `wrong-${i}` });
    await answer;
    await page.getByRole('button', { name: 'Sign in', exact: true }).and(page.locator(':not([aria-disabled=true])')).waitFor();
  }
  ok(refused.length > 0 && Number(refused[0]) > 0, `refused: ${refused}`);
  const text = await until(async () => /too many|wait|later|again in/i.exec(await page.locator('main').innerText()), 'words about it', 30);
  ok(text, 'words about it');
}, { seconds: 120 });

test('sign-in: an ended session asks again and keeps the place', async (t) => {
  const page = await t.page(`/objects/${FILES}?prefix=reports%2F`);
  await page.getByText('index.txt').first().waitFor();
  // The server no longer knows these credentials.
  await page.evaluate(() => {
    const state = JSON.parse(sessionStorage.getItem('pail.session'));
    state.credentials.sessionToken = state.credentials.sessionToken.replace(/.{6}$/, 'AAAAAA');
    sessionStorage.setItem('pail.session', JSON.stringify(state));
  });
  await page.reload();
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
  await dialog.waitFor();
  await dialog.getByLabel('Access key').fill(ROOT_USER.accessKeyId);
  await dialog.getByLabel('Secret key').fill(ROOT_USER.secretAccessKey);
  await dialog.getByRole('button', { name: 'Sign in', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('index.txt').first().waitFor();
  ok(page.url().endsWith('prefix=reports%2F'), page.url());
});

test('sign-in: a deep link leads there after signing in', async (t) => {
  const page = await t.page(`/objects/${FILES}?prefix=reports%2F`, { as: null });
  await signIn(page);
  await page.getByText('index.txt').first().waitFor();
  ok(page.url().endsWith(`/objects/${FILES}?prefix=reports%2F`), page.url());
});

test('keyboard: sign in, palette, theme, skip link, without a mouse', async (t) => {
  const page = await t.page('/', { as: null });
  await page.keyboard.type(ROOT_USER.accessKeyId);
  await page.keyboard.press('Tab');
  await page.keyboard.type(ROOT_USER.secretAccessKey);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await settle(page);
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').waitFor();
  await page.keyboard.type('server log');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/monitoring\/logs$/);
  await until(() => page.evaluate(() => document.activeElement?.id === 'content'), 'the focus is in the new page');
  await page.keyboard.press('Control+k');
  await page.keyboard.type(`${FILES}`);
  await page.keyboard.press('Escape');
  await page.getByRole('combobox').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+k');
  await page.keyboard.type('switch to dark');
  await page.keyboard.press('Enter');
  await until(() => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme.includes('dark')), 'dark');
  await go(page, t.pail.console);
  equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark', 'the theme is remembered');
  await page.keyboard.press('Tab');
  equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to content', 'the first stop');
  await page.keyboard.press('Enter');
  await until(() => page.evaluate(() => document.activeElement?.id === 'content'), 'the focus is in the content');
});
