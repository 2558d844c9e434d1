// HubSpot's published clients, unmodified, pointed at the engine's port.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

const require = createRequire(import.meta.url);
const { Client } = require('@hubspot/api-client');
const Hubspot = require('hubspot');

const ACCOUNT = 7;
const APP = 45;
const LIMIT = 1000;

let daemon, directory, url;
const hour = 3_600_000;
const t = Date.now() - hour;

function start() {
    directory = mkdtempSync(join(tmpdir(), 'daybook-hubspot-'));
    const options = ['ingest', 'push', 'query', 'feed'].map((s) => `--${s}-listen=ipc://${directory}/${s}`);
    daemon = spawn(process.env.DAYBOOKD,
        [`--data-dir=${directory}/data`, '--http-listen=127.0.0.1:0', '--log-format=json', ...options],
        { stdio: ['ignore', 'ignore', 'pipe'] });
    return new Promise((resolve, reject) => {
        let text = '';
        daemon.stderr.on('data', (part) => {
            text += part;
            const ready = text.split('\n').find((line) => line.includes('"ready"'));
            const address = ready?.match(/127\.0\.0\.1:\d+/);
            if (address) resolve(`http://${address[0]}`);
        });
        daemon.on('exit', (code) => reject(new Error(`daybookd ended with ${code}: ${text}`)));
    });
}

async function publish(events) {
    const r = await fetch(`${url}/v1/events`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(events) });
    assert.equal((await r.json()).accepted, events.length);
}

async function view(name, query = '') {
    const r = await fetch(`${url}/v1/accounts/${ACCOUNT}/${name}?${query}`);
    assert.equal(r.status, 200);
    return (await r.json()).data.rows;
}

const calls = (count) => ({ type: 'api.call', account: ACCOUNT, app: APP, time: Date.now(), method: 'GET', status: 200,
    count });
const app = (what, user, time, more) => ({ type: `app.${what}`, account: ACCOUNT, app: APP, user, time, ...more });

// The number of today's calls would begin anew between publishing and asking.
async function clearOfMidnight() {
    const left = 86_400_000 - (Date.now() % 86_400_000);
    if (left < 60_000) await new Promise((resolve) => setTimeout(resolve, left + 1000));
}

before(async () => {
    await clearOfMidnight();
    url = await start();
    await publish([
        { type: 'account.plan', account: ACCOUNT, tier: 'professional', daily_limit: LIMIT, ten_seconds_limit: 190,
            reset_zone: 'UTC', time: t },
        { type: 'directory.user', account: ACCOUNT, user: 6, name: 'Ann', email: 'ann@example.org', time: t },
        calls(300),
        app('installed', 6, t), app('installed', 5, t + 1000),
        app('expired', 5, t + 2000, { reason: 'the token expired' }), app('reconnected', 5, t + 3000),
    ]);
});

after(() => {
    daemon?.removeAllListeners('exit');
    daemon?.kill('SIGKILL');
    if (directory) rmSync(directory, { recursive: true, force: true });
});

const client = (token = `account-${ACCOUNT}`, more = {}) => new Client({ accessToken: token, basePath: url, ...more });
const iso = (ms) => new Date(ms).toISOString();

