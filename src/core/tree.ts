// The tree of a plan, run once for one winner: each node takes a part of its payer's gross, pays
// its children and keeps the rest.

import { jsonAmount, partOf } from './money.ts';
import type { PlanNode } from './plan.ts';
import type { ExplainedStep } from './explanation.ts';
import type { Parties, Share } from './party.ts';

/** Where one run of the tree finds its parties and leaves its results. */
interface Run {
  parties: Parties;
  shares: Share[];
  arithmetic: ExplainedStep[];
}

/**
 * The payer of nodes: its name as the reckoning tells it, and who keeps what absent nodes leave,
 * which is the nearest present one.
 */
interface Payer {
  name: string;
  gross: bigint;
  keeper: string;
}

/**
 * Pays the tree out of `part`, the merchant's gross; returns what the merchant is charged, which is
 * the sum of the shares.
 */
export function payTree(nodes: readonly PlanNode[], part: bigint, run: Run): bigint {
  return payNodes(nodes, { name: 'merchant', gross: part, keeper: 'merchant' }, run).charged;
}

/**
 * Pays `nodes` from their payer's gross. `granted` is the sum of their grosses, `charged` what
 * really leaves the payer: an absent node costs only what the nodes below it cost, so that its net
 * stays with the payer's keeper.
 */
function payNodes(nodes: readonly PlanNode[], payer: Payer, run: Run): { granted: bigint; charged: bigint } {
  let granted = 0n;
  let charged = 0n;
  for (const node of nodes) {
    const gross = partOf(payer.gross, node.share_ppm);
    granted += gross;
    charged += payNode(node, gross, payer, run);
  }
  return { granted, charged };
}

/**
 * Pays one node and all below it; returns what that costs its payer. The rows stand in the order of
 * the tree, the payer first.
 */
function payNode(node: PlanNode, gross: bigint, payer: Payer, run: Run): bigint {
  const [role, level, named] = typeof node.to === 'string' ? [node.to, node.level] : ['account' as const, undefined, node.to.account];
  const name = named ?? (level === undefined ? role : `${role} ${level}`);
  const terms = { payer: payer.name, share_ppm: node.share_ppm, gross: jsonAmount(gross) };
  const promoterId = beneficiaryOf(node, run.parties);
  if (promoterId === undefined) {
    const step: ExplainedStep = { step: 'absent', role, level, account: named, ...terms, net: 0, kept_by: payer.keeper };
    run.arithmetic.push(step);
    const below = payNodes(node.pays, { name, gross, keeper: payer.keeper }, run);
    step.net = jsonAmount(gross - below.granted);
    return below.charged;
  }
  const share: Share = { role, level: level ?? null, promoterId, amount: 0n };
  const step: ExplainedStep = { step: 'share', role, level, promoter_id: promoterId, ...terms, net: 0, amount: 0 };
  run.shares.push(share);
  run.arithmetic.push(step);
  const below = payNodes(node.pays, { name, gross, keeper: name }, run);
  share.amount = gross - below.charged;
  step.net = jsonAmount(gross - below.granted);
  step.amount = jsonAmount(share.amount);
  return gross;
}

const PARTY_OF_ROLE = { promoter: 'promoter', agency: 'agency', talent: 'talent', talent_agency: 'talentAgency' } as const;

/** The promoter of a node, null for the platform, undefined when absent. */
function beneficiaryOf({ to, level }: PlanNode, parties: Parties): string | null | undefined {
  if (to === 'platform') return null;
  if (to === 'upline') return parties.uplines[(level ?? 0) - 1] ?? undefined;
  if (typeof to === 'string') return parties[PARTY_OF_ROLE[to]] ?? undefined;
  const promoterId = to.account.slice('promoter:'.length);
  return parties.isPresent === undefined || parties.isPresent(promoterId) ? promoterId : undefined;
}
