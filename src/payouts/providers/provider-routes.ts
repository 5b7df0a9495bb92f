// Payout providers over HTTP: stating, showing and listing them, and letting one go on after a
// restore.

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import type { App } from '../../platform/http/app.ts';
import { bodyExamples, callerId } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { faultsOf, problems } from '../../platform/http/problem.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { MasterKeys } from '../../platform/keys/secrets.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { kindOf, PROVIDER_KINDS } from './kinds.ts';
import { findProvider, hasPayouts, listProviders, lockProvider, resumeProvider, saveProvider, type ProviderRow } from './provider-store.ts';

const kind = z.enum(PROVIDER_KINDS.map((one) => one.kind)).meta({
  description: 'How it moves money: `manual` by hand, `file` by a file for a bank, `wechat-pay` by WeChat Pay.',
});

const provider = z
  .object({
    provider_id: callerId,
    kind,
    secrets_set: z.array(z.string()),
    options: z.record(z.string(), z.unknown()),
    stopped_at: z.date().nullable().meta({
      description: 'Since when nothing is approved for it or sent by it, because the database was restored; null while it works.',
    }),
    made_at: z.date(),
    changed_at: z.date(),
  })
  .meta({ id: 'PayoutProvider' });

const SECRETS_AT_ONCE_MAX = 10;
const SECRET_CHARACTERS_MAX = 20_000;
const secret = z.string().min(1).max(SECRET_CHARACTERS_MAX);

const body = z
  .strictObject({
    kind,
    secrets: z
      .record(z.string().max(100), z.union([secret, z.array(secret).min(1).max(SECRETS_AT_ONCE_MAX)]).nullable())
      .optional()
      .meta({ description: 'Those left out keep their values, null removes one; a list holds all that are valid at once.' }),
    options: z.record(z.string(), z.unknown()).optional(),
  })
  .meta(bodyExamples({ kind: 'manual' }));

const tags = ['payouts'];
const path = z.object({ provider_id: callerId });
const place = z.tuple([callerId]);
const OF_MONEY = ['finance', 'risk'] as const;

interface ProviderDeps {
  db: Kysely<DB>;
  keys: MasterKeys;
}

const noProvider = (providerId: string): DomainError => new DomainError('not_found', `There is no payout provider ${providerId}.`);

/** PUT and GET /v1/payout-providers/{provider_id}, GET the list, POST …/resumption. */
export function providerRoutes(app: App, deps: ProviderDeps): void {
  statingRoute(app, deps);
  readingRoutes(app, deps.db);
  resumingRoute(app, deps);
}

function statingRoute(app: App, { db, keys }: ProviderDeps): void {
  app.put('/v1/payout-providers/:provider_id', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payoutProviders.put',
      tags,
      summary: 'State a provider: who moves the money',
      description:
        'The whole statement but for `secrets`, which keep what is left out. What it needs depends on its kind. `manual` is there from the ' +
        'start: somebody pays by hand and says how it ended. A provider that payouts were drafted for keeps its kind.',
      params: path,
      body,
      response: { 200: provider, 201: provider, ...problems('conflict') },
    },
    handler: async ({ params, body: stated, actor }, reply) => {
      const { row, made } = await inTransaction(db, ({ trx, now }) =>
        stateProvider(trx, keys, { providerId: params.provider_id, stated, actor, now }),
      );
      return reply.code(made ? 201 : 200).send(provider.parse(row));
    },
  });
}

function readingRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/payout-providers/:provider_id', {
    config: { scopes: ['admin'], roles: [...OF_MONEY] },
    schema: {
      operationId: 'payoutProviders.get',
      tags,
      summary: 'One provider',
      description: 'Of its secrets only the names.',
      params: path,
      response: { 200: provider, ...problems('not_found') },
    },
    handler: async ({ params: { provider_id: providerId } }) => {
      const row = await findProvider(db, providerId);
      if (row === null) throw noProvider(providerId);
      return provider.parse(row);
    },
  });

  app.get('/v1/payout-providers', {
    config: { scopes: ['admin'], roles: [...OF_MONEY] },
    schema: {
      operationId: 'payoutProviders.list',
      tags,
      summary: 'Providers, by id',
      description: 'With what each is set to, and whether it waits for an operator.',
      querystring: pageQuery,
      response: { 200: pageOf(provider) },
    },
    handler: async ({ query: { limit, cursor } }) => {
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(
        await listProviders(db, { limit, after }),
        limit,
        (row) => provider.parse(row),
        (row) => [row.provider_id],
      );
    },
  });
}

function resumingRoute(app: App, { db, keys }: ProviderDeps): void {
  app.post('/v1/payout-providers/:provider_id/resumption', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payoutProviders.resume',
      tags,
      summary: 'Let a provider go on after a restore',
      description:
        'Say so only after its list of payments was compared with ours: what it paid between the backup and the restore is unknown here. ' +
        'What it knows by the number that we make again is taken as ours, and differences become disputes.',
      params: path,
      response: { 200: provider, ...problems('not_found') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { provider_id: providerId } = request.params;
        const before = await lockProvider(trx, keys, providerId);
        if (before === null) throw noProvider(providerId);
        const after = { ...before.row, stopped_at: null };
        if (before.row.stopped_at !== null) {
          await resumeProvider(trx, providerId);
          await recordChange(trx, {
            ...subjectOf(request.actor, now, providerId),
            action: 'payout_provider_resumed',
            before: before.row,
            after,
          });
        }
        return { status: 200, body: provider.parse(after) };
      }),
  });
}

const subjectOf = (actor: Actor, now: Date, providerId: string) => ({ actor, now, subjectKind: 'payout_provider', subjectId: providerId });

interface StatedProvider {
  providerId: string;
  stated: z.output<typeof body>;
  actor: Actor;
  now: Date;
}

async function stateProvider(
  trx: Transaction<DB>,
  keys: MasterKeys,
  { providerId, stated, actor, now }: StatedProvider,
): Promise<{ row: ProviderRow; made: boolean }> {
  const before = await lockProvider(trx, keys, providerId);
  if (before !== null && before.row.kind !== stated.kind && (providerId === 'manual' || (await hasPayouts(trx, providerId)))) {
    throw new DomainError('conflict', 'Payouts were drafted for this provider: it keeps its kind. State another one.');
  }
  const kind = kindOf(stated.kind);
  const kept = before?.row.kind === stated.kind ? before.secrets : {};
  const wished = Object.entries({ ...kept, ...stated.secrets }).filter(([, value]) => value !== null);
  const read = z
    .object({ secrets: kind.secrets, options: kind.options })
    .safeParse({ secrets: Object.fromEntries(wished), options: stated.options ?? {} });
  if (!read.success) throw new DomainError('malformed_request', 'The provider cannot be stated so.', { errors: faultsOf(read.error) });
  const row = await saveProvider(trx, keys, { providerId, kind: stated.kind, ...read.data }, now);
  const action = before === null ? 'payout_provider_stated' : 'payout_provider_changed';
  await recordChange(trx, { ...subjectOf(actor, now, providerId), action, before: before?.row ?? null, after: row });
  return { row, made: before === null };
}
