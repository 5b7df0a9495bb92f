// npm run backtest [-- --seeds N] [--from S] [--market plain|thin|rich|wide|alike|unlike]: what the
// selection would have earned in the held-out time of generated markets, beside what lists are
// sorted by elsewhere.

import { parseArgs } from 'node:util';

import { MARKETS, report } from './report.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    market: { type: 'string', default: 'plain' },
  },
});
const settings = MARKETS[values.market];
if (settings === undefined) throw new Error(`there is no market ${values.market}; there are ${Object.keys(MARKETS).join(', ')}`);
const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => Number(values.from) + index);
for (const line of report(settings, seeds)) process.stdout.write(`${line}\n`);
