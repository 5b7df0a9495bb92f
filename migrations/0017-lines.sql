-- Lines speak for themselves: each has its own hold and release. What the explanations of an order's lines share is kept once. An order that
-- would be larger than orders may be waits as a whole.

alter table orders
  add column format smallint not null default 1,
  add column line_count integer not null default 0,
  add column is_too_large boolean not null default false;
alter table orders alter column format set default 2;
update orders set line_count = jsonb_array_length(merged -> 'lines');
comment on column orders.format is
  'How its reports were read when it was made: 1 before lines had evidence and holds of their own. The audit reads those of today''s again.';
comment on column orders.line_count is 'Lines that were ever told: how much work its award is.';
comment on column orders.is_too_large is 'A report of it is parked, because with it the order would be larger than orders may be.';

alter table delivery
  add column clock_skew_seconds integer check (clock_skew_seconds >= 0),
  add column is_ahead boolean not null default false,
  add column untimed_at timestamptz;
comment on column delivery.clock_skew_seconds is
  'How far ahead of its receipt it might be, once it was found to be ahead; what is further ahead is read as the receipt.';
comment on column delivery.is_ahead is 'A report of it lay further ahead than that.';
comment on column delivery.untimed_at is
  'What its reports without a time of their own count as, where that is before the receipt: before the latest whole report that was held.';
drop index delivery_waiting;
create index delivery_waiting on delivery (waits_for) where waits_for is not null;
create index delivery_ahead on delivery (received_at) where is_ahead;

alter table decision add column order_explanation json;
comment on column decision.order_explanation is
  'What the explanations of all lines share, with the first line: every piece of evidence once, and how it was judged.';

alter table award
  add column is_open boolean not null default true,
  add column lock_identities integer not null default 0;
comment on column award.is_open is 'Some line is not released, so that its winner may change.';
comment on column award.lock_identities is 'How many identities of the buyer it locks were known; 0 where it locks nobody.';
comment on column award.releases_at is 'When the next hold of a line ends; null while none is known to end.';

create table line_hold (
  order_key bigint not null references orders,
  line_id text not null,
  hold_days integer not null,
  ends_at timestamptz,
  released_at timestamptz,
  primary key (order_key, line_id),
  constraint line_hold_ended check (released_at is null or ends_at <= released_at)
);
comment on table line_hold is 'The after-sale wait of a line, once it is known when that ends, and when it was released, which is for good.';
comment on column line_hold.ends_at is 'Null while it is not known any more: a refund or dispute is open again.';

-- Every line takes its order's release.
insert into line_hold (order_key, line_id, hold_days, ends_at, released_at)
select award.order_key, line_id, coalesce(hold_days, 0), coalesce(released_at, releases_at), released_at
from award join decision using (order_key, revision)
where released_at is not null or (releases_at is not null and decision = 'attributed');

update award set is_open = released_at is null,
  lock_identities = case when lock_promoter_id is null then 0 else (
    -- A part of a split order knows its buyer by what the whole was told, too.
    select count(distinct told ->> 0) from orders own
    left join orders whole on own.parent_kind = 'split' and whole.merchant_id = own.merchant_id and whole.source_id = own.source_id
      and whole.order_id = own.parent_order_id,
      jsonb_array_elements((own.merged -> 'identities') || coalesce(whole.merged -> 'identities', '[]')) as told
    where own.order_key = award.order_key
  ) end
where released_at is not null or lock_promoter_id is not null;

-- What the holds of lines make of orders that wait for theirs is for the award to say.
insert into award_due (order_key, due_at) select order_key, now() from award where state = 'confirmed' order by order_key
on conflict (order_key) do nothing;

create function refuse_second_release() returns trigger language plpgsql as $$
begin
  if old.released_at is not null then
    raise exception 'what was released stays released' using errcode = 'restrict_violation';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;
comment on function refuse_second_release is 'Trigger of line_hold: a release is a fact, once and for good.';
create trigger line_hold_unchanged before update or delete on line_hold for each row execute function refuse_second_release();
create trigger line_hold_kept before truncate on line_hold for each statement execute function refuse_change();
revoke delete, truncate on line_hold from fenyong_app;
