// Reconciliations over HTTP: comparing what a source says of a time, or an uploaded file, with what is known, and taking in what is not.
import { setTimeout as sleep } from 'node:timers/promises';

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import type { Actor } from '../platform/actor.ts';
import { recordChange, type Change } from '../platform/audit-log.ts';
import { readJson, streamScope } from '../platform/bodies.ts';
import { inTransaction } from '../platform/database.ts';
import { callerId, time } from '../platform/fields.ts';
import type { App } from '../platform/http.ts';
import { answerOnce } from '../platform/idempotency.ts';
import { faultsOf, problems } from '../platform/problem.ts';
import { answerStreamOnce } from '../platform/streamed-request.ts';
import type { DB } from '../platform/tables.ts';
import { uuidv7 } from '../platform/uuid.ts';
import type { Adapter } from '../sources/source.ts';
import { findSource } from '../sources/store.ts';
import { noSource, REST } from '../sources/wire.ts';
import { findReconciliation, makeReconciliation, noteTrouble } from './reconciliation-store.ts';
import { settleReconciliation } from './settling.ts';
import { BAD_ROWS_MAX, checkFirstLine, COLUMNS, originOf } from './upload.ts';
import { keepFile } from './upload-file.ts';
import { noteUploaded } from './upload-store.ts';

/** A short reconciliation is answered with what it found. */
const PATIENCE_MS = 4000;
const LOOK_EVERY_MS = 100;

export interface ReconciliationDeps {
  db: Kysely<DB>;
  adapters: readonly Adapter[];
  /** There is something to ask a source, or a file to read, now. */
  onAsked: () => void;
}

const answer = z
  .object({
    reconciliation_id: z.uuid(),
    source_id: callerId,
    merchant_id: z.string().nullable(),
    from: z.date().nullable(),
    to: z.date().nullable(),
    state: z.enum(['reading', 'settling', 'done', 'failed']).meta({
      description: '`reading` the source or the file; `settling`: all was read and is being merged; `done`; `failed`: see `error`.',
    }),
    checked: z.int().meta({ description: 'Orders that were compared.' }),
    missing: z.int().meta({ description: 'Those that nobody had told of before.' }),
    different: z.int().meta({ description: 'Those whose money or state was another.' }),
    recovered: z.int().meta({ description: 'Missing or different ones that agree by now.' }),
    bad_rows: z.int().meta({ description: 'Rows of the file that were refused.' }),
    errors: z.array(z.object({ line: z.int(), message: z.string() })).meta({ description: `The first ${BAD_ROWS_MAX} of them.` }),
    error: z.string().nullable().meta({ description: 'Why it failed, or why it waits.' }),
    made_at: z.date(),
    finished_at: z.date().nullable(),
  })
  .meta({ id: 'Reconciliation' });

const range = z.strictObject({ source_id: callerId, from: time, to: time });

const upload = z.object({
  source_id: callerId.optional().meta({ description: 'Of a file: whose orders it tells of; `rest` when absent.' }),
  merchant_id: callerId.optional().meta({ description: 'Of a file of the source `rest`: whose orders these are.' }),
  amounts: z.enum(['minor', 'decimal']).default('minor').meta({ description: 'Of a file: minor units, or decimals of the currency.' }),
});

const path = z.object({ reconciliation_id: z.uuid() });
const tags = ['sources'];

/** POST /v1/reconciliations, GET /v1/reconciliations/{id}. */
export function reconciliationRoutes(app: App, deps: ReconciliationDeps): void {
  void app.register(async (scope: App) => {
    streamScope(scope, ['text/csv']);
    readJson(scope);
    scope.post('/v1/reconciliations', {
      config: { scopes: ['admin'] },
      schema: {
        tags,
        summary: 'Compare what a source says, or a file of orders, with what is known',
        description: `As JSON, {source_id, from, to}: asks the source what changed within that time. As text/csv: a file whose first line names its
          columns, of these: ${COLUMNS.join(', ')}. Empty cells say nothing; a row without line_id tells of its order as a whole. What was not
          known is taken in. A file is kept as a whole before it is read, so that a long one may be sent and asked for later. Answered with
          the counts, or with 202 where it takes longer: ask for it then.`,
        querystring: upload,
        response: { 200: answer, 202: answer, ...problems(400, 401, 403, 404, 409, 413, 415, 422, 503) },
      },
      handler: async (request, reply) => {
        if (request.rawBody === null) {
          await answerStreamOnce(request, reply, deps.db, (stream) => takeFile(deps, request.query, request.actor, stream));
          return reply;
        }
        const asked = readRange(request.body);
        if (request.headers['idempotency-key'] !== undefined) {
          await answerOnce(request, reply, deps.db, async ({ trx, now }) => {
            const reconciliationId = await begin(trx, deps, asked, { actor: request.actor, now });
            return { status: 202, body: await shown(trx, reconciliationId) };
          });
          deps.onAsked();
          return reply;
        }
        const reconciliationId = await inTransaction(deps.db, ({ trx, now }) => begin(trx, deps, asked, { actor: request.actor, now }));
        deps.onAsked();
        const told = await waitFor(deps, reconciliationId);
        return reply.code(told.finished_at === null ? 202 : 200).send(told);
      },
    });
  });

  app.get('/v1/reconciliations/:reconciliation_id', {
    config: { scopes: ['admin'] },
    schema: { tags, summary: 'One reconciliation', params: path, response: { 200: answer, ...problems(400, 401, 403, 404) } },
    // The worker looks again at what was found; of very many orders that takes longer than a reader waits.
    handler: ({ params }) => shown(deps.db, params.reconciliation_id),
  });
}

