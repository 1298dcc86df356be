// SPDX-License-Identifier: Apache-2.0
// What the cases share: TAP, one browser, pages that are watched. Every page of a case is held to the same rules: no error on its
// console, no violation of the content policy, no request to another host, no dialog, and nothing of a bucket that runs.
import { createRequire } from 'node:module';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD, Pail, TEST_DIR } from './pail.mjs';

const modules = createRequire(join(process.env.PAIL_WEB_CLIENTS ?? join(BUILD, 'clients', 'web'), 'package.json'));
export const CHROMIUM = process.env.PAIL_CHROMIUM ?? '/usr/bin/chromium';
export const SHOTS = join(TEST_DIR, 'web');
const CASE_SECONDS = 90;
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
export const WIDE = { width: 1440, height: 900 };
export const NARROW = { width: 390, height: 844 };
/** What stands in hostile names and files: it has run when this function of the page was called. */
export const TRIPWIRE = '__tripwire';

const cases = [];
/** Declares a case. `lonely` ones measure: they run after the others, one by one. `large` ones only where they are asked for by name. */
export function test(name, run, options = {}) {
  cases.push({ name, run, ...options });
}

export class Skip extends Error {}

export function equal(actual, expected, what = 'value') {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b?.slice(0, 600)}, got ${a?.slice(0, 600)}`);
}

export function ok(condition, what) {
  if (!condition) throw new Error(what);
}

/** Asks again until the answer is true. What it is about may be missing at first, so asking may fail; the last failure is told. */
export async function until(ask, what, seconds = 20) {
  let failure;
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((r) => setTimeout(r, 50))) {
    try {
      const answer = await ask();
      if (answer) return answer;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`${what}: not within ${seconds} s${failure ? `: ${failure.message}` : ''}`);
}

let browser = null;

export async function openBrowser() {
  if (browser) return browser;
  const { chromium } = modules('playwright-core');
  browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS, timeout: 60_000 });
  return browser;
}

const axeSource = () => (axeSource.text ??= readFileSync(modules.resolve('axe-core/axe.min.js'), 'utf8'));

/** Reasons that do not count: a request that was refused is also told on the browser's console. */
const ordinary = (text) => /^Failed to load resource: the server responded with a status of (4\d\d|501)/.test(text) || /net::ERR_(ABORTED|CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|SOCKET_NOT_CONNECTED)/.test(text);

/** A case's own world. */
class Context {
  constructor(name, pail) {
    Object.assign(this, { name, pail, problems: [], contexts: [], servers: [], folders: [], forgiven: [] });
  }

  skip(why) {
    throw new Skip(why);
  }

  folder() {
    const path = mkdtempSync(join(TEST_DIR, 'files-web-'));
    this.folders.push(path);
    return path;
  }

  /** Another server, gone when the case ends. */
  async server(options) {
    const pail = new Pail('web-own', options);
    this.servers.push(pail);
    return pail.start();
  }

  /** Something that has to be discarded when the case ends. */
  keep(thing) {
    this.servers.push(thing);
    return thing;
  }

  /** A problem that the case brings about itself. */
  forgive(pattern) {
    this.forgiven.push(pattern);
  }

  complain(text) {
    if (!this.forgiven.some((p) => p.test(text))) this.problems.push(this.where ? `${this.where}: ${text}` : text);
  }

  /**
   * A page, signed in as `as` (root if it is not given, nobody if null), at `path` of the console.
   * It lives in a context of its own, as a private window does.
   */
  async page(path = '/', { as, theme = 'light', size = WIDE, base = this.pail.console, pail = this.pail, ...more } = {}) {
    const context = await (await openBrowser()).newContext({ viewport: size, colorScheme: theme, reducedMotion: 'reduce', acceptDownloads: true, locale: 'en-GB', ...more });
    this.contexts.push(context);
    await context.exposeBinding(TRIPWIRE, (_, ...words) => this.complain(`something of a bucket ran: ${words.join(' ')}`));
    if (as !== null) {
      const client = as ? pail.as(as) : pail.root;
      const credentials = await client.session();
      const who = (await pail.as(credentials).get('/pail/v1/session')).json;
      await context.addInitScript((state) => {
        // An empty page has no storage; a page that was signed out stays so.
        if (location.protocol !== 'http:' || sessionStorage.getItem('signed-in-once')) return;
        sessionStorage.setItem('pail.session', state);
        sessionStorage.setItem('signed-in-once', '1');
      }, JSON.stringify({ status: 'in', credentials, who }));
    }
    context.on('page', (page) => this.watch(page, base));
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    if (path !== null) await go(page, base + path);
    return page;
  }

  watch(page, base) {
    const { host } = new URL(base);
    page.on('console', (m) => {
      if (m.type() === 'error' && !ordinary(m.text())) this.complain(`console: ${m.text().slice(0, 500)}`);
      else if (/Content[- ]Security[- ]Policy/i.test(m.text())) this.complain(`content policy: ${m.text().slice(0, 500)}`);
    });
    page.on('pageerror', (e) => this.complain(`page error: ${String(e.stack ?? e).slice(0, 700)}`));
    page.on('crash', () => this.complain('the page crashed'));
    page.on('dialog', (d) => {
      // Leaving while something is under way asks, as it should.
      if (d.type() === 'beforeunload') return void d.accept().catch(() => {});
      this.complain(`a dialog said: ${d.message()}`);
      void d.dismiss().catch(() => {});
    });
    page.on('request', (r) => {
      const url = new URL(r.url());
      if (/^https?:|^wss?:/.test(url.protocol) && url.host !== host) this.complain(`a request to another host: ${r.url()}`);
      if (url.pathname.includes(TRIPWIRE) && !url.pathname.includes('/api/') && !r.isNavigationRequest()) this.complain(`a request of something in a bucket: ${r.url()}`);
    });
    page.on('response', (r) => {
      if (r.status() >= 500 && ![501, 503].includes(r.status())) this.complain(`${r.status()} for ${r.request().method()} ${r.url()}`);
    });
  }

  async end() {
    for (const c of this.contexts) await c.close().catch(() => {});
    for (const s of this.servers) s.discard();
    for (const f of this.folders) rmSync(f, { recursive: true, force: true });
  }
}

/** Goes to an address and waits until the page has what it asked for. */
export async function go(page, address) {
  await page.goto(address);
  await settle(page);
}

/** Goes there as a link of the page does, without loading it anew. */
export async function visit(page, path) {
  await page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
}

export async function settle(page, milliseconds = 8000) {
  await page.waitForLoadState('networkidle', { timeout: milliseconds }).catch(() => {});
  await page.waitForFunction(() => document.querySelector('h1') && !document.querySelector('#content [aria-busy="true"]'), null, { timeout: milliseconds }).catch(() => {});
}

export const frame = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** Uploads of the page go at so many bytes a second, until the function that it answers is called. */
export async function slowUploads(page, bytes) {
  const session = await page.context().newCDPSession(page);
  const set = (uploadThroughput) => session.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
  await session.send('Network.enable');
  await set(bytes);
  return () => set(-1);
}

/** Light or dark, wide or narrow. */
export async function dress(page, theme, size) {
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: theme });
  await frame(page);
}

/** What axe finds against WCAG 2.2 AA, as lines. */
export async function axe(page, options = {}) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeSource());
  const found = await page.evaluate(async (o) => {
    // What the component library says to readers of the screen points to what is gone again, for moments.
    const result = await window.axe.run({ exclude: [['[data-live-announcer]']] }, { runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }, resultTypes: ['violations'], ...o });
    return result.violations.flatMap((v) => v.nodes.slice(0, 3).map((n) => `axe ${v.id}: ${n.target.join(' ')}: ${(n.any[0] ?? n.all[0] ?? n.none[0])?.message ?? v.help} ${n.html.slice(0, 160)}`));
  }, options);
  return found;
}

export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), animations: 'disabled' });
}

/** The width by which a page sticks out. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

function report(good, name, detail, skipped) {
  const lines = (detail ?? '').trimEnd().split('\n').filter(Boolean).map((l) => `#   ${l}\n`);
  process.stdout.write(`${good ? 'ok' : 'not ok'} - ${name}${skipped ? ` # SKIP ${skipped}` : ''}\n${lines.join('')}`);
}

