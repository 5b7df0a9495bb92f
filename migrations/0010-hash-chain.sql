-- The hash chain over the transfers: links of one day each, written behind the hot path. Who knows one link knows all that is before it.

create table ledger_link (
  link_no bigint primary key check (link_no > 0),
  day date not null,
  below_xid bigint not null,
  transfers integer not null check (transfers > 0),
  leaves bytea not null,
  root bytea not null check (length(root) = 32),
  previous_hash bytea not null check (length(previous_hash) = 32),
  hash bytea not null constraint ledger_link_hash unique check (length(hash) = 32),
  chained_at timestamptz not null,
  constraint ledger_link_range unique (below_xid),
  constraint ledger_link_leaves check (length(leaves) = 32 * transfers)
);
-- So that a part of the leaves can be read without the whole.
alter table ledger_link alter column leaves set storage external;
comment on table ledger_link is
  'Transfers of whole transactions of one day, in the order of (booked_xid, transfer_id), from the link before it up to below_xid.';
comment on column ledger_link.leaves is 'The SHA-256 leaves of the transfers, one after the other; src/ledger/hash-chain.ts says of what.';
comment on column ledger_link.root is 'The Merkle tree hash of the leaves (RFC 6962, 2.1).';
comment on column ledger_link.hash is 'SHA-256 over link_no, day, transfers, root and previous_hash.';

create trigger ledger_link_unchanged before update or delete on ledger_link for each row execute function refuse_change();
create trigger ledger_link_kept before truncate on ledger_link for each statement execute function refuse_change();
revoke update, delete, truncate on ledger_link from fenyong_app;
