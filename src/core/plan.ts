// A rule's plan and scope, the documents an operator writes: their shape on the wire, which is also
// how they are stored, and what is refused.

import { z } from 'zod';
import { DomainError } from './errors.ts';
import type { Fault } from './errors.ts';
import { isCurrency, PPM_WHOLE } from './money.ts';

const PLAN_DEPTH_MAX = 16;
const PLAN_NODES_MAX = 64;

const ppm = z.int().min(0).max(PPM_WHOLE);
const amount = z.int().min(0);
const name = z.string().regex(/^\P{Cc}{1,128}$/u, 'must have 1 to 128 characters and no control characters');

const accountSchema = z.strictObject({
  account: z.string().regex(/^promoter:\P{Cc}{1,128}$/u, 'must be promoter:<id>'),
});

/** Whom a node pays: a role around the winner, the platform, or a named party. */
const beneficiarySchema = z.union([z.enum(['promoter', 'upline', 'agency', 'talent', 'talent_agency', 'platform']), accountSchema]);

const planNodeSchema = z
  .strictObject({
    to: beneficiarySchema,
    level: z.int().min(1).optional(),
    share_ppm: ppm,
    get pays() {
      return z.array(planNodeSchema).default([]);
    },
  })
  .meta({ id: 'PlanNode' });

/**
 * The plan of a rule. Money in it is in minor units of its `currency`, as JSON integers; the
 * arithmetic turns it into bigint.
 */
export const planSchema = z
  .strictObject({
    base: z.enum(['paid_amount', 'platform_commission']).default('paid_amount'),
    currency: z.string().nullable().default(null),
    rate_ppm: ppm,
    fixed_per_unit: amount.default(0),
    cap_per_line: amount.nullable().default(null),
    cap_per_order: amount.nullable().default(null),
    split: z.array(planNodeSchema),
  })
  .meta({ id: 'Plan' });

/** What a rule applies to; an absent key matches everything. */
export const scopeSchema = z
  .strictObject({
    merchant_id: name,
    product_id: name,
    promoter_id: name,
    category: name,
    campaign_id: name,
    tier: name,
    agency_id: name,
  })
  .partial()
  .meta({ id: 'RuleScope' });

export type PlanNode = z.infer<typeof planNodeSchema>;
export type Plan = z.infer<typeof planSchema>;
export type RuleScope = z.infer<typeof scopeSchema>;

/**
 * What makes two nodes the same role: the beneficiary with its level, or the name of the account.
 */
function roleIdentity(node: PlanNode): string {
  if (typeof node.to === 'object') return node.to.account;
  return node.to === 'upline' ? `upline ${node.level}` : node.to;
}

/**
 * Refuses a plan that the schema lets through but nobody may publish. `referralLevelsMax` counts
 * the paid levels of the chain, the seller being the first. Throws `referral_levels_exceeded` when
 * the plan pays deeper than that, else `invalid_plan`, with every fault and its path from `path`,
 * which says where the plan stands in the request.
 */
export function checkPlan(plan: Plan, referralLevelsMax: number, path = 'plan'): void {
  const faults = faultsOfMoney(plan, path);
  const tooDeep: Fault[] = [];
  let nodes = 0;

  function checkNodes(siblings: PlanNode[], at: string, above: string[]): void {
    let sum = 0;
    for (const [index, node] of siblings.entries()) {
      nodes += 1;
      if (nodes > PLAN_NODES_MAX) return;
      sum += node.share_ppm;
      checkNode(node, `${at}.${index}`, above);
    }
    if (sum > PPM_WHOLE) faults.push({ path: at, message: `shares sum to ${sum} ppm, above ${PPM_WHOLE}` });
  }

  function checkNode(node: PlanNode, at: string, above: string[]): void {
    const identity = roleIdentity(node);
    faults.push(...faultsOfNode(node, at));
    if (node.to === 'upline' && node.level !== undefined && node.level >= referralLevelsMax) {
      const message = `upline level ${node.level} is paid level ${node.level + 1}; at most ${referralLevelsMax} may be paid, the seller included`;
      tooDeep.push({ path: `${at}.level`, message });
    }
    if (above.includes(identity)) faults.push({ path: `${at}.to`, message: `${identity} is paid twice on one path` });
    if (node.pays.length === 0) return;
    if (above.length + 1 < PLAN_DEPTH_MAX) checkNodes(node.pays, `${at}.pays`, [...above, identity]);
    else faults.push({ path: `${at}.pays`, message: `must not be nested deeper than ${PLAN_DEPTH_MAX}` });
  }

  checkNodes(plan.split, `${path}.split`, []);
  if (nodes > PLAN_NODES_MAX) faults.push({ path: `${path}.split`, message: `must not have more than ${PLAN_NODES_MAX} nodes` });
  if (tooDeep.length > 0) {
    const message = `The plan pays deeper up the chain than the ${referralLevelsMax} levels that may be paid.`;
    throw new DomainError('referral_levels_exceeded', message, { errors: [...tooDeep, ...faults] });
  }
  if (faults.length > 0) throw new DomainError('invalid_plan', 'The plan of this rule cannot be published.', { errors: faults });
}

function faultsOfNode(node: PlanNode, at: string): Fault[] {
  const faults: Fault[] = [];
  if (!Number.isInteger(node.share_ppm) || node.share_ppm < 0 || node.share_ppm > PPM_WHOLE) {
    faults.push({ path: `${at}.share_ppm`, message: `must be an integer from 0 to ${PPM_WHOLE}` });
  }
  if (node.to === 'upline' && node.level === undefined) faults.push({ path: `${at}.level`, message: 'is required for an upline' });
  if (node.to !== 'upline' && node.level !== undefined) faults.push({ path: `${at}.level`, message: 'belongs to an upline only' });
  return faults;
}

function faultsOfMoney(plan: Plan, path: string): Fault[] {
  const at = `${path}.currency`;
  if (plan.currency !== null) {
    return isCurrency(plan.currency) ? [] : [{ path: at, message: `${plan.currency} is not a currency of ISO 4217` }];
  }
  const needing = (['fixed_per_unit', 'cap_per_line', 'cap_per_order'] as const).filter((key) =>
    key === 'fixed_per_unit' ? plan[key] > 0 : plan[key] !== null,
  );
  return needing.length === 0 ? [] : [{ path: at, message: `is required by ${needing.join(', ')}` }];
}
