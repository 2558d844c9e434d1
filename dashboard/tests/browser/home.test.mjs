// What the home and an app's page say: in the reader's language, and by numbers that fit together.
import assert from 'node:assert/strict';
import test from 'node:test';
import { rowsOf, start, tab } from './support.mjs';

const A = '/accounts/21031067';

test('home and app', async (t) => {
  const world = await start();
  const { page, faults, open } = await tab(world);
  const mock = world.mock.worlds.get(21031067);
  try {
    await t.test('why an app seems a duplicate is said in Polish', async () => {
      await open(`${A}/home?viewer=7&lang=pl`);
      const why = await page.locator('.mark.warn').first().getAttribute('title');
      assert.match(why, /wspólne rodzaje zmian rekordów: 4 z 5/);
    });
    await t.test('buttons of an app ask for the connection that has the problem, by name', async () => {
      for (const [app, place, verb] of [[510, '.app-head', 'Reconnect'], [515, '.app-head', 'Re-authenticate'], [515, '#permissions', 'Re-authenticate']]) {
        const broken = mock.attention.find((row) => row.app === app);
        assert.notEqual(broken.user, 9);
        await open(`${A}/apps/${app}?viewer=9`);
        assert.equal(await page.locator('.app-head').getByRole('button', { name: 'Disconnect' }).count(), mock.connections.get(app).some((c) => c.user === 9 && c.state === 'connected') ? 1 : 0);
        await page.locator(place).getByRole('button', { name: verb, exact: true }).click();
        const dialog = page.getByRole('dialog');
        assert.match(await dialog.innerText(), new RegExp(`For ${broken.user_name}\\.`));
        const [sent] = await Promise.all([page.waitForRequest((r) => r.method() === 'POST'), dialog.getByRole('button', { name: verb }).click()]);
        assert.equal(sent.postDataJSON().user, broken.user);
        await dialog.waitFor({ state: 'detached' });
      }
    });
    await t.test('the numbers of the home add up, and people are as many as are listed', async () => {
      await open(`${A}/home?viewer=7`);
      const [apps, broken, mine, others] = (await page.locator('.stat-value').allInnerTexts()).map(Number);
      const [, fine] = /Apps without: (\d+)/.exec(await page.locator('.stats').innerText());
      assert.equal(broken + Number(fine), apps);
      assert.equal(mine + others, apps);
      await page.locator('.people-button').first().click();
      await page.waitForSelector('dialog tbody tr');
      const shown = await page.locator('dialog tbody tr').count();
      assert.equal(shown, mock.apps.find((a) => page.url().includes(`people=${a.app}`)).connections);
      await open(`${A}/apps/502?viewer=7`);
      const tile = await page.locator('.facts div', { hasText: 'People' }).locator('dd').innerText();
      assert.equal(await page.locator('#people-title .count').innerText(), tile);
      assert.ok((await rowsOf(page, 'People')).every(([name]) => !name.includes('Rolf Gone')));
    });
    await t.test('a request for oneself names oneself', async () => {
      await open(`${A}/home?viewer=7`);
      await page.locator('#others .menu-cell button').first().click();
      await page.getByRole('menuitem', { name: 'Install it yourself' }).click();
      assert.match(await page.getByRole('dialog').innerText(), /For Maja Kowalska\./);
    });
    assert.deepEqual(faults, []);
  } finally {
    await world.close();
  }
});
