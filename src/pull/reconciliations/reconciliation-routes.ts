// Reconciliations over HTTP: comparing what a source says of a time, or an uploaded file, with what
// is known, and taking in what is not.
import { setTimeout as sleep } from 'node:timers/promises';

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError, ERROR_CODES } from '../../core/errors.ts';
import { recordChange, type Change } from '../../platform/keys/audit-log.ts';
import { readJson, streamScope } from '../../platform/http/bodies.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import { bodyExamples, callerId, time } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { faultsOf, problems } from '../../platform/http/problem.ts';
import { answerStreamOnce } from '../../platform/http/streamed-request.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import type { Adapter } from '../../sources/source.ts';
import { findSource } from '../../sources/connections/source-store.ts';
import { noSource } from '../../sources/connections/source-fields.ts';
import { EXPORTS } from '../exports/recognise.ts';
import { COLUMNS } from '../exports/ours.ts';
import { findReconciliation, makeReconciliation } from './reconciliation-store.ts';
import { settleReconciliation } from './settling.ts';
import { FILE_TYPES, fileQuery, takeFile, XLSX } from '../uploads/taking-files.ts';
import { BAD_ROWS_MAX } from '../uploads/upload.ts';

/** A short reconciliation is answered with what it found. */
const ANSWER_WITHIN_MS = 4000;
const LOOK_EVERY_MS = 100;

interface ReconciliationDeps {
  db: Kysely<DB>;
  adapters: readonly Adapter[];
  /** There is something to ask a source, or a file to read, now. */
  onAsked: () => void;
}

const recognised = z.object({
  form: z.enum(['csv', 'xlsx']),
  encoding: z.string().nullable(),
  delimiter: z.string().nullable(),
  export: z
    .string()
    .nullable()
    .meta({ description: `Of these: ${EXPORTS.map((one) => one.name).join(', ')}. Null: in our words.` }),
  ignored_columns: z.array(z.string()).meta({ description: 'The columns that mean nothing here, as the file names them.' }),
});

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
    rows: z.int().meta({ description: 'Rows of the file, bad ones among them.' }),
    bad_rows: z.int().meta({ description: 'Rows of the file that were refused.' }),
    errors: z.array(z.object({ line: z.int(), message: z.string() })).meta({ description: `The first ${BAD_ROWS_MAX} of them.` }),
    dry_run: z.boolean().meta({ description: 'The file was read and judged; nothing of it entered, `recovered` stays 0.' }),
    file: recognised.nullable().meta({ description: 'What the file was recognised as; null before that, and of a time.' }),
    error: z.string().nullable().meta({ description: 'Why it failed, or why it waits.' }),
    error_code: z.enum(ERROR_CODES).nullable().meta({ description: 'Why a file was refused before anything of it had entered.' }),
    made_at: z.date(),
    finished_at: z.date().nullable(),
  })
  .meta({ id: 'Reconciliation' });

const range = z.strictObject({
  source_id: callerId.meta({ description: 'The source that is asked.' }),
  from: time.meta({ description: 'What changed at or after.' }),
  to: time.meta({ description: 'What changed before.' }),
});

/** What can be sent, for the document: the body is read by its handler. */
const sends = {
  'application/json': range.meta(bodyExamples({ source_id: 'store', from: '2026-06-01T00:00:00Z', to: '2026-06-02T00:00:00Z' })),
  'text/csv': z.string().meta({
    description: 'A table of orders, or an export as it is.',
    examples: ['order_id,status,currency,line_id,paid_amount\n3001,paid,CNY,1,29900\n3002,paid,CNY,1,19900\n'],
  }),
  [XLSX]: z.string().meta({ description: 'A spreadsheet.', format: 'binary' }),
  'multipart/form-data': z.strictObject({ file: z.string().meta({ description: 'A file of either kind.', format: 'binary' }) }),
};

const path = z.object({ reconciliation_id: z.uuid() });
const tags = ['sources'];

