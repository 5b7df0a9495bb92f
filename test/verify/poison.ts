// Deliveries that are signed as they should be and cannot be digested: each must end by itself,
// with its error, and hold up nobody.

import type { Told } from './journal.ts';

type Poison = (mark: string) => string;

const report = (data: Record<string, unknown>) => JSON.stringify({ type: 'order.changed', timestamp: new Date().toISOString(), data });
const order = (mark: string, more: Record<string, unknown>) => report({ merchant_id: 'm1', order_id: `poison-${mark}`, ...more });

const POISONS: Poison[] = [
  (mark) => `this is no JSON: ${mark}`,
  (mark) => report({ nonsense: mark }),
  (mark) => order(mark, { lines: [{ line_id: '1', paid_amount: -1 }] }),
  (mark) => order(mark, { lines: [{ line_id: '1', paid_amount: 0.5 }] }),
  (mark) => order(mark, { currency: 'not a currency' }),
  (mark) => order(mark, { status: 'paid', paid_at: '9999-99-99' }),
  (mark) => order(mark, { refunds: [{ refund_id: 'r\u0000', amount: 1 }] }),
  (mark) => JSON.stringify({ type: mark, data: null }).replace('null', '['.repeat(5000) + ']'.repeat(5000)),
  (mark) => `{"type":"order.changed","data":{"merchant_id":"m1","order_id":"${mark}","__proto__":{"status":"paid"}}}`,
  // A test message of a sender's console: nothing comes of it, and nothing is wrong with it.
  (mark) => JSON.stringify({ type: 'ping', timestamp: mark, data: {} }),
];

/** How many kinds there are. */
export const POISON_KINDS = POISONS.length;

export function poisonBody(kind: number, mark: string): { body: string; ends: Told['ends'] } {
  return { body: POISONS[kind % POISON_KINDS]!(mark), ends: kind % POISON_KINDS === POISON_KINDS - 1 ? 'processed' : 'failed' };
}
