// How reports were understood at any time: their words by what was set of them until then, and
// who existed then.

import { sql, type Transaction } from 'kysely';

import { ownIdsOf, readOwners, resolveOne, withoutUnexplained, wordName, sourceWordsOf } from '../inbox/resolve.ts';
import type { AskedWord, Resolution } from '../inbox/resolve.ts';
import { ownerWait } from '../inbox/parking.ts';
import type { DeliveredReport } from '../inbox/read.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';
import type { MappingTarget } from '../sources/connections/mapping-store.ts';
import { groupedBy } from '../platform/grouped-by.ts';

/**
 * A meaning of a word that counts at the word's time, by when it was recorded; the one to be
 * taken first stands first.
 */
interface Meaning extends MappingTarget {
  recorded_at: Date;
}

/** All ways in which each report may have been resolved since it came, in the order given. */
export async function everyResolution(trx: Transaction<DB>, reports: readonly DeliveredReport[]): Promise<Resolution[][]> {
  const meanings = await readMeanings(trx, reports.flatMap(sourceWordsOf));
  const births = await readBirths(trx, reports.flatMap(ownIdsOf));
  const owners = await readOwners(trx, reports);
  return reports.map((report) => {
    const words = sourceWordsOf(report);
    const ids = ownIdsOf(report).flatMap((target) => Object.entries(target).map(([column, id]) => `${column}:${id}`));
    const changes = [
      ...words.flatMap((word) => (meanings.get(wordName(word)) ?? []).map((meaning) => meaning.recorded_at)),
      ...ids.flatMap((id) => births.get(id) ?? []),
    ];
    const came = report.delivery.received_at.getTime();
    const moments = new Set([came, ...changes.map((change) => change.getTime()).filter((change) => change > came)]);
    const ways = [...moments].map((moment) =>
      resolveOne(report, {
        meaningOf: ({ origin: { sourceId }, asOf }, type, value) =>
          meanings.get(wordName({ sourceId, type, value, at: asOf }))?.find((meaning) => meaning.recorded_at.getTime() <= moment) ?? null,
        isMissing: (column, id) => (births.get(`${column}:${id}`)?.getTime() ?? Infinity) > moment,
        // An order keeps its merchant: whoever named it first did so before this report could be
        // understood.
        ownerOf: ({ sourceId, content }) => owners.get(ownerWait({ sourceId, orderId: content.order_id })) ?? null,
      }),
    );
    return ways.flatMap((way) => [way, withoutUnexplained(way) ?? []].flat());
  });
}

async function readMeanings(trx: Transaction<DB>, words: readonly AskedWord[]): Promise<Map<string, Meaning[]>> {
  const { rows } = await sql<Meaning & { place: number }>`
    select place, merchant_id, promoter_id, link_code, recorded_at
    from ${unnestOf(
      words,
      {
        source_id: ['text', (word) => word.sourceId],
        type: ['text', (word) => word.type],
        value: ['text', (word) => word.value],
        at: ['timestamptz', (word) => word.at],
        place: ['int', (_, index) => index],
      },
      'asked',
    )}
    join mapping_version using (source_id, type, value)
    where effective_from <= asked.at order by place, effective_from desc, version desc`.execute(trx);
  const byPlace = groupedBy(rows, (row) => row.place);
  return new Map(words.map((word, index) => [wordName(word), byPlace.get(index) ?? []]));
}

/** Since when the merchants and promoters of these ids exist, by `<column>:<id>`. */
async function readBirths(trx: Transaction<DB>, targets: readonly MappingTarget[]): Promise<Map<string, Date>> {
  const named = (column: keyof MappingTarget) => [...new Set(targets.flatMap((target) => target[column] ?? []))];
  const { rows } = await sql<{ name: string; made_at: Date }>`
    select 'merchant_id:' || merchant_id as name, made_at from merchant where merchant_id = any(${named('merchant_id')}::text[])
    union all
    select 'promoter_id:' || promoter_id, made_at from promoter where promoter_id = any(${named('promoter_id')}::text[])`.execute(trx);
  return new Map(rows.map((row) => [row.name, row.made_at]));
}
