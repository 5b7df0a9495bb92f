// What a company says of its own accounts: as what somebody works here.

import { KEY_ROLES, type KeyRole, type KeyScope } from '../platform/keys/actor.ts';
import { partyId } from '../platform/keys/keys-wish.ts';

/** What a person may, by the claim of the issuer. */
export interface ClaimedRole {
  scope: Extract<KeyScope, 'admin' | 'auditor' | 'merchant'>;
  role: KeyRole | null;
  merchantId: string | null;
}

const MERCHANT = 'merchant:';

/**
 * Reads a claim that is `admin`, `operator`, `finance`, `risk`, `auditor` or `merchant:<id>`, or a
 * list with one of them; other words in it are other systems'. `none` and `several` are refusals:
 * nobody is to guess which one is meant.
 */
export function readRoleClaim(claim: unknown): ClaimedRole | 'none' | 'several' {
  const values = new Set([claim].flat().filter((value) => typeof value === 'string'));
  const roles = [...values].map(roleOfValue).filter((role) => role !== null);
  return roles.length > 1 ? 'several' : (roles[0] ?? 'none');
}

function roleOfValue(value: string): ClaimedRole | null {
  if (value === 'admin') return { scope: 'admin', role: null, merchantId: null };
  if (value === 'auditor') return { scope: 'auditor', role: null, merchantId: null };
  if (value.startsWith(MERCHANT)) {
    const merchantId = partyId.safeParse(value.slice(MERCHANT.length));
    return merchantId.success ? { scope: 'merchant', role: null, merchantId: merchantId.data } : null;
  }
  const role = KEY_ROLES.find((one) => one === value);
  return role === undefined ? null : { scope: 'admin', role, merchantId: null };
}
