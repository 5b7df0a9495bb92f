// What the forms of a readable statement have in common: what they are told, and how codes are
// said.

import type { ChainedTransfer } from '../../ledger/hash-chain.ts';
import type { MonthPiece } from './month.ts';
import type { StatementWords } from './words.ts';

/** Whose statement it is, of when, and in which words and times. */
export interface StatementHead {
  promoterId: string;
  /** YYYY-MM. */
  month: string;
  timeZone: string;
  words: StatementWords;
  /** The time of a moment in the zone. */
  clock: (at: Date) => string;
}

/** One form, of one statement: the pieces come in their order, and each is written at once. */
export interface StatementForm {
  type: string;
  begin(): string;
  write(piece: MonthPiece): string;
}

/** The pieces of a statement as texts. Whoever is cut off misses the closing balances. */
export async function* written(form: StatementForm, pieces: AsyncIterable<MonthPiece>): AsyncGenerator<string> {
  yield form.begin();
  for await (const piece of pieces) yield form.write(piece);
}

/** What an entry is, with why where that is no order. */
export function kindText(words: StatementWords, { kind, cause }: Pick<ChainedTransfer, 'kind' | 'cause'>): string {
  const text = textOf(words.kinds, kind);
  if (cause === 'bonus') return `${text} (${words.bonus})`;
  return cause === 're_rating' ? `${text} (${words.reRating})` : text;
}

/** As whom the promoter earns; null for what nobody earns. */
export function roleText(words: StatementWords, { role, level }: Pick<ChainedTransfer, 'role' | 'level'>): string | null {
  if (role === '') return null;
  const text = textOf(words.roles, role);
  return level === '' ? text : `${text} (${words.level(level)})`;
}

/** Why a payout stands where it does: a reason of ours by its words, one of a bank as it says. */
export function reasonText(words: StatementWords, reason: string | null): string | null {
  return reason === null ? null : textOf(words.reasons, reason);
}

function textOf(texts: Readonly<Record<string, string>>, code: string): string {
  return Object.hasOwn(texts, code) ? texts[code]! : code;
}
