// What the world is told of offers: who let promoters earn what, from when on, before and after,
// and who was let in.

import type { Event } from '../../outbound/event.ts';
import type { Application } from './application.ts';
import { showListedOffer } from './offer-body.ts';
import type { Offer } from './offer.ts';
import type { Publisher } from './publishing.ts';

/** An offer that was made, changed, or ended: of its rules nothing more is told. */
export function offerChanged({ before, after }: { before: Offer | null; after: Offer }, publisher: Publisher): Event {
  const { merchantId, offerId, version, effectiveFrom } = after;
  const isEnd = !after.isRunning && !after.paused;
  return {
    type: before === null ? 'offer.published' : isEnd ? 'offer.ended' : 'offer.changed',
    key: `${merchantId}/${offerId} ${version}`,
    merchantId,
    at: publisher.now,
    data: {
      merchant_id: merchantId,
      offer_id: offerId,
      effective_from: effectiveFrom.toISOString(),
      before: before === null ? null : showListedOffer(before, publisher.now),
      after: showListedOffer(after, publisher.now),
      ...told(publisher),
    },
  };
}

/** A promoter that asks to be let into an offer. */
export function applicationMade({ applicationId, ...application }: Application, publisher: Publisher): Event {
  const { merchantId, offerId, promoterId, note } = application;
  const data = { application_id: applicationId, merchant_id: merchantId, offer_id: offerId, promoter_id: promoterId, note };
  return { type: 'offer.application_made', key: applicationId, merchantId, at: publisher.now, data: { ...data, ...told(publisher) } };
}

/** A promoter that was let into an offer, or not, or not any more. */
export function applicationDecided(application: Application, before: Application['state'], publisher: Publisher): Event {
  const { applicationId, merchantId, offerId, promoterId, state, reason, effectiveFrom } = application;
  return {
    type: 'offer.application_decided',
    key: `${applicationId} ${state}`,
    merchantId,
    at: publisher.now,
    data: {
      application_id: applicationId,
      merchant_id: merchantId,
      offer_id: offerId,
      promoter_id: promoterId,
      effective_from: effectiveFrom?.toISOString() ?? null,
      before,
      after: state,
      reason,
      ...told(publisher),
    },
  };
}

const told = ({ actor, draftId = null, emergency = null }: Publisher) => ({
  key_id: actor.keyId,
  person: actor.person,
  draft_id: draftId,
  emergency,
});
