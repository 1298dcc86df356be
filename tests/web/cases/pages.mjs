// SPDX-License-Identifier: Apache-2.0
// Every page: opens at its address, keeps still, is readable by machines, fits on a phone.
import { FILES, HOSTILE, SETTINGS, VERSIONED } from '../data.mjs';
import { NARROW, TRIPWIRE, WIDE, axe, dress, equal, go, ok, overflow, shot, test, until } from '../lib/rig.mjs';

/** Name of the picture, address, and a text that shows that it is this page. */
const places = {
  objects: [
    ['objects', '/objects', 'Objects'],
    ['objects-bucket', `/objects/${FILES}`, FILES],
    ['objects-folder', `/objects/${FILES}?prefix=reports%2F2026%2F`, '2026'],
    ['objects-details', `/objects/${FILES}?key=picture.png`, 'picture.png'],
    ['objects-versions', `/objects/${VERSIONED}?key=story.txt&tab=versions`, 'story.txt'],
    ['objects-hostile', `/objects/${HOSTILE}?prefix=names%2F`, 'names'],
    ['objects-missing', '/objects/no-such-bucket', 'no-such-bucket'],
  ],
  buckets: [
    ['buckets', '/buckets', 'Buckets'],
    ['buckets-new', '/buckets?new', 'Create'],
    ['bucket', `/buckets/${SETTINGS}`, SETTINGS],
    ['bucket-missing', '/buckets/no-such-bucket', 'no-such-bucket'],
  ],
  identity: [
    ['users', '/identity/users', 'Users'],
    ['user', '/identity/users/reader', 'reader'],
    ['user-hostile', `/identity/users/javascript%3D${TRIPWIRE}`, TRIPWIRE],
    ['users-new', '/identity/users?new', 'user'],
    ['groups', '/identity/groups', 'Groups'],
    ['roles', '/identity/roles', 'Roles'],
    ['policies', '/identity/policies', 'Policies'],
    ['policy', '/identity/policies/hostile', 'hostile'],
    ['policies-new', '/identity/policies?new', 'policy'],
    ['keys', '/identity/keys', 'Access keys'],
    ['providers', '/identity/providers', 'Identity providers'],
    ['accounts', '/identity/accounts', 'Accounts'],
    ['simulator', '/identity/simulator', 'Policy simulator'],
  ],
  operations: [
    ['overview', '/', 'Overview'],
    ['trace', '/monitoring/trace', 'Live trace'],
    ['audit', '/monitoring/audit', 'Audit log'],
    ['logs', '/monitoring/logs', 'Server log'],
    ['health', '/system/health', 'Health'],
    ['settings', '/system/settings', 'Settings'],
    ['encryption', '/system/encryption', 'Encryption'],
    ['tiers', '/system/tiers', 'Tiers'],
    ['connect', '/connect', 'Connect'],
    ['profile', '/profile', 'access key'],
    ['not-found', '/no/such/page', 'no such page'],
  ],
};

const bare = /\bundefined\b|\[object Object\]|\bNaN\b|\b(app|objects|buckets?|identity|overview|monitoring|system|ui|profile|connect)\.[a-z][A-Za-z]+\b/;

/** The same page in four dresses: what is wrong with it, as lines. */
async function look(page, name, wanted) {
  const wrong = [];
  const note = (where, lines) => wrong.push(...lines.map((l) => `${name}, ${where}: ${l}`));
  const words = () => page.locator('body').innerText();
  await until(async () => (await words()).toLowerCase().includes(wanted.toLowerCase()), wanted).catch(() => {});
  const text = await words();
  if (!text.toLowerCase().includes(wanted.toLowerCase())) note('1440', [`“${wanted}” is not on the page: ${text.slice(0, 300)}`]);
  // The page's own words only: values of a server may look like anything.
  if (bare.test(text)) note('1440', [`a bare “${bare.exec(text)[0]}”: …${text.slice(Math.max(0, text.search(bare) - 60)).slice(0, 140).replace(/\s+/g, ' ')}…`]);
  if ((await page.locator('h1').count()) < 1) note('1440', ['no heading']);
  if (!(await page.title())) note('1440', ['no title']);
  for (const size of [WIDE, NARROW]) {
    for (const theme of ['light', 'dark']) {
      await dress(page, theme, size);
      const where = `${size.width} ${theme}`;
      // Light and dark differ in colours only.
      note(where, await axe(page, theme === 'dark' ? { runOnly: { type: 'rule', values: ['color-contrast'] } } : {}));
      await shot(page, `${name}-${where.replace(' ', '-')}`);
    }
    const out = await overflow(page);
    if (out > 0) note(String(size.width), [`the page is ${out} px too wide`]);
  }
  await dress(page, 'light', WIDE);
  return wrong;
}

