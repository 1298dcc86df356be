// SPDX-License-Identifier: Apache-2.0
// The object browser: what a user does with files.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FILES, HOSTILE, hostileFiles } from '../data.mjs';
import { axe, equal, frame, go, ok, shot, slowUploads, test, until, visit } from '../lib/rig.mjs';

const at = (bucket, query = '') => `/objects/${bucket}${query}`;
export const row = (page, name) => page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) }).first();
const tick = (page, name) => page.getByRole('checkbox', { name: `Select ${name}`, exact: true }).locator('xpath=ancestor-or-self::label').first().click();
const transfers = (page) => page.getByRole('region', { name: 'Transfers' });
const allDone = (page) => transfers(page).getByText('All transfers finished').waitFor({ timeout: 30_000 });

/** Escape, once what is open has the focus. */
async function escape(page, open) {
  await until(() => open.evaluate((e) => e.contains(document.activeElement)).catch(() => false), 'the focus is in what is open');
  await page.keyboard.press('Escape');
  await open.waitFor({ state: 'detached' });
}

/** A row gets the focus, after what was open has given it back. */
async function focusRow(page, name) {
  await row(page, name).waitFor();
  for (const role of ['dialog', 'alertdialog', 'combobox']) await page.getByRole(role).waitFor({ state: 'detached' });
  await frame(page);
  await row(page, name).focus();
}

async function menu(page, name, item) {
  await page.getByRole('button', { name: `Actions for ${name}`, exact: true }).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

async function choose(page, item, files) {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Upload', exact: true }).first().click();
  await page.getByRole('menuitem', { name: item }).click();
  await (await chooser).setFiles(files);
}

async function saved(page, press) {
  const download = page.waitForEvent('download');
  await press();
  const file = await download;
  return { name: file.suggestedFilename(), body: readFileSync(await file.path()) };
}

test('objects: upload chosen files, in parts where they are big', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('up-chosen');
  const folder = t.folder();
  const large = Buffer.alloc(40 << 20, 'pail');
  writeFileSync(join(folder, 'large.bin'), large);
  writeFileSync(join(folder, 'small é.txt'), 'small');
  writeFileSync(join(folder, 'empty'), '');
  const page = await t.page(at('up-chosen'));
  await choose(page, 'Files…', ['large.bin', 'small é.txt', 'empty'].map((n) => join(folder, n)));
  await allDone(page);
  await row(page, 'large.bin').waitFor();
  equal(await root.keys('up-chosen'), ['empty', 'large.bin', 'small é.txt'], 'keys');
  const there = await root.getObject('up-chosen', 'large.bin');
  ok(there.body.equals(large), 'the bytes are the same');
  ok(/-\d+"$/.test(there.headers.etag), 'it went in parts');
  equal(((await root.ask('HEAD', '/up-chosen/small%20%C3%A9.txt')).headers['content-type'] ?? '').split(';')[0], 'text/plain', 'type');
  await shot(page, 'flow-uploaded');
});

test('objects: upload by dropping files', async (t) => {
  await t.pail.bucket('up-dropped', { 'in/old.txt': 'x' });
  const page = await t.page(at('up-dropped', '?prefix=in%2F'));
  await page.getByText('old.txt').waitFor();
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['dropped one'], 'one.txt', { type: 'text/plain' }));
    transfer.items.add(new File(['dropped two'], 'two.txt', { type: 'text/plain' }));
    return transfer;
  });
  for (const event of ['dragenter', 'dragover']) await page.dispatchEvent('h1', event, { dataTransfer: data });
  await page.getByText(/Drop to upload to/).waitFor();
  await shot(page, 'flow-drop');
  await page.dispatchEvent('h1', 'drop', { dataTransfer: data });
  await allDone(page);
  await row(page, 'two.txt').waitFor();
  equal((await t.pail.root.getObject('up-dropped', 'in/one.txt')).text, 'dropped one', 'content');
});

test('objects: upload a folder with what is below it', async (t) => {
  await t.pail.bucket('up-folder');
  const folder = join(t.folder(), 'trip');
  mkdirSync(join(folder, 'day 1', 'deep'), { recursive: true });
  for (const name of ['index.txt', 'day 1/a.txt', 'day 1/deep/b.txt']) writeFileSync(join(folder, name), name);
  const page = await t.page(at('up-folder'));
  await choose(page, 'Folder…', folder);
  await allDone(page);
  equal(await t.pail.root.keys('up-folder'), ['trip/day 1/a.txt', 'trip/day 1/deep/b.txt', 'trip/index.txt'], 'keys');
  await row(page, 'trip/').or(row(page, 'trip')).first().click();
  await row(page, 'index.txt').waitFor();
});

