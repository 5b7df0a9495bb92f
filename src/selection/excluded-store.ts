// Products that a promoter may ask about and that it is not to share, with why.

import { sql, type Kysely } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';

/** Why a product is never shown. */
export const EXCLUSIONS = ['not_offered', 'ended', 'suspended', 'budget_spent', 'below_quality_floor'] as const;

export interface ExcludedProduct {
  merchantId: string;
  productId: string;
  reason: (typeof EXCLUSIONS)[number];
}

/** Excluded products that are looked at, and that are told of. */
export const EXCLUDED_MAX = 200;

/** Whose, of which merchants (null: of all), of which category, and what it may share. */
interface ExcludedQuestion {
  promoterId: string;
  merchantIds: readonly string[] | null;
  category: string | null;
  /** As `merchant \0 product`. */
  offered: readonly string[];
  now: Date;
}

/**
 * Of the products that the promoter has links to, and of those that offers name for anybody, the
 * latest that it may not share: because it or the product earns nothing now, because the offer that
 * was for it is paused, because that has ended, or because none ever was.
 */
export async function readExcluded(
  db: Kysely<DB>,
  { promoterId, merchantIds, category, offered, now }: ExcludedQuestion,
): Promise<ExcludedProduct[]> {
  const isMerchants = merchantIds === null ? sql`` : sql`and merchant_id = any(${merchantIds}::text[])`;
  const isCategory = category === null ? sql`` : sql`where category = ${category}`;
  const { rows } = await sql<{ merchant_id: string; product_id: string; reason: ExcludedProduct['reason'] }>`
    with self as (
      select status, agency_id from promoter_version as stated where promoter_id = ${promoterId} and effective_from <= ${now}
      order by stated.effective_from desc, version desc limit 1
    ), shared as (
      select merchant_id, product_id, made_at from link where promoter_id = ${promoterId} and product_id is not null ${isMerchants}
      order by made_at desc, code desc limit ${LOOKED_AT_MAX}
    ), named as (
      select merchant_id, product_id, made_at from offer_rule where part = 'pays' and product_id is not null ${isMerchants}
      order by made_at desc limit ${LOOKED_AT_MAX}
    ), known as (
      select merchant_id, product_id, max(made_at) as made_at from (select * from shared union all select * from named) as either
      where merchant_id || chr(10) || product_id <> all(${offered.map((key) => key.replace('\0', '\n'))}::text[])
      group by 1, 2 order by 3 desc, 1, 2 limit ${EXCLUDED_MAX}
    )
    select merchant_id, product_id, case
        when self.status = 'suspended' or not commissionable or bool_or(paused and not ended) then 'suspended'
        when bool_or(ended) then 'ended' else 'not_offered' end as reason
    from known cross join self cross join lateral (
      select category, commissionable from product_version as stated
      where stated.merchant_id = known.merchant_id and stated.product_id = known.product_id and effective_from <= ${now}
      order by stated.effective_from desc, version desc limit 1
    ) as current left join lateral (
      select coalesce((latest.terms ->> 'paused')::boolean, false) as paused,
        not is_running and not coalesce((latest.terms ->> 'paused')::boolean, false)
        or coalesce((latest.terms ->> 'ends_at')::timestamptz <= ${now}, false) as ended
      from offer_rule place, lateral (
        select terms, is_running from offer_version as stated
        where stated.merchant_id = place.merchant_id and stated.offer_id = place.offer_id order by version desc limit 1
      ) as latest
      where place.merchant_id = known.merchant_id and part = 'pays' and (place.product_id = known.product_id or place.category = current.category)
        and ((place.promoter_id is null and place.agency_id is null) or place.promoter_id = ${promoterId} or place.agency_id = self.agency_id)
    ) as offer on true
    ${isCategory} group by merchant_id, product_id, made_at, self.status, commissionable order by made_at desc, merchant_id, product_id`.execute(
    db,
  );
  return rows.map((row) => ({ merchantId: row.merchant_id, productId: row.product_id, reason: row.reason }));
}

/** Links and places of offers that are looked through for them, the latest. */
const LOOKED_AT_MAX = 5000;
