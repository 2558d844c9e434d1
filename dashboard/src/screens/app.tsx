// One app: how it is, who has it, what happened, what it may do, what it changes, what to learn.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { address } from '../core/api.ts';
import { hrefTo, useRoute } from '../core/router.ts';
import type { AppOverview, AttentionRow, ConnectionRow, Day, DistinctRow, Envelope, PermissionRow } from '../core/types.ts';
import { useObject, useRows } from '../core/views.ts';
import { ChartBox } from '../chart/chart.tsx';
import { pivot } from '../chart/series.ts';
import { dayOf, daysBetween } from '../i18n/format.ts';
import { useText } from '../i18n/index.ts';
import { AskDialog, type Asked } from '../ui/ask.tsx';
import { actionText, Ago, appName, Avatar, Button, DateOf, kindText, Link, OutLink, safeUrl, Section, StateBadge, userName } from '../ui/bits.tsx';
import { CsvButton } from '../ui/csv.tsx';
import { Icon, type IconName } from '../ui/icon.tsx';
import { Proof } from '../ui/proof.tsx';
import { Empty, Failed, Skeleton } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { Lessons } from './academy.tsx';
import { Alerts, useRecordAlerts } from './alerts.tsx';
import { ActivityLog } from './activity.tsx';
import { useNames, type Names } from './directory.ts';
import { LastActivity, ProblemItem } from './home.tsx';
import { connectionColumns, stands } from './people.tsx';
import { ACTIONS } from './records.tsx';

type SectionId = 'health' | 'people' | 'log' | 'permissions' | 'records' | 'learning';

export function AppScreen({ account, app }: { account: number; app: number }) {
  const language = useText();
  const { t } = language;
  const overview = useObject<AppOverview>(account, 'app', { app });
  const names = useNames(account);
  const [asked, setAsked] = useState<Asked | null>(null);
  const value = overview.value;
  const name = value ? appName(language, app, value.data.name) : null;
  useEffect(() => {
    if (name !== null) document.title = `${name} · ${account} · Daybook`;
  }, [name, account]);
  if (!value) {
    return (
      <div class="wrap">
        <BackLink />
        <h1 class="sr">{t('appN', { app })}</h1>
        {overview.trouble?.status === 404 ? (
          <div class="card"><Empty title={t('appUnknown', { app })} help={t('appUnknownHelp')}>
            <Link class="button primary" href={hrefTo('home')}>{t('toConnections')}</Link>
          </Empty></div>
        ) : overview.trouble ? (
          <div class="card"><Failed trouble={overview.trouble} retry={overview.reload} /></div>
        ) : (
          <><Skeleton rows={1} tall /><Skeleton rows={6} /></>
        )}
      </div>
    );
  }
  const sections: [SectionId, string, IconName][] = [
    ['health', t('healthTitle'), 'pulse'], ['people', t('peopleSection'), 'users'], ['log', t('logTitle'), 'clock'],
    ['permissions', t('permissionsTitle'), 'shield'], ['records', t('distinctTitle'), 'layers'], ['learning', t('learnTitle'), 'book'],
  ];
  return (
    <div class="wrap">
      <BackLink />
      <Head account={account} overview={value.data} onAsk={setAsked} />
      <Facts envelope={value} />
      <div class="with-side">
        <nav class="side" aria-label={t('onThisPage')}>
          {sections.map(([id, text, icon]) => (
            <a key={id} href={`#${id}`} onClick={(event) => { event.preventDefault(); jump(id); }}><Icon name={icon} />{text}</a>
          ))}
        </nav>
        <div class="side-body">
          <Health overview={value.data} now={value.as_of} onAsk={setAsked} />
          <PeopleSection account={account} app={app} now={value.as_of} />
          <Section id="log" title={t('logTitle')} lead={t('logLead')}>
            <ActivityLog account={account} app={app} id="log" names={names} none={{ title: t('logNone'), help: t('logNoneHelp') }} />
          </Section>
          <Permissions account={account} overview={value.data} onAsk={setAsked} />
          <Distinct account={account} app={app} names={names} />
          <Section id="learning" title={t('learnTitle')} lead={t('learnLead')}>
            <Learning overview={value.data} names={names} />
          </Section>
          <Proof envelope={value} />
        </div>
      </div>
      {asked && <AskDialog asked={asked} onClose={() => setAsked(null)} />}
    </div>
  );
}

