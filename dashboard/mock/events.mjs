// A world as events, for a real engine: what its tables would show came from these.
const DAY = 86400000;
const SIGNALS = { disconnected: 'app.disconnected', expired: 'app.expired', error: 'app.error', reauth: 'permission.reauth_required' };

const early = (world, time) => Math.max(time, world.now - 28 * DAY);

function reference(world) {
  const { account, now } = world;
  const at = { account, app: 0, time: now - 60000 };
  return [
    ...world.plan.map((p) => ({ type: 'account.plan', ...at, tier: p.tier, daily_limit: p.daily_limit, reset_zone: p.reset_zone })),
    ...world.users.map((u) => ({
      type: 'directory.user', ...at, user: u.user, name: u.name, email: u.email, super_admin: u.super_admin, deactivated: u.deactivated,
    })),
    ...world.apps.map((a) => ({
      type: 'catalog.app', ...at, app: a.app, name: a.name ?? `App ${a.app}`, kind: a.kind, user_level: a.last_activity === null,
      shows_status: a.state !== null, marketplace_url: a.marketplace_url, settings_url: a.settings_url,
      required_scopes: ['crm.objects.contacts.read', 'crm.objects.contacts.write'],
      optional_scopes: ['tickets=Ticket history', 'crm.objects.deals.read=Deal sync'],
      ...(a.developer ? { developer: a.developer } : {}),
    })),
    ...world.recommendations.map((r) => ({ type: 'catalog.app', ...at, app: r.app, name: r.name, developer: r.developer, kind: 'marketplace', marketplace_url: r.marketplace_url })),
    ...world.academy.map((l) => ({
      type: 'catalog.academy', ...at, key: l.key, title: l.title, link: l.link, language: l.language, topic: l.topic,
      apps: (l.apps ?? '').split(' ').filter(Boolean).map(Number),
    })),
  ];
}

function lifecycle(world) {
  const events = [];
  for (const app of world.apps) {
    const people = world.connections.get(app.app).slice(0, 6);
    if (app.mine && !people.some((p) => p.user === 7)) people.push({ user: 7, state: app.state, installed: app.installed });
    people.forEach((p, i) => {
      const base = { account: world.account, app: app.app, user: p.user };
      const time = early(world, p.installed) + i * 60000;
      events.push({ type: 'app.installed', ...base, time }, { type: 'app.connected', ...base, time: time + 1000 });
      const broken = SIGNALS[app.mine ? (p.user === 7 ? app.state : '') : p.state];
      if (broken) events.push({ type: broken, ...base, time: world.now - 3 * DAY + i * 60000, reason: world.attention.find((a) => a.app === app.app)?.reason ?? 'Token refused' });
    });
  }
  return events.map(({ reason, ...e }) => (e.type.startsWith('app.') && reason ? { ...e, reason } : e));
}

function counters(world) {
  const noon = (day) => Math.min(Date.parse(`${day}T11:00:00Z`), world.now - 120000);
  const { account } = world;
  return [
    ...world.usage.flatMap((u) => {
      const base = { type: 'api.call', account, app: u.app, time: noon(u.day), endpoint: '/crm/v3/objects/{type}' };
      return [
        { ...base, method: 'GET', status: 200, count: u.calls - u.errors },
        { ...base, method: 'POST', status: 500, count: u.errors - u.limited },
        { ...base, method: 'POST', status: 429, count: u.limited },
      ].filter((e) => e.count > 0);
    }),
    ...world.records.map((r, i) => ({
      type: `record.${r.action}`, account, app: r.app, time: noon(r.day), object_type: r.object_type, count: r.count, record: 1000 + (i % 700),
    })),
  ];
}

export function eventsOf(world) {
  return [...reference(world), ...lifecycle(world), ...counters(world)];
}

/** Publishes them to an engine's HTTP face; throws when one is not taken. */
export async function publishTo(origin, events) {
  for (let i = 0; i < events.length; i += 500) {
    const response = await fetch(`${origin}/v1/events`, {
      method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(events.slice(i, i + 500)),
    });
    const ack = await response.json();
    if (!response.ok || ack.rejected_n > 0) throw new Error(`not taken: ${JSON.stringify(ack).slice(0, 600)}`);
  }
}
