// Everything without a mouse: order of focus, visible focus, menus, filters, dialogs, charts.
import assert from 'node:assert/strict';
import test from 'node:test';
import { settled, start, tab } from './support.mjs';

const A = '/accounts/21031067';

async function focused(page) {
  return page.evaluate(() => {
    const el = document.activeElement;
    if (!el || el === document.body) return '';
    return (el.getAttribute('aria-label') || el.innerText || el.getAttribute('name') || el.tagName).trim().replace(/\s+/g, ' ');
  });
}

/** Tab until the focus is on what the pattern names. */
async function tabTo(page, pattern, most = 60) {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab');
    if (pattern.test(await focused(page))) return;
  }
  assert.fail(`${pattern} was not reached in ${most} presses; the focus is on "${await focused(page)}"`);
}

test('keyboard', async (t) => {
  const world = await start();
  const { page, faults, open } = await tab(world);
  try {
    await t.test('the first press offers to skip to the content', async () => {
      await open(`${A}/home?viewer=7`);
      await page.keyboard.press('Tab');
      assert.equal(await focused(page), 'Skip to content');
      await page.keyboard.press('Enter');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    });
    await t.test('every stop on the way is visible and in view', async () => {
      await open(`${A}/home?viewer=7`);
      const seen = new Set();
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press('Tab');
        const stop = await page.evaluate(() => {
          const el = document.activeElement;
          const box = el.getBoundingClientRect();
          const style = getComputedStyle(el);
          const ring = [el, el.parentElement].some((e) => getComputedStyle(e).outlineStyle !== 'none' && parseFloat(getComputedStyle(e).outlineWidth) >= 2);
          return { text: (el.getAttribute('aria-label') || el.innerText).trim(), visible: box.width > 0 && style.visibility === 'visible' && box.bottom > 0 && box.top < innerHeight, ring };
        });
        assert.ok(stop.visible, `not in view: ${stop.text}`);
        assert.ok(stop.ring, `no ring: ${stop.text}`);
        seen.add(stop.text);
      }
      assert.ok(seen.size > 20);
    });
    await t.test('the sections are reached by links, and the focus goes to the new screen', async () => {
      await open(`${A}/home?viewer=7`);
      await tabTo(page, /^Insights$/);
      await page.keyboard.press('Enter');
      await settled(page);
      assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
      assert.match(page.url(), /insights\/activity\?viewer=7$/);
      await tabTo(page, /^API call usage$/);
      await page.keyboard.press('Enter');
      await settled(page);
      assert.match(await page.title(), /^API call usage/);
    });
    await t.test('a filter opens, is searched, ticked, closed by Escape, and gives the focus back', async () => {
      await open(`${A}/insights/activity?viewer=7`);
      await tabTo(page, /^App All$/);
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      await page.keyboard.type('warehouse');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Space');
      await page.waitForURL(/app=503/);
      await page.keyboard.press('Escape');
      assert.match(await focused(page), /^App Warehouse Sync$/);
      await settled(page);
      const apps = await page.locator('tbody tr td:nth-child(2)').allInnerTexts();
      assert.ok(apps.length > 0 && apps.every((text) => /Warehouse Sync/.test(text)));
    });
    await t.test('the menu of a row works by arrows and gives the focus back', async () => {
      await open(`${A}/home?viewer=7`);
      const button = page.getByRole('button', { name: 'Actions for Mailbridge' });
      await button.focus();
      await page.keyboard.press('Enter');
      assert.equal(await focused(page), 'Open its overview');
      await page.keyboard.press('ArrowDown');
      assert.equal(await focused(page), 'Open in the marketplace');
      await page.keyboard.press('End');
      assert.equal(await focused(page), 'Disconnect');
      await page.keyboard.press('ArrowDown');
      assert.equal(await focused(page), 'Open its overview');
      await page.keyboard.press('Escape');
      assert.equal(await focused(page), 'Actions for Mailbridge');
    });
    await t.test('a dialog keeps the focus, closes by Escape, and gives it back', async () => {
      await open(`${A}/home?viewer=7`);
      const count = page.locator('.people-button').first();
      await count.focus();
      const name = await focused(page);
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
      await page.waitForSelector('dialog tbody tr');
      for (let i = 0; i < 12; i++) {
        await page.keyboard.press('Tab');
        // The browser's own bar is a stop too; the page behind the dialog is not.
        assert.ok(await page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest('dialog')));
      }
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      assert.equal(await focused(page), name);
      assert.doesNotMatch(page.url(), /people=/);
    });
    await t.test('a chart is read day by day with the arrow keys', async () => {
      await open(`${A}/insights/records?viewer=7`);
      const slider = page.getByRole('slider', { name: 'Record events per day' });
      await slider.focus();
      await page.keyboard.press('End');
      const last = await slider.getAttribute('aria-valuetext');
      await page.keyboard.press('ArrowLeft');
      const before = await slider.getAttribute('aria-valuetext');
      assert.match(before, /^\w+,? \d+ \w+: .*Created \d+.*Total [\d,]+\.$/);
      assert.notEqual(before, last);
      await page.keyboard.press('Home');
      assert.equal(await slider.getAttribute('aria-valuenow'), '0');
      assert.equal(await page.locator('.tip').count(), 1);
      await page.keyboard.press('Escape');
      assert.equal(await page.locator('.tip').count(), 0);
    });
    await t.test('a table is sorted by its headings', async () => {
      await open(`${A}/home?viewer=7`);
      const head = page.locator('#mine thead');
      await head.getByRole('button', { name: 'Install date' }).focus();
      await page.keyboard.press('Enter');
      assert.equal(await head.locator('[aria-sort]').getAttribute('aria-sort'), 'ascending');
      await page.keyboard.press('Enter');
      assert.equal(await head.locator('[aria-sort]').getAttribute('aria-sort'), 'descending');
      const times = await page.locator('#mine tbody td:nth-child(3) time').evaluateAll((all) => all.map((x) => x.dateTime));
      assert.deepEqual(times, [...times].sort().reverse());
    });
    await t.test('an account is chosen from those that the engine knows, in Polish too', async () => {
      await open('/?lang=pl');
      await tabTo(page, /^Konto 666$/);
      await page.keyboard.press('Enter');
      await page.waitForURL(/accounts\/666\/home/);
      await page.waitForFunction(() => document.activeElement.id === 'main'); // once the screen is drawn
    });
    await t.test('language and theme are chosen without a mouse', async () => {
      await open(`${A}/home?viewer=7`);
      await tabTo(page, /Language, Theme/);
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      await page.keyboard.press('ArrowDown');
      await page.waitForFunction(() => document.documentElement.lang === 'pl');
      assert.equal(await page.locator('h1').innerText(), 'Połączenia');
      await page.keyboard.press('ArrowUp');
      await page.waitForFunction(() => document.documentElement.lang === 'en');
      await page.keyboard.press('Tab');
      await page.keyboard.press('ArrowUp');
      await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
    });
    assert.deepEqual(faults, []);
  } finally {
    await world.close();
  }
});
