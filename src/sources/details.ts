// Fetching many things by their ids, where a platform's lists and pushes say no more of them: a few
// at a time, each for itself.
import { AskingFailed } from './asking.ts';
import type { FeedPage, UnfetchedDetail } from './source.ts';

/**
 * So many details of a source are asked for at once: a page of twenty waits for three answers and
 * not for twenty. Platforms limit questions by the minute and by the day, and these are not more
 * for being asked at once; who is told to stop has asked at most these few too many.
 */
const DETAILS_AT_ONCE = 8;

/** The things in groups that may be asked for at once. */
function fewAtOnce<T>(things: readonly T[]): T[][] {
  const groups = Math.ceil(things.length / DETAILS_AT_ONCE);
  return Array.from({ length: groups }, (_, group) => things.slice(group * DETAILS_AT_ONCE, (group + 1) * DETAILS_AT_ONCE));
}

/**
 * Whether the platform would answer nothing else now: it was asked too often, or our keys are not
 * good.
 */
export const isOfAll = (error: unknown): boolean =>
  error instanceof AskingFailed && (error.kind === 'rate_limited' || error.kind === 'refused');

/** Whether the platform has answered at all, if only to refuse this one thing. */
const isAnswer = (error: unknown): boolean => !(error instanceof AskingFailed) || error.kind === 'item_refused';

/**
 * Fetches the details of the rows of a page. One that fails costs none of the others: it is given
 * back as unfetched, under its key for `Adapter.detail`. After an error that is of all of them, or
 * a few of which none was answered, nothing more is asked, and the rest is given back, too.
 */
export async function fetchEach<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  fetchOne: (row: Row) => Promise<Buffer[]>,
): Promise<Required<Pick<FeedPage, 'bodies' | 'fetched' | 'unfetched'>>> {
  const bodies: Buffer[] = [];
  const fetched: string[] = [];
  const unfetched: UnfetchedDetail[] = [];
  let goesOn = true;
  for (const few of fewAtOnce(rows)) {
    if (!goesOn) {
      unfetched.push(...few.map((row) => ({ key: keyOf(row), error: null })));
      continue;
    }
    const ended = await Promise.allSettled(few.map(fetchOne));
    const errors: unknown[] = [];
    for (const [index, one] of ended.entries()) {
      const key = keyOf(few[index]!);
      if (one.status === 'fulfilled') {
        bodies.push(...one.value);
        fetched.push(key);
      } else {
        unfetched.push({ key, error: one.reason });
        errors.push(one.reason);
      }
    }
    goesOn = !errors.some(isOfAll) && (errors.length < few.length || errors.some(isAnswer));
  }
  return { bodies, fetched, unfetched };
}
