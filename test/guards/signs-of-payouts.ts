// Signs that raise the alarms about money out, each in a world that has paid.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';
import type { Sign } from './signs.ts';

const run =
  (statement: string) =>
  (trx: Transaction<DB>): Promise<unknown> =>
    sql.raw(statement).execute(trx);

export const SIGNS_OF_PAYOUTS: Sign[] = [
  {
    alarm: 'payouts_open_too_long',
    sign: 'a payout that was sent four days ago',
    do: run(`update payout set changed_at = now() - interval '4 days' where state = 'sent'`),
  },
  {
    alarm: 'payouts_near_query_window',
    sign: 'a payment by WeChat that nobody has confirmed for four weeks',
    do: run(`update payout_provider set kind = 'wechat-pay'; update payout_bill set made_at = now() - interval '28 days'`),
  },
  {
    alarm: 'payouts_disputed',
    sign: 'a payout of which the provider tells another amount',
    do: run(`update payout set state = 'disputed' where state = 'sent'`),
  },
  {
    alarm: 'payout_files_without_results',
    sign: 'a file that went to the bank three days ago',
    do: run(`update payout_provider set kind = 'file'; update payout set changed_at = now() - interval '50 hours' where state = 'sent'`),
  },
  {
    alarm: 'payout_notices_unexplained',
    sign: 'a notice of a payment that we never made',
    do: run(`insert into payout_notice (provider_id, body_hash, headers, body, notice_id, bill_no, outcome, received_at)
      values ('manual', sha256('x'), '{}', 'x', 'n1', 'B9', 'unknown_bill', now() - interval '1 hour')`),
  },
  {
    alarm: 'approval_by_related_key',
    sign: 'an approval by a key that the drafter’s own key has made',
    do: run(`update api_key set made_by = drafted_by from payout_batch where key_id = approved_by`),
  },
  {
    alarm: 'taxpayers_unknown',
    sign: 'a taxed payout of a promoter without a tax id',
    do: run(`update payout set scheme = 'cn_labor_service' where state = 'sent'`),
  },
  {
    alarm: 'payout_providers_stopped',
    sign: 'a provider that waits for an operator after a restore',
    do: run(`update payout_provider set stopped_at = now()`),
  },
  {
    alarm: 'payout_decisions_waiting',
    sign: 'a ruling, a write-off and a draft with money in it, each of four days ago',
    violations: 3,
    do: run(`insert into payout_ruling (ruling_id, payout_id, kind, state, made_at, made_by, made_person)
        select gen_random_uuid(), payout_id, 'result', 'paid', now() - interval '4 days', key_id, 'li' from payout, api_key
        where state = 'sent' limit 1;
      insert into write_off (write_off_id, promoter_id, merchant_id, currency, amount, reason, made_at, made_by, made_person)
        select gen_random_uuid(), promoter.promoter_id, 'm1', 'CNY', 1, 'left', now() - interval '4 days', key_id, 'li'
        from promoter, api_key limit 1;
      update payout_batch set approved_at = null, approved_by = null, approved_person = null, approved_alone = null,
        drafted_at = now() - interval '4 days';
      update payout set state = 'drafted', withheld = null, scheme = null, tax_month = null, taxpayer = null, approved_no = null,
        approved_at = null where state = 'sent'`),
  },
];
