// Drafts over HTTP: written by one person, approved by another, published once.
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { midnightFrom } from '../../../../src/platform/calendar.ts';
import { ALARMS_OF_PAYOUTS } from '../../../../src/guards/alarms/alarms-of-payouts.ts';
import { makeKey } from '../../../../src/platform/keys/keys-store.ts';
import { inTransaction } from '../../../../src/platform/postgres/database.ts';
import { openService } from '../../stage.ts';
import { ago, inDays, openShop, openWorld, SIMPLE_PLAN, WORKED_PLAN, type World } from '../../world.ts';

let world: World;
let service: Awaited<ReturnType<typeof openService>>;
let reviewed: Awaited<ReturnType<typeof openService>>;
let ann: string;
let ben: string;
beforeAll(async () => {
  world = await openWorld();
  service = await openService(world);
  reviewed = await openService(world, { reviewRequired: true });
  [ann, ben] = [await keyOf('ann'), await keyOf('ben')];
});
afterAll(async () => {
  await service.close();
  await reviewed.close();
  await world.close();
});

async function keyOf(person: string, role: 'operator' | 'finance' | null = 'operator'): Promise<string> {
  const wish = { scope: 'admin', role, person, merchantId: null, promoterId: null, label: person } as const;
  return (await inTransaction(world.db, ({ trx, now }) => makeKey(trx, wish, null, now))).key;
}

interface Draft {
  draft_id: string;
  state: string;
  content_hash: string;
  warnings: { code: string }[];
  code: string;
  [field: string]: unknown;
}
type Answer = { status: number; body: Draft };

const CAPPED = { ...SIMPLE_PLAN, currency: 'CNY', cap_per_line: 100_000_000 };
const draft = async (body: object, key = ann) => (await service.post('/v1/rule-drafts', body, { key })) as unknown as Answer;
const act = async (id: string, what: string, body: object | undefined, key: string) =>
  (await service.post(`/v1/rule-drafts/${id}/${what}`, body, { key })) as unknown as Answer;
const approve = ({ body }: Answer, key = ben, more: object = {}) =>
  act(body.draft_id, 'approval', { content_hash: body.content_hash, acknowledged: body.warnings.map(({ code }) => code), ...more }, key);
const publish = (id: string, key = ann) => act(id, 'publication', undefined, key);
const auditOf = (id: string) => world.db.selectFrom('audit_log').selectAll().where('subject_id', '=', id).orderBy('audit_id').execute();

async function drafted(more: object = {}, key = ann): Promise<Answer & { m: string }> {
  const { m } = await openShop(world);
  const made = await draft({ name: 'ten', scope: { merchant_id: m }, plan: CAPPED, note: 'as agreed', ...more }, key);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return { ...made, m };
}

