// Offers in the database: what stays of them, their versions, and which rules are theirs.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { Plan } from '../../core/plan.ts';
import { scopeKey } from '../../core/rule.ts';
import type { OfferKind, PlacedRule } from '../../core/rules/offer.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readRules } from '../rules/rule-cache.ts';
import type { Offer, OfferName, OfferTerms } from './offer.ts';

/** Terms as they are written and audited. */
interface WrittenTerms {
  product_ids: string[] | null;
  category: string | null;
  rate_ppm: number | null;
  plan: Plan;
  promoters: string[];
  agencies: string[];
  applications: OfferTerms['applications'];
  conditions: { min_tier: string | null; min_orders: number | null; max_refund_ppm: number | null };
  starts_at: string | null;
  ends_at: string | null;
  paused: boolean;
  note: string | null;
}

interface OfferRow {
  merchant_id: string;
  offer_id: string;
  kind: OfferKind;
  version: number;
  terms: WrittenTerms;
  is_running: boolean;
  effective_from: Date;
  made_at: Date;
  recorded_at: Date;
}

const dateOrNull = (text: string | null): Date | null => (text === null ? null : new Date(text));

function toOffer({ terms, ...row }: OfferRow): Offer {
  const { min_tier: minTier, min_orders: minOrders, max_refund_ppm: maxRefundPpm } = terms.conditions;
  return {
    merchantId: row.merchant_id,
    offerId: row.offer_id,
    kind: row.kind,
    productIds: terms.product_ids,
    category: terms.category,
    ratePpm: terms.rate_ppm,
    plan: terms.plan,
    promoters: terms.promoters,
    agencies: terms.agencies,
    applications: terms.applications,
    conditions: { minTier, minOrders, maxRefundPpm },
    startsAt: dateOrNull(terms.starts_at),
    endsAt: dateOrNull(terms.ends_at),
    paused: terms.paused,
    note: terms.note,
    version: row.version,
    isRunning: row.is_running,
    effectiveFrom: row.effective_from,
    madeAt: row.made_at,
    recordedAt: row.recorded_at,
  };
}

/** The terms as they are written: what of two is the same says the same. */
export function writtenTerms(offer: OfferTerms): WrittenTerms {
  const { minTier, minOrders, maxRefundPpm } = offer.conditions;
  return {
    product_ids: offer.productIds,
    category: offer.category,
    rate_ppm: offer.ratePpm,
    plan: offer.plan,
    promoters: offer.promoters,
    agencies: offer.agencies,
    applications: offer.applications,
    conditions: { min_tier: minTier, min_orders: minOrders, max_refund_ppm: maxRefundPpm },
    starts_at: offer.startsAt?.toISOString() ?? null,
    ends_at: offer.endsAt?.toISOString() ?? null,
    paused: offer.paused,
    note: offer.note,
  };
}

const LATEST = sql`
  select offer.merchant_id, offer.offer_id, kind, version, terms, is_running, effective_from, made_at, recorded_at
  from offer, lateral (
    select version, terms, is_running, effective_from, recorded_at from offer_version as stated
    where stated.merchant_id = offer.merchant_id and stated.offer_id = offer.offer_id order by version desc limit 1
  ) as latest`;

/** One offer; null where there is none. */
export async function findOffer(db: Kysely<DB>, { merchantId, offerId }: OfferName): Promise<Offer | null> {
  const { rows } = await sql<OfferRow>`${LATEST} where merchant_id = ${merchantId} and offer_id = ${offerId}`.execute(db);
  return rows[0] === undefined ? null : toOffer(rows[0]);
}

/** The offers of this id that take applications, of whichever merchants: two at most. */
export async function findOffersToApplyFor(db: Kysely<DB>, offerId: string, merchantId: string | null): Promise<Offer[]> {
  const { rows } = await sql<OfferRow>`
    ${LATEST} where offer_id = ${offerId} ${merchantId === null ? sql`` : sql`and merchant_id = ${merchantId}`}
      and terms ->> 'applications' <> 'none' order by merchant_id limit 2`.execute(db);
  return rows.map(toOffer);
}

