// Names of apps and people that attack: they are shown as they are, and nothing of them runs.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { assertAccessible, assertNoSidewaysScroll, shots, start, tab } from './support.mjs';

const H = '/accounts/666';

test('hostile names', async (t) => {
  const world = await start();
  const { apps } = world.mock.worlds.get(666);
  // A catalogue may name any address; only addresses of the web become links.
  apps[0].marketplace_url = 'javascript:window.pwned=5';
  apps[0].settings_url = 'data:text/html,<script>window.pwned=6</script>';
  world.mock.worlds.get(666).academy[0].link = 'javascript:window.pwned=7';
  world.mock.worlds.get(666).academy[0].title = '<svg onload="window.pwned=8">';
  world.mock.worlds.get(666).recommendations[0].why = '<iframe src="javascript:window.pwned=9"></iframe>';
  world.mock.worlds.get(666).attention.forEach((row) => { row.reason = '<img src=x onerror=window.pwned=10>'; });
  const screens = ['home?viewer=7', 'home?viewer=7&people=501', 'insights/activity?viewer=7', 'insights/academy?viewer=7', 'insights/api?viewer=7&kind=all',
    'insights/api?viewer=7&kind=all&as_usage=table', 'insights/records?viewer=7&stack=app', 'apps/501?viewer=7', 'apps/506?viewer=7'];
  try {
    for (const [size, width] of [['wide', 1280], ['phone', 390]]) {
      const { page, context, faults, open } = await tab(world, { width });
      for (const address of screens) {
        await t.test(`${address}, ${size}`, async () => {
          await open(`${H}/${address}`);
          await page.screenshot({ path: path.join(shots, `hostile-${address.replace(/\W+/g, '-')}-${size}.png`), fullPage: true });
          const found = await page.evaluate(() => ({
            pwned: window.pwned,
            made: document.querySelectorAll('img, iframe, object, embed, script:not([src^="/assets/"]), [onerror], [onload]').length,
            links: [...document.querySelectorAll('a[href]')].map((a) => a.href).filter((href) => !/^https?:/.test(href)),
            titles: document.querySelectorAll('h1').length,
          }));
          assert.deepEqual(found, { pwned: undefined, made: 0, links: [], titles: 1 });
          await assertAccessible(page, address);
          await assertNoSidewaysScroll(page, address);
          assert.deepEqual(faults.splice(0), []);
        });
      }
      await context.close();
    }
    await t.test('the name itself is what is shown', async () => {
      const { page, open } = await tab(world);
      await open(`${H}/apps/501?viewer=7`);
      assert.equal(await page.locator('h1').innerText(), '<img src=x onerror="window.pwned=1">');
      assert.match(await page.title(), /^<img src=x onerror="window.pwned=1"> ·/);
    });
    await t.test('values of the address are only ever parameters', async () => {
      const { page, faults, open } = await tab(world);
      await open(`${H}/insights/activity?viewer=7&type=${encodeURIComponent('"><img src=x onerror=window.pwned=11>')}&app=%3Cscript%3E`);
      assert.equal(await page.evaluate(() => window.pwned), undefined);
      await open(`${H}/home?viewer=${encodeURIComponent('7"><svg/onload=window.pwned=12>')}`);
      assert.equal(await page.evaluate(() => window.pwned), undefined);
      assert.deepEqual(faults, []);
    });
    await t.test('the policy stops a script that got in all the same', async () => {
      const { page, open } = await tab(world);
      await open(`${H}/home?viewer=7`);
      const ran = await page.evaluate(async () => {
        const script = document.createElement('script');
        try {
          script.text = 'window.pwned = 13';
          document.body.append(script);
        } catch { /* trusted types refuse already */ }
        await new Promise((done) => setTimeout(done, 50));
        return window.pwned;
      });
      assert.equal(ran, undefined);
    });
  } finally {
    await world.close();
  }
});
