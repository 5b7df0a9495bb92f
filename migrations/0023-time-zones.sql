-- In which time zone a merchant counts its days.

alter table merchant_version add column time_zone text not null default 'Asia/Shanghai';
comment on column merchant_version.time_zone is 'A name of the IANA database: what a file without a zone means, and where its days begin.';
