// SPDX-License-Identifier: Apache-2.0
// Signing in, and what happens when it ends.
import { FILES } from '../data.mjs';
import { Provider } from '../lib/oidc.mjs';
import { allow, ROOT_USER } from '../lib/pail.mjs';
import { axe, equal, go, ok, settle, shot, test, until } from '../lib/rig.mjs';

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

test('sign-in: through an identity provider, with what its role may', async (t) => {
  const provider = t.keep(await new Provider({ people: { ann: { email: 'ann@example.com' }, bob: {}, eve: { aud: 'another' } } }).start());
  provider.redirects.push(`${t.pail.console}/`);
  t.forgive(new RegExp(`another host: ${provider.url}`));
  const { root } = t.pail;
  const { host, pathname } = new URL(provider.url);
  const arn = `arn:aws:iam::000000000000:oidc-provider/${host}${pathname}`;
  const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRoleWithWebIdentity', Principal: { Federated: arn }, Condition: { StringEquals: { [`${host}${pathname}:sub`]: ['ann', 'eve'] } } }] };
  await root.iam('CreateRole', { RoleName: 'visitors', AssumeRolePolicyDocument: JSON.stringify(trust) });
  await root.iam('PutRolePolicy', { RoleName: 'visitors', PolicyName: 'reads', PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [allow(['s3:ListAllMyBuckets']), allow(['s3:GetObject', 's3:ListBucket', 's3:GetBucketVersioning'], [`arn:aws:s3:::${FILES}`, `arn:aws:s3:::${FILES}/*`])] }) });
  // An administrator adds the provider, and offers it.
  const admin = await t.page('/identity/providers?new');
  const dialog = admin.getByRole('dialog', { name: 'Add provider' });
  await dialog.getByLabel('Issuer').fill(provider.url);
  await dialog.getByLabel('Client ids').fill('console');
  await dialog.getByRole('button', { name: 'Add provider' }).click();
  await admin.getByText('Not offered where people sign in to this console.').waitFor();
  await admin.getByRole('button', { name: 'Offer it' }).click();
  const offer = admin.getByRole('dialog', { name: 'Sign-in to this console' });
  await offer.getByLabel('Text on the button').fill('Our people');
  await offer.getByRole('combobox', { name: 'Role' }).fill('visi');
  await admin.getByRole('option', { name: 'visitors' }).click();
  await offer.getByRole('button', { name: /^Flow|Flow$/ }).click();
  await admin.getByRole('option', { name: 'ID token (implicit)' }).click();
  await shot(admin, 'flow-provider-offer');
  equal(await axe(admin), [], 'axe');
  await offer.getByRole('button', { name: 'Save', exact: true }).click();
  await admin.getByText('as “Our people”, with the role visitors', { exact: false }).waitFor();
  // Somebody comes.
  const place = `/objects/${FILES}?prefix=reports%2F`;
  const page = await t.page(place, { as: null });
  const come = async (who) => {
    await page.getByRole('button', { name: 'Sign in with Our people' }).click();
    await page.getByRole('link', { name: who }).click();
  };
  await shot(page, 'flow-sign-in-provider');
  await come('Never mind');
  await page.getByText('You changed your mind.').waitFor();
  await come('I am bob');
  await page.getByRole('alert').or(page.getByRole('alertdialog')).filter({ hasText: /not|denied|refused/i }).first().waitFor();
  ok(!(await stored(page)).includes('sessionToken'), 'bob is not let in');
  await come('I am eve');
  await page.getByRole('alert').or(page.getByRole('alertdialog')).filter({ hasText: /aud|token|provider/i }).first().waitFor();
  ok(!(await stored(page)).includes('sessionToken'), 'a token for somebody else is not taken');
  await come('I am ann');
  await page.getByText('index.txt').first().waitFor();
  equal(page.url(), t.pail.console + place, 'where she wanted to go, without the token');
  equal((await root.iam('ListOpenIDConnectProviderTags', { OpenIDConnectProviderArn: arn })).values('Key').sort(), ['pail:console-client', 'pail:console-flow', 'pail:console-name', 'pail:console-role'], 'tags');
  await shot(page, 'flow-signed-in-by-provider');
  ok(!(await stored(page)).includes('id_token') && !(await page.content()).includes('id_token'), 'the token is kept nowhere');
  equal(await page.getByRole('button', { name: 'Upload', exact: true }).count(), 0, 'nothing to upload');
  const links = await page.locator('nav[aria-label="Main"] ul a').allInnerTexts();
  ok(!links.some((l) => /Users|Settings|Audit/.test(l)), `links: ${links}`);
  await go(page, `${t.pail.console}/profile`);
  await page.getByText(/assumed-role\/visitors\//).first().waitFor();
  equal(provider.refused, [], 'what the provider refused');
  // A session that ends is taken up again by the same way.
  await go(page, t.pail.console + place);
  await page.evaluate(() => {
    const state = JSON.parse(sessionStorage.getItem('pail.session'));
    state.credentials.sessionToken = state.credentials.sessionToken.replace(/.{6}$/, 'AAAAAA');
    sessionStorage.setItem('pail.session', JSON.stringify(state));
  });
  await page.reload();
  await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
  await come('I am ann');
  await page.getByText('index.txt').first().waitFor();
  equal(page.url(), t.pail.console + place, 'the place is kept');
  // A way back that nobody went is no sign-in.
  const other = await t.page('/', { as: null });
  await other.goto(`${t.pail.console}/#${new URLSearchParams({ id_token: provider.token({ sub: 'ann', nonce: 'x' }), state: 'x' })}`);
  await other.reload();
  await other.getByText('This sign-in was not begun here', { exact: false }).waitFor();
  ok(!(await stored(other)).includes('sessionToken'), 'nobody is signed in');
  // No longer offered.
  await admin.getByRole('button', { name: 'Change', exact: true }).click();
  await offer.getByRole('button', { name: 'Offer it no longer' }).click();
  await admin.getByText('Not offered where people sign in to this console.').waitFor();
  const { providers } = await (await fetch(`${t.pail.console}/console.json`)).json();
  equal(providers.filter((p) => p.url === provider.url), [], 'it is offered nobody'); // another case beside this one has its own
  equal((await root.iam('ListOpenIDConnectProviderTags', { OpenIDConnectProviderArn: arn })).values('Key'), [], 'no tag is left');
}, { seconds: 120 });

