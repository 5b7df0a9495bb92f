// Evidence and questions for the attribution, each said with what matters in it only.
import { attribute, weightsPpm, type Credit, type Evidence, type AttributionQuestion } from '../../src/core/attribution.ts';
import { policySchema } from '../../src/core/policy.ts';

export const SECOND = 1000;
export const DAY = 86_400_000;
export const PAID = Date.UTC(2026, 5, 1);

export function evidence(fields: Partial<Evidence> = {}): Evidence {
  const at = fields.at ?? PAID - DAY;
  return {
    kind: 'click',
    reference: `e${at}`,
    at,
    chainAt: at,
    promoterId: 'bob',
    linkCode: 'code',
    clickId: `${fields.kind ?? 'click'}${at}`,
    productId: null,
    content: false,
    scene: null,
    talentId: null,
    campaignId: null,
    expiresAt: null,
    bot: false,
    suspended: false,
    selfPurchase: false,
    fault: null,
    ruling: null,
    lineId: null,
    ...fields,
  };
}

const question = (policy: object = {}, fields: Partial<AttributionQuestion> = {}): AttributionQuestion => ({
  policy: policySchema.parse(policy),
  attributionAt: PAID,
  paidAt: PAID,
  orderScene: null,
  productId: 'p1',
  ...fields,
});

function withPpm(credits: readonly Credit[]) {
  const ppm = weightsPpm(credits);
  return credits.map(({ evidence: { promoterId } }, index) => [promoterId, ppm[index]]);
}

export const judge = (all: Evidence[], policy: object = {}, fields: Partial<AttributionQuestion> = {}) =>
  attribute(all, question(policy, fields));
export const creditsOf = (all: Evidence[], policy: object = {}, fields: Partial<AttributionQuestion> = {}) =>
  withPpm(judge(all, policy, fields).credits);
export const reasonsOf = (all: Evidence[], policy: object = {}, fields: Partial<AttributionQuestion> = {}) =>
  judge(all, policy, fields).judged.map(({ won, reason }) => (won ? 'won' : reason));
export const winnerOf = (all: Evidence[], policy: object = {}, fields: Partial<AttributionQuestion> = {}) =>
  creditsOf(all, policy, fields).map(([id]) => id);

/** Clicks of these promoters, one a day, the last one a day before the payment. */
export const clicksOf = (...promoterIds: string[]) =>
  promoterIds.map((promoterId, index) => evidence({ promoterId, at: PAID - (promoterIds.length - index) * DAY }));
