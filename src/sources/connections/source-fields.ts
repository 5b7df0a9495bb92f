// Fields and dependencies that the routes of sources and of their mappings share.
import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { callerId } from '../../platform/http/fields.ts';
import type { MasterKeys } from '../../platform/keys/secrets.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { SourceCache } from './source-cache.ts';

export interface SourcesDeps {
  db: Kysely<DB>;
  keys: MasterKeys;
  cache: SourceCache;
  /**
   * Lets go on what has waited for one of these (`merchant:<id>`,
   * `mapping:<source>/<type>/<value>`), and tells how much that is.
   */
  unpark: (trx: Transaction<DB>, waitedFor: readonly string[]) => Promise<number>;
  /** There may be deliveries to process now. Called after the commit. */
  onDelivered: () => void;
}

/** The source that every merchant has of its own, without a row. */
export const REST = 'rest';

export const sourcePath = z.object({ source_id: callerId });

export function noSource(sourceId: string): DomainError {
  return new DomainError('not_found', `There is no source ${sourceId}.`);
}
