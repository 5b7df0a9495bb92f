-- Nothing that is asked of a source stops anything else: each of its lists, and what is fetched by its id, rests by itself.

alter table pull
  add turned_at timestamptz,
  add stated_at timestamptz,
  add slow boolean not null default false;
comment on column pull.due_at is 'When one of its lists is to be read next, where it is read by itself; null: now.';
comment on column pull.rests_until is 'Nothing is asked of it before: its platform was asked too often, or it could not be asked at all.';
comment on column pull.attempts is 'How often in a row it had to rest as a whole.';
comment on column pull.turned_at is 'When its last turn ended. Of those that are due the one is asked first whose turn was longest ago.';
comment on column pull.stated_at is
  'As of which statement of the source it was asked last: a new one ends all rests but those that the platform demands.';
comment on column pull.slow is 'Its last turn took long. Such sources never take all the places of a process.';

alter table pull_feed
  alter column reached drop not null,
  add due_at timestamptz,
  add asked_at timestamptz,
  add read_at timestamptz,
  add reached_at timestamptz,
  add attempts integer not null default 0,
  add failure text,
  add error text,
  add failing_since timestamptz,
  add constraint pull_feed_failing check (num_nulls(failure, error, failing_since) in (0, 3)),
  add constraint pull_feed_reached check ((reached is null) = (feed = 'detail'));
comment on table pull_feed is
  'How far a list of a source was read, by itself or for one reconciliation; as "detail", how the fetching of single things goes.';
comment on column pull_feed.due_at is 'When it is asked next; null: it is none of the lists that are read by themselves (any more).';
comment on column pull_feed.asked_at is 'When it was asked last, whatever came of it.';
comment on column pull_feed.read_at is 'When something that it answered was stored last.';
comment on column pull_feed.reached_at is 'When its checkpoint moved last.';
comment on column pull_feed.attempts is 'How often in a row it failed.';
comment on column pull_feed.failure is 'Why it fails, in one word: item_refused, temporary, rate_limited, refused, stale_cursor, unreadable.';

alter table pull_wanted
  add since timestamptz,
  add delivery_id uuid constraint pull_wanted_delivery references delivery;
update pull_wanted set since = asked_at;
alter table pull_wanted alter column since set not null;
comment on column pull_wanted.since is 'When it was named first.';
comment on column pull_wanted.delivery_id is 'The delivery that named it last; null: a list did.';
comment on column pull_wanted.attempts is 'How often in a row fetching it failed for a reason of its own.';

-- What failed before never stands before what is fetched for the first time.
create index pull_wanted_of on pull_wanted (source_id, due_at);
create index pull_wanted_fresh on pull_wanted (source_id, due_at) where attempts = 0;
create index pull_wanted_named on pull_wanted (delivery_id);
drop index pull_wanted_due;

-- What was read until now stands still for no new reason.
update pull_feed
set due_at = coalesce(pull.due_at, now()), asked_at = answered_at, read_at = answered_at, reached_at = answered_at
from pull where pull.source_id = pull_feed.source_id and reconciliation_id is null;
