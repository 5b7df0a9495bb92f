// Laws of money out: a payout is its items and its transfers, is paid at most once, and withholds
// what its scheme says.

import { law } from '../guard.ts';

const OPEN = `('drafted', 'approved', 'sending', 'sent', 'action_required', 'unknown', 'disputed')`;
const GIVEN_BACK = `('dropped', 'failed', 'cancelled')`;

const payoutsAreItems = law(
  'whole',
  'payouts_are_items',
  `select payout_id, gross, sum(amount) as items from payout left join payout_item using (payout_id)
  group by payout_id, gross having gross is distinct from sum(amount)`,
);

/** What the transfers of each payout come to, by what they do. */
const MOVED = `
  select cause_id, sum(amount) filter (where kind = 'reserve') as reserved, sum(amount) filter (where kind = 'unreserve') as unreserved,
    sum(amount) filter (where kind = 'withhold') as withheld, sum(amount) filter (where kind = 'pay') as paid,
    sum(amount) filter (where kind = 'bring_back') as brought_back
  from transfer where cause in ('payout', 'return') group by cause_id`;

/** A payout that was told to have failed and was paid after all has given its money back before. */
const payoutsBooked = law(
  'whole',
  'payouts_booked',
  `with moved as (${MOVED})
  select coalesce(payout_id::text, cause_id) as payout_id, state, gross, payout.withheld, moved.* from payout
  full join moved on cause_id = payout_id::text
  where payout_id is null or coalesce(reserved, 0) <> gross
    or coalesce(unreserved, 0) not in (case when state in ${GIVEN_BACK} then gross else 0 end,
      case when state in ('paid', 'returned') or state in ${GIVEN_BACK} then gross else 0 end)
    or coalesce(moved.paid, 0) <> case when state in ('paid', 'returned') then gross - payout.withheld else 0 end
    or coalesce(moved.withheld, 0) <> case when state in ('paid', 'returned') then payout.withheld else 0 end
    or coalesce(brought_back, 0) <> case when state = 'returned' then gross else 0 end`,
);

const paidOnce = law(
  'whole',
  'paid_once',
  `select cause_id, merchant_id, count(*) as transfers from transfer where cause = 'payout' and kind = 'pay'
  group by cause_id, merchant_id having count(*) > 1
  union all
  select payout_id::text, provider_id, count(*) from payout_bill where end_state = 'paid' group by payout_id, provider_id having count(*) > 1`,
);

const causedMoveRightly = law(
  'whole',
  'caused_move_rightly',
  `select transfer_id, cause, cause_id, transfer.kind, source.kind as from_kind, target.kind as to_kind from transfer
  join account source on source.account_id = from_account_id join account target on target.account_id = to_account_id
  where cause not in ('order', 're_rating') and (
    (cause, transfer.kind, source.kind, target.kind) not in (
      ('payout', 'reserve', 'available', 'paying'), ('payout', 'unreserve', 'paying', 'available'),
      ('payout', 'withhold', 'paying', 'withheld'), ('payout', 'pay', 'paying', 'paid'),
      ('payout', 'withhold', 'available', 'withheld'), ('payout', 'pay', 'available', 'paid'),
      ('return', 'bring_back', 'paid', 'available'), ('return', 'bring_back', 'withheld', 'available'),
      ('write_off', 'write_off', 'revenue', 'available'), ('merchant_payment', 'receive', 'received', 'commission'),
      ('bonus', 'accrue', 'commission', 'pending'), ('bonus', 'release', 'pending', 'available'),
      ('bonus', 'reverse', 'pending', 'commission'), ('bonus', 'reverse', 'available', 'commission')
    )
    or transfer.promoter_id is distinct from coalesce(source.promoter_id, target.promoter_id)
    or source.promoter_id <> target.promoter_id
  )`,
);

const payingIsOpen = law(
  'whole',
  'paying_is_open',
  `with open as (
    select item.promoter_id, item.merchant_id, item.currency, sum(amount) as amount
    from payout_item item join payout using (payout_id) where state in ${OPEN} group by 1, 2, 3
  ), paying as (
    select account.promoter_id, account.merchant_id, account.currency, sum(amount) as amount
    from account join entry using (account_id) where account.kind = 'paying' group by 1, 2, 3
  )
  select promoter_id, merchant_id, currency, open.amount as open, paying.amount as paying
  from open full join paying using (promoter_id, merchant_id, currency) where coalesce(open.amount, 0) <> coalesce(paying.amount, 0)`,
);

/**
 * No account was ever drafted for more than came to it. What is taken back at the same moment is no
 * fault of a draft, and makes a debt.
 */
const draftedFromAvailable = law(
  'whole',
  'drafted_from_available',
  `select account_id, account.promoter_id, sum(amount) filter (where amount > 0) as came,
    -sum(amount) filter (where entry.kind = 'reserve') as drafted
  from account join entry using (account_id) where account.kind = 'available' group by account_id
  having coalesce(-sum(amount) filter (where entry.kind = 'reserve'), 0) > coalesce(sum(amount) filter (where amount > 0), 0)`,
);

