// Paid by hand: somebody moves the money elsewhere and says how it ended.

import { z } from 'zod';

import type { ProviderKind } from './provider.ts';

const nothing = z.strictObject({});

/** A provider that asks for nothing and can pay anything. */
export const manual: ProviderKind = {
  kind: 'manual',
  secrets: nothing,
  options: nothing,
  account: nothing,
  channel: null,
  terms: () => ({
    currencies: null,
    minimum: 1n,
    maximum: null,
    nameFrom: null,
    billNumber: { alphabet: '0123456789ABCDEFGHJKMNPQRSTVWXYZ', length: 24 },
    queryDays: null,
    payeeActs: false,
    cancellable: false,
  }),
};
