// The law of re-ratings: what was executed stands once in the books, and the order is what its pin
// says.

import { inRange, law, ORDER } from '../guard.ts';

/** Each order of a run with what the run has booked of it. */
const EXECUTED = `
  select orders.order_key, ${ORDER}, re_rating_id, rated.state, rated.before, rated.after, booked.amount, booked.revisions
  from orders join re_rating_order rated on rated.order_key = orders.order_key join re_rating run using (re_rating_id)
  cross join lateral (
    select count(distinct revision) as revisions, min(transfer.revision) as revision,
      coalesce(sum(case kind when 'accrue' then amount when 'reverse' then -amount else 0 end), 0) as amount
    from transfer where transfer.order_key = rated.order_key and cause = 're_rating' and cause_id = re_rating_id::text
  ) as booked
  where ${inRange('orders', 'rated')} and case rated.state
    when 'booked' then run.state not in ('approved', 'executed') or booked_revision <> rated.revision + 1
      or booked.amount <> rated.after - rated.before
      or revisions > 1 or booked.revision <> booked_revision
      or exists (
        select from jsonb_array_elements(rated.lines) as chosen where not exists (
          select from decision where decision.order_key = rated.order_key and decision.revision = booked_revision
            and line_id = chosen ->> 'line_id' and rule_id = chosen ->> 'rule_id' and rule_version = (chosen ->> 'version')::integer
            and pinned #>> '{re_rating,re_rating_id}' = re_rating_id::text
            and pinned #>> '{re_rating,former_rule_id}' = chosen ->> 'former_rule_id'))
    else revisions > 0 or (rated.state = 'waiting' and run.state = 'executed') end`;

/** Transfers of a run that no order of it has. */
const STRAY = `
  select orders.order_key, ${ORDER}, null::uuid, cause_id, null::bigint, null::bigint, sum(amount), count(distinct revision)
  from orders join transfer on transfer.order_key = orders.order_key
  where ${inRange('orders', 'transfer')} and cause = 're_rating' and not exists (
    select from re_rating_order rated where rated.order_key = transfer.order_key and rated.re_rating_id::text = cause_id
      and booked_revision = transfer.revision)
  group by orders.order_key, orders.merchant_id, orders.source_id, orders.order_id, cause_id`;

/** Standing lines that say a run chose their rule, which it did not. */
const MISPINNED = `
  select orders.order_key, ${ORDER}, null::uuid, pinned #>> '{re_rating,re_rating_id}', null::bigint, pool, null::numeric, decision.revision
  from orders join award on award.order_key = orders.order_key
  join decision on decision.order_key = award.order_key and decision.revision = award.revision
  where ${inRange('orders', 'award', 'decision')} and pinned ? 're_rating' and not exists (
    select from re_rating_order rated, jsonb_array_elements(rated.lines) as chosen
    where rated.order_key = decision.order_key and rated.re_rating_id::text = pinned #>> '{re_rating,re_rating_id}'
      and booked_revision <= decision.revision and chosen ->> 'line_id' = decision.line_id and chosen ->> 'rule_id' = decision.rule_id
      and (chosen ->> 'version')::integer = decision.rule_version)`;

const reRatings = law('orders', 're_ratings', [EXECUTED, STRAY, MISPINNED].join('\n  union all\n  '));

/** Nobody approves what the same person asked for, but where nobody else could and nobody loses. */
const reRatingsByTwo = law(
  'whole',
  're_ratings_by_two',
  `select re_rating_id, made_person, approved_person, approved_at from re_rating
  where approved_at is not null and (
    (approved_person = made_person and (not approved_alone or (result #>> '{lowered,orders}')::integer > 0))
    or ((result #>> '{lowered,orders}')::integer > 0 and not lowers))`,
);

export const LAWS_OF_RE_RATINGS = [reRatings, reRatingsByTwo];
