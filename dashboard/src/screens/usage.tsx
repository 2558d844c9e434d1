// API call usage: calls per day and app against the daily limit; spikes, pace, errors.
import { useMemo } from 'preact/hooks';
import { address, type Params } from '../core/api.ts';
import { listOf, useRoute } from '../core/router.ts';
import type { Day, Time, UsageRow, UsageTodayRow } from '../core/types.ts';
import { useRows } from '../core/views.ts';
import { ChartBox } from '../chart/chart.tsx';
import { pivot } from '../chart/series.ts';
import { addDays, dayOf, daysBetween } from '../i18n/format.ts';
import { useText, type Language } from '../i18n/index.ts';
import { AppLink } from '../ui/bits.tsx';
import { CsvButton } from '../ui/csv.tsx';
import { Choice, ClearFilters, MultiFilter, RangeFilter, readRange } from '../ui/filters.tsx';
import { Proof } from '../ui/proof.tsx';
import { Empty, Failed, Skeleton } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { Alerts, marksOf, useUsageAlerts } from './alerts.tsx';
import { useAppOptions, useNames, type Names } from './directory.ts';
import { Quarters } from './quarters.tsx';

const FILTERS = ['app', 'kind', 'from', 'to'];
const BY = ['day', 'today', 'yesterday'] as const;

export function UsagePart({ account }: { account: number }) {
  const language = useText();
  const { t } = language;
  const { query } = useRoute();
  const names = useNames(account);
  const apps = useAppOptions(names);
  const kind = query.get('kind') ?? 'private';
  const only = listOf(query, 'app');
  const by = BY.find((b) => b === query.get('by')) ?? 'day';
  const filters: Params = { app: only, kind: kind === 'private' ? null : kind, from: query.get('from'), to: query.get('to') };
  const usage = useRows<UsageRow>(account, 'api_usage', filters);
  const now = useRows<UsageTodayRow>(account, 'usage', { app: only, kind: filters.kind }).value;
  const found = useUsageAlerts(account, filters);
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
  const state = now?.data.rows[0];
  const open = to === today;
  // The limit is the account's: beside some apps alone it would say nothing.
  const limit = only.length === 0 ? (state?.daily_limit ?? null) : null;
  // Bars are UTC days; a day of another zone cannot be drawn on top of one.
  const ghost = open && state?.zone === 'UTC' ? state.forecast : null;
  const marks = useMemo(() => marksOf(found.value?.data.rows, data.days), [found.value, data]);
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
        <Choice name="by" label={t('usageBy')} fallback="day" options={BY.map((b) => ({ value: b, text: t(`usageBy_${b}`) }))} />
        {by === 'day' && <RangeFilter first={envelope?.from && !query.get('from') ? from : range.from} last={today} />}
        <Choice name="kind" label={t('usageKind')} fallback="private"
          options={[{ value: 'private', text: t('usageKind_private') }, { value: 'all', text: t('usageKind_all') }]} />
        <ClearFilters names={FILTERS} />
      </div>
      {usage.trouble && !rows && <div class="card"><Failed trouble={usage.trouble} retry={usage.reload} /></div>}
      {!rows && !usage.trouble && <><Skeleton rows={1} tall /><Skeleton rows={7} /></>}
      {rows && (
        <>
          {state && now && <Tiles state={state} now={now.as_of} names={names} />}
          {by !== 'day' ? (
            <Quarters account={account} day={by === 'today' ? today : addDays(today, -1)} now={by === 'today' ? (envelope?.as_of ?? Date.now()) : null}
              filters={{ app: only, kind: filters.kind }} names={names} />
          ) : rows.length === 0 ? (
            <div class="card"><Empty icon="chart" title={t('usageNone')} help={t('usageNoneHelp')}><ClearFilters names={FILTERS} /></Empty></div>
          ) : (
            <>
              <ChartBox id="usage" title={t('chartUsage')} data={data} limit={limit} ghost={ghost}
                marks={marks} stale={usage.stale} tools={csv}
                note={open ? t('openDay') : undefined}
                table={<Table id="usage" caption={t('usageTitle')} columns={columns} rows={rows} rowKey={(r) => `${r.day} ${r.app}`} sort="-day" step={60} empty={null} />} />
              <Alerts id="usage-alerts" account={account} view="usage_alerts" params={filters} found={found} names={names} />
            </>
          )}
        </>
      )}
      {by === 'day' && <Proof envelope={envelope} />}
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

function Tiles({ state, now, names }: { state: UsageTodayRow; now: Time; names: Names }) {
  const { t, format } = useText();
  const { daily_limit: limit, forecast, reached } = state;
  const over = limit !== null && state.calls >= limit;
  const share = limit ? state.calls / limit : 0;
  const change = state.trend_permille === null ? null : state.trend_permille / 1000 - 1;
  return (
    <ul class="stats">
      <li class="stat">
        <span class="stat-name">{t('usageToday')}</span>
        <span class={`stat-value ${over ? 'bad-text' : ''}`}>{format.number(state.calls)}</span>
        {limit !== null && <Meter share={share} />}
        <span class="stat-sub">
          {limit !== null ? t('usageTodayOf', { share: format.percent(share), limit: format.number(limit) }) : t('usageNoLimit')}
          {` · ${t('usageResets', { time: format.clock(state.resets) })}`}
          {state.zone !== 'UTC' && ` (${t('usageZone', { zone: state.zone })})`}
        </span>
      </li>
      <li class="stat">
        <span class="stat-name">{t('usageForecast')}</span>
        {forecast === null ? <span class="stat-text">{t('usageForecastEarly')}</span> : (
          <>
            <span class={`stat-value ${reached !== null ? 'bad-text' : ''}`}>{format.compact(forecast)}</span>
            <span class="stat-sub">
              {over ? t('usageForecastOver')
                : reached !== null ? t(reached > now ? 'usageForecastHit' : 'usageForecastWas', { time: format.clock(reached) })
                  : limit !== null ? t('usageForecastSafe') : t('usageForecastEnd')}
              {reached !== null && state.driver !== null && ` · ${t('usageForecastHitBy', { app: names.app(state.driver) })}`}
              {reached === null && state.basis !== null && ` · ${t(`basis_${state.basis}`)}`}
            </span>
          </>
        )}
      </li>
      <li class="stat">
        <span class="stat-name">{t('usageTrend')}</span>
        <span class="stat-value">{state.week === null ? '–' : format.compact(state.week)}</span>
        <span class="stat-sub">{change === null ? t('usageTrendNone') : t('usageTrendSub', { change: format.change(change) })}</span>
      </li>
      <li class="stat">
        <span class="stat-name">{t('usageErrors')}</span>
        <span class={`stat-value ${state.errors_over ? 'bad-text' : ''}`}>{format.percent(state.error_permille / 1000)}</span>
        <span class="stat-sub">
          {t(state.errors_over ? 'usageErrorsBad' : 'usageErrorsOk')}{state.limited > 0 && ` · ${t('usageLimited', { n: state.limited })}`}
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
