// Every order system against the contract of adapters.
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ADAPTERS } from '../../src/sources/adapters.ts';
import contentTypes from '../platform/content-types.json' with { type: 'json' };
import { exchange } from '../platform/sockets.ts';
import { ADMIN_KEY, openService, type Service } from '../running.ts';
import { askedContractOf } from './contract-asked.ts';
import { pushedContractOf } from './contract-pushed.ts';
import { contractOf } from './contract.ts';
import { SUBJECTS } from './subjects.ts';

for (const subject of SUBJECTS) {
  describe(subject.adapter.kind, () => {
    contractOf(subject);
    for (const feed of subject.adapter.feeds ?? []) askedContractOf(subject, feed);
  });
}

describe('at the door', () => {
  let service: Service;
  beforeAll(async () => {
    service = await openService({ works: false, listens: true });
    await sql`insert into merchant (merchant_id, made_at) values ('m1', now())`.execute(service.database.owner);
  });
  afterAll(() => service.close());

  for (const subject of SUBJECTS) {
    const { push } = subject;
    if (push !== null) describe(subject.adapter.kind, () => pushedContractOf(subject, push, () => service));
  }

  test.each([
    [{ options: { url: 'not a url' } }, 'options.url'],
    [{ options: { url: 'https://u:p@shop.example.com' } }, 'options.url'],
    [{ options: { statuses: { shipped: 'gone' } } }, 'options.statuses.shipped'],
    [{ secrets: { secret: ' ' } }, 'secrets.secret'],
  ])('a WooCommerce shop with %j is refused with the path of its fault', async (stated, path) => {
    const body = JSON.stringify({ kind: 'woocommerce', merchant_id: 'm1', secrets: { secret: 'hush' }, ...stated });
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
    const answer = await fetch(`${service.url}/v1/sources/bad-shop`, { method: 'PUT', headers, body });
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'malformed_request', errors: [{ path }] }]);
  });

  test.each(contentTypes)('$id: $rule', async ({ content_type: type, body, expected_status: status }) => {
    const before = await sql`select count(*) from delivery`.execute(service.database.owner);
    const head = `POST /v1/orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${ADMIN_KEY}`;
    const sent = `${head}\r\ncontent-type:${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    expect(await exchange(Number(new URL(service.url).port), sent)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(await sql`select count(*) from delivery`.execute(service.database.owner)).toEqual(before);
  });
});

test('no order system is left out', () => {
  expect(SUBJECTS.map((subject) => subject.adapter.kind).toSorted()).toEqual(ADAPTERS.map((adapter) => adapter.kind).toSorted());
});
