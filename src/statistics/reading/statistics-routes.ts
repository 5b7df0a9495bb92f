// Statistics over HTTP: figures by groups and buckets, and the rows that a figure counts.

import { Readable } from 'node:stream';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import type { App } from '../../platform/http/app.ts';
import { STREAM_TIMEOUT_MS } from '../../platform/http/bodies.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { cellLines, cellRowsAnswer, cellTotals, CELL_HEAD, showCellRow, type CellTotals } from './cell-answers.ts';
import { cellFields, readCellRows, understandCell, writeCellPlace, type CellQuery } from './cell-rows.ts';
import type { CellRow } from './cell-row-store.ts';
import type { StatisticsAnswer, StatisticsQuery } from './query.ts';
import { statisticsFields, understandQuery } from './query-fields.ts';
import { latestClock } from './snapshot-store.ts';
import { readStatistics } from './statistics.ts';
import { showStatistics, statisticsAnswer, statisticsHead, statisticsLines, totalLines } from './statistics-answers.ts';

const tags = ['statistics'];
const scopes = ['admin', 'auditor', 'storefront', 'promoter'] as const;
const ROWS_PER_CHUNK = 2000;

const csv = z.unknown().meta({ type: 'string' });
/** Spreadsheets take a file for UTF-8 by its byte order mark. */
const BYTE_ORDER_MARK = '\uFEFF';

/** GET /v1/statistics and /v1/statistics/rows. */
export function statisticsRoutes(app: App, db: Kysely<DB>): void {
  figuresRoute(app, db);
  rowsRoute(app, db);
}

function figuresRoute(app: App, db: Kysely<DB>): void {
  app.get('/v1/statistics', {
    config: { scopes: [...scopes] },
    // As long as its reader reads: one who stops is cut off by the idle time-out of his connection.
    handlerTimeout: STREAM_TIMEOUT_MS,
    schema: {
      operationId: 'statistics.read',
      tags,
      summary: 'Clicks, orders, amounts and commission, by groups and buckets, exact to this moment',
      description:
        'Whatever was committed before the request is in the figures. Buckets begin by the clocks of the zone, weeks on Monday; one in which ' +
        'nothing happened is there with zeros. A storefront of one merchant is told of that merchant, a promoter of itself, in the totals ' +
        'too. A page has whole groups; a next page is as of its own time. With `Accept: text/csv` the answer is a table of all pages, with ' +
        'amounts in decimals of the currency, that ends with the totals: one without them was cut off.',
      querystring: statisticsFields,
      response: {
        200: {
          description: 'The figures.',
          content: { 'application/json': { schema: statisticsAnswer }, 'text/csv': { schema: csv } },
        },
        ...problems('range_too_long', 'too_many_rows', 'unprocessable'),
      },
    },
    handler: async ({ query: fields, actor, headers }, reply) => {
      const query = understandQuery(fields, { actor, now: await latestClock(db) });
      const answer = await readStatistics(db, query);
      if (!wantsCsv(headers.accept)) return reply.type('application/json; charset=utf-8').send(showStatistics(answer));
      return reply.type('text/csv; charset=utf-8').send(Readable.from(figureLines(db, answer)));
    },
  });
}

/** Whether a caller asks for a table: who takes JSON as well gets that. */
function wantsCsv(accept: string | undefined): boolean {
  return accept !== undefined && accept.includes('text/csv') && !accept.includes('application/json');
}

async function* figureLines(db: Kysely<DB>, first: StatisticsAnswer): AsyncGenerator<string> {
  yield BYTE_ORDER_MARK + statisticsHead(first.query);
  let answer = first;
  for (;;) {
    yield statisticsLines(answer);
    if (answer.next === null) break;
    const query: StatisticsQuery = { ...answer.query, after: answer.next };
    answer = await readStatistics(db, query);
  }
  yield totalLines(answer);
}

function rowsRoute(app: App, db: Kysely<DB>): void {
  app.get('/v1/statistics/rows', {
    config: { scopes: [...scopes] },
    handlerTimeout: STREAM_TIMEOUT_MS,
    schema: {
      operationId: 'statistics.rows',
      tags,
      summary: 'The orders, clicks, links or bookings that a figure counts; their values add up to it',
      description:
        'The query of the statistics, with the keys of the row as filters, the figure as `measure` and the bucket as `bucket_at`. The newest ' +
        'first. With `Accept: text/csv` the answer is a table of all pages that ends with the sums: one without them was cut off.',
      querystring: cellFields,
      response: {
        200: {
          description: 'The rows.',
          content: { 'application/json': { schema: cellRowsAnswer }, 'text/csv': { schema: csv } },
        },
        ...problems('range_too_long', 'too_many_rows', 'unprocessable'),
      },
    },
    handler: async ({ query: fields, actor, headers }, reply) => {
      const cell = understandCell(fields, { actor, now: await latestClock(db) });
      if (wantsCsv(headers.accept)) {
        const first = await readCellRows(db, { ...cell, limit: ROWS_PER_CHUNK });
        return reply.type('text/csv; charset=utf-8').send(Readable.from(rowLines(db, cell, first.rows)));
      }
      const { rows, watermark } = await readCellRows(db, { ...cell, limit: cell.limit + 1 });
      const last = rows.length > cell.limit ? rows[cell.limit - 1]! : null;
      const data = rows.slice(0, cell.limit).map((row) => showCellRow(row, cell));
      const next = last === null ? null : writeCellPlace(cell, last.place);
      return reply.type('application/json; charset=utf-8').send({ watermark: String(watermark), data, next_cursor: next });
    },
  });
}

async function* rowLines(db: Kysely<DB>, cell: CellQuery, first: CellRow[]): AsyncGenerator<string> {
  yield BYTE_ORDER_MARK + CELL_HEAD;
  const totals: CellTotals = new Map();
  for (let rows = first; ;) {
    yield cellLines(rows, cell, totals);
    if (rows.length < ROWS_PER_CHUNK) break;
    ({ rows } = await readCellRows(db, { ...cell, after: rows.at(-1)!.place, limit: ROWS_PER_CHUNK }));
  }
  yield cellTotals(cell, totals);
}
