// The withholding report over HTTP: a quarter's payments by payee as CSV, for the tax office's
// forms.

import { Readable } from 'node:stream';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { decimalOf } from '../../core/money.ts';
import { settledXid } from '../../ledger/statement-store.ts';
import { spanOfMonths, type Span } from '../../platform/calendar.ts';
import type { App } from '../../platform/http/app.ts';
import { STREAM_TIMEOUT_MS } from '../../platform/http/bodies.ts';
import { csvRow } from '../../platform/lines/csv-row.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { TaxSettings } from '../batches/taxing.ts';
import { withholdingPages, type WithholdingSums } from './report-store.ts';

const MONTHS_PER_QUARTER = 3;

const COLUMNS = [
  'record',
  'promoter_id',
  'taxpayer',
  'kind',
  'scheme',
  'currency',
  'gross',
  'reversed',
  'net',
  'withheld',
  'withheld_reversed',
  'gap',
] as const;

type Cells = Partial<Record<(typeof COLUMNS)[number], string>>;

const row = (cells: Cells): string => csvRow(COLUMNS.map((column) => cells[column] ?? null));

const quarter = z
  .string()
  .regex(/^20\d\d-Q[1-4]$/, 'must be a quarter as YYYY-Qn')
  .meta({ description: 'The quarter in the time zone of taxes, as YYYY-Qn.', example: '2026-Q4' });

/** `GET /v1/withholding/report`. */
export function withholdingReportRoutes(app: App, { db, taxes }: { db: Kysely<DB>; taxes: Pick<TaxSettings, 'gap' | 'timeZone'> }): void {
  app.get('/v1/withholding/report', {
    config: { scopes: ['admin', 'auditor'], roles: ['finance', 'risk'] },
    // As long as its reader reads: one who stops is cut off by the idle time-out of his connection.
    handlerTimeout: STREAM_TIMEOUT_MS,
    schema: {
      operationId: 'withholding.report',
      tags: ['payouts'],
      summary: 'What every payee was paid in a quarter, what came back and what was withheld, as CSV',
      description:
        'Booked in the quarter, in decimals of the currency. `reversed` are returns that were booked in it, of whichever quarter they were ' +
        'paid in: nothing that was declared is restated. `net` is `gross` less `reversed`. `taxpayer` is the same for all payees with one tax ' +
        'id, which is not told. It ends with a total by scheme and currency: a file without one was cut off.',
      querystring: z.object({ quarter }),
      answerHeaders: { 200: { 'Content-Disposition': 'Names the file.' } },
      response: { 200: { description: 'The report.', content: { 'text/csv': { schema: z.unknown().meta({ type: 'string' }) } } } },
    },
    handler: async ({ query }, reply) => {
      const span = { ...spanOfQuarter(query.quarter, taxes.timeZone), belowXid: await settledXid(db) };
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="withholding-${query.quarter}.csv"`)
        .send(Readable.from(reportRows(db, span, taxes.gap)));
    },
  });
}

function spanOfQuarter(text: string, timeZone: string): Span {
  const first = (Number(text.slice(-1)) - 1) * MONTHS_PER_QUARTER + 1;
  return spanOfMonths(`${text.slice(0, 4)}-${String(first).padStart(2, '0')}`, timeZone, MONTHS_PER_QUARTER);
}

async function* reportRows(db: Kysely<DB>, span: Span & { belowXid: bigint }, gap: TaxSettings['gap']): AsyncGenerator<string> {
  // Spreadsheets take a file for UTF-8 by its byte order mark.
  yield `\uFEFF${csvRow(COLUMNS)}`;
  const totals = new Map<string, WithholdingSums & { scheme: string; currency: string }>();
  for await (const page of withholdingPages(db, span)) {
    let rows = '';
    for (const { promoterId, taxpayer, payeeKind, scheme, currency, ...sums } of page) {
      const named = { promoter_id: promoterId, taxpayer, kind: payeeKind, scheme, currency };
      rows += row({ record: 'payee', ...named, ...cellsOf(sums, currency), ...(scheme === 'cn_platform_cumulative' && { gap }) });
      const key = `${scheme}\n${currency}`;
      const total = totals.get(key) ?? { scheme, currency, gross: 0n, reversed: 0n, withheld: 0n, withheldReversed: 0n };
      total.gross += sums.gross;
      total.reversed += sums.reversed;
      total.withheld += sums.withheld;
      total.withheldReversed += sums.withheldReversed;
      totals.set(key, total);
    }
    yield rows;
  }
  const sorted = [...totals].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, total]) => total);
  for (const { scheme, currency, ...sums } of sorted) yield row({ record: 'total', scheme, currency, ...cellsOf(sums, currency) });
  if (sorted.length === 0) yield row({ record: 'total' });
}

function cellsOf({ gross, reversed, withheld, withheldReversed }: WithholdingSums, currency: string): Cells {
  return {
    gross: decimalOf(gross, currency),
    reversed: decimalOf(reversed, currency),
    net: decimalOf(gross - reversed, currency),
    withheld: decimalOf(withheld, currency),
    withheld_reversed: decimalOf(withheldReversed, currency),
  };
}
