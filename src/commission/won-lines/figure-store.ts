// What won lines come to: the figures by which programs set tiers and pay bonuses. Set-wise.

import { sql, type Kysely } from 'kysely';

import type { Measure } from '../../core/programs/steps.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';

/** What the completed lines of one promoter come to. */
export interface Figure {
  /** What buyers paid and kept, by weight, in minor units. */
  paidAmount: bigint;
  /** Orders with one such line. */
  orders: bigint;
  /** Every one of the lines is released. */
  isReleased: boolean;
}

/** The figure by what a program counts. */
export function measured({ paidAmount, orders }: Pick<Figure, 'paidAmount' | 'orders'>, measure: Measure): bigint {
  return measure === 'orders' ? orders : paidAmount;
}

/** Which lines of which promoter: completed at or after `from`, before `until`; null: no bound. */
interface FigureQuestion {
  promoterId: string;
  merchantId: string;
  currency: string;
  from: Date | null;
  until: Date | null;
}

interface FigureRow {
  paid_amount: string;
  orders: bigint;
  is_released: boolean;
}

const toFigure = (row: FigureRow): Figure => ({ paidAmount: BigInt(row.paid_amount), orders: row.orders, isReleased: row.is_released });

/** The figure of each question, in the order of the questions. */
export async function readFigures(db: Kysely<DB>, questions: readonly FigureQuestion[]): Promise<Figure[]> {
  const asked = unnestOf(
    questions,
    {
      place: ['int', (_, index) => index],
      promoter_id: ['text', (one) => one.promoterId],
      merchant_id: ['text', (one) => one.merchantId],
      currency: ['text', (one) => one.currency],
      since: ['timestamptz', (one) => one.from ?? '-infinity'],
      until: ['timestamptz', (one) => one.until ?? 'infinity'],
    },
    'asked',
  );
  const { rows } = await sql<FigureRow>`
    select coalesce(paid_amount, 0) as paid_amount, orders, coalesce(is_released, true) as is_released
    from ${asked}, lateral (
      select sum(amount) as paid_amount, count(distinct order_key) as orders, bool_and(is_released) as is_released
      from won_line
      where won_line.promoter_id = asked.promoter_id and won_line.merchant_id = asked.merchant_id
        and completed_at >= asked.since and completed_at < asked.until and won_line.currency = asked.currency
    ) as counted order by place`.execute(db);
  return rows.map(toFigure);
}

/** What one promoter has won at a merchant and is not completed yet. */
export async function readPendingFigure(
  db: Kysely<DB>,
  { promoterId, merchantId, currency }: Pick<FigureQuestion, 'promoterId' | 'merchantId' | 'currency'>,
): Promise<Figure> {
  const { rows } = await sql<FigureRow>`
    select coalesce(sum(amount), 0) as paid_amount, count(distinct order_key) as orders, false as is_released from won_line
    where promoter_id = ${promoterId} and merchant_id = ${merchantId} and completed_at is null and currency = ${currency}`.execute(db);
  return toFigure(rows[0]!);
}

/** Whose lines: of one merchant or of all, in one currency or in any, of a span of time. */
interface CrowdQuestion {
  merchantId: string | null;
  currency: string | null;
  from: Date;
  until: Date;
}

/** The figures of every promoter who has such lines. */
export async function readFiguresOfAll(
  db: Kysely<DB>,
  { merchantId, currency, from, until }: CrowdQuestion,
): Promise<Map<string, Pick<Figure, 'paidAmount' | 'orders'>>> {
  const { rows } = await sql<{ promoter_id: string; paid_amount: string; orders: bigint }>`
    select promoter_id, sum(amount) as paid_amount, count(distinct order_key) as orders from won_line
    where completed_at >= ${from} and completed_at < ${until}
      ${merchantId === null ? sql`` : sql`and merchant_id = ${merchantId}`} ${currency === null ? sql`` : sql`and currency = ${currency}`}
    group by promoter_id`.execute(db);
  return new Map(rows.map((row) => [row.promoter_id, { paidAmount: BigInt(row.paid_amount), orders: row.orders }]));
}
