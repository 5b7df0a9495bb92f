// Clicks of the redirect become durable here: in groups, by COPY on a connection of their own, and
// in the spool while the database is away.

import { isUnavailable } from '../../platform/postgres/database.ts';
import type { DedicatedConnection } from '../../platform/postgres/dedicated-connection.ts';
import { groupCommit } from '../../platform/postgres/group-commit.ts';
import { copyClicks, type Click } from './click-store.ts';
import type { Spool } from './spool.ts';

const CLICKS_PER_COMMIT_MAX = 1000;
const CLICKS_WAITING_MAX = 50_000;
const WAIT_MS_MAX = 1000;

export interface ClickWriter {
  /** Resolves when the click would survive a power cut, in the database or in the spool. */
  write(click: Click): Promise<void>;
  /** Takes no more, and resolves when all that was taken is durable. */
  close(): Promise<void>;
}

interface ClickWriterOptions {
  connection: DedicatedConnection;
  spool: Spool;
  /** Told of every batch that went to the spool. */
  onSpooled?: (clicks: number) => void;
  /** How long a commit may take before the batch goes to the spool as well. */
  waitMsMax?: number;
}

export function clickWriter({ connection, spool, onSpooled, waitMsMax = WAIT_MS_MAX }: ClickWriterOptions): ClickWriter {
  /**
   * A commit that took too long and has not ended yet; what comes meanwhile does not queue up
   * behind it.
   */
  let late: Promise<unknown> | null = null;

  async function commit(clicks: Click[]): Promise<void[]> {
    if (!(await copied(clicks))) {
      await spool.append(clicks);
      onSpooled?.(clicks.length);
    }
    return clicks.map(() => undefined);
  }

  /**
   * Whether the batch is in the database. When that is unknown it is false: what stands there is
   * not written again by a replay.
   */
  async function copied(clicks: Click[]): Promise<boolean> {
    if (late !== null) return false;
    const copying = connection.run((client) => copyClicks(client, clicks)).then(() => true, unlessAway);
    const inTime = await inTimeOrNot(copying, waitMsMax);
    if (inTime !== null) return inTime;
    // The batch goes to the spool now, so its end matters no more; a fault of the batch itself
    // shows again when the spool is replayed.
    const over = () => {
      late = null;
    };
    late = copying.then(over, over);
    return false;
  }

  const group = groupCommit<Click, void>({ commit, itemsMax: CLICKS_PER_COMMIT_MAX, waitingMax: CLICKS_WAITING_MAX });

  return {
    write: (click) => group.push(click),
    async close() {
      await group.close();
      await late;
      await spool.close();
    },
  };
}

function unlessAway(error: unknown): boolean {
  if (isUnavailable(error)) return false;
  throw error;
}

/** The result, or null when it takes longer. */
async function inTimeOrNot<Result>(work: Promise<Result>, ms: number): Promise<Result | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
