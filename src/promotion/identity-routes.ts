// Buyers' identities: a storefront says which of them are one buyer.

import type { Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import { mayActFor } from '../platform/actor.ts';
import type { App } from '../platform/http.ts';
import { answerOnce } from '../platform/idempotency.ts';
import { problems } from '../platform/problem.ts';
import type { DB } from '../platform/tables.ts';
import { mergeIdentities } from './buyer-store.ts';
import { insertTouches } from './click-store.ts';
import type { PromotionDeps } from './deps.ts';
import { buyer, callerId } from './fields.ts';
import { identitiesOf } from './identity.ts';
import { findLink } from './link-store.ts';
import { merchantExists, unknownMerchant } from './merchant-store.ts';
import { readClickToken, type ClickProof } from './token.ts';
import { firstTouches } from './touches.ts';

type Deps = Pick<PromotionDeps, 'db' | 'tokenKeys' | 'identityKey' | 'onEvidence' | 'nudge'>;

const body = z.strictObject({
  merchant_id: callerId.nullish().meta({ description: "The key's own merchant when absent." }),
  identities: buyer,
  click_token: z
    .string()
    .max(2048)
    .nullish()
    .meta({ description: 'The `fy_click` of the landing URL: that click was made by this buyer.' }),
});

const answer = z.object({ merged: z.int().meta({ description: 'How many identities this buyer is known by now.' }) });

export function identityRoutes(app: App, deps: Deps): void {
  const { db, tokenKeys, identityKey } = deps;

  app.post('/v1/identities', {
    config: { scopes: ['storefront'] },
    schema: {
      tags: ['links'],
      summary: 'Say that these identities are one buyer',
      body,
      response: { 200: answer, ...problems(400, 401, 403, 409, 422) },
    },
    handler: async (request, reply) => {
      const { identities: stated, click_token: token } = request.body;
      const merchantId = request.body.merchant_id ?? request.actor.merchantId;
      if (merchantId === null) {
        throw new DomainError('malformed_request', 'Say whose buyer.', { errors: [{ path: 'merchant_id', message: 'must be given' }] });
      }
      mayActFor(request.actor, merchantId);
      const proof = token == null ? null : readClickToken(tokenKeys, token);
      if (token != null && proof === null) throw unreadableToken('is not a token that we signed');
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        if (!(await merchantExists(trx, merchantId))) throw unknownMerchant();
        const clicker = proof === null ? [] : await clickerOf(trx, merchantId, proof);
        const identities = [...new Set([...identitiesOf(identityKey, merchantId, stated), ...clicker])];
        if (identities.length === 0) return { status: 200, body: { merged: 0 } };
        const { buyer: all, merged } = await mergeIdentities(trx, { merchantId, identities, keyId: request.actor.keyId, now });
        const touches = firstTouches(identityKey, merchantId, stated);
        if (proof !== null) touches.push({ identity: identities[0]!, clickId: proof.clickId, clickedAt: proof.clickedAt });
        const touched = await insertTouches(trx, touches);
        if (merged || touched > 0) await deps.onEvidence(trx, merchantId, all, now);
        return { status: 200, body: { merged: all.length } };
      });
      deps.nudge('awards');
    },
  });
}

/** Who made the click, as far as its row tells: a row that is still on its way tells nothing yet, and its touch will find it. */
async function clickerOf(trx: Transaction<DB>, merchantId: string, proof: ClickProof): Promise<string[]> {
  const link = await findLink(trx, proof.linkCode);
  if (link?.merchant_id !== merchantId) throw unreadableToken('is of a click on a link of another merchant');
  const click = await trx.selectFrom('click').select('identity').where('click_id', '=', proof.clickId).executeTakeFirst();
  return click?.identity == null ? [] : [click.identity];
}

function unreadableToken(message: string): DomainError {
  return new DomainError('unprocessable', `The click token ${message}.`, { errors: [{ path: 'click_token', message }] });
}
