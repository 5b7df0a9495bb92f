// Who calls: what a key may do, and for whom.

import { DomainError } from '../../core/errors.ts';

/**
 * What keys are for. `admin` may do everything that its role does not keep it from; `auditor` may
 * read everything; the others only what a route grants them.
 */
export const SCOPES = ['admin', 'storefront', 'merchant', 'promoter', 'auditor'] as const;

export type KeyScope = (typeof SCOPES)[number];

/**
 * What an admin's work is. A key without a role may do everything, and alone makes keys. Every role
 * reads what a route does not keep to others, and changes only what a route opens to it.
 */
export const KEY_ROLES = ['operator', 'finance', 'risk'] as const;

export type KeyRole = (typeof KEY_ROLES)[number];

export interface Actor {
  keyId: string;
  scope: KeyScope;
  /** Null for an admin who may do everything, and for every other scope. */
  role: KeyRole | null;
  /**
   * Whose key it is. Where two persons are asked for, these are compared; a key that names nobody
   * is a person of its own.
   */
  person: string;
  /** The only merchant of a storefront's or merchant's key; null for a storefront of all. */
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
export function scopeOf(name: string): KeyScope {
  const scope = SCOPES.find((candidate) => candidate === name);
  if (scope === undefined) throw new Error(`broken law: ${name} is a scope`);
  return scope;
}

/** The role of this name, as the database tells it. */
export function roleOf(name: string | null): KeyRole | null {
  const role = KEY_ROLES.find((candidate) => candidate === name) ?? null;
  if (role !== name) throw new Error(`broken law: ${name} is a role`);
  return role;
}

/** The person of a key: who it says, else the key itself. */
export function personOf(keyId: string, person: string | null): string {
  return person ?? `key:${keyId}`;
}

/**
 * Whether an admin of this role may use a route. `roles` are those that it opens; a route that only
 * reads and names none is open to all.
 */
export function isOpenTo(role: KeyRole | null, roles: readonly KeyRole[] | undefined, method: string): boolean {
  if (role === null) return true;
  if (roles !== undefined) return roles.includes(role);
  return isReading(method);
}

/** Whether a request of this method changes nothing. */
export function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Whether a key of this scope may use a route that grants these. */
export function isGranted(scope: KeyScope, granted: readonly KeyScope[], method: string): boolean {
  if (scope === 'admin' || granted.includes(scope)) return true;
  return scope === 'auditor' && isReading(method);
}
