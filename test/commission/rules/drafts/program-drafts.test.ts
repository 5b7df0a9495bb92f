// Drafts of tier and bonus programs: drafted by one person, approved by another, published once.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeKey } from '../../../../src/platform/keys/keys-store.ts';
import { inTransaction } from '../../../../src/platform/postgres/database.ts';
import { openService } from '../../stage.ts';
import { openShop, openWorld, type World } from '../../world.ts';

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

async function keyOf(person: string): Promise<string> {
  const wish = { scope: 'admin', role: 'operator', person, merchantId: null, promoterId: null, label: person } as const;
  return (await inTransaction(world.db, ({ trx, now }) => makeKey(trx, wish, null, now))).key;
}

interface Draft {
  [field: string]: unknown;
  draft_id: string;
  content_hash: string;
  code: string;
}
type Answer = { status: number; body: Draft };

const draft = async (program: object, key = ann) => (await reviewed.post('/v1/rule-drafts', { program }, { key })) as unknown as Answer;
const approve = async ({ body }: Answer, key = ben) =>
  (await reviewed.post(`/v1/rule-drafts/${body.draft_id}/approval`, { content_hash: body.content_hash }, { key })) as unknown as Answer;
const publish = async ({ body }: Answer) =>
  (await reviewed.post(`/v1/rule-drafts/${body.draft_id}/publication`, undefined, { key: ann })) as unknown as Answer;
const audited = (id: string) => world.db.selectFrom('audit_log').selectAll().where('subject_id', '=', id).orderBy('audit_id').execute();

interface Kind {
  kind: 'tier' | 'bonus';
  url: string;
  /** Terms of the PUT, those that are next, and those that are refused as they make no sense. */
  terms: object;
  next: object;
  wrong: object;
  /** What cannot be read, and where. */
  unreadable: [object, string];
}

const kinds: Kind[] = [
  {
    kind: 'tier',
    url: '/v1/tier-programs',
    terms: { measure: 'paid_amount', tiers: [{ tier: 'gold', at_least: 1000 }] },
    next: { measure: 'orders', tiers: [{ tier: 'gold', at_least: 2 }] },
    wrong: { time_zone: 'Europe/Paris' },
    unreadable: [{ tiers: [] }, 'program.tiers'],
  },
  {
    kind: 'bonus',
    url: '/v1/bonus-programs',
    terms: { currency: 'CNY', period: 'month', measure: 'paid_amount', mode: 'marginal', steps: [{ at_least: 0, rate_ppm: 20_000 }] },
    next: { currency: 'CNY', period: 'month', measure: 'orders', mode: 'whole', steps: [{ at_least: 2, amount: 500 }] },
    wrong: { measure: 'orders' },
    unreadable: [{ steps: [{ at_least: 0 }] }, 'program.steps.0'],
  },
];

