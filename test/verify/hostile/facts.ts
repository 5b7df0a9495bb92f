// What is known of an order of the hostile market after all that was said of it: sayings are sorted
// by their time and read from first to last, where the service joins them in whatever order they
// come.

import type { SaidEvidence, SaidLine, SaidRefund, Saying, Status } from './said.ts';

/** What is known of an order after its sayings. */
export interface Facts {
  status: Status;
  void: false | string;
  currencies: string[];
  createdAt: number | null;
  depositPaidAt: number | null;
  paidAt: number | null;
  completedAt: number | null;
  test: boolean;
  sample: boolean;
  parent: Saying['parent'] | null;
  buyer: Record<string, string>[];
  lines: Map<string, LineFacts>;
  refunds: SaidRefund[];
  heldLines: Set<string | null>;
  evidence: EvidenceFacts;
}

export interface LineFacts {
  lineId: string;
  isGone: boolean;
  productId: string | null;
  quantity: number;
  paid: number;
  completedAt: number | null;
  notCommissionable: string | false;
  evidence: EvidenceFacts;
}

/** Each value with when it was said: what a buyer brought at first, a platform's word at last. */
interface EvidenceFacts {
  click_token: Map<string, number>;
  link_code: Map<string, number>;
  coupon_code: Map<string, number>;
  platform: Map<string, number>;
}

const noEvidence = (): EvidenceFacts => ({ click_token: new Map(), link_code: new Map(), coupon_code: new Map(), platform: new Map() });
const RANK: readonly Status[] = ['created', 'paid', 'completed'];

const least = (a: number | null, b: number | null | undefined): number | null => (b == null ? a : a === null ? b : Math.min(a, b));

/** Reads the sayings from the earliest to the latest. */
export function factsOf(all: readonly Saying[]): Facts {
  const sayings = all.toSorted((a, b) => a.at - b.at);
  const own = sayings.filter(({ by }) => by === 'source');
  const stampOf = (list: 'lines' | 'refunds' | 'evidence') => own.findLast(({ whole }) => whole?.includes(list))?.at ?? -Infinity;
  const stamps = { lines: stampOf('lines'), refunds: stampOf('refunds'), evidence: stampOf('evidence') };
  const facts: Facts = {
    status: 'created',
    void: false,
    currencies: currenciesOf(own, Math.max(stamps.lines, stamps.refunds, stamps.evidence)),
    createdAt: null,
    depositPaidAt: null,
    paidAt: null,
    completedAt: null,
    test: false,
    sample: false,
    parent: null,
    buyer: sayings.flatMap(({ buyer }) => (buyer === undefined ? [] : [buyer as Record<string, string>])),
    lines: linesOf(sayings, stamps),
    refunds: refundsOf(own, stamps.refunds),
    heldLines: new Set(),
    evidence: evidenceOf(sayings, stamps.evidence),
  };
  for (const saying of own) readTimes(saying, facts);
  for (const { refundId: _, ...refund } of facts.refunds) if (refund.status === 'open') facts.heldLines.add(refund.lineId ?? null);
  for (const dispute of disputesOf(own)) facts.heldLines.add(dispute);
  return facts;
}

function readTimes(saying: Saying, facts: Facts): void {
  const { status, at } = saying;
  if (status !== undefined && RANK.indexOf(status) > RANK.indexOf(facts.status)) facts.status = status;
  facts.createdAt = least(facts.createdAt, saying.createdAt ?? (status === 'created' ? at : null));
  facts.depositPaidAt = least(facts.depositPaidAt, saying.depositPaidAt);
  facts.paidAt = least(
    facts.paidAt,
    saying.paidAt ?? (status === 'paid' ? at : status === 'completed' ? least(at, saying.completedAt) : null),
  );
  facts.completedAt = least(facts.completedAt, saying.completedAt ?? (status === 'completed' ? at : null));
  facts.void = saying.void ?? facts.void;
  facts.test = saying.test ?? facts.test;
  facts.sample = saying.sample ?? facts.sample;
  facts.parent = saying.parent ?? facts.parent;
}

/**
 * Those that are said by no older report than the last whole one; where that says none, those of
 * the last report that does.
 */
function currenciesOf(own: readonly Saying[], stamp: number): string[] {
  const said = new Map<string, number>();
  for (const { currency, at } of own) if (currency !== undefined) said.set(currency, at);
  const from = Math.min(stamp, Math.max(...said.values()));
  return [...said].filter(([, at]) => at >= from).map(([currency]) => currency);
}

function linesOf(sayings: readonly Saying[], stamps: { lines: number; evidence: number }): Map<string, LineFacts> {
  const lines = new Map<string, LineFacts>();
  const own = sayings.filter(({ by }) => by === 'source');
  for (const lineId of new Set(own.flatMap(({ lines: said = [] }) => said.map((line) => line.lineId)))) {
    const told = own.flatMap((saying) =>
      (saying.lines ?? []).filter((line) => line.lineId === lineId).map((line) => ({ line, at: saying.at })),
    );
    const last = <Key extends keyof SaidLine>(key: Key) => told.findLast(({ line }) => line[key] !== undefined)?.line[key];
    const ofLine = sayings.flatMap((saying) => {
      const said = saying.lines?.find((line) => line.lineId === lineId);
      return said === undefined ? [] : [{ ...said, at: saying.at, by: saying.by }];
    });
    lines.set(lineId, {
      lineId,
      isGone: told.at(-1)!.at < stamps.lines,
      productId: last('productId') ?? null,
      quantity: last('quantity') ?? 1,
      paid: last('paid') ?? 0,
      completedAt: told.reduce<number | null>((first, { line }) => least(first, line.completedAt), null),
      notCommissionable: last('notCommissionable') ?? false,
      evidence: evidenceOf(ofLine, stamps.evidence),
    });
  }
  return lines;
}

type SaidOf = SaidEvidence & { at: number; by: Saying['by'] };

const first = (values: Map<string, number>, value: string | undefined, at: number): void => {
  if (value !== undefined && value !== '' && !values.has(value)) values.set(value, at);
};

function evidenceOf(said: readonly SaidOf[], stamp: number): EvidenceFacts {
  const evidence = noEvidence();
  for (const { at, by, clickToken, linkCode, couponCodes = [], promoterId } of said) {
    first(evidence.click_token, clickToken, at);
    first(evidence.link_code, linkCode, at);
    for (const code of couponCodes) first(evidence.coupon_code, code, at);
    if (by === 'source' && promoterId !== undefined) evidence.platform.set(promoterId, at);
  }
  for (const [name, at] of evidence.platform) if (at < stamp) evidence.platform.delete(name);
  return evidence;
}

function refundsOf(own: readonly Saying[], stamp: number): SaidRefund[] {
  const refunds = new Map<string, { refund: SaidRefund; at: number }>();
  for (const { at, refunds: said = [] } of own) {
    for (const refund of said) refunds.set(refund.refundId, { refund: { ...refunds.get(refund.refundId)?.refund, ...stated(refund) }, at });
  }
  return [...refunds.values()].filter(({ at }) => at >= stamp).map(({ refund }) => refund);
}

const stated = <Item extends object>(item: Item): Item =>
  Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as Item;

/** The lines that an open dispute holds; null: all. One that was closed once is closed. */
function disputesOf(own: readonly Saying[]): (string | null)[] {
  const said = own.flatMap(({ disputes = [] }) => disputes);
  const closed = new Set(said.filter(({ state }) => state === 'closed').map(({ disputeId }) => disputeId));
  return said.filter(({ disputeId }) => !closed.has(disputeId)).map(({ lineId }) => lineId ?? null);
}
