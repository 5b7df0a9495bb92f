// What the routes of promotion are given: the database, the keys, the writer of clicks, and whom to
// tell of what has changed.

import type { KeyObject } from 'node:crypto';

import type { Kysely, Transaction } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import type { ClickWriter } from './clicks/click-writer.ts';
import type { LinkCache } from './links/link-cache.ts';
import type { AskForLink } from './links/link-tracking.ts';

export interface PromotionDeps {
  db: Kysely<DB>;
  /** Where links begin, without a slash at the end. */
  publicUrl: string;
  /** The first signs click tokens, all are believed. */
  tokenKeys: readonly [KeyObject, ...KeyObject[]];
  identityKey: KeyObject;
  /** How many links a promoter's own key may make within 24 hours. */
  linksPerDay: number;
  links: LinkCache;
  clicks: ClickWriter;
  /** Gets the link of a platform for a link of ours. */
  askForLink: AskForLink;
  /**
   * Orders of the buyers with these identities may be decided otherwise now. Called in the
   * transaction that brings the evidence.
   */
  onEvidence: (trx: Transaction<DB>, merchantId: string, identities: readonly string[], now: Date) => Promise<void>;
  /** Reports that were parked for this merchant can go on. */
  merchantMade: (trx: Transaction<DB>, merchantId: string) => Promise<void>;
  /**
   * Orders that name one of these promoters or a coupon code of theirs may be decided otherwise
   * now.
   */
  promotersChanged: (trx: Transaction<DB>, promoterIds: readonly string[], now: Date) => Promise<void>;
  /** There may be work of this kind now. Called after the commit. */
  nudge: (kind: 'awards' | 'deliveries') => void;
}
