// The page in the engine: the same binary, the same policy, data that was published and committed.
// DAYBOOKD names the program.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { eventsOf, publishTo } from '../../mock/events.mjs';
import { makeWorld } from '../../mock/world.mjs';
import { startEngine } from './engine.mjs';
import { assertAccessible, parseCsv, rowsOf, settled, shots, start, tab } from './support.mjs';

test('in the engine', { skip: process.env.DAYBOOKD ? false : 'DAYBOOKD names no program' }, async (t) => {
  const engine = await startEngine();
  process.env.PAGE_ORIGIN = engine.origin;
  const world = makeWorld({ account: 21031067, seed: 1, apps: 18, now: Date.now() });
  const browser = await start();
  const { page, faults, open } = await tab(browser);
  const A = '/accounts/21031067';
  try {
    await publishTo(engine.origin, eventsOf(world));
    for (const [name, address] of [['home', `${A}/home?viewer=7`], ['activities', `${A}/insights/activity?viewer=7`], ['academy', `${A}/insights/academy?viewer=7`],
      ['api', `${A}/insights/api?viewer=7`], ['records', `${A}/insights/records?viewer=7`], ['app', `${A}/apps/502?viewer=7`], ['start', '/'],
      ['nobody', '/accounts/5/home?viewer=1'], ['unknown-app', `${A}/apps/77?viewer=7`], ['nothing', '/accounts/5/insights/api?viewer=1']]) {
      await t.test(`${name} is shown from committed events`, async () => {
        await open(address);
        await page.screenshot({ path: path.join(shots, `engine-${name}.png`), fullPage: true });
        assert.equal(await page.locator('.failed').count(), 0, await page.locator('main').innerText());
        await assertAccessible(page, name);
        assert.deepEqual(faults.splice(0), []);
      });
    }
    await t.test('the numbers are those that were published', async () => {
      await open(`${A}/insights/records?viewer=7`);
      const total = world.records.reduce((n, r) => n + r.count, 0);
      assert.equal(await page.locator('.stat-value').first().innerText(), new Intl.NumberFormat('en-GB').format(total));
      await open(`${A}/insights/api?viewer=7&as_usage=table`);
      const of = world.usage.filter((u) => u.kind === 'private');
      const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download API call usage as CSV' }).click()]);
      const rows = parseCsv(readFileSync(await file.path(), 'utf8'));
      assert.deepEqual(rows.map((r) => `${r.day} ${r.app} ${r.calls} ${r.errors} ${r.limited}`).sort(),
        of.map((u) => `${u.day} ${u.app} ${u.calls} ${u.errors} ${u.limited}`).sort());
      assert.equal((await rowsOf(page, 'API call usage')).length, Math.min(60, rows.length));
    });
    await t.test('a live event appears without reload', async () => {
      await open(`${A}/insights/activity?viewer=7`);
      await page.waitForSelector('.live.live');
      await publishTo(engine.origin, [{ type: 'app.disconnected', account: 21031067, app: 503, user: 8, time: Date.now(), reason: 'Seen live' }]);
      await page.waitForSelector('tr.fresh');
      assert.match((await rowsOf(page, 'Activities'))[0].join(' '), /Disconnected.*Warehouse Sync.*Adam Nowak.*Seen live/s);
    });
    await t.test('a button writes its request into the log, once', async () => {
      await open(`${A}/home?viewer=7`);
      await page.locator('.problem').first().getByRole('button').click();
      const dialog = page.getByRole('dialog');
      const [sent] = await Promise.all([page.waitForRequest((r) => r.method() === 'POST'), dialog.getByRole('button', { name: /^Re/ }).click()]);
      await dialog.waitFor({ state: 'detached' });
      assert.equal(new URL(sent.url()).pathname, `/v1${A}/actions`);
      assert.deepEqual(Object.keys(sent.postDataJSON()).sort(), ['action', 'app', 'user', 'viewer']);
      await open(`${A}/insights/activity?viewer=7&type=action.reconnect,action.reauthenticate`);
      await settled(page);
      const rows = await rowsOf(page, 'Activities');
      assert.equal(rows.length, 1);
      assert.match(rows[0].join(' '), /requested.*Asked for by Maja Kowalska/s);
    });
    await t.test('what came twice and what was rejected is said', async () => {
      const twice = { type: 'record.created', account: 21031067, app: 503, time: Date.now() - 60000, object_type: 'contacts', id: 'seen-twice' };
      const received = async () => (await (await fetch(`${engine.origin}/v1${A}/records?group_by=`)).json()).received;
      const before = await received();
      await publishTo(engine.origin, [twice]);
      await publishTo(engine.origin, [twice]);
      const n = await received();
      assert.equal(n.duplicate, before.duplicate + 1);
      const say = (count, one, many) => (count ? [`${new Intl.NumberFormat('en-GB').format(count)} ${count === 1 ? one : many}`] : []);
      const parts = [...say(n.late, 'late event (counted)', 'late events (counted)'),
        ...say(n.duplicate, 'duplicate (counted once)', 'duplicates (counted once)'),
        ...say(n.rejected, 'rejected event (not counted)', 'rejected events (not counted)')];
      await open(`${A}/insights/records?viewer=7`);
      const said = await page.locator('.proof .received').innerText();
      assert.equal(said.trim(), `Received for this account on these days: ${new Intl.ListFormat('en-GB').format(parts)}.`);
    });
    await t.test('first view', async () => {
      const { context, open: openNew, page: fresh } = await tab(browser, { bare: true });
      await fresh.addInitScript(() => {
        new MutationObserver(() => {
          if (!globalThis.shownAt && document.querySelector('#mine tbody tr')) globalThis.shownAt = performance.now();
        }).observe(document, { childList: true, subtree: true });
      });
      await openNew(`${A}/home?viewer=7`);
      const times = await fresh.evaluate(() => ({
        paint: Math.round(performance.getEntriesByName('first-contentful-paint')[0].startTime), rows: Math.round(globalThis.shownAt),
      }));
      console.log(`first view in an empty cache: first paint ${times.paint} ms, tables ${times.rows} ms`);
      await context.close();
    });
    assert.deepEqual(faults, []);
  } finally {
    await browser.close();
    await engine.close();
  }
});
