// Two persons over HTTP, with the keys that somebody would try: which of them approve, which are
// refused, and what is told of those that may only just.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { ADMIN_KEY } from '../../running.ts';
import { openTill, type Till } from '../../payouts/till.ts';

let till: Till;
let bob: string;
let names = 0;

beforeAll(async () => {
  till = await openTill();
  await till.merchant('m1');
});
afterAll(() => till.close());

beforeEach(async () => {
  names += 1;
  bob = `bob${names}`;
  await till.promoter(bob);
  await till.earn(bob, 1000);
});

const draft = (key: string) => till.draft({ promoter_ids: [bob] }, key);
const made = (wish: object, key = ADMIN_KEY): Promise<{ key: string; key_id: string }> => till.must('POST', '/v1/keys', wish, key);
const refused = async (batch: { batch_id: string; content_hash: string }, key: string) => (await till.approve(batch, key)).body.code;

/** What the audit log calls the approval, and whether the alarm rings for the batch. */
async function told(batchId: string): Promise<{ action: string; rings: boolean }> {
  const { data } = await till.must('GET', `/v1/audit-log?subject_kind=payout_batch&subject_id=${batchId}`);
  const { sample } = await till.must('POST', '/v1/guards/approval_by_related_key/runs');
  return { action: data[0].action, rings: sample.some(({ id }: { id: string }) => id === batchId) };
}

test('keys of one person are one, and a role that may not pay approves nothing', async () => {
  const batch = await draft(till.zhang);
  const second = await made({ scope: 'admin', person: 'zhang' });
  expect(await refused(batch, till.zhang)).toBe('second_person_required');
  expect(await refused(batch, second.key)).toBe('second_person_required');
  for (const wish of [
    { scope: 'admin', role: 'operator' },
    { scope: 'admin', role: 'risk' },
  ]) {
    expect(await refused(batch, (await made(wish)).key)).toBe('role_forbidden');
  }
  expect((await till.ask('POST', `/v1/payout-batches/${batch.batch_id}/approval`, {}, (await made({ scope: 'auditor' })).key)).status).toBe(
    403,
  );
  expect((await till.approve(batch, till.li)).body).toMatchObject({ approved_alone: false });
  expect(await told(batch.batch_id)).toEqual({ action: 'payout_batch_approved', rings: false });
});

test('a key that was made after the draft approves, is written down as such, and rings the alarm', async () => {
  const batch = await draft(till.zhang);
  const later = await made({ scope: 'admin', role: 'finance', person: 'wang' });
  expect((await till.approve(batch, later.key)).status).toBe(200);
  expect(await told(batch.batch_id)).toEqual({ action: 'payout_batch_approved_by_related_key', rings: true });
});

test('so does a key that the drafter’s own key has made, however long before', async () => {
  const own = await made({ scope: 'admin', person: 'sun' });
  const other = await made({ scope: 'admin', role: 'finance', person: 'zhou' }, own.key);
  const batch = await draft(own.key);
  expect((await till.approve(batch, other.key)).status).toBe(200);
  expect(await told(batch.batch_id)).toEqual({ action: 'payout_batch_approved_by_related_key', rings: true });
});

test('who is the only one who may approve since the draft does, and the audit log says so', async () => {
  const early = await draft(ADMIN_KEY);
  const { data } = await till.must('GET', '/v1/keys?limit=200');
  for (const { key_id: id, label } of data) if (!label.startsWith('ADMIN_KEY')) await till.must('DELETE', `/v1/keys/${id}`);
  const alive = (await till.must('GET', '/v1/keys?limit=200')).data.filter(
    ({ revoked_at }: { revoked_at: string | null }) => revoked_at === null,
  );
  expect(alive.map(({ scope }: { scope: string }) => scope)).toEqual(['admin']);
  // Others could have approved it when it was drafted.
  expect(await refused(early, ADMIN_KEY)).toBe('second_person_required');
  await till.must('POST', `/v1/payout-batches/${early.batch_id}/cancellation`);
  const late = await draft(ADMIN_KEY);
  await made({ scope: 'admin', role: 'operator', person: 'sun' });
  await made({ scope: 'auditor' });
  expect((await till.approve(late, ADMIN_KEY)).body).toMatchObject({ state: 'paying', approved_alone: true });
  expect(await told(late.batch_id)).toEqual({ action: 'payout_batch_approved_alone', rings: false });
});
