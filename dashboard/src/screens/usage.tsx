// API call usage: calls per day and app against the daily limit; spikes, pace, errors.
import { useMemo } from 'preact/hooks';
import { address, type Params } from '../core/api.ts';
import { listOf, useRoute } from '../core/router.ts';
import type { Day, PlanRow, UsageRow } from '../core/types.ts';
import { useRows } from '../core/views.ts';
import { ChartBox } from '../chart/chart.tsx';
import { pivot } from '../chart/series.ts';
import { forecast, spikes, trend, type Forecast, type Spike } from '../chart/usage.ts';
import { dayOf, daysBetween } from '../i18n/format.ts';
import { useText, type Language } from '../i18n/index.ts';
import { AppLink } from '../ui/bits.tsx';
import { CsvButton } from '../ui/csv.tsx';
import { Choice, ClearFilters, MultiFilter, RangeFilter, readRange } from '../ui/filters.tsx';
import { Icon } from '../ui/icon.tsx';
import { Proof } from '../ui/proof.tsx';
import { Empty, Failed, Skeleton } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { useAppOptions, useNames, type Names } from './directory.ts';

const ERROR_RATE_MAX = 0.05;
const FILTERS = ['app', 'kind', 'from', 'to'];

export function UsagePart({ account }: { account: number }) {
  const language = useText();
  const { t } = language;
  const { query } = useRoute();
  const names = useNames(account);
  const apps = useAppOptions(names);
  const kind = query.get('kind') ?? 'private';
  const only = listOf(query, 'app');
  const filters: Params = { app: only, kind: kind === 'private' ? null : kind, from: query.get('from'), to: query.get('to') };
  const usage = useRows<UsageRow>(account, 'api_usage', filters);
  const plan = useRows<PlanRow>(account, 'plan').value?.data.rows[0];
  const envelope = usage.value;
  const rows = envelope?.data.rows;
  const today = dayOf(envelope?.as_of ?? Date.now());
  const range = readRange(query, today);
  const from = (envelope?.from as Day | undefined) ?? range.from;
  const to = (envelope?.to as Day | undefined) ?? range.to;
  const data = useMemo(() => {
    const days = daysBetween(from, to);
    return pivot((rows ?? []).map((r) => ({ day: r.day, key: String(r.app), n: r.calls })), {
      days, label: (key) => names.app(Number(key)), rest: t('other'),
    });
  }, [rows, from, to, names, t]);
  const found = useMemo(() => spikesByApp(rows ?? [], data.days), [rows, data]);
  const limit = only.length === 0 ? (plan?.daily_limit ?? null) : null;
  const open = to === today;
  const calls = data.totals[data.totals.length - 1] ?? 0;
  const pace = open && envelope ? forecast(today, envelope.as_of, calls, limit) : null;
  const columns = useMemo(() => usageColumns(language, names), [language, names]);
  const csv = <CsvButton source={{ url: address(account, 'api_usage', filters), name: `api-usage-${account}` }} what={t('usageTitle')} />;
  return (
    <>
      <header class="screen-head">
        <h1>{t('usageTitle')}</h1>
        <p class="lead">{t('usageLead')}</p>
      </header>
      <div class="filters">
        <MultiFilter name="app" label={t('app')} options={apps} />
        <RangeFilter first={envelope?.from && !query.get('from') ? from : range.from} last={today} />
        <Choice name="kind" label={t('usageKind')} fallback="private"
          options={[{ value: 'private', text: t('usageKind_private') }, { value: 'all', text: t('usageKind_all') }]} />
        <ClearFilters names={FILTERS} />
      </div>
      {usage.trouble && !rows && <div class="card"><Failed trouble={usage.trouble} retry={usage.reload} /></div>}
      {!rows && !usage.trouble && <><Skeleton rows={1} tall /><Skeleton rows={7} /></>}
      {rows && (
        <>
          <Tiles rows={rows} data={data} pace={pace} limit={limit} open={open} calls={calls} today={today} names={names} />
          {rows.length === 0 ? (
            <div class="card"><Empty icon="chart" title={t('usageNone')} help={t('usageNoneHelp')}><ClearFilters names={FILTERS} /></Empty></div>
          ) : (
            <>
              <ChartBox id="usage" title={t('chartUsage')} data={data} limit={limit} ghost={pace && !pace.over ? pace.end : null}
                marks={[...new Set(found.map((s) => s.index))]} stale={usage.stale} tools={csv}
                note={open ? t('openDay') : undefined}
                table={<Table id="usage" caption={t('usageTitle')} columns={columns} rows={rows} rowKey={(r) => `${r.day} ${r.app}`} sort="-day" step={60} empty={null} />} />
              <Spikes found={found} language={language} names={names} />
            </>
          )}
        </>
      )}
      <Proof envelope={envelope} />
    </>
  );
}

function usageColumns(language: Language, names: Names): Column<UsageRow>[] {
  const { t, format } = language;
  return [
    { key: 'day', label: t('day'), head: true, value: (r) => r.day, cell: (r) => <time dateTime={r.day}>{format.dayWeekday(r.day)}</time> },
    { key: 'app', label: t('app'), value: (r) => names.app(r.app), cell: (r) => <AppLink app={r.app} name={names.appRaw(r.app)} /> },
    { key: 'calls', label: t('calls'), end: true, value: (r) => r.calls, cell: (r) => format.number(r.calls) },
    { key: 'errors', label: t('errors'), end: true, value: (r) => r.errors, cell: (r) => format.number(r.errors) },
    { key: 'limited', label: t('limited'), end: true, value: (r) => r.limited, cell: (r) => format.number(r.limited) },
  ];
}

