// Beside the time that an answer is of: what was received late, twice and not as it should on the
// days shown, in the words of the language, and nothing where all was well.
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertAccessible, settled, start, tab } from './support.mjs';

const A = '/accounts/21031067/insights';
const EN = 'Received for this account on these days: ';
const PL = 'Dla tego konta odebrano w tych dniach: ';
const MONTH = {
  en: `${EN}3 late events (counted), 12 duplicates (counted once) and 5 rejected events (not counted).`,
  pl: `${PL}3 spóźnione zdarzenia (policzone), 12 powtórzonych zdarzeń (policzonych raz) i 5 odrzuconych zdarzeń (niepoliczonych).`,
};
// The made-up account had these today, yesterday, and twelve days ago (mock/world.mjs).
const CASES = [
  ['records', MONTH.en, MONTH.pl],
  ['api', MONTH.en, MONTH.pl],
  ['activity', MONTH.en, MONTH.pl],
  ['api?by=today', `${EN}2 late events (counted) and 1 duplicate (counted once).`,
    `${PL}2 spóźnione zdarzenia (policzone) i 1 powtórzone zdarzenie (policzone raz).`],
  ['api?by=yesterday', `${EN}11 duplicates (counted once).`, `${PL}11 powtórzonych zdarzeń (policzonych raz).`],
];

test('proof', async (t) => {
  const world = await start();
  const { page, faults, open } = await tab(world);
  const said = async () => (await page.locator('.proof .received').allInnerTexts()).map((text) => text.trim());
  try {
    for (const [address, en, pl] of CASES) {
      for (const [lang, want] of [['en', en], ['pl', pl]]) {
        await t.test(`${address}, ${lang}`, async () => {
          await open(`${A}/${address}${address.includes('?') ? '&' : '?'}viewer=7&lang=${lang}`);
          assert.deepEqual(await said(), [want]);
          assert.match(await page.locator('.proof').innerText(), lang === 'en' ? /As of .*Received/s : /Stan na .*odebrano/s);
          await assertAccessible(page, address);
        });
      }
    }
    await t.test('a shorter range says only its own days', async () => {
      await open(`${A}/records?viewer=7&lang=en`);
      await page.getByRole('button', { name: /^Range/ }).click();
      await page.getByRole('button', { name: '7 days' }).click();
      await settled(page);
      assert.deepEqual(await said(), [`${EN}2 late events (counted) and 12 duplicates (counted once).`]);
    });
    await t.test('where nothing came amiss, and where there are no days, nothing is said', async () => {
      for (const address of ['/accounts/200/insights/records?viewer=7', '/accounts/21031067/home?viewer=7', `${A}/academy?viewer=7`]) {
        await open(`${address}&lang=en`);
        assert.match(await page.locator('.proof').innerText(), /As of/);
        assert.deepEqual(await said(), [], address);
      }
    });
    assert.deepEqual(faults, []);
  } finally {
    await world.close();
  }
});
