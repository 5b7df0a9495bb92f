// The tiers that programs have set, from which instant on: writing a month's, reading what awards
// need, and listing.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { TierPeriod } from '../facts/facts.ts';

/** What a month's figures have set from its end on. */
interface DecidedTiers {
  programId: string;
  version: number;
  month: string;
  effectiveFrom: Date;
  /** What promoters have who are not named; null: none. */
  baseTier: string | null;
  promoters: { promoterId: string; figure: bigint; tier: string }[];
}

/** Writes down the tiers of a month, once and for all. */
export async function addTiers(trx: Transaction<DB>, decided: DecidedTiers, now: Date): Promise<void> {
  const { programId, version, month, effectiveFrom, baseTier, promoters } = decided;
  const period = { program_id: programId, effective_from: effectiveFrom, month, version, base_tier: baseTier, decided_at: now };
  await trx.insertInto('tier_period').values(period).execute();
  if (promoters.length === 0) return;
  const columns = {
    promoter_id: ['text', (one: (typeof promoters)[number]) => one.promoterId],
    figure: ['bigint', (one: (typeof promoters)[number]) => one.figure],
    tier: ['text', (one: (typeof promoters)[number]) => one.tier],
  } as const;
  await sql`
    insert into promoter_tier (program_id, effective_from, promoter_id, figure, tier)
    select ${programId}, ${effectiveFrom}::timestamptz, promoter_id, figure, tier
    from ${unnestOf(promoters, columns, 'one')} order by promoter_id`.execute(trx);
}

interface PeriodRow {
  merchant_id: string | null;
  effective_from: Date;
  base_tier: string | null;
  tiers: Record<string, string> | null;
}

/** Whose tiers are read, and from which time on (epoch milliseconds). */
interface TierQuestion {
  merchantIds: readonly string[];
  promoterIds: readonly string[];
  since: number;
}

/**
 * What the programs of these merchants, and the one of all, have set for these promoters, the
 * latest period first: those that were in force at `since` or began later. Without any program it
 * is a look at an empty table.
 */
export async function readTierPeriods(db: Kysely<DB>, { merchantIds, promoterIds, since }: TierQuestion): Promise<TierPeriod[]> {
  const { rows } = await sql<PeriodRow>`
    select merchant_id, period.effective_from, base_tier, (
      select jsonb_object_agg(promoter_id, tier) from promoter_tier
      where promoter_tier.program_id = period.program_id and promoter_tier.effective_from = period.effective_from
        and promoter_id = any(${promoterIds}::text[])
    ) as tiers
    from tier_program join tier_period period using (program_id)
    where (merchant_id is null or merchant_id = any(${merchantIds}::text[]))
      and period.effective_from >= coalesce((
        select max(earlier.effective_from) from tier_period earlier
        where earlier.program_id = period.program_id and earlier.effective_from <= ${new Date(since)}
      ), '-infinity')
    order by period.effective_from desc`.execute(db);
  return rows.map((row) => ({
    merchantId: row.merchant_id,
    effectiveFrom: row.effective_from.getTime(),
    baseTier: row.base_tier,
    tiers: new Map(Object.entries(row.tiers ?? {})),
  }));
}

/** A promoter's tier as a program has set it last. */
export interface PromoterTier {
  promoterId: string;
  tier: string;
  figure: bigint;
  month: string;
  effectiveFrom: Date;
}

/** Whom a program has set tiers for from its latest period on, by promoter, one more than asked. */
export async function listPromoterTiers(
  db: Kysely<DB>,
  programId: string,
  { promoterId, after, limit }: { promoterId: string | null; after: string; limit: number },
): Promise<PromoterTier[]> {
  const { rows } = await sql<{ promoter_id: string; tier: string; figure: bigint; month: string; effective_from: Date }>`
    select promoter_id, tier, figure, month, effective_from
    from promoter_tier join tier_period using (program_id, effective_from)
    where program_id = ${programId}
      and effective_from = (select max(effective_from) from tier_period where program_id = ${programId})
      and promoter_id > ${after} ${promoterId === null ? sql`` : sql`and promoter_id = ${promoterId}`}
    order by promoter_id limit ${limit + 1}`.execute(db);
  return rows.map((row) => ({
    promoterId: row.promoter_id,
    tier: row.tier,
    figure: row.figure,
    month: row.month,
    effectiveFrom: row.effective_from,
  }));
}
