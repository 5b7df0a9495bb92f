// Files for tests, kept in parts as the service keeps them.
import { openTable, type Table } from '../../../src/pull/tables/table.ts';
import type { Mapping } from '../../../src/pull/exports/recognise.ts';

/** A file in parts of so many bytes. */
export function keptInParts(bytes: Buffer, size = 64 * 1024) {
  const parts = Array.from({ length: Math.max(1, Math.ceil(bytes.length / size)) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
  return { lengths: parts.map((part) => part.length), part: (partNo: number) => Promise.resolve(parts[partNo]!) };
}

export function tableOf(bytes: Buffer, mapping: Mapping = []): Promise<Table> {
  const kept = keptInParts(bytes);
  async function* all() {
    for (const partNo of kept.lengths.keys()) yield await kept.part(partNo);
  }
  return openTable(kept, all, mapping);
}
