// SPDX-License-Identifier: Apache-2.0
// How the console is served: below a path, not at all, small and fast.
import { FILES, ordinaryFiles } from '../data.mjs';
import { Pail } from '../lib/pail.mjs';
import { prefixProxy } from '../lib/prefix.mjs';
import { NARROW, equal, go, ok, test, until } from '../lib/rig.mjs';
import { signIn } from './sign_in.mjs';

const FIRST_LOAD = 300 * 1024;
const INTERACTIVE_MS = 1000;
const LISTING_MS = 200;
const ROUNDS = 5;
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

test('serving: below a path of another server', async (t) => {
  const prefix = '/some/where/';
  const pail = new Pail('web-prefix', { args: ['--browser-redirect-url', `http://127.0.0.1${prefix}`] });
  t.servers.push(pail);
  await pail.start();
  const proxy = await prefixProxy(pail.console, prefix);
  try {
    await pail.bucket('deep', { 'a/b.txt': 'below' });
    const page = await t.page(`${prefix}objects/deep?prefix=a%2F`, { as: null, base: proxy.address });
    await signIn(page);
    await page.getByText('b.txt').first().waitFor();
    for (const [path, text] of [['buckets', 'Buckets'], ['identity/users', 'Users'], ['objects/deep?key=a%2Fb.txt&tab=preview', 'below'], ['system/health', 'Health'], ['', 'Overview']]) {
      await go(page, `${proxy.address}${prefix}${path}`);
      await page.getByText(text).first().waitFor();
    }
    await page.getByRole('link', { name: 'Objects' }).first().click();
    await page.waitForURL(`${proxy.address}${prefix}objects`);
    await page.reload();
    await page.getByText('deep').first().waitFor();
    equal(proxy.strange.filter((u) => u !== '/favicon.ico'), [], 'requests beside the path');
    await pail.stop();
  } finally {
    proxy.close();
  }
});

test('serving: PAIL_BROWSER=off leaves no console', async (t) => {
  const pail = await t.server({ env: { PAIL_BROWSER: 'off' } });
  equal([pail.console, pail.consolePort], [null, 0], 'the console’s address');
  equal((await pail.root.ask('GET', '/')).status, 200, 'the server works');
  await pail.stop();
});

test('serving: menu and drawer on a phone', async (t) => {
  const page = await t.page('/', { size: NARROW, hasTouch: true, isMobile: true });
  await page.getByRole('button', { name: 'Menu', exact: true }).click();
  await page.getByRole('dialog').getByRole('link', { name: 'Buckets' }).click();
  await page.waitForURL(/\/buckets$/);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
});

