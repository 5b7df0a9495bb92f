// What befalls a platform and whoever asks it, made from the seed before it begins: each at its
// share of the orders that were read.

import type { Failure } from '../../sources/subject.ts';
import type { Random } from '../random.ts';

/**
 * `cut`: the connection ends before the question is asked; `torn`: in the middle of the answer;
 * `kill`: whoever asks is killed.
 */
export type Trouble = Exclude<Failure, 'refused'> | 'cut' | 'torn' | 'kill';

const ONCE: readonly Trouble[] = ['rate_limited', 'temporary', 'token_ended', 'cut', 'torn', 'kill'];
const MORE: readonly Trouble[] = ['rate_limited', 'temporary', 'cut', 'torn'];
const MORE_MAX = 3;

interface Befalling {
  /** From 0 to 1: how much of the orders was read. */
  at: number;
  trouble: Trouble;
}

export interface Script {
  /** Every trouble at least once, in the order of their places. */
  troubles: Befalling[];
  /**
   * What changes between two answers, one after the other: an order that is there, or one that was
   * not yet.
   */
  changes: ('moved' | 'made')[];
}

/** The script of one platform with so many orders, of which `made` appear while they are read. */
export function makeScript(random: Random, { moved, made }: { moved: number; made: number }): Script {
  const more = Array.from({ length: random.int(0, MORE_MAX) }, () => random.pick(MORE));
  const troubles = [...ONCE, ...more].map((trouble) => ({ at: random.int(5, 95) / 100, trouble }));
  const changes = [...Array.from({ length: moved }, () => 'moved' as const), ...Array.from({ length: made }, () => 'made' as const)];
  for (let last = changes.length - 1; last > 0; last -= 1) {
    const other = random.int(0, last);
    [changes[last], changes[other]] = [changes[other]!, changes[last]!];
  }
  return { troubles: troubles.toSorted((a, b) => a.at - b.at), changes };
}
