// Rows of a view as series of a chart: one value per day and name, the largest names apart and the
// rest together.
import type { Day } from '../core/types.ts';

export interface Series {
  key: string;
  label: string;
  /** Place in the palette. */
  tone: number;
  values: number[];
}

export interface Pivot {
  days: Day[];
  series: Series[];
  totals: number[];
}

export interface Cell {
  day: Day;
  key: string;
  n: number;
}

export const REST = '\u0000rest';

export interface PivotOptions {
  days: Day[];
  label: (key: string) => string;
  /** The order and palette place of known names; others follow by size. */
  known?: readonly string[];
  max?: number;
  rest: string;
}

export function pivot(cells: Cell[], { days, label, known, max = 6, rest }: PivotOptions): Pivot {
  const place = new Map(days.map((day, i) => [day, i]));
  const rows = new Map<string, number[]>();
  const totals = days.map(() => 0);
  for (const cell of cells) {
    const i = place.get(cell.day);
    if (i === undefined) continue;
    let row = rows.get(cell.key);
    if (!row) rows.set(cell.key, (row = days.map(() => 0)));
    row[i]! += cell.n;
    totals[i]! += cell.n;
  }
  const sum = (row: number[]) => row.reduce((a, b) => a + b, 0);
  let keys = [...rows.keys()];
  if (known) {
    const rank = (key: string) => (known.indexOf(key) + 1 || known.length + 1) - 1;
    keys.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  } else {
    keys.sort((a, b) => sum(rows.get(b)!) - sum(rows.get(a)!) || (a < b ? -1 : 1));
  }
  const left = keys.slice(max);
  // One name too many is not worth "the rest".
  if (left.length > 1) keys = keys.slice(0, max);
  const series = keys.map((key, i) => ({
    key,
    label: label(key),
    tone: known && known.includes(key) ? known.indexOf(key) : i,
    values: rows.get(key)!,
  }));
  if (left.length > 1) {
    const values = days.map((_, i) => left.reduce((n, key) => n + rows.get(key)![i]!, 0));
    series.push({ key: REST, label: rest, tone: -1, values });
  }
  return { days, series, totals };
}
