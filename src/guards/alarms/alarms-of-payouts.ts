// Alarms about money out: payouts whose end nobody tells, what providers and we see differently,
// and approvals that somebody should look at.

import { alarm } from '../guard.ts';

const SHOWN = 'payout_id, promoter_id, provider_id, state, reason, payout.changed_at';

const openTooLong = alarm(
  'present',
  'payouts_open_too_long',
  `select ${SHOWN} from payout
  where state in ('approved', 'sending', 'sent', 'action_required', 'unknown') and changed_at < now() - interval '3 days'`,
);

/** WeChat Pay answers for thirty days; after that only its bank statement tells. */
const nearQueryWindow = alarm(
  'present',
  'payouts_near_query_window',
  `select ${SHOWN}, payout_bill.made_at from payout join payout_bill using (payout_id, provider_id, promoter_id)
  join payout_provider using (provider_id)
  where state in ('sending', 'sent', 'action_required', 'unknown') and kind = 'wechat-pay' and payout_bill.made_at < now() - interval '27 days'`,
);

const disputed = alarm('present', 'payouts_disputed', `select ${SHOWN} from payout where state = 'disputed'`);

const fileWithoutResults = alarm(
  'present',
  'payout_files_without_results',
  `select batch_id, provider_id, count(*) as times, min(approved_at) as approved_at from payout join payout_provider using (provider_id)
  where state = 'sent' and kind = 'file' and payout.changed_at < now() - interval '2 days' group by batch_id, provider_id`,
);

const noticesUnexplained = alarm(
  'present',
  'payout_notices_unexplained',
  `select provider_id, bill_no, notice_id, outcome, received_at from payout_notice
  where outcome is distinct from 'applied' and received_at < now() - interval '1 minute' and received_at > now() - interval '30 days'`,
);

const approvalByRelatedKey = alarm(
  'present',
  'approval_by_related_key',
  `select made.*, approver.made_at, approver.made_by
  from (
    select 'payout_batch' as what, batch_id as id, array[drafted_by] as drafted_by, drafted_at, approved_by, approved_at
    from payout_batch where approved_at > now() - interval '90 days' and not approved_alone
    union all
    select 'rule_draft', draft_id, (select array_agg(key_id) from rule_draft_edit as edit where edit.draft_id = rule_draft.draft_id),
      changed_at, approved_by, approved_at
    from rule_draft where approved_at > now() - interval '90 days' and not approved_alone
    union all
    select 're_rating', re_rating_id, array[made_by], made_at, approved_by, approved_at
    from re_rating where approved_at > now() - interval '90 days' and not approved_alone
  ) as made
  join api_key approver on approver.key_id = approved_by
  where approver.sign_in is null and (approver.made_at > drafted_at or approver.made_by = any(drafted_by))`,
);

const taxpayersUnknown = alarm(
  'present',
  'taxpayers_unknown',
  `select promoter_id, count(*) as times, max(approved_at) as approved_at from payout
  where scheme <> 'none' and taxpayer like 'promoter:%' and approved_at > now() - interval '90 days' group by promoter_id`,
);

const providersStopped = alarm(
  'present',
  'payout_providers_stopped',
  `select provider_id, stopped_at from payout_provider where stopped_at is not null`,
);

/** The money of a draft is set aside: whoever is forgotten there is paid by no other batch. */
const decisionsWaiting = alarm(
  'present',
  'payout_decisions_waiting',
  `select 'batch' as what, batch_id::text as id, drafted_by as made_by, drafted_at as made_at from payout_batch
  where approved_at is null and cancelled_at is null and drafted_at < now() - interval '3 days'
    and exists (select from payout where payout.batch_id = payout_batch.batch_id and state = 'drafted')
  union all
  select 'ruling', payout_id::text, made_by, made_at from payout_ruling where decided_at is null and made_at < now() - interval '3 days'
  union all
  select 'write_off', write_off_id::text, made_by, made_at from write_off
  where approved_at is null and rejected_at is null and made_at < now() - interval '3 days'`,
);

export const ALARMS_OF_PAYOUTS = [
  openTooLong,
  nearQueryWindow,
  disputed,
  fileWithoutResults,
  noticesUnexplained,
  approvalByRelatedKey,
  taxpayersUnknown,
  providersStopped,
  decisionsWaiting,
];
