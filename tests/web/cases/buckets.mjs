// SPDX-License-Identifier: Apache-2.0
// Buckets and their settings: what a page has set is what the server answers.
import { FILES } from '../data.mjs';
import { NARROW, WIDE, axe, equal, go, ok, overflow, settle, shot, test, until } from '../lib/rig.mjs';

const label = (scope, text) => scope.getByText(text, { exact: true }).first();
/** Presses Save of the section and waits for its word. */
async function save(page) {
  await page.locator('#content').getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved.').first().waitFor();
}
async function pick(page, scope, name, option) {
  await scope.getByRole('button', { name }).click();
  await page.getByRole('option', { name: option }).first().click();
}
export const write = async (page, text, name) => {
  const editor = name ? page.getByRole('textbox', { name }) : page.locator('.cm-content').first();
  await editor.click();
  await page.keyboard.press('Control+a');
  // As pasting does: no brackets are closed by themselves.
  await page.keyboard.insertText(text);
};

test('buckets: create with versioning, lock, retention, encryption and quota', async (t) => {
  const { root } = t.pail;
  const page = await t.page('/buckets?new');
  const dialog = page.getByRole('dialog', { name: 'Create a bucket' });
  const name = dialog.getByLabel('Name');
  await name.fill('Not-A-Name');
  await dialog.getByText('Upper-case letters are not allowed in bucket names.').waitFor();
  await name.fill(FILES);
  await dialog.getByText('A bucket with this name already exists.').waitFor();
  await name.fill('made-with-all');
  await label(dialog, 'Object lock').click();
  await dialog.getByText('Governance', { exact: false }).first().click().catch(() => {});
  await pick(page, dialog, /Default retention/, /^Governance/).catch(() => {});
  await pick(page, dialog, /^(As the server|Encryption|.*Encryption)/, /SSE-S3/);
  await dialog.getByLabel(/^Quota/).fill('5');
  await shot(page, 'flow-bucket-create');
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await page.waitForURL(/\/buckets\/made-with-all$/);
  const lock = await root.get('/made-with-all', { 'object-lock': '' });
  equal([lock.value('ObjectLockEnabled'), lock.value('Mode'), lock.value('Days')], ['Enabled', 'GOVERNANCE', '30'], 'lock');
  equal((await root.get('/made-with-all', { versioning: '' })).value('Status'), 'Enabled', 'versioning');
  equal((await root.get('/made-with-all', { encryption: '' })).value('SSEAlgorithm'), 'AES256', 'encryption');
  equal((await root.get('/minio/admin/v3/get-bucket-quota', { bucket: 'made-with-all' })).json.quota, 5 * 1024 ** 3, 'quota');
});

test('buckets: versioning, encryption, tags, quota and public access are set', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('set-small');
  const page = await t.page('/buckets/set-small/versioning');
  await page.getByRole('radio', { name: /^On/ }).locator('xpath=ancestor-or-self::label').first().click();
  await save(page);
  equal((await root.get('/set-small', { versioning: '' })).value('Status'), 'Enabled', 'versioning');
  await go(page, `${t.pail.console}/buckets/set-small/encryption`);
  await label(page, 'Refuse customer-provided keys (SSE-C)').click();
  await save(page);
  const encryption = await root.get('/set-small', { encryption: '' });
  equal([encryption.value('SSEAlgorithm'), encryption.values('EncryptionType')], ['AES256', ['SSE-C']], 'encryption');
  await go(page, `${t.pail.console}/buckets/set-small/tags`);
  await page.getByRole('button', { name: 'Add a tag' }).click();
  await page.getByLabel('Key of tag 1').fill('team');
  await page.getByLabel('Value of tag 1').fill('blue = sky');
  await save(page);
  const tags = await root.get('/set-small', { tagging: '' });
  equal([tags.value('Key'), tags.value('Value')], ['team', 'blue = sky'], 'tags');
  await go(page, `${t.pail.console}/buckets/set-small/quota`);
  await page.getByRole('textbox', { name: 'Quota' }).fill('3');
  await save(page);
  ok((await root.get('/minio/admin/v3/get-bucket-quota', { bucket: 'set-small' })).json.quota >= 3 * 1024 ** 2, 'quota');
  await go(page, `${t.pail.console}/buckets/set-small/public-access`);
  await label(page, 'Refuse public policies').click();
  await save(page);
  const block = await root.get('/set-small', { publicAccessBlock: '' });
  equal(block.values('BlockPublicPolicy').length, 1, 'block of public access');
  await page.reload();
  await settle(page);
  const shown = page.getByRole('switch', { name: /Refuse public policies/ });
  await until(async () => (await shown.isChecked()) === (block.value('BlockPublicPolicy') === 'true'), 'the page shows it after a reload');
});

