// Numbers, instants and days as people of a language write them. Everything is UTC.
import type { Day, Time } from '../core/types.ts';
import type { Lang } from '../core/prefs.ts';

export const DAY_MS = 86400000;

const LOCALES: Record<Lang, string> = { en: 'en-GB', pl: 'pl-PL' };

export function dayOf(time: Time): Day {
  return new Date(time).toISOString().slice(0, 10);
}

export function timeOfDay(day: Day): Time {
  return Date.parse(`${day}T00:00:00Z`);
}

export function addDays(day: Day, n: number): Day {
  return dayOf(timeOfDay(day) + n * DAY_MS);
}

/** Every day from the first to the last, both included. */
export function daysBetween(from: Day, to: Day): Day[] {
  const days: Day[] = [];
  for (let t = timeOfDay(from); t <= timeOfDay(to) && days.length < 400; t += DAY_MS) days.push(dayOf(t));
  return days;
}

/** Made at its first use: each of these costs the browser a millisecond or more. */
function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

export class Format {
  private readonly plain: () => Intl.NumberFormat;
  private readonly short: () => Intl.NumberFormat;
  private readonly percents: () => Intl.NumberFormat;
  private readonly changes: () => Intl.NumberFormat;
  private readonly oneDecimal: () => Intl.NumberFormat;
  private readonly dayYear: () => Intl.DateTimeFormat;
  private readonly dayShort: () => Intl.DateTimeFormat;
  private readonly dayWeek: () => Intl.DateTimeFormat;
  private readonly thousands: string;
  private readonly relatives: () => Intl.RelativeTimeFormat;
  private readonly lists: () => Intl.ListFormat;
  private readonly sorter: () => Intl.Collator;

  constructor(lang: Lang) {
    const locale = LOCALES[lang];
    const number = (more: Intl.NumberFormatOptions) => lazy(() => new Intl.NumberFormat(locale, more));
    const time = (more: Intl.DateTimeFormatOptions) => lazy(() => new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...more }));
    // Poles group from five digits on by default; in columns of numbers all should look alike.
    this.plain = number({ useGrouping: true });
    this.short = number({ notation: 'compact', maximumFractionDigits: 1 });
    this.percents = number({ style: 'percent', maximumFractionDigits: 1 });
    this.changes = number({ style: 'percent', maximumFractionDigits: 0, signDisplay: 'exceptZero' });
    this.oneDecimal = number({ maximumFractionDigits: 1 });
    this.dayYear = time({ day: 'numeric', month: 'short', year: 'numeric' });
    this.dayShort = time({ day: 'numeric', month: 'short' });
    this.dayWeek = time({ weekday: 'short', day: 'numeric', month: 'short' });
    this.thousands = lang === 'pl' ? '\u00a0' : ',';
    this.relatives = lazy(() => new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }));
    this.lists = lazy(() => new Intl.ListFormat(locale, { type: 'conjunction' }));
    this.sorter = lazy(() => new Intl.Collator(locale, { numeric: true, sensitivity: 'base' }));
  }

  /** Counts are the most of what is written, and a formatter takes a while to be made. */
  readonly number = (n: number): string =>
    Number.isSafeInteger(n) ? String(n).replace(/\B(?=(\d{3})+$)/g, this.thousands) : this.plain().format(n);
  readonly compact = (n: number): string => (n < 10000 ? this.number(n) : this.short().format(n));
  readonly percent = (share: number): string => this.percents().format(share);
  readonly change = (share: number): string => this.changes().format(share);
  readonly decimal = (n: number): string => this.oneDecimal().format(n);
  readonly day = (day: Day): string => this.dayYear().format(timeOfDay(day));
  readonly dayMonth = (day: Day): string => this.dayShort().format(timeOfDay(day));
  readonly dayWeekday = (day: Day): string => this.dayWeek().format(timeOfDay(day));
  readonly date = (time: Time): string => this.dayYear().format(time);
  readonly clock = (time: Time): string => new Date(time).toISOString().slice(11, 16);
  readonly dateClock = (time: Time): string => `${this.dayYear().format(time)}, ${this.clock(time)}`;
  /** With seconds and zone, where nothing may be left open. */
  readonly exact = (time: Time): string => `${this.dayYear().format(time)}, ${new Date(time).toISOString().slice(11, 19)} UTC`;
  readonly list = (parts: string[]): string => this.lists().format(parts);
  readonly compare = (a: string, b: string): number => this.sorter().compare(a, b);

  /** What a first look needs is made now, while there is nothing else to do. */
  readonly warm = (): void => {
    this.date(0);
    this.ago(0, DAY_MS);
    this.compare('a', 'b');
  };

  /** "3 hours ago"; beyond a month the date says more. */
  readonly ago = (time: Time, now: Time): string => {
    const s = Math.round((time - now) / 1000);
    const past = Math.abs(s);
    if (past < 45) return this.relatives().format(0, 'second');
    if (past < 2700) return this.relatives().format(Math.round(s / 60), 'minute');
    if (past < 79200) return this.relatives().format(Math.round(s / 3600), 'hour');
    if (past < 30 * 86400) return this.relatives().format(Math.round(s / 86400), 'day');
    return this.date(time);
  };
}