for (const [group, list] of Object.entries(places))
  test(`pages of ${group}: each opens at its address, light and dark, wide and narrow, axe`, async (t) => {
    const page = await t.page('/profile');
    const wrong = [];
    for (const [name, path, wanted] of list) {
      t.where = name;
      // A whole load, as a link from elsewhere or a reload is.
      await go(page, t.pail.console + path);
      wrong.push(...(await look(page, name, wanted).catch((e) => [`${name}: ${e.message}`])));
    }
    ok(wrong.length === 0, wrong.join('\n'));
  }, { seconds: 200 });

test('page sign-in: light, dark, wide, narrow, axe', async (t) => {
  const page = await t.page('/', { as: null });
  const wrong = await look(page, 'sign-in', 'Sign in');
  ok(wrong.length === 0, wrong.join('\n'));
});

test('page bucket: all of its sections', async (t) => {
  const page = await t.page(`/buckets/${SETTINGS}`);
  const sections = await until(async () => {
    const found = await page.locator(`#content a[href*="/buckets/${SETTINGS}/"]`).evaluateAll((links) => [...new Set(links.map((l) => new URL(l.href).pathname))]);
    return found.length > 0 && found;
  }, 'links to sections');
  const wrong = [];
  for (const path of sections) {
    await go(page, t.pail.console + path);
    wrong.push(...(await look(page, `bucket-${path.split('/').pop()}`, SETTINGS)));
  }
  ok(sections.length >= 8, `sections: ${sections}`);
  ok(wrong.length === 0, wrong.join('\n'));
}, { seconds: 150 });

test('page links of the navigation all lead somewhere', async (t) => {
  const page = await t.page('/');
  const nav = page.locator('nav[aria-label="Main"]');
  const links = await nav.locator('ul a').evaluateAll((all) => all.map((a) => [a.textContent, new URL(a.href).pathname]));
  ok(links.length >= 17, `links: ${links.length}`);
  for (const [text, path] of links) {
    await nav.locator(`ul a[href="${path}"]`).click();
    await page.waitForURL((u) => u.pathname === path);
    await until(() => page.locator('#content h1').count(), `a heading on ${path}`);
    equal(await nav.locator('ul a[aria-current="page"]').innerText(), text, 'the current page');
  }
  await page.goBack();
  await page.waitForURL((u) => u.pathname === links.at(-2)[1]);
});

test('theme: switching it changes all colours at once', async (t) => {
  for (const reducedMotion of ['reduce', 'no-preference']) {
    const page = await t.page('/buckets', { reducedMotion });
    await page.evaluate(() => {
      // One frame after a switch nothing is on its way any more.
      window.moved = [];
      window.frames = 0;
      const look = () =>
        requestAnimationFrame(() => {
          window.moved.push(...document.getAnimations().filter((a) => a instanceof CSSTransition).map((a) => `${a.transitionProperty} of ${a.effect.target.tagName} ${a.effect.target.className}`));
          requestAnimationFrame(() => window.frames++);
        });
      new MutationObserver(look).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
      matchMedia('(prefers-color-scheme: dark)').addEventListener('change', look);
    });
    const looked = (n) => until(() => page.evaluate((want) => window.frames >= want, n), 'a look');
    await page.emulateMedia({ colorScheme: 'dark' });
    await looked(1);
    await page.emulateMedia({ colorScheme: 'light' });
    await looked(2);
    await page.getByRole('button', { name: 'Appearance' }).click();
    await page.getByRole('menuitemradio', { name: 'Dark' }).or(page.getByRole('menuitem', { name: 'Dark' })).click();
    await looked(3);
    equal(await page.evaluate(() => [...new Set(window.moved)].slice(0, 8)), [], `${reducedMotion}: what still moves`);
    equal(await page.evaluate(() => Object.keys(document.documentElement.dataset)), ['theme'], 'what is left on the page');
    equal(await axe(page, { runOnly: { type: 'rule', values: ['color-contrast'] } }), [], 'axe');
  }
});
