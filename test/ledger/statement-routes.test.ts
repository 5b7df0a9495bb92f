// A statement over HTTP: whole however much it holds and however long it takes, or visibly broken.

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { chainTransfers } from '../../src/ledger/hash-chain-store.ts';
import { ledgerRoutes } from '../../src/ledger/ledger-routes.ts';
import { checkStatement } from '../../src/ledger/statement-check.ts';
import { accountCache, bookTransfers, type NewTransfer } from '../../src/ledger/booking-store.ts';
import type { App } from '../../src/platform/http/app.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { keyedApp, newKey } from '../platform/callers.ts';
import { until } from '../platform/sockets.ts';
import { foldAll } from './books.ts';
import { MOVES, openShop, transferOf } from './shop.ts';

const HANDLER_MS = 150;
const [, , release] = MOVES;

let database: TestDatabase;
let slow: App;
let url: string;
let key: string;

beforeAll(async () => {
  database = await testDatabase();
  const { db, owner } = database;
  slow = keyedApp(db, { handlerTimeoutMs: HANDLER_MS, logger: buildLogger('silent') });
  ledgerRoutes(slow, { db });
  key = await newKey(db, 'auditor');
  const { m1 } = (await openShop(owner)) as { m1: bigint };
  const many = (count: number) => Array.from({ length: count }, () => transferOf(m1, { amount: 3n }));
  // A page of a thousand ends inside of a transaction, and a release has both its sides on it.
  await book('2026-08-01T00:00:00Z', ...many(999), transferOf(m1, { ...release, amount: 2n }), ...many(501));
  await book('2026-08-02T00:00:00Z', ...many(600));
  url = `${await slow.listen({ port: 0, host: '127.0.0.1' })}/v1/promoters/bob/statement.csv?month=2026-08`;
});

afterAll(async () => {
  await slow.close();
  await database.close();
});

async function book(at: string, ...transfers: NewTransfer[]): Promise<void> {
  await database.db.transaction().execute((trx) => bookTransfers(trx, transfers, accountCache(), new Date(at)));
  await foldAll(database.db);
  await chainTransfers(database.db);
}

const ask = () => fetch(url, { headers: { authorization: `Bearer ${key}` } });

test('it is the same in however many pages and chunks it is read', async () => {
  // Other tests of this cluster may hold the watermark back for a moment.
  await foldAll(database.db);
  const text = await (await ask()).text();
  expect(checkStatement(text)).toMatchObject({ faults: [], entries: 2102, unchained: 0 });
  expect(text).toContain('"closing","m1","available","CNY",,,,,,,,,2,');
  expect(text).toContain(`"closing","m1","pending","CNY",,,,,,,,,${2100 * 3 - 2},`);
});

const entriesOf = async (query: string) => {
  const answer = await fetch(url.replace('month=2026-08', query), { headers: { authorization: `Bearer ${key}` } });
  const checked = checkStatement(await answer.text());
  expect(checked.faults).toEqual([]);
  return checked.entries;
};

test('its month is one of UTC, or of the zone that is asked for', async () => {
  // What was booked at 00:00Z on 1 August is of 31 July in New York.
  expect(await entriesOf('month=2026-08&time_zone=UTC')).toBe(2102);
  expect(await entriesOf('month=2026-08&time_zone=America/New_York')).toBe(600);
  expect(await entriesOf('month=2026-07&time_zone=America/New_York')).toBe(1502);
});

const isWaiting = async () => {
  const { rows } = await sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
    database.owner,
  );
  return rows.length > 0;
};

/**
 * Does something while the statement, of which the beginning is sent, waits for the links of the
 * chain.
 */
async function whileItWaits(work: () => Promise<unknown>): Promise<Response> {
  return database.owner.transaction().execute(async (trx) => {
    await sql`lock table ledger_link in access exclusive mode`.execute(trx);
    const answer = await ask();
    expect(answer.status).toBe(200);
    await until(isWaiting);
    await work();
    return answer;
  });
}

describe('a statement that takes longer than any other answer may', () => {
  test('ends whole', async () => {
    const begun = Date.now();
    const answer = await whileItWaits(() => until(() => Date.now() - begun > HANDLER_MS * 2));
    expect(checkStatement(await answer.text())).toMatchObject({ faults: [], entries: 2102 });
  });

  test('or its connection breaks, so that nobody takes the part for the whole', async () => {
    const answer = await whileItWaits(() =>
      sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(database.owner),
    );
    await expect(answer.text()).rejects.toThrow('terminated');
  });
});
