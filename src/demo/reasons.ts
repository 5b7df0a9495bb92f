// One explanation, in sentences for whoever asks "why not me?": the evidence, the chain, the rule,
// and the arithmetic to the fen.

import type { Evidence, ExplainedRule, Explanation, PlanNode, Step, Winner } from './readings.ts';
import { percent, yuan } from './table.ts';

const EVIDENCE_NAMES: Readonly<Record<string, string>> = {
  click_token: 'a click that the order itself proves by its token',
  link_code: 'a link that the order names',
  coupon_code: 'a coupon that was used',
  platform: 'the word of the order system',
  click: 'a click of this buyer',
  lock: 'an earlier order of this buyer',
};

const LOSSES: Readonly<Record<string, string>> = {
  later_click_won: 'this buyer clicked again later, on the link of somebody else, and the last click before the payment wins',
  weaker_kind: 'there is stronger evidence than this',
  bot: 'a robot had clicked, and robots do not buy',
  outside_window: 'it lies too far back',
};

const RULE_REASONS: Readonly<Record<string, string>> = {
  only_match: 'it is the only one that applies',
  higher_weight: 'it is the more specific one',
  lower_weight: 'another one is more specific',
};

const LIMITS: Readonly<Record<string, string>> = { base: 'what was paid', cap_per_line: 'the cap per line' };

/**
 * The explanation of an order of one line and one winner as sentences, one a line; `split` is the
 * tree of the rule that it went by.
 */
export function sentencesOf({ order, lines, transfers }: Explanation, split: readonly PlanNode[]): string[] {
  const [line] = lines;
  const [shown] = order.lines;
  if (line === undefined || shown === undefined) return [];
  const release = order.releases_at === null ? '' : ` and will be released at ${order.releases_at}`;
  return [
    `Order ${order.order_id} was paid at ${order.paid_at}. It is ${shown.decision}; its commission is ${order.award}${release}.`,
    ...line.evidence.toSorted((a, b) => Number(b.won) - Number(a.won)).map(sentenceOfEvidence),
    ...line.winners.map(sentenceOfChain),
    ...line.rules.map(sentenceOfRule),
    ...sentencesOfSteps(line.arithmetic, split),
    ...transfers.map(sentenceOfTransfer),
  ];
}

function sentenceOfEvidence({ kind, at, promoter_id, link_code, won, reason }: Evidence): string {
  const time = at === undefined ? '' : `, at ${at}`;
  const link = typeof link_code === 'string' ? ` on the link ${link_code}` : '';
  const what = `${EVIDENCE_NAMES[kind] ?? kind}${time}${link}`;
  if (won) return `${promoter_id} won, by ${what}.`;
  return `${promoter_id ?? 'Nobody'} lost with ${what}: ${LOSSES[reason ?? ''] ?? reason} (${reason}).`;
}

function sentenceOfChain({ promoter_id, chain, chain_at }: Winner): string {
  if (chain === undefined || chain.length === 0) return `Nobody stands above ${promoter_id}.`;
  return `Above ${promoter_id} stands ${chain.join(', then ')}: so it was at ${chain_at}, and so it stays for this order.`;
}

function sentenceOfRule({ name, version, outcome, reason, weight }: ExplainedRule): string {
  return `The rule "${name}" (version ${version}, weight ${weight}) ${outcome}: ${RULE_REASONS[reason] ?? reason}.`;
}

function sentenceOfTransfer({ kind, promoter_id, amount, from, to }: Explanation['transfers'][number]): string {
  return `Booked (${kind}): ${yuan(amount)} from the ${from} of the merchant to the ${to} of ${promoter_id ?? 'the platform'}.`;
}

/**
 * The shares stand in the order of the tree: so each has its node, which says what part of whose
 * gross it is.
 */
function sentencesOfSteps(steps: readonly Step[], split: readonly PlanNode[]): string[] {
  const nodes = nodesOf(split, null);
  const pool = steps.flatMap((step) => ('pool' in step ? step.pool : [])).at(-1) ?? 0;
  const grosses: { role: string; gross: number | string }[] = [];
  return steps.map((step) => {
    if (step.step !== 'share' && step.step !== 'absent') return sentenceOfStep(step);
    const { share_ppm, payerAt } = nodes[grosses.length] ?? { share_ppm: 0, payerAt: null };
    const payer = payerAt === null ? { role: 'pool', gross: pool } : grosses[payerAt]!;
    grosses.push(step);
    return sentenceOfShare(step, `${percent(share_ppm)} of the ${payer.role}'s ${yuan(payer.gross)}`);
  });
}

interface NodePlace {
  share_ppm: number;
  /** Where in the list its payer stands; null is the pool. */
  payerAt: number | null;
}

/** The nodes of a tree in its order, the payer before those whom it pays. */
function nodesOf(nodes: readonly PlanNode[], payerAt: number | null, places: NodePlace[] = []): NodePlace[] {
  for (const { share_ppm, pays } of nodes) {
    places.push({ share_ppm, payerAt });
    nodesOf(pays, places.length - 1, places);
  }
  return places;
}

function sentenceOfShare(step: Extract<Step, { step: 'share' | 'absent' }>, part: string): string {
  if (step.step === 'absent') {
    return `There is no ${step.role} to get ${part}, ${yuan(step.gross)}: its net, ${yuan(step.net)}, stays with the ${step.kept_by}.`;
  }
  const gets = `The ${step.role} ${step.promoter_id ?? 'itself'} gets ${part}, rounded down to the fen: ${yuan(step.gross)}.`;
  return step.amount === step.gross ? gets : `${gets} Of this it pays those below, and keeps ${yuan(step.amount)}.`;
}

function sentenceOfStep(step: Exclude<Step, { step: 'share' | 'absent' }>): string {
  switch (step.step) {
    case 'base':
      return `${yuan(step.paid)} was paid and ${yuan(step.refunded)} refunded, so ${yuan(step.base)} counts.`;
    case 'pool': {
      const rated = `The pool is ${percent(step.rate_ppm)} of that, rounded down to the fen: ${yuan(step.rated)}.`;
      if (step.fixed === 0 && step.limited_by === null) return rated;
      const limit = step.limited_by === null ? '' : `, limited by ${LIMITS[step.limited_by] ?? step.limited_by}`;
      return `${rated} ${yuan(step.fixed)} are added, which makes ${yuan(step.pool)}${limit}.`;
    }
    case 'cap_per_order':
      return `An order earns at most ${yuan(step.cap)}, of which this line has ${yuan(step.pool)}.`;
    case 'winner':
      return `Of the pool ${step.promoter_id} has the part ${yuan(step.part)}.`;
    default:
      return `${yuan(step.amount)} of the pool belong to nobody, and the merchant is not charged for them.`;
  }
}
