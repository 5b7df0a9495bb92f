// Alarms about orders and money that are as the world told them, and still want somebody to look.

import { alarm, inRange, isGone, isToldLine, ORDER } from '../guard.ts';

const STANDING = 'from orders join award using (order_key) join decision using (order_key, revision)';
const IN_RANGE = inRange('orders', 'award', 'decision');

const unknownProducts = alarm(
  'orders',
  'unknown_products',
  `select orders.merchant_id, decision.product_id, count(*) as times, max(orders.order_id) as order_id ${STANDING}
  where ${IN_RANGE} and decision.product_id is not null and not exists (
    select from product where product.merchant_id = orders.merchant_id and product.product_id = decision.product_id)
  group by orders.merchant_id, decision.product_id`,
);

const unknownCodes = alarm(
  'orders',
  'unknown_codes',
  `select orders.merchant_id, told ->> 'kind' as kind, told ->> 'reference' as reference, reason,
    count(*) as times, max(orders.order_id) as order_id
  ${STANDING}, json_array_elements(coalesce(order_explanation, explanation) -> 'evidence') as told,
    coalesce(told ->> 'fault', told ->> 'reason') as reason
  where ${IN_RANGE} and awarded_at > now() - interval '7 days' and reason in
    ('unreadable_token', 'unknown_link', 'unknown_coupon', 'unknown_promoter', 'link_of_other_merchant')
  group by 1, 2, 3, 4`,
);

const overRefunds = alarm(
  'orders',
  'over_refunds',
  `select order_key, ${ORDER}, paid, refunded from orders, lateral (
    select sum((line -> 'paidAmount' ->> 0)::numeric) as paid from jsonb_array_elements(merged -> 'lines') as line
      where ${isToldLine('line')} and not ${isGone('line', 'lines')}
  ) as lines, lateral (
    select sum((refund -> 'amount' ->> 0)::numeric) as refunded from jsonb_array_elements(merged -> 'refunds') as refund
    where coalesce(refund -> 'status' ->> 0, 'succeeded') = 'succeeded' and not ${isGone('refund', 'refunds')}
  ) as refunds
  where ${inRange('orders')} and refunded > coalesce(paid, 0) and attribution_at is not null`,
);

const currencyConflicts = alarm(
  'orders',
  'currency_conflicts',
  `select order_key, ${ORDER}, merged -> 'currencies' as currencies from orders where ${inRange('orders')} and currency_conflict`,
);

/**
 * Since when a balance has been below zero, as of the fold: since the transfer that last took it
 * there, which is looked for from the newest on. It is told with its age, in the buckets of
 * `GET /v1/debts`, the oldest first: those of more than ninety days are the ones to write off.
 */
const oldNegativeBalances = alarm(
  'whole',
  'old_negative_balances',
  `with owing as (
    select account_id, merchant_id, promoter_id, currency, balance from account_balance join account using (account_id)
    where kind = 'available' and balance < 0
  )
  select owing.*, since, extract(day from now() - since)::integer as age_days,
    case when since < now() - interval '90 days' then '91+' when since < now() - interval '60 days' then '61-90' else '31-60' end as bucket
  from owing, lateral (
    select booked_at as since from (
      select booked_at, booked_xid, transfer_id, owing.balance - sum(amount) over (
        order by booked_xid desc, transfer_id desc rows between unbounded preceding and current row
      ) as before
      from entry where entry.promoter_id = owing.promoter_id and entry.account_id = owing.account_id
        and booked_xid < (select below_xid from ledger_fold)
    ) as back
    where before >= 0 order by booked_xid desc, transfer_id desc limit 1
  ) as owed
  where since < now() - interval '30 days' order by since`,
);

const claimsOverdue = alarm(
  'present',
  'claims_overdue',
  `select claim_id, merchant_id, order_id, state, due_at from claim where state in ('waiting', 'open') and due_at < now()`,
);

export const ALARMS_OF_ORDERS = [unknownProducts, unknownCodes, overRefunds, currencyConflicts, oldNegativeBalances, claimsOverdue];
