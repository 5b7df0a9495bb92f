import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { createClient, FenyongError } from '../../client/client.ts';
import { openDouble, problem, type Answer, type Double } from './double.ts';

const OK: Answer = { status: 200, body: { data: [], next_cursor: null } };
const STORED: Answer = { status: 202, body: { delivery_id: 'd1' } };
const body = { merchant_id: 'm1', order_id: '1' };

let double: Double;

beforeAll(async () => {
  double = await openDouble();
});

afterAll(() => double.close());

const clientWith = (options: Parameters<typeof createClient>[0] = {}) => createClient({ url: double.url, key: 'k1', ...options });

async function errorOf(call: Promise<unknown>): Promise<FenyongError> {
  const error: unknown = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FenyongError);
  return error as FenyongError;
}

const waits = () => double.asked.slice(1).map(({ at }, index) => at - double.asked[index]!.at);

test.each<[string, Answer]>([
  ['408', { status: 408 }],
  ['429 of a proxy, which says nothing of when', { status: 429 }],
  ['429 with a time', problem(429, 'too_many_requests', { 'retry-after': '0' })],
  ['a key in use', problem(409, 'idempotency_in_progress', { 'retry-after': '0' })],
  ['500', problem(500, 'internal_error')],
  ['502 in HTML', { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad gateway</h1>' }],
  ['503', problem(503, 'unavailable', { 'retry-after': '0' })],
  ['a broken connection', 'reset'],
  ['an answer that is cut off', 'cut'],
])('%s is followed by another attempt, of the same body under the same key', async (_, failure) => {
  double.answers(failure, STORED);
  const { response } = await clientWith().POST('/v1/orders', { body });
  expect(response.status).toBe(202);
  expect(double.asked.map((asked) => JSON.parse(asked.body) as unknown)).toEqual([body, body]);
  const keys = double.asked.map(({ headers }) => headers['idempotency-key']);
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(keys[1]).toBe(keys[0]);
  expect(double.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer k1', 'Bearer k1']);
});

test.each<[string, Answer]>([
  ['400', problem(400, 'malformed_request')],
  ['401', problem(401, 'unauthorized')],
  ['404', problem(404, 'not_found')],
  ['409', problem(409, 'conflict')],
  ['422', problem(422, 'unknown_promoter')],
  ['a limit of a day, which names no time', problem(429, 'link_limit')],
])('%s is no better the second time, and is thrown at once', async (_, refusal) => {
  double.answers(refusal);
  const { code, requestId } = await errorOf(clientWith().POST('/v1/orders', { body }));
  expect(`${code} ${requestId}`).toBe(`${(refusal as { body: { code: string } }).body.code} r1`);
  expect(double.asked).toHaveLength(1);
});

test('every call has a key of its own, and the one that is given is taken', async () => {
  double.answers(STORED);
  const client = clientWith();
  await client.POST('/v1/orders', { body });
  await client.POST('/v1/orders', { body });
  await client.POST('/v1/orders', { body, params: { header: { 'Idempotency-Key': 'mine' } } });
  await client.POST('/v1/orders', { body, headers: { 'idempotency-key': 'mine too' } });
  const [first, second, ...given] = double.asked.map(({ headers }) => headers['idempotency-key']);
  expect(first).not.toBe(second);
  expect(given).toEqual(['mine', 'mine too']);
});

test('a GET, a PUT and a DELETE are sent again without a key', async () => {
  const client = clientWith();
  double.answers('reset', OK);
  await client.GET('/v1/orders');
  expect(double.asked).toHaveLength(2);
  double.answers({ status: 503 }, OK);
  await client.PUT('/v1/promoters/{promoter_id}', { params: { path: { promoter_id: 'p1' } }, body: { name: 'Bob', kind: 'person' } });
  expect(double.asked.map(({ headers }) => headers['idempotency-key'])).toEqual([undefined, undefined]);
});

test('what was deleted by an attempt whose answer was lost is deleted, and what was never there is not', async () => {
  const client = clientWith();
  const remove = () => client.DELETE('/v1/webhook-endpoints/{endpoint_id}', { params: { path: { endpoint_id: 'e1' } } });
  double.answers('reset', problem(404, 'not_found'));
  expect((await remove()).response.status).toBe(204);
  double.answers({ status: 502 }, problem(404, 'not_found'));
  expect((await remove()).response.status).toBe(204);
  double.answers({ status: 429 }, problem(404, 'not_found'));
  expect((await errorOf(remove())).code).toBe('not_found');
  double.answers(problem(404, 'not_found'));
  expect((await errorOf(remove())).code).toBe('not_found');
});

test('a POST that the API does not replay is sent once, whatever key goes with it', async () => {
  double.answers('reset', { status: 200 });
  const { POST } = clientWith() as unknown as { POST: (path: string, options: object) => Promise<unknown> };
  const push = POST('/webhooks/{source_id}', { params: { path: { source_id: 's1' } }, body: '{}', headers: { 'idempotency-key': 'k' } });
  expect((await errorOf(push)).code).toBe('unreachable');
  expect(double.asked).toHaveLength(1);
});

describe('patience', () => {
  test('ends after so many attempts, each after a longer wait than the one before', async () => {
    double.answers(problem(503, 'unavailable'));
    const { code, status } = await errorOf(clientWith({ attempts: 4 }).GET('/v1/orders'));
    expect([code, status]).toEqual(['unavailable', 503]);
    expect(double.asked).toHaveLength(4);
    // 250, 500 and 1000 ms, of which each wait is at least half.
    for (const [index, wait] of waits().entries()) expect(wait).toBeGreaterThanOrEqual(125 * 2 ** index - 5);
  });

  test('waits as long as it is told to', async () => {
    double.answers(problem(429, 'too_many_requests', { 'retry-after': '1' }), OK);
    await clientWith().GET('/v1/orders');
    expect(waits()[0]).toBeGreaterThanOrEqual(995);
    const date = new Date(Date.now() + 2000).toUTCString();
    double.answers({ status: 503, headers: { 'retry-after': date } }, OK);
    await clientWith().GET('/v1/orders');
    expect(double.asked[1]!.at).toBeGreaterThanOrEqual(Date.parse(date));
  });

  test('ends at once where it would have to wait for longer than the call may take', async () => {
    double.answers(problem(503, 'unavailable', { 'retry-after': '60' }), OK);
    const begin = Date.now();
    expect((await errorOf(clientWith({ totalMs: 2000 }).GET('/v1/orders'))).code).toBe('unavailable');
    expect(Date.now() - begin).toBeLessThan(1500);
    expect(double.asked).toHaveLength(1);
  });

  test('ends an attempt that is not answered, and all of them in time', async () => {
    double.answers('hang', OK);
    await clientWith({ attemptMs: 200 }).GET('/v1/orders');
    double.answers('hang');
    const begin = Date.now();
    const error = await errorOf(clientWith({ attempts: 100, attemptMs: 300, totalMs: 1000 }).GET('/v1/orders'));
    expect([error.code, error.status]).toEqual(['unreachable', 0]);
    expect(Date.now() - begin).toBeLessThan(2500);
    expect(double.asked.length).toBeLessThan(5);
  });

  test('ends when whoever called gives up, while it waits for an answer or for the next attempt', async () => {
    const failures: Answer[] = ['hang', problem(503, 'unavailable', { 'retry-after': '30' })];
    for (const failure of failures) {
      double.answers(failure);
      const stop = new AbortController();
      const call = clientWith().GET('/v1/orders', { signal: stop.signal });
      const reason = new Error('enough');
      const ended = expect(call).rejects.toBe(reason);
      await vi.waitFor(() => expect(double.asked).toHaveLength(1));
      stop.abort(reason);
      await ended;
      expect(double.asked).toHaveLength(1);
    }
  });

  test('the signal of the client ends each of its calls, and a call that has one of its own heeds both', async () => {
    const ends = ['client', 'call'] as const;
    for (const end of ends) {
      double.answers(problem(503, 'unavailable', { 'retry-after': '60' }));
      const stops = { client: new AbortController(), call: new AbortController() };
      const call = clientWith({ signal: stops.client.signal }).GET('/v1/orders', { signal: stops.call.signal });
      const reason = new Error(`enough for the ${end}`);
      const ended = expect(call).rejects.toBe(reason);
      await vi.waitFor(() => expect(double.asked).toHaveLength(1));
      stops[end].abort(reason);
      await ended;
    }
    const stopped = clientWith({ signal: AbortSignal.abort(new Error('closed')) });
    await expect(stopped.GET('/v1/orders')).rejects.toThrow('closed');
  });

  test('a service that is not there is unreachable, for a reason', async () => {
    const gone = await openDouble();
    await gone.close();
    const error = await errorOf(createClient({ url: gone.url, key: 'k1', attempts: 2 }).GET('/v1/orders'));
    expect([error.code, error.cause]).toEqual(['unreachable', expect.any(TypeError)]);
  });
});