test('buckets: CORS and ownership are set', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('set-cors');
  const page = await t.page('/buckets/set-cors/cors');
  await page.getByRole('button', { name: 'Add a rule' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Websites').fill('https://app.example.com/path');
  await dialog.getByText(/without a path/).waitFor();
  await dialog.getByLabel('Websites').fill('https://app.example.com');
  if (!(await dialog.getByRole('checkbox', { name: 'PUT' }).isChecked())) await label(dialog, 'PUT').click();
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  const cors = await root.get('/set-cors', { cors: '' });
  equal(cors.values('AllowedOrigin'), ['https://app.example.com'], 'origins');
  ok(cors.values('AllowedMethod').includes('PUT'), 'methods');
});

const grants = (reply) => [...reply.text.matchAll(/<Grantee[^>]*>.*?<(?:ID|URI)>([^<]*)<.*?<Permission>([^<]*)</gs)].map((m) => `${m[1].replace(/.*\//, '')} ${m[2]}`);
const OTHER = 'ab'.repeat(32);

test('buckets: the access control list, once ownership lets lists count', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('set-acl', { 'a.txt': 'A' });
  await root.ask('DELETE', '/set-acl', { query: { publicAccessBlock: '' } });
  const page = await t.page('/buckets/set-acl/ownership');
  await page.getByText('Access control lists are off', { exact: true }).waitFor();
  equal(await page.getByRole('checkbox').count(), 0, 'boxes while lists are off');
  await shot(page, 'flow-acl-off');
  await page.getByRole('button', { name: 'Change ownership…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Turn on lists' }).click();
  const boxes = page.getByRole('checkbox', { name: 'Everybody, without signing in: List objects' });
  await boxes.waitFor();
  equal((await root.get('/set-acl', { ownershipControls: '' })).value('ObjectOwnership'), 'BucketOwnerPreferred', 'ownership');
  const content = page.locator('#content');
  await pick(page, content, /Ready-made list/, /^Public read and write/);
  await page.getByText('This list lets everybody in.').waitFor();
  ok(await boxes.isChecked(), 'the list is filled in');
  await pick(page, content, /Ready-made list/, /^Private/);
  const box = (name) => page.getByRole('checkbox', { name, exact: true }).locator('xpath=ancestor-or-self::label').first();
  await box('Log delivery: Write objects').click();
  await box('Log delivery: Read this list').click();
  await content.getByRole('button', { name: /Ready-made list/ }).filter({ hasText: 'Log delivery may write' }).waitFor();
  await box('Everybody with an access key: List objects').click();
  const id = content.getByLabel('An account, by its canonical id');
  await id.fill('nobody');
  await content.getByRole('button', { name: 'Add an account' }).click();
  await page.getByText('A canonical id has 64 hexadecimal digits.').waitFor();
  await id.fill((await root.get('/set-acl', { acl: '' })).values('ID')[0]);
  await page.getByText('This account has a row already.').waitFor();
  await id.fill('');
  equal(await axe(page), [], 'axe');
  await shot(page, 'flow-acl');
  await page.setViewportSize(NARROW);
  equal(await overflow(page), 0, 'too wide on a phone');
  await shot(page, 'flow-acl-narrow');
  await page.setViewportSize(WIDE);
  const saving = content.getByRole('button', { name: 'Save', exact: true }).last();
  await saving.click();
  await saving.and(page.locator('[data-disabled]:not([data-pending])')).waitFor();
  const list = grants(await root.get('/set-acl', { acl: '' }));
  equal(list.slice(1).sort(), ['AuthenticatedUsers READ', 'LogDelivery READ_ACP', 'LogDelivery WRITE'], 'grants');
  ok(/ FULL_CONTROL$/.test(list[0]), list[0]);
  // An account that the server does not know is refused by it, and the form says so.
  await id.fill(OTHER);
  await content.getByRole('button', { name: 'Add an account' }).click();
  await content.getByRole('button', { name: 'Save', exact: true }).last().click();
  await content.getByRole('alert').first().waitFor();
  await content.getByRole('button', { name: /^Take away the grant of/ }).click();
  // The list of an object in it.
  await go(page, `${t.pail.console}/objects/set-acl?key=a.txt`);
  await page.getByRole('button', { name: 'Edit access list' }).click();
  const dialog = page.getByRole('dialog', { name: 'Edit access list' });
  await pick(page, dialog, /Ready-made list/, /^Public read/);
  equal(await axe(page), [], 'axe of the dialog');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  equal((await fetch(`${t.pail.endpoint}/set-acl/a.txt`)).status, 200, 'everybody may read it now');
  await page.getByRole('dialog').getByRole('rowheader', { name: /Everybody, without signing in/ }).waitFor();
  await shot(page, 'flow-acl-object');
});

test('buckets: who pays for requests', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('set-payer');
  const page = await t.page('/buckets/set-payer/payment');
  await label(page, 'Who makes the request').click();
  await shot(page, 'flow-payer');
  await save(page);
  equal((await root.get('/set-payer', { requestPayment: '' })).value('Payer'), 'Requester', 'payer');
  await page.reload();
  await label(page, 'The bucket’s owner').click();
  await save(page);
  equal((await root.get('/set-payer', { requestPayment: '' })).value('Payer'), 'BucketOwner', 'payer again');
});

