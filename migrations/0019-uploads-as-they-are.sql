-- Files are taken as people have them: what a file was recognised as, how it was asked to be read, and what it would do.

alter table reconciliation
  add column_mapping jsonb not null default '[]',
  add dry_run boolean not null default false constraint reconciliation_dry_run check (not dry_run or origin = 'upload'),
  add confirm_all_new boolean not null default false,
  add file jsonb,
  add row_count bigint not null default 0,
  add error_code text,
  add would jsonb constraint reconciliation_would check (would is null or dry_run);
comment on column reconciliation.column_mapping is 'Which columns of an uploaded file are which of ours, as pairs: theirs, ours.';
comment on column reconciliation.dry_run is 'The file is read and judged, and nothing of it enters.';
comment on column reconciliation.confirm_all_new is 'Its sender knows that no order of the file is known.';
comment on column reconciliation.file is 'What an uploaded file was recognised as: its form, encoding, export, and the columns that nobody reads.';
comment on column reconciliation.row_count is 'How many rows of an uploaded file were read, bad ones among them.';
comment on column reconciliation.error_code is 'Why a file was refused before anything of it entered, as an answer names it.';
comment on column reconciliation.would is 'What a dry run found: the counts that are else counted from reconciled_order.';
