// Schedules of payouts over HTTP: stating, showing, listing and removing them.

import { isDeepStrictEqual } from 'node:util';

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { isCurrency } from '../../core/money.ts';
import { monthAfter } from '../../platform/calendar.ts';
import type { App } from '../../platform/http/app.ts';
import { bodyExamples, callerId, timeZone } from '../../platform/http/fields.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { findProvider } from '../providers/provider-store.ts';
import { dueIn, nextDue, type DueMonth } from './due.ts';
import {
  countSchedules,
  findSchedule,
  hasDrafted,
  listSchedules,
  lockSchedule,
  removeSchedule,
  saveSchedule,
  type Schedule,
  type ScheduleTerms,
} from './schedule-store.ts';

/** Each may draft for everybody, so that nobody needs many. */
const SCHEDULES_MAX = 200;

const terms = {
  currency: z.string().refine(isCurrency, 'is no currency of ISO 4217'),
  day_of_month: z.int().min(1).max(31).meta({ description: 'It drafts at 00:00 of this day, or of the last one of a month with fewer.' }),
  time_zone: timeZone,
  provider_id: callerId
    .nullish()
    .meta({ description: 'Only who is paid by this one; everybody by the own provider where it is left out.' }),
};

const body = z
  .strictObject({ ...terms, minimum: z.int().min(0).default(0).meta({ description: 'Who has less, before tax, is skipped.' }) })
  .meta(bodyExamples({ currency: 'CNY', day_of_month: 15, time_zone: 'Asia/Shanghai', minimum: 1000 }));

const answer = z
  .object({
    schedule_id: callerId,
    ...terms,
    minimum: z.bigint(),
    provider_id: callerId.nullable(),
    next_at: z.date().meta({ description: 'When it drafts next; in the past while a draft is late.' }),
    made_at: z.date(),
    changed_at: z.date(),
  })
  .meta({ id: 'PayoutSchedule' });

const show = ({ scheduleId, currency, dayOfMonth, timeZone: zone, minimum, providerId, next, madeAt, changedAt }: Schedule) => ({
  schedule_id: scheduleId,
  currency,
  day_of_month: dayOfMonth,
  time_zone: zone,
  minimum,
  provider_id: providerId,
  next_at: next.at,
  made_at: madeAt,
  changed_at: changedAt,
});

const tags = ['payouts'];
const path = z.object({ schedule_id: callerId });
const place = z.tuple([callerId]);
const READERS = ['finance', 'risk'] as const;

const noSchedule = (scheduleId: string): DomainError => new DomainError('not_found', `There is no payout schedule ${scheduleId}.`);

/** PUT, GET and DELETE /v1/payout-schedules/{schedule_id}, GET the list. */
export function scheduleRoutes(app: App, { db }: { db: Kysely<DB> }): void {
  app.put('/v1/payout-schedules/:schedule_id', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payoutSchedules.put',
      tags,
      summary: 'Have a batch drafted by itself, once a month',
      description:
        'Counts from the next such day on. A month that was missed while nothing ran is drafted late, once; of several, the latest, which ' +
        'takes the money of all. A month is never drafted twice, however the schedule is changed. Its batches are approved as any other is, ' +
        'by another person than who stated the schedule.',
      params: path,
      body,
      response: { 200: answer, 201: answer, ...problems('unknown_provider', 'unprocessable') },
    },
    handler: async ({ params: { schedule_id: scheduleId }, body: stated, actor }, reply) => {
      const wanted: ScheduleTerms = {
        currency: stated.currency,
        dayOfMonth: stated.day_of_month,
        timeZone: stated.time_zone,
        minimum: BigInt(stated.minimum),
        providerId: stated.provider_id ?? null,
      };
      const { schedule, made } = await inTransaction(db, ({ trx, now }) => stateSchedule(trx, { scheduleId, wanted, actor, now }));
      return reply.code(made ? 201 : 200).send(show(schedule));
    },
  });

  app.delete('/v1/payout-schedules/:schedule_id', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payoutSchedules.remove',
      tags,
      summary: 'Remove a schedule',
      description: 'What it has drafted stays as it is.',
      params: path,
      response: { 204: z.undefined(), ...problems('not_found') },
    },
    handler: async ({ params: { schedule_id: scheduleId }, actor }, reply) => {
      await inTransaction(db, async ({ trx, now }) => {
        const before = await lockSchedule(trx, scheduleId);
        if (before === null) throw noSchedule(scheduleId);
        await removeSchedule(trx, scheduleId);
        const subject = { subjectKind: 'payout_schedule', subjectId: scheduleId, before: show(before), after: null };
        await recordChange(trx, { actor, now, action: 'payout_schedule_removed', ...subject });
      });
      return reply.code(204).send();
    },
  });

  readingRoutes(app, db);
}

function readingRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/payout-schedules/:schedule_id', {
    config: { scopes: ['admin'], roles: [...READERS] },
    schema: {
      operationId: 'payoutSchedules.get',
      tags,
      summary: 'One schedule',
      description: 'With when it drafts next.',
      params: path,
      response: { 200: answer, ...problems('not_found') },
    },
    handler: async ({ params: { schedule_id: scheduleId } }) => {
      const found = await findSchedule(db, scheduleId);
      if (found === null) throw noSchedule(scheduleId);
      return show(found);
    },
  });

  app.get('/v1/payout-schedules', {
    config: { scopes: ['admin'], roles: [...READERS] },
    schema: {
      operationId: 'payoutSchedules.list',
      tags,
      summary: 'Schedules, by id',
      description: 'With when each drafts next.',
      querystring: pageQuery,
      response: { 200: pageOf(answer) },
    },
    handler: async ({ query: { limit, cursor } }) => {
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(await listSchedules(db, { after, limit }), limit, show, ({ scheduleId }) => [scheduleId]);
    },
  });
}

interface StatedSchedule {
  scheduleId: string;
  wanted: ScheduleTerms;
  actor: Actor;
  now: Date;
}

async function stateSchedule(
  trx: Transaction<DB>,
  { scheduleId, wanted, actor, now }: StatedSchedule,
): Promise<{ schedule: Schedule; made: boolean }> {
  const before = await lockSchedule(trx, scheduleId);
  if (before !== null && isDeepStrictEqual(termsOf(before), wanted)) return { schedule: before, made: false };
  if (before === null && (await countSchedules(trx)) >= SCHEDULES_MAX) {
    throw new DomainError('unprocessable', `There are ${SCHEDULES_MAX} schedules, which are as many as there may be.`);
  }
  if (wanted.providerId !== null && (await findProvider(trx, wanted.providerId)) === null) {
    throw new DomainError('unknown_provider', `There is no payout provider ${wanted.providerId}.`);
  }
  const next = await nextOf(trx, { before, scheduleId, wanted, now });
  const schedule: Schedule = { scheduleId, ...wanted, next, madeAt: before?.madeAt ?? now, changedAt: now, person: actor.person };
  await saveSchedule(trx, schedule, actor.keyId);
  const action = before === null ? 'payout_schedule_stated' : 'payout_schedule_changed';
  const change = { before: before === null ? null : show(before), after: show(schedule) };
  await recordChange(trx, { actor, now, action, subjectKind: 'payout_schedule', subjectId: scheduleId, ...change });
  return { schedule, made: before === null };
}

function termsOf({ currency, dayOfMonth, timeZone: zone, minimum, providerId }: ScheduleTerms): ScheduleTerms {
  return { currency, dayOfMonth, timeZone: zone, minimum, providerId };
}

/** What is due already stays due; else the next such day of a month that is not drafted yet. */
async function nextOf(
  trx: Transaction<DB>,
  { before, scheduleId, wanted, now }: Omit<StatedSchedule, 'actor'> & { before: Schedule | null },
): Promise<DueMonth> {
  if (before !== null && before.next.at <= now) return before.next;
  const next = nextDue(wanted, now);
  return (await hasDrafted(trx, scheduleId, next.month)) ? dueIn(monthAfter(next.month), wanted) : next;
}
