// A chart with all that belongs to it: legend, reading by keys, words for those who do not see it,
// and a real table beside it.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import { setQuery, useRoute } from '../core/router.ts';
import { isDark } from '../core/prefs.ts';
import { useDark } from '../core/prefs.ts';
import { useSettings } from '../i18n/index.ts';
import { Icon } from '../ui/icon.tsx';
import type { Plot } from './plot.ts';
import type { Pivot } from './series.ts';

/** How a chart speaks of its places; left out: they are days. */
export interface ChartWords {
  /** At the axis: short. */
  axis: (place: string) => string;
  /** Where one is read. */
  point: (place: string) => string;
  sumUp: 'sumUp' | 'sumUpQuarters';
  help: 'chartHelp' | 'chartHelpQuarters';
  /** Places that Page Up and Page Down go. */
  leap: number;
  /** Distances of the labels at the axis. */
  ticks: number[];
  /** The newest place that may have a value; left out: the last one. */
  newest?: number;
}

interface Props {
  id: string;
  title: string;
  data: Pivot;
  words?: ChartWords | undefined;
  limit?: number | null | undefined;
  ghost?: number | null | undefined;
  marks?: number[] | undefined;
  table: ComponentChildren;
  tools?: ComponentChildren;
  note?: ComponentChildren;
  stale?: boolean;
  /** Level of its heading. */
  level?: 2 | 3;
}

const HEIGHT = 300;

function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const box = useRef<HTMLDivElement | null>(null);
  const [width, set] = useState(0);
  useEffect(() => {
    const look = new ResizeObserver(([entry]) => set(Math.floor(entry!.contentRect.width)));
    if (box.current) look.observe(box.current);
    return () => look.disconnect();
  }, []);
  return [box, width];
}

export function ChartBox(props: Props) {
  const { language } = useSettings();
  const { t } = language;
  const { query } = useRoute();
  const name = `as_${props.id}`;
  const asTable = query.get(name) === 'table';
  const Heading = props.level === 3 ? 'h3' : 'h2';
  return (
    <figure class={`chart card ${props.stale ? 'stale' : ''}`} aria-labelledby={`${props.id}-caption`}>
      <figcaption class="chart-head">
        <Heading id={`${props.id}-caption`} class="chart-title">{props.title}</Heading>
        <div class="tools">
          {props.tools}
          <fieldset class="segments">
            <legend class="sr">{t('chartOrTable')}: {props.title}</legend>
            {(['chart', 'table'] as const).map((as) => (
              <label key={as} class={(as === 'table') === asTable ? 'on' : ''}>
                <input type="radio" name={name} checked={(as === 'table') === asTable}
                  onChange={() => setQuery({ [name]: as === 'table' ? 'table' : null })} />
                <Icon name={as} class="small" />{t(as)}
              </label>
            ))}
          </fieldset>
        </div>
      </figcaption>
      {asTable ? props.table : <Picture {...props} />}
      {props.note && <p class="note">{props.note}</p>}
    </figure>
  );
}

