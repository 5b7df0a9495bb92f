// What the state of an order keeps of evidence, whatever is told: bounded in such a way that the
// bounded states still join.
import type { MergedEvidence, MergedLine, MergedOrder, TimedWord } from './merged.ts';

/**
 * Pieces that buyers brought: those that were told first. More than are looked at, so that the rest
 * can be counted.
 */
const PIECES_MAX = 2500;
/**
 * Words of the source: those that were told last, two for every line that an order may ever have.
 */
const WORDS_MAX = 4000;
const IDENTITIES_MAX = 200;
const STAMPS_MAX = 64;

const PIECES = ['clickTokens', 'linkCodes', 'couponCodes'] as const satisfies (keyof MergedEvidence)[];
const WORDS = ['promoterIds', 'namedLinkCodes'] as const satisfies (keyof MergedEvidence)[];

type List = (typeof PIECES)[number] | (typeof WORDS)[number];

/** Where something was told: of the order (null) or a line, in which list. */
interface Place {
  line: string | null;
  list: List;
  told: TimedWord;
}

/**
 * Keeps what was told first of pieces and identities, whose times only fall, and what was told last
 * of words and stamps, whose times only rise. So nothing that was left out can come back but by its
 * own time, and the order in which reports come changes nothing.
 */
export function boundEvidence(order: MergedOrder): MergedOrder {
  const identities = order.identities.length > IDENTITIES_MAX ? first(order.identities, IDENTITIES_MAX) : order.identities;
  const evidence = order.whole.evidence.length > STAMPS_MAX ? order.whole.evidence.slice(0, STAMPS_MAX) : order.whole.evidence;
  const bounded = bound(bound(order, PIECES, PIECES_MAX, 1), WORDS, WORDS_MAX, -1);
  return { ...bounded, identities, whole: { ...order.whole, evidence } };
}

function first(told: readonly TimedWord[], most: number): TimedWord[] {
  const kept = new Set(told.toSorted((a, b) => a[1] - b[1] || compareText(a[0], b[0])).slice(0, most));
  return told.filter((one) => kept.has(one));
}

/**
 * Keeps the `most` first (1) or last (-1) told of these lists, over the order and all of its lines.
 */
function bound(order: MergedOrder, lists: readonly List[], most: number, direction: 1 | -1): MergedOrder {
  if (countOf(order, lists) <= most) return order;
  const places = lists.flatMap((list) => [
    ...order[list].map((told): Place => ({ line: null, list, told })),
    ...order.lines.flatMap(({ lineId, evidence }) => (evidence?.[list] ?? []).map((told): Place => ({ line: lineId, list, told }))),
  ]);
  const ranked = places.toSorted((a, b) => direction * (a.told[1] - b.told[1]) || compareText(nameOf(a), nameOf(b)));
  const kept = new Set(ranked.slice(0, most).map(({ told }) => told));
  const keep = <Evidence extends MergedEvidence>(evidence: Evidence): Evidence => {
    const bounded = { ...evidence };
    for (const list of lists) bounded[list] = evidence[list].filter((told) => kept.has(told));
    return bounded;
  };
  return { ...keep(order), lines: order.lines.map((line) => keepOf(line, keep)) };
}

function keepOf(line: MergedLine, keep: (evidence: MergedEvidence) => MergedEvidence): MergedLine {
  return line.evidence === null ? line : { ...line, evidence: keep(line.evidence) };
}

function countOf(order: MergedOrder, lists: readonly List[]): number {
  let count = 0;
  for (const list of lists) {
    count += order[list].length;
    for (const { evidence } of order.lines) count += evidence?.[list].length ?? 0;
  }
  return count;
}

// No value and no line id holds a line feed.
const nameOf = ({ told: [value], list, line }: Place) => `${value}\n${list}\n${line ?? ''}`;

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