function readRange(body: unknown): z.output<typeof range> {
  const parsed = range.safeParse(body);
  const errors = parsed.success ? [] : faultsOf(parsed.error);
  if (!parsed.success)
    throw new DomainError('malformed_request', `The body is wrong: ${errors[0]!.path} ${errors[0]!.message}.`, { errors });
  if (parsed.data.from < parsed.data.to) return parsed.data;
  throw new DomainError('malformed_request', 'from must lie before to.', { errors: [{ path: 'to', message: 'must lie after from' }] });
}

/** Makes the reconciliation of a time. Throws `not_found` for no source, and `unprocessable` for one that cannot be asked. */
async function begin(trx: Transaction<DB>, { adapters }: ReconciliationDeps, asked: z.output<typeof range>, by: By): Promise<string> {
  const { now } = by;
  const source = await findSource(trx, asked.source_id);
  if (source === null) throw noSource(asked.source_id);
  const adapter = adapters.find((one) => one.kind === source.kind);
  if ((adapter?.feeds ?? []).length === 0) {
    throw new DomainError('unprocessable', `A source of the kind ${source.kind} cannot be asked: upload a file of its orders as text/csv.`);
  }
  if (asked.from >= now) throw new DomainError('unprocessable', 'from lies in the future: nothing can have changed since.');
  const reconciliationId = uuidv7(now.getTime());
  const to = asked.to < now ? asked.to : now;
  const row = { reconciliation_id: reconciliationId, source_id: asked.source_id, merchant_id: null, origin: 'pull' as const };
  await make(trx, { ...row, range_from: asked.from, range_to: to }, by);
  return reconciliationId;
}

/** Who asked, and when. */
type By = Pick<Change, 'actor' | 'now'>;

/** Makes a reconciliation, and writes down who wanted it: it may bring in orders. */
async function make(trx: Transaction<DB>, row: Parameters<typeof makeReconciliation>[1], by: By): Promise<void> {
  await makeReconciliation(trx, row, by.now);
  const { reconciliation_id: subjectId, ...after } = row;
  await recordChange(trx, { ...by, action: 'reconciliation_made', subjectKind: 'reconciliation', subjectId, before: null, after });
}

type Asked = z.output<typeof upload>;

/** Keeps a file, and answers with what it has led to so far. Throws `malformed_request` for one that does not begin with its columns. */
async function takeFile(
  deps: ReconciliationDeps,
  { source_id: sourceId = REST, merchant_id: named, amounts }: Asked,
  actor: Actor,
  stream: AsyncIterable<Buffer>,
) {
  const { db } = deps;
  // Every other source says itself whose orders it tells of.
  const merchantId = sourceId === REST ? (named ?? null) : null;
  const reconciliationId = await inTransaction(db, async ({ trx, now }) => {
    await originOf(trx, sourceId, merchantId);
    const id = uuidv7(now.getTime());
    const row = { reconciliation_id: id, source_id: sourceId, merchant_id: merchantId, origin: 'upload' as const };
    await make(trx, { ...row, range_from: null, range_to: null, amounts }, { actor, now });
    return id;
  });
  try {
    await noteUploaded(db, reconciliationId, await keepFile(db, reconciliationId, stream, checkFirstLine));
  } catch (error) {
    await noteTrouble(db, reconciliationId, error instanceof DomainError ? error.message : 'The file was cut off.', { forGood: true });
    throw error;
  }
  deps.onAsked();
  const body = await waitFor(deps, reconciliationId);
  return { status: body.finished_at === null ? 202 : 200, body };
}

async function waitFor({ db, adapters }: ReconciliationDeps, reconciliationId: string): Promise<z.output<typeof answer>> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    await settleReconciliation(db, adapters, reconciliationId, () => Date.now() < until);
    const told = await shown(db, reconciliationId);
    if (told.finished_at !== null || Date.now() >= until) return told;
    await sleep(LOOK_EVERY_MS);
  }
}

async function shown(db: Kysely<DB>, reconciliationId: string): Promise<z.output<typeof answer>> {
  const found = await findReconciliation(db, reconciliationId);
  if (found === null) throw new DomainError('not_found', `There is no reconciliation ${reconciliationId}.`);
  const {
    range_from: from,
    range_to: to,
    bad: errors,
    checked,
    missing,
    different,
    recovered,
    bad_rows: badRows,
    origin: _,
    ...row
  } = found;
  const counts = { checked, missing, different, recovered, bad_rows: badRows };
  const numbers = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)])) as Record<
    keyof typeof counts,
    number
  >;
  return { ...row, from, to, ...numbers, errors };
}
