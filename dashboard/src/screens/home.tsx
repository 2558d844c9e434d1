// Connections: what needs attention, my apps, what others have, what else there is.
import { useMemo, useState } from 'preact/hooks';
import { address, type Params } from '../core/api.ts';
import { hrefTo, listOf, setQuery, useRoute } from '../core/router.ts';
import type { AppRow, AttentionRow, ConnectionRow, Home, RecommendationRow, Time } from '../core/types.ts';
import { primeObject, useObject, useRows } from '../core/views.ts';
import { sentence } from '../i18n/engine.ts';
import { useText } from '../i18n/index.ts';
import { AskDialog, type Asked } from '../ui/ask.tsx';
import {
  Ago, AppLink, appName, Avatar, Button, DateOf, kindText, Mark, OutLink, ProblemBadge, safeUrl, Section, StateBadge, userName,
} from '../ui/bits.tsx';
import { CsvButton } from '../ui/csv.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { ClearFilters, MultiFilter } from '../ui/filters.tsx';
import { Icon } from '../ui/icon.tsx';
import { useLater } from '../ui/later.ts';
import { Menu, type MenuItem } from '../ui/popover.tsx';
import { Proof } from '../ui/proof.tsx';
import { Empty, Failed, Skeleton } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { connectionColumns, stands } from './people.tsx';
import { ViewerChoice } from './viewer.tsx';

const SECTION_ROWS = 100;
const ATTENTION_SHOWN = 4;

/** What the first look at this screen will ask; resolves with the answer, or null: it asks nothing. */
export function primeHome(account: number, query: URLSearchParams): Promise<void> | null {
  const viewer = query.get('viewer');
  return viewer === null ? null : primeObject<Home>(account, 'home', { viewer: Number(viewer), rows: SECTION_ROWS });
}

export function HomeScreen({ account }: { account: number }) {
  const { t } = useText();
  const { query } = useRoute();
  const viewer = query.get('viewer');
  return (
    <div class="wrap">
      <header class="screen-head">
        <h1>{t('homeTitle')}</h1>
        <p class="lead">{t('homeLead')}</p>
      </header>
      {viewer === null ? (
        <div class="card who">
          <h2>{t('whoTitle')}</h2>
          <p class="lead">{t('whoLead')}</p>
          <ViewerChoice account={account} />
        </div>
      ) : (
        <HomeOf key={viewer} account={account} viewer={Number(viewer)} />
      )}
    </div>
  );
}

function HomeOf({ account, viewer }: { account: number; viewer: number }) {
  const { t } = useText();
  const home = useObject<Home>(account, 'home', { viewer, rows: SECTION_ROWS });
  const [asked, setAsked] = useState<Asked | null>(null);
  const later = useLater();
  const { query } = useRoute();
  const people = Number(query.get('people') ?? NaN);
  if (!home.value) {
    if (home.trouble) return <div class="card"><Failed trouble={home.trouble} retry={home.reload} /></div>;
    return <><Skeleton rows={1} tall /><Skeleton rows={6} /></>;
  }
  const data = home.value.data;
  const now = home.value.as_of;
  const nameOf = (app: number) => [...data.my_apps, ...data.other_apps].find((row) => row.app === app)?.name ?? null;
  return (
    <>
      <Stats home={data} />
      {!data.whole && <p class="banner"><Icon name="alert" />{t('notWhole')}</p>}
      <Attention account={account} viewer={viewer} home={data} now={now} onAsk={setAsked} />
      <MyApps account={account} viewer={viewer} home={data} now={now} onAsk={setAsked} />
      {later ? (
        <>
          <OtherApps account={account} viewer={viewer} home={data} now={now} onAsk={setAsked} />
          <Recommendations account={account} rows={data.recommendations} viewer={viewer} onAsk={setAsked} />
        </>
      ) : <Skeleton rows={6} />}
      <Proof envelope={home.value} />
      {asked && <AskDialog asked={asked} onClose={() => setAsked(null)} />}
      {Number.isSafeInteger(people) && (
        <People account={account} app={people} name={nameOf(people)} now={now} onClose={() => setQuery({ people: null })} />
      )}
    </>
  );
}

