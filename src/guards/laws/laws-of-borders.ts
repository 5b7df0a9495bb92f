// Laws of who may touch what: one merchant's rows never meet another's, every change by an operator
// is on record, every retry has one answer.

import { inRange, law, ORDER } from '../guard.ts';

/** An order and the rows that hang on it by its key, down to one that says a merchant too. */
function borders(what: string, tables: string[], from: string, foreign: string): string {
  return `select orders.order_key, ${ORDER}, '${what}' as of, ${foreign} as merchant_found
  from orders join ${from} where ${inRange('orders', ...tables)} and ${foreign} <> orders.merchant_id`;
}

const ACCOUNTS = 'transfer using (order_key) join account on account_id in (from_account_id, to_account_id)';
const RULES = `award using (order_key) join decision using (order_key, revision)
    join rule_version on rule_version.rule_id = decision.rule_id and version = rule_version`;

const BUYERS = `lateral jsonb_array_elements(merged -> 'identities') as told on true
    join buyer_identity on identity = (told ->> 0)::uuid`;

const merchantsAgree = law(
  'orders',
  'merchants_agree',
  [
    borders('award', ['award'], 'award using (order_key)', 'award.merchant_id'),
    borders('transfer', ['transfer'], 'transfer using (order_key)', 'transfer.merchant_id'),
    borders('account', ['transfer'], ACCOUNTS, 'account.merchant_id'),
    borders('rule', ['award', 'decision'], RULES, `rule_version.scope ->> 'merchant_id'`),
    borders('buyer', [], BUYERS, 'buyer_identity.merchant_id'),
    borders('source', [], `source on source.source_id = orders.source_id and merged ->> 'status' is not null`, 'source.merchant_id'),
    borders('report', ['order_report'], 'order_report using (order_key) join delivery using (delivery_id)', 'delivery.merchant_id'),
  ].join('\n  union all\n  '),
);

const linksDescend = law(
  'whole',
  'links_descend',
  `select link.code, link.merchant_id, link.promoter_id, link.sharers, parent.merchant_id as merchant_above
  from link left join link parent on parent.code = link.shared_from
  where parent.merchant_id <> link.merchant_id
    or (link.shared_from is null) <> (parent.code is null)
    or (parent.code is null and cardinality(link.sharers) > 0)
    or link.promoter_id = any(link.sharers)
    or cardinality(link.sharers) <> (select count(distinct one) from unnest(link.sharers) as one)
    or not link.sharers <@ (parent.sharers || parent.promoter_id)
    or (parent.promoter_id <> link.promoter_id and link.sharers[1] is distinct from parent.promoter_id)`,
);

const idempotencyKeysFinished = law(
  'present',
  'idempotency_keys_finished',
  `select key_id, key, made_at, finished_at, status from idempotency_key
  where (finished_at is null and made_at < now() - interval '5 minutes') or (finished_at is null) <> (status is null)`,
);

/**
 * The versions of a thing that have no entry in the audit log, written in the transaction that made
 * them.
 */
function unrecorded(kind: string, table: string, id: string, at = 'recorded_at'): string {
  return `select '${kind}' as subject_kind, ${id} as subject_id, ${table}.${at} as changed_at from ${table}
  where ${table}.${at} is not null and not exists (
    select from audit_log where subject_kind = '${kind}' and subject_id = ${id} and audit_log.recorded_at = ${table}.${at})`;
}

