// The audit log: every change an operator makes, written in the transaction that makes it, and
// never changed after.

import type { Kysely, Transaction } from 'kysely';

import type { Actor } from './actor.ts';
import { stringifyJson } from '../http/json.ts';
import type { DB } from '../postgres/tables.ts';

export interface Change {
  /** Who did it; null for what the service did of itself. */
  actor: Actor | null;
  now: Date;
  /** What was done, as noun and past participle: `key_revoked`. */
  action: string;
  subjectKind: string;
  subjectId: string;
  /** The subject before and after, without secrets; null where there was none, or is none left. */
  before: unknown;
  after: unknown;
}

interface ChangeFilter {
  subjectKind: string | null;
  subjectId: string | null;
  /** At or after. */
  from: Date | null;
  /** Before. */
  to: Date | null;
}

interface ChangeRow {
  audit_id: bigint;
  recorded_at: Date;
  key_id: string | null;
  action: string;
  subject_kind: string;
  subject_id: string;
  before: unknown;
  after: unknown;
}

/** Writes one change down. */
export async function recordChange(trx: Transaction<DB>, change: Change): Promise<void> {
  await recordChanges(trx, [change]);
}

/** Writes many changes down, in their order, by one query. */
export async function recordChanges(trx: Transaction<DB>, changes: Change[]): Promise<void> {
  if (changes.length === 0) return;
  const rows = changes.map(({ actor, now, action, subjectKind, subjectId, before, after }) => ({
    recorded_at: now,
    key_id: actor?.keyId ?? null,
    action,
    subject_kind: subjectKind,
    subject_id: subjectId,
    before: jsonOrNull(before),
    after: jsonOrNull(after),
  }));
  await trx.insertInto('audit_log').values(rows).execute();
}

/** Changes from the latest, one more than asked for. `before` is the id to go on below. */
export async function listChanges(
  db: Kysely<DB>,
  filter: ChangeFilter,
  { limit, before }: { limit: number; before: string | null },
): Promise<ChangeRow[]> {
  let query = db
    .selectFrom('audit_log')
    .select(['audit_id', 'recorded_at', 'key_id', 'action', 'subject_kind', 'subject_id', 'before', 'after'])
    .orderBy('audit_id', 'desc');
  if (filter.subjectKind !== null) query = query.where('subject_kind', '=', filter.subjectKind);
  if (filter.subjectId !== null) query = query.where('subject_id', '=', filter.subjectId);
  if (filter.from !== null) query = query.where('recorded_at', '>=', filter.from);
  if (filter.to !== null) query = query.where('recorded_at', '<', filter.to);
  if (before !== null) query = query.where('audit_id', '<', BigInt(before));
  return query.limit(limit + 1).execute();
}

function jsonOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : stringifyJson(value);
}
