// Backups of a lively market: of one moment, whole or not there, restored as they were, and the
// books go on.
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sql, type Kysely } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { audit } from '../../src/audit/audit.ts';
import { batchAuditor } from '../../src/audit/batch.ts';
import { backUp } from '../../src/backup/backup.ts';
import { manifestFile, readManifest, tableFile, type Manifest } from '../../src/backup/manifest.ts';
import { checkBackup, restore } from '../../src/backup/restore.ts';
import { emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import { foldBalances } from '../../src/ledger/balances.ts';
import { migrate } from '../../src/platform/postgres/migrate.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { openMarket, trade, type Market } from '../audit/market.ts';
import { testDatabase, testLog, type TestDatabase } from '../harness.ts';

const SECRETS = {
  TOKEN_SECRET: ['token-secret-of-the-tests', 'older-token-secret-of-it'],
  SECRETS_KEY: ['sealing-key-of-tests'],
  IDENTITY_KEY: [],
};
const laws = allGuards({ levelsMax: 2, spooled: () => 0 }).filter(({ name, kind }) => kind === 'law' && name !== 'changes_audited');

let market: Market;
/** Of the market as it has traded, and the database that it was restored into. */
let kept: { folder: string; manifest: Manifest; restored: TestDatabase };
let work: string;
let target: TestDatabase;
beforeAll(async () => {
  market = await openMarket();
  await trade(market);
  const folder = join(await mkdtemp(join(tmpdir(), 'fenyong-backup-')), 'kept');
  const manifest = await backUpMarket({ folder });
  kept = { folder, manifest, restored: await testDatabase({ migrated: false }) };
}, 120_000);
afterAll(async () => {
  await kept.restored.close();
  await rm(dirname(kept.folder), { recursive: true });
  await market.close();
});
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'fenyong-backup-'));
  target = await testDatabase({ migrated: false });
});
afterEach(async () => {
  await target.close();
  await rm(work, { recursive: true });
});

const folderAt = (name = 'backup') => join(work, name);

async function backUpMarket({ folder = folderAt(), withKeys = false } = {}): Promise<Manifest> {
  const { connectionString } = market.door.database;
  return backUp({ connectionString, folder, beside: [], secrets: SECRETS, withKeys, log: testLog, now: new Date() });
}

const wish = ({ given = SECRETS, folder = folderAt() }: { given?: Record<keyof typeof SECRETS, string[]>; folder?: string } = {}) => {
  return { dataDir: join(work, 'restored-data'), folder, given, log: testLog };
};

async function restoreInto({ ownerConnectionString }: TestDatabase, asked = wish()): Promise<void> {
  await restore(ownerConnectionString, await checkBackup(asked), asked);
}

/** A digest of all rows of each table, in any order. */
async function digestsOf(db: Kysely<DB>, { tables }: Manifest): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const { name } of tables) {
    const { rows } = await sql<{ digest: string }>`
      select count(*) || ':' || coalesce(sum(hashtextextended(kept::text, 0)), 0) as digest from ${sql.table(name)} as kept`.execute(db);
    digests[name] = rows[0]!.digest;
  }
  return digests;
}

/** All that the tables are beside their rows. */
async function shapeOf(db: Kysely<DB>): Promise<unknown[]> {
  const { rows } = await sql<{ said: unknown }>`
    select row(conrelid::regclass, conname, pg_get_constraintdef(oid))::text as said from pg_constraint
      where connamespace = 'public'::regnamespace and conparentid = 0
    union all select row(tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid))::text from pg_trigger where not tgisinternal
    union all select row(oid::regclass, relkind, relacl is null, pg_get_expr(relpartbound, oid))::text from pg_class
      where relnamespace = 'public'::regnamespace and relname not like 'kysely_%'
    union all select row(sequencename, last_value)::text from pg_sequences where schemaname = 'public'
    order by said`.execute(db);
  return rows.map(({ said }) => said);
}

