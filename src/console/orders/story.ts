// Why a line of an order earns what it earns: the reasons that the API keeps as data, told as
// sentences in the order a person would ask.

import { money, percent, type Units } from '../parts/amounts.ts';
import type { Schemas } from '../parts/api.ts';
import { nameOf, say, type Values } from '../parts/say.tsx';
import { moment } from '../parts/values.tsx';
import type { Word } from '../words/en.ts';

type Line = Schemas['Explanation']['lines'][number];
type Step = Schemas['ExplainedStep'];
type StepOf<Kind extends Step['step']> = Extract<Step, { step: Kind }>;
type Sum = (units: Units) => string;

type Sentence = [word: Word, values: Values];

interface Chapter {
  title: Word;
  sentences: Sentence[];
}

/** The chapters of a line's story; those with nothing to tell are left out. */
export function storyOf(line: Line, currency: string | null): Chapter[] {
  const sum: Sum = (units) => money(units, currency);
  const chapters: Chapter[] = [
    { title: 'story.evidence', sentences: line.evidence.flatMap(tellEvidence) },
    { title: 'story.chain', sentences: line.winners.flatMap(tellWinner) },
    { title: 'story.rule', sentences: [...line.rules.map(tellRule), ...tellReRating(line, sum)] },
    { title: 'story.campaigns', sentences: (line.campaigns ?? []).map((one) => tellCampaign(one, sum)) },
    { title: 'story.arithmetic', sentences: line.arithmetic.flatMap((step) => tellStep(step, sum)) },
  ];
  return chapters.filter(({ sentences }) => sentences.length > 0);
}

/** What was decided, and why where nobody earned. */
export function verdictOn({ line_id: line, decision, reason, attribution_at: at, winners }: Line): Sentence[] {
  const who = winners.map((winner) => winner.promoter_id).join(', ');
  const verdict: Sentence =
    decision === 'attributed'
      ? ['verdict.attributed', { line, who }]
      : ['verdict.other', { line, decision: nameOf('decision', decision), reason: nameOf('reason', reason) }];
  return at === null ? [verdict] : [verdict, ['verdict.at', { at: moment(at) }]];
}

function tellEvidence(evidence: Line['evidence'][number]): Sentence[] {
  const { kind, reference = '', link_code: link, at, promoter_id: promoter, won, reason, ruling } = evidence;
  // A person knows a link by its code; the id of the click tells two visits of it apart.
  const named = link === null || link === undefined || link === reference ? reference : `${link} (${reference})`;
  const values = { kind: nameOf('evidence', kind), reference: named, at: moment(at), who: promoter ?? say('nobody') };
  const told: Sentence = won ? ['evidence.won', values] : ['evidence.lost', { ...values, reason: nameOf('loss', reason) }];
  return ruling === undefined ? [told] : [told, ['story.ruling', { reason: ruling.reason }]];
}

function tellWinner(winner: Line['winners'][number]): Sentence[] {
  const { promoter_id: who, weight_ppm: weight, chain = [], chain_at: at, absent = [] } = winner;
  const sentences: Sentence[] = [
    ['chain.weight', { who, weight: percent(weight) }],
    chain.length === 0 ? ['chain.none', { who, at: moment(at) }] : ['chain.above', { who, chain: chain.join(' → '), at: moment(at) }],
  ];
  const parties = { agency: winner.agency_id, talent: winner.talent_id, talent_agency: winner.talent_agency_id };
  for (const [role, id] of Object.entries(parties)) {
    if (id !== null && id !== undefined) sentences.push(['chain.party', { role: nameOf('role', role), who: id }]);
  }
  if (absent.length > 0) sentences.push(['chain.absent', { who: absent.join(', ') }]);
  return sentences;
}

function tellRule({ name, version, outcome, reason }: Line['rules'][number]): Sentence {
  return [outcome === 'won' ? 'rule.won' : 'rule.lost', { name, version, reason: nameOf('rule_reason', reason) }];
}

function tellReRating({ re_rating: reRating }: Line, sum: Sum): Sentence[] {
  if (reRating === undefined) return [];
  const { rule_id: rule, version, pool } = reRating.former;
  return [['story.re_rated', { rule, version, pool: sum(pool) }]];
}

