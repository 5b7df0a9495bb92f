// Won lines in the database: reading what the award has decided, and making the kept rows equal to
// that. Set-wise.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { MergedOrder } from '../../core/merged.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { AttributedLine, AwardedOrder, WonLine } from './won-line.ts';

interface OrderRow {
  order_key: bigint;
  merchant_id: string;
  currency: string | null;
  merged: MergedOrder;
}

/** As JSON, in which amounts are texts. */
interface LineRow {
  line_id: string;
  paid_amount: string;
  refunded_amount: string;
  winners: AttributedLine['winners'];
  is_released: boolean;
}

/** The orders with the attributed lines of their standing awards. */
export async function readAwardedOrders(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<AwardedOrder[]> {
  const keys = sql`any(${orderKeys.map(String)}::bigint[])`;
  // One statement, so that order and award are of one moment.
  const { rows } = await sql<OrderRow & { lines: string | null }>`
    select award.order_key, award.merchant_id, award.currency, merged, (
      select json_agg(json_build_object('line_id', line_id, 'paid_amount', paid_amount::text, 'refunded_amount', refunded_amount::text,
        'winners', pinned -> 'winners', 'is_released', line_hold.released_at is not null) order by line_id)::text
      from decision left join line_hold using (order_key, line_id)
      where decision.order_key = award.order_key and decision.revision = award.revision and decision = 'attributed'
    ) as lines
    from award join orders using (order_key) where award.order_key = ${keys} order by award.order_key`.execute(db);
  return rows.map((row) => ({
    orderKey: row.order_key,
    merchantId: row.merchant_id,
    currency: row.currency,
    merged: row.merged,
    lines: ((row.lines === null ? [] : JSON.parse(row.lines)) as LineRow[]).map((line) => ({
      lineId: line.line_id,
      paidAmount: BigInt(line.paid_amount),
      refundedAmount: BigInt(line.refunded_amount),
      winners: line.winners,
      isReleased: line.is_released,
    })),
  }));
}

interface WonLineRow {
  order_key: bigint;
  line_id: string;
  promoter_id: string;
  merchant_id: string;
  currency: string;
  completed_at: Date | null;
  amount: bigint;
  is_released: boolean;
}

const toWonLine = (row: WonLineRow): WonLine => ({
  orderKey: row.order_key,
  lineId: row.line_id,
  promoterId: row.promoter_id,
  merchantId: row.merchant_id,
  currency: row.currency,
  completedAt: row.completed_at,
  amount: row.amount,
  isReleased: row.is_released,
});

/** The kept lines of these orders. */
export async function readWonLines(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<WonLine[]> {
  const { rows } = await sql<WonLineRow>`
    select order_key, line_id, promoter_id, merchant_id, currency, completed_at, amount, is_released from won_line
    where order_key = any(${orderKeys.map(String)}::bigint[])`.execute(db);
  return rows.map(toWonLine);
}

/**
 * Makes the kept lines of orders those that they should be, writing only what differs; answers
 * what was there of it and what is there now. Only whoever took an order off the queue may do it.
 */
export async function keepWonLines(trx: Transaction<DB>, orderKeys: readonly bigint[], lines: readonly WonLine[]): Promise<WonLine[]> {
  const kept = new Map((await readWonLines(trx, orderKeys)).map((line) => [keyOf(line), line]));
  const wanted = new Map(lines.map((line) => [keyOf(line), line]));
  const gone = [...kept.values()].filter((line) => !wanted.has(keyOf(line)));
  const changed = lines.filter((line) => !isSame(kept.get(keyOf(line)), line));
  if (gone.length > 0) {
    await sql`
      delete from won_line using ${unnestOf(gone, KEY, 'gone')}
      where won_line.order_key = gone.order_key and won_line.line_id = gone.line_id and won_line.promoter_id = gone.promoter_id`.execute(
      trx,
    );
  }
  if (changed.length > 0) {
    await sql`
      insert into won_line (order_key, line_id, promoter_id, merchant_id, currency, completed_at, amount, is_released)
      select * from ${unnestOf(changed, COLUMNS, 'line')}
      on conflict (order_key, line_id, promoter_id) do update set currency = excluded.currency, completed_at = excluded.completed_at,
        amount = excluded.amount, is_released = excluded.is_released`.execute(trx);
  }
  return [...gone, ...changed.flatMap((line) => [kept.get(keyOf(line)) ?? [], line].flat())];
}

const KEY = {
  order_key: ['bigint', (line: WonLine) => line.orderKey],
  line_id: ['text', (line: WonLine) => line.lineId],
  promoter_id: ['text', (line: WonLine) => line.promoterId],
} as const;

const COLUMNS = {
  ...KEY,
  merchant_id: ['text', (line: WonLine) => line.merchantId],
  currency: ['text', (line: WonLine) => line.currency],
  completed_at: ['timestamptz', (line: WonLine) => line.completedAt],
  amount: ['bigint', (line: WonLine) => line.amount],
  is_released: ['boolean', (line: WonLine) => line.isReleased],
} as const;

// Ids hold no control characters, so that a line feed keeps them apart.
const keyOf = ({ orderKey, lineId, promoterId }: WonLine): string => `${orderKey}\n${lineId}\n${promoterId}`;

function isSame(kept: WonLine | undefined, line: WonLine): boolean {
  return (
    kept?.amount === line.amount &&
    kept.currency === line.currency &&
    kept.isReleased === line.isReleased &&
    kept.completedAt?.getTime() === line.completedAt?.getTime()
  );
}
