// The CSV button gives the rows of its table: the same filters, every cell, also over several pages.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { parseCsv, rowsOf, settled, start, tab } from './support.mjs';

const A = '/accounts/21031067';

async function download(page, name) {
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).first().click()]);
  return { rows: parseCsv(readFileSync(await file.path(), 'utf8')), file: file.suggestedFilename() };
}

async function showAll(page) {
  for (;;) {
    const more = page.getByRole('button', { name: /^(Show \d+ more row|Load older entries)/ });
    if ((await more.count()) === 0) return;
    await more.first().click();
    await settled(page);
  }
}

const plain = (text) => text.replaceAll(',', '');

test('csv', async (t) => {
  const world = await start();
  const { page, faults, open } = await tab(world);
  const names = new Map(world.mock.worlds.get(21031067).apps.map((a) => [String(a.app), a.name]));
  try {
    await t.test('my apps', async () => {
      await open(`${A}/home?viewer=7&sort_mine=installed`);
      const shown = await rowsOf(page, 'My apps');
      const { rows, file } = await download(page, 'Download My apps as CSV');
      assert.equal(file, 'my-apps-21031067.csv');
      assert.equal(rows.length, shown.length);
      const byName = new Map(rows.map((row) => [row.name, row]));
      for (const [app, , date, by] of shown) {
        const row = byName.get(app.split('\n')[0]);
        assert.equal(new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }).format(new Date(row.installed)), date);
        assert.match(row.installed, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        assert.equal(row.installer_name, by);
      }
    });
    await t.test('other apps with a filter', async () => {
      await open(`${A}/home?viewer=7&other_state=connected&other_mark=unused`);
      const shown = await rowsOf(page, 'Other apps');
      const { rows } = await download(page, 'Download Other apps as CSV');
      assert.ok(shown.length > 0);
      assert.deepEqual(rows.map((r) => r.name).sort(), shown.map((cells) => cells[0].split('\n')[0]).sort());
    });
    await t.test('activities with two filters, to the last page', async () => {
      await open(`${A}/insights/activity?viewer=7&type=app.connected,app.error,app.installed&user=7,8,9,10,11`);
      await showAll(page);
      const shown = await page.locator('tbody tr time').evaluateAll((all) => all.map((x) => Date.parse(x.dateTime)));
      const { rows } = await download(page, 'Download Activities as CSV');
      assert.ok(shown.length > 10);
      assert.deepEqual(rows.map((r) => Date.parse(r.time)), shown);
      assert.ok(rows.every((r) => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(r.time) && r.app_name === names.get(r.app)));
      assert.ok(rows.some((r) => r.user === '7' && r.user_name === 'Maja Kowalska'));
      assert.ok(rows.every((r) => ['app.connected', 'app.error', 'app.installed'].includes(r.type)));
    });
    await t.test('API calls, cell by cell', async () => {
      await open(`${A}/insights/api?viewer=7&as_usage=table&kind=all`);
      await showAll(page);
      const shown = await rowsOf(page, 'API call usage');
      const { rows } = await download(page, 'Download API call usage as CSV');
      const numbers = (cells) => cells.map(plain).join(' ');
      assert.ok(rows.length > 300);
      assert.deepEqual(
        rows.map((r) => `${names.get(r.app)} ${numbers([r.calls, r.errors, r.limited])}`).sort(),
        shown.map(([, app, ...rest]) => `${app.split('\n').at(-1)} ${numbers(rest)}`).sort());
    });
    await t.test('record events over a short range', async () => {
      await open(`${A}/insights/records?viewer=7&as_records=table&stack=type&action=created,deleted`);
      await page.getByRole('button', { name: /^Range/ }).click();
      await page.getByRole('button', { name: '7 days' }).click();
      await settled(page);
      const shown = await rowsOf(page, 'Record insights');
      const { rows } = await download(page, 'Download Record insights as CSV');
      assert.equal(new Set(rows.map((r) => r.day)).size, 7);
      assert.deepEqual(rows.map((r) => Number(r.count)).sort(), shown.map((cells) => Number(plain(cells[2]))).sort());
    });
    await t.test('a large table: 200 apps, 30 days, page after page', async () => {
      await open('/accounts/200/insights/api?viewer=7&kind=all&as_usage=table');
      const { rows } = await download(page, 'Download API call usage as CSV');
      assert.equal(rows.length, world.mock.worlds.get(200).usage.length);
      assert.ok(rows.length > 5000);
    });
    await t.test('a file that cannot be made is said', async () => {
      await open(`${A}/home?viewer=7`);
      world.mock.fail('my_apps', { status: 503, code: 'busy', detail: 'too much is in flight' });
      await page.getByRole('button', { name: 'Download My apps as CSV' }).click();
      await page.waitForFunction(() => /could not be made: too much is in flight/.test(document.querySelector('.toast').innerText));
    });
    assert.deepEqual(faults, []);
  } finally {
    await world.close();
  }
});
