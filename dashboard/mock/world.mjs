// Accounts to look at, made from a seed: the same on every run, but for the clock they end at.
const DAY = 86400000;
const HOUR = 3600000;

function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);

const APPS = [
  ['Mailbridge', 'Northwind Labs', 'marketplace'], ['Invoice Pilot', 'Ledgerline', 'marketplace'], ['Warehouse Sync', null, 'private'],
  ['Meeting Notes', 'Quill & Co', 'marketplace'], ['Gmail', 'HubSpot', 'built-in'], ['Data Lake Export', null, 'private'],
  ['Support Desk', 'Helpwise', 'marketplace'], ['Lead Scorer', null, 'private'], ['Form Importer', 'Formwell', 'marketplace'],
  ['Survey Loop', 'Loopback', 'marketplace'], ['ERP Connector', null, 'private'], ['Call Recorder', 'Voicely', 'marketplace'],
  ['Calendar', 'HubSpot', 'built-in'], ['Ads Reporter', 'Adlens', 'marketplace'], ['Contract Signer', 'Signet', 'marketplace'],
  ['Invoice Flow', 'Papertrail', 'marketplace'], ['Chat Widget', 'Talkbox', 'marketplace'], ['Nightly Cleanup', null, 'private'],
];
const PEOPLE = [
  'Maja Kowalska', 'Adam Nowak', 'Grace Hopkins', 'Łukasz Wiśniewski', 'Priya Natarajan', 'Tomás Herrera', 'Ewa Zielińska', 'Ben Okafor',
  'Sofia Lindqvist', 'Jan Dąbrowski', 'Chloé Martin', 'Piotr Szymański',
];
const HOSTILE = [
  '<img src=x onerror="window.pwned=1">', '"><script>window.pwned=2</script>', "'; DROP TABLE apps; --", '\u202Egnp.exe', '🧨'.repeat(12),
  'A'.repeat(240), '{{constructor.constructor("window.pwned=3")()}}', '=HYPERLINK("http://evil.example","x")', '&lt;b&gt;bold&lt;/b&gt;',
  'javascript:window.pwned=4', '</td></tr></table><h1>out', 'null', '%s%n%00',
];
const TYPES = ['contacts', 'companies', 'deals', 'tickets', '2-4471'];
const ACTIONS = ['created', 'updated', 'deleted', 'merged', 'restored', 'associated'];
const SIGNALS = { disconnected: 'app.disconnected', expired: 'app.expired', error: 'app.error', reauth: 'permission.reauth_required' };
const REASONS = {
  disconnected: ['Disconnected by an administrator', 'The outside account was closed'],
  expired: ['The refresh token is no longer valid', 'The password was changed'],
  error: ['429 from the outside service', 'Webhook answered 500 three times'],
  reauth: ['The app asks for more permissions', 'Consent must be given again'],
};
const SEVERITY = { disconnected: 4, expired: 3, reauth: 2, error: 1 };

function makeApps(n, names) {
  return Array.from({ length: n }, (_, i) => {
    const [name, developer, kind] = i < APPS.length ? APPS[i] : [`${APPS[i % APPS.length][0]} ${i + 1}`, null, i % 3 ? 'marketplace' : 'private'];
    return { app: 501 + i, name: names?.[i] ?? name, developer: names ? (names[i + 1] ?? developer) : developer, kind };
  });
}

