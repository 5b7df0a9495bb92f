// The stream of statistics: a snapshot, and then the rows that have changed.

import { useEffect, useState } from 'react';

import type { Schemas } from '../parts/api.ts';
import { ROOT } from '../parts/place.ts';
import type { FigureRow, Figures } from './asked-figures.ts';

type Snapshot = Schemas['Statistics'];

interface LiveFigures {
  rows: readonly FigureRow[];
  watermark: string;
}

const keyOf = ({ currency, bucket }: FigureRow): string => JSON.stringify([currency, bucket]);

/**
 * The rows of a query as they change; null until the first come, and where the stream is not to be
 * had. The browser comes back by itself when it breaks off.
 */
export function useLiveFigures(address: string | null): LiveFigures | null {
  const [figures, setFigures] = useState<LiveFigures | null>(null);
  useEffect(() => {
    setFigures(null);
    if (address === null) return undefined;
    const source = new EventSource(new URL(`v1/statistics/stream?${address}`, ROOT), { withCredentials: true });
    const listen = (event: string, take: (told: Snapshot, before: LiveFigures | null) => readonly FigureRow[]): void => {
      source.addEventListener(event, ({ data }: MessageEvent<string>) => {
        const told = JSON.parse(data) as Snapshot;
        setFigures((before) => ({ rows: take(told, before), watermark: told.watermark }));
      });
    };
    listen('snapshot', ({ data }) => data);
    listen('rows', ({ data }, before) => {
      const rows = new Map((before?.rows ?? []).map((row) => [keyOf(row), row]));
      for (const row of data) rows.set(keyOf(row), row);
      return [...rows.values()].toSorted((a, b) => (a.bucket ?? '').localeCompare(b.bucket ?? ''));
    });
    return () => source.close();
  }, [address]);
  return figures;
}

const SUMS = ['clicks', 'orders', 'paid_amount', 'commission_estimated', 'commission_confirmed', 'commission_released'] as const;

/** What the buckets of one currency come to, which an order is in once. */
export function sumsOf(rows: readonly FigureRow[]): Figures[] {
  const currencies = [...new Set(rows.map(({ currency }) => currency))];
  return currencies.map((currency) => {
    const own = rows.filter((row) => row.currency === currency);
    return { currency, ...Object.fromEntries(SUMS.map((name) => [name, own.reduce((sum, row) => sum + (row[name] ?? 0), 0)])) };
  });
}