function tellCampaign({ campaign_id: campaign, wanted, outcome, reason }: Schemas['ExplainedCampaign'], sum: Sum): Sentence {
  const values = { campaign, wanted: sum(wanted), reason: nameOf('campaign_reason', reason) };
  return [outcome === 'won' ? 'campaign.won' : 'campaign.lost', values];
}

function tellStep(step: Step, sum: Sum): Sentence[] {
  switch (step.step) {
    case 'base':
      return [tellBase(step, sum)];
    case 'pool':
      return tellPool(step, sum);
    case 'cap_per_order':
      return [['step.cap_per_order', { cap: sum(step.cap), pools: sum(step.pools), pool: sum(step.pool) }]];
    case 'winner':
      return [['step.winner', { who: step.promoter_id, weight: percent(step.weight_ppm), part: sum(step.part) }]];
    case 'share':
      return [tellShare(step, sum)];
    case 'absent':
      return [['step.absent', { role: roleOf(step), gross: sum(step.gross), net: sum(step.net), keeper: keeperOf(step.kept_by) }]];
    case 'uncharged':
      return [['step.uncharged', { amount: sum(step.amount) }]];
    case 'boost':
      return [tellBoost(step, sum)];
    case 'boost_part':
      return [['step.boost_part', { who: step.promoter_id, granted: sum(step.granted), amount: sum(step.amount) }]];
    default:
      // A step that this page does not know yet is shown as it is, never left out: the numbers
      // around it would not add up.
      return [['step.other', { step: JSON.stringify(step) }]];
  }
}

function tellBase(step: StepOf<'base'>, sum: Sum): Sentence {
  const values = { paid: sum(step.paid), refunded: sum(step.refunded), base: sum(step.base) };
  // Here `withheld` is the bar of the line, and no tax.
  if (step.void === true || step.withheld !== undefined) return ['step.base_void', values];
  if (step.removed === true) return ['step.base_removed', values];
  if (step.platform_commission === undefined) return ['step.base', values];
  return step.platform_commission === null
    ? ['step.base_of_no_platform', values]
    : ['step.base_of_platform', { ...values, commission: sum(step.platform_commission) }];
}

function tellPool(step: StepOf<'pool'>, sum: Sum): Sentence[] {
  const sentences: Sentence[] = [['step.rated', { rate: percent(step.rate_ppm), rated: sum(step.rated) }]];
  if (BigInt(step.fixed) > 0n) sentences.push(['step.fixed', { fixed: sum(step.fixed) }]);
  if (step.limited_by !== null) sentences.push(['step.limited', { limit: nameOf('limit', step.limited_by) }]);
  return [...sentences, ['step.pool', { pool: sum(step.pool) }]];
}

function tellBoost(step: StepOf<'boost'>, sum: Sum): Sentence {
  const { campaign_id: campaign } = step;
  const values = { campaign, boost: sum(step.boost), wanted: sum(step.wanted), granted: sum(step.granted), amount: sum(step.amount) };
  return [step.combine === 'add' ? 'step.boost_add' : 'step.boost_max', values];
}

function tellShare(step: StepOf<'share'>, sum: Sum): Sentence {
  const [gross, net, amount] = [BigInt(step.gross), BigInt(step.net), BigInt(step.amount)];
  const values = {
    role: roleOf(step),
    // The role says it already where it is the platform's.
    who: step.promoter_id ?? '',
    gross: sum(gross),
    passed: sum(gross - net),
    amount: sum(amount),
  };
  if (amount === gross) return ['step.share_whole', values];
  if (amount === net) return ['step.share', values];
  return ['step.share_with_absent', { ...values, left: sum(amount - net) }];
}

/** A role as people call it, with its level or its account. */
export function roleOf({ role, level, account }: { role: string | null; level?: number; account?: string }): string {
  const name = nameOf('role', role);
  if (level !== undefined) return `${name} ${level}`;
  return account === undefined ? name : `${name} ${account}`;
}

/**
 * Whoever keeps the part of an absent one is told as `agency`, `upline 1`, `merchant` or
 * `promoter:<id>`.
 */
function keeperOf(keeper: string): string {
  const [role = '', level] = keeper.split(' ');
  return level === undefined ? nameOf('role', keeper) : roleOf({ role, level: Number(level) });
}