function appRow(r, catalogue, mine, now, i) {
  const hides = catalogue.kind === 'built-in' && i % 2 === 0;
  const userLevel = i % 7 === 3;
  const state = hides ? null : r() < 0.72 ? 'connected' : ['disconnected', 'expired', 'error', 'reauth'][Math.floor(r() * 4)];
  const installed = now - Math.floor((3 + r() * 400) * DAY);
  const sent = now - Math.floor(r() ** 3 * 60 * DAY) - 60000;
  const received = now - Math.floor(r() ** 3 * 60 * DAY) - 60000;
  const last = Math.max(sent, received);
  const installer = 7 + Math.floor(r() * PEOPLE.length);
  return {
    ...catalogue, mine, state, since: state === null ? null : now - Math.floor(r() * 20 * DAY), installed, installer,
    installer_name: PEOPLE[installer - 7],
    last_activity: userLevel ? null : last, last_sent: userLevel ? null : sent, last_received: userLevel ? null : received,
    connections: 1 + Math.floor(r() * r() * 40), unused: !userLevel && now - last > 30 * DAY,
    duplicate_of: catalogue.name === 'Invoice Flow' ? '502' : catalogue.name === 'Invoice Pilot' ? '516' : null,
    duplicate_why: catalogue.name?.startsWith('Invoice') ? 'shares 4 of 5 kinds of record changes' : null,
    settings_url: 'https://apps.example/settings', marketplace_url: `https://marketplace.example/${catalogue.app}`, icon_url: null,
  };
}

function makeProblems(r, apps, now) {
  const rows = [];
  for (const a of apps) {
    if (!a.state || a.state === 'connected') continue;
    const problem = a.state;
    const opened = now - Math.floor((0.1 + r() * 12) * DAY);
    const user = a.mine ? 7 : a.installer;
    rows.push({
      severity: SEVERITY[problem], problem, state: 'open', app: a.app, app_name: a.name, user, user_name: PEOPLE[user - 7] ?? null,
      opened, last_seen: Math.min(now, opened + Math.floor(r() * DAY)), ended: null, resolved: null,
      repeats: 1 + Math.floor(r() * 6), episodes: 1 + Math.floor(r() * 2.4), reason: REASONS[problem][Math.floor(r() * 2)],
      code: null, action: problem === 'reauth' ? 'reauthenticate' : 'reconnect',
    });
  }
  return rows.sort((a, b) => b.severity - a.severity || a.opened - b.opened);
}

function makeConnections(r, app, now, users) {
  const n = Math.min(app.connections, users.length);
  return Array.from({ length: n }, (_, i) => {
    const u = users[(app.app + i * 5) % users.length];
    const state = i === 0 ? app.state : r() < 0.85 ? 'connected' : 'expired';
    return {
      user: u.user, user_name: u.name, email: u.email, deactivated: i === 2, state: app.state === null ? null : state,
      since: now - Math.floor(r() * 90 * DAY), installed: now - Math.floor((90 + r() * 300) * DAY),
      reason: state && state !== 'connected' ? (REASONS[state]?.[0] ?? null) : null, code: null, sync: r() < 0.8,
    };
  }).sort((a, b) => a.user - b.user);
}

export function activityRow(position, time, type, app, user, more = {}) {
  return {
    time, position, type, app, user, by: null, reason: null, code: null, setting: null, from: null, to: null, scopes: null,
    feature: null, received: time + 900, ...more,
  };
}

function makeActivity(r, apps, n, now) {
  const rows = [];
  const kinds = ['app.installed', 'app.connected', 'app.reconnected', 'sync.enabled', 'sync.disabled', 'sync.changed', 'app.disconnected',
    'app.expired', 'app.error', 'app.recovered', 'permission.granted', 'app.reinstalled', 'app.uninstalled', 'permission.reauth_required'];
  for (let i = 0; i < n; i++) {
    const type = kinds[Math.floor(r() * kinds.length)];
    const app = apps[Math.floor(r() * apps.length)];
    const more = {};
    if (type === 'sync.changed') Object.assign(more, { setting: 'direction', from: 'one way', to: 'both ways' });
    if (type === 'permission.granted') Object.assign(more, { scopes: 'crm.objects.contacts.read crm.objects.deals.write', feature: 'Deal sync' });
    const problem = Object.keys(SIGNALS).find((k) => SIGNALS[k] === type);
    if (problem) more.reason = REASONS[problem][Math.floor(r() * 2)];
    rows.push(activityRow(0, now - Math.floor((i / n) * 29 * DAY + r() * HOUR) - 60000, type, app.app, 7 + Math.floor(r() * PEOPLE.length), more));
  }
  rows.sort((a, b) => b.time - a.time);
  rows.forEach((row, i) => { row.position = 1000 + (n - i) * 3; });
  return rows;
}

