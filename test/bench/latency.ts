// From the 202 of an order to its commission, at a steady rate on the embedded default: API, worker and database beside each other.

import { setTimeout as sleep } from 'node:timers/promises';

import { ask, openMarket, reportOf } from './market.ts';
import { startService } from './processes.ts';
import { median, percentile } from './rounds.ts';

const POLL_MS = 5;

export async function benchLatency({ perSecond, seconds }: { perSecond: number; seconds: number }): Promise<string[]> {
  const service = await startService('serve');
  try {
    const [code] = await openMarket(service, 1);
    const waiting: Promise<number>[] = [];
    const started = Date.now();
    for (let index = 0; index < perSecond * seconds; index++) {
      await sleep(Math.max(0, started + (index * 1000) / perSecond - Date.now()));
      waiting.push(followOrder(`latency-${index}`));
    }
    const delays = await Promise.all(waiting);
    return [
      `order told to commission seen at ${perSecond}/s       p50 ${Math.round(median(delays))} ms   p99 ${Math.round(percentile(delays, 99))} ms`,
    ];

    /** Milliseconds from the 202 until the order shows its commission. */
    async function followOrder(orderId: string): Promise<number> {
      const click = await fetch(`${service.url}/r/${code}`, { redirect: 'manual' });
      const token = new URL(click.headers.get('location')!).searchParams.get('fy_click');
      await ask(service, 'POST', '/v1/orders', reportOf(orderId, token));
      const told = performance.now();
      for (;;) {
        const order = await ask(service, 'GET', `/v1/orders/rest/${orderId}`).catch(() => null);
        if (order?.['award'] === 'estimated') return performance.now() - told;
        await sleep(POLL_MS);
      }
    }
  } finally {
    await service.stop();
  }
}
