// Which rule applies, over HTTP: the winner for a line of that product and promoter, and why every
// other rule lost.
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { DomainError } from '../../core/errors.ts';
import { explainRules, ruleBook, type RuleContext } from '../../core/rule.ts';
import { callerId, time } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readMerchants, readProducts, readPromoters } from '../facts/facts-store.ts';
import { inForce, productKey, tierAt } from '../facts/facts.ts';
import { outcomeSchema, showOutcome } from './rule-body.ts';
import { readTierPeriods } from '../tiers/tier-store.ts';
import { readRules } from './rule-cache.ts';

const question = z.object({
  merchant_id: callerId.meta({ example: 'm1' }),
  product_id: callerId.optional(),
  promoter_id: callerId.optional(),
  category: callerId.optional().meta({ description: "The line's own; the product's when absent." }),
  campaign_id: callerId.optional(),
  at: time.optional().meta({ description: 'Now when absent.' }),
});

/** GET /v1/rules/effective. */
export function effectiveRuleRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/rules/effective', {
    config: { scopes: ['admin', 'auditor'] },
    schema: {
      operationId: 'rules.effective',
      tags: ['rules'],
      summary: 'Which rule applies at a time, and why every other one does not',
      description:
        'Answers for a line of this merchant, product and promoter what an order at that time would be decided ' +
        'by. The heaviest scope wins, then the higher priority, then the later `effective_from`.',
      querystring: question,
      response: {
        200: z.object({ at: z.date(), winner: outcomeSchema.nullable(), losers: z.array(outcomeSchema) }),
        ...problems('not_found'),
      },
    },
    handler: async ({ query }) => {
      const at = query.at ?? (await databaseNow(db));
      const outcomes = explainRules(ruleBook(await readRules(db)), await contextOf(db, query, at), at);
      const winner = outcomes.find(({ outcome }) => outcome === 'won');
      const losers = outcomes.filter((one) => one !== winner);
      return { at, winner: winner === undefined ? null : showOutcome(winner), losers: losers.map(showOutcome) };
    },
  });
}

async function databaseNow(db: Kysely<DB>): Promise<Date> {
  const { now } = await db.selectNoFrom((expression) => expression.fn<Date>('now').as('now')).executeTakeFirstOrThrow();
  return now;
}

/**
 * What a line of this product and promoter would look for its rule with at that time. Throws
 * `not_found` for an unknown merchant.
 */
async function contextOf(db: Kysely<DB>, query: z.output<typeof question>, at: Date): Promise<RuleContext> {
  const { merchant_id: merchantId, product_id: productId = null, promoter_id: promoterId = null } = query;
  const merchants = await readMerchants(db, [merchantId]);
  if (merchants.size === 0) throw new DomainError('not_found', `There is no merchant ${merchantId}.`);
  const products = await readProducts(db, productId === null ? [] : [{ merchantId, productId }]);
  const promoters = await readPromoters(db, promoterId === null ? [] : [promoterId]);
  const asked = { merchantIds: [merchantId], promoterIds: promoterId === null ? [] : [promoterId], since: at.getTime() };
  const tierPeriods = await readTierPeriods(db, asked);
  const product = inForce(products.get(productKey(merchantId, productId ?? '')), at.getTime());
  const promoter = inForce(promoters.get(promoterId ?? ''), at.getTime());
  return {
    merchantId,
    productId,
    promoterId,
    category: query.category ?? product?.category ?? null,
    tier: promoterId === null ? null : tierAt({ promoters, tierPeriods }, { merchantId, promoterId, at: at.getTime() }),
    agencyId: promoter?.agencyId ?? null,
    campaignId: query.campaign_id ?? null,
  };
}
