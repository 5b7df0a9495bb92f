// The threads of an audit: what is computed again is nearly all of its work, and no order needs to
// know of another.

import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

import { emptyRuleCache } from '../commission/rules/rule-cache.ts';
import { batchAuditor, type BatchAudit, type BatchAuditor, type BatchAuditorDeps } from './batch.ts';
import type { Range } from './audit-store.ts';
import type { ThreadAnswer, ThreadData } from './audit-thread.ts';

/** So that a thread computes one batch while the database reads another for it. */
const AUDITORS_PER_THREAD = 2;
/** Each holds some batches in memory. */
const THREADS_MAX = 8;
/**
 * A batch lives longer than the young generation of V8 by default: it would be copied again and
 * again.
 */
const YOUNG_MIB_MAX = 96;

/** Who audits the orders of one audit. */
interface AuditorPool {
  auditors: BatchAuditor[];
  /** Ends them, when nothing is asked of them any more. */
  close: () => Promise<void>;
}

/** The auditors of this thread itself. */
export function ownAuditors(deps: BatchAuditorDeps): AuditorPool {
  const auditor = batchAuditor(deps, emptyRuleCache());
  return { auditors: Array.from({ length: AUDITORS_PER_THREAD }, () => auditor), close: () => Promise.resolve() };
}

/** Starts as many threads as this machine can run at once. */
export function openThreadPool(
  { connectionString, tokenKeys, identityKey, levelsMax }: Omit<ThreadData, 'auditors'>,
  count = Math.min(availableParallelism(), THREADS_MAX),
): AuditorPool {
  const data = { connectionString, tokenKeys, identityKey, levelsMax, auditors: AUDITORS_PER_THREAD };
  const threads = Array.from({ length: count }, () => openThread(data));
  return {
    auditors: Array.from({ length: AUDITORS_PER_THREAD }, () => threads.map((thread) => thread.audit)).flat(),
    close: async () => {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

interface Waiting {
  resolve: (batch: BatchAudit) => void;
  reject: (error: Error) => void;
}

function openThread(workerData: ThreadData): { audit: BatchAuditor; close: () => Promise<void> } {
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MIB_MAX };
  // It is given no options of ours: its own door lets it read TypeScript.
  const worker = new Worker(new URL('audit-thread.mjs', import.meta.url), { workerData, resourceLimits, execArgv: [] });
  const asked = new Map<bigint, Waiting>();
  let failure: Error | null = null;
  const fail = (error: Error): void => {
    failure ??= error;
    for (const { reject } of asked.values()) reject(failure);
    asked.clear();
  };
  worker.on('message', ({ after, batch }: ThreadAnswer) => {
    asked.get(after)!.resolve(batch);
    asked.delete(after);
  });
  worker.on('error', fail);
  const ended = once(worker, 'exit').then(
    () => fail(new Error('a thread of the audit has ended')),
    () => undefined,
  );
  return {
    audit: (range: Range) =>
      new Promise<BatchAudit>((resolve, reject) => {
        if (failure !== null) return reject(failure);
        asked.set(range.after, { resolve, reject });
        worker.postMessage(range, []);
      }),
    close: async () => {
      worker.postMessage(null, []);
      await ended;
    },
  };
}
