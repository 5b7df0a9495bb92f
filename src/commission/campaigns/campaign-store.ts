// Campaigns in the database: what stays of them, their versions and pauses, and how they are found.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { Combination } from '../../core/programs/boost.ts';
import { groupedBy } from '../../platform/grouped-by.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import { campaignKey } from '../../promotion/promoters/promoter-keys.ts';
import type { Campaign, CampaignPause, CampaignSpend, CampaignVersion } from './campaign.ts';

interface CampaignRow {
  campaign_id: string;
  merchant_id: string;
  currency: string;
  made_at: Date;
}

interface VersionRow {
  campaign_id: string;
  version: number;
  effective_from: Date;
  name: string;
  starts_at: Date;
  ends_at: Date;
  products: string[] | null;
  promoters: string[] | null;
  scenes: string[] | null;
  rate_ppm: number | null;
  fixed_per_unit: bigint | null;
  combine: Combination;
  total: bigint;
  per_day: bigint | null;
  per_promoter: bigint | null;
  partial_last: boolean;
  reopens: boolean;
  recorded_at: Date;
}

interface PauseRow {
  campaign_id: string;
  paused_from: Date;
  paused_until: Date | null;
}

const setOf = (names: string[] | null): ReadonlySet<string> | null => (names === null ? null : new Set(names));
const namesOf = (set: ReadonlySet<string> | null): string[] | null => (set === null ? null : [...set]);

const toVersion = (row: VersionRow): CampaignVersion => ({
  version: row.version,
  effectiveFrom: row.effective_from,
  recordedAt: row.recorded_at,
  name: row.name,
  startsAt: row.starts_at,
  endsAt: row.ends_at,
  scope: { products: setOf(row.products), promoters: setOf(row.promoters), scenes: setOf(row.scenes) },
  boost: { combine: row.combine, ...(row.rate_ppm === null ? { fixedPerUnit: row.fixed_per_unit! } : { ratePpm: row.rate_ppm }) },
  limits: {
    total: row.total,
    perDay: row.per_day,
    perPromoter: row.per_promoter,
    partialLast: row.partial_last,
    reopens: row.reopens,
  },
});

const toPause = (row: PauseRow): CampaignPause => ({ from: row.paused_from, until: row.paused_until });

/** The campaigns of these ids, or all, with every version and pause, by id. */
export async function readCampaigns(db: Kysely<DB>, campaignIds: readonly string[] | null = null): Promise<Campaign[]> {
  const wanted = campaignIds === null ? sql`` : sql`where campaign_id = any(${campaignIds}::text[])`;
  const { rows } = await sql<CampaignRow>`
    select campaign_id, merchant_id, currency, made_at from campaign ${wanted} order by campaign_id`.execute(db);
  if (rows.length === 0) return [];
  const { rows: versions } = await sql<VersionRow>`
    select campaign_id, version, effective_from, name, starts_at, ends_at, products, promoters, scenes, rate_ppm, fixed_per_unit, combine,
      total, per_day, per_promoter, partial_last, reopens, recorded_at
    from campaign_version ${wanted} order by campaign_id, version`.execute(db);
  const { rows: pauses } = await sql<PauseRow>`
    select campaign_id, paused_from, paused_until from campaign_pause ${wanted} order by campaign_id, pause_no`.execute(db);
  const versionsOf = groupedBy(versions, (row) => row.campaign_id);
  const pausesOf = groupedBy(pauses, (row) => row.campaign_id);
  return rows.map((row) => ({
    campaignId: row.campaign_id,
    merchantId: row.merchant_id,
    currency: row.currency,
    madeAt: row.made_at,
    versions: versionsOf.get(row.campaign_id)!.map(toVersion),
    pauses: (pausesOf.get(row.campaign_id) ?? []).map(toPause),
  }));
}

/** One campaign; null where there is none. */
export async function findCampaign(db: Kysely<DB>, campaignId: string): Promise<Campaign | null> {
  return (await readCampaigns(db, [campaignId]))[0] ?? null;
}

/**
 * The campaign, which nobody else may change, nor grant anything of, until the transaction ends;
 * null: there is none.
 */
export async function lockCampaign(trx: Transaction<DB>, campaignId: string): Promise<Campaign | null> {
  await sql`select pg_advisory_xact_lock(hashtextextended('campaign ' || ${campaignId}, 0))`.execute(trx);
  await sql`select from campaign_budget where campaign_id = ${campaignId} for update`.execute(trx);
  return findCampaign(trx, campaignId);
}

/** Says that campaigns have changed, to whoever has them in memory. */
export async function raiseCampaigns(trx: Transaction<DB>): Promise<void> {
  await sql`update campaign_book set revision = revision + 1`.execute(trx);
}

/** How often campaigns have changed, as this transaction sees it. */
export async function campaignRevision(db: Kysely<DB>): Promise<bigint> {
  const { revision } = await db.selectFrom('campaign_book').select('revision').executeTakeFirstOrThrow();
  return revision;
}

