// Audit and laws after files have entered: rows of files are read by them as the inbox read them,
// with and without lines and times.
import { afterAll, beforeAll, expect, test } from 'vitest';

import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { makeReconciliation } from '../../src/pull/reconciliations/reconciliation-store.ts';
import { originOf, takeUpload, type UploadResult } from '../../src/pull/uploads/upload.ts';
import { ADAPTERS } from '../inbox/door.ts';
import { foldAll } from '../ledger/books.ts';
import { tableOf } from '../pull/tables/kept.ts';
import { openMarket, type Market } from './market.ts';

let market: Market;

beforeAll(async () => {
  market = await openMarket();
  const secrets = { app_key: 'key', app_secret: 'secret' };
  await market.door.call('PUT', '/v1/sources/tk', { kind: 'taobao', merchant_id: 'm1', secrets });
}, 60_000);

afterAll(() => market.close());

/** Takes a file of a source, and awards what it tells. */
async function upload(sourceId: string, text: string): Promise<UploadResult> {
  const { db } = market;
  const merchantId = sourceId === 'rest' ? 'm1' : null;
  const { id, now } = await inTransaction(db, async ({ trx, now: at }) => {
    const reconciliationId = uuidv7(at.getTime());
    const row = { reconciliation_id: reconciliationId, source_id: sourceId, merchant_id: merchantId, origin: 'upload' as const };
    await makeReconciliation(trx, { ...row, range_from: null, range_to: null }, at);
    return { id: reconciliationId, now: at };
  });
  const adapters = new Map(ADAPTERS.map((adapter) => [adapter.kind, adapter]));
  const source = await originOf(db, sourceId, merchantId);
  const how = { amounts: 'minor' as const, dryRun: false, confirmAllNew: true, fetchedAt: now };
  const quietly = { onDelivered: () => undefined, whenRoom: () => Promise.resolve() };
  const taken = await takeUpload(
    { db, adapters, source, merchantId, reconciliationId: id, ...how, ...quietly },
    await tableOf(Buffer.from(text)),
  );
  await market.award();
  return taken;
}

async function expectOrder(): Promise<void> {
  expect((await market.audit()).lines).toEqual([]);
  await foldAll(market.db);
  // The market is set up without anybody's key.
  const laws = allGuards({ levelsMax: 2, spooled: () => 0 }).filter(({ name, kind }) => kind === 'law' && name !== 'changes_audited');
  for (const guard of laws) {
    expect(await askGuard(market.db, guard), guard.name).toEqual({ violations: 0, sample: [] });
  }
}

test('a row that states no more than a status', async () => {
  await upload('sw', 'order_id,status\n1,created');
  await upload('rest', 'order_id,status\n1,created');
  await expectOrder();
});

test('rows of whole orders, before and after their lines are told', async () => {
  const code = await market.link('m1', 'bob');
  const row = 'order_id,status,currency,paid_amount,refunded_amount\n2,paid,CNY,9999,2500';
  await upload('sw', row);
  await market.push('sw', '2', { link_code: code });
  await market.push('sw', '3', { link_code: code });
  await upload('sw', row.replace('\n2,', '\n3,'));
  await upload('sw', row);
  await expectOrder();
  // What the file says of the whole is not counted beside the line.
  expect((await market.door.order('sw', '3'))!.merged.lines.map(({ lineId }) => lineId)).toEqual(['*', '1']);
});

test('rows of lines with refunds of theirs that have no ids', async () => {
  const code = await market.link('m1', 'bob');
  await market.push('sw', '4', { link_code: code });
  await upload(
    'sw',
    'order_id,line_id,currency,paid_amount,refunded_amount,link_code\n4,1,CNY,9999,1000,\n4,2,CNY,500,,\n5,1,CNY,700,,nobody',
  );
  await expectOrder();
});

test("an export whose rows are the platform's own, without the times of their changes", async () => {
  const head = '创建时间,付款时间,商品ID,商品数量,付款金额,淘宝订单编号,淘宝子订单号,订单状态,付款预估收入,渠道关系ID';
  const rows = ['81,已付款', '82,已失效'].map((part) => {
    const [line, status] = part.split(',');
    return `2026-06-01 10:00:00,2026-06-01 10:01:00,61,1,99.90,3705115058471208928,${line},${status},4.50,29000001`;
  });
  expect(await upload('tk', [head, ...rows].join('\n'))).toMatchObject({ rows: 2, badRows: 0 });
  await market.door.call('PUT', '/v1/sources/tk/mappings/relation_id/29000001', { promoter_id: 'bob' });
  await market.award();
  expect((await market.door.order('tk', '3705115058471208928'))!.merged.lines).toHaveLength(2);
  await expectOrder();
});