function Stats({ home }: { home: Home }) {
  const { t, format } = useText();
  const ailing = home.my_apps.filter((row) => row.state !== null && row.state !== 'connected').length;
  const broken = home.disconnected + home.expired + home.reauth + home.error;
  const idle = home.other_apps.filter((row) => row.unused).length;
  return (
    <ul class="stats">
      <li class="stat">
        <span class="stat-name">{t('statApps')}</span>
        <span class="stat-value">{format.number(home.apps)}</span>
        <span class="stat-sub">{t('statAppsSub', { n: home.connections })}</span>
        <span class="stat-sub">{t('statAppsWorking', { n: home.connections_connected })}</span>
        {home.seen_only > 0 && <span class="stat-sub" title={t('statSeenHelp')}>{t('statSeen', { n: home.seen_only })}</span>}
      </li>
      <li class="stat">
        <span class="stat-name">{t('statProblems')}</span>
        <span class={`stat-value ${broken ? 'bad-text' : ''}`}>{format.number(broken)}</span>
        <span class="stat-sub">{`${t('statHealthy')}: ${format.number(home.connected)}`}</span>
        {home.problems > 0 && <span class="stat-sub">{t('statOpen', { n: home.problems })}</span>}
      </li>
      <li class="stat">
        <span class="stat-name">{t('statMine')}</span>
        <span class="stat-value">{format.number(home.mine)}</span>
        {home.my_apps.length === home.mine && home.mine > 0 && <span class="stat-sub">{t('statMineSub', { n: ailing })}</span>}
      </li>
      <li class="stat">
        <span class="stat-name">{t('statOthers')}</span>
        <span class="stat-value">{format.number(home.others)}</span>
        {home.other_apps.length === home.others && home.others > 0 && <span class="stat-sub">{t('statOthersSub', { n: idle })}</span>}
      </li>
    </ul>
  );
}

interface Part {
  account: number;
  viewer: number;
  home: Home;
  now: Time;
  onAsk: (asked: Asked) => void;
}

// ---- needs attention ----

export function ProblemItem({ row, now, onAsk, viewer, withApp = true }: {
  row: AttentionRow;
  now: Time;
  viewer: number | null;
  onAsk: (asked: Asked) => void;
  withApp?: boolean;
}) {
  const language = useText();
  const { t } = language;
  const name = appName(language, row.app, row.app_name);
  const whose = row.user === viewer && viewer !== null
    ? `${userName(language, row.user, row.user_name)} (${t('you')})`
    : userName(language, row.user, row.user_name);
  return (
    <li class={`problem ${row.problem}`}>
      <div class="problem-what">
        {withApp ? (
          <AppLink app={row.app} name={row.app_name} sub={whose} />
        ) : (
          <span class="named"><Avatar id={row.user ?? 0} name={whose} round /><span class="name">{whose}</span></span>
        )}
      </div>
      <div class="problem-why">
        <ProblemBadge problem={row.problem} />
        <p class="reason">{row.reason ?? row.code ?? ''}</p>
        <p class="sub">
          {t('opened')} <Ago time={row.opened} now={now} />
          {row.repeats > 1 && ` · ${t('repeats', { n: row.repeats })}`}
          {row.episodes > 1 && ` · ${t('episodes', { n: row.episodes })}`}
          {row.ended !== null && ` · ${t('recovering')}`}
        </p>
      </div>
      {row.action && row.user !== null && (
        <Button
          kind="primary"
          icon={row.action === 'reconnect' ? 'refresh' : 'key'}
          aria-label={`${t(row.action)}: ${name}, ${whose}`}
          onClick={() => onAsk({ action: row.action!, app: row.app, name: row.app_name, user: row.user!, userName: row.user_name })}
        >
          {t(row.action)}
        </Button>
      )}
    </li>
  );
}

