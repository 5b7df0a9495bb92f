// The verifier's own record: what was told and acknowledged, and what must have come of it.

import type { Line, Refund, Seller } from './reckoning.ts';

export interface Told {
  sourceId: string;
  /** SHA-256 of the body, in hexadecimal. */
  bodyHash: string;
  /** Of whose order it tells; null for what no order can come of. */
  orderId: string | null;
  /** How its delivery must end. */
  ends: 'processed' | 'failed';
  /** Answers 2xx. */
  acknowledged: number;
  /** Under which ids it was said to be kept, where the answer says that. */
  deliveryIds: Set<string>;
}

export interface ToldOrder {
  sourceId: string;
  orderId: string;
  seller: Seller;
  ratePpm: number;
  lines: Line[];
  refunds: Refund[];
}

/** The columns of the table that count what is wrong. */
export type Column = 'lost' | 'doubled' | 'wrong' | 'refused' | 'guards';

export interface Finding {
  column: Column;
  text: string;
}

export interface Journal {
  told: Told[];
  orders: ToldOrder[];
  /** The ids of the clicks that were answered. */
  clickIds: string[];
  /** Requests of any kind that were answered 2xx. */
  acknowledged: number;
  /** Attempts that were answered otherwise, or not at all, and were made again. */
  retried: number;
  findings: Finding[];
}

export function emptyJournal(): Journal {
  return { told: [], orders: [], clickIds: [], acknowledged: 0, retried: 0, findings: [] };
}