describe('a draft', () => {
  test('changes nothing until another person has approved it and it is published, which the audit log tells', async () => {
    const made = await drafted();
    expect(made.body).toMatchObject({ state: 'draft', kind: 'rule', warnings: [], errors: [], base_version: null, merchant_id: made.m });
    expect((await service.get(`/v1/rules/effective?merchant_id=${made.m}`)).body['winner']).toBeNull();
    expect(await publish(made.body.draft_id)).toMatchObject({ status: 409, body: { code: 'draft_not_approved' } });
    expect(await approve(made)).toMatchObject({ status: 200, body: { state: 'approved', approved_alone: false } });
    const { status, body } = await publish(made.body.draft_id);
    expect([status, body]).toMatchObject([201, { version: 1, name: 'ten', plan: { cap_per_line: 100_000_000 } }]);
    expect((await service.get(`/v1/rules/effective?merchant_id=${made.m}`)).body['winner']).toMatchObject({ rule_id: body['rule_id'] });
    const shown = await service.get(`/v1/rule-drafts/${made.body.draft_id}`);
    expect(shown.body).toMatchObject({ state: 'published', subject_id: body['rule_id'], published_version: 1, warnings: [] });
    expect((await auditOf(made.body.draft_id)).map(({ action }) => action)).toEqual([
      'rule_draft_made',
      'rule_draft_approved',
      'rule_draft_published',
    ]);
    expect(await auditOf(body['rule_id'] as string)).toMatchObject([{ action: 'rule_published', after: { draft_id: made.body.draft_id } }]);
    expect(service.nudged).toContain('awards');
  });

  test('that is written anew has another hash, even if it says the same, and no approval', async () => {
    const made = await drafted();
    await approve(made);
    const { draft_id: id, change, note } = made.body;
    const anew = (await service.call('PUT', `/v1/rule-drafts/${id}`, { rule: change as object, note }, { key: ann })) as unknown as Answer;
    expect(anew).toMatchObject({ status: 200, body: { state: 'draft', approved_at: null, revision: 2, change } });
    expect(anew.body.content_hash).not.toBe(made.body.content_hash);
    expect(await approve(made)).toMatchObject({ status: 409, body: { code: 'draft_changed' } });
    expect(await publish(id)).toMatchObject({ status: 409, body: { code: 'draft_not_approved' } });
    expect((await approve(anew)).status).toBe(200);
  });

  test('is approved by nobody who ever wrote it, whichever of their keys they use', async () => {
    const made = await drafted();
    expect(await approve(made, ann)).toMatchObject({ status: 403, body: { code: 'second_person_required' } });
    expect((await approve(made, await keyOf('ann', null))).status).toBe(403);
    const url = `/v1/rule-drafts/${made.body.draft_id}`;
    const anew = (await service.call('PUT', url, { rule: made.body['change'] as object }, { key: ben })) as unknown as Answer;
    expect((await approve(anew, ann)).status).toBe(403);
    expect((await approve(anew, ben)).status).toBe(403);
    expect((await approve(anew, await keyOf('finance', 'finance'))).body.code).toBe('role_forbidden');
    expect((await approve(anew, await keyOf('cleo'))).status).toBe(200);
  });

  test('approved by a key that was made after it is written down as such', async () => {
    const made = await drafted();
    expect((await approve(made, await keyOf('dora'))).body).toMatchObject({ state: 'approved', approved_alone: false });
    expect((await auditOf(made.body.draft_id)).map(({ action }) => action)).toContain('rule_draft_approved_by_related_key');
    const alarm = ALARMS_OF_PAYOUTS.find(({ name }) => name === 'approval_by_related_key')!;
    const { rows } = await sql<{ id: string }>`select id from (${sql.raw(alarm.sql)}) as ringing`.execute(world.db);
    expect(rows.map(({ id }) => id)).toContain(made.body.draft_id);
  });

  test('has every warning acknowledged by its approver', async () => {
    const made = await drafted({ plan: WORKED_PLAN });
    expect(made.body.warnings.map(({ code }) => code)).toEqual(['no_cap_on_open_scope']);
    const refused = await approve(made, ben, { acknowledged: ['overlaps'] });
    expect(refused).toMatchObject({ status: 422, body: { code: 'warnings_not_acknowledged', errors: [{ path: 'acknowledged' }] } });
    expect(await approve(made)).toMatchObject({ status: 200, body: { acknowledged: ['no_cap_on_open_scope'] } });
  });

  test('is stale once what it replaces has a newer version, until it is written anew', async () => {
    const shop = await openShop(world);
    const ruleId = await shop.rule(CAPPED);
    const [first, second] = [await draft({ rule_id: ruleId, name: 'first' }), await draft({ rule_id: ruleId, name: 'second' })];
    expect(first.body).toMatchObject({ base_version: 1, subject_id: ruleId });
    await approve(first);
    await approve(second);
    expect((await publish(first.body.draft_id)).status).toBe(201);
    expect(await publish(second.body.draft_id)).toMatchObject({ status: 409, body: { code: 'draft_stale' } });
    const url = `/v1/rule-drafts/${second.body.draft_id}`;
    const anew = (await service.call('PUT', url, { rule: second.body['change'] as object }, { key: ann })) as unknown as Answer;
    await approve(anew);
    expect(await publish(anew.body.draft_id)).toMatchObject({ status: 201, body: { version: 3, name: 'second' } });
  });

  test('is rejected for good, with the reason', async () => {
    const made = await drafted();
    expect(await act(made.body.draft_id, 'rejection', { reason: 'not agreed' }, ben)).toMatchObject({
      status: 200,
      body: { state: 'rejected', reason: 'not agreed' },
    });
    for (const answer of [
      await approve(made),
      await publish(made.body.draft_id),
      await act(made.body.draft_id, 'rejection', { reason: 'x' }, ben),
    ]) {
      expect(answer).toMatchObject({ status: 409, body: { code: 'draft_decided' } });
    }
    const put = await service.call('PUT', `/v1/rule-drafts/${made.body.draft_id}`, { rule: made.body['change'] as object }, { key: ann });
    expect(put.body.code).toBe('draft_decided');
    const listed = await service.get('/v1/rule-drafts?state=rejected');
    expect(listed.body.data.map((one) => one['draft_id'])).toContain(made.body.draft_id);
  });

  test('whose time has passed while it waited counts as soon as it may', async () => {
    const soon = new Date(Date.now() + 300).toISOString();
    const made = await drafted({ effective_from: soon });
    await approve(made);
    await expect.poll(() => Date.now()).toBeGreaterThan(Date.parse(soon));
    const { status, body } = await publish(made.body.draft_id);
    expect([status, Date.parse(body['effective_from'] as string) >= Date.parse(soon)]).toEqual([201, true]);
  });

  test('that could never be published is refused at once, and so are two changes in one', async () => {
    const { m } = await openShop(world);
    const rule = { name: 'x', scope: { merchant_id: m }, plan: CAPPED };
    expect(await draft({ ...rule, plan: { ...CAPPED, currency: null } })).toMatchObject({ status: 422, body: { code: 'invalid_plan' } });
    expect(await draft({ ...rule, effective_from: ago(1) })).toMatchObject({ status: 422, body: { code: 'retroactive_not_allowed' } });
    expect((await draft({ rule_id: 'no-such-rule', name: 'x' })).status).toBe(404);
    expect((await draft({ rule, end: { rule_id: 'a' } })).body.code).toBe('malformed_request');
    expect((await draft({ end: { rule: 'a' } })).body).toMatchObject({
      code: 'malformed_request',
      errors: expect.arrayContaining([{ path: 'end.rule_id', message: expect.any(String) }]),
    });
    expect((await draft({ ...rule, note: '' })).body).toMatchObject({ code: 'malformed_request', errors: [{ path: 'note' }] });
  });
});

