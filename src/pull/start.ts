// The part of the worker that asks: sources whose turn it is, and reconciliations that are to end.
import type { Logger } from 'pino';

import { STREAM_TIMEOUT_MS } from '../platform/http/bodies.ts';
import { repeat, type Repeating } from '../platform/queue/repeat.ts';
import type { PullDeps } from './asked-source.ts';
import { askSources } from './asking-sources.ts';
import { settlingReconciliations } from './reconciliations/reconciliation-store.ts';
import { readUploads } from './uploads/reading-uploads.ts';
import { settleReconciliation } from './reconciliations/settling.ts';
import { dropFiles } from './uploads/upload-file.ts';
import { endCutUploads } from './uploads/upload-store.ts';

const EVERY_MS = 1000;
/** Longer than a file may take. */
const UPLOAD_MS_MAX = STREAM_TIMEOUT_MS + 60_000;
/**
 * So many sources are asked at a time, each for one turn, and some of them only where their
 * platforms answer quickly.
 */
const SOURCES_AT_ONCE = 4;
const BRISK_SOURCES_AT_ONCE = 4;
/** A short file does not wait for a long one. */
const FILES_AT_ONCE = 2;

/**
 * Begins to ask. Closing it ends after the pages that are being asked for; what comes next goes on
 * from there.
 */
export function startAsking(deps: PullDeps & { log: Logger }): Repeating {
  const closing = new AbortController();
  const { db, adapters, log } = deps;
  const fetch: PullDeps['fetch'] = (url, init = {}) =>
    deps.fetch(url, { ...init, signal: AbortSignal.any([closing.signal, ...(init.signal ? [init.signal] : [])]) });
  const begin = (work: () => Promise<unknown>) =>
    repeat({
      everyMs: EVERY_MS,
      work,
      onError: (error) => log.error({ err: error, task: 'asking' }, 'background work failed; it will be tried again'),
    });
  const asking = (briskOnly: boolean) => async () => {
    for (const { sourceId, error } of await askSources({ ...deps, fetch }, closing.signal, { briskOnly })) {
      log.warn({ err: error, source_id: sourceId }, 'a source gave no answer; it is asked again later');
    }
  };
  const goesOn = () => !closing.signal.aborted;
  const settle = async () => {
    for (const reconciliationId of await settlingReconciliations(db)) {
      if (goesOn()) await settleReconciliation(db, adapters, reconciliationId, goesOn);
    }
  };
  const tidyUploads = async () => {
    await endCutUploads(db, new Date(Date.now() - UPLOAD_MS_MAX));
    await dropFiles(db);
  };
  const readFiles = () => readUploads(deps, closing.signal);
  const works = [
    ...Array.from({ length: SOURCES_AT_ONCE }, () => asking(false)),
    ...Array.from({ length: BRISK_SOURCES_AT_ONCE }, () => asking(true)),
    ...Array.from({ length: FILES_AT_ONCE }, () => readFiles),
    settle,
    tidyUploads,
  ];
  const parts = works.map(begin);
  return {
    wake: () => parts.forEach((one) => one.wake()),
    close: async () => {
      closing.abort();
      await Promise.all(parts.map((one) => one.close()));
    },
  };
}
