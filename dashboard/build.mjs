// Bundles the page and writes it as a C table (page.h), gzipped.
//
//   node build.mjs --out=DIR [--npm=PATH] [--strict]
//
// DIR/npm holds the packages, DIR/site the files as a server would send them, DIR/page_files.c the
// table. Nothing is written into the source tree. Where the packages cannot be had, the table holds
// a page that says so; with --strict that is an error.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const source = path.dirname(fileURLToPath(import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Options of the command line as a map; `--strict` is "yes". */
export function options(argv) {
  return Object.fromEntries(
    argv.map((arg) => {
      const found = /^--([a-z]+)(?:=(.*))?$/.exec(arg);
      if (!found) throw new Error(`option "${arg}"; wanted --name or --name=value`);
      return [found[1], found[2] ?? 'yes'];
    }),
  );
}

/** Installs what package-lock.json names into DIR/npm, once per lock file. */
export function install(out, { npm = 'npm', dev = false } = {}) {
  const dir = path.join(out, 'npm');
  const lock = readFileSync(path.join(source, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).digest('hex') + (dev ? ' dev' : '');
  const stamp = path.join(dir, 'installed');
  const have = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
  if (have === wanted || have === `${wanted} dev`) return dir;
  mkdirSync(dir, { recursive: true });
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
    copyFileSync(path.join(source, name), path.join(dir, name));
  }
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  if (!dev) args.push('--omit=dev');
  const run = spawnSync(npm, args, { cwd: dir, encoding: 'utf8', timeout: 240_000 });
  if (run.status !== 0) {
    const why = (run.stderr || run.error?.message || 'npm failed').trim().split('\n')[0];
    throw new Error(`npm ci: ${why}`);
  }
  writeFileSync(stamp, wanted);
  return dir;
}

/** Bundles src/ and returns the files: [{ path, type, body }]. */
export async function bundle(packages) {
  const require = createRequire(path.join(packages, 'package.json'));
  const esbuild = require('esbuild');
  const result = await esbuild.build({
    absWorkingDir: source,
    entryPoints: { app: 'src/main.tsx', style: 'src/style.css' },
    entryNames: 'assets/[name]-[hash]',
    chunkNames: 'assets/[name]-[hash]',
    outdir: path.join(source, 'site'),
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['es2021'],
    minify: true,
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    nodePaths: [path.join(packages, 'node_modules')],
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const files = result.outputFiles.map((file) => ({
    path: `/${path.relative(path.join(source, 'site'), file.path)}`,
    body: Buffer.from(file.contents),
  }));
  const named = (name) => files.find((f) => f.path.startsWith(`/assets/${name}-`)).path;
  const icon = readFileSync(path.join(source, 'src/favicon.svg'));
  const html = readFileSync(path.join(source, 'src/index.html'), 'utf8')
    .replace('{{script}}', named('app'))
    .replace('{{style}}', named('style'));
  return [
    { path: '/', body: Buffer.from(html) },
    { path: '/favicon.svg', body: icon },
    ...files.sort((a, b) => (a.path < b.path ? -1 : 1)),
  ];
}

/** What "/" says where the page could not be built. */
function excuse(why) {
  const text = why.replace(/[<>&]/g, (c) => `&#${c.charCodeAt(0)};`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Daybook</title>
<h1>Daybook</h1><p>This engine was built without its page: ${text}</p>
<p>Its data is there all the same: <code>GET /v1/accounts/{account}/{view}</code>.</p>
<p>To have the page, install nodejs and npm and build again.</p></html>\n`;
}

function type(name) {
  return TYPES[path.extname(name)] ?? TYPES['.html'];
}

function literal(body) {
  const lines = [];
  for (let i = 0; i < body.length; i += 24) {
    lines.push(`    ${[...body.subarray(i, i + 24)].map((b) => `${b},`).join('')}`);
  }
  return lines.join('\n');
}

/** What the browser is told of with the page: its style, its script, and what src/main.tsx asks.
 * What a script asks for is taken from what was loaded ahead only with `crossorigin`. */
function ahead(files) {
  const named = (name, how) => files.filter((f) => f.path.startsWith(`/assets/${name}-`)).map((f) => ['', f.path, how]);
  const questions = JSON.parse(readFileSync(path.join(source, 'first.json'), 'utf8'));
  return [
    ...named('style', 'rel=preload; as=style'),
    ...named('app', 'rel=modulepreload'),
    ...questions.map((q) => [q.screen, q.address, 'rel=preload; as=fetch; crossorigin']),
  ];
}

/** The table of page.h as C text. */
export function table(files, built) {
  const policy = readFileSync(path.join(source, 'policy.txt'), 'utf8').trim();
  const parts = ['/* Made by dashboard/build.mjs. */\n#include "dashboard/page.h"\n'];
  const rows = files.map((file, i) => {
    const packed = gzipSync(file.body, { level: 9 });
    const etag = createHash('sha256').update(file.body).digest('hex').slice(0, 20);
    const cache = file.path.startsWith('/assets/')
      ? 'public, max-age=31536000, immutable'
      : 'no-cache';
    parts.push(`static const unsigned char file_${i}[] = {\n${literal(packed)}\n};\n`);
    return `    {"${file.path}", "${type(file.path)}", "\\"${etag}\\"", "${cache}",
     file_${i}, sizeof(file_${i}), ${file.body.length}},`;
  });
  parts.push(`const struct page_file page_files[] = {\n${rows.join('\n')}\n};`);
  parts.push('const size_t page_files_n = sizeof(page_files) / sizeof(page_files[0]);');
  parts.push(`const char page_policy[] =\n    "${policy.replaceAll('; ', ';"\n    " ')}";`);
  const told = ahead(files).map((row) => `    {${row.map((text) => `"${text}"`).join(', ')}},`);
  parts.push(`const struct page_ahead page_ahead[] = {\n${told.join('\n')}\n};`);
  parts.push(`const size_t page_ahead_n = ${built ? told.length : 0};`);
  parts.push(`const bool page_built = ${built};\n`);
  return parts.join('\n');
}

/** Writes the files as they are into DIR/site, for the mock server and for looking at. */
export function writeSite(out, files) {
  const site = path.join(out, 'site');
  rmSync(site, { recursive: true, force: true });
  for (const file of files) {
    const to = path.join(site, file.path === '/' ? 'index.html' : file.path);
    mkdirSync(path.dirname(to), { recursive: true });
    writeFileSync(to, file.body);
  }
}

async function main() {
  const wanted = options(process.argv.slice(2));
  if (!wanted.out) throw new Error('--out=DIR is missing');
  const out = path.resolve(wanted.out);
  mkdirSync(out, { recursive: true });
  let files;
  let built = true;
  try {
    files = await bundle(install(out, { npm: wanted.npm }));
  } catch (error) {
    // A fault in the page's own source is for its author; a missing package is not.
    if (wanted.strict || !String(error.message).startsWith('npm ci')) throw error;
    console.warn(`the page is left out: ${error.message}`);
    files = [{ path: '/', body: Buffer.from(excuse(error.message)) }];
    built = false;
  }
  writeSite(out, files);
  writeFileSync(path.join(out, 'page_files.c'), table(files, built));
  const sizes = files.map((f) => gzipSync(f.body, { level: 9 }).length);
  console.log(`${files.length} files, ${sizes.reduce((a, b) => a + b, 0)} bytes gzipped`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