function jump(id: SectionId): void {
  const to = document.getElementById(id);
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  to?.scrollIntoView({ behavior: calm ? 'auto' : 'smooth' });
  const title = document.getElementById(`${id}-title`);
  title?.setAttribute('tabindex', '-1');
  title?.focus({ preventScroll: true });
}

function BackLink() {
  const { t } = useText();
  return <Link class="back" href={hrefTo('home')}><Icon name="left" class="small" />{t('appBack')}</Link>;
}

function useViewer(): number | null {
  const { query } = useRoute();
  const viewer = query.get('viewer');
  return viewer !== null && /^\d{1,16}$/.test(viewer) ? Number(viewer) : null;
}

/** The problem that a button above the list is for: the viewer's own, or the only one. */
function problemFor(rows: AttentionRow[], viewer: number | null): AttentionRow | null {
  const asking = rows.filter((row) => row.action !== null && row.user !== null);
  return asking.find((row) => row.user === viewer) ?? (asking.length === 1 ? asking[0]! : null);
}

function askOf(overview: AppOverview, row: AttentionRow): Asked {
  return { action: row.action!, app: overview.app, name: overview.name, user: row.user!, userName: row.user_name };
}

function Head({ account, overview, onAsk }: { account: number; overview: AppOverview; onAsk: (asked: Asked) => void }) {
  const language = useText();
  const { t } = language;
  const viewer = useViewer();
  const name = appName(language, overview.app, overview.name);
  const settings = safeUrl(overview.settings_url);
  const market = safeUrl(overview.marketplace_url);
  const people = useRows<ConnectionRow>(account, 'connections', { app: overview.app });
  const mine = viewer === null ? undefined : people.value?.data.rows.find((row) => row.user === viewer);
  const problem = problemFor(overview.health, viewer);
  return (
    <header class="app-head">
      <Avatar id={overview.app} name={name} />
      <div class="app-head-text">
        <h1>{name}</h1>
        <p class="sub">
          {[kindText(language, overview.kind), overview.developer && t('by', { name: overview.developer })].filter(Boolean).join(' · ')}
        </p>
      </div>
      <StateBadge state={overview.state} />
      <span class="grow" />
      <div class="tools">
        {settings && <OutLink class="button" href={settings}>{t('settings')}</OutLink>}
        {market && <OutLink class="button" href={market}>{t('marketplace')}</OutLink>}
        {mine?.state === 'connected' && (
          <Button kind="danger" icon="unplug"
            onClick={() => onAsk({ action: 'disconnect', app: overview.app, name: overview.name, user: mine.user!, userName: mine.user_name })}>
            {t('disconnect')}
          </Button>
        )}
        {problem && (
          <Button kind="primary" icon={problem.action === 'reconnect' ? 'refresh' : 'key'} onClick={() => onAsk(askOf(overview, problem))}>
            {t(problem.action!)}
          </Button>
        )}
      </div>
    </header>
  );
}

