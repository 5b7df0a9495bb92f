// The rules of offers in the database: many at a time, beside everything else that is in their
// places.

import { sql, type Kysely, type Transaction } from 'kysely';

import { scopeKey, type RuleVersion } from '../../core/rule.ts';
import type { OfferPart } from '../../core/rules/offer.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { OfferName } from './offer.ts';

/** A version of an offer's rule, with the part that the rule has in it. */
export interface OfferVersion {
  version: RuleVersion;
  part: OfferPart;
}

const RULE = { rule_id: ['text', ({ version }: OfferVersion) => version.ruleId] } as const;

const PLACE = {
  ...RULE,
  part: ['text', ({ part }: OfferVersion) => part],
  product_id: ['text', ({ version }: OfferVersion) => version.scope.product_id ?? null],
  category: ['text', ({ version }: OfferVersion) => version.scope.category ?? null],
  promoter_id: ['text', ({ version }: OfferVersion) => version.scope.promoter_id ?? null],
  agency_id: ['text', ({ version }: OfferVersion) => version.scope.agency_id ?? null],
} as const;

const VERSION = {
  ...RULE,
  version: ['int', ({ version }: OfferVersion) => version.version],
  name: ['text', ({ version }: OfferVersion) => version.name],
  scope: ['jsonb', ({ version }: OfferVersion) => version.scope],
  scope_key: ['text', ({ version }: OfferVersion) => scopeKey(version.scope)],
  effective_from: ['timestamptz', ({ version }: OfferVersion) => version.effectiveFrom],
  effective_to: ['timestamptz', ({ version }: OfferVersion) => version.effectiveTo],
  plan: ['jsonb', ({ version }: OfferVersion) => version.plan],
} as const;

/** Adds versions of an offer's rules, and the rules that are new, in an open book. */
export async function addOfferVersions(
  trx: Transaction<DB>,
  { merchantId, offerId }: OfferName,
  versions: readonly OfferVersion[],
  now: Date,
): Promise<void> {
  if (versions.length === 0) return;
  const first = versions.filter(({ version }) => version.version === 1);
  await sql`insert into rule (rule_id, made_at) select rule_id, ${now}::timestamptz from ${unnestOf(first, RULE, 'made')}`.execute(trx);
  await sql`
    insert into offer_rule (rule_id, merchant_id, offer_id, part, product_id, category, promoter_id, agency_id, made_at)
    select rule_id, ${merchantId}, ${offerId}, part, product_id, category, promoter_id, agency_id, ${now}::timestamptz
    from ${unnestOf(first, PLACE, 'made')}`.execute(trx);
  await sql`
    insert into rule_version (rule_id, version, name, scope, scope_key, priority, effective_from, effective_to, plan, recorded_at)
    select rule_id, version, name, scope, scope_key, 0, effective_from, effective_to, plan, ${now}::timestamptz
    from ${unnestOf(versions, VERSION, 'stated')}`.execute(trx);
}

/** The categories that products have now, by product; of those without one nothing. */
export async function readCategories(db: Kysely<DB>, merchantId: string, productIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await sql<{ product_id: string; category: string }>`
    select wanted.product_id, category from unnest(${productIds}::text[]) as wanted (product_id), lateral (
      select category from product_version as stated
      where stated.merchant_id = ${merchantId} and stated.product_id = wanted.product_id and effective_from <= clock_timestamp()
      order by stated.effective_from desc, stated.version desc limit 1
    ) as current where category is not null`.execute(db);
  return new Map(rows.map((row) => [row.product_id, row.category]));
}

/** The products of a category for which the merchant has directed offers. */
export async function readDirectedProducts(db: Kysely<DB>, merchantId: string, category: string): Promise<string[]> {
  const { rows } = await sql<{ product_id: string }>`
    select distinct product_id from offer_rule join offer using (merchant_id, offer_id)
    where merchant_id = ${merchantId} and kind = 'directed'`.execute(db);
  const productIds = rows.map((row) => row.product_id);
  const categories = await readCategories(db, merchantId, productIds);
  return productIds.filter((productId) => categories.get(productId) === category);
}

/** The rules that have a version for one of these products, or of just these categories. */
export async function readRivalIds(
  db: Kysely<DB>,
  merchantId: string,
  { productIds, categories }: { productIds: readonly string[]; categories: readonly string[] },
): Promise<string[]> {
  const keys = categories.map((category) => scopeKey({ merchant_id: merchantId, category }));
  const { rows } = await sql<{ rule_id: string }>`
    select rule_id from rule_version
    where scope ? 'product_id' and scope ->> 'product_id' = any(${productIds}::text[])
      and coalesce(scope ->> 'merchant_id', ${merchantId}) = ${merchantId}
    union
    select rule_id from rule_version where scope_key = any(${keys}::text[])`.execute(db);
  return rows.map((row) => row.rule_id);
}
