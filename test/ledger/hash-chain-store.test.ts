// The hash chain over real books: nothing that commits late is skipped, and nothing that is chained
// can be changed unnoticed.

import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { foldBalances } from '../../src/ledger/balances.ts';
import { leafOf } from '../../src/ledger/hash-chain.ts';
import { chainTransfers, chainEntryOf, readChainEntries, verifyChain, type ChainCheck } from '../../src/ledger/hash-chain-store.ts';
import { accountCache, bookTransfers } from '../../src/ledger/booking-store.ts';
import { foldAll, openBooks, type Books } from './books.ts';

let books: Books;

/** Folds all that is booked, and chains what is folded. */
async function chainAll(limit?: number) {
  await foldAll(books.db);
  return chainTransfers(books.db, limit);
}

/**
 * What a verification says after something was done that the triggers would not let anybody do; it
 * is undone again.
 */
async function verifiedAfter(statement: string, after = 0n): Promise<ChainCheck> {
  const trx = await books.owner.startTransaction().execute();
  try {
    await sql`set local session_replication_role = replica`.execute(trx);
    await sql.raw(statement).execute(trx);
    return await verifyChain(trx, { after });
  } finally {
    await trx.rollback().execute();
  }
}

const transfersChained = async () => (await verifyChain(books.db)).transfers;

describe('chaining', () => {
  beforeEach(async () => {
    books = await openBooks();
  });
  afterEach(() => books.close());

  test('takes every transfer once, in links that hold on to each other', async () => {
    expect(await verifyChain(books.db)).toEqual({ links: 0, transfers: 0, last: null, broken: null });
    expect(await chainAll()).toEqual({ chained: 16, more: false });
    await books.commit(books.transfer(), books.transfer());
    expect(await chainAll()).toEqual({ chained: 2, more: false });
    expect(await chainAll()).toEqual({ chained: 0, more: false });
    const [first, second] = await readChainEntries(books.db, { after: 0n, limit: 10 });
    expect(second!.previousHash).toEqual(first!.hash);
    expect(await verifyChain(books.db)).toMatchObject({ links: 2, transfers: 18, last: { linkNo: 2n }, broken: null });
  });

  test('skips nothing that is booked before it and committed after it', async () => {
    await chainAll();
    const late = await books.db.startTransaction().execute();
    await books.book(late, [books.transfer({ amount: 11n })]);
    await books.commit(books.transfer({ amount: 13n }));
    await foldBalances(books.db);
    expect(await chainTransfers(books.db)).toMatchObject({ chained: 0 });
    await late.commit().execute();
    expect(await chainAll()).toMatchObject({ chained: 2 });
    expect(await transfersChained()).toBe(18);
  });

  test('takes what is folded only, and leaves the work to whoever folds or chains already', async () => {
    expect(await chainTransfers(books.db)).toEqual({ chained: 0, more: false });
    await foldAll(books.db);
    const other = await books.db.startTransaction().execute();
    await sql`select from ledger_fold for update`.execute(other);
    expect(await chainTransfers(books.db)).toEqual({ chained: 0, more: false });
    await other.rollback().execute();
    expect(await chainTransfers(books.db)).toMatchObject({ chained: 16 });
  });

  test('takes as many as it may, never half of a transaction, and says that there are more', async () => {
    for (let n = 0; n < 3; n++) await books.commit(books.transfer(), books.transfer());
    expect(await chainAll(17)).toEqual({ chained: 18, more: true });
    expect(await chainAll(3)).toEqual({ chained: 4, more: true });
    expect(await chainAll(3)).toEqual({ chained: 0, more: false });
    expect(await verifyChain(books.db)).toMatchObject({ links: 2, transfers: 22, broken: null });
  });

  test('makes a link of its own for every day', async () => {
    await chainAll();
    const days = ['2026-05-31T23:59:59.999Z', '2026-06-01T00:00:00Z', '2026-06-01T12:00:00Z', '2026-06-02T00:00:00Z'];
    for (const day of days) {
      await books.db.transaction().execute((trx) => bookTransfers(trx, [books.transfer()], accountCache(), new Date(day)));
    }
    await chainAll();
    const links = await readChainEntries(books.db, { after: 1n, limit: 10 });
    expect(links.map((link) => [link.day, link.transfers])).toEqual([
      ['2026-05-31', 1],
      ['2026-06-01', 2],
      ['2026-06-02', 1],
    ]);
    expect(await verifyChain(books.db)).toMatchObject({ links: 4, broken: null });
  });

  test('reads a transfer in words of the outside', async () => {
    await chainAll();
    await books.commit(books.transfer({ amount: 630n, lineId: '7', revision: 999, role: 'upline', level: 1, promoterId: 'alice' }));
    await chainAll();
    const { rows } = await sql<{ transfer_id: bigint; booked_at: Date }>`
      select transfer_id, booked_at from transfer order by transfer_id desc limit 1`.execute(books.owner);
    const leaf = leafOf({
      transferId: String(rows[0]!.transfer_id),
      bookedAt: rows[0]!.booked_at.toISOString(),
      kind: 'accrue',
      merchantId: 'm1',
      sourceId: 'rest',
      orderId: 'order of m1',
      revision: '999',
      position: '0',
      lineId: '7',
      role: 'upline',
      level: '1',
      promoterId: 'alice',
      currency: 'CNY',
      amount: '630',
      from: 'commission:m1',
      to: 'pending:alice',
      cause: 'order',
      causeId: '999',
      campaignId: '',
    });
    expect(await chainEntryOf(books.db, (await readChainEntries(books.db, { after: 0n, limit: 1 }))[0]!.belowXid)).toMatchObject({
      linkNo: 2n,
      leaves: leaf,
    });
  });

  test('writes links that nobody can change or take away', async () => {
    await chainAll();
    for (const statement of ['update ledger_link set transfers = 1', 'delete from ledger_link', 'truncate ledger_link']) {
      await expect(sql.raw(statement).execute(books.owner)).rejects.toThrow(/never changed/);
      await expect(sql.raw(statement).execute(books.db)).rejects.toThrow(/permission denied/);
    }
  });
});

