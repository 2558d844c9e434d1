// Answers to the views out of a world: filters, groups, pages, as the engine does.
import { dayOf } from './world.mjs';

const DAY = 86400000;
const list = (params, name) => (params.get(name) ?? '').split(',').filter(Boolean);
const admits = (params, name, value) => list(params, name).length === 0 || list(params, name).includes(String(value));

export class Refusal extends Error {
  constructor(status, code, detail) {
    super(detail);
    Object.assign(this, { status, code });
  }
}

function flags(row, params) {
  for (const [name, is] of [['unused', row.unused], ['duplicate', row.duplicate_of !== null]]) {
    const wanted = params.get(name);
    if (wanted !== null && String(is) !== wanted) return false;
  }
  return admits(params, 'state', row.state ?? 'none');
}

function group(rows, dims, facts, sort) {
  const groups = new Map();
  for (const row of rows) {
    const key = dims.map((d) => row[d]).join('\u0000');
    const seen = groups.get(key);
    if (!seen) groups.set(key, { ...row });
    else for (const [fact, how] of Object.entries(facts)) seen[fact] = how(seen[fact], row[fact]);
  }
  const order = sort.filter((d) => dims.includes(d));
  return [...groups.values()].sort((a, b) => {
    for (const d of order) if (a[d] !== b[d]) return a[d] < b[d] ? -1 : 1;
    return 0;
  });
}

const add = (a, b) => a + b;
const both = (a, b) => a && b;

function days(world, params, rows) {
  const first = dayOf(world.now - 29 * DAY);
  const last = dayOf(world.now);
  const from = params.get('from') ?? first;
  const to = params.get('to') ?? last;
  if (from > to) throw new Refusal(400, 'bad_parameter', `from ${from} is after to ${to}`);
  return {
    range: { from: from < first ? first : from, to: to > last ? last : to, bound: 'retention' },
    rows: rows.filter((r) => r.day >= from && r.day <= to && admits(params, 'app', r.app)),
  };
}

/** What came amiss on the days of a range, which are days or instants. */
export function receivedIn(world, { from, to }) {
  const [first, last] = [from, to].map((at) => (typeof at === 'number' ? dayOf(at) : at));
  const of = (kind) => world.amiss.filter((a) => a.day >= first && a.day <= last).reduce((n, a) => n + a[kind], 0);
  return { late: of('late'), duplicate: of('duplicate'), rejected: of('rejected') };
}

function dims(params, all) {
  const wanted = params.get('group_by');
  return wanted === null ? all : wanted.split(',').filter(Boolean);
}

/** A day's row by quarter-hours: busy by day, quiet at night, nothing after now; the sums stay. */
function quarters(world, row) {
  const midnight = Date.parse(`${row.day}T00:00:00Z`);
  const open = Math.min(96, Math.floor((world.now - midnight) / 900000) + 1);
  const weight = (i) => 1.2 - Math.cos((i / 96) * 2 * Math.PI) + ((i * 7 + row.app) % 5) / 10;
  const whole = Array.from({ length: open }, (_, i) => weight(i)).reduce(add, 0);
  const left = { calls: row.calls, errors: row.errors, limited: row.limited };
  const cells = Array.from({ length: open }, (_, i) => {
    const cell = { ...row, time: midnight + i * 900000 };
    for (const fact of Object.keys(left)) {
      cell[fact] = i === open - 1 ? left[fact] : Math.min(left[fact], Math.round((row[fact] * weight(i)) / whole));
      left[fact] -= cell[fact];
    }
    return cell;
  });
  return cells.filter((cell) => cell.calls > 0);
}

function usageNow(world, rows) {
  const today = dayOf(world.now);
  const of = (field, from, to) => rows.filter((r) => r.day >= dayOf(world.now - from * DAY) && r.day <= dayOf(world.now - to * DAY)).reduce((n, r) => n + r[field], 0);
  const calls = of('calls', 0, 0);
  const errors = of('errors', 0, 0);
  const limit = world.plan[0]?.daily_limit ?? null;
  const midnight = Date.parse(`${today}T00:00:00Z`);
  const share = (world.now - midnight) / DAY;
  const forecast = calls ? Math.round(calls / share) : null;
  const driver = [...rows].filter((r) => r.day === today).sort((a, b) => b.calls - a.calls)[0];
  const reached = limit !== null && forecast !== null && forecast >= limit ? Math.round(midnight + (limit / forecast) * DAY) : null;
  const [week, before] = [of('calls', 7, 1), of('calls', 14, 8)];
  return {
    day: today, zone: 'UTC', resets: midnight + DAY, tier: world.plan[0]?.tier ?? null, daily_limit: limit, ten_seconds_limit: limit && 190,
    calls, share_permille: limit && Math.round((calls / limit) * 1000), left: limit && Math.max(0, limit - calls), errors,
    error_permille: calls ? Math.round((errors / calls) * 1000) : 0, errors_over: calls >= 100 && errors * 20 >= calls, limited: of('limited', 0, 0),
    apps: rows.filter((r) => r.day === today).length, yesterday: of('calls', 1, 1), yesterday_by_now: Math.round(of('calls', 1, 1) * share),
    week, week_before: before, trend_permille: before ? Math.round((week / before) * 1000) : null, rule: null, expected: null, forecast,
    basis: forecast === null ? null : 'flat', reached, driver: reached === null ? null : driver.app,
    driver_calls: reached === null ? null : driver.calls, driver_growth: reached === null ? null : 0,
  };
}

