// A lively market behind the real door: deliveries of two kinds of sources, clicks, locks, parts,
// refunds, releases, words explained late.

import { createSecretKey, randomBytes } from 'node:crypto';

import { sql } from 'kysely';

import { audit } from '../../src/audit/audit.ts';
import { batchAuditor, type BatchAuditorDeps } from '../../src/audit/batch.ts';
import { differenceLine } from '../../src/audit/difference.ts';
import { awardDue, awardOrders, type AwardDeps } from '../../src/commission/award/award.ts';
import { takeDueOrders } from '../../src/commission/award/award-store.ts';
import { markMaturedDue } from '../../src/commission/award/due-store.ts';
import { emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import { chainTransfers } from '../../src/ledger/hash-chain-store.ts';
import { accountCache } from '../../src/ledger/booking-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { happenings } from '../commission/happenings.ts';
import { setUp } from '../commission/set-up.ts';
import { ago, inDays, SIMPLE_PLAN, WORKED_PLAN } from '../commission/world.ts';
import { ADAPTERS, message, openDoor, SECRET } from '../inbox/door.ts';
import { foldAll } from '../ledger/books.ts';

export type Market = Awaited<ReturnType<typeof openMarket>>;

const fields = (orderId: string, more: object = {}) => ({
  merchant_id: 'm1',
  order_id: orderId,
  status: 'paid',
  currency: 'CNY',
  paid_at: ago(20),
  lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 9999 }],
  ...more,
});

/** An empty market with its shop, its promoters and its rules. */
export async function openMarket() {
  const door = await openDoor();
  const { db, owner } = door.database;
  const tokenKey = createSecretKey(randomBytes(32));
  const { identityKey } = door;
  const deps: AwardDeps = { db, tokenKeys: [tokenKey], identityKey, levelsMax: 2, ruleCache: emptyRuleCache(), accounts: accountCache() };
  const stated = setUp(owner);
  const happens = happenings(db, { tokenKey, identityKey });

  await stated.merchant('m1', { hold_days: 7 });
  await stated.product('m1', 'p1', { category: 'baby' });
  await stated.promoter('agency', { kind: 'agency' });
  await stated.promoter('alice');
  await stated.promoter('bob', { inviter_id: 'alice', agency_id: 'agency' });
  await stated.rule({ scope: { merchant_id: 'm1' }, plan: WORKED_PLAN });
  await stated.rule({ scope: { merchant_id: 'm1', promoter_id: 'alice' }, plan: SIMPLE_PLAN });
  await door.call('PUT', '/v1/sources/sw', { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: SECRET } });
  await door.call('PUT', '/v1/sources/sw2', { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: SECRET } });

  const award = async (): Promise<void> => {
    await door.work();
    while ((await awardDue(deps, 100)) > 0);
  };
  return {
    door,
    db,
    owner,
    deps,
    ...stated,
    click: (...told: Parameters<typeof happens.click>) => happens.click(...told),
    award,
    close: () => door.close(),
    /** Reports an order over REST, and awards it. */
    async order(orderId: string, more: object = {}) {
      const answer = await door.call('POST', '/v1/orders', fields(orderId, more), {
        headers: { 'idempotency-key': `"${randomBytes(8).toString('hex')}"` },
      });
      if (answer.status !== 202) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
      await award();
    },
    /** Pushes an order as a source, and awards it. */
    async push(sourceId: string, orderId: string, more: object = {}) {
      const answer = await door.push(sourceId, message(fields(orderId, more)));
      if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
      await award();
    },
    /** Lets time pass until then. */
    async awardAt(time: string) {
      const at = new Date(time);
      await inTransaction(db, ({ trx }) => markMaturedDue(trx, at, 1000));
      await inTransaction(db, async ({ trx }) => awardOrders(trx, await takeDueOrders(trx, at, 1000), at, deps));
    },
    auditDeps: { ...deps, adapters: ADAPTERS, connectionString: door.database.connectionString },
    audit: (ordersPerBatch = 4) => auditOf({ ...deps, adapters: ADAPTERS }, ordersPerBatch),
  };
}

