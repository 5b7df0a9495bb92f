// Applying for an offer, and deciding that: who is accepted gets the offer's rule at once, or as
// soon as the rate notice lets it.

import type { Kysely, Transaction } from 'kysely';

import { DomainError, type Fault } from '../../core/errors.ts';
import { announce } from '../../outbound/announce.ts';
import { mayActFor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { findPromoter } from '../../promotion/promoters/promoter-store.ts';
import { openBook } from '../rules/rule-store.ts';
import type { Application, SalesRecord } from './application.ts';
import { addApplication, countOfDay, findApplication, lockApplicant, saveDecision } from './application-store.ts';
import { applicationDecided, applicationMade } from './offer-events.ts';
import { findOffer, findOffersToApplyFor, readAccepted } from './offer-store.ts';
import { stateOf, type Offer, type OfferName } from './offer.ts';
import { planVersions, writePlan, type Publisher } from './publishing.ts';
import { isTierAtLeast, readSalesRecord } from './sales-record-store.ts';
import { refuseWide } from './stating-offer.ts';

/** What a promoter may apply for within a day. */
export const APPLICATIONS_PER_DAY = 50;

/** Who applies for what. */
interface ApplicationWish {
  applicationId: string;
  /** Null: of whichever merchant has an offer of this id. */
  merchantId: string | null;
  offerId: string;
  promoterId: string;
  note: string | null;
}

/**
 * Applies for an offer; where its conditions alone decide, it is accepted at once. Throws
 * `not_found` for an offer that takes no applications, `ambiguous_offer`, `unknown_promoter`,
 * `promoter_suspended`, `application_limit`, `application_exists`, `conditions_not_met`,
 * `unprocessable` for an offer that has ended, and what publishing the rule throws.
 */
export async function applyFor(trx: Transaction<DB>, wish: ApplicationWish, publisher: Publisher): Promise<Application> {
  const { actor, now } = publisher;
  const { applicationId, promoterId, note } = wish;
  const offer = await offerToApplyFor(trx, wish, now);
  await refuseApplicant(trx, promoterId);
  await lockApplicant(trx, promoterId);
  if ((await countOfDay(trx, promoterId, now)) >= APPLICATIONS_PER_DAY) {
    throw new DomainError('application_limit', `A promoter applies for ${APPLICATIONS_PER_DAY} offers within 24 hours at most.`);
  }
  if (offer.promoters.includes(promoterId)) throw applicationExists();
  const { merchantId, offerId } = offer;
  const record = await readSalesRecord(trx, { merchantId, promoterId }, now);
  await refuseUnmet(trx, offer, record);
  const undecided = { decidedAt: null, decidedBy: null, reason: null, effectiveFrom: null };
  const made: Application = {
    applicationId,
    merchantId,
    offerId,
    promoterId,
    note,
    ...record,
    ...undecided,
    state: 'waiting',
    madeAt: now,
  };
  if (!(await addApplication(trx, made, actor.keyId))) throw applicationExists();
  await announce(trx, () => [applicationMade(made, publisher)], now);
  return offer.applications === 'automatic' ? settle(trx, made, { state: 'accepted', reason: null, isBySelf: true }, publisher) : made;
}

async function offerToApplyFor(db: Kysely<DB>, { offerId, merchantId }: ApplicationWish, now: Date): Promise<Offer> {
  const [offer, other] = await findOffersToApplyFor(db, offerId, merchantId);
  if (offer === undefined) throw new DomainError('not_found', `There is no offer ${offerId} that takes applications.`);
  if (other !== undefined) {
    const errors = [{ path: 'merchant_id', message: 'must say whose offer it is' }];
    throw new DomainError('ambiguous_offer', `Several merchants have an offer ${offerId}.`, { errors });
  }
  if (stateOf(offer, now) === 'ended') throw new DomainError('unprocessable', `The offer ${offerId} has ended.`);
  return offer;
}

async function refuseApplicant(db: Kysely<DB>, promoterId: string): Promise<void> {
  const promoter = await findPromoter(db, promoterId);
  const errors = [{ path: 'promoter_id', message: 'is not a known promoter' }];
  if (promoter === null) throw new DomainError('unknown_promoter', `There is no promoter ${promoterId}.`, { errors });
  if (promoter.status === 'suspended') throw new DomainError('promoter_suspended', `The promoter ${promoterId} is suspended.`);
}

const applicationExists = () => new DomainError('application_exists', 'The promoter has applied for this offer already, or is in it.');

async function refuseUnmet(db: Kysely<DB>, { merchantId, conditions }: Offer, { tier, orders, refundPpm }: SalesRecord): Promise<void> {
  const { minTier, minOrders, maxRefundPpm } = conditions;
  const errors: Fault[] = [];
  if (minTier !== null && !(await isTierAtLeast(db, tier, { least: minTier, merchantId }))) {
    errors.push({ path: 'conditions.min_tier', message: `asks for the tier ${minTier}, and it is ${tier ?? 'none'}` });
  }
  if (minOrders !== null && orders < BigInt(minOrders)) {
    errors.push({ path: 'conditions.min_orders', message: `asks for ${minOrders} completed orders, and there are ${orders}` });
  }
  if (maxRefundPpm !== null && refundPpm > maxRefundPpm) {
    errors.push({ path: 'conditions.max_refund_ppm', message: `allows ${maxRefundPpm} ppm of refunds, and there are ${refundPpm}` });
  }
  if (errors.length === 0) return;
  throw new DomainError('conditions_not_met', `The offer asks for more than the promoter has sold: ${errors[0]!.message}.`, { errors });
}

/** What is decided of an application. */
interface Ruling {
  applicationId: string;
  state: 'accepted' | 'refused';
  reason: string | null;
}

/**
 * Accepts or refuses an application that waits, or refuses one that was accepted, whose rule ends
 * then. Throws `not_found`, `forbidden` for another merchant's key, `application_decided`, and what
 * publishing and ending the rule throw.
 */
export async function decideApplication(
  trx: Transaction<DB>,
  { applicationId, ...ruling }: Ruling,
  publisher: Publisher,
): Promise<Application> {
  const before = await findApplication(trx, applicationId, { locked: true });
  mayActFor(publisher.actor, before.merchantId);
  const isOpen = before.state === 'waiting' || (before.state === 'accepted' && ruling.state === 'refused');
  if (!isOpen) throw new DomainError('application_decided', `The application was ${before.state} before.`);
  return settle(trx, before, { ...ruling, isBySelf: false }, publisher);
}

async function settle(
  trx: Transaction<DB>,
  before: Application,
  { state, reason, isBySelf }: Omit<Ruling, 'applicationId'> & { isBySelf: boolean },
  publisher: Publisher,
): Promise<Application> {
  const { actor, now } = publisher;
  const effectiveFrom =
    state === before.state || (before.state === 'waiting' && state === 'refused') ? null : await letIn(trx, before, state, publisher);
  const after: Application = { ...before, state, reason, decidedAt: now, decidedBy: isBySelf ? null : actor.keyId, effectiveFrom };
  await saveDecision(trx, after);
  const subject = { subjectKind: 'offer_application', subjectId: before.applicationId };
  await recordChange(trx, {
    actor,
    now,
    action: 'offer_application_decided',
    ...subject,
    before: recorded(before),
    after: recorded(after),
  });
  await announce(trx, () => [applicationDecided(after, before.state, publisher)], now);
  return after;
}

/** Publishes or ends the promoter's rules of the offer; answers from when on. */
async function letIn(
  trx: Transaction<DB>,
  { promoterId, ...name }: OfferName & Pick<Application, 'promoterId'>,
  state: Ruling['state'],
  publisher: Publisher,
): Promise<Date> {
  await openBook(trx);
  const offer = (await findOffer(trx, name))!;
  const others = (await readAccepted(trx, name)).filter((id) => id !== promoterId);
  const accepted = state === 'accepted' ? [...others, promoterId] : others;
  refuseWide(offer, accepted);
  const plan = await planVersions(trx, { offer, accepted, promoterId }, publisher);
  await writePlan(trx, offer, plan, publisher);
  return plan.at;
}

const recorded = ({ orders, ...application }: Application) => ({ ...application, orders: Number(orders) });
