// Fetching many things by their ids, where a platform's lists and pushes say no more of them: a few at a time.
import { AskingFailed } from './asking.ts';

/**
 * So many details of a source are asked for at once: a page of twenty waits for three answers and not for twenty. Platforms limit questions
 * by the minute and by the day, and these are not more for being asked at once; who is told to stop has asked at most these few too many.
 */
const DETAILS_AT_ONCE = 8;

/** The things in groups that may be asked for at once. */
export function fewAtOnce<T>(things: readonly T[]): T[][] {
  const groups = Math.ceil(things.length / DETAILS_AT_ONCE);
  return Array.from({ length: groups }, (_, group) => things.slice(group * DETAILS_AT_ONCE, (group + 1) * DETAILS_AT_ONCE));
}

/** Whether the platform would answer nothing else now: it was asked too often, or refuses us. */
export const isOfAll = (error: unknown): boolean => error instanceof AskingFailed && error.kind !== 'temporary';

/**
 * Fetches all of them and gives the answers in their order. When one fails, nothing more is asked, and its error is thrown once those under
 * way have ended: of several errors the first that is of all, so that a platform that wants rest gets it.
 */
export async function fetchAll<T, Answer>(things: readonly T[], fetchOne: (thing: T) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const few of fewAtOnce(things)) {
    const ended = await Promise.allSettled(few.map(fetchOne));
    const failed = ended.filter((one) => one.status === 'rejected');
    const gravest = failed.find(({ reason }) => isOfAll(reason)) ?? failed[0];
    if (gravest !== undefined) throw gravest.reason;
    answers.push(...ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
  }
  return answers;
}
