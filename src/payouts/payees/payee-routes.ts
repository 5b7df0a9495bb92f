// Payees over HTTP: who a promoter's payouts are sent to. Shown masked, and a change of it is a
// risk: it waits, or a second person confirms it, and the world is told.

import { isDeepStrictEqual } from 'node:util';

import type { KeyObject } from 'node:crypto';

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { announce } from '../../outbound/announce.ts';
import type { App } from '../../platform/http/app.ts';
import { bodyExamples, callerId, seenText, text } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { faultsOf, problems } from '../../platform/http/problem.ts';
import { mayActAs, type Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { MasterKeys } from '../../platform/keys/secrets.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { requireSecondPerson } from '../../platform/keys/persons.ts';
import { PAYEE_KINDS } from '../../promotion/promoters/promoter-store.ts';
import { kindOf } from '../providers/kinds.ts';
import { findProvider } from '../providers/provider-store.ts';
import { confirmPayee, findPayee, insertPayee, lockPayee, openPayee, plainTaxId, type Payee, type PayeeRow } from './payee-store.ts';

const NAME_MAX = 100;
const TAX_ID_MAX = 50;
const ACCOUNT_FIELD_MAX = 200;
/** Of nothing but separators a tax id would be everybody's. */
const TAX_ID = /^[0-9A-Z]{4,}$/;

const body = z
  .strictObject({
    kind: z.enum(PAYEE_KINDS).meta({ description: 'As what the payee is paid and taxed.' }),
    country: z
      .string()
      .regex(/^[A-Z]{2}$/, 'must be two capital letters of ISO 3166')
      .default('CN'),
    name: seenText(NAME_MAX).nullish().meta({ description: 'As the bank or the wallet knows it. Some payments need one.' }),
    tax_id: seenText(TAX_ID_MAX)
      .refine((stated) => TAX_ID.test(plainTaxId(stated)), 'must have 4 Latin letters or digits at least, and no others')
      .nullish()
      .meta({ description: 'People of one tax id are taxed together, however it is written: blanks, hyphens, small letters.' }),
    provider_id: callerId.meta({ description: 'Who moves the money.' }),
    account: z.record(z.string().max(40), text(ACCOUNT_FIELD_MAX)).default({}).meta({
      description:
        'What the kind of provider asks for: nothing for `manual`, `account_no` and the bank for `file`, `openid` for `wechat-pay`.',
    }),
  })
  .meta(bodyExamples({ kind: 'individual', name: '王小明', provider_id: 'manual', account: {} }));

const payeeAnswer = z
  .object({
    promoter_id: callerId,
    version: z.int(),
    kind: z.enum(PAYEE_KINDS).meta({ description: 'As what the payee is paid and taxed.' }),
    country: z.string(),
    name: z.string().nullable().meta({ description: 'Its first character.' }),
    tax_id: z.string().nullable().meta({ description: 'Its last four characters.' }),
    provider_id: callerId,
    account: z.record(z.string(), z.string()).meta({ description: 'Each field by its last four characters.' }),
    stated_at: z.date(),
    confirmed_at: z.date().nullable(),
    payable_from: z
      .date()
      .nullable()
      .meta({ description: 'A changed payee is paid from then on, or once a second person has confirmed it; null: at once.' }),
  })
  .meta({ id: 'Payee' });

const tags = ['payouts'];
const path = z.object({ promoter_id: callerId });
const HOUR_MS = 3_600_000;

interface PayeeDeps {
  db: Kysely<DB>;
  keys: MasterKeys;
  identityKey: KeyObject;
  payeeChangeWaitHours: number;
  promoterExists: (db: Kysely<DB>, promoterId: string) => Promise<boolean>;
}

/** PUT and GET /v1/promoters/{promoter_id}/payee, and POST …/confirmation. */
export function payeeRoutes(app: App, deps: PayeeDeps): void {
  const { db } = deps;
  app.put('/v1/promoters/:promoter_id/payee', {
    config: { scopes: ['promoter'], roles: ['finance'] },
    schema: {
      operationId: 'payees.put',
      tags,
      summary: 'State who the payouts of a promoter are sent to',
      description:
        'The whole statement. It is answered masked, and is never shown otherwise. The first one is paid at once; any other account, name, ' +
        'tax id, kind or provider after it waits, unless a second person confirms it.',
      params: path,
      body,
      response: { 200: payeeAnswer, 201: payeeAnswer, ...problems('unknown_promoter', 'unknown_provider', 'suspended') },
    },
    handler: async ({ params: { promoter_id: promoterId }, body: stated, actor }, reply) => {
      mayActAs(actor, promoterId);
      const { row, status } = await inTransaction(db, ({ trx, now }) => statePayee(trx, deps, { promoterId, stated, actor, now }));
      return reply.code(status).send(showPayee(row, deps.payeeChangeWaitHours));
    },
  });

  app.get('/v1/promoters/:promoter_id/payee', {
    config: { scopes: ['promoter'], roles: ['finance', 'risk'] },
    schema: {
      operationId: 'payees.get',
      tags,
      summary: 'Who the payouts of a promoter are sent to, masked',
      description: 'Not found where none was stated: then `manual` pays.',
      params: path,
      response: { 200: payeeAnswer, ...problems('not_found') },
    },
    handler: async ({ params: { promoter_id: promoterId }, actor }) => {
      mayActAs(actor, promoterId);
      return showPayee(await payeeOf(db, promoterId), deps.payeeChangeWaitHours);
    },
  });

  app.post('/v1/promoters/:promoter_id/payee/confirmation', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payees.confirm',
      tags,
      summary: 'Confirm a changed payee, as another person than who stated it',
      description: 'It is paid without the wait from then on.',
      params: path,
      response: { 200: payeeAnswer, ...problems('not_found', 'second_person_required') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { actor, params } = request;
        await lockPayee(trx, params.promoter_id);
        const before = await payeeOf(trx, params.promoter_id);
        const { alone } = await requireSecondPerson(trx, { persons: [before.stated_person], at: before.stated_at }, actor, 'finance');
        if (before.confirmed_at === null) {
          await confirmPayee(trx, { promoterId: params.promoter_id, version: before.version, keyId: actor.keyId, now });
          const subject = { subjectKind: 'payee', subjectId: params.promoter_id, before: maskedOf(before), after: { confirmed_at: now } };
          await recordChange(trx, { actor, now, action: alone ? 'payee_confirmed_alone' : 'payee_confirmed', ...subject });
        }
        return { status: 200, body: showPayee(await payeeOf(trx, params.promoter_id), deps.payeeChangeWaitHours) };
      }),
  });
}

