// SPDX-License-Identifier: Apache-2.0
// Users, keys, policies, the simulator; and what somebody with few rights sees.
import { FILES, HOSTILE, SETTINGS, VERSIONED } from '../data.mjs';
import { allow, deny } from '../lib/pail.mjs';
import { axe, equal, go, ok, settle, shot, test, until } from '../lib/rig.mjs';
import { write } from './buckets.mjs';

test('identity: a user with a key, whose secret is shown once', async (t) => {
  const page = await t.page('/identity/users?new');
  const dialog = page.getByRole('dialog', { name: 'Create user' });
  await dialog.getByLabel('Name', { exact: true }).or(dialog.getByRole('textbox', { name: /^Name/ })).first().fill('bad name!');
  await dialog.getByRole('button', { name: 'Create user' }).click();
  await dialog.getByText('Letters, digits and + = , . @ - _ only', { exact: false }).waitFor();
  await dialog.getByRole('textbox', { name: /^Name/ }).fill('made-here');
  await dialog.getByRole('button', { name: 'Create user' }).click();
  const id = await until(async () => (await t.pail.root.iam('ListAccessKeys', { UserName: 'made-here' })).value('AccessKeyId'), 'a key');
  // Not the dialog before it, which speaks of a secret, too.
  const shown = page.getByRole('dialog').filter({ hasText: id });
  await shown.waitFor();
  await shot(page, 'flow-new-key');
  const text = await shown.innerText();
  const words = text.split(/\s+/);
  const secret = words.find((w) => w.length >= 32 && w !== id);
  ok(secret, `a secret is shown: ${text}`);
  equal((await t.pail.as({ accessKeyId: id, secretAccessKey: secret }).ask('GET', '/pail/v1/session')).json.name, 'made-here', 'it works');
  await shown.getByRole('button').last().click();
  await page.waitForURL(/\/identity\/users\/made-here$/);
  await settle(page);
  ok(!(await page.content()).includes(secret), 'the secret is gone from the page');
  await page.reload();
  await page.getByRole('tab', { name: /Access keys/ }).click();
  await page.getByText(id).first().waitFor();
});

test('identity: keys that end', async (t) => {
  await t.pail.user('ends-soon');
  const page = await t.page('/identity/keys');
  await page.getByRole('button', { name: 'Create an access key' }).click();
  const dialog = page.getByRole('dialog', { name: 'Create an access key' });
  const whose = dialog.getByRole('combobox', { name: 'Whose key' });
  await whose.fill('ends-s');
  await page.getByRole('option', { name: 'ends-soon' }).click();
  await dialog.getByLabel('Name').fill('nightly <b>');
  const ends = async (scope, choice) => {
    await scope.getByRole('button', { name: /Ends$/ }).click();
    await page.getByRole('option', { name: choice }).click();
  };
  await ends(dialog, 'On a date…');
  await dialog.getByLabel('Last moment').fill('2020-01-01T00:00');
  await dialog.getByText('This time has passed', { exact: false }).waitFor();
  ok(await dialog.getByRole('button', { name: 'Create an access key' }).isDisabled(), 'no key that has ended');
  await ends(dialog, 'In 30 days');
  equal(await axe(page), [], 'axe');
  await shot(page, 'flow-key-with-end');
  await dialog.getByRole('button', { name: 'Create an access key' }).click();
  const shown = page.getByRole('dialog', { name: 'Your new access key' });
  await shown.waitFor();
  const id = /AKIA\w+/.exec(await shown.innerText())[0];
  const secret = (await shown.innerText()).split(/\s+/).find((w) => w.length >= 32 && w !== id);
  equal((await t.pail.as({ accessKeyId: id, secretAccessKey: secret }).ask('GET', '/pail/v1/session')).json.name, 'ends-soon', 'whose it is');
  await shown.getByRole('button', { name: 'I have saved it' }).click();
  const on = async () => (await t.pail.root.get('/pail/v1/access-keys', { user: 'ends-soon' })).json.keys.find((k) => k.id === id);
  const days = (Date.parse((await on()).expires) - Date.now()) / 86_400_000;
  ok(days > 29.9 && days < 30.1, `days: ${days}`);
  const row = page.getByRole('row').filter({ hasText: id });
  await row.getByText('nightly <b>').waitFor();
  await row.getByText('in 4 weeks').waitFor();
  await t.pail.root.must('PUT', `/pail/v1/access-keys/${id}`, { body: { expires: new Date(Date.now() + 4000).toISOString() } });
  await until(async () => (await on()).expired, 'its end');
  await page.reload();
  await row.getByText('Expired').waitFor();
  await shot(page, 'flow-key-expired');
  await page.getByRole('button', { name: `Actions for ${id}` }).click();
  await page.getByRole('menuitem', { name: 'Edit…' }).click();
  const edit = page.getByRole('dialog', { name: `Edit ${id}` });
  await ends(edit, 'Never');
  await edit.getByRole('button', { name: 'Save' }).click();
  await edit.waitFor({ state: 'detached' });
  await until(async () => (await on()).expires === null, 'no end');
  await row.getByText('Never').first().waitFor();
  // In the user's own list, and one's own.
  await go(page, `${t.pail.console}/identity/users/ends-soon?tab=keys`);
  await page.getByRole('row').filter({ hasText: 'nightly' }).waitFor();
  await go(page, `${t.pail.console}/profile`);
  await page.getByRole('button', { name: 'Create an access key' }).click();
  const own = page.getByRole('dialog', { name: 'Create an access key of your own?' });
  await ends(own, 'In 7 days');
  await own.getByRole('button', { name: 'Create an access key' }).click();
  await page.getByRole('dialog', { name: 'Your new access key' }).waitFor();
  ok((await t.pail.root.get('/pail/v1/access-keys', { user: '' })).json.keys.some((k) => k.expires), 'a key of the root that ends');
});

