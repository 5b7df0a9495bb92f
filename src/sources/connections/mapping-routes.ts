// Mappings: stating, one by one or in bulk, whom an order system means by a word, and showing what
// was set.
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { streamScope } from '../../platform/http/bodies.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import { bodyExamples, callerId, effectiveFrom, effectiveFromAnswer, words } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { fileOf, importAnswer, importLines, lineReader } from '../../platform/lines/line-import.ts';
import { NDJSON_TYPES } from '../../platform/lines/ndjson.ts';
import { cursorText, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { answerStreamOnce } from '../../platform/http/streamed-request.ts';
import { listMappings, listMappingVersions, type NewMapping } from './mapping-store.ts';
import { faultsIn, lockMappedSource, changeMappings, toMapping, type MappingFault } from './mapping-change.ts';
import { findSource } from './source-store.ts';
import { noSource, sourcePath, type SourcesDeps } from './source-fields.ts';

const LINES_PER_COMMIT = 500;

const word = { type: words(64), value: words(256) };

const target = {
  merchant_id: callerId.nullish(),
  promoter_id: callerId.nullish(),
  link_code: words(32).nullish(),
  effective_from: effectiveFrom,
};

const targetBody = z.strictObject(target).meta(bodyExamples({ promoter_id: 'bob' }));
const lineBody = z.strictObject({ ...word, ...target });

const mapping = z
  .object({
    source_id: callerId,
    type: z.string(),
    value: z.string(),
    merchant_id: z.string().nullable(),
    promoter_id: z.string().nullable(),
    link_code: z.string().nullable(),
    version: z.int(),
    effective_from: effectiveFromAnswer,
    recorded_at: z.date(),
  })
  .meta({ id: 'Mapping' });

const tags = ['sources'];
const wordPath = sourcePath.extend(word);
const place = z.tuple([cursorText, cursorText]);

/** PUT /v1/sources/{source_id}/mappings/{type}/{value}. */
const stating = {
  operationId: 'mappings.put',
  tags,
  summary: 'Say whom a source means by a word',
  description:
    'What the platform calls a shop is one of our merchants from then on, and what else it names a promoter or a link: exactly one of them. ' +
    'Deliveries that waited for it go on by themselves.',
  params: wordPath,
  body: targetBody,
  response: {
    200: mapping,
    201: mapping,
    ...problems('not_found', 'unknown_merchant', 'unknown_promoter', 'unknown_link', 'unprocessable'),
  },
};

/** PUT, POST and GET under /v1/sources/{source_id}/mappings. */
export function mappingRoutes(app: App, deps: SourcesDeps): void {
  const { db } = deps;

  app.put('/v1/sources/:source_id/mappings/:type/:value', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: stating,
    handler: async (request, reply) => {
      const { source_id: sourceId, type, value } = request.params;
      const mapping = toMapping({ type, value, ...request.body });
      const { outcome, unparked } = await inTransaction(db, async ({ trx, now }) => {
        const source = await lockMappedSource(trx, sourceId);
        const fault = (await faultsIn(trx, source, [mapping]))[0]!;
        if (fault !== null) throw new DomainError(fault.code, fault.message);
        const written = await changeMappings(trx, deps, source, [mapping], { actor: request.actor, now });
        return { outcome: written.stated[0]!, unparked: written.unparked };
      });
      if (unparked > 0) deps.onDelivered();
      return reply.code(outcome.before === null ? 201 : 200).send(outcome.row);
    },
  });

  app.get('/v1/sources/:source_id/mappings/:type/:value', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'mappings.get',
      tags,
      summary: 'All versions of what a word means, the latest first',
      description: 'Every version with the time from which it counts.',
      params: wordPath,
      response: { 200: mapping.extend({ versions: z.array(mapping) }), ...problems('not_found') },
    },
    handler: async ({ params: { source_id: sourceId, type, value } }) => {
      const versions = await listMappingVersions(db, { sourceId, type, value });
      const [latest] = versions;
      if (latest === undefined) throw new DomainError('not_found', 'Nothing was stated of this word.');
      return { ...latest, versions };
    },
  });

  app.get('/v1/sources/:source_id/mappings', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'mappings.list',
      tags,
      summary: 'The words of a source with their latest versions',
      description: 'Ordered by type and value.',
      params: sourcePath,
      querystring: pageQuery,
      response: { 200: pageOf(mapping), ...problems('not_found') },
    },
    handler: async ({ params: { source_id: sourceId }, query: { limit, cursor } }) => {
      if ((await findSource(db, sourceId)) === null) throw noSource(sourceId);
      const after = cursor === undefined ? (['', ''] as const) : decodeCursor(cursor, place);
      const rows = await listMappings(db, sourceId, { limit, after });
      return toPage(
        rows,
        limit,
        (row) => row,
        (row) => [row.type, row.value],
      );
    },
  });

  void app.register(async (scope: App) => bulkRoute(scope, deps));
}

function bulkRoute(scope: App, deps: SourcesDeps): void {
  streamScope(scope, NDJSON_TYPES);
  scope.post('/v1/sources/:source_id/mappings', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'mappings.load',
      tags,
      summary: 'Make or change many mappings, a JSON line each',
      description: `Each line is {type, value} and what stating one takes. Lines are stored as they come, ${LINES_PER_COMMIT} at a
        time; a bad line is refused alone. A file that was cut off can be sent again.`,
      params: sourcePath,
      sends: fileOf([
        { type: 'staff', value: '42', promoter_id: 'bob' },
        { type: 'staff', value: '43', promoter_id: 'alice' },
      ]),
      response: { 200: importAnswer, ...problems('not_found') },
    },
    handler: async (request, reply) => {
      const { source_id: sourceId } = request.params;
      if ((await findSource(deps.db, sourceId)) === null) throw noSource(sourceId);
      const readBody = lineReader(lineBody);
      const lines = {
        read: (value: unknown) => toMapping(readBody(value)),
        store: (mappings: NewMapping[]) => storeLines(deps, sourceId, request.actor, mappings),
        linesPerCommit: LINES_PER_COMMIT,
      };
      await answerStreamOnce(request, reply, deps.db, async (stream) => ({ status: 200, body: await importLines(stream, lines) }));
    },
  });
}

/** Stores the lines that are sound, and tells what is wrong with the others. */
async function storeLines(
  deps: SourcesDeps,
  sourceId: string,
  actor: Actor,
  mappings: readonly NewMapping[],
): Promise<(MappingFault | null)[]> {
  const { faults, unparked } = await inTransaction(deps.db, async ({ trx, now }) => {
    const source = await lockMappedSource(trx, sourceId);
    const found = await faultsIn(trx, source, mappings);
    const sound = mappings.filter((_, index) => found[index] === null);
    const written = await changeMappings(trx, deps, source, sound, { actor, now });
    return { faults: found, unparked: written.unparked };
  });
  if (unparked > 0) deps.onDelivered();
  return faults;
}