describe('at the same time', () => {
  test('two approvals are one, and two publications are one version', async () => {
    const made = await drafted();
    const cleo = await keyOf('cleo');
    const approvals = await Promise.all([approve(made), approve(made, cleo), approve(made)]);
    expect(approvals.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409]);
    const published = await Promise.all([1, 2, 3].map(() => publish(made.body.draft_id)));
    expect(published.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409]);
    const { body } = await service.get(`/v1/rules/${published.find(({ status }) => status === 201)!.body['rule_id'] as string}`);
    expect(body['versions']).toHaveLength(1);
  });

  test('an approval and a change: what is published was approved as it is', async () => {
    for (let round = 0; round < 5; round += 1) {
      const made = await drafted();
      const url = `/v1/rule-drafts/${made.body.draft_id}`;
      const changing = service.call('PUT', url, { rule: { ...(made.body['change'] as object), name: 'changed' } }, { key: ann });
      await Promise.all([approve(made), changing]);
      const { status, body } = await publish(made.body.draft_id);
      expect([status, body.code]).toEqual([409, 'draft_not_approved']);
    }
  });
});

describe('a publication that does not come through', () => {
  test('leaves the draft approved, for when it can', async () => {
    const shop = await openShop(world);
    const made = await draft({ name: 'ten', scope: { merchant_id: shop.m }, plan: CAPPED });
    await approve(made);
    const inTheWay = await shop.rule(CAPPED);
    expect(await publish(made.body.draft_id)).toMatchObject({ status: 409, body: { code: 'rule_conflict' } });
    await service.post(`/v1/rules/${inTheWay}/end`, {});
    expect((await publish(made.body.draft_id)).status).toBe(201);
  });

  test('because its connection is cut has done nothing, and is done again', async () => {
    const made = await drafted();
    await approve(made);
    const waiting = sql<{ pid: number }>`
      select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%rule_book%'`;
    await world.owner.transaction().execute(async (trx) => {
      await sql`select from rule_book for update`.execute(trx);
      const cut = publish(made.body.draft_id);
      await expect.poll(async () => (await waiting.execute(world.owner)).rows.length).toBe(1);
      await sql`select pg_terminate_backend(pid) from (${waiting}) as waiting`.execute(world.owner);
      expect((await cut).status).toBe(503);
    });
    expect((await service.get(`/v1/rule-drafts/${made.body.draft_id}`)).body).toMatchObject({ state: 'approved', subject_id: null });
    expect((await publish(made.body.draft_id)).status).toBe(201);
  });
});

