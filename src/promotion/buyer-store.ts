// Which identities are one buyer: merged by what storefronts say, never split, with every statement kept.

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../core/errors.ts';
import type { DB } from '../platform/tables.ts';
import { uuidv7 } from '../platform/uuid.ts';

/** More identities than that are no buyer: somebody sends one value for all buyers. */
const IDENTITIES_PER_BUYER_MAX = 200;

/** That somebody said that these identities are one buyer. */
export interface IdentityStatement {
  merchantId: string;
  identities: readonly string[];
  keyId: string;
  now: Date;
}

/**
 * Keeps the statement (unless it is of one identity only) and makes the identities one buyer. Returns all identities of that buyer, and
 * whether they were not one before.
 * Throws `unprocessable` when the buyer would have too many of them.
 */
export async function mergeIdentities(
  trx: Transaction<DB>,
  { merchantId, identities, keyId, now }: IdentityStatement,
): Promise<{ buyer: string[]; merged: boolean }> {
  if (identities.length === 1) return { buyer: (await groupsOf(trx, identities)).get(identities[0]!)!, merged: false };
  await trx
    .insertInto('identity_statement')
    .values({ merchant_id: merchantId, identities: [...identities], key_id: keyId, stated_at: now })
    .execute();
  // Most statements are said again at every visit; only those that bring something new wait for their turn.
  if (await isOneBuyer(trx, identities)) return { buyer: (await groupsOf(trx, identities)).get(identities[0]!)!, merged: false };
  await sql`select pg_advisory_xact_lock(hashtextextended(${`promotion:buyers:${merchantId}`}, 0))`.execute(trx);
  const groups = await groupsOf(trx, identities);
  const buyer = [...new Set([...groups.values()].flat())];
  if (buyer.length > IDENTITIES_PER_BUYER_MAX) {
    throw new DomainError('unprocessable', `A buyer has at most ${IDENTITIES_PER_BUYER_MAX} identities; these would be ${buyer.length}.`);
  }
  await sql`
    insert into buyer_identity (identity, buyer, merchant_id)
    select identity, coalesce(
      (select buyer from buyer_identity where identity = any(${buyer}::uuid[]) order by buyer limit 1), ${uuidv7(now.getTime())}), ${merchantId}
    from unnest(${buyer}::uuid[]) as stated (identity)
    on conflict (identity) do update set buyer = excluded.buyer where buyer_identity.buyer <> excluded.buyer`.execute(trx);
  return { buyer, merged: true };
}

async function isOneBuyer(db: Kysely<DB>, identities: readonly string[]): Promise<boolean> {
  const { rows } = await sql<{ known: bigint; buyers: bigint }>`
    select count(*) as known, count(distinct buyer) as buyers from buyer_identity where identity = any(${identities}::uuid[])`.execute(db);
  const { known, buyers } = rows[0]!;
  return known === BigInt(identities.length) && buyers === 1n;
}

/** For each identity all identities of its buyer, itself among them. One that was never merged is a buyer of its own. */
export async function groupsOf(db: Kysely<DB>, identities: readonly string[]): Promise<Map<string, string[]>> {
  const groups = new Map(identities.map((identity) => [identity, [identity]]));
  if (identities.length === 0) return groups;
  const { rows } = await sql<{ identity: string; others: string[] }>`
    select one.identity, array_agg(other.identity order by other.identity) as others
    from buyer_identity as one join buyer_identity as other using (buyer)
    where one.identity = any(${identities}::uuid[]) group by one.identity`.execute(db);
  for (const { identity, others } of rows) groups.set(identity, others);
  return groups;
}
