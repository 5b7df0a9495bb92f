// A signed webhook that is durable before its answer, beside a bare Fastify that verifies and
// parses.

import { createHmac, randomUUID } from 'node:crypto';

import autocannon from 'autocannon';

import { openMarket, reportOf, WEBHOOK_SECRET } from './market.ts';
import { startBare, startService } from './processes.ts';
import { alternate, median, ratioOf } from './rounds.ts';

const CONNECTIONS = 96;
const DIFFERENT_BODIES = 60_000;

export async function benchWebhook({ rounds, seconds }: { rounds: number; seconds: number }): Promise<string[]> {
  process.env['BENCH_SECRET'] = WEBHOOK_SECRET;
  const service = await startService('api');
  const bare = await startBare('bare-webhook.ts');
  try {
    await openMarket(service, 1);
    const measure = async (url: string): Promise<number> => {
      const requests = signedRequests();
      let next = 0;
      const setupRequest = (request: autocannon.Request): autocannon.Request => ({ ...request, ...requests[next++ % requests.length] });
      const { requests: done, ...failed } = await autocannon({
        url,
        connections: CONNECTIONS,
        duration: seconds,
        requests: [{ setupRequest }],
      });
      const failures = failed.non2xx + failed.errors + failed.timeouts;
      if (failures > 0) throw new Error(`${failures} webhooks failed`);
      return done.total / seconds;
    };
    const pair = await alternate(
      rounds,
      () => measure(service.url),
      () => measure(bare.url),
    );
    return [
      `signed webhook, durable before the answer   ${Math.round(median(pair.ours))}/s`,
      `  bare parse and verify                     ${Math.round(median(pair.twin))}/s   ratio ${ratioOf(pair).toFixed(2)}`,
    ];
  } finally {
    await Promise.all([service.stop(), bare.stop()]);
  }
}

/**
 * Signed before the clock runs, each another order, so that the client signs nothing while it
 * measures.
 */
function signedRequests(): autocannon.Request[] {
  const key = Buffer.from(WEBHOOK_SECRET, 'base64');
  const timestamp = String(Math.floor(Date.now() / 1000));
  return Array.from({ length: DIFFERENT_BODIES }, () => {
    const orderId = randomUUID();
    const id = `msg_${orderId}`;
    const body = JSON.stringify({ type: 'order.paid', timestamp: new Date().toISOString(), data: reportOf(orderId, null) });
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    return {
      method: 'POST' as const,
      path: '/webhooks/sw',
      body,
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signature}`,
      },
    };
  });
}
