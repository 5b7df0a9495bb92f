// A rehearsal of a rule that most orders would be decided by, over orders that came as deliveries,
// beside a bare read of the very rows that it is decided from; and the award of orders that are
// due, alone and beside rehearsals that never end.

import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql, type Kysely } from 'kysely';
import { Client } from 'pg';

import { awardBacklog } from '../../src/commission/award/award.ts';
import { emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import { simulateNext, type SimulationDeps } from '../../src/commission/simulations/simulation.ts';
import { addSimulation, findSimulation } from '../../src/commission/simulations/simulation-store.ts';
import { accountCache } from '../../src/ledger/booking-store.ts';
import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import { makeKey } from '../../src/platform/keys/keys-store.ts';
import { inTransaction, openDatabase } from '../../src/platform/postgres/database.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { BOOK_KEYS, openBooks } from './books.ts';
import { alternate, median, ratioOf } from './rounds.ts';

const ORDERS_PER_BATCH = 1000;
/** So many are awarded again, alone and beside rehearsals. */
const AWARDED = 10_000;
const KEPT_ON_MS = 60_000;

/** It takes over from the rule for everything, by which most orders are decided. */
const DEARER = {
  name: 'dearer',
  scope: { merchant_id: 'm1' },
  priority: 1_000_000,
  plan: { rate_ppm: 123_456, split: [{ to: 'promoter', share_ppm: 1_000_000 }] },
};

export async function benchSimulation({ rounds, orders }: { rounds: number; orders: number }): Promise<string[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-bench-'));
  const log = buildLogger('warn');
  const { connectionString, stop } = await startEmbedded({ dataDir, log });
  const { db, close } = openDatabase({ connectionString, poolSize: 8, applicationName: 'bench', log });
  const deps: SimulationDeps = { db, connectionString, log, ...BOOK_KEYS, slots: 1 };
  try {
    await openBooks({ connectionString, orders, log });
    let [cpu, changed] = [0, 0];
    const pair = await alternate(
      rounds,
      async () => {
        const before = process.cpuUsage();
        const figure = await perSecond(orders, async () => (changed = await rehearse(deps)));
        const { user, system } = process.cpuUsage(before);
        cpu = (user + system) / 1000 / orders;
        return figure;
      },
      () => perSecond(orders, () => readBare(connectionString)),
    );
    const mebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
    const award = await alternate(
      rounds,
      () => besideRehearsals(deps, () => awardAgain(deps, db)),
      () => awardAgain(deps, db),
    );
    return [
      `rehearsal of a rule for all                 ${Math.round(median(pair.ours))} orders/s on ${availableParallelism()} cores`,
      `  bare read of what it is decided from      ${Math.round(median(pair.twin))} orders/s   ratio ${ratioOf(pair).toFixed(2)}`,
      `  ${cpu.toFixed(3)} ms of our CPU an order, at most ${mebibytes} MiB, books included; ${changed} of ${orders} orders change`,
      `award beside a rehearsal                    ${Math.round(median(award.ours))} orders/s`,
      `  award alone                               ${Math.round(median(award.twin))} orders/s   ratio ${ratioOf(award).toFixed(2)}`,
    ];
  } finally {
    await close();
    await stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function perSecond(orders: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return orders / ((performance.now() - started) / 1000);
}

async function ask({ db }: SimulationDeps): Promise<string> {
  const simulationId = uuidv7(Date.now());
  await inTransaction(db, async ({ trx, now }) => {
    const { row } = await makeKey(trx, { scope: 'auditor', merchantId: null, promoterId: null, label: 'bench' }, null, now);
    const actor = { keyId: row.key_id, scope: 'auditor' as const, role: null, person: 'bench', merchantId: null, promoterId: null };
    const query = { changes: [DEARER], from: new Date('2020-01-01'), to: new Date('2100-01-01'), merchantId: null, currency: 'CNY' };
    await addSimulation(trx, simulationId, query, { actor, now });
  });
  return simulationId;
}

/** Brings one to its end, and answers how many orders it changes. */
async function rehearse(deps: SimulationDeps): Promise<number> {
  const simulationId = await ask(deps);
  await simulateNext(deps, new AbortController().signal);
  const found = await findSimulation(deps.db, simulationId);
  if (found?.result == null) throw new Error(`the rehearsal is ${found?.state}: ${found?.error}`);
  return found.result.changed_orders;
}

/** Reads the rows, and throws them away. */
async function readBare(connectionString: string): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ last: string }>('select max(order_key) as last from orders');
    for (let after = 0; after < Number(rows[0]!.last); after += 500) {
      const range = [after, after + 500];
      await client.query('select order_key, pinned from decision where order_key > $1 and order_key <= $2', range);
      await client.query(
        'select order_key, line_id, role, promoter_id, amount from transfer where order_key > $1 and order_key <= $2',
        range,
      );
      await client.query('select order_key, merged from orders where order_key > $1 and order_key <= $2', range);
    }
  } finally {
    await client.end();
  }
}

/** Awards orders once more, which changes nothing and so can be done as often as one likes. */
async function awardAgain(deps: SimulationDeps, db: Kysely<DB>): Promise<number> {
  await sql`insert into award_due (order_key, due_at) select order_key, now() from orders order by order_key limit ${AWARDED}`.execute(db);
  await sql`analyze award_due`.execute(db);
  const award = { ...deps, ruleCache: emptyRuleCache(), accounts: accountCache() };
  return perSecond(AWARDED, async () => {
    for (let done = 1; done > 0;) done = await awardBacklog(award, ORDERS_PER_BATCH);
  });
}

async function besideRehearsals(deps: SimulationDeps, work: () => Promise<number>): Promise<number> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), KEPT_ON_MS);
  const goOn = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await ask(deps);
      await simulateNext(deps, ending.signal);
    }
  };
  const going = goOn();
  try {
    // So long its threads need to start.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    return await work();
  } finally {
    clearTimeout(timer);
    ending.abort();
    await going;
    await sql`update rule_simulation set state = 'cancelled', finished_at = now() where state = 'running'`.execute(deps.db);
  }
}
