// Approving a batch: every payout is judged again, the tax is fixed, and what nobody but a person
// can pay is handed to them. Or cancelling the draft.

import { sql, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { PayoutState } from '../../core/payouts/payout.ts';
import { bookCaused } from '../../ledger/booking-store.ts';
import { announce } from '../../outbound/announce.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { payoutEvent } from '../payout-events.ts';
import { transfersOf, type Payout } from '../payout.ts';
import { lockPayoutsOf, recordPayoutChanges } from '../payout-store.ts';
import { isRelatedKey, requireSecondPerson } from '../../platform/keys/persons.ts';
import { kindOf } from '../providers/kinds.ts';
import { allProviders, type ProviderRow } from '../providers/provider-store.ts';
import { keepContentHash, lockBatch, providersOfDraft, type BatchRow } from './batch-store.ts';
import { readCandidates, taxpayerOf, type CandidateRow } from './candidate-store.ts';
import { fixFiles, startFileJudging } from './fixing-files.ts';
import { lockCurrency, netReason, payeesWaitSince, termsByProvider, type DraftDeps } from './drafting.ts';
import { lockWithholding, startTaxing, type Tax } from './taxing.ts';

const PAYOUTS_PER_PAGE = 1000;
const NO_UUID = '00000000-0000-0000-0000-000000000000';

/** What an approval has come to. */
type Approval =
  | { approved: true; alone: boolean; related: boolean; batch: BatchRow }
  | { approved: false; dropped: number; contentHash: Buffer };

interface Approving {
  batchId: string;
  /** What the approver has looked at. */
  contentHash: Buffer;
  actor: Actor;
  now: Date;
}

/** What an approval does with one payout. */
type Verdict = { payout: Payout; taxpayer: string; tax: Tax; reason: string | null };

/**
 * Approves the batch, or drops what can no longer be paid: then nothing is approved, and the batch
 * has another hash to be looked at. A page of payouts is in memory at a time: each is approved as
 * it is judged, and what was approved is undone where a later page has something to drop. Throws
 * `not_found`, `batch_decided`, `batch_empty`, `batch_changed`, `second_person_required`,
 * `provider_stopped`.
 */
export async function approveBatch(
  trx: Transaction<DB>,
  deps: DraftDeps,
  { batchId, contentHash, actor, now }: Approving,
): Promise<Approval> {
  const batch = await draftToDecide(trx, batchId);
  if (!batch.content_hash.equals(contentHash)) throw new DomainError('batch_changed', 'The batch is not what was looked at.');
  const { alone } = await requireSecondPerson(trx, { persons: [batch.drafted_person], at: batch.drafted_at }, actor, 'finance');
  await lockCurrency(trx, batch.currency);
  await lockWithholding(trx);
  const providers = await allProviders(trx);
  refuseStopped(await providersOfDraft(trx, batchId), providers);
  const month = startTaxing(trx, deps.taxes, now).month;
  const dropped = new Map<string, string>();
  let judged = 0;
  await sql`savepoint approval`.execute(trx);
  for await (const verdicts of judgeAgain(trx, deps, { batch, providers, now })) {
    for (const { payout, reason } of verdicts) if (reason !== null) dropped.set(payout.payoutId, reason);
    if (dropped.size === 0) await approvePage(trx, verdicts, { providers, month, actor, now });
    judged += verdicts.length;
    deps.onProgress?.({ work: 'approval', batchId, payouts: judged });
  }
  if (dropped.size > 0) {
    await sql`rollback to savepoint approval`.execute(trx);
    await drop(trx, { batchId, dropped, now });
    return { approved: false, dropped: dropped.size, contentHash: await keepContentHash(trx, batchId) };
  }
  await sql`
    update payout_batch set approved_at = ${now}, approved_by = ${actor.keyId}, approved_person = ${actor.person}, approved_alone = ${alone}
    where batch_id = ${batchId}`.execute(trx);
  await fixFiles(trx, deps, { batch, providers, now });
  const related = await isRelatedKey(trx, { keyIds: batch.drafted_by === null ? [] : [batch.drafted_by], at: batch.drafted_at }, actor);
  return { approved: true, alone, related, batch: { ...batch, approved_at: now, approved_by: actor.keyId, approved_alone: alone } };
}

/** Gives back what the draft has set aside. Throws `not_found` and `batch_decided`. */
export async function cancelBatch(trx: Transaction<DB>, { batchId, actor, now }: Omit<Approving, 'contentHash'>): Promise<BatchRow> {
  const batch = await draftToDecide(trx, batchId);
  for await (const page of draftedPages(trx, batchId)) {
    await giveBack(trx, page, { to: 'cancelled', reasonOf: () => 'batch_cancelled', keyId: actor.keyId, now });
  }
  await sql`update payout_batch set cancelled_at = ${now}, cancelled_by = ${actor.keyId} where batch_id = ${batchId}`.execute(trx);
  return { ...batch, cancelled_at: now, cancelled_by: actor.keyId };
}

async function draftToDecide(trx: Transaction<DB>, batchId: string): Promise<BatchRow> {
  const batch = await lockBatch(trx, batchId);
  if (batch === null) throw new DomainError('not_found', 'There is no batch of this id.');
  if (batch.approved_at !== null) throw new DomainError('batch_decided', 'This batch was approved before.');
  if (batch.cancelled_at !== null) throw new DomainError('batch_decided', 'This batch was cancelled.');
  return batch;
}

/** The payouts of a batch that are drafted, locked, in the order of their ids. */
async function* draftedPages(trx: Transaction<DB>, batchId: string): AsyncGenerator<Payout[]> {
  for (let after = NO_UUID; ;) {
    const page = await lockPayoutsOf(trx, { batchId, states: ['drafted'], after, limit: PAYOUTS_PER_PAGE });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.payoutId;
  }
}

/** Every drafted payout with what stands against it now, in the order of their ids. */
async function* judgeAgain(
  trx: Transaction<DB>,
  deps: DraftDeps,
  { batch, providers, now }: { batch: BatchRow; providers: ReadonlyMap<string, ProviderRow>; now: Date },
): AsyncGenerator<Verdict[]> {
  const { currency } = batch;
  const terms = await termsByProvider(trx);
  const owing = await deps.merchantsOwing(trx, currency);
  const moment = { now, changedAfter: payeesWaitSince(deps, now) };
  const taxing = startTaxing(trx, deps.taxes, now);
  const files = startFileJudging(trx, deps.keys, providers);
  for await (const page of draftedPages(trx, batch.batch_id)) {
    const promoterIds = page.map(({ promoterId }) => promoterId);
    const candidates = await readCandidates(trx, { currency, promoterIds }, moment);
    const known = new Map(candidates.map((candidate) => [candidate.promoterId, candidate]));
    const payments = page.map((payout) => {
      const candidate = known.get(payout.promoterId)!;
      const payment = { ...payout, candidate, taxpayer: taxpayerOf(candidate), payeeKind: candidate.payee?.kind ?? candidate.defaultKind };
      return { payout, payment };
    });
    await taxing.load(payments.map(({ payment }) => payment));
    await files.load(page);
    yield payments.map(({ payout, payment }) => {
      const { candidate, taxpayer } = payment;
      const tax = taxing.next(payment);
      const reason =
        reasonAgain(payout, { candidate, batch, owing }) ??
        netReason(payment, tax, terms.get(payout.providerId)!) ??
        files.refusal(payout, tax);
      if (reason !== null) taxing.undo();
      return { payout, taxpayer, tax, reason };
    });
  }
}

/**
 * Why a payout can no longer be paid. What it is worth was decided by the draft: only what stands
 * against the promoter and the payee since counts.
 */
function reasonAgain(
  { payeeVersion, gross, items }: Payout,
  { candidate, batch, owing }: { candidate: CandidateRow; batch: BatchRow; owing: ReadonlySet<string> },
): string | null {
  if (candidate.isSuspended) return 'suspended';
  if (candidate.hasDebt && !batch.despite_debts) return 'negative_balance';
  if (gross < batch.minimum) return 'below_minimum';
  if ((candidate.payee?.version ?? null) !== payeeVersion || candidate.payee?.isWaiting === true) return 'payee_changed_recently';
  return items.some(({ merchantId }) => owing.has(merchantId)) ? 'merchant_unpaid' : null;
}

/** Throws `batch_empty` where nobody is paid, and `provider_stopped`. */
function refuseStopped(providerIds: readonly string[], providers: ReadonlyMap<string, ProviderRow>): void {
  if (providerIds.length === 0) throw new DomainError('batch_empty', 'This batch pays nobody.');
  const stopped = providerIds.filter((id) => providers.get(id)!.stopped_at !== null);
  if (stopped.length === 0) return;
  throw new DomainError(
    'provider_stopped',
    `The database was restored: compare the list of ${stopped.join(', ')} with ours, then let it go on by its resumption.`,
  );
}

/** Gives back the drafted payouts that have a reason, each for its own. */
async function drop(
  trx: Transaction<DB>,
  { batchId, dropped, now }: { batchId: string; dropped: ReadonlyMap<string, string>; now: Date },
): Promise<void> {
  for await (const page of draftedPages(trx, batchId)) {
    const payouts = page.filter(({ payoutId }) => dropped.has(payoutId));
    if (payouts.length === 0) continue;
    await giveBack(trx, payouts, { to: 'dropped', reasonOf: ({ payoutId }) => dropped.get(payoutId)!, keyId: null, now });
  }
}

interface GivingBack {
  to: 'dropped' | 'cancelled';
  reasonOf: (payout: Payout) => string | null;
  keyId: string | null;
  now: Date;
}

/** Ends drafted payouts, and lets their money be available again. */
async function giveBack(trx: Transaction<DB>, payouts: readonly Payout[], { to, reasonOf, keyId, now }: GivingBack): Promise<void> {
  const transfers = payouts.flatMap((payout) => transfersOf(payout, 'unreserve'));
  await bookCaused(trx, transfers, null, now);
  await sql`
    update payout set state = ${to}, reason = given.reason, changed_at = ${now}
    from unnest(${payouts.map(({ payoutId }) => payoutId)}::uuid[], ${payouts.map(reasonOf)}::text[]) as given (payout_id, reason)
    where payout.payout_id = given.payout_id`.execute(trx);
  const changes = payouts.map((payout) => ({ payoutId: payout.payoutId, from: payout.state, to, reason: reasonOf(payout), keyId }));
  await recordPayoutChanges(trx, changes, now);
  await announce(trx, () => payouts.map((payout) => payoutEvent({ ...payout, state: to, reason: reasonOf(payout) }, now)), now);
}

interface ApprovingPage {
  providers: ReadonlyMap<string, ProviderRow>;
  month: string;
  actor: Actor;
  now: Date;
}

/**
 * Fixes the tax of payouts and lets them be sent, or hands them to those who pay by hand or file.
 */
async function approvePage(
  trx: Transaction<DB>,
  verdicts: readonly Verdict[],
  { providers, month, actor, now }: ApprovingPage,
): Promise<void> {
  const approved = verdicts.map(({ payout, taxpayer, tax }) => {
    const isSentByUs = kindOf(providers.get(payout.providerId)!.kind).channel !== null;
    const state: PayoutState = isSentByUs ? 'approved' : 'sent';
    return { payout, taxpayer, tax, state };
  });
  const column = <Value>(read: (one: (typeof approved)[number]) => Value) => approved.map(read);
  // The moments are drawn in the order of the payouts, as their taxes were reckoned.
  await sql`
    with given as (
      select *, nextval('payout_moment') as moment from (
        select * from unnest(
          ${column(({ payout }) => payout.payoutId)}::uuid[], ${column(({ state }) => state)}::text[],
          ${column(({ tax }) => String(tax.withheld))}::bigint[], ${column(({ tax }) => tax.scheme)}::text[],
          ${column(({ tax }) => JSON.stringify(tax.steps))}::jsonb[], ${column(({ taxpayer }) => taxpayer)}::text[]
        ) with ordinality as given (payout_id, state, withheld, scheme, tax_steps, taxpayer, place) order by place
      ) as ordered
    ), changed as (
      update payout set state = given.state, withheld = given.withheld, scheme = given.scheme, tax_steps = given.tax_steps,
        taxpayer = given.taxpayer, tax_month = ${month}, approved_no = moment, approved_at = ${now}, changed_at = ${now},
        due_at = case given.state when 'approved' then ${now}::timestamptz end
      from given where payout.payout_id = given.payout_id
    )
    insert into payout_income (payout_id, from_no) select payout_id, moment from given`.execute(trx);
  const changes = approved.map(({ payout, state }) => {
    return { payoutId: payout.payoutId, from: payout.state, to: state, reason: null, keyId: actor.keyId };
  });
  await recordPayoutChanges(trx, changes, now);
  await announce(trx, () => approved.map(({ payout, tax, state }) => payoutEvent({ ...payout, state, withheld: tax.withheld }, now)), now);
}
