// Whom promotion tells of what has changed, so that what rests on it is looked at again.

import type { Transaction } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';

/**
 * Orders of the buyers with these identities may be decided otherwise now. Called in the
 * transaction that brings the evidence.
 */
export type OnEvidence = (trx: Transaction<DB>, merchantId: string, identities: readonly string[], now: Date) => Promise<void>;

/**
 * Reports that were parked for this merchant can go on. Called in the transaction that makes it.
 */
export type MerchantMade = (trx: Transaction<DB>, merchantId: string) => Promise<void>;

/**
 * Orders that name one of these promoters or a coupon code of theirs may be decided otherwise now.
 * Called in the transaction that changes them.
 */
export type PromotersChanged = (trx: Transaction<DB>, promoterIds: readonly string[], now: Date) => Promise<void>;

/** There may be work of this kind now. Called after the commit. */
export type Nudge = (kind: 'awards' | 'deliveries') => void;
