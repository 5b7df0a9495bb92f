// What is booked for an order converges to what should be, whatever happens in between.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyPostings, differences } from '../../src/core/posting.ts';
import type { Booked, Posting, Target } from '../../src/core/posting.ts';

const AGENCY = { lineId: '1', role: 'agency', level: null, promoterId: 'a1' } as const;
const PROMOTER = { lineId: '1', role: 'promoter', level: null, promoterId: 'bob' } as const;
const UPLINE = { lineId: '1', role: 'upline', level: 1, promoterId: 'alice' } as const;
const PLATFORM = { lineId: '1', role: 'platform', level: null, promoterId: null } as const;

const pending = (slot: Omit<Target, 'amount'>, amount: bigint): Booked => ({ ...slot, pending: amount, available: 0n });
const available = (slot: Omit<Target, 'amount'>, amount: bigint): Booked => ({ ...slot, pending: 0n, available: amount });
const target = (slot: Omit<Target, 'amount'>, amount: bigint): Target => ({ ...slot, amount });
const told = (postings: Posting[]) => postings.map(({ kind, role, from, to, amount }) => `${kind} ${role} ${from}>${to} ${amount}`);

test('a first award is accrued to pending', () => {
  const postings = differences({
    booked: [],
    target: [target(PROMOTER, 630n), target(AGENCY, 300n), target(UPLINE, 69n)],
    isReleased: () => false,
  });
  expect(told(postings)).toEqual([
    'accrue agency commission>pending 300',
    'accrue promoter commission>pending 630',
    'accrue upline commission>pending 69',
  ]);
  expect(postings[2]).toEqual({ kind: 'accrue', ...UPLINE, from: 'commission', to: 'pending', amount: 69n });
});

test('a refund books the difference alone', () => {
  const booked = [pending(AGENCY, 300n), pending(PROMOTER, 630n), pending(UPLINE, 69n)];
  const wanted = [target(AGENCY, 210n), target(PROMOTER, 441n), target(UPLINE, 48n)];
  expect(differences({ booked, target: wanted, isReleased: () => false }).map(({ kind, amount }) => `${kind} ${amount}`)).toEqual([
    'reverse 90',
    'reverse 189',
    'reverse 21',
  ]);
});

test('what is there already is not booked again', () => {
  expect(differences({ booked: [pending(PROMOTER, 630n)], target: [target(PROMOTER, 630n)], isReleased: () => false })).toEqual([]);
});

test('a release makes all that is pending available, after what has changed', () => {
  const booked = [pending(PROMOTER, 630n)];
  expect(told(differences({ booked, target: [target(PROMOTER, 630n)], isReleased: () => true }))).toEqual([
    'release promoter pending>available 630',
  ]);
  expect(told(differences({ booked, target: [target(PROMOTER, 600n)], isReleased: () => true }))).toEqual([
    'reverse promoter pending>commission 30',
    'release promoter pending>available 600',
  ]);
  expect(told(differences({ booked, target: [target(PROMOTER, 700n)], isReleased: () => true }))).toEqual([
    'accrue promoter commission>pending 70',
    'release promoter pending>available 700',
  ]);
});

test('a refund after the release is taken from what is available', () => {
  const postings = differences({ booked: [available(PROMOTER, 630n)], target: [target(PROMOTER, 441n)], isReleased: () => true });
  expect(told(postings)).toEqual(['reverse promoter available>commission 189']);
});

test('pending money is reversed before available money', () => {
  const booked = [{ ...PROMOTER, pending: 50n, available: 100n }];
  expect(told(differences({ booked, target: [target(PROMOTER, 30n)], isReleased: () => false }))).toEqual([
    'reverse promoter pending>commission 50',
    'reverse promoter available>commission 70',
  ]);
});

test('another winner takes the whole share and the former one loses it', () => {
  const wanted = [target({ ...PROMOTER, promoterId: 'ann' }, 630n)];
  expect(
    differences({ booked: [pending(PROMOTER, 630n)], target: wanted, isReleased: () => false }).map((p) => `${p.kind} ${p.promoterId}`),
  ).toEqual(['accrue ann', 'reverse bob']);
});

