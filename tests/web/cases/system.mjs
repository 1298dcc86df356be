// SPDX-License-Identifier: Apache-2.0
// What an administrator sets of the server itself.
import { axe, equal, ok, shot, test, until } from '../lib/rig.mjs';

test('settings: one is changed, refused, kept and reset', async (t) => {
  const pail = await t.server();
  const page = await t.page('/system/settings', { pail, base: pail.console });
  const of = async (name) => (await pail.root.get('/pail/v1/settings')).json.find((s) => s.name === name);
  const settings = (await pail.root.get('/pail/v1/settings')).json.filter((s) => s.changeable);
  const number = settings.find((s) => /^\d+$/.test(String(s.value)));
  const flag = settings.find((s) => /^(on|off)$/.test(String(s.value)));
  ok(number && flag, `changeable: ${settings.map((s) => `${s.name}=${s.value}`)}`);
  process.stdout.write(`# ${number.name}=${number.value} ${flag.name}=${flag.value}\n`);
  const open = async (name) => {
    await page.getByRole('searchbox').fill(name);
    await page.getByRole('button', { name: `Change ${name}`, exact: true }).click();
    return page.getByRole('dialog', { name: `Change ${name}` });
  };
  let dialog = await open(number.name);
  await dialog.getByLabel('Value').fill('no number');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByRole('alert').first().waitFor();
  await shot(page, 'flow-setting-refused');
  equal(await axe(page), [], 'axe');
  equal(String((await of(number.name)).value), String(number.value), 'nothing has changed');
  const other = String(Number(number.value) + 1);
  await dialog.getByLabel('Value').fill(other);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await until(async () => String((await of(number.name)).value) === other, 'it is set');
  equal((await of(number.name)).source, 'admin', 'by whom');
  dialog = await open(flag.name);
  await dialog.getByText(flag.value === 'on' ? 'Off' : 'On', { exact: true }).click();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await until(async () => (await of(flag.name)).value !== flag.value, 'the switch is set');
  // It outlives the server, and is taken back.
  await pail.kill();
  await pail.start();
  equal(String((await of(number.name)).value), other, 'after a restart');
  for (const s of [number, flag]) {
    await page.getByRole('searchbox').fill(s.name);
    await page.getByRole('button', { name: `Reset ${s.name}`, exact: true }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: /reset/i }).click();
    await until(async () => String((await of(s.name)).value) === String(s.value) && (await of(s.name)).source === 'default', `${s.name} is as it was`);
    await page.getByRole('button', { name: `Reset ${s.name}`, exact: true }).waitFor({ state: 'detached' });
  }
});
