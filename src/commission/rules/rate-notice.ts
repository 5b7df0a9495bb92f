// How long promoters are told before they earn less: a merchant's rate notice, and the earliest
// time at which a change of the rules that lowers anything may take effect.
import { sql, type Kysely } from 'kysely';
import { DomainError } from '../../core/errors.ts';
import { changeOf, loweringsOf, type Lowering } from '../../core/rules/rule-change.ts';
import { loweringText } from '../../core/rules/rule-check.ts';
import { ruleBook, type RuleVersion } from '../../core/rule.ts';
import { midnightFrom } from '../../platform/calendar.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readRules } from './rule-cache.ts';

const HOUR_MS = 3_600_000;

/** How long before a merchant tells its promoters that they will earn less. */
interface RateNotice {
  merchant_id: string;
  hours: number;
  time_zone: string;
}

/** A change of the book that is asked for. */
export interface BookWish {
  /** Every version as it would be, given all that are, if the change took effect at that time. */
  applied: (published: readonly RuleVersion[], at: Date) => RuleVersion[];
  /** When it is to take effect; null: as soon as it may. */
  stated: Date | null;
  /** Where the time stands in the request. */
  path: string;
  now: Date;
}

/**
 * When a change may take effect, in an open book: at the time that is stated, else now, or where it
 * lets a promoter earn less, at the first midnight of the merchant that leaves its notice. Throws
 * `notice_too_short` with that time when an earlier one is stated.
 */
export async function effectiveTime(db: Kysely<DB>, wish: BookWish): Promise<Date> {
  const { stated, now } = wish;
  const notices = await readNotices(db);
  if (notices.length === 0) return stated ?? now;
  const published = await readRules(db);
  // The time of the transaction is when it began, and it may have waited long for the book.
  const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(db);
  const tooShort = (at: Date) => shortNotice(published, wish.applied(published, at), { notices, now: rows[0]!.at });
  const first = tooShort(stated ?? now);
  if (first === null) return stated ?? now;
  if (stated !== null || tooShort(first.earliest) !== null) throw noticeTooShort(first, wish.path);
  return first.earliest;
}

interface ShortNotice {
  earliest: Date;
  merchantId: string;
  lowering: Lowering;
}

/** The merchant whose notice asks for the latest time of all those that the change leaves short. */
function shortNotice(
  before: readonly RuleVersion[],
  after: readonly RuleVersion[],
  { notices, now }: { notices: readonly RateNotice[]; now: Date },
): ShortNotice | null {
  const change = changeOf(ruleBook(before), ruleBook(after));
  let latest: ShortNotice | null = null;
  for (const { merchant_id: merchantId, hours, time_zone: timeZone } of notices) {
    const earliest = earliestAfter(now, { hours, timeZone });
    const [lowering] = loweringsOf(change, { now, until: earliest, merchantId, most: 1 });
    if (lowering !== undefined && (latest === null || earliest > latest.earliest)) latest = { earliest, merchantId, lowering };
  }
  return latest;
}

/**
 * When what lets a merchant's promoters earn less may take effect at the earliest; null: at once,
 * as it has no notice.
 */
export async function earliestLowering(db: Kysely<DB>, merchantId: string): Promise<Date | null> {
  const notice = (await readNotices(db)).find((one) => one.merchant_id === merchantId);
  if (notice === undefined) return null;
  const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(db);
  return earliestAfter(rows[0]!.at, { hours: notice.hours, timeZone: notice.time_zone });
}

/** The first midnight of the zone that is at least so many hours after `now`. */
export function earliestAfter(now: Date, { hours, timeZone }: { hours: number; timeZone: string }): Date {
  return midnightFrom(new Date(now.getTime() + hours * HOUR_MS), timeZone);
}

function noticeTooShort({ earliest, merchantId, lowering }: ShortNotice, path: string): DomainError {
  const time = earliest.toISOString();
  const why = loweringText(lowering, null);
  const detail = `The promoters of ${merchantId} are told before they earn less: this may take effect at ${time} at the earliest. ${why}`;
  return new DomainError('notice_too_short', detail, { errors: [{ path, message: `must be ${time} or later` }] });
}

/** The merchants that have a notice now. */
export async function readNotices(db: Kysely<DB>): Promise<RateNotice[]> {
  const { rows } = await sql<RateNotice>`
    select merchant_id, current.rate_notice_hours as hours, current.time_zone from merchant cross join lateral (
      select rate_notice_hours, time_zone from merchant_version as stated
      where stated.merchant_id = merchant.merchant_id and effective_from <= clock_timestamp()
      order by stated.effective_from desc, stated.version desc limit 1
    ) as current where rate_notice_hours is not null order by merchant_id`.execute(db);
  return rows;
}
