// Why a line was decided as it was, in the form in which that is kept and told. Whatever writes or
// reads an explanation has its types from here: the award, claims, the audit, the API and its
// document.
import { z } from 'zod';

import { LOSS_REASONS } from './attribution.ts';
import { ROLES } from './party.ts';
import { EVIDENCE_KINDS } from './policy.ts';
import { COMBINATIONS } from './programs/boost.ts';
import { SHORTAGES } from './programs/budget.ts';

/** The kinds that a policy ranks, and the claim that an operator has approved. */
export const EXPLAINED_KINDS = [...EVIDENCE_KINDS, 'claim'] as const;

/**
 * Why nothing is earned on an order as it stands: it is void, or it waits, or another order earns
 * in its place.
 */
const BARS = ['void', 'pending', 'duplicate_order', 'parent_earns'] as const;
export type Bar = (typeof BARS)[number];

const time = z.string().meta({ format: 'date-time' });
const promoterId = z.string().nullable();
/** Minor units; beyond 2^53 the digits as text. */
const amount = z.union([z.int(), z.string().regex(/^-?\d+$/)]).meta({ description: 'Minor units; beyond 2^53 as text.' });
const ppm = z.int().meta({ description: 'Parts per million.' });

/** A piece of evidence that was asked about a line, with whether it won or why it lost. */
const explainedEvidence = z
  .object({
    kind: z.enum(EXPLAINED_KINDS),
    reference: z.string().meta({ description: 'What names it: a click, a link, a coupon, a promoter, the order of a lock, a claim.' }),
    at: time.meta({ description: 'When the buyer clicked, the order was told of it, the locking order was paid, the claim was approved.' }),
    promoter_id: promoterId,
    link_code: z.string().nullable(),
    product_id: z.string().nullable(),
    line_id: z.string().optional().meta({ description: 'The line of which a report says it; absent: it speaks for the order.' }),
    ruling: z
      .object({ line_id: z.string().nullable(), decided_by: z.string(), reason: z.string() })
      .partial()
      .required({ reason: true })
      .optional()
      .meta({ description: 'Of an approved claim: the line it is about (null: the order), whose key approved it, and why.' }),
    won: z.boolean(),
    reason: z.enum(LOSS_REASONS).nullable().meta({ description: 'Why it lost.' }),
  })
  .meta({ id: 'ExplainedEvidence' });
export type ExplainedEvidence = z.output<typeof explainedEvidence>;

/** A winner with the parties around it as they were when they were pinned. */
const explainedWinner = z
  .object({
    promoter_id: z.string(),
    weight_ppm: ppm,
    chain: z.array(z.string()).meta({ description: 'Who stands above, level 1 first.' }),
    chain_at: time.meta({ description: 'As of when the chain was read.' }),
    agency_id: promoterId,
    talent_id: promoterId,
    talent_agency_id: promoterId,
    absent: z.array(z.string()).meta({ description: 'Those of the parties who could not be paid at the attribution time.' }),
  })
  .meta({ id: 'ExplainedWinner' });
export type ExplainedWinner = z.output<typeof explainedWinner>;

/** A rule that matched the line, and why it won or lost. */
const explainedRule = z
  .object({
    rule_id: z.string(),
    version: z.int(),
    name: z.string(),
    weight: z.int().meta({ description: 'How specific its scope is.' }),
    priority: z.int(),
    outcome: z.enum(['won', 'lost']),
    reason: z.string(),
  })
  .meta({ id: 'ExplainedRule' });
export type ExplainedRule = z.output<typeof explainedRule>;

/**
 * What a node of the tree is given. Explanations of early versions do not say who pays it, and how
 * much of what.
 */
const granted = {
  role: z.enum(ROLES),
  level: z.int().optional(),
  payer: z.string().optional().meta({ description: '`merchant`, or the role of the node above with its level, or its account.' }),
  share_ppm: ppm.optional(),
  gross: amount.meta({ description: '`share_ppm` of its payer’s gross, of the merchant’s the winner’s part, rounded down.' }),
};

/** One line of the reckoning: what finance people follow with a pocket calculator. */
const explainedStep = z
  .discriminatedUnion('step', [
    z.object({
      step: z.literal('base'),
      paid: amount,
      refunded: amount,
      platform_commission: amount.nullable().optional(),
      void: z.literal(true).optional(),
      // The bar of the line. The key is older than payouts, with which `withheld` came to mean tax;
      // it is stored, and so it stays.
      withheld: z.enum(BARS).exclude(['void']).optional().meta({ description: 'Why the base is 0 in spite of what was paid.' }),
      removed: z.literal(true).optional(),
      base: amount,
    }),
    z.object({
      step: z.literal('pool'),
      rate_ppm: ppm,
      rated: amount,
      fixed: amount,
      limited_by: z.enum(['base', 'cap_per_line']).nullable(),
      pool: amount,
    }),
    z.object({ step: z.literal('cap_per_order'), cap: amount, pools: amount, pool: amount }),
    z.object({ step: z.literal('winner'), promoter_id: z.string(), weight_ppm: ppm, part: amount }),
    z.object({
      step: z.literal('share'),
      promoter_id: promoterId,
      ...granted,
      net: amount.meta({ description: 'What is its own part of its gross.' }),
      amount: amount.meta({ description: 'The net, with what absent parties below it left.' }),
    }),
    z.object({ step: z.literal('absent'), account: z.string().optional(), ...granted, net: amount, kept_by: z.string() }),
    z.object({ step: z.literal('uncharged'), amount }),
    z.object({
      step: z.literal('boost'),
      campaign_id: z.string(),
      rate_ppm: ppm.optional(),
      fixed_per_unit: amount.optional(),
      combine: z.enum(COMBINATIONS),
      boost: amount.meta({ description: 'The rate of the base, or the amount of the units that are kept.' }),
      wanted: amount.meta({
        description: 'Beside the pool (`add`), or what of it is above the pool (`max`); never more than the base has left.',
      }),
      granted: amount,
      amount: amount.meta({ description: 'The lesser of both, as far as the budget has allowed it.' }),
    }),
    z.object({ step: z.literal('boost_part'), promoter_id: z.string(), granted: amount, amount }),
  ])
  .meta({ id: 'ExplainedStep' });
