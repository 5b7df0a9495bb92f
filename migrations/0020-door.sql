-- What the door must bear: sums of any size, and floods of clicks.

-- Amounts are bounded, their sums are not: one account beyond 2^63 would otherwise stop the fold of all others.
alter table account_balance
  alter column balance type numeric,
  add constraint account_balance_whole check (balance = trunc(balance));

-- A path to the root of a link needs all of its tree; of that what costs most is kept, an eighth of the leaves and what is above it.
alter table ledger_link add column upper bytea;
alter table ledger_link alter column upper set storage external;
comment on column ledger_link.upper is
  'The tree over the leaves from its third level on, one level after the other; null in links of before, whose tree is built when it is needed.';

alter table ledger_fold add column advanced_at timestamptz not null default now();
comment on column ledger_fold.advanced_at is
  'When the fold last took something. What was booked long before and is not folded says that it stands still.';

-- A click beyond what one address may bring within a minute is kept as a sample of the flood. Clicks of before have no reason.
alter table click
  add column bot_reason text,
  add constraint click_bot_reason check (bot_reason is null or (bot and bot_reason = 'flooded'));
comment on column click.bot_reason is
  'Why the click counts as a bot''s where the visitor does not say so itself: flooded. Its token stands, and an order that carries it earns.';
