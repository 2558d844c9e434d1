// What happens in the account appears by itself: in the log, in the tables, also after the engine
// was away; and a request made by a button becomes an entry.
import assert from 'node:assert/strict';
import test from 'node:test';
import { rowsOf, settled, start, tab } from './support.mjs';

const A = '/accounts/21031067';

test('live', async (t) => {
  const world = await start();
  const { page, faults, open } = await tab(world);
  const loads = [];
  const posts = [];
  page.on('request', (request) => request.method() === 'POST' && posts.push(new URL(request.url()).pathname));
  page.on('framenavigated', (frame) => frame === page.mainFrame() && loads.push(frame.url()));
  const nameOf = (app) => world.mock.worlds.get(21031067).apps.find((a) => a.app === app).name;
  try {
    await t.test('an activity appears at the top without reloading, marked, and is announced', async () => {
      await open(`${A}/insights/activity?viewer=7`);
      await page.waitForSelector('.live.live');
      loads.length = 0;
      const before = await rowsOf(page, 'Activities');
      world.mock.publish(21031067, { type: 'app.reconnected', app: 503, user: 8, reason: 'Token renewed by hand' });
      await page.waitForSelector('tr.fresh');
      const after = await rowsOf(page, 'Activities');
      assert.match(after[0].join(' '), /Reconnected.*Warehouse Sync.*Adam Nowak.*Token renewed by hand/s);
      assert.deepEqual(after[1][0], before[0][0]);
      assert.match(await page.locator('.toast').innerText(), /New: Reconnected/);
      assert.deepEqual(loads, []);
    });
    await t.test('one that does not fit the filters does not appear', async () => {
      await open(`${A}/insights/activity?viewer=7&type=app.installed`);
      await page.waitForSelector('.live.live');
      const before = (await rowsOf(page, 'Activities')).length;
      world.mock.publish(21031067, { type: 'app.disconnected', app: 503, user: 8 });
      await page.waitForFunction(() => /New: Disconnected/.test(document.querySelector('.toast').innerText));
      world.mock.publish(21031067, { type: 'app.installed', app: 504, user: 9 });
      await page.waitForSelector('tr.fresh');
      const after = await rowsOf(page, 'Activities');
      assert.equal(after.length, before + 1);
      assert.ok(after.every((row) => row[0] === 'Installed'));
    });
    await t.test('a status changes where it stands, and a solved problem goes', async () => {
      await open(`${A}/home?viewer=7`);
      await page.waitForSelector('.live.live');
      const problem = page.locator('.problem', { hasText: nameOf(502) });
      assert.equal(await problem.count(), 1);
      world.mock.publish(21031067, { type: 'app.reconnected', app: 502, user: 7 });
      await problem.waitFor({ state: 'detached' });
      const row = (await rowsOf(page, 'My apps')).find((cells) => cells[0].startsWith(nameOf(502)));
      assert.equal(row[1], 'Connected');
    });
    await t.test('after the engine was away the stream comes back, and nothing is missed', async () => {
      await open(`${A}/insights/activity?viewer=7`);
      await page.waitForSelector('.live.live');
      world.mock.cutStreams();
      await page.waitForSelector('.live.lost');
      world.mock.publish(21031067, { type: 'sync.disabled', app: 501, user: 10 });
      await page.waitForSelector('.live.live');
      await page.waitForFunction(() => /Data sync turned off/.test(document.querySelector('tr.fresh')?.innerText ?? ''));
    });
    await t.test('a button asks first, sends one request with a key, and its entry appears', async () => {
      await open(`${A}/home?viewer=7`);
      const button = page.locator('.problem').first().getByRole('button');
      const asked = await button.innerText();
      await button.click();
      const dialog = page.getByRole('dialog');
      await dialog.waitFor();
      await dialog.getByRole('button', { name: asked }).click();
      await dialog.waitFor({ state: 'detached' });
      const [sent] = world.mock.actions;
      assert.equal(world.mock.actions.length, 1);
      assert.match(sent.key, /^[0-9a-f]{32}$/);
      assert.equal(sent.by, 7);
      assert.match(sent.type, /^action\.re(connect|authenticate)$/);
      await open(`${A}/insights/activity?viewer=7`);
      await settled(page);
      assert.match((await rowsOf(page, 'Activities'))[0].join(' '), /requested/);
      assert.deepEqual(posts.splice(0), [`/v1${A}/actions`]);
    });
    await t.test('pressed again after a failure it is the same request, done once', async () => {
      await open(`${A}/home?viewer=7`);
      world.mock.actions.length = 0;
      const busy = { status: 503, code: 'busy', detail: 'too much is in flight' };
      world.mock.fail('actions', busy);
      world.mock.fail('actions/answer', busy);
      await page.getByRole('button', { name: 'Actions for Mailbridge' }).click();
      await page.getByRole('menuitem', { name: 'Disconnect' }).click();
      const press = page.getByRole('dialog').getByRole('button', { name: 'Disconnect' });
      await press.click();
      await page.waitForFunction(() => /was not taken: too much is in flight/.test(document.querySelector('.toast').innerText));
      // Now it is done, but nobody hears of it.
      await Promise.all([page.waitForResponse((r) => r.status() === 503), press.click()]);
      await press.click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      const { key, ...sent } = world.mock.actions[0];
      assert.equal(world.mock.actions.length, 1);
      assert.match(key, /^[0-9a-f]{32}$/);
      assert.deepEqual(sent, { type: 'action.disconnect', account: 21031067, app: 501, user: 7, by: 7, sent: 2 });
      assert.deepEqual(posts.splice(0), Array(3).fill(`/v1${A}/actions`));
    });
    assert.deepEqual(faults, []);
  } finally {
    await world.close();
  }
});
