// The tree of a plan: who gets what of a pool, and where the part of an absent one goes.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PlanNode } from '../../src/core/plan.ts';
import type { ExplainedStep } from '../../src/core/explanation.ts';
import type { Parties, Share } from '../../src/core/party.ts';
import { payTree } from '../../src/core/tree.ts';

const PARTIES: Parties = { promoter: 'bob', uplines: ['alice'], agency: 'a1', talent: 'tina', talentAgency: 'a2' };

const node = (to: PlanNode['to'], share_ppm: number, ...pays: PlanNode[]): PlanNode => ({ to, share_ppm, pays });
const upline = (level: number, share_ppm: number, ...pays: PlanNode[]): PlanNode => ({ to: 'upline', level, share_ppm, pays });

function run(
  nodes: PlanNode[],
  part: bigint,
  parties: Parties = PARTIES,
): { charged: bigint; shares: Share[]; arithmetic: ExplainedStep[] } {
  const shares: Share[] = [];
  const arithmetic: ExplainedStep[] = [];
  return { charged: payTree(nodes, part, { parties, shares, arithmetic }), shares, arithmetic };
}

function told(nodes: PlanNode[], part: bigint, parties: Partial<Parties> = {}): string[] {
  return run(nodes, part, { ...PARTIES, ...parties }).shares.map(({ role, level, promoterId, amount }) =>
    [role, level, promoterId, amount].filter((word) => word !== null).join(' '),
  );
}

const sum = (amounts: bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);

const WORKED = [node('agency', 1_000_000, node('promoter', 700_000, upline(1, 100_000)))];

test('an agency pays a promoter who pays the one above', () => {
  expect(told(WORKED, 999n)).toEqual(['agency a1 300', 'promoter bob 630', 'upline 1 alice 69']);
  expect(told(WORKED, 699n)).toEqual(['agency a1 210', 'promoter bob 441', 'upline 1 alice 48']);
});

test('five parties pay each other down: 10.00 becomes 4, 2, 2, 1 and 1', () => {
  const talent = node('talent', 666_667, node('agency', 500_000, node('promoter', 500_000)));
  const lead = node({ account: 'promoter:lead' }, 1_000_000, node('talent_agency', 600_000, talent));
  expect(told([lead], 1000n)).toEqual(['account lead 400', 'talent_agency a2 200', 'talent tina 200', 'agency a1 100', 'promoter bob 100']);
});

test('an absent one leaves its net to its payer, and those below it are paid as if it were there', () => {
  expect(told(WORKED, 999n, { promoter: null })).toEqual(['agency a1 930', 'upline 1 alice 69']);
});

test('an absent one below an absent one leaves its net to the nearest present payer', () => {
  expect(told(WORKED, 999n, { promoter: null, uplines: [] })).toEqual(['agency a1 999']);
});

test('what absent ones at the top leave is not charged', () => {
  expect(told(WORKED, 999n, { promoter: null, agency: null })).toEqual(['upline 1 alice 69']);
  expect(run(WORKED, 999n, { ...PARTIES, agency: null }).charged).toBe(699n);
});

test('a missing level of the chain is nobody else’s', () => {
  const tree = [node('promoter', 500_000), upline(1, 100_000), upline(2, 100_000, node('platform', 500_000))];
  expect(told(tree, 1000n)).toEqual(['promoter bob 500', 'upline 1 alice 100', 'platform 50']);
  expect(told(tree, 1000n, { uplines: [null, 'ann'] })).toEqual(['promoter bob 500', 'upline 2 ann 50', 'platform 50']);
});

test('a named party is paid unless it may not be, and one promoter may stand in several rows', () => {
  const tree = [node({ account: 'promoter:bob' }, 300_000), node('promoter', 300_000)];
  expect(told(tree, 10n)).toEqual(['account bob 3', 'promoter bob 3']);
  expect(told(tree, 10n, { isPresent: (promoterId) => promoterId !== 'bob' })).toEqual(['promoter bob 3']);
});

test('every step says who pays what part, the gross, the net and who keeps an absent one’s net', () => {
  const tree = [node({ account: 'promoter:gone' }, 1_000_000, upline(1, 500_000, node('talent', 500_000)))];
  const { arithmetic } = run(tree, 100n, { ...PARTIES, talent: null, isPresent: () => false });
  const gone = { account: 'promoter:gone' };
  expect(arithmetic).toEqual([
    { step: 'absent', role: 'account', ...gone, payer: 'merchant', share_ppm: 1_000_000, gross: 100, net: 50, kept_by: 'merchant' },
    {
      step: 'share',
      role: 'upline',
      level: 1,
      promoter_id: 'alice',
      payer: gone.account,
      share_ppm: 500_000,
      gross: 50,
      net: 25,
      amount: 50,
    },
    { step: 'absent', role: 'talent', payer: 'upline 1', share_ppm: 500_000, gross: 25, net: 25, kept_by: 'upline 1' },
  ]);
});

