// A merchant's attribution policy: which evidence counts, for how long, and how several clicks
// share. Always complete once read.
import { z } from 'zod';

/** Kinds of evidence that a policy ranks, in their default order from strong to weak. */
export const EVIDENCE_KINDS = ['click_token', 'link_code', 'coupon_code', 'platform', 'click', 'lock'] as const;
export const MODELS = ['last_click', 'first_click', 'linear', 'position_based', 'time_decay'] as const;

const DAYS_MAX = 365;
const SKEW_SECONDS_MAX = 3600;
const SCENES_MAX = 50;

const days = (least: number) => z.int().min(least).max(DAYS_MAX);

/**
 * What is left out takes its default; the answer of `parse` has every field, so that a later
 * default changes nothing stored.
 */
export const policySchema = z
  .strictObject({
    precedence: z
      .array(z.enum(EVIDENCE_KINDS))
      .min(1)
      .refine((kinds) => new Set(kinds).size === kinds.length, { error: 'must not name a kind twice' })
      .default([...EVIDENCE_KINDS])
      .meta({ description: 'Kinds of evidence from strong to weak; a kind that is left out does not count.' }),
    model: z.enum(MODELS).default('last_click').meta({ description: 'How several pieces of the winning kind share.' }),
    product_click_days: days(1).default(30),
    content_click_days: days(1).default(3).meta({ description: 'Window of links to live rooms, videos and articles.' }),
    order_lock_days: days(0).default(30).meta({ description: 'How long an order locks its buyer to its promoter; 0: not at all.' }),
    exact_product_first: z.boolean().default(true).meta({ description: 'A link to exactly this product beats a later click on another.' }),
    allow_self_purchase: z.boolean().default(true),
    excluded_scenes: z
      .array(z.string().min(1).max(64))
      .max(SCENES_MAX)
      .default([])
      .meta({ description: 'Scenes of links or orders that do not earn.' }),
    cutoff_days: days(0).default(60).meta({ description: 'How long an unattributed order waits for new evidence.' }),
    clock_skew_seconds: z
      .int()
      .min(0)
      .max(SKEW_SECONDS_MAX)
      .default(300)
      .meta({ description: 'How long after the order a click still counts.' }),
    time_decay_half_life_days: days(1).default(7),
  })
  .meta({ title: 'Attribution policy' });

export type Policy = z.output<typeof policySchema>;

export const defaultPolicy: Policy = policySchema.parse({});
