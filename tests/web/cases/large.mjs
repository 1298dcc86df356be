// SPDX-License-Identifier: Apache-2.0
// What is large: a file of a gigabyte whose upload is broken, folders of a hundred thousand keys and of a million. Rows of their own in tests/run.
import { createHash } from 'node:crypto';
import { createReadStream, openSync, closeSync, ftruncateSync, readFileSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pathOf } from '../lib/s3.mjs';
import { equal, go, ok, openBrowser, shot, slowUploads, test, until } from '../lib/rig.mjs';

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const RENDERER_GROWTH = 400 * MIB;
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
    return panel.getByText('All transfers finished').count();
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
  const atFullSpeed = await slowUploads(page, 100 * MIB); // it is to be under way still
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
  await panel.getByText(/Resumed at/).waitFor({ timeout: 60_000 });
  await atFullSpeed();
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

/** PUTs of one byte by nobody, over raw connections: what a client costs would be most of the time. */
async function fill(pail, bucket, count) {
  await pail.bucket(bucket);
  await pail.root.must('DELETE', pathOf(bucket), { query: { publicAccessBlock: '' } });
  await pail.root.put(pathOf(bucket), { policy: '' }, JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:PutObject', Resource: `arn:aws:s3:::${bucket}/*` }] }));
  let next = 0;
  const start = performance.now();
  const connection = () =>
    new Promise((resolve, reject) => {
      const socket = connect(pail.port, '127.0.0.1').setNoDelay(true);
      let text = '';
      const put = () => {
        if (next >= count) return void socket.end(resolve);
        socket.write(`PUT /${bucket}/flat/key-${keyName(next++)}.txt HTTP/1.1\r\nHost: ${pail.root.host}\r\nContent-Length: 1\r\n\r\nx`);
      };
      socket.on('connect', put).on('error', reject).on('data', (part) => {
        text += part.toString('latin1');
        if (!text.includes('\r\n\r\n')) return;
        if (!text.startsWith('HTTP/1.1 200')) return void reject(new Error(text));
        text = '';
        put();
      });
    });
  await Promise.all(Array.from({ length: FILLERS }, connection));
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(`# filled in ${seconds.toFixed(0)} s, ${(count / seconds).toFixed(0)} a second\n`);
}

const keyName = (i) => String(i).padStart(7, '0');

async function hugeFolder(t, keys, loadSeconds) {
  const pail = await t.server();
  await fill(pail, 'many', keys);
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
        while (!/key-0000000/.test(document.querySelector('#content').textContent)) await new Promise((r) => requestAnimationFrame(r));
        return performance.now() - from;
      }),
    );
  }
  const middle = times.sort((a, b) => a - b)[2];
  process.stdout.write(`# first rows after ${times.map((n) => n.toFixed(0))} ms\n`);
  const rows = () => page.getByRole('row').count();
  ok((await rows()) < ROWS_MOST, 'rows at first');
  // Down by keys, as far as it is loaded, then to the very end.
  const before = await rendererMemory();
  const start = performance.now();
  const all = page.getByRole('button', { name: 'Load all' });
  if (await all.count()) await all.click();
  await page.getByText(`${keys.toLocaleString('en-GB')} entries`).waitFor({ timeout: loadSeconds * 1000 });
  process.stdout.write(`# all keys after ${((performance.now() - start) / 1000).toFixed(1)} s; renderer: ${(before / MIB).toFixed(0)} MiB before, ${((await rendererMemory()) / MIB).toFixed(0)} MiB then\n`);
  await page.getByRole('row').nth(3).focus();
  await page.keyboard.press('End');
  await page.getByText(`key-${keyName(keys - 1)}.txt`).first().waitFor();
  ok((await rows()) < ROWS_MOST, 'rows at the end');
  await shot(page, 'flow-many-end');
  const frames = await page.evaluate(async () => {
    const scroller = [...document.querySelectorAll('#content *')].find((e) => e.scrollHeight > 100_000);
    const measure = async (count, place) => {
      const times = [];
      let last = performance.now();
      for (let i = 0; i < count; i++) {
        scroller.scrollTop = place(i);
        await new Promise((r) => requestAnimationFrame(r));
        times.push(performance.now() - last);
        last = performance.now();
      }
      times.sort((a, b) => a - b);
      return [times[count >> 1], times[Math.floor(count * 0.95)], times[count - 1]].map((n) => n.toFixed(0)).join(' / ');
    };
    // Each frame elsewhere, which draws every row anew; then as a wheel turns.
    const jumps = await measure(100, (i) => (scroller.scrollHeight * i) / 100);
    const wheel = await measure(200, (i) => i * 120);
    return { jumps, wheel, blank: !/key-/.test(document.querySelector('#content [role=grid]').textContent) };
  });
  process.stdout.write(`# frames (median / p95 / longest): ${frames.jumps} ms jumping, ${frames.wheel} ms scrolling\n`);
  ok(!frames.blank, 'rows are drawn while it scrolls');
  const found = performance.now();
  await page.getByRole('searchbox').fill('77777');
  await page.getByText('key-0077777.txt').first().waitFor({ timeout: 20_000 });
  process.stdout.write(`# found after ${(performance.now() - found).toFixed(0)} ms\n`);
  ok(middle < LISTING_MS, `first rows after ${times.map((n) => n.toFixed(0))} ms`);
}

test('large: a folder of 100,000 keys', (t) => hugeFolder(t, 100_000, 60), { large: true, seconds: 400 });
test('huge: a folder of 1,000,000 keys', (t) => hugeFolder(t, 1_000_000, 240), { large: true, seconds: 900 });