test('objects: download one, and many as a zip', async (t) => {
  const page = await t.page(at(FILES));
  await row(page, 'welcome.txt').waitFor();
  const one = await saved(page, () => menu(page, 'welcome.txt', 'Download'));
  equal([one.name, one.body.toString()], ['welcome.txt', 'Hello from a bucket.\nSecond line.\n'], 'the file');
  // Where the browser has a picker for it the zip is written as it comes; a test cannot press that one's button.
  await page.evaluate(() => delete window.showSaveFilePicker);
  await page.evaluate(() => (window.showSaveFilePicker = undefined));
  await go(page, `${t.pail.console}/objects/${FILES}?prefix=reports%2F`);
  await page.evaluate(() => delete window.showSaveFilePicker);
  await row(page, 'index.txt').waitFor();
  await page.getByRole('checkbox', { name: 'Select all' }).locator('xpath=ancestor-or-self::label').first().click();
  const zip = await saved(page, () => page.getByRole('button', { name: 'Download as zip' }).click());
  ok(zip.name.endsWith('.zip') && zip.body.subarray(0, 2).toString() === 'PK', zip.name);
  for (const name of ['2026/january.txt', '2026/february.txt', 'index.txt']) ok(zip.body.includes(name), `${name} is in the zip`);
});

test('objects: a zip goes to the file that was chosen, as it comes', async (t) => {
  const page = await t.page(at(FILES, '?prefix=reports%2F'));
  await row(page, 'index.txt').waitFor();
  // A test cannot press the button of the browser's own picker; a file of the origin's own storage is written in the same way.
  await page.evaluate(() => {
    window.showSaveFilePicker = async ({ suggestedName }) => {
      window.asked = suggestedName;
      if (window.giveUp) throw new DOMException('no', 'AbortError');
      return (await navigator.storage.getDirectory()).getFileHandle('chosen.zip', { create: true });
    };
    window.giveUp = true;
  });
  await page.getByRole('checkbox', { name: 'Select all' }).locator('xpath=ancestor-or-self::label').first().click();
  const press = () => page.getByRole('button', { name: 'Download as zip' }).click();
  await press();
  await until(() => page.evaluate(() => window.asked), 'the picker is asked');
  equal(await transfers(page).count(), 0, 'who gives up gets nothing');
  await page.evaluate(() => (window.giveUp = false));
  await press();
  await allDone(page);
  const written = await page.evaluate(async () => {
    const file = await (await (await navigator.storage.getDirectory()).getFileHandle('chosen.zip')).getFile();
    return [window.asked, String.fromCharCode(...new Uint8Array(await file.arrayBuffer()))];
  });
  equal([written[0].endsWith('.zip'), written[1].slice(0, 2)], [true, 'PK'], 'a zip');
  for (const name of ['2026/january.txt', '2026/february.txt', 'index.txt']) ok(written[1].includes(name), `${name} is in the zip`);
});

test('objects: previews of text, JSON, CSV, Markdown, picture and PDF', async (t) => {
  const page = await t.page(at(FILES));
  const open = async (key) => {
    await go(page, `${t.pail.console}/objects/${FILES}?key=${key}&tab=preview`);
    return page.getByRole('dialog');
  };
  await (await open('welcome.txt')).getByText('Hello from a bucket.').waitFor();
  await (await open('settings.json')).getByText(/"nested": \{/).waitFor();
  await (await open('table.csv')).getByRole('columnheader', { name: 'people' }).waitFor();
  await (await open('notes.md')).getByRole('heading', { name: 'Notes', exact: true }).waitFor();
  await shot(page, 'flow-preview-markdown');
  const picture = (await open('picture.png')).getByRole('img').and(page.locator('img'));
  await until(() => picture.evaluate((i) => i.complete && i.naturalWidth), 'the picture is drawn').then((w) => equal(w, 320, 'width'));
  await shot(page, 'flow-preview-picture');
  const canvas = (await open('paper.pdf')).locator('canvas');
  await until(() => canvas.evaluate((c) => {
    const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
    let dark = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i] < 100 && data[i + 3] > 100) dark++;
    return dark > 50;
  }).catch(() => false), 'the PDF is drawn');
  await shot(page, 'flow-preview-pdf');
  await (await open('archive%2Fold.bin')).getByText('No preview for this kind of file').waitFor();
});

/** A second of a tone. */
function wav(rate = 8000) {
  const out = Buffer.alloc(44 + rate);
  out.write('RIFF', 0);
  out.writeUInt32LE(36 + rate, 4);
  out.write('WAVEfmt ', 8);
  out.writeUInt32LE(16, 16);
  out.writeUInt16LE(1, 20);
  out.writeUInt16LE(1, 22);
  out.writeUInt32LE(rate, 24);
  out.writeUInt32LE(rate, 28);
  out.writeUInt16LE(1, 32);
  out.writeUInt16LE(8, 34);
  out.write('data', 36);
  out.writeUInt32LE(rate, 40);
  for (let i = 0; i < rate; i++) out[44 + i] = 128 + 90 * Math.sin((i * 2 * Math.PI * 440) / rate);
  return out;
}

