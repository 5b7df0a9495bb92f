// A year of a market, made by SQL as it would lie in the tables: clicks, links, and orders that
// were awarded and booked. Nothing of it is counted yet.

import { sql, type Kysely } from 'kysely';

import { lift } from '../../src/core/merge.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { canonicalReport } from '../../src/core/report.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { readAs } from '../core/reading.ts';
import { openPastMonths } from '../platform/months.ts';

/** How much there is of everything at the scale of 1. */
const YEAR = { days: 365, clicks: 10_000_000, orders: 1_000_000, promoters: 2000, links: 20_000, merchants: 20, products: 1000 };
const MONTHS = 12;
/** A part of the clicks or orders that one statement writes. */
const ROWS_AT_ONCE = 500_000;
/** Orders of as many kinds come again and again. */
const KINDS = 1000;

export type Year = typeof YEAR;

/** So much of it as the scale says; days, merchants and products stay. */
export function yearOf(scale: number): Year {
  const part = (figure: number, least: number): number => Math.max(least, Math.round(figure * scale));
  return {
    ...YEAR,
    clicks: part(YEAR.clicks, 1000),
    orders: part(YEAR.orders, 1000),
    promoters: part(YEAR.promoters, 200),
    links: part(YEAR.links, 2000),
  };
}

/** Fills an empty database, as its owner. */
export async function openYear(owner: Kysely<DB>, year: Year): Promise<void> {
  await openPastMonths(owner, MONTHS);
  await owner.connection().execute(async (db) => {
    // Past the triggers and foreign keys, which would be asked for every row.
    await sql`set session_replication_role = replica`.execute(db);
    await openPeople(db, year);
    await openRule(db);
    await openAccounts(db);
    for (let from = 0; from < year.clicks; from += ROWS_AT_ONCE) await openClicks(db, year, from);
    await sql`
      create temporary table kind as
      select n - 1 as kind, merged from unnest(${kindsOfOrders()}::jsonb[]) with ordinality as one (merged, n)`.execute(db);
    for (let from = 0; from < year.orders; from += ROWS_AT_ONCE) await openOrders(db, year, from);
    // Nothing of it has a number of the ledger's count: it is history, of which all is to be
    // counted.
    await sql`update statistics_fold set history_done_at = null`.execute(db);
    await sql`set session_replication_role = default`.execute(db);
  });
  await sql`vacuum analyze`.execute(owner);
}

async function openPeople(db: Kysely<DB>, { promoters, links, merchants, products }: Year): Promise<void> {
  const began = sql`now() - interval '400 days'`;
  await sql`insert into merchant select 'm' || n, ${began} from generate_series(0, ${merchants}::int - 1) n`.execute(db);
  await sql`
    insert into merchant_version (merchant_id, version, effective_from, recorded_at, name, currency, landing_hosts, hold_days, policy)
    select merchant_id, 1, '-infinity', made_at, merchant_id, 'CNY', '{shop.example.com}', 7, ${JSON.stringify(defaultPolicy)}::jsonb
    from merchant`.execute(db);
  await sql`
    insert into product select 'm' || n % ${merchants}::int, 'p' || n, ${began} from generate_series(0, ${products}::int - 1) n`.execute(
    db,
  );
  await sql`
    insert into product_version (merchant_id, product_id, version, effective_from, recorded_at, title, category, commissionable, recorded_xid)
    select merchant_id, product_id, 1, '-infinity', made_at, product_id, 'c' || substr(product_id, 2)::int % 25, true, null from product`.execute(
    db,
  );
  await sql`
    insert into promoter select kind || n, ${began}
    from (values ('u', ${promoters}::int), ('a', 20)) as kinds (kind, many), generate_series(0, many - 1) n`.execute(db);
  await sql`
    insert into promoter_version (promoter_id, version, effective_from, recorded_at, name, kind, agency_id, status, coupon_codes, recorded_xid)
    select promoter_id, 1, '-infinity', made_at, promoter_id, case left(promoter_id, 1) when 'a' then 'agency' else 'person' end,
      case left(promoter_id, 1) when 'u' then 'a' || substr(promoter_id, 2)::int % 20 end, 'active', '[]', null
    from promoter`.execute(db);
  await sql`
    insert into link (code, merchant_id, promoter_id, product_id, landing_url, scene, sharers, made_at, made_xid)
    select 'link' || n, 'm' || n % ${merchants}::int, 'u' || n / 10 % ${promoters}::int, 'p' || n % ${products}::int,
      'https://shop.example.com/', (array['moments', 'group', 'chat', 'live'])[1 + n % 4], '{}', ${began} + n * interval '1 minute', null
    from generate_series(0, ${links}::int - 1) n`.execute(db);
}

