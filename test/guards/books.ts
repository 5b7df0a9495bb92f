// Orders of the small world in every state: books that are in order.

import type { Kysely } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';
import { attributed, writeOrder, type OrderSpec, type Share } from './orders.ts';
import { ago } from './world.ts';

/** 300, 630 and 69 of 9999; 210, 441 and 48 of the 6999 that a refund of 3000 leaves. */
export function sharesOf(agency: number, promoter: number, upline: number): Share[] {
  return [
    { role: 'agency', level: null, promoter_id: 'a1', amount: agency },
    { role: 'promoter', level: null, promoter_id: 'bob', amount: promoter },
    { role: 'upline', level: 1, promoter_id: 'alice', amount: upline },
  ];
}

const paidLine = { lineId: '1', paidAmount: 9999 };
export const earning = { line_id: '1', base: 9999, pool: 999, ...attributed, split: sharesOf(300, 630, 69) };

/** An order that earns as in the worked example and waits. */
export const earningOrder = (orderId: string, more: Partial<OrderSpec> = {}): OrderSpec => ({
  orderId,
  says: {},
  lines: [paidLine],
  revisions: [{ decisions: [earning], state: 'estimated' }],
  ...more,
});

const refunded = { ...earning, refunded_amount: 3000, base: 6999, pool: 699, split: sharesOf(210, 441, 48) };
const nothing = { evidence: null, promoter_id: null, rule_id: null, rule_version: null, pinned: null, split: [], pool: 0 };

/**
 * Orders in every state; the last of them, `waiting`, is not folded yet when `folded` ran before
 * it.
 */
export async function bookWorld(db: Kysely<DB>, folded: () => Promise<unknown>): Promise<void> {
  const completed = { status: 'completed', completedAt: ago(15).getTime() } as const;
  const orders: OrderSpec[] = [
    {
      ...earningOrder('released', { says: completed, refunds: [{ refundId: 'r1', lineId: '1', amount: 3000 }], releasedAt: ago(7.5) }),
      revisions: [
        { decisions: [earning], state: 'confirmed' },
        { decisions: [refunded], state: 'released' },
      ],
    },
    {
      ...earningOrder('voided', { says: { void: { reason: 'cancelled' } } }),
      revisions: [
        { decisions: [earning], state: 'estimated' },
        { decisions: [{ ...earning, ...nothing, decision: 'void', base: 0 }], state: 'void' },
      ],
    },
    {
      orderId: 'settled',
      says: { ...completed, settledAt: ago(8).getTime() },
      lines: [{ lineId: '1', paidAmount: 1000, platformCommission: 101 }],
      refunds: [{ refundId: 'r1', amount: 500 }],
      revisions: [{ decisions: [settledLine()], state: 'released' }],
      releasedAt: ago(7.5),
    },
    unattributedOrder(),
    earningOrder('waiting'),
  ];
  for (const [index, spec] of orders.entries()) {
    if (index === orders.length - 1) await folded();
    await db.transaction().execute((trx) => writeOrder(trx, spec));
  }
}

function settledLine() {
  const split: Share[] = [
    { role: 'promoter', level: null, promoter_id: 'bob', amount: 35 },
    { role: 'platform', level: null, promoter_id: null, amount: 15 },
  ];
  return { line_id: '1', refunded_amount: 500, base: 50, pool: 50, ...attributed, rule_id: 'r2', split };
}

function nobodysLine(line_id: string, refunded_amount: number, base: number) {
  return { line_id, decision: 'unattributed', ...nothing, refunded_amount, base };
}

/**
 * Refunds that name no line and do not divide: 60 and 40 over three lines that have 100 left each.
 */
function unattributedOrder(): OrderSpec {
  return {
    orderId: 'nobodys',
    says: {},
    lines: [
      { lineId: '9', paidAmount: 101 },
      { lineId: '10', paidAmount: 100 },
      { lineId: 'x', paidAmount: 100 },
      { lineId: 'gone', paidAmount: 50, quantity: 0 },
    ],
    refunds: [
      { refundId: 'r1', lineId: '9', amount: 1 },
      { refundId: 'r2', amount: 60 },
      { refundId: 'r3', amount: 40 },
      { refundId: 'r4', amount: 7, status: 'failed' },
    ],
    revisions: [
      {
        decisions: [
          nobodysLine('9', 35, 66),
          nobodysLine('10', 33, 67),
          nobodysLine('x', 33, 67),
          { ...nobodysLine('gone', 0, 0), decision: 'void' },
        ],
        state: 'none',
      },
    ],
  };
}