/** Reckons the tax of every payout again, from what was income of its taxpayer at its approval. */
const withheldIsScheme = law(
  'whole',
  'withheld_is_scheme',
  `with taxed as (
    select payout_id, taxpayer, tax_month, scheme, gross, withheld, approved_no,
      coalesce((select (step ->> 'months')::int from jsonb_array_elements(tax_steps) as step where step ->> 'step' = 'taxable'), 1) as months
    from payout where scheme <> 'none'
  ), live as (
    select mine.payout_id, other.tax_month, sum(other.gross) as gross, sum(other.withheld) as withheld
    from taxed mine join payout other on other.taxpayer = mine.taxpayer and other.payout_id <> mine.payout_id and other.scheme <> 'none'
      and other.tax_month <= mine.tax_month
      and left(other.tax_month, 4) = left(mine.tax_month, 4) and (mine.scheme <> 'cn_labor_service' or other.tax_month = mine.tax_month)
    join payout_income period on period.payout_id = other.payout_id and from_no < mine.approved_no
      and (until_no is null or until_no > mine.approved_no)
    group by mine.payout_id, other.tax_month
  ), ranked as (
    -- The counted months are the latest so many with income, the own among them.
    select live.*, row_number() over (partition by payout_id order by live.tax_month desc)
      + case when bool_or(live.tax_month = taxed.tax_month) over (partition by payout_id) then 0 else 1 end as place, taxed.months
    from live join taxed using (payout_id)
  ), sums as (
    select taxed.*, coalesce((select sum(gross) from ranked where ranked.payout_id = taxed.payout_id and place <= ranked.months), 0) as income_before,
      coalesce((select sum(withheld) from ranked where ranked.payout_id = taxed.payout_id and place <= ranked.months), 0) as withheld_before
    from taxed
  ), reckoned as (
    select *, income_before + gross as income, greatest(0, case
        when scheme = 'cn_platform_cumulative' then (income_before + gross) * 0.8 - 500000 * months
        when income_before + gross <= 400000 then income_before + gross - 80000
        else (income_before + gross) * 0.8
      end) as taxable from sums
  ), due as (
    select *, round(case
        when scheme = 'cn_labor_service' then case
          when taxable <= 2000000 then taxable * 0.2 when taxable <= 5000000 then taxable * 0.3 - 200000 else taxable * 0.4 - 700000 end
        else case
          when taxable <= 3600000 then taxable * 0.03 when taxable <= 14400000 then taxable * 0.1 - 252000
          when taxable <= 30000000 then taxable * 0.2 - 1692000 when taxable <= 42000000 then taxable * 0.25 - 3192000
          when taxable <= 66000000 then taxable * 0.3 - 5292000 when taxable <= 96000000 then taxable * 0.35 - 8592000
          else taxable * 0.45 - 18192000 end
      end) as tax from reckoned
  )
  select payout_id, scheme, tax_month, gross, income_before, withheld_before, months, withheld,
    least(gross, greatest(0, tax - withheld_before)) as expected
  from due where withheld <> least(gross, greatest(0, tax - withheld_before))
  union all
  select payout_id, scheme, tax_month, gross, 0, 0, 0, withheld, 0 from payout where scheme = 'none' and withheld <> 0`,
);

const billsUnchanged = law(
  'whole',
  'bills_unchanged',
  `select bill.provider_id, bill_no, payout_id, bill.amount, gross - withheld as net from payout_bill bill join payout using (payout_id)
  where sha256(body) <> body_hash or bill.amount <> gross - withheld or bill.provider_id <> payout.provider_id
    or (end_state is null) = (state not in ${OPEN})`,
);

/**
 * What was approved is what is there: each payout hashed again, and each batch over its payouts.
 */
const batchTotals = law(
  'whole',
  'batches_are_payouts',
  `with hashed as (
    select payout.batch_id, payout.payout_id, payout.content_hash, state, sha256(convert_to(concat_ws(e'\\n', payout.payout_id, promoter_id,
      coalesce(payee_version::text, ''), provider_id, gross,
      (select string_agg(merchant_id || e'\\n' || amount, e'\\n' order by position) from payout_item where payout_item.payout_id = payout.payout_id))
      || e'\\n', 'UTF8')) as again
    from payout
  )
  select batch_id, payout_id from hashed where content_hash <> again
  union all
  select batch_id, null from payout_batch batch where content_hash <> sha256(convert_to(currency || e'\\n', 'UTF8') || coalesce((
    select string_agg(content_hash, ''::bytea order by payout_id) from payout where payout.batch_id = batch.batch_id and state <> 'dropped'
  ), ''::bytea))`,
);

const payoutHistory = law(
  'whole',
  'payouts_tell_how',
  `select payout_id, state, latest.to_state from payout left join lateral (
    select to_state from payout_change where payout_change.payout_id = payout.payout_id order by position desc limit 1
  ) as latest on true where latest.to_state is distinct from state`,
);

export const LAWS_OF_PAYOUTS = [
  payoutsAreItems,
  payoutsBooked,
  paidOnce,
  causedMoveRightly,
  payingIsOpen,
  draftedFromAvailable,
  withheldIsScheme,
  billsUnchanged,
  batchTotals,
  payoutHistory,
];
