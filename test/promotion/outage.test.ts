import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { spoolDepth } from '../../src/promotion/spool.ts';
import { readClickToken } from '../../src/promotion/token.ts';
import { startService, type Service } from './service.ts';

let service: Service;
let code: string;

beforeEach(async () => {
  service = await startService({ proxied: true });
  await service.shop();
  code = await service.link();
  await service.follow(code);
});
afterEach(() => service.close());

const read = (token: string | null) => readClickToken([service.tokenKey], token ?? '')!;
const isWritten = async (clickId: string) => {
  const row = await service.database.db.selectFrom('click').select('click_id').where('click_id', '=', clickId).executeTakeFirst();
  return row !== undefined;
};

test('while the database is away known links lead on with token and cookie, and their clicks come back with their evidence', async () => {
  const first = await service.follow(code);
  await service.proxy!.refuse();
  const visits = await Promise.all([
    service.follow(code),
    service.follow(code, { cookie: `fy_vid=${first.cookie}` }),
    service.follow(code),
  ]);
  for (const visit of visits) expect(visit).toMatchObject({ status: 302, token: expect.any(String) });
  expect(visits[0].cookie).not.toBeNull();
  expect(service.path.spooled()).toBe(3);
  expect((await spoolDepth(join(service.dataDir, 'spool'))).waiting).toBe(1);

  await service.proxy!.mend();
  for (const visit of visits) await expect.poll(() => isWritten(read(visit.token).clickId), { timeout: 20_000 }).toBe(true);
  await expect.poll(() => service.path.spooled(), { timeout: 20_000 }).toBe(0);
  expect(await readdir(join(service.dataDir, 'spool'))).toEqual([]);
  const { identity } = await service.database.db
    .selectFrom('click')
    .select('identity')
    .where('click_id', '=', read(first.token).clickId)
    .executeTakeFirstOrThrow();
  const touches = await service.database.db.selectFrom('touch').select('click_id').where('identity', '=', identity).execute();
  expect(touches.map((touch) => touch.click_id).toSorted()).toEqual([read(first.token).clickId, read(visits[1].token).clickId].toSorted());
  expect(service.heard.evidence).toContainEqual({ merchantId: 'm1', identities: [identity] });
});

test('a database that falls silent holds no visitor up for long', async () => {
  service.proxy!.swallow();
  const began = Date.now();
  const visits = await Promise.all([service.follow(code), service.follow(code)]);
  expect(visits.map((visit) => visit.status)).toEqual([302, 302]);
  expect((await service.follow(code)).status).toBe(302);
  expect(Date.now() - began).toBeLessThan(5000);
  await service.proxy!.refuse();
  await service.proxy!.mend();
  for (const visit of visits) await expect.poll(() => isWritten(read(visit.token).clickId), { timeout: 20_000 }).toBe(true);
});

test('a link that is not known while the database is away is answered with a page to come back to', async () => {
  const other = await service.link();
  await service.proxy!.refuse();
  const visit = await service.follow(other);
  expect(visit).toMatchObject({ status: 503, headers: { 'retry-after': expect.any(String), 'content-type': 'text/html; charset=utf-8' } });
  await service.proxy!.mend();
  await expect.poll(async () => (await service.follow(other)).status, { timeout: 20_000 }).toBe(302);
});

test('a change that cannot be looked up does not stop the links that are known', async () => {
  await service.proxy!.refuse();
  service.path.links.forget();
  expect(await service.follow(code)).toMatchObject({ status: 302, token: expect.any(String) });
});
