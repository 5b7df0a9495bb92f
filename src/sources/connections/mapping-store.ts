// Mappings: who it is that an order system calls so. Effective-dated, append-only, read and written
// set-wise.
import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';

/** The type of what a platform calls a merchant; every other type is of a promoter or a link. */
export const SHOP = 'shop';

/** Whom a word of a source means: exactly one of the three. */
export interface MappingTarget {
  merchant_id: string | null;
  promoter_id: string | null;
  link_code: string | null;
}

/** A word of a source. */
export interface Word {
  sourceId: string;
  type: string;
  value: string;
}

export interface MappingRow extends MappingTarget {
  source_id: string;
  type: string;
  value: string;
  version: number;
  /** Null: the first version, which counts for all earlier time. */
  effective_from: Date | null;
  recorded_at: Date;
}

export interface NewMapping extends MappingTarget {
  type: string;
  value: string;
  /** From when it is to count; null: now. */
  effectiveFrom: Date | null;
}

/**
 * What a PUT led to: `made` when the word had no meaning before, `before` the version in
 * force until then.
 */
export interface MappingResult {
  row: MappingRow;
  before: MappingRow | null;
  changed: boolean;
}

/** What an unexplained word lets wait, in the form of `delivery.waits_for`. */
export const mappingWait = ({ sourceId, type, value }: Word): string => `mapping:${sourceId}/${type}/${value}`;

/**
 * The words as they were meant at their times, in the order asked; null for a word without a
 * meaning.
 */
export async function mappingsAsOf(db: Kysely<DB>, wanted: readonly (Word & { at: Date })[]): Promise<(MappingTarget | null)[]> {
  const found: (MappingTarget | null)[] = wanted.map(() => null);
  if (wanted.length === 0) return found;
  const { rows } = await sql<MappingTarget & { place: number }>`
    select place, merchant_id, promoter_id, link_code
    from ${unnestOf(
      wanted,
      {
        source_id: ['text', (word) => word.sourceId],
        type: ['text', (word) => word.type],
        value: ['text', (word) => word.value],
        at: ['timestamptz', (word) => word.at],
        place: ['int', (_, index) => index],
      },
      'wanted',
    )},
    lateral (
      select merchant_id, promoter_id, link_code from mapping_version as stated
      where stated.source_id = wanted.source_id and stated.type = wanted.type and stated.value = wanted.value
        and stated.effective_from <= wanted.at
      order by stated.effective_from desc, stated.version desc limit 1
    ) as meaning`.execute(db);
  for (const { place, ...target } of rows) found[place] = target;
  return found;
}

/** What a source calls a promoter by now, in the order of the words. */
export function namesOf(db: Kysely<DB>, sourceId: string, promoterId: string): Promise<Omit<Word, 'sourceId'>[]> {
  return wordsMeaning(db, sourceId, sql`promoter_id = ${promoterId}`);
}

/** What a source calls a merchant by now, in the order of the words. */
export async function shopsOf(db: Kysely<DB>, sourceId: string, merchantId: string): Promise<string[]> {
  const words = await wordsMeaning(db, sourceId, sql`merchant_id = ${merchantId}`);
  return words.flatMap(({ type, value }) => (type === SHOP ? [value] : []));
}

async function wordsMeaning(db: Kysely<DB>, sourceId: string, target: RawBuilder<unknown>): Promise<Omit<Word, 'sourceId'>[]> {
  const { rows } = await sql<Omit<Word, 'sourceId'>>`
    select type, value from (select distinct type, value from mapping_version where source_id = ${sourceId} and ${target}) as word,
    lateral (
      select merchant_id, promoter_id from mapping_version as stated
      where stated.source_id = ${sourceId} and stated.type = word.type and stated.value = word.value and stated.effective_from <= now()
      order by stated.effective_from desc, stated.version desc limit 1
    ) as meaning
    where ${target} order by type, value`.execute(db);
  return rows;
}

/**
 * Sets mappings of one source, whose row must be locked. A PUT that changes nothing writes
 * no version. Answers in the order given; a word that stands twice is set twice.
 */
export async function putMappings(
  trx: Transaction<DB>,
  sourceId: string,
  mappings: readonly NewMapping[],
  now: Date,
): Promise<MappingResult[]> {
  const histories = await readHistories(trx, sourceId, mappings);
  const written: { row: MappingRow; effectiveFrom: Date | '-infinity' }[] = [];
  const stated = mappings.map((mapping) => {
    const history = histories.get(wordKey(mapping)) ?? { rows: [], clock: now };
    histories.set(wordKey(mapping), history);
    const place = placeOf(mapping, history, now);
    if (place.before !== null && sameTarget(place.before, mapping)) return { row: place.before, before: place.before, changed: false };
    const { type, value, merchant_id, promoter_id, link_code } = mapping;
    const effective_from = place.effectiveFrom === '-infinity' ? null : place.effectiveFrom;
    const row: MappingRow = {
      source_id: sourceId,
      type,
      value,
      version: history.rows.length + 1,
      effective_from,
      recorded_at: now,
      merchant_id,
      promoter_id,
      link_code,
    };
    history.rows.push(row);
    written.push({ row, effectiveFrom: place.effectiveFrom });
    return { row, before: place.before, changed: true };
  });
  await insertVersions(trx, written);
  return stated;
}

