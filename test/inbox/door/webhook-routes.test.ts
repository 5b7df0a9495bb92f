// Pushes that are not believed: counted by their address, and looked at no longer than a believed
// one would be.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';

import type { DeliveryWriter } from '../../../src/inbox/door/delivery-writer.ts';
import { webhookRoutes } from '../../../src/inbox/door/webhook-routes.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { buildRegistry } from '../../../src/platform/process/metrics.ts';
import { rateCounts } from '../../../src/platform/http/rate-counts.ts';
import { refusedCallers } from '../../../src/platform/http/rate-limit.ts';
import type { Adapter } from '../../../src/sources/source.ts';
import type { LiveSource } from '../../../src/sources/connections/source-store.ts';
import { testDatabase, testLog, type TestDatabase } from '../../harness.ts';
import { buildHttp } from '../../platform/furnished.ts';

const REFUSED_MAX = 5;
const PUSH_BYTES_MAX = 100_000;
const SMALL = 64 * 1024;

let database: TestDatabase;
let app: App;
/** The lengths of the bodies that an adapter has looked at. */
let verified: number[];
let written: number;

/** Believes a body that begins with an exclamation mark. */
function adapterOf(kind: string, pushBytesMax?: number): Adapter {
  return {
    kind,
    ...(pushBytesMax === undefined ? {} : { pushBytesMax }),
    secrets: z.strictObject({}),
    options: z.strictObject({}),
    answer: { status: 200, contentType: 'text/plain', body: 'ok' },
    verify: ({ body }) => {
      verified.push(body.length);
      return body[0] === 0x21 ? { ok: true, signedId: null, keep: {} } : { ok: false, reason: 'wrong_signature' };
    },
    map: () => [],
  };
}

const adapters = [adapterOf('short', PUSH_BYTES_MAX), adapterOf('any')];

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(() => database.close());

beforeEach(async () => {
  // The clock stands still: no minute ends within a test.
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-06-01T10:00:30Z') });
  verified = [];
  written = 0;
  app = buildHttp({ logger: testLog, trustProxy: ['127.0.0.1'] });
  const counts = rateCounts(database.db, () => undefined);
  app.addHook('onClose', () => counts.close());
  const writer = { write: async () => void written++ } as unknown as DeliveryWriter;
  const find = async (sourceId: string): Promise<LiveSource | null> =>
    adapters.some(({ kind }) => kind === sourceId) ? { sourceId, kind: sourceId, merchantId: 'm1', options: {}, secrets: {} } : null;
  webhookRoutes(app, {
    writer,
    sources: { find, forget: () => undefined },
    adapters,
    registry: buildRegistry(),
    refused: refusedCallers(counts, 'push', REFUSED_MAX),
    onDelivered: () => undefined,
  });
});

afterEach(async () => {
  await app.close();
  vi.useRealTimers();
  await database.owner.deleteFrom('rate_count').execute();
});

async function push(source: string, payload: string, from = '192.0.2.1') {
  const answer = await app.inject({ method: 'POST', url: `/webhooks/${source}`, payload, headers: { 'x-forwarded-for': from } });
  return { status: answer.statusCode, retryAfter: answer.headers['retry-after'] };
}

async function refuse(times: number, source = 'any'): Promise<number[]> {
  const told: number[] = [];
  for (let time = 0; time < times; time++) told.push((await push(source, 'bad')).status);
  return told;
}

test('an address is soon told that there were too many, and another one is not', async () => {
  expect(await refuse(6)).toEqual([401, 401, 401, 401, 401, 429]);
  expect(await push('any', 'bad')).toEqual({ status: 429, retryAfter: '30' });
  expect((await push('any', 'bad', '192.0.2.2')).status).toBe(401);
  vi.setSystemTime(new Date('2026-06-01T10:01:00Z'));
  expect((await push('any', 'bad')).status).toBe(401);
});

test('pushes to sources that there are not count as well', async () => {
  expect(await refuse(6, 'nowhere')).toEqual([404, 404, 404, 404, 404, 429]);
});

test('a push that is believed is never refused for the others of its address', async () => {
  await refuse(20);
  expect((await push('any', '!')).status).toBe(200);
  expect((await push('any', `!${'x'.repeat(SMALL - 1)}`)).status).toBe(200);
  expect(written).toBe(2);
});

test('after too many refusals nothing long is looked at any more, whoever sends it', async () => {
  await refuse(5);
  const before = verified.length;
  expect((await push('any', `!${'x'.repeat(SMALL)}`)).status).toBe(429);
  expect(verified).toHaveLength(before);
  expect((await push('any', `!${'x'.repeat(SMALL)}`, '192.0.2.2')).status).toBe(200);
});

test('no push is looked at that is longer than any of its platform', async () => {
  expect((await push('short', `!${'x'.repeat(PUSH_BYTES_MAX)}`)).status).toBe(413);
  expect(verified).toEqual([]);
  expect((await push('short', `!${'x'.repeat(PUSH_BYTES_MAX - 1)}`)).status).toBe(200);
  expect((await push('any', `!${'x'.repeat(PUSH_BYTES_MAX)}`)).status).toBe(200);
});
