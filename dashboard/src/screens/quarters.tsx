// API calls of one UTC day by quarter-hours: when in the day an app calls, and where a burst began.
import { useMemo } from 'preact/hooks';
import { address, type Params } from '../core/api.ts';
import type { Day, Time, UsageRow } from '../core/types.ts';
import { useRows } from '../core/views.ts';
import { ChartBox, type ChartWords } from '../chart/chart.tsx';
import { pivot } from '../chart/series.ts';
import { DAY_MS, timeOfDay } from '../i18n/format.ts';
import { useText, type Language } from '../i18n/index.ts';
import { AppLink } from '../ui/bits.tsx';
import { CsvButton } from '../ui/csv.tsx';
import { Proof } from '../ui/proof.tsx';
import { Empty, Failed, Skeleton } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import type { Names } from './directory.ts';

const QUARTER_MS = 15 * 60000;
const SLOTS = DAY_MS / QUARTER_MS;

export function Quarters({ account, day, now, filters, names }: {
  account: number;
  day: Day;
  /** Where a day that is not over yet has come to. */
  now: Time | null;
  filters: Params;
  names: Names;
}) {
  const language = useText();
  const { t, format } = language;
  const question: Params = { ...filters, from: day, to: day, slot: 'quarter', group_by: ['day', 'app', 'time'] };
  const usage = useRows<UsageRow>(account, 'api_usage', question);
  const rows = usage.value?.data.rows;
  const timeOf = (slot: string) => timeOfDay(day) + Number(slot) * QUARTER_MS;
  const data = useMemo(() => {
    const slots = Array.from({ length: SLOTS }, (_, i) => String(i));
    const cells = (rows ?? []).filter((r) => typeof r.time === 'number').map((r) => ({
      day: String(Math.floor((r.time! - timeOfDay(day)) / QUARTER_MS)), key: String(r.app), n: r.calls,
    }));
    return pivot(cells, { days: slots, label: (key) => names.app(Number(key)), rest: t('other') });
  }, [rows, day, names, t]);
  const newest = now === null ? SLOTS - 1 : Math.max(0, Math.min(SLOTS - 1, Math.floor((now - timeOfDay(day)) / QUARTER_MS)));
  const words = useMemo<ChartWords>(() => ({
    axis: (slot) => format.clock(timeOf(slot)),
    point: (slot) => spanOf(language, timeOf(slot)),
    sumUp: 'sumUpQuarters',
    help: 'chartHelpQuarters',
    leap: 4,
    ticks: [4, 8, 12, 16, 24, 48],
    newest,
  }), [day, language, newest]);
  const columns = useMemo(() => columnsOf(language, names), [language, names]);
  const unknown = (rows ?? []).filter((r) => typeof r.time !== 'number').reduce((n, r) => n + r.calls, 0);
  if (usage.trouble && !rows) return <div class="card"><Failed trouble={usage.trouble} retry={usage.reload} /></div>;
  if (!rows) return <Skeleton rows={7} />;
  if (rows.length === 0) {
    return (
      <>
        <div class="card"><Empty icon="chart" title={t('quartersNone', { day: format.day(day) })} help={t('usageNoneHelp')} /></div>
        <Proof envelope={usage.value} />
      </>
    );
  }
  const notes = [
    ...(now !== null ? [t('openDay')] : []),
    ...(unknown > 0 ? [t('quartersUnknown', { n: unknown })] : []),
  ];
  return (
    <>
      <ChartBox id="usage" title={t('chartQuarters', { day: format.day(day) })} data={data} words={words} stale={usage.stale}
        tools={<CsvButton source={{ url: address(account, 'api_usage', question), name: `api-usage-${account}-${day}` }} what={t('usageTitle')} />}
        note={notes.length > 0 ? notes.join(' ') : undefined}
        table={<Table id="usage" caption={t('chartQuarters', { day: format.day(day) })} columns={columns} rows={rows}
          rowKey={(r) => `${r.time} ${r.app}`} sort="-time" step={60} empty={null} />} />
      <Proof envelope={usage.value} />
    </>
  );
}

function spanOf({ format }: Language, time: number): string {
  return `${format.clock(time)}–${format.clock(time + QUARTER_MS)} UTC`;
}

function columnsOf(language: Language, names: Names): Column<UsageRow>[] {
  const { t, format } = language;
  return [
    {
      key: 'time', label: t('quarter'), head: true, value: (r) => r.time ?? 0,
      cell: (r) => (typeof r.time === 'number'
        ? <time dateTime={new Date(r.time).toISOString()}>{spanOf(language, r.time)}</time> : t('quarterUnknown')),
    },
    { key: 'app', label: t('app'), value: (r) => names.app(r.app), cell: (r) => <AppLink app={r.app} name={names.appRaw(r.app)} /> },
    { key: 'calls', label: t('calls'), end: true, value: (r) => r.calls, cell: (r) => format.number(r.calls) },
    { key: 'errors', label: t('errors'), end: true, value: (r) => r.errors, cell: (r) => format.number(r.errors) },
    { key: 'limited', label: t('limited'), end: true, value: (r) => r.limited, cell: (r) => format.number(r.limited) },
  ];
}