async function runOne({ name, run, seconds = CASE_SECONDS }, pail) {
  const t = new Context(name, pail);
  const start = performance.now();
  let timer;
  try {
    const late = new Promise((_, no) => (timer = setTimeout(() => no(new Error(`took more than ${seconds} s`)), seconds * 1000)));
    await Promise.race([run(t), late]);
    if (t.problems.length > 0) throw new Error([...new Set(t.problems)].join('\n'));
    report(true, `${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    return true;
  } catch (error) {
    if (error instanceof Skip) {
      report(true, name, '', error.message);
      return true;
    }
    if (process.env.PAIL_WEB_DEBUG)
      for (const [i, page] of t.contexts.flatMap((c) => c.pages()).entries()) await shot(page, `failed-${name.replace(/\W+/g, '-')}-${i}`).catch(() => {});
    const problems = t.problems.length > 0 ? `\n${[...new Set(t.problems)].slice(0, 12).join('\n')}` : '';
    report(false, name, String(error.stack ?? error).replace(/Browser logs:[^]*/, '') + (String(error.message).includes(t.problems[0]) ? '' : problems));
    return false;
  } finally {
    clearTimeout(timer);
    await t.end();
  }
}

/** Runs what the words choose: those with the word in their name; without words all but the large ones. */
export async function main({ words, lanes, prepare }) {
  if (!existsSync(CHROMIUM)) return report(true, 'web', '', `no Chromium on this machine (${CHROMIUM})`);
  const pail = await new Pail('web').start();
  let good = true;
  try {
    if (!pail.console || (await fetch(`${pail.console}/`)).status === 404) return report(true, 'web', '', 'this server is built without the web console');
    const chosen = cases.filter((c) => (words.length > 0 ? words.some((w) => c.name.includes(w)) : !c.large));
    await prepare(pail);
    const together = chosen.filter((c) => !c.lonely && !c.large);
    const lane = async () => {
      for (let next = together.shift(); next; next = together.shift()) good = (await runOne(next, pail)) && good;
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    for (const c of chosen) if (c.lonely || c.large) good = (await runOne(c, pail)) && good;
    await browser?.close();
    await pail.stop().catch((e) => {
      report(false, 'the server stops cleanly', e.message);
      good = false;
    });
  } catch (error) {
    report(false, 'set-up', error.stack);
    good = false;
  } finally {
    await browser?.close().catch(() => {});
    pail.discard();
  }
  process.exit(good ? 0 : 1);
}
