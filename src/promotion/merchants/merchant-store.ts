// Merchants and their products: who sells, on which terms, and what.

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { refuseTerms, type EarningTerms, type TermsChecks } from './earning-terms.ts';
import { effectiveFromOf, findInForce, listInForce, placeVersion, saysTheSame, type Stretch, type Version } from '../version.ts';

/**
 * When a merchant's promoters are paid: always, or only while it owes nothing in that currency.
 */
export const PAYOUTS_OF_MERCHANTS = ['always', 'when_paid'] as const;

/** What is set of a merchant; landing hosts are normalised. */
export interface MerchantTerms extends EarningTerms {
  name: string;
  currency: string;
  time_zone: string;
  landing_hosts: string[];
  payouts: (typeof PAYOUTS_OF_MERCHANTS)[number];
}

export interface ProductTerms {
  title: string;
  category: string | null;
  price: bigint | null;
  landing_url: string | null;
  commissionable: boolean;
}

export type MerchantRow = Version & MerchantTerms & { merchant_id: string };
export type ProductRow = Version & ProductTerms & { merchant_id: string; product_id: string };

/** How a version was made: by whom, when, and from when it is to count (null: now). */
export interface VersionOrigin {
  actor: Actor;
  now: Date;
  effectiveFrom: Date | null;
}

/**
 * What a PUT led to: the version that holds it, whether the thing is new, and whether
 * anything changed.
 */
export interface VersionResult<Row> {
  row: Row;
  made: boolean;
  changed: boolean;
}

const isMerchant = (merchantId: string) => sql<boolean>`merchant_id = ${merchantId}`;
const isProduct = (merchantId: string, productId: string) => sql<boolean>`merchant_id = ${merchantId} and product_id = ${productId}`;

/**
 * Sets a merchant. Throws `conflict` for another currency than it was made with: its books are in
 * it. Throws what `refuseTerms` throws, too.
 */
export async function putMerchant(
  trx: Transaction<DB>,
  merchantId: string,
  terms: MerchantTerms,
  { actor, now, effectiveFrom }: VersionOrigin,
  checks: TermsChecks,
): Promise<VersionResult<MerchantRow>> {
  await sql`insert into merchant (merchant_id, made_at) values (${merchantId}, ${now}) on conflict do nothing`.execute(trx);
  await sql`select from merchant where merchant_id = ${merchantId} for update`.execute(trx);
  const place = await placeVersion<MerchantRow>(trx, 'merchant_version', isMerchant(merchantId), effectiveFrom, now);
  const { before } = place;
  if (before !== null && before.currency !== terms.currency) {
    throw new DomainError('conflict', `The merchant's currency is ${before.currency} and cannot change: its books are in it.`);
  }
  if (before !== null) {
    const current = (await findMerchant(trx, merchantId)) ?? before;
    refuseTerms({ before, after: terms, current, at: effectiveFrom ?? now, now }, checks);
  }
  const row = { merchant_id: merchantId, ...terms, version: place.version, effective_from: effectiveFromOf(place), recorded_at: now };
  if (before !== null && saysTheSame(before, row)) return { row: before, made: false, changed: false };
  await trx
    .insertInto('merchant_version')
    .values({ ...row, policy: JSON.stringify(terms.policy), effective_from: place.effectiveFrom })
    .execute();
  await recordChange(trx, { actor, now, action: 'merchant_stated', subjectKind: 'merchant', subjectId: merchantId, before, after: row });
  return { row, made: before === null, changed: true };
}

/**
 * Changes some earning terms of a merchant, whose row is locked, from a time on; all others stay as
 * they are then. Throws what `putMerchant` throws.
 */