const DESCRIPTION = `As JSON, {source_id, from, to}: asks the source what changed within that time. As a file (CSV or .xlsx, alone or in a
  form): an export as it is (of Shopify, WooCommerce, 淘宝联盟, 京东联盟, 多多进宝), or a table whose columns are of these:
  ${COLUMNS.join(', ')}. Other columns are named and ignored, or mapped by \`columns\`. Empty cells say nothing; a row without line_id tells
  of its order as a whole. Times without a zone are the merchant's, of the unions China's. Ids that a spreadsheet has shortened are bad rows;
  that one has lost its leading zeros cannot be seen: keep ids as text. What was not known is taken in. A file is kept as a whole before it
  is read, so that a long one may be sent and asked for later. Answered with the counts, or with 202 where it takes longer: ask then.`;

/** POST /v1/reconciliations, GET /v1/reconciliations/{id}. */
export function reconciliationRoutes(app: App, deps: ReconciliationDeps): void {
  void app.register(async (scope: App) => {
    streamScope(scope, FILE_TYPES);
    readJson(scope);
    scope.post('/v1/reconciliations', {
      config: { scopes: ['admin'], roles: ['operator'] },
      schema: {
        operationId: 'reconciliations.make',
        tags,
        summary: 'Compare what a source says, or a file of orders, with what is known',
        description: DESCRIPTION,
        querystring: fileQuery,
        sends,
        response: { 200: answer, 202: answer, ...problems('not_found', 'unknown_merchant', 'unprocessable', 'all_orders_new') },
      },
      handler: async (request, reply) => {
        if (request.rawBody === null) {
          const { query, actor } = request;
          const contentType = request.headers['content-type'] ?? '';
          await answerStreamOnce(request, reply, deps.db, async (stream) =>
            answerOf(deps, await takeFile(deps.db, make, { query, actor, contentType, stream })),
          );
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
    schema: {
      operationId: 'reconciliations.get',
      tags,
      summary: 'One reconciliation',
      description: 'Ask again while `finished_at` is null. What was missing or different is counted as recovered once it was merged.',
      params: path,
      response: { 200: answer, ...problems('not_found') },
    },
    // The worker looks again at what was found; of very many orders that takes longer than a reader
    // waits.
    handler: ({ params }) => shown(deps.db, params.reconciliation_id),
  });
}

function readRange(body: unknown): z.output<typeof range> {
  const parsed = range.safeParse(body);
  const errors = parsed.success ? [] : faultsOf(parsed.error);
  if (!parsed.success) {
    throw new DomainError('malformed_request', `The body is wrong: ${errors[0]!.path} ${errors[0]!.message}.`, { errors });
  }
  if (parsed.data.from < parsed.data.to) return parsed.data;
  throw new DomainError('malformed_request', 'from must lie before to.', { errors: [{ path: 'to', message: 'must lie after from' }] });
}

/**
 * Makes the reconciliation of a time. Throws `not_found` for no source, and `unprocessable` for one
 * that cannot be asked.
 */
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

/**
 * What a kept file has led to so far. Throws the reason where it was refused before anything of it
 * had entered.
 */
async function answerOf(deps: ReconciliationDeps, reconciliationId: string) {
  deps.onAsked();
  const body = await waitFor(deps, reconciliationId);
  if (body.error_code !== null) throw new DomainError(body.error_code, body.error ?? '');
  return { status: body.finished_at === null ? 202 : 200, body };
}

async function waitFor({ db, adapters }: ReconciliationDeps, reconciliationId: string): Promise<z.output<typeof answer>> {
  const until = Date.now() + ANSWER_WITHIN_MS;
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
  const { range_from: from, range_to: to, bad: errors, bad_rows, row_count: rows, origin: _, ...row } = found;
  const { checked, missing, different, recovered } = row;
  const counts = { checked, missing, different, recovered, rows, bad_rows };
  const numbers = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)])) as Record<
    keyof typeof counts,
    number
  >;
  return { ...row, from, to, ...numbers, errors };
}