test('sign-in: with codes of two identity providers that have one name', async (t) => {
  const { root } = t.pail;
  const providers = [];
  for (const [n, mode] of [[1, 'query'], [2, 'fragment']]) {
    const provider = t.keep(await new Provider({ flow: 'code', mode, people: { ann: {} } }).start());
    provider.redirects.push(`${t.pail.console}/`);
    t.forgive(new RegExp(`another host: ${provider.url}`));
    const place = provider.url.replace('http://', '');
    const arn = `arn:aws:iam::000000000000:oidc-provider/${place}`;
    const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRoleWithWebIdentity', Principal: { Federated: arn } }] };
    await root.iam('CreateRole', { RoleName: `coded-${n}`, AssumeRolePolicyDocument: JSON.stringify(trust) });
    await root.iam('CreateOpenIDConnectProvider', { Url: provider.url, 'ClientIDList.member.1': 'console', 'Tags.member.1.Key': 'pail:console-role', 'Tags.member.1.Value': `arn:aws:iam::000000000000:role/coded-${n}`, 'Tags.member.2.Key': 'pail:console-name', 'Tags.member.2.Value': 'Staff' });
    providers.push({ provider, arn, host: place.split('/')[0], role: `coded-${n}` });
  }
  for (const { provider, host, role } of providers) {
    const page = await t.page('/profile', { as: null });
    const seen = [];
    page.on('request', (r) => seen.push(r.url()));
    await page.getByRole('button', { name: `Sign in with Staff (${host})` }).click();
    await page.getByRole('link', { name: 'I am ann' }).click();
    await page.getByText(new RegExp(`assumed-role/${role}/`)).first().waitFor();
    equal(page.url(), `${t.pail.console}/profile`, 'the place, without the code');
    ok(seen.some((u) => u.endsWith('/api/pail/v1/oidc-token')), 'the server exchanges the code');
    ok(!(await stored(page)).includes('verifier'), 'nothing of the way is kept');
    equal([provider.refused, provider.codes.size], [[], 0], 'what the provider refused, and codes that were not fetched');
  }
  const page = await t.page('/', { as: null });
  await shot(page, 'flow-sign-in-same-names');
  // What the provider refuses is told.
  await page.getByRole('button', { name: `Sign in with Staff (${providers[0].host})` }).click();
  await page.getByRole('link', { name: 'I am ann' }).waitFor();
  providers[0].provider.codes.clear();
  await page.getByRole('link', { name: 'I am ann' }).click();
  await page.getByText('invalid_grant: That code is no good.').first().waitFor();
  ok(!(await stored(page)).includes('sessionToken'), 'nobody is signed in');
  for (const { arn } of providers) await root.iam('DeleteOpenIDConnectProvider', { OpenIDConnectProviderArn: arn });
}, { seconds: 120 });

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
  await page.getByRole('combobox').waitFor();
  await page.keyboard.type(`${FILES}`);
  await page.keyboard.press('Escape');
  await page.getByRole('combobox').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').waitFor();
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
