// Reads a file as the worker does, up to its reports: nothing enters.
import { readRows, type FileReading } from '../../../src/pull/feeds/reading-rows.ts';
import type { Mapping } from '../../../src/pull/exports/recognise.ts';
import { ADAPTERS } from '../../../src/sources/adapters.ts';
import { readDelivery } from '../../../src/inbox/read.ts';
import { tableOf } from '../tables/kept.ts';

const AT = new Date('2026-11-30T12:00:00Z');

interface How {
  kind: string;
  options?: Record<string, unknown>;
  mapping?: Mapping;
  zone?: string;
  amounts?: FileReading['amounts'];
}

/** Rows as lines of a file with its columns above them. */
export const csvOf = (columns: readonly string[], ...rows: readonly Readonly<Record<string, string>>[]): Buffer =>
  Buffer.from(
    [columns, ...rows.map((row) => columns.map((name) => row[name] ?? ''))].map((cells) => cells.map(quoted).join(',')).join('\n'),
  );

const quoted = (cell: string): string => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** What is recognised, the reports as the inbox will read them, and the rows that are refused. */
export async function readFile(bytes: Buffer, { kind, options = {}, mapping = [], zone = 'Asia/Shanghai', amounts = 'decimal' }: How) {
  const table = await tableOf(bytes, mapping);
  const source = { sourceId: 's1', kind, merchantId: 'm1', options };
  const adapters = new Map(ADAPTERS.map((adapter) => [adapter.kind, adapter]));
  const surroundings = { zone: table.head.export?.zone ?? zone, currency: 'CNY', comma: table.delimiter === ';', options };
  const reading = { source, adapter: adapters.get(kind), merchantId: null, amounts, surroundings, fetchedAt: AT };
  const reports = [];
  const bad: { line: number; fault: string }[] = [];
  for await (const row of readRows(table, reading)) {
    if ('fault' in row) {
      bad.push({ line: row.line, fault: row.fault });
      continue;
    }
    const delivery = {
      delivery_id: 'd',
      source_id: 's1',
      merchant_id: null,
      origin: 'upload' as const,
      received_at: AT,
      clock_skew_seconds: null,
      untimed_at: null,
      content_hashes: null,
    };
    const [report] = readDelivery({ ...delivery, body: row.body, headers: row.headers }, source, adapters);
    reports.push({ ...report!.content, names: report!.names, shop: report!.shop });
  }
  return { export: table.head.export?.name ?? null, ignored: table.head.ignored, reports, bad };
}
