// What one person says of a payout whose end is disputed, unknown or told wrongly, until a second
// one agrees.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';

export interface Ruling {
  rulingId: string;
  payoutId: string;
  /** `correction`: the end that was told is wrong. */
  kind: 'result' | 'correction';
  state: 'paid' | 'failed';
  reference: string | null;
  reason: string | null;
  occurredAt: Date | null;
  madeAt: Date;
  madeBy: string;
  madePerson: string;
}

interface RulingRow {
  ruling_id: string;
  payout_id: string;
  kind: Ruling['kind'];
  state: Ruling['state'];
  reference: string | null;
  reason: string | null;
  occurred_at: Date | null;
  made_at: Date;
  made_by: string;
  made_person: string;
}

/** The ruling that waits for a second person; null where none does. */
export async function findOpenRuling(trx: Transaction<DB>, payoutId: string, kind: Ruling['kind']): Promise<Ruling | null> {
  const { rows } = await sql<RulingRow>`
    select ruling_id, payout_id, kind, state, reference, reason, occurred_at, made_at, made_by, made_person
    from payout_ruling where payout_id = ${payoutId} and kind = ${kind} and decided_at is null for update`.execute(trx);
  const [row] = rows;
  if (row === undefined) return null;
  return {
    rulingId: row.ruling_id,
    payoutId: row.payout_id,
    kind: row.kind,
    state: row.state,
    reference: row.reference,
    reason: row.reason,
    occurredAt: row.occurred_at,
    madeAt: row.made_at,
    madeBy: row.made_by,
    madePerson: row.made_person,
  };
}

/** Keeps a ruling; one that waited before is replaced, since only one can be agreed to. */
export async function insertRuling(trx: Transaction<DB>, ruling: Ruling): Promise<void> {
  await sql`
    update payout_ruling set decided_at = ${ruling.madeAt}, decided_by = ${ruling.madeBy}
    where payout_id = ${ruling.payoutId} and decided_at is null`.execute(trx);
  await trx
    .insertInto('payout_ruling')
    .values({
      ruling_id: ruling.rulingId,
      payout_id: ruling.payoutId,
      kind: ruling.kind,
      state: ruling.state,
      reference: ruling.reference,
      reason: ruling.reason,
      occurred_at: ruling.occurredAt,
      made_at: ruling.madeAt,
      made_by: ruling.madeBy,
      made_person: ruling.madePerson,
    })
    .execute();
}

export async function closeRuling(trx: Transaction<DB>, rulingId: string, keyId: string, now: Date): Promise<void> {
  await sql`update payout_ruling set decided_at = ${now}, decided_by = ${keyId} where ruling_id = ${rulingId}`.execute(trx);
}