/** One for everything; what it says was decided long ago. */
async function openRule(db: Kysely<DB>): Promise<void> {
  await sql`insert into rule values ('all', now())`.execute(db);
  await sql`
    insert into rule_version (rule_id, version, name, scope, scope_key, priority, effective_from, plan, recorded_at)
    values ('all', 1, 'All', '{}', '', 0, '2020-01-01', '{"rate_ppm": 100000, "split": []}', now())`.execute(db);
}

/** Even over the year; each tenth is a bot's, and a fifth has no buyer that is known. */
async function openClicks(db: Kysely<DB>, { days, clicks, links }: Year, from: number): Promise<void> {
  await sql`
    insert into click (click_id, link_code, clicked_at, identity, bot, recorded_xid)
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(digits, 1, 3) || '8' || substr(digits, 4, 15))::uuid,
      'link' || (n::bigint * 7919 % ${links}::int), at, case when n % 5 > 0 then md5('buyer' || n % 600000)::uuid end, n % 10 = 0, null
    from generate_series(${from}::int, ${Math.min(from + ROWS_AT_ONCE, clicks) - 1}::int) n,
      lateral (
        select date_trunc('milliseconds', now() - ${days}::int * interval '1 day' * (1 - n::float8 / ${clicks}::int)), md5(n::text)
      ) as told (at, digits)`.execute(db);
}

function kindsOfOrders(): string[] {
  const at = new Date();
  return Array.from({ length: KINDS }, (_, kind) => {
    const line = { line_id: '1', product_id: `p${kind}`, quantity: 1 + (kind % 2), paid_amount: 1000 + kind * 9 };
    const times = { observed_at: at.toISOString(), paid_at: at.toISOString(), completed_at: at.toISOString() };
    const stated = canonicalReport.parse({
      merchant_id: 'm',
      order_id: 'o',
      status: 'completed',
      currency: 'CNY',
      ...times,
      lines: [line],
    });
    return JSON.stringify(lift(readAs(stated, { receivedAt: at }), 'bench', 'all'));
  });
}

/**
 * Each of one line, won by one link: a tenth for its agency and an upline, and a tenth refunded.
 */
async function openOrders(db: Kysely<DB>, { days, orders, links, merchants, products, promoters }: Year, from: number): Promise<void> {
  await sql`drop table if exists sold`.execute(db);
  await sql`
    create temporary table sold as
    select n, n % ${KINDS}::int as kind, link_no, 'link' || link_no as link_code, 'm' || link_no % ${merchants}::int as merchant_id,
      'u' || link_no / 10 % ${promoters}::int as promoter_id, 'u' || (link_no / 10 + 1) % ${promoters}::int as upline_id,
      'a' || link_no / 10 % ${promoters}::int % 20 as agency_id, 'p' || link_no % ${products}::int as product_id,
      1000 + n % ${KINDS}::int * 9 as paid, case when n % 10 = 0 then 500 else 0 end as refunded, at,
      (1000 + n % ${KINDS}::int * 9 - case when n % 10 = 0 then 500 else 0 end) / 10 as pool, n % 20 = 19 as unattributed
    from generate_series(${from}::int, ${Math.min(from + ROWS_AT_ONCE, orders) - 1}::int) n,
      lateral (select (n::bigint * 104729 % ${links}::int)::int,
        date_trunc('milliseconds', now() - ${days}::int * interval '1 day' * (1 - n::float8 / ${orders}::int))) as told (link_no, at)`.execute(
    db,
  );
  await sql`
    insert into orders (merchant_id, source_id, order_id, merged, status, is_void, currency, currency_conflict, attribution_at, made_at,
      changed_at, line_count)
    select merchant_id, 'rest', 'order' || n, merged, 'completed', false, 'CNY', false, at, at, at, 1 from sold join kind using (kind)`.execute(
    db,
  );
  await sql`alter table sold add column order_key bigint`.execute(db);
  await sql`analyze sold`.execute(db);
  await sql`update sold set order_key = orders.order_key from orders where order_id = 'order' || n and orders.merchant_id = sold.merchant_id`.execute(
    db,
  );
  await sql`
    insert into award (order_key, merchant_id, revision, state, decisions, currency, attribution_at, hold_days, awarded_at, is_open,
      awarded_xid, progress)
    select order_key, merchant_id, 1, case when unattributed then 'none' else 'released' end,
      array[case when unattributed then 'unattributed' else 'attributed' end], 'CNY', at, 7, at, unattributed, null,
      jsonb_build_array(jsonb_build_object('line_id', '1', 'is_completed', true, 'refunds', (refunded > 0)::int))
    from sold`.execute(db);
  await sql`
    insert into line_hold (order_key, line_id, hold_days, ends_at, released_at)
    select order_key, '1', 7, at + interval '7 days', at + interval '7 days' from sold
    where not unattributed and at < now() - interval '7 days'`.execute(db);
  await sql`analyze sold`.execute(db);
  await openDecisions(db);
  await openBookings(db);
}

