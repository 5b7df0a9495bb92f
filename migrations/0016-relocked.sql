-- Whose locks an award has changed, until the later orders of those buyers were looked for once more after its commit: an order that another
-- worker merged and awarded meanwhile has not seen the lock, and the award has not seen it.

create table relocked (
  relocked_id bigint generated always as identity constraint relocked_key primary key,
  orders jsonb not null,
  made_at timestamptz not null
);
comment on table relocked is 'Orders whose locks an award has changed, until the later orders of their buyers were looked for after its commit.';
