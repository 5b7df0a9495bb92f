// The redirect with its durable click, beside a bare Fastify 302.

import autocannon from 'autocannon';

import { openMarket } from './market.ts';
import { startBare, startService } from './processes.ts';
import { alternate, median, ratioOf } from './rounds.ts';

const CONNECTIONS = 96;
const LINKS = 500;

export async function benchRedirect({ rounds, seconds }: { rounds: number; seconds: number }): Promise<string[]> {
  const service = await startService('api');
  const bare = await startBare('bare-redirect.ts');
  const cpuPerRedirect: number[] = [];
  try {
    const codes = await openMarket(service, LINKS);
    const measure = async (url: string): Promise<number> => {
      const requests = codes.map((code) => ({ path: `/r/${code}` }));
      const {
        requests: done,
        non2xx,
        errors,
        timeouts,
        '3xx': redirects,
      } = await autocannon({ url, connections: CONNECTIONS, duration: seconds, requests });
      if (errors + timeouts > 0 || redirects < done.total * 0.99) {
        throw new Error(`${errors + timeouts + non2xx - redirects} redirects failed`);
      }
      return done.total / seconds;
    };
    const pair = await alternate(
      rounds,
      async () => {
        const before = service.cpuSeconds();
        const perSecond = await measure(service.url);
        cpuPerRedirect.push(((service.cpuSeconds() - before) * 1000) / (perSecond * seconds));
        return perSecond;
      },
      () => measure(bare.url),
    );
    return [
      `redirect, click durable before the answer   ${Math.round(median(pair.ours))}/s`,
      `  bare Fastify 302                          ${Math.round(median(pair.twin))}/s   ratio ${ratioOf(pair).toFixed(2)}`,
      `  CPU, service and database together        ${median(cpuPerRedirect).toFixed(3)} ms a redirect`,
    ];
  } finally {
    await Promise.all([service.stop(), bare.stop()]);
  }
}