test('identity: a policy made by the builder', async (t) => {
  const page = await t.page('/identity/policies?new');
  await page.getByRole('dialog').or(page.locator('#content')).getByRole('textbox', { name: /^Name/ }).first().fill('built-here');
  const json = { Version: '2012-10-17', Statement: [allow(['s3:GetObject'], `arn:aws:s3:::${FILES}/*`)] };
  await write(page, JSON.stringify(json));
  await page.getByRole('region', { name: 'Statement 1' }).waitFor();
  await page.getByRole('region', { name: 'In words' }).waitFor();
  await shot(page, 'flow-policy-builder');
  await page.getByRole('region', { name: 'Statement 1' }).getByRole('button', { name: /^Allow|Effect/ }).first().click();
  await page.getByRole('option', { name: 'Deny' }).click();
  await page.getByRole('button', { name: 'Create policy' }).last().click();
  const arn = await until(async () => (await t.pail.root.iam('ListPolicies', { Scope: 'Local' })).values('Arn').find((a) => a.endsWith('/built-here')), 'the policy');
  const version = await t.pail.root.iam('GetPolicyVersion', { PolicyArn: arn, VersionId: 'v1' });
  const document = JSON.parse(decodeURIComponent(version.value('Document')));
  equal([document.Statement[0].Effect, [].concat(document.Statement[0].Action)], ['Deny', ['s3:GetObject']], 'what was built');
});

test('identity: the simulator says why', async (t) => {
  await t.pail.user('asked', allow('s3:*', '*'), deny('s3:DeleteObject', `arn:aws:s3:::${FILES}/*`, { Sid: 'NoDeleting' }));
  const page = await t.page('/identity/simulator');
  const principal = page.getByRole('combobox', { name: 'Principal' });
  await principal.fill('asked');
  await page.getByRole('option', { name: /asked/ }).first().click();
  const actions = page.getByRole('combobox', { name: 'Actions' });
  await actions.fill('s3:DeleteObject');
  await page.keyboard.press('Enter');
  const resources = page.getByRole('group', { name: 'Resources' });
  await until(async () => (await page.getByText('s3:DeleteObject', { exact: true }).count()) > 0, 'the action is chosen');
  await shot(page, 'flow-simulator-form');
  await resources.getByRole('button', { name: /Everything|Kind of resource/ }).first().click();
  await page.getByRole('option', { name: 'Objects in' }).click();
  await resources.getByRole('combobox', { name: 'Bucket' }).fill(FILES);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Simulate' }).click();
  await page.getByText('0 of 1 allowed').waitFor();
  await page.getByText('NoDeleting').first().waitFor();
  const text = await page.locator('#content').innerText();
  ok(/A denial always wins|Denied by/.test(text), `why: ${text.slice(-600)}`);
  await shot(page, 'flow-simulator');
  equal(await axe(page), [], 'axe');
});

test('identity: a group with a member', async (t) => {
  await t.pail.user('joiner');
  const page = await t.page('/identity/groups?new');
  await page.getByRole('dialog').getByRole('textbox').first().fill('crew');
  await page.getByRole('dialog').getByRole('button', { name: 'Create group' }).click();
  await until(async () => (await t.pail.root.iam('ListGroups')).values('GroupName').includes('crew'), 'the group');
  await go(page, `${t.pail.console}/identity/groups/crew`);
  await page.getByRole('button', { name: 'Add members' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('joiner', { exact: true }).first().click();
  await dialog.getByRole('button', { name: /^Add/ }).last().click();
  await until(async () => (await t.pail.root.iam('GetGroup', { GroupName: 'crew' })).values('UserName').includes('joiner'), 'the member');
});

/** What stands in the page and can be pressed, beside the ways through it. */
const controls = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('#content button, #content [role=switch], #content input, [role=dialog] button, [role=menuitem]')]
      .filter((e) => !e.disabled && e.getAttribute('aria-disabled') !== 'true' && e.offsetParent !== null)
      .map((e) => (e.getAttribute('aria-label') || e.textContent || e.labels?.[0]?.textContent || '').trim())
      .filter(Boolean),
  );
