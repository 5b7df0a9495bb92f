// Batches over HTTP: drafting, looking, approving by a second person, cancelling.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { isCurrency } from '../../core/money.ts';
import { BATCH_STATES, batchState, PAYOUT_STATES, SKIP_REASONS } from '../../core/payouts/payout.ts';
import type { App } from '../../platform/http/app.ts';
import { bodyExamples, callerId } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { ANSWERED_LATE } from '../../platform/http/late-answers.ts';
import { cursorText, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problemOfRefusal, problems } from '../../platform/http/problem.ts';
import { approvedAs } from '../../platform/keys/persons.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { Queue } from '../../platform/queue/queue.ts';
import { payoutAnswer, showPayout } from '../payout-answers.ts';
import { listPayoutsOfBatch } from '../payout-store.ts';
import { approveBatch, cancelBatch } from './approving.ts';
import { batchFileAnswer, showBatchFile } from './batch-file-routes.ts';
import { findBatchFiles } from './batch-file-store.ts';
import { findBatch, listBatches, listSkipped, readSkippedSums, readTotals, type BatchRow, type BatchTotals } from './batch-store.ts';
import { draftWhole, type DraftDeps } from './drafting.ts';
import { uuidv7 } from '../../platform/uuid.ts';

const PROMOTERS_MAX = 10_000;

const wish = z
  .strictObject({
    currency: z.string().refine(isCurrency, 'is no currency of ISO 4217'),
    minimum: z.int().min(0).default(0).meta({ description: 'Who has less, before tax, is skipped.' }),
    promoter_ids: z
      .array(callerId)
      .min(1)
      .max(PROMOTERS_MAX)
      .nullish()
      .meta({ description: 'Only these; everybody where it is left out.' }),
    provider_id: callerId
      .nullish()
      .meta({ description: 'Only who is paid by this one; everybody by the own provider where it is left out.' }),
    requested: z.boolean().default(false).meta({ description: 'Only who asked to be paid.' }),
    despite_debts: z.boolean().default(false).meta({
      description: 'Pays the accounts above zero of who owes another merchant. The approver sees it.',
    }),
  })
  .meta(bodyExamples({ currency: 'CNY', minimum: 1000 }));

const hex = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex');

const money = (description: string) => z.bigint().meta({ description });

const batch = z
  .object({
    batch_id: z.uuid(),
    state: z.enum(BATCH_STATES),
    currency: z.string(),
    minimum: z.bigint(),
    provider_id: callerId.nullable(),
    requested: z.boolean(),
    despite_debts: z.boolean(),
    schedule_id: callerId.nullable(),
    content_hash: hex.meta({
      description: 'What an approval names: of the currency and, of each payout, who gets what by whom. Not of the tax.',
    }),
    drafted_by: z.uuid().nullable(),
    drafted_at: z.date(),
    approved_by: z.uuid().nullable(),
    approved_at: z.date().nullable(),
    approved_alone: z.boolean().nullable().meta({ description: 'Whether nobody else could have approved it.' }),
    cancelled_by: z.uuid().nullable(),
    cancelled_at: z.date().nullable(),
    payouts: z.int(),
    states: z.partialRecord(z.enum(PAYOUT_STATES), z.int()).meta({ description: 'How many payouts are in each state: how far it is.' }),
    gross: money('Of all payouts that were not dropped.'),
    withheld: money('The tax; before the approval what it would be.'),
    net: money('What is sent.'),
    paid: money('Nets that were paid and stayed.'),
    returned: money('Nets that were paid and came back.'),
  })
  .meta({ id: 'PayoutBatch' });

const batchDetail = batch
  .extend({
    skipped: z.array(z.object({ reason: z.enum(SKIP_REASONS), promoters: z.int(), amount: z.bigint() })),
    files: z
      .array(batchFileAnswer)
      .meta({ description: 'What a bank is given, one for each provider of the kind `file`; none before the approval.' }),
  })
  .meta({ id: 'PayoutBatchDetail' });

const skippedAnswer = z
  .object({
    promoter_id: callerId,
    reason: z.enum(SKIP_REASONS),
    amount: money('All its available accounts together; perhaps below zero.'),
  })
  .meta({ id: 'PayoutSkipped' });

const tags = ['payouts'];
const path = z.object({ batch_id: z.uuid() });
const idPlace = z.tuple([z.uuid()]);
const textPlace = z.tuple([cursorText]);
const READERS = ['finance', 'risk'] as const;

interface BatchDeps extends DraftDeps {
  db: Kysely<DB>;
  nudge: Queue['nudge'];
}

/** Everything under /v1/payout-batches but files and results. */
export function batchRoutes(app: App, deps: BatchDeps): void {
  draftingRoutes(app, deps);
  readingRoutes(app, deps.db);
  partRoutes(app, deps.db);
  decidingRoutes(app, deps);
}

