// The award on real books: what an order earns, to the fen, through payment, refund, completion and
// release.
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ago, inDays, openShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const refund = (id: string, amount: number, more: object = {}) => ({ refund_id: id, line_id: '1', amount, ...more });

/** A shop with the worked rule and a token of Bob's link. */
async function shopWithToken(terms: object = {}) {
  const shop = await openShop(world, terms as Record<string, unknown>);
  const ruleId = await shop.rule();
  return { ...shop, ruleId, token: await world.click(shop.code, { at: ago(2) }) };
}

describe('the worked example', () => {
  test('300, 630 and 69 of 9999; after a refund the difference is booked; after a full one nothing is left', async () => {
    const { agency, alice, bob, ruleId, token, ...shop } = await shopWithToken();
    await shop.order('1', { click_token: token });
    const split = [
      { role: 'agency', promoter_id: agency, amount: 300 },
      { role: 'promoter', promoter_id: bob, amount: 630 },
      { role: 'upline', level: 1, promoter_id: alice, amount: 69 },
    ];
    const decided = { decision: 'attributed', evidence: 'click_token', promoter_id: bob, rule_id: ruleId, rule_version: 1 };
    expect(await shop.shown('1')).toMatchObject({
      award: 'estimated',
      currency: 'CNY',
      lines: [{ ...decided, pool: 999n, shares: split }],
    });

    await shop.tell('1', { refunds: [refund('r1', 3000)] });
    expect(await shop.line('1')).toMatchObject({ refunded_amount: 3000n, pool: 699n });
    expect((await shop.line('1')).shares.map((share) => share.amount)).toEqual([210, 441, 48]);
    const way = 'commission > pending';
    const back = 'pending > commission';
    expect(await shop.transfers('1')).toEqual([
      { kind: 'accrue', role: 'agency', promoterId: agency, way, amount: 300 },
      { kind: 'accrue', role: 'promoter', promoterId: bob, way, amount: 630 },
      { kind: 'accrue', role: 'upline', promoterId: alice, way, amount: 69 },
      { kind: 'reverse', role: 'agency', promoterId: agency, way: back, amount: -90 },
      { kind: 'reverse', role: 'promoter', promoterId: bob, way: back, amount: -189 },
      { kind: 'reverse', role: 'upline', promoterId: alice, way: back, amount: -21 },
    ]);

    await shop.tell('1', { refunds: [refund('r2', 6999)] });
    expect(await shop.shown('1')).toMatchObject({ award: 'void', lines: [{ decision: 'attributed', pool: 0n, shares: [] }], totals: [] });
    for (const id of [agency, bob, alice]) expect(await shop.balance(id)).toEqual([['CNY', 0, 0]]);
  });

  test('awarded again, nothing is written: no revision, no transfer, no head', async () => {
    const { m, token, ...shop } = await shopWithToken();
    await shop.order('1', { click_token: token, buyer: { openid: 'o1' } });
    await shop.order('2', { buyer: { openid: 'nobody' } });
    const everything = async () => [await world.standing(m, '1'), await shop.transfers('1'), await world.standing(m, '2')];
    const before = await everything();
    for (const orderId of ['1', '2', '1']) {
      await shop.order(orderId, orderId === '1' ? { click_token: token, buyer: { openid: 'o1' } } : {});
    }
    expect(await everything()).toEqual(before);
    expect(before[0]).toMatchObject({ head: { revision: 1 } });
  });
});