describe('other changes', () => {
  test('the end of a rule, and the return of a version', async () => {
    const shop = await openShop(world);
    const ruleId = await shop.rule(CAPPED);
    await service.post(`/v1/rules/${ruleId}/versions`, { name: 'second', plan: { ...CAPPED, rate_ppm: 120_000 } });
    const back = await draft({ reversion: { rule_id: ruleId, to_version: 1 } });
    expect(back.body).toMatchObject({ kind: 'reversion', base_version: 2, warnings: [{ code: 'lowers_rate' }] });
    await approve(back);
    expect(await publish(back.body.draft_id)).toMatchObject({
      status: 201,
      body: { version: 3, name: 'rule', plan: { rate_ppm: 100_000 } },
    });

    const at = inDays(2);
    const end = await draft({ end: { rule_id: ruleId, at } });
    expect(end.body.warnings.map(({ code }) => code)).toEqual(['products_without_rule', 'lowers_rate']);
    await approve(end);
    const { status, body } = await publish(end.body.draft_id);
    expect([status, (body['versions'] as { effective_to: string }[]).at(-1)]).toMatchObject([201, { effective_to: at }]);
    expect(await draft({ reversion: { rule_id: ruleId, to_version: 9 } })).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
  });

  test('terms of a merchant: what is left out stays', async () => {
    const { m } = await openShop(world, { hold_days: 5 });
    const made = await draft({ merchant: { merchant_id: m, rate_notice: { hours: 48 }, attribution: { model: 'linear' } } });
    expect(made.body).toMatchObject({ kind: 'merchant', subject_id: m, base_version: 1 });
    await approve(made);
    expect(await publish(made.body.draft_id)).toMatchObject({
      status: 201,
      body: { merchant_id: m, version: 2, hold_days: 5, rate_notice: { hours: 48 }, rate_lock: 'none', attribution: { model: 'linear' } },
    });
    const late = await draft({ merchant: { merchant_id: m, rate_notice: null } });
    await approve(late);
    expect(await publish(late.body.draft_id)).toMatchObject({ status: 422, body: { code: 'notice_too_short' } });
    expect((await draft({ merchant: { merchant_id: 'nobody', hold_days: 1 } })).status).toBe(404);
  });
});

