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
    assert.deepEqual(faults, []);
  } finally {
    await world.close();
  }
});
