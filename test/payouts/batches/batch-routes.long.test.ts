// A hundred thousand promoters in one batch, over HTTP, by a service that is configured as it is
// everywhere: what one transaction over everybody takes, no limit of a request cuts off.

import { createHash } from 'node:crypto';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { ADMIN_KEY } from '../../running.ts';
import { openTill, type Till } from '../till.ts';

const PROMOTERS = 100_000;
const HALF_AN_HOUR_MS = 1_800_000;

let till: Till;

beforeAll(async () => {
  till = await openTill({ works: true, listens: true });
  for (const merchantId of ['m1', 'm2']) await till.merchant(merchantId);
  await till.must('PUT', '/v1/payout-providers/bank', { kind: 'file', options: { template: { format: 'csv' } } });
  await till.promoter('u0');
  await till.must('PUT', '/v1/promoters/u0/payee', {
    kind: 'company',
    name: '王小明',
    provider_id: 'bank',
    account: { account_no: '6222020000000001' },
  });
  await openEarnings();
}, HALF_AN_HOUR_MS);

afterAll(() => till.close());

/** Promoters with something available of two merchants each, as if all transfers were folded. */
async function openEarnings(): Promise<void> {
  const { owner } = till;
  await sql`insert into promoter select 'u' || n, now() from generate_series(1, ${PROMOTERS - 1}::int) n`.execute(owner);
  await sql`
    insert into promoter_version
    select 'u' || n, 1, '-infinity', now(), 'Promoter ' || n, 'person', null, null, null, 'active', '[]', null
    from generate_series(1, ${PROMOTERS - 1}::int) n`.execute(owner);
  await sql`
    insert into account (kind, merchant_id, promoter_id, currency)
    select 'available', 'm' || merchant, 'u' || n, 'CNY' from generate_series(0, ${PROMOTERS - 1}::int) n, generate_series(1, 2) merchant`.execute(
    owner,
  );
  await sql`insert into account_balance select account_id, 10000 from account`.execute(owner);
}

/** Over the wire, under a key. */
async function post(path: string, body: object, { key, as }: { key: string; as: string }) {
  const headers = { authorization: `Bearer ${as}`, 'content-type': 'application/json', 'idempotency-key': key };
  const answer = await fetch(`${till.service.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: answer.status, replayed: answer.headers.get('idempotent-replayed'), body: JSON.parse(await answer.text()) };
}

test(
  'a batch of a hundred thousand is drafted, approved and downloaded',
  async () => {
    const drafting = { key: 'draft', as: till.zhang };
    const twice = await Promise.all([0, 1].map(() => post('/v1/payout-batches', { currency: 'CNY' }, drafting)));
    // Whichever came second was told that the other is still running.
    const [drafted, told] = twice.toSorted((a, b) => a.status - b.status) as [(typeof twice)[0], (typeof twice)[0]];
    expect([told.status, told.body.code]).toEqual([409, 'idempotency_in_progress']);
    expect([drafted.status, drafted.body]).toMatchObject([201, { payouts: PROMOTERS, gross: PROMOTERS * 20_000, skipped: [] }]);
    expect(await post('/v1/payout-batches', { currency: 'CNY' }, drafting)).toEqual({ ...drafted, replayed: 'true' });

    // The last one can no longer be paid, when all others are approved already: nothing is.
    const { batch_id: batchId, content_hash: hash } = drafted.body;
    const { rows } = await sql<{ promoter_id: string }>`
    select promoter_id from payout where batch_id = ${batchId} and promoter_id <> 'u0' order by payout_id desc limit 1`.execute(till.db);
    await till.must('PUT', `/v1/promoters/${rows[0]!.promoter_id}`, { name: 'Last', kind: 'person', status: 'suspended' }, ADMIN_KEY);
    const approval = `/v1/payout-batches/${batchId}/approval`;
    const refused = await post(approval, { content_hash: hash }, { key: 'approval', as: till.li });
    expect([refused.status, refused.body.code]).toEqual([409, 'batch_changed']);
    expect((await till.batch(batchId)).states).toEqual({ drafted: PROMOTERS - 1, dropped: 1 });

    const approved = await post(approval, { content_hash: refused.body.content_hash }, { key: 'approval-again', as: till.li });
    expect([approved.status, approved.body.states]).toEqual([200, { sent: PROMOTERS - 1, dropped: 1 }]);
    const file = await fetch(`${till.service.url}/v1/payout-batches/${batchId}/file`, { headers: { authorization: `Bearer ${till.li}` } });
    const bytes = Buffer.from(await file.arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(approved.body.files[0].sha256);
    expect(await till.sums()).toEqual([PROMOTERS * 20_000]);
  },
  HALF_AN_HOUR_MS,
);