test('serving: the first load is small', async (t) => {
  const page = await t.page(null);
  const client = await page.context().newCDPSession(page);
  await client.send('Network.enable');
  let bytes = 0;
  const names = new Map();
  const sizes = [];
  client.on('Network.requestWillBeSent', (e) => names.set(e.requestId, new URL(e.request.url).pathname));
  client.on('Network.loadingFinished', (e) => {
    // The console's own files; what it asks of the API is as much as there is to show.
    if (/^\/api\//.test(names.get(e.requestId))) return;
    bytes += e.encodedDataLength;
    sizes.push([e.encodedDataLength, names.get(e.requestId)]);
  });
  await go(page, t.pail.console);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  process.stdout.write(`# first load: ${(bytes / 1024).toFixed(1)} KiB\n`);
  ok(bytes > 10_000 && bytes < FIRST_LOAD, `the first load is ${(bytes / 1024).toFixed(1)} KiB:\n${sizes.sort((a, b) => b[0] - a[0]).slice(0, 12).map((l) => l.join(' ')).join('\n')}`);
});

test('serving: interactive and listing within their times', async (t) => {
  const times = { interactive: [], listing: [] };
  for (let i = 0; i < ROUNDS; i++) {
    const page = await t.page('/', { as: null });
    const before = performance.now();
    await page.goto(t.pail.console);
    await page.getByLabel('Access key').waitFor();
    times.interactive.push(await page.evaluate(() => Math.max(...performance.getEntriesByType('paint').map((p) => p.startTime), performance.getEntriesByType('navigation')[0].domInteractive)));
    ok(performance.now() - before < 20 * INTERACTIVE_MS, 'it came at all');
    await page.context().close();
  }
  const page = await t.page('/objects');
  for (let i = 0; i < ROUNDS; i++) {
    await go(page, `${t.pail.console}/objects`);
    await page.getByText(FILES, { exact: true }).first().waitFor();
    times.listing.push(
      await page.evaluate(async (bucket) => {
        const link = [...document.querySelectorAll('#content a, #content [role=row]')].find((e) => e.textContent.includes(bucket));
        const start = performance.now();
        link.click();
        while (!/welcome\.txt/.test(document.querySelector('#content').textContent)) await new Promise((r) => requestAnimationFrame(r));
        return performance.now() - start;
      }, FILES),
    );
  }
  process.stdout.write(`# interactive ${times.interactive.map((n) => n.toFixed(0))} ms, listing ${times.listing.map((n) => n.toFixed(0))} ms\n`);
  ok(median(times.interactive) < INTERACTIVE_MS, `interactive: ${times.interactive}`);
  ok(median(times.listing) < LISTING_MS, `listing: ${times.listing}`);
}, { lonely: true });

test('serving: a server that goes away is missed, and waited for', async (t) => {
  const pail = await t.server();
  await pail.bucket('stays');
  const page = await t.page('/buckets', { pail, base: pail.console });
  await page.getByText('stays').first().waitFor();
  const away = page.getByText('The server cannot be reached. Trying again…');
  // Nobody touches the page: it asks by itself.
  await pail.kill();
  await away.waitFor({ timeout: 20_000 });
  await pail.start();
  await away.waitFor({ state: 'detached', timeout: 20_000 });
  // A request that gets no reply says it at once.
  await pail.kill();
  await page.locator('nav').getByRole('link', { name: 'Users' }).first().click();
  await away.waitFor({ timeout: 5_000 });
  await pail.start();
  await away.waitFor({ state: 'detached', timeout: 20_000 });
  await page.locator('nav').getByRole('link', { name: 'Buckets' }).first().click();
  await until(async () => (await page.locator('#content').innerText()).includes('stays'), 'the page is there again', 20);
}, { seconds: 150 });

test('serving: code that is needed while the server is away comes when it is back', async (t) => {
  const pail = await t.server();
  await pail.bucket('parts');
  for (const name of ['notes.md', 'paper.pdf', 'picture.png']) await pail.root.putObject('parts', name, ordinaryFiles[name][1], { 'content-type': ordinaryFiles[name][0] });
  const page = await t.page('/buckets/parts/policy', { pail, base: pail.console });
  const away = page.getByText('The server cannot be reached. Trying again…');
  const without = async (press, shown) => {
    await pail.kill();
    await press();
    await away.waitFor({ timeout: 15_000 });
    ok(!(await shown()), 'it is not there yet');
    await pail.start();
    await until(shown, 'it comes', 30);
  };
  await page.getByRole('button', { name: 'Begin with an empty one' }).waitFor();
  await without(() => page.getByRole('button', { name: 'Begin with an empty one' }).click(), () => page.locator('.cm-content').count());
  const preview = async (name, shown) => {
    await go(page, `${pail.console}/objects/parts?key=${name}`);
    await without(() => page.getByRole('tab', { name: 'Preview' }).click(), shown);
  };
  await preview('notes.md', () => page.getByRole('heading', { name: 'Notes', exact: true }).count());
  await preview('paper.pdf', () => page.getByText('Page 1 of 1').count());
  await preview('picture.png', () => page.evaluate(() => document.querySelector('[role=dialog] img')?.naturalWidth === 320));
}, { seconds: 150 });
