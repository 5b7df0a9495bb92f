// Sixteen workers, each with a pool of its own, award ten thousand orders at once out of a budget
// with three limits; some are cut off in the middle. No limit is exceeded by a fen, and whatever a
// line did not get, a limit could not have given.

import { setTimeout as sleep } from 'node:timers/promises';

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { awardDue, type AwardDeps } from '../../../src/commission/award/award.ts';
import { isUnavailable, openDatabase, type Database } from '../../../src/platform/postgres/database.ts';
import { testLog } from '../../harness.ts';
import { seeded } from '../../verify/random.ts';
import { openWorld, type World } from '../world.ts';
import { expectLaws, openCampaignShop } from '../campaigns/campaign-shop.ts';

const WORKERS = 16;
const PROMOTERS = 20;
const DAYS = 5;
const ORDERS_PER_BATCH = 40;
const DRAWN_AT_ONCE = 8;

let world: World;
let pools: Database[];

beforeAll(async () => {
  world = await openWorld();
  const { connectionString } = world;
  pools = Array.from({ length: WORKERS }, (_, index) =>
    openDatabase({ connectionString, poolSize: 1, applicationName: `worker-${index}`, log: testLog }),
  );
});

afterAll(async () => {
  for (const pool of pools) await pool.close();
  await world.close();
});

/** Awards as a worker does, until nothing is due. */
async function work({ db }: Database): Promise<void> {
  const deps: AwardDeps = { ...world.newDeps(), db };
  for (;;) {
    try {
      if ((await awardDue(deps, ORDERS_PER_BATCH)) > 0) continue;
      const { rows } = await sql`select from award_due limit 1`.execute(world.db);
      if (rows.length === 0) return;
      await sleep(5);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
    }
  }
}

/** All workers award until nothing is due; meanwhile somebody ends their sessions now and then. */
async function awardAll({ kills = 0 } = {}): Promise<void> {
  const random = seeded(kills);
  const kill = async (): Promise<void> => {
    for (let killed = 0; killed < kills; killed += 1) {
      await sleep(150);
      const name = `worker-${random.int(0, WORKERS - 1)}`;
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${name}`.execute(world.owner);
    }
  };
  await Promise.all([...pools.map(work), kill()]);
}

async function inTurns(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += DRAWN_AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(DRAWN_AT_ONCE, count - from) }, (_, index) => work(from + index)));
  }
}

interface Line {
  day: string;
  promoterId: string;
  wanted: number;
  amount: number;
}

/** What every line wanted and has, and what each limit has left. */
async function readLines(campaignId: string): Promise<Line[]> {
  const { rows } = await sql<Line>`
    select pinned -> 'boost' ->> 'day' as day, part ->> 'promoter_id' as "promoterId", (part ->> 'wanted')::int as wanted,
      (part ->> 'amount')::int as amount
    from award join decision using (order_key, revision), jsonb_array_elements(pinned -> 'boost' -> 'parts') as part
    where pinned -> 'boost' ->> 'campaign_id' = ${campaignId}`.execute(world.db);
  return rows;
}

/** For each order, so that all three limits bind. */
const LIMITS = { total: 90, per_day: 23, per_promoter: 6 };

describe.each([
  [true, 10_000],
  [false, 2000],
])('partial_last %s, and %d orders at once', (partialLast, orders) => {
  test('not one fen over, nor more than one grant unspent', { timeout: 900_000 }, async () => {
    const random = seeded(Number(partialLast));
    const shop = await openCampaignShop(world);
    const promoters = Array.from({ length: PROMOTERS }, (_, index) => `p${index}-${shop.m}`);
    const codes: string[] = [];
    for (const promoterId of promoters) {
      await world.promoter(promoterId);
      codes.push(await world.link(shop.m, promoterId));
    }
    const total = LIMITS.total * orders;
    const limits = { per_day: LIMITS.per_day * orders, per_promoter: LIMITS.per_promoter * orders };
    await shop.campaign({ starts_at: '2026-06-01T00:00:00Z', total, ...limits, partial_last: partialLast });
    const sold = Array.from({ length: orders }, () => ({
      // The first ones sell more than the last ones.
      link_code: codes[Math.floor(random.int(0, PROMOTERS - 1) * (random.int(0, 99) / 100))]!,
      paid_at: `2026-06-1${random.int(0, DAYS - 1)}T04:00:00Z`,
      paid: random.int(2000, 22_000),
    }));
    await inTurns(orders, (index) => {
      const { paid, ...fields } = sold[index]!;
      const lines = [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: paid }];
      return world.report({ fields: shop.fields(String(index), { ...fields, lines }) });
    });
    await awardAll({ kills: 12 });

    const lines = await readLines(shop.id);
    expect(lines).toHaveLength(orders);
    const spent = { total: 0, day: new Map<string, number>(), promoter: new Map<string, number>() };
    for (const { day, promoterId, amount } of lines) {
      spent.total += amount;
      spent.day.set(day, (spent.day.get(day) ?? 0) + amount);
      spent.promoter.set(promoterId, (spent.promoter.get(promoterId) ?? 0) + amount);
    }
    expect(spent.total).toBeLessThanOrEqual(total);
    expect(Math.max(...spent.day.values())).toBeLessThanOrEqual(limits.per_day);
    expect(Math.max(...spent.promoter.values())).toBeLessThanOrEqual(limits.per_promoter);
    const [kept, , isExhausted] = await shop.spent();
    expect(kept).toBe(spent.total);
    const unmet = lines.filter(({ day, promoterId, wanted, amount }) => {
      const left = Math.min(
        limits.per_day - spent.day.get(day)!,
        limits.per_promoter - spent.promoter.get(promoterId)!,
        total - spent.total,
      );
      // Once a grant did not fit the total nothing is granted any more.
      const couldHave = partialLast ? left > 0 : left >= wanted;
      return amount < wanted && couldHave && !isExhausted;
    });
    expect(unmet).toEqual([]);
    if (isExhausted) expect(total - spent.total).toBeLessThan(partialLast ? 1 : Math.max(...lines.map(({ wanted }) => wanted)));
    await expectLaws(world);

    // Refunds, voids and new winners at once, and again no law is broken.
    const carol = `carol-${shop.m}`;
    await world.promoter(carol);
    const other = await world.link(shop.m, carol);
    await inTurns(orders / 5, async (index) => {
      const of = { merchant_id: shop.m, order_id: String(index) };
      const refund = { refunds: [{ refund_id: 'r', line_id: '1', amount: 1000 }] };
      const token = { click_token: world.token(other, { at: '2026-06-09T00:00:00Z' }) };
      return world.report({ fields: { ...of, ...[refund, { void: { reason: 'cancelled' } }, token][index % 3] } });
    });
    await awardAll({ kills: 6 });
    await expectLaws(world);
    const before = await shop.booked();
    await sql`insert into award_due (order_key, due_at) select order_key, now() from award`.execute(world.db);
    await awardAll();
    expect((await shop.booked()).length).toBe(before.length);
  });
});
