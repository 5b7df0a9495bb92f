// Reads the facts that a batch of orders needs, set-wise: one query a kind of fact, however
// many orders.
import { sql, type Kysely } from 'kysely';
import type { Policy } from '../../core/policy.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import {
  couponKey,
  productKey,
  type CouponHolder,
  type Dated,
  type History,
  type LinkFacts,
  type MerchantFacts,
  type ProductFacts,
  type PromoterFacts,
} from './facts.ts';

// -infinity has no Date; the first version's time is read as null and taken as before everything.
const EFFECTIVE_FROM = sql`nullif(effective_from, '-infinity')`;

interface DatedRow {
  version: number;
  effective_from: Date | null;
}

const dated = (row: DatedRow): Dated => ({ version: row.version, effectiveFrom: row.effective_from?.getTime() ?? -Infinity });

function histories<Row extends DatedRow, Version extends Dated>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  read: (row: Row) => Version,
): Map<string, History<Version>> {
  const byKey = new Map<string, Version[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const versions = byKey.get(key);
    if (versions === undefined) byKey.set(key, [read(row)]);
    else versions.push(read(row));
  }
  return byKey;
}

interface MerchantRow extends DatedRow {
  merchant_id: string;
  currency: string;
  time_zone: string;
  hold_days: number;
  rate_lock: string;
  policy: Policy;
}

export async function readMerchants(db: Kysely<DB>, merchantIds: readonly string[]): Promise<Map<string, History<MerchantFacts>>> {
  const { rows } = await sql<MerchantRow>`
    select merchant_id, version, ${EFFECTIVE_FROM} as effective_from, currency, time_zone, hold_days, rate_lock, policy from merchant_version
    where merchant_id = any(${merchantIds}::text[]) order by merchant_version.effective_from desc, version desc`.execute(db);
  return histories(
    rows,
    (row) => row.merchant_id,
    (row) => ({
      ...dated(row),
      currency: row.currency,
      timeZone: row.time_zone,
      holdDays: row.hold_days,
      rateLock: row.rate_lock === 'click' ? ('click' as const) : ('none' as const),
      policy: row.policy,
    }),
  );
}

export async function readProducts(
  db: Kysely<DB>,
  wanted: readonly { merchantId: string; productId: string }[],
): Promise<Map<string, History<ProductFacts>>> {
  const { rows } = await sql<DatedRow & { merchant_id: string; product_id: string; category: string | null; commissionable: boolean }>`
    select merchant_id, product_id, version, ${EFFECTIVE_FROM} as effective_from, category, commissionable
    from ${unnestOf(wanted, { merchant_id: ['text', (one) => one.merchantId], product_id: ['text', (one) => one.productId] }, 'wanted')}
    join product_version using (merchant_id, product_id) order by product_version.effective_from desc, version desc`.execute(db);
  return histories(
    rows,
    (row) => productKey(row.merchant_id, row.product_id),
    (row) => ({ ...dated(row), category: row.category, commissionable: row.commissionable }),
  );
}

export async function readPromoters(db: Kysely<DB>, promoterIds: readonly string[]): Promise<Map<string, History<PromoterFacts>>> {
  const { rows } = await sql<
    DatedRow & { promoter_id: string; inviter_id: string | null; agency_id: string | null; tier: string | null; status: string }
  >`
    select promoter_id, version, ${EFFECTIVE_FROM} as effective_from, inviter_id, agency_id, tier, status from promoter_version
    where promoter_id = any(${promoterIds}::text[]) order by promoter_version.effective_from desc, version desc`.execute(db);
  return histories(
    rows,
    (row) => row.promoter_id,
    (row) => ({ ...dated(row), inviterId: row.inviter_id, agencyId: row.agency_id, tier: row.tier, active: row.status === 'active' }),
  );
}

export async function readCoupons(
  db: Kysely<DB>,
  wanted: readonly { merchantId: string; code: string }[],
): Promise<Map<string, History<CouponHolder>>> {
  const { rows } = await sql<DatedRow & { merchant_id: string; code: string; promoter_id: string | null }>`
    select merchant_id, code, version, ${EFFECTIVE_FROM} as effective_from, promoter_id
    from ${unnestOf(wanted, { merchant_id: ['text', (one) => one.merchantId], code: ['text', (one) => one.code.toUpperCase()] }, 'wanted')}
    join coupon_version using (merchant_id, code) order by coupon_version.effective_from desc, version desc`.execute(db);
  return histories(
    rows,
    (row) => couponKey(row.merchant_id, row.code),
    (row) => ({ ...dated(row), promoterId: row.promoter_id }),
  );
}

interface LinkRow {
  code: string;
  merchant_id: string;
  promoter_id: string;
  product_id: string | null;
  scene: string;
  content_id: string | null;
  talent_id: string | null;
  campaign_id: string | null;
  expires_at: Date | null;
  sharers: string[];
}

export async function readLinks(db: Kysely<DB>, codes: readonly string[]): Promise<LinkFacts[]> {
  const { rows } = await sql<LinkRow>`
    select code, merchant_id, promoter_id, product_id, scene, content_id, talent_id, campaign_id, expires_at, sharers
    from link where code = any(${codes}::text[])`.execute(db);
  return rows.map((row) => ({
    code: row.code,
    merchantId: row.merchant_id,
    promoterId: row.promoter_id,
    productId: row.product_id,
    scene: row.scene,
    contentId: row.content_id,
    talentId: row.talent_id,
    campaignId: row.campaign_id,
    expiresAt: row.expires_at?.getTime() ?? null,
    sharers: row.sharers,
  }));
}
