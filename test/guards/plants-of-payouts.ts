// Violations of the laws of money out, each planted in a world that has paid.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';
import type { Plant } from './plant.ts';

const run =
  (statement: string) =>
  (trx: Transaction<DB>): Promise<unknown> =>
    sql.raw(statement).execute(trx);

/** Books a transfer of a payout once more, changed so. */
const bookedAgain = (kind: string, change: string): string => `
  insert into transfer (cause, cause_id, position, kind, merchant_id, currency, promoter_id, from_account_id, to_account_id, amount, booked_at)
  select cause, cause_id, 90, kind, merchant_id, currency, promoter_id, ${change}, booked_at
  from transfer where kind = '${kind}' order by transfer_id limit 1`;

export const PLANTS_OF_PAYOUTS: Plant[] = [
  {
    law: 'payouts_are_items',
    plant: 'an item that is larger than its payout',
    do: run(`update payout_item set amount = amount + 1 where payout_id = (select payout_id from payout where state = 'failed')`),
    also: ['batches_are_payouts'],
  },
  {
    law: 'payouts_booked',
    plant: 'a payout that failed and was never given back',
    do: run(`delete from transfer where kind = 'unreserve'`),
    also: ['paying_is_open'],
  },
  {
    law: 'payouts_booked',
    plant: 'a payment that no payout has asked for',
    do: run(`update transfer set cause_id = 'nobody' where kind = 'pay'`),
  },
  {
    law: 'paid_once',
    plant: 'a payment that is booked twice',
    do: run(bookedAgain('pay', 'from_account_id, to_account_id, amount')),
    also: ['payouts_booked', 'paying_is_open'],
  },
  {
    law: 'caused_move_rightly',
    plant: 'a payment that gives what it should take',
    do: run(`update transfer set from_account_id = to_account_id, to_account_id = from_account_id where kind = 'pay'`),
    also: ['paying_is_open'],
  },
  {
    law: 'paying_is_open',
    plant: 'a payout that ends without its money',
    do: run(`update payout_item set merchant_id = 'm2' where payout_id = (select payout_id from payout where state = 'sent')`),
    also: ['batches_are_payouts'],
  },
  {
    law: 'drafted_from_available',
    plant: 'a draft of more than there ever was',
    do: run(`update transfer set amount = amount + 1000000 where kind = 'reserve'`),
    also: ['payouts_booked', 'paying_is_open'],
  },
  {
    law: 'withheld_is_scheme',
    plant: 'a fen of tax that no scheme asks for',
    do: run(`update payout set withheld = withheld + 1 where state = 'failed'`),
  },
  {
    law: 'bills_unchanged',
    plant: 'a bill with other bytes',
    do: run(`update payout_bill set body = 'other'`),
  },
  {
    law: 'batches_are_payouts',
    plant: 'a payout that joined its batch after the approval',
    do: run(`update payout_batch set content_hash = sha256('other')`),
  },
  {
    law: 'payouts_tell_how',
    plant: 'a payout whose end nobody has told',
    do: run(`delete from payout_change where to_state = 'failed'`),
  },
];
