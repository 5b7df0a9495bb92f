// The worker: everything that happens behind the door. It is woken by nudges and by the sweep, and
// what is due is always in rows.
import type { Logger } from 'pino';
import { draftDeps } from './app.ts';
import { tellClaim } from './claims/claim-events.ts';
import { takeUpClaims } from './claims/take-up.ts';
import { countPrograms } from './commission/programs.ts';
import { awardBacklog, type AwardDeps } from './commission/award/award.ts';
import { forgetReRatings, reRateNext } from './commission/re-ratings/running.ts';
import { emptyRuleCache } from './commission/rules/rule-cache.ts';
import { forgetSimulations, simulateNext, type SimulationDeps } from './commission/simulations/simulation.ts';
import { eraseAll } from './erasures/erasing.ts';
import { runGuards, type GuardMetrics } from './guards/run.ts';
import { sweep } from './guards/sweep.ts';
import type { Guard } from './guards/guard.ts';
import { pullDeps, sendingDeps, type Runtime } from './runtime.ts';
import { settleFirstDue } from './inbox/first-due.ts';
import { unparkExplained } from './inbox/parking.ts';
import { failureLog } from './inbox/deliveries/failure-log.ts';
import { processDeliveries, type ProcessDeps } from './inbox/process.ts';
import { foldBalances } from './ledger/balances.ts';
import { chainTransfers } from './ledger/hash-chain-store.ts';
import { accountCache, type AccountCache } from './ledger/booking-store.ts';
import { allowedFor } from './platform/net/address.ts';
import { openMessenger, type MessageMetrics } from './outbound/messenger.ts';
import { draftScheduled } from './payouts/schedules/scheduled-drafts.ts';
import { inTransaction } from './platform/postgres/database.ts';
import type { Queue } from './platform/queue/queue.ts';
import { foldingStatistics } from './statistics/fold/folding.ts';
import { sendPayouts } from './payouts/bills/sending.ts';
import { measureDebts, measurePayouts, type PayoutMetrics } from './payouts/payout-metrics.ts';
import { keepPartitions } from './platform/postgres/partitions.ts';
import { repeat, type Repeating } from './platform/queue/repeat.ts';
import { startAsking } from './pull/start.ts';
import { retryTrackedLinks } from './pull/tracked-links.ts';
import type { Adapter } from './sources/source.ts';
import { MINUTE_MS } from './platform/durations.ts';

const DELIVERIES_PER_BATCH = 500;
const AWARDS_PER_BATCH = 1000;
const EXPLAINED_PER_SWEEP = 1000;
const CLAIMS_PER_SWEEP = 100;
const MESSAGES_INTERVAL_MS = 1000;
const FOLD_INTERVAL_MS = 1000;
const CHAIN_INTERVAL_MS = MINUTE_MS;
const TRACKING_INTERVAL_MS = 5000;
const PAYOUTS_INTERVAL_MS = 1000;
const MEASURE_INTERVAL_MS = 15_000;
const DEBTS_INTERVAL_MS = 5 * MINUTE_MS;
const ERASING_INTERVAL_MS = 5000;
const SIMULATIONS_INTERVAL_MS = 5000;
const RE_RATINGS_INTERVAL_MS = 5000;
const PARTITION_INTERVAL_MS = 10 * MINUTE_MS;

interface WorkerDeps {
  runtime: Runtime;
  queue: Queue;
  adapters: readonly Adapter[];
  guards: readonly Guard[];
  metrics: GuardMetrics;
  messageMetrics: MessageMetrics;
  payoutMetrics: PayoutMetrics;
}

export interface Worker {
  /** There may be something to do now. */
  wake: () => void;
  /** Ends what runs, and takes no more. */
  close: () => Promise<void>;
}

/**
 * Starts to work: deliveries into orders, orders into awards, until nothing is due; and the sweep,
 * the fold and the guards beside it.
 */
