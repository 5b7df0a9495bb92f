// Counted rows and roll-ups in the database. Whoever writes them holds the row of the fold.

import { sql, type RawBuilder, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf, type Columns } from '../../platform/postgres/unnest.ts';
import type { Basis, Counted } from '../counting/counted.ts';
import { linkFacts } from '../counting/link-facts.ts';
import type { Rollup, RollupChanges } from './rollup.ts';

interface CountedRow {
  order_key: bigint | null;
  line_id: string | null;
  basis: Basis;
  at: Date;
  merchant_id: string;
  currency: string;
  promoter_id: string | null;
  product_id: string | null;
  category: string | null;
  scene: string | null;
  campaign_id: string | null;
  link_code: string | null;
  source_id: string | null;
  agency_id: string | null;
  level: number | null;
  units: bigint;
  paid_amount: bigint;
  refunded_amount: bigint;
  refunds: bigint;
  commission_estimated: bigint;
  commission_confirmed: bigint;
  commission_released: bigint;
  commission_reversed: bigint;
  wins_order: boolean;
  unattributed: boolean;
}

/** The columns of a counted row, each as it is written. */
export const COUNTED_COLUMNS: Columns<Counted> = {
  order_key: ['bigint', (one) => one.orderKey],
  line_id: ['text', (one) => one.lineId],
  basis: ['text', (one) => one.basis],
  at: ['timestamptz', (one) => one.at],
  merchant_id: ['text', (one) => one.merchantId],
  currency: ['text', (one) => one.currency],
  promoter_id: ['text', (one) => one.promoterId],
  product_id: ['text', (one) => one.productId],
  category: ['text', (one) => one.category],
  scene: ['text', (one) => one.scene],
  campaign_id: ['text', (one) => one.campaignId],
  link_code: ['text', (one) => one.linkCode],
  source_id: ['text', (one) => one.sourceId],
  agency_id: ['text', (one) => one.agencyId],
  level: ['smallint', (one) => one.level],
  units: ['bigint', (one) => one.units],
  paid_amount: ['bigint', (one) => one.paidAmount],
  refunded_amount: ['bigint', (one) => one.refundedAmount],
  refunds: ['bigint', (one) => one.refunds],
  commission_estimated: ['bigint', (one) => one.commissionEstimated],
  commission_confirmed: ['bigint', (one) => one.commissionConfirmed],
  commission_released: ['bigint', (one) => one.commissionReleased],
  commission_reversed: ['bigint', (one) => one.commissionReversed],
  wins_order: ['boolean', (one) => one.winsOrder],
  unattributed: ['boolean', (one) => one.unattributed],
};
const COUNTED_NAMES = sql.join(Object.keys(COUNTED_COLUMNS).map((name) => sql.ref(name)));

/** The rows of these orders, as they are counted. */
export async function readCounted(trx: Transaction<DB>, orderKeys: readonly bigint[]): Promise<Counted[]> {
  const { rows } = await sql<CountedRow>`
    select ${COUNTED_NAMES} from counted where order_key = any(${orderKeys.map(String)}::bigint[])`.execute(trx);
  return rows.map((row) => ({
    orderKey: row.order_key,
    lineId: row.line_id,
    basis: row.basis,
    at: row.at,
    merchantId: row.merchant_id,
    currency: row.currency,
    promoterId: row.promoter_id,
    productId: row.product_id,
    category: row.category,
    scene: row.scene,
    campaignId: row.campaign_id,
    linkCode: row.link_code,
    sourceId: row.source_id,
    agencyId: row.agency_id,
    level: row.level,
    units: row.units,
    paidAmount: row.paid_amount,
    refundedAmount: row.refunded_amount,
    refunds: row.refunds,
    commissionEstimated: row.commission_estimated,
    commissionConfirmed: row.commission_confirmed,
    commissionReleased: row.commission_released,
    commissionReversed: row.commission_reversed,
    winsOrder: row.wins_order,
    unattributed: row.unattributed,
  }));
}

/** Takes the rows of these orders out. */
export async function deleteCounted(trx: Transaction<DB>, orderKeys: readonly bigint[]): Promise<void> {
  if (orderKeys.length === 0) return;
  await sql`delete from counted where order_key = any(${orderKeys.map(String)}::bigint[])`.execute(trx);
}

export async function insertCounted(trx: Transaction<DB>, rows: readonly Counted[]): Promise<void> {
  if (rows.length === 0) return;
  await sql`insert into counted (${COUNTED_NAMES}) select ${COUNTED_NAMES} from ${unnestOf(rows, COUNTED_COLUMNS, 'told')}`.execute(trx);
}

