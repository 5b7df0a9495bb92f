// Kills whoever pulls, and brings it back as an orchestrator would.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Fleet } from '../fleet.ts';
import type { Random } from '../random.ts';

export interface Killer {
  kill(fleet: Fleet): void;
  kills(): number;
  /** When everything that was killed runs again. */
  restored(): Promise<void>;
}

/**
 * Kills workers, or all of the fleet, without a warning; asked while what it killed is not yet
 * back, it does nothing.
 */
export function makeKiller(random: Random): Killer {
  let kills = 0;
  let restoring: Promise<void> | null = null;
  async function killAndRestore(fleet: Fleet): Promise<void> {
    await sleep(random.int(0, 200));
    const what = random.pick(['a worker', 'the workers', 'all']);
    if (what === 'a worker') await fleet.killWorker(random.int(0, 1));
    else await Promise.all([fleet.killWorkers(), what === 'all' ? fleet.killApi() : null]);
    kills += 1;
    await fleet.restore();
  }
  return {
    kill(fleet) {
      restoring ??= killAndRestore(fleet)
        .catch((error: unknown) => void fleet.surprises.push(`what was killed did not come back: ${String(error)}`))
        .finally(() => (restoring = null));
    },
    kills: () => kills,
    restored: async () => {
      await restoring;
    },
  };
}