test('buckets: a lifecycle rule says what it does and what it matches now', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('set-rules', { 'logs/a': '1', 'logs/b': '22', 'keep/c': '3' });
  const page = await t.page('/buckets/set-rules/lifecycle');
  await page.getByRole('button', { name: 'Add a rule' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(/begin/i).first().fill('logs/');
  await label(dialog, 'After some days').click();
  await dialog.getByLabel('Days after they were written').fill('90');
  await page.keyboard.press('Tab');
  await dialog.getByText('Objects that have names beginning with “logs/”', { exact: false }).waitFor();
  await dialog.getByText('They are deleted permanently 90 days after they were written.').waitFor();
  await dialog.getByText('Covers 2 versions now', { exact: false }).waitFor();
  await shot(page, 'flow-lifecycle-rule');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  const rules = await root.get('/set-rules', { lifecycle: '' });
  equal([rules.value('Prefix'), rules.value('Days'), rules.value('Status')], ['logs/', '90', 'Enabled'], 'the rule');
  await page.getByRole('button', { name: 'Edit rule 1' }).click();
  await page.getByRole('dialog').getByLabel('Days after they were written').fill('7');
  await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
  await until(async () => (await root.get('/set-rules', { lifecycle: '' })).value('Days') === '7', 'the rule is changed');
  await page.getByRole('button', { name: 'Delete rule 1' }).or(page.getByRole('button', { name: /(Remove|Delete).*1$/ })).first().click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await until(async () => (await root.ask('GET', '/set-rules', { query: { lifecycle: '' } })).status === 404, 'the rule is gone');
});

test('buckets: the policy editor refuses what is wrong, and saves what is right', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('set-policy', { 'a.txt': 'A' });
  // Buckets begin closed to the public.
  await root.ask('DELETE', '/set-policy', { query: { publicAccessBlock: '' } });
  const page = await t.page('/buckets/set-policy/policy');
  await page.getByRole('button', { name: 'Begin with an empty one' }).click();
  await page.locator('.cm-content').waitFor();
  const button = page.locator('#content').getByRole('button', { name: 'Save', exact: true });
  const refused = async (text) => {
    await write(page, text);
    await until(() => button.isDisabled(), `refused: ${text}`);
  };
  const statement = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::set-policy/*' };
  const policy = (...s) => JSON.stringify({ Version: '2012-10-17', Statement: s });
  await refused('{"Version": ');
  await refused(policy({ ...statement, Effect: 'Maybe' }));
  await refused(policy({ ...statement, Resource: 'arn:aws:s3:::another/*' }));
  await refused(policy({ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::set-policy/*' }));
  await shot(page, 'flow-policy-refused');
  await write(page, policy(statement));
  await save(page);
  equal(JSON.parse((await root.get('/set-policy', { policy: '' })).text).Statement.length, 1, 'statements');
  equal((await fetch(`${t.pail.endpoint}/set-policy/a.txt`)).status, 200, 'everybody may read now');
  await page.getByText('Public', { exact: true }).first().waitFor();
  await go(page, `${t.pail.console}/buckets/set-policy/access`);
  await page.getByText('Its policy lets everybody in.').waitFor();
  await shot(page, 'flow-who-can-access');
});

test('buckets: empty and delete, with the name typed', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('to-go', { a: '1', b: '2' });
  await root.put('/to-go', { versioning: '' }, '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>');
  await root.putObject('to-go', 'a', 'again');
  await root.ask('DELETE', '/to-go/b');
  const page = await t.page('/buckets/to-go/danger');
  await page.getByRole('button', { name: 'Delete bucket' }).click();
  let sure = page.getByRole('alertdialog');
  const button = () => sure.getByRole('button', { name: /bucket$/ });
  ok(await button().isDisabled(), 'it cannot be pressed yet');
  await sure.getByRole('textbox').fill('to-go!');
  ok(await button().isDisabled(), 'another name does not do');
  await sure.getByRole('textbox').fill('to-go');
  await button().click();
  await sure.getByText('A bucket has to be empty', { exact: false }).waitFor();
  equal((await root.ask('HEAD', '/to-go')).status, 200, 'it is still there');
  await sure.getByRole('button', { name: 'Empty it first' }).click();
  sure = page.getByRole('alertdialog', { name: 'Empty to-go?' });
  await sure.getByRole('textbox').fill('to-go');
  await button().click();
  await sure.getByText('The bucket is empty.').waitFor();
  await sure.getByRole('button', { name: 'Close' }).last().click();
  await page.getByRole('button', { name: 'Delete bucket' }).click();
  sure = page.getByRole('alertdialog', { name: /^Delete to-go/ });
  await sure.getByRole('textbox').fill('to-go');
  await button().click();
  await page.waitForURL(/\/buckets$/);
  equal((await root.ask('HEAD', '/to-go')).status, 404, 'it is gone');
});
