// What storefronts said of their buyers, one identity link after the other: kept for good, counted
// until it is taken back.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';

/**
 * The word that these identities are one buyer, who has made the click, if one is given; the
 * click's touch is of the first of them.
 */
export interface IdentityLink {
  merchantId: string;
  identities: readonly string[];
  click: { clickId: string; clickedAt: number } | null;
  keyId: string;
  now: Date;
}

/** An identity link as it is listed. Of the identities it says no more than how many they are. */
export interface IdentityLinkRow {
  statement_id: bigint;
  merchant_id: string;
  identities: number;
  click_id: string | null;
  key_id: string;
  stated_at: Date;
  /** When it was taken back, and by whom; null while it counts. */
  reversed_at: Date | null;
  reversed_by: string | null;
}

/** What is needed of an identity link to take it back. */
export interface KeptIdentityLink {
  merchantId: string;
  identities: string[];
  reversed: boolean;
}

const COUNTS = sql`not exists (select from identity_reversal where identity_reversal.statement_id = identity_statement.statement_id)`;

/**
 * The identity link that says the very same already, and counts; storefronts say most of them again
 * at every visit.
 */
export async function findSameIdentityLink(
  db: Kysely<DB>,
  { merchantId, identities, click }: Pick<IdentityLink, 'merchantId' | 'identities' | 'click'>,
): Promise<bigint | null> {
  const { rows } = await sql<{ statement_id: bigint }>`
    select statement_id from identity_statement
    where identities @> ${identities}::uuid[] and identities <@ ${identities}::uuid[] and merchant_id = ${merchantId}
      and click_id is not distinct from ${click?.clickId ?? null}::uuid
      and (click_id is null or identities[1] = ${identities[0]}::uuid) and ${COUNTS}
    order by statement_id limit 1`.execute(db);
  return rows[0]?.statement_id ?? null;
}

/** Keeps an identity link, with the touch of its click. Answers its id. */
export async function keepIdentityLink(trx: Transaction<DB>, { merchantId, identities, click, keyId, now }: IdentityLink): Promise<bigint> {
  const { statement_id: statementId } = await trx
    .insertInto('identity_statement')
    .values({ merchant_id: merchantId, identities: [...identities], click_id: click?.clickId ?? null, key_id: keyId, stated_at: now })
    .returning('statement_id')
    .executeTakeFirstOrThrow();
  if (click !== null) {
    await trx
      .insertInto('touch')
      .values({ identity: identities[0]!, click_id: click.clickId, clicked_at: new Date(click.clickedAt), statement_id: statementId })
      .execute();
  }
  return statementId;
}

export async function findIdentityLink(db: Kysely<DB>, statementId: bigint): Promise<KeptIdentityLink | null> {
  const { rows } = await sql<KeptIdentityLink>`
    select merchant_id as "merchantId", identities, not ${COUNTS} as reversed
    from identity_statement where statement_id = ${statementId}`.execute(db);
  return rows[0] ?? null;
}

/** Notes that an identity link counts no more, and takes back its touch. */
export async function strikeIdentityLink(trx: Transaction<DB>, statementId: bigint, keyId: string, now: Date): Promise<void> {
  await trx.insertInto('identity_reversal').values({ statement_id: statementId, key_id: keyId, reversed_at: now }).execute();
  await trx.deleteFrom('touch').where('statement_id', '=', statementId).execute();
}

/**
 * The groups of identities, of those of one buyer, that are still said to be one: sets that may
 * overlap.
 */
export async function linkedGroups(db: Kysely<DB>, identities: readonly string[]): Promise<string[][]> {
  const { rows } = await sql<{ identities: string[] }>`
    select distinct identities from identity_statement
    where identities && ${identities}::uuid[] and cardinality(identities) > 1 and ${COUNTS}`.execute(db);
  return rows.map((row) => row.identities);
}

/** Identity links from the latest, of one merchant or of all, one more than asked for. */
export async function listIdentityLinks(
  db: Kysely<DB>,
  merchantId: string | null,
  { limit, before }: { limit: number; before: bigint | null },
): Promise<IdentityLinkRow[]> {
  const { rows } = await sql<IdentityLinkRow>`
    select statement_id, merchant_id, cardinality(identities) as identities, click_id, identity_statement.key_id, stated_at,
      reversed_at, identity_reversal.key_id as reversed_by
    from identity_statement left join identity_reversal using (statement_id)
    where (${merchantId}::text is null or merchant_id = ${merchantId}) and (${before}::bigint is null or statement_id < ${before})
    order by statement_id desc limit ${limit + 1}`.execute(db);
  return rows;
}
