// Drafting a batch: everybody who can be paid is, everybody else is skipped for a reason, and the
// money is set aside in the same transaction.

import type { KeyObject } from 'node:crypto';

import { sql, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { reasonOfNet, reasonToSkip, type SkipReason } from '../../core/payouts/payout.ts';
import { bookCaused } from '../../ledger/booking-store.ts';
import { announce } from '../../outbound/announce.ts';
import type { MasterKeys } from '../../platform/keys/secrets.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { payoutEvent } from '../payout-events.ts';
import { transfersOf, type PayoutItem } from '../payout.ts';
import { recordPayoutChanges } from '../payout-store.ts';
import { kindOf } from '../providers/kinds.ts';
import type { ProviderTerms } from '../providers/provider.ts';
import { allProviders } from '../providers/provider-store.ts';
import {
  closeRequests,
  insertBatch,
  insertPayouts,
  insertSkips,
  keepContentHash,
  type BatchWish,
  type NewBatch,
  type NewPayout,
  type Skip,
} from './batch-store.ts';
import { nextPromoters, readCandidates, taxpayerOf, type CandidateRow } from './candidate-store.ts';
import { startTaxing, type Tax, type Taxing, type TaxSettings } from './taxing.ts';

/** Few enough that whoever else the process answers waits for milliseconds only. */
const PROMOTERS_PER_PAGE = 1000;
/** What two persons can look at; who is left is in another batch. */
const PAYOUTS_PER_BATCH_MAX = 200_000;
const HOUR_MS = 3_600_000;

export interface DraftDeps {
  taxes: TaxSettings;
  /** What payees and files are sealed with. */
  keys: MasterKeys;
  /** What numbers of bills are derived from. */
  numberKey: KeyObject;
  payeeChangeWaitHours: number;
  /** How many one batch pays, where it is not what it is everywhere. */
  payoutsPerBatchMax?: number;
  /** Merchants that are waited for and owe us in this currency. */
  merchantsOwing: (trx: Transaction<DB>, currency: string) => Promise<ReadonlySet<string>>;
  /** Told page by page, while nothing of the work is committed yet. */
  onProgress?: (progress: BatchProgress) => void;
}

/** How far a draft or an approval is: what it has done, of which nobody else sees anything yet. */
interface BatchProgress {
  work: 'draft' | 'approval';
  batchId: string;
  payouts: number;
}

/**
 * Money of one currency is set aside by one draft or approval at a time, so that no two ever take
 * the same.
 */
export async function lockCurrency(trx: Transaction<DB>, currency: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('payouts: money set aside'), hashtext(${currency}))`.execute(trx);
}

export function payoutsPerBatchMax({ payoutsPerBatchMax: own }: DraftDeps): number {
  return own ?? PAYOUTS_PER_BATCH_MAX;
}

/**
 * Drafts the batch, as far as one batch goes: `isFull` where it pays as many as it may and somebody
 * else could be paid. A page of promoters is in memory at a time. Throws `unknown_provider`.
 */
export async function draftBatch(trx: Transaction<DB>, deps: DraftDeps, batch: NewBatch, now: Date): Promise<{ isFull: boolean }> {
  const { batchId } = batch;
  await lockCurrency(trx, batch.currency);
  const judge = await startJudging(trx, deps, batch, now);
  await insertBatch(trx, batch, now);
  let room = payoutsPerBatchMax(deps);
  let [payouts, isFull] = [0, false];
  for (let after = ''; !isFull;) {
    const page = await nextPromoters(trx, batch, { after, limit: PROMOTERS_PER_PAGE });
    const last = page.at(-1);
    if (last === undefined) break;
    const drafted = await draftPage(trx, { batch, promoterIds: page, judge, room, now });
    room -= drafted.payouts;
    payouts += drafted.payouts;
    isFull = drafted.isFull;
    deps.onProgress?.({ work: 'draft', batchId, payouts });
    after = last;
  }
  await closeRequests(trx, batchId, now);
  await keepContentHash(trx, batchId);
  return { isFull };
}

/** The same of everybody who can be paid. Throws `unprocessable` for more than one batch takes. */
export async function draftWhole(trx: Transaction<DB>, deps: DraftDeps, batch: NewBatch, now: Date): Promise<void> {
  const { isFull } = await draftBatch(trx, deps, batch, now);
  if (!isFull) return;
  throw new DomainError('unprocessable', `A batch pays at most ${payoutsPerBatchMax(deps)} promoters: name some, or raise the minimum.`);
}

interface Page {
  batch: NewBatch;
  promoterIds: readonly string[];
  judge: Judging;
  /** How many more the batch may pay. */
  room: number;
  now: Date;
}

/** Drafts for some promoters, and tells for how many, and whether the next one had no room. */
async function draftPage(
  trx: Transaction<DB>,
  { batch, promoterIds, judge, room, now }: Page,
): Promise<{ payouts: number; isFull: boolean }> {
  const { batchId, currency, keyId } = batch;
  const { payable, skips, isFull } = parted(await judge(promoterIds), room);
  const payouts = payable
    .map(({ candidate, items, gross, providerId, tax }): NewPayout => ({
      payoutId: uuidv7(now.getTime()),
      batchId,
      promoterId: candidate.promoterId,
      currency,
      providerId,
      payeeVersion: candidate.payee?.version ?? null,
      payeeKind: candidate.payee?.kind ?? candidate.defaultKind,
      gross,
      expectedWithheld: tax.withheld,
      items,
      state: 'drafted',
      reason: null,
      reference: null,
      withheld: null,
      approvedNo: null,
      hasAction: false,
    }))
    .toSorted((a, b) => (a.payoutId < b.payoutId ? -1 : 1));
  await insertPayouts(trx, payouts, now);
  await insertSkips(trx, batchId, skips);
  // Of its accounts none comes twice.
  await bookCaused(
    trx,
    payouts.flatMap((payout) => transfersOf(payout, 'reserve')),
    null,
    now,
  );
  const changes = payouts.map(({ payoutId }) => ({ payoutId, from: null, to: 'drafted' as const, reason: null, keyId }));
  await recordPayoutChanges(trx, changes, now);
  await announce(trx, () => payouts.map((payout) => payoutEvent(payout, now)), now);
  return { payouts: payouts.length, isFull };
}

/**
 * Who is paid, and who is skipped though there is something to say of it; nobody behind the first
 * one for whom there is no room.
 */
function parted(judged: readonly Judged[], room: number): { payable: Judged[]; skips: Skip[]; isFull: boolean } {
  const [payable, skips]: [Judged[], Skip[]] = [[], []];
  for (const one of judged) {
    const { promoterId, available, hasDebt } = one.candidate;
    if (one.reason === null && payable.length === room) return { payable, skips, isFull: true };
    if (one.reason === null) payable.push(one);
    else if (available !== 0n || hasDebt) skips.push({ promoterId, reason: one.reason, amount: available });
  }
  return { payable, skips, isFull: false };
}

/** A candidate with what it would be paid, or the reason that it is not. */
interface Judged {
  candidate: CandidateRow;
  items: readonly PayoutItem[];
  gross: bigint;
  providerId: string;
  tax: Tax;
  reason: SkipReason | null;
}

type Judging = (promoterIds: readonly string[]) => Promise<Judged[]>;

/** What a draft and an approval judge by, in one transaction and at one moment. */
export async function startJudging(trx: Transaction<DB>, deps: DraftDeps, wish: BatchWish, now: Date): Promise<Judging> {
  const terms = await termsByProvider(trx);
  if (wish.providerId !== null && !terms.has(wish.providerId)) {
    throw new DomainError('unknown_provider', `There is no payout provider ${wish.providerId}.`);
  }
  const owing = await deps.merchantsOwing(trx, wish.currency);
  const taxing = startTaxing(trx, deps.taxes, now);
  const moment = { now, changedAfter: payeesWaitSince(deps, now) };
  return async (promoterIds) => {
    const candidates = await readCandidates(trx, { currency: wish.currency, promoterIds }, moment);
    const payments = candidates.map((candidate) => paymentOf(candidate, wish, owing));
    await taxing.load(payments);
    return payments.map((payment) => judgeOne(payment, { wish, taxing, terms: terms.get(payment.providerId)! }));
  };
}

/** A payee that was changed after this moment waits, unless somebody has confirmed it. */
export function payeesWaitSince({ payeeChangeWaitHours }: DraftDeps, now: Date): Date {
  return new Date(now.getTime() - payeeChangeWaitHours * HOUR_MS);
}

/** The terms of every provider as it is set up now. */
export async function termsByProvider(trx: Transaction<DB>): Promise<Map<string, ProviderTerms>> {
  const providers = await allProviders(trx);
  return new Map([...providers].map(([providerId, { kind, options }]) => [providerId, kindOf(kind).terms(options)]));
}

type UntaxedPayment = ReturnType<typeof paymentOf>;

const sum = (some: readonly PayoutItem[]): bigint => some.reduce((total, { amount }) => total + amount, 0n);

function paymentOf(candidate: CandidateRow, { currency }: BatchWish, owing: ReadonlySet<string>) {
  const items = candidate.items.filter(({ merchantId }) => !owing.has(merchantId));
  const gross = sum(items);
  return {
    candidate,
    items,
    gross,
    unpaidByMerchants: sum(candidate.items) - gross,
    providerId: candidate.payee?.providerId ?? 'manual',
    taxpayer: taxpayerOf(candidate),
    payeeKind: candidate.payee?.kind ?? candidate.defaultKind,
    currency,
  };
}

const NO_TAX: Tax = { scheme: 'none', withheld: 0n, steps: [] };

function judgeOne(payment: UntaxedPayment, { wish, taxing, terms }: { wish: BatchWish; taxing: Taxing; terms: ProviderTerms }): Judged {
  const { candidate, items, gross, providerId, unpaidByMerchants } = payment;
  const judged = { candidate, items, gross, providerId };
  const reason = reasonToSkip({ ...candidate, gross, unpaidByMerchants }, wish);
  if (reason !== null) return { ...judged, tax: NO_TAX, reason };
  const tax = taxing.next(payment);
  const ofNet = netReason(payment, tax, terms);
  if (ofNet !== null) taxing.undo();
  return { ...judged, tax, reason: ofNet };
}

/**
 * Why the provider could not pay what is left after tax; a currency that it does not pay is beyond
 * its limits.
 */
export function netReason(
  { candidate, gross, currency }: Pick<UntaxedPayment, 'candidate' | 'gross' | 'currency'>,
  { withheld }: Tax,
  terms: ProviderTerms,
): SkipReason | null {
  if (terms.currencies?.includes(currency) === false) return 'above_provider_maximum';
  return reasonOfNet(gross - withheld, candidate.payee?.hasName ?? false, terms);
}
