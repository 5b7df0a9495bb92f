-- What one process has seen of a busy caller, for the others to add to what they see. Unlogged: it is worth nothing after two minutes.
create unlogged table rate_count (
  subject text not null,
  minute timestamptz not null,
  hits bigint not null constraint rate_count_hits check (hits >= 0),
  constraint rate_count_key primary key (subject, minute)
);
comment on table rate_count is 'How often a subject called within a minute, in all processes; only of those that come near their limit.';
comment on column rate_count.subject is 'The id of a key, or the address of who brought none or a wrong one.';
