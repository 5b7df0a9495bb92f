// Faults of our own processes: killed without a warning, and replaced in good order.

import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { ADMIN_KEY } from '../fleet.ts';
import type { Random } from '../random.ts';
import { aWhile, someMoment, type Fault } from './fault.ts';

const HALF_SENT = 5;

export const PROCESS_FAULTS: Fault[] = [
  {
    name: 'kill-api',
    async inject({ fleet }, random) {
      await someMoment(random);
      await fleet.killApi();
      await aWhile(random, 500);
      await fleet.restore();
    },
  },
  {
    name: 'kill-worker',
    async inject({ fleet }, random) {
      for (let kills = random.int(1, 3); kills > 0; kills -= 1) {
        await someMoment(random);
        await fleet.killWorker(random.int(0, 1));
        await fleet.restore();
      }
    },
  },
  {
    name: 'kill-all',
    async inject({ fleet }, random) {
      await someMoment(random);
      await Promise.all([fleet.killApi(), fleet.killWorkers()]);
      await aWhile(random, 500);
      await fleet.restore();
    },
  },
  {
    name: 'kill-all-and-postgres',
    async inject({ fleet, postgres }, random) {
      await someMoment(random);
      await Promise.all([fleet.killApi(), fleet.killWorkers(), postgres.kill()]);
      await fleet.restore();
    },
  },
  {
    name: 'deploy',
    refusesNothing: true,
    async inject({ fleet }, random) {
      await someMoment(random);
      let finished: Promise<unknown> = Promise.resolve();
      await fleet.replaceApi(async (oldUrl) => {
        const halves = await Promise.all(Array.from({ length: HALF_SENT }, (_, n) => halfSent(oldUrl, n, random)));
        finished = Promise.allSettled(halves.map((finish) => finish()));
      });
      const failed = ((await finished) as PromiseSettledResult<void>[]).find((one) => one.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      for (const index of [0, 1]) await fleet.replaceWorker(index);
    },
  },
];

/**
 * Sends the first half of a report that the old api has begun to take; what is given sends the
 * rest, and throws when it is refused.
 */
async function halfSent(url: string, n: number, random: Random): Promise<() => Promise<void>> {
  const body = JSON.stringify({ merchant_id: 'm1', order_id: `half-${random.int(0, 1_000_000_000)}-${n}`, status: 'created' });
  const sending = request(`${url}/v1/orders`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      'content-type': 'application/json',
      'content-length': body.length,
      // The answer to this says that the request has arrived, and not only its connection.
      expect: '100-continue',
    },
  });
  sending.flushHeaders();
  await once(sending, 'continue');
  const middle = body.length >> 1;
  sending.write(body.slice(0, middle));
  return async () => {
    const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
    await Promise.race([answered, sleep(300)]);
    sending.end(body.slice(middle));
    const [answer] = await answered;
    answer.resume();
    if (answer.statusCode !== 202) throw new Error(`a request that was accepted before the deploy was answered ${answer.statusCode}`);
  };
}
