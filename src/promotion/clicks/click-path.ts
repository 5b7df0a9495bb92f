// Everything between a link and its durable click, opened together: the links in memory, the
// writer, the spool, and what keeps them true.

import { join } from 'node:path';

import { Counter, Gauge, type Registry } from '@prometheus-io/client';
import type { Kysely } from 'kysely';
import type { Logger } from 'pino';

import { dedicatedConnection } from '../../platform/postgres/dedicated-connection.ts';
import { repeat } from '../../platform/queue/repeat.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { clickWriter, type ClickWriter } from './click-writer.ts';
import type { Nudge, OnEvidence } from '../listeners.ts';
import { linkCache, type LinkCache } from '../links/link-cache.ts';
import { listenForChanges } from '../links/link-notices.ts';
import { readLiveLinks } from '../links/link-store.ts';
import { openSpool, spoolDepth, type SpoolDepth } from './spool.ts';
import { replayClicks } from './spool-replay.ts';

const COMMIT_MS_MAX = 5000;
const REPLAY_INTERVAL_MS = 5000;

export interface ClickPath {
  links: LinkCache;
  clicks: ClickWriter;
  /**
   * How many files of clicks wait on the disk for the database or are damaged, as last counted; 0
   * only when there are none.
   */
  spooled: () => number;
  /** Counts and logs a click that could be made durable nowhere. */
  onLost: (error: unknown) => void;
  /** Counts a click that came in a flood. */
  onFlooded: () => void;
  /**
   * After the server has closed: takes no more clicks, and resolves when all are durable and every
   * connection is closed.
   */
  close(): Promise<void>;
}

interface ClickPathOptions {
  connectionString: string;
  db: Kysely<DB>;
  dataDir: string;
  registry: Registry;
  log: Logger;
  onEvidence: OnEvidence;
  nudge: Nudge;
}

export function openClickPath({ connectionString, db, dataDir, registry, log, onEvidence, nudge }: ClickPathOptions): ClickPath {
  const dir = join(dataDir, 'spool');
  const count = counters(registry, dir);
  const connection = dedicatedConnection({ connectionString, applicationName: 'fenyong clicks', log, deadlineMs: COMMIT_MS_MAX });
  const clicks = clickWriter({ connection, spool: openSpool({ dir }), onSpooled: (spooled) => count.spooled(spooled) });
  const links = linkCache({
    read: (codes) => readLiveLinks(db, codes),
    onError: (error) => log.error({ err: error }, 'links could not be refreshed'),
  });
  const notices = listenForChanges({ connectionString, onChange: links.forget, log });
  const replay = repeat({
    everyMs: REPLAY_INTERVAL_MS,
    work: async () => count.replayed(await replayClicks({ dir, db, log, onEvidence, nudge })),
    onError: (error) => log.error({ err: error }, 'the spool could not be replayed; it will be tried again'),
  });
  return {
    links,
    clicks,
    spooled: count.files,
    onLost(error) {
      count.lost();
      log.error({ err: error }, 'a click was lost; its token stands');
    },
    onFlooded: count.flooded,
    async close() {
      await clicks.close();
      await Promise.all([connection.close(), notices.close(), replay.close()]);
    },
  };
}

function counters(registry: Registry, dir: string) {
  const spooled = new Counter({
    name: 'fenyong_clicks_spooled_total',
    help: 'Clicks that were written to the spool because the database was away.',
    registers: [registry],
  });
  const lost = new Counter({
    name: 'fenyong_clicks_lost_total',
    help: 'Clicks that could be written neither to the database nor to the spool.',
    registers: [registry],
  });
  const flooded = new Counter({
    name: 'fenyong_clicks_flooded_total',
    help: 'Visits beyond what one address may bring within a minute: answered, and kept as samples only.',
    registers: [registry],
  });
  const depth: Gauge = new Gauge({
    name: 'fenyong_spool_bytes',
    help: 'What lies in the spool of clicks and waits for the database, damaged files included.',
    registers: [registry],
    collect: async () => depth.set((await spoolDepth(dir)).bytes),
  });
  const age: Gauge = new Gauge({
    name: 'fenyong_spool_age_seconds',
    help: 'For how long the oldest click in the spool has been waiting for the database; 0 when none waits.',
    registers: [registry],
    collect: async () => {
      const { oldestAt } = await spoolDepth(dir);
      age.set(oldestAt === null ? 0 : Math.max(0, Date.now() - oldestAt) / 1000);
    },
  });
  let files = 0;
  return {
    spooled(clicks: number) {
      spooled.inc(clicks);
      // Into one file at least; every replay counts them all.
      files = Math.max(files, 1);
    },
    replayed(left: SpoolDepth) {
      files = left.waiting + left.damaged;
    },
    files: () => files,
    lost: () => lost.inc(),
    flooded: () => flooded.inc(),
  };
}
