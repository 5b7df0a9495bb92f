// Batches in the database: what a draft writes, and what is read of it.

import { createHash } from 'node:crypto';

import { sql, type Kysely, type Transaction } from 'kysely';

import type { PayoutState, SkipReason } from '../../core/payouts/payout.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { PayeeKind } from '../payees/payee-store.ts';
import type { Payout } from '../payout.ts';

/** What a batch is asked for. */
export interface BatchWish {
  currency: string;
  minimum: bigint;
  providerId: string | null;
  promoterIds: readonly string[] | null;
  requested: boolean;
  despiteDebts: boolean;
}

export interface NewBatch extends BatchWish {
  batchId: string;
  /** Null for what a schedule drafts. */
  keyId: string | null;
  person: string;
  /**
   * By which schedule and for which month, YYYY-MM, which a schedule drafts once; without a month
   * for who had no room in the batch before. Null for what a person asked for.
   */
  schedule: { scheduleId: string; month: string | null } | null;
}

export async function insertBatch(trx: Transaction<DB>, batch: NewBatch, now: Date): Promise<void> {
  await trx
    .insertInto('payout_batch')
    .values({
      batch_id: batch.batchId,
      currency: batch.currency,
      minimum: batch.minimum,
      provider_id: batch.providerId,
      promoter_ids: batch.promoterIds === null ? null : [...batch.promoterIds],
      requested: batch.requested,
      despite_debts: batch.despiteDebts,
      schedule_id: batch.schedule?.scheduleId ?? null,
      schedule_month: batch.schedule?.month ?? null,
      drafted_at: now,
      drafted_by: batch.keyId,
      drafted_person: batch.person,
    })
    .execute();
}

/** A payout that is drafted. */
export interface NewPayout extends Payout {
  payeeKind: PayeeKind;
  expectedWithheld: bigint;
}

/**
 * What an approval approves of a payout: who gets what by whom, of which merchants' money. The tax
 * is not among it, since it is fixed by the approval itself.
 */
function contentHash({ payoutId, promoterId, payeeVersion, providerId, items, gross }: NewPayout): Buffer {
  const fields = [
    payoutId,
    promoterId,
    payeeVersion ?? '',
    providerId,
    gross,
    ...items.flatMap(({ merchantId, amount }) => [merchantId, amount]),
  ];
  return createHash('sha256')
    .update(fields.map((field) => `${field}\n`).join(''))
    .digest();
}

export async function insertPayouts(trx: Transaction<DB>, payouts: readonly NewPayout[], now: Date): Promise<void> {
  if (payouts.length === 0) return;
  const column = <Value>(read: (payout: NewPayout) => Value) => payouts.map(read);
  await sql`
    insert into payout (payout_id, batch_id, promoter_id, currency, provider_id, payee_version, payee_kind, gross, expected_withheld, content_hash,
      state, drafted_at, changed_at)
    select draft.*, 'drafted', ${now}::timestamptz, ${now}::timestamptz
    from unnest(
      ${column((one) => one.payoutId)}::uuid[], ${column((one) => one.batchId)}::uuid[], ${column((one) => one.promoterId)}::text[],
      ${column((one) => one.currency)}::text[], ${column((one) => one.providerId)}::text[], ${column((one) => one.payeeVersion)}::int[],
      ${column((one) => one.payeeKind)}::text[], ${column((one) => String(one.gross))}::bigint[],
      ${column((one) => String(one.expectedWithheld))}::bigint[], ${column(contentHash)}::bytea[]
    ) as draft`.execute(trx);
  const items = payouts.flatMap(({ payoutId, promoterId, currency, items: own }) =>
    own.map((item, position) => ({ payoutId, position, promoterId, currency, ...item })),
  );
  const part = <Value>(read: (item: (typeof items)[number]) => Value) => items.map(read);
  await sql`
    insert into payout_item (payout_id, position, merchant_id, promoter_id, currency, amount)
    select * from unnest(
      ${part((one) => one.payoutId)}::uuid[], ${part((one) => one.position)}::int[], ${part((one) => one.merchantId)}::text[],
      ${part((one) => one.promoterId)}::text[], ${part((one) => one.currency)}::text[], ${part((one) => String(one.amount))}::bigint[]
    )`.execute(trx);
}

export interface Skip {
  promoterId: string;
  reason: SkipReason;
  /** All available accounts together: perhaps below zero. */
  amount: bigint;
}

export async function insertSkips(trx: Transaction<DB>, batchId: string, skips: readonly Skip[]): Promise<void> {
  if (skips.length === 0) return;
  const column = <Value>(read: (skip: Skip) => Value) => skips.map(read);
  await sql`
    insert into payout_skip (batch_id, promoter_id, reason, amount)
    select ${batchId}::uuid, * from unnest(
      ${column((one) => one.promoterId)}::text[], ${column((one) => one.reason)}::text[], ${column((one) => String(one.amount))}::bigint[]
    )`.execute(trx);
}

/** Reckons the hash of what the batch holds now, and keeps it. */
export async function keepContentHash(trx: Transaction<DB>, batchId: string): Promise<Buffer> {
  const { rows } = await sql<{ content_hash: Buffer }>`
    update payout_batch set content_hash = sha256(convert_to(currency || e'\\n', 'UTF8') || coalesce((
      select string_agg(content_hash, ''::bytea order by payout_id) from payout where payout.batch_id = payout_batch.batch_id and state <> 'dropped'
    ), ''::bytea))
    where batch_id = ${batchId} returning content_hash`.execute(trx);
  return rows[0]!.content_hash;
}