export function startWorker({ runtime, queue, adapters, guards, metrics, messageMetrics, payoutMetrics }: WorkerDeps): Worker {
  const { config, db, log } = runtime;
  const award: AwardDeps = {
    db,
    tokenKeys: runtime.tokenKeys,
    identityKey: runtime.identityKey,
    levelsMax: config.referralLevelsMax,
    ruleCache: emptyRuleCache(),
    accounts: accountCache(),
  };
  const bounds = { linesMax: config.orderLinesMax, refundsMax: config.orderRefundsMax };
  const deliveries: ProcessDeps = { db, adapters, identityKey: runtime.identityKey, bounds, onFailed: failureLog(log) };
  const complain: Complain = (task) => (error) => log.error({ err: error, task }, 'background work failed; it will be tried again');

  const messenger = openMessenger({
    db,
    keys: runtime.masterKeys,
    allowed: allowedFor(config.publicUrl),
    metrics: messageMetrics,
    onError: complain('messages'),
  });
  const outbound = repeat({ everyMs: MESSAGES_INTERVAL_MS, work: () => messenger.deliver(), onError: complain('messages') });
  const main = repeat({
    everyMs: config.sweepIntervalMs,
    work: async () => {
      await workUntilDone({ deliveries, award });
      outbound.wake();
      programs.wake();
    },
    onError: complain('work'),
  });
  const programs = count(runtime, award.accounts, complain);
  const sweeping = repeat({
    everyMs: config.sweepIntervalMs,
    work: async () => {
      await inTransaction(db, ({ trx }) => unparkExplained(trx, EXPLAINED_PER_SWEEP));
      await sweep(db);
      await settleFirstDue(db);
      main.wake();
    },
    onError: complain('sweep'),
  });
  const pull = pullDeps(runtime, adapters, main.wake);
  const asking = startAsking({ ...pull, log });
  const tracking = repeat({ everyMs: TRACKING_INTERVAL_MS, work: () => retryTrackedLinks(pull), onError: complain('tracked links') });
  const ending = new AbortController();
  const erasing = erase(runtime, adapters, ending.signal, complain);
  const { payouts, measuring } = payOut(runtime, payoutMetrics, complain);
  const simulating = simulate(runtime, ending.signal, complain);
  const reRating = reRate(award, log, ending.signal, complain);
  const others = [...keepBooks({ runtime, guards, metrics }, ending.signal, complain), reRating];
  const woken: Record<string, Repeating[]> = { messages: [outbound], pull: [asking], erasures: [erasing], payouts: [payouts] };
  woken['simulations'] = simulating;
  woken['re-ratings'] = [reRating];
  queue.onNudge(async (kind) => (woken[kind] ?? [main]).forEach((one) => one.wake()));
  return {
    wake: main.wake,
    close: async () => {
      ending.abort();
      const all = [main, sweeping, programs, outbound, asking, tracking, erasing, payouts, ...measuring, ...simulating, ...others];
      await Promise.all(all.map((one) => one.close()));
      await messenger.close();
    },
  };
}

/** Keeps what programs count, and reckons what they pay. */
function count({ config, db }: Runtime, accounts: AccountCache, complain: Complain): Repeating {
  return repeat({
    everyMs: config.sweepIntervalMs,
    work: () => countPrograms({ db, accounts }, new Date()),
    onError: complain('programs'),
  });
}

/** What ends it in the middle, as the end of the process, is no fault. */
function erase({ config, db, identityKey }: Runtime, adapters: readonly Adapter[], signal: AbortSignal, complain: Complain): Repeating {
  return repeat({
    everyMs: ERASING_INTERVAL_MS,
    work: () => eraseAll({ db, adapters, identityKey, dataDir: config.dataDir }, signal),
    onError: (error) => signal.aborted || complain('erasures')(error),
  });
}

