// How many orders a second the audit computes again, over orders that came as deliveries and were merged, awarded and chained by the service.
// node --import tsx test/bench/audit.ts [orders]

import { createHash, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql, type Kysely } from 'kysely';

import { audit } from '../../src/audit/audit.ts';
import { lineOf } from '../../src/audit/difference.ts';
import { awardBacklog } from '../../src/commission/award.ts';
import { emptyShelf } from '../../src/commission/rule-shelf.ts';
import { processDeliveries } from '../../src/inbox/process.ts';
import { foldBalances } from '../../src/ledger/balances.ts';
import { chainTransfers } from '../../src/ledger/hash-chain-store.ts';
import { accountCache } from '../../src/ledger/store.ts';
import { openDatabase } from '../../src/platform/database.ts';
import { startEmbedded } from '../../src/platform/embedded.ts';
import { buildLogger } from '../../src/platform/log.ts';
import { migrate } from '../../src/platform/migrate.ts';
import type { DB } from '../../src/platform/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { mintClickToken } from '../../src/promotion/token.ts';
import { openCrowd } from './crowd.ts';

const DELIVERIES_PER_INSERT = 5000;
const PROMOTERS = 10_000;
/** Beside those that the orders' tokens prove. */
const CLICKS = 20_000;
const DAY_MS = 86_400_000;

async function benchAudit(orders: number): Promise<string[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-bench-'));
  const log = buildLogger('warn');
  const { connectionString, stop } = await startEmbedded({ dataDir, log });
  await migrate(connectionString);
  const options = { connectionString, poolSize: 4, applicationName: 'bench', log };
  const service = openDatabase(options);
  const owner = openDatabase({ ...options, asOwner: true });
  try {
    const tokenKey = createSecretKey(randomBytes(32));
    const deps = {
      db: service.db,
      adapters: [],
      tokenKeys: [tokenKey],
      identityKey: createSecretKey(randomBytes(32)),
      levelsMax: 3,
      shelf: emptyShelf(),
      accounts: accountCache(),
    };
    await openCrowd(owner.db, tokenKey, CLICKS);
    // The orders of the crowd came from nowhere; these come through the door.
    await owner.db.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql`delete from order_identity`.execute(trx);
      await sql`delete from orders`.execute(trx);
    });
    await deliver(owner.db, orders, tokenKey);
    while ((await processDeliveries(deps)) > 0);
    while ((await awardBacklog(deps, 1000)) > 0);
    await sql`analyze`.execute(owner.db);
    for (let more = true; more;) ({ more } = await foldBalances(service.db));
    const chaining = await timed(async () => {
      for (let more = true; more;) ({ more } = await chainTransfers(service.db));
    });
    const lines: string[] = [];
    const before = process.cpuUsage();
    const auditing = await timed(async () => {
      const { differences, transfers, waiting, chain } = await audit(deps, {
        onDifference: (difference) => lines.push(lineOf(difference)),
      });
      lines.push(`${differences} differences, ${waiting} waiting, ${transfers} transfers, ${chain.links} links`);
    });
    const { user, system } = process.cpuUsage(before);
    const memory = Math.round(process.memoryUsage().rss / 1024 / 1024);
    return [
      ...lines.slice(-5),
      `audit      ${Math.round(orders / auditing)} orders/s, ${((user + system) / 1000 / orders).toFixed(3)} ms of our CPU an order, ${memory} MiB`,
      `hash chain ${chaining.toFixed(1)} s for the transfers of ${orders} orders`,
    ];
  } finally {
    await Promise.all([service.close(), owner.close()]);
    await stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** Puts down deliveries as the door stores them: one order each, every second one with a token, the others with a link code. */
async function deliver(db: Kysely<DB>, orders: number, tokenKey: KeyObject): Promise<void> {
  for (let first = 0; first < orders; first += DELIVERIES_PER_INSERT) {
    const bodies = Array.from({ length: Math.min(DELIVERIES_PER_INSERT, orders - first) }, (_, n) =>
      Buffer.from(JSON.stringify(reportOf(first + n, tokenKey))),
    );
    await sql`
      insert into delivery (delivery_id, source_id, merchant_id, origin, body, body_hash, headers, received_at, next_attempt_at)
      select told.id, 'rest', 'm1', 'rest', told.body, told.hash, '{}', now(), now()
      from unnest(${bodies.map(() => uuidv7(Date.now()))}::uuid[], ${bodies}::bytea[],
        ${bodies.map((body) => createHash('sha256').update(body).digest())}::bytea[]) as told (id, body, hash)`.execute(db);
  }
}

function reportOf(n: number, tokenKey: KeyObject): object {
  const clickedAt = Date.now() - (n % 20) * DAY_MS - 60_000;
  const linkCode = `link${(n * 31) % PROMOTERS}`;
  const token = mintClickToken(tokenKey, { clickId: uuidv7(clickedAt), linkCode, clickedAt, bot: false });
  const evidence = n % 2 === 0 ? { click_token: token } : { link_code: linkCode };
  return {
    merchant_id: 'm1',
    order_id: `order${n}`,
    status: 'paid',
    currency: 'CNY',
    paid_at: new Date().toISOString(),
    buyer: { openid: `buyer${n}` },
    ...evidence,
    lines: [{ line_id: '1', product_id: `p${n % 1000}`, quantity: 1, paid_amount: 1000 + (n % 9000) }],
  };
}

for (const line of await benchAudit(Number(process.argv[2] ?? 20_000))) process.stdout.write(`${line}\n`);
