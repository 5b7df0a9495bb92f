// Drafting a batch: everybody who can be paid is, everybody else is skipped for a reason, and the
// money is set aside in the same transaction.

import type { KeyObject } from 'node:crypto';

import { sql, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { reasonOfNet, reasonToSkip, type SkipReason } from '../../core/payouts/payout.ts';
import { bookCaused, type AccountCache } from '../../ledger/booking-store.ts';
import { announce } from '../../outbound/announce.ts';
import type { MasterKeys } from '../../platform/keys/secrets.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { payoutEvent } from '../payout-events.ts';
import { transfersOf, type Payout, type PayoutItem } from '../payout.ts';
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

const PROMOTERS_PER_PAGE = 5000;
/** What one approval can look at; a draft of more is split by its caller. */
const PAYOUTS_PER_BATCH_MAX = 200_000;
const HOUR_MS = 3_600_000;

export interface DraftDeps {
  accounts: AccountCache;
  taxes: TaxSettings;
  /** What payees and files are sealed with. */
  keys: MasterKeys;
  /** What numbers of bills are derived from. */
  numberKey: KeyObject;
  payeeChangeWaitHours: number;
  /** Merchants that are waited for and owe us in this currency. */
  merchantsOwing: (trx: Transaction<DB>, currency: string) => Promise<ReadonlySet<string>>;
}

/**
 * Money of one currency is set aside by one draft or approval at a time, so that no two ever take
 * the same.
 */
export async function lockCurrency(trx: Transaction<DB>, currency: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('payouts: money set aside'), hashtext(${currency}))`.execute(trx);
}

/**
 * Drafts the batch. Throws `unknown_provider`, and `unprocessable` for more payouts than one batch
 * takes.
 */
export async function draftBatch(trx: Transaction<DB>, deps: DraftDeps, batch: NewBatch, now: Date): Promise<void> {
  await lockCurrency(trx, batch.currency);
  const judge = await startJudging(trx, deps, batch, now);
  await insertBatch(trx, batch, now);
  let payouts = 0;
  for (let after = ''; ;) {
    const page = await nextPromoters(trx, batch, { after, limit: PROMOTERS_PER_PAGE });
    const last = page.at(-1);
    if (last === undefined) break;
    payouts += await draftPage(trx, deps, { batch, promoterIds: page, judge, now });
    if (payouts > PAYOUTS_PER_BATCH_MAX) {
      throw new DomainError('unprocessable', `A batch pays at most ${PAYOUTS_PER_BATCH_MAX} promoters: name some, or raise the minimum.`);
    }
    after = last;
  }
  await closeRequests(trx, batch.batchId, now);
  await keepContentHash(trx, batch.batchId);
}

interface Page {
  batch: NewBatch;
  promoterIds: readonly string[];
  judge: Judging;
  now: Date;
}

/** Drafts for some promoters, and tells for how many. */
async function draftPage(trx: Transaction<DB>, deps: DraftDeps, { batch, promoterIds, judge, now }: Page): Promise<number> {
  const { batchId, currency } = batch;
  const [drafts, skips]: [NewPayout[], Skip[]] = [[], []];
  for (const { candidate, items, gross, providerId, tax, reason } of await judge(promoterIds)) {
    const { promoterId, payee, available, defaultKind } = candidate;
    if (reason !== null) {
      if (available !== 0n || candidate.hasDebt) skips.push({ promoterId, reason, amount: available });
      continue;
    }
    drafts.push({
      payoutId: uuidv7(now.getTime()),
      batchId,
      promoterId,
      currency,
      providerId,
      payeeVersion: payee?.version ?? null,
      payeeKind: payee?.kind ?? defaultKind,
      gross,
      expectedWithheld: tax.withheld,
      items,
    });
  }
  drafts.sort((a, b) => (a.payoutId < b.payoutId ? -1 : 1));
  await insertPayouts(trx, drafts, now);
  await insertSkips(trx, batchId, skips);
  const payouts = drafts.map((draft): Payout => ({
    ...draft,
    state: 'drafted',
    reason: null,
    reference: null,
    withheld: null,
    approvedNo: null,
    hasAction: false,
  }));
  await bookCaused(
    trx,
    payouts.flatMap((payout) => transfersOf(payout, 'reserve')),
    deps.accounts,
    now,
  );
  const changes = payouts.map(({ payoutId }) => ({ payoutId, from: null, to: 'drafted' as const, reason: null, keyId: batch.keyId }));
  await recordPayoutChanges(trx, changes, now);
  await announce(trx, () => payouts.map((payout) => payoutEvent(payout, now)), now);
  return payouts.length;
}

/** A candidate with what it would be paid, or the reason that it is not. */
export interface Judged {
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
  const changedAfter = new Date(now.getTime() - deps.payeeChangeWaitHours * HOUR_MS);
  return async (promoterIds) => {
    const candidates = await readCandidates(trx, { currency: wish.currency, promoterIds }, { now, changedAfter });
    const payments = candidates.map((candidate) => paymentOf(candidate, wish, owing));
    await taxing.load(payments);
    return payments.map((payment) => judgeOne(payment, { wish, taxing, terms: terms.get(payment.providerId)! }));
  };
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