const views = {
  home(world, params) {
    const viewer = params.get('viewer');
    if (viewer === null) throw new Refusal(400, 'bad_parameter', 'viewer is missing');
    const rows = Number(params.get('rows') ?? 100);
    const me = viewer === '7';
    const my_apps = world.apps.filter((a) => me && a.mine);
    const other_apps = world.apps.filter((a) => !me || !a.mine);
    const count = (state) => world.apps.filter((a) => a.state === state).length;
    return {
      object: {
        apps: world.apps.length, connections: world.apps.reduce((n, a) => n + a.connections, 0),
        connections_connected: world.apps.reduce((n, a) => n + a.connections, 0) - world.attention.length, connected: count('connected') + count(null), seen_only: 1,
        disconnected: count('disconnected'), expired: count('expired'), reauth: count('reauth'), error: count('error'),
        problems: world.attention.length, mine: my_apps.length, others: other_apps.length, whole: true,
        attention: world.attention.slice(0, rows), my_apps: my_apps.slice(0, rows), other_apps: other_apps.slice(0, rows),
        recommendations: world.recommendations,
      },
      tables: { attention: 'attention', my_apps: 'my_apps', other_apps: 'other_apps', recommendations: 'recommendations' },
    };
  },
  attention: (world, params) => ({ rows: world.attention.filter((r) => admits(params, 'app', r.app)) }),
  my_apps: (world, params) => ({ rows: world.apps.filter((a) => params.get('viewer') === '7' && a.mine && flags(a, params)) }),
  other_apps: (world, params) => ({ rows: world.apps.filter((a) => !(params.get('viewer') === '7' && a.mine) && flags(a, params)) }),
  apps: (world) => ({ rows: world.apps }),
  connections: (world, params) => ({ rows: world.connections.get(Number(params.get('app'))) ?? [] }),
  recommendations: (world) => ({ rows: world.recommendations }),
  academy: (world, params) => ({
    rows: world.academy.filter((r) => admits(params, 'topic', r.topic) &&
      (list(params, 'app').length === 0 || (r.apps ?? '').split(' ').some((app) => list(params, 'app').includes(app)))),
  }),
  users: (world) => ({ rows: world.users }),
  usage(world, params) {
    const kind = params.get('kind') ?? 'private';
    const fits = world.usage.filter((r) => (kind === 'all' || (r.kind ?? 'private') === kind) && admits(params, 'app', r.app));
    return { rows: [usageNow(world, fits)], range: days(world, params, []).range };
  },
  usage_alerts(world, params) {
    const { rows, range } = days(world, params, world.usageAlerts);
    return { rows, range };
  },
  record_alerts(world, params) {
    const { rows, range } = days(world, params, world.recordAlerts);
    return { rows, range };
  },
  permissions: (world) => ({ rows: world.permissions }),
  activity: (world, params) => ({
    rows: world.activity.filter((r) => admits(params, 'type', r.type) && admits(params, 'app', r.app) && admits(params, 'user', r.user)),
    range: { from: world.now - 29 * DAY, to: world.now, bound: 'retention' },
  }),
  api_usage(world, params) {
    const kind = params.get('kind') ?? 'private';
    const { rows, range } = days(world, params, world.usage.filter((r) => kind === 'all' || (r.kind ?? 'private') === kind));
    const by = dims(params, ['day', 'app']);
    const names = ['day', 'app'].filter((d) => by.includes(d));
    names.push(...(by.includes('app') ? ['kind'] : []), ...(by.includes('time') ? ['time'] : []), 'calls', 'errors', 'limited');
    const cells = params.get('slot') === 'quarter' ? rows.flatMap((row) => quarters(world, row)) : rows;
    return { rows: group(cells, by, { calls: add, errors: add, limited: add }, ['day', 'app', 'time']), range, names };
  },
  records(world, params) {
    const { rows, range } = days(world, params, world.records);
    const by = dims(params, ['day', 'app', 'object_type', 'action']);
    const fits = rows.filter((r) => admits(params, 'object_type', r.object_type) && admits(params, 'action', r.action));
    return { rows: group(fits, by, { count: add }, ['day', 'app', 'object_type', 'action']), range, names: [...by, 'count'] };
  },
  distinct_records(world, params) {
    const { rows, range } = days(world, params, world.distinct);
    const by = dims(params, ['day', 'app', 'action']);
    return {
      rows: group(rows, by, { records: add, without_record: add, exact: both }, ['day', 'app', 'action']), range,
      names: [...by, 'records', 'exact', 'without_record'],
    };
  },
  app(world, params) {
    const app = Number(params.get('app'));
    const found = world.apps.find((a) => a.app === app);
    if (!found) throw new Refusal(404, 'not_found', `account ${world.account} has no app ${app}`);
    const only = new URLSearchParams({ app: String(app) });
    return {
      object: {
        ...found, health: world.attention.filter((r) => r.app === app), log: views.activity(world, only).rows.slice(0, 20),
        permissions: world.permissions, records: [], records_cut: false,
        academy: world.academy.filter((r) => (r.apps ?? '').split(' ').includes(String(app))),
      },
      tables: { health: 'attention', log: 'activity', permissions: 'permissions', academy: 'academy' },
      range: { from: dayOf(world.now - 29 * DAY), to: dayOf(world.now), bound: 'retention' },
    };
  },
};

export function answer(world, view, params) {
  if (!views[view]) throw new Refusal(404, 'not_found', `no view "${view}"`);
  return views[view](world, params);
}
