// How asking a source goes, for whoever runs it: each of its lists, what waits to be fetched by its
// id, and whether it rests as a whole.
import { sql, type Kysely } from 'kysely';
import { z } from 'zod';

import type { DB } from '../platform/postgres/tables.ts';
import type { Adapter } from './source.ts';
import type { SourceRow } from './connections/source-store.ts';

const SAMPLE_MAX = 10;

const error = z.string().nullable().meta({ description: 'What the platform said, or what is wrong with it; null while all is well.' });
const failingSince = z.date().nullable().meta({ description: 'Since when nothing but errors came.' });

/** Something that is to be fetched by its id, as it is shown. */
export const waitingThing = z.object({
  key: z.string().meta({ description: 'Such as order/3705115058471208928.' }),
  since: z.date().meta({ description: 'When it was named first.' }),
  attempts: z.int().meta({ description: 'How often in a row it could not be fetched.' }),
  next_at: z.date().meta({ description: 'When it is asked for next.' }),
  error,
  delivery_id: z.uuid().nullable().meta({ description: 'The delivery that named it last; null: a list did.' }),
});

export type WaitingThing = z.output<typeof waitingThing>;

/** How asking goes, as it is shown beside a source. */
export const askingView = {
  feeds: z
    .array(
      z.object({
        name: z.string(),
        asked_at: z.date().nullable().meta({ description: 'When it was asked last, whatever came of it; null: never.' }),
        read_at: z.date().nullable().meta({ description: 'When something that it answered was stored last; null: never.' }),
        read_until: z.date().nullable().meta({ description: 'All that changed before is stored.' }),
        next_at: z.date().nullable().meta({ description: 'When it is asked next; null: it is not asked by itself.' }),
        error,
        failing_since: failingSince,
      }),
    )
    .meta({ description: 'The lists of the source by which it can be asked for what changed. Each rests by itself when it fails.' }),
  waiting: z
    .object({
      count: z.int().meta({ description: 'How many things were named by their id and are still to be fetched.' }),
      failing: z
        .int()
        .meta({ description: 'How many of them could not be fetched so far. None is ever given up: each is asked for again.' }),
      since: z.date().nullable().meta({ description: 'When the one was named that waits longest.' }),
      error,
      failing_since: failingSince,
      sample: z.array(waitingThing),
    })
    .meta({
      description: `What waits to be fetched; the sample has at most ${SAMPLE_MAX} of them, those that fail first, then the oldest.`,
    }),
  resting: z
    .object({ until: z.date(), error: z.string() })
    .nullable()
    .meta({ description: 'Nothing is asked of the source until then: its platform demands it, or it cannot be asked as it is stated.' }),
};

const shape = z.object(askingView);

type AskingView = z.output<typeof shape>;

type FeedRow = Omit<AskingView['feeds'][number], 'name'> & { feed: string };

/** How asking the source goes; of its lists those that its options let it have. */
export async function viewAsking(
  db: Kysely<DB>,
  { source_id: sourceId, options }: SourceRow,
  adapter: Adapter | undefined,
): Promise<AskingView> {
  const { rows } = await sql<FeedRow>`
    select feed, asked_at, read_at, reached as read_until, due_at as next_at, error, failing_since from pull_feed
    where source_id = ${sourceId} and reconciliation_id is null`.execute(db);
  const standing = new Map(rows.map(({ feed, ...row }) => [feed, row]));
  const fetching = standing.get('detail');
  const parsed = adapter?.options.safeParse(options);
  // What cannot be read as options any more lets the source rest with its error; its lists are
  // those that it may have.
  const given = parsed?.success === true ? parsed.data : null;
  const feeds = (adapter?.feeds ?? []).filter((feed) => given === null || (feed.appliesTo?.(given) ?? true));
  const isPulled = given?.['pull'] !== undefined;
  return {
    feeds: feeds.map(({ name }) => {
      const row = standing.get(name) ?? NEVER;
      return { name, ...row, next_at: isPulled ? row.next_at : null };
    }),
    waiting: { ...(await viewWaiting(db, sourceId)), error: fetching?.error ?? null, failing_since: fetching?.failing_since ?? null },
    resting: await viewRest(db, sourceId),
  };
}

/** What is shown of a row of `pull_wanted`. */
export const WAITING = sql`key, since, attempts, due_at as next_at, error, delivery_id`;

const NEVER = { asked_at: null, read_at: null, read_until: null, next_at: null, error: null, failing_since: null };

async function viewWaiting(
  db: Kysely<DB>,
  sourceId: string,
): Promise<Pick<AskingView['waiting'], 'count' | 'failing' | 'since' | 'sample'>> {
  const { rows: counts } = await sql<{ count: bigint; failing: bigint; since: Date | null }>`
    select count(*), count(*) filter (where error is not null) as failing, min(since) as since
    from pull_wanted where source_id = ${sourceId}`.execute(db);
  const { rows: sample } = await sql<AskingView['waiting']['sample'][number]>`
    select ${WAITING} from pull_wanted where source_id = ${sourceId}
    order by (error is not null) desc, since, key limit ${SAMPLE_MAX}`.execute(db);
  const { count, failing, since } = counts[0]!;
  return { count: Number(count), failing: Number(failing), since, sample };
}

async function viewRest(db: Kysely<DB>, sourceId: string): Promise<AskingView['resting']> {
  const { rows } = await sql<{ until: Date; error: string }>`
    select rests_until as until, error from pull
    where source_id = ${sourceId} and rests_until > now() and error is not null`.execute(db);
  return rows[0] ?? null;
}
