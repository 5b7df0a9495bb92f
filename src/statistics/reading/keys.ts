// The keys of each kind of fact as columns, and filters on them as conditions.

import { sql, type RawBuilder } from 'kysely';

import type { Group, KeyFilter } from './query.ts';

type Sql = RawBuilder<unknown>;

/** A column for each group, and the currency. */
export type Keys = Readonly<Record<Group, Sql>> & { currency: Sql };

const NONE = sql`null::text`;
const NO_LEVEL = sql`null::smallint`;

/** Of `counted`, and of rows of its shape. */
export const countedKeys: Keys = {
  merchant: sql`merchant_id`,
  promoter: sql`promoter_id`,
  product: sql`product_id`,
  category: sql`category`,
  scene: sql`scene`,
  campaign: sql`campaign_id`,
  link: sql`link_code`,
  source: sql`source_id`,
  agency: sql`agency_id`,
  level: sql`level`,
  currency: sql`currency`,
};

const NO_KEYS: Keys = {
  merchant: NONE,
  promoter: NONE,
  product: NONE,
  category: NONE,
  scene: NONE,
  campaign: NONE,
  link: NONE,
  source: NONE,
  agency: NONE,
  level: NO_LEVEL,
  currency: NONE,
};

/** Of the sums of merchants and of promoters. */
export function sumKeys(sums: 'merchant' | 'promoter'): Keys {
  const { merchant, promoter, currency } = countedKeys;
  return { ...NO_KEYS, merchant, currency, ...(sums === 'promoter' && { promoter }) };
}

/** Of clicks and links, as `linkFacts` tells them: they say nothing of source and level. */
export const linkFactKeys: Keys = { ...countedKeys, source: NONE, level: NO_LEVEL };

/** Of the sums of links, joined with `link` and its merchant's `terms`. */
export const linkSumKeys: Keys = {
  merchant: sql`link.merchant_id`,
  promoter: sql`link.promoter_id`,
  product: sql`link.product_id`,
  category: sql`link_rollup.category`,
  scene: sql`link.scene`,
  campaign: sql`link.campaign_id`,
  link: sql`link.code`,
  source: NONE,
  agency: sql`link_rollup.agency_id`,
  level: NO_LEVEL,
  currency: sql`terms.currency`,
};

/** What has to be looked up of each click or link, because it is grouped or filtered by it. */
export function lookUpsOf(groups: readonly Group[]): { category: boolean; agency: boolean } {
  return { category: groups.includes('category'), agency: groups.includes('agency') };
}

/** The conditions of filters, joined by `and`. */
export function keyConditions(filters: Readonly<Partial<Record<Group, KeyFilter>>>, keys: Keys): Sql {
  const each = (Object.entries(filters) as [Group, KeyFilter][]).flatMap(([group, filter]) => conditionsOf(keys[group], group, filter));
  return each.length === 0 ? sql`true` : sql.join(each, sql` and `);
}

function conditionsOf(column: Sql, group: Group, { wanted, unwanted }: KeyFilter): Sql[] {
  const conditions: Sql[] = [];
  if (wanted.length > 0) {
    const isOne = sql`${column} = any(${valuesOf(group, wanted)})`;
    conditions.push(wanted.includes(null) ? sql`(${column} is null or ${isOne})` : isOne);
  }
  if (unwanted.includes(null)) conditions.push(sql`${column} is not null`);
  const left = unwanted.filter((value) => value !== null);
  if (left.length > 0) conditions.push(sql`(${column} is null or ${column} <> all(${valuesOf(group, left)}))`);
  return conditions;
}

function valuesOf(group: Group, values: readonly (string | null)[]): Sql {
  const there = values.filter((value) => value !== null);
  return group === 'level' ? sql`${there}::smallint[]` : sql`${there}::text[]`;
}
