// What Prometheus is told of money out, of payouts that were drafted, sent and told of over HTTP.

import { Registry } from '@prometheus-io/client';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { measureDebts, measurePayouts, payoutMetrics, type PayoutMetrics } from '../../src/payouts/payout-metrics.ts';
import { foldAll } from '../ledger/books.ts';
import { openTill, type Till } from './till.ts';

let till: Till;
let registry: Registry;
let metrics: PayoutMetrics;

beforeAll(async () => {
  till = await openTill();
  registry = new Registry();
  metrics = payoutMetrics(registry);
  await till.merchant('m1');
  for (const name of ['a', 'b', 'c', 'd']) {
    await till.promoter(name);
    await till.earn(name, 1000);
  }
});

afterAll(() => till.close());

/** The samples of a metric as they are told, by their labels. */
async function told(name: string): Promise<Record<string, number>> {
  await measurePayouts(till.db, metrics);
  await measureDebts(till.db, metrics);
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`));
  return Object.fromEntries(lines.map((line) => [/"([^"]*)"/.exec(line)![1], Math.round(Number(line.split(' ').at(-1)))]));
}

const longAgo = (table: string, column: string, hours: number) =>
  sql`update ${sql.table(table)} set ${sql.ref(column)} = now() - ${hours} * interval '1 hour'`.execute(till.owner);

test('a draft waits for a second person until it is decided, and one without payouts never did', async () => {
  const nothing = { batch: 0, ruling: 0, write_off: 0 };
  expect(await told('fenyong_payout_decisions_waiting')).toEqual(nothing);
  const [approved, cancelled] = [await till.draft({ promoter_ids: ['a', 'b'] }), await till.draft({ promoter_ids: ['c'] })];
  expect(await till.draft({ promoter_ids: ['c'] })).toMatchObject({ payouts: 0 });
  await longAgo('payout_batch', 'drafted_at', 2);
  expect(await told('fenyong_payout_decisions_waiting')).toEqual({ ...nothing, batch: 2 });
  expect(await told('fenyong_payout_decisions_waiting_age_seconds')).toEqual({ ...nothing, batch: 7200 });
  expect((await till.approve(approved)).status).toBe(200);
  await till.must('POST', `/v1/payout-batches/${cancelled.batch_id}/cancellation`, undefined, till.zhang);
  expect(await told('fenyong_payout_decisions_waiting')).toEqual(nothing);
});

test('open payouts are told by state with the age of the oldest, and no longer once they have ended', async () => {
  const none = { approved: 0, sending: 0, sent: 0, action_required: 0, unknown: 0, disputed: 0 };
  expect(await told('fenyong_payouts_open')).toEqual({ ...none, sent: 2 });
  await longAgo('payout', 'changed_at', 3);
  expect(await told('fenyong_payouts_open_age_seconds')).toEqual({ ...none, sent: 10_800 });
  const { data } = await till.must('GET', '/v1/promoters/a/payouts');
  await till.tell(data[0].payout_id, { state: 'paid' });
  expect(await told('fenyong_payouts_open')).toEqual({ ...none, sent: 1 });
});

test('a correction and a write-off wait for a second person, too', async () => {
  const { data } = await till.must('GET', '/v1/promoters/a/payouts');
  await till.must('POST', `/v1/payouts/${data[0].payout_id}/corrections`, { state: 'failed', reason: 'It never left.' }, till.zhang);
  const wish = { promoter_id: 'd', merchant_id: 'm1', currency: 'CNY', amount: 1, reason: 'Left.' };
  const { write_off_id: id } = await till.must('POST', '/v1/debts/write-offs', wish, till.zhang);
  expect(await told('fenyong_payout_decisions_waiting')).toEqual({ batch: 0, ruling: 1, write_off: 1 });
  await till.must('POST', `/v1/payouts/${data[0].payout_id}/corrections/approval`, undefined, till.li);
  await till.must('POST', `/v1/debts/write-offs/${id}/rejection`, { reason: 'Not yet.' }, till.li);
  expect(await told('fenyong_payout_decisions_waiting')).toEqual({ batch: 0, ruling: 0, write_off: 0 });
});

test('debts are told by currency, and a currency in which nobody owes any more is not', async () => {
  await till.earn('d', -1500);
  await till.earn('d', -7, { currency: 'JPY' });
  await foldAll(till.db);
  expect(await told('fenyong_debts')).toEqual({ CNY: 1, JPY: 1 });
  await till.earn('d', 7, { currency: 'JPY' });
  await foldAll(till.db);
  expect(await told('fenyong_debts')).toEqual({ CNY: 1 });
});

test('a provider that waits for an operator is told by its kind', async () => {
  expect(await told('fenyong_payout_providers_stopped')).toEqual({ manual: 0 });
  await sql`update payout_provider set stopped_at = now()`.execute(till.owner);
  expect(await told('fenyong_payout_providers_stopped')).toEqual({ manual: 1 });
});

test('whatever is counted is found by an index', async () => {
  const plans: string[] = [];
  await till.owner.transaction().execute(async (trx) => {
    await sql`set local enable_seqscan = off`.execute(trx);
    for (const query of [
      `select changed_at from payout where state = 'sent' order by changed_at limit 10`,
      `select drafted_at from payout_batch where approved_at is null and cancelled_at is null order by drafted_at limit 10`,
      `select made_at from payout_ruling where decided_at is null order by made_at limit 10`,
      `select made_at from write_off where approved_at is null and rejected_at is null order by made_at limit 10`,
    ]) {
      const { rows } = await sql<Record<'QUERY PLAN', string>>`explain ${sql.raw(query)}`.execute(trx);
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
    }
  });
  expect(plans.map((plan) => /using (\w+)|on (payout_ruling_open)/.exec(plan)?.slice(1).find(Boolean))).toEqual([
    'payout_open',
    'payout_batch_waiting',
    'payout_ruling_open',
    'write_off_waiting',
  ]);
});
