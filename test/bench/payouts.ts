// Money out of many promoters: drafting and approving beside the least SQL that keeps the promise
// (nobody's money is taken twice, and everything says why), and the first sending of some to a
// double of WeChat Pay, at the pace that the provider allows.

import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { sql, type Kysely } from 'kysely';

import { accountCache } from '../../src/ledger/booking-store.ts';
import { approveBatch } from '../../src/payouts/batches/approving.ts';
import { findBatch, type BatchWish } from '../../src/payouts/batches/batch-store.ts';
import { draftWhole, type DraftDeps } from '../../src/payouts/batches/drafting.ts';
import { sendPayouts, type SendingDeps } from '../../src/payouts/bills/sending.ts';
import { insertPayee } from '../../src/payouts/payees/payee-store.ts';
import { saveProvider } from '../../src/payouts/providers/provider-store.ts';
import { wechatPay } from '../../src/payouts/providers/wechat-pay/wechat-pay.ts';
import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import type { Actor } from '../../src/platform/keys/actor.ts';
import { makeKey } from '../../src/platform/keys/keys-store.ts';
import { masterKeys } from '../../src/platform/keys/secrets.ts';
import { inTransaction, openDatabase } from '../../src/platform/postgres/database.ts';
import { migrate } from '../../src/platform/postgres/migrate.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { startWechatPayDouble } from '../payouts/providers/wechat-pay/double.ts';
import { alternate, median, ratioOf } from './rounds.ts';

/** So many are drafted where nothing is said of it. */
export const PROMOTERS = 100_000;
const SENT = 300;
const POLL_MS = 50;
/** The twin is one statement over everybody. */
const WHOLE_BATCH_MS = 30 * 60_000;
const SECOND_MS = 1000;
const ALL: BatchWish = { currency: 'CNY', minimum: 0n, providerId: null, promoterIds: null, requested: false, despiteDebts: false };

interface Ground {
  service: Kysely<DB>;
  owner: Kysely<DB>;
  deps: DraftDeps;
  zhang: Actor;
  li: Actor;
}