test('objects: preview of a sound, which can be played from the middle', async (t) => {
  await t.pail.bucket('sounds');
  await t.pail.root.putObject('sounds', 'tone.wav', wav(), { 'content-type': 'audio/wav' });
  await t.pail.root.putObject('sounds', 'broken.mp3', 'no sound', { 'content-type': 'audio/mpeg' });
  const page = await t.page('/objects/sounds?key=tone.wav&tab=preview');
  const audio = page.locator('audio');
  await until(() => audio.evaluate((a) => a.readyState >= 1 && Math.abs(a.duration - 1) < 0.05), 'its length is known');
  const played = await audio.evaluate(async (a) => {
    a.muted = true;
    a.currentTime = 0.5;
    await a.play();
    await new Promise((done) => (a.onended = done));
    return a.currentTime;
  });
  ok(played > 0.9, `played: ${played}`);
  equal(await axe(page), [], 'axe');
  await shot(page, 'flow-preview-audio');
  await go(page, `${t.pail.console}/objects/sounds?key=broken.mp3&tab=preview`);
  await page.getByText('It can’t be shown').waitFor();
});

test('objects: preview of a video', async (t) => {
  const page = await t.page(at(FILES));
  const video = await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 120 });
    const paint = canvas.getContext('2d');
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: 'video/webm;codecs=vp8' });
    const parts = [];
    recorder.ondataavailable = (e) => parts.push(e.data);
    const end = new Promise((done) => (recorder.onstop = done));
    recorder.start();
    for (let i = 0; i < 20; i++) {
      paint.fillStyle = `hsl(${i * 18} 80% 50%)`;
      paint.fillRect(0, 0, 160, 120);
      await new Promise((r) => setTimeout(r, 30));
    }
    recorder.stop();
    await end;
    return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
  });
  await t.pail.bucket('videos');
  await t.pail.root.putObject('videos', 'film.webm', Buffer.from(video), { 'content-type': 'video/webm' });
  await go(page, `${t.pail.console}/objects/videos?key=film.webm&tab=preview`);
  await until(() => page.locator('video').evaluate((v) => v.videoWidth === 160 && v.readyState >= 1), 'the video can be played');
});

test('objects: what is in files never runs', async (t) => {
  // A broken picture or paper says so; nothing else may.
  t.forgive(/InvalidPDF|Invalid PDF/);
  const page = await t.page(at(HOSTILE));
  for (const name of Object.keys(hostileFiles)) {
    await go(page, `${t.pail.console}/objects/${HOSTILE}?key=${encodeURIComponent(name)}&tab=preview`);
    await page.getByRole('dialog').getByText(name).first().waitFor();
    await page.waitForTimeout(300);
    const asText = page.getByRole('button', { name: 'Show as text' });
    if (await asText.count()) await asText.click();
    equal(await page.locator('#content iframe, [role=dialog] iframe, [role=dialog] object, [role=dialog] embed, [role=dialog] script').count(), 0, `frames of ${name}`);
    equal(await page.evaluate(() => [...document.querySelectorAll('a[href],area[href]')].map((a) => a.href).filter((h) => !/^https?:|^blob:|^mailto:/.test(h))), [], `links of ${name}`);
    const links = page.getByRole('dialog').locator('a');
    for (let i = 0; i < (await links.count()); i++) await links.nth(i).click({ timeout: 500, noWaitAfter: true }).catch(() => {});
  }
  equal(t.pail.console, new URL(page.url()).origin, 'the page is still here');
  // The addresses that a user may open in a tab of their own.
  const response = await page.request.get(`${t.pail.console}/api/${HOSTILE}/page.html`);
  ok(response.status() >= 400, 'unsigned: refused');
});

test('objects: names, metadata and tags are text', async (t) => {
  const page = await t.page(at(HOSTILE, '?prefix=names%2F'));
  await page.getByRole('grid').waitFor();
  const shown = await page.getByRole('row').count();
  ok(shown > 10, `rows: ${shown}`);
  for (const button of await page.getByRole('button', { name: /^Actions for/ }).all()) {
    await button.click();
    await escape(page, page.getByRole('menu'));
  }
  await go(page, `${t.pail.console}/objects/${HOSTILE}?key=dressed.txt`);
  await page.getByText('<img src=x onerror=', { exact: false }).first().waitFor();
  await page.getByRole('button', { name: 'Edit metadata' }).click();
  await escape(page, page.getByRole('dialog', { name: 'Edit metadata' }));
  await page.getByRole('button', { name: 'Edit tags' }).click();
  await page.keyboard.press('Escape');
  // Every odd name can be opened by clicking at its row.
  for (const prefix of ['names/', 'names/../', 'names/./', 'names//']) {
    await go(page, `${t.pail.console}/objects/${HOSTILE}?prefix=${encodeURIComponent(prefix)}`);
    const keys = (await t.pail.root.get(`/${HOSTILE}`, { 'list-type': 2, prefix, delimiter: '/' })).values('Key');
    const rows = page.getByRole('row').filter({ hasNot: page.getByRole('columnheader') });
    await until(async () => (await rows.count()) >= keys.length, `rows of ${prefix}`);
    for (const key of keys) {
      await visit(page, `/objects/${HOSTILE}?prefix=${encodeURIComponent(prefix)}&key=${encodeURIComponent(key)}`);
      const dialog = page.getByRole('dialog');
      await dialog.getByText('text/plain').first().waitFor();
      await escape(page, dialog);
    }
  }
}, { seconds: 120 });