function Facts({ envelope }: { envelope: Envelope<AppOverview> }) {
  const language = useText();
  const { t, format } = language;
  const o = envelope.data;
  return (
    <dl class="facts card">
      <div><dt>{t('installDate')}</dt><dd><DateOf time={o.installed} /></dd></div>
      <div><dt>{t('installedBy')}</dt><dd>{o.installer === null ? t('unknown') : userName(language, o.installer, o.installer_name)}</dd></div>
      <div>
        <dt>{t('lastActivity')}</dt>
        <dd>
          <LastActivity row={o} now={envelope.as_of} />
          {o.last_activity !== null && (
            <span class="sub block">
              {t('lastSent')} <Ago time={o.last_sent} now={envelope.as_of} />
              <br />
              {t('lastReceived')} <Ago time={o.last_received} now={envelope.as_of} />
            </span>
          )}
        </dd>
      </div>
      <div><dt>{t('people')}</dt><dd>{format.number(o.connections)}</dd></div>
      {o.since !== null && <div><dt>{t('status')}</dt><dd>{t('sinceTime', { time: format.dateClock(o.since) })} UTC</dd></div>}
    </dl>
  );
}

function Health({ overview, now, onAsk }: { overview: AppOverview; now: number; onAsk: (asked: Asked) => void }) {
  const { t } = useText();
  const viewer = useViewer();
  return (
    <Section id="health" title={t('healthTitle')} lead={t('healthLead')} count={overview.health.length || undefined}>
      <div class="card">
        {overview.health.length === 0 ? (
          overview.state === null
            ? <Empty icon="dots" title={t('notShown')} help={t('healthHidden')} />
            : <Empty icon="check" title={t('healthNone')} help={t('healthNoneHelp')} />
        ) : (
          <ul class="problems">
            {overview.health.map((row) => (
              <ProblemItem key={`${row.user}-${row.problem}`} row={row} now={now} viewer={viewer} onAsk={onAsk} withApp={false} />
            ))}
          </ul>
        )}
      </div>
    </Section>
  );
}

function PeopleSection({ account, app, now }: { account: number; app: number; now: number }) {
  const language = useText();
  const { t } = language;
  const people = useRows<ConnectionRow>(account, 'connections', { app });
  const rows = people.value?.data.rows.filter(stands);
  const columns = useMemo(() => connectionColumns(language, now), [language, now]);
  return (
    <Section id="people" title={t('peopleSection')} lead={t('peopleLead')} count={rows?.length}
      tools={<CsvButton source={{ url: address(account, 'connections', { app }), name: `connections-${app}` }} what={t('peopleSection')} />}>
      <div class="card">
        {people.trouble && !rows && <Failed trouble={people.trouble} retry={people.reload} />}
        {!rows && !people.trouble && <Skeleton rows={3} />}
        {rows && <Table id="people" caption={t('peopleSection')} columns={columns} rows={rows} rowKey={(r) => r.user ?? -1} sort="user" step={20}
          empty={<Empty icon="users" title={t('peopleNone')} />} />}
      </div>
    </Section>
  );
}

function Permissions({ account, overview, onAsk }: { account: number; overview: AppOverview; onAsk: (asked: Asked) => void }) {
  const language = useText();
  const { t } = language;
  const problem = problemFor(overview.health.filter((row) => row.action === 'reauthenticate'), useViewer());
  const groups = ['authorized', 'update', 'reauth'] as const;
  const icons = { authorized: 'check', update: 'refresh', reauth: 'key' } as const;
  return (
    <Section id="permissions" title={t('permissionsTitle')} lead={t('permissionsLead')}
      tools={overview.permissions.length > 0 && (
        <CsvButton source={{ url: address(account, 'permissions', { app: overview.app }), name: `permissions-${overview.app}` }} what={t('permissionsTitle')} />
      )}>
      {overview.permissions.length === 0 ? (
        <div class="card"><Empty icon="shield" title={t('permissionsNone')} help={t('permissionsNoneHelp')} /></div>
      ) : (
        <div class="permission-groups">
          {groups.map((status) => {
            const rows = overview.permissions.filter((p) => p.status === status);
            return (
              <section key={status} class={`card permission ${status}`} aria-labelledby={`permission-${status}`}>
                <h3 id={`permission-${status}`}><Icon name={icons[status]} />{t(`permissions_${status}`)}<span class="count">{rows.length}</span></h3>
                {rows.length === 0 ? <p class="muted">{t('permissionsNothing')}</p> : (
                  <ul>{rows.map((row) => <Permission key={row.feature ?? ''} row={row} />)}</ul>
                )}
                {status === 'reauth' && rows.length > 0 && problem && (
                  <Button kind="primary" icon="key" onClick={() => onAsk(askOf(overview, problem))}>{t('reauthenticate')}</Button>
                )}
              </section>
            );
          })}
        </div>
      )}
    </Section>
  );
}

