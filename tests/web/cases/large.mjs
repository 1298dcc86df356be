// SPDX-License-Identifier: Apache-2.0
// What is large: a file of a gigabyte whose upload is broken, a folder of a hundred thousand keys. Rows of their own in tests/run.
import { createHash } from 'node:crypto';
import { createReadStream, openSync, closeSync, ftruncateSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathOf } from '../lib/s3.mjs';
import { equal, go, ok, openBrowser, shot, test, until } from '../lib/rig.mjs';

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const RENDERER_GROWTH = 400 * MIB;
const KEYS = 100_000;
const FILLERS = 64;
const LISTING_MS = 200;
const ROWS_MOST = 120;

/** A sparse file in which every part differs. */
function sparse(path, size) {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, size);
  for (let at = 0; at < size; at += 4 * MIB) writeSync(fd, `part at ${at};`, at);
  writeSync(fd, 'the end', size - 7);
  closeSync(fd);
  return path;
}

async function sha256(path) {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 4 * MIB })) hash.update(part);
  return hash.digest('hex');
}

/** Bytes that the largest renderer holds. */
async function rendererMemory() {
  const session = await (await openBrowser()).newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return Math.max(0, ...processInfo.filter((p) => p.type === 'renderer').map((p) => {
    try {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${p.id}/status`, 'utf8'))[1]) * 1024;
    } catch {
      return 0;
    }
  }));
}

async function begin(t, pail, path) {
  await pail.bucket('large');
  const page = await t.page('/objects/large', { pail, base: pail.console });
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Upload', exact: true }).first().click();
  const before = await rendererMemory();
  await page.getByRole('menuitem', { name: 'Files…' }).click();
  await (await chooser).setFiles(path);
  return { page, before, panel: page.getByRole('region', { name: 'Transfers' }) };
}

/** Waits for the end and watches what the page holds meanwhile. */
async function finish(panel, seconds) {
  let most = 0;
  await until(async () => {
    most = Math.max(most, await rendererMemory());
    return panel.getByText('All transfers have ended').count();
  }, 'the end of the upload', seconds);
  ok((await panel.getByText(/^Done/).count()) > 0, await panel.innerText());
  return most;
}

const sent = async (panel) => {
  const [, number, unit] = /([\d.,]+)\s*(MiB|GiB) of/.exec(await panel.innerText()) ?? [];
  return number ? Number(number.replace(',', '')) * (unit === 'GiB' ? GIB : MIB) : 0;
};

test('large: 1 GiB whose server is killed in the middle goes on and ends whole', async (t) => {
  const pail = await t.server();
  const path = sparse(join(t.folder(), 'gigabyte.bin'), GIB);
  const { page, before, panel } = await begin(t, pail, path);
  await until(async () => (await sent(panel)) > 0.3 * GIB, 'a third is sent', 90);
  await pail.kill();
  await panel.getByText(/Waiting for the server/).waitFor({ timeout: 30_000 });
  await shot(page, 'flow-server-away');
  await pail.start();
  await until(async () => (await sent(panel)) > 0.5 * GIB, 'it goes on', 90);
  // The page is loaded anew: the same file goes on from what the server has.
  await page.reload();
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Upload', exact: true }).first().click();
  await page.getByRole('menuitem', { name: 'Files…' }).click();
  await (await chooser).setFiles(path);
  await panel.getByText(/Went on from/).waitFor({ timeout: 60_000 });
  await shot(page, 'flow-went-on');
  const most = await finish(panel, 180);
  const there = await pail.root.ask('GET', '/large/gigabyte.bin', { hashOf: true });
  equal(there.sha256, await sha256(path), 'checksum');
  equal((await pail.root.get('/large', { uploads: '' })).values('UploadId'), [], 'no upload is left');
  process.stdout.write(`# renderer: ${(before / MIB).toFixed(0)} MiB before, at most ${(most / MIB).toFixed(0)} MiB\n`);
  ok(most - before < RENDERER_GROWTH, `the renderer grew from ${before} to ${most} bytes`);
}, { large: true, seconds: 400 });

test('huge: memory stays the same during 5 GiB', async (t) => {
  const pail = await t.server();
  const { before, panel } = await begin(t, pail, sparse(join(t.folder(), 'five.bin'), 5 * GIB));
  const most = await finish(panel, 900);
  process.stdout.write(`# renderer: ${(before / MIB).toFixed(0)} MiB before, at most ${(most / MIB).toFixed(0)} MiB\n`);
  ok(most - before < RENDERER_GROWTH, `the renderer grew from ${before} to ${most} bytes`);
}, { large: true, seconds: 1000 });

test('large: a folder of 100,000 keys', async (t) => {
  const pail = await t.server();
  await pail.bucket('many');
  pail.root.agent.maxSockets = FILLERS;
  let next = 0;
  const fill = async () => {
    for (let i = next++; i < KEYS; i = next++) await pail.root.must('PUT', pathOf('many', `flat/key-${String(i).padStart(6, '0')}.txt`), { body: 'x' });
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: FILLERS }, fill));
  process.stdout.write(`# filled in ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
  const page = await t.page('/objects/many', { pail, base: pail.console });
  await page.getByText('flat', { exact: false }).first().waitFor();
  const times = [];
  for (let i = 0; i < 5; i++) {
    await go(page, `${pail.console}/objects/many`);
    await page.getByText(/^flat/).first().waitFor();
    times.push(
      await page.evaluate(async () => {
        const row = [...document.querySelectorAll('#content [role=row]')].find((e) => e.textContent.includes('flat'));
        const from = performance.now();
        row.click();
        while (!/key-000000/.test(document.querySelector('#content').textContent)) await new Promise((r) => requestAnimationFrame(r));
        return performance.now() - from;
      }),
    );
  }
  const middle = times.sort((a, b) => a - b)[2];
  process.stdout.write(`# first rows after ${times.map((n) => n.toFixed(0))} ms\n`);
  const rows = () => page.getByRole('row').count();
  ok((await rows()) < ROWS_MOST, 'rows at first');
  // Down by keys, as far as it is loaded, then to the very end.
  const all = page.getByRole('button', { name: 'Load all' });
  if (await all.count()) await all.click();
  await page.getByText('100,000 entries').waitFor({ timeout: 60_000 });
  await page.getByRole('row').nth(3).focus();
  await page.keyboard.press('End');
  await page.getByText('key-099999.txt').first().waitFor();
  ok((await rows()) < ROWS_MOST, 'rows at the end');
  await shot(page, 'flow-many-end');
  const frames = await page.evaluate(async () => {
    const scroller = [...document.querySelectorAll('#content *')].find((e) => e.scrollHeight > 100_000);
    let worst = 0;
    let last = performance.now();
    for (let i = 0; i < 100; i++) {
      scroller.scrollTop = (scroller.scrollHeight * i) / 100;
      await new Promise((r) => requestAnimationFrame(r));
      worst = Math.max(worst, performance.now() - last);
      last = performance.now();
    }
    return { worst, blank: !/key-/.test(document.querySelector('#content [role=grid]').textContent) };
  });
  process.stdout.write(`# the longest frame while scrolling: ${frames.worst.toFixed(0)} ms\n`);
  ok(!frames.blank, 'rows are drawn while it scrolls');
  await page.getByRole('searchbox').fill('77777');
  await page.getByText('key-077777.txt').first().waitFor({ timeout: 20_000 });
  ok(middle < LISTING_MS, `first rows after ${times.map((n) => n.toFixed(0))} ms`);
}, { large: true, seconds: 400 });
