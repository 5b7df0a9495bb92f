-- What a delivery costs at the door. The hash alone tells nearly every double apart, so it comes first: one comparison of bytes instead of
-- two of text before it. The index of signed ids served one alarm, which looks at what came lately only.
alter table delivery drop constraint delivery_once;
alter table delivery add constraint delivery_once unique nulls not distinct (body_hash, source_id, merchant_id);
drop index delivery_signed;
