import { expectTypeOf, test } from 'vitest';

import type { components } from '../../client/api.ts';
import { createClient, type FenyongClient } from '../../client/client.ts';

// What is said here is checked by the compiler, for which the calls need not be made.

type Schemas = components['schemas'];
type DataOf<Ask extends () => Promise<{ data: unknown }>> = Awaited<ReturnType<Ask>>['data'];

const client = createClient({ url: 'http://127.0.0.1:9', key: 'k1' });
const order = () => client.GET('/v1/orders/{source_id}/{order_id}', { params: { path: { source_id: 'rest', order_id: '1' } } });
const claim = () => client.POST('/v1/claims', { body: { order_id: '1', evidence: 'She bought it by my link.' } });
const image = () => client.GET('/v1/links/{code}/qr.png', { params: { path: { code: 'c1' } }, parseAs: 'blob' });
// hold_days and attribution have defaults.
const merchant = () =>
  client.PUT('/v1/merchants/{merchant_id}', { params: { path: { merchant_id: 'm1' } }, body: { name: 'm', currency: 'CNY' } });
const orders = () => client.each('/v1/orders', { query: { merchant_id: 'm1' } });

test('an answer is what the document says of its path', () => {
  expectTypeOf<DataOf<typeof order>>().toEqualTypeOf<Schemas['Order']>();
  expectTypeOf<DataOf<typeof claim>>().toEqualTypeOf<Schemas['Claim']>();
  expectTypeOf<DataOf<typeof merchant>>().toEqualTypeOf<Schemas['Merchant']>();
  expectTypeOf<DataOf<typeof image>>().toEqualTypeOf<Blob>();
});

test('an item of a list is what its pages hold, and only lists are lists', () => {
  expectTypeOf<ReturnType<typeof orders>>().toEqualTypeOf<AsyncGenerator<Schemas['Order'], void, undefined>>();
  type List = Parameters<FenyongClient['each']>[0];
  expectTypeOf<'/v1/merchants/{merchant_id}/products'>().toExtend<List>();
  expectTypeOf<'/v1/orders/{source_id}/{order_id}'>().not.toExtend<List>();
});

test('what needs no key is not for a program that has one', () => {
  expectTypeOf<'/v1/orders'>().toExtend<Parameters<FenyongClient['POST']>[0]>();
  expectTypeOf<'/webhooks/{source_id}'>().not.toExtend<Parameters<FenyongClient['POST']>[0]>();
  expectTypeOf<'/r/{code}'>().not.toExtend<Parameters<FenyongClient['GET']>[0]>();
});