const WRITES = /^(upload|new folder|delete|create\b|add|save|rename|move|copy to|edit|empty|remove|make it|bring back|attach|abort|enable|rotate|reset|begin with|put in force|upload link)/i;

test('read-only: nobody sees a button that the server would refuse', async (t) => {
  const reader = await t.pail.user('only-reads', allow(['s3:Get*', 's3:List*', 'iam:Get*', 'iam:List*', 'iam:SimulatePrincipalPolicy', 'admin:ServerInfo']));
  const page = await t.page('/', { as: reader });
  const paths = ['/objects', `/objects/${FILES}`, `/objects/${FILES}?key=welcome.txt`, `/objects/${VERSIONED}?key=story.txt&tab=versions`, '/buckets', '/identity/users', '/identity/users/reader', '/identity/groups', '/identity/roles', '/identity/policies', '/identity/policies/hostile', '/identity/keys', '/identity/accounts', '/identity/providers', '/system/health', '/system/tiers', '/system/encryption', '/system/settings'];
  for (const section of ['', '/versioning', '/object-lock', '/encryption', '/lifecycle', '/policy', '/access', '/public-access', '/ownership', '/cors', '/tags', '/quota', '/payment', '/uploads', '/danger']) paths.push(`/buckets/${SETTINGS}${section}`);
  const dead = [];
  for (const path of paths) {
    await go(page, t.pail.console + path);
    for (const name of await controls(page)) if (WRITES.test(name)) dead.push(`${path}: ${name}`);
    const scope = (await page.getByRole('dialog').count()) ? page.getByRole('dialog').first() : page.locator('#content');
    const actions = scope.getByRole('button', { name: /^(Actions for|More actions)/ }).first();
    if ((await actions.count()) && (await actions.isEnabled())) {
      await actions.click();
      await page.getByRole('menu').waitFor().catch(() => dead.push(`${path}: a menu that does not open`));
      for (const name of await page.getByRole('menuitem').allInnerTexts()) if (WRITES.test(name)) dead.push(`${path}: ${name} in a menu`);
      await page.keyboard.press('Escape');
    }
  }
  await shot(page, 'flow-read-only');
  equal(dead, [], 'buttons that would be refused');
  // What they may do works.
  await go(page, `${t.pail.console}/objects/${FILES}?key=welcome.txt&tab=preview`);
  await page.getByText('Hello from a bucket.').waitFor();
}, { seconds: 240 });

test('read-only: somebody who may do nothing is told so', async (t) => {
  const nobody = await t.pail.user('may-nothing');
  const page = await t.page('/', { as: nobody });
  const links = await page.locator('nav a').allInnerTexts();
  ok(!links.some((l) => /Users|Policies|Audit|Settings|trace/i.test(l)), `links: ${links}`);
  for (const path of ['/', '/objects', `/objects/${FILES}`, '/buckets', `/buckets/${FILES}`, '/identity/users', '/monitoring/logs', '/system/settings', '/profile', '/connect']) {
    await go(page, t.pail.console + path);
    const text = await page.locator('#content').innerText();
    ok(text.trim().length > 20, `${path} is empty`);
    equal((await axe(page)).map((l) => `${path}: ${l}`), [], 'axe');
  }
  await shot(page, 'flow-nobody');
});

test('names: of users, policies, tags and buckets are text everywhere', async (t) => {
  const page = await t.page('/identity/users');
  for (const path of [`/buckets/${HOSTILE}`, `/buckets/${HOSTILE}/tags`, '/identity/policies/hostile', '/monitoring/audit', '/monitoring/logs', '/system/health', '/buckets']) await go(page, t.pail.console + path);
  await go(page, `${t.pail.console}/objects/${encodeURIComponent('<img src=x onerror=__tripwire()>')}`);
  await go(page, `${t.pail.console}/identity/users/${encodeURIComponent('<img src=x onerror=__tripwire()>')}`);
  await go(page, `${t.pail.console}/objects/${HOSTILE}?prefix=${encodeURIComponent('"><script>__tripwire()</script>')}&key=${encodeURIComponent('javascript:__tripwire()')}`);
  await go(page, `${t.pail.console}/${encodeURIComponent('<script>__tripwire()</script>')}`);
});
