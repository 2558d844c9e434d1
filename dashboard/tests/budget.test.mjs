// How large the page is, what it is allowed to do, and that its table is what was bundled.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { table } from '../build.mjs';

const site = path.join(process.env.PAGE_BUILD, 'site');
const BYTES_MAX = 150 * 1024;

function walk(dir) {
  return readdirSync(dir).flatMap((name) => {
    const full = path.join(dir, name);
    return statSync(full).isDirectory() ? walk(full) : [full];
  });
}

test('all of it is under 150 KB gzipped', () => {
  const sizes = walk(site).map((file) => [path.relative(site, file), gzipSync(readFileSync(file), { level: 9 }).length]);
  const sum = sizes.reduce((n, [, size]) => n + size, 0);
  for (const [name, size] of sizes) console.log(`${String(size).padStart(7)}  ${name}`);
  console.log(`${String(sum).padStart(7)}  in all`);
  assert.ok(sum < BYTES_MAX, `${sum} bytes`);
});

test('nothing inline and nothing from elsewhere', () => {
  const html = readFileSync(path.join(site, 'index.html'), 'utf8');
  assert.doesNotMatch(html, /<script(?![^>]* src=)/);
  assert.doesNotMatch(html, /<style|style=|javascript:|\son\w+=/i);
  for (const [, address] of html.matchAll(/(?:src|href)="([^"]+)"/g)) assert.match(address, /^\/(assets\/[\w-]+\.(js|css)|favicon\.svg)$/);
  const css = walk(site).filter((f) => f.endsWith('.css')).map((f) => readFileSync(f, 'utf8')).join('');
  assert.doesNotMatch(css, /url\((?!data:)|@import/);
});

test('the policy allows no inline script, no eval, no frames, no other host', () => {
  const policy = readFileSync(new URL('../policy.txt', import.meta.url), 'utf8');
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self';/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|http|\*|data:/);
});

test('the C table inflates to the files themselves', () => {
  const body = Buffer.from('<p>"quoted" \\ text</p>');
  const text = table([{ path: '/', body }], true);
  const bytes = /file_0\[\] = \{([^}]+)\}/.exec(text)[1].split(',').map((n) => n.trim()).filter(Boolean).map(Number);
  assert.deepEqual(gunzipSync(Buffer.from(bytes)), body);
  assert.match(text, new RegExp(`sizeof\\(file_0\\), ${body.length}\\}`));
});