describe('a backup', () => {
  test('restored is the same database: every row, constraint, trigger and count; and is restored into no data', async () => {
    const { manifest, folder, restored } = kept;
    expect(manifest.tables.reduce((sum, { rows }) => sum + rows, 0)).toBeGreaterThan(200);
    const [rows, shape] = [await digestsOf(market.owner, manifest), await shapeOf(market.owner)];
    // As one that was killed has left it.
    await migrate(restored.ownerConnectionString, { upTo: manifest.migrations.at(-1)! });
    await restoreInto(restored, wish({ folder }));
    expect(await digestsOf(restored.owner, manifest)).toEqual(rows);
    expect(await shapeOf(restored.owner)).toEqual(shape);
    await expect(restoreInto(restored, wish({ folder }))).rejects.toThrow(/already/);
  });

  test('restored obeys every law, audits, and its books go on', async () => {
    const { db, connectionString } = kept.restored;
    await migrate(connectionString);
    for (const law of laws) expect(await askGuard(db, law), law.name).toEqual({ violations: 0, sample: [] });
    const auditor = batchAuditor({ ...market.auditDeps, db }, emptyRuleCache());
    const differences: unknown[] = [];
    const audited = await audit(db, [auditor], { ordersPerBatch: 100, onDifference: (one) => differences.push(one) });
    expect([differences, audited.orders]).toEqual([[], expect.any(Number)]);
    expect(await foldBalances(db)).toMatchObject({ more: false });
    await expect(sql`update transfer set amount = amount + 1`.execute(db)).rejects.toThrow(/permission denied|transfer/);
  });

  test('is of one moment, however much is written while it is made', async () => {
    const made = new AbortController();
    const writer = (async () => {
      for (let n = 0; !made.signal.aborted; n += 1) await market.order(`meanwhile-${n}`, { promoter_id: 'bob' });
    })();
    try {
      for (const name of ['one', 'two', 'three']) await backUpMarket({ folder: folderAt(name) });
    } finally {
      made.abort();
      await writer;
    }
    await restoreInto(target, wish({ folder: folderAt('three') }));
    const { rows } = await sql`
      select from orders where not exists (select from order_report where order_report.order_key = orders.order_key)
      union all select from transfer where not exists (select from award where award.order_key = transfer.order_key) and order_key is not null
      union all select from order_report where not exists (select from delivery where delivery.delivery_id = order_report.delivery_id)`.execute(
      target.owner,
    );
    expect(rows).toEqual([]);
    await market.award();
  });

  test('is whole or not there, and takes no folder that has something in it', async () => {
    await writeFile(folderAt('file'), 'x');
    await expect(backUpMarket({ folder: work })).rejects.toThrow(/is not empty/);
    const dead = { connectionString: target.ownerConnectionString, folder: folderAt(), beside: [], secrets: SECRETS };
    await expect(backUp({ ...dead, withKeys: false, log: testLog, now: new Date() })).rejects.toThrow(/nothing to back up/);
    expect(await readdir(work)).toEqual(['file']);
  });
});

describe('a restore', () => {
  test('takes no backup of which a file is missing, cut or changed, and names it', async () => {
    const manifest = await backUpMarket();
    await appendFile(tableFile(folderAt(), 'orders'), 'x');
    await truncate(tableFile(folderAt(), 'transfer'), 10);
    await rm(tableFile(folderAt(), 'delivery'));
    await expect(restoreInto(target)).rejects.toThrow(/delivery\.copy\.gz, .*orders\.copy\.gz, .*transfer\.copy\.gz/);
    await writeFile(
      manifestFile(folderAt()),
      JSON.stringify({ ...manifest, partitions: [{ name: 'a', parent: 'b', bound: "'); drop table x" }] }),
    );
    await expect(readManifest(folderAt())).rejects.toThrow(/damaged/);
    const { rows } = await sql`select from pg_class where relnamespace = 'public'::regnamespace`.execute(target.owner);
    expect(rows).toEqual([]);
  });

  test('takes none of a later version', async () => {
    const manifest = await backUpMarket();
    await writeFile(manifestFile(folderAt()), JSON.stringify({ ...manifest, migrations: [...manifest.migrations, '9999-later'] }));
    await expect(restoreInto(target)).rejects.toThrow(/later version/);
  });

  test('wants the secrets of the backup, the older ones too, and says which are missing', async () => {
    await backUpMarket();
    const text = await readFile(manifestFile(folderAt()), 'utf8');
    for (const secret of Object.values(SECRETS).flat()) expect(text).not.toContain(secret);
    const other = { ...SECRETS, TOKEN_SECRET: [SECRETS.TOKEN_SECRET[0]!], SECRETS_KEY: ['another-sealing-key'] };
    await expect(restoreInto(target, wish({ given: other }))).rejects.toThrow(/^TOKEN_SECRET, SECRETS_KEY: /);
    await expect(restoreInto(target, wish({ given: { TOKEN_SECRET: [], SECRETS_KEY: [], IDENTITY_KEY: [] } }))).rejects.toThrow(
      /put back/i,
    );
    await restoreInto(target);
  });

  test('keeps the secrets that the backup carries, and none beside others', async () => {
    await backUpMarket({ withKeys: true });
    const none = { TOKEN_SECRET: [], SECRETS_KEY: [], IDENTITY_KEY: [] };
    await checkBackup(wish({ given: none }));
    const made = await readFile(join(work, 'restored-data', 'keys', 'TOKEN_SECRET'), 'utf8');
    expect(made.trim()).toBe(SECRETS.TOKEN_SECRET.join(','));
    await writeFile(join(work, 'restored-data', 'keys', 'SECRETS_KEY'), 'another-sealing-key');
    await expect(checkBackup(wish({ given: none }))).rejects.toThrow(/holds another secret/);
  });
});
