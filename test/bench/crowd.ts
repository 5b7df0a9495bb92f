// A market of bench size, made by SQL: promoters in chains of three, rules, links, clicks, and
// orders that are due.

import type { KeyObject } from 'node:crypto';

import { sql, type Kysely } from 'kysely';

import { lift } from '../../src/core/merge.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { canonicalReport } from '../../src/core/report.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { mintClickToken } from '../../src/promotion/clicks/token.ts';
import { readAs } from '../core/reading.ts';
import { DAY_MS } from '../../src/platform/durations.ts';

export const ORDERS = 20_000;
const PROMOTERS = 10_000;
const RULES = 1000;
const CLICKS = 1_000_000;
const BUYERS = 200_000;

/**
 * Fills an empty database. Every second order carries a token, the others are found by their buyer.
 */
export async function openCrowd(db: Kysely<DB>, tokenKey: KeyObject, { clicks = CLICKS, orders = ORDERS } = {}): Promise<void> {
  await sql`insert into merchant values ('m1', now())`.execute(db);
  await sql`
    insert into merchant_version values
      ('m1', 1, '-infinity', now(), 'Baby Care', 'CNY', '{shop.example.com}', 7, ${JSON.stringify(defaultPolicy)}::jsonb)`.execute(db);
  await sql`
    insert into product select 'm1', 'p' || n, now() from generate_series(0, 999) n`.execute(db);
  await sql`
    insert into product_version select 'm1', 'p' || n, 1, '-infinity', now(), 'Product ' || n, 'c' || n % 50, 9900, null, true
    from generate_series(0, 999) n`.execute(db);
  await sql`insert into promoter select 'u' || n, now() from generate_series(0, ${PROMOTERS}::int - 1) n`.execute(db);
  await sql`
    insert into promoter_version
    select 'u' || n, 1, '-infinity', now(), 'Promoter ' || n, 'person', case when n % 3 > 0 then 'u' || n - 1 end,
      case when n >= 10 then 'u' || n % 10 end, case when n % 7 = 0 then 'gold' end, 'active', '[]', null
    from generate_series(0, ${PROMOTERS}::int - 1) n`.execute(db);
  await openRules(db);
  await sql`
    insert into link select 'link' || n, 'm1', 'u' || n, 'p' || n % 1000, 'https://shop.example.com/p/' || n, 'group',
      null, null, null, '{}', null, null, now()
    from generate_series(0, ${PROMOTERS}::int - 1) n`.execute(db);
  await openClicks(db, clicks);
  await openOrders(db, tokenKey, orders);
  await sql`analyze`.execute(db);
}

async function openRules(db: Kysely<DB>): Promise<void> {
  const pays = [
    { to: 'upline', level: 1, share_ppm: 100_000, pays: [] },
    { to: 'upline', level: 2, share_ppm: 50_000, pays: [] },
  ];
  const split = [{ to: 'agency', share_ppm: 1_000_000, pays: [{ to: 'promoter', share_ppm: 700_000, pays }] }];
  const plan = {
    base: 'paid_amount',
    currency: null,
    rate_ppm: 100_000,
    fixed_per_unit: 0,
    cap_per_line: null,
    cap_per_order: null,
    split,
  };
  await sql`insert into rule select 'r' || n, now() from generate_series(0, ${RULES}::int - 1) n`.execute(db);
  await sql`
    insert into rule_version
    select 'r' || n, 1, 'Rule ' || n, scope, scope::text, 0, '2020-01-01', null, ${JSON.stringify(plan)}::jsonb, now()
    from generate_series(0, ${RULES}::int - 1) n, lateral (select case n % 4
      when 0 then jsonb_build_object('merchant_id', 'm1', 'product_id', 'p' || n)
      when 1 then jsonb_build_object('merchant_id', 'm1', 'promoter_id', 'u' || n)
      when 2 then jsonb_build_object('merchant_id', 'm1', 'category', 'c' || n)
      else jsonb_build_object('merchant_id', 'm1', 'tier', case n when 3 then 'gold' else 't' || n end) end) as scopes (scope)`.execute(db);
  await sql`insert into rule values ('all', now())`.execute(db);
  await sql`
    insert into rule_version values ('all', 1, 'All', '{}', '', 0, '2020-01-01', null, ${JSON.stringify(plan)}::jsonb, now())`.execute(db);
  await sql`update rule_book set revision = revision + 1`.execute(db);
}

/**
 * Over the last thirty days, each buyer with five clicks. The ids carry the time, as those of the
 * service do.
 */
async function openClicks(db: Kysely<DB>, clicks: number): Promise<void> {
  await sql`
    insert into click (click_id, link_code, clicked_at, identity, bot)
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' ||
      substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
      'link' || (n::bigint * 7919 % ${PROMOTERS}::int), at, md5('buyer' || n % ${BUYERS}::int)::uuid, false
    from generate_series(0, ${clicks}::int - 1) n, lateral (select now() - interval '30 days' * (n::float / ${clicks}::int)) as clicked (at)`.execute(
    db,
  );
  await sql`insert into touch (identity, clicked_at, click_id) select identity, clicked_at, click_id from click`.execute(db);
}

/** Of more orders than there are buyers each buyer has several. They are made a part at a time. */
async function openOrders(db: Kysely<DB>, tokenKey: KeyObject, orders: number): Promise<void> {
  const { rows: buyers } = await sql<{ identity: string }>`
    select md5('buyer' || n)::uuid as identity from generate_series(0, ${Math.min(orders, BUYERS)}::int - 1) n`.execute(db);
  const now = Date.now();
  const at = new Date(now);
  for (let from = 0; from < orders; from += ORDERS) {
    const numbers = Array.from({ length: Math.min(ORDERS, orders - from) }, (_, index) => from + index);
    const states = numbers.map((n) => JSON.stringify(stateOf(n, buyers[n % buyers.length]!.identity, now, tokenKey)));
    await sql`
      insert into orders (merchant_id, source_id, order_id, merged, status, is_void, currency, currency_conflict, attribution_at, made_at,
        changed_at)
      select 'm1', 'rest', 'order' || (n + ${from}::int), merged, 'paid', false, 'CNY', false, ${at}, now(), now()
      from unnest(${states}::jsonb[]) with ordinality as told (merged, n)`.execute(db);
  }
  await sql`
    insert into order_identity (identity, order_key)
    select (merged -> 'identities' -> 0 ->> 0)::uuid, order_key from orders where jsonb_array_length(merged -> 'identities') > 0`.execute(
    db,
  );
}

function stateOf(n: number, identity: string, now: number, tokenKey: KeyObject) {
  const clickedAt = now - (n % 20) * DAY_MS - 60_000;
  const token = mintClickToken(tokenKey, { clickId: uuidv7(clickedAt), linkCode: `link${(n * 31) % PROMOTERS}`, clickedAt, bot: false });
  const stated = canonicalReport.parse({
    merchant_id: 'm1',
    order_id: `order${n}`,
    status: 'paid',
    currency: 'CNY',
    observed_at: new Date(now).toISOString(),
    paid_at: new Date(now).toISOString(),
    click_token: n % 2 === 0 ? token : null,
    lines: [{ line_id: '1', product_id: `p${n % 1000}`, quantity: 1, paid_amount: 1000 + (n % 9000) }],
  });
  return lift(readAs(stated, { receivedAt: new Date(now), identities: [identity] }), 'bench', 'all');
}
