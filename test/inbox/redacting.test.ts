// A delivery without the words of an erased buyer is read as before by every adapter: the same
// reports, the same identities, the same hashes.
import { createSecretKey } from 'node:crypto';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { readDelivery, stableJson, type Origin, type DeliveredReport } from '../../src/inbox/read.ts';
import { redactDelivery, type Redactable } from '../../src/inbox/redacting.ts';
import type { TakenDelivery } from '../../src/inbox/delivery-store.ts';
import { identitiesOf, identityOf } from '../../src/promotion/buyers/identity.ts';
import { redacted, type Erased } from '../../src/promotion/buyers/redaction.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { fixturesOf } from '../sources/fixtures.ts';
import { SUBJECTS } from '../sources/subjects.ts';

const key = createSecretKey(Buffer.from('the tests hash buyers with this'));
const adapters = new Map(ADAPTERS.map((adapter) => [adapter.kind, adapter]));

function redactable(origin: Origin, body: Buffer, more: Partial<TakenDelivery> = {}): Redactable {
  const delivery: TakenDelivery = {
    delivery_id: '01900000-0000-7000-8000-000000000001',
    source_id: origin.sourceId,
    merchant_id: origin.kind === 'rest' ? origin.merchantId : null,
    origin: origin.kind === 'rest' ? 'rest' : 'push',
    body,
    headers: {},
    received_at: new Date('2026-06-02T00:00:00Z'),
    clock_skew_seconds: null,
    untimed_at: null,
    content_hashes: null,
    ...more,
  };
  return { delivery, origin, error: null, merchantOf: () => 'm1' };
}

const rest: Origin = { sourceId: 'rest', kind: 'rest', merchantId: 'm1', options: {} };

function erasedBy(buyer: Record<string, string>): Erased {
  const identities = Object.entries(buyer).flatMap(([type, word]) => identityOf(key, 'm1', type, word) ?? []);
  return { merchantId: 'm1', types: new Set(Object.keys(buyer)), identities: new Set(identities) };
}

/**
 * All that the reports of a delivery say, its buyers by their identities; of reasons, in which
 * anything may stand, all but the words.
 */
function readOf(reports: readonly DeliveredReport[], buyer: Record<string, string>): string {
  return stableJson(
    reports.map(({ content, contentHash, names, shop }) => ({
      ...content,
      refunds: content.refunds?.map((refund) => ({ ...refund, reason: redacted(refund.reason ?? '', [erasedBy(buyer)], key) })),
      buyer: identitiesOf(key, 'm1', content.buyer ?? {}).toSorted(),
      contentHash,
      names,
      shop,
    })),
  );
}

/** The body without the words of this buyer; what it says must be what it said. */
async function without(told: Redactable, buyer: Record<string, string>): Promise<string> {
  const before = readDelivery(told.delivery, told.origin, adapters);
  const { body, contentHashes } = (await redactDelivery(told, [erasedBy(buyer)], { adapters, identityKey: key }))!;
  const again = { ...told.delivery, body, content_hashes: contentHashes };
  expect(readOf(readDelivery(again, told.origin, adapters), buyer)).toBe(readOf(before, buyer));
  expect(await redactDelivery({ ...told, delivery: again }, [erasedBy(buyer)], { adapters, identityKey: key })).toBeNull();
  return body.toString();
}

const buyersIn = (reports: readonly DeliveredReport[]): [string, string][] =>
  reports.flatMap(({ content }) =>
    Object.entries(content.buyer ?? {}).flatMap(([type, word]) =>
      word != null && identityOf(key, 'm1', type, word) !== null ? [[type, word] as [string, string]] : [],
    ),
  );

describe.each(SUBJECTS.map((subject) => ({ kind: subject.adapter.kind, subject })))('of $kind', ({ kind, subject }) => {
  const named = fixturesOf(kind).flatMap(({ name, body, headers, options }) => {
    const content = options ?? subject.options ?? {};
    const origin: Origin = { sourceId: kind, kind, merchantId: 'm1', options: subject.adapter.options.parse(content) };
    const told = redactable(origin, body, { headers });
    const buyers = buyersIn(readDelivery(told.delivery, origin, adapters));
    return buyers.length === 0 ? [] : [{ name, told, buyers }];
  });
  test('some recorded deliveries name a buyer, where the platform tells of buyers at all', async () => {
    expect(named.length > 0).toBe(!['taobao', 'jd', 'pdd'].includes(kind));
  });
  test.each(named)('$name says the same without its buyer', async ({ told, buyers }) => {
    for (const [type, word] of buyers) {
      const body = await without(told, { [type]: word });
      for (const [, own] of buyers) if (own.length >= 6) expect(body.split(/[^\w@.+-]+/)).not.toContain(own);
      expect(body).toContain('erased:');
    }
  });
});

