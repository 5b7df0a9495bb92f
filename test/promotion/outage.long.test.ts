// The way of a click while the database is away, falls silent, and comes back.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { spoolDepth } from '../../src/promotion/clicks/spool.ts';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
let code: string;

beforeEach(async () => {
  shop = await openShop({ proxied: true });
  await shop.stock();
  code = await shop.link();
  await shop.follow(code);
});
afterEach(() => shop.close());

const read = (token: string | null) => shop.read(token);
const measured = async (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await shop.registry.metrics())?.[1]);
const isWritten = async (clickId: string) => {
  const row = await shop.database.db.selectFrom('click').select('click_id').where('click_id', '=', clickId).executeTakeFirst();
  return row !== undefined;
};

test('while the database is away known links lead on with token and cookie, and their clicks come back with their evidence', async () => {
  const first = await shop.follow(code);
  await shop.proxy!.refuse();
  const visits = await Promise.all([shop.follow(code), shop.follow(code, { cookie: `fy_vid=${first.cookie}` }), shop.follow(code)]);
  for (const visit of visits) expect(visit).toMatchObject({ status: 302, token: expect.any(String) });
  expect(visits[0].cookie).not.toBeNull();
  expect(shop.path.spooled()).toBe(1);
  expect((await spoolDepth(join(shop.dataDir, 'spool'))).waiting).toBe(1);
  expect(await measured('fenyong_spool_bytes')).toBeGreaterThan(0);
  await expect.poll(() => measured('fenyong_spool_age_seconds')).toBeGreaterThan(0);

  await shop.proxy!.mend();
  for (const visit of visits) await expect.poll(() => isWritten(read(visit.token).clickId), { timeout: 20_000 }).toBe(true);
  await expect.poll(() => shop.path.spooled(), { timeout: 20_000 }).toBe(0);
  expect(await readdir(join(shop.dataDir, 'spool'))).toEqual([]);
  expect([await measured('fenyong_spool_bytes'), await measured('fenyong_spool_age_seconds')]).toEqual([0, 0]);
  const { identity } = await shop.database.db
    .selectFrom('click')
    .select('identity')
    .where('click_id', '=', read(first.token).clickId)
    .executeTakeFirstOrThrow();
  const touches = await shop.database.db.selectFrom('touch').select('click_id').where('identity', '=', identity).execute();
  expect(touches.map((touch) => touch.click_id).toSorted()).toEqual([read(first.token).clickId, read(visits[1].token).clickId].toSorted());
  expect(shop.heard.evidence).toContainEqual({ merchantId: 'm1', identities: [identity] });
});

test('a database that falls silent holds no visitor up for long', async () => {
  shop.proxy!.swallow();
  const began = Date.now();
  const visits = await Promise.all([shop.follow(code), shop.follow(code)]);
  expect(visits.map((visit) => visit.status)).toEqual([302, 302]);
  expect((await shop.follow(code)).status).toBe(302);
  expect(Date.now() - began).toBeLessThan(5000);
  await shop.proxy!.refuse();
  await shop.proxy!.mend();
  for (const visit of visits) await expect.poll(() => isWritten(read(visit.token).clickId), { timeout: 20_000 }).toBe(true);
});

test('a link that is not known while the database is away is answered with a page to come back to', async () => {
  const other = await shop.link();
  await shop.proxy!.refuse();
  const visit = await shop.follow(other);
  expect(visit).toMatchObject({ status: 503, headers: { 'retry-after': expect.any(String), 'content-type': 'text/html; charset=utf-8' } });
  await shop.proxy!.mend();
  await expect.poll(async () => (await shop.follow(other)).status, { timeout: 20_000 }).toBe(302);
});

test('a change that cannot be looked up does not stop the links that are known', async () => {
  await shop.proxy!.refuse();
  shop.path.links.forget();
  expect(await shop.follow(code)).toMatchObject({ status: 302, token: expect.any(String) });
});