test('the platform’s part goes to revenue at once and comes back from it', () => {
  expect(told(differences({ booked: [], target: [target(PLATFORM, 50n)], isReleased: () => true }))).toEqual([
    'accrue platform commission>revenue 50',
  ]);
  expect(told(differences({ booked: [available(PLATFORM, 50n)], target: [target(PLATFORM, 20n)], isReleased: () => false }))).toEqual([
    'reverse platform revenue>commission 30',
  ]);
});

test('shares of several winners for one slot are one posting', () => {
  const wanted = [target(AGENCY, 2n), target(AGENCY, 3n)];
  expect(told(differences({ booked: [], target: wanted, isReleased: () => false }))).toEqual(['accrue agency commission>pending 5']);
});

test('books that cannot be are refused', () => {
  expect(() => differences({ booked: [], target: [target(PROMOTER, -1n)], isReleased: () => false })).toThrow('broken law');
  expect(() => differences({ booked: [available(PROMOTER, -1n)], target: [], isReleased: () => false })).toThrow('broken law');
  expect(() => differences({ booked: [], target: [target({ ...PROMOTER, promoterId: null }, 1n)], isReleased: () => false })).toThrow(
    'broken law',
  );
});

const slots = fc.oneof(
  fc.record({
    lineId: fc.constantFrom('2', '10', 'x'),
    role: fc.constantFrom('promoter', 'agency', 'talent', 'account'),
    level: fc.constant(null),
    promoterId: fc.constantFrom('ann', 'bob'),
  }),
  fc.record({
    lineId: fc.constantFrom('2', '10', 'x'),
    role: fc.constant('upline'),
    level: fc.constantFrom(1, 2),
    promoterId: fc.constantFrom('ann', 'bob'),
  }),
  fc.record({ lineId: fc.constantFrom('2', '10'), role: fc.constant('platform'), level: fc.constant(null), promoterId: fc.constant(null) }),
);
const targets: fc.Arbitrary<Target[]> = fc.array(
  fc.tuple(slots, fc.bigInt({ min: 0n, max: 1000n })).map(([slot, amount]) => target(slot, amount)),
  { maxLength: 8 },
);
const histories = fc.array(fc.record({ target: targets, released: fc.boolean() }), { minLength: 1, maxLength: 6 });

const slotOf = ({ lineId, role, level, promoterId }: Omit<Target, 'amount'>) => JSON.stringify([lineId, role, level, promoterId]);

function totals(rows: { slot: string; amount: bigint }[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { slot, amount } of rows) sums.set(slot, (sums.get(slot) ?? 0n) + amount);
  return new Map([...sums].filter(([, amount]) => amount !== 0n).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

describe('for every history of an order', () => {
  test('the books become the target exactly, never go below zero on the way, and a second look books nothing', () => {
    fc.assert(
      fc.property(histories, (history) => {
        let booked: Booked[] = [];
        for (const award of history) {
          const postings = differences({ booked, target: award.target, isReleased: () => award.released });
          for (const posting of postings) {
            expect(posting.amount > 0n).toBe(true);
            booked = applyPostings(booked, [posting]);
            expect(booked.every((slot) => slot.pending >= 0n && slot.available >= 0n)).toBe(true);
          }
          const reached = booked.map((slot) => ({ slot: slotOf(slot), amount: slot.pending + slot.available }));
          expect(totals(reached)).toEqual(totals(award.target.map((wanted) => ({ slot: slotOf(wanted), amount: wanted.amount }))));
          if (award.released) expect(booked.every((slot) => slot.pending === 0n)).toBe(true);
          expect(differences({ booked, target: award.target, isReleased: () => award.released })).toEqual([]);
        }
      }),
    );
  });

  test('the same postings come in the same order, however books and targets are sorted', () => {
    fc.assert(
      fc.property(targets, targets, fc.boolean(), (first, second, released) => {
        const booked = applyPostings([], differences({ booked: [], target: first, isReleased: () => false }));
        const postings = differences({ booked, target: second, isReleased: () => released });
        expect(differences({ booked: booked.toReversed(), target: second.toReversed(), isReleased: () => released })).toEqual(postings);
      }),
    );
  });
});
