// What the numbers of API calls say: spikes, the pace of today, the trend.
import type { Day, Time } from '../core/types.ts';
import { DAY_MS, timeOfDay } from '../i18n/format.ts';

export interface Spike {
  /** The series it was found in. */
  key: string;
  day: Day;
  index: number;
  calls: number;
  usual: number;
}

const SPIKE_FACTOR = 2;
const SPIKE_CALLS = 100;
const SPIKE_DAYS = 7;

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Days of one series with at least twice the median of the seven days before, and 100 calls more. */
export function spikes(key: string, days: Day[], values: number[]): Spike[] {
  const found: Spike[] = [];
  for (let index = SPIKE_DAYS; index < days.length; index++) {
    const usual = median(values.slice(index - SPIKE_DAYS, index));
    const calls = values[index]!;
    if (usual > 0 && calls >= SPIKE_FACTOR * usual && calls >= usual + SPIKE_CALLS) {
      found.push({ key, day: days[index]!, index, calls, usual });
    }
  }
  return found;
}

export interface Forecast {
  /** Calls by midnight at the pace so far. */
  end: number;
  /** When the limit is reached at that pace; null: not today. */
  reached: Time | null;
  over: boolean;
}

const EARLIEST_SHARE = 1 / 24;

/** null: too early in the day to say. */
export function forecast(day: Day, now: Time, calls: number, limit: number | null): Forecast | null {
  const start = timeOfDay(day);
  const share = (now - start) / DAY_MS;
  if (share < EARLIEST_SHARE || share > 1) return null;
  const end = Math.round(calls / share);
  if (limit === null || limit === 0) return { end, reached: null, over: false };
  if (calls >= limit) return { end, reached: null, over: true };
  const reached = end >= limit ? Math.round(start + (limit / calls) * (now - start)) : null;
  return { end, reached, over: false };
}

/** The last seven whole days against the seven before; null: there are not so many. */
export function trend(totals: number[]): { calls: number; change: number | null } | null {
  const whole = totals.slice(0, -1); // today is not over
  if (whole.length < 7) return null;
  const sum = (part: number[]) => part.reduce((a, b) => a + b, 0);
  const calls = sum(whole.slice(-7));
  const before = whole.slice(-14, -7);
  const was = sum(before);
  return { calls, change: before.length === 7 && was > 0 ? calls / was - 1 : null };
}
