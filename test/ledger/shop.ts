// The least that the books stand on: merchants, promoters and orders, without anything booked.

import type { Kysely } from 'kysely';

import type { AccountKind } from '../../src/core/posting.ts';
import type { NewTransfer } from '../../src/ledger/booking-store.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';

export const MERCHANTS = ['m1', 'm2'] as const;
export const PROMOTERS = ['alice', 'bob'] as const;

/**
 * Two merchants with an order each, and two promoters; answers with the keys of the orders by
 * merchant.
 */
export async function openShop(owner: Kysely<DB>): Promise<Record<string, bigint>> {
  const now = new Date();
  await owner
    .insertInto('promoter')
    .values(PROMOTERS.map((promoter_id) => ({ promoter_id, made_at: now })))
    .execute();
  const keys: Record<string, bigint> = {};
  for (const merchant_id of MERCHANTS) {
    await owner.insertInto('merchant').values({ merchant_id, made_at: now }).execute();
    keys[merchant_id] = await openOrder(owner, merchant_id, `order of ${merchant_id}`);
  }
  return keys;
}

export async function openOrder(owner: Kysely<DB>, merchant_id: string, order_id: string, source_id = 'rest'): Promise<bigint> {
  const now = new Date();
  const { order_key } = await owner
    .insertInto('orders')
    .values({
      merchant_id,
      source_id,
      order_id,
      merged: '{}',
      status: 'paid',
      is_void: false,
      currency_conflict: false,
      made_at: now,
      changed_at: now,
    })
    .returning('order_key')
    .executeTakeFirstOrThrow();
  return order_key;
}

let revision = 0;

/**
 * A transfer with a revision of its own, so that each of them may be booked: an accrual of 100 to
 * bob where nothing else is said.
 */
export function transferOf(orderKey: bigint, more: Partial<NewTransfer> = {}): NewTransfer {
  revision += 1;
  return {
    orderKey,
    merchantId: 'm1',
    currency: 'CNY',
    revision,
    position: 0,
    kind: 'accrue',
    lineId: '1',
    role: 'promoter',
    level: null,
    promoterId: 'bob',
    from: 'commission',
    to: 'pending',
    amount: 100n,
    ...more,
  };
}

/** How money moves, with what each move says of itself. */
export const MOVES: { kind: NewTransfer['kind']; from: AccountKind; to: AccountKind }[] = [
  { kind: 'accrue', from: 'commission', to: 'pending' },
  { kind: 'reverse', from: 'pending', to: 'commission' },
  { kind: 'release', from: 'pending', to: 'available' },
  { kind: 'reverse', from: 'available', to: 'commission' },
];