test('objects: a share link works for somebody else, and ends with its time', async (t) => {
  const page = await t.page(at(FILES, '?key=welcome.txt'));
  await page.getByRole('dialog').getByRole('button', { name: 'Share…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Share' });
  const link = (await dialog.locator('code, pre').first().innerText()).trim();
  ok(link.startsWith(t.pail.endpoint), link);
  await dialog.getByRole('button', { name: 'QR code' }).click();
  await dialog.getByRole('img', { name: 'QR code for the link' }).waitFor();
  await shot(page, 'flow-share');
  const reply = await fetch(link);
  equal([reply.status, await reply.text()], [200, 'Hello from a bucket.\nSecond line.\n'], 'what a stranger gets');
  ok(/attachment/.test(reply.headers.get('content-disposition') ?? ''), 'as a download');
  equal((await fetch(link.replace('welcome.txt', 'picture.png'))).status, 403, 'another object by the same link');
  const expires = Number(new URL(link).searchParams.get('X-Amz-Expires'));
  ok(expires > 0 && expires <= 3600, `expires: ${expires}`);
});

test('objects: upload links for one object and for many', async (t) => {
  await t.pail.bucket('up-link');
  const page = await t.page(at('up-link'));
  await page.getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('menuitem', { name: 'Upload link…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Upload link' });
  await dialog.getByLabel('Object name').fill('from outside.txt');
  const command = await until(async () => /'(http[^']+)'/.exec((await dialog.locator('pre, code').last().innerText()))?.[1], 'a command');
  equal((await fetch(command, { method: 'PUT', body: 'sent' })).status, 200, 'PUT by the link');
  equal((await t.pail.root.getObject('up-link', 'from outside.txt')).text, 'sent', 'what came');
  await dialog.getByText('Many objects, below this folder').click();
  const form = await until(async () => {
    const text = await dialog.locator('pre, code').last().innerText();
    return /policy=/i.test(text) && text;
  }, 'a form');
  const body = new FormData();
  for (const [, name, value] of form.matchAll(/-F '([^=]+)=([^']*)'/g)) body.append(name, value);
  body.append('file', new Blob(['by a form']), 'form.txt');
  const url = /'(http[^']+)'\s*$/.exec(form)[1];
  const reply = await fetch(url, { method: 'POST', body });
  ok(reply.ok, `${reply.status} ${await reply.text()}`);
  await until(async () => (await t.pail.root.keys('up-link')).length === 2, 'the second object');
});

test('objects: tags and metadata are edited', async (t) => {
  await t.pail.bucket('edited', { 'thing.txt': 'thing' });
  const page = await t.page(at('edited', '?key=thing.txt'));
  await page.getByRole('button', { name: 'Edit tags' }).click();
  let dialog = page.getByRole('dialog', { name: 'Edit tags' });
  await dialog.getByRole('button', { name: 'Add' }).click();
  await dialog.getByLabel('Name').last().fill('team');
  await dialog.getByLabel('Value').last().fill('blue sky');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('team = blue sky').waitFor();
  equal((await t.pail.root.get('/edited/thing.txt', { tagging: '' })).values('Value'), ['blue sky'], 'tags on the server');
  await page.getByRole('button', { name: 'Edit metadata' }).click();
  dialog = page.getByRole('dialog', { name: 'Edit metadata' });
  await dialog.getByLabel('Content type').fill('text/x-special');
  await dialog.getByLabel('cache-control').fill('max-age=60');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await dialog.getByLabel('Name').last().fill('colour');
  await dialog.getByLabel('Value').last().fill('green');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  const { headers } = await t.pail.root.ask('HEAD', '/edited/thing.txt');
  equal([headers['content-type'], headers['cache-control'], headers['x-amz-meta-colour']], ['text/x-special', 'max-age=60', 'green'], 'headers');
  equal((await t.pail.root.get('/edited/thing.txt', { tagging: '' })).values('Value'), ['blue sky'], 'tags stay');
});

