// Drafts of offers: a new one, or all terms of one, as it is put itself.
import type { Kysely } from 'kysely';
import { DomainError } from '../../../core/errors.ts';
import { changeOf } from '../../../core/rules/rule-change.ts';
import { warningsOfLoss, type RuleWarning } from '../../../core/rules/rule-check.ts';
import { ruleBook } from '../../../core/rule.ts';
import type { DB } from '../../../platform/postgres/tables.ts';
import { offerDraft, showOffer, statedOffer } from '../../offers/offer-body.ts';
import { findOffer, readAccepted } from '../../offers/offer-store.ts';
import { countRules } from '../../offers/publishing.ts';
import { nextOffer, stateOffer } from '../../offers/stating-offer.ts';
import { readRules } from '../rule-cache.ts';
import { faultsOfRefusal } from '../rule-check-routes.ts';
import { openBook } from '../rule-store.ts';
import type { DraftKind } from './draft-kind.ts';
import { readChange } from './rule-drafts.ts';

/** What is there may change until it is published; what the offer itself says will not. */
const LASTING = new Set(['invalid_plan', 'referral_levels_exceeded', 'offer_too_wide', 'unprocessable', 'conflict']);

/** An offer: all of its terms. */
export const offerDrafts: DraftKind = {
  kind: 'offer',
  read(stated) {
    const terms = readChange(offerDraft, stated, 'offer');
    const offer = statedOffer({ merchantId: terms.merchant_id, offerId: terms.offer_id }, terms);
    const { merchantId, offerId } = offer;
    return {
      async subject(db) {
        return { merchantId, subjectId: `${merchantId}/${offerId}`, version: (await findOffer(db, offer))?.version ?? null };
      },
      async refuse(db, { now, levelsMax }) {
        const refused = await refusalBy(async () => void (await nextOffer(db, offer, { now }, levelsMax)));
        if (refused !== null && LASTING.has(refused.code)) throw refused;
      },
      async check(trx, { now, levelsMax }) {
        let warnings: RuleWarning[] = [];
        const refused = await refusalBy(async () => {
          const { plan } = await nextOffer(trx, offer, { now }, levelsMax);
          warnings = await warningsOf(trx, plan.versions, now);
        });
        return { errors: refused === null ? [] : faultsOfRefusal(refused), warnings };
      },
      lock: openBook,
      async publish(trx, { levelsMax, ...publisher }) {
        const { offer: made } = await stateOffer(trx, offer, publisher, levelsMax);
        const parts = { accepted: await readAccepted(trx, made), rules: await countRules(trx, made), now: publisher.now };
        return { subjectId: `${merchantId}/${offerId}`, version: made.version, body: showOffer(made, parts) };
      },
    };
  },
};

/** Whose rates the rules of the offer would lower, whenever that is. */
async function warningsOf(db: Kysely<DB>, versions: Awaited<ReturnType<typeof nextOffer>>['plan']['versions'], now: Date) {
  if (versions.length === 0) return [];
  const published = await readRules(db);
  const change = changeOf(ruleBook(published), ruleBook([...published, ...versions.map(({ version }) => version)]));
  return warningsOfLoss(change, versions[0]!.version, now);
}

async function refusalBy(work: () => Promise<void>): Promise<DomainError | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}