describe('refunds', () => {
  test('in any order, told twice, of lines and of the whole, they leave the same', async () => {
    const { bob, ...shop } = await openShop(world);
    await shop.rule(SIMPLE_PLAN);
    const lines = [1000, 2000, 3000].map((paid, index) => ({ line_id: String(index + 1), product_id: 'p1', paid_amount: paid }));
    const refunds = [
      refund('a', 500),
      { refund_id: 'b', amount: 700 },
      { refund_id: 'c', line_id: '3', amount: 3000 },
      { refund_id: 'd', amount: 1 },
    ];
    const sequences = [refunds, refunds.toReversed(), [refunds[1]!, refunds[3]!, refunds[1]!, refunds[0]!, refunds[2]!]];
    for (const [index, sequence] of sequences.entries()) {
      await shop.order(`${index}`, { link_code: shop.code, lines });
      for (const one of sequence) await shop.tell(`${index}`, { refunds: [one] });
    }
    const [first, ...others] = await Promise.all(sequences.map((_, index) => shop.shown(`${index}`)));
    // 701 of the whole fall on the 500 and 2000 that the first two lines still have.
    expect(first!.lines.map((line) => [Number(line.refunded_amount), Number(line.pool)])).toEqual([
      [640, 36],
      [561, 143],
      [3000, 0],
    ]);
    for (const other of others) expect(other).toMatchObject({ lines: first!.lines, totals: [{ promoter_id: bob, amount: 179 }] });
    expect(await shop.balance(bob)).toEqual([['CNY', 3 * 179, 0]]);
  });

  test('one that failed after all gives back what it took', async () => {
    const { bob, token, ...shop } = await shopWithToken();
    await shop.order('1', { click_token: token, refunds: [refund('r1', 9999)] });
    expect(await shop.balance(bob)).toEqual([]);
    await shop.tell('1', { refunds: [refund('r1', 9999, { status: 'failed' })] });
    expect(await shop.balance(bob)).toEqual([['CNY', 630, 0]]);
  });
});