function Permission({ row }: { row: PermissionRow }) {
  const { t } = useText();
  return (
    <li>
      <span class="name">{row.feature ?? t('featureBasic')}</span>
      <span class="scopes">{row.scopes.split(' ').filter(Boolean).map((s) => <code key={s}>{s}</code>)}</span>
      {row.missing && <span class="sub warn-text">{t('missing', { scopes: row.missing.split(' ').join(', ') })}</span>}
    </li>
  );
}

function Distinct({ account, app, names }: { account: number; app: number; names: Names }) {
  const language = useText();
  const { t, format } = language;
  const question = { app, group_by: ['day', 'action'] };
  const alerts = useRecordAlerts(account, { app });
  const distinct = useRows<DistinctRow>(account, 'distinct_records', question);
  const envelope = distinct.value;
  const rows = envelope?.data.rows;
  const today = dayOf(envelope?.as_of ?? Date.now());
  const data = useMemo(
    () => pivot((rows ?? []).map((r) => ({ day: r.day, key: r.action, n: r.records })), {
      days: daysBetween((envelope?.from as Day) ?? today, (envelope?.to as Day) ?? today),
      label: (key) => actionText(language, key), known: ACTIONS, rest: t('other'),
    }),
    [rows, language, today],
  );
  const columns = useMemo<Column<DistinctRow>[]>(() => [
    { key: 'day', label: t('day'), head: true, value: (r) => r.day, cell: (r) => <time dateTime={r.day}>{format.dayWeekday(r.day)}</time> },
    { key: 'action', label: t('action'), value: (r) => actionText(language, r.action), cell: (r) => actionText(language, r.action) },
    {
      key: 'records', label: t('records'), end: true, value: (r) => r.records,
      cell: (r) => <span title={r.exact ? t('exactly') : t('about')}>{r.exact ? '' : '≈ '}{format.number(r.records)}</span>,
    },
    { key: 'without_record', label: t('withoutRecord'), end: true, value: (r) => r.without_record, cell: (r) => format.number(r.without_record) },
  ], [language]);
  return (
    <Section id="records" title={t('distinctTitle')} lead={t('distinctLead')}>
      {distinct.trouble && !rows && <div class="card"><Failed trouble={distinct.trouble} retry={distinct.reload} /></div>}
      {!rows && !distinct.trouble && <Skeleton rows={6} />}
      {rows && rows.length === 0 && <div class="card"><Empty icon="layers" title={t('distinctNone')} help={t('distinctNoneHelp')} /></div>}
      {rows && rows.length > 0 && (
        <ChartBox id="distinct" level={3} title={t('chartDistinct')} data={data} stale={distinct.stale}
          tools={<CsvButton source={{ url: address(account, 'distinct_records', question), name: `distinct-records-${app}` }} what={t('distinctTitle')} />}
          note={`${t('distinctNote')} ${t('openDay')}`}
          table={<Table id="distinct" caption={t('distinctTitle')} columns={columns} rows={rows} rowKey={(r) => `${r.day} ${r.action}`} sort="-day" step={60} empty={null} />} />
      )}
      {rows && rows.length > 0 && (
        <Alerts id="app-record-alerts" account={account} view="record_alerts" params={{ app }} found={alerts} names={names} />
      )}
    </Section>
  );
}

function Learning({ overview, names }: { overview: AppOverview; names: Names }) {
  const { t } = useText();
  if (overview.academy.length === 0) return <div class="card"><Empty icon="book" title={t('learnNone')} /></div>;
  return <Lessons rows={overview.academy} names={names} />;
}
