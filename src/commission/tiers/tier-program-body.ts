// Tier programs on the wire: what is read of one, and how it is answered.

import { z } from 'zod';

import { isCurrency } from '../../core/money.ts';
import { MEASURES } from '../../core/programs/steps.ts';
import { spanOfMonths } from '../../platform/calendar.ts';
import { bodyExamples, callerId, timeZone, words } from '../../platform/http/fields.ts';
import type { StatedTierProgram } from './stating-tier-program.ts';
import { showTierStep, type TierProgram } from './tier-program-store.ts';

const TIERS_MAX = 50;
const FIGURE_MAX = 10 ** 15;

export const tierProgramId = callerId.meta({ description: 'The program, by an id of yours.', example: 'tiers' });
const measure = z.enum(MEASURES).meta({
  description:
    'What is counted: what buyers paid and kept of completed lines, times the weight of the promoter, or orders with such a line.',
});
const tier = z.strictObject({
  tier: words(64).meta({ description: 'As rules name it.' }),
  at_least: z.int().min(0).max(FIGURE_MAX).meta({ description: 'The least figure of a month that sets it; 0: everybody has it.' }),
});

/** The terms of a program, as they are stated of its id. */
export const tierProgramBody = z
  .strictObject({
    merchant_id: callerId
      .nullish()
      .meta({ description: 'Whose lines it counts, and for whose rules it counts; left out: all merchants’.' }),
    measure,
    period: z.literal('month').default('month').meta({ description: 'How long is counted.' }),
    currency: z
      .string()
      .refine(isCurrency, 'is no currency of ISO 4217')
      .nullish()
      .meta({ description: 'Of the lines that count; left out: the merchant’s, or of orders any.' }),
    tiers: z
      .array(tier)
      .min(1)
      .max(TIERS_MAX)
      .refine((tiers) => new Set(tiers.map((one) => one.tier)).size === tiers.length, 'must name each tier once')
      .refine((tiers) => new Set(tiers.map((one) => one.at_least)).size === tiers.length, 'must begin each at another figure')
      .meta({ description: 'Which tiers there are, in any order.' }),
    takes_effect: z.literal('next_period').default('next_period').meta({ description: 'From when a figure sets the tier.' }),
    time_zone: timeZone.nullish().meta({ description: 'Where the months of a program of all merchants begin, Asia/Shanghai if left out.' }),
  })
  .meta(
    bodyExamples({
      merchant_id: 'm1',
      measure: 'paid_amount',
      tiers: [
        { tier: 'silver', at_least: 100_000 },
        { tier: 'gold', at_least: 1_000_000 },
      ],
    }),
  );

export const tierProgramAnswer = z
  .object({
    program_id: tierProgramId,
    merchant_id: callerId.nullable().meta({ description: 'Null: all merchants.' }),
    measure,
    period: z.literal('month').meta({ description: 'How long is counted.' }),
    currency: z.string().nullable().meta({ description: 'Null: orders in any currency count.' }),
    tiers: z.array(tier).meta({ description: 'The lowest first.' }),
    takes_effect: z.literal('next_period').meta({ description: 'From when a figure sets the tier.' }),
    time_zone: z.string().meta({ description: 'Where its months begin: the merchant’s zone when the program was made.' }),
    decides_at: z.date().meta({ description: 'When the next month ends whose figures set tiers; in the past while that is under way.' }),
    version: z.int(),
    made_at: z.date(),
    changed_at: z.date(),
  })
  .meta({ id: 'TierProgram' });

export const showTierProgram = (program: TierProgram): z.output<typeof tierProgramAnswer> => ({
  program_id: program.programId,
  merchant_id: program.merchantId,
  measure: program.measure,
  period: 'month',
  currency: program.currency,
  tiers: program.tiers.map(showTierStep),
  takes_effect: 'next_period',
  time_zone: program.timeZone,
  decides_at: spanOfMonths(program.nextMonth, program.timeZone).until,
  version: program.version,
  made_at: program.madeAt,
  changed_at: program.recordedAt,
});

/** What a body states of the program of this id. */
export const tierProgramStated = (programId: string, stated: z.output<typeof tierProgramBody>): StatedTierProgram => ({
  programId,
  merchantId: stated.merchant_id ?? null,
  measure: stated.measure,
  currency: stated.currency ?? null,
  tiers: stated.tiers.map((one) => ({ tier: one.tier, atLeast: BigInt(one.at_least) })),
  timeZone: stated.time_zone ?? null,
});
