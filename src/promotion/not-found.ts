// What a GET of one thing begins with.

import { DomainError } from '../core/errors.ts';

/** What was found, or `not_found`. */
export function orNotFound<Row>(row: Row | null, noun: string): Row {
  if (row === null) throw new DomainError('not_found', `There is no such ${noun}.`);
  return row;
}
