// Taking a bank's result file: read as it arrives, taken some hundred rows at a time, a bad row
// refused alone. What was taken stays taken; the same file again changes nothing.

import type { Kysely } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { AccountCache } from '../../ledger/booking-store.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import { inTransaction, type Work } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { lockPayout } from '../payout-store.ts';
import type { ResultRow } from '../providers/file/results.ts';
import { allProviders, type ProviderRow } from '../providers/provider-store.ts';
import { takeResult, tellingOf, type Outcome } from '../results.ts';

const ROWS_PER_COMMIT = 300;
export const BAD_ROWS_MAX = 200;

/** What has become of the rows of a file. */
interface ResultTally {
  taken: number;
  known: number;
  waits: number;
  refused: number;
  /** The first of those that were refused, by line. */
  bad: { line: number; message: string }[];
}

interface Given {
  batchId: string;
  actor: Actor;
  accounts: AccountCache;
}

/**
 * Takes the rows in their order, and writes one line into the audit log, also where the file was
 * cut off: what had come until then is taken. Throws what the rows throw.
 */
export async function takeResultFile(db: Kysely<DB>, given: Given, rows: AsyncIterable<ResultRow>): Promise<ResultTally> {
  const tally: ResultTally = { taken: 0, known: 0, waits: 0, refused: 0, bad: [] };
  const take = async (page: readonly ResultRow[]): Promise<void> =>
    addUp(tally, page, await inTransaction(db, (work) => takePage(work, given, page)));
  try {
    let page: ResultRow[] = [];
    for await (const row of rows) {
      page.push(row);
      if (page.length < ROWS_PER_COMMIT) continue;
      await take(page);
      page = [];
    }
    await take(page);
  } catch (error) {
    if (tally.taken + tally.waits > 0) await note(db, given, tally, { isWhole: false });
    throw error;
  }
  await note(db, given, tally, { isWhole: true });
  return tally;
}

/** What has become of each row that could be read, or why it is refused. */
type Outcomes = ReadonlyMap<ResultRow, Outcome | DomainError>;

/** Payouts are locked in the order of their ids, so that two files never wait for each other. */
async function takePage({ trx, now }: Work, given: Given, page: readonly ResultRow[]): Promise<Outcomes> {
  const readable = page
    .filter((row) => 'payoutId' in row)
    .toSorted((a, b) => (a.payoutId < b.payoutId ? -1 : a.payoutId > b.payoutId ? 1 : 0));
  const outcomes = new Map<ResultRow, Outcome | DomainError>();
  if (readable.length === 0) return outcomes;
  const providers = await allProviders(trx);
  for (const row of readable) {
    try {
      outcomes.set(row, await takeRow({ trx, now }, { ...given, providers }, row));
    } catch (error) {
      // A result is refused before anything of it is written.
      if (!(error instanceof DomainError)) throw error;
      outcomes.set(row, error);
    }
  }
  return outcomes;
}

async function takeRow(
  { trx, now }: Work,
  { batchId, actor, accounts, providers }: Given & { providers: ReadonlyMap<string, ProviderRow> },
  { payoutId, state, reference, reason }: Extract<ResultRow, { payoutId: string }>,
): Promise<Outcome> {
  const payout = await lockPayout(trx, payoutId);
  if (payout?.batchId !== batchId) throw new DomainError('not_found', 'This batch has no payout of this id.');
  const telling = await tellingOf({ trx, accounts, now, actor }, payout, providers.get(payout.providerId)!);
  return takeResult(telling, payout, { state, reference, reason, occurredAt: null });
}

function addUp(tally: ResultTally, page: readonly ResultRow[], outcomes: Outcomes): void {
  for (const row of page) {
    const outcome = 'error' in row ? row.error : outcomes.get(row)!;
    if (outcome === 'settled') tally.taken++;
    else if (outcome === 'known') tally.known++;
    else if (outcome === 'waits') tally.waits++;
    else {
      tally.refused++;
      const message = typeof outcome === 'string' ? outcome : outcome.message;
      if (tally.bad.length < BAD_ROWS_MAX) tally.bad.push({ line: row.line, message });
    }
  }
}

function note(
  db: Kysely<DB>,
  { batchId, actor }: Given,
  { bad: _bad, ...counts }: ResultTally,
  { isWhole }: { isWhole: boolean },
): Promise<void> {
  return inTransaction(db, ({ trx, now }) => {
    const after = { ...counts, is_whole: isWhole };
    const subject = { subjectKind: 'payout_batch', subjectId: batchId, before: null, after };
    return recordChange(trx, { actor, now, action: 'payout_results_told', ...subject });
  });
}