/**
 * From when a version counts, and what counted then. The first one counts always; one for now
 * never counts from before the one in force, whatever the clocks of two writers say: it would be
 * shadowed by what it replaces.
 */
function placeOf({ effectiveFrom: asked }: NewMapping, { rows, clock }: History, now: Date): Place {
  if (rows.length === 0) return { effectiveFrom: '-infinity', before: null };
  const at = (asked ?? clock).getTime();
  const inForce = rows.filter((row) => sinceOf(row) <= at).toSorted((a, b) => sinceOf(a) - sinceOf(b) || a.version - b.version);
  const before = inForce.at(-1)!;
  return { effectiveFrom: asked ?? new Date(Math.max(now.getTime(), sinceOf(before))), before };
}

interface Place {
  effectiveFrom: Date | '-infinity';
  before: MappingRow | null;
}

interface History {
  rows: MappingRow[];
  /** The time at which it was read, not before the locking of the source. */
  clock: Date;
}

const sinceOf = (row: MappingRow): number => row.effective_from?.getTime() ?? Number.NEGATIVE_INFINITY;

const wordKey = ({ type, value }: { type: string; value: string }): string => `${type}\0${value}`;

function sameTarget(a: MappingTarget, b: MappingTarget): boolean {
  return a.merchant_id === b.merchant_id && a.promoter_id === b.promoter_id && a.link_code === b.link_code;
}

async function readHistories(
  trx: Transaction<DB>,
  sourceId: string,
  words: readonly Omit<Word, 'sourceId'>[],
): Promise<Map<string, History>> {
  const { rows } = await sql<MappingRow & { clock: Date }>`
    select distinct source_id, type, value, version, nullif(effective_from, '-infinity') as effective_from, recorded_at,
      merchant_id, promoter_id, link_code, statement_timestamp() as clock
    from ${unnestOf(words, { type: ['text', (word) => word.type], value: ['text', (word) => word.value] }, 'wanted')}
    join mapping_version using (type, value) where source_id = ${sourceId} order by version`.execute(trx);
  const histories = new Map<string, History>();
  for (const { clock, ...row } of rows) {
    const history = histories.get(wordKey(row));
    if (history === undefined) histories.set(wordKey(row), { rows: [row], clock });
    else history.rows.push(row);
  }
  return histories;
}

async function insertVersions(
  trx: Transaction<DB>,
  versions: readonly { row: MappingRow; effectiveFrom: Date | '-infinity' }[],
): Promise<void> {
  if (versions.length === 0) return;
  await trx
    .insertInto('mapping_version')
    .values(versions.map(({ row, effectiveFrom }) => ({ ...row, effective_from: effectiveFrom })))
    .execute();
}

/** All that was ever set of a word, the latest version first. */
export async function listMappingVersions(db: Kysely<DB>, { sourceId, type, value }: Word): Promise<MappingRow[]> {
  const { rows } = await sql<MappingRow>`
    select source_id, type, value, version, nullif(effective_from, '-infinity') as effective_from, recorded_at,
      merchant_id, promoter_id, link_code
    from mapping_version where source_id = ${sourceId} and type = ${type} and value = ${value}
    order by version desc`.execute(db);
  return rows;
}

/**
 * The words of a source with their latest versions, by type and value, one more than asked for.
 */
export async function listMappings(
  db: Kysely<DB>,
  sourceId: string,
  { limit, after }: { limit: number; after: readonly [type: string, value: string] },
): Promise<MappingRow[]> {
  const { rows } = await sql<MappingRow>`
    select distinct on (type, value) source_id, type, value, version, nullif(effective_from, '-infinity') as effective_from, recorded_at,
      merchant_id, promoter_id, link_code
    from mapping_version where source_id = ${sourceId} and (type, value) > (${after[0]}, ${after[1]})
    order by type, value, version desc limit ${limit + 1}`.execute(db);
  return rows;
}

/**
 * Which of the merchants, promoters and links that are named do not exist, each as `<column>:<id>`.
 */
export async function missingTargets(db: Kysely<DB>, targets: readonly MappingTarget[]): Promise<Set<string>> {
  const named = (column: keyof MappingTarget) => [...new Set(targets.flatMap((target) => target[column] ?? []))];
  const { rows } = await sql<{ missing: string }>`
    select 'merchant_id:' || id as missing from unnest(${named('merchant_id')}::text[]) as id
      where not exists (select from merchant where merchant_id = id)
    union all
    select 'promoter_id:' || id from unnest(${named('promoter_id')}::text[]) as id
      where not exists (select from promoter where promoter_id = id)
    union all
    select 'link_code:' || id from unnest(${named('link_code')}::text[]) as id
      where not exists (select from link where code = id)`.execute(db);
  return new Set(rows.map((row) => row.missing));
}