/** Offers of a merchant by id, one more than asked for. */
export async function listOffers(
  db: Kysely<DB>,
  { merchantId, kind, after, limit }: { merchantId: string; kind: OfferKind | null; after: string; limit: number },
): Promise<Offer[]> {
  const { rows } = await sql<OfferRow>`
    ${LATEST} where merchant_id = ${merchantId} and offer_id > ${after} ${kind === null ? sql`` : sql`and kind = ${kind}`}
    order by offer_id limit ${limit + 1}`.execute(db);
  return rows.map(toOffer);
}

/** Writes an offer's latest version, and the offer with its first one. */
export async function writeOffer(trx: Transaction<DB>, offer: Offer): Promise<void> {
  const name = { merchant_id: offer.merchantId, offer_id: offer.offerId };
  if (offer.version === 1) {
    await trx
      .insertInto('offer')
      .values({ ...name, kind: offer.kind, made_at: offer.madeAt })
      .execute();
  }
  await trx
    .insertInto('offer_version')
    .values({
      ...name,
      version: offer.version,
      terms: JSON.stringify(writtenTerms(offer)),
      is_running: offer.isRunning,
      effective_from: offer.effectiveFrom,
      recorded_at: offer.recordedAt,
    })
    .execute();
}

/** The rules that an offer ever had, by their places; of one promoter's only, where asked. */
export async function readPlacedRules(
  db: Kysely<DB>,
  { merchantId, offerId }: OfferName,
  promoterId: string | null = null,
): Promise<Map<string, PlacedRule>> {
  const { rows } = await sql<{ rule_id: string }>`
    select rule_id from offer_rule where merchant_id = ${merchantId} and offer_id = ${offerId}
      ${promoterId === null ? sql`` : sql`and promoter_id = ${promoterId}`}`.execute(db);
  const placed = new Map<string, PlacedRule & { versions: PlacedRule['versions'][number][] }>();
  if (rows.length === 0) return placed;
  const versions = await readRules(
    db,
    rows.map((row) => row.rule_id),
  );
  for (const version of versions) {
    const key = scopeKey(version.scope);
    const rule = placed.get(key);
    if (rule === undefined) placed.set(key, { ruleId: version.ruleId, versions: [version] });
    else rule.versions.push(version);
  }
  return placed;
}

/** The promoters who were accepted into an offer. */
export async function readAccepted(db: Kysely<DB>, { merchantId, offerId }: OfferName): Promise<string[]> {
  const { rows } = await sql<{ promoter_id: string }>`
    select promoter_id from offer_application
    where merchant_id = ${merchantId} and offer_id = ${offerId} and state = 'accepted' order by promoter_id`.execute(db);
  return rows.map((row) => row.promoter_id);
}

/** Those of the ids that the table has not. */
async function unknownOf(db: Kysely<DB>, table: 'product' | 'promoter', ids: readonly string[], merchantId: string | null) {
  const column = sql.ref(`${table}_id`);
  const { rows } = await sql<{ id: string }>`
    select id from unnest(${ids}::text[]) as id where not exists (
      select from ${sql.table(table)} where ${column} = id ${merchantId === null ? sql`` : sql`and merchant_id = ${merchantId}`}
    ) limit 20`.execute(db);
  return rows.map((row) => row.id);
}

/** Products of an offer that its merchant has not, twenty at most. */
export const unknownProducts = (db: Kysely<DB>, merchantId: string, ids: readonly string[]) => unknownOf(db, 'product', ids, merchantId);

/** Promoters or agencies that are not known, twenty at most. */
export const unknownPromoters = (db: Kysely<DB>, ids: readonly string[]) => unknownOf(db, 'promoter', ids, null);
