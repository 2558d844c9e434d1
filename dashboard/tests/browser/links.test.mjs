// Every filter stands in the address: it can be opened anew, and back and forward go through it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { rowsOf, settled, start, tab } from './support.mjs';

const A = '/accounts/21031067';

test('deep links', async (t) => {
  const world = await start();
  const { page, context, faults, open } = await tab(world);
  try {
    await t.test('an address opened in another tab shows the same rows', async () => {
      await open(`${A}/insights/activity?viewer=7`);
      await page.getByRole('button', { name: /^Activity/ }).click();
      await page.getByLabel('Connection expired').check();
      await page.getByLabel('Disconnected').check();
      await page.keyboard.press('Escape');
      await page.waitForURL(/type=app\.expired%2Capp\.disconnected/);
      await settled(page);
      const shown = await rowsOf(page, 'Activities');
      assert.match(page.url(), /type=app\.expired%2Capp\.disconnected/);
      const other = await context.newPage();
      await other.goto(page.url());
      await settled(other);
      assert.deepEqual((await rowsOf(other, 'Activities')).map((r) => r[0]), shown.map((r) => r[0]));
      await other.close();
    });
    await t.test('back and forward go through filters and screens', async () => {
      await open(`${A}/home?viewer=7`);
      await page.getByRole('link', { name: 'Insights' }).click();
      await page.getByRole('link', { name: 'Record insights' }).click();
      await page.getByText('Record type', { exact: true }).last().click();
      await page.waitForURL(/stack=type/);
      await page.getByRole('radio', { name: 'Table' }).check();
      await page.waitForURL(/as_records=table/);
      await page.goBack();
      await page.waitForURL((url) => !/as_records/.test(url));
      await page.waitForSelector('.canvas');
      await page.goBack();
      await page.waitForURL((url) => !/stack/.test(url));
      await page.goBack();
      await page.goBack();
      // The screen before is still drawn, and still, right after the address has changed.
      await page.locator('h1', { hasText: 'Connections' }).waitFor();
      await settled(page);
      await page.goForward();
      await page.goForward();
      await page.goForward();
      await page.goForward();
      await page.waitForSelector('#records-caption');
      await settled(page);
      assert.match(page.url(), /stack=type&as_records=table/);
      assert.ok((await rowsOf(page, 'Record insights')).length > 0);
    });
    await t.test('who looks goes along from screen to screen', async () => {
      await open(`${A}/home?viewer=7`);
      await page.getByRole('button', { name: /Viewing as/ }).click();
      await page.getByRole('button', { name: /Grace Hopkins/ }).click();
      await page.waitForURL(/viewer=9/);
      await page.waitForFunction(() => /You have connected no apps/.test(document.body.innerText));
      await page.getByRole('link', { name: 'Insights' }).click();
      assert.match(page.url(), /viewer=9/);
    });
    await t.test('the number of people opens a list that has an address', async () => {
      await open(`${A}/home?viewer=7`);
      await page.locator('.people-button').first().click();
      await page.waitForSelector('dialog tbody tr');
      assert.match(page.url(), /people=\d+/);
      await page.goBack();
      await page.waitForSelector('dialog', { state: 'detached' });
    });
    await t.test('an account is opened by its number, and remembered', async () => {
      await open('/');
      await page.getByLabel('Account number').fill('twelve');
      await page.keyboard.press('Enter');
      assert.match(await page.getByRole('alert').innerText(), /whole number/);
      await page.getByLabel('Account number').fill('21031067');
      await page.keyboard.press('Enter');
      await page.waitForURL(/accounts\/21031067\/home/);
      await settled(page);
      await page.goto(`${world.origin}/`);
      await page.getByRole('link', { name: 'Account 21031067' }).waitFor();
    });
    await t.test('accounts of the engine are offered, those opened before only once', async () => {
      await open('/');
      const offered = async () => page.locator('.recent a').allInnerTexts();
      assert.deepEqual((await offered()).sort(), ['Account 200', 'Account 21031067', 'Account 404', 'Account 666']);
      await page.getByLabel('Account number').fill('4');
      assert.deepEqual(await offered(), ['Account 21031067', 'Account 404']);
      await page.getByLabel('Account number').fill('77');
      await page.getByText('None of the accounts shown begins with 77.').waitFor();
      await page.getByLabel('Account number').fill('200');
      await page.getByRole('link', { name: 'Account 200' }).click();
      await page.waitForURL(/accounts\/200\/home$/);
      await open('/');
      assert.deepEqual(await offered(), ['Account 200', 'Account 21031067', 'Account 404', 'Account 666']);
      assert.match(await page.locator('.opening').innerText(), /Opened before\s+Account 200\s+Account 21031067\s+Other accounts of this engine\s+Account 404/);
    });
    await t.test('what is asked first is asked once, ahead of the script that wants it', async () => {
      const before = world.mock.asked.length;
      await open(`${A}/home?viewer=7`);
      const asked = world.mock.asked.slice(before);
      const first = [`/v1${A}/home?rows=100&viewer=7`, `/v1${A}/users`];
      assert.deepEqual(asked.slice(0, 2).sort(), first);
      for (const address of first) assert.equal(asked.filter((one) => one === address).length, 1, address);
      const ahead = await page.evaluate(() => performance.getEntriesByType('resource').filter((r) => r.initiatorType === 'link').map((r) => new URL(r.name)).map((u) => u.pathname + u.search));
      for (const address of first) assert.ok(ahead.includes(address), `${address} in ${ahead}`);
    });
    await t.test('days say UTC in a browser of another zone', async () => {
      await open(`${A}/insights/activity?viewer=7`);
      const [machine, shown] = await page.locator('tbody time').first().evaluate((x) => [x.dateTime, x.title]);
      assert.match(shown, / UTC$/);
      assert.ok(shown.includes(machine.slice(11, 19)), `${shown} for ${machine}`);
      assert.match(await page.locator('.proof').innerText(), /All days and times are in UTC/);
    });
    assert.deepEqual(faults, []);
  } finally {
    await world.close();
  }
});
