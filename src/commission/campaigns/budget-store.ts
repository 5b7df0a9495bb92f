// The budgets that a batch of awards grants from: their rows are locked in one order for everybody,
// campaigns first, then days, then promoters, each by its name, so that no two wait crosswise.

import { sql, type Kysely, type Transaction } from 'kysely';

import { Budget, type BudgetState, type Spend } from '../../core/programs/budget.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import { limitsAt } from './campaign.ts';
import { currentCampaigns, type CampaignCache } from './campaign-cache.ts';

/** Of which rows of a campaign something may be granted, or given back. */
export interface BudgetNeed {
  campaignId: string;
  /** YYYY-MM-DD. */
  day: string;
  promoterIds: readonly string[];
}

/** Budgets by campaign, whose rows are this transaction's until it ends. */
export type LockedBudgets = ReadonlyMap<string, Budget>;

interface BudgetRow {
  campaign_id: string;
  spent: bigint;
  orders: number;
  exhausted_total: bigint | null;
}

/**
 * Locks what is needed, and reads it. The limits are read after that: whoever states others holds
 * the campaign's row meanwhile.
 */
export async function lockBudgets(
  trx: Transaction<DB>,
  needs: readonly BudgetNeed[],
  cache: CampaignCache,
  now: Date,
): Promise<LockedBudgets> {
  const campaignIds = [...new Set(needs.map(({ campaignId }) => campaignId))];
  const { rows } = await sql<BudgetRow>`
    select campaign_id, spent, orders, exhausted_total from campaign_budget
    where campaign_id = any(${campaignIds}::text[]) order by campaign_id for update`.execute(trx);
  const days = await lockSpends(
    trx,
    'day',
    pairsOf(needs, ({ day }) => [day]),
  );
  const promoters = await lockSpends(
    trx,
    'promoter',
    pairsOf(needs, ({ promoterIds }) => promoterIds),
  );
  const { byId } = await currentCampaigns(trx, cache);
  return new Map(
    rows.map(({ campaign_id: campaignId, spent, orders, exhausted_total: exhaustedTotal }) => [
      campaignId,
      new Budget(limitsAt(byId.get(campaignId)!, now), {
        spent,
        orders,
        exhaustedTotal,
        days: days.get(campaignId) ?? NOTHING,
        promoters: promoters.get(campaignId) ?? NOTHING,
      }),
    ]),
  );
}

const NOTHING: ReadonlyMap<string, bigint> = new Map();

interface SpendName {
  campaignId: string;
  name: string;
}

/** Every name once. */
function pairsOf(needs: readonly BudgetNeed[], namesOf: (need: BudgetNeed) => readonly string[]): SpendName[] {
  const pairs = new Map<string, SpendName>();
  for (const need of needs) {
    // Ids hold no control characters, so that a line feed keeps them apart.
    for (const name of namesOf(need)) pairs.set(`${need.campaignId}\n${name}`, { campaignId: need.campaignId, name });
  }
  return [...pairs.values()];
}

const SPENDS = {
  day: { table: 'campaign_day', name: 'day', type: 'date' },
  promoter: { table: 'campaign_promoter', name: 'promoter_id', type: 'text' },
} as const;

type SpendKind = keyof typeof SPENDS;

/**
 * What is spent by campaign and name. A row that is not there is nobody else's either: its
 * campaign is locked.
 */
async function lockSpends(trx: Transaction<DB>, kind: SpendKind, wanted: readonly SpendName[]): Promise<Map<string, Map<string, bigint>>> {
  const { table, name, type } = SPENDS[kind];
  const { rows } = await sql<{ campaign_id: string; name: string; spent: bigint }>`
    select campaign_id, ${sql.ref(name)}::text as name, spent from ${sql.table(table)}
    where (campaign_id, ${sql.ref(name)}) in (
      select campaign_id, name::${sql.raw(type)}
      from ${unnestOf(wanted, { campaign_id: ['text', (one) => one.campaignId], name: ['text', (one) => one.name] }, 'wanted')}
    ) order by campaign_id, ${sql.ref(name)} for update`.execute(trx);
  const spends = new Map<string, Map<string, bigint>>();
  for (const { campaign_id: campaignId, name: spender, spent } of rows) {
    const own = spends.get(campaignId) ?? new Map<string, bigint>();
    spends.set(campaignId, own.set(spender, spent));
  }
  return spends;
}