interface Stating {
  promoterId: string;
  stated: z.output<typeof body>;
  actor: Actor;
  now: Date;
}

async function statePayee(
  trx: Transaction<DB>,
  deps: PayeeDeps,
  { promoterId, stated, actor, now }: Stating,
): Promise<{ row: PayeeRow; status: 200 | 201 }> {
  if (!(await deps.promoterExists(trx, promoterId))) throw new DomainError('unknown_promoter', `There is no promoter ${promoterId}.`);
  await lockPayee(trx, promoterId);
  const payee = await checkedPayee(trx, stated);
  const before = await findPayee(trx, promoterId);
  if (before !== null && (await isSame(trx, deps, before, payee))) return { row: before, status: 200 };
  const version = (before?.version ?? 0) + 1;
  await insertPayee(trx, deps, { promoterId, version, payee, by: actor, now });
  const row = await payeeOf(trx, promoterId);
  const change = { actor, now, subjectKind: 'payee', subjectId: promoterId };
  const masked = { before: before === null ? null : maskedOf(before), after: maskedOf(row) };
  await recordChange(trx, { ...change, action: before === null ? 'payee_stated' : 'payee_changed', ...masked });
  if (before !== null) {
    const data = {
      promoter_id: promoterId,
      before: masked.before,
      after: masked.after,
      payable_from: payableFrom(row, deps.payeeChangeWaitHours),
    };
    await announce(trx, () => [{ type: 'payee.changed', key: `${promoterId}\n${version}`, merchantId: null, at: now, data }], now);
  }
  return { row, status: before === null ? 201 : 200 };
}

/** What is stated, as the kind of its provider understands it. */
async function checkedPayee(
  trx: Transaction<DB>,
  { kind, country, name, tax_id, provider_id, account }: Stating['stated'],
): Promise<Payee> {
  const provider = await findProvider(trx, provider_id);
  if (provider === null) throw new DomainError('unknown_provider', `There is no payout provider ${provider_id}.`);
  const read = z.object({ account: kindOf(provider.kind).account }).safeParse({ account });
  if (!read.success) {
    throw new DomainError('malformed_request', 'This provider cannot pay to that account.', { errors: faultsOf(read.error) });
  }
  return { kind, country, name: name ?? null, taxId: tax_id ?? null, providerId: provider_id, account: read.data.account };
}

async function isSame(trx: Transaction<DB>, { keys }: PayeeDeps, before: PayeeRow, payee: Payee): Promise<boolean> {
  const { promoter_id: promoterId, version, kind, country, provider_id: providerId } = before;
  const known: Payee = { kind, country, providerId, ...(await openPayee(trx, keys, promoterId, version)) };
  return isDeepStrictEqual(known, payee);
}

async function payeeOf(db: Kysely<DB>, promoterId: string): Promise<PayeeRow> {
  const row = await findPayee(db, promoterId);
  if (row === null) throw new DomainError('not_found', 'No payee was stated for this promoter.');
  return row;
}

function maskedOf(row: PayeeRow) {
  const { version, kind, country, name_shown: name, tax_id_shown: tax_id, provider_id, account_shown: account } = row;
  return { version, kind, country, name, tax_id, provider_id, account };
}

function payableFrom({ is_change, stated_at, confirmed_at }: PayeeRow, waitHours: number): Date | null {
  return !is_change || confirmed_at !== null ? null : new Date(stated_at.getTime() + waitHours * HOUR_MS);
}

function showPayee(row: PayeeRow, waitHours: number): z.output<typeof payeeAnswer> {
  const { promoter_id, stated_at, confirmed_at } = row;
  return { promoter_id, ...maskedOf(row), stated_at, confirmed_at, payable_from: payableFrom(row, waitHours) };
}
