// An engine's HTTP face without an engine: the page's files with the headers that the engine sends,
// and the views out of made-up accounts (world.mjs).
//
//   node mock/serve.mjs [--site=DIR] [--port=7790]
//
// For tests: POST /mock/accounts/{account}/event publishes an activity, POST /mock/trouble makes the
// next questions of a view (or "actions"; "actions/answer": too late) fail ({"view", "status", "code", "detail", "times", "delay_ms"}).
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { csv, readTable, shape } from './table.mjs';
import { answer, receivedIn, Refusal } from './views.mjs';
import { activityRow, makeWorlds } from './world.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };
const PAGE_ROWS = 1000;

export class Mock {
  constructor({ site, now = Date.now() }) {
    this.site = site;
    this.table = readTable(path.join(here, '../../schemas/query.def'));
    this.policy = readFileSync(path.join(here, '../policy.txt'), 'utf8').trim();
    this.questions = JSON.parse(readFileSync(path.join(here, '../first.json'), 'utf8'));
    this.asked = []; // addresses of views, as they came
    this.worlds = makeWorlds(now);
    this.streams = new Set();
    this.troubles = [];
    this.actions = []; // each request once, with how often it was sent
    this.server = createServer((request, response) => this.#serve(request, response));
    this.server.keepAliveTimeout = 600_000; // after 5 s, by default, a browser may ask into a closing connection
  }

  async listen(port = 0) {
    await new Promise((done) => this.server.listen(port, '127.0.0.1', done));
    this.origin = `http://127.0.0.1:${this.server.address().port}`;
    return this.origin;
  }

  close() {
    for (const stream of this.streams) stream.response.end();
    this.server.closeAllConnections?.();
    return new Promise((done) => this.server.close(done));
  }

  /** Something happens in an account: stored, and sent to whoever watches. */
  publish(account, { type, app, user, ...more }) {
    const world = this.worlds.get(account);
    const now = Date.now();
    world.now = now;
    world.position += 1;
    const row = activityRow(world.position, now, type, app, user, more);
    world.activity.unshift(row);
    const states = { 'app.reconnected': 'connected', 'app.disconnected': 'disconnected', 'app.expired': 'expired' };
    const known = world.apps.find((a) => a.app === app);
    if (known && states[type]) {
      Object.assign(known, { state: states[type], since: now });
      if (states[type] === 'connected') world.attention = world.attention.filter((p) => p.app !== app);
    }
    const shown = shape(this.table.get('activity'), row);
    for (const stream of this.streams) {
      if (stream.account === account) stream.response.write(`data: ${JSON.stringify(shown)}\nid: ${row.position}\n\n`);
    }
    return row;
  }

  /** The next `times` questions of a view fail. */
  fail(view, trouble) {
    this.troubles.push({ view, times: 1, ...trouble });
  }

  /** Streams are cut, as by a restart. */
  cutStreams() {
    for (const stream of this.streams) stream.response.destroy();
  }

  async #serve(request, response) {
    const url = new URL(request.url, 'http://mock');
    try {
      const parts = url.pathname.split('/').filter(Boolean);
      if (parts[0] === 'mock') return await this.#command(parts, request, response);
      if (url.pathname === '/v1/accounts') return this.#reply(this.worlds.get(404), 'accounts', this.#accounts(), url, request, response);
      if (parts[0] === 'v1' && parts[1] === 'accounts') return await this.#api(parts, url, request, response);
      this.#file(url, response);
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      const status = error.status ?? 500;
      response.writeHead(status, { 'Content-Type': 'application/problem+json' });
      response.end(JSON.stringify({ type: 'about:blank', title: error.code ?? 'internal', status, code: error.code, detail: error.message, retry: status === 503 }));
    }
  }

