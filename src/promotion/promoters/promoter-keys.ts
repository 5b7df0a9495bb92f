// What a promoter's own key may not: make anything while the promoter is suspended, or say of a
// link what decides who is paid for it.

import type { KeyObject } from 'node:crypto';

import { sql, type Kysely } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import type { App } from '../../platform/http/app.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readClickToken } from '../clicks/token.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD']);

/**
 * Refuses the keys of suspended promoters on every later route that grants them more than reading.
 * They may still read what is theirs.
 */
export function refuseSuspended(app: App, db: Kysely<DB>): void {
  app.addHook('onRoute', (route) => {
    const isSafe = [route.method].flat().every((method) => SAFE_METHODS.has(method));
    if (isSafe || route.config?.isForReading === true || route.config?.scopes?.includes('promoter') !== true) return;
    route.preHandler = [
      ...[route.preHandler ?? []].flat(),
      async ({ actor }: { actor: Actor }) => {
        if (actor.promoterId !== null && (await isSuspended(db, actor.promoterId))) {
          throw new DomainError('suspended', 'This promoter is suspended: its key may read, and make nothing.');
        }
      },
    ];
  });
}

/** Whether the promoter is suspended at this moment. */
async function isSuspended(db: Kysely<DB>, promoterId: string): Promise<boolean> {
  const { rows } = await sql<{ status: string }>`
    select status from promoter_version where promoter_id = ${promoterId} and effective_from <= clock_timestamp()
    order by effective_from desc, version desc limit 1`.execute(db);
  return rows[0]?.status === 'suspended';
}

/** What of a link decides who is paid for it, and how much. */
interface PayingTerms {
  merchant_id: string;
  campaign_id?: string | null | undefined;
  talent_id?: string | null | undefined;
  shared_from?: string | null | undefined;
  click_token?: string | null | undefined;
}

const NOT_TO_CHOOSE = { campaign_id: 'campaign', talent_id: 'talent' } as const;

/** Who asks, and what its word is held against. */
interface Asker {
  actor: Actor;
  tokenKeys: readonly KeyObject[];
  /** The campaigns, as `campaignKey` names them, into which the promoter was accepted. */
  accepted: ReadonlySet<string>;
}

/** A campaign of a merchant; ids hold no control characters. */
export const campaignKey = (merchantId: string, campaignId: string): string => `${merchantId}\0${campaignId}`;

/**
 * Refuses with `cannot_choose` what a promoter's key may not say of its own link, each fault under
 * `path`: a talent, or a campaign into which it was not accepted, since either may raise what is
 * paid, and a link that it was not led by, since the chain would be its own to choose. A click
 * token of that link proves it. A storefront's key and an operator's say what they know; a token
 * that they send beside must still be of that link.
 */
export function mayChoose({ actor, tokenKeys, accepted }: Asker, link: PayingTerms, path = ''): void {
  const isProven = link.click_token == null ? null : isTokenOf(tokenKeys, link.click_token, link.shared_from ?? null);
  if (isProven === false) {
    throw new DomainError('unproven_share', 'The click token is none of the link that is shared again.', {
      errors: [{ path: `${path}click_token`, message: 'must be a click token of the link in shared_from' }],
    });
  }
  if (actor.promoterId === null) return;
  const errors = (['campaign_id', 'talent_id'] as const)
    .filter((field) => link[field] != null && !(field === 'campaign_id' && accepted.has(campaignKey(link.merchant_id, link[field]))))
    .map((field) => ({ path: `${path}${field}`, message: `the ${NOT_TO_CHOOSE[field]} is not a promoter's to name` }));
  if (link.shared_from != null && isProven !== true) {
    errors.push({ path: `${path}shared_from`, message: 'must be proven by a click_token of that link' });
  }
  if (errors.length === 0) return;
  throw new DomainError('cannot_choose', 'A promoter does not choose what decides who is paid for a link.', { errors });
}

function isTokenOf(tokenKeys: readonly KeyObject[], token: string, linkCode: string | null): boolean {
  const proof = readClickToken(tokenKeys, token);
  return proof !== null && !proof.bot && proof.linkCode === linkCode;
}
