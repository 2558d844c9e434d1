// A browser, a mock engine, and what every browser test asks of a page.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Mock } from '../../mock/serve.mjs';

const build = process.env.PAGE_BUILD;
const require = createRequire(path.join(build, 'npm/package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const shots = path.join(build, 'screenshots');
mkdirSync(shots, { recursive: true });

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--force-color-profile=srgb', '--font-render-hinting=none',
];

/** A mock engine and a browser; close() ends both. PAGE_ORIGIN: a real engine instead of the mock. */
export async function start() {
  const mock = new Mock({ site: path.join(build, 'site') });
  const origin = process.env.PAGE_ORIGIN ?? (await mock.listen());
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
  return {
    mock,
    origin,
    browser,
    close: async () => {
      await browser.close();
      await mock.close();
    },
  };
}

/** A tab that notes every fault: errors, refused scripts, requests that leave the origin. */
export async function tab({ browser, origin }, { width = 1280, height = 900, dark = false, calm = true, bare = false, ...more } = {}) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', locale: 'en-GB', timezoneId: 'America/New_York',
    reducedMotion: calm ? 'reduce' : 'no-preference', acceptDownloads: true, ...more,
  });
  if (!bare) await context.addInitScript(axe); // half a megabyte that a measurement must not pay for
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // A refused question is shown on the page; the browser notes it too.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('blob:')) faults.push(`left: ${request.url()}`);
  });
  return { page, context, faults, open: (address) => open(page, origin + address) };
}

/** Opened, drawn, and still. */
export async function open(page, url) {
  await page.goto(url);
  await settled(page);
}

export async function settled(page) {
  await page.waitForSelector('h1');
  await page.waitForFunction(() => !document.querySelector('.skeleton, .stale, [aria-busy=true]'));
  await page.waitForFunction(() => [...document.querySelectorAll('.canvas-in')].every((c) => c.querySelector('canvas')));
}

/** axe-core finds nothing, by WCAG 2.2 AA and good practice, in the page or in one part of it. */
export async function assertAccessible(page, what, part = null) {
  const found = await page.evaluate(async (within) => {
    const result = await globalThis.axe.run(within ?? document, {
      runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
    });
    return result.violations.map((v) => `${v.id}: ${v.help}\n    ${v.nodes.slice(0, 4).map((n) => `${n.target.join(' ')}  ${n.failureSummary?.split('\n').slice(1, 3).join(' ')}`).join('\n    ')}`);
  }, part);
  assert.deepEqual(found, [], `${what}:\n${found.join('\n')}`);
}

export async function assertNoSidewaysScroll(page, what) {
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= room, `${what}: ${wide} px wide in ${room} px`);
}

/** The rows of the table with that caption, as read: cells of lines, without what is only drawn. */
export async function rowsOf(page, caption) {
  return page.locator('table', { has: page.locator('caption', { hasText: caption }) }).locator('tbody tr').evaluateAll((rows) => {
    const read = (cell) => {
      const lines = [];
      const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        if (node.parentElement.closest('[aria-hidden]')) continue;
        if (lines.length && node.parentElement === lines.at(-1).parent) lines.at(-1).text += node.data;
        else lines.push({ parent: node.parentElement, text: node.data });
      }
      return lines.map((line) => line.text.trim()).join('\n');
    };
    return rows.map((row) => [...row.children].map(read));
  });
}

export function parseCsv(text) {
  const rows = [[]];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') cell += text[++i];
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ',') { rows.at(-1).push(cell); cell = ''; }
    else if (c === '\n') { rows.at(-1).push(cell); cell = ''; rows.push([]); }
    else if (c !== '\r') cell += c;
  }
  rows.pop();
  const [names, ...lines] = rows;
  return lines.map((line) => Object.fromEntries(names.map((name, i) => [name, line[i]])));
}
