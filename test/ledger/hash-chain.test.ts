// The chain's arithmetic, against texts and hashes that were made by hand.

import { createHash } from 'node:crypto';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  climb,
  leafAt,
  leafOf,
  chainEntryHash,
  BEFORE_FIRST_ENTRY,
  placeOf,
  transferText,
  treeOf,
  type ChainedTransfer,
} from '../../src/ledger/hash-chain.ts';

const transfer: ChainedTransfer = {
  transferId: '17',
  bookedAt: '2026-06-01T10:05:30.000Z',
  kind: 'accrue',
  merchantId: 'm1',
  sourceId: 'rest',
  orderId: '1001',
  revision: '1',
  position: '0',
  lineId: '1',
  role: 'promoter',
  level: '',
  promoterId: 'bob',
  currency: 'CNY',
  amount: '630',
  from: 'commission:m1',
  to: 'pending:bob',
  cause: 'order',
  causeId: '1',
  campaignId: '',
};

const TEXT = `17
2026-06-01T10:05:30.000Z
accrue
m1
rest
1001
1
0
1
promoter

bob
CNY
630
commission:m1
pending:bob
`;

const sha256 = (...parts: (string | Buffer)[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

test('a transfer is sixteen lines of text, and its leaf the hash of a zero byte and that text', () => {
  expect(transferText(transfer)).toBe(TEXT);
  expect(leafOf(transfer)).toEqual(sha256('\0', TEXT));
});

test('a transfer that no award of an order has made has two lines more, its cause and what made it', () => {
  const caused = { ...transfer, sourceId: '', orderId: '', revision: '', lineId: '', role: '', cause: 'payout', causeId: 'p-1' };
  expect(transferText(caused)).toBe(
    '17\n2026-06-01T10:05:30.000Z\naccrue\nm1\n\n\n\n0\n\n\n\nbob\nCNY\n630\ncommission:m1\npending:bob\npayout\np-1\n',
  );
  expect(transferText({ ...transfer, cause: 're_rating', causeId: 'run-1' })).toBe(`${TEXT}re_rating\nrun-1\n`);
});

test('a boost has two lines more, the word and its campaign, behind whatever else there is', () => {
  const boost = { ...transfer, role: 'boost', campaignId: 'june' };
  expect(transferText(boost)).toBe(`${TEXT.replace('promoter', 'boost')}campaign\njune\n`);
  expect(transferText({ ...boost, cause: 're_rating', causeId: 'run-1' })).toMatch(/re_rating\nrun-1\ncampaign\njune\n$/);
});

test('no field of a transfer can be changed without its leaf changing', () => {
  const caused = { ...transfer, cause: 'payout', causeId: 'p-1' };
  const leaves = Object.keys(caused).map((field) => leafOf({ ...caused, [field]: 'x' }).toString('hex'));
  expect(new Set([...leaves, leafOf(caused).toString('hex'), leafOf(transfer).toString('hex')]).size).toBe(21);
});

test('a link is five lines of text', () => {
  const root = sha256('root');
  const text = `1\n2026-06-01\n3\n${root.toString('hex')}\n${'00'.repeat(32)}\n`;
  expect(chainEntryHash({ linkNo: 1n, day: '2026-06-01', transfers: 3, root, previousHash: BEFORE_FIRST_ENTRY })).toEqual(sha256(text));
});

const node = (left: Buffer, right: Buffer) => sha256('\u0001', left, right);

test('the root of five leaves is built as RFC 6962 says', () => {
  const leaves = ['a', 'b', 'c', 'd', 'e'].map((text) => sha256(text)) as [Buffer, Buffer, Buffer, Buffer, Buffer];
  const [a, b, c, d, e] = leaves;
  expect(treeOf(Buffer.concat(leaves)).root).toEqual(node(node(node(a, b), node(c, d)), e));
  expect(treeOf(a)).toMatchObject({ root: a });
  expect(treeOf(a).pathOf(0)).toEqual([]);
});

test('every path leads from its leaf to the root, and from no other leaf', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), (count) => {
      const leaves = Buffer.concat(Array.from({ length: count }, (_, place) => sha256(String(place))));
      const { root, pathOf, upper } = treeOf(leaves);
      const kept = treeOf(leaves, upper);
      expect([kept.root, kept.upper]).toEqual([root, upper]);
      for (let place = 0; place < count; place++) {
        expect(climb(leafAt(leaves, place), pathOf(place))).toEqual(root);
        expect(kept.pathOf(place)).toEqual(pathOf(place));
        expect(climb(sha256('other'), pathOf(place))).not.toEqual(root);
      }
    }),
    { numRuns: 30 },
  );
});

test('a leaf is found only where a leaf begins, and only from the place on that is said', () => {
  const [a, b] = [sha256('a'), sha256('b')];
  const leaves = Buffer.concat([a, b, a]);
  expect([placeOf(leaves, a, 0), placeOf(leaves, a, 1), placeOf(leaves, b, 2)]).toEqual([0, 2, -1]);
  expect(placeOf(leaves, leaves.subarray(7, 39), 0)).toBe(-1);
});