async function openDecisions(db: Kysely<DB>): Promise<void> {
  await sql`
    insert into decision (order_key, revision, line_id, product_id, decision, evidence, promoter_id, rule_id, rule_version, quantity, paid_amount,
      refunded_amount, base, pool, shares, pinned, explanation)
    select order_key, 1, '1', product_id, 'attributed', 'link_code', promoter_id, 'all', 1, 1 + n % 2, paid, refunded, paid - refunded, pool,
      jsonb_build_array(
        jsonb_build_object('role', 'agency', 'level', null, 'promoter_id', agency_id, 'amount', pool * 3 / 10),
        jsonb_build_object('role', 'promoter', 'level', null, 'promoter_id', promoter_id, 'amount', pool * 6 / 10),
        jsonb_build_object('role', 'upline', 'level', 1, 'promoter_id', upline_id, 'amount', pool / 10)),
      jsonb_build_object('attribution_at', at, 'product_id', product_id, 'category', null, 'product_category', 'c' || substr(product_id, 2)::int % 25,
        'merchant_version', 1, 'clock_skew_seconds', 300, 'winners', jsonb_build_array(jsonb_build_object('promoter_id', promoter_id,
        'weight_ppm', 1000000, 'weight', 1, 'evidence', 'link_code', 'reference', link_code, 'link_code', link_code, 'click_id', null,
        'campaign_id', null, 'clicked_at', at, 'window_days', null, 'chain', array[upline_id], 'chain_at', at, 'agency_id', agency_id,
        'talent_id', null, 'talent_agency_id', null, 'absent', array[]::text[]))), '{"arithmetic": []}'
    from sold where not unattributed`.execute(db);
  await sql`
    insert into decision (order_key, revision, line_id, product_id, decision, quantity, paid_amount, refunded_amount, base, pool, shares, explanation)
    select order_key, 1, '1', product_id, 'unattributed', 1, paid, 0, paid, 0, '[]', '{"arithmetic": []}' from sold where unattributed`.execute(
    db,
  );
}

async function openAccounts(db: Kysely<DB>): Promise<void> {
  await sql`
    insert into account (kind, merchant_id, promoter_id, currency)
    select 'commission', merchant_id, null, 'CNY' from merchant
    union all select kind, merchant_id, promoter_id, 'CNY' from merchant, promoter, (values ('pending'), ('available')) as kinds (kind)`.execute(
    db,
  );
  await sql`analyze account`.execute(db);
}

/** What every share was booked at, and that it was released after its hold. */
async function openBookings(db: Kysely<DB>): Promise<void> {
  await sql`
    insert into transfer (order_key, revision, position, kind, merchant_id, currency, promoter_id, line_id, role, level, from_account_id,
      to_account_id, amount, booked_at, booked_xid, cause)
    select order_key, 1, moves.place * 3 + share.place, moves.kind, sold.merchant_id, 'CNY', share.holder_id, '1', share.role, share.level,
      case moves.kind when 'accrue' then commission.account_id else pending.account_id end,
      case moves.kind when 'accrue' then pending.account_id else available.account_id end,
      share.amount, at + moves.after, 1, 'order'
    from sold cross join lateral (values
      (0, 'agency', null::smallint, agency_id, pool * 3 / 10), (1, 'promoter', null, promoter_id, pool * 6 / 10),
      (2, 'upline', 1, upline_id, pool / 10)
    ) as share (place, role, level, holder_id, amount)
    cross join (values (0, 'accrue', interval '0'), (1, 'release', interval '7 days')) as moves (place, kind, after)
    join account commission on commission.kind = 'commission' and commission.merchant_id = sold.merchant_id
    join account pending on pending.kind = 'pending' and pending.merchant_id = sold.merchant_id and pending.promoter_id = share.holder_id
    join account available on available.kind = 'available' and available.merchant_id = sold.merchant_id
      and available.promoter_id = share.holder_id
    where not unattributed and share.amount > 0 and at + moves.after < now()`.execute(db);
}
