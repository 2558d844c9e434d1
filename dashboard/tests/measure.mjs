// Time to the first view of a large account (200 apps, 400 people, 30 full days) in an engine that
// has it on disk, with an empty cache and with a warm one; idle, and while events arrive.
//
//   DAYBOOKD=build/release/engine/daybookd PAGE_BUILD=build/release/dashboard/tests node dashboard/tests/measure.mjs
import { eventsOf, publishTo } from '../mock/events.mjs';
import { makeWorld } from '../mock/world.mjs';
import { startEngine } from './browser/engine.mjs';

const { start, tab } = await import('./browser/support.mjs');
const ROUNDS = 9;

const engine = await startEngine();
process.env.PAGE_ORIGIN = engine.origin;
const world = makeWorld({ account: 200, seed: 2, apps: 200, users: 400, mine: 90, activities: 2500, now: Date.now(), limit: 900000 });
const events = eventsOf(world);
await publishTo(engine.origin, events);
const browser = await start();

const watch = () => {
  new MutationObserver(() => {
    if (!globalThis.shownAt && document.querySelector('#mine tbody tr')) requestAnimationFrame(() => { globalThis.shownAt ??= performance.now(); });
  }).observe(document, { childList: true, subtree: true });
};

async function once(page) {
  await page.goto(`${engine.origin}/accounts/200/home?viewer=7`);
  await page.waitForFunction(() => globalThis.shownAt);
  return page.evaluate(() => globalThis.shownAt);
}

async function round(what) {
  const cold = [];
  const warm = [];
  for (let i = 0; i < ROUNDS; i++) {
    const { page, context } = await tab(browser, { bare: true });
    await page.addInitScript(watch);
    cold.push(await once(page));
    warm.push(await once(page));
    await context.close();
  }
  const middle = (all) => Math.round([...all].sort((a, b) => a - b)[all.length >> 1]);
  const worst = (all) => Math.round(Math.max(...all));
  console.log(`${what}: empty cache ${middle(cold)} ms (worst ${worst(cold)}), warm ${middle(warm)} ms (worst ${worst(warm)})`);
}

console.log(`${events.length} events published`);
await round('idle');
let going = true;
let sent = 0;
const flood = (async () => {
  const counters = events.filter((e) => e.type === 'api.call' || e.type.startsWith('record.')).slice(0, 2000);
  while (going) {
    await publishTo(engine.origin, counters);
    sent += counters.length;
  }
})();
const from = Date.now();
await round('while events arrive');
going = false;
await flood;
console.log(`(${Math.round(sent / ((Date.now() - from) / 1000))} events/s over HTTP meanwhile)`);
await browser.close();
await engine.close();