function Picture({ id, title, data, words: own, limit, ghost, marks }: Props) {
  const { language, theme } = useSettings();
  const { t, format } = language;
  const dark = useDark(theme);
  const [box, width] = useWidth();
  const canvas = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [point, setPoint] = useState<{ index: number; left: number } | null>(null);
  const about = useId();
  const words = useMemo<ChartWords>(() => own ?? {
    axis: format.dayMonth, point: format.dayWeekday, sumUp: 'sumUp', help: 'chartHelp', leap: 7, ticks: [1, 2, 3, 5, 7, 10, 14],
  }, [own, format]);
  const { days, series } = data;
  const shown = series.filter((s) => !hidden.has(s.key));
  const totals = days.map((_, i) => shown.reduce((n, s) => n + s.values[i]!, 0));

  useEffect(() => {
    if (!width || !canvas.current) return;
    let gone = false;
    let drawn: Plot | null = null;
    void import('./plot.ts').then(({ drawPlot }) => {
      if (gone || !canvas.current) return;
      drawn = drawPlot(canvas.current, width, {
        data, hidden, height: HEIGHT, limit: limit ?? null, ghost: ghost ?? null, marks: marks ?? [],
        limitLabel: limit ? `${t('dailyLimit')}: ${format.number(limit)}` : '',
        axisDay: (i) => words.axis(days[i]!), ticks: words.ticks,
        axisNumber: format.compact,
        onPoint: (index, left) => setPoint(index === null ? null : { index, left }),
      });
      plot.current = drawn;
    });
    return () => {
      gone = true;
      drawn?.destroy();
      plot.current = null;
    };
  }, [data, hidden, width, limit, ghost, dark, isDark(theme), language, words]);

  const read = (i: number): string => {
    const parts = shown.filter((s) => s.values[i]! > 0).map((s) => `${s.label} ${format.number(s.values[i]!)}`);
    return t('pointAt', { day: words.point(days[i]!), parts: parts.join(', ') || '0', total: format.number(totals[i]!) });
  };
  const newest = words.newest ?? days.length - 1;
  const move = (event: KeyboardEvent) => {
    const last = days.length - 1;
    const here = point?.index ?? newest + 1;
    const moves: Record<string, number> = {
      ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1, Home: 0, End: last,
      PageUp: here + words.leap, PageDown: here - words.leap,
    };
    if (event.key === 'Escape') return setPoint(null);
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = Math.max(0, Math.min(last, to));
    plot.current?.point(index);
    setPoint((p) => ({ index, left: p?.index === index ? p.left : (p?.left ?? 0) }));
  };
  const max = Math.max(...totals);
  const place = own ? own.point : format.day;
  const sumUp = t(words.sumUp, {
    what: title,
    from: place(days[0]!),
    to: place(days[days.length - 1]!),
    total: format.number(totals.reduce((a, b) => a + b, 0)),
    max: format.number(max),
    maxDay: place(days[totals.indexOf(max)]!),
    last: format.number(totals[newest]!),
  });
  const at = point?.index ?? newest;
  return (
    <div class="picture">
      <p class="sr" id={about}>{sumUp} {t(words.help)}</p>
      <div
        class="canvas"
        ref={box}
        role="slider"
        tabIndex={0}
        aria-label={title}
        aria-describedby={about}
        aria-valuemin={0}
        aria-valuemax={days.length - 1}
        aria-valuenow={at}
        aria-valuetext={read(at)}
        onKeyDown={move}
        onBlur={() => setPoint(null)}
      >
        <div ref={canvas} class="canvas-in" aria-hidden="true" />
        {point && <Tip index={point.index} left={point.left} width={width} data={data} words={words} hidden={hidden} totals={totals} />}
      </div>
      <ul class="legend" aria-label={t('legend')} id={`${id}-legend`}>
        {series.map((s) => (
          <li key={s.key}>
            <button
              type="button"
              aria-pressed={!hidden.has(s.key)}
              onClick={() => {
                const next = new Set(hidden);
                if (!next.delete(s.key)) next.add(s.key);
                setHidden(next);
              }}
            >
              <span class={`swatch series${s.tone < 0 ? '-rest' : s.tone % 8}`} aria-hidden="true" />
              {s.label}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Tip({ index, left, width, data, words, hidden, totals }: {
  index: number;
  left: number;
  width: number;
  data: Pivot;
  words: ChartWords;
  hidden: ReadonlySet<string>;
  totals: number[];
}) {
  const { language } = useSettings();
  const { t, format } = language;
  const rows = data.series.filter((s) => !hidden.has(s.key) && s.values[index]! > 0).reverse();
  const style = left > width / 2 ? { right: `${width - left + 14}px` } : { left: `${left + 14}px` };
  return (
    <div class="tip" style={style} aria-hidden="true">
      <p class="tip-day">{words.point(data.days[index]!)}</p>
      {rows.map((s) => (
        <p key={s.key} class="tip-row">
          <span class={`swatch series${s.tone < 0 ? '-rest' : s.tone % 8}`} />
          <span>{s.label}</span>
          <span class="end">{format.number(s.values[index]!)}</span>
        </p>
      ))}
      <p class="tip-row tip-total"><span>{t('total')}</span><span class="end">{format.number(totals[index]!)}</span></p>
    </div>
  );
}