describe('an emergency', () => {
  test('of two persons does not wait for the notice, and is told as one', async () => {
    const shop = await openShop(world, { rate_notice_hours: 24 });
    const ruleId = await shop.rule(CAPPED);
    const lower = { rule_id: ruleId, plan: { ...CAPPED, rate_ppm: 10_000 } };
    const slow = await draft(lower);
    await approve(slow);
    const waiting = await publish(slow.body.draft_id);
    expect([waiting.status, waiting.body['effective_from']]).toEqual([
      201,
      midnightFrom(new Date(Date.now() + 24 * 3_600_000), 'Asia/Shanghai').toISOString(),
    ]);
    const fast = await draft({ ...lower, emergency: { reason: 'a wrong price' } });
    await approve(fast);
    const { status, body } = await publish(fast.body.draft_id);
    expect(status).toBe(201);
    expect(Date.parse(body['effective_from'] as string)).toBeLessThan(Date.now() + 60_000);
    expect((await auditOf(ruleId)).at(-1)).toMatchObject({ after: { emergency: 'a wrong price', draft_id: fast.body.draft_id } });
  });
});

test('where only one person may approve, that one may, audited, but no emergency', async () => {
  const alone = await openWorld();
  const lonely = await openService(alone);
  const scope = { merchant_id: 'm1' };
  await alone.merchant('m1');
  const rule = { name: 'ten', scope, plan: CAPPED };
  const make = async (more: object) => (await lonely.post('/v1/rule-drafts', { ...rule, ...more })).body as unknown as Draft;
  const approval = (one: Draft) => lonely.post(`/v1/rule-drafts/${one.draft_id}/approval`, { content_hash: one.content_hash });
  expect(await approval(await make({ emergency: { reason: 'alone' } }))).toMatchObject({
    status: 403,
    body: { code: 'second_person_required' },
  });
  expect(await approval(await make({}))).toMatchObject({ status: 200, body: { state: 'approved', approved_alone: true } });
  await lonely.close();
  await alone.close();
});

describe('where a review is asked for', () => {
  test('rules are changed by drafts alone', async () => {
    const shop = await openShop(world);
    const ruleId = await shop.rule(CAPPED);
    for (const [url, body] of [
      ['/v1/rules', { name: 'x', scope: { merchant_id: shop.m }, priority: 1, plan: CAPPED }],
      [`/v1/rules/${ruleId}/versions`, { name: 'x' }],
      [`/v1/rules/${ruleId}/reversion`, { to_version: 1 }],
      [`/v1/rules/${ruleId}/end`, {}],
    ] as const) {
      expect(await reviewed.post(url, body)).toMatchObject({ status: 403, body: { code: 'review_required' } });
    }
    const made = await draft({ end: { rule_id: ruleId } });
    await approve(made);
    const published = await reviewed.post(`/v1/rule-drafts/${made.body.draft_id}/publication`, undefined, { key: ann });
    expect(published.status).toBe(201);
  });
});

describe('a merchant’s key', () => {
  test('drafts and reads what is about that merchant alone, and decides nothing', async () => {
    const [mine, other] = [await openShop(world), await openShop(world)];
    const key = await service.keyOf('merchant', { merchantId: mine.m });
    const rule = (scope: object) => draft({ name: 'x', scope, plan: CAPPED }, key);
    const made = await rule({ merchant_id: mine.m });
    expect(made.status).toBe(201);
    expect((await rule({ merchant_id: other.m })).body.code).toBe('forbidden');
    expect((await rule({})).body.code).toBe('forbidden');
    expect((await draft({ rule_id: await other.rule(CAPPED), scope: { merchant_id: mine.m } }, key)).body.code).toBe('forbidden');
    expect((await draft({ merchant: { merchant_id: other.m, hold_days: 1 } }, key)).body.code).toBe('forbidden');
    expect((await approve(made, key)).body.code).toBe('forbidden');
    const theirs = await drafted();
    expect((await service.get(`/v1/rule-drafts/${theirs.body.draft_id}`, key)).body.code).toBe('forbidden');
    const listed = await service.get('/v1/rule-drafts', key);
    expect(listed.body.data.map((one) => one['draft_id'])).toEqual([made.body.draft_id]);
    expect((await service.get(`/v1/rule-drafts?merchant_id=${other.m}`, key)).body.code).toBe('forbidden');
    expect((await approve(made)).status).toBe(200);
  });
});
