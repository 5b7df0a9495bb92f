// How much is due and since when, for each kind of work that the worker and the sweep find in rows:
// what a backlog looks like.

import { Gauge, type Registry } from '@prometheus-io/client';
import { sql, type Kysely, type RawBuilder } from 'kysely';

import { IDEMPOTENCY_DAYS } from '../platform/http/idempotency.ts';
import type { DB } from '../platform/postgres/tables.ts';

const COUNTED_MAX = 10_000;

/**
 * Where the due rows of each kind are, found by an index from the oldest on, and since when they
 * are.
 */
const DUE: Record<string, RawBuilder<unknown>> = {
  deliveries: sql`select next_attempt_at as since from delivery where state = 'received' and next_attempt_at <= now() order by next_attempt_at`,
  awards: sql`select due_at as since from award_due where due_at <= now() order by due_at`,
  holds: sql`select releases_at as since from award where releases_at <= now() order by releases_at`,
  rechecks: sql`select recheck_at as since from award where recheck_at <= now() order by recheck_at`,
  uploads: sql`select uploaded_at as since from reconciliation where state = 'reading' and uploaded_at is not null order by made_at`,
  won_lines: sql`select due_at as since from won_line_due where due_at <= now() order by due_at`,
  bonuses: sql`select due_at as since from bonus where due_at <= now() order by due_at`,
  relocked: sql`select made_at as since from relocked order by relocked_id`,
  idempotency_keys: sql`select made_at + ${IDEMPOTENCY_DAYS} * interval '1 day' as since from idempotency_key
    where made_at <= now() - ${IDEMPOTENCY_DAYS} * interval '1 day' order by made_at`,
  dead_letters: sql`select received_at as since from delivery where state = 'failed' order by delivery_id`,
  parked_reports: sql`select received_at as since from delivery where state = 'parked' order by delivery_id`,
};

interface DueWork {
  work: string;
  /** At most 10 000. */
  depth: number;
  ageSeconds: number;
}

/** How much is due of each kind, by one query. */
export async function readDueWork(db: Kysely<DB>): Promise<DueWork[]> {
  const parts = Object.entries(DUE).map(
    ([work, due]) => sql`
      select ${sql.lit(work)} as work, count(*)::integer as depth,
        greatest(coalesce(extract(epoch from now() - min(since)), 0), 0)::float8 as age_seconds
      from (select since from (${due}) as due limit ${COUNTED_MAX}) as counted`,
  );
  const { rows } = await sql<{ work: string; depth: number; age_seconds: number }>`${sql.join(parts, sql` union all `)}`.execute(db);
  return rows.map(({ work, depth, age_seconds: ageSeconds }) => ({ work, depth, ageSeconds }));
}

export interface DueMetrics {
  depth: Gauge<'work'>;
  age: Gauge<'work'>;
}

export function dueMetrics(registry: Registry): DueMetrics {
  return {
    depth: new Gauge({
      name: 'fenyong_due_work',
      help: 'How much is due, by the kind of work; counting stops at 10 000.',
      labelNames: ['work'],
      registers: [registry],
    }),
    age: new Gauge({
      name: 'fenyong_due_work_age_seconds',
      help: 'For how long the oldest piece of work has been due; 0 when there is none.',
      labelNames: ['work'],
      registers: [registry],
    }),
  };
}

/** Tells Prometheus how much is due. */
export async function measureDue(db: Kysely<DB>, { depth, age }: DueMetrics): Promise<void> {
  for (const { work, ...due } of await readDueWork(db)) {
    depth.set({ work }, due.depth);
    age.set({ work }, due.ageSeconds);
  }
}
