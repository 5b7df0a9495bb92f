// Statistics as they change, over HTTP: a snapshot, and then whole rows that have changed.

import { Counter, Gauge, type Registry } from '@prometheus-io/client';
import type { FastifyReply } from 'fastify';
import type { Kysely } from 'kysely';
import type { Logger } from 'pino';
import { z } from 'zod';

import type { App } from '../../platform/http/app.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { openEventStream } from '../../platform/streams/event-stream.ts';
import { streamPlaces, type StreamLimits } from '../../platform/streams/stream-places.ts';
import { statisticsFields } from '../reading/query-fields.ts';
import { latestClock } from '../reading/snapshot-store.ts';
import { understandWish } from './stream-wish.ts';
import { statisticsWatch, type StatisticsWatch } from './watch.ts';
import type { StreamReader, WatchedQuery } from './watched-query.ts';

const TICKET_CHARACTERS_MAX = 128;

const streamQuery = statisticsFields.extend({
  ticket: z
    .string()
    .max(TICKET_CHARACTERS_MAX)
    .optional()
    .meta({ description: 'Of POST /v1/stream-tickets, in the place of the header Authorization.' }),
});

interface StreamDeps {
  db: Kysely<DB>;
  log: Logger;
  registry: Registry;
  limits: StreamLimits;
}

/** GET /v1/statistics/stream. Closing the server sends its readers away. */
export function statisticsStreamRoutes(app: App, { db, log, registry, limits }: StreamDeps): void {
  const places = streamPlaces(limits);
  const evaluations = new Counter({
    name: 'fenyong_stream_evaluations_total',
    help: 'Evaluations of queries that streams are open for; equal queries share them.',
    registers: [registry],
  });
  const open: Gauge = new Gauge({
    name: 'fenyong_streams_open',
    help: 'Streams of statistics that are open.',
    registers: [registry],
    collect: () => open.set(places.taken()),
  });
  const watch = statisticsWatch({ db, log, onEvaluated: () => evaluations.inc() });
  app.addHook('preClose', (done) => {
    watch.sendAway();
    done();
  });
  app.addHook('onClose', () => watch.close());

  app.get('/v1/statistics/stream', {
    exposeHeadRoute: false,
    config: { scopes: ['storefront', 'promoter'], isStream: true },
    schema: {
      operationId: 'statistics.stream',
      tags: ['statistics'],
      summary: 'Statistics as they change',
      description:
        'A stream of server-sent events for the query of GET /v1/statistics, with at most one group, seven days and 200 groups, nothing compared ' +
        'and no buyers. `snapshot` is the answer of that GET; then `rows` brings, at most once a second, `{watermark, data}` with every row that ' +
        'has changed, whole; a group that has nothing any more comes with zeros. The id of an event is its watermark: a reader that comes back ' +
        'with `Last-Event-ID` within the hour is told what has changed since, where this process still knows, and else begins with a snapshot. ' +
        'Without `to` the time grows, for at most a day, and new buckets come with the next change. A stream ends with its key or session.',
      querystring: streamQuery,
      response: {
        200: { description: 'Server-sent events, without end.', content: { 'text/event-stream': { schema: z.string() } } },
        ...problems('unprocessable', 'range_too_long', 'too_many_rows', 'not_streamable', 'too_many_streams'),
      },
    },
    handler: async ({ query, actor, session, headers }, reply) => {
      const wish = understandWish(query, actor, await latestClock(db));
      if (watch.isClosing()) return comeBack(reply);
      const leave = places.take(actor.keyId);
      try {
        const watched = await watch.open(wish);
        join(reply, {
          watch,
          watched,
          keyId: actor.keyId,
          sessionId: session?.sessionId ?? null,
          lastEventId: headers['last-event-id'],
          leave,
        });
      } catch (error) {
        leave();
        throw error;
      }
      return reply;
    },
  });
}

/**
 * Who comes too late is sent away as those who were here: an error would keep a browser away for
 * good.
 */
function comeBack(reply: FastifyReply): FastifyReply {
  openEventStream(reply, { onClosed: () => undefined }).end({ spread: true });
  return reply;
}

interface Joining {
  watch: StatisticsWatch;
  watched: WatchedQuery;
  keyId: string;
  sessionId: string | null;
  lastEventId: string | string[] | undefined;
  leave: () => void;
}

/** Begins the stream. Whoever hung up, or was told that it takes too long, is gone. */
function join(reply: FastifyReply, { watch, watched, keyId, sessionId, lastEventId, leave }: Joining): void {
  if (reply.sent || reply.raw.destroyed) {
    leave();
    return;
  }
  const now = Date.now();
  const { frame, revision } = watched.opening(typeof lastEventId === 'string' ? lastEventId : undefined, now);
  const reader: StreamReader = {
    keyId,
    sessionId,
    revision,
    toldAt: now,
    stream: openEventStream(reply, {
      onClosed() {
        leave();
        watched.readers.delete(reader);
        watched.leftAt = Date.now();
      },
    }),
  };
  if (frame !== null) reader.stream.send(frame);
  watched.readers.add(reader);
  if (watch.isClosing()) reader.stream.end({ spread: true });
}
