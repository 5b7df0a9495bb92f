// How many orders a second the audit computes again, as the command does it, over orders that came
// as deliveries and were merged, awarded and chained. node --import tsx test/bench/audit.ts
// [orders]

import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

import { auditCommand } from '../../src/audit/commands.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { BOOK_KEYS, openBooks } from './books.ts';

async function benchAudit(orders: number): Promise<string[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-bench-'));
  const log = buildLogger('warn');
  const { connectionString, stop } = await startEmbedded({ dataDir, log });
  const { db, close } = openDatabase({ connectionString, poolSize: 4, applicationName: 'bench', log });
  try {
    await openBooks({ connectionString, orders, log });
    let printed = '';
    const before = process.cpuUsage();
    const started = performance.now();
    const code = await auditCommand({ db, connectionString, adapters: [], ...BOOK_KEYS }, (text) => (printed += text));
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(before);
    const perSecond = Math.round(orders / seconds);
    const cpuMs = (user + system) / 1000 / orders;
    const mebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
    return [
      ...printed.trimEnd().split('\n').slice(-5),
      `audit      ${orders} orders in ${seconds.toFixed(1)} s, ${perSecond} orders/s on ${availableParallelism()} cores, exit ${code}`,
      `           ${cpuMs.toFixed(3)} ms of our CPU an order, at most ${mebibytes} MiB`,
    ];
  } finally {
    await close();
    await stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

for (const line of await benchAudit(Number(process.argv[2] ?? 20_000))) process.stdout.write(`${line}\n`);
