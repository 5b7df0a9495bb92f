-- The links that platforms make: where a link of ours leads when the platform itself counts who shared.

create table tracked_link (
  code text constraint tracked_link_key primary key constraint tracked_link_link references link,
  source_id text not null constraint tracked_link_source references source,
  state text not null constraint tracked_link_state check (state in ('made', 'waiting', 'failed')),
  url text,
  expires_at timestamptz,
  error text,
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  constraint tracked_link_made check (state <> 'made' or (url is not null and error is null and attempts = 0)),
  constraint tracked_link_waiting check (state <> 'waiting' or (error is not null and next_attempt_at is not null)),
  constraint tracked_link_failed check (state <> 'failed' or (error is not null and next_attempt_at is null)),
  constraint tracked_link_expiry check (expires_at is null or url is not null)
);
create index tracked_link_due on tracked_link (next_attempt_at) where next_attempt_at is not null;
comment on table tracked_link is 'The link of a platform that a link of ours leads to, with our code inside.';
comment on column tracked_link.state is 'How the platform answered last: made; waiting, so that it is asked again; failed, so that it is not.';
comment on column tracked_link.url is 'What it made last. It is followed until it expires, whatever the platform answered since.';
comment on column tracked_link.attempts is 'How often in a row it gave no link.';
comment on column tracked_link.next_attempt_at is 'When it is asked again: for its first link, or for the next one before this one expires.';

revoke delete, truncate on tracked_link from fenyong_app;
