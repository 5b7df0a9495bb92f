// What an order costs, in the words of any platform: the doubles' orders all cost the same, and a
// change that moves no money shows little.

import { parseJson, stringifyJson } from '../../../src/platform/http/json.ts';

/** The doubles' own price, in minor units and in the forms in which platforms write it. */
const [FEN, YUAN, TEXT] = [9999, 99.99, '99.99'];

interface Told {
  /** What the order costs now, in minor units. */
  paid: number;
  /** What its row says besides. */
  more: Record<string, unknown>;
}

/**
 * The same answer with the price of every order that it tells of. `told` gives what is to be told
 * of an id, and undefined for another word.
 */
export function withAmounts(text: string, told: (orderId: string) => Told | undefined): string {
  return rewriteText(text, null, told);
}

function rewriteText(text: string, order: Told | null, told: (orderId: string) => Told | undefined): string {
  return stringifyJson(rewrite(parseJson(Buffer.from(text)), order, told));
}

function rewrite(value: unknown, order: Told | null, told: (orderId: string) => Told | undefined): unknown {
  if (Array.isArray(value)) return value.map((one) => rewrite(one, order, told));
  if (typeof value === 'object' && value !== null) {
    const own = order === null ? orderOf(value, told) : undefined;
    const entries = Object.entries(value).map(([name, one]) => [name, rewrite(one, own ?? order, told)]);
    return { ...Object.fromEntries(entries), ...own?.more };
  }
  // Some platforms put JSON into a text.
  if (typeof value === 'string' && /^\{.*\}$/s.test(value)) return rewriteText(value, order, told);
  if (order === null) return value;
  if (value === FEN) return order.paid;
  if (value === YUAN) return order.paid / 100;
  return value === TEXT ? (order.paid / 100).toFixed(2) : value;
}

/**
 * The order that a row is of: the one that it names by a number, a text, or the end of a global id.
 */
function orderOf(row: object, told: (orderId: string) => Told | undefined): Told | undefined {
  for (const value of Object.values(row) as unknown[]) {
    if (typeof value !== 'string' && typeof value !== 'number') continue;
    const found = told(String(value).replace(/^.*\//s, ''));
    if (found !== undefined) return found;
  }
  return undefined;
}
