// Ids, texts and buyers as hostile senders choose them: all of them allowed, and each means itself
// alone.

import type { Random } from '../random.ts';

/** Two that look alike, or differ in case, blanks or leading zeros, are two. */
const ORDER_IDS: readonly ((n: number, random: Random) => string)[] = [
  (n) => `order-${n}`,
  (n, random) => `37${String(random.int(10_000_000, 99_999_999))}${String(1_000_000 + n)}93`,
  (n) => `9007199254740${993 + n}`,
  (n) => `000${n}`,
  (n) => `1e${n}`,
  (n) => `-${n}`,
  (n) => `0x${n.toString(16)}`,
  (n) => `№ ${n} 订单/分佣?&=%2F#`,
  (n) => `${n}"'\\<script>`,
  (n) => `\u202e${n}\u2066rtl`,
  (n) => `e\u0301-${n}`,
  (n) => `\u00e9-${n}`,
  (n) => `👩‍👩‍👧‍👦-${n}`,
  (n) => `A-${n}`,
  (n) => `a-${n}`,
  (n) => ` ${n} blanks `,
  (n) => `__proto__${n}`,
  (n) => `${n};drop table orders;--`,
  (n) => `{"order_id":${n}}`,
  (n) => `${n}`.padStart(128, 'x'),
  (n) => `=${n}+1`,
];

/** Each at most once of a market: they are the names of things that programs have. */
const NAMES = ['__proto__', 'constructor', 'toString', 'null', 'undefined', 'NaN', 'true', '0', '-0', '*', 'rest', '...', '%00', '\u200b'];

export function orderId(n: number, random: Random): string {
  return NAMES[n] ?? random.pick(ORDER_IDS)(n, random);
}

/**
 * An id that may stand in a file, where blanks around it and what a spreadsheet may have changed
 * are lost.
 */
export const fileOrderId = (n: number, random: Random): string =>
  random.pick([`F-${n}`, `37051150584${String(10_000_000 + n * 7)}1`, `0${n}0`, `f/${n}?é`, `№${n}`]);

const LINE_IDS = [
  '1',
  '2',
  '10',
  '03',
  'a',
  'A',
  '__proto__',
  'constructor',
  'é',
  'e\u0301',
  ' 1',
  '1 ',
  '1/2',
  '9007199254740993',
  '9007199254740992',
  '-1',
];

/** So many different ids of lines. */
export function lineIds(count: number, random: Random): string[] {
  const ids = new Set<string>();
  while (ids.size < count) ids.add(random.chance(0.5) ? String(ids.size + 1) : random.pick(LINE_IDS));
  return [...ids];
}

export const refundId = (n: number, random: Random): string =>
  random.pick([`r${n}`, `${n}`, `__proto__${n}`, `R${n} 退款`, `9007199254740${990 + n}`]);

/** What shops write where they do not know or do not tell who bought. */
const NOBODY = ['0', '', 'guest', '138****0000', '***', 'null', 'Unknown', 'N/A', 'a***@example.com', ' '];

export function nobody(random: Random): Record<string, string | null> {
  return {
    [random.pick(['openid', 'phone', 'email', 'customer_id', 'constructor'])]: random.pick(NOBODY),
    unionid: random.pick([null, '', '0']),
  };
}

/** Somebody who is one order's buyer, or one family's. */
export function somebody(name: string, random: Random): Record<string, string> {
  const type = random.pick(['openid', 'email', 'customer_id', '客户']);
  return { [type]: type === 'email' ? `${name}@example.com` : `${name} 👤` };
}

/** Words that mean nothing to anybody. */
export const NONSENSE = ['x'.repeat(128), '\u202e\u2066', '👻', '%s%n', "'; --", '../../etc/passwd', 'fy_', '__proto__', '0', '-', 'ÿ'];
