// What the statistics answer, counted by one statement over the facts themselves: the twin of a
// bench.

import { sql, type Kysely, type RawBuilder } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';

/** By what is grouped: of a click by its link, of an order by its decision. */
const KEYS = {
  promoter_id: { click: 'link.promoter_id', won: 'decision.promoter_id', share: 'share.promoter_id' },
  product_id: { click: 'link.product_id', won: 'decision.product_id', share: 'decision.product_id' },
  scene: { click: 'link.scene', won: 'link.scene', share: 'link.scene' },
  merchant_id: { click: 'link.merchant_id', won: 'award.merchant_id', share: 'award.merchant_id' },
} as const;
type RawKey = keyof typeof KEYS;

export interface RawQuestion {
  keys: readonly RawKey[];
  of: readonly (readonly [RawKey, string])[];
  bucket: 'hour' | 'day' | null;
  from: Date;
  to: Date;
}

const ZONE = 'Asia/Shanghai';

/** Answers it; the rows as they come. */
export async function countRaw(db: Kysely<DB>, question: RawQuestion): Promise<number> {
  const { keys, bucket, from, to } = question;
  const part = (side: 'click' | 'won' | 'share', at: string, sums: RawBuilder<unknown>, source: RawBuilder<unknown>) => sql`
    select ${sql.join([...keys.map((key) => sql`${sql.raw(KEYS[key][side])} as ${sql.ref(key)}`), bucketAt(bucket, at)])}, ${sums}
    from ${source}
    where ${sql.raw(at)} >= ${from} and ${sql.raw(at)} < ${to}
      and ${sql.join([sql`true`, ...question.of.map(([key, value]) => sql`${sql.raw(KEYS[key][side])} = ${value}`)], sql` and `)}
    group by ${sql.join(Array.from({ length: keys.length + 1 }, (_, place) => sql.raw(String(place + 1))))}`;
  const decided = sql`award join decision using (order_key, revision) left join link on code = pinned -> 'winners' -> 0 ->> 'link_code'`;
  const clicks = sql`count(*) filter (where not bot) as clicks, 0 as orders, 0 as paid, 0 as commission`;
  const shares = sql`jsonb_to_recordset(shares) as share (promoter_id text, amount bigint)`;
  const { rows } = await sql`
    select ${sql.join([...keys.map((key) => sql.ref(key)), sql`bucket`])}, sum(clicks) as clicks, sum(orders) as orders, sum(paid) as paid,
      sum(commission) as commission
    from (
      ${part('click', 'clicked_at', clicks, sql`click join link on code = link_code`)}
      union all
      ${part('won', 'attribution_at', sql`0, count(distinct order_key), sum(paid_amount), 0`, sql`${decided}`)}
      union all
      ${part('share', 'attribution_at', sql`0, 0, 0, sum(share.amount)`, sql`${decided}, ${shares}`)}
    ) as counted
    group by ${sql.join([...keys.map((key) => sql.ref(key)), sql`bucket`])}
    order by commission desc`.execute(db);
  return rows.length;
}

function bucketAt(bucket: RawQuestion['bucket'], at: string): RawBuilder<unknown> {
  return bucket === null ? sql`null::timestamptz as bucket` : sql`date_trunc(${bucket}, ${sql.raw(at)}, ${ZONE}) as bucket`;
}
