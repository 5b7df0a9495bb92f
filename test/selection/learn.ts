// What a history teaches, for tests that ask at once.

import { learning, type Estimator } from '../../src/selection/estimator.ts';
import type { History } from '../../src/selection/history.ts';

/** Learns from a history at once. */
export function learn(history: History): Estimator {
  const steps = learning(history);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
