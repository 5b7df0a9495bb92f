// Applications in the database.

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { DAY_MS } from '../../platform/durations.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { Application } from './application.ts';

interface ApplicationRow {
  application_id: string;
  merchant_id: string;
  offer_id: string;
  promoter_id: string;
  state: Application['state'];
  note: string | null;
  tier: string | null;
  orders: bigint;
  refund_ppm: number;
  made_at: Date;
  decided_at: Date | null;
  decided_by: string | null;
  reason: string | null;
  effective_from: Date | null;
}

const toApplication = (row: ApplicationRow): Application => ({
  applicationId: row.application_id,
  merchantId: row.merchant_id,
  offerId: row.offer_id,
  promoterId: row.promoter_id,
  state: row.state,
  note: row.note,
  tier: row.tier,
  orders: row.orders,
  refundPpm: row.refund_ppm,
  madeAt: row.made_at,
  decidedAt: row.decided_at,
  decidedBy: row.decided_by,
  reason: row.reason,
  effectiveFrom: row.effective_from,
});

const SHOWN = sql`application_id, merchant_id, offer_id, promoter_id, state, note, tier, orders, refund_ppm, made_at, decided_at, decided_by,
  reason, effective_from`;

/** Lets a promoter apply once at a time, so that what it has applied for can be counted. */
export async function lockApplicant(trx: Transaction<DB>, promoterId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('offer applications of ' || ${promoterId}, 0))`.execute(trx);
}

/** How often a promoter has applied within a day. */
export async function countOfDay(db: Kysely<DB>, promoterId: string, now: Date): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from offer_application
    where promoter_id = ${promoterId} and made_at > ${new Date(now.getTime() - DAY_MS)}`.execute(db);
  return rows[0]!.count;
}

/** Writes an application; false where the promoter has one already that waits or was accepted. */
export async function addApplication(trx: Transaction<DB>, application: Application, keyId: string): Promise<boolean> {
  const { rows } = await sql`
    insert into offer_application (application_id, merchant_id, offer_id, promoter_id, state, note, tier, orders, refund_ppm, made_at, made_by,
      decided_at, decided_by, reason, effective_from)
    values (${application.applicationId}, ${application.merchantId}, ${application.offerId}, ${application.promoterId}, ${application.state},
      ${application.note}, ${application.tier}, ${application.orders}, ${application.refundPpm}, ${application.madeAt}, ${keyId},
      ${application.decidedAt}, ${application.decidedBy}, ${application.reason}, ${application.effectiveFrom})
    on conflict do nothing returning application_id`.execute(trx);
  return rows.length > 0;
}

/** Writes what was decided. */
export async function saveDecision(trx: Transaction<DB>, application: Application): Promise<void> {
  const { applicationId, state, decidedAt, decidedBy, reason, effectiveFrom } = application;
  await sql`
    update offer_application
    set state = ${state}, decided_at = ${decidedAt}, decided_by = ${decidedBy}, reason = ${reason}, effective_from = ${effectiveFrom}
    where application_id = ${applicationId}`.execute(trx);
}

/** One application. Throws `not_found`. */
export async function findApplication(db: Kysely<DB>, applicationId: string, { locked = false } = {}): Promise<Application> {
  const { rows } = await sql<ApplicationRow>`
    select ${SHOWN} from offer_application where application_id = ${applicationId} ${locked ? sql`for update` : sql``}`.execute(db);
  if (rows[0] === undefined) throw new DomainError('not_found', 'There is no such application.');
  return toApplication(rows[0]);
}

interface ApplicationFilter {
  merchantId: string | null;
  offerId: string | null;
  promoterId: string | null;
  state: Application['state'] | null;
}

/** Applications, the newest first, one more than asked for. */
export async function listApplications(
  db: Kysely<DB>,
  filter: ApplicationFilter,
  { before, limit }: { before: string | null; limit: number },
): Promise<Application[]> {
  const wanted = [
    ['merchant_id', filter.merchantId],
    ['offer_id', filter.offerId],
    ['promoter_id', filter.promoterId],
    ['state', filter.state],
  ] as const;
  const conditions = wanted.flatMap(([column, value]) => (value === null ? [] : [sql`${sql.ref(column)} = ${value}`]));
  if (before !== null) conditions.push(sql`application_id < ${before}`);
  const { rows } = await sql<ApplicationRow>`
    select ${SHOWN} from offer_application ${conditions.length === 0 ? sql`` : sql`where ${sql.join(conditions, sql` and `)}`}
    order by application_id desc limit ${limit + 1}`.execute(db);
  return rows.map(toApplication);
}
