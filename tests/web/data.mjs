// SPDX-License-Identifier: Apache-2.0
// What the shared server holds before the cases begin: ordinary things to look at, and hostile ones that must stay text.
import { crc32, deflateSync } from 'node:zlib';
import { allow } from './lib/pail.mjs';
import { TRIPWIRE } from './lib/rig.mjs';

export const FILES = 'files';
export const VERSIONED = 'versioned';
export const HOSTILE = 'hostile';
export const SETTINGS = 'settings-bucket';
const call = `${TRIPWIRE}('ran')`;

/** Texts that would run, break out, reorder or stretch if they were ever taken for markup. */
export const hostileTexts = [
  `<img src=x onerror=${call}>`,
  `"><svg onload=${call}>`,
  `<script>${call}</script>`,
  `javascript:${call}`,
  `'-${call}-'`,
  `{{constructor.constructor("${call}")()}}`,
  `<iframe srcdoc="<script>parent.${call}</script>">`,
  `\u202egnp.exe`,
  `${'w'.repeat(200)}`,
];

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32 ? crc32(body) : crcOf(body), body.length + 4);
  return out;
}

// Node.js 20 has no crc32 of its own.
function crcOf(data) {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** A picture of bright colours. */
export function png(width = 320, height = 200) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows.set([(x * 255) / width, (y * 255) / height, 160], y * (1 + width * 3) + 1 + x * 3);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** One page that says something, and that tries to run a script when it is opened. */
export function pdf(text, script) {
  const content = `BT /F1 36 Tf 72 700 Td (${text}) Tj ET`;
  const objects = [
    `<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (${script ?? ''}) >> >>`,
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> /Annots [6 0 R] >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    `<< /Type /Annot /Subtype /Link /Rect [72 690 300 740] /A << /S /URI /URI (javascript:${script ?? ''}) >> >>`,
  ];
  let out = '%PDF-1.4\n';
  const places = objects.map((o, i) => {
    const at = out.length;
    out += `${i + 1} 0 obj\n${o}\nendobj\n`;
    return at;
  });
  const start = out.length;
  out += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.map((p) => `${String(p).padStart(10, '0')} 00000 n \n`).join('')}`;
  return Buffer.from(`${out}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`, 'latin1');
}

export const hostileFiles = {
  'page.html': ['text/html', `<!doctype html><title>x</title><script>${call};parent.${call}</script><img src=x onerror="${call}"><img src="/${TRIPWIRE}.png">`],
  'picture.svg': ['image/svg+xml', `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100" onload="${call}"><script>${call}</script><image href="/${TRIPWIRE}.svg" width="10" height="10"/><foreignObject width="100" height="50"><img xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="${call}"/></foreignObject><circle cx="50" cy="50" r="40" fill="teal"/></svg>`],
  'text.md': ['text/markdown', `# Heading\n\n<script>${call}</script>\n<img src=x onerror=${call}>\n\n[link](javascript:${call}) ![far](http://other.invalid/${TRIPWIRE}.png) ![near](/${TRIPWIRE}.png)\n\n<a href="javascript:${call}">raw</a>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n`],
  'data.json': ['application/json', `{"</script><script>${call}</script>": "<img src=x onerror=${call}>", "n": 1}`],
  'table.csv': ['text/csv', `name,value\n"<img src=x onerror=${call}>","=cmd()"\n<script>${call}</script>,2\n`],
  'paper.pdf': ['application/pdf', pdf('Hostile', `app.alert\\(1\\);${call.replace(/[()]/g, '\\$&')}`)],
  'not-a-picture.png': ['image/png', `<script>${call}</script>`],
  'sniffed.txt': ['text/plain', `<html><script>${call}</script>`],
};