/** Closes what promoters asked for and the batch pays. */
export async function closeRequests(trx: Transaction<DB>, batchId: string, now: Date): Promise<void> {
  await sql`
    update payout_request request set closed_at = ${now}, closed_by = ${batchId}
    from payout where batch_id = ${batchId} and state = 'drafted' and payout.promoter_id = request.promoter_id
      and payout.currency = request.currency and request.closed_at is null`.execute(trx);
}

/** A batch as the database tells it. */
export interface BatchRow {
  batch_id: string;
  currency: string;
  minimum: bigint;
  provider_id: string | null;
  promoter_ids: string[] | null;
  requested: boolean;
  despite_debts: boolean;
  schedule_id: string | null;
  content_hash: Buffer;
  drafted_at: Date;
  drafted_by: string | null;
  drafted_person: string;
  approved_at: Date | null;
  approved_by: string | null;
  approved_alone: boolean | null;
  cancelled_at: Date | null;
  cancelled_by: string | null;
}

const COLUMNS = sql`batch_id, currency, minimum, provider_id, promoter_ids, requested, despite_debts, schedule_id, content_hash, drafted_at,
  drafted_by, drafted_person, approved_at, approved_by, approved_alone, cancelled_at, cancelled_by`;

export async function findBatch(db: Kysely<DB>, batchId: string): Promise<BatchRow | null> {
  const { rows } = await sql<BatchRow>`select ${COLUMNS} from payout_batch where batch_id = ${batchId}`.execute(db);
  return rows[0] ?? null;
}

/** The batch, locked until the transaction ends. */
export async function lockBatch(trx: Transaction<DB>, batchId: string): Promise<BatchRow | null> {
  const { rows } = await sql<BatchRow>`
    select ${COLUMNS} from payout_batch where batch_id = ${batchId} for no key update`.execute(trx);
  return rows[0] ?? null;
}

/** By whom the drafted payouts of a batch would be paid. */
export async function providersOfDraft(trx: Transaction<DB>, batchId: string): Promise<string[]> {
  const { rows } = await sql<{ provider_id: string }>`
    select distinct provider_id from payout where batch_id = ${batchId} and state = 'drafted' order by provider_id`.execute(trx);
  return rows.map(({ provider_id: providerId }) => providerId);
}

/** Batches, the newest first, one more than asked for. */
export async function listBatches(db: Kysely<DB>, { before, limit }: { before: string | null; limit: number }): Promise<BatchRow[]> {
  const { rows } = await sql<BatchRow>`
    select ${COLUMNS} from payout_batch where ${before}::uuid is null or batch_id < ${before} order by batch_id desc limit ${limit + 1}`.execute(
    db,
  );
  return rows;
}

/** What a batch comes to. Dropped payouts count only in `states`. */
export interface BatchTotals {
  states: Partial<Record<PayoutState, number>>;
  payouts: number;
  gross: bigint;
  withheld: bigint;
  /** Nets that are paid, and those that came back. */
  paid: bigint;
  returned: bigint;
}

/** The totals of batches, by id. */
export async function readTotals(db: Kysely<DB>, batchIds: readonly string[]): Promise<Map<string, BatchTotals>> {
  const { rows } = await sql<{ batch_id: string; state: PayoutState; payouts: bigint; gross: string; withheld: string }>`
    select batch_id, state, count(*) as payouts, sum(gross) as gross, sum(coalesce(withheld, expected_withheld)) as withheld
    from payout where batch_id = any(${[...batchIds]}::uuid[]) group by batch_id, state`.execute(db);
  const totals = new Map<string, BatchTotals>(
    batchIds.map((batchId) => [batchId, { states: {}, payouts: 0, gross: 0n, withheld: 0n, paid: 0n, returned: 0n }]),
  );
  for (const row of rows) {
    const sum = totals.get(row.batch_id)!;
    const [payouts, gross, withheld] = [Number(row.payouts), BigInt(row.gross), BigInt(row.withheld)];
    sum.states[row.state] = payouts;
    if (row.state === 'dropped') continue;
    sum.payouts += payouts;
    sum.gross += gross;
    sum.withheld += withheld;
    if (row.state === 'paid') sum.paid += gross - withheld;
    if (row.state === 'returned') sum.returned += gross - withheld;
  }
  return totals;
}

interface SkippedSum {
  reason: SkipReason;
  promoters: number;
  amount: bigint;
}

/** Who was skipped, by reason. */
export async function readSkippedSums(db: Kysely<DB>, batchId: string): Promise<SkippedSum[]> {
  const { rows } = await sql<{ reason: SkipReason; promoters: bigint; amount: string }>`
    select reason, count(*) as promoters, sum(amount) as amount from payout_skip where batch_id = ${batchId} group by reason order by reason`.execute(
    db,
  );
  return rows.map(({ reason, promoters, amount }) => ({ reason, promoters: Number(promoters), amount: BigInt(amount) }));
}

/** The promoters that were skipped, by id, one more than asked for. */
export async function listSkipped(db: Kysely<DB>, batchId: string, { after, limit }: { after: string; limit: number }): Promise<Skip[]> {
  const { rows } = await sql<{ promoter_id: string; reason: SkipReason; amount: bigint }>`
    select promoter_id, reason, amount from payout_skip where batch_id = ${batchId} and promoter_id > ${after}
    order by promoter_id limit ${limit + 1}`.execute(db);
  return rows.map(({ promoter_id: promoterId, reason, amount }) => ({ promoterId, reason, amount }));
}
