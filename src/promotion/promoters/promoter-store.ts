// Promoters: who shares, who invited them, which agency they belong to, and which coupon codes are
// theirs.

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError, type ErrorCode } from '../../core/errors.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { refuseTakenCoupons, putCoupons, type Coupon } from './coupon-store.ts';
import type { VersionResult, VersionOrigin } from '../merchants/merchant-store.ts';
import { effectiveFromOf, findInForce, listInForce, placeVersion, saysTheSame, type Stretch, type Version } from '../version.ts';

export const PROMOTER_KINDS = ['person', 'agency', 'talent'] as const;
export const PAYEE_KINDS = ['individual', 'sole_trader', 'company'] as const;

/** What is set of a promoter. Coupon codes are in capitals, in order, each once. */
export interface PromoterTerms {
  name: string;
  kind: (typeof PROMOTER_KINDS)[number];
  inviter_id: string | null;
  agency_id: string | null;
  tier: string | null;
  status: 'active' | 'suspended';
  coupon_codes: Coupon[];
  payee: { kind: (typeof PAYEE_KINDS)[number] } | null;
}

export type PromoterRow = Version & PromoterTerms & { promoter_id: string };

/** Chains are walked up to here; a longer one is no chain of people who invited each other. */
const CHAIN_DEPTH_MAX = 1000;

const isPromoter = (promoterId: string) => sql<boolean>`promoter_id = ${promoterId}`;

/**
 * Sets a promoter. Throws `unknown_inviter`, `unknown_agency`, `referral_cycle` for an inviter
 * who is at any time from then on invited, through however many others, by this promoter, and
 * `unknown_merchant` and `coupon_taken` for coupon codes. It throws before it writes.
 */
export async function putPromoter(
  trx: Transaction<DB>,
  promoterId: string,
  terms: PromoterTerms,
  { actor, now, effectiveFrom }: VersionOrigin,
): Promise<VersionResult<PromoterRow>> {
  refuseSelf(promoterId, terms);
  const thing = isPromoter(promoterId);
  // One writer at a time: two versions can close a cycle together, or give one code to two.
  await sql`select pg_advisory_xact_lock(hashtextextended('promotion:promoters', 0))`.execute(trx);
  const place = await placeVersion<PromoterRow>(trx, 'promoter_version', thing, effectiveFrom, now);
  const { before } = place;
  const row = { promoter_id: promoterId, ...terms, version: place.version, effective_from: effectiveFromOf(place), recorded_at: now };
  if (before !== null && saysTheSame(before, row)) return { row: before, made: false, changed: false };
  await refuseStrangers(trx, terms);
  if (terms.inviter_id !== null) await refuseCycle(trx, promoterId, terms.inviter_id, place.effectiveFrom);
  const holding = { promoterId, now, effectiveFrom: row.effective_from ?? now };
  await refuseTakenCoupons(trx, terms.coupon_codes, holding);

  await sql`insert into promoter (promoter_id, made_at) values (${promoterId}, ${now}) on conflict do nothing`.execute(trx);
  await trx
    .insertInto('promoter_version')
    .values({
      ...row,
      coupon_codes: JSON.stringify(terms.coupon_codes),
      payee: terms.payee === null ? null : JSON.stringify(terms.payee),
      effective_from: place.effectiveFrom,
    })
    .execute();
  await putCoupons(trx, { held: terms.coupon_codes, before: before?.coupon_codes ?? [] }, holding);
  await recordChange(trx, { actor, now, action: 'promoter_stated', subjectKind: 'promoter', subjectId: promoterId, before, after: row });
  return { row, made: before === null, changed: true };
}

function refuseSelf(promoterId: string, terms: PromoterTerms): void {
  if (terms.inviter_id === promoterId) throw refusal('referral_cycle', 'inviter_id', 'is the promoter itself');
  if (terms.agency_id === promoterId) throw refusal('unprocessable', 'agency_id', 'is the promoter itself');
}

async function refuseStrangers(trx: Transaction<DB>, { inviter_id: inviterId, agency_id: agencyId }: PromoterTerms): Promise<void> {
  if (inviterId !== null && !(await promoterExists(trx, inviterId))) {
    throw refusal('unknown_inviter', 'inviter_id', 'is not a known promoter');
  }
  if (agencyId !== null && !(await promoterExists(trx, agencyId))) throw refusal('unknown_agency', 'agency_id', 'is not a known promoter');
}

/**
 * Climbs from the inviter through everybody who is in force at some time together with the new
 * version, as time spans that shrink on the way, and refuses when the promoter is met.
 */
async function refuseCycle(trx: Transaction<DB>, promoterId: string, inviterId: string, effectiveFrom: Date | '-infinity'): Promise<void> {
  const { rows } = await sql<{ is_cycle: boolean; depth: number }>`
    with recursive climb (promoter_id, low, high, depth) as (
      select ${inviterId}::text, ${effectiveFrom}::timestamptz, coalesce(
        (select min(effective_from) from promoter_version where promoter_id = ${promoterId} and effective_from > ${effectiveFrom}::timestamptz),
        'infinity'::timestamptz), 1
      union
      select above.inviter_id, greatest(climb.low, above.low), least(climb.high, above.high), climb.depth + 1
      from climb, lateral (
        select inviter_id, effective_from as low, coalesce(lead(effective_from) over (order by effective_from, version), 'infinity') as high
        from promoter_version where promoter_version.promoter_id = climb.promoter_id
      ) as above
      where above.inviter_id is not null and greatest(climb.low, above.low) < least(climb.high, above.high)
        and climb.promoter_id <> ${promoterId} and climb.depth < ${CHAIN_DEPTH_MAX}
    )
    select coalesce(bool_or(promoter_id = ${promoterId}), false) as is_cycle, max(depth) as depth from climb`.execute(trx);
  const { is_cycle: isCycle, depth } = rows[0]!;
  if (isCycle) throw refusal('referral_cycle', 'inviter_id', 'was invited by this promoter, directly or through others');
  if (depth >= CHAIN_DEPTH_MAX) throw refusal('unprocessable', 'inviter_id', `has a chain of more than ${CHAIN_DEPTH_MAX} inviters above`);
}

function refusal(code: ErrorCode, path: string, message: string): DomainError {
  const subject = path.replace('_id', '');
  return new DomainError(code, `The ${subject} ${message}.`, { errors: [{ path, message }] });
}

export async function promoterExists(db: Kysely<DB>, promoterId: string): Promise<boolean> {
  const row = await db.selectFrom('promoter').select('promoter_id').where('promoter_id', '=', promoterId).executeTakeFirst();
  return row !== undefined;
}

/** The promoter as it is now; null for one that was never set up. */
export function findPromoter(db: Kysely<DB>, promoterId: string): Promise<PromoterRow | null> {
  return findInForce<PromoterRow>(db, 'promoter_version', isPromoter(promoterId));
}

/** Promoters as they are now, by id, one more than asked for. */
export function listPromoters(db: Kysely<DB>, stretch: Stretch): Promise<PromoterRow[]> {
  return listInForce<PromoterRow>(db, 'promoter', { id: 'promoter_id' }, stretch);
}
