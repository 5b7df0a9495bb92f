-- Statements about buyers can be taken back, with all that they brought; and requests that stream a file are done once, too.

alter table identity_statement add column click_id uuid;
comment on column identity_statement.click_id is 'The click that the buyer proved by its token; the touch that says so is of the first identity.';
create index identity_statement_identities on identity_statement using gin (identities);
create index identity_statement_of_merchant on identity_statement (merchant_id, statement_id);

create table identity_reversal (
  statement_id bigint primary key references identity_statement,
  key_id text not null,
  reversed_at timestamptz not null
);
comment on table identity_reversal is 'Statements about buyers that were taken back: they count no more, and stay on record.';
create trigger identity_reversal_unchanged before update or delete on identity_reversal for each row execute function refuse_change();
revoke update, delete, truncate on identity_reversal from fenyong_app;

alter table touch add column statement_id bigint references identity_statement;
create index touch_of_statement on touch (statement_id) where statement_id is not null;
comment on column touch.statement_id is
  'The statement that brought the touch, and takes it along when it is taken back; null for what is known of the click itself.';

create table streamed_request (
  key_id uuid not null constraint streamed_request_caller references api_key,
  key text not null constraint streamed_request_length check (length(key) between 1 and 255),
  address bytea not null constraint streamed_request_address check (length(address) = 32),
  alive_at timestamptz not null,
  constraint streamed_request_key primary key (key_id, key)
);
comment on table streamed_request is
  'Requests under an Idempotency-Key whose bodies are still coming in. The row goes when the answer is kept, or when the request has failed.';
comment on column streamed_request.address is 'SHA-256 of method and path; of the body there is no sum before its end.';
comment on column streamed_request.alive_at is
  'The last sign of life. A request that gave none for a while has ended with its process, and may be made again.';
