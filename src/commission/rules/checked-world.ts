// What is known of the world that a rule is for, as far as its checks look at it.
import { sql, type Kysely } from 'kysely';
import type { RuleScope } from '../../core/plan.ts';
import type { CheckedProduct, CheckedWorld } from '../../core/rules/rule-check.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readPromoters } from '../facts/facts-store.ts';
import { inForce, type PromoterFacts } from '../facts/facts.ts';

/** Of a merchant with more products these are looked at, by their ids. */
const PRODUCTS_MAX = 10_000;

/** Kinds of sources that tell what their platform has settled. */
const SETTLING_KINDS = ['standard-webhooks', 'wechat-shop', 'doudian', 'taobao', 'jd', 'pdd'];

/** What is known now of those whom a scope names. */
export async function readCheckedWorld(db: Kysely<DB>, scope: RuleScope, now: Date): Promise<CheckedWorld> {
  return {
    products: await productsOf(db, scope.merchant_id ?? null),
    impossible: await impossibleKeys(db, scope, now),
    isSettled: await tellsSettlements(db, scope.merchant_id ?? null),
  };
}

/** The products of a merchant that earn now; none without a merchant. */
export async function productsOf(db: Kysely<DB>, merchantId: string | null): Promise<CheckedProduct[]> {
  if (merchantId === null) return [];
  const { rows } = await sql<{ product_id: string; category: string | null; price: bigint | null; currency: string }>`
    select product.product_id, current.category, current.price, terms.currency
    from product cross join lateral (
      select category, price, commissionable from product_version as stated
      where stated.merchant_id = product.merchant_id and stated.product_id = product.product_id and effective_from <= clock_timestamp()
      order by stated.effective_from desc, stated.version desc limit 1
    ) as current cross join lateral (
      select currency from merchant_version where merchant_id = product.merchant_id limit 1
    ) as terms where product.merchant_id = ${merchantId} and current.commissionable order by product.product_id limit ${PRODUCTS_MAX}`.execute(
    db,
  );
  return rows.map(({ product_id: productId, ...known }) => ({ merchantId, productId, ...known }));
}

/** The keys of a scope that no line can have, or not together with the others. */
async function impossibleKeys(db: Kysely<DB>, scope: RuleScope, now: Date): Promise<CheckedWorld['impossible']> {
  const { merchant_id: merchantId, product_id: productId, promoter_id: promoterId, agency_id: agencyId, tier } = scope;
  const found: { key: keyof RuleScope; message: string }[] = [];
  if (merchantId !== undefined && !(await isThere(db, sql`merchant where merchant_id = ${merchantId}`))) {
    found.push({ key: 'merchant_id', message: `There is no merchant ${merchantId}.` });
  }
  const ofMerchant = merchantId === undefined ? sql`` : sql`and merchant_id = ${merchantId}`;
  if (productId !== undefined && !(await isThere(db, sql`product where product_id = ${productId} ${ofMerchant}`))) {
    found.push({ key: 'product_id', message: `There is no product ${productId}${merchantId === undefined ? '' : ` of ${merchantId}`}.` });
  }
  const histories = await readPromoters(
    db,
    [promoterId, agencyId].filter((id) => id !== undefined),
  );
  const isKnown = (id: string | undefined) => id === undefined || histories.has(id);
  if (!isKnown(agencyId)) found.push({ key: 'agency_id', message: `There is no agency ${agencyId}.` });
  if (!isKnown(promoterId)) found.push({ key: 'promoter_id', message: `There is no promoter ${promoterId}.` });
  const promoter = promoterId === undefined ? null : inForce(histories.get(promoterId), now.getTime());
  return promoter === null ? found : [...found, ...mismatches(promoter, { promoterId, agencyId, tier })];
}

/** What a scope says of its promoter that is not so. */
function mismatches(
  promoter: PromoterFacts,
  { promoterId, agencyId, tier }: { promoterId: string | undefined; agencyId: string | undefined; tier: string | undefined },
): { key: keyof RuleScope; message: string }[] {
  const found: { key: keyof RuleScope; message: string }[] = [];
  if (!promoter.active) found.push({ key: 'promoter_id', message: `The promoter ${promoterId} is suspended.` });
  if (agencyId !== undefined && promoter.agencyId !== agencyId) {
    found.push({
      key: 'agency_id',
      message: `The promoter ${promoterId} has ${promoter.agencyId === null ? 'no agency' : `the agency ${promoter.agencyId}`}.`,
    });
  }
  if (tier !== undefined && promoter.tier !== tier) {
    found.push({
      key: 'tier',
      message: `The promoter ${promoterId} has ${promoter.tier === null ? 'no tier' : `the tier ${promoter.tier}`}.`,
    });
  }
  return found;
}

async function isThere(db: Kysely<DB>, what: ReturnType<typeof sql>): Promise<boolean> {
  const { rows } = await sql`select from ${what} limit 1`.execute(db);
  return rows.length > 0;
}

/** Whether a source of this merchant, or of several, tells of settlements. */
function tellsSettlements(db: Kysely<DB>, merchantId: string | null): Promise<boolean> {
  const isOfMerchant = merchantId === null ? sql`true` : sql`(merchant_id is null or merchant_id = ${merchantId})`;
  return isThere(db, sql`source where kind = any(${SETTLING_KINDS}::text[]) and ${isOfMerchant}`);
}
