// A world to award orders in, on a real database: what is stated in it, what happens in it, and the
// award.
import { createSecretKey } from 'node:crypto';
import { awardDue, awardOrders, type AwardDeps } from '../../src/commission/award/award.ts';
import { takeDueOrders } from '../../src/commission/award/award-store.ts';
import { markMaturedDue } from '../../src/commission/award/due-store.ts';
import { emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import { accountCache } from '../../src/ledger/booking-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { testDatabase } from '../harness.ts';
import { books } from './books.ts';
import { happenings, type ReportInput } from './happenings.ts';
import { setUp, type PlanInput } from './set-up.ts';
import { DAY_MS } from '../../src/platform/durations.ts';

const AWARDS_PER_BATCH = 1000;

/** So many days before now, as on the wire. */
export const ago = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();
export const inDays = (days: number) => ago(-days);

/**
 * The worked example: 10 %, of which the agency keeps 30 %, and the promoter's upline gets 10 % of
 * the promoter's.
 */
export const WORKED_PLAN: PlanInput = {
  rate_ppm: 100_000,
  split: [
    {
      to: 'agency',
      share_ppm: 1_000_000,
      pays: [{ to: 'promoter', share_ppm: 700_000, pays: [{ to: 'upline', level: 1, share_ppm: 100_000 }] }],
    },
  ],
};

/** 10 %, all to the winner. */
export const SIMPLE_PLAN: PlanInput = { rate_ppm: 100_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] };

export type World = Awaited<ReturnType<typeof openWorld>>;

export async function openWorld({ levelsMax = 2 } = {}) {
  const { db, owner, close, connectionString } = await testDatabase();
  const keys = { tokenKey: createSecretKey(Buffer.from('of tokens')), identityKey: createSecretKey(Buffer.from('of identities')) };
  /** What a process of its own would award with. */
  const newDeps = (): AwardDeps => ({
    db,
    tokenKeys: [keys.tokenKey],
    identityKey: keys.identityKey,
    levelsMax,
    ruleCache: emptyRuleCache(),
    accounts: accountCache(),
  });
  const deps = newDeps();
  return {
    db,
    owner,
    close,
    connectionString,
    deps,
    newDeps,
    ...setUp(owner),
    ...happenings(db, keys),
    ...books(db),

    /** Awards until nothing is due. */
    async award(by: AwardDeps = deps) {
      while ((await awardDue(by, AWARDS_PER_BATCH)) > 0);
    },

    /** Lets time pass until then: what has matured is marked, and awarded as of that time. */
    async awardAt(time: string) {
      const at = new Date(time);
      await inTransaction(db, ({ trx }) => markMaturedDue(trx, at, AWARDS_PER_BATCH));
      for (let taken = 1; taken > 0;) {
        taken = await inTransaction(db, async ({ trx }) => {
          const orderKeys = await takeDueOrders(trx, at, AWARDS_PER_BATCH);
          await awardOrders(trx, orderKeys, at, deps);
          return orderKeys.length;
        });
      }
    },
  };
}

/**
 * Names of its own for one test: a shop of the worked example, with Bob, who sells, Alice, who
 * invited him, and their agency.
 */
export async function openShop(world: World, terms: Record<string, unknown> = {}) {
  const [m, agency, alice, bob] = ['m', 'agency', 'alice', 'bob'].map((name) => `${name}-${crypto.randomUUID().slice(0, 8)}`) as [
    string,
    string,
    string,
    string,
  ];
  await world.merchant(m, terms);
  await world.product(m, 'p1', { category: 'baby' });
  await world.promoter(agency, { kind: 'agency' });
  await world.promoter(alice);
  await world.promoter(bob, { inviter_id: alice, agency_id: agency });
  const code = await world.link(m, bob);
  const fields = (orderId: string, more: Record<string, unknown>) => ({
    merchant_id: m,
    order_id: orderId,
    status: 'paid',
    currency: 'CNY',
    paid_at: ago(1),
    lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 9999 }],
    ...more,
  });
  return {
    m,
    agency,
    alice,
    bob,
    code,
    rule: (plan: PlanInput = WORKED_PLAN, more: object = {}) => world.rule({ scope: { merchant_id: m }, plan, ...more }),
    /** Reports an order of this shop, and awards it. */
    order: async (orderId: string, more: Record<string, unknown> = {}, as: Omit<ReportInput, 'fields'> = {}) => {
      await world.report({ fields: fields(orderId, more), ...as });
      await world.award();
    },
    /** Says no more than the given of an order, and awards it. */
    tell: async (orderId: string, more: Record<string, unknown>, as: Omit<ReportInput, 'fields'> = {}) => {
      await world.report({ fields: { merchant_id: m, order_id: orderId, ...more }, ...as });
      await world.award();
    },
    fields,
    shown: (orderId: string, sourceId?: string) => world.shown(m, orderId, sourceId),
    line: async (orderId: string, sourceId?: string) => (await world.shown(m, orderId, sourceId)).lines[0]!,
    transfers: (orderId: string, sourceId?: string) => world.transfers(m, orderId, sourceId),
    balance: (promoterId: string) => world.balance(promoterId, m),
  };
}

/** A shop whose one rule gives 10 % to the winner alone. */
export async function openSimpleShop(world: World, terms: Record<string, unknown> = {}) {
  const shop = await openShop(world, terms);
  await shop.rule(SIMPLE_PLAN);
  return shop;
}