describe.each(kinds)('a draft of a $kind program', ({ kind, url, terms, next, wrong, unreadable }) => {
  async function opened() {
    const { m } = await openShop(world);
    const programId = `${kind}-of-${m}`;
    const stated = (more: object = terms) => ({ kind, program_id: programId, merchant_id: m, ...more });
    const { kind: _kind, program_id: _id, ...body } = stated();
    const put = (at: typeof service, more: object = {}) => at.call('PUT', `${url}/${programId}`, { ...body, ...more });
    return { m, programId, stated, put };
  }

  test('is the only way where a review is asked for, and makes what its PUT makes', async () => {
    const { m, programId, stated, put } = await opened();
    expect(await put(reviewed)).toMatchObject({ status: 403, body: { code: 'review_required' } });
    const made = await draft(stated());
    expect(made).toMatchObject({
      status: 201,
      body: { kind: 'program', merchant_id: m, subject_id: programId, base_version: null, errors: [], warnings: [], change: stated() },
    });
    expect(await publish(made)).toMatchObject({ status: 409, body: { code: 'draft_not_approved' } });
    expect((await approve(made, ann)).body.code).toBe('second_person_required');
    expect((await service.get(`${url}/${programId}`)).status).toBe(404);
    await approve(made);
    const { status, body } = await publish(made);
    expect([status, body]).toMatchObject([201, { program_id: programId, merchant_id: m, version: 1 }]);
    expect((await service.get(`${url}/${programId}`)).body).toEqual(body);
    expect(await put(service)).toMatchObject({ status: 200, body });
    expect((await audited(programId)).map(({ action }) => action)).toEqual([`${kind}_program_stated`]);
    expect((await reviewed.get(`/v1/rule-drafts/${made.body.draft_id}`)).body).toMatchObject({ state: 'published', published_version: 1 });
    expect((await put(reviewed)).status).toBe(403);
  });

  test('of new terms is the next version, and stale once there is a newer one', async () => {
    const { programId, stated, put } = await opened();
    const early = await draft(stated());
    await approve(early);
    await put(service);
    expect(await publish(early)).toMatchObject({ status: 409, body: { code: 'draft_stale' } });
    const [first, second] = [await draft(stated(next)), await draft(stated(next))];
    expect(first.body).toMatchObject({ base_version: 1 });
    await approve(first);
    await approve(second);
    const published = await Promise.all([publish(first), publish(second)]);
    expect(published.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);
    expect(published.find(({ status }) => status === 409)!.body.code).toBe('draft_stale');
    expect((await service.get(`${url}/${programId}`)).body).toMatchObject({ version: 2, measure: 'orders' });
  });

  test('that could never be published is refused at once, but a merchant may come to be there', async () => {
    const { m, programId, stated, put } = await opened();
    const [more, path] = unreadable;
    expect((await draft({ ...stated(), ...more })).body).toMatchObject({ code: 'malformed_request', errors: [{ path }] });
    expect((await draft({ ...stated(), kind: 'levels' })).body.code).toBe('malformed_request');
    expect(await draft({ ...stated(), ...wrong })).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
    await put(service);
    const { m: other } = await openShop(world);
    expect(await draft({ ...stated(), merchant_id: other })).toMatchObject({ status: 409, body: { code: 'conflict' } });

    const later = `later-than-${m}`;
    const waiting = await draft({ ...stated(), program_id: `${programId}-later`, merchant_id: later });
    expect(waiting.body).toMatchObject({ errors: [{ code: 'unknown_merchant' }] });
    await approve(waiting);
    expect(await publish(waiting)).toMatchObject({ status: 422, body: { code: 'unknown_merchant' } });
    await world.merchant(later);
    expect((await publish(waiting)).status).toBe(201);
  });

  test('is a merchant’s own to write, of no other merchant and not of all', async () => {
    const [mine, other] = [await opened(), await opened()];
    const key = await reviewed.keyOf('merchant', { merchantId: mine.m });
    const made = await draft(mine.stated(), key);
    expect(made.status).toBe(201);
    await other.put(service);
    for (const program of [other.stated(), { ...mine.stated(), program_id: other.programId }]) {
      expect(await draft(program, key)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    }
    expect((await approve(made, key)).body.code).toBe('forbidden');
    await approve(made);
    expect((await publish(made)).status).toBe(201);
  });
});

describe('drafts of tier programs', () => {
  const tiers = [{ tier: 'gold', at_least: 1 }];

  test('of all merchants are no merchant’s', async () => {
    const { m } = await openShop(world);
    const key = await reviewed.keyOf('merchant', { merchantId: m });
    const ofAll = { kind: 'tier', program_id: 'of all', measure: 'orders', tiers };
    expect((await draft(ofAll, key)).body.code).toBe('forbidden');
    expect((await draft({ ...ofAll, measure: 'paid_amount' })).body.code).toBe('unprocessable');
    const made = await draft(ofAll);
    expect(made.body).toMatchObject({ merchant_id: null, subject_id: 'of all' });
    await approve(made);
    expect(await publish(made)).toMatchObject({ status: 201, body: { merchant_id: null, time_zone: 'Asia/Shanghai' } });
  });

  test('of one merchant under two ids become one program', async () => {
    const { m } = await openShop(world);
    const program = (programId: string) => draft({ kind: 'tier', program_id: programId, merchant_id: m, measure: 'orders', tiers });
    const both = [await program(`a-${m}`), await program(`b-${m}`)];
    for (const made of both) await approve(made);
    const published = await Promise.all(both.map(publish));
    expect(published.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);
    expect(published.find(({ status }) => status === 409)!.body.code).toBe('program_conflict');
    expect(await program(`c-${m}`)).toMatchObject({ status: 409, body: { code: 'program_conflict' } });
  });
});
