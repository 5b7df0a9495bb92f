// From the 202 of an order to its commission, at a steady rate on the embedded default: API, worker
// and database beside each other.

import { setTimeout as sleep } from 'node:timers/promises';

import { openMarket, reportOf } from './market.ts';
import { ADMIN_KEY, startService } from './processes.ts';
import { median, percentile } from './rounds.ts';

const POLL_MS = 5;
const PATIENCE_MS = 10_000;
/** Thrown away, as the first round of the others is: the service has just been started. */
const WARM_UP_SECONDS = 2;
/** Clicks of programs earn nothing. */
const BROWSER = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1';

export async function benchLatency({ perSecond, seconds }: { perSecond: number; seconds: number }): Promise<string[]> {
  const service = await startService('serve');
  try {
    const [code] = await openMarket(service, 1);
    const waiting: Promise<number>[] = [];
    const started = Date.now();
    for (let index = 0; index < perSecond * (WARM_UP_SECONDS + seconds); index++) {
      await sleep(Math.max(0, started + (index * 1000) / perSecond - Date.now()));
      waiting.push(followOrder(`latency-${index}`));
    }
    const delays = (await Promise.all(waiting)).slice(perSecond * WARM_UP_SECONDS);
    return [
      `order told to commission seen at ${perSecond}/s       p50 ${Math.round(median(delays))} ms   p99 ${Math.round(percentile(delays, 99))} ms`,
    ];

    /**
     * One request by hand: what the client adds, an Idempotency-Key and some work for each request,
     * would be measured, too.
     */
    async function ask(method: 'GET' | 'POST', path: string, body?: object): Promise<{ award?: string }> {
      const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
      const answer = await fetch(service.url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      return JSON.parse(text) as { award?: string };
    }

    /** Milliseconds from the 202 until the order shows its commission. */
    async function followOrder(orderId: string): Promise<number> {
      const click = await fetch(`${service.url}/r/${code}`, { redirect: 'manual', headers: { 'user-agent': BROWSER } });
      const token = new URL(click.headers.get('location')!).searchParams.get('fy_click');
      await ask('POST', '/v1/orders', reportOf(orderId, token));
      const told = performance.now();
      while (performance.now() - told < PATIENCE_MS) {
        const order = await ask('GET', `/v1/orders/rest/${orderId}`).catch(() => null);
        if (order?.award === 'estimated') return performance.now() - told;
        await sleep(POLL_MS);
      }
      throw new Error(`${orderId} has no commission after ${PATIENCE_MS} ms`);
    }
  } finally {
    await service.stop();
  }
}