function makeDays(r, apps, now) {
  const usage = [];
  const records = [];
  const distinct = [];
  for (let d = 29; d >= 0; d--) {
    const time = now - d * DAY;
    const day = dayOf(time);
    const week = [0.55, 1, 1.05, 1.1, 1.05, 0.95, 0.5][new Date(time).getUTCDay()];
    const part = d === 0 ? (now % DAY) / DAY : 1;
    apps.forEach((a, i) => {
      const size = 4200 / (1 + i * 0.7);
      const spike = i === 0 && d === 9 ? 4.4 : 1;
      const calls = Math.floor(size * week * part * spike * (0.75 + r() * 0.5));
      if (calls > 0) {
        const limited = spike > 1 ? Math.floor(calls * 0.012) : 0;
        usage.push({ day, app: a.app, kind: a.kind, time: null, calls, errors: limited + Math.floor(calls * 0.008 * r() * 2), limited });
      }
      if (i % 3 === 2 && i > 3) return;
      ACTIONS.forEach((action, k) => {
        const share = [0.3, 1, 0.06, 0.02, 0.004, 0.15][k];
        const types = TYPES.slice(0, 1 + (i % TYPES.length));
        let touched = 0;
        types.forEach((object_type, j) => {
          const count = Math.floor(((size / 9) * share * week * part * (0.5 + r())) / (j + 1));
          if (count > 0) records.push({ day, app: a.app, object_type, action, count });
          touched += count;
        });
        if (touched > 0) {
          const n = Math.max(1, Math.floor(touched * 0.62));
          distinct.push({ day, app: a.app, action, records: n, exact: n < 512, without_record: Math.floor(touched * 0.03) });
        }
      });
    });
  }
  return { usage, records, distinct };
}

function makeAlerts({ usage, records }, now) {
  const day = dayOf(now - 9 * DAY);
  const loud = usage.find((u) => u.day === day);
  if (!loud) return { usageAlerts: [], recordAlerts: [] };
  const type = records.find((r) => r.day === day);
  return {
    usageAlerts: [
      { app: loud.app, day, rule: 'spike', value: loud.calls, expected: Math.round(loud.calls / 4.4) },
      { app: loud.app, day, rule: 'limited', value: loud.limited, expected: 0 },
    ],
    recordAlerts: [
      { app: type.app, day, rule: 'first_type', object_type: 'tickets', action: null, value: 41, expected: 0 },
      { app: type.app, day: dayOf(now - 4 * DAY), rule: 'volume_high', object_type: null, action: 'deleted', value: 900, expected: 140 },
    ],
  };
}

const ACADEMY = [
  ['first-steps', 'Connecting your first app', 'en', 'Getting started', null], ['pierwsze', 'Połącz pierwszą aplikację', 'pl', 'Pierwsze kroki', null],
  ['broken', 'What to do when a connection expires', 'en', 'Upkeep', '501 502'], ['limits', 'Staying below the API limit', 'en', 'API', '503 506'],
  ['dups', 'Finding apps that do the same', 'en', 'Upkeep', null], ['sync', 'How data sync decides who wins', 'en', 'Behaviour', '501 504'],
  ['synchro', 'Jak synchronizacja rozstrzyga konflikty', 'pl', 'Zachowanie', '501'], ['audit', 'A yearly audit of connected apps', 'en', 'Upkeep', null],
];
const WISHES = [['Route Planner', 'Wayfare', '14 of 20 accounts with Mailbridge have it too'], ['Quote Builder', 'Quotient', 'in the marketplace, connected by nobody yet'],
  ['Event Tickets', 'Gather', '12 of 31 accounts with Survey Loop have it too'], ['Payroll Bridge', 'Ledgerline', 'by Ledgerline, who made Invoice Pilot']];

/** What was received late, twice and not as it should, by days ago. */
const AMISS = [[0, 2, 1, 0], [1, 0, 11, 0], [12, 1, 0, 5]];