function Attention({ account, viewer, home, now, onAsk }: Part) {
  const { t } = useText();
  const { query } = useRoute();
  const whole = query.get('problems') === 'all';
  const more = useRows<AttentionRow>(whole && home.problems > home.attention.length ? account : null, 'attention');
  const rows = more.value?.data.rows ?? home.attention;
  const shown = whole ? rows : rows.slice(0, ATTENTION_SHOWN);
  return (
    <Section
      id="attention"
      title={t('attentionTitle')}
      count={home.problems}
      lead={t('attentionLead')}
      tools={home.problems > 0 && (
        <CsvButton source={{ url: address(account, 'attention'), name: `attention-${account}` }} what={t('attentionTitle')} />
      )}
    >
      <div class="card">
        {rows.length === 0 ? (
          home.apps === 0
            ? <Empty icon="plug" title={t('attentionEmpty')} help={t('attentionEmptyHelp')} />
            : <Empty icon="check" title={t('attentionNone')} help={t('attentionNoneHelp')} />
        ) : (
          <ul class="problems">
            {shown.map((row) => (
              <ProblemItem key={`${row.app}-${row.user}-${row.problem}`} row={row} now={now} viewer={viewer} onAsk={onAsk} />
            ))}
          </ul>
        )}
        {!whole && rows.length > ATTENTION_SHOWN && (
          <div class="table-foot">
            <Button onClick={() => setQuery({ problems: 'all' })}>{t('showAllProblems', { n: home.problems })}</Button>
          </div>
        )}
      </div>
    </Section>
  );
}

// ---- apps ----

function useAppFilters(prefix: string): { states: string[]; flags: string[]; fits: (row: AppRow) => boolean; params: Params } {
  const { query } = useRoute();
  const states = listOf(query, `${prefix}_state`);
  const flags = listOf(query, `${prefix}_mark`);
  const params: Params = { state: states };
  if (flags.includes('unused')) params.unused = true;
  if (flags.includes('duplicate')) params.duplicate = true;
  return {
    states,
    flags,
    params,
    fits: (row) =>
      (states.length === 0 || states.includes(row.state ?? 'none')) &&
      (!flags.includes('unused') || row.unused) &&
      (!flags.includes('duplicate') || row.duplicate_of !== null),
  };
}

function AppFilters({ prefix }: { prefix: string }) {
  const { t } = useText();
  const states = ['connected', 'disconnected', 'expired', 'error', 'reauth'] as const;
  return (
    <>
      <MultiFilter name={`${prefix}_state`} label={t('filterState')}
        options={states.map((s) => ({ value: s, text: t(`state_${s}`) }))} />
      <MultiFilter name={`${prefix}_mark`} label={t('filterFlags')}
        options={[{ value: 'unused', text: t('filterUnused') }, { value: 'duplicate', text: t('filterDuplicate') }]} />
    </>
  );
}

