// How soon after its 2xx a fact is in the statistics, at a steady rate: clicks and orders by turns,
// each of a link of its own.

import { setTimeout as sleep } from 'node:timers/promises';

import { openMarket, reportOf } from './market.ts';
import { ADMIN_KEY, startService, type Running } from './processes.ts';
import { median, percentile } from './rounds.ts';

const LINKS = 200;
const WARM_UP_SECONDS = 2;
const POLL_MS = 20;
const PATIENCE_MS = 30_000;
/** Each so many facts one is an order, which is to be merged and awarded first. */
const ORDER_EACH = 5;

export async function benchVisibility({ perSecond, seconds }: { perSecond: number; seconds: number }): Promise<string[]> {
  const service = await startService('serve');
  try {
    const codes = await openMarket(service, LINKS);
    const told = new Map<string, number>();
    const waiting: Promise<{ isOrder: boolean; delay: number }>[] = [];
    const started = Date.now();
    for (let index = 0; index < perSecond * (WARM_UP_SECONDS + seconds); index += 1) {
      await sleep(Math.max(0, started + (index * 1000) / perSecond - Date.now()));
      waiting.push(follow(service, { index, code: codes[index % LINKS]!, told }));
    }
    const seen = (await Promise.all(waiting)).slice(perSecond * WARM_UP_SECONDS);
    return [true, false].map((isOrder) => {
      const delays = seen.filter((one) => one.isOrder === isOrder).map(({ delay }) => delay);
      const what = isOrder ? 'order told to statistics' : 'click told to statistics';
      return `${what} at ${perSecond}/s         p50 ${Math.round(median(delays))} ms   p99 ${Math.round(percentile(delays, 99))} ms`;
    });
  } finally {
    await service.stop();
  }
}

/** Tells of a fact of the link, and waits until its figure has it. */
async function follow(
  service: Running,
  { index, code, told }: { index: number; code: string; told: Map<string, number> },
): Promise<{ isOrder: boolean; delay: number }> {
  const isOrder = index % ORDER_EACH === 0;
  const measure = isOrder ? 'orders' : 'clicks';
  if (isOrder) await ask(service, '/v1/orders', { ...reportOf(`seen-${index}`, null), link_code: code });
  else await ask(service, '/v1/clicks', { code });
  const before = performance.now();
  const wanted = (told.get(`${measure} ${code}`) ?? 0) + 1;
  told.set(`${measure} ${code}`, wanted);
  while (performance.now() - before < PATIENCE_MS) {
    const { totals } = await ask(service, `/v1/statistics?link_code=${code}&bucket=none&measures=${measure}`);
    if (totals!.some((total) => (total[measure] ?? 0) >= wanted)) return { isOrder, delay: performance.now() - before };
    await sleep(POLL_MS);
  }
  throw new Error(`${measure} of ${code} are not ${wanted} after ${PATIENCE_MS} ms`);
}

async function ask(service: Running, path: string, body?: object): Promise<{ totals?: Record<string, number>[] }> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, ...(body !== undefined && { 'content-type': 'application/json' }) };
  const method = body === undefined ? 'GET' : 'POST';
  const answer = await fetch(service.url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as { totals?: Record<string, number>[] };
}
