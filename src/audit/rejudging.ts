// The award of an order decided again, by the very functions of the service and from the pins of what stands, beside what stands. Pure.

import { isDeepStrictEqual } from 'node:util';

import { awardCase, toDecision, type Bench } from '../commission/award-case.ts';
import type { AwardHead, StandingDecision } from '../commission/award-store.ts';
import type { ExplainedLine } from '../commission/explanation.ts';
import type { Case } from '../commission/gathering.ts';
import type { BookedSlot } from '../ledger/store.ts';
import { differingFields, shown, type Difference } from './difference.ts';

const EXPLAINED = ['attribution_at', 'reason', 'evidence', 'winners', 'rules', 'arithmetic'] as const satisfies (keyof ExplainedLine)[];

/** Of a released order nobody asks again what evidence came later, so that its explanation need not know of it. */
const ASKED_UNTIL_RELEASED: ReadonlySet<string> = new Set(['evidence', 'reason']);

/**
 * Where an award is not what its order, its evidence and its pins make of it. The bench's `now` is the time of the award: what only time
 * has changed since then is due, and is no fault of what stands.
 */
export function rejudge(subject: string, one: Case, booked: readonly BookedSlot[], bench: Bench): Difference[] {
  const { due } = one;
  const standing = due.award!;
  const result = awardCase(one, booked, bench);
  const expected = result.lines.map((line) => toDecision(line, due.orderKey, standing.head.revision));
  const isReleased = standing.head.releasedAt !== null;
  const differences = compareLines(subject, expected, standing.lines, isReleased);
  const [head] = result.heads;
  if (head !== undefined) differences.push(...compareHeads(subject, head, standing.head));
  if (differences.length > 0) return differences;
  return result.transfers.map(({ kind, lineId, role, promoterId, amount, from, to }) => ({
    subject,
    field: `booked.${lineId}.${role}`,
    expected: shown(`${kind} ${amount} from ${from} to ${to} for ${promoterId ?? 'the platform'}`),
    found: shown(null),
  }));
}

/** The revision is counted up by whatever else differs, and says nothing by itself. */
function compareHeads(subject: string, expected: AwardHead, found: AwardHead): Difference[] {
  const isOfHead = ([field]: [string, unknown]) => field !== 'revision' && field in found;
  const fields = Object.fromEntries(Object.entries(expected).filter(isOfHead)) as Omit<AwardHead, 'revision'>;
  return differingFields(subject, 'award.', fields, found);
}

function compareLines(
  subject: string,
  expected: readonly StandingDecision[],
  found: readonly StandingDecision[],
  isReleased: boolean,
): Difference[] {
  const standing = new Map(found.map((line) => [line.line_id, line]));
  const told = new Map(expected.map((line) => [line.line_id, line]));
  return [...new Set([...told.keys(), ...standing.keys()])].flatMap((lineId) => {
    const [should, is] = [told.get(lineId), standing.get(lineId)];
    const field = `decision.${lineId}`;
    if (should === undefined || is === undefined) {
      return [{ subject, field, expected: shown(should?.decision), found: shown(is?.decision) }];
    }
    return compareDecisions(subject, `${field}.`, should, is, isReleased);
  });
}

function compareDecisions(
  subject: string,
  path: string,
  should: StandingDecision,
  is: StandingDecision,
  isReleased: boolean,
): Difference[] {
  const { explanation, ...expected } = should;
  const fields = Object.fromEntries(Object.entries(expected).filter(([field]) => field in is)) as Omit<StandingDecision, 'explanation'>;
  const differences = differingFields(subject, path, fields, is);
  if (explanation === is.explanation) return differences;
  const [told, found] = [JSON.parse(explanation) as ExplainedLine, JSON.parse(is.explanation) as ExplainedLine];
  for (const part of EXPLAINED) {
    if (isDeepStrictEqual(told[part], found[part]) || (isReleased && ASKED_UNTIL_RELEASED.has(part))) continue;
    differences.push({ subject, field: `${path}explanation.${part}`, expected: shown(told[part]), found: shown(found[part]) });
  }
  return differences;
}
