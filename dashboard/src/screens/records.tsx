// Record insights: record events per day, stacked by action, record type or app.
import { useMemo } from 'preact/hooks';
import { address, type Params } from '../core/api.ts';
import { listOf, useRoute } from '../core/router.ts';
import type { Action, Day, RecordsRow } from '../core/types.ts';
import { useRows } from '../core/views.ts';
import { ChartBox } from '../chart/chart.tsx';
import { pivot } from '../chart/series.ts';
import { dayOf, daysBetween } from '../i18n/format.ts';
import { useText } from '../i18n/index.ts';
import { actionText, AppLink, objectText } from '../ui/bits.tsx';
import { CsvButton } from '../ui/csv.tsx';
import { Choice, ClearFilters, MultiFilter, RangeFilter, readRange } from '../ui/filters.tsx';
import { Proof } from '../ui/proof.tsx';
import { Empty, Failed, Skeleton } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { Alerts, marksOf, useRecordAlerts } from './alerts.tsx';
import { useAppOptions, useNames } from './directory.ts';

export const ACTIONS: readonly Action[] = ['created', 'updated', 'deleted', 'merged', 'restored', 'associated'];
const FILTERS = ['app', 'object_type', 'action', 'from', 'to'];
const DIMENSIONS = { action: 'action', type: 'object_type', app: 'app' } as const;

type Stack = keyof typeof DIMENSIONS;

export function RecordsPart({ account }: { account: number }) {
  const language = useText();
  const { t, format } = language;
  const { query } = useRoute();
  const names = useNames(account);
  const apps = useAppOptions(names);
  const wanted = query.get('stack') ?? 'action';
  const stack: Stack = wanted in DIMENSIONS ? (wanted as Stack) : 'action';
  const dimension = DIMENSIONS[stack];
  const filters: Params = {
    app: listOf(query, 'app'), object_type: listOf(query, 'object_type'), action: listOf(query, 'action'),
    from: query.get('from'), to: query.get('to'),
  };
  const question: Params = { ...filters, group_by: ['day', dimension] };
  const records = useRows<RecordsRow>(account, 'records', question);
  const byAction = useRows<RecordsRow>(account, 'records', { ...filters, group_by: ['action'] });
  const alertParams: Params = { app: filters.app, from: filters.from, to: filters.to };
  const alerts = useRecordAlerts(account, alertParams);
  const types = useRows<RecordsRow>(account, 'records', { group_by: ['object_type'] }).value?.data.rows ?? [];
  const envelope = records.value;
  const rows = envelope?.data.rows;
  const today = dayOf(envelope?.as_of ?? Date.now());
  const range = readRange(query, today);
  const from = (envelope?.from as Day | undefined) ?? range.from;
  const to = (envelope?.to as Day | undefined) ?? range.to;
  const keyOf = (r: RecordsRow) => String(r[dimension] ?? '');
  const labelOf = (key: string) =>
    stack === 'action' ? actionText(language, key) : stack === 'type' ? objectText(key) : names.app(Number(key));
  const data = useMemo(
    () => pivot((rows ?? []).map((r) => ({ day: r.day, key: keyOf(r), n: r.count })), {
      days: daysBetween(from, to), label: labelOf, rest: t('other'), ...(stack === 'action' ? { known: ACTIONS } : {}),
    }),
    [rows, from, to, stack, names, language],
  );
  const columns = useMemo<Column<RecordsRow>[]>(() => [
    { key: 'day', label: t('day'), head: true, value: (r) => r.day, cell: (r) => <time dateTime={r.day}>{format.dayWeekday(r.day)}</time> },
    stack === 'app'
      ? { key: 'by', label: t('app'), value: (r) => labelOf(keyOf(r)), cell: (r) => <AppLink app={r.app ?? 0} name={names.appRaw(r.app ?? 0)} /> }
      : { key: 'by', label: t(stack === 'type' ? 'recordType' : 'action'), value: (r) => labelOf(keyOf(r)), cell: (r) => labelOf(keyOf(r)) },
    { key: 'count', label: t('events'), end: true, value: (r) => r.count, cell: (r) => format.number(r.count) },
  ], [language, names, stack]);
  const marks = useMemo(() => marksOf(alerts.value?.data.rows, data.days), [alerts.value, data]);
  const open = to === today;
  return (
    <>
      <header class="screen-head">
        <h1>{t('recordsTitle')}</h1>
        <p class="lead">{t('recordsLead')}</p>
      </header>
      <div class="filters">
        <MultiFilter name="app" label={t('app')} options={[...apps, { value: '0', text: t('noApp') }]} />
        <MultiFilter name="object_type" label={t('recordType')}
          options={types.map((r) => ({ value: r.object_type!, text: objectText(r.object_type!) }))} />
        <MultiFilter name="action" label={t('action')} options={ACTIONS.map((a) => ({ value: a, text: actionText(language, a) }))} />
        <RangeFilter first={envelope?.from && !query.get('from') ? from : range.from} last={today} />
        <ClearFilters names={FILTERS} />
      </div>
      {records.trouble && !rows && <div class="card"><Failed trouble={records.trouble} retry={records.reload} /></div>}
      {!rows && !records.trouble && <><Skeleton rows={1} tall /><Skeleton rows={7} /></>}
      {rows && (
        <>
          <ul class="stats">
            <Total name={t('events')} n={data.totals.reduce((a, b) => a + b, 0)} />
            {ACTIONS.slice(0, 4).map((a) => (
              <Total key={a} name={actionText(language, a)} series={ACTIONS.indexOf(a)}
                n={byAction.value?.data.rows.find((r) => r.action === a)?.count ?? 0} />
            ))}
          </ul>
          {rows.length === 0 ? (
            <div class="card"><Empty icon="layers" title={t('recordsNone')} help={t('recordsNoneHelp')}><ClearFilters names={FILTERS} /></Empty></div>
          ) : (
            <>
              <ChartBox id="records" title={t('chartRecords')} data={data} marks={marks} stale={records.stale}
              tools={
                <>
                  <Choice name="stack" label={t('stackBy')} fallback="action" options={[
                    { value: 'action', text: t('stackAction') }, { value: 'type', text: t('stackType') }, { value: 'app', text: t('stackApp') },
                  ]} />
                  <CsvButton source={{ url: address(account, 'records', question), name: `records-${account}` }} what={t('recordsTitle')} />
                </>
              }
              note={`${t('recordsNote')}${open ? ` ${t('openDay')}` : ''}`}
              table={<Table id="records" caption={t('recordsTitle')} columns={columns} rows={rows} rowKey={(r) => `${r.day} ${keyOf(r)}`} sort="-day" step={60} empty={null} />} />
            <Alerts id="record-alerts" account={account} view="record_alerts" params={alertParams} found={alerts} names={names} />
            </>
          )}
        </>
      )}
      <Proof envelope={envelope} />
    </>
  );
}

function Total({ name, n, series }: { name: string; n: number; series?: number }) {
  const { format } = useText();
  return (
    <li class="stat">
      <span class="stat-name">{series !== undefined && <span class={`swatch series${series}`} aria-hidden="true" />}{name}</span>
      <span class="stat-value">{format.number(n)}</span>
    </li>
  );
}
