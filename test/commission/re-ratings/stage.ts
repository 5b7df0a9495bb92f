// Re-ratings over a world: asked for and approved as the routes do it, and worked at as workers do.

import { randomUUID } from 'node:crypto';

import { sql } from 'kysely';

import { approveReRating, askForReRating, cancelReRating } from '../../../src/commission/re-ratings/deciding.ts';
import { reRateNext } from '../../../src/commission/re-ratings/running.ts';
import { findReRating, type ReRating } from '../../../src/commission/re-ratings/re-rating-store.ts';
import { addVersion, openBook } from '../../../src/commission/rules/rule-store.ts';
import { readRules } from '../../../src/commission/rules/rule-cache.ts';
import { planSchema } from '../../../src/core/plan.ts';
import type { Actor } from '../../../src/platform/keys/actor.ts';
import { makeKey } from '../../../src/platform/keys/keys-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { testLog } from '../../harness.ts';
import type { PlanInput } from '../set-up.ts';
import { ago, inDays, WORKED_PLAN, type World } from '../world.ts';

/** 8 % of the worked rule. */
export const EIGHT_PERCENT: PlanInput = { ...WORKED_PLAN, rate_ppm: 80_000 };

interface AskedOf {
  ruleIds?: string[] | null;
  merchantId?: string | null;
  from?: string;
  to?: string;
  lowers?: boolean;
  currency?: string | null;
}

/** Zhang asks, Li approves; each with a key of an admin. */
export async function openDesk(world: Pick<World, 'db' | 'deps'>) {
  const actorOf = async (person: string): Promise<Actor> => {
    const key = { scope: 'admin' as const, merchantId: null, promoterId: null, label: person, person };
    const { row } = await inTransaction(world.db, ({ trx, now }) => makeKey(trx, key, null, now));
    return { keyId: row.key_id, scope: 'admin', role: null, person, merchantId: null, promoterId: null };
  };
  const [zhang, li] = [await actorOf('zhang'), await actorOf('li')];
  const find = (reRatingId: string): Promise<ReRating> => findReRating(world.db, reRatingId);
  const work = (deps = world.deps) => reRateNext({ ...deps, log: testLog }, new AbortController().signal);

  async function ask({ ruleIds = null, merchantId = null, from = ago(60), to = inDays(1), lowers = true, currency = 'CNY' }: AskedOf) {
    const reRatingId = randomUUID();
    const asked = { ruleIds, merchantId, from: new Date(from), to: new Date(to), reason: 'the rate was wrong', lowers, currency };
    await inTransaction(world.db, ({ trx, now }) => askForReRating(trx, asked, { reRatingId, actor: zhang, now }));
    return reRatingId;
  }

  /** One from the question to its preview. */
  async function previewed(asked: AskedOf) {
    const reRatingId = await ask(asked);
    await work();
    const found = await find(reRatingId);
    if (found.result === null) throw new Error(`${found.state}: ${found.error}`);
    return { ...found, result: found.result, contentHash: found.contentHash! };
  }

  const approve = ({ reRatingId, contentHash }: { reRatingId: string; contentHash: Buffer }, actor = li) =>
    inTransaction(world.db, ({ trx, now }) => approveReRating(trx, contentHash, { reRatingId, actor, now }));

  const cancel = (reRatingId: string) => inTransaction(world.db, ({ trx, now }) => cancelReRating(trx, { reRatingId, actor: zhang, now }));

  /** One from the question to its end. */
  async function reRate(asked: AskedOf) {
    const found = await previewed(asked);
    await approve(found);
    await work();
    return find(found.reRatingId);
  }

  return { zhang, li, actorOf, ask, previewed, approve, cancel, reRate, find, work };
}

/** The next version of a rule, in force since long ago: what was pinned before stays pinned. */
export async function republish(
  { owner }: Pick<World, 'owner'>,
  ruleId: string,
  plan: PlanInput,
  { from, to }: { from?: string; to?: string } = {},
) {
  await inTransaction(owner, async ({ trx, now }) => {
    await openBook(trx);
    const last = (await readRules(trx, [ruleId])).at(-1)!;
    const effectiveFrom = from === undefined ? last.effectiveFrom : new Date(from);
    const effectiveTo = to === undefined ? null : new Date(to);
    await addVersion(trx, { ...last, version: last.version + 1, plan: planSchema.parse(plan), effectiveFrom, effectiveTo }, now);
  });
}

/** What a run has booked: signed amounts, in the order of their places. */
export async function bookedBy(world: Pick<World, 'db'>, reRatingId: string) {
  const { rows } = await sql<{ promoter_id: string | null; amount: bigint; revision: number; way: string }>`
    select transfer.promoter_id, case transfer.kind when 'reverse' then -amount else amount end as amount, revision,
      source.kind || ' > ' || target.kind as way
    from transfer join account source on source.account_id = from_account_id join account target on target.account_id = to_account_id
    where cause = 're_rating' and cause_id = ${reRatingId} order by order_key, position`.execute(world.db);
  return rows.map((row) => [row.promoter_id, Number(row.amount), row.way] as const);
}

/** What became of the orders of a run, by their ids. */
export async function outcomesOf(world: World, reRatingId: string): Promise<Record<string, string>> {
  const { rows } = await sql<{ order_id: string; state: string }>`
    select order_id, re_rating_order.state from re_rating_order join orders using (order_key) where re_rating_id = ${reRatingId}
    order by order_id`.execute(world.db);
  return Object.fromEntries(rows.map((row) => [row.order_id, row.state]));
}
