// What a stream may ask for: one group, seven days, and nothing that would have to be counted from
// far away for every change.

import { DomainError } from '../../core/errors.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import { stringifyJson } from '../../platform/http/json.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { addLocalDays, bucketsOf } from '../reading/buckets.ts';
import { ROWS_MAX, understandQuery, type StatisticsFields } from '../reading/query-fields.ts';
import type { StatisticsQuery } from '../reading/query.ts';

const DAYS_MAX = 7;
/** A stream without an end grows while it is open; by a day more than it may begin with. */
const DAYS_MAX_OPEN = 8;
/** What has passed since its caller reckoned seven days. */
const ON_THE_WAY_MS = MINUTE_MS;
const GROUPS_MAX = 200;

/** What a stream asks for. */
export interface StreamWish {
  /** The same for equal wishes. */
  key: string;
  /** The query as it is at this time. Throws what refuses it. */
  understand: (now: Date) => StatisticsQuery;
  /** It ends now, whenever that is. */
  isMoving: boolean;
}

/**
 * The wish of a request. Throws `not_streamable`, and all that `understandQuery` does.
 */
export function understandWish(fields: StatisticsFields, actor: Actor, now: Date): StreamWish {
  const isMoving = fields.to === undefined;
  const query = understandQuery(fields, { actor, now });
  refuseUnstreamable(query, fields);
  refuseLonger(query, isMoving ? { days: DAYS_MAX, slackMs: ON_THE_WAY_MS } : { days: DAYS_MAX, slackMs: 0 });
  return {
    key: stringifyJson({ ...query, from: fields.from ?? null, to: fields.to ?? null, limit: fields.limit ?? null }),
    isMoving,
    understand(at) {
      const grown = understandQuery(fields, { actor, now: at });
      refuseLonger(grown, { days: DAYS_MAX_OPEN, slackMs: 0 });
      return { ...grown, limit: fields.limit ?? Math.min(GROUPS_MAX, Math.floor(ROWS_MAX / Math.max(bucketsOf(grown).length, 1))) };
    },
  };
}

function refuseUnstreamable({ groupBy, compare, measures, sort }: StatisticsQuery, { cursor }: StatisticsFields): void {
  if (groupBy.length > 1) throw notStreamable('group_by', 'must name one group at most');
  if (compare !== null) throw notStreamable('compare', 'must be left out');
  if (measures.includes('buyers')) throw notStreamable('measures', 'must not name buyers');
  if (sort.by === 'buyers') throw notStreamable('sort', 'must not be by buyers');
  if (cursor !== undefined) throw notStreamable('cursor', 'must be left out: a stream has no pages');
}

function refuseLonger({ from, to, timeZone }: StatisticsQuery, { days, slackMs }: { days: number; slackMs: number }): void {
  if (to.getTime() - slackMs <= addLocalDays(from, days, timeZone).getTime()) return;
  throw notStreamable('from', `must lie at most ${DAYS_MAX} days before to`);
}

function notStreamable(path: string, message: string): DomainError {
  return new DomainError('not_streamable', `${path} ${message}, for a stream.`, { errors: [{ path, message }] });
}
