import { expect, test } from 'vitest';

import { manual } from '../../../src/payouts/providers/manual.ts';

test('what is paid by hand asks for nothing, and pays any amount in any currency', () => {
  for (const schema of [manual.secrets, manual.options, manual.account]) {
    expect(schema.safeParse({}).success).toBe(true);
    expect(schema.safeParse({ account_no: '1' }).success).toBe(false);
  }
  expect(manual.channel).toBeNull();
  expect(manual.terms({})).toMatchObject({ currencies: null, minimum: 1n, maximum: null, nameFrom: null, payeeActs: false });
});
