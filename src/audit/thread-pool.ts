// The threads of an audit: what is computed again is nearly all of its work, and no order needs to
// know of another.

import { emptyRuleCache } from '../commission/rules/rule-cache.ts';
import { openThread, threadsHere } from '../platform/process/thread.ts';
import type { Range } from './audit-store.ts';
import type { ThreadData } from './audit-thread.ts';
import { batchAuditor, type BatchAudit, type BatchAuditor, type BatchAuditorDeps } from './batch.ts';

/** So that a thread computes one batch while the database reads another for it. */
const AUDITORS_PER_THREAD = 2;

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
  count = threadsHere(),
): AuditorPool {
  const data: ThreadData = { connectionString, tokenKeys, identityKey, levelsMax, auditors: AUDITORS_PER_THREAD };
  const door = new URL('audit-thread.mjs', import.meta.url);
  const threads = Array.from({ length: count }, () => openThread<Range, BatchAudit>(door, data));
  return {
    auditors: Array.from({ length: AUDITORS_PER_THREAD }, () => threads.map((thread) => thread.ask)).flat(),
    close: async () => {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}
