// The award of many orders while a campaign runs that every one of them wants something of, beside
// the award of the very same orders without one.

import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql, type Kysely } from 'kysely';

import { awardBacklog, type AwardDeps } from '../../src/commission/award/award.ts';
import { emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import { accountCache } from '../../src/ledger/booking-store.ts';
import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import { migrate } from '../../src/platform/postgres/migrate.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { openCrowd } from './crowd.ts';
import { alternate, median, ratioOf } from './rounds.ts';

const ORDERS_PER_BATCH = 1000;
const WHOLE_BOOKS_MS = 30 * 60_000;
/** More than is ever wanted: what is measured are grants, and not refusals. */
const TOTAL = 10 ** 12;

export async function benchCampaigns({ rounds, orders }: { rounds: number; orders: number }): Promise<string[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-bench-'));
  const log = buildLogger('warn');
  const embedded = await startEmbedded({ dataDir, log });
  const { connectionString } = embedded;
  await migrate(connectionString);
  const options = { connectionString, poolSize: 2, applicationName: 'bench', log };
  const service = openDatabase(options);
  const owner = openDatabase({ ...options, asOwner: true, queryMs: WHOLE_BOOKS_MS, silenceMs: WHOLE_BOOKS_MS });
  try {
    const tokenKey = createSecretKey(randomBytes(32));
    await openCrowd(owner.db, tokenKey, { orders });
    await stateCampaigns(owner.db);
    const identityKey = createSecretKey(randomBytes(32));
    let boosted = 0;
    const awardWith = async (isRunning: boolean): Promise<number> => {
      await emptyBooks(owner.db, isRunning);
      const deps: AwardDeps = {
        db: service.db,
        tokenKeys: [tokenKey],
        identityKey,
        levelsMax: 3,
        ruleCache: emptyRuleCache(),
        accounts: accountCache(),
      };
      await sql`insert into award_due (order_key, due_at) select order_key, now() from orders`.execute(owner.db);
      await sql`analyze award_due`.execute(owner.db);
      const started = performance.now();
      for (let done = 1; done > 0;) done = await awardBacklog(deps, ORDERS_PER_BATCH);
      const figure = orders / ((performance.now() - started) / 1000);
      const { rows } = await sql<{ orders: number }>`select coalesce(sum(orders), 0)::int as orders from campaign_budget`.execute(owner.db);
      if (isRunning) boosted = rows[0]!.orders;
      return figure;
    };
    const pair = await alternate(
      rounds,
      () => awardWith(true),
      () => awardWith(false),
    );
    return [
      `award while a campaign runs                 ${Math.round(median(pair.ours))} orders/s`,
      `  award without one                         ${Math.round(median(pair.twin))} orders/s   ratio ${ratioOf(pair).toFixed(2)}`,
      `  ${boosted} of ${orders} orders are boosted, within a limit by day and by promoter`,
    ];
  } finally {
    await Promise.all([service.close(), owner.close()]);
    await embedded.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** One campaign of every merchant, with all three limits. */
async function stateCampaigns(db: Kysely<DB>): Promise<void> {
  await sql`
    insert into campaign (campaign_id, merchant_id, currency, made_at)
    select 'of ' || merchant_id, merchant_id, currency, now() from merchant_version where version = 1`.execute(db);
  await sql`
    insert into campaign_version (campaign_id, version, effective_from, name, starts_at, ends_at, rate_ppm, combine, total, per_day,
      per_promoter, partial_last, reopens, recorded_at)
    select campaign_id, 1, '2000-01-01', 'bench', '2000-01-01', '2100-01-01', 10000, 'add', ${TOTAL}, ${TOTAL}, ${TOTAL}, true, false, now()
    from campaign`.execute(db);
  await sql`insert into campaign_budget (campaign_id, cap) select campaign_id, ${TOTAL} from campaign`.execute(db);
}

/** The books go, past the triggers that keep them, and the campaigns are over or run. */
async function emptyBooks(db: Kysely<DB>, isRunning: boolean): Promise<void> {
  await db.connection().execute(async (session) => {
    await sql`set session_replication_role = replica`.execute(session);
    await sql`truncate award_due, award, decision, transfer, account_balance, account, campaign_day, campaign_promoter`.execute(session);
    await sql`update campaign_budget set spent = 0, orders = 0, exhausted_total = null`.execute(session);
    await sql`update campaign_version set starts_at = ${isRunning ? '2000-01-01' : '2099-01-01'}`.execute(session);
    await sql`set session_replication_role = default`.execute(session);
  });
}