const ROLLUP_COLUMNS: Columns<Rollup> = {
  grain_minutes: ['smallint', (one) => one.grainMinutes],
  at: ['timestamptz', (one) => one.at],
  merchant_id: ['text', (one) => one.merchantId],
  currency: ['text', (one) => one.currency],
  basis: ['text', (one) => one.basis],
};
const SUM_COLUMNS: Columns<Rollup> = {
  orders: ['bigint', (one) => one.orders],
  orders_unattributed: ['bigint', (one) => one.ordersUnattributed],
  units: ['bigint', (one) => one.units],
  paid_amount: ['bigint', (one) => one.paidAmount],
  refunded_amount: ['bigint', (one) => one.refundedAmount],
  refunds: ['bigint', (one) => one.refunds],
  commission_estimated: ['bigint', (one) => one.commissionEstimated],
  commission_confirmed: ['bigint', (one) => one.commissionConfirmed],
  commission_released: ['bigint', (one) => one.commissionReleased],
  commission_reversed: ['bigint', (one) => one.commissionReversed],
};

/** Adds differences to the roll-ups. */
export async function addToRollups(trx: Transaction<DB>, { merchants, promoters }: RollupChanges): Promise<void> {
  await addTo(trx, 'merchant_rollup', merchants, ROLLUP_COLUMNS);
  await addTo(trx, 'promoter_rollup', promoters, { ...ROLLUP_COLUMNS, promoter_id: ['text', (one) => one.promoterId] });
}

async function addTo(
  trx: Transaction<DB>,
  table: 'merchant_rollup' | 'promoter_rollup',
  changes: readonly Rollup[],
  keys: Columns<Rollup>,
): Promise<void> {
  if (changes.length === 0) return;
  const columns = { ...keys, ...SUM_COLUMNS };
  const names = sql.join(Object.keys(columns).map((name) => sql.ref(name)));
  await sql`
    insert into ${sql.table(table)} (${names}) select ${names} from ${unnestOf(changes, columns, 'change')}
    on conflict (${sql.join(Object.keys(keys).map((name) => sql.ref(name)))}) do update set ${addedUp(table, Object.keys(SUM_COLUMNS))}`.execute(
    trx,
  );
}

/** `a = t.a + excluded.a` of each of the columns. */
function addedUp(table: string, columns: readonly string[]): RawBuilder<unknown> {
  return sql.join(columns.map((column) => sql`${sql.ref(column)} = ${sql.ref(`${table}.${column}`)} + excluded.${sql.ref(column)}`));
}

const VISITS = ['clicks', 'bot_clicks', 'links_made'];
const VISIT_SUMS = sql.join(VISITS.map((column) => sql`sum(${sql.ref(column)})`));
const VISIT_NAMES = sql.join(VISITS.map((name) => sql.ref(name)));

/** Adds clicks and links to the roll-ups: table expressions of rows that are in none yet. */
export async function addVisits(trx: Transaction<DB>, facts: { clicks: RawBuilder<unknown>; links: RawBuilder<unknown> }): Promise<void> {
  await sql`
    with cell as materialized (
      select grain_minutes, date_bin(make_interval(mins => grain_minutes), at, timestamptz '2000-01-01 00:00:00+00') as at, merchant_id,
        currency, promoter_id, link_code, category, agency_id, ${sql.join(VISITS.map((column) => sql`sum(${sql.ref(column)}) as ${sql.ref(column)}`))}
      from ${linkFacts(facts)} as fact, (values (15::smallint), (1440::smallint)) as grain (grain_minutes)
      group by 1, 2, 3, 4, 5, 6, 7, 8
    ), of_merchants as (
      insert into merchant_rollup (grain_minutes, at, merchant_id, currency, basis, ${VISIT_NAMES})
      select grain_minutes, at, merchant_id, currency, 'order', ${VISIT_SUMS} from cell group by 1, 2, 3, 4
      on conflict (grain_minutes, at, merchant_id, currency, basis) do update set ${addedUp('merchant_rollup', VISITS)}
    ), of_promoters as (
      insert into promoter_rollup (grain_minutes, at, merchant_id, promoter_id, currency, basis, ${VISIT_NAMES})
      select grain_minutes, at, merchant_id, promoter_id, currency, 'order', ${VISIT_SUMS} from cell group by 1, 2, 3, 4, 5
      on conflict (grain_minutes, at, merchant_id, promoter_id, currency, basis) do update set ${addedUp('promoter_rollup', VISITS)}
    )
    insert into link_rollup (grain_minutes, at, link_code, category, agency_id, ${VISIT_NAMES})
    select grain_minutes, at, link_code, category, agency_id, ${VISIT_NAMES} from cell
    on conflict (link_code, grain_minutes, at, category, agency_id) do update set ${addedUp('link_rollup', VISITS)}`.execute(trx);
}
