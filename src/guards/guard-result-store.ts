// What the guards last found, kept so that every process tells the same and nobody asks the books
// twice.

import { sql, type Kysely } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';
import type { GuardKind, Violation } from './guard.ts';

export interface GuardResult {
  name: string;
  kind: GuardKind;
  /**
   * How many were found; counting stops at some 10 000. A guard that could not be run has one: that
   * it could not.
   */
  violations: number;
  /** A few of them. */
  sample: Violation[];
  checkedAt: Date;
  tookMs: number;
  /**
   * What was changed before this was read, by the database's clock; null when that is not known.
   */
  seenUpTo: Date | null;
  /** When everything was read last; null when that has not been yet. */
  fullAt: Date | null;
}

interface ResultRow {
  name: string;
  kind: GuardKind;
  violations: bigint;
  sample: Violation[];
  checked_at: Date;
  took_ms: number;
  seen_up_to: Date | null;
  full_at: Date | null;
}

/** The last results by the names of their guards. */
export async function readResults(db: Kysely<DB>): Promise<Map<string, GuardResult>> {
  const { rows } = await sql<ResultRow>`
    select name, kind, violations, sample, checked_at, took_ms, seen_up_to, full_at from guard_result`.execute(db);
  return new Map(
    rows.map(({ violations, checked_at: checkedAt, took_ms: tookMs, seen_up_to: seenUpTo, full_at: fullAt, ...row }) => [
      row.name,
      { ...row, violations: Number(violations), checkedAt, tookMs, seenUpTo, fullAt },
    ]),
  );
}

/** Keeps results in the place of earlier ones; of two that were found at once the later stays. */
export async function keepResults(db: Kysely<DB>, results: readonly GuardResult[]): Promise<void> {
  if (results.length === 0) return;
  const ordered = results.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  await sql`
    insert into guard_result (name, kind, violations, sample, checked_at, took_ms, seen_up_to, full_at)
    select name, kind, violations, sample, checked_at, took_ms, seen_up_to, full_at from ${unnestOf(
      ordered,
      {
        name: ['text', (one) => one.name],
        kind: ['text', (one) => one.kind],
        violations: ['bigint', (one) => one.violations],
        sample: ['jsonb', (one) => one.sample],
        checked_at: ['timestamptz', (one) => one.checkedAt],
        took_ms: ['int', (one) => one.tookMs],
        seen_up_to: ['timestamptz', (one) => one.seenUpTo],
        full_at: ['timestamptz', (one) => one.fullAt],
      },
      'told',
    )}
    on conflict (name) do update set kind = excluded.kind, violations = excluded.violations, sample = excluded.sample,
      checked_at = excluded.checked_at, took_ms = excluded.took_ms, seen_up_to = excluded.seen_up_to, full_at = excluded.full_at
      where guard_result.checked_at <= excluded.checked_at`.execute(db);
}
