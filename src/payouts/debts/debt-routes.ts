// Debts over HTTP: who owes us how much, for how long, and giving it up by two persons, either of
// whom may still end it.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { isCurrency } from '../../core/money.ts';
import type { AccountCache } from '../../ledger/booking-store.ts';
import type { App } from '../../platform/http/app.ts';
import { bodyExamples, callerId, words } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { cursorNumber, cursorTime, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { BUCKETS, listDebts, sumDebts, type Debt } from './debt-store.ts';
import { findWriteOff, listWriteOffs, WRITE_OFF_STATES, type WriteOff, type WriteOffState } from './write-off-store.ts';
import { approveWriteOff, proposeWriteOff, rejectWriteOff } from './writing-off.ts';

const AMOUNT_MAX = 10 ** 13;
const REASON_LENGTH_MAX = 1000;
const tags = ['debts'];
const readers = ['finance', 'risk'] as const;
const debtPlace = z.tuple([cursorTime, cursorNumber]);
const writeOffPath = z.object({ write_off_id: z.uuid() });

const currency = z.string().refine(isCurrency, { error: 'must be an upper-case ISO 4217 code' });
const bucket = z.enum(BUCKETS).meta({ description: 'How old, in whole days.' });

const debt = z
  .object({
    promoter_id: callerId,
    merchant_id: callerId,
    currency: z.string(),
    amount: z.bigint().meta({ description: 'What is owed: how far the account is below zero.' }),
    since: z.date().meta({ description: 'When the account last went below zero.' }),
    age_days: z.int().meta({ description: 'Whole days since then, by the days of TAX_TIME_ZONE.' }),
    bucket,
  })
  .meta({ id: 'Debt' });

const debtSum = z
  .object({
    currency: z.string(),
    bucket,
    accounts: z.bigint().meta({ description: 'How many accounts are below zero.' }),
    amount: z.bigint().meta({ description: 'What they owe together.' }),
  })
  .meta({ id: 'DebtSum', examples: [{ currency: 'CNY', bucket: '31-60', accounts: 2, amount: 1189 }] });

const newWriteOff = z
  .strictObject({
    promoter_id: callerId,
    merchant_id: callerId,
    currency,
    amount: z.int().min(1).max(AMOUNT_MAX).meta({ description: 'What is given up, in minor units: the debt or a part of it.' }),
    reason: words(REASON_LENGTH_MAX).meta({ description: 'Why, for whoever approves it and for the audit log.' }),
  })
  .meta(bodyExamples({ promoter_id: 'bob', merchant_id: 'm1', currency: 'CNY', amount: 189, reason: 'Bob has stopped sharing.' }));

const writeOffAnswer = z
  .object({
    write_off_id: z.string(),
    promoter_id: callerId,
    merchant_id: callerId,
    currency: z.string(),
    amount: z.bigint().meta({ description: 'What is given up, in minor units.' }),
    reason: z.string(),
    state: z.enum(WRITE_OFF_STATES).meta({
      description: 'It waits for a second person, was booked, or was refused or withdrawn without being booked.',
    }),
    made_at: z.date(),
    made_by: z.string().meta({ description: 'The key of who wants it.' }),
    approved_at: z.date().nullable().meta({ description: 'When it was approved and booked; null while it waits.' }),
    approved_by: z.string().nullable().meta({ description: 'The key of who approved it; null while it waits.' }),
    approved_alone: z.boolean().nullable().meta({ description: 'That nobody else could have approved it; null while it waits.' }),
    rejected_at: z.date().nullable().meta({ description: 'When it was refused or withdrawn; null where it was not.' }),
    rejected_by: z.string().nullable().meta({ description: 'The key of who refused or withdrew it; null where nobody did.' }),
    rejection: z.string().nullable().meta({ description: 'Why it was refused or withdrawn; null where it was not.' }),
  })
  .meta({ id: 'WriteOff' });

const newRejection = z
  .strictObject({
    reason: words(REASON_LENGTH_MAX).meta({ description: 'Why, for whoever wanted it and for the audit log.' }),
  })
  .meta(bodyExamples({ reason: 'He has begun to share again: it will be netted off.' }));

interface DebtDeps {
  db: Kysely<DB>;
  accounts: AccountCache;
  /** In whose days ages are counted. */
  taxTimeZone: string;
}

/** GET /v1/debts, and the routes under /v1/debts/write-offs. */
export function debtRoutes(app: App, deps: DebtDeps): void {
  agesOfDebts(app, deps);
  makingWriteOffs(app, deps);
  rejectingWriteOffs(app, deps.db);
  readingWriteOffs(app, deps.db);
}

function agesOfDebts(app: App, { db, taxTimeZone: timeZone }: DebtDeps): void {
  app.get('/v1/debts', {
    config: { scopes: ['admin'], roles: [...readers] },
    schema: {
      operationId: 'debts.list',
      tags,
      summary: 'Who owes us, the oldest debt first, and what debts come to by their age',
      description:
        'A debt is an `available` account below zero: more was taken back than there was. Later earnings with the same merchant are netted ' +
        'against it by themselves. The sums are of all debts that are asked for, whichever page this is.',
      querystring: pageQuery.extend({
        currency: currency.optional().meta({ description: 'Debts in this currency.' }),
        merchant_id: callerId.optional().meta({ description: 'Debts with this merchant.' }),
        promoter_id: callerId.optional().meta({ description: 'Debts of this promoter.' }),
      }),
      response: { 200: z.object({ sums: z.array(debtSum).meta({ description: 'By currency and age.' }), ...pageOf(debt).shape }) },
    },
    handler: async ({ query: { limit, cursor, ...asked } }) => {
      const filter = { currency: asked.currency ?? null, merchantId: asked.merchant_id ?? null, promoterId: asked.promoter_id ?? null };
      const place = cursor === undefined ? null : decodeCursor(cursor, debtPlace);
      const after = place && { since: new Date(place[0]), accountId: BigInt(place[1]) };
      return inTransaction(db, async ({ trx, now }) => {
        const question = { filter, timeZone, now };
        const rows = await listDebts(trx, question, { after, limit });
        const page = toPage(rows, limit, showDebt, (row) => [row.since, row.account_id]);
        return { sums: await sumDebts(trx, question), ...page };
      });
    },
  });
}

function makingWriteOffs(app: App, { db, accounts }: DebtDeps): void {
  app.post('/v1/debts/write-offs', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'writeOffs.make',
      tags,
      summary: 'Want a debt to be written off',
      description: 'Nothing is booked until a second person approves it. Whether so much is owed is looked at then.',
      body: newWriteOff,
      response: { 201: writeOffAnswer, ...problems('unknown_promoter', 'unknown_merchant') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { actor, body } = request;
        const wish = { ...body, amount: BigInt(body.amount) };
        return { status: 201, body: showWriteOff(await proposeWriteOff(trx, wish, { writeOffId: uuidv7(now.getTime()), actor, now })) };
      }),
  });

  app.post('/v1/debts/write-offs/:write_off_id/approval', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'writeOffs.approve',
      tags,
      summary: 'Approve a write-off, as another person than who made it',
      description:
        'Booked from the platform’s `revenue` with the merchant to the promoter’s `available`: a later earning is paid whole. It is on no ' +
        'invoice. More than is owed by then is a conflict. Where only one person may approve, that one may, and the audit log says so.',
      params: writeOffPath,
      response: { 200: writeOffAnswer, ...problems('not_found', 'second_person_required', 'conflict') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const approved = await approveWriteOff(trx, request.params.write_off_id, { actor: request.actor, accounts, now });
        return { status: 200, body: showWriteOff(approved) };
      }),
  });
}

