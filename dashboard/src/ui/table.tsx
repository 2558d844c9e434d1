// A table: sorted by its headings, shown in parts, a list of cards where it does not fit.
//
// Roles are written out, because a table that is shown as blocks is none to some screen readers.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { setQuery, useRoute } from '../core/router.ts';
import { useText } from '../i18n/index.ts';
import { Button } from './bits.tsx';
import { Icon } from './icon.tsx';
import { useLater } from './later.ts';

export interface Column<R> {
  key: string;
  label: string;
  cell: (row: R) => ComponentChildren;
  /** What it is sorted by; left out: it is not. */
  value?: (row: R) => string | number | boolean | null | undefined;
  end?: boolean;
  /** The head of the card on a narrow screen, and the header of its row. */
  head?: boolean;
  /** Its label is for screen readers only. */
  quiet?: boolean;
  class?: string;
}

interface Props<R> {
  /** Names the table in the URL: sort_ID. */
  id: string;
  caption: string;
  columns: Column<R>[];
  rows: R[];
  rowKey: (row: R) => string | number;
  /** "key" or "-key" (descending). */
  sort?: string;
  step?: number;
  empty: ComponentChildren;
  rowClass?: (row: R) => string;
  stale?: boolean;
}

const STEP = 50;
const CARDS_BELOW = 520; // px: more than two columns are never readable
const FIRST_ROWS = 20; // drawn before the rest: more than a screen shows

function order(a: unknown, b: unknown, compare: (a: string, b: string) => number): number {
  const none = (v: unknown) => v === null || v === undefined;
  if (none(a) || none(b)) return none(a) && none(b) ? 0 : none(a) ? 1 : -1;
  if (typeof a === 'string' && typeof b === 'string') return compare(a, b);
  return Number(a) - Number(b);
}

function sorted<R>(rows: R[], columns: Column<R>[], by: string, compare: (a: string, b: string) => number): R[] {
  const down = by.startsWith('-');
  const column = columns.find((c) => c.key === by.replace('-', ''));
  if (!column?.value) return rows;
  const keyed = rows.map((row) => [column.value!(row), row] as const);
  keyed.sort(([a], [b]) => {
    const missing = a === null || a === undefined || b === null || b === undefined;
    const o = order(a, b, compare);
    return down && !missing ? -o : o; // what is not known stands last either way
  });
  return keyed.map(([, row]) => row);
}

/** How wide a table must be depends on the language and on what stands in it, so it is measured:
 * before the browser paints, when the box or the rows have changed. */
function useCards(drawn: unknown[]) {
  const box = useRef<HTMLDivElement>(null);
  const fit = () => {
    const element = box.current;
    if (!element) return;
    element.removeAttribute('data-cards');
    const room = element.clientWidth;
    if (room < CARDS_BELOW || element.querySelector('table')!.offsetWidth > room) element.setAttribute('data-cards', '');
  };
  const shown = drawn[0] !== 0;
  useLayoutEffect(fit, drawn);
  useLayoutEffect(() => {
    if (!box.current) return;
    let width = box.current.clientWidth;
    const observer = new ResizeObserver(([entry]) => {
      if (entry!.target.clientWidth === width) return; // cards are higher than rows
      width = entry!.target.clientWidth;
      fit();
    });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [shown]);
  return box;
}

export function Table<R>({ id, caption, columns, rows, rowKey, sort = '', step = STEP, empty, rowClass, stale }: Props<R>) {
  const { t, format } = useText();
  const { query } = useRoute();
  const by = query.get(`sort_${id}`) ?? sort;
  const [shown, setShown] = useState(step);
  const later = useLater();
  const all = useMemo(() => sorted(rows, columns, by, format.compare), [rows, columns, by, format]);
  const part = all.slice(0, later ? shown : Math.min(shown, FIRST_ROWS));
  const box = useCards([part.length, all, columns]);
  if (rows.length === 0) return <>{empty}</>;
  const busy = stale || part.length < Math.min(shown, all.length);
  return (
    <div ref={box} class={`table-box ${stale ? 'stale' : ''}`} aria-busy={busy ? 'true' : undefined}>
      <NarrowSort id={id} columns={columns} by={by} fallback={sort} />
      <table class="table" role="table" aria-rowcount={all.length + 1}>
        <caption class="sr">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((c) => <Heading key={c.key} column={c} by={by} fallback={sort} id={id} />)}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {part.map((row) => (
            <tr key={rowKey(row)} role="row" class={rowClass?.(row)}>
              {columns.map((c) =>
                c.head ? (
                  <th key={c.key} role="rowheader" scope="row" class={`head-cell ${c.class ?? ''}`}>{c.cell(row)}</th>
                ) : (
                  <td key={c.key} role="cell" class={`${c.end ? 'end' : ''} ${c.class ?? ''}`} data-label={c.quiet ? '' : c.label}>
                    {c.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {all.length > shown && (
        <div class="table-foot">
          <Button onClick={() => setShown(shown + Math.max(step, 100))}>
            {t('moreRows', { n: Math.min(all.length - shown, Math.max(step, 100)) })}
          </Button>
          <span class="muted">{format.number(shown)} / {t('rowsShown', { n: all.length })}</span>
        </div>
      )}
    </div>
  );
}

function Heading<R>({ column, by, fallback, id }: { column: Column<R>; by: string; fallback: string; id: string }) {
  const { t } = useText();
  const here = by.replace('-', '') === column.key;
  const down = by.startsWith('-');
  const next = here && !down ? `-${column.key}` : column.key;
  const className = `${column.end ? 'end' : ''} ${column.class ?? ''}`;
  if (!column.value) {
    return <th role="columnheader" scope="col" class={className}><span class={column.quiet ? 'sr' : ''}>{column.label}</span></th>;
  }
  return (
    <th role="columnheader" scope="col" class={className} aria-sort={here ? (down ? 'descending' : 'ascending') : undefined}>
      <button type="button" class={`sort ${here ? 'on' : ''} ${down ? 'descending' : ''}`}
        title={t('sortBy', { column: column.label })}
        onClick={() => setQuery({ [`sort_${id}`]: next === fallback ? null : next }, 'replace')}>
        {column.label}
        <Icon name="up" class="small" />
      </button>
    </th>
  );
}

/** Where rows are cards there are no headings to press. */
function NarrowSort<R>({ id, columns, by, fallback }: { id: string; columns: Column<R>[]; by: string; fallback: string }) {
  const { t } = useText();
  const sortable = columns.filter((c) => c.value);
  if (sortable.length === 0) return null;
  return (
    <label class="narrow-sort">
      <span>{t('sort')}</span>
      <select value={by} onChange={(event) => {
        const next = event.currentTarget.value;
        setQuery({ [`sort_${id}`]: next === fallback ? null : next }, 'replace');
      }}>
        {sortable.flatMap((c) => [
          <option key={c.key} value={c.key}>{c.label} ↑</option>,
          <option key={`-${c.key}`} value={`-${c.key}`}>{c.label} ↓</option>,
        ])}
      </select>
    </label>
  );
}
