// What a promoter earns by a plan, as two plans are compared: alone in its order, everybody present
// whom the plan could pay, at a few prices and quantities.

import type { Plan, PlanNode } from '../plan.ts';
import { splitOrder, type SplitLine } from '../split.ts';

/** Minor units that a line is paid with, and how many units it has: what plans are compared at. */
const SAMPLES: readonly { base: bigint; quantity: number }[] = [100n, 10_000n, 1_000_000n].flatMap((base) => [
  { base, quantity: 1 },
  { base, quantity: 10 },
]);

/** Stands for every currency that a plan does not name. */
const ANY_CURRENCY = '';
const SELLER = 'seller';

/** Where a plan pays the promoter less than another. */
export interface LowerNet {
  /** Minor units that the line was paid with. */
  base: bigint;
  quantity: number;
  /** Null where the plans say nothing of the currency. */
  currency: string | null;
  from: bigint;
  to: bigint;
}

/**
 * Where `after` pays the promoter less than `before`, null for no rule at all; null when it does so
 * at none of the samples. A plan of another base is lower: nobody knows what it will come to. Of
 * several samples it is the one that shows the most.
 */
export function lowerNet(before: Plan, after: Plan | null): LowerNet | null {
  const currencies = new Set([before.currency ?? ANY_CURRENCY, after?.currency ?? ANY_CURRENCY]);
  const losses = [...currencies].flatMap((currency) =>
    SAMPLES.map(({ base, quantity }): LowerNet => {
      const of = (plan: Plan) => promoterNet(plan, { base, quantity, currency });
      return {
        base,
        quantity,
        currency: currency === ANY_CURRENCY ? null : currency,
        from: of(before),
        to: after === null ? 0n : of(after),
      };
    }),
  );
  const worst = losses.reduce((most, one) => (one.from - one.to > most.from - most.to ? one : most));
  const isOtherBase = after !== null && after.base !== before.base;
  return isOtherBase || worst.from > worst.to ? worst : null;
}

/** The promoter's net of one line, in minor units; of a plan that pays it twice, both. */
function promoterNet(plan: Plan, { base, quantity, currency }: { base: bigint; quantity: number; currency: string }): bigint {
  const parties = { promoter: SELLER, uplines: uplinesOf(plan.split), agency: 'agency', talent: 'talent', talentAgency: 'talent agency' };
  const line: SplitLine = {
    lineId: '1',
    paidAmount: base,
    quantity,
    platformCommission: base,
    rule: { ruleId: 'compared', version: 1, plan },
    winners: [{ promoterId: SELLER, weight: 1n, weightPpm: 1_000_000, parties }],
    barred: null,
  };
  const [split] = splitOrder({ currency, lines: [line], refunds: [] });
  let net = 0n;
  for (const share of split?.shares ?? []) if (share.role === 'promoter') net += share.amount;
  return net;
}

/** A chain as long as the plan pays one. */
function uplinesOf(nodes: readonly PlanNode[]): string[] {
  const deepest = (of: readonly PlanNode[]): number => Math.max(0, ...of.map(({ level = 0, pays }) => Math.max(level, deepest(pays))));
  return Array.from({ length: deepest(nodes) }, (_, index) => `upline ${index + 1}`);
}
