// The audit agrees with books that are in order, whatever happened in them, and finds every fault
// that is planted.

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { auditedAfter, openMarket, trade, type Market } from './market.ts';

let market: Market;

beforeAll(async () => {
  market = await openMarket();
  await trade(market);
}, 60_000);

afterAll(() => market.close());

describe('books in order agree', () => {
  test('with orders of every kind', async () => {
    const { lines, chain, ...counts } = await market.audit();
    expect(lines).toEqual([]);
    expect(counts).toMatchObject({ orders: 16, reports: 22, deliveries: 22, waiting: 0, differences: 0 });
    expect(chain).toMatchObject({ transfers: counts.transfers, broken: null });
    const { rows } = await sql<{ states: string[]; decisions: string[]; kinds: string[] }>`
      select (select array_agg(distinct state order by state) from award) as states,
        (select array_agg(distinct decision order by decision) from decision) as decisions,
        (select array_agg(distinct kind order by kind) from transfer) as kinds`.execute(market.owner);
    expect(rows[0]).toEqual({
      states: ['confirmed', 'estimated', 'none', 'released', 'void'],
      decisions: ['attributed', 'duplicate_order', 'pending', 'unattributed', 'void'],
      kinds: ['accrue', 'release', 'reverse'],
    });
  });

  test('in batches of any size', async () => {
    for (const size of [1, 5, 1000]) expect((await market.audit(size)).lines).toEqual([]);
  });

  test('with a word of a source that was explained late, and is understood otherwise by now', async () => {
    const worded = await market.door.order('sw', 'worded');
    expect(worded!.merged.promoterIds.map(([promoterId]) => promoterId)).toEqual(['bob', 'pid-7']);
  });

  test('with an order that waits for its award, which is counted', async () => {
    const found = await auditedAfter(market, `insert into award_due select order_key, now() from orders where order_id = 'late'`);
    expect(found).toMatchObject({ waiting: 1, lines: [] });
  });

  test('and nothing is written', async () => {
    const before = await snapshot();
    await market.audit();
    expect(await snapshot()).toEqual(before);
  });
});

/** How often anything was ever written in this database. */
async function snapshot() {
  const tables = ['orders', 'delivery', 'award', 'decision', 'transfer', 'account', 'account_balance', 'award_due', 'ledger_link'];
  const { rows } = await sql<{ name: string; hash: string }>`
    ${sql.join(
      tables.map(
        (table) =>
          sql`select ${table}::text as name, md5(string_agg(t::text || t.xmin, ',' order by t.ctid)) as hash from ${sql.table(table)} t`,
      ),
      sql` union all `,
    )}`.execute(market.owner);
  return rows;
}

const KEY = (orderId: string, sourceId = 'sw') =>
  `(select order_key from orders where order_id = '${orderId}' and source_id = '${sourceId}')`;
const ALICES = `(select account_id from account where kind = 'pending' and promoter_id = 'alice')`;

