// States an offer: makes it, or gives it new terms, and lets its rules say so in the same
// transaction.

import { isDeepStrictEqual } from 'node:util';

import type { Kysely, Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { checkPlan } from '../../core/plan.ts';
import { countPlaces, OFFER_RULES_MAX } from '../../core/rules/offer.ts';
import { announce } from '../../outbound/announce.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { merchantExists, unknownMerchant } from '../../promotion/merchants/merchant-store.ts';
import { openBook } from '../rules/rule-store.ts';
import { offerChanged } from './offer-events.ts';
import { findOffer, readAccepted, unknownProducts, unknownPromoters, writeOffer, writtenTerms } from './offer-store.ts';
import { contentOf, type Offer, type StatedOffer } from './offer.ts';
import { planVersions, writePlan, type OfferPlan, type Publisher } from './publishing.ts';

/** What is written of an offer, and what its rules come to. */
interface NextOffer {
  before: Offer | null;
  offer: Offer;
  plan: OfferPlan;
}

/**
 * Makes the offer or its next version, and publishes and ends its rules. What says the same as
 * before is no change. Throws what `nextOffer` throws.
 */
export async function stateOffer(
  trx: Transaction<DB>,
  stated: StatedOffer,
  publisher: Publisher,
  levelsMax: number,
): Promise<{ offer: Offer; made: boolean; changed: boolean }> {
  const standing = await findOffer(trx, stated);
  if (standing !== null && saysTheSame(standing, stated)) return { offer: standing, made: false, changed: false };
  await openBook(trx);
  const { before, offer, plan } = await nextOffer(trx, stated, publisher, levelsMax);
  if (before !== null && saysTheSame(before, stated)) return { offer: before, made: false, changed: false };
  await writeOffer(trx, offer);
  await writePlan(trx, offer, plan, publisher);
  const { actor, now, draftId = null, emergency = null } = publisher;
  await recordChange(trx, {
    actor,
    now,
    action: 'offer_stated',
    subjectKind: 'offer',
    subjectId: `${offer.merchantId}/${offer.offerId}`,
    before: before === null ? null : recorded(before),
    after: { ...recorded(offer), draft_id: draftId ?? undefined, emergency: emergency ?? undefined },
  });
  await announce(trx, () => [offerChanged({ before, after: offer }, publisher)], now);
  return { offer, made: before === null, changed: true };
}

/**
 * The offer with its next version, of which nothing is written. Throws `unknown_merchant`,
 * `unknown_product`, `unknown_promoter`, `unknown_agency`, `conflict` for another kind than it was
 * made with, `offer_too_wide`, `unprocessable` for a new offer that has ended, what `checkPlan`
 * throws, `notice_too_short` and `offer_conflict`.
 */
export async function nextOffer(
  db: Kysely<DB>,
  stated: StatedOffer,
  publisher: Pick<Publisher, 'now' | 'emergency'>,
  levelsMax: number,
): Promise<NextOffer> {
  const { now } = publisher;
  const before = await findOffer(db, stated);
  if (before !== null && before.kind !== stated.kind) {
    throw new DomainError('conflict', `The offer ${stated.offerId} is ${before.kind} and stays so: make another one.`);
  }
  const hasEnded = stated.endsAt !== null && stated.endsAt <= now;
  if (before === null && hasEnded) throw refusal('unprocessable', 'ends_at', 'lies in the past: the offer would never pay');
  if (stated.ratePpm === null) checkPlan(stated.plan, levelsMax);
  await refuseUnknown(db, stated);
  const accepted = before === null ? [] : await readAccepted(db, stated);
  refuseWide(stated, accepted);
  const plan = await planVersions(db, { offer: stated, accepted, promoterId: null }, publisher);
  const made = { madeAt: before?.madeAt ?? now, recordedAt: now };
  const offer: Offer = {
    ...stated,
    ...made,
    version: (before?.version ?? 0) + 1,
    isRunning: !stated.paused && !hasEnded,
    effectiveFrom: plan.at,
  };
  return { before, offer, plan };
}

/** Refuses an offer of more rules than one may have. */
export function refuseWide(offer: StatedOffer, accepted: readonly string[]): void {
  const rules = countPlaces(contentOf(offer, accepted));
  if (rules <= OFFER_RULES_MAX) return;
  const detail = `The offer would have ${rules} rules, one for each product and party, and may have ${OFFER_RULES_MAX}.`;
  throw new DomainError('offer_too_wide', detail, { errors: [{ path: 'product_ids', message: `makes ${rules} rules` }] });
}

async function refuseUnknown(db: Kysely<DB>, { merchantId, productIds, promoters, agencies }: StatedOffer): Promise<void> {
  if (!(await merchantExists(db, merchantId))) throw unknownMerchant();
  for (const [code, path, unknown] of [
    ['unknown_product', 'product_ids', await unknownProducts(db, merchantId, productIds ?? [])],
    ['unknown_promoter', 'promoters', await unknownPromoters(db, promoters)],
    ['unknown_agency', 'agencies', await unknownPromoters(db, agencies)],
  ] as const) {
    if (unknown.length === 0) continue;
    const errors = unknown.map((id) => ({ path, message: `${id} is not known` }));
    throw new DomainError(code, `The offer names what is not known: ${unknown.join(', ')}.`, { errors });
  }
}

function refusal(code: 'unprocessable', path: string, message: string): DomainError {
  return new DomainError(code, `The offer cannot be stated: ${path} ${message}.`, { errors: [{ path, message }] });
}

const saysTheSame = (one: StatedOffer, other: StatedOffer) =>
  one.kind === other.kind && isDeepStrictEqual(writtenTerms(one), writtenTerms(other));

function recorded(offer: Offer) {
  const { merchantId: merchant_id, offerId: offer_id, kind, version, effectiveFrom: effective_from } = offer;
  return { merchant_id, offer_id, kind, version, effective_from, ...writtenTerms(offer) };
}