/** Adds a campaign with its budget, of which nothing is spent; its first version is added apart. */
export async function addCampaign(trx: Transaction<DB>, { campaignId, merchantId, currency, madeAt, versions }: Campaign): Promise<void> {
  await trx.insertInto('campaign').values({ campaign_id: campaignId, merchant_id: merchantId, currency, made_at: madeAt }).execute();
  await trx.insertInto('campaign_budget').values({ campaign_id: campaignId, cap: versions[0]!.limits.total }).execute();
}

export async function addCampaignVersion(trx: Transaction<DB>, campaignId: string, version: CampaignVersion): Promise<void> {
  const { scope, boost, limits } = version;
  await trx
    .insertInto('campaign_version')
    .values({
      campaign_id: campaignId,
      version: version.version,
      effective_from: version.effectiveFrom,
      name: version.name,
      starts_at: version.startsAt,
      ends_at: version.endsAt,
      products: namesOf(scope.products),
      promoters: namesOf(scope.promoters),
      scenes: namesOf(scope.scenes),
      rate_ppm: 'ratePpm' in boost ? boost.ratePpm : null,
      fixed_per_unit: 'ratePpm' in boost ? null : boost.fixedPerUnit,
      combine: boost.combine,
      total: limits.total,
      per_day: limits.perDay,
      per_promoter: limits.perPromoter,
      partial_last: limits.partialLast,
      reopens: limits.reopens,
      recorded_at: version.recordedAt,
    })
    .execute();
}

/** The total is another one, and not below what is spent. */
export async function restateBudget(trx: Transaction<DB>, campaignId: string, total: bigint): Promise<void> {
  await sql`update campaign_budget set cap = ${total} where campaign_id = ${campaignId}`.execute(trx);
}

export async function addPause(trx: Transaction<DB>, campaignId: string, from: Date, now: Date): Promise<void> {
  await sql`
    insert into campaign_pause (campaign_id, pause_no, paused_from, recorded_at)
    select ${campaignId}, coalesce(max(pause_no), 0) + 1, ${from}, ${now} from campaign_pause where campaign_id = ${campaignId}`.execute(
    trx,
  );
}

/** Ends the pause that is open; one that has not begun never does. */
export async function endPause(trx: Transaction<DB>, campaignId: string, at: Date): Promise<void> {
  await sql`
    update campaign_pause set paused_until = greatest(paused_from, ${at})
    where campaign_id = ${campaignId} and paused_until is null`.execute(trx);
}

/** What is spent of campaigns, by id. */
export async function readSpends(db: Kysely<DB>, campaignIds: readonly string[]): Promise<Map<string, CampaignSpend>> {
  const { rows } = await sql<{ campaign_id: string; spent: bigint; orders: number; exhausted_total: bigint | null }>`
    select campaign_id, spent, orders, exhausted_total from campaign_budget where campaign_id = any(${campaignIds}::text[])`.execute(db);
  return new Map(rows.map((row) => [row.campaign_id, { spent: row.spent, orders: row.orders, exhaustedTotal: row.exhausted_total }]));
}

/** Campaigns by id, of one merchant or of all, one more than asked for. */
export async function listCampaigns(
  db: Kysely<DB>,
  { merchantId, after, limit }: { merchantId: string | null; after: string; limit: number },
): Promise<Campaign[]> {
  const { rows } = await sql<{ campaign_id: string }>`
    select campaign_id from campaign
    where campaign_id > ${after} ${merchantId === null ? sql`` : sql`and merchant_id = ${merchantId}`}
    order by campaign_id limit ${limit + 1}`.execute(db);
  return readCampaigns(
    db,
    rows.map((row) => row.campaign_id),
  );
}

/** How many campaigns a merchant has. */
export async function countCampaigns(db: Kysely<DB>, merchantId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from campaign where merchant_id = ${merchantId}`.execute(db);
  return rows[0]!.count;
}

/**
 * Those of these campaigns of merchants whose terms in force now name the promoter, as
 * `campaignKey` names them: it was accepted into them. One that is for everybody names nobody.
 */
export async function campaignsNaming(
  db: Kysely<DB>,
  promoterId: string,
  campaigns: readonly { merchantId: string; campaignId: string }[],
): Promise<ReadonlySet<string>> {
  const asked = unnestOf(
    campaigns,
    { merchant_id: ['text', (one) => one.merchantId], campaign_id: ['text', (one) => one.campaignId] },
    'asked',
  );
  const { rows } = await sql<{ merchant_id: string; campaign_id: string }>`
    select distinct merchant_id, campaign_id from ${asked} join campaign using (merchant_id, campaign_id), lateral (
      select promoters from campaign_version as stated
      where stated.campaign_id = campaign.campaign_id and effective_from <= clock_timestamp() order by version desc limit 1
    ) as current where ${promoterId} = any(promoters)`.execute(db);
  return new Set(rows.map((row) => campaignKey(row.merchant_id, row.campaign_id)));
}
