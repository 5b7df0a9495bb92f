// Mappings: stating, one by one or in bulk, whom an order system means by a word, and showing what was stated.
import { z } from 'zod';

import { DomainError, type Fault } from '../core/errors.ts';
import type { Actor } from '../platform/actor.ts';
import { streamScope } from '../platform/bodies.ts';
import { inTransaction } from '../platform/database.ts';
import type { App } from '../platform/http.ts';
import { NDJSON_TYPES, readNdjson, type NdjsonLine } from '../platform/ndjson.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../platform/paging.ts';
import { faultsOf, problems } from '../platform/problem.ts';
import { listMappings, listMappingVersions, type MappingStatement } from './mapping-store.ts';
import { faultsIn, lockStated, stateAll, toStatement, type MappingFault } from './state-mappings.ts';
import { findSource } from './store.ts';
import { callerId, noSource, sourcePath, words, type SourcesDeps } from './wire.ts';

const LINES_PER_COMMIT = 500;
const ERRORS_MAX = 1000;

const word = { type: words(64), value: words(256) };

const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time with its offset' }).transform((text) => new Date(text));

const target = {
  merchant_id: callerId.nullish(),
  promoter_id: callerId.nullish(),
  link_code: words(32).nullish(),
  effective_from: time
    .nullish()
    .meta({ description: 'From when this counts; now when absent. The first statement counts for all earlier time too.' }),
};

const targetBody = z.strictObject(target);
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
    effective_from: z.date().nullable().meta({ description: 'Null: the first statement, which counts for all earlier time.' }),
    recorded_at: z.date(),
  })
  .meta({ id: 'Mapping' });

const tags = ['sources'];
const wordPath = sourcePath.extend(word);
const place = z.tuple([z.string(), z.string()]);

/** PUT, POST and GET under /v1/sources/{source_id}/mappings. */
export function mappingRoutes(app: App, deps: SourcesDeps): void {
  const { db } = deps;

  app.put('/v1/sources/:source_id/mappings/:type/:value', {
    config: { scopes: ['admin'] },
    schema: {
      tags,
      summary: 'State whom a source means by a word',
      params: wordPath,
      body: targetBody,
      response: { 200: mapping, 201: mapping, ...problems(400, 401, 403, 404, 409, 422) },
    },
    handler: async (request, reply) => {
      const { source_id: sourceId, type, value } = request.params;
      const statement = toStatement({ type, value, ...request.body });
      const { outcome, unparked } = await inTransaction(db, async ({ trx, now }) => {
        const source = await lockStated(trx, sourceId);
        const fault = (await faultsIn(trx, source, [statement]))[0]!;
        if (fault !== null) throw new DomainError(fault.code, fault.message);
        const written = await stateAll(trx, deps, source, [statement], { actor: request.actor, now });
        return { outcome: written.stated[0]!, unparked: written.unparked };
      });
      if (unparked > 0) deps.onDelivered();
      return reply.code(outcome.before === null ? 201 : 200).send(outcome.row);
    },
  });

  app.get('/v1/sources/:source_id/mappings/:type/:value', {
    config: { scopes: ['admin'] },
    schema: {
      tags,
      summary: 'All that was stated of a word, the latest first',
      params: wordPath,
      response: { 200: mapping.extend({ versions: z.array(mapping) }), ...problems(401, 403, 404) },
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
      tags,
      summary: 'The words of a source with their latest statements',
      params: sourcePath,
      querystring: pageQuery,
      response: { 200: pageOf(mapping), ...problems(400, 401, 403, 404) },
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

const bulkAnswer = z.object({
  accepted: z.int().meta({ description: 'Lines that are stored, or were already.' }),
  refused: z.int(),
  errors: z
    .array(
      z.object({
        line: z.int(),
        code: z.string(),
        message: z.string(),
        errors: z.array(z.object({ path: z.string(), message: z.string() })),
      }),
    )
    .meta({ description: `What is wrong with the refused lines; the first ${ERRORS_MAX} of them.` }),
});

function bulkRoute(scope: App, deps: SourcesDeps): void {
  streamScope(scope, NDJSON_TYPES);
  scope.post('/v1/sources/:source_id/mappings', {
    config: { scopes: ['admin'] },
    schema: {
      tags,
      summary: 'State many mappings, a JSON line each',
      description: `Each line is {type, value} and what stating one takes. Lines are stored as they come, ${LINES_PER_COMMIT} at a
        time; a bad line is refused alone. A file that was cut off can be sent again.`,
      params: sourcePath,
      response: { 200: bulkAnswer, ...problems(400, 401, 403, 404, 413, 415) },
    },
    handler: async (request) => {
      const { source_id: sourceId } = request.params;
      if ((await findSource(deps.db, sourceId)) === null) throw noSource(sourceId);
      return takeLines(deps, sourceId, request.actor, request.body as AsyncIterable<Buffer>);
    },
  });
}

type Told = z.output<typeof bulkAnswer>;

interface Line {
  line: number;
  statement: MappingStatement;
}

async function takeLines(deps: SourcesDeps, sourceId: string, actor: Actor, stream: AsyncIterable<Buffer>): Promise<Told> {
  const told: Told = { accepted: 0, refused: 0, errors: [] };
  const refuse = (line: number, { code, message, errors = [] }: Pick<DomainError, 'code' | 'message'> & { errors?: Fault[] }): void => {
    told.refused++;
    if (told.errors.length < ERRORS_MAX) told.errors.push({ line, code, message, errors });
  };
  const store = async (lines: Line[]): Promise<void> => {
    const { faults, unparked } = await storeLines(deps, sourceId, actor, lines);
    if (unparked > 0) deps.onDelivered();
    for (const [index, fault] of faults.entries()) {
      if (fault === null) told.accepted++;
      else refuse(lines[index]!.line, fault);
    }
  };
  let batch: Line[] = [];
  for await (const line of readNdjson(stream)) {
    try {
      batch.push({ line: line.line, statement: readLine(line) });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      refuse(line.line, error);
    }
    if (batch.length >= LINES_PER_COMMIT) await store(batch.splice(0));
  }
  if (batch.length > 0) await store(batch);
  told.errors.sort((a, b) => a.line - b.line);
  return told;
}

function storeLines(
  deps: SourcesDeps,
  sourceId: string,
  actor: Actor,
  lines: readonly Line[],
): Promise<{ faults: (MappingFault | null)[]; unparked: number }> {
  return inTransaction(deps.db, async ({ trx, now }) => {
    const source = await lockStated(trx, sourceId);
    const statements = lines.map((one) => one.statement);
    const faults = await faultsIn(trx, source, statements);
    const sound = statements.filter((_, index) => faults[index] === null);
    const { unparked } = await stateAll(trx, deps, source, sound, { actor, now });
    return { faults, unparked };
  });
}

function readLine(line: NdjsonLine): MappingStatement {
  if ('error' in line) throw new DomainError('malformed_request', line.error);
  const parsed = lineBody.safeParse(line.value);
  if (parsed.success) return toStatement(parsed.data);
  throw new DomainError('malformed_request', 'The line is not as it should be.', { errors: faultsOf(parsed.error) });
}