function draftingRoutes(app: App, deps: BatchDeps): void {
  app.post('/v1/payout-batches', {
    config: { scopes: ['admin'], roles: ['finance'] },
    ...ANSWERED_LATE,
    schema: {
      operationId: 'payoutBatches.draft',
      tags,
      summary: 'Draft a batch: who can be paid, and who is skipped for what',
      description:
        'One payout for each promoter: the sum of its available accounts above zero in the currency, over all merchants. The money is set ' +
        'aside at once, so that no other draft takes it. Nothing is paid before another person has approved it. A batch of very many takes a ' +
        'minute to answer: whose connection breaks meanwhile sends again under the same `Idempotency-Key`.',
      body: wish,
      response: { 201: batchDetail, ...problems('unknown_provider', 'unprocessable') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, deps.db, async ({ trx, now }) => {
        const { actor, body } = request;
        const batchId = uuidv7(now.getTime());
        await draftWhole(
          trx,
          deps,
          {
            batchId,
            keyId: actor.keyId,
            person: actor.person,
            schedule: null,
            currency: body.currency,
            minimum: BigInt(body.minimum),
            providerId: body.provider_id ?? null,
            promoterIds: body.promoter_ids ?? null,
            requested: body.requested,
            despiteDebts: body.despite_debts,
          },
          now,
        );
        const shown = await showDetail(trx, (await findBatch(trx, batchId))!);
        const subject = { subjectKind: 'payout_batch', subjectId: batchId, before: null, after: shown };
        await recordChange(trx, { actor, now, action: 'payout_batch_drafted', ...subject });
        return { status: 201, body: shown };
      }),
  });
}

function readingRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/payout-batches', {
    config: { scopes: ['admin'], roles: [...READERS] },
    schema: {
      operationId: 'payoutBatches.list',
      tags,
      summary: 'Batches, the newest first',
      description: 'With what each comes to and how far it is.',
      querystring: pageQuery,
      response: { 200: pageOf(batch) },
    },
    handler: async ({ query: { limit, cursor } }) => {
      const before = cursor === undefined ? null : decodeCursor(cursor, idPlace)[0];
      const rows = await listBatches(db, { before, limit });
      const totals = await readTotals(
        db,
        rows.map(({ batch_id: batchId }) => batchId),
      );
      return toPage(
        rows,
        limit,
        (row) => showBatch(row, totals.get(row.batch_id)!),
        (row) => [row.batch_id],
      );
    },
  });

  app.get('/v1/payout-batches/:batch_id', {
    config: { scopes: ['admin'], roles: [...READERS] },
    schema: {
      operationId: 'payoutBatches.get',
      tags,
      summary: 'One batch, with who was skipped by reason',
      description: 'What a second person looks at before approving it, and how far it is after that.',
      params: path,
      response: { 200: batchDetail, ...problems('not_found') },
    },
    handler: async ({ params }) => showDetail(db, await batchOf(db, params.batch_id)),
  });
}

function partRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/payout-batches/:batch_id/payouts', {
    config: { scopes: ['admin'], roles: [...READERS] },
    schema: {
      operationId: 'payoutBatches.payouts',
      tags,
      summary: 'The payouts of a batch, by id',
      description: 'Dropped ones too, each with its reason.',
      params: path,
      querystring: pageQuery.extend({ state: z.enum(PAYOUT_STATES).optional() }),
      response: { 200: pageOf(payoutAnswer), ...problems('not_found') },
    },
    handler: async ({ params: { batch_id: batchId }, query: { limit, cursor, state } }) => {
      await batchOf(db, batchId);
      const after = cursor === undefined ? null : decodeCursor(cursor, idPlace)[0];
      const rows = await listPayoutsOfBatch(db, { batchId, state: state ?? null, after, limit });
      return toPage(rows, limit, showPayout, (row) => [row.payout_id]);
    },
  });

  app.get('/v1/payout-batches/:batch_id/skipped', {
    config: { scopes: ['admin'], roles: [...READERS] },
    schema: {
      operationId: 'payoutBatches.skipped',
      tags,
      summary: 'Who was skipped, and why',
      description: 'One reason each, the first that stands against it.',
      params: path,
      querystring: pageQuery,
      response: { 200: pageOf(skippedAnswer), ...problems('not_found') },
    },
    handler: async ({ params: { batch_id: batchId }, query: { limit, cursor } }) => {
      await batchOf(db, batchId);
      const after = cursor === undefined ? '' : decodeCursor(cursor, textPlace)[0];
      return toPage(
        await listSkipped(db, batchId, { after, limit }),
        limit,
        ({ promoterId, reason, amount }) => ({ promoter_id: promoterId, reason, amount }),
        ({ promoterId }) => [promoterId],
      );
    },
  });
}