function rejectingWriteOffs(app: App, db: Kysely<DB>): void {
  app.post('/v1/debts/write-offs/:write_off_id/rejection', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'writeOffs.reject',
      tags,
      summary: 'Refuse a write-off that waits, or withdraw the own one',
      description: 'Nothing is booked, and the debt stays. One that was decided before is a conflict; another write-off can be wanted.',
      params: writeOffPath,
      body: newRejection,
      response: { 200: writeOffAnswer, ...problems('not_found', 'conflict') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { actor, body, params } = request;
        const rejected = await rejectWriteOff(trx, params.write_off_id, { reason: body.reason, actor, now });
        return { status: 200, body: showWriteOff(rejected) };
      }),
  });
}

function readingWriteOffs(app: App, db: Kysely<DB>): void {
  app.get('/v1/debts/write-offs', {
    config: { scopes: ['admin'], roles: [...readers] },
    schema: {
      operationId: 'writeOffs.list',
      tags,
      summary: 'Write-offs, the newest first',
      description: 'Those that wait for a second person, those that were booked, and those that were refused or withdrawn.',
      querystring: pageQuery.extend({
        state: z.enum(WRITE_OFF_STATES).optional().meta({ description: 'Of this state only.' }),
        merchant_id: callerId.optional().meta({ description: 'Debts with this merchant.' }),
        promoter_id: callerId.optional().meta({ description: 'Debts of this promoter.' }),
      }),
      response: { 200: pageOf(writeOffAnswer) },
    },
    handler: async ({ query: { limit, cursor, state, merchant_id, promoter_id } }) => {
      const before = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.uuid()]))[0];
      const filter = { promoterId: promoter_id ?? null, merchantId: merchant_id ?? null, state: state ?? null };
      return toPage(await listWriteOffs(db, filter, { before, limit }), limit, showWriteOff, (row) => [row.write_off_id]);
    },
  });

  app.get('/v1/debts/write-offs/:write_off_id', {
    config: { scopes: ['admin'], roles: [...readers] },
    schema: {
      operationId: 'writeOffs.get',
      tags,
      summary: 'One write-off',
      description: 'Who wants it and why, and who approved, refused or withdrew it.',
      params: writeOffPath,
      response: { 200: writeOffAnswer, ...problems('not_found') },
    },
    handler: async ({ params: { write_off_id: writeOffId } }) => {
      const found = await findWriteOff(db, writeOffId);
      if (found === null) throw new DomainError('not_found', 'There is no write-off of this id.');
      return showWriteOff(found);
    },
  });
}

function showDebt({ promoter_id, merchant_id, currency: of, amount, since, age_days, bucket: aged }: Debt) {
  return { promoter_id, merchant_id, currency: of, amount, since, age_days, bucket: aged };
}

function showWriteOff({ write_off_id, promoter_id, merchant_id, amount, reason, made_at, made_by, ...row }: WriteOff) {
  const { approved_at, approved_by, approved_alone, rejected_at, rejected_by, rejection } = row;
  const wanted = { write_off_id, promoter_id, merchant_id, currency: row.currency, amount, reason, made_at, made_by };
  return { ...wanted, state: stateOf(row), approved_at, approved_by, approved_alone, rejected_at, rejected_by, rejection };
}

function stateOf({ approved_at, rejected_at }: Pick<WriteOff, 'approved_at' | 'rejected_at'>): WriteOffState {
  if (approved_at !== null) return 'approved';
  return rejected_at === null ? 'waiting' : 'rejected';
}
