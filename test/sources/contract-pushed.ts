// One suite over all order systems that push, at the door of the running service: over real
// sockets, with its limits, into its database.
import { createSecretKey } from 'node:crypto';

import { sql, type RawBuilder } from 'kysely';
import { beforeAll, expect, test } from 'vitest';

import { lift, merge } from '../../src/core/merge.ts';
import { NOTHING_TOLD } from '../../src/core/merged.ts';
import { viewOrder } from '../../src/core/order.ts';
import { canonicalReport } from '../../src/core/report.ts';
import { stableJson } from '../../src/inbox/read.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { workUntilDone } from '../inbox/door.ts';
import { ADMIN_KEY, type Service } from '../running.ts';
import type { Sent, Signer, Subject } from './subject.ts';
import { BOUNDS, readAs } from '../core/reading.ts';

const BODY_BYTES_MAX = 1024 * 1024;
const identityKey = createSecretKey(Buffer.from('the tests hash buyers with this'));

/** The door as a system of this kind meets it; its source has the name of its kind. */
function doorOf({ adapter: { kind }, secrets }: Subject, { send }: Signer, serviceOf: () => Service) {
  const select = <Row>(query: RawBuilder<Row>) => query.execute(serviceOf().database.owner).then(({ rows }) => rows);
  return {
    signed: (body: Buffer, at = new Date()) => send(body, secrets, at),
    work: () => workUntilDone({ db: serviceOf().database.db, adapters: ADAPTERS, identityKey, bounds: BOUNDS }),
    push: async ({ headers = {}, query = {}, body }: Sent, { isChunked = false } = {}) => {
      const url = `${serviceOf().url}/webhooks/${kind}?${new URLSearchParams(query).toString()}`;
      const payload = isChunked
        ? { body: new Blob([new Uint8Array(body)]).stream(), duplex: 'half' as const }
        : { body: new Uint8Array(body) };
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, ...payload });
      return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
    },
    deliveries: () =>
      select(sql<{ state: string; reason: string | null; error: string | null }>`
        select state, reason, error from delivery where source_id = ${kind} order by received_at, delivery_id`),
    orderOf: async (orderId: string) => {
      const [order] = await select(sql<{ status: string; is_void: boolean; merged: string }>`
        select status, is_void, merged::text as merged from orders where source_id = ${kind} and order_id = ${orderId}`);
      return order;
    },
  };
}

type Door = ReturnType<typeof doorOf>;

