// Clicks and links as statistics count them: under the keys of their link, with what was known of
// its product and its promoter at that time.

import { sql, type RawBuilder } from 'kysely';

import { DAY_MS } from '../../platform/durations.ts';
import { firstUuid } from '../../platform/uuid.ts';

/**
 * Whether a version was known to a fact of `fact`: recorded in a transaction before its own. What
 * has no number is of before statistics were kept, and among that the times decide.
 */
const IS_KNOWN = sql`case when fact.xid is null then stated.recorded_xid is null and stated.recorded_at <= fact.at
  else coalesce(stated.recorded_xid <= fact.xid, true) end`;

/**
 * A table expression: a row for each of the clicks and links, with its keys (`merchant_id`,
 * `currency`, `promoter_id`, `product_id`, `category`, `scene`, `campaign_id`, `link_code`,
 * `agency_id`), its time `at`, and 1 in one of `clicks`, `bot_clicks`, `links_made`; of a click its
 * `click_id` and `identity`. Both are table expressions of rows of those tables. Category and
 * agency are those of the version in force at that time among those that were known then: what is
 * set up later for an earlier time moves nothing; where they are not wanted they are null, and are
 * not looked up. Clicks of no link count nowhere.
 */
export function linkFacts(
  { clicks, links }: { clicks: RawBuilder<unknown>; links: RawBuilder<unknown> },
  wanted: { category: boolean; agency: boolean } = { category: true, agency: true },
): RawBuilder<unknown> {
  const product = sql`left join lateral (
      select category from product_version as stated
      where stated.merchant_id = link.merchant_id and stated.product_id = link.product_id and effective_from <= fact.at and ${IS_KNOWN}
      order by effective_from desc, version desc limit 1
    ) as product on true`;
  const promoter = sql`left join lateral (
      select agency_id from promoter_version as stated
      where stated.promoter_id = link.promoter_id and effective_from <= fact.at and ${IS_KNOWN}
      order by effective_from desc, version desc limit 1
    ) as promoter on true`;
  return sql`(
    select link.merchant_id, merchant.currency, link.promoter_id, link.product_id,
      ${wanted.category ? sql`product.category` : sql`null::text as category`}, link.scene, link.campaign_id, link.code as link_code,
      ${wanted.agency ? sql`promoter.agency_id` : sql`null::text as agency_id`}, fact.click_id, fact.identity, fact.at, fact.clicks,
      fact.bot_clicks, fact.links_made
    from (
      select link_code, click_id, identity, clicked_at as at, recorded_xid as xid, (not bot)::int as clicks, bot::int as bot_clicks,
        0 as links_made
      from ${clicks} as click
      union all
      select code, null, null, made_at, made_xid, 0, 0, 1 from ${links} as made
    ) as fact
    join link on link.code = fact.link_code
    join merchant_version as merchant on merchant.merchant_id = link.merchant_id and merchant.version = 1
    ${wanted.category ? product : sql``}
    ${wanted.agency ? promoter : sql``}
  )`;
}

/** A time, from `from` on and before `to`. */
export interface TimeSpan {
  from: Date;
  to: Date;
}

/** No click is recorded so long before it is made: its id carries the time of either. */
const RECORDED_BEFORE_MS_MAX = DAY_MS;

/**
 * A condition: the click was made in that time. No month is looked through that was over before:
 * the id is that with which a month begins, by which only partitions are chosen, and no index.
 */
export function clickedIn({ from, to }: TimeSpan): RawBuilder<unknown> {
  const first = new Date(from.getTime() - RECORDED_BEFORE_MS_MAX);
  const month = Date.UTC(first.getUTCFullYear(), first.getUTCMonth());
  return sql`click_id >= ${firstUuid(month)}::uuid and clicked_at >= ${from} and clicked_at < ${to}`;
}

/** No number of a transaction is greater. */
export const XID_MAX = 9223372036854775807n;

/**
 * A table expression: the clicks that were recorded by transactions from `from` on and below
 * `below`, which were not counted at `completeAt` (`statistics_fold.complete_at`). Ids of a day
 * before that are asked for by name, so that no month is looked through that is over. Two ends let
 * the planner expect few rows.
 */
export function clicksRecorded({
  from,
  below = XID_MAX,
  completeAt,
}: {
  from: bigint;
  below?: bigint;
  completeAt: Date;
}): RawBuilder<unknown> {
  const first = firstUncounted(completeAt);
  return sql`(
    select * from click where recorded_xid >= ${from} and recorded_xid < ${below} and click_id >= ${first}
    union all
    select late.* from late_click, lateral (select * from click where click.click_id = late_click.click_id limit 1) as late
    where late_click.recorded_xid >= ${from} and late_click.recorded_xid < ${below} and late_click.click_id < ${first}
  )`;
}

/** The least id of a day before: no click with a lesser one is uncounted, but for late ones. */
export function firstUncounted(completeAt: Date): RawBuilder<unknown> {
  const milliseconds = Math.max(0, completeAt.getTime() - DAY_MS).toString(16);
  return sql`${milliseconds.padStart(12, '0').padEnd(32, '0')}::uuid`;
}

/** A table expression: the links that transactions from `from` on and below `below` have made. */
export function linksMade({ from, below = XID_MAX }: { from: bigint; below?: bigint }): RawBuilder<unknown> {
  return sql`(select * from link where made_xid >= ${from} and made_xid < ${below})`;
}
