// What Prometheus is told of money out: what is open and for how long, what waits for people, who
// owes, and how providers answer. Rows are counted by indexes, up to a bound; no id is a label.

import { Counter, Gauge, type Registry } from '@prometheus-io/client';
import { sql, type Kysely, type RawBuilder } from 'kysely';

import { isOpen, PAYOUT_STATES } from '../core/payouts/payout.ts';
import type { DB } from '../platform/postgres/tables.ts';

const COUNTED_MAX = 10_000;

/** What was approved and has not ended; drafts wait for people, as batches. */
const UNDER_WAY = PAYOUT_STATES.filter((state) => isOpen(state) && state !== 'drafted');

/** Since when each thing waits for another person, by what it is, the oldest first. */
const WAITING: Readonly<Record<string, RawBuilder<unknown>>> = {
  batch: sql`select drafted_at as since from payout_batch where approved_at is null and cancelled_at is null
    and exists (select from payout where payout.batch_id = payout_batch.batch_id and state = 'drafted') order by drafted_at`,
  ruling: sql`select made_at as since from payout_ruling where decided_at is null order by made_at`,
  write_off: sql`select made_at as since from write_off where approved_at is null and rejected_at is null order by made_at`,
};

export interface PayoutMetrics {
  open: Gauge<'state'>;
  openAge: Gauge<'state'>;
  waiting: Gauge<'what'>;
  waitingAge: Gauge<'what'>;
  stopped: Gauge<'kind'>;
  debts: Gauge<'currency'>;
  answers: Counter<'kind' | 'call' | 'outcome'>;
}

/** Made once per process that works. */
export function payoutMetrics(registry: Registry): PayoutMetrics {
  const registers = [registry];
  const gauge = <Label extends string>(name: string, help: string, label: Label): Gauge<Label> =>
    new Gauge({ name, help, labelNames: [label], registers });
  return {
    open: gauge('fenyong_payouts_open', 'Payouts that were approved and have not ended, by state; counting stops at 10 000.', 'state'),
    openAge: gauge(
      'fenyong_payouts_open_age_seconds',
      'For how long the oldest open payout has been in its state; 0 when none is.',
      'state',
    ),
    waiting: gauge(
      'fenyong_payout_decisions_waiting',
      'What waits for a second person: drafted batches, rulings on single payouts, write-offs; counting stops at 10 000.',
      'what',
    ),
    waitingAge: gauge(
      'fenyong_payout_decisions_waiting_age_seconds',
      'For how long the oldest of them has waited; 0 when none does.',
      'what',
    ),
    stopped: gauge('fenyong_payout_providers_stopped', 'Providers that wait for an operator after a restore, by kind.', 'kind'),
    debts: gauge('fenyong_debts', 'Accounts of promoters below zero, by currency; as of the last fold.', 'currency'),
    answers: new Counter({
      name: 'fenyong_payout_answers_total',
      help: 'What providers have answered, by kind of provider, call (send, ask, cancel) and what it said of the bill.',
      labelNames: ['kind', 'call', 'outcome'],
      registers,
    }),
  };
}

interface Counted {
  label: string;
  count: number;
  age_seconds: number;
}

/** Counts rows of each kind, which are given by `since`, and tells the age of the oldest. */
async function countEach(db: Kysely<DB>, kinds: Readonly<Record<string, RawBuilder<unknown>>>): Promise<Counted[]> {
  const parts = Object.entries(kinds).map(
    ([label, rows]) => sql`
      select ${sql.lit(label)} as label, count(*)::integer as count,
        greatest(coalesce(extract(epoch from now() - min(since)), 0), 0)::float8 as age_seconds
      from (select since from (${rows}) as found limit ${COUNTED_MAX}) as counted`,
  );
  const { rows } = await sql<Counted>`${sql.join(parts, sql` union all `)}`.execute(db);
  return rows;
}

/** Tells how much is under way or waits for people, and which providers stand still. */
export async function measurePayouts(db: Kysely<DB>, metrics: Omit<PayoutMetrics, 'debts' | 'answers'>): Promise<void> {
  const byState = Object.fromEntries(
    UNDER_WAY.map((state) => [state, sql`select changed_at as since from payout where state = ${sql.lit(state)} order by changed_at`]),
  );
  for (const { label: state, count, age_seconds: age } of await countEach(db, byState)) {
    metrics.open.set({ state }, count);
    metrics.openAge.set({ state }, age);
  }
  for (const { label: what, count, age_seconds: age } of await countEach(db, WAITING)) {
    metrics.waiting.set({ what }, count);
    metrics.waitingAge.set({ what }, age);
  }
  const { rows } = await sql<{ kind: string; stopped: number }>`
    select kind, (count(*) filter (where stopped_at is not null))::integer as stopped from payout_provider group by kind`.execute(db);
  for (const { kind, stopped } of rows) metrics.stopped.set({ kind }, stopped);
}

/**
 * Tells how many accounts are below zero. It reads all balances, so it is asked for every few
 * minutes only.
 */
export async function measureDebts(db: Kysely<DB>, { debts }: Pick<PayoutMetrics, 'debts'>): Promise<void> {
  const { rows } = await sql<{ currency: string; accounts: number }>`
    select currency, count(*)::integer as accounts from account_balance join account using (account_id)
    where balance < 0 and kind = 'available' group by currency`.execute(db);
  // A currency in which nobody owes any more is not told on.
  debts.reset();
  for (const { currency, accounts } of rows) debts.set({ currency }, accounts);
}
