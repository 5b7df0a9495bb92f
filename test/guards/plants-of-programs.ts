// Violations of the laws of programs, each planted in a world with a bonus and a tier that are in
// order. The programs are made for each of them: others plant violations in what these count.

import { sql, type Transaction } from 'kysely';

import { causeIdOf } from '../../src/commission/bonuses/bonus-store.ts';
import { accountCache, bookCaused } from '../../src/ledger/booking-store.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import type { Plant } from './plant.ts';
import { ago, auditOf } from './world.ts';

const NAME = { programId: 'spring', promoterId: 'bob', period: 'once' };

/** 10 % of all that bob has ever sold, and gold for it: made and booked as it should be. */
async function foundPrograms(trx: Transaction<DB>): Promise<void> {
  const at = ago(0);
  const steps = JSON.stringify([{ at_least: 0, rate_ppm: 100_000 }]);
  const tiers = JSON.stringify([{ tier: 'gold', at_least: 100 }]);
  await sql`insert into program_reach (kind, program_id, merchant_id, made_at, done_at) values ('bonus', 'spring', 'm1', ${at}, ${at})`.execute(
    trx,
  );
  await sql`insert into bonus_program values ('spring', 'm1', 'CNY', 'once', 'Asia/Shanghai', ${at})`.execute(trx);
  await sql`insert into bonus_program_version values ('spring', 1, 'paid_amount', ${steps}, 'marginal', null, null, ${at})`.execute(trx);
  await sql`insert into tier_program values ('tiers', 'm1', 'Asia/Shanghai', '2026-07', ${at})`.execute(trx);
  await sql`insert into tier_program_version values ('tiers', 1, 'paid_amount', 'CNY', ${tiers}, ${at})`.execute(trx);
  await sql`insert into tier_period values ('tiers', '2026-06-30T16:00:00Z', '2026-06', 1, null, ${at})`.execute(trx);
  await sql`insert into promoter_tier values ('tiers', '2026-06-30T16:00:00Z', 'bob', 100, 'gold')`.execute(trx);
  await trx
    .insertInto('audit_log')
    .values([auditOf('bonus_program', 'spring', at), auditOf('tier_program', 'tiers', at)])
    .execute();
  await sql`
    insert into won_line (order_key, line_id, promoter_id, merchant_id, currency, completed_at, amount, is_released)
    select order_key, line_id, 'bob', award.merchant_id, award.currency,
      case merged ->> 'status' when 'completed' then timestamptz 'epoch' + (merged ->> 'completedAt')::bigint * interval '1 millisecond' end,
      paid_amount - refunded_amount, line_hold.released_at is not null
    from award join orders using (order_key) join decision using (order_key, revision) left join line_hold using (order_key, line_id)
    where decision = 'attributed'`.execute(trx);
  const { rows } = await sql<{ figure: bigint }>`
    select sum(amount)::bigint as figure from won_line where completed_at is not null`.execute(trx);
  const { figure } = rows[0]!;
  const amount = figure / 10n;
  const transfer = { cause: 'bonus', causeId: causeIdOf(NAME), merchantId: 'm1', promoterId: 'bob', currency: 'CNY', amount } as const;
  const accrue = { ...transfer, position: 0, kind: 'accrue', from: 'commission', to: 'pending' } as const;
  const release = { ...transfer, position: 1, kind: 'release', from: 'pending', to: 'available' } as const;
  await bookCaused(trx, [accrue, release], accountCache(), at);
  await sql`
    insert into bonus (program_id, promoter_id, period, version, figure, amount, revision)
    values ('spring', 'bob', 'once', 1, ${figure}, ${amount}, 2)`.execute(trx);
}

/** Makes the programs and then breaks something of them. */
const planted =
  (statement: string) =>
  async (trx: Transaction<DB>): Promise<void> => {
    await foundPrograms(trx);
    await sql.raw(statement).execute(trx);
  };

export const PLANTS_OF_PROGRAMS: Plant[] = [
  {
    law: 'won_lines_kept',
    plant: 'a line that is counted for a fen more than was kept',
    do: planted(`update won_line set amount = amount + 1 where completed_at is null`),
  },
  {
    law: 'won_lines_kept',
    plant: 'a line that is not counted',
    do: planted(`delete from won_line where completed_at is null`),
  },
  {
    law: 'won_lines_kept',
    plant: 'a line that is counted for somebody else too',
    do: planted(`insert into won_line (order_key, line_id, promoter_id, merchant_id, currency, completed_at, amount, is_released)
      select order_key, line_id, 'alice', merchant_id, currency, null, amount, is_released from won_line where completed_at is null`),
  },
  {
    law: 'bonuses',
    plant: 'a bonus that is booked a second time',
    do: planted(`insert into transfer (cause, cause_id, position, kind, merchant_id, currency, promoter_id, from_account_id, to_account_id,
        amount, booked_at)
      select cause, cause_id, 2, kind, merchant_id, currency, promoter_id, from_account_id, to_account_id, amount, booked_at
      from transfer where cause = 'bonus' and kind = 'accrue'`),
  },
  {
    law: 'bonuses',
    plant: 'a bonus by steps that are not the program’s',
    do: planted(`update bonus_program_version set steps = '[{"at_least": 0, "rate_ppm": 200000}]'`),
  },
  {
    law: 'bonuses',
    plant: 'a bonus that was released before its period has ended',
    do: planted(`update bonus_program_version set ends_at = now() + interval '1 day'`),
  },
  {
    law: 'bonuses',
    plant: 'a bonus of which nobody knows what it is for',
    do: planted(`update transfer set cause_id = 'summer/bob/once' where cause = 'bonus'`),
  },
  {
    law: 'bonuses',
    plant: 'lines that nobody has reckoned',
    do: planted(`delete from bonus; delete from transfer where cause = 'bonus'`),
  },
  {
    law: 'tiers',
    plant: 'a tier that its figure does not reach',
    do: planted(`update promoter_tier set figure = 99`),
  },
];
