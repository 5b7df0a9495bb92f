// A chart of figures over time. The table below it says the same to whoever cannot see it.

import { useEffect, useRef } from 'react';
import UPlot from 'uplot';

import { localeOf, currentLanguage } from '../parts/say.tsx';

interface Line {
  label: string;
  /** One value for each time. */
  values: readonly number[];
  /** On the right where its size has nothing in common with the others. */
  isRight?: boolean;
}

const HEIGHT = 260;
const SECOND_MS = 1000;
/** Told apart by their dashes too. */
const DASHES = [[], [8, 4], [2, 4]];

export function Chart({ times, lines, label }: { times: readonly string[]; lines: readonly Line[]; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const node = place.current;
    if (node === null || times.length === 0) return undefined;
    const chart = new UPlot(optionsOf(node, lines), dataOf(times, lines), node);
    const observer = new ResizeObserver(() => chart.setSize({ width: node.clientWidth, height: HEIGHT }));
    observer.observe(node);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [times, lines]);
  return <div ref={place} role="img" aria-label={label} className="chart" />;
}

function dataOf(times: readonly string[], lines: readonly Line[]): UPlot.AlignedData {
  return [times.map((time) => Date.parse(time) / SECOND_MS), ...lines.map(({ values }) => [...values])];
}

/** A colour of the look that is chosen. */
const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function optionsOf(node: HTMLElement, lines: readonly Line[]): UPlot.Options {
  const strokes = [color('--link'), color('--bad'), color('--ink')];
  const axis = { stroke: color('--faint'), grid: { stroke: color('--line'), width: 1 } };
  return {
    width: node.clientWidth,
    height: HEIGHT,
    // Its times are written as the rest of the page is.
    fmtDate: () => (date: Date) => new Intl.DateTimeFormat(localeOf(currentLanguage()), { month: '2-digit', day: '2-digit' }).format(date),
    axes: [axis, axis, { ...axis, side: 1, scale: 'right', grid: { show: false } }],
    series: [
      {},
      ...lines.map(({ label, isRight }, index) => ({
        label,
        stroke: strokes[index % strokes.length]!,
        width: 2,
        dash: DASHES[index % DASHES.length]!,
        scale: isRight === true ? 'right' : 'y',
      })),
    ],
  };
}
