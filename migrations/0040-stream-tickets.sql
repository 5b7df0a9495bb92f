-- Streams of statistics, and the tickets with which a browser opens one: its EventSource sends no header, and a key has no place in an
-- address.

create table stream_ticket (
  hash bytea constraint stream_ticket_pkey primary key constraint stream_ticket_hash check (length(hash) = 32),
  key_id uuid not null constraint stream_ticket_key references api_key,
  made_at timestamptz not null,
  expires_at timestamptz not null,
  constraint stream_ticket_life check (expires_at > made_at)
);
comment on table stream_ticket is 'Tickets that open streams in the place of a key; swept once they have expired.';
comment on column stream_ticket.hash is 'SHA-256 of the ticket, which has 256 random bits.';
comment on column stream_ticket.key_id is 'The key that made it, as which it opens; revoked with it.';
create index stream_ticket_of_key on stream_ticket (key_id, expires_at);
create index stream_ticket_expiry on stream_ticket (expires_at);
revoke update, truncate on stream_ticket from fenyong_app;

alter table late_click add column noted_at timestamptz not null default now();
comment on column late_click.noted_at is 'Kept for a minute from then on, so that streams learn of them though they are folded.';
