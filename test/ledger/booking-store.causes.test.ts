// Transfers that are of no order: booked once for their cause, shown with it, and proven like all
// others.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { trialBalance } from '../../src/ledger/balances.ts';
import { accountCache, bookCaused, type CausedTransfer } from '../../src/ledger/booking-store.ts';
import { chainTransfers, verifyChain } from '../../src/ledger/hash-chain-store.ts';
import { ledgerRoutes } from '../../src/ledger/ledger-routes.ts';
import { checkStatement } from '../../src/ledger/statement-check.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import type { App } from '../../src/platform/http/app.ts';
import { keyedApp, newKey } from '../platform/callers.ts';
import { foldAll, openBooks, settle, type Books } from './books.ts';

let books: Books;
let app: App;
let key: string;

const AT = new Date('2026-08-03T10:00:00Z');
const reserve: CausedTransfer = {
  cause: 'payout',
  causeId: 'p-1',
  position: 0,
  kind: 'reserve',
  merchantId: 'm1',
  promoterId: 'bob',
  currency: 'CNY',
  from: 'available',
  to: 'paying',
  amount: 500n,
};
const book = (...transfers: CausedTransfer[]) => inTransaction(books.db, ({ trx }) => bookCaused(trx, transfers, accountCache(), AT));

beforeAll(async () => {
  books = await openBooks();
  app = keyedApp(books.db);
  ledgerRoutes(app, { db: books.db });
  key = await newKey(books.db, 'auditor');
  await book(reserve, { ...reserve, position: 1, kind: 'pay', from: 'paying', to: 'paid' });
  await foldAll(books.db);
  await chainTransfers(books.db);
});

afterAll(async () => {
  await app.close();
  await books.close();
});

const get = async (url: string) => app.inject({ url, headers: { authorization: `Bearer ${key}` } });

test('a cause books each of its positions once', async () => {
  await expect(book({ ...reserve, amount: 1n })).rejects.toThrow(/transfer_caused_once/);
});

test.each([
  ['order', `order_key = null`],
  ['payout', `cause_id = null`],
  ['payout', `cause = 'weather'`],
  ['payout', `line_id = '1'`],
])('a transfer of the cause %s is not kept with %s', async (cause, change) => {
  const [column, value] = change.split(' = ') as [string, string];
  const statement = `insert into transfer (order_key, revision, line_id, role, cause, cause_id, position, kind, merchant_id, currency,
      promoter_id, from_account_id, to_account_id, amount, booked_at)
    select order_key, revision, line_id, role, cause, cause_id, 900, kind, merchant_id, currency, promoter_id, from_account_id,
      to_account_id, amount, booked_at from (select (jsonb_populate_record(t, jsonb_build_object('${column}', ${value}::text))).*
      from transfer t where cause = '${cause}' limit 1) as changed`;
  if (cause === 'order') await books.commit(books.transfer());
  await expect(sql.raw(statement).execute(books.owner)).rejects.toThrow(/transfer_cause|not-null/);
});

test('the books sum to zero, the chain holds, and entries and transfers tell the cause', async () => {
  expect((await trialBalance(books.db)).map(({ sum }) => sum)).toEqual([0n]);
  expect(await verifyChain(books.db)).toMatchObject({ broken: null });
  const entries = (await get('/v1/promoters/bob/entries')).json().data.filter(({ cause }: { cause: string }) => cause === 'payout');
  expect(
    entries.map(({ kind, account, amount, cause_id, order_id }: Record<string, unknown>) => [kind, account, amount, cause_id, order_id]),
  ).toEqual([
    ['pay', 'paid', 500, 'p-1', null],
    ['pay', 'paying', -500, 'p-1', null],
    ['reserve', 'paying', 500, 'p-1', null],
    ['reserve', 'available', -500, 'p-1', null],
  ]);
  const transfers = (await get('/v1/ledger/transfers?promoter_id=bob')).json().data;
  expect(transfers.filter(({ cause }: { cause: string }) => cause === 'payout')).toHaveLength(2);
});

test('the statement that proves itself holds with them', async () => {
  await settle(books.db);
  const text = (await get('/v1/promoters/bob/statement.csv?month=2026-08')).body;
  expect(checkStatement(text)).toMatchObject({ faults: [], entries: 4, unchained: 0 });
  expect(checkStatement(text.replaceAll('"p-1"', '"p-2"')).faults).not.toEqual([]);
});
