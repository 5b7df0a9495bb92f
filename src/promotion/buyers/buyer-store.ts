// Which identities are one buyer: what the identity links that count say, put together. An identity
// link that is taken back parts them again.

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import {
  findSameIdentityLink,
  findIdentityLink,
  keepIdentityLink,
  linkedGroups,
  strikeIdentityLink,
  type IdentityLink,
  type KeptIdentityLink,
} from './identity-link-store.ts';

/** More identities than that are no buyer: somebody sends one value for all buyers. */
const IDENTITIES_PER_BUYER_MAX = 200;

/**
 * What an identity link led to: its id (null where it says nothing), all identities of the buyer,
 * and whether anything is new.
 */
interface IdentityLinkResult {
  statementId: bigint | null;
  buyer: string[];
  changed: boolean;
}

/**
 * Keeps the identity link and makes its identities one buyer. One that counts already is not kept a
 * second time; of one identity without a click nothing is said. Throws `unprocessable` when the
 * buyer would have too many identities.
 */
export async function mergeIdentities(trx: Transaction<DB>, identityLink: IdentityLink): Promise<IdentityLinkResult> {
  const { merchantId, identities, click, now } = identityLink;
  if (identities.length < 2 && click === null) return { statementId: null, buyer: await buyerOf(trx, identities), changed: false };
  const standing = await findSameIdentityLink(trx, identityLink);
  if (standing !== null) return { statementId: standing, buyer: await buyerOf(trx, identities), changed: false };

  await lockBuyers(trx, merchantId);
  const again = await findSameIdentityLink(trx, identityLink);
  const buyer = await buyerOf(trx, identities);
  if (again !== null) return { statementId: again, buyer, changed: false };
  if (buyer.length > IDENTITIES_PER_BUYER_MAX) {
    throw new DomainError('unprocessable', `A buyer has at most ${IDENTITIES_PER_BUYER_MAX} identities; these would be ${buyer.length}.`);
  }
  const statementId = await keepIdentityLink(trx, identityLink);
  const merged = await makeOne(trx, { merchantId, buyer, now });
  return { statementId, buyer, changed: merged || click !== null };
}

/**
 * Takes an identity link back: its identities are one buyer only as far as other identity links say
 * so, and its click is not the buyer's by it any more. Answers all identities that were one buyer
 * before. Throws `not_found`, and `conflict` for one that is taken back already.
 */
export async function takeBack(
  trx: Transaction<DB>,
  statementId: bigint,
  { actor, now }: { actor: Actor; now: Date },
): Promise<{ merchantId: string; buyer: string[]; buyers: number }> {
  const { merchantId } = await identityLinkThatCounts(trx, statementId);
  await lockBuyers(trx, merchantId);
  const { identities } = await identityLinkThatCounts(trx, statementId);
  const buyer = await buyerOf(trx, identities);
  await strikeIdentityLink(trx, statementId, actor.keyId, now);
  const groups = connected(buyer, await linkedGroups(trx, buyer));
  await trx.deleteFrom('buyer_identity').where('identity', 'in', buyer).execute();
  for (const group of groups) if (group.length > 1) await makeOne(trx, { merchantId, buyer: group, now });
  await recordChange(trx, {
    actor,
    now,
    action: 'identities_parted',
    subjectKind: 'identity_statement',
    subjectId: String(statementId),
    before: { merchant_id: merchantId, identities: buyer.length, buyers: 1 },
    after: { merchant_id: merchantId, identities: buyer.length, buyers: groups.length },
  });
  return { merchantId, buyer, buyers: groups.length };
}

/**
 * The identity link, as long as it counts. Throws `not_found`, and `conflict` for one that was
 * taken back.
 */
export async function identityLinkThatCounts(db: Kysely<DB>, statementId: bigint): Promise<KeptIdentityLink> {
  const identityLink = await findIdentityLink(db, statementId);
  if (identityLink === null) throw new DomainError('not_found', 'There is no such statement.');
  if (identityLink.reversed) throw new DomainError('conflict', 'The statement was taken back already.');
  return identityLink;
}

/**
 * Buyers of a merchant change one at a time: two identity links may meet in a buyer whom neither of
 * them names.
 */
async function lockBuyers(trx: Transaction<DB>, merchantId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`promotion:buyers:${merchantId}`}, 0))`.execute(trx);
}

/** All identities of those who have one of these. */
export async function buyerOf(db: Kysely<DB>, identities: readonly string[]): Promise<string[]> {
  return [...new Set([...(await groupsOf(db, identities)).values()].flat())];
}

/** Gives the identities one buyer, and tells whether they had not. */
async function makeOne(
  trx: Transaction<DB>,
  { merchantId, buyer, now }: { merchantId: string; buyer: readonly string[]; now: Date },
): Promise<boolean> {
  if (buyer.length < 2) return false;
  const { numAffectedRows } = await sql`
    insert into buyer_identity (identity, buyer, merchant_id)
    select identity, coalesce(
      (select buyer from buyer_identity where identity = any(${buyer}::uuid[]) order by buyer limit 1), ${uuidv7(now.getTime())}), ${merchantId}
    from unnest(${buyer}::uuid[]) as stated (identity)
    on conflict (identity) do update set buyer = excluded.buyer where buyer_identity.buyer <> excluded.buyer`.execute(trx);
  return (numAffectedRows ?? 0n) > 0n;
}

/** The identities, parted into those that hang together by the overlapping sets. */
function connected(identities: readonly string[], sets: readonly string[][]): string[][] {
  const groupOf = new Map(identities.map((identity) => [identity, [identity]]));
  for (const [first, ...others] of sets) {
    const group = groupOf.get(first!)!;
    for (const other of others) {
      const joining = groupOf.get(other)!;
      if (joining === group) continue;
      for (const identity of joining) groupOf.set(identity, group);
      group.push(...joining);
    }
  }
  return [...new Set(groupOf.values())];
}

/**
 * For each identity all identities of its buyer, itself among them. One that was never merged is a
 * buyer of its own.
 */
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