describe('verifying names the first link that does not agree, when', () => {
  beforeAll(async () => {
    books = await openBooks();
    await chainAll();
    for (let n = 0; n < 3; n++) {
      for (let m = 0; m < 3; m++) await books.commit(books.transfer({ amount: BigInt(100 * n + m + 1) }));
      await chainAll();
    }
  });
  afterAll(() => books.close());

  test('nothing does as long as nothing is touched', async () => {
    expect(await verifyChain(books.db)).toMatchObject({ links: 4, transfers: 25, broken: null });
  });

  const swap = `update transfer set booked_xid = other.booked_xid from transfer other
    where transfer.amount in (101, 102) and other.amount in (101, 102) and other.amount <> transfer.amount`;
  const insert = `insert into transfer (order_key, revision, position, kind, merchant_id, currency, promoter_id, line_id, role,
    from_account_id, to_account_id, amount, booked_at, booked_xid)
    select order_key, revision, 77, kind, merchant_id, currency, promoter_id, line_id, role, from_account_id, to_account_id, amount,
      booked_at, booked_xid from transfer where amount = 103`;
  const sendElsewhere = `update transfer set to_account_id = account_id from account
    where account.kind = 'pending' and account.promoter_id = 'alice' and account.merchant_id = 'm1' and amount = 103`;
  const forgeLeaf = `update ledger_link set leaves = overlay(leaves placing sha256('forged') from 1 for 32) where link_no = 3`;
  const forgeBoth = `update transfer set amount = 999 where amount = 101; ${forgeLeaf}`;

  test.each([
    ['an amount was altered', `update transfer set amount = 999 where amount = 102`, 'at place 2'],
    ['a time was altered', `update transfer set booked_at = booked_at + interval '1 second' where amount = 101`, 'at place 1'],
    ['money was sent to somebody else', sendElsewhere, 'at place 3'],
    ['a transfer was removed', `delete from transfer where amount = 102`, 'at place 2'],
    ['its last transfer was removed', `delete from transfer where amount = 103`, '2 are there'],
    ['a transfer was inserted', insert, 'at place 4'],
    ['two transfers changed places', swap, 'at place 1'],
    ['a leaf was forged', forgeLeaf, 'at place 1'],
    ['a transfer and its leaf were forged', forgeBoth, 'at place 1'],
    ['its root was forged', `update ledger_link set root = sha256('forged') where link_no = 3`, 'its hash'],
    ['its hash was forged', `update ledger_link set hash = sha256('forged') where link_no = 3`, 'its hash'],
    ['its tree was forged', `update ledger_link set upper = sha256('forged') where link_no = 3`, 'its tree'],
    ['its previous hash was forged', `update ledger_link set previous_hash = sha256('forged') where link_no = 3`, 'previous hash'],
    ['its day was forged', `update ledger_link set day = day - 1 where link_no = 3`, 'its hash'],
  ])('%s', async (_what, statement, told) => {
    const { broken, last, links } = await verifiedAfter(statement);
    expect(broken).toMatchObject({ linkNo: 3n });
    expect(broken!.reason).toContain(told);
    expect(last).toMatchObject({ linkNo: 2n });
    expect(links).toBe(2);
  });

  test('a link was taken out of the middle', async () => {
    const { broken } = await verifiedAfter('delete from ledger_link where link_no = 3');
    expect(broken).toMatchObject({ linkNo: 4n, reason: 'it follows the link 2' });
  });

  test('the books of an order were given to another one', async () => {
    expect((await verifiedAfter(`update orders set order_id = 'other' where merchant_id = 'm1'`)).broken).toMatchObject({ linkNo: 1n });
  });

  test('it begins behind a link that is believed', async () => {
    expect(await verifiedAfter('update transfer set amount = 999 where amount = 101', 3n)).toMatchObject({ links: 1, broken: null });
    const { broken } = await verifiedAfter('update transfer set amount = 999 where amount = 201', 3n);
    expect(broken).toMatchObject({ linkNo: 4n });
  });
});
