// What of the product pool one promoter may share, read in one go.

import { sql, type Kysely } from 'kysely';

import type { OfferKind } from '../../core/rules/offer.ts';
import type { DB } from '../../platform/postgres/tables.ts';

/** Products that one look at the pool goes through: the newest of those that match. */
export const SHARED_PRODUCTS_MAX = 5000;

/** A product that an offer may let the promoter share. */
export interface OfferedProduct {
  merchantId: string;
  productId: string;
  title: string;
  category: string | null;
  /** Minor units of `currency`; null: nobody has said. */
  price: bigint | null;
  currency: string;
  landingUrl: string | null;
  /** When it came into the pool. */
  listedAt: Date;
}

/** Which products: for whom, and what they must be like. */
interface ProductQuestion {
  promoterId: string;
  agencyId: string | null;
  merchantId: string | null;
  category: string | null;
  /** Words of the title, or a product's id. */
  words: string | null;
}

interface ProductRow {
  merchant_id: string;
  product_id: string;
  title: string;
  category: string | null;
  price: bigint | null;
  currency: string;
  landing_url: string | null;
  listed_at: Date;
}

/** A text to be found as it is: the signs by which LIKE stands for others stand for themselves. */
const escaped = (text: string) => text.replaceAll(/[\\%_]/g, String.raw`\$&`);

/**
 * The products that earn and have a place in an offer that is for this promoter, for its agency or
 * for everybody: by themselves or by their category, the newest in the pool first. Whether the
 * offer is in force, and which rule applies, is for the rules to say.
 */
export async function readOfferedProducts(db: Kysely<DB>, question: ProductQuestion): Promise<OfferedProduct[]> {
  const { promoterId, agencyId, merchantId, category, words } = question;
  const isMerchants = merchantId === null ? sql`` : sql`and offer_rule.merchant_id = ${merchantId}`;
  const conditions = [
    sql`commissionable`,
    ...(category === null ? [] : [sql`current.category = ${category}`]),
    ...(words === null ? [] : [sql`(title ilike ${`%${escaped(words)}%`} or product_id = ${words})`]),
  ];
  const { rows } = await sql<ProductRow>`
    with named as (
      select merchant_id, product_id, made_at as listed_at from offer_rule
      where part = 'pays' and product_id is not null ${isMerchants}
        and ((promoter_id is null and agency_id is null) or promoter_id = ${promoterId} or agency_id = ${agencyId}::text)
      order by made_at desc limit ${4 * SHARED_PRODUCTS_MAX}
    ), categories as materialized (
      select merchant_id, category, made_at from offer_rule where part = 'pays' and category is not null ${isMerchants}
    ), newest as (
      select merchant_id, product_id, made_at from product
      where merchant_id in (select merchant_id from categories) order by made_at desc, product_id limit ${4 * SHARED_PRODUCTS_MAX}
    ), wide as (
      select newest.merchant_id, newest.product_id, greatest(categories.made_at, newest.made_at) as listed_at
      from newest, lateral (${CURRENT(sql`newest`)}) as current
      join categories on categories.category = current.category
      where categories.merchant_id = newest.merchant_id
    ), listed as (
      select merchant_id, product_id, min(listed_at) as listed_at from (select * from named union all select * from wide) as visible
      group by merchant_id, product_id
    )
    select merchant_id, product_id, title, current.category, price, terms.currency, landing_url, listed_at
    from listed, lateral (${CURRENT(sql`listed`)}) as current, lateral (
      select currency from merchant_version where merchant_version.merchant_id = listed.merchant_id limit 1
    ) as terms
    where ${sql.join(conditions, sql` and `)}
    order by listed_at desc, merchant_id, product_id limit ${SHARED_PRODUCTS_MAX}`.execute(db);
  return rows.map((row) => ({
    merchantId: row.merchant_id,
    productId: row.product_id,
    title: row.title,
    category: row.category,
    price: row.price,
    currency: row.currency,
    landingUrl: row.landing_url,
    listedAt: row.listed_at,
  }));
}

/** A product as it is now. */
const CURRENT = (of: ReturnType<typeof sql>) => sql`
  select title, category, price, landing_url, commissionable from product_version as stated
  where stated.merchant_id = ${of}.merchant_id and stated.product_id = ${of}.product_id and effective_from <= clock_timestamp()
  order by stated.effective_from desc, stated.version desc limit 1`;

/** What of an offer is told to promoters. */
export interface SharingOffer {
  kind: OfferKind;
  note: string | null;
}

/** The offers of these merchants, by `merchant \0 offer`. */
export async function readSharingOffers(db: Kysely<DB>, merchantIds: readonly string[]): Promise<Map<string, SharingOffer>> {
  const { rows } = await sql<{ merchant_id: string; offer_id: string; kind: OfferKind; note: string | null }>`
    select merchant_id, offer_id, kind, note from offer, lateral (
      select terms ->> 'note' as note from offer_version as stated
      where stated.merchant_id = offer.merchant_id and stated.offer_id = offer.offer_id order by version desc limit 1
    ) as latest where merchant_id = any(${merchantIds}::text[])`.execute(db);
  return new Map(rows.map(({ merchant_id: merchantId, offer_id: offerId, kind, note }) => [offerKey(merchantId, offerId), { kind, note }]));
}

/** Ids hold no control characters. */
export const offerKey = (merchantId: string, offerId: string) => `${merchantId}\0${offerId}`;
