// What storefronts said of their buyers, statement by statement: kept for good, counted until it is
// taken back.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';

/**
 * The word that these identities are one buyer, who has made the click, if one is given; the
 * click's touch is of the first of them.
 */
export interface IdentityStatement {
  merchantId: string;
  identities: readonly string[];
  click: { clickId: string; clickedAt: number } | null;
  keyId: string;
  now: Date;
}

/** A statement as it is listed. Of the identities it says no more than how many they are. */
export interface StatementRow {
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

/** What is needed of a statement to take it back. */
export interface KeptStatement {
  merchantId: string;
  identities: string[];
  reversed: boolean;
}

const COUNTS = sql`not exists (select from identity_reversal where identity_reversal.statement_id = identity_statement.statement_id)`;

/**
 * The statement that says the very same already, and counts; storefronts say most of them again at
 * every visit.
 */
export async function findSameStatement(
  db: Kysely<DB>,
  { merchantId, identities, click }: Pick<IdentityStatement, 'merchantId' | 'identities' | 'click'>,
): Promise<bigint | null> {
  const { rows } = await sql<{ statement_id: bigint }>`
    select statement_id from identity_statement
    where identities @> ${identities}::uuid[] and identities <@ ${identities}::uuid[] and merchant_id = ${merchantId}
      and click_id is not distinct from ${click?.clickId ?? null}::uuid
      and (click_id is null or identities[1] = ${identities[0]}::uuid) and ${COUNTS}
    order by statement_id limit 1`.execute(db);
  return rows[0]?.statement_id ?? null;
}

/** Keeps a statement, with the touch of its click. Answers its id. */
export async function keepStatement(
  trx: Transaction<DB>,
  { merchantId, identities, click, keyId, now }: IdentityStatement,
): Promise<bigint> {
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

export async function findStatement(db: Kysely<DB>, statementId: bigint): Promise<KeptStatement | null> {
  const { rows } = await sql<KeptStatement>`
    select merchant_id as "merchantId", identities, not ${COUNTS} as reversed
    from identity_statement where statement_id = ${statementId}`.execute(db);
  return rows[0] ?? null;
}

/** Notes that a statement counts no more, and takes back its touch. */
export async function strikeStatement(trx: Transaction<DB>, statementId: bigint, keyId: string, now: Date): Promise<void> {
  await trx.insertInto('identity_reversal').values({ statement_id: statementId, key_id: keyId, reversed_at: now }).execute();
  await trx.deleteFrom('touch').where('statement_id', '=', statementId).execute();
}

/**
 * The groups of identities, of those of one buyer, that are still said to be one: sets that may
 * overlap.
 */
export async function statedGroups(db: Kysely<DB>, identities: readonly string[]): Promise<string[][]> {
  const { rows } = await sql<{ identities: string[] }>`
    select distinct identities from identity_statement
    where identities && ${identities}::uuid[] and cardinality(identities) > 1 and ${COUNTS}`.execute(db);
  return rows.map((row) => row.identities);
}

/** Statements from the latest, of one merchant or of all, one more than asked for. */
export async function listStatements(
  db: Kysely<DB>,
  merchantId: string | null,
  { limit, before }: { limit: number; before: bigint | null },
): Promise<StatementRow[]> {
  const { rows } = await sql<StatementRow>`
    select statement_id, merchant_id, cardinality(identities) as identities, click_id, identity_statement.key_id, stated_at,
      reversed_at, identity_reversal.key_id as reversed_by
    from identity_statement left join identity_reversal using (statement_id)
    where (${merchantId}::text is null or merchant_id = ${merchantId}) and (${before}::bigint is null or statement_id < ${before})
    order by statement_id desc limit ${limit + 1}`.execute(db);
  return rows;
}
