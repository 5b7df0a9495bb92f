// Merchants that exist, in memory: they are never deleted, so who was seen once need not be looked
// up again.
import type { Kysely } from 'kysely';
import { LruMap } from 'toad-cache';

import type { DB } from '../../platform/postgres/tables.ts';
import { merchantsAmong } from '../delivery-store.ts';

const KNOWN_MAX = 100_000;

export interface KnownMerchants {
  has(merchantId: string): boolean | Promise<boolean>;
}

export function knownMerchants(db: Kysely<DB>): KnownMerchants {
  const known = new LruMap<true>(KNOWN_MAX);
  return {
    has(merchantId) {
      if (known.get(merchantId) === true) return true;
      return merchantsAmong(db, [merchantId]).then((found) => {
        if (found.has(merchantId)) known.set(merchantId, true);
        return found.has(merchantId);
      });
    },
  };
}
