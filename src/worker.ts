// The worker: everything that happens behind the door. It is woken by nudges and by the sweep, and what is due is always in rows.
import { awardBacklog, type AwardDeps } from './commission/award.ts';
import { emptyShelf } from './commission/rule-shelf.ts';
import { runGuards, type GuardMetrics } from './guards/run.ts';
import { sweep } from './guards/sweep.ts';
import type { Guard } from './guards/guard.ts';
import type { Ground } from './ground.ts';
import { unparkExplained } from './inbox/parking.ts';
import { processDeliveries } from './inbox/process.ts';
import { foldBalances } from './ledger/balances.ts';
import { accountCache } from './ledger/store.ts';
import { inTransaction } from './platform/database.ts';
import type { Queue } from './platform/queue.ts';
import { repeat } from './platform/repeat.ts';
import { makeClickPartitions } from './promotion/click-store.ts';
import type { Adapter } from './sources/source.ts';

const DELIVERIES_PER_BATCH = 500;
const AWARDS_PER_BATCH = 1000;
const EXPLAINED_PER_SWEEP = 1000;
const FOLD_INTERVAL_MS = 1000;
const PARTITION_INTERVAL_MS = 6 * 3_600_000;

export interface WorkerDeps {
  ground: Ground;
  queue: Queue;
  adapters: readonly Adapter[];
  guards: readonly Guard[];
  metrics: GuardMetrics;
}

export interface Worker {
  /** There may be something to do now. */
  wake: () => void;
  /** Ends what runs, and takes no more. */
  close: () => Promise<void>;
}

/** Starts to work: deliveries into orders, orders into awards, until nothing is due; and the sweep, the fold and the guards beside it. */
export function startWorker({ ground, queue, adapters, guards, metrics }: WorkerDeps): Worker {
  const { config, db, log } = ground;
  const award: AwardDeps = {
    db,
    tokenKeys: ground.tokenKeys,
    identityKey: ground.identityKey,
    levelsMax: config.referralLevelsMax,
    shelf: emptyShelf(),
    accounts: accountCache(),
  };
  const complain = (task: string) => (error: unknown) => log.error({ err: error, task }, 'background work failed; it will be tried again');

  const main = repeat({
    everyMs: config.sweepIntervalMs,
    work: () => workUntilDone({ ground, adapters, award }),
    onError: complain('work'),
  });
  const sweeping = repeat({
    everyMs: config.sweepIntervalMs,
    work: async () => {
      await inTransaction(db, ({ trx }) => unparkExplained(trx, EXPLAINED_PER_SWEEP));
      await sweep(db);
      main.wake();
    },
    onError: complain('sweep'),
  });
  const others = [
    repeat({ everyMs: FOLD_INTERVAL_MS, work: () => foldBalances(db), onError: complain('fold') }),
    repeat({
      everyMs: config.guardIntervalMs,
      work: () => runGuards(db, guards, { now: new Date(), intervalMs: config.guardIntervalMs, metrics }),
      onError: complain('guards'),
    }),
    repeat({ everyMs: PARTITION_INTERVAL_MS, work: () => makeClickPartitions(db), onError: complain('partitions') }),
  ];
  queue.onNudge(async () => main.wake());
  return {
    wake: main.wake,
    close: async () => {
      await Promise.all([main, sweeping, ...others].map((one) => one.close()));
    },
  };
}

/** Batch after batch, deliveries before awards, until neither finds anything. */
async function workUntilDone({
  ground,
  adapters,
  award,
}: {
  ground: Ground;
  adapters: readonly Adapter[];
  award: AwardDeps;
}): Promise<void> {
  let done: number;
  do {
    done = await processDeliveries({ db: ground.db, adapters, identityKey: ground.identityKey }, DELIVERIES_PER_BATCH);
    done += await awardBacklog(award, AWARDS_PER_BATCH);
  } while (done > 0);
}