describe('@hubspot/api-client', () => {
    test('the versions are those that were published', () => {
        assert.equal(require('@hubspot/api-client/package.json').version, '13.5.0');
        assert.equal(require('hubspot/package.json').version, '2.3.14');
    });

    test('apiRequest: usage of the day', async () => {
        const r = await client().apiRequest({ path: '/account-info/v3/api-usage/daily/private-apps' });
        assert.equal(r.status, 200);
        assert.equal(r.headers.get('x-hubspot-ratelimit-daily'), String(LIMIT));
        const { results: [usage] } = await r.json();
        const tomorrow = Math.floor(Date.now() / 86_400_000 + 1) * 86_400_000;
        assert.equal(usage.name, 'private-apps-api-calls-daily');
        assert.equal(usage.usageLimit, LIMIT);
        assert.equal(usage.currentUsage, 300);
        assert.equal(usage.fetchStatus, 'SUCCESS');
        assert.equal(Date.parse(usage.resetsAt), tomorrow);
        assert.ok(Math.abs(Date.parse(usage.collectedAt) - Date.now()) < 60_000);
    });

    test('apiRequest: audit log and security log', async () => {
        const ask = async (path, qs) => (await client().apiRequest({ path, qs })).json();
        const audit = await ask('/account-info/v3/activity/audit-logs', { actingUserId: 6 });
        assert.deepEqual(audit.results.map((x) => [x.category, x.subCategory, x.occurredAt, x.targetObjectId, x.actingUser]),
            [['CRITICAL_ACTION', 'INSTALL_INTEGRATION', iso(t), String(APP), { userId: 6, userEmail: 'ann@example.org' }]]);
        const some = await ask('/account-info/v3/activity/audit-logs',
            { occurredAfter: iso(t), occurredBefore: iso(t + 3000), limit: 1 });
        assert.deepEqual(some.results.map((x) => x.subCategory), ['EXPIRE']);
        assert.ok(some.paging.next.after);
        const security = await ask('/account-info/v3/activity/security', { userId: 5, fromTimestamp: t });
        assert.deepEqual(security.results.map((x) => [x.type, x.createdAt, x.userId, x.objectId]),
            [['INSTALL_INTEGRATION', iso(t + 1000), 5, String(APP)]]);
    });

    test('eventsApi.getPage: typed, every page, with filters', async () => {
        const { eventsApi } = client().events;
        const rows = await view('activity');
        const all = [];
        let next;
        do {
            const page = await eventsApi.getPage(undefined, undefined, next, undefined, 3);
            all.push(...page.results);
            next = page.paging?.next?.after;
        } while (next);
        assert.deepEqual(all.map((e) => [Number(e.id), e.eventType, e.objectType, e.objectId, e.occurredAt.getTime()]),
            rows.map((r) => [r.position, r.type, 'app', String(r.app), r.time]));
        assert.ok(all.every((e) => e.occurredAt instanceof Date));
        const some = await eventsApi.getPage('app', 'app.installed', undefined, undefined, 10, ['DESCENDING'],
            new Date(t), new Date(t + 5000), APP);
        assert.deepEqual(some.results.map((e) => [e.eventType, e.properties.user]), [['app.installed', '5']]);
        const expired = await eventsApi.getPage('app', 'app.expired');
        assert.equal(expired.results[0].properties.reason, 'the token expired');
    });

    test('refusals become the errors that the client knows', async () => {
        await assert.rejects(client('pat-na1-nobody').events.eventsApi.getPage(),
            (e) => e.code === 401 && e.body.category === 'INVALID_AUTHENTICATION' && e.body.status === 'error');
        await assert.rejects(client().events.eventsApi.getPage('contact'),
            (e) => e.code === 400 && e.body.category === 'VALIDATION_ERROR' && /objectType/.test(e.body.message) &&
                /^[0-9a-f-]{36}$/.test(e.body.correlationId));
        const r = await client().apiRequest({ method: 'DELETE', path: '/appinstalls/v3/external-install' });
        assert.equal(r.status, 403);
        assert.equal((await r.json()).category, 'MISSING_SCOPES');
    });

    test('an uninstallation is counted and shown', async () => {
        const r = await client(`account-${ACCOUNT}-app-${APP}`, { numberOfApiCallRetries: 3 })
            .apiRequest({ method: 'DELETE', path: '/appinstalls/v3/external-install' });
        assert.equal(r.status, 204);
        assert.deepEqual((await view('connections', `app=${APP}`)).map((c) => [c.user, c.state]),
            [[5, 'uninstalled'], [6, 'uninstalled']]);
        const { results } = await client().events.eventsApi.getPage('app', 'app.uninstalled');
        assert.deepEqual(results.map((e) => e.properties.user).sort(), ['5', '6']);
    });
});

describe('hubspot', () => {
    const old = (options) => new Hubspot({ baseUrl: url, ...options });

    test('getApiLimit, by key and by token', async () => {
        for (const options of [{ apiKey: `account-${ACCOUNT}` }, { accessToken: `account-${ACCOUNT}` }]) {
            const usage = await old(options).getApiLimit();
            assert.equal(usage.name, 'api-calls-daily');
            assert.equal(usage.usageLimit, LIMIT);
            assert.equal(usage.currentUsage, 300);
            assert.equal(usage.fetchStatus, 'SUCCESS');
            assert.equal(typeof usage.collectedAt, 'number');
            assert.equal(usage.resetsAt % 86_400_000, 0);
        }
    });

    test('apiRequest: the newer paths by key', async () => {
        const r = await old({ apiKey: `account-${ACCOUNT}` })
            .apiRequest({ method: 'GET', path: '/account-info/v3/activity/security', qs: { limit: 200 } });
        assert.equal(r.results.filter((x) => x.type === 'INSTALL_INTEGRATION').length, 2);
    });

    test('it slows down by our numbers: above 90 % it asks no more', async () => {
        await publish([calls(620)]); // 920 of 1,000
        for (const path of ['/account-info/v3/api-usage/daily/private-apps', '/account-info/v3/activity/audit-logs',
            '/account-info/v3/activity/security', '/events/v3/events/']) {
            const hubspot = old({ apiKey: `account-${ACCOUNT}` });
            await hubspot.apiRequest({ method: 'GET', path });
            await assert.rejects(hubspot.apiRequest({ method: 'GET', path }), /Too close to the API limit/, path);
        }
    });

    test('a wrong key is the error that it knows', async () => {
        await assert.rejects(old({ apiKey: 'nobody' }).getApiLimit(),
            (e) => e.statusCode === 401 && e.error.category === 'INVALID_AUTHENTICATION');
    });
});
