// "These are one buyer": the identity link as storefronts make it, read, and put into effect.

import type { KeyObject } from 'node:crypto';

import type { Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { mayActFor, type Actor } from '../../platform/keys/actor.ts';
import { bodyExamples, callerId } from '../../platform/http/fields.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { mergeIdentities } from './buyer-store.ts';
import { insertTouches } from '../clicks/click-store.ts';
import type { OnEvidence } from '../listeners.ts';
import { buyer } from '../fields.ts';
import { identitiesOf, type Buyer } from './identity.ts';
import { findLink } from '../links/link-store.ts';
import { merchantExists, unknownMerchant } from '../merchants/merchant-store.ts';
import { readClickToken, type ClickProof } from '../clicks/token.ts';
import { firstTouches } from '../clicks/touches.ts';

export const identityBody = z
  .strictObject({
    merchant_id: callerId.nullish().meta({ description: "The key's own merchant when absent." }),
    identities: buyer,
    click_token: z
      .string()
      .max(2048)
      .nullish()
      .meta({ description: 'The `fy_click` of the landing URL: that click was made by this buyer.' }),
  })
  .meta(bodyExamples({ merchant_id: 'm1', identities: { openid: 'o1', phone: '13800138000' } }));

/** What a storefront asks to be believed. */
interface ProposedIdentityLink {
  merchantId: string;
  stated: Buyer;
  proof: ClickProof | null;
}

/**
 * Reads a body. Throws `malformed_request` where no merchant is named, `forbidden` for another's,
 * `unprocessable` for a bad token.
 */
export function readIdentityLink(
  { merchant_id: named, identities, click_token: token }: z.output<typeof identityBody>,
  actor: Actor,
  tokenKeys: readonly KeyObject[],
): ProposedIdentityLink {
  const merchantId = named ?? actor.merchantId;
  if (merchantId === null) {
    throw new DomainError('malformed_request', 'Say whose buyer.', { errors: [{ path: 'merchant_id', message: 'must be given' }] });
  }
  mayActFor(actor, merchantId);
  const proof = token == null ? null : readClickToken(tokenKeys, token);
  if (token != null && proof === null) throw unreadableToken('is not a token that we signed');
  return { merchantId, stated: identities, proof };
}

/**
 * The identities that an identity link makes one: those it names, and who made its click. Throws
 * `unknown_merchant` and `unprocessable`.
 */
export async function identitiesLinked(
  trx: Transaction<DB>,
  { merchantId, stated, proof }: ProposedIdentityLink,
  identityKey: KeyObject,
): Promise<string[]> {
  if (!(await merchantExists(trx, merchantId))) throw unknownMerchant();
  const clicker = proof === null ? [] : await clickerOf(trx, merchantId, proof);
  return [...new Set([...identitiesOf(identityKey, merchantId, stated), ...clicker])];
}

/**
 * Sets an identity link into effect, and tells of its evidence. Answers its id, and how many
 * identities the buyer has now.
 */
export async function linkIdentities(
  trx: Transaction<DB>,
  { identityKey, onEvidence }: { identityKey: KeyObject; onEvidence: OnEvidence },
  asked: ProposedIdentityLink,
  { keyId, now }: { keyId: string; now: Date },
): Promise<{ statementId: bigint | null; merged: number }> {
  const { merchantId, stated, proof } = asked;
  const identities = await identitiesLinked(trx, asked, identityKey);
  if (identities.length === 0) return { statementId: null, merged: 0 };
  const click = proof === null ? null : { clickId: proof.clickId, clickedAt: proof.clickedAt };
  const { statementId, buyer: all, changed } = await mergeIdentities(trx, { merchantId, identities, click, keyId, now });
  const touched = await insertTouches(trx, firstTouches(identityKey, merchantId, stated));
  if (changed || touched > 0) await onEvidence(trx, merchantId, all, now);
  return { statementId, merged: all.length };
}

/**
 * Who made the click, as far as its row tells: a row that is still on its way tells nothing yet,
 * and its touch will find it.
 */
async function clickerOf(trx: Transaction<DB>, merchantId: string, proof: ClickProof): Promise<string[]> {
  const link = await findLink(trx, proof.linkCode);
  if (link?.merchant_id !== merchantId) throw unreadableToken('is of a click on a link of another merchant');
  const click = await trx.selectFrom('click').select('identity').where('click_id', '=', proof.clickId).executeTakeFirst();
  return click?.identity == null ? [] : [click.identity];
}

function unreadableToken(message: string): DomainError {
  return new DomainError('unprocessable', `The click token ${message}.`, { errors: [{ path: 'click_token', message }] });
}
