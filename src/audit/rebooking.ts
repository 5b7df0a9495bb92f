// The books of an order written again: what each revision had to book after those before it, beside
// what it has booked. Pure.

import { applyPostings, differences as postingsFor, type Booked, type Posting, type Target } from '../core/posting.ts';
import type { BookedSlot } from '../ledger/booking-store.ts';
import { groupedBy } from '../platform/grouped-by.ts';
import { shown, type Difference } from './difference.ts';
import type { DecidedShares, StandingTransfer } from './audit-store.ts';

interface OrderBooks {
  subject: string;
  /** Of the standing award, 0 where there is none. */
  revision: number;
  /** When each line was released, of those that were. */
  released: ReadonlyMap<string, Date>;
  decided: readonly DecidedShares[];
  transfers: readonly StandingTransfer[];
}

/**
 * Where the transfers of an order are not those which its decisions ask for, revision by revision.
 * What is compared with is always what should have been booked before, so that one fault is told
 * once. An order whose currency was corrected moved all it had from one currency to the other,
 * which no revision remembers: its books are compared as they stand in the end.
 */
export function rebook({ subject, revision: last, released, decided, transfers }: OrderBooks): Difference[] {
  if (new Set(transfers.map((transfer) => transfer.currency)).size > 1) return transfers.flatMap((one) => strayAccounts(subject, one));
  const found = groupedBy(transfers, (transfer) => transfer.revision);
  const shares = groupedBy(decided, (one) => one.revision);
  const differences: Difference[] = [];
  let booked: Booked[] = [];
  for (const revision of [...new Set([...found.keys(), ...shares.keys()])].toSorted((a, b) => a - b)) {
    const own = found.get(revision) ?? [];
    const isReleased = (lineId: string) => {
      const at = released.get(lineId);
      return at !== undefined && own.some((transfer) => transfer.booked_at >= at);
    };
    const expected = revision > last ? [] : postingsFor({ booked, target: targetsOf(shares.get(revision) ?? []), isReleased });
    booked = applyPostings(booked, expected);
    differences.push(...compare(subject, revision, expected, own));
  }
  return [...differences, ...transfers.flatMap((one) => strayAccounts(subject, one))];
}

function targetsOf(decided: readonly DecidedShares[]): Target[] {
  return decided.flatMap(({ line_id: lineId, shares }) =>
    shares.map(({ role, level, promoter_id: promoterId, campaign_id: campaignId, amount }) => ({
      lineId,
      role,
      level,
      promoterId,
      ...(campaignId !== undefined && { campaignId }),
      amount: BigInt(amount),
    })),
  );
}

function compare(subject: string, revision: number, expected: readonly Posting[], found: readonly StandingTransfer[]): Difference[] {
  const byPlace = new Map(found.map((transfer) => [transfer.position, transferText(transfer)]));
  const places = new Set([...expected.keys(), ...byPlace.keys()]);
  return [...places].flatMap((place) => {
    const [should, is] = [expected[place] === undefined ? null : postingText(expected[place]), byPlace.get(place) ?? null];
    return should === is ? [] : [{ subject, field: `transfer.${revision}.${place}`, expected: shown(should), found: shown(is) }];
  });
}

function postingText({ kind, lineId, role, level, promoterId, campaignId, from, to, amount }: Posting): string {
  const budget = campaignId === undefined ? '' : ` of ${campaignId}`;
  return `${kind} ${amount} from ${from} to ${to}, line ${lineId}, ${role} ${level ?? ''} ${promoterId ?? ''}${budget}`;
}

function transferText(one: StandingTransfer): string {
  const { kind, line_id: lineId, role, level, promoter_id: promoterId, from_kind: from, to_kind: to, amount } = one;
  return postingText({ kind, lineId, role, level, promoterId, ...campaignOf(one), from, to, amount });
}

const campaignOf = ({ campaign_id: campaignId }: Pick<StandingTransfer, 'campaign_id'>) => (campaignId === null ? {} : { campaignId });

/** A promoter's money lies on the promoter's own accounts. */
function strayAccounts(subject: string, one: StandingTransfer): Difference[] {
  const sides = [
    [one.from_kind, one.from_promoter_id],
    [one.to_kind, one.to_promoter_id],
  ] as const;
  return sides.flatMap(([kind, owner]) => {
    const expected = kind === 'commission' || kind === 'revenue' ? null : one.promoter_id;
    if (owner === expected) return [];
    return [{ subject, field: `transfer.${one.revision}.${one.position}.${kind}`, expected: shown(expected), found: shown(owner) }];
  });
}

/** What the transfers of an order sum to, slot by slot and currency by currency. */
export function slotsOf(transfers: readonly StandingTransfer[]): BookedSlot[] {
  return [...groupedBy(transfers, (transfer) => transfer.currency)].flatMap(([currency, moved]) => {
    const postings = moved.map(({ line_id: lineId, promoter_id: promoterId, from_kind: from, to_kind: to, ...one }) => ({
      kind: one.kind,
      lineId,
      role: one.role,
      level: one.level,
      promoterId,
      ...campaignOf(one),
      from,
      to,
      amount: one.amount,
    }));
    return applyPostings([], postings).map((slot) => ({ ...slot, currency }));
  });
}