async function auditOf(deps: BatchAuditorDeps, ordersPerBatch: number) {
  const lines: string[] = [];
  const auditor = batchAuditor(deps, emptyRuleCache());
  const audited = await audit(deps.db, [auditor, auditor], {
    ordersPerBatch,
    onDifference: (difference) => lines.push(differenceLine(difference)),
  });
  return { ...audited, lines: lines.toSorted((a, b) => (a < b ? -1 : 1)) };
}

/** Fills the market with an order of every kind, folds and chains its books. Leaves nothing due. */
export async function trade(market: Market): Promise<void> {
  const code = await market.link('m1', 'bob');
  const other = await market.link('m1', 'alice');
  const buyer = { openid: 'o1' };
  const token = await market.click(code, { at: ago(21), buyer });
  await market.order('plain', { click_token: token, buyer });
  await market.order('locked', { paid_at: ago(19), buyer });
  await market.order('coupons', { coupon_codes: ['NOBODYS'], link_code: other });
  await market.order('nobodys', { paid_at: ago(2) });
  await market.order('unpaid', { status: 'created', paid_at: null });
  await market.order('deposit', { status: 'created', paid_at: null, deposit_paid_at: ago(20), link_code: code });
  await market.order('deposit', { deposit_paid_at: ago(20), paid_at: ago(10), link_code: code });

  const refund = { refunds: [{ refund_id: 'r1', line_id: '1', amount: 3000 }] };
  await market.push('sw', 'released', { link_code: code });
  await market.push('sw', 'released', { status: 'completed', completed_at: ago(18) });
  await market.award();
  await market.push('sw', 'released', { status: 'completed', completed_at: ago(18), ...refund });
  await market.push('sw', 'waits', { link_code: code, paid_at: ago(3), status: 'completed', completed_at: ago(0.5) });
  await market.push('sw', 'voided', { link_code: code });
  await market.push('sw', 'voided', { void: { reason: 'cancelled' }, observed_at: ago(0) });
  await market.push('sw2', 'released', { link_code: code });
  await market.push('sw', 'whole', { link_code: code });
  await market.push('sw', 'part', { parent: { order_id: 'whole', kind: 'split' }, link_code: null });

  // A storefront tells of a source's order, and the source calls bob by a name that is explained
  // only later, and then anew.
  await market.order('plain-of-sw', { source_id: 'sw', status: 'created', click_token: token });
  await market.push('sw', 'plain-of-sw');
  await market.push('sw', 'worded', { promoter_id: 'pid-7', observed_at: ago(1) });
  await market.door.call('PUT', '/v1/sources/sw/mappings/promoter/pid-7', { promoter_id: 'bob' });
  await market.award();
  await market.door.call('PUT', '/v1/sources/sw/mappings/promoter/pid-7', { promoter_id: 'alice', effective_from: ago(30) });

  // Evidence that comes late, before and after the release.
  await market.order('late', { paid_at: ago(5), buyer: { openid: 'o2' } });
  await market.click(code, { at: ago(6), buyer: { openid: 'o2' } });
  await market.award();
  await market.click(other, { at: ago(20.5), buyer });
  await market.award();
  await market.order('second', { paid_at: ago(4), link_code: code });
  await market.order('second', { paid_at: ago(4), status: 'completed', completed_at: ago(1) });
  await market.awardAt(inDays(6.2));
  await market.click(other, { at: ago(4.5), buyer: { openid: 'o2' } });
  await market.award();
  await foldAll(market.db);
  await chainTransfers(market.db);
}

/** What the audit finds after something was done that nobody may do; it is undone again. */
export async function auditedAfter(market: Market, statement: string) {
  // The audit reads in transactions of its own, so that the damage must stand; the rows are put
  // back from a copy.
  const { owner } = market;
  const run = (text: string) =>
    owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql.raw(text).execute(trx);
    });
  await run(DAMAGED.map((table) => `drop table if exists kept_${table}; create table kept_${table} as table ${table}`).join(';'));
  await run(statement);
  try {
    return await market.audit();
  } finally {
    await run(
      DAMAGED.map((table) => `delete from ${table}; insert into ${table} overriding system value select * from kept_${table}`).join(';'),
    );
  }
}

const DAMAGED = ['orders', 'order_report', 'delivery', 'decision', 'award', 'transfer', 'account_balance', 'award_due'];