function Tiles({ rows, data, pace, limit, open, calls, today, names }: {
  rows: UsageRow[];
  data: ReturnType<typeof pivot>;
  pace: Forecast | null;
  limit: number | null;
  open: boolean;
  calls: number;
  today: Day;
  names: Names;
}) {
  const { t, format } = useText();
  const sum = (of: (r: UsageRow) => number) => rows.reduce((n, r) => n + of(r), 0);
  const all = sum((r) => r.calls);
  const errorRate = all ? sum((r) => r.errors) / all : 0;
  const limited = sum((r) => r.limited);
  const week = open ? trend(data.totals) : null;
  const driver = rows.filter((r) => r.day === today).sort((a, b) => b.calls - a.calls)[0];
  return (
    <ul class="stats">
      <li class="stat">
        <span class="stat-name">{open ? t('usageToday') : t('calls')}</span>
        <span class="stat-value">{format.number(open ? calls : all)}</span>
        {open && limit !== null && <Meter share={calls / limit} />}
        <span class="stat-sub">
          {open && (limit !== null ? t('usageTodayOf', { share: format.percent(calls / limit), limit: format.number(limit) }) : t('usageNoLimit'))}
        </span>
      </li>
      {open && (
        <li class="stat">
          <span class="stat-name">{t('usageForecast')}</span>
          {pace === null ? <span class="stat-text">{t('usageForecastEarly')}</span> : (
            <>
              <span class={`stat-value ${pace.over || pace.reached ? 'bad-text' : ''}`}>{format.compact(pace.end)}</span>
              <span class="stat-sub">
                {pace.over ? t('usageForecastOver')
                  : pace.reached !== null ? t('usageForecastHit', { time: format.clock(pace.reached) })
                    : `${t('usageForecastEnd')}${limit !== null ? ` · ${t('usageForecastSafe')}` : ''}`}
                {pace.reached !== null && driver && ` · ${t('usageForecastHitBy', { app: names.app(driver.app) })}`}
              </span>
            </>
          )}
        </li>
      )}
      {open && (
        <li class="stat">
          <span class="stat-name">{t('usageTrend')}</span>
          <span class="stat-value">{week ? format.compact(week.calls) : '–'}</span>
          <span class="stat-sub">{week?.change !== null && week ? t('usageTrendSub', { change: format.change(week.change) }) : t('usageTrendNone')}</span>
        </li>
      )}
      <li class="stat">
        <span class="stat-name">{t('usageErrors')}</span>
        <span class={`stat-value ${errorRate > ERROR_RATE_MAX ? 'bad-text' : ''}`}>{format.percent(errorRate)}</span>
        <span class="stat-sub">
          {t(errorRate > ERROR_RATE_MAX ? 'usageErrorsBad' : 'usageErrorsOk')}{limited > 0 && ` · ${t('usageLimited', { n: limited })}`}
        </span>
      </li>
    </ul>
  );
}

function Meter({ share }: { share: number }) {
  const width = Math.max(0, Math.min(1, share)) * 100;
  const tone = share >= 0.95 ? 'bad' : share >= 0.8 ? 'warn' : 'good';
  return <span class="meter" aria-hidden="true"><span class={tone} style={{ width: `${width}%` }} /></span>;
}

/** Of each app by itself: a quiet app's spike drowns in the sum of the loud ones. */
function spikesByApp(rows: UsageRow[], days: Day[]): Spike[] {
  const place = new Map(days.map((day, i) => [day, i]));
  const apps = new Map<number, number[]>();
  for (const row of rows) {
    const i = place.get(row.day);
    if (i === undefined) continue;
    let values = apps.get(row.app);
    if (!values) apps.set(row.app, (values = days.map(() => 0)));
    values[i] = row.calls;
  }
  return [...apps].flatMap(([app, values]) => spikes(String(app), days, values))
    .sort((a, b) => b.index - a.index || b.calls - a.calls);
}

const SPIKES_SHOWN = 8;

function Spikes({ found, language, names }: { found: Spike[]; language: Language; names: Names }) {
  const { t, format } = language;
  return (
    <section class="card spikes" aria-labelledby="spikes-title">
      <h2 id="spikes-title" class="chart-title"><Icon name="pulse" />{t('spikes')}</h2>
      {found.length === 0 ? <p>{t('spikesNone')}</p> : (
        <ul>
          {found.slice(0, SPIKES_SHOWN).map((s) => (
            <li key={`${s.day} ${s.key}`}>
              <span class="spike-mark" aria-hidden="true">▼</span>
              {t('spikeOn', {
                day: format.dayWeekday(s.day), app: names.app(Number(s.key)), calls: t('callsN', { n: s.calls }),
                factor: format.decimal(s.calls / s.usual), usual: format.number(Math.round(s.usual)),
              })}
            </li>
          ))}
        </ul>
      )}
      <p class="note">{t('spikesRule')}</p>
    </section>
  );
}