  async #command(parts, request, response) {
    const body = JSON.parse((await bodyOf(request)) || '{}');
    if (parts[1] === 'accounts') this.publish(Number(parts[2]), body);
    else this.fail(body.view, body);
    response.writeHead(204).end();
  }

  #accounts() {
    return { rows: [...this.worlds.keys()].sort((a, b) => a - b).map((account) => ({ account })) };
  }

  async #api(parts, url, request, response) {
    const account = Number(parts[2]);
    const view = parts.slice(3).join('/');
    const world = this.worlds.get(account) ?? this.worlds.get(404);
    if (view === 'activity/stream') return this.#stream(account, response);
    this.asked.push(url.pathname + url.search);
    if (await this.#trouble(view, response)) return undefined;
    if (view === 'actions') return this.#action(account, request, response);
    const found = answer(world, view, url.searchParams);
    return this.#reply(world, view, found, url, request, response);
  }

  /** True: it was the answer. */
  async #trouble(view, response) {
    const trouble = this.troubles.find((t) => t.view === view && t.times > 0);
    if (!trouble) return false;
    trouble.times -= 1;
    if (trouble.delay_ms) await new Promise((done) => setTimeout(done, trouble.delay_ms));
    if (trouble.drop) response.destroy();
    else if (trouble.status) throw new Refusal(trouble.status, trouble.code, trouble.detail);
    return !!trouble.drop;
  }

  #reply(world, view, found, url, request, response) {
    const envelope = {
      ok: true, view, as_of: Math.max(world.now, Date.now()), position: world.position, ...(found.range ?? { bound: null }),
      ...(found.range ? { received: receivedIn(world, found.range) } : {}),
    };
    const known = this.table.get(view);
    if (found.object) {
      const data = shape(known, found.object);
      for (const [name, of] of Object.entries(found.tables)) data[name] = data[name].map((row) => shape(this.table.get(of), row));
      return json(response, { ...envelope, data });
    }
    const names = found.names ?? known.columns.map((c) => c.name);
    const limit = Math.min(PAGE_ROWS, Number(url.searchParams.get('limit') ?? PAGE_ROWS));
    const start = Number(url.searchParams.get('cursor') ?? 0);
    const rows = found.rows.slice(start, start + limit).map((row) => shape(known, row, names));
    const cursor = start + limit < found.rows.length ? String(start + limit) : undefined;
    const headers = {};
    if (cursor) {
      url.searchParams.set('cursor', cursor);
      headers.Link = `<${url.pathname}${url.search}>; rel="next"`;
    }
    if ((request.headers.accept ?? '').includes('text/csv')) {
      response.writeHead(200, { ...headers, 'Content-Type': 'text/csv; charset=utf-8' });
      return response.end(csv(known.columns.map((c) => c.name).filter((n) => names.includes(n)), rows));
    }
    return json(response, { ...envelope, data: { rows }, ...(cursor ? { cursor } : {}) }, headers);
  }

  async #action(account, request, response) {
    const { action, app, user, viewer = null, ...more } = JSON.parse(await bodyOf(request));
    const key = request.headers['idempotency-key'];
    if (request.method !== 'POST') throw new Refusal(405, 'method', 'a request is posted');
    if (!key || Object.keys(more).length > 0) throw new Refusal(400, 'bad_parameter', `key ${key}, unknown ${Object.keys(more)}`);
    const wanted = { type: `action.${action}`, account, app, user, by: viewer, key };
    const before = this.actions.find((one) => one.key === key);
    if (before && JSON.stringify({ ...before, sent: undefined }) !== JSON.stringify(wanted)) {
      throw new Refusal(409, 'conflict', 'idempotency_key was used for another request');
    }
    if (before) before.sent += 1;
    else this.actions.push({ ...wanted, sent: 1 });
    if (!before) this.publish(account, { type: wanted.type, app, user, by: viewer, code: key });
    if (await this.#trouble('actions/answer', response)) return;
    json(response, { ok: true, action, account, app, user, ...(viewer === null ? {} : { by: viewer }), idempotency_key: key });
  }

  #stream(account, response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    response.write(`retry: 300\nevent: start\ndata: {"position":0}\n\n`);
    const stream = { account, response };
    this.streams.add(stream);
    response.on('close', () => this.streams.delete(stream));
  }

  /** What the page asks first at an address of its own. */
  #links(url) {
    const [, account, screen = 'home'] = /^\/accounts\/(\d+)(?:\/(\w+))?/.exec(url.pathname) ?? [];
    const viewer = /^\d+$/.exec(url.searchParams.get('viewer') ?? '')?.[0];
    return this.questions
      .filter((q) => account && ['', screen].includes(q.screen) && (viewer || !q.address.includes('{viewer}')))
      .map((q) => `<${q.address.replace('{account}', account).replace('{viewer}', viewer)}>; rel=preload; as=fetch; crossorigin`);
  }

  #file(url, response) {
    const name = url.pathname;
    const file = name === '/' || name.startsWith('/accounts/') ? '/index.html' : path.posix.normalize(name);
    let body;
    try {
      body = readFileSync(path.join(this.site, file));
    } catch {
      throw new Refusal(404, 'not_found', 'there is nothing under this path');
    }
    response.writeHead(200, {
      'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': this.policy,
      'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', Link: this.#links(url),
    });
    response.end(body);
  }
}

function json(response, body, headers = {}) {
  response.writeHead(200, { ...headers, 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function bodyOf(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, fallback) => process.argv.find((a) => a.startsWith(`--${name}=`))?.split('=')[1] ?? fallback;
  const mock = new Mock({ site: path.resolve(option('site', path.join(here, '../../build/dashboard/site'))) });
  const origin = await mock.listen(Number(option('port', 7790)));
  console.log(`${origin}/accounts/21031067/home?viewer=7`);
}
