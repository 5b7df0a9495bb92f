// Violations of the laws of re-ratings, each planted after a run that is in order: the last
// revision of an order that was awarded twice is told to be the run's.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';
import type { Plant } from './plant.ts';
import { ago, auditOf, KEY_ID } from './world.ts';

const RUN = '0197294e-aa90-70cd-8d43-8208ba188421';

/** The order whose second award is taken for a re-rating's. */
const CHOSEN = sql`select order_key from award join orders using (order_key) where order_id = 'released'`;

async function foundReRating(trx: Transaction<DB>): Promise<void> {
  const at = ago(1);
  const result = JSON.stringify({ lowered: { orders: 1, promoters: 1, amount: '1' } });
  await sql`
    insert into re_rating (re_rating_id, state, merchant_id, period_from, period_to, currency, reason, lowers, made_at, made_by, made_person,
      book_revision, previewed_at, content_hash, result, approved_at, approved_by, approved_person, approved_alone, related_key, executed_at)
    values (${RUN}, 'executed', 'm1', ${ago(60)}, ${at}, 'CNY', 'the rate was wrong', true, ${at}, ${KEY_ID}, 'zhang', 1, ${at}, sha256('x'),
      ${result}, ${at}, ${KEY_ID}, 'li', false, false, ${at})`.execute(trx);
  await trx
    .insertInto('audit_log')
    .values([auditOf('re_rating', RUN, at)])
    .execute();
  await sql`
    update transfer set cause = 're_rating', cause_id = ${RUN} from award
    where award.order_key = transfer.order_key and transfer.revision = award.revision and transfer.order_key in (${CHOSEN})`.execute(trx);
  await sql`
    update decision set pinned = jsonb_set(pinned, '{re_rating}', jsonb_build_object('re_rating_id', ${RUN}::text, 'former_rule_id', rule_id,
      'former_version', rule_version))
    from award
    where award.order_key = decision.order_key and decision.revision = award.revision and decision.decision = 'attributed'
      and decision.order_key in (${CHOSEN})`.execute(trx);
  await sql`
    insert into re_rating_order (re_rating_id, order_key, revision, before, after, moved, lowers, lines, digest, state, booked_revision, decided_at)
    select ${RUN}::uuid, order_key, revision - 1, 1000, 1000 + (
        select coalesce(sum(case kind when 'accrue' then amount when 'reverse' then -amount else 0 end), 0) from transfer
        where transfer.order_key = award.order_key and transfer.revision = award.revision
      ), 1, true, (
        select coalesce(jsonb_agg(jsonb_build_object('line_id', line_id, 'rule_id', rule_id, 'version', rule_version,
          'former_rule_id', rule_id, 'former_version', rule_version)), '[]')
        from decision where decision.order_key = award.order_key and decision.revision = award.revision and decision = 'attributed'
      ), sha256('x'), 'booked', revision, ${at}
    from award where order_key in (${CHOSEN})`.execute(trx);
}

const planted =
  (statement: string) =>
  async (trx: Transaction<DB>): Promise<void> => {
    await foundReRating(trx);
    await sql.raw(statement).execute(trx);
  };

export const PLANTS_OF_RE_RATINGS: Plant[] = [
  {
    law: 're_ratings',
    plant: 'a difference that is a fen less than what was approved',
    do: planted(`update re_rating_order set after = after + 1`),
  },
  {
    law: 're_ratings',
    plant: 'an order that is said to wait, and was booked',
    do: planted(`update re_rating_order set state = 'waiting', booked_revision = null, decided_at = null`),
  },
  {
    law: 're_ratings',
    plant: 'differences of a run that nobody has approved',
    do: planted(`update re_rating set state = 'ready', approved_at = null, approved_by = null, approved_person = null, approved_alone = null,
      related_key = null, executed_at = null`),
  },
  {
    law: 're_ratings',
    plant: 'transfers of a run that is not there',
    do: planted(`update transfer set cause_id = 'another run' where cause = 're_rating'`),
  },
  {
    law: 're_ratings',
    plant: 'a line whose pin names another run than the one that has chosen its rule',
    do: planted(`update decision set pinned = jsonb_set(pinned, '{re_rating,re_rating_id}', '"another run"') where pinned ? 're_rating'`),
  },
  {
    law: 're_ratings_by_two',
    plant: 'a re-rating that was approved by who asked for it',
    do: planted(`update re_rating set approved_person = made_person, approved_alone = true`),
  },
  {
    law: 're_ratings_by_two',
    plant: 'a re-rating that lowers without having been asked to',
    do: planted(`update re_rating set lowers = false`),
  },
];