function useAppColumns(now: Time, names: Map<number, string>, viewer: number, onAsk: (asked: Asked) => void, others: boolean): Column<AppRow>[] {
  const language = useText();
  const { t, format } = language;
  return useMemo(() => {
    const twins = (row: AppRow) =>
      format.list((row.duplicate_of ?? '').split(' ').filter(Boolean).map((app) => names.get(Number(app)) ?? t('appN', { app })));
    const menu = (row: AppRow): MenuItem[] => {
      const items: MenuItem[] = [{ text: t('openApp'), icon: 'chart', href: hrefTo(`apps/${row.app}`) }];
      if (others) items.push({ text: t('viewConnections'), icon: 'users', run: () => setQuery({ people: String(row.app) }) });
      const market = safeUrl(row.marketplace_url);
      const settings = safeUrl(row.settings_url);
      if (market) items.push({ text: t('openMarketplace'), icon: 'external', href: market, out: true });
      if (settings && !others) items.push({ text: t('openSettings'), icon: 'gear', href: settings, out: true });
      const ask = (action: Asked['action']) => () => onAsk({ action, app: row.app, name: row.name, user: viewer });
      if (others) items.push({ text: t('installIt'), icon: 'plug', run: ask('install') });
      else if (row.state === 'connected') items.push({ text: t('disconnect'), icon: 'unplug', danger: true, run: ask('disconnect') });
      else if (row.state !== null) items.push({ text: t('reconnect'), icon: 'refresh', run: ask('reconnect') });
      return items;
    };
    const columns: Column<AppRow>[] = [
      {
        key: 'name', label: t('app'), head: true, value: (r) => appName(language, r.app, r.name),
        cell: (r) => (
          <>
            <AppLink app={r.app} name={r.name} sub={kindText(language, r.kind) || null} />
            {(r.unused || r.duplicate_of) && (
              <span class="marks">
                {r.unused && <Mark text={t('unused')} title={t('unusedHelp', { n: 30 })} />}
                {r.duplicate_of && <Mark text={t('duplicate')} tone="warn" title={`${t('duplicateOf', { apps: twins(r) })}${r.duplicate_why ? ` (${sentence(language, r.duplicate_why)})` : ''}`} />}
              </span>
            )}
          </>
        ),
      },
      { key: 'state', label: t('status'), value: (r) => r.state, cell: (r) => <StateBadge state={r.state} /> },
      { key: 'installed', label: t('installDate'), value: (r) => r.installed, cell: (r) => <DateOf time={r.installed} /> },
      {
        key: 'installer', label: t('installedBy'), value: (r) => r.installer_name ?? r.installer,
        cell: (r) => (r.installer === null ? <span class="muted">{t('unknown')}</span> : userName(language, r.installer, r.installer_name)),
      },
      {
        key: 'last_activity', label: t('lastActivity'), value: (r) => r.last_activity,
        cell: (r) => <LastActivity row={r} now={now} />,
      },
    ];
    if (others) {
      columns.splice(2, 0, {
        key: 'connections', label: t('people'), end: true, value: (r) => r.connections,
        cell: (r) => (
          <Button kind="quiet" icon="users" class="people-button" onClick={() => setQuery({ people: String(r.app) })}
            aria-label={`${t('peopleN', { n: r.connections })}: ${appName(language, r.app, r.name)}. ${t('viewPeople')}`}>
            {format.number(r.connections)}
          </Button>
        ),
      });
    }
    columns.push({
      key: 'menu', label: t('actions'), quiet: true, end: true, class: 'menu-cell',
      cell: (r) => <Menu label={t('actionsFor', { name: appName(language, r.app, r.name) })} items={() => menu(r)} />,
    });
    return columns;
  }, [language, now, names, viewer, others]);
}

export function LastActivity({ row, now }: { row: Pick<AppRow, 'last_activity' | 'last_sent' | 'last_received'>; now: Time }) {
  const { t, format } = useText();
  if (row.last_activity === null) return <span class="muted" title={t('lastActivityHidden')}>{t('notShown')}</span>;
  const of = (time: Time | null) => (time === null ? t('never') : format.exact(time));
  return (
    <time dateTime={new Date(row.last_activity).toISOString()} title={t('sentAndReceived', { sent: of(row.last_sent), received: of(row.last_received) })}>
      {format.ago(row.last_activity, now)}
    </time>
  );
}

function useAppNames(home: Home): Map<number, string> {
  const language = useText();
  return useMemo(
    () => new Map([...home.my_apps, ...home.other_apps].map((r) => [r.app, appName(language, r.app, r.name)])),
    [home, language],
  );
}

function MyApps({ account, viewer, home, now, onAsk }: Part) {
  const { t } = useText();
  const filters = useAppFilters('mine');
  const more = useRows<AppRow>(home.mine > home.my_apps.length ? account : null, 'my_apps', { viewer });
  const all = more.value?.data.rows ?? home.my_apps;
  const rows = useMemo(() => all.filter(filters.fits), [all, filters.states.join(), filters.flags.join()]);
  const columns = useAppColumns(now, useAppNames(home), viewer, onAsk, false);
  return (
    <Section
      id="mine"
      title={t('myAppsTitle')}
      count={home.mine}
      lead={t('myAppsLead')}
      tools={home.mine > 0 && (
        <>
          <AppFilters prefix="mine" />
          <CsvButton source={{ url: address(account, 'my_apps', { viewer, ...filters.params }), name: `my-apps-${account}` }} what={t('myAppsTitle')} />
        </>
      )}
    >
      <div class="card">
        <Table id="mine" caption={t('myAppsTitle')} columns={columns} rows={rows} rowKey={(r) => r.app} sort="name"
          empty={home.mine === 0
            ? <Empty icon="plug" title={t('myAppsNone')} help={t('myAppsNoneHelp')} />
            : <Empty title={t('nothingFits')}><ClearFilters names={['mine_state', 'mine_mark']} /></Empty>} />
      </div>
    </Section>
  );
}

