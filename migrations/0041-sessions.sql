-- Sessions: a browser acts with a key that it does not hold.

create table session (
  session_id uuid primary key,
  hash bytea not null constraint session_hash check (length(hash) = 32),
  key_id uuid not null references api_key,
  made_at timestamptz not null,
  last_used_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  constraint session_once unique (hash),
  constraint session_lasts check (made_at < expires_at)
);
create index session_of_key on session (key_id);
create index session_expiries on session (expires_at);
comment on table session is 'Who has signed in from a browser: it may what its key may, for as long as that does.';
comment on column session.hash is 'SHA-256 of what stands in the browser''s cookie; it is kept in no other form.';
comment on column session.last_used_at is 'Exact to a minute. Twelve hours later the session has ended by itself.';