/** What the door promises to a system that pushes. */
export function pushedContractOf(subject: Subject, signer: Signer, serviceOf: () => Service): void {
  const { adapter, secrets } = subject;

  beforeAll(async () => {
    const made = await fetch(`${serviceOf().url}/v1/sources/${adapter.kind}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ kind: adapter.kind, merchant_id: 'm1', secrets, options: subject.options ?? {} }),
    });
    expect(made.status, await made.text()).toBeLessThan(300);
  });

  const door = doorOf(subject, signer, serviceOf);
  answersOf(subject, signer, door);
  effectsOf(subject, door);
}

function answersOf({ adapter: { answer, pushBytesMax }, story }: Subject, { send, otherSecrets }: Signer, door: Door): void {
  const { signed, work, push, deliveries, orderOf } = door;

  test('a push is answered to the letter; replayed later, or twenty at once, it is the same delivery', async () => {
    const before = (await deliveries()).length;
    const { paid } = story('3705115058471208921');
    const expected = { status: answer.status, type: answer.contentType, text: answer.body };
    expect(await push(signed(paid))).toEqual(expected);
    const answers = await Promise.all(Array.from({ length: 20 }, () => push(signed(paid))));
    answers.push(await push(signed(paid, new Date(Date.now() + 60_000))), await push(signed(paid), { isChunked: true }));
    for (const again of answers) expect(again).toEqual(expected);
    expect((await deliveries()).length).toBe(before + 1);
    await work();
    expect(await orderOf('3705115058471208921')).toMatchObject({ status: 'paid', is_void: false });
  });

  test('what is forged is refused, and nothing of it is kept', async () => {
    const before = await deliveries();
    const { paid } = story('3705115058471208922');
    const sent = signed(paid);
    const forged = Buffer.from(sent.body);
    forged[forged.length >> 1]! ^= 1;
    for (const one of [{ ...sent, body: forged }, send(paid, otherSecrets, new Date()), { body: sent.body }]) {
      expect((await push(one)).status).toBe(401);
    }
    expect(await deliveries()).toEqual(before);
  });

  test('what is larger than the limit is refused, whether it says so before or not; what is large is taken', async () => {
    const before = (await deliveries()).length;
    const { paid } = story('3705115058471208923');
    const padded = (bytes: number) => signed(Buffer.concat([paid, Buffer.alloc(bytes, ' ')]));
    for (const isChunked of [false, true]) {
      const refused = await push(padded(BODY_BYTES_MAX), { isChunked });
      expect([refused.status, JSON.parse(refused.text)]).toEqual([413, expect.objectContaining({ code: 'payload_too_large' })]);
    }
    expect((await deliveries()).length).toBe(before);
    expect((await push(padded((pushBytesMax ?? BODY_BYTES_MAX) / 2))).status).toBe(answer.status);
    await work();
    expect(await orderOf('3705115058471208923')).toMatchObject({ status: 'paid' });
  });

  test('what is signed and is no JSON is kept, and says what is wrong with it', async () => {
    expect((await push(signed(Buffer.from('{"order_id":37051150584712')))).status).toBe(answer.status);
    await work();
    expect((await deliveries()).at(-1)!.error).toMatch(/JSON/);
  });
}

function effectsOf(subject: Subject, { signed, work, push, deliveries, orderOf }: Door): void {
  const { adapter } = subject;

  test('all that is told of an order, the last first and everything twice, makes the one order', async () => {
    const story = Object.entries(subject.story('3705115058471208924')).filter(([name]) => !name.startsWith('unknown'));
    const bodies = story.flatMap(([, body]) => body ?? []);
    for (const body of [...bodies.toReversed(), ...bodies]) expect((await push(signed(body))).status).toBe(adapter.answer.status);
    await work();
    const options = adapter.options.parse(subject.options ?? {});
    const receivedAt = new Date();
    const mapped = bodies.flatMap((body) => adapter.map({ body, headers: subject.headers ?? {}, receivedAt, options }));
    const merged = mapped.map(({ report }) => {
      const parsed = canonicalReport.parse({ ...report, merchant_id: 'm1' });
      return lift(readAs(parsed, { receivedAt }), stableJson(parsed), 'all');
    });
    const expected = viewOrder(merged.reduce(merge, NOTHING_TOLD));
    expect(await orderOf('3705115058471208924')).toMatchObject({ status: expected.status, is_void: expected.void !== null });
  });

  test('a code that nobody knows leaves its delivery waiting with the reason, and the order where it was', async () => {
    const { unknownCode } = subject.story('3705115058471208925');
    expect((await push(signed(unknownCode!))).status).toBe(adapter.answer.status);
    await work();
    const { state, reason, error } = (await deliveries()).at(-1)!;
    // A canonical report has a closed list of statuses: there the delivery itself is at fault.
    expect(state === 'parked' ? reason : error).toMatch(/unknown_code|status/);
    expect((await orderOf('3705115058471208925'))?.status ?? 'created').toBe('created');
  });

  test('a product that nobody has stated is an order like any other', async () => {
    const { unknownProduct } = subject.story('3705115058471208926');
    const [told] = adapter.map({
      body: unknownProduct,
      headers: subject.headers ?? {},
      receivedAt: new Date(),
      options: adapter.options.parse(subject.options ?? {}),
    });
    expect((await push(signed(unknownProduct))).status).toBe(adapter.answer.status);
    await work();
    expect((await deliveries()).at(-1)).toMatchObject({ state: 'processed' });
    const merged = expect.stringContaining(JSON.stringify(told!.report.lines![0]!.product_id));
    expect(await orderOf('3705115058471208926')).toMatchObject({ status: 'paid', merged });
  });
}
