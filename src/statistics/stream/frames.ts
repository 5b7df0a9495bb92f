// The events of a stream as bytes. An answer may have 20,000 rows of 16 figures: they are written
// by hand, since a general writer of JSON would keep all others waiting for a second.

import { stringifyJson } from '../../platform/http/json.ts';
import { frameOf } from '../../platform/streams/event-stream.ts';
import { localTimes } from '../reading/buckets.ts';
import { KEY_OF, type StatisticsAnswer, type StatisticsQuery, type StatisticsRow } from '../reading/query.ts';
import { showStatistics } from '../reading/statistics-answers.ts';

/** The answer as GET /v1/statistics has it, as an event. */
export function snapshotFrame(answer: StatisticsAnswer): Buffer {
  const { query, watermark, data: _, ...rest } = showStatistics({ ...answer, rows: [] });
  const head = `{"query":${stringifyJson(query)},"watermark":"${watermark}","data":[`;
  const data = `${head}${rowTexts(answer.rows, answer.query)}],${stringifyJson(rest).slice(1)}`;
  return frameOf({ event: 'snapshot', id: watermark, data });
}

/** Rows that have changed, as an event. */
export function rowsFrame({ query, watermark }: StatisticsAnswer, rows: readonly StatisticsRow[]): Buffer {
  return frameOf({ event: 'rows', id: String(watermark), data: `{"watermark":"${watermark}","data":[${rowTexts(rows, query)}]}` });
}

function rowTexts(rows: readonly StatisticsRow[], { groupBy, measures, timeZone }: StatisticsQuery): string {
  const shown = localTimes(timeZone);
  const begins = new Map<number, string>();
  const names = groupBy.map((group) => `,"${KEY_OF[group]}":`);
  const figureNames = measures.map((measure) => `,"${measure}":`);

  function begin(bucket: Date): string {
    const at = bucket.getTime();
    const text = begins.get(at) ?? shown(bucket);
    begins.set(at, text);
    return `"${text}"`;
  }

  function keyText(value: string | null, place: number): string {
    return `${names[place]}${groupBy[place] === 'level' && value !== null ? Number(value) : JSON.stringify(value)}`;
  }

  const texts = rows.map(({ bucket, keys, currency, figures }) => {
    let text = `{"bucket":${bucket === null ? 'null' : begin(bucket)}`;
    for (let place = 0; place < names.length; place += 1) text += keyText(keys[place] ?? null, place);
    text += `,"currency":"${currency}"`;
    for (let place = 0; place < figureNames.length; place += 1) text += `${figureNames[place]}${figures[measures[place]!] ?? null}`;
    return `${text}}`;
  });
  return texts.join(',');
}
