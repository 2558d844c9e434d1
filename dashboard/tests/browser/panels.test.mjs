// Panels of filters, opened: boxes beside their words, as wide as the screen allows, usable by all.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { assertAccessible, assertNoSidewaysScroll, settled, shots, start, tab } from './support.mjs';

const A = '/accounts/21031067';
const SCREENS = [
  ['home', `${A}/home?viewer=7`, 5], // with the panel of who looks
  ['activities', `${A}/insights/activity?viewer=7`, 4],
  ['api', `${A}/insights/api?viewer=7`, 3],
  ['records', `${A}/insights/records?viewer=7`, 5],
  ['app', `${A}/apps/502?viewer=7`, 3],
];
const GAP_MAX = 16;

/** Of the open panel: where it stands, and the boxes and words of its choices. */
function measure() {
  const of = (element) => {
    const { left, right, top, width, height } = element.getBoundingClientRect();
    return { left, right, top, width, height };
  };
  const panel = document.querySelector('[role=dialog][id]');
  const button = document.querySelector(`[aria-controls="${panel.id}"]`);
  const choices = [...panel.querySelectorAll('label')].filter((label) => label.querySelector('[type=checkbox], [type=radio]') && !label.closest('.segments')).map((label) => {
    const words = document.createRange();
    words.selectNodeContents(label);
    const [word] = [...label.querySelectorAll('span')].filter((span) => span.innerText.trim()).map(of);
    return { text: label.innerText, label: of(label), box: of(label.querySelector('input')), word: word ?? of(words) };
  });
  const searches = [...panel.querySelectorAll('[type=search]')].map((input) => getComputedStyle(input).borderTopWidth);
  return { panel: of(panel), button: of(button), choices, searches, room: document.documentElement.clientWidth };
}

test('panels', async (t) => {
  const world = await start();
  try {
    for (const [size, width, height] of [['wide', 1280, 900], ['phone', 390, 844], ['small', 320, 700]]) {
      const { page, context, faults, open } = await tab(world, { width, height });
      for (const lang of ['en', 'pl']) {
        for (const [name, address, atLeast] of SCREENS) {
          await t.test(`${name}, ${lang}, ${size}`, async () => {
            await open(`${address}&lang=${lang}`);
            const buttons = page.locator('.popover > button[aria-haspopup=dialog]');
            const n = await buttons.count();
            assert.ok(n >= atLeast, `${n} panels`);
            for (let i = 0; i < n; i++) {
              await buttons.nth(i).click();
              const what = `${name}, panel ${i}: ${await buttons.nth(i).innerText()}`;
              const { panel, button, choices, searches, room } = await page.evaluate(measure);
              assert.ok(panel.top - (button.top + button.height) < GAP_MAX, `${what}: ${panel.top - button.top - button.height} px below its button`);
              assert.ok(panel.left >= 0 && panel.right <= room, `${what}: from ${panel.left} to ${panel.right} of ${room} px`);
              for (const { text, label, box, word } of choices) {
                assert.deepEqual([box.width, box.height], [17, 17], `${what}, ${text}: box`);
                assert.ok(box.left - label.left < GAP_MAX, `${what}, ${text}: box ${box.left - label.left} px inside`);
                assert.ok(word.left - box.right < GAP_MAX, `${what}, ${text}: words ${word.left - box.right} px from their box`);
              }
              assert.ok(searches.every((border) => border === '0px'), `${what}: a box within the box`);
              await assertNoSidewaysScroll(page, what);
              if (size !== 'small') await assertAccessible(page, what, '[role=dialog][id]'); // what lies below it is partly covered
              await page.screenshot({ path: path.join(shots, `panel-${name}-${i}-${lang}-${size}.png`) });
              await page.keyboard.press('Escape');
              await settled(page);
            }
            assert.deepEqual(faults.splice(0), []);
          });
        }
      }
      await context.close();
    }
  } finally {
    await world.close();
  }
});