const told = (report: object) => redactable(rest, Buffer.from(JSON.stringify(report)));
const order = (more: object) => ({
  merchant_id: 'm1',
  order_id: 'o1',
  status: 'paid',
  currency: 'CNY',
  lines: [{ line_id: '25', product_id: 'p1', quantity: 25, paid_amount: 2500 }],
  ...more,
});

describe('of a storefront', () => {
  test('a short word is replaced where it is the buyer, and nowhere where it is something else', async () => {
    const body = await without(told(order({ buyer: { customer_id: '25' } })), { customer_id: '25' });
    expect(body).toContain('"line_id":"25"');
    expect(body).toContain('"quantity":25');
    expect(body).toMatch(/"customer_id":"erased:/);
  });

  test('a word that is an order id as well stays that, and the buyer is erased', async () => {
    const body = await without(told(order({ order_id: '13800138000', buyer: { phone: '13800138000' } })), { phone: '13800138000' });
    expect(body).toContain('"order_id":"13800138000"');
    expect(body).toMatch(/"phone":"erased:/);
  });

  test('one word under two types is each of its identities afterwards', async () => {
    const body = await without(told(order({ buyer: { email: 'ann@example.com', login: 'ann@example.com' } })), {
      email: 'Ann@Example.com',
    });
    expect(body).not.toContain('ann@example.com');
  });

  test('everything that a report knows the buyer by goes with what was named', async () => {
    const body = await without(told(order({ buyer: { openid: 'oQAZwsx123', phone: '+86 138-0013-8000' } })), { openid: 'oQAZwsx123' });
    expect(body).not.toMatch(/8000|oQAZ/);
  });

  test('the buyer of another merchant keeps its words', async () => {
    const one = told(order({ buyer: { email: 'ann@example.com' } }));
    const others = { ...erasedBy({ email: 'ann@example.com' }), merchantId: 'm2' };
    expect(await redactDelivery(one, [others], { adapters, identityKey: key })).toBeNull();
  });

  test('an escaped word is found, and a longer address, number or id that holds the word stays', async () => {
    const body = Buffer.from(
      JSON.stringify(order({ buyer: { email: 'ann@example.com' }, lines: [] })).replace(
        '"lines":[]',
        '"lines":[{"line_id":"mary-ann@example.com","product_id":"ann@example.com.cn","category":"to ann\\u0040example.com"}]',
      ),
    );
    const text = await without(redactable(rest, body), { email: 'ann@example.com' });
    expect(text).toContain('mary-ann@example.com');
    expect(text).toContain('ann@example.com.cn');
  });

  test('any buyer can be taken out of any report, and any note beside it', async () => {
    const word = fc.oneof(
      fc.emailAddress(),
      fc.stringMatching(/^1[3-9]\d{9}$/),
      fc.stringMatching(/^o[\w-]{10,27}$/),
      fc.string({ minLength: 1, maxLength: 40 }),
    );
    const reports = fc.record({
      type: fc.constantFrom('email', 'phone', 'openid', 'customer_id'),
      word,
      reason: fc.string({ maxLength: 80 }),
    });
    await fc.assert(
      fc.asyncProperty(reports, async ({ type, word: own, reason }) => {
        const one = told(
          order({ buyer: { [type]: own }, refunds: [{ refund_id: own.slice(0, 9) || 'r', amount: 1, reason: `${reason} ${own}` }] }),
        );
        fc.pre(identityOf(key, 'm1', type, own) !== null && isReadable(one));
        await without(one, { [type]: own });
      }),
      { numRuns: 100 },
    );
  });
});

function isReadable(told: Redactable): boolean {
  try {
    return readDelivery(told.delivery, told.origin, adapters).length > 0;
  } catch {
    return false;
  }
}

test('what cannot be read is freed of the words that its hashes find', async () => {
  const told = { ...redactable(rest, Buffer.from('{"buyer":{"email":"ann@example.com"},')), error: 'it ends after ann@example.com' };
  const { body, error } = (await redactDelivery(told, [erasedBy({ email: 'ann@example.com' })], { adapters, identityKey: key }))!;
  expect(`${body.toString()}${error}`).not.toContain('ann@');
});
