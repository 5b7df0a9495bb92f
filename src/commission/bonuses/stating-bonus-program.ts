// States a bonus program: makes it, or gives it new terms for what has not ended.

import { isDeepStrictEqual } from 'node:util';

import type { Kysely, Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { dayOf } from '../../platform/calendar.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { findMerchant, unknownMerchant } from '../../promotion/merchants/merchant-store.ts';
import { addReach } from '../won-lines/reach-store.ts';
import { markBonusesSince } from './bonus-due-store.ts';
import { addBonusProgram, addBonusVersion, countBonusPrograms, lockBonusBook, showStep } from './bonus-program-store.ts';
import type { BonusBook, BonusProgram, BonusTerms } from './bonus-program.ts';

/** Each is reckoned for every change of a line, so that nobody has very many. */
const PROGRAMS_MAX = 100;

export interface StatedBonusProgram extends Pick<BonusProgram, 'programId' | 'merchantId' | 'currency' | 'period'> {
  terms: BonusTerms;
}

interface Stating {
  actor: Actor;
  now: Date;
}

/**
 * Makes the program or its next version, and marks what that pays otherwise. Throws
 * `unknown_merchant`, `conflict` for another merchant, currency or period than it was made with,
 * and `unprocessable` where orders are counted and a step pays a rate of them, or the program ends
 * before it starts.
 */
export async function stateBonusProgram(
  trx: Transaction<DB>,
  stated: StatedBonusProgram,
  { actor, now }: Stating,
): Promise<{ book: BonusBook; made: boolean }> {
  const before = await lockBonusBook(trx, stated.programId);
  const book = await nextBonusBook(trx, stated, before, now);
  const version = book.versions.at(-1)!;
  if (before !== null && isDeepStrictEqual(termsOf(before.versions.at(-1)!), termsOf(version))) return { book: before, made: false };
  if (before === null) {
    await addBonusProgram(trx, book);
    await addReach(trx, { kind: 'bonus', programId: book.programId, merchantId: book.merchantId }, now);
  }
  await addBonusVersion(trx, book.programId, version);
  if (before !== null) await markBonusesSince(trx, book.programId, dayOf(now, book.timeZone).slice(0, 7), now);
  const subject = { subjectKind: 'bonus_program', subjectId: book.programId };
  const change = { before: before === null ? null : recorded(before), after: recorded(book) };
  await recordChange(trx, { actor, now, action: 'bonus_program_stated', ...subject, ...change });
  return { book, made: before === null };
}

/**
 * The program with its next version, which nothing is written of: `before` is the program as it
 * stands, null where there is none. Throws what `stateBonusProgram` throws.
 */
export async function nextBonusBook(
  db: Kysely<DB>,
  { terms: stated, ...wanted }: StatedBonusProgram,
  before: BonusBook | null,
  now: Date,
): Promise<BonusBook> {
  const terms = { ...stated, steps: stated.steps.toSorted((a, b) => (a.atLeast < b.atLeast ? -1 : 1)) };
  refuseSenseless(terms);
  if (before !== null) refuseMoved(before, wanted);
  const program = before ?? (await newProgram(db, wanted, now));
  const versions = before?.versions ?? [];
  return { ...program, versions: [...versions, { ...terms, version: (versions.at(-1)?.version ?? 0) + 1, recordedAt: now }] };
}

async function newProgram(db: Kysely<DB>, wanted: Omit<StatedBonusProgram, 'terms'>, now: Date): Promise<BonusProgram> {
  const merchant = await findMerchant(db, wanted.merchantId);
  if (merchant === null) throw unknownMerchant();
  if ((await countBonusPrograms(db, wanted.merchantId)) >= PROGRAMS_MAX) {
    throw new DomainError('unprocessable', `The merchant has ${PROGRAMS_MAX} bonus programs, which are as many as it may have.`);
  }
  return { ...wanted, timeZone: merchant.time_zone, madeAt: now };
}

function refuseSenseless({ measure, steps, startsAt, endsAt }: BonusTerms): void {
  const place = measure === 'orders' ? steps.findIndex((step) => 'ratePpm' in step) : -1;
  if (place >= 0) {
    const errors = [{ path: `steps.${place}.rate_ppm`, message: 'is no part of a number of orders: state an amount' }];
    throw new DomainError('unprocessable', 'Orders are counted: their steps pay amounts.', { errors });
  }
  if (startsAt !== null && endsAt !== null && endsAt <= startsAt) {
    const errors = [{ path: 'ends_at', message: 'must lie after starts_at' }];
    throw new DomainError('unprocessable', 'ends_at must lie after starts_at.', { errors });
  }
}

function refuseMoved(before: BonusBook, wanted: Omit<StatedBonusProgram, 'terms'>): void {
  for (const field of ['merchantId', 'currency', 'period'] as const) {
    if (before[field] === wanted[field]) continue;
    throw new DomainError(
      'conflict',
      `The program was made with ${before[field]} and stays so, as money is booked by it: make another one.`,
    );
  }
}

const termsOf = ({ measure, steps, mode, startsAt, endsAt }: BonusTerms): BonusTerms => ({ measure, steps, mode, startsAt, endsAt });

function recorded({ programId, merchantId, currency, period, timeZone, versions }: BonusBook) {
  const { measure, steps, mode, startsAt, endsAt, version } = versions.at(-1)!;
  const stays = { program_id: programId, merchant_id: merchantId, currency, period, time_zone: timeZone };
  return { ...stays, measure, steps: steps.map(showStep), mode, starts_at: startsAt, ends_at: endsAt, version };
}
