// What a fault is: something that is broken while the load runs, and mended again.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Random } from '../random.ts';
import type { Shape } from '../schedule.ts';
import type { Stage } from '../stage.ts';

export interface Fault {
  name: string;
  /** What this machine must have. */
  needs?: 'redis' | 'tmpfs';
  /** How the load differs from the usual one. */
  shape?: Partial<Shape>;
  /**
   * No request may fail, because whoever sends it has done nothing wrong and everything is there.
   */
  refusesNothing?: boolean;
  /** Breaks something, and mends it. Begins together with the load. */
  inject(stage: Stage, random: Random): Promise<void>;
}

/** Waits for a moment in the middle of the load. */
export async function someMoment(random: Random): Promise<void> {
  await sleep(random.int(300, 2000));
}

/** Waits for as long as something stays broken. */
export async function aWhile(random: Random, most = 2000): Promise<void> {
  await sleep(random.int(100, most));
}
