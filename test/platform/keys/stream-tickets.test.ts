import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import type { Actor } from '../../../src/platform/keys/actor.ts';
import { findActors, hashOfKey } from '../../../src/platform/keys/keys-store.ts';
import { findTicketActors, makeTicket, sweepTickets } from '../../../src/platform/keys/stream-tickets.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';
import { newKey } from '../callers.ts';

let database: TestDatabase;
const actors: Actor[] = [];

beforeAll(async () => {
  database = await testDatabase();
  for (const scope of ['admin', 'auditor'] as const) {
    const hash = hashOfKey(await newKey(database.db, scope));
    actors.push((await findActors(database.db, [hash])).get(hash)!);
  }
});

beforeEach(() => sql`delete from stream_ticket`.execute(database.owner));

afterAll(() => database.close());

const make = (actor: Actor) => inTransaction(database.db, ({ trx, now }) => makeTicket(trx, actor, now));

test('a thousand live tickets of a key are enough: one more is refused until the first expires', async () => {
  const [actor, another] = actors;
  await sql`
    insert into stream_ticket (hash, key_id, made_at, expires_at)
    select sha256(n::text::bytea), ${actor!.keyId}, now(), now() + interval '100 seconds' + n * interval '1 millisecond'
    from generate_series(1, 1000) as n`.execute(database.owner);
  await expect(make(actor!)).rejects.toMatchObject({ code: 'too_many_requests', retryAfterSeconds: expect.closeTo(100, -1) as number });
  await make(another!);
  await sql`update stream_ticket set made_at = now() - interval '1 hour', expires_at = now() where key_id = ${actor!.keyId}`.execute(
    database.owner,
  );
  await make(actor!);
});

test('the sweep takes those that have expired, as many as it is told to, and no other', async () => {
  const made = [await make(actors[0]!), await make(actors[0]!), await make(actors[0]!)];
  const [first, second, third] = made.map(({ ticket }) => Buffer.from(hashOfKey(ticket), 'hex'));
  await sql`
    update stream_ticket set made_at = now() - interval '1 hour', expires_at = now() - interval '1 second'
    where hash in (${first}, ${second})`.execute(database.owner);
  const sweep = () => inTransaction(database.db, ({ trx, now }) => sweepTickets(trx, now, 1));
  expect([await sweep(), await sweep(), await sweep()]).toEqual([1, 1, 0]);
  const left = await database.owner.selectFrom('stream_ticket').select('hash').execute();
  expect(left).toEqual([{ hash: third }]);
  expect([...(await findTicketActors(database.db, [third!.toString('hex')])).values()]).toEqual([actors[0]]);
});
