// Why a line of an order earns what it earns: the reasons that the API keeps as data, told as
// sentences in the order a person would ask.

import { money, percent } from './amounts.js';
import { moment, nameOf, say } from './words.js';

/**
 * @typedef {[word: import('./words.js').Word, values: import('./words.js').Values]} Sentence
 * @typedef {{title: import('./words.js').Word, sentences: Sentence[]}} Chapter
 */

/**
 * The chapters of a line's story; those with nothing to tell are left out.
 * @param {any} line of the explanation
 * @param {string | null} currency
 * @returns {Chapter[]}
 */
export function storyOf(line, currency) {
  /** @type {Chapter[]} */
  const chapters = [
    { title: 'story.evidence', sentences: line.evidence.map(tellEvidence) },
    { title: 'story.chain', sentences: line.winners.flatMap(tellWinner) },
    { title: 'story.rule', sentences: line.rules.map(tellRule) },
    { title: 'story.campaigns', sentences: (line.campaigns ?? []).map((/** @type {any} */ one) => tellCampaign(one, currency)) },
    { title: 'story.arithmetic', sentences: line.arithmetic.flatMap((/** @type {any} */ step) => tellStep(step, currency)) },
  ];
  return chapters.filter(({ sentences }) => sentences.length > 0);
}

/**
 * What was decided, and why where nobody earned.
 * @param {any} line of the explanation
 * @returns {Sentence[]}
 */
export function verdictOn({ line_id: line, decision, reason, attribution_at: at, winners }) {
  const who = winners.map((/** @type {any} */ winner) => winner.promoter_id).join(', ');
  /** @type {Sentence} */
  const verdict =
    decision === 'attributed'
      ? ['verdict.attributed', { line, who }]
      : ['verdict.other', { line, decision: nameOf('decision', decision), reason: nameOf('reason', reason) }];
  return at === null ? [verdict] : [verdict, ['verdict.at', { at: moment(at) }]];
}

/** @param {any} evidence @returns {Sentence} */
function tellEvidence({ kind, reference, link_code: link, at, promoter_id: promoter, won, reason }) {
  // A person knows a link by its code; the id of the click tells two visits of it apart.
  const named = link === null || link === reference ? reference : `${link} (${reference})`;
  const values = { kind: nameOf('evidence', kind), reference: named, at: moment(at), who: promoter ?? say('nobody') };
  return won ? ['evidence.won', values] : ['evidence.lost', { ...values, reason: nameOf('loss', reason) }];
}

/** @param {any} winner @returns {Sentence[]} */
function tellWinner({ promoter_id: who, weight_ppm: weight, chain, chain_at: at, agency_id, talent_id, talent_agency_id, absent }) {
  /** @type {Sentence[]} */
  const sentences = [
    ['chain.weight', { who, weight: percent(weight) }],
    chain.length === 0 ? ['chain.none', { who, at: moment(at) }] : ['chain.above', { who, chain: chain.join(' → '), at: moment(at) }],
  ];
  for (const [role, id] of Object.entries({ agency: agency_id, talent: talent_id, talent_agency: talent_agency_id })) {
    if (id !== null) sentences.push(['chain.party', { role: nameOf('role', role), who: id }]);
  }
  if (absent.length > 0) sentences.push(['chain.absent', { who: absent.join(', ') }]);
  return sentences;
}

/** @param {any} rule @returns {Sentence} */
function tellRule({ name, version, outcome, reason }) {
  return [outcome === 'won' ? 'rule.won' : 'rule.lost', { name, version, reason: nameOf('rule_reason', reason) }];
}

/** @param {any} campaign @param {string | null} currency @returns {Sentence} */
function tellCampaign({ campaign_id: campaign, wanted, outcome, reason }, currency) {
  const values = { campaign, wanted: money(wanted, currency), reason: nameOf('campaign_reason', reason) };
  return [outcome === 'won' ? 'campaign.won' : 'campaign.lost', values];
}

/** @param {any} step @param {string | null} currency @returns {Sentence[]} */
function tellStep(step, currency) {
  const sum = (/** @type {number | string} */ units) => money(units, currency);
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

/** @param {any} step @param {(units: number | string) => string} sum @returns {Sentence} */
function tellBase(step, sum) {
  const values = { paid: sum(step.paid), refunded: sum(step.refunded), base: sum(step.base) };
  // Here `withheld` is the bar of the line, and no tax.
  if (step.void || step.withheld !== undefined) return ['step.base_void', values];
  if (step.removed) return ['step.base_removed', values];
  if (step.platform_commission === undefined) return ['step.base', values];
  return step.platform_commission === null
    ? ['step.base_of_no_platform', values]
    : ['step.base_of_platform', { ...values, commission: sum(step.platform_commission) }];
}

/** @param {any} step @param {(units: number | string) => string} sum @returns {Sentence[]} */
function tellPool(step, sum) {
  /** @type {Sentence[]} */
  const sentences = [['step.rated', { rate: percent(step.rate_ppm), rated: sum(step.rated) }]];
  if (BigInt(step.fixed) > 0n) sentences.push(['step.fixed', { fixed: sum(step.fixed) }]);
  if (step.limited_by !== null) sentences.push(['step.limited', { limit: nameOf('limit', step.limited_by) }]);
  return [...sentences, ['step.pool', { pool: sum(step.pool) }]];
}

/** @param {any} step @param {(units: number | string) => string} sum @returns {Sentence} */
function tellBoost(step, sum) {
  const { campaign_id: campaign } = step;
  const values = { campaign, boost: sum(step.boost), wanted: sum(step.wanted), granted: sum(step.granted), amount: sum(step.amount) };
  return [step.combine === 'add' ? 'step.boost_add' : 'step.boost_max', values];
}

/** @param {any} step @param {(units: number | string) => string} sum @returns {Sentence} */
function tellShare(step, sum) {
  const gross = BigInt(step.gross);
  const values = {
    role: roleOf(step),
    // The role says it already where it is the platform's.
    who: step.promoter_id ?? '',
    gross: sum(step.gross),
    passed: sum(String(gross - BigInt(step.net))),
    amount: sum(step.amount),
  };
  if (BigInt(step.amount) === gross) return ['step.share_whole', values];
  if (step.amount === step.net) return ['step.share', values];
  return ['step.share_with_absent', { ...values, left: sum(String(BigInt(step.amount) - BigInt(step.net))) }];
}

/** @param {{role: string, level?: number, account?: string}} step */
export function roleOf({ role, level, account }) {
  const name = nameOf('role', role);
  return level === undefined ? (account === undefined ? name : `${name} ${account}`) : `${name} ${level}`;
}

/**
 * Whoever keeps the part of an absent one is told as `agency`, `upline 1`, `merchant` or
 * `promoter:<id>`.
 * @param {string} keeper
 */
function keeperOf(keeper) {
  const [role = '', level] = keeper.split(' ');
  return level === undefined ? nameOf('role', keeper) : roleOf({ role, level: Number(level) });
}