function decidingRoutes(app: App, deps: BatchDeps): void {
  app.post('/v1/payout-batches/:batch_id/approval', {
    config: { scopes: ['admin'], roles: ['finance'] },
    ...ANSWERED_LATE,
    schema: {
      operationId: 'payoutBatches.approve',
      tags,
      summary: 'Approve a batch, as another person than who drafted it',
      description:
        'Names the hash of what was looked at. Every payout is judged again: where one can no longer be paid as drafted its money is ' +
        'available again, nothing is approved, and the answer is 409 `batch_changed` with the new hash in the batch. The tax is fixed here. ' +
        'From then on only a cancellation stops a payout.',
      params: path,
      body: z
        .strictObject({ content_hash: hex.meta({ description: 'The hash of what was looked at.' }) })
        .meta(bodyExamples({ content_hash: 'ab'.repeat(32) })),
      response: {
        200: batchDetail,
        ...problems('not_found', 'batch_changed', 'batch_decided', 'batch_empty', 'second_person_required', 'provider_stopped'),
      },
    },
    handler: async (request, reply) => {
      const { actor, body } = request;
      const { batch_id: batchId } = request.params;
      await answerOnce(request, reply, deps.db, async ({ trx, now }) => {
        const contentHash = Buffer.from(body.content_hash, 'hex');
        const approval = await approveBatch(trx, deps, { batchId, contentHash, actor, now });
        const after = await showDetail(trx, await batchOf(trx, batchId));
        const action = approval.approved ? approvedAs('payout_batch_approved', approval) : 'payout_batch_dropped_from';
        await recordChange(trx, { actor, now, action, subjectKind: 'payout_batch', subjectId: batchId, before: null, after });
        if (approval.approved) return { status: 200, body: after };
        const changed = new DomainError(
          'batch_changed',
          `${approval.dropped} payouts can no longer be paid as drafted, and were dropped. The batch is ${approval.contentHash.toString('hex')} now.`,
        );
        return { status: 409, body: { ...problemOfRefusal(changed), content_hash: approval.contentHash.toString('hex') } };
      });
      deps.nudge('payouts');
    },
  });

  app.post('/v1/payout-batches/:batch_id/cancellation', {
    config: { scopes: ['admin'], roles: ['finance'] },
    ...ANSWERED_LATE,
    schema: {
      operationId: 'payoutBatches.cancel',
      tags,
      summary: 'Cancel a draft; its money is available again',
      description: 'A batch that was approved is not cancelled as a whole: cancel its payouts, as far as their provider can.',
      params: path,
      response: { 200: batchDetail, ...problems('not_found', 'batch_decided') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, deps.db, async ({ trx, now }) => {
        const { actor, params } = request;
        await cancelBatch(trx, { batchId: params.batch_id, actor, now });
        const after = await showDetail(trx, await batchOf(trx, params.batch_id));
        const subject = { subjectKind: 'payout_batch', subjectId: params.batch_id, before: null, after };
        await recordChange(trx, { actor, now, action: 'payout_batch_cancelled', ...subject });
        return { status: 200, body: after };
      }),
  });
}

async function batchOf(db: Kysely<DB>, batchId: string): Promise<BatchRow> {
  const found = await findBatch(db, batchId);
  if (found === null) throw new DomainError('not_found', 'There is no batch of this id.');
  return found;
}

async function showDetail(db: Kysely<DB>, row: BatchRow): Promise<z.output<typeof batchDetail>> {
  const totals = (await readTotals(db, [row.batch_id])).get(row.batch_id)!;
  const files = (await findBatchFiles(db, row.batch_id)).map(showBatchFile);
  return { ...showBatch(row, totals), skipped: await readSkippedSums(db, row.batch_id), files };
}

function showBatch(row: BatchRow, totals: BatchTotals): z.output<typeof batch> {
  const { states, payouts, gross, withheld, paid, returned } = totals;
  return {
    batch_id: row.batch_id,
    state: batchState({ isApproved: row.approved_at !== null, isCancelled: row.cancelled_at !== null }, states),
    currency: row.currency,
    minimum: row.minimum,
    provider_id: row.provider_id,
    requested: row.requested,
    despite_debts: row.despite_debts,
    schedule_id: row.schedule_id,
    content_hash: row.content_hash.toString('hex'),
    drafted_by: row.drafted_by,
    drafted_at: row.drafted_at,
    approved_by: row.approved_by,
    approved_at: row.approved_at,
    approved_alone: row.approved_alone,
    cancelled_by: row.cancelled_by,
    cancelled_at: row.cancelled_at,
    payouts,
    states,
    gross,
    withheld,
    net: gross - withheld,
    paid,
    returned,
  };
}
