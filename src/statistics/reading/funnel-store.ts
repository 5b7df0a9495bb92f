// How far links have come: how many of those made were clicked, brought orders, and paid.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { clicksRecorded, linkFacts } from '../counting/link-facts.ts';
import { keyConditions, linkFactKeys, lookUpsOf } from './keys.ts';
import type { Group, StatisticsQuery } from './query.ts';
import { rowsOfNow, type Snapshot } from './snapshot-store.ts';

export const STEPS = ['made', 'clicked', 'ordered', 'confirmed', 'released'] as const;
type Step = (typeof STEPS)[number];

type FunnelAsked = Pick<StatisticsQuery, 'from' | 'to' | 'filters' | 'currency'>;

/** Of each step: links that came there or further, and how many clicks or orders brought them. */
export type Funnel = Record<Step, { links: bigint; facts: bigint }>;

/**
 * The funnel of the links that were made in a time, with all that came of them until now. A link
 * that is ordered by without a click, as by its code, has come past the clicks.
 */
export async function readFunnel(trx: Transaction<DB>, snapshot: Snapshot, asked: FunnelAsked): Promise<Funnel> {
  const { from, to, filters, currency } = asked;
  const links = sql`(select * from link where made_at >= ${from} and made_at < ${to})`;
  const unfolded = clicksRecorded({ from: snapshot.below, completeAt: snapshot.completeAt });
  const made = linkFacts({ clicks: sql`(select * from click where false)`, links }, lookUpsOf(Object.keys(filters) as Group[]));
  const ofCurrency = currency === null ? sql`true` : sql`currency = ${currency}`;
  const { rows } = await sql<Record<Step | `${Step}_facts`, bigint>>`
    with made as materialized (
      select link_code from ${made} as fact
      where ${ofCurrency} and ${keyConditions(filters, linkFactKeys)}
    ), visited as (
      select link_code, sum(clicks) as clicks from (
        select link_code, clicks from link_rollup where grain_minutes = 1440 and link_code in (select link_code from made)
        union all
        select link_code, 1 from ${unfolded} as click where not bot and link_code in (select link_code from made)
      ) as visit group by link_code
    ), earned as (
      select link_code, order_key, bool_or(wins_order) as is_won, sum(commission_confirmed + commission_released) > 0 as is_confirmed,
        sum(commission_released) > 0 as is_released
      from (${rowsOfNow(snapshot, sql`basis = 'order' and link_code in (select link_code from made)`)}) as fact group by link_code, order_key
    ), ordered as (
      select link_code, count(*) filter (where is_won) as orders, count(*) filter (where is_confirmed) as confirmed,
        count(*) filter (where is_released) as released
      from earned group by link_code
    ), come as (
      select coalesce(clicks, 0) as clicks, coalesce(orders, 0) as orders, coalesce(confirmed, 0) as confirmed,
        coalesce(released, 0) as released, greatest(0, (clicks > 0)::int, 2 * (orders > 0)::int, 3 * (confirmed > 0)::int,
          4 * (released > 0)::int) as step
      from made left join visited using (link_code) left join ordered using (link_code)
    )
    select count(*) as made, count(*) as made_facts, count(*) filter (where step >= 1) as clicked,
      coalesce(sum(clicks), 0)::bigint as clicked_facts, count(*) filter (where step >= 2) as ordered,
      coalesce(sum(orders), 0)::bigint as ordered_facts, count(*) filter (where step >= 3) as confirmed,
      coalesce(sum(confirmed), 0)::bigint as confirmed_facts, count(*) filter (where step >= 4) as released,
      coalesce(sum(released), 0)::bigint as released_facts
    from come`.execute(trx);
  const [row] = rows;
  return Object.fromEntries(STEPS.map((step) => [step, { links: row![step], facts: row![`${step}_facts`] }])) as Funnel;
}
