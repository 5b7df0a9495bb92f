// Coupon codes: whose a code of a merchant is, and since when.

import { sql, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';

export interface Coupon {
  merchant_id: string;
  code: string;
}

/** Who holds codes from when on. */
interface Holding {
  promoterId: string;
  now: Date;
  effectiveFrom: Date;
}

/** The codes as they are stored: in capitals, in order, each once. */
export function normaliseCoupons(coupons: readonly Coupon[]): Coupon[] {
  const byKey = new Map(
    coupons.map(({ merchant_id, code }) => [keyOf({ merchant_id, code: code.toUpperCase() }), { merchant_id, code: code.toUpperCase() }]),
  );
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, coupon]) => coupon);
}

function keyOf({ merchant_id, code }: Coupon): string {
  return `${merchant_id}\0${code}`;
}

/**
 * Throws `unknown_merchant`, and `coupon_taken` for a code that is at some time from then on
 * another promoter's. One writer at a time.
 */
export async function refuseTakenCoupons(
  trx: Transaction<DB>,
  coupons: readonly Coupon[],
  { promoterId, effectiveFrom }: Holding,
): Promise<void> {
  if (coupons.length === 0) return;
  const wanted = unnestOf(
    coupons,
    { merchant_id: ['text', (coupon) => coupon.merchant_id], code: ['text', (coupon) => coupon.code], place: ['int', (_, index) => index] },
    'wanted',
  );
  const { rows } = await sql<{ place: number; is_known: boolean; is_taken: boolean }>`
    select place, exists (select from merchant where merchant.merchant_id = wanted.merchant_id) as is_known,
      exists (
        select from coupon_version as taken
        where taken.merchant_id = wanted.merchant_id and taken.code = wanted.code and taken.promoter_id <> ${promoterId}
          and (taken.effective_from, taken.version) >= coalesce((
            select (stated.effective_from, stated.version) from coupon_version as stated
            where stated.merchant_id = wanted.merchant_id and stated.code = wanted.code and stated.effective_from <= ${effectiveFrom}
            order by stated.effective_from desc, stated.version desc limit 1
          ), row ('-infinity'::timestamptz, 0))
      ) as is_taken
    from ${wanted} order by place`.execute(trx);
  for (const { place, is_known: isKnown, is_taken: isTaken } of rows) {
    const path = `coupon_codes.${place}`;
    if (!isKnown) throw refusal('unknown_merchant', `${path}.merchant_id`, 'is not a known merchant');
    if (isTaken) throw refusal('coupon_taken', `${path}.code`, 'is the code of another promoter');
  }
}

function refusal(code: 'unknown_merchant' | 'coupon_taken', path: string, message: string): DomainError {
  return new DomainError(code, `A coupon code ${message}.`, { errors: [{ path, message }] });
}

/**
 * Gives the held codes to the promoter and takes back those that it held before; the first
 * version of a code counts for all earlier time.
 */
export async function putCoupons(
  trx: Transaction<DB>,
  { held, before }: { held: readonly Coupon[]; before: readonly Coupon[] },
  { promoterId, now, effectiveFrom }: Holding,
): Promise<void> {
  const kept = new Set(held.map(keyOf));
  const had = new Set(before.map(keyOf));
  const changes = [
    ...held.filter((coupon) => !had.has(keyOf(coupon))).map((coupon) => ({ ...coupon, holder: promoterId })),
    ...before.filter((coupon) => !kept.has(keyOf(coupon))).map((coupon) => ({ ...coupon, holder: null })),
  ];
  if (changes.length === 0) return;
  await sql`
    insert into coupon_version (merchant_id, code, version, effective_from, recorded_at, promoter_id)
    select merchant_id, code, coalesce(last, 0) + 1,
      case when last is null then '-infinity' else greatest(${effectiveFrom}, since) end, ${now}, holder
    from ${unnestOf(
      changes,
      {
        merchant_id: ['text', (change) => change.merchant_id],
        code: ['text', (change) => change.code],
        holder: ['text', (change) => change.holder],
      },
      'change',
    )},
    lateral (
      select max(version) as last, max(effective_from) filter (where effective_from <= clock_timestamp()) as since
      from coupon_version as stated where stated.merchant_id = change.merchant_id and stated.code = change.code
    ) as history`.execute(trx);
}
