// A shop with bonus programs: what completes there, what the worker makes of it, and what is
// booked.

import { sql } from 'kysely';
import { vi } from 'vitest';

import { causeIdOf, readBookedBonuses } from '../../../src/commission/bonuses/bonus-store.ts';
import { stateBonusProgram } from '../../../src/commission/bonuses/stating-bonus-program.ts';
import type { BonusTerms } from '../../../src/commission/bonuses/bonus-program.ts';
import { countPrograms } from '../../../src/commission/programs.ts';
import type { BonusMode, BonusStep } from '../../../src/core/programs/bonus.ts';
import { accountCache } from '../../../src/ledger/booking-store.ts';
import type { Actor } from '../../../src/platform/keys/actor.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { newKey } from '../../platform/callers.ts';
import { openSimpleShop, type World } from '../world.ts';

/** 10 %, and 12 % from 1000000 on. */
export const WORKED: BonusStep[] = [
  { atLeast: 0n, ratePpm: 100_000 },
  { atLeast: 1_000_000n, ratePpm: 120_000 },
];

/** A month that has ended. */
export const JUNE = '2026-06';

export async function operatorOf(world: World): Promise<Actor> {
  await newKey(world.db, 'admin');
  const { key_id: keyId } = await world.db.selectFrom('api_key').select('key_id').limit(1).executeTakeFirstOrThrow();
  return { keyId, scope: 'admin', role: null, person: 'zhang', merchantId: null, promoterId: null };
}

/**
 * Does what the worker does for programs, as a process of its own, until the orders from before
 * them are counted too: that waits for every transaction of the server, those of other tests too.
 */
export async function count(world: World, now = new Date()): Promise<void> {
  const undone = async () => {
    await countPrograms({ db: world.db, accounts: accountCache() }, now);
    return (await world.db.selectFrom('program_reach').select('program_id').where('done_at', 'is', null).execute()).length;
  };
  await vi.waitUntil(async () => (await undone()) === 0, { timeout: 30_000, interval: 50 });
}

export async function openBonusShop(world: World, terms: Record<string, unknown> = {}) {
  const shop = await openSimpleShop(world, { hold_days: 0, ...terms });
  const actor = await operatorOf(world);
  const programs = { marginal: `marginal-${shop.m}`, whole: `whole-${shop.m}` };

  const program = (programId: string, stated: Partial<BonusTerms> & { period?: 'month' | 'once' } = {}) => {
    const { period = 'month', ...more } = stated;
    const basis: BonusTerms = { measure: 'paid_amount', steps: WORKED, mode: 'marginal', startsAt: null, endsAt: null };
    const wanted = { programId, merchantId: shop.m, currency: 'CNY', period, terms: { ...basis, ...more } };
    return inTransaction(world.db, ({ trx, now }) => stateBonusProgram(trx, wanted, { actor, now }));
  };

  return {
    ...shop,
    actor,
    programs,
    program,
    bothModes: async (steps: BonusStep[] = WORKED) => {
      for (const mode of ['marginal', 'whole'] satisfies BonusMode[]) await program(programs[mode], { steps, mode });
    },
    /** An order of bob's that is completed, on the tenth of June where nothing else is said. */
    completed: (orderId: string, amount: number, at = `${JUNE}-10T12:00:00+08:00`, more: Record<string, unknown> = {}) =>
      shop.order(orderId, {
        status: 'completed',
        paid_at: at,
        completed_at: at,
        link_code: shop.code,
        lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: amount }],
        ...more,
      }),
    refunded: (orderId: string, amount: number, refundId = 'r1') =>
      shop.tell(orderId, { refunds: [{ refund_id: refundId, line_id: '1', amount, refunded_at: '2026-07-03T00:00:00Z' }] }),
    /** What is booked of a bonus, as [pending, available]. */
    async booked(programId: string, { promoterId = shop.bob, period = JUNE } = {}) {
      const causeId = causeIdOf({ programId, promoterId, period });
      const found = (await readBookedBonuses(world.db, [causeId])).get(causeId);
      return [Number(found?.pending ?? 0n), Number(found?.available ?? 0n)];
    },
    /** Every transfer of a bonus, by position, signed. */
    async steps(programId: string, { promoterId = shop.bob, period = JUNE } = {}) {
      const { rows } = await sql<{ position: number; kind: string; amount: bigint }>`
        select position, kind, amount from transfer
        where cause = 'bonus' and cause_id = ${causeIdOf({ programId, promoterId, period })} order by position`.execute(world.db);
      return rows.map(({ position, kind, amount }) => [position, kind, Number(amount)]);
    },
  };
}
