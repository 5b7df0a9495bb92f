// States a tier program: makes it, or gives it new terms, which count from the next decision on.

import { isDeepStrictEqual } from 'node:util';

import type { Kysely, Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { dayOf } from '../../platform/calendar.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { findMerchant, unknownMerchant } from '../../promotion/merchants/merchant-store.ts';
import { addReach } from '../won-lines/reach-store.ts';
import {
  addTierProgram,
  addTierVersion,
  findTierProgram,
  findTierProgramOf,
  lockTierPrograms,
  showTierStep,
  type TierProgram,
  type TierTerms,
} from './tier-program-store.ts';

const TIME_ZONE = 'Asia/Shanghai';

/** What is stated of a program; `timeZone` null: the merchant's, or that of a program of all. */
export interface StatedTierProgram extends TierTerms {
  programId: string;
  merchantId: string | null;
  timeZone: string | null;
}

interface Stating {
  actor: Actor;
  now: Date;
}

/**
 * Makes the program or its next version. Throws `unknown_merchant`, `program_conflict` for a second
 * program of one merchant, `conflict` for another merchant or zone than it was made with, and
 * `unprocessable` where amounts are counted in no currency.
 */
export async function stateTierProgram(
  trx: Transaction<DB>,
  stated: StatedTierProgram,
  { actor, now }: Stating,
): Promise<{ program: TierProgram; made: boolean }> {
  await lockTierPrograms(trx);
  const before = await findTierProgram(trx, stated.programId);
  const program = await nextTierProgram(trx, stated, before, now);
  if (before !== null && isDeepStrictEqual(termsOf(before), termsOf(program))) return { program: before, made: false };
  if (before === null) {
    await addTierProgram(trx, program);
    await addReach(trx, { kind: 'tier', programId: program.programId, merchantId: program.merchantId }, now);
  }
  await addTierVersion(trx, program);
  const subject = { subjectKind: 'tier_program', subjectId: program.programId };
  const change = { before: before === null ? null : recorded(before), after: recorded(program) };
  await recordChange(trx, { actor, now, action: 'tier_program_stated', ...subject, ...change });
  return { program, made: before === null };
}

/**
 * The program with its next version, which nothing is written of: `before` is the program as it
 * stands, null where there is none. Throws what `stateTierProgram` throws.
 */
export async function nextTierProgram(
  db: Kysely<DB>,
  stated: StatedTierProgram,
  before: TierProgram | null,
  now: Date,
): Promise<TierProgram> {
  const { programId, merchantId, measure } = stated;
  const merchant = merchantId === null ? null : await findMerchant(db, merchantId);
  if (merchantId !== null && merchant === null) throw unknownMerchant();
  const tiers = stated.tiers.toSorted((a, b) => (a.atLeast < b.atLeast ? -1 : 1));
  const currency = stated.currency ?? (measure === 'orders' ? null : (merchant?.currency ?? null));
  if (measure === 'paid_amount' && currency === null) {
    const errors = [{ path: 'currency', message: 'is needed where amounts of all merchants are counted' }];
    throw new DomainError('unprocessable', 'Say in which currency amounts are counted.', { errors });
  }
  const terms = { measure, currency, tiers };
  if (before !== null) {
    refuseMoved(before, stated);
    return { ...before, ...terms, version: before.version + 1, recordedAt: now };
  }
  const rival = await findTierProgramOf(db, merchantId);
  if (rival !== null) {
    const whose = merchantId === null ? 'all merchants' : `the merchant ${merchantId}`;
    throw new DomainError('program_conflict', `There is the tier program ${rival.programId} of ${whose} already.`);
  }
  const timeZone = merchant?.time_zone ?? stated.timeZone ?? TIME_ZONE;
  if (stated.timeZone !== null && stated.timeZone !== timeZone) {
    throw new DomainError('unprocessable', `The months of a merchant's program are the merchant's, ${timeZone}: leave time_zone out.`);
  }
  const nextMonth = dayOf(now, timeZone).slice(0, 7);
  return { programId, merchantId, ...terms, timeZone, nextMonth, version: 1, madeAt: now, recordedAt: now };
}

function refuseMoved(before: TierProgram, { merchantId, timeZone }: StatedTierProgram): void {
  if (before.merchantId !== merchantId) {
    throw new DomainError('conflict', `The program is of ${before.merchantId ?? 'all merchants'} and stays so: make another one.`);
  }
  if (timeZone !== null && timeZone !== before.timeZone) {
    throw new DomainError('conflict', `The program counts the months of ${before.timeZone} and goes on so.`);
  }
}

const termsOf = ({ measure, currency, tiers }: TierTerms): TierTerms => ({ measure, currency, tiers });

function recorded({ programId, merchantId, timeZone, measure, currency, tiers, version }: TierProgram) {
  const stays = { program_id: programId, merchant_id: merchantId, time_zone: timeZone };
  return { ...stays, measure, currency, tiers: tiers.map(showTierStep), version };
}
