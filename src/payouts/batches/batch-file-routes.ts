// Files over HTTP: the one that a bank is given of a batch, and the one that it answers with.

import { Readable } from 'node:stream';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import type { AccountCache } from '../../ledger/booking-store.ts';
import type { App } from '../../platform/http/app.ts';
import { STREAM_TIMEOUT_MS, streamScope } from '../../platform/http/bodies.ts';
import { callerId } from '../../platform/http/fields.ts';
import { problems } from '../../platform/http/problem.ts';
import { answerStreamOnce } from '../../platform/http/streamed-request.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { MasterKeys } from '../../platform/keys/secrets.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readResults } from '../providers/file/results.ts';
import { findBatchFiles, readBatchFile, type BatchFile } from './batch-file-store.ts';
import { findBatch } from './batch-store.ts';
import { BAD_ROWS_MAX, takeResultFile } from './result-file.ts';

const tags = ['payouts'];
const path = z.object({ batch_id: z.uuid() });
const CSV_TYPES = ['text/csv', 'application/csv'];

/** A file of a batch as it is shown: all but its bytes. */
export const batchFileAnswer = z
  .object({
    provider_id: callerId,
    name: z.string(),
    sha256: z.string().meta({ description: 'The SHA-256 of its bytes, in hex: compare it before the file goes to the bank.' }),
    bytes: z.int(),
    payouts: z.int(),
    net: z.bigint(),
  })
  .meta({ id: 'PayoutFile' });

const resultsAnswer = z
  .object({
    taken: z.int().meta({ description: 'Rows that took effect.' }),
    known: z.int().meta({ description: 'Rows that said what was known before; they changed nothing.' }),
    waits: z.int().meta({ description: 'Rows that wait for a second person.' }),
    refused: z.int(),
    bad: z
      .array(z.object({ line: z.int(), message: z.string() }))
      .meta({ description: `The first ${BAD_ROWS_MAX} rows that were refused.` }),
    more_bad: z.int().meta({ description: 'How many more were refused than are listed.' }),
  })
  .meta({ id: 'PayoutResultsTold' });

interface BatchFileDeps {
  db: Kysely<DB>;
  keys: MasterKeys;
  accounts: AccountCache;
}

/** GET /v1/payout-batches/{batch_id}/file and POST …/results. */
export function batchFileRoutes(app: App, deps: BatchFileDeps): void {
  downloadRoute(app, deps);
  void app.register(async (scope: App) => {
    streamScope(scope, CSV_TYPES);
    resultsRoute(scope, deps);
  });
}

const bytesOf = z.unknown().meta({ type: 'string', format: 'binary' });

function downloadRoute(app: App, { db, keys }: BatchFileDeps): void {
  app.get('/v1/payout-batches/:batch_id/file', {
    config: { scopes: ['admin'], roles: ['finance'] },
    // Asking for the head alone would be written down as a download.
    exposeHeadRoute: false,
    handlerTimeout: STREAM_TIMEOUT_MS,
    schema: {
      operationId: 'payoutBatches.file',
      tags,
      summary: 'The file that a bank is given of a batch',
      description:
        'In the form that the options of its provider say. It is made once, at the approval: the same bytes at every download. It names people ' +
        'and their accounts, so it is not for auditors, and every download is a line of the audit log.',
      params: path,
      querystring: z.object({
        provider_id: callerId.optional().meta({ description: 'Whose file; may be left out where the batch has one.' }),
      }),
      answerHeaders: {
        200: {
          'Content-Disposition': 'Names the file.',
          ETag: 'The SHA-256 of the file, in hex.',
          'Repr-Digest': 'The same as RFC 9530 writes it.',
        },
      },
      response: {
        200: {
          description: 'The file.',
          content: { 'text/csv': { schema: bytesOf }, 'application/xml': { schema: bytesOf } },
        },
        ...problems('not_found', 'ambiguous_file'),
      },
    },
    handler: async ({ params, query, actor }, reply) => {
      const found = fileAmong(await findBatchFiles(db, params.batch_id), query.provider_id ?? null);
      if (actor.scope !== 'admin') throw new DomainError('forbidden', 'The file names people and their accounts: it is for finance alone.');
      await inTransaction(db, ({ trx, now }) => {
        const subject = { subjectKind: 'payout_batch', subjectId: found.batchId, before: null, after: showBatchFile(found) };
        return recordChange(trx, { actor, now, action: 'payout_file_downloaded', ...subject });
      });
      return reply
        .type(found.mediaType)
        .header('content-disposition', `attachment; filename="${found.name}"`)
        .header('content-length', found.bytes)
        .header('etag', `"${found.sha256.toString('hex')}"`)
        .header('repr-digest', `sha-256=:${found.sha256.toString('base64')}:`)
        .send(Readable.from(readBatchFile(db, keys, found)));
    },
  });
}

/** The file that is meant. Throws `not_found` and `ambiguous_file`. */
function fileAmong(files: readonly BatchFile[], providerId: string | null): BatchFile {
  const [found, ...others] = providerId === null ? files : files.filter((one) => one.providerId === providerId);
  if (found === undefined) {
    throw new DomainError('not_found', 'There is no such file: an approved batch has one for each bank that pays by file.');
  }
  if (others.length === 0) return found;
  const names = files.map((one) => one.providerId).join(', ');
  throw new DomainError('ambiguous_file', `The batch has a file for each of ${names}: name one as provider_id.`);
}

function resultsRoute(scope: App, { db, accounts }: BatchFileDeps): void {
  scope.post('/v1/payout-batches/:batch_id/results', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payoutBatches.tellResults',
      tags,
      summary: 'Say how the payouts of a batch ended, by the result file of the bank',
      description:
        'A CSV with the columns payout_id, state (paid, failed or returned), reference and reason, in any order. Each row is taken as the ' +
        'result of a single payout is, some hundred at a time as they arrive; a bad one is refused alone. A file that was cut off can be sent ' +
        'again: what was taken already is known.',
      params: path,
      querystring: z.object({ encoding: z.enum(['utf-8', 'gb18030']).default('utf-8').meta({ description: 'How the file is written.' }) }),
      sends: {
        'text/csv': z.string().meta({
          description: 'The result file.',
          examples: ['payout_id,state,reference,reason\n01976b0c-7a00-7000-8000-000000000001,paid,B2026-000123,\n'],
        }),
      },
      response: { 200: resultsAnswer, ...problems('not_found') },
    },
    handler: async (request, reply) => {
      const { actor, params, query } = request;
      const batchId = params.batch_id;
      if ((await findBatch(db, batchId)) === null) throw new DomainError('not_found', 'There is no batch of this id.');
      await answerStreamOnce(request, reply, db, async (stream) => {
        const tally = await takeResultFile(db, { batchId, actor, accounts }, readResults(stream, query.encoding));
        return { status: 200, body: { ...tally, more_bad: tally.refused - tally.bad.length } };
      });
      return reply;
    },
  });
}

/** A file as it is shown. */
export function showBatchFile({ providerId, name, sha256, bytes, payouts, net }: BatchFile): z.output<typeof batchFileAnswer> {
  return { provider_id: providerId, name, sha256: sha256.toString('hex'), bytes, payouts, net };
}