export function makeWorld({ account, seed, apps: n, users: usersN = PEOPLE.length, mine = 7, activities = 180, names, now, limit = 25000, amiss = [] }) {
  const r = random(seed);
  const users = Array.from({ length: usersN }, (_, i) => {
    const name = names ? names[i % names.length] : i < PEOPLE.length ? PEOPLE[i] : `${PEOPLE[i % PEOPLE.length]} ${i}`;
    return { user: 7 + i, name, email: `user${7 + i}@example.com`, role: null, super_admin: i === 0, deactivated: i === 5, teams: null, updated: now - 90 * DAY, position: 10 + i };
  });
  const apps = makeApps(n, names).map((a, i) => appRow(r, a, i < mine, now, i));
  if (n === APPS.length && !names) {
    const broken = { 502: 'expired', 508: 'error', 510: 'disconnected', 515: 'reauth' };
    for (const a of apps) if (a.state !== null) a.state = broken[a.app] ?? 'connected';
  }
  const connections = new Map(apps.map((a) => [a.app, makeConnections(r, a, now, users)]));
  for (const a of apps) a.connections = connections.get(a.app).length;
  const left = connections.get(502); // who uninstalled it is in the answer, but is no connection
  if (left && !names) left.push({ ...left[0], user: 99, user_name: 'Rolf Gone', email: null, state: 'uninstalled', reason: null });
  const busy = apps.filter((a) => a.kind === 'private').concat(apps.filter((a) => a.kind !== 'private'));
  const counted = makeDays(r, busy, now);
  const permissions = [
    { feature: null, status: 'authorized', scopes: 'crm.objects.contacts.read crm.objects.contacts.write', missing: null, since: now - 80 * DAY },
    { feature: 'Deal sync', status: 'authorized', scopes: 'crm.objects.deals.read', missing: null, since: now - 40 * DAY },
    { feature: 'Company sync', status: 'update', scopes: 'crm.objects.companies.read crm.objects.companies.write', missing: 'crm.objects.companies.write', since: now - 12 * DAY },
    { feature: 'Ticket history', status: 'reauth', scopes: 'tickets', missing: 'tickets', since: null },
  ];
  return {
    account, now, users, apps, connections, permissions,
    attention: makeProblems(r, apps, now),
    activity: n ? makeActivity(r, apps, activities, now) : [],
    ...counted,
    ...makeAlerts(counted, now),
    academy: n ? ACADEMY.map(([key, title, language, topic, about]) => ({
      key, title, link: `https://academy.example/${key}`, language, topic, apps: about, source: 'common', updated: now - 50 * DAY })) : [],
    recommendations: n ? WISHES.map(([name, developer, why], i) => ({
      rank: i + 1, app: 9001 + i, name, developer, kind: 'marketplace', why, accounts: i % 2 ? null : 14, of_accounts: i % 2 ? null : 20,
      marketplace_url: `https://marketplace.example/${9001 + i}`, icon_url: null })) : [],
    plan: n && limit ? [{ tier: 'professional', daily_limit: limit, ten_seconds_limit: 190, reset_zone: 'UTC', updated: now - 90 * DAY, position: 3 }] : [],
    amiss: amiss.map(([ago, late, duplicate, rejected]) => ({ day: dayOf(now - ago * DAY), late, duplicate, rejected })),
    position: 5000,
  };
}

/** 21031067 as most accounts are; 200 large; 404 empty; 666 full of names that attack. */
export function makeWorlds(now) {
  return new Map([
    [21031067, makeWorld({ account: 21031067, seed: 1, apps: 18, now, amiss: AMISS })],
    [200, makeWorld({ account: 200, seed: 2, apps: 200, users: 400, mine: 90, activities: 2500, now, limit: 900000 })],
    [404, makeWorld({ account: 404, seed: 3, apps: 0, users: 0, mine: 0, now })],
    [666, makeWorld({ account: 666, seed: 4, apps: HOSTILE.length, users: HOSTILE.length, mine: 6, activities: 60, names: HOSTILE, now })],
  ]);
}