const changesAudited = law(
  'whole',
  'changes_audited',
  [
    unrecorded('merchant', 'merchant_version', 'merchant_version.merchant_id'),
    unrecorded('product', 'product_version', `product_version.merchant_id || '/' || product_id`),
    unrecorded('promoter', 'promoter_version', 'promoter_version.promoter_id'),
    unrecorded('rule', 'rule_version', 'rule_version.rule_id'),
    unrecorded('rule', 'rule_end', 'rule_end.rule_id'),
    unrecorded('tier_program', 'tier_program_version', 'tier_program_version.program_id'),
    unrecorded('bonus_program', 'bonus_program_version', 'bonus_program_version.program_id'),
    unrecorded('campaign', 'campaign_version', 'campaign_version.campaign_id'),
    unrecorded('campaign', 'campaign_pause', 'campaign_pause.campaign_id'),
    unrecorded('offer', 'offer_version', `offer_version.merchant_id || '/' || offer_id`),
    unrecorded('offer_application', 'offer_application', 'application_id::text', 'decided_at'),
    unrecorded('mapping', 'mapping_version', `mapping_version.source_id || '/' || type || '/' || value`),
    unrecorded('source', 'source', 'source.source_id', 'changed_at'),
    unrecorded('key', 'api_key', 'api_key.key_id::text', 'made_at'),
    unrecorded('key', 'api_key', 'api_key.key_id::text', 'revoked_at'),
    unrecorded('payee', 'payee_version', 'payee_version.promoter_id', 'stated_at'),
    unrecorded('payout_batch', 'payout_batch', 'payout_batch.batch_id::text', 'approved_at'),
    unrecorded('payout_batch', 'payout_batch', 'payout_batch.batch_id::text', 'cancelled_at'),
    unrecorded('merchant_payment', 'merchant_payment', 'payment_id::text', 'made_at'),
    unrecorded('write_off', 'write_off', 'write_off_id::text', 'made_at'),
    unrecorded('write_off', 'write_off', 'write_off_id::text', 'approved_at'),
    unrecorded('write_off', 'write_off', 'write_off_id::text', 'rejected_at'),
    unrecorded('rule_draft', 'rule_draft', 'draft_id::text', 'changed_at'),
    unrecorded('rule_draft', 'rule_draft', 'draft_id::text', 'approved_at'),
    unrecorded('rule_draft', 'rule_draft', 'draft_id::text', 'decided_at'),
    unrecorded('re_rating', 're_rating', 're_rating_id::text', 'made_at'),
    unrecorded('re_rating', 're_rating', 're_rating_id::text', 'approved_at'),
    unrecorded('re_rating', 're_rating', 're_rating_id::text', 'executed_at'),
    unrecorded('re_rating', 're_rating', 're_rating_id::text', 'cancelled_at'),
  ].join('\n  union all\n  '),
);

/**
 * A draft that is approved was approved by nobody who wrote it, or by the only one who could, and
 * never so in an emergency; what was published of a rule is there.
 */
const draftsByTwo = law(
  'whole',
  'drafts_by_two',
  `select draft_id, kind, subject_id, approved_person, 'approved by who wrote it' as fault from rule_draft
  where approved_person in (select person from rule_draft_edit as edit where edit.draft_id = rule_draft.draft_id)
    and (not approved_alone or emergency is not null)
  union all
  select draft_id, kind, subject_id, approved_person, 'published, and not there' from rule_draft
  where state = 'published' and kind in ('rule', 'reversion') and not exists (
    select from rule_version where rule_id = subject_id and version = published_version)`,
);

/** Whose rows are written once, and corrected by new ones only. */
const TABLES = `unnest(array['merchant_version', 'product_version', 'promoter_version', 'coupon_version', 'rule_version', 'rule_end',
  'mapping_version', 'link', 'identity_statement', 'order_report', 'decision', 'account', 'transfer', 'ledger_link', 'audit_log',
  'payout_item', 'payout_change', 'payout_file', 'merchant_payment', 'tier_program_version', 'tier_period', 'promoter_tier',
  'bonus_program_version', 'campaign', 'campaign_version', 'rule_draft_edit', 'known_body', 'offer_version', 'offer_rule']) as name`;

const appendOnlyKept = law(
  'present',
  'append_only_kept',
  `select name as table, 'its trigger is gone' as fault from ${TABLES} where not exists (
    select from pg_trigger
    where tgrelid = to_regclass('public.' || name) and tgname = name || '_unchanged' and tgenabled in ('O', 'A') and tgtype & 24 = 24
  )
  union all
  select 'delivery', 'the trigger of its proof is gone' where not exists (
    select from pg_trigger
    where tgrelid = 'public.delivery'::regclass and tgname = 'delivery_proof_unchanged' and tgenabled in ('O', 'A') and tgtype & 16 = 16)
  union all
  select name, 'the application may change it' from ${TABLES}, pg_roles
  where rolname = 'fenyong_app' and has_table_privilege(pg_roles.oid, 'public.' || name, 'update, delete, truncate')
  union all
  select 'delivery', 'the application may rewrite its proof' from pg_roles
  where rolname = 'fenyong_app' and has_column_privilege(pg_roles.oid, 'public.delivery', 'body', 'update')`,
);

const commitsDurable = law(
  'present',
  'commits_durable',
  `select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'`,
);

export const LAWS_OF_BORDERS = [
  merchantsAgree,
  linksDescend,
  idempotencyKeysFinished,
  changesAudited,
  draftsByTwo,
  appendOnlyKept,
  commitsDurable,
];
