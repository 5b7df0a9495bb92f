// npm run bench [-- redirect|webhook|award|campaigns|latency|page|payouts|simulation|growth|
// statistics …] [--rounds N] [--seconds S] [--orders N] [--promoters N] [--scale S]: each figure
// beside its twin, medians of alternating rounds; `--orders` says how many orders are awarded,
// rehearsed or told, `--promoters` how many are paid, `--scale` how much of the year of statistics
// is made.

import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';

import { benchAward } from './award.ts';
import { benchCampaigns } from './campaigns.ts';
import { ORDERS } from './crowd.ts';
import { benchGrowth } from './growth.ts';
import { benchLatency } from './latency.ts';
import { benchPage } from './page.ts';
import { benchPayouts, PROMOTERS } from './payouts.ts';
import { benchRedirect } from './redirect.ts';
import { benchSimulation } from './simulation.ts';
import { benchStatistics } from './statistics.ts';
import { benchVisibility } from './visibility.ts';
import { benchWebhook } from './webhook.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    orders: { type: 'string', default: String(ORDERS) },
    promoters: { type: 'string', default: String(PROMOTERS) },
    scale: { type: 'string', default: '1' },
  },
});
/** One after the other, in each round of the growth. */
const ORDERS_TOLD = 300;
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

const BENCHES: Record<string, () => Promise<string[]>> = {
  redirect: () => benchRedirect({ rounds, seconds }),
  webhook: () => benchWebhook({ rounds, seconds }),
  award: () => benchAward({ rounds, orders: Number(values.orders) }),
  campaigns: () => benchCampaigns({ rounds, orders: Number(values.orders) }),
  payouts: () => benchPayouts({ rounds, promoters: Number(values.promoters) }),
  simulation: () => benchSimulation({ rounds, orders: Number(values.orders) }),
  growth: () => benchGrowth({ rounds, orders: Math.min(ORDERS_TOLD, Number(values.orders)) }),
  statistics: async () => [
    ...(await benchStatistics({ scale: Number(values.scale), rounds, seconds: seconds * 2 })),
    ...(await benchVisibility({ perSecond: 50, seconds: seconds * 2 })),
  ],
  page: () => benchPage({ rounds }),
  latency: () => benchLatency({ perSecond: 50, seconds: seconds * 2 }),
};

const say = (line: string) => process.stdout.write(`${line}\n`);
say(
  `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB; ` +
    'client, service and database on this machine',
);
for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHES)) {
  const bench = BENCHES[name];
  if (bench === undefined) throw new Error(`there is no bench ${name}; there are ${Object.keys(BENCHES).join(', ')}`);
  for (const line of await bench()) say(line);
}
