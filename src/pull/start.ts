// The part of the worker that asks: sources whose turn it is, and reconciliations that are to end.
import type { Logger } from 'pino';

import { repeat, type Repeating } from '../platform/repeat.ts';
import type { PullDeps } from './asked-source.ts';
import { askSources } from './asking-sources.ts';
import { settlingReconciliations } from './reconciliation-store.ts';
import { settleReconciliation } from './settling.ts';

const EVERY_MS = 1000;

/** Begins to ask. Closing it ends after the pages that are being asked for; what comes next goes on from there. */
export function startAsking(deps: PullDeps & { log: Logger }): Repeating {
  const closing = new AbortController();
  const { db, adapters, log } = deps;
  const fetch: PullDeps['fetch'] = (url, init = {}) =>
    deps.fetch(url, { ...init, signal: AbortSignal.any([closing.signal, ...(init.signal ? [init.signal] : [])]) });
  const asking = repeat({
    everyMs: EVERY_MS,
    work: async () => {
      for (const { sourceId, error } of await askSources({ ...deps, fetch }, closing.signal)) {
        log.warn({ err: error, source_id: sourceId }, 'a source gave no answer; it is asked again later');
      }
      for (const reconciliationId of await settlingReconciliations(db)) await settleReconciliation(db, adapters, reconciliationId);
    },
    onError: (error) => log.error({ err: error, task: 'asking' }, 'background work failed; it will be tried again'),
  });
  return {
    wake: asking.wake,
    close: async () => {
      closing.abort();
      await asking.close();
    },
  };
}
