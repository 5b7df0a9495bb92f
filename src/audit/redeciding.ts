// The award of an order decided again, by the very functions of the service and from the pins of
// what stands, beside what stands. Pure.

import { isDeepStrictEqual } from 'node:util';

import { awardOrder, toDecision, type BatchContext } from '../commission/award/award-order.ts';
import type { AwardHeader, LineHold, StandingDecision } from '../commission/award/standing-award.ts';
import { readExplanations, sharedOf, type ReadExplanations } from '../commission/award/explanation-text.ts';
import type { AwardInput } from '../commission/facts/award-facts.ts';
import type { ExplainedLine } from '../core/explanation.ts';
import { NOT_IN_FORCE } from '../core/rule.ts';
import type { BookedSlot } from '../ledger/booking-store.ts';
import { differingFields, shown, type Difference } from './difference.ts';

const EXPLAINED = [
  'attribution_at',
  'reason',
  'evidence',
  'winners',
  'rules',
  'campaigns',
  'boost',
  'arithmetic',
  're_rating',
] as const satisfies (keyof ExplainedLine)[];

/**
 * Of a released line nobody asks again what evidence came later, so that its explanation need not
 * know of it.
 */
const ASKED_UNTIL_RELEASED: ReadonlySet<string> = new Set(['evidence', 'reason']);

/**
 * Where an award is not what its order, its evidence and its pins make of it. The `now` of the
 * context is the time of the award: what only time has changed since then is due, and is no fault
 * of what stands.
 */
export function redecide(subject: string, input: AwardInput, booked: readonly BookedSlot[], context: BatchContext): Difference[] {
  const { due } = input;
  const standing = due.award!;
  const result = awardOrder(input, booked, context);
  const expected = result.lines.map((line) => toDecision(line, due.orderKey, standing.header.revision));
  const differences = compareLines(subject, expected, standing.lines, standing.holds);
  const [header] = result.headers;
  if (header !== undefined) differences.push(...compareHeaders(subject, header, standing.header));
  for (const { orderKey: _orderKey, ...hold } of result.holds) differences.push(...compareHolds(subject, hold, standing.holds));
  if (differences.length > 0) return differences;
  return result.transfers.map(({ kind, lineId, role, promoterId, amount, from, to }) => ({
    subject,
    field: `booked.${lineId}.${role}`,
    expected: shown(`${kind} ${amount} from ${from} to ${to} for ${promoterId ?? 'the platform'}`),
    found: shown(null),
  }));
}

/** The revision is counted up by whatever else differs, and says nothing by itself. */
function compareHeaders(subject: string, expected: AwardHeader, found: AwardHeader): Difference[] {
  const isOfHead = ([field]: [string, unknown]) => field !== 'revision' && field in found;
  const fields = Object.fromEntries(Object.entries(expected).filter(isOfHead)) as Omit<AwardHeader, 'revision'>;
  return differingFields(subject, 'award.', fields, found);
}

const UNKNOWN_HOLD = { holdDays: null, endsAt: null, releasedAt: null };

function compareHolds(subject: string, expected: LineHold, found: ReadonlyMap<string, LineHold>): Difference[] {
  const { holdDays, endsAt, releasedAt } = found.get(expected.lineId) ?? UNKNOWN_HOLD;
  const { lineId, ...hold } = expected;
  return differingFields<object>(subject, `hold.${lineId}.`, hold, { holdDays, endsAt, releasedAt });
}

function compareLines(
  subject: string,
  expected: readonly StandingDecision[],
  found: readonly StandingDecision[],
  holds: ReadonlyMap<string, LineHold>,
): Difference[] {
  const shared = { told: readExplanations(sharedOf(expected)), found: readExplanations(sharedOf(found)) };
  const standing = new Map(found.map((line) => [line.line_id, line]));
  const told = new Map(expected.map((line) => [line.line_id, line]));
  return [...new Set([...told.keys(), ...standing.keys()])].flatMap((lineId) => {
    const [should, is] = [told.get(lineId), standing.get(lineId)];
    const field = `decision.${lineId}`;
    if (should === undefined || is === undefined) {
      return [{ subject, field, expected: shown(should?.decision), found: shown(is?.decision) }];
    }
    const isReleased = (holds.get(lineId)?.releasedAt ?? null) !== null;
    return compareDecisions(subject, { path: `${field}.`, should, is, isReleased, shared });
  });
}

interface ComparedLine {
  path: string;
  should: StandingDecision;
  is: StandingDecision;
  isReleased: boolean;
  /** What explains the lines of what should be, and of what stands. */
  shared: { told: ReadExplanations; found: ReadExplanations };
}

/** Money and decision always; the reasons only where they are written in one format. */
function compareDecisions(subject: string, { path, should, is, isReleased, shared }: ComparedLine): Difference[] {
  const { explanation, order_explanation: _shared, ...expected } = should;
  const fields = Object.fromEntries(Object.entries(expected).filter(([field]) => field in is)) as Omit<
    StandingDecision,
    'explanation' | 'order_explanation'
  >;
  const differences = differingFields(subject, path, fields, is);
  if (shared.told.format !== shared.found.format) return differences;
  const [told, found] = [withoutLaterRules(shared.told.lineOf(explanation)), withoutLaterRules(shared.found.lineOf(is.explanation))];
  for (const part of EXPLAINED) {
    if (isDeepStrictEqual(told[part], found[part]) || (isReleased && ASKED_UNTIL_RELEASED.has(part))) continue;
    differences.push({ subject, field: `${path}explanation.${part}`, expected: shown(told[part]), found: shown(found[part]) });
  }
  return differences;
}

/**
 * Rules that match and were not in force may be published at any time; nobody awards an order again
 * for them.
 */
function withoutLaterRules(explained: ExplainedLine): ExplainedLine {
  return { ...explained, rules: explained.rules.filter((rule) => rule.reason !== NOT_IN_FORCE) };
}