function OtherApps({ account, viewer, home, now, onAsk }: Part) {
  const { t } = useText();
  const filters = useAppFilters('other');
  const more = useRows<AppRow>(home.others > home.other_apps.length ? account : null, 'other_apps', { viewer });
  const all = more.value?.data.rows ?? home.other_apps;
  const rows = useMemo(() => all.filter(filters.fits), [all, filters.states.join(), filters.flags.join()]);
  const columns = useAppColumns(now, useAppNames(home), viewer, onAsk, true);
  return (
    <Section
      id="others"
      title={t('otherAppsTitle')}
      count={home.others}
      lead={t('otherAppsLead')}
      tools={home.others > 0 && (
        <>
          <AppFilters prefix="other" />
          <CsvButton source={{ url: address(account, 'other_apps', { viewer, ...filters.params }), name: `other-apps-${account}` }} what={t('otherAppsTitle')} />
        </>
      )}
    >
      <div class="card">
        <Table id="others" caption={t('otherAppsTitle')} columns={columns} rows={rows} rowKey={(r) => r.app} sort="-connections" step={20}
          empty={home.others === 0
            ? <Empty icon="users" title={t('otherAppsNone')} help={t('otherAppsNoneHelp')} />
            : <Empty title={t('nothingFits')}><ClearFilters names={['other_state', 'other_mark']} /></Empty>} />
      </div>
    </Section>
  );
}

function People({ account, app, name, now, onClose }: {
  account: number;
  app: number;
  name: string | null;
  now: Time;
  onClose: () => void;
}) {
  const language = useText();
  const { t } = language;
  const people = useRows<ConnectionRow>(account, 'connections', { app });
  const columns = useMemo(() => connectionColumns(language, now), [language, now]);
  const title = t('peopleTitle', { app: appName(language, app, name) });
  return (
    <Dialog title={title} onClose={onClose} wide
      foot={<CsvButton source={{ url: address(account, 'connections', { app }), name: `connections-${app}` }} what={title} />}>
      {people.trouble && !people.value && <Failed trouble={people.trouble} retry={people.reload} />}
      {!people.value && !people.trouble && <Skeleton rows={3} />}
      {people.value && (
        <Table id="people" caption={title} columns={columns} rows={people.value.data.rows.filter(stands)} rowKey={(r) => r.user ?? -1} sort="user"
          empty={<Empty icon="users" title={t('peopleNone')} />} />
      )}
    </Dialog>
  );
}

// ---- recommendations ----

function Recommendations({ account, rows, viewer, onAsk }: {
  account: number;
  rows: RecommendationRow[];
  viewer: number;
  onAsk: (asked: Asked) => void;
}) {
  const language = useText();
  const { t } = language;
  return (
    <Section id="recommendations" title={t('recommendTitle')} lead={t('recommendLead')}
      tools={rows.length > 0 && (
        <CsvButton source={{ url: address(account, 'recommendations'), name: `recommendations-${account}` }} what={t('recommendTitle')} />
      )}>
      {rows.length === 0 ? (
        <div class="card"><Empty icon="star" title={t('recommendNone')} help={t('recommendNoneHelp')} /></div>
      ) : (
        <ul class="cards">
          {rows.slice(0, 12).map((row) => {
            const name = appName(language, row.app, row.name);
            const market = safeUrl(row.marketplace_url);
            return (
              <li key={row.app} class="card recommendation">
                <span class="named">
                  <Avatar id={row.app} name={name} />
                  <span class="named-text"><span class="name">{name}</span><span class="sub">{row.developer ?? kindText(language, row.kind)}</span></span>
                </span>
                <p class="why">{sentence(language, row.why)}</p>
                <div class="row">
                  <Button icon="plug" aria-label={`${t('install')}: ${name}`}
                    onClick={() => onAsk({ action: 'install', app: row.app, name: row.name, user: viewer })}>{t('install')}</Button>
                  {market && <OutLink class="button quiet" href={market}>{t('marketplace')}</OutLink>}
                </div>
              </li>
            );
          })}
        </ul>
      )}
    </Section>
  );
}
