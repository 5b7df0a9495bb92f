-- Files of orders are kept first and read afterwards: whoever sends a large one does not wait until all of it is merged.

create table upload_part (
  reconciliation_id uuid constraint upload_part_of references reconciliation,
  part_no integer,
  bytes bytea not null,
  constraint upload_part_key primary key (reconciliation_id, part_no)
);
alter table upload_part alter bytes set storage external;
comment on table upload_part is 'An uploaded file, byte for byte and in parts, until all its rows have entered.';

alter table reconciliation
  add amounts text constraint reconciliation_amounts check (amounts is null or (amounts in ('minor', 'decimal') and origin = 'upload')),
  add uploaded_at timestamptz,
  add parts integer,
  add reader uuid,
  add read_until timestamptz,
  add constraint reconciliation_uploaded check ((uploaded_at is null) = (parts is null)),
  add constraint reconciliation_reader check ((reader is null) = (read_until is null));
comment on column reconciliation.amounts is 'How amounts stand in an uploaded file.';
comment on column reconciliation.uploaded_at is 'When all of the file was kept; only then is it read.';
comment on column reconciliation.parts is 'In how many parts the file is kept.';
comment on column reconciliation.read_until is 'Its reader is reading the file, and has said so until then.';

-- What is not recovered yet is looked at in the order of its places, a part at a time: of a million orders none may be sorted for each part.
create index reconciled_order_left on reconciled_order (reconciliation_id, shop, order_id) where found <> 'known' and not recovered;
drop index reconciled_order_unrecovered;
