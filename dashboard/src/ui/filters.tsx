// Filters: what is chosen stands in the URL, so every one of them can be sent to somebody and taken
// back with the browser's own button.
import { useMemo, useRef, useState } from 'preact/hooks';
import { listOf, setQuery, useRoute } from '../core/router.ts';
import type { Day } from '../core/types.ts';
import { addDays } from '../i18n/format.ts';
import { useText } from '../i18n/index.ts';
import { Button } from './bits.tsx';
import { Icon } from './icon.tsx';
import { Panel } from './popover.tsx';

export interface Option {
  value: string;
  text: string;
  sub?: string;
  group?: string;
}

const SEARCH_FROM = 8;
const SHOWN_MAX = 300;

export function MultiFilter({ name, label, options }: { name: string; label: string; options: Option[] }) {
  const { t, format } = useText();
  const { query } = useRoute();
  const chosen = listOf(query, name);
  const texts = chosen.map((value) => options.find((o) => o.value === value)?.text ?? value);
  const face = (
    <>
      <span class="filter-label">{label}</span>
      <span class="filter-value">
        {chosen.length === 0 ? t('all') : texts[0]}
        {chosen.length > 1 && <span class="count">+{format.number(chosen.length - 1)}</span>}
      </span>
    </>
  );
  return (
    <Panel label={label} face={face} class={`filter ${chosen.length ? 'on' : ''}`}>
      {() => <Choices name={name} label={label} options={options} chosen={chosen} />}
    </Panel>
  );
}

function Choices({ name, label, options, chosen }: { name: string; label: string; options: Option[]; chosen: string[] }) {
  const { t } = useText();
  const [wanted, setWanted] = useState('');
  const fits = useMemo(() => {
    const w = wanted.trim().toLocaleLowerCase();
    return options.filter((o) => !w || `${o.text} ${o.sub ?? ''} ${o.value}`.toLocaleLowerCase().includes(w));
  }, [wanted, options]);
  const set = (next: string[]) => setQuery({ [name]: next.join(',') || null });
  const toggle = (value: string) =>
    set(chosen.includes(value) ? chosen.filter((v) => v !== value) : [...chosen, value]);
  const groups = [...new Set(fits.map((o) => o.group ?? ''))];
  return (
    <div class="choices">
      {options.length >= SEARCH_FROM && (
        <label class="search">
          <Icon name="search" />
          <span class="sr">{t('searchIn', { what: label })}</span>
          <input type="search" value={wanted} placeholder={t('search')} onInput={(e) => setWanted(e.currentTarget.value)} />
        </label>
      )}
      <div class="choice-list" role="group" aria-label={label} tabIndex={-1}>
        {groups.map((group) => (
          <div key={group} role={group ? 'group' : undefined} aria-label={group || undefined}>
            {group && <p class="choice-group" aria-hidden="true">{group}</p>}
            {fits.filter((o) => (o.group ?? '') === group).slice(0, SHOWN_MAX).map((o) => (
              <label key={o.value} class="choice">
                <input type="checkbox" checked={chosen.includes(o.value)} onChange={() => toggle(o.value)} />
                <span>{o.text}{o.sub && <span class="sub"> {o.sub}</span>}</span>
              </label>
            ))}
          </div>
        ))}
        {fits.length === 0 && <p class="muted">{t('none')}</p>}
      </div>
      {chosen.length > 0 && (
        <Button kind="quiet" onClick={() => set([])}>{t('clear')}</Button>
      )}
    </div>
  );
}

/** One of a few: a row of radio buttons that looks like a switch. */
export function Choice({ name, label, options, fallback }: {
  name: string;
  label: string;
  options: Option[];
  fallback: string;
}) {
  const { query } = useRoute();
  const value = query.get(name) ?? fallback;
  return (
    <fieldset class="segments">
      <legend class="sr">{label}</legend>
      {options.map((o) => (
        <label key={o.value} class={value === o.value ? 'on' : ''}>
          <input type="radio" name={name} value={o.value} checked={value === o.value}
            onChange={() => setQuery({ [name]: o.value === fallback ? null : o.value })} />
          {o.text}
        </label>
      ))}
    </fieldset>
  );
}

export interface Range {
  from: Day;
  to: Day;
}

/** Days to show: of the visible range, as the URL narrows it. last: the newest day. */
export function readRange(query: URLSearchParams, last: Day, days = 30): Range {
  const day = /^\d{4}-\d{2}-\d{2}$/;
  const first = addDays(last, 1 - days);
  const from = query.get('from') ?? '';
  const to = query.get('to') ?? '';
  return {
    from: day.test(from) && from >= first && from <= last ? from : first,
    to: day.test(to) && to <= last && to >= first ? to : last,
  };
}

export function RangeFilter({ first, last }: { first: Day; last: Day }) {
  const { t, format } = useText();
  const { query } = useRoute();
  const range = readRange(query, last);
  const preset = (n: number) => range.to === last && range.from === addDays(last, 1 - n);
  const whole = !query.get('from') && !query.get('to');
  const form = useRef<HTMLFormElement>(null);
  const face = (
    <>
      <span class="filter-label">{t('range')}</span>
      <span class="filter-value">
        {whole ? t('range30') : t('rangeText', { from: format.dayMonth(range.from), to: format.dayMonth(range.to) })}
      </span>
    </>
  );
  const set = (from: Day, to: Day) =>
    setQuery({ from: from <= addDays(last, -29) ? null : from, to: to >= last ? null : to });
  return (
    <Panel label={t('range')} face={face} class={`filter ${whole ? '' : 'on'}`}>
      {(close) => (
        <form
          ref={form}
          class="range"
          onSubmit={(event) => {
            event.preventDefault();
            const data = new FormData(event.currentTarget);
            const from = String(data.get('from') || first);
            const to = String(data.get('to') || last);
            close();
            set(from <= to ? from : to, from <= to ? to : from);
          }}
        >
          <div class="presets">
            {([7, 14, 30] as const).map((n) => (
              <Button key={n} kind={preset(n) ? 'primary' : 'plain'} aria-pressed={preset(n)}
                onClick={() => { close(); set(addDays(last, 1 - n), last); }}>
                {t(`range${n}`)}
              </Button>
            ))}
          </div>
          <label>{t('rangeFrom')}<input type="date" name="from" min={first} max={last} value={range.from} required /></label>
          <label>{t('rangeTo')}<input type="date" name="to" min={first} max={last} value={range.to} required /></label>
          <Button kind="primary" type="submit">{t('apply')}</Button>
          <p class="note">{t('utcNote')}</p>
        </form>
      )}
    </Panel>
  );
}

/** Shown while any of these parameters is set. */
export function ClearFilters({ names }: { names: string[] }) {
  const { t } = useText();
  const { query } = useRoute();
  if (!names.some((name) => query.get(name))) return null;
  return (
    <Button kind="quiet" icon="cross" onClick={() => setQuery(Object.fromEntries(names.map((n) => [n, null])))}>
      {t('clearAll')}
    </Button>
  );
}
