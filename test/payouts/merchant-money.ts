// The routes of merchants' money and of debts over a database, with keys of every scope, and
// without a port.

import type { Kysely } from 'kysely';

import { accountCache } from '../../src/ledger/booking-store.ts';
import { debtRoutes } from '../../src/payouts/debts/debt-routes.ts';
import { invoiceRoutes } from '../../src/payouts/invoices/invoice-routes.ts';
import { paymentRoutes } from '../../src/payouts/invoices/payment-routes.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { callersOf, keyedApp } from '../platform/callers.ts';

/** What an invoice charges for in one currency. */
export interface Total {
  currency: string;
  released: number;
  reversed: number;
  revenue: number;
  bonuses: number;
  amount: number;
}

/** A row of any of the lists, as far as tests look into it. */
interface Row extends Total {
  [field: string]: unknown;
  month: string;
  order_id: string;
  totals: Total[];
  transfers: { kind: string; line_id: string; role: string; promoter_id: string | null; amount: number }[];
  owed: number;
  pending: number;
  paid: number;
  age_days: number;
}

/** What is answered: a thing, a page, or a problem. */
interface Body extends Row {
  data: Row[];
  sums: Row[];
  bonuses: number & Row[];
  next_cursor: string | null;
  code: string;
  detail: string;
}

export type Money = Awaited<ReturnType<typeof openMoney>>;

export async function openMoney(db: Kysely<DB>, taxTimeZone = 'Asia/Shanghai') {
  const app = keyedApp(db);
  const accounts = accountCache();
  invoiceRoutes(app, { db });
  paymentRoutes(app, { db, accounts });
  debtRoutes(app, { db, accounts, taxTimeZone });
  const callers = await callersOf<Body>(app, db);

  /** All rows of a list, page by page. */
  async function all(url: string, limit: number): Promise<Row[]> {
    const rows: Row[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const at = `${url}${url.includes('?') ? '&' : '?'}limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const { body } = await callers.get(at);
      rows.push(...body.data);
      cursor = body.next_cursor;
    }
    return rows;
  }

  return { ...callers, all, close: () => app.close() };
}
