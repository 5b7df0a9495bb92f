// Payouts in the database: finding and locking them, and writing what has become of them.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { PayoutState } from '../core/payouts/payout.ts';
import type { WithholdingScheme } from '../core/payouts/withholding.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Payout } from './payout.ts';

interface PayoutRecord {
  payout_id: string;
  batch_id: string;
  promoter_id: string;
  currency: string;
  provider_id: string;
  payee_version: number | null;
  gross: bigint;
  withheld: bigint | null;
  state: PayoutState;
  reason: string | null;
  reference: string | null;
  approved_no: bigint | null;
  has_action: boolean;
  items: { merchant_id: string; amount: string }[];
}

const COLUMNS = sql`payout_id, batch_id, promoter_id, currency, provider_id, payee_version, gross, withheld, state, reason, reference, approved_no,
  action is not null as has_action,
  (select jsonb_agg(jsonb_build_object('merchant_id', merchant_id, 'amount', amount::text) order by position)
    from payout_item where payout_item.payout_id = payout.payout_id) as items`;

function toPayout(row: PayoutRecord): Payout {
  return {
    payoutId: row.payout_id,
    batchId: row.batch_id,
    promoterId: row.promoter_id,
    currency: row.currency,
    providerId: row.provider_id,
    payeeVersion: row.payee_version,
    gross: row.gross,
    withheld: row.withheld,
    state: row.state,
    reason: row.reason,
    reference: row.reference,
    approvedNo: row.approved_no,
    hasAction: row.has_action,
    items: row.items.map(({ merchant_id: merchantId, amount }) => ({ merchantId, amount: BigInt(amount) })),
  };
}

/** The payout, locked until the transaction ends; null when there is none. */
export async function lockPayout(trx: Transaction<DB>, payoutId: string): Promise<Payout | null> {
  const { rows } = await sql<PayoutRecord>`
    select ${COLUMNS} from payout where payout_id = ${payoutId} for no key update of payout`.execute(trx);
  return rows[0] === undefined ? null : toPayout(rows[0]);
}

/** Payouts of a batch in one of these states, by id, locked, a page at a time. */
export async function lockPayoutsOf(
  trx: Transaction<DB>,
  { batchId, states, after, limit }: { batchId: string; states: readonly PayoutState[]; after: string; limit: number },
): Promise<Payout[]> {
  const { rows } = await sql<PayoutRecord>`
    select ${COLUMNS} from payout
    where batch_id = ${batchId} and payout_id > ${after}::uuid and state = any(${[...states]}::text[])
    order by payout_id limit ${limit} for no key update of payout`.execute(trx);
  return rows.map(toPayout);
}

/** What has become of a payout. */
interface PayoutChange {
  payoutId: string;
  from: PayoutState | null;
  to: PayoutState;
  reason: string | null;
  /** By which key; null for what the service did or a provider told. */
  keyId: string | null;
}

/**
 * Writes down how payouts came to what they are. The draft is the first change of a payout, and
 * what becomes of the draft is the second; only of others those before must be counted.
 */
export async function recordPayoutChanges(trx: Transaction<DB>, changes: readonly PayoutChange[], now: Date): Promise<void> {
  if (changes.length === 0) return;
  const column = <Value>(read: (change: PayoutChange) => Value) => changes.map(read);
  await sql`
    insert into payout_change (payout_id, position, from_state, to_state, reason, key_id, changed_at)
    select payout_id,
      case when from_state is null then 0 when from_state = 'drafted' then 1
        else (select count(*) from payout_change earlier where earlier.payout_id = change.payout_id) end,
      from_state, to_state, reason, key_id, ${now}::timestamptz
    from unnest(
      ${column((one) => one.payoutId)}::uuid[], ${column((one) => one.from)}::text[], ${column((one) => one.to)}::text[],
      ${column((one) => one.reason)}::text[], ${column((one) => one.keyId)}::uuid[]
    ) as change (payout_id, from_state, to_state, reason, key_id)`.execute(trx);
}

/** A payout as it is shown. */
export interface PayoutRow {
  payout_id: string;
  batch_id: string;
  promoter_id: string;
  currency: string;
  provider_id: string;
  provider_kind: string;
  payee_version: number | null;
  gross: bigint;
  withheld: bigint | null;
  scheme: WithholdingScheme | null;
  tax_month: string | null;
  tax_steps: unknown;
  state: PayoutState;
  reason: string | null;
  reference: string | null;
  drafted_at: Date;
  approved_at: Date | null;
  paid_at: Date | null;
  returned_at: Date | null;
  changed_at: Date;
  action: { payload: Record<string, string> | null; expires_at: string | null } | null;
  items: { merchant_id: string; amount: string }[];
}

const SHOWN = sql`payout_id, batch_id, promoter_id, currency, provider_id,
  (select kind from payout_provider where payout_provider.provider_id = payout.provider_id) as provider_kind,
  payee_version, gross, withheld, scheme, tax_month, tax_steps, state, reason, reference, drafted_at, approved_at, paid_at, returned_at, changed_at,
  action,
  (select jsonb_agg(jsonb_build_object('merchant_id', merchant_id, 'amount', amount::text) order by position)
    from payout_item where payout_item.payout_id = payout.payout_id) as items`;

export async function findPayout(db: Kysely<DB>, payoutId: string): Promise<PayoutRow | null> {
  const { rows } = await sql<PayoutRow>`select ${SHOWN} from payout where payout_id = ${payoutId}`.execute(db);
  return rows[0] ?? null;
}

/** Payouts of a batch, by id, one more than asked for. */
export async function listPayoutsOfBatch(
  db: Kysely<DB>,
  { batchId, state, after, limit }: { batchId: string; state: PayoutState | null; after: string | null; limit: number },
): Promise<PayoutRow[]> {
  const { rows } = await sql<PayoutRow>`
    select ${SHOWN} from payout
    where batch_id = ${batchId} and (${after}::uuid is null or payout_id > ${after}) and (${state}::text is null or state = ${state})
    order by payout_id limit ${limit + 1}`.execute(db);
  return rows;
}

/**
 * Payouts of a promoter, the newest first, one more than asked for. What was dropped is not among
 * them.
 */
export async function listPayoutsOfPromoter(
  db: Kysely<DB>,
  { promoterId, before, limit }: { promoterId: string; before: string | null; limit: number },
): Promise<PayoutRow[]> {
  const { rows } = await sql<PayoutRow>`
    select ${SHOWN} from payout
    where promoter_id = ${promoterId} and (${before}::uuid is null or payout_id < ${before}) and state <> 'dropped'
    order by payout_id desc limit ${limit + 1}`.execute(db);
  return rows;
}

export interface ChangeRow {
  from_state: PayoutState | null;
  to_state: PayoutState;
  reason: string | null;
  key_id: string | null;
  changed_at: Date;
}

/** How a payout came to what it is, from its draft on. */
export async function readPayoutChanges(db: Kysely<DB>, payoutId: string): Promise<ChangeRow[]> {
  const { rows } = await sql<ChangeRow>`
    select from_state, to_state, reason, key_id, changed_at from payout_change where payout_id = ${payoutId} order by position`.execute(db);
  return rows;
}

/** Asks the worker to cancel the payout at its provider. */
export async function askCancellation(trx: Transaction<DB>, payoutId: string, now: Date): Promise<void> {
  await sql`
    update payout set cancel_asked_at = coalesce(cancel_asked_at, ${now}), due_at = ${now}, changed_at = ${now}
    where payout_id = ${payoutId}`.execute(trx);
}
