// Every screen in both languages and both themes, wide and on a phone: nothing axe-core objects to,
// no fault, no sideways scrolling, every text translated; a picture of each in BUILD/screenshots.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { assertAccessible, assertNoSidewaysScroll, settled, shots, start, tab } from './support.mjs';

const A = '/accounts/21031067';
const EMPTY = '/accounts/404';
const SCREENS = [
  ['start', '/'],
  ['who', `${A}/home`],
  ['home', `${A}/home?viewer=7`],
  ['people', `${A}/home?viewer=7&people=503`],
  ['activities', `${A}/insights/activity?viewer=7`],
  ['academy', `${A}/insights/academy?viewer=7`],
  ['api', `${A}/insights/api?viewer=7`],
  ['api-table', `${A}/insights/api?viewer=7&as_usage=table`],
  ['api-today', `${A}/insights/api?viewer=7&by=today`],
  ['api-yesterday-table', `${A}/insights/api?viewer=7&by=yesterday&as_usage=table`],
  ['records', `${A}/insights/records?viewer=7`],
  ['records-types', `${A}/insights/records?viewer=7&stack=type&as_records=table`],
  ['app', `${A}/apps/502?viewer=7`],
  ['notifications', `${A}/notifications?viewer=7`],
  ['lost', `${A}/nowhere`],
  ['no-such-app', `${A}/apps/999999?viewer=7`],
  ['empty-home', `${EMPTY}/home?viewer=7`],
  ['empty-activities', `${EMPTY}/insights/activity?viewer=7`],
  ['empty-academy', `${EMPTY}/insights/academy?viewer=7`],
  ['empty-api', `${EMPTY}/insights/api?viewer=7`],
  ['empty-today', `${EMPTY}/insights/api?viewer=7&by=today`],
  ['empty-records', `${EMPTY}/insights/records?viewer=7`],
  ['filtered-away', `${A}/insights/activity?viewer=7&app=501&user=99999`],
];

test('screens', async (t) => {
  const world = await start();
  try {
    for (const lang of ['en', 'pl']) {
      for (const theme of ['light', 'dark']) {
        for (const [size, width, height] of [['wide', 1280, 900], ['phone', 390, 844]]) {
          const { page, context, faults, open } = await tab(world, { width, height });
          for (const [name, address] of SCREENS) {
            await t.test(`${name}, ${lang}, ${theme}, ${size}`, async () => {
              await open(`${address}${address.includes('?') ? '&' : '?'}lang=${lang}&theme=${theme}`);
              const where = `${name}-${lang}-${theme}-${size}`;
              await page.screenshot({ path: path.join(shots, `${where}.png`), fullPage: true });
              await assertAccessible(page, where);
              await assertNoSidewaysScroll(page, where);
              assert.deepEqual(faults.splice(0), []);
              assert.equal(await page.evaluate(() => document.documentElement.lang), lang);
              assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), theme);
              const words = await page.evaluate(() => document.body.innerText);
              assert.doesNotMatch(words, /\{\w+\}|undefined|\bNaN\b|\[object/, where);
              if (lang === 'pl') assert.doesNotMatch(words, /\b(ago|yesterday|Connected|Filter|Loading|Users?)\b/, where);
            });
          }
          await context.close();
        }
      }
    }
  } finally {
    await world.close();
  }
});

const WIDTHS = [320, 768, 900, 1024, 1280];
const WIDE_TABLES = [
  ['home-large', '/accounts/200/home?viewer=7'],
  ['activities-large', '/accounts/200/insights/activity?viewer=7'],
  ['app-reauth', `${A}/apps/515?viewer=7&as_distinct=table`],
  ['app-disconnected', `${A}/apps/510?viewer=7`],
  ['hostile-home', '/accounts/666/home?viewer=7'],
];

test('no screen scrolls sideways', async (t) => {
  const world = await start();
  const { page, faults, open } = await tab(world, { bare: true });
  try {
    for (const lang of ['en', 'pl']) {
      for (const [name, address] of [...SCREENS, ...WIDE_TABLES]) {
        await t.test(`${name}, ${lang}`, async () => {
          await page.setViewportSize({ width: WIDTHS.at(-1), height: 900 });
          await open(`${address}${address.includes('?') ? '&' : '?'}lang=${lang}`);
          for (const width of [...WIDTHS].reverse()) {
            await page.setViewportSize({ width, height: 900 });
            await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
            await assertNoSidewaysScroll(page, `${name}-${lang}-${width}`);
          }
          assert.deepEqual(faults.splice(0), []);
        });
      }
    }
    await t.test('a table is a table where it fits, and cards where it does not', async () => {
      await open(`${A}/home?viewer=7&lang=pl`);
      for (const [width, display] of [[1280, 'table-row'], [390, 'block'], [1280, 'table-row'], [768, 'block'], [1024, 'table-row']]) {
        await page.setViewportSize({ width, height: 900 });
        await page.waitForFunction((wanted) => getComputedStyle(document.querySelector('#others tbody tr')).display === wanted, display);
      }
    });
  } finally {
    await world.close();
  }
});

test('trouble', async (t) => {
  const world = await start();
  const { page, faults, open } = await tab(world);
  const cases = [
    ['busy', { status: 503, code: 'busy', detail: 'too much is in flight' }, 'The engine is busy'],
    ['limit', { status: 422, code: 'limit', detail: 'over the budget; name fewer apps' }, 'That is too much for one question'],
    ['gone', { drop: true, times: 99 }, 'The engine does not answer'],
  ];
  try {
    for (const [name, trouble, title] of cases) {
      await t.test(`${name} is explained, and trying again helps`, async () => {
        world.mock.fail('home', trouble);
        await page.goto(`${world.origin}${A}/home?viewer=7`);
        await page.waitForSelector('.failed');
        assert.match(await page.locator('.failed').innerText(), new RegExp(title));
        if (trouble.detail) assert.match(await page.locator('.failed').innerText(), new RegExp(trouble.detail));
        await assertAccessible(page, name);
        await page.screenshot({ path: path.join(shots, `trouble-${name}.png`) });
        world.mock.troubles.length = 0;
        await page.getByRole('button', { name: 'Try again' }).click();
        await page.waitForSelector('.problems');
        assert.deepEqual(faults.splice(0), []);
      });
    }
    await t.test('while it loads there are grey shapes that say so', async () => {
      world.mock.fail('home', { delay_ms: 600 });
      await page.goto(`${world.origin}${A}/home?viewer=7`);
      await page.waitForSelector('.skeleton[role=status]');
      await assertAccessible(page, 'loading');
      await settled(page);
      assert.equal(await page.locator('.skeleton').count(), 0);
    });
  } finally {
    await world.close();
  }
});

// The pictures of the README: copied to dashboard/screenshots by hand when the page has changed.
test('pictures', async () => {
  const world = await start();
  const pictures = [['home-light', `${A}/home?viewer=7&theme=light`, 1280, 860], ['api-usage-dark', `${A}/insights/api?viewer=7&theme=dark`, 1280, 860],
    ['home-phone-pl', `${A}/home?viewer=7&theme=light&lang=pl`, 390, 860]];
  try {
    for (const [name, address, width, height] of pictures) {
      const { page, context, faults, open } = await tab(world, { width, height });
      await open(address);
      const body = await page.screenshot({ path: path.join(shots, `readme-${name}.png`) });
      assert.ok(body.length < 200 * 1024, `${name}: ${body.length} bytes`);
      assert.deepEqual(faults, []);
      await context.close();
    }
  } finally {
    await world.close();
  }
});