/**
 * Trees of at most `depth` nodes on a path, in which the children of a node take at most all of it.
 */
function treesOf(depth: number): fc.Arbitrary<PlanNode[]> {
  const drawn = fc.record({
    to: fc.constantFrom<PlanNode['to']>('promoter', 'upline', 'agency', 'talent', 'talent_agency', 'platform', { account: 'promoter:x' }),
    level: fc.integer({ min: 1, max: 3 }),
    share: fc.oneof(fc.nat(1_000_000), fc.constant(1_000_000)),
    pays: depth === 1 ? fc.constant<PlanNode[]>([]) : treesOf(depth - 1),
  });
  return fc.array(drawn, { maxLength: 3 }).map((siblings) => {
    let left = 1_000_000;
    return siblings.map(({ to, level, share, pays }): PlanNode => {
      const share_ppm = Math.min(share, left);
      left -= share_ppm;
      return to === 'upline' ? upline(level, share_ppm, ...pays) : node(to, share_ppm, ...pays);
    });
  });
}

const some = (name: string) => fc.constantFrom(name, null);
const parties: fc.Arbitrary<Parties> = fc.record({
  promoter: some('bob'),
  uplines: fc.tuple(some('u1'), some('u2')),
  agency: some('a1'),
  talent: some('t1'),
  talentAgency: some('a2'),
  isPresent: fc.constantFrom(
    () => true,
    () => false,
  ),
});
const trees = treesOf(4);
const pools = fc.bigInt({ min: 0n, max: 10n ** 15n });

function isAbsent({ to, level }: PlanNode, given: Parties): boolean {
  if (typeof to === 'object') return given.isPresent?.(to.account.slice('promoter:'.length)) === false;
  const holders = { ...given, talent_agency: given.talentAgency, upline: given.uplines[level! - 1] ?? null, platform: 'us' };
  return holders[to] === null;
}

test('a net is the gross without the grosses of the children, and an absent one’s goes to the nearest present payer', () => {
  fc.assert(
    fc.property(trees, parties, pools, (tree, given, pool) => {
      const expected: bigint[] = [];
      const pay = (nodes: PlanNode[], payerGross: bigint, keeper: number | null) => {
        for (const one of nodes) {
          const gross = (payerGross * BigInt(one.share_ppm)) / 1_000_000n;
          const net = gross - sum(one.pays.map((child) => (gross * BigInt(child.share_ppm)) / 1_000_000n));
          const index = isAbsent(one, given) ? keeper : expected.push(0n) - 1;
          if (index !== null) expected[index]! += net;
          pay(one.pays, gross, index);
        }
      };
      pay(tree, pool, null);
      expect(run(tree, pool, given).shares.map((share) => share.amount)).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test('every gross can be followed: it is the named part, rounded down, of the gross of a payer who stands above it', () => {
  fc.assert(
    fc.property(trees, parties, pools, (tree, given, pool) => {
      const seen: { name: string; gross: bigint }[] = [{ name: 'merchant', gross: pool }];
      for (const step of run(tree, pool, given).arithmetic) {
        if (step.step !== 'share' && step.step !== 'absent') continue;
        const grosses = seen.flatMap(({ name, gross }) => (name === step.payer ? (gross * BigInt(step.share_ppm!)) / 1_000_000n : []));
        expect(grosses).toContain(BigInt(step.gross));
        for (const name of [`${step.role} ${step.level}`, step.role, 'promoter:x']) seen.push({ name, gross: BigInt(step.gross) });
      }
    }),
    { numRuns: 300 },
  );
});

test('what is charged is what is shared out, and never more than there is', () => {
  fc.assert(
    fc.property(trees, parties, pools, (tree, given, pool) => {
      const { charged, shares } = run(tree, pool, given);
      expect(sum(shares.map((share) => share.amount))).toBe(charged);
      expect(shares.every((share) => share.amount >= 0n)).toBe(true);
      expect(charged <= pool).toBe(true);
    }),
    { numRuns: 500 },
  );
});

const ofRole = ({ shares }: { shares: Share[] }, { role, level }: Share) =>
  sum(shares.filter((share) => share.role === role && share.level === level).map((share) => share.amount));

test('who is absent costs the others nothing and the merchant nothing', () => {
  const full: Parties = { promoter: 'bob', uplines: ['u1', 'u2', 'u3'], agency: 'a1', talent: 't1', talentAgency: 'a2' };
  fc.assert(
    fc.property(trees, parties, pools, (tree, given, pool) => {
      const [before, after] = [run(tree, pool, full), run(tree, pool, given)];
      expect(after.charged <= before.charged).toBe(true);
      for (const share of after.shares) expect(ofRole(after, share) >= ofRole(before, share)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