export type ExplainedStep = z.output<typeof explainedStep>;

/** What a line would come to by the rule that it had before a re-rating chose another one. */
const explainedReRating = z
  .object({
    re_rating_id: z.string().meta({ description: 'The run that chose the rule which the line has now.' }),
    former: z
      .object({
        rule_id: z.string(),
        version: z.int(),
        base: amount,
        pool: amount,
        arithmetic: z.array(explainedStep).meta({ description: 'The reckoning by the former rule, of what the line keeps today.' }),
      })
      .meta({ description: 'The rule before it, and what the line would come to by that.' }),
  })
  .meta({ id: 'ExplainedReRating' });
export type ExplainedReRating = z.output<typeof explainedReRating>;
/** Why a campaign of the merchant, in whose time the line was attributed, pays it or not. */
const CAMPAIGN_REASONS = [
  'granted',
  'granted_in_part',
  'paused',
  'currency',
  'product',
  'promoter',
  'scene',
  'wants_nothing',
  'wants_less',
  ...SHORTAGES,
] as const;

/** A campaign that was looked at when the line was decided, and why it was granted or not. */
const explainedCampaign = z
  .object({
    campaign_id: z.string(),
    version: z.int(),
    wanted: amount,
    outcome: z.enum(['won', 'lost']),
    reason: z.enum(CAMPAIGN_REASONS),
  })
  .meta({ id: 'ExplainedCampaign' });
export type ExplainedCampaign = z.output<typeof explainedCampaign>;

/** What stands of the boost of a line, in minor units. */
export const shownBoost = z
  .object({
    campaign_id: z.string(),
    wanted: amount.meta({ description: 'As the line stands now.' }),
    granted: amount.meta({ description: 'Once and for all, when the line was decided.' }),
    amount: amount.meta({ description: 'What is paid: never more than either.' }),
  })
  .meta({ id: 'Boost' });
export type ShownBoost = z.output<typeof shownBoost>;

/** The explanation of a line as it is read back. */
export interface ExplainedLine {
  attribution_at: string | null;
  /** The click at which the rule was in force, where a rate lock kept it. */
  rule_at?: string;
  /** Of a line whose rule a re-rating has chosen anew. */
  re_rating?: ExplainedReRating;
  reason: string | null;
  evidence: ExplainedEvidence[];
  winners: ExplainedWinner[];
  rules: ExplainedRule[];
  /** The campaigns that were looked at; absent where the merchant had none then. */
  campaigns?: ExplainedCampaign[];
  boost?: ShownBoost;
  arithmetic: ExplainedStep[];
}

/** The same as it is told. A promoter reads nothing of others but that they were there. */
export const toldExplanation = {
  reason: z.string().nullable(),
  attribution_at: time.nullable(),
  rule_at: time.optional().meta({ description: 'The click at which the rule was in force, where the merchant’s rate lock kept it.' }),
  re_rating: explainedReRating
    .optional()
    .meta({ description: 'Of a line whose rule a re-rating has chosen anew: the run, and the reckoning by the rule before it.' }),
  evidence: z
    .array(explainedEvidence.partial().required({ kind: true, promoter_id: true, won: true, reason: true }).meta({ id: 'ToldEvidence' }))
    .meta({ description: 'Every evidence considered: it won, or the reason why it lost.' }),
  winners: z
    .array(explainedWinner.partial().required({ promoter_id: true, weight_ppm: true }).meta({ id: 'ToldWinner' }))
    .meta({ description: 'Each winner with the chain above and the parties around.' }),
  rules: z.array(explainedRule).meta({ description: 'The rules that matched, and why one won.' }),
  campaigns: z
    .array(explainedCampaign)
    .optional()
    .meta({ description: 'The campaigns in whose time the line was attributed, and why one pays it or none does.' }),
  boost: shownBoost.optional().meta({ description: 'What stands of what a campaign pays beside the pool.' }),
  arithmetic: z.array(explainedStep).meta({ description: 'Every number, step by step.' }),
};
const toldLine = z.object(toldExplanation);
export type ToldLine = z.output<typeof toldLine>;
