-- Claims: promoters say "this order was mine"; what was found about it, and what was decided.

create table claim (
  claim_id uuid primary key,
  promoter_id text not null references promoter,
  merchant_id text not null references merchant,
  source_id text,
  order_id text not null check (length(order_id) between 1 and 128),
  line_id text check (length(line_id) between 1 and 128),
  order_key bigint,
  evidence text not null check (length(evidence) between 1 and 4000),
  state text not null check (state in ('waiting', 'open', 'settled', 'approved', 'rejected')),
  made_by uuid not null references api_key,
  made_at timestamptz not null,
  due_at timestamptz not null,
  gathered jsonb,
  revision_before integer,
  revision_after integer,
  link_code text references link,
  clicked_at timestamptz,
  decided_at timestamptz,
  decided_by uuid references api_key,
  reason text check (length(reason) between 1 and 1000),
  constraint claim_order foreign key (order_key, merchant_id) references orders (order_key, merchant_id),
  constraint claim_taken_up check (state in ('waiting', 'rejected') or (order_key is not null and gathered is not null)),
  constraint claim_decided check ((state in ('settled', 'approved', 'rejected')) = (decided_at is not null and reason is not null)),
  constraint claim_decided_by check ((state in ('approved', 'rejected')) = (decided_by is not null)),
  constraint claim_click check ((link_code is null) = (clicked_at is null))
);
create unique index claim_once on claim (promoter_id, merchant_id, order_id) where state in ('waiting', 'open');
create unique index claim_approved on claim (order_key, line_id) nulls not distinct where state = 'approved';
create index claim_of_promoter on claim (promoter_id, claim_id);
create index claim_of_merchant on claim (merchant_id, claim_id);
create index claim_made on claim (promoter_id, made_at);
create index claim_waiting on claim (made_at) where state = 'waiting';
create index claim_due on claim (due_at) where state in ('waiting', 'open');
comment on table claim is 'A promoter''s "this order was mine". An approved one is evidence, which goes before all other evidence.';
comment on column claim.source_id is 'Null while the claim waits for its order, and any source of the merchant may report it.';
comment on column claim.order_key is 'Null while the order has not arrived, or has not been paid.';
comment on column claim.due_at is 'By when an operator has to decide it, or to find out why its order has not arrived.';
comment on column claim.gathered is
  'What was known when the claim was taken up: the promoter''s evidence, the clicks near the order, who won and why.';
comment on column claim.revision_before is 'The award that stood before the claim was settled or approved; its decisions are kept for good.';
comment on column claim.link_code is 'The link of the buyer''s click on which an approved claim rests, for its chain and campaign.';
comment on column claim.decided_by is 'The key of the operator; null where what is known by now credits the promoter without anybody''s ruling.';

create function keep_decided_claim() returns trigger language plpgsql as $$
begin
  if old.state in ('settled', 'approved', 'rejected')
    and (to_jsonb(new) - 'revision_after' is distinct from to_jsonb(old) - 'revision_after' or old.revision_after is not null) then
    raise exception 'a decided claim is never changed' using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
comment on function keep_decided_claim is 'A decided claim is read as evidence for good. The award that it led to is noted once.';
create trigger claim_decided_kept before update on claim for each row execute function keep_decided_claim();
revoke delete, truncate on claim from fenyong_app;