/** Keeps what has become of the budgets. Answers those that were exhausted by it. */
export async function writeBudgets(trx: Transaction<DB>, budgets: LockedBudgets): Promise<string[]> {
  const changes = [...budgets].map(([campaignId, budget]) => ({ campaignId, ...budget.changes() }));
  if (changes.length === 0) return [];
  const { rows } = await sql<{ campaign_id: string | null }>`
    with changed as (
      select kept.exhausted_total is distinct from changed.exhausted_total as is_exhausted_now, changed.*
      from ${unnestOf(
        changes,
        {
          campaign_id: ['text', (one) => one.campaignId],
          cap: ['bigint', (one) => one.total.cap],
          spent: ['bigint', (one) => one.total.spent],
          orders: ['int', (one) => one.orders],
          exhausted_total: ['bigint', (one) => one.exhaustedTotal],
        },
        'changed',
      )} join campaign_budget kept using (campaign_id)
      where (kept.cap, kept.spent, kept.orders, kept.exhausted_total)
        is distinct from (changed.cap, changed.spent, changed.orders, changed.exhausted_total)
    )
    update campaign_budget kept
    set cap = changed.cap, spent = changed.spent, orders = changed.orders, exhausted_total = changed.exhausted_total
    from changed where kept.campaign_id = changed.campaign_id
    returning case when is_exhausted_now then kept.campaign_id end as campaign_id`.execute(trx);
  for (const kind of ['day', 'promoter'] as const) {
    await writeSpends(
      trx,
      kind,
      changes.flatMap((one) => [...one[`${kind}s`]].map(([name, spend]) => ({ campaignId: one.campaignId, name, ...spend }))),
    );
  }
  return rows.flatMap((row) => row.campaign_id ?? []);
}

async function writeSpends(trx: Transaction<DB>, kind: SpendKind, spends: readonly (SpendName & Spend)[]): Promise<void> {
  if (spends.length === 0) return;
  const { table, name, type } = SPENDS[kind];
  await sql`
    insert into ${sql.table(table)} as kept (campaign_id, ${sql.ref(name)}, cap, spent)
    select campaign_id, name::${sql.raw(type)}, cap, spent
    from ${unnestOf(
      spends,
      {
        campaign_id: ['text', (one) => one.campaignId],
        name: ['text', (one) => one.name],
        cap: ['bigint', (one) => one.cap],
        spent: ['bigint', (one) => one.spent],
      },
      'spend',
    )} order by campaign_id, name
    on conflict (campaign_id, ${sql.ref(name)}) do update set cap = excluded.cap, spent = excluded.spent`.execute(trx);
}

/** What is spent of budgets, as they stand, by campaign. */
export async function readBudgetStates(db: Kysely<DB>, campaignIds: readonly string[]): Promise<Map<string, BudgetState>> {
  if (campaignIds.length === 0) return new Map();
  const { rows } = await sql<BudgetRow>`
    select campaign_id, spent, orders, exhausted_total from campaign_budget where campaign_id = any(${campaignIds}::text[])`.execute(db);
  const { rows: spends } = await sql<{ kind: SpendKind; campaign_id: string; name: string; spent: bigint }>`
    select 'day' as kind, campaign_id, day::text as name, spent from campaign_day where campaign_id = any(${campaignIds}::text[])
    union all
    select 'promoter', campaign_id, promoter_id, spent from campaign_promoter where campaign_id = any(${campaignIds}::text[])`.execute(db);
  const states = new Map(rows.map((row) => [row.campaign_id, stateOf(row)]));
  for (const { kind, campaign_id: campaignId, name, spent } of spends) states.get(campaignId)![`${kind}s`].set(name, spent);
  return states;
}

interface MutableState extends BudgetState {
  days: Map<string, bigint>;
  promoters: Map<string, bigint>;
}

function stateOf({ spent, orders, exhausted_total: exhaustedTotal }: Omit<BudgetRow, 'campaign_id'>): MutableState {
  return { spent, orders, exhaustedTotal, days: new Map(), promoters: new Map() };
}

/** What is spent of a campaign for the lines that were attributed before a time, as pins say. */
export async function readSpentBefore(db: Kysely<DB>, campaignId: string, before: Date): Promise<BudgetState> {
  const { rows } = await sql<{ day: string; promoter_id: string; amount: string }>`
    select pinned -> 'boost' ->> 'day' as day, part ->> 'promoter_id' as promoter_id, sum((part ->> 'amount')::bigint)::text as amount
    from (select distinct order_key from transfer where campaign_id = ${campaignId}) as boosted
    join award using (order_key) join decision using (order_key, revision), jsonb_array_elements(pinned -> 'boost' -> 'parts') as part
    where decision = 'attributed' and pinned -> 'boost' ->> 'campaign_id' = ${campaignId} and attribution_at < ${before}
    group by 1, 2`.execute(db);
  const state = stateOf({ spent: 0n, orders: 0, exhausted_total: null });
  for (const { day, promoter_id: promoterId, amount } of rows) {
    state.spent += BigInt(amount);
    state.days.set(day, (state.days.get(day) ?? 0n) + BigInt(amount));
    state.promoters.set(promoterId, (state.promoters.get(promoterId) ?? 0n) + BigInt(amount));
  }
  return state;
}