describe('the hold', () => {
  const completed = { status: 'completed', completed_at: ago(1) };

  test('begins at the completion, and its end releases', async () => {
    const { m, bob, token, ...shop } = await shopWithToken();
    await shop.order('1', { click_token: token });
    await shop.tell('1', completed);
    expect(await shop.shown('1')).toMatchObject({
      award: 'confirmed',
      releases_at: new Date(Date.parse(completed.completed_at) + 7 * 86_400_000),
    });
    await world.awardAt(inDays(5.9));
    expect(await shop.balance(bob)).toEqual([['CNY', 630, 0]]);
    await world.awardAt(inDays(6.1));
    expect(await shop.shown('1')).toMatchObject({ award: 'released', releases_at: null, totals: [{}, { amount: 630 }, {}] });
    expect(await shop.balance(bob)).toEqual([['CNY', 0, 630]]);
    expect((await shop.transfers('1')).at(-2)).toMatchObject({
      kind: 'release',
      role: 'promoter',
      way: 'pending > available',
      amount: 630,
    });
    const { head } = await world.standing(m, '1');
    await world.awardAt(inDays(10));
    expect((await world.standing(m, '1')).head).toEqual(head);
  });

  test('that has ended when the order is first told of releases at once, and a later refund claws back from what is available', async () => {
    const { bob, token, ...shop } = await shopWithToken();
    await shop.order('1', { click_token: token, status: 'completed', completed_at: ago(0.5), paid_at: ago(1) });
    await world.awardAt(inDays(8));
    await shop.tell('1', { refunds: [refund('late', 3000)] });
    expect(await shop.shown('1')).toMatchObject({ award: 'released' });
    expect(await shop.balance(bob)).toEqual([['CNY', 0, 441]]);
    expect((await shop.transfers('1')).slice(-3).map(({ way }) => way)).toEqual(Array.from({ length: 3 }, () => 'available > commission'));
    await shop.tell('1', { void: { reason: 'chargeback' } });
    expect(await shop.shown('1')).toMatchObject({
      award: 'void',
      void: { reason: 'chargeback' },
      lines: [{ decision: 'void', shares: [] }],
    });
    expect(await shop.balance(bob)).toEqual([['CNY', 0, 0]]);
  });

  test('is over and the money paid out: a refund then makes the promoter owe', async () => {
    const { m, bob, token, ...shop } = await shopWithToken();
    await shop.order('1', { click_token: token, ...completed });
    await world.awardAt(inDays(8));
    await sql`
      with paid as (
        insert into account (kind, merchant_id, promoter_id, currency) values ('paid', ${m}, ${bob}, 'CNY') returning account_id
      )
      insert into transfer (order_key, revision, position, kind, merchant_id, currency, promoter_id, line_id, role, from_account_id,
        to_account_id, amount, booked_at)
      select order_key, 0, 0, 'pay', merchant_id, currency, promoter_id, line_id, role, to_account_id, paid.account_id, amount, now()
      from transfer, paid where kind = 'release' and promoter_id = ${bob}`.execute(world.owner);
    expect(await shop.balance(bob)).toEqual([['CNY', 0, 0]]);
    await shop.tell('1', { refunds: [refund('late', 9999)] });
    expect(await shop.balance(bob)).toEqual([['CNY', 0, -630]]);
    await shop.order('2', { click_token: token });
    expect(await shop.balance(bob)).toEqual([['CNY', 630, -630]]);
  });

  test('is held by an open refund until that is decided', async () => {
    const { bob, token, ...shop } = await shopWithToken();
    await shop.order('1', { click_token: token, ...completed, refunds: [refund('r1', 3000, { status: 'open' })] });
    expect(await shop.shown('1')).toMatchObject({ award: 'confirmed', releases_at: null });
    await world.awardAt(inDays(30));
    expect(await shop.balance(bob)).toEqual([['CNY', 630, 0]]);
    await shop.tell('1', { refunds: [refund('r1', 3000, { status: 'failed' })] });
    await world.awardAt(inDays(30));
    expect(await shop.balance(bob)).toEqual([['CNY', 0, 630]]);
  });

  test('of what a platform pays waits for the settlement', async () => {
    const { bob, ...shop } = await openShop(world);
    await shop.rule({ ...SIMPLE_PLAN, base: 'platform_commission', rate_ppm: 500_000 });
    const lines = [{ line_id: '1', product_id: 'p1', paid_amount: 10_000, platform_commission: 800 }];
    await shop.order('1', { link_code: shop.code, lines, ...completed });
    await world.awardAt(inDays(30));
    expect(await shop.balance(bob)).toEqual([['CNY', 400, 0]]);
    await shop.tell('1', { settled_at: inDays(20) });
    expect(await shop.shown('1')).toMatchObject({ award: 'confirmed' });
    await world.awardAt(inDays(19));
    expect(await shop.balance(bob)).toEqual([['CNY', 400, 0]]);
    await world.awardAt(inDays(21));
    expect(await shop.balance(bob)).toEqual([['CNY', 0, 400]]);
  });

  test('is as long as the merchant’s terms were at the attribution time', async () => {
    const { m, bob, token, ...shop } = await shopWithToken({ hold_days: 3 });
    await world.merchant(m, { hold_days: 30, from: ago(0.5) });
    await shop.order('1', { click_token: token, ...completed });
    await world.awardAt(inDays(2.1));
    expect(await shop.balance(bob)).toEqual([['CNY', 0, 630]]);
  });
});

test('money of two merchants is booked apart, and a promoter’s balance is their sum', async () => {
  const [one, other] = [await shopWithToken(), await shopWithToken()];
  const { code, ...link } = await world.owner.selectFrom('link').selectAll().where('code', '=', one.code).executeTakeFirstOrThrow();
  const theirs = await world.link(other.m, one.bob, { ...link, merchant_id: other.m });
  await one.order('1', { click_token: one.token });
  await other.order('1', { link_code: theirs, refunds: [refund('r', 3000)] });
  expect(code).toBe(one.code);
  expect(await world.balance(one.bob, one.m)).toEqual([['CNY', 630, 0]]);
  expect(await world.balance(one.bob, other.m)).toEqual([['CNY', 441, 0]]);
  expect(await world.balance(one.bob)).toEqual([['CNY', 1071, 0]]);
});
