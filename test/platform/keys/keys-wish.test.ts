// Which key a command line asks for, and what no key can be made of.

import { expect, test } from 'vitest';

import { readKeyWish } from '../../../src/platform/keys/keys-wish.ts';

test.each([
  ['--scope admin', { scope: 'admin', label: '' }],
  ['--scope storefront --merchant m1 --label shop', { scope: 'storefront', merchant_id: 'm1', label: 'shop' }],
  ['--scope promoter --promoter=alice', { scope: 'promoter', promoter_id: 'alice', label: '' }],
])('%s is a wish', (args, wish) => {
  expect(readKeyWish(args.split(' '))).toEqual(wish);
});

test.each([
  ['', /^--scope: .*"admin"\|"storefront"\|"merchant"\|"promoter"\|"auditor"$/],
  ['--scope root --merchant=', /^--scope: .*\n--merchant: /],
  ['--scope promoter', /^--promoter: A promoter key has a promoter_id/],
  ['--scope admin --merchant m1', /^--merchant: A merchant key has/],
  ['--scope admin --expires tomorrow', /--expires/],
  ['--scope', /--scope/],
  ['admin', /admin/],
])('"%s" is refused by the name of what is wrong', (args, sentence) => {
  const words = args.split(' ').filter((word) => word !== '');
  expect(() => readKeyWish(words)).toThrow(
    expect.objectContaining({ code: 'malformed_request', message: expect.stringMatching(sentence) }),
  );
});
