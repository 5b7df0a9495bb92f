// Who calls: what a key may do, and for whom.

import { DomainError } from '../../core/errors.ts';

/**
 * What keys are for. `admin` may do everything; `auditor` may read everything; the others only what
 * a route grants them.
 */
export const SCOPES = ['admin', 'storefront', 'promoter', 'auditor'] as const;

export type Scope = (typeof SCOPES)[number];

export interface Actor {
  keyId: string;
  scope: Scope;
  /** The only merchant of a storefront key; null for all. */
  merchantId: string | null;
  /** The promoter of a promoter key. */
  promoterId: string | null;
}

/**
 * Refuses a key that is bound to another merchant. Null (no merchant named) passes only for a key
 * that is bound to none.
 */
export function mayActFor(actor: Actor, merchantId: string | null): void {
  if (actor.merchantId === null || actor.merchantId === merchantId) return;
  throw new DomainError('forbidden', 'This key is bound to another merchant.');
}

/** Refuses a promoter's key for anybody but that promoter. */
export function mayActAs(actor: Actor, promoterId: string): void {
  if (actor.promoterId === null || actor.promoterId === promoterId) return;
  throw new DomainError('forbidden', 'This key is bound to another promoter.');
}

/** The scope of this name, as the database tells it. */
export function scopeOf(name: string): Scope {
  const scope = SCOPES.find((candidate) => candidate === name);
  if (scope === undefined) throw new Error(`broken law: ${name} is a scope`);
  return scope;
}

/** Whether a key of this scope may use a route that grants these. */
export function isGranted(scope: Scope, granted: readonly Scope[], method: string): boolean {
  if (scope === 'admin' || granted.includes(scope)) return true;
  return scope === 'auditor' && (method === 'GET' || method === 'HEAD');
}
