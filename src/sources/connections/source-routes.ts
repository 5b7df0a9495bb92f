// Sources: stating, showing and listing the connections to order systems.
import { isDeepStrictEqual } from 'node:util';

import type { Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import { bodyExamples, callerId } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { faultsOf, problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { ADAPTERS } from '../adapters.ts';
import { askingView, viewAsking } from '../asking-view.ts';
import { oneOrMoreSecrets, type SourceSecrets } from '../signing.ts';
import { findSource, hasDeliveries, listSources, lockSource, saveSource, type SourceRow } from './source-store.ts';
import { noSource, REST, sourcePath, type SourcesDeps } from './source-fields.ts';

const kind = z.enum(ADAPTERS.map((adapter) => adapter.kind));

const source = z
  .object({
    source_id: callerId,
    kind,
    merchant_id: callerId.nullable().meta({ description: 'Null: one account of many shops, each of which is mapped to its merchant.' }),
    secrets_set: z.array(z.string()).meta({ description: 'The names of the secrets that are set; their values are never shown.' }),
    options: z.record(z.string(), z.unknown()),
    made_at: z.date(),
    changed_at: z.date(),
  })
  .meta({ id: 'Source' });

const sourceDetail = source.extend(askingView).meta({ id: 'SourceDetail' });

const tags = ['sources'];
const place = z.tuple([callerId]);

const sourceBody = z
  .strictObject({
    kind,
    merchant_id: callerId.nullish(),
    secrets: z
      .record(z.string(), oneOrMoreSecrets.nullable())
      .optional()
      .meta({ description: 'Those left out keep their values, null removes one; a list holds all that are valid at once.' }),
    options: z.record(z.string(), z.unknown()).optional(),
  })
  .meta(bodyExamples({ kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' } }));

/** PUT and GET under /v1/sources. */
export function sourcesRoutes(app: App, deps: SourcesDeps): void {
  const { db, cache } = deps;
  app.put('/v1/sources/:source_id', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'sources.put',
      tags,
      summary: 'Make a source or state it anew',
      description:
        'All of it but for `secrets`, which keep what is left out. What a source needs depends on its ' +
        'kind. A source that has deliveries keeps its kind and its merchant.',
      params: sourcePath,
      body: sourceBody,
      response: { 200: source, 201: source, ...problems('reserved_source', 'conflict', 'unknown_merchant') },
    },
    handler: async (request, reply) => {
      const { source_id: sourceId } = request.params;
      const { row, made, unparked } = await inTransaction(db, ({ trx, now }) =>
        putSource(trx, deps, { sourceId, stated: request.body, actor: request.actor, now }),
      );
      cache.forget(sourceId);
      if (unparked > 0) deps.onDelivered();
      return reply.code(made ? 201 : 200).send(row);
    },
  });

  app.get('/v1/sources/:source_id', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'sources.get',
      tags,
      summary: 'One source, and how asking it goes',
      description:
        'Shows when each of its lists was last asked and read, to which time, and why it fails; what waits to be fetched, and since when. ' +
        'A list, or a single thing, that fails rests by itself and is asked again; nothing else waits for it.',
      params: sourcePath,
      response: { 200: sourceDetail, ...problems('not_found') },
    },
    handler: async ({ params: { source_id: sourceId } }) => {
      const found = await findSource(db, sourceId);
      if (found === null) throw noSource(sourceId);
      const adapter = ADAPTERS.find((one) => one.kind === found.kind);
      return { ...found, ...(await viewAsking(db, found, adapter)) };
    },
  });

  app.get('/v1/sources', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'sources.list',
      tags,
      summary: 'Sources, by id',
      description: 'The source `rest`, which every merchant has by itself, is not among them.',
      querystring: pageQuery.extend({ merchant_id: callerId.optional() }),
      response: { 200: pageOf(source) },
    },
    handler: async ({ query: { limit, cursor, merchant_id: merchantId } }) => {
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      const rows = await listSources(db, { merchantId: merchantId ?? null, limit, after });
      return toPage(
        rows,
        limit,
        (row) => row,
        (row) => [row.source_id],
      );
    },
  });
}

interface SourcePut {
  sourceId: string;
  stated: {
    kind: string;
    merchant_id?: string | null | undefined;
    secrets?: Record<string, string | string[] | null> | undefined;
    options?: Record<string, unknown> | undefined;
  };
  actor: Actor;
  now: Date;
}

interface SourceResult {
  row: SourceRow;
  made: boolean;
  /** How many deliveries go on, because a code that they waited for has been given a meaning. */
  unparked: number;
}

async function putSource(trx: Transaction<DB>, deps: SourcesDeps, put: SourcePut): Promise<SourceResult> {
  const { sourceId, stated, actor, now } = put;
  if (sourceId === REST) throw new DomainError('reserved_source', 'The source "rest" is there for every merchant by itself.');
  const adapter = ADAPTERS.find((one) => one.kind === stated.kind)!;
  const standing = await lockSource(trx, deps.keys, sourceId);
  const before = standing?.row ?? null;
  const merchantId = stated.merchant_id ?? null;
  if (before !== null && (before.kind !== stated.kind || before.merchant_id !== merchantId) && (await hasDeliveries(trx, sourceId))) {
    throw new DomainError('conflict', 'A source that has deliveries keeps its kind and its merchant. Make another source.');
  }
  const kept = before?.kind === stated.kind ? standing!.secrets : {};
  const secrets = checked(adapter.secrets, mergeSecrets(kept, stated.secrets ?? {}), 'secrets');
  const options = checked(adapter.options, stated.options ?? {}, 'options');
  const secretsChanged = Object.keys({ ...kept, ...secrets }).filter((name) => !isDeepStrictEqual(kept[name], secrets[name]));
  if (before !== null && secretsChanged.length === 0 && saysTheSame(before, { kind: stated.kind, merchant_id: merchantId, options })) {
    return { row: before, made: false, unparked: 0 };
  }
  const row = await saveSource(trx, deps.keys, { sourceId, before, now }, { kind: stated.kind, merchantId, secrets, options });
  const after = { ...row, secrets_changed: secretsChanged };
  await recordChange(trx, { actor, now, action: 'source_stated', subjectKind: 'source', subjectId: sourceId, before, after });
  const codes = adapter.explains?.(options) ?? [];
  const unparked = await deps.unpark(
    trx,
    codes.map((code) => `code:${code}`),
  );
  return { row, made: before === null, unparked };
}

function mergeSecrets(kept: SourceSecrets, stated: Record<string, string | string[] | null>): SourceSecrets {
  const merged = Object.entries({ ...kept, ...stated });
  return Object.fromEntries(merged.filter((entry): entry is [string, string | string[]] => entry[1] !== null));
}

/**
 * What the adapter makes of its part of the body; its faults are told with the path in the
 * whole body.
 */
function checked<Value>(schema: z.ZodType<Value>, value: unknown, part: string): Value {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = faultsOf(result.error).map(({ path, message }) => ({ path: path === '' ? part : `${part}.${path}`, message }));
  throw new DomainError(
    'malformed_request',
    `The ${part} are not those of this kind of source: ${errors[0]!.path} ${errors[0]!.message}.`,
    { errors },
  );
}

function saysTheSame(before: SourceRow, { kind, merchant_id, options }: Pick<SourceRow, 'kind' | 'merchant_id' | 'options'>): boolean {
  return before.kind === kind && before.merchant_id === merchant_id && isDeepStrictEqual(before.options, options);
}