test('objects: versions: compare, restore, undo a delete, delete for good', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('history');
  await root.put('/history', { versioning: '' }, '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>');
  for (const text of ['one\nsame\n', 'two\nsame\n']) await root.putObject('history', 'story.txt', text, { 'content-type': 'text/plain' });
  const page = await t.page(at('history', '?key=story.txt&tab=versions'));
  const drawer = page.getByRole('dialog').first();
  const ticks = drawer.getByRole('checkbox');
  await until(async () => (await ticks.count()) === 2, 'two versions');
  for (const i of [0, 1]) await ticks.nth(i).locator('xpath=ancestor-or-self::label').first().click();
  await drawer.getByRole('button', { name: 'Compare' }).click();
  const compare = page.getByRole('dialog', { name: 'Compare versions' });
  for (const text of ['one', 'two']) await compare.getByText(text, { exact: false }).first().waitFor();
  await shot(page, 'flow-compare');
  await page.keyboard.press('Escape');
  await drawer.getByRole('button', { name: /^Actions for Version of/ }).last().click();
  await page.getByRole('menuitem', { name: 'Make latest' }).click();
  await until(async () => (await root.getObject('history', 'story.txt')).text === 'one\nsame\n', 'the first version is the latest');
  equal((await root.get('/history', { versions: '' })).values('VersionId').length, 3, 'versions');
  // Delete, and take it back.
  await drawer.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await until(async () => (await root.getObject('history', 'story.txt')).status === 404, 'it is gone');
  await page.getByRole('button', { name: 'Undo' }).click();
  await until(async () => (await root.getObject('history', 'story.txt')).status === 200, 'it is back');
  // A delete marker is shown among versions, and can be taken away.
  await root.ask('DELETE', '/history/story.txt');
  await go(page, `${t.pail.console}/objects/history`);
  await page.getByText('Versions', { exact: true }).click();
  await page.getByText('Delete marker', { exact: true }).waitFor();
  await shot(page, 'flow-delete-marker');
  await page.getByRole('button', { name: 'Actions for story.txt' }).first().click();
  await page.getByRole('menuitem', { name: 'Bring back' }).click();
  await until(async () => (await root.getObject('history', 'story.txt')).status === 200, 'it is back again');
  // For good.
  const before = (await root.get('/history', { versions: '' })).values('VersionId').length;
  await page.getByText('Delete marker', { exact: true }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Actions for story.txt' }).last().click();
  await page.getByRole('menuitem', { name: 'Delete for good…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await until(async () => (await root.get('/history', { versions: '' })).values('VersionId').length === before - 1, 'one version less');
});

test('objects: new folder, rename, copy, move, delete a folder', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('moving', { 'a.txt': 'A', 'from/b.txt': 'B', 'from/c/d.txt': 'D' });
  await t.pail.bucket('moving-to');
  const page = await t.page(at('moving'));
  await page.getByRole('button', { name: 'New folder' }).click();
  await page.getByLabel('Folder name').fill('made');
  await page.keyboard.press('Enter');
  await page.getByText('This folder is empty').waitFor();
  ok((await root.keys('moving')).includes('made/'), 'the folder is there');
  await page.goBack();
  await menu(page, 'a.txt', 'Rename…');
  await page.getByLabel('New name').fill('z.txt');
  await page.keyboard.press('Enter');
  await row(page, 'z.txt').waitFor();
  await until(async () => !(await root.keys('moving')).includes('a.txt'), 'the old name is gone');
  await menu(page, 'z.txt', 'Copy to…');
  const copy = page.getByRole('dialog', { name: /^Copy/ });
  await copy.getByLabel('Folder', { exact: true }).and(page.getByRole('textbox')).fill('made/');
  await copy.getByRole('button', { name: 'Copy here' }).click();
  await until(async () => (await root.keys('moving')).includes('made/z.txt'), 'the copy');
  await page.getByRole('button', { name: /^Actions for from/ }).click();
  await page.getByRole('menuitem', { name: 'Move to…' }).click();
  const move = page.getByRole('dialog', { name: /^Move/ });
  await move.getByRole('button', { name: /Bucket/ }).click();
  await page.getByRole('option', { name: 'moving-to' }).click();
  await move.getByRole('button', { name: 'Move here' }).click();
  await until(async () => (await root.keys('moving-to')).join() === 'from/b.txt,from/c/d.txt', 'the folder has moved');
  await page.getByRole('button', { name: /^Actions for from/ }).waitFor({ state: 'detached' });
  await until(async () => (await root.keys('moving')).join() === 'made/,made/z.txt,z.txt', 'what is left');
  await page.getByRole('button', { name: /^Actions for made/ }).click();
  await page.getByRole('menuitem', { name: 'Delete…' }).click();
  const sure = page.getByRole('alertdialog');
  ok(await sure.getByRole('button', { name: 'Delete', exact: true }).isDisabled(), 'its name has to be typed');
  await sure.getByRole('textbox').fill('made');
  await sure.getByRole('button', { name: 'Delete', exact: true }).click();
  await until(async () => (await root.keys('moving')).join() === 'z.txt', 'the folder is deleted');
});

test('objects: search, sort, and a selection', async (t) => {
  await t.pail.bucket('sorted', { 'b.txt': 'bb', 'a.txt': 'aaa', 'c.log': 'c', 'sub/hidden.txt': 'x' });
  const page = await t.page(at('sorted'));
  await row(page, 'a.txt').waitFor();
  const names = () => page.getByRole('row').filter({ hasNot: page.getByRole('columnheader') }).evaluateAll((rows) => rows.map((r) => (r.textContent.includes('hidden.txt') ? 'hidden.txt' : /sub|a\.txt|b\.txt|c\.log/.exec(r.textContent)?.[0])));
  await page.getByRole('columnheader', { name: 'Size' }).getByRole('button').click();
  await until(async () => (await names()).join() === 'sub,c.log,b.txt,a.txt', 'by size');
  await page.getByRole('columnheader', { name: 'Size' }).getByRole('button').click();
  await until(async () => (await names()).join() === 'sub,a.txt,b.txt,c.log', 'by size, the largest first');
  await page.getByRole('searchbox').fill('TXT');
  await until(async () => (await names()).filter((n) => n !== 'sub').sort().join() === 'a.txt,b.txt', 'found');
  await page.getByText('Include subfolders').click();
  await until(async () => (await names()).includes('hidden.txt'), 'found below');
  await page.getByRole('searchbox').fill('');
  await row(page, 'c.log').waitFor();
  await tick(page, 'a.txt');
  await tick(page, 'b.txt');
  await page.getByRole('toolbar', { name: '2 selected' }).waitFor();
  await shot(page, 'flow-selection');
  await page.getByRole('toolbar').getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await until(async () => (await t.pail.root.keys('sorted')).join() === 'c.log,sub/hidden.txt', 'both are deleted');
});

test('keyboard: browse, select, open, rename, delete', async (t) => {
  await t.pail.bucket('by-keys', { 'one.txt': '1', 'two.txt': '2', 'way/three.txt': '3' });
  const page = await t.page(at('by-keys'));
  await row(page, 'one.txt').waitFor();
  await page.keyboard.press('Control+k');
  await page.waitForFunction(() => document.activeElement?.tagName === 'INPUT');
  await page.keyboard.type('by-keys');
  await page.keyboard.press('Escape');
  await focusRow(page, 'one.txt');
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await row(page, 'three.txt').waitFor();
  // By Tab alone from the top of the page to the rows.
  await page.evaluate(() => document.activeElement?.blur());
  for (let i = 0; i < 60 && !(await page.evaluate(() => document.activeElement?.getAttribute('role') === 'row')); i++) await page.keyboard.press('Tab');
  ok(await page.evaluate(() => document.activeElement?.getAttribute('role') === 'row'), `rows can be reached by Tab, not only ${await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200))}`);
  await page.keyboard.press('Backspace');
  await focusRow(page, 'two.txt');
  await page.keyboard.press('Space');
  await page.getByRole('toolbar', { name: '1 selected' }).waitFor();
  await page.keyboard.press('F2');
  await page.getByLabel('New name').fill('second.txt');
  await page.keyboard.press('Enter');
  await focusRow(page, 'second.txt');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByText('second.txt').first().waitFor();
  await escape(page, page.getByRole('dialog'));
  await focusRow(page, 'second.txt');
  await page.keyboard.press('Delete');
  await page.getByRole('alertdialog').waitFor();
  for (let i = 0; i < 8 && (await page.evaluate(() => document.activeElement?.textContent)) !== 'Delete'; i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await until(async () => !(await t.pail.root.keys('by-keys')).some((k) => /two|second/.test(k)), 'deleted');
});

test('objects: pause and go on, and a server that goes away in the middle', async (t) => {
  const pail = await t.server();
  await pail.bucket('breaks');
  const folder = t.folder();
  const data = Buffer.alloc(96 << 20);
  for (let i = 0; i < data.length; i += 4096) data.writeUInt32LE(i, i);
  writeFileSync(join(folder, 'big.bin'), data);
  const page = await t.page('/objects/breaks', { pail, base: pail.console });
  const atFullSpeed = await slowUploads(page, 12 << 20); // it is to be under way still
  await choose(page, 'Files…', join(folder, 'big.bin'));
  await page.getByRole('button', { name: 'Pause: big.bin' }).click();
  await transfers(page).getByText(/^Paused at/).waitFor();
  await page.getByRole('button', { name: 'Resume: big.bin' }).click();
  await pail.kill();
  await transfers(page).getByText(/Waiting for the server/).waitFor({ timeout: 20_000 });
  await atFullSpeed();
  await pail.start();
  await allDone(page);
  const reply = await pail.root.ask('GET', '/breaks/big.bin', { hashOf: true });
  equal(reply.sha256, createHash('sha256').update(data).digest('hex'), 'checksum');
  equal((await pail.root.get('/breaks', { uploads: '' })).values('UploadId'), [], 'no upload is left');
});

test('objects: legal hold and retention of one version', async (t) => {
  const { root } = t.pail;
  await root.put('/held', {}, '', { 'x-amz-bucket-object-lock-enabled': 'true' });
  for (const text of ['one', 'two']) await root.putObject('held', 'contract.txt', text, { 'content-type': 'text/plain' });
  const [, older] = (await root.get('/held', { versions: '' })).values('VersionId');
  const on = async (what, tag) => (await root.ask('GET', '/held/contract.txt', { query: { [what]: '', versionId: older } })).value(tag);
  const page = await t.page(`/objects/held?key=contract.txt&version=${encodeURIComponent(older)}`);
  const hold = page.getByRole('switch', { name: /Legal hold/ });
  await hold.locator('xpath=ancestor-or-self::label').first().click();
  await until(async () => (await on('legal-hold', 'Status')) === 'ON', 'the hold');
  await until(() => hold.isChecked(), 'it is shown');
  await page.getByRole('button', { name: 'Edit retention' }).click();
  let dialog = page.getByRole('dialog', { name: 'Edit retention' });
  await dialog.getByLabel('Until').fill('2020-01-01T00:00');
  ok(await dialog.getByRole('button', { name: 'Save' }).isDisabled(), 'no time that is over');
  await dialog.getByLabel('Until').fill('2040-01-01T00:00');
  equal(await axe(page), [], 'axe');
  await shot(page, 'flow-retention');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  equal(await on('retention', 'Mode'), 'GOVERNANCE', 'retention');
  ok((await on('retention', 'RetainUntilDate')).startsWith('2040-01-01'), 'until');
  await page.getByText(/Governance.*2040/).first().waitFor();
  await shot(page, 'flow-locked');
  // It cannot be deleted, and the page says so.
  await page.getByRole('button', { name: 'Delete for good…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await transfers(page).getByText(/^Failed: Access/).waitFor();
  equal((await root.ask('GET', '/held/contract.txt', { query: { versionId: older } })).text, 'one', 'it is still there');
  await go(page, `${t.pail.console}/objects/held?key=contract.txt&version=${encodeURIComponent(older)}`);
  await hold.locator('xpath=ancestor-or-self::label').first().click();
  await until(async () => (await on('legal-hold', 'Status')) === 'OFF', 'no hold');
  await page.getByRole('button', { name: 'Edit retention' }).click();
  dialog = page.getByRole('dialog', { name: 'Edit retention' });
  await dialog.getByText('Lift the retention').click();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await until(async () => (await on('retention', 'Mode')) === undefined, 'no retention');
  await page.getByRole('button', { name: 'Delete for good…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await until(async () => (await root.get('/held', { versions: '' })).values('VersionId').length === 1, 'it can be deleted');
});

test('objects: restored from the archive', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('archived');
  await root.putObject('archived', 'old.txt', 'long ago', { 'content-type': 'text/plain', 'x-amz-storage-class': 'GLACIER' });
  const page = await t.page('/objects/archived?key=old.txt&tab=preview');
  const drawer = page.getByRole('dialog');
  await drawer.getByText('cannot be read before it is restored').waitFor();
  equal([await drawer.getByRole('button', { name: 'Download' }).count(), await drawer.getByRole('tab', { name: 'Preview' }).count()], [0, 0], 'nothing that would be refused');
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'detached' });
  // A download from the list would be refused: it leads here.
  await menu(page, 'old.txt', 'Download');
  await drawer.getByRole('button', { name: 'Restore from the archive…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Restore from the archive' });
  await dialog.getByLabel('Days that it can be read').fill('3');
  await dialog.getByRole('button', { name: /How fast/ }).click();
  await page.getByRole('option', { name: /^Bulk/ }).click();
  equal(await axe(page), [], 'axe');
  await shot(page, 'flow-restore');
  await dialog.getByRole('button', { name: 'Restore', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  const there = drawer.getByText('Restored from the archive; it can be read until');
  await drawer.getByText('on its way from the archive').or(there).waitFor(); // that takes the server two seconds
  // The page looks again by itself.
  await there.waitFor({ timeout: 20_000 });
  await drawer.getByRole('tab', { name: 'Preview' }).click();
  await drawer.getByText('long ago').waitFor();
  const until3 = (await root.ask('HEAD', '/archived/old.txt')).headers['x-amz-restore'];
  await drawer.getByRole('button', { name: 'Change…' }).click();
  await page.getByRole('dialog', { name: 'Restore from the archive' }).getByLabel('Days that it can be read').fill('30');
  await page.getByRole('dialog', { name: 'Restore from the archive' }).getByRole('button', { name: 'Restore', exact: true }).click();
  await until(async () => (await root.ask('HEAD', '/archived/old.txt')).headers['x-amz-restore'] !== until3, 'it stays longer');
});

test('objects: thousands are deleted with a bar and a way to stop, and come back', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('many');
  await root.put('/many', { versioning: '' }, '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>');
  const count = 3000;
  for (let i = 0; i < count; i += 100) await Promise.all(Array.from({ length: 100 }, (_, k) => root.putObject('many', `n${String(i + k).padStart(5, '0')}`, '')));
  const page = await t.page(at('many'));
  await row(page, 'n00000').waitFor();
  await page.getByRole('checkbox', { name: 'Select all' }).locator('xpath=ancestor-or-self::label').first().click();
  const bar = page.getByRole('toolbar', { name: /selected/ });
  // Who drops the selection while the rest is read does not get it back.
  const slow = async (route) => {
    await new Promise((r) => setTimeout(r, 300));
    await route.continue().catch(() => {});
  };
  await page.route(/list-type=2/, slow);
  await bar.getByRole('button', { name: 'Select all in this folder' }).click();
  await bar.getByRole('button', { name: 'Clear selection' }).click();
  await page.getByText('3,000 entries').waitFor();
  await page.waitForTimeout(300);
  equal(await bar.count(), 0, 'nothing is selected');
  await page.unroute(/list-type=2/, slow);
  await page.reload();
  await row(page, 'n00000').waitFor();
  await page.getByRole('checkbox', { name: 'Select all' }).locator('xpath=ancestor-or-self::label').first().click();
  // A list that is longer than what is loaded says so.
  await bar.getByRole('button', { name: 'Select all in this folder' }).click();
  await page.getByRole('toolbar', { name: '3,000 selected' }).waitFor();
  // Slow enough to be stopped in the middle.
  await page.route(/\/api\/many\?delete/, async (route) => {
    await new Promise((r) => setTimeout(r, 1000));
    await route.continue().catch(() => {});
  });
  await bar.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click();
  const progress = transfers(page).getByRole('progressbar').first();
  await until(async () => Number(await progress.getAttribute('aria-valuenow')) > 0, 'the bar moves');
  await shot(page, 'flow-delete-many');
  equal(await axe(page), [], 'axe');
  await transfers(page).getByRole('button', { name: /^(Stop|Cancel)/ }).click();
  await transfers(page).getByText(/^Stopped after/).waitFor();
  const left = async () => {
    let n = 0;
    for (let after = ''; ; ) {
      const keys = (await root.get('/many', { 'list-type': 2, 'start-after': after })).values('Key');
      if (keys.length === 0) return n;
      n += keys.length;
      after = keys.at(-1);
    }
  };
  const now = await left();
  ok(now > 0 && now < count, `left: ${now}`);
  await page.unroute(/\/api\/many\?delete/);
  await page.getByRole('button', { name: 'Undo' }).first().click();
  await page.getByText(/^Brought back/).first().waitFor({ timeout: 20_000 });
  equal(await left(), count, 'all are back');
}, { seconds: 120 });

test('objects: a folder with very many, which nothing brings back, wants their number typed', async (t) => {
  const { root } = t.pail;
  await t.pail.bucket('plenty', { 'few/a': '' });
  const count = 1001;
  for (let i = 0; i < count; i += 91) await Promise.all(Array.from({ length: 91 }, (_, k) => root.putObject('plenty', `much/${i + k}`, '')));
  const page = await t.page(at('plenty'));
  const sure = page.getByRole('alertdialog');
  const act = sure.getByRole('button', { name: 'Delete', exact: true });
  const ask = async (name) => {
    await page.getByRole('button', { name: new RegExp(`^Actions for ${name}`) }).click();
    await page.getByRole('menuitem', { name: 'Delete…' }).click();
  };
  await ask('much');
  await sure.getByText('In all, 1,001 objects are deleted.').waitFor();
  await sure.getByRole('textbox').fill('much');
  ok(await act.isDisabled(), 'the name is not enough');
  equal(await axe(page), [], 'axe');
  await shot(page, 'flow-delete-very-many');
  await sure.getByRole('button', { name: 'Cancel' }).click();
  // Behind delete markers nothing is lost.
  await root.put('/plenty', { versioning: '' }, '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>');
  await page.reload();
  await ask('much');
  await until(() => act.isEnabled(), 'a plain question');
  equal(await sure.getByRole('textbox').count(), 0, 'and nothing to type');
  await sure.getByRole('checkbox').locator('xpath=ancestor-or-self::label').click();
  await sure.getByText('In all, 1,001 versions are deleted.').waitFor();
  ok(await act.isDisabled(), 'for good: the number is asked for');
  await sure.getByRole('textbox').fill('1001');
  await act.click();
  await until(async () => (await root.keys('plenty')).join() === 'few/a', 'they are deleted');
});