describe('a planted fault is found:', () => {
  test.each([
    [
      'a merged amount',
      'm1/sw/waits\tmerged.lines',
      `update orders set merged = jsonb_set(merged, '{lines,0,paidAmount,0}', '1') where order_id = 'waits'`,
    ],
    ['a merged state without its column', 'm1/sw/waits\tstatus', `update orders set status = 'paid' where order_id = 'waits'`],
    [
      'evidence that nobody told',
      'm1/rest/nobodys\tmerged.promoterIds',
      `update orders set merged = jsonb_set(merged, '{promoterIds}', '[["bob", 1]]') where order_id = 'nobodys'`,
    ],
    [
      'evidence that is gone',
      'm1/sw/worded\tmerged.promoterIds',
      `update orders set merged = jsonb_set(merged, '{promoterIds}', '[]') where order_id = 'worded'`,
    ],
    [
      'a word that nobody meant',
      'm1/sw/worded\tmerged.promoterIds',
      `update orders set merged = jsonb_set(merged, '{promoterIds}', merged -> 'promoterIds' || '[["mallory", 1]]') where order_id = 'worded'`,
    ],
    ['a report that was not merged', 'm1/sw/waits\tmerged.status', `delete from order_report where order_key = ${KEY('waits')}`],
    [
      'a changed body',
      'm1/sw/waits\tmerged.lines',
      `update delivery set body = convert_to(replace(convert_from(body, 'UTF8'), '9999', '9998'), 'UTF8')
      where delivery_id in (select delivery_id from order_report where order_key = ${KEY('waits')})`,
    ],
    [
      'an unreadable body',
      'delivery ',
      `update delivery set body = '{' where delivery_id in (select delivery_id from order_report where order_key = ${KEY('waits')})`,
    ],
    [
      'a changed winner',
      'm1/sw/waits\tdecision.1.promoter_id\texpected "bob"\tfound "alice"',
      `update decision set promoter_id = 'alice' where order_key = ${KEY('waits')}`,
    ],
    [
      'a changed pool',
      'm1/sw/waits\tdecision.1.pool\texpected 999\tfound 998',
      `update decision set pool = 998 where order_key = ${KEY('waits')}`,
    ],
    [
      'changed shares',
      'm1/sw/waits\tdecision.1.shares',
      `update decision set shares = jsonb_set(shares, '{1,amount}', '629') where order_key = ${KEY('waits')}`,
    ],
    [
      'a changed pin',
      'm1/sw/waits\tdecision.1.explanation.winners',
      `update decision set pinned = jsonb_set(pinned, '{winners,0,agency_id}', 'null') where order_key = ${KEY('waits')}`,
    ],
    [
      'a changed pin of a released order',
      'm1/sw/released\tdecision.1.',
      `update decision set pinned = jsonb_set(pinned, '{winners,0,promoter_id}', '"alice"') where order_key = ${KEY('released')}`,
    ],
    [
      'a changed explanation',
      'm1/sw/waits\tdecision.1.explanation.evidence',
      `update decision set order_explanation = replace(order_explanation::text, '"link_code","reference', '"coupon_code","reference')::json
        where order_key = ${KEY('waits')}`,
    ],
    [
      'another rule',
      'm1/sw/waits\tdecision.1.',
      `update decision set rule_id = (select rule_id from rule_version where scope ? 'promoter_id') where order_key = ${KEY('waits')}`,
    ],
    [
      'a decision that is gone',
      'm1/sw/waits\tdecision.1\texpected "attributed"\tfound nothing',
      `delete from decision where order_key = ${KEY('waits')}`,
    ],
    [
      'a changed decision of an earlier revision',
      'm1/sw/released\ttransfer.1.',
      `update decision set shares = jsonb_set(shares, '{1,amount}', '1') where order_key = ${KEY('released')} and revision = 1`,
    ],
    [
      'a changed state',
      'm1/sw/waits\taward.state\texpected "confirmed"\tfound "void"',
      `update award set state = 'void' where order_key = ${KEY('waits')}`,
    ],
    [
      'a hold that ends too early',
      'm1/sw/waits\taward.releasesAt',
      `update award set releases_at = releases_at - interval '1 day' where order_key = ${KEY('waits')}`,
    ],
    [
      'a release that never was',
      'm1/sw/waits\tbooked.',
      `with award as (
        update award set released_at = awarded_at + interval '1 hour', releases_at = null, state = 'released', is_open = false
        where order_key = ${KEY('waits')} returning *
      )
      update line_hold set released_at = award.released_at, ends_at = award.released_at from award where line_hold.order_key = award.order_key`,
    ],
    ['an award that is gone', 'm1/sw/waits\taward\texpected one\tfound nothing', `delete from award where order_key = ${KEY('waits')}`],
    ['a transfer that was removed', 'm1/sw/waits\ttransfer.1.1', `delete from transfer where position = 1 and order_key = ${KEY('waits')}`],
    [
      'a transfer that was altered',
      'm1/sw/waits\ttransfer.1.0',
      `update transfer set amount = amount + 1 where position = 0 and order_key = ${KEY('waits')}`,
    ],
    [
      'a transfer that was added',
      'm1/sw/waits\ttransfer.1.9',
      `insert into transfer (order_key, revision, position, kind, merchant_id, currency, promoter_id, line_id, role, from_account_id,
      to_account_id, amount, booked_at, booked_xid) select order_key, revision, 9, kind, merchant_id, currency, promoter_id, line_id, role,
      from_account_id, to_account_id, amount, booked_at, booked_xid from transfer where position = 0 and order_key = ${KEY('waits')}`,
    ],
    [
      'a transfer to somebody else’s account',
      'm1/sw/waits\ttransfer.1.1.pending\texpected "bob"\tfound "alice"',
      `update transfer set to_account_id = ${ALICES} where promoter_id = 'bob' and order_key = ${KEY('waits')}`,
    ],
    [
      'a balance off by one',
      'account pending m1 bob CNY\tbalance',
      `update account_balance set balance = balance + 1 where account_id =
      (select account_id from account where kind = 'pending' and promoter_id = 'bob')`,
    ],
    [
      'a balance that is gone',
      'account commission m1 CNY\tbalance',
      `delete from account_balance where account_id = (select account_id from account where kind = 'commission')`,
    ],
    [
      'a changed time of a transfer',
      'link 1 of ',
      `update transfer set booked_at = booked_at - interval '1 second' where order_key = ${KEY('waits')}`,
    ],
  ])('%s', async (_what, told, statement) => {
    const { lines, differences } = await auditedAfter(market, statement);
    expect(lines.join('\n')).toContain(told);
    expect(differences).toBe(lines.length);
  });
});
