// Books of three years: what a paid order and a click ask is planned for the months that they are
// about, and for no others.
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { readDeliveries } from '../../src/commission/orders/order-view-store.ts';
import { settleFirstDue } from '../../src/inbox/first-due.ts';
import { processDeliveries } from '../../src/inbox/process.ts';
import { openDoor, report, type Door } from '../inbox/door.ts';
import { monthAgo, nameOf, openPastMonths } from '../platform/months.ts';
import { asked, planOf } from './asked.ts';
import { ago, openSimpleShop, openWorld, type World } from './world.ts';

const MONTHS = 36;
/** Clicks count for some weeks, so an order asks for months that are not long ago. */
const OLD = new Set(Array.from({ length: MONTHS - 4 }, (_, n) => nameOf(monthAgo(n + 4))));

let world: World;
let door: Door;

beforeAll(async () => {
  world = await openWorld();
  door = await openDoor();
  await openPastMonths(world.owner, MONTHS);
  await openPastMonths(door.database.owner, MONTHS);
}, 120_000);

afterAll(async () => {
  await world.close();
  await door.close();
});

/** The partitions of long ago that the plans of these statements hold, with what asks for them. */
async function oldMonths(connectionString: string, texts: ReadonlyMap<string, unknown[]>): Promise<string[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    const found: string[] = [];
    for (const [text, values] of texts) {
      const relations = (await planOf(client, text, values)).map((node) => node['Relation Name'] ?? '');
      const old = relations.filter((name) => /^(click|touch|delivery|order_report)_/.test(name) && OLD.has(name.slice(-6)));
      if (old.length > 0) found.push(`${old.length} as ${old[0]}: ${text.replaceAll(/\s+/g, ' ').slice(0, 200)}`);
    }
    return found;
  } finally {
    await client.end();
  }
}

test('the award of a paid order looks into no month of long ago', async () => {
  const shop = await openSimpleShop(world);
  const buyer = { openid: 'o1' };
  const texts = await asked(async () => {
    const token = await world.click(shop.code, { at: ago(4), buyer });
    await shop.order('first', { buyer, paid_at: ago(3), click_token: token });
    await shop.order('second', { buyer, paid_at: ago(2) });
    await world.awardAt(ago(-9));
  });
  const all = [...texts.keys()].join('\n');
  for (const table of ['click', 'touch']) expect(all).toMatch(new RegExp(`from ${table} `));
  expect(await oldMonths(world.connectionString, texts)).toEqual([]);
});

test('neither does the door, nor the processing of what came', async () => {
  await door.merchant('m1');
  await door.promoter('p1');
  const deps = { db: door.database.db, adapters: [], identityKey: door.identityKey, bounds: { linesMax: 500, refundsMax: 1000 } };
  // Once without being looked at, so that from where on due deliveries are looked for is settled.
  await door.call('POST', '/v1/orders', report('settled'));
  await processDeliveries(deps);
  await settleFirstDue(door.database.db);
  const texts = await asked(async () => {
    const told = report('o1', { status: 'paid', buyer: { openid: 'b' }, promoter_id: 'p1', whole: true });
    for (const body of [told, told]) await door.call('POST', '/v1/orders', body);
    await processDeliveries(deps);
  });
  const all = [...texts.keys()].join('\n');
  const asking = ['insert into delivery', 'insert into order_report', 'update delivery', 'from delivery'];
  expect(asking.filter((words) => !all.includes(words))).toEqual([]);
  expect(await oldMonths(door.database.connectionString, texts)).toEqual([]);
});

test('an order of today is shown without looking into months of long ago', async () => {
  const shown = await door.order('rest', 'o1');
  const texts = await asked(async () => {
    expect(await readDeliveries(door.database.db, shown!.order_key, 10)).toHaveLength(1);
  });
  expect(await oldMonths(door.database.connectionString, texts)).toEqual([]);
});
