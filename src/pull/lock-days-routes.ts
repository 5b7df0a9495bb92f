// For how long a platform locks buyers to whoever shared, beside the policy of the merchant: asked
// of the platform whenever it is read.
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import type { Policy } from '../core/policy.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import { callerId } from '../platform/http/fields.ts';
import type { App } from '../platform/http/app.ts';
import { problems } from '../platform/http/problem.ts';
import { findMerchant } from '../promotion/merchants/merchant-store.ts';
import { AskingFailed } from '../sources/asking.ts';
import { shopsOf } from '../sources/connections/mapping-store.ts';
import type { LockDays } from '../sources/source.ts';
import { noSource, sourcePath } from '../sources/connections/source-fields.ts';
import { withDeadline, openSource, type AskedSource, type PullDeps } from './asked-source.ts';

/** The caller waits; more shops than these are asked about one at a time. */
const ANSWER_WITHIN_MS = 4000;
const SHOPS_MAX = 5;

const query = z.object({
  merchant_id: callerId.optional().meta({ description: 'Whose policy and shops; may be left out for a source of one merchant.' }),
  shop: callerId.optional().meta({ description: `What the platform calls the shop; else the first ${SHOPS_MAX} that are mapped.` }),
});

const days = z.int().nullable();
const COMPARED = ['product_click_days', 'content_click_days', 'order_lock_days'] as const;

const answer = z
  .object({
    source_id: callerId,
    merchant_id: callerId,
    policy: z.object({ product_click_days: z.int(), content_click_days: z.int(), order_lock_days: z.int() }),
    shops: z.array(
      z.object({
        shop: z.string(),
        product_click_days: days,
        product_order_days: days,
        content_click_days: days,
        content_order_days: days,
        differs: z.array(z.enum(COMPARED)).meta({ description: 'Which numbers of the policy are not those of the platform.' }),
      }),
    ),
  })
  .meta({ id: 'LockDays' });

/** GET /v1/sources/{id}/lock-days. */
export function lockDaysRoutes(app: App, deps: PullDeps): void {
  app.get('/v1/sources/:source_id/lock-days', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'sources.lockDays',
      tags: ['sources'],
      summary: 'For how many days the platform locks a buyer to a promoter, beside the policy',
      description:
        'Asks the platform about the shops that are mapped to the merchant. Clicks and orders count here for as long as the policy ' +
        'of the merchant says, whatever the platform does: state it anew where `differs` is not empty and the two are to agree.',
      params: sourcePath,
      querystring: query,
      response: { 200: answer, ...problems('not_found', 'unprocessable', 'platform_refused') },
    },
    handler: async ({ params: { source_id: sourceId }, query: { merchant_id, shop } }) => {
      const asked = await openSource(deps, sourceId);
      if (asked === null) throw noSource(sourceId);
      const merchantId = merchant_id ?? asked.source.merchantId;
      const policy = merchantId === null ? undefined : (await findMerchant(deps.db, merchantId))?.policy;
      if (merchantId === null || policy === undefined) throw fault('merchant_id', 'must be a merchant that is known');
      const shops = shop === undefined ? (await shopsOf(deps.db, sourceId, merchantId)).slice(0, SHOPS_MAX) : [shop];
      if (shops.length === 0) throw fault('shop', `must be given: no shop of ${sourceId} is mapped to ${merchantId}`);
      const told = [];
      for (const one of shops) told.push({ shop: one, ...compare(await ask(deps, asked, one), policy) });
      const { product_click_days, content_click_days, order_lock_days } = policy;
      return {
        source_id: sourceId,
        merchant_id: merchantId,
        policy: { product_click_days, content_click_days, order_lock_days },
        shops: told,
      };
    },
  });
}

function fault(path: string, message: string): DomainError {
  return new DomainError('malformed_request', `Say which shop: ${path} ${message}.`, { errors: [{ path, message }] });
}

/**
 * An order locks for one number of days here, and for two at the platform: it differs where either
 * is another.
 */
function compare({ productClick, productOrder, contentClick, contentOrder }: LockDays, policy: Policy) {
  const stated: Record<(typeof COMPARED)[number], (number | null)[]> = {
    product_click_days: [productClick],
    content_click_days: [contentClick],
    order_lock_days: [productOrder, contentOrder],
  };
  return {
    product_click_days: productClick,
    product_order_days: productOrder,
    content_click_days: contentClick,
    content_order_days: contentOrder,
    differs: COMPARED.filter((name) => stated[name].some((platforms) => platforms !== null && platforms !== policy[name])),
  };
}

async function ask({ db }: PullDeps, asked: AskedSource, shop: string): Promise<LockDays> {
  const { adapter } = asked;
  if (adapter.lockDays === undefined) {
    throw new DomainError('unprocessable', `Sources of kind ${adapter.kind} do not say for how long they lock a buyer to a promoter.`);
  }
  const given = asked.asking(await inTransaction(db, async ({ now }) => now));
  try {
    return await adapter.lockDays(shop, withDeadline(given, ANSWER_WITHIN_MS));
  } catch (error) {
    if (!(error instanceof AskingFailed)) throw error;
    if (error.kind === 'refused' || error.kind === 'item_refused') {
      throw new DomainError('platform_refused', `The platform does not say: ${error.message}`);
    }
    const retryAfterSeconds = Math.ceil((error.retryAfterMs ?? ANSWER_WITHIN_MS) / 1000);
    throw new DomainError('unavailable', `The platform does not answer: ${error.message}`, { retryAfterSeconds });
  }
}
