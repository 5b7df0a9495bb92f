// How a source is asked beside others and after failures, at the double of a shop.
import { EventEmitter, once } from 'node:events';

import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { inTransaction } from '../../src/platform/postgres/database.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { startAsking } from '../../src/pull/start.ts';
import { saveSource } from '../../src/sources/connections/source-store.ts';
import { subject } from '../sources/subjects/woocommerce.ts';
import { openPuller, SOURCE, type Puller } from './puller.ts';

const ORDERS = 250;
/** The shop tells a hundred at a time. */
const PAGES = 3;
const since = new Date(Date.now() - 3_600_000);
const pull = { since: since.toISOString() };
let puller: Puller;

beforeEach(async () => {
  puller = await openPuller(subject, pull);
  for (let n = 0; n < ORDERS; n++) puller.double.put(String(370_000 + n), new Date(since.getTime() + 60_000 + n * 5000));
});
afterEach(() => puller.close());

/**
 * Asks until so many questions were answered, and gives how often in a row it is said to have
 * failed then.
 */
async function askFor(answers: number): Promise<number> {
  let left = answers;
  await puller.ask((url, init) => (left-- > 0 ? fetch(url, init) : Promise.reject(new Error('the connection broke'))));
  const { rows } = await sql<{ attempts: number }>`select attempts from pull_feed where source_id = ${SOURCE} and feed = 'orders'`.execute(
    puller.database.owner,
  );
  await puller.wait();
  return rows[0]!.attempts;
}

test('failures count as long as there is no answer between them, because rests grow with their count', async () => {
  expect(await askFor(0)).toBe(1);
  expect(await askFor(0)).toBe(2);
  expect(await askFor(1)).toBe(1);
  expect(await askFor(0)).toBe(2);
  expect(await askFor(ORDERS)).toBe(0);
});

/** Lets so many minutes pass since the last page of the window was stored. */
const letPass = (minutes: number) =>
  sql`update pull_feed set window_begun_at = window_begun_at - ${minutes} * interval '1 minute'`.execute(puller.database.owner);

test('a window whose reader is killed after each page is read page by page, however long that takes', async () => {
  for (let page = 0; page < PAGES; page++) {
    await askFor(1);
    await letPass(9);
  }
  await askFor(ORDERS);
  await puller.work();
  expect(await puller.orders()).toHaveLength(ORDERS);
  // Each once, and what has changed since.
  expect(puller.double.asked()).toBe(PAGES + 1);
});

test('a window that nobody has read for long is read from its first page again', async () => {
  await askFor(1);
  await letPass(11);
  await askFor(ORDERS);
  expect(puller.double.asked()).toBe(1 + PAGES);
});

test('a source that takes its time keeps no other one waiting', async () => {
  const { db, keys } = puller.deps;
  const gate = new EventEmitter();
  let asked = 0;
  const slowly = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    if (asked++ === 0) await once(gate, 'open');
    return fetch(url, init);
  };
  const asking = startAsking({ ...puller.deps, log: buildLogger('silent'), fetch: slowly });
  try {
    await expect.poll(() => asked, { timeout: 15_000 }).toBe(1);
    const stated = { kind: subject.adapter.kind, merchantId: 'm1', secrets: subject.secrets, options: { ...subject.options, pull } };
    await inTransaction(db, ({ trx, now }) => saveSource(trx, keys, { sourceId: 's2', before: null, now }, stated));
    await expect.poll(() => asked, { timeout: 15_000 }).toBeGreaterThan(1);
  } finally {
    gate.emit('open');
    await asking.close();
  }
});