export async function changeEarningTerms(
  trx: Transaction<DB>,
  { merchantId, terms }: { merchantId: string; terms: Partial<MerchantTerms> },
  origin: VersionOrigin,
  checks: TermsChecks,
): Promise<VersionResult<MerchantRow>> {
  const stands = await findInForce<MerchantRow>(trx, 'merchant_version', isMerchant(merchantId), origin.effectiveFrom ?? origin.now);
  const { name, currency, time_zone, landing_hosts, hold_days, payouts, policy, rate_notice_hours, rate_lock } = stands!;
  const kept = { name, currency, time_zone, landing_hosts, hold_days, payouts, policy, rate_notice_hours, rate_lock };
  return putMerchant(trx, merchantId, { ...kept, ...terms }, origin, checks);
}

/** The number of a merchant's latest version. Throws `not_found`. */
export async function latestVersion(db: Kysely<DB>, merchantId: string): Promise<number> {
  const { rows } = await sql<{ last: number | null }>`
    select max(version) as last from merchant_version where merchant_id = ${merchantId}`.execute(db);
  const last = rows[0]?.last ?? null;
  if (last === null) throw new DomainError('not_found', `There is no merchant ${merchantId}.`);
  return last;
}

/** Sets a product. Throws `unknown_merchant`. */
export async function putProduct(
  trx: Transaction<DB>,
  { merchantId, productId }: { merchantId: string; productId: string },
  terms: ProductTerms,
  { actor, now, effectiveFrom }: VersionOrigin,
): Promise<VersionResult<ProductRow>> {
  if (!(await merchantExists(trx, merchantId))) throw unknownMerchant();
  await sql`insert into product (merchant_id, product_id, made_at) values (${merchantId}, ${productId}, ${now}) on conflict do nothing`.execute(
    trx,
  );
  await sql`select from product where ${isProduct(merchantId, productId)} for update`.execute(trx);
  const place = await placeVersion<ProductRow>(trx, 'product_version', isProduct(merchantId, productId), effectiveFrom, now);
  const { before } = place;
  const row = {
    merchant_id: merchantId,
    product_id: productId,
    ...terms,
    version: place.version,
    effective_from: effectiveFromOf(place),
    recorded_at: now,
  };
  if (before !== null && saysTheSame(before, row)) return { row: before, made: false, changed: false };
  await trx
    .insertInto('product_version')
    .values({ ...row, effective_from: place.effectiveFrom })
    .execute();
  const subjectId = `${merchantId}/${productId}`;
  await recordChange(trx, { actor, now, action: 'product_stated', subjectKind: 'product', subjectId, before, after: row });
  return { row, made: before === null, changed: true };
}

export function unknownMerchant(): DomainError {
  return new DomainError('unknown_merchant', 'There is no such merchant.', { errors: [{ path: 'merchant_id', message: 'is not known' }] });
}

export async function merchantExists(db: Kysely<DB>, merchantId: string): Promise<boolean> {
  const row = await db.selectFrom('merchant').select('merchant_id').where('merchant_id', '=', merchantId).executeTakeFirst();
  return row !== undefined;
}

/** The merchant as it is now; null for one that was never set up. */
export function findMerchant(db: Kysely<DB>, merchantId: string): Promise<MerchantRow | null> {
  return findInForce<MerchantRow>(db, 'merchant_version', isMerchant(merchantId));
}

/** The product as it is now; null for one that was never set up. */
export function findProduct(db: Kysely<DB>, merchantId: string, productId: string): Promise<ProductRow | null> {
  return findInForce<ProductRow>(db, 'product_version', isProduct(merchantId, productId));
}

/** Merchants as they are now, by id, one more than asked for. */
export function listMerchants(db: Kysely<DB>, stretch: Stretch): Promise<MerchantRow[]> {
  return listInForce<MerchantRow>(db, 'merchant', { id: 'merchant_id' }, stretch);
}

/** Products of a merchant as they are now, by id, one more than asked for. */
export function listProducts(db: Kysely<DB>, merchantId: string, stretch: Stretch): Promise<ProductRow[]> {
  return listInForce<ProductRow>(db, 'product', { id: 'product_id', within: { merchant_id: merchantId } }, stretch);
}
