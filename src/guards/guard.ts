// What a guard is: one question whose answers are violations. A law speaks of our books and must
// hold at every instant; an alarm speaks of the world and says that somebody should look.

import type { Kysely } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import { guardTexts, type GuardTexts } from './guard-words.ts';

export type GuardKind = 'law' | 'alarm';

/**
 * What a query reads. `present`: only rows that stand out by an index, whatever the size of the
 * books. `whole`: whole tables at once. `orders` and `deliveries`: everything, a range of keys at a
 * time, or only what is new; it names its keys by `within`.
 */
type GuardScope = 'present' | 'whole' | 'orders' | 'deliveries';

interface Named {
  name: string;
  kind: GuardKind;
  /** What it says to people. */
  words: GuardTexts;
}

/**
 * A guard in SQL: every row is a violation, or as many as its column `times` says. Times are those
 * of the database's clock.
 */
export interface SqlGuard extends Named {
  scope: GuardScope;
  sql: string;
}

/** A guard over what only the process knows. */
export interface ProcessGuard extends Named {
  scope: 'process';
  rows: (db: Kysely<DB>) => Promise<Violation[]> | Violation[];
}

export type Guard = SqlGuard | ProcessGuard;

/** What a violation shows, as JSON. */
export type Violation = Record<string, unknown>;

/**
 * A law of the books, as a query for what breaks it. What it says to people stands in the
 * dictionaries, under its name.
 */
export function law(scope: GuardScope, name: string, sql: string, words = guardTexts(name)): SqlGuard {
  return { name, kind: 'law', scope, words, sql };
}

/**
 * An alarm about the world, as a query for what somebody should look at; its words as those of a
 * law.
 */
export function alarm(scope: GuardScope, name: string, sql: string, words = guardTexts(name)): SqlGuard {
  return { name, kind: 'alarm', scope, words, sql };
}

/**
 * The orders of a range whose books need not agree with them yet: they wait for the award, and
 * `awards_in_time` watches how long.
 */
export const NOT_DUE = 'not exists (select from award_due where award_due.order_key = orders.order_key)';

/** Where the query of a guard names a key of its scope; it is read as a condition on that key. */
const WITHIN = /\bwithin\(([\w.]+)\)/g;

/** The query of a guard with each of its keys under the condition that is made of it. */
export function readingKeys(query: string, condition: (key: string) => string): string {
  return query.replaceAll(WITHIN, (_, key: string) => condition(key));
}

/**
 * The rows that a query of scope `orders` is to read. It is said of every table that is joined by
 * `order_key`: the planner does not conclude it from one to the other, and would read the others
 * whole for every range.
 */
export function inRange(...tables: string[]): string {
  return tables.map((table) => `within(${table}.order_key)`).join(' and ');
}

/** When a line or refund in `merged` was told, of those that were kept without it long ago. */
const toldAt = (item: string) => `(${item} ->> 'toldAt')::bigint`;

/**
 * Whether a line in `merged` was ever told by its order's source: what only evidence names waits.
 */
export const isToldLine = (line: string) => `(${line} -> 'toldAt') is distinct from 'null'::jsonb`;

/**
 * Whether a line or a refund in `merged` is gone: a later report that told all of them does not
 * list it.
 */
export const isGone = (item: string, list: 'lines' | 'refunds') =>
  `coalesce(${toldAt(item)} < (merged #>> '{whole,${list}}')::bigint, false)`;

/** What an order is called outside. */
export const ORDER = 'orders.merchant_id, orders.source_id, orders.order_id';

/**
 * The least id of version 7 of a moment, given in SQL: what was stored from then on is found by its
 * key.
 */
export function firstIdAt(time: string): string {
  return `(lpad(to_hex((extract(epoch from ${time}) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid`;
}