export const ordinaryFiles = {
  'welcome.txt': ['text/plain', 'Hello from a bucket.\nSecond line.\n'],
  'picture.png': ['image/png', png()],
  'settings.json': ['application/json', JSON.stringify({ name: 'pail', numbers: [1, 2, 3], nested: { yes: true } })],
  'table.csv': ['text/csv', `city,people\n${Array.from({ length: 40 }, (_, i) => `Town ${i},${i * 1000}`).join('\n')}\n`],
  'notes.md': ['text/markdown', '# Notes\n\nSome *words* and a [link](https://example.com/).\n\n- one\n- two\n\n```\ncode\n```\n'],
  'paper.pdf': ['application/pdf', pdf('A page of paper')],
  'reports/2026/january.txt': ['text/plain', 'January'],
  'reports/2026/february.txt': ['text/plain', 'February'],
  'reports/index.txt': ['text/plain', 'Index'],
  'archive/old.bin': ['application/octet-stream', Buffer.alloc(4096, 7)],
};

const tagging = (pairs) => `<Tagging><TagSet>${pairs.map(([k, v]) => `<Tag><Key>${escape(k)}</Key><Value>${escape(v)}</Value></Tag>`).join('')}</TagSet></Tagging>`;
const escape = (text) => text.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);

export async function prepare(pail) {
  const { root } = pail;
  await pail.bucket(FILES);
  for (const [name, [type, body]] of Object.entries(ordinaryFiles)) await root.putObject(FILES, name, body, { 'content-type': type });
  await pail.bucket(VERSIONED);
  await root.put(`/${VERSIONED}`, { versioning: '' }, '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>');
  for (const text of ['first\nsame\n', 'second\nsame\n', 'third\nsame\n']) await root.putObject(VERSIONED, 'story.txt', text, { 'content-type': 'text/plain' });
  await root.putObject(VERSIONED, 'gone.txt', 'was here');
  await root.ask('DELETE', `/${VERSIONED}/gone.txt`);
  await pail.bucket(SETTINGS);
  await hostileThings(pail);
  await pail.user('reader', allow(['s3:Get*', 's3:List*']));
  pail.people = { nobody: await pail.user('nobody') };
}

async function hostileThings({ root }) {
  await root.put(`/${HOSTILE}`);
  for (const [name, [type, body]] of Object.entries(hostileFiles)) await root.putObject(HOSTILE, name, body, { 'content-type': type });
  for (const text of hostileTexts) await root.putObject(HOSTILE, `names/${text}`, text, { 'content-type': 'text/plain' });
  for (const key of ['names/../up', 'names/./here', 'names//double', 'names/ space ', 'names/new\nline', 'names/%2e%2e/%00', 'names/?query#hash', 'names/{brace}', 'names/\u00e9\u4e2d\ud83d\ude80'])
    await root.putObject(HOSTILE, key, 'odd', { 'content-type': 'text/plain' });
  // Tags take fewer characters: letters, digits, spaces and _ . : / = + - @
  const tags = [['a', `javascript:${TRIPWIRE}`], ['onerror=', `/${TRIPWIRE}.png`]];
  await root.putObject(HOSTILE, 'dressed.txt', 'text', { 'content-type': 'text/plain', 'x-amz-meta-note': `<img src=x onerror=${call}>`, 'x-amz-meta-html': `"><script>${call}</script>`, 'content-disposition': `inline; filename="<script>${call}</script>.html"`, 'cache-control': `"><img src=x onerror=${call}>` });
  await root.put(`/${HOSTILE}/dressed.txt`, { tagging: '' }, tagging(tags));
  await root.put(`/${HOSTILE}`, { tagging: '' }, tagging(tags));
  const description = { Version: '2012-10-17', Statement: [{ Sid: 'a', ...allow('s3:GetObject', `arn:aws:s3:::${HOSTILE}/<img src=x onerror=${call}>`) }] };
  await root.iam('CreateUser', { UserName: `javascript=${TRIPWIRE}` });
  await root.iam('CreatePolicy', { PolicyName: 'hostile', PolicyDocument: JSON.stringify(description), Description: `<img src=x onerror=${call}>` });
  await root.iam('TagUser', { UserName: `javascript=${TRIPWIRE}`, 'Tags.member.1.Key': 'a', 'Tags.member.1.Value': `javascript:${TRIPWIRE}` });
}