/** As many rehearsals as may run at once: each takes one after the other. */
function simulate(runtime: Runtime, signal: AbortSignal, complain: Complain): Repeating[] {
  const { config, db, log, connectionString, tokenKeys, identityKey } = runtime;
  const { referralLevelsMax: levelsMax, simulationsMax: slots } = config;
  const deps: SimulationDeps = { db, log, connectionString, tokenKeys, identityKey, levelsMax, slots };
  return Array.from({ length: slots }, (_, place) =>
    repeat({
      everyMs: SIMULATIONS_INTERVAL_MS,
      work: async () => {
        if (place === 0) await forgetSimulations(db, new Date());
        while (await simulateNext(deps, signal));
      },
      onError: complain('simulations'),
    }),
  );
}

/** Re-ratings are previewed and executed one after the other. */
function reRate(award: AwardDeps, log: Logger, signal: AbortSignal, complain: Complain): Repeating {
  return repeat({
    everyMs: RE_RATINGS_INTERVAL_MS,
    work: async () => {
      await forgetReRatings(award.db, new Date());
      while (await reRateNext({ ...award, log }, signal));
    },
    onError: complain('re-ratings'),
  });
}

type Complain = (task: string) => (error: unknown) => void;

/** Payouts are sent and asked for; how they stand is told to Prometheus. */
function payOut(runtime: Runtime, metrics: PayoutMetrics, complain: Complain): { payouts: Repeating; measuring: Repeating[] } {
  const { db } = runtime;
  const sending = {
    ...sendingDeps(runtime),
    onAnswer: (labels: Record<'kind' | 'call' | 'outcome', string>) => metrics.answers.inc(labels),
  };
  return {
    payouts: repeat({ everyMs: PAYOUTS_INTERVAL_MS, work: () => sendPayouts(sending), onError: complain('payouts') }),
    measuring: [
      repeat({ everyMs: MEASURE_INTERVAL_MS, work: () => measurePayouts(db, metrics), onError: complain('measuring payouts') }),
      repeat({ everyMs: DEBTS_INTERVAL_MS, work: () => measureDebts(db, metrics), onError: complain('measuring debts') }),
    ],
  };
}

/**
 * What goes on beside the orders: balances are folded, transfers chained, laws asked, claims taken
 * up, payouts drafted that are due, and partitions made ahead.
 */
function keepBooks(
  { runtime, guards, metrics }: Pick<WorkerDeps, 'runtime' | 'guards' | 'metrics'>,
  signal: AbortSignal,
  complain: Complain,
): Repeating[] {
  const { config, db, connectionString } = runtime;
  const drafting = draftDeps(runtime);
  const asked = () => runGuards(db, guards, { now: new Date(), intervalMs: config.guardIntervalMs, metrics });
  return [
    repeat({ everyMs: FOLD_INTERVAL_MS, work: () => foldBalances(db), onError: complain('fold') }),
    repeat({ everyMs: FOLD_INTERVAL_MS, work: foldingStatistics(db, signal), onError: complain('statistics') }),
    repeat({ everyMs: CHAIN_INTERVAL_MS, work: () => chainAll(db), onError: complain('chain') }),
    repeat({ everyMs: config.guardIntervalMs, work: asked, onError: complain('guards') }),
    repeat({ everyMs: config.sweepIntervalMs, work: () => takeUpClaims(db, tellClaim, CLAIMS_PER_SWEEP), onError: complain('claims') }),
    repeat({
      everyMs: config.sweepIntervalMs,
      work: () => draftScheduled(db, drafting, new Date()),
      onError: complain('scheduled payouts'),
    }),
    repeat({ everyMs: PARTITION_INTERVAL_MS, work: () => keepPartitions(connectionString, signal), onError: complain('partitions') }),
  ];
}

async function chainAll(db: Runtime['db']): Promise<void> {
  while ((await chainTransfers(db)).more);
}

/** Batch after batch, deliveries before awards, until neither finds anything. */
async function workUntilDone({ deliveries, award }: { deliveries: ProcessDeps; award: AwardDeps }): Promise<void> {
  let done: number;
  do {
    done = await processDeliveries(deliveries, DELIVERIES_PER_BATCH);
    done += await awardBacklog(award, AWARDS_PER_BATCH);
  } while (done > 0);
}
