-- Claims that could not be made are counted: whoever asks for orders by guessing finds out no more than so many a day.

create table claim_miss (
  promoter_id text not null,
  missed_at timestamptz not null
);
create index claim_miss_of_promoter on claim_miss (promoter_id, missed_at);
comment on table claim_miss is 'When a promoter claimed what is not there or cannot be claimed. Swept after a day.';