export async function benchPayouts({ rounds, promoters }: { rounds: number; promoters: number }): Promise<string[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-bench-'));
  const log = buildLogger('warn');
  const embedded = await startEmbedded({ dataDir, log });
  const { connectionString } = embedded;
  await migrate(connectionString);
  const options = { connectionString, poolSize: 20, applicationName: 'bench', log, queryMs: WHOLE_BATCH_MS, silenceMs: WHOLE_BATCH_MS };
  const service = openDatabase(options);
  const owner = openDatabase({ ...options, asOwner: true });
  try {
    const taxes = { scheme: 'cn_labor_service', gap: 'restart', timeZone: 'Asia/Shanghai' } as const;
    const ground: Ground = {
      service: service.db,
      owner: owner.db,
      deps: {
        taxes,
        keys: masterKeys(['m'.repeat(32)]),
        numberKey: createSecretKey(randomBytes(32)),
        payeeChangeWaitHours: 48,
        merchantsOwing: async () => new Set(),
      },
      zhang: await person(service.db, 'zhang'),
      li: await person(service.db, 'li'),
    };
    await openEarnings(owner.db, promoters);
    return [...(await benchBatch(ground, { rounds, promoters })), await benchSending(ground, Math.min(SENT, promoters))];
  } finally {
    await Promise.all([service.close(), owner.close()]);
    await embedded.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function person(db: Kysely<DB>, name: string): Promise<Actor> {
  const wish = { scope: 'admin', role: 'finance', person: name, label: name, merchantId: null, promoterId: null } as const;
  const { row } = await inTransaction(db, ({ trx, now }) => makeKey(trx, wish, null, now));
  return { keyId: row.key_id, scope: 'admin', role: 'finance', person: name, merchantId: null, promoterId: null };
}

/** Promoters with something available of two merchants each, as if all transfers were folded. */
async function openEarnings(db: Kysely<DB>, promoters: number): Promise<void> {
  await sql`insert into merchant values ('m1', now()), ('m2', now())`.execute(db);
  await sql`insert into promoter select 'u' || n, now() from generate_series(1, ${promoters}::int) n`.execute(db);
  await sql`
    insert into promoter_version
    select 'u' || n, 1, '-infinity', now(), 'Promoter ' || n, 'person', null, null, null, 'active', '[]', null
    from generate_series(1, ${promoters}::int) n`.execute(db);
  await sql`
    insert into account (kind, merchant_id, promoter_id, currency)
    select 'available', 'm' || merchant, 'u' || n, 'CNY' from generate_series(1, ${promoters}::int) n, generate_series(1, 2) merchant`.execute(
    db,
  );
  await sql`insert into account_balance select account_id, 10000 + account_id % 60000 from account`.execute(db);
  await sql`create table seeded as table account`.execute(db);
  await sql`vacuum analyze`.execute(db);
}

/** Everything that a batch writes goes, past the triggers that keep it. */
async function emptyBatches({ owner }: Ground): Promise<void> {
  await owner.connection().execute(async (session) => {
    await sql`set session_replication_role = replica`.execute(session);
    await sql`
      truncate payout_change, payout_income, payout_item, payout_skip, payout_bill, payout_notice, payout_ruling, payout_request, payout_file_part,
        payout_file, payout, payout_batch, transfer`.execute(session);
    await sql`delete from account where not exists (select from seeded where seeded.account_id = account.account_id)`.execute(session);
    await sql`set session_replication_role = default`.execute(session);
  });
  await sql`vacuum analyze`.execute(owner);
}

/** Drafting and approving by turns with the twin; the seconds of each are medians. */
async function benchBatch(ground: Ground, { rounds, promoters }: { rounds: number; promoters: number }): Promise<string[]> {
  const drafts = { ours: [] as number[], twin: [] as number[] };
  const approvals = { ours: [] as number[], twin: [] as number[] };
  await alternate(
    rounds,
    async () => {
      await emptyBatches(ground);
      const batchId = uuidv7(Date.now());
      drafts.ours.push(await secondsOf(() => draft(ground, batchId, ALL)));
      approvals.ours.push(await secondsOf(() => approve(ground, batchId)));
      return promoters;
    },
    async () => {
      await emptyBatches(ground);
      drafts.twin.push(await secondsOf(() => draftBarely(ground)));
      approvals.twin.push(await secondsOf(() => approveBarely(ground)));
      return promoters;
    },
  );
  // The first round of both is thrown away.
  for (const seconds of [drafts.ours, drafts.twin, approvals.ours, approvals.twin]) seconds.shift();
  const line = (name: string, { ours, twin }: typeof drafts) => [
    `${name.padEnd(43)} ${median(ours).toFixed(1)} s, ${Math.round(promoters / median(ours))} payouts/s`,
    `  the least SQL that keeps the promise      ${median(twin).toFixed(1)} s, ${Math.round(promoters / median(twin))} payouts/s   ` +
      `ratio ${ratioOf({ ours: twin, twin: ours }).toFixed(2)}`,
  ];
  return [...line(`draft of ${promoters} promoters, tax included`, drafts), ...line('approval of it, everything judged again', approvals)];
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / SECOND_MS;
}

async function draft({ service, deps, zhang }: Ground, batchId: string, wish: BatchWish): Promise<void> {
  await inTransaction(service, ({ trx, now }) =>
    draftWhole(trx, deps, { ...wish, batchId, keyId: zhang.keyId, person: zhang.person, schedule: null }, now),
  );
}

async function approve({ service, deps, li }: Ground, batchId: string): Promise<void> {
  const { content_hash: contentHash } = (await findBatch(service, batchId))!;
  const done = await inTransaction(service, ({ trx, now }) => approveBatch(trx, deps, { batchId, contentHash, actor: li, now }));
  if (!done.approved) throw new Error(`the approval dropped ${done.dropped} payouts`);
}

/**
 * One transaction: what is above zero is set aside, with a payout and its items that say so. Tables
 * that were empty are looked at anew, or the planner takes them for empty still.
 */
async function draftBarely({ owner, zhang }: Ground): Promise<void> {
  await inTransaction(owner, async ({ trx, now }) => {
    const batchId = uuidv7(now.getTime());
    await sql`select pg_advisory_xact_lock(1)`.execute(trx);
    await sql`
      insert into payout_batch (batch_id, currency, minimum, drafted_at, drafted_by, drafted_person, content_hash, requested, despite_debts)
      values (${batchId}, 'CNY', 0, now(), ${zhang.keyId}, 'zhang', '', false, false)`.execute(trx);
    await sql`
      insert into payout (payout_id, batch_id, promoter_id, currency, provider_id, payee_kind, gross, expected_withheld, content_hash,
        state, drafted_at, changed_at)
      select uuidv7(), ${batchId}, promoter_id, 'CNY', 'manual', 'individual', sum(balance), 0, '', 'drafted', now(), now()
      from account join account_balance using (account_id) where kind = 'available' and balance > 0 group by promoter_id`.execute(trx);
    await sql`analyze payout`.execute(trx);
    await sql`
      insert into payout_item (payout_id, position, merchant_id, promoter_id, currency, amount)
      select payout_id, row_number() over (partition by payout_id) - 1, merchant_id, promoter_id, 'CNY', balance
      from payout join account using (promoter_id) join account_balance using (account_id) where kind = 'available'`.execute(trx);
    await sql`analyze payout_item`.execute(trx);
    await sql`
      insert into account (kind, merchant_id, promoter_id, currency) 
      select 'paying', merchant_id, promoter_id, 'CNY' from payout_item`.execute(trx);
    await sql`analyze account`.execute(trx);
    await sql`
      insert into transfer (cause, cause_id, position, kind, merchant_id, currency, promoter_id, from_account_id, to_account_id, amount,
        booked_at, booked_xid)
      select 'payout', payout_id, position, 'reserve', item.merchant_id, 'CNY', item.promoter_id, source.account_id, target.account_id, amount, now(),
        ledger_xid()
      from payout_item item join account source using (promoter_id, merchant_id) join account target using (promoter_id, merchant_id)
      where source.kind = 'available' and target.kind = 'paying'`.execute(trx);
    await sql`insert into payout_change (payout_id, position, to_state, changed_at) select payout_id, 0, 'drafted', now() from payout`.execute(
      trx,
    );
  });
}

async function approveBarely({ owner }: Ground): Promise<void> {
  await inTransaction(owner, async ({ trx }) => {
    await sql`select pg_advisory_xact_lock(1)`.execute(trx);
    await sql`
      update payout set state = 'sent', withheld = 0, scheme = 'none', tax_month = '2026-01', taxpayer = promoter_id,
        approved_no = nextval('payout_moment'), approved_at = now(), changed_at = now()`.execute(trx);
    await sql`insert into payout_income (payout_id, from_no) select payout_id, approved_no from payout`.execute(trx);
    await sql`
      insert into payout_change (payout_id, position, from_state, to_state, changed_at)
      select payout_id, 1, 'drafted', 'sent', now() from payout`.execute(trx);
  });
}

async function untilSent(db: Kysely<DB>): Promise<void> {
  for (;;) {
    const { rows } = await sql`select from payout where state in ('approved', 'sending') limit 1`.execute(db);
    if (rows.length === 0) return;
    await sleep(POLL_MS);
  }
}

/** The first sending of some payouts: numbers and bytes kept, called, and the answer applied. */
async function benchSending(ground: Ground, count: number): Promise<string> {
  await emptyBatches(ground);
  const double = await startWechatPayDouble();
  try {
    const { keys, numberKey: identityKey } = ground.deps;
    const promoterIds = Array.from({ length: count }, (_, n) => `u${n + 1}`);
    await inTransaction(ground.service, async ({ trx, now }) => {
      const options = wechatPay.options.parse(double.options);
      await saveProvider(trx, keys, { providerId: 'wechat', kind: 'wechat-pay', secrets: double.secrets, options }, now);
      for (const promoterId of promoterIds) {
        const account = { openid: `o-${promoterId}` };
        const payee = { kind: 'individual', country: 'CN', name: '张三', taxId: null, providerId: 'wechat', account } as const;
        await insertPayee(trx, { keys, identityKey }, { promoterId, version: 1, payee, by: ground.zhang, now });
      }
    });
    const batchId = uuidv7(Date.now());
    await draft(ground, batchId, { ...ALL, promoterIds });
    await approve(ground, batchId);
    const sending: SendingDeps = {
      db: ground.service,
      keys,
      numberKey: identityKey,
      accounts: accountCache(),
      fetch,
      baseUrls: { 'wechat-pay': double.url },
      noticesUrl: 'https://pay.example.com/payout-notices',
      onError: (error) => {
        throw error;
      },
    };
    // It looks at the first again before it has come to the last, and goes on with them.
    const working = sendPayouts(sending);
    const seconds = await secondsOf(() => untilSent(ground.service));
    await working;
    const { rows } = await sql<{ count: bigint }>`select count(*) from payout where state = 'action_required'`.execute(ground.service);
    return (
      `${`first sending of ${count}, each once`.padEnd(43)} ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} payouts/s; ` +
      `${rows[0]!.count} wait for their payees`
    );
  } finally {
    await double.close();
  }
}
