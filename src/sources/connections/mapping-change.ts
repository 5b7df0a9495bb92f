// Setting mappings: what a mapping must be, what may be wrong with it, and what goes on once a
// word is explained.
import type { Transaction } from 'kysely';

import { DomainError, type ErrorCode } from '../../core/errors.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChanges } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { mappingWait, missingTargets, SHOP, putMappings } from './mapping-store.ts';
import type { MappingRow, NewMapping, MappingTarget, MappingResult } from './mapping-store.ts';
import { lockSourceRow, type SourceRow } from './source-store.ts';
import { noSource, type SourcesDeps } from './source-fields.ts';

/** A mapping as a body names it. */
interface NamedTarget {
  type: string;
  value: string;
  merchant_id?: string | null | undefined;
  promoter_id?: string | null | undefined;
  link_code?: string | null | undefined;
  effective_from?: Date | null | undefined;
}

/** What is wrong with a mapping that is well-formed. */
export interface MappingFault {
  code: ErrorCode;
  message: string;
}

/** Throws `malformed_request` unless exactly one target of the right sort is named. */
export function toMapping({ type, value, effective_from: effectiveFrom, ...named }: NamedTarget): NewMapping {
  const mapping: NewMapping = {
    type,
    value,
    merchant_id: named.merchant_id ?? null,
    promoter_id: named.promoter_id ?? null,
    link_code: named.link_code ?? null,
    effectiveFrom: effectiveFrom ?? null,
  };
  const count = [mapping.merchant_id, mapping.promoter_id, mapping.link_code].filter((id) => id !== null).length;
  const sound = count === 1 && (type === SHOP) === (mapping.merchant_id !== null);
  if (sound) return mapping;
  const message = type === SHOP ? 'A shop is mapped to a merchant_id, and to nothing else.' : 'Name either a promoter_id or a link_code.';
  const path = type === SHOP ? 'merchant_id' : 'promoter_id';
  throw new DomainError('malformed_request', message, { errors: [{ path, message }] });
}

/** The source, locked, so that its mappings are set by one at a time. Throws `not_found`. */
export async function lockMappedSource(trx: Transaction<DB>, sourceId: string): Promise<SourceRow> {
  const row = await lockSourceRow(trx, sourceId);
  if (row === null) throw noSource(sourceId);
  return row;
}

const MISSING = {
  merchant_id: ['unknown_merchant', 'merchant'],
  promoter_id: ['unknown_promoter', 'promoter'],
  link_code: ['unknown_link', 'link'],
} as const satisfies Record<keyof MappingTarget, readonly [ErrorCode, string]>;

/** What is wrong with each mapping; null where nothing is. */
export async function faultsIn(trx: Transaction<DB>, source: SourceRow, mappings: readonly NewMapping[]): Promise<(MappingFault | null)[]> {
  const missing = await missingTargets(trx, mappings);
  return mappings.map((mapping) => {
    for (const [column, [code, noun]] of Object.entries(MISSING) as [keyof MappingTarget, (typeof MISSING)[keyof MappingTarget]][]) {
      const id = mapping[column];
      if (id !== null && missing.has(`${column}:${id}`)) return { code, message: `There is no ${noun} ${id}.` };
    }
    if (source.merchant_id !== null && mapping.merchant_id !== null && mapping.merchant_id !== source.merchant_id) {
      return { code: 'unprocessable' as const, message: `This source speaks for the merchant ${source.merchant_id} only.` };
    }
    return null;
  });
}

/**
 * Sets sound mappings of a locked source, audits them, and lets go on what waited for them:
 * `unparked` says how much.
 */
export async function changeMappings(
  trx: Transaction<DB>,
  deps: SourcesDeps,
  source: SourceRow,
  mappings: readonly NewMapping[],
  { actor, now }: { actor: Actor; now: Date },
): Promise<{ stated: MappingResult[]; unparked: number }> {
  const stated = await putMappings(trx, source.source_id, mappings, now);
  const changed = stated.filter((one) => one.changed);
  await recordChanges(
    trx,
    changed.map(({ row, before }) => {
      const subjectId = `${row.source_id}/${row.type}/${row.value}`;
      return { actor, now, action: 'mapping_stated', subjectKind: 'mapping', subjectId, before, after: row };
    }),
  );
  const unparked = await deps.unpark(
    trx,
    changed.flatMap(({ row }) => waitsFor(row)),
  );
  return { stated, unparked };
}

/**
 * A source of many shops may name our own merchants: what waits for such a merchant goes on with
 * the mapping of its name, too.
 */
function waitsFor({ source_id: sourceId, type, value }: MappingRow): string[] {
  const wait = mappingWait({ sourceId, type, value });
  return type === SHOP ? [wait, `merchant:${value}`] : [wait];
}
