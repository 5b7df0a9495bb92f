// Bonus programs on the wire: what is read of one, and how it is answered.

import { z } from 'zod';

import { BONUS_MODES } from '../../core/programs/bonus.ts';
import { isCurrency } from '../../core/money.ts';
import { MEASURES } from '../../core/programs/steps.ts';
import { bodyExamples, callerId, time } from '../../platform/http/fields.ts';
import { showStep } from './bonus-program-store.ts';
import { BONUS_PERIODS, type BonusBook } from './bonus-program.ts';
import type { StatedBonusProgram } from './stating-bonus-program.ts';

const STEPS_MAX = 50;
const FIGURE_MAX = 10 ** 15;
const AMOUNT_MAX = 10 ** 13;

export const bonusProgramId = callerId.meta({ description: 'The program, by an id of yours.', example: 'spring' });
const measure = z.enum(MEASURES).meta({
  description:
    'What is counted: what buyers paid and kept of completed lines, times the weight of the promoter, or orders with such a line.',
});
const period = z.enum(BONUS_PERIODS).meta({ description: 'Each month of the merchant’s zone by itself, or all time at once.' });
const mode = z.enum(BONUS_MODES).meta({
  description:
    '`marginal`: each step pays for what lies on it, and each amount that is reached. `whole`: the highest step reached pays for all.',
});
const atLeast = z.int().min(0).max(FIGURE_MAX).meta({ description: 'From which figure on, that itself included.' });
const step = z
  .strictObject({
    at_least: atLeast,
    rate_ppm: z.int().min(0).max(1_000_000).optional().meta({ description: 'Of what is counted; beside what the rules pay.' }),
    amount: z.int().min(0).max(AMOUNT_MAX).optional().meta({ description: 'Minor units of `currency`.' }),
  })
  .refine((one) => (one.rate_ppm === undefined) !== (one.amount === undefined), 'must pay either rate_ppm or amount');

/** The terms of a program, as they are stated of its id. */
export const bonusProgramBody = z
  .strictObject({
    merchant_id: callerId,
    currency: z
      .string()
      .refine(isCurrency, 'is no currency of ISO 4217')
      .meta({ description: 'Of the lines that count, and of the bonus.' }),
    period,
    measure,
    steps: z
      .array(step)
      .min(1)
      .max(STEPS_MAX)
      .refine((steps) => new Set(steps.map((one) => one.at_least)).size === steps.length, 'must begin each at another figure')
      .meta({ description: 'What is paid from which figure on, in any order.' }),
    mode,
    starts_at: time.nullish().meta({ description: 'Lines that were completed before do not count; left out: every line counts.' }),
    ends_at: time.nullish().meta({ description: 'Lines that are completed then or later do not count.' }),
  })
  .meta(
    bodyExamples({
      merchant_id: 'm1',
      currency: 'CNY',
      period: 'month',
      measure: 'paid_amount',
      steps: [
        { at_least: 0, rate_ppm: 0 },
        { at_least: 1_000_000, rate_ppm: 20_000 },
      ],
      mode: 'marginal',
      starts_at: '2026-01-01T00:00:00+08:00',
    }),
  );

export const bonusProgramAnswer = z
  .object({
    program_id: bonusProgramId,
    merchant_id: callerId,
    currency: z.string(),
    period,
    measure,
    steps: z
      .array(z.object({ at_least: atLeast, rate_ppm: z.int().optional(), amount: z.int().optional() }))
      .meta({ description: 'The lowest first; each with a rate or an amount.' }),
    mode,
    starts_at: z.date().nullable().meta({ description: 'Lines that were completed before do not count; null: every line counts.' }),
    ends_at: z.date().nullable().meta({ description: 'Lines that are completed then or later do not count; null: for ever.' }),
    time_zone: z.string().meta({ description: 'Where its months begin: the merchant’s zone when the program was made.' }),
    version: z.int(),
    made_at: z.date(),
    changed_at: z.date(),
  })
  .meta({ id: 'BonusProgram' });

export function showBonusProgram({
  programId,
  merchantId,
  currency,
  period: every,
  timeZone,
  madeAt,
  versions,
}: BonusBook): z.output<typeof bonusProgramAnswer> {
  const { measure: counted, steps, mode: paid, startsAt, endsAt, version, recordedAt } = versions.at(-1)!;
  return {
    program_id: programId,
    merchant_id: merchantId,
    currency,
    period: every,
    measure: counted,
    steps: steps.map(showStep),
    mode: paid,
    starts_at: startsAt,
    ends_at: endsAt,
    time_zone: timeZone,
    version,
    made_at: madeAt,
    changed_at: recordedAt,
  };
}

/** What a body states of the program of this id. */
export function bonusProgramStated(programId: string, stated: z.output<typeof bonusProgramBody>): StatedBonusProgram {
  const steps = stated.steps.map(({ at_least: from, rate_ppm: ratePpm, amount }) =>
    amount === undefined ? { atLeast: BigInt(from), ratePpm: ratePpm! } : { atLeast: BigInt(from), amount: BigInt(amount) },
  );
  const terms = { measure: stated.measure, steps, mode: stated.mode, startsAt: stated.starts_at ?? null, endsAt: stated.ends_at ?? null };
  return { programId, merchantId: stated.merchant_id, currency: stated.currency, period: stated.period, terms };
}
