// The statements of the hot paths on a large, analysed database: none of them reads a table that
// grows from its beginning to its end.
import { sql } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asked, planOf } from './asked.ts';
import { ago, openSimpleShop, openWorld, type World } from './world.ts';

const ORDERS = 30_000;
const GROWING =
  /^(orders|(order_report|delivery|touch|click)_\w+|order_identity|known_body|award|decision|transfer|line_hold|buyer_identity|account)$/;

/** A partition that begins is small enough to be read as a whole. */
const SMALL = 1000;

/** Another id of this moment for each row. */
const idOfNow = (table: string) => sql.raw(`(left(partition_key('${table}', now()), 13) || substr(gen_random_uuid()::text, 14))::uuid`);

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.owner.transaction().execute(async (trx) => {
    // Years of orders, without the checks that would take as long.
    await sql`set local session_replication_role = replica`.execute(trx);
    await sql`insert into merchant (merchant_id, made_at) values ('many', now())`.execute(trx);
    await sql`insert into orders (merchant_id, source_id, order_id, merged, status, is_void, currency, currency_conflict, attribution_at,
        line_count, made_at, changed_at)
      select 'many', 'rest', 'many' || n, '{"lines": [], "refunds": [], "identities": [], "currencies": []}', 'paid', false, 'CNY', false,
        now() - n * interval '1 minute', 1, now(), now() from generate_series(1, ${ORDERS}::int) as n`.execute(trx);
    await sql`insert into award (order_key, merchant_id, revision, state, decisions, currency, attribution_at, hold_days, lock_promoter_id,
        lock_clicked_at, awarded_at)
      select order_key, merchant_id, 1, 'estimated', '{attributed}', 'CNY', attribution_at, 7, 'p', attribution_at, now() from orders`.execute(
      trx,
    );
    await sql`insert into decision (order_key, revision, line_id, decision, quantity, paid_amount, refunded_amount, base, pool, shares, explanation)
      select order_key, 1, '1', 'unattributed', 1, 100, 0, 100, 0, '[]', '{}' from orders`.execute(trx);
    await sql`insert into delivery (delivery_id, source_id, merchant_id, origin, body, body_hash, headers, received_at, state, next_attempt_at,
        reports, finished_at)
      select ${idOfNow('delivery')}, 'rest', 'many', 'rest', '', sha256(order_id::bytea), '{}', now(), 'processed', now(), 1, now()
      from orders`.execute(trx);
    await sql`insert into order_report (order_key, delivery_id, ordinal)
      select row_number() over (), delivery_id, 0 from delivery`.execute(trx);
    await sql`insert into order_identity (identity, order_key) select gen_random_uuid(), order_key from orders`.execute(trx);
    await sql`insert into touch (identity, clicked_at, click_id)
      select identity, now() - order_key * interval '1 minute', ${idOfNow('click')} from order_identity`.execute(trx);
    await sql`insert into click (click_id, link_code, clicked_at, bot) select click_id, 'code', clicked_at, false from touch`.execute(trx);
    await sql`insert into buyer_identity (identity, merchant_id, buyer)
      select identity, 'many', identity from order_identity`.execute(trx);
    await sql`insert into account (kind, merchant_id, promoter_id, currency)
      select kind, 'many', 'p' || n, 'CNY' from generate_series(1, 5000) as n, unnest(array['pending', 'available']) as kind`.execute(trx);
    await sql`insert into transfer (order_key, revision, position, kind, merchant_id, currency, promoter_id, line_id, role, from_account_id,
        to_account_id, amount, booked_at)
      select order_key, 1, 0, 'accrue', 'many', 'CNY', 'p', '1', 'promoter', 1 + order_key % 5000, 1 + (order_key + 1) % 5000, 1, now()
      from orders`.execute(trx);
    await sql`insert into line_hold (order_key, line_id, hold_days) select order_key, '1', 7 from orders`.execute(trx);
  });
  await sql`vacuum analyze`.execute(world.owner);
}, 120_000);

afterAll(() => world.close());

test('no statement by which an order is merged, awarded and locked reads a growing table as a whole', async () => {
  const shop = await openSimpleShop(world);
  const buyer = { openid: 'o1' };
  const texts = await asked(async () => {
    const token = await world.click(shop.code, { at: ago(4), buyer });
    await shop.order('later', { buyer, paid_at: ago(1) });
    await shop.order('first', { buyer, paid_at: ago(3), click_token: token });
    await shop.tell('first', { status: 'completed', completed_at: ago(2.5), refunds: [{ refund_id: 'r', line_id: '1', amount: 10 }] });
    await shop.order('part', { buyer, parent: { order_id: 'first', kind: 'split' }, paid_at: ago(3) });
    await world.awardAt(ago(-9));
  });
  expect(texts.size).toBeGreaterThan(20);
  const { rows: smallOnes } = await sql<{ name: string }>`
    select relname as name from pg_class where relispartition and reltuples < ${SMALL}`.execute(world.owner);
  const small = new Set(smallOnes.map(({ name }) => name));
  const client = new Client({ connectionString: world.connectionString });
  await client.connect();
  try {
    const scans: string[] = [];
    for (const [text, values] of texts) {
      for (const node of await planOf(client, text, values)) {
        const relation = node['Relation Name'] ?? '';
        if (node['Node Type'] === 'Seq Scan' && GROWING.test(relation) && !small.has(relation)) {
          scans.push(`${relation}: ${text.replaceAll(/\s+/g, ' ').slice(0, 200)}`);
        }
      }
    }
    expect(scans).toEqual([]);
  } finally {
    await client.end();
  }
});
