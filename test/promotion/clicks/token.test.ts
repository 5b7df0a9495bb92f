// The click token: what was minted is read, and nothing else is.

import { createSecretKey, randomBytes } from 'node:crypto';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { mintClickToken, readClickToken } from '../../../src/promotion/clicks/token.ts';

const key = createSecretKey(Buffer.alloc(32, 1));
const otherKey = createSecretKey(Buffer.alloc(32, 2));

const proofs = fc.record({
  clickId: fc.uuid(),
  linkCode: fc.stringMatching(/^[0-9A-Za-z_-]{4,32}$/),
  clickedAt: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  bot: fc.boolean(),
});

test('a token reads as what it was minted of', () => {
  fc.assert(
    fc.property(proofs, (proof) => {
      const token = mintClickToken(key, proof);
      expect(token).toMatch(/^[\w-]+$/);
      expect(readClickToken([key], token)).toEqual(proof);
    }),
  );
});

test('a token of a retired key reads as long as the key is believed', () => {
  const proof = { clickId: '01900000-0000-7000-8000-000000000000', linkCode: 'abcdefghij', clickedAt: 1, bot: false };
  const token = mintClickToken(otherKey, proof);
  expect(readClickToken([key, otherKey], token)).toEqual(proof);
  expect(readClickToken([key], token)).toBeNull();
  expect(readClickToken([], token)).toBeNull();
});

test('a token with any one character changed, added or taken away is no token', () => {
  fc.assert(
    fc.property(proofs, fc.nat(), fc.constantFrom('A', 'a', '0', '_', '-', '.', '=', ' ', '%'), (proof, position, character) => {
      const token = mintClickToken(key, proof);
      const at = position % token.length;
      const texts = [token.slice(0, at) + token.slice(at + 1), token.slice(0, at) + character + token.slice(at)];
      if (token[at] !== character) texts.push(token.slice(0, at) + character + token.slice(at + 1));
      for (const text of texts) expect(readClickToken([key], text)).toBeNull();
    }),
    { numRuns: 1000 },
  );
});

test('anything else is no token, and never an error', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.base64String(),
        fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64url')),
      ),
      (text) => {
        expect(readClickToken([key], text)).toBeNull();
      },
    ),
    { numRuns: 2000 },
  );
  expect(readClickToken([key], '')).toBeNull();
  expect(readClickToken([key], 'A'.repeat(100_000))).toBeNull();
});

test('a signed token of another version is no token', () => {
  const token = mintClickToken(key, { clickId: '01900000-0000-7000-8000-000000000000', linkCode: 'abcdefghij', clickedAt: 1, bot: false });
  const bytes = Buffer.from(token, 'base64url');
  for (const version of [0x00, 0x12, 0x20, 0xff]) {
    bytes[0] = version;
    expect(readClickToken([key], bytes.toString('base64url'))).toBeNull();
  }
  expect(readClickToken([key], randomBytes(49).toString('base64url'))).toBeNull();
});
