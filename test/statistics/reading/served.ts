// Statistics over HTTP over the varied market, with keys of all who are told of it.

import { funnelRoutes } from '../../../src/statistics/reading/funnel-routes.ts';
import { statisticsRoutes } from '../../../src/statistics/reading/statistics-routes.ts';
import { ago } from '../../commission/world.ts';
import { keyedApp, newKey, send, type Answered } from '../../platform/callers.ts';
import { DAYS, foldAll, haveSecondThoughts, openMarket, reorganise, trade } from './market.ts';

export type Row = Record<string, string | number | null> & { compared?: Row | null };

export interface Body {
  code: string;
  query: Record<string, unknown>;
  watermark: string;
  data: Row[];
  totals: Row[];
  next_cursor: string | null;
}

type Query = Record<string, string | number>;

const ORDERS = 20;
/** A time that holds all of the market. */
export const WHOLE = { from: ago(DAYS + 1), to: new Date(Date.now() + 3_600_000).toISOString() };

/** What fields of rows add up to. */
export const sumOf = (rows: readonly Row[], field: string): number => rows.reduce((sum, row) => sum + Number(row[field]), 0);

/** The market half folded, and who asks of it. */
export async function openStatistics() {
  const market = await openMarket();
  await trade(market, 'first', ORDERS);
  await reorganise(market);
  await foldAll(market);
  await haveSecondThoughts(market, 'first', ORDERS);
  await trade(market, 'second', ORDERS);
  const app = keyedApp(market.db);
  statisticsRoutes(app, market.db);
  funnelRoutes(app, market.db);
  const keys: Record<string, string> = {
    admin: await newKey(market.db, 'admin'),
    auditor: await newKey(market.db, 'auditor'),
    'every shop': await newKey(market.db, 'storefront'),
    m1: await newKey(market.db, 'storefront', { merchantId: 'm1' }),
    m2: await newKey(market.db, 'storefront', { merchantId: 'm2' }),
    bob: await newKey(market.db, 'promoter', { promoterId: 'bob' }),
    merchant: await newKey(market.db, 'merchant', { merchantId: 'm1' }),
  };

  async function ask<As = Body>(
    path: string,
    query: Query,
    { key = 'admin', accept }: { key?: string; accept?: string } = {},
  ): Promise<Answered<As>> {
    const search = new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]));
    const headers = { authorization: `Bearer ${keys[key]!}`, ...(accept !== undefined && { accept }) };
    return send<As>(app, { method: 'GET', url: `${path}?${search.toString()}`, headers });
  }

  return {
    market,
    ask,
    statistics: (query: Query, as: { key?: string } = {}) => ask('/v1/statistics', { ...WHOLE, ...query }, as),
    close: async () => {
      await app.close();
      await market.close();
    },
  };
}
