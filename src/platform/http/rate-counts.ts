// How often each caller called within this minute: counted in this process, where it costs nothing,
// and told to the other processes through a small table of PostgreSQL as soon as it matters.

import { sql, type Kysely } from 'kysely';
import { LruMap } from 'toad-cache';

import { repeat } from '../queue/repeat.ts';
import type { DB } from '../postgres/tables.ts';
import { unnestOf } from '../postgres/unnest.ts';
import { MINUTE_MS } from '../durations.ts';

const SHARE_EVERY_MS = 1000;
const SUBJECTS_MAX = 100_000;
/**
 * A subject is told to the others from an eighth of its limit on: all below is nobody's business
 * but ours, and costs no query.
 */
const SHARED_FROM = 8;

interface Count {
  /**
   * Those of this process, those of them that were told, and those that other processes have told
   * of.
   */
  own: number;
  told: number;
  others: number;
}

/**
 * Counts by the minute of the clock. What another process has counted is known about a second
 * later.
 */
export interface RateCounts {
  /**
   * Counts one call more, and tells how many this minute has seen. `limit` says from when on the
   * others must know.
   */
  add(subject: string, limit: number): number;
  /** How many calls this minute has seen. */
  count(subject: string): number;
  /** When the next minute begins, in milliseconds from now. */
  msLeft(): number;
  /** Resolves when nothing is told any more. */
  close(): Promise<void>;
}

/**
 * Makes the counts of the process. They are kept here and not in a shared store because a query
 * for every request would cost more than most requests do, and because a store that is lost must
 * not keep out orders: the limits then hold for each process alone.
 */
export function rateCounts(db: Kysely<DB>, onError: (error: unknown) => void, shareEveryMs = SHARE_EVERY_MS): RateCounts {
  const counts = new LruMap<Count>(SUBJECTS_MAX);
  const busy = new Set<string>();
  let minute = minuteOf(Date.now());
  let sweptMinute = 0;

  function turn(): void {
    const current = minuteOf(Date.now());
    if (current === minute) return;
    minute = current;
    counts.clear();
    busy.clear();
  }

  async function tell(): Promise<void> {
    turn();
    const told = minute;
    const news = [...busy].toSorted().flatMap((subject) => {
      const count = counts.get(subject);
      return count === undefined ? [] : [{ subject, count, own: count.own }];
    });
    if (news.length > 0) {
      const hits = news.map(({ subject, count, own }) => ({ subject, hits: own - count.told }));
      const sums = await addShared(db, new Date(told * MINUTE_MS), hits);
      for (const { subject, count, own } of news) {
        count.told = own;
        count.others = Number(sums.get(subject)!) - own;
      }
    }
    if (sweptMinute === told) return;
    sweptMinute = told;
    await sql`delete from rate_count where minute < ${new Date((told - 1) * MINUTE_MS)}`.execute(db);
  }

  const telling = repeat({ everyMs: shareEveryMs, work: tell, onError });
  return {
    add(subject, limit) {
      turn();
      let count = counts.get(subject);
      if (count === undefined) {
        count = { own: 0, told: 0, others: 0 };
        counts.set(subject, count);
      }
      count.own += 1;
      if (count.own * SHARED_FROM >= limit) busy.add(subject);
      return count.own + count.others;
    },
    count(subject) {
      turn();
      const count = counts.get(subject);
      return count === undefined ? 0 : count.own + count.others;
    },
    msLeft: () => MINUTE_MS - (Date.now() % MINUTE_MS),
    close: telling.close,
  };
}

function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS);
}

/**
 * Adds to what all processes have counted, and gives the sums. Subjects come in one order, so that
 * no two processes wait for each other.
 */
async function addShared(db: Kysely<DB>, minute: Date, news: readonly { subject: string; hits: number }[]): Promise<Map<string, bigint>> {
  const { rows } = await sql<{ subject: string; hits: bigint }>`
    insert into rate_count as shared (subject, minute, hits)
    select subject, ${minute}, hits
    from ${unnestOf(news, { subject: ['text', (one) => one.subject], hits: ['bigint', (one) => one.hits] }, 'news')}
    on conflict (subject, minute) do update set hits = shared.hits + excluded.hits
    returning subject, hits`.execute(db);
  return new Map(rows.map(({ subject, hits: sum }) => [subject, sum]));
}
