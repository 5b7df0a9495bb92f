// Failed deliveries in the log, so that who watches it need not ask the alarms: a line for each,
// but never a flood of them.

import type { Logger } from 'pino';

import type { FailedDelivery } from '../failing.ts';
import { MINUTE_MS } from '../../platform/durations.ts';

const LINES_PER_MINUTE = 30;

/**
 * What tells the log of a failed delivery. Beyond thirty lines a minute the others are counted, and
 * told as a number with the first line of a later minute. The error itself is left out, since it
 * may quote what belongs to a buyer: `GET /v1/deliveries/{id}` shows it.
 */
export function failureLog(log: Logger, now: () => number = Date.now): (failed: FailedDelivery) => void {
  let [since, lines, unsaid] = [now(), 0, 0];
  return ({ deliveryId, sourceId, attempts, givenUp }) => {
    if (now() - since >= MINUTE_MS) {
      if (unsaid > 0) log.warn({ deliveries: unsaid }, 'further deliveries failed, and were not told of one by one');
      [since, lines, unsaid] = [now(), 0, 0];
    }
    if (lines === LINES_PER_MINUTE) {
      unsaid += 1;
      return;
    }
    lines += 1;
    const words = givenUp ? 'was given up; mend its cause and replay it' : 'failed, and will be tried again';
    log.warn({ delivery_id: deliveryId, source_id: sourceId, attempts }, `a delivery ${words}; GET /v1/deliveries/${deliveryId} says why`);
  };
}
