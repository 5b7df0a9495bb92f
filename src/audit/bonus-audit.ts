// Bonuses computed again: every order of a merchant with programs counted from its standing award,
// and what that pays beside what is booked.

import { sql, type Kysely, type Transaction } from 'kysely';

import { ONCE } from '../commission/bonuses/bonus-due-store.ts';
import { readBonusBooks } from '../commission/bonuses/bonus-program-store.ts';
import { paidFor, reckoningOf, type BonusBook, type Reckoning } from '../commission/bonuses/bonus-program.ts';
import { causeIdOf, readBookedBonuses } from '../commission/bonuses/bonus-store.ts';
import { readAwardedOrders, readWonLines } from '../commission/won-lines/won-line-store.ts';
import { wonLinesOf, type WonLine } from '../commission/won-lines/won-line.ts';
import { clockOf } from '../platform/calendar.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Difference } from './difference.ts';

const ORDERS_PER_PAGE = 1000;
const CAUSES_PER_PAGE = 5000;

/** What is counted of one bonus; the orders by their keys, each once. */
interface Counted {
  book: BonusBook;
  reckoning: Reckoning;
  paidAmount: bigint;
  orders: Set<bigint>;
}

/**
 * Where a bonus is not what its orders pay. All is read in one snapshot, a page of orders at a
 * time; promoters of whom an order waits to be awarded or counted are left out.
 */
export async function auditBonuses(db: Kysely<DB>, onDifference: (difference: Difference) => void): Promise<{ bonuses: number }> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      const { rows } = await sql<{ program_id: string }>`
        select program_id from program_reach where kind = 'bonus' and done_at is not null`.execute(trx);
      const books = [
        ...(
          await readBonusBooks(
            trx,
            rows.map((row) => row.program_id),
          )
        ).values(),
      ];
      if (books.length === 0) return { bonuses: 0 };
      const counting = new Counting(books);
      const waiting = await countOrders(trx, books, counting);
      return compare(trx, counting, waiting, onDifference);
    });
}

/** Adds won lines to the bonuses that count them. */
class Counting {
  readonly bonuses = new Map<string, Counted>();
  private readonly byMerchant = new Map<string, { book: BonusBook; clock: (at: Date) => string }[]>();

  constructor(books: readonly BonusBook[]) {
    for (const book of books) {
      const own = this.byMerchant.get(book.merchantId) ?? [];
      this.byMerchant.set(book.merchantId, [...own, { book, clock: clockOf(book.timeZone) }]);
    }
  }

  add({ orderKey, promoterId, merchantId, currency, completedAt, amount }: WonLine): void {
    if (completedAt === null) return;
    for (const { book, clock } of this.byMerchant.get(merchantId) ?? []) {
      if (book.currency !== currency) continue;
      const period = book.period === ONCE ? ONCE : clock(completedAt).slice(0, 7);
      const causeId = causeIdOf({ programId: book.programId, promoterId, period });
      const counted = this.bonuses.get(causeId) ?? { book, reckoning: reckoningOf(book, period), paidAmount: 0n, orders: new Set() };
      this.bonuses.set(causeId, counted);
      const { from, until } = counted.reckoning;
      if ((from !== null && completedAt < from) || (until !== null && completedAt >= until)) continue;
      counted.paidAmount += amount;
      counted.orders.add(orderKey);
    }
  }
}

/** Counts every order; answers the promoters of whom some wait. */
async function countOrders(trx: Transaction<DB>, books: readonly BonusBook[], counting: Counting): Promise<Set<string>> {
  const merchantIds = [...new Set(books.map(({ merchantId }) => merchantId))];
  const waiting = new Set<string>();
  for (let after = 0n; ;) {
    const { rows } = await sql<{ order_key: bigint; waits: boolean }>`
      select order_key, exists (select from award_due where award_due.order_key = award.order_key)
        or exists (select from won_line_due where won_line_due.order_key = award.order_key) as waits
      from award where order_key > ${after} and merchant_id = any(${merchantIds}::text[])
      order by order_key limit ${ORDERS_PER_PAGE}`.execute(trx);
    const last = rows.at(-1);
    if (last === undefined) return waiting;
    const lines = (
      await readAwardedOrders(
        trx,
        rows.map((row) => row.order_key),
      )
    ).flatMap(wonLinesOf);
    for (const line of lines) counting.add(line);
    const waitingKeys = new Set(rows.flatMap((row) => (row.waits ? [row.order_key] : [])));
    const unsettled = [...(await readWonLines(trx, [...waitingKeys])), ...lines.filter(({ orderKey }) => waitingKeys.has(orderKey))];
    for (const { promoterId } of unsettled) waiting.add(promoterId);
    after = last.order_key;
  }
}

async function compare(
  trx: Transaction<DB>,
  { bonuses }: Counting,
  waiting: ReadonlySet<string>,
  onDifference: (difference: Difference) => void,
): Promise<{ bonuses: number }> {
  const { rows } = await sql<{ cause_id: string; waits: boolean }>`
    select program_id || '/' || promoter_id || '/' || period as cause_id,
      coalesce(due_at <= now(), false) or promoter_id = any(${[...waiting]}::text[]) as waits from bonus`.execute(trx);
  const { rows: transfers } = await sql<{ cause_id: string }>`
    select distinct cause_id from transfer where cause = 'bonus' and order_key is null`.execute(trx);
  const passedOver = new Set(rows.flatMap((row) => (row.waits ? [row.cause_id] : [])));
  const causeIds = [...new Set([...bonuses.keys(), ...transfers.map((row) => row.cause_id)])].filter((id) => !passedOver.has(id));
  for (let from = 0; from < causeIds.length; from += CAUSES_PER_PAGE) {
    const page = causeIds.slice(from, from + CAUSES_PER_PAGE);
    const booked = await readBookedBonuses(trx, page);
    for (const causeId of page) {
      const counted = bonuses.get(causeId);
      const expected = counted === undefined ? 0n : paidBy(counted);
      const { pending, available } = booked.get(causeId) ?? { pending: 0n, available: 0n };
      if (expected === pending + available) continue;
      onDifference({ subject: `bonus ${causeId}`, field: 'booked', expected: String(expected), found: String(pending + available) });
    }
  }
  return { bonuses: causeIds.length };
}

function paidBy({ reckoning, paidAmount, orders }: Counted): bigint {
  return paidFor(reckoning.terms, { paidAmount, orders: BigInt(orders.size) });
}
