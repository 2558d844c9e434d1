// Stacked bars per day on uPlot; loaded when the first chart is shown.
//
// uPlot draws series over each other, so a stack is drawn as running sums, the whole first.
import uPlot from 'uplot';
import type { Pivot } from './series.ts';

export interface PlotOptions {
  data: Pivot;
  hidden: ReadonlySet<string>;
  height: number;
  limit?: number | null;
  limitLabel?: string;
  /** Expected value of the last day. */
  ghost?: number | null;
  marks?: number[];
  axisDay: (index: number) => string;
  /** Distances of the labels below the bars. */
  ticks: number[];
  axisNumber: (n: number) => string;
  onPoint: (index: number | null, left: number) => void;
}

export interface Plot {
  destroy: () => void;
  resize: (width: number) => void;
  point: (index: number) => void;
}

const BAR_SHARE = 0.72; // of the room of a day
const BAR_EDGED = 4; // pixels
const LIMIT_ROOM = 2.5; // a limit this much above the bars would flatten them: it is only told

export function topOf(totals: number[], limit: number | null | undefined, ghost: number | null | undefined): number {
  const bars = Math.max(1, ghost ?? 0, ...totals);
  const room = limit && limit <= bars * LIMIT_ROOM ? Math.max(bars, limit) : bars;
  return room * 1.08;
}

function css(el: Element, name: string): string {
  return getComputedStyle(el).getPropertyValue(name).trim();
}

export function toneOf(el: Element, tone: number): string {
  return css(el, tone < 0 ? '--series-rest' : `--series-${tone % 8}`);
}

export function drawPlot(el: HTMLElement, width: number, o: PlotOptions): Plot {
  const { days, series } = o.data;
  const shown = series.filter((s) => !o.hidden.has(s.key));
  const sums: number[][] = [];
  let run = days.map(() => 0);
  for (const s of shown) {
    run = run.map((n, i) => n + s.values[i]!);
    sums.push(run);
  }
  const totals = sums[sums.length - 1] ?? days.map(() => 0);
  const top = topOf(totals, o.limit, o.ghost);
  const ink = css(el, '--ink-soft');
  const line = css(el, '--line');
  const surface = css(el, '--surface');
  const font = `12px ${getComputedStyle(el).fontFamily}`;
  const ratio = uPlot.pxRatio;
  const bars = uPlot.paths.bars!({ size: [BAR_SHARE, 48 * ratio] });
  // A line of the ground parts what is stacked; around a thin bar it would leave nothing of it.
  const edge = (tone: string) => (u: uPlot) => (u.bbox.width / ratio / days.length * BAR_SHARE < BAR_EDGED ? tone : surface);

  const drawExtras = (u: uPlot): void => {
    const { ctx } = u;
    const xOf = (i: number) => u.valToPos(i, 'x', true);
    const yOf = (v: number) => u.valToPos(v, 'y', true);
    const step = xOf(1) - xOf(0);
    const width_ = Math.min(step * BAR_SHARE, 48 * ratio);
    ctx.save();
    const last = days.length - 1;
    if (o.ghost && o.ghost > totals[last]!) {
      ctx.setLineDash([3 * ratio, 3 * ratio]);
      ctx.strokeStyle = css(el, '--ink-soft');
      ctx.lineWidth = 1.5 * ratio;
      const x = xOf(last) - width_ / 2;
      ctx.strokeRect(x, yOf(o.ghost), width_, yOf(totals[last]!) - yOf(o.ghost));
    }
    if (o.limit && o.limit <= top) {
      const y = yOf(o.limit);
      ctx.setLineDash([6 * ratio, 4 * ratio]);
      ctx.strokeStyle = css(el, '--bad');
      ctx.lineWidth = 1.5 * ratio;
      ctx.beginPath();
      ctx.moveTo(u.bbox.left, y);
      ctx.lineTo(u.bbox.left + u.bbox.width, y);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.fillStyle = css(el, '--bad-ink');
      ctx.font = `600 ${12 * ratio}px ${getComputedStyle(el).fontFamily}`;
      ctx.textAlign = 'left';
      ctx.fillText(o.limitLabel ?? '', u.bbox.left + 6 * ratio, y - 8 * ratio);
    }
    ctx.setLineDash([]);
    ctx.fillStyle = css(el, '--warn-ink');
    for (const i of o.marks ?? []) {
      const x = xOf(i);
      const y = yOf(totals[i]!) - 5 * ratio;
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(x - 5 * ratio, y - 8 * ratio);
      ctx.lineTo(x + 5 * ratio, y - 8 * ratio);
      ctx.fill();
    }
    ctx.restore();
  };

  const wholeFirst = shown.map((s, i) => ({ s, sum: sums[i]! })).reverse();
  const plot = new uPlot(
    {
      width,
      height: o.height,
      legend: { show: false },
      padding: [14, 8, 0, 0],
      cursor: {
        y: false,
        drag: { x: false, y: false },
        points: { show: false },
      },
      scales: {
        x: { time: false, range: [-0.6, days.length - 0.4] },
        y: { range: [0, top] },
      },
      axes: [
        {
          stroke: ink, font, grid: { show: false }, ticks: { show: false }, gap: 6, size: 30,
          incrs: o.ticks, space: 52,
          values: (_u, at) => at.map((i) => (Number.isInteger(i) && days[i] ? o.axisDay(i) : '')),
        },
        {
          stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, gap: 8, size: 62, space: 38,
          incrs: [1, 2, 5, 10, 20, 25, 50].concat(
            ...Array.from({ length: 12 }, (_, e) => [1, 2, 2.5, 5].map((n) => n * 10 ** (e + 2)))),
          values: (_u, at) => at.map(o.axisNumber),
        },
      ],
      series: [
        {},
        ...wholeFirst.map(({ s }) => ({
          label: s.label, stroke: edge(toneOf(el, s.tone)), width: 1, fill: toneOf(el, s.tone), paths: bars, points: { show: false },
        })),
      ],
      hooks: {
        draw: [drawExtras],
        setCursor: [
          (u) => {
            const i = u.cursor.idx;
            if (i === null || i === undefined || (u.cursor.left ?? -1) < 0) o.onPoint(null, 0);
            else o.onPoint(i, u.valToPos(i, 'x') + u.bbox.left / ratio);
          },
        ],
      },
    },
    [days.map((_, i) => i), ...wholeFirst.map(({ sum }) => sum)] as uPlot.AlignedData,
    el,
  );
  return {
    destroy: () => plot.destroy(),
    resize: (w) => plot.setSize({ width: w, height: o.height }),
    point: (i) => plot.setCursor({ left: plot.valToPos(i, 'x'), top: 10 }),
  };
}
