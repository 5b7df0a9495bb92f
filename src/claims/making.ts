// Making a claim: it is refused where nothing could come of it; else its order is awarded anew, and
// the claim is settled, open or waiting.
import type { Transaction } from 'kysely';
import { inForce } from '../commission/facts/facts.ts';
import { readMerchants } from '../commission/facts/facts-store.ts';
import { DomainError, type ErrorCode } from '../core/errors.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { uuidv7 } from '../platform/uuid.ts';
import { merchantExists } from '../promotion/merchants/merchant-store.ts';
import { findSource } from '../sources/connections/source-store.ts';
import { REST } from '../sources/connections/source-fields.ts';
import { CLAIMS_PER_DAY, DECIDE_WITHIN_HOURS, MISSES_PER_DAY, type Claim, type ClaimDeps } from './claim.ts';
import { findNamedOrders, findUndecided, insertClaim, lockPromoter, timeOfClaim, timeOfMiss, type NamedOrder } from './claim-store.ts';
import { awardAnew, earnableLines, isCredited, isPending, readClaimedAward, type ClaimedAward } from './claimed-award.ts';
import { takeUp } from './take-up.ts';
import { DAY_MS, HOUR_MS } from '../platform/durations.ts';

/** What a promoter claims, in the promoter's own words. */
interface ClaimWish {
  promoterId: string;
  /** Null: whosesoever order of this id the source has. */
  merchantId: string | null;
  /** Null: any source of the merchant; where no merchant is named either, the merchants' own. */
  sourceId: string | null;
  orderId: string;
  /** Null: the whole order. */
  lineId: string | null;
  evidence: string;
}

/** By whose key, and when. */
interface Occasion {
  keyId: string;
  now: Date;
}

/**
 * Makes a claim. Throws `unknown_promoter`, `unknown_merchant`, `unknown_source`, `unknown_line`
 * and `ambiguous_order` for what it names, `unknown_order` for one that is not here and of which
 * nobody can tell whose it will be, `claim_limit`, `claim_exists`, and for orders that it cannot
 * move `already_credited`, `claim_too_late` and `order_not_claimable`.
 */
export async function makeClaim(trx: Transaction<DB>, wish: ClaimWish, occasion: Occasion, deps: ClaimDeps): Promise<Claim> {
  const { now } = occasion;
  if (!(await lockPromoter(trx, wish.promoterId))) {
    throw refused('unknown_promoter', `There is no promoter ${wish.promoterId}.`, 'promoter_id');
  }
  await refuseTooMany(trx, wish.promoterId, now);
  const order = await findNamed(trx, wish);
  const claim = claimOf(wish, {
    merchantId: order?.merchantId ?? (await merchantOf(trx, wish)),
    sourceId: order?.sourceId ?? wish.sourceId,
    now,
  });
  if ((await findUndecided(trx, claim.promoterId, claim.merchantId, claim.orderId)) !== null) {
    throw new DomainError(
      'claim_exists',
      `There is a claim of this promoter to the order ${claim.orderId} already, which is not decided yet.`,
    );
  }

  const found = order === null || order.attributionAt === null ? null : await awardClaimed(trx, claim, order, now, deps);
  await insertClaim(trx, claim, occasion.keyId);
  const made = found === null ? claim : await takeUp(trx, claim, order!, { ...found, now });
  await deps.tell(trx, made, now);
  return made;
}

function claimOf(wish: ClaimWish, { merchantId, sourceId, now }: { merchantId: string; sourceId: string | null; now: Date }): Claim {
  return {
    ...wish,
    merchantId,
    sourceId,
    claimId: uuidv7(now.getTime()),
    orderKey: null,
    state: 'waiting',
    madeAt: now,
    dueAt: new Date(now.getTime() + DECIDE_WITHIN_HOURS * HOUR_MS),
    gathered: null,
    revisionBefore: null,
    revisionAfter: null,
    decidedAt: null,
    decidedBy: null,
    reason: null,
  };
}

/**
 * What is answered to a claim of something that is not there, or that tells of it that it is there:
 * it counts.
 */
const MISSES: ReadonlySet<string> = new Set([
  'unknown_order',
  'unknown_merchant',
  'unknown_source',
  'unknown_line',
  'ambiguous_order',
  'already_credited',
  'claim_too_late',
  'order_not_claimable',
] satisfies ErrorCode[]);

/** Whether a refused claim counts as a miss. */
export const isMiss = (error: unknown): boolean => error instanceof DomainError && MISSES.has(error.code);

const refused = (code: ErrorCode, message: string, path: string) => new DomainError(code, message, { errors: [{ path, message }] });

async function refuseTooMany(trx: Transaction<DB>, promoterId: string, now: Date): Promise<void> {
  const firsts = [await timeOfClaim(trx, promoterId, CLAIMS_PER_DAY), await timeOfMiss(trx, promoterId, MISSES_PER_DAY)];
  const waitMs = Math.max(...firsts.map((first) => (first === null ? 0 : first.getTime() + DAY_MS - now.getTime())));
  if (waitMs <= 0) return;
  const message = `A promoter may make ${CLAIMS_PER_DAY} claims in 24 hours, and try ${MISSES_PER_DAY} that cannot be made.`;
  throw new DomainError('claim_limit', message, { retryAfterSeconds: Math.ceil(waitMs / 1000) });
}

/** The order that is named; null where it has not arrived. */
async function findNamed(trx: Transaction<DB>, { orderId, merchantId, sourceId }: ClaimWish): Promise<NamedOrder | null> {
  const [order, another] = await findNamedOrders(trx, { orderId, merchantId, sourceId: sourceId ?? (merchantId === null ? REST : null) });
  if (another === undefined) return order ?? null;
  const [what, field] = merchantId === null ? ['merchants have', 'merchant_id'] : ['sources have', 'source_id'];
  throw new DomainError('ambiguous_order', `Several ${what} an order ${orderId}; name one by ${field}.`);
}

/**
 * Whose order it will be when it arrives: the named merchant's, or that of a source which has one
 * only.
 */
async function merchantOf(trx: Transaction<DB>, { orderId, merchantId, sourceId }: ClaimWish): Promise<string> {
  const source = sourceId === null || sourceId === REST ? null : await findSource(trx, sourceId);
  const isNoSource = sourceId !== null && sourceId !== REST && source === null;
  const isOfAnother = source !== null && source.merchant_id !== null && merchantId !== null && source.merchant_id !== merchantId;
  if (isNoSource || isOfAnother) throw refused('unknown_source', `There is no source ${sourceId} of this merchant.`, 'source_id');
  const owner = merchantId ?? source?.merchant_id ?? null;
  if (owner === null) {
    const message = `There is no order ${orderId} yet. Say whose it is, so that the claim can wait for it.`;
    throw refused('unknown_order', message, 'merchant_id');
  }
  if (!(await merchantExists(trx, owner))) throw refused('unknown_merchant', `There is no merchant ${owner}.`, 'merchant_id');
  return owner;
}

/**
 * The order's award with everything that is known by now, and which one stood before; null while it
 * is still pending.
 */
async function awardClaimed(
  trx: Transaction<DB>,
  { promoterId, lineId }: Claim,
  order: NamedOrder,
  now: Date,
  { award }: ClaimDeps,
): Promise<{ standing: ClaimedAward; before: number | null } | null> {
  await refuseTooLate(trx, order, now);
  const before = await readClaimedAward(trx, order.orderKey, lineId);
  if (isCredited(before, promoterId)) throw new DomainError('already_credited', 'This order is credited to the promoter already.');
  await awardAnew(trx, order.orderKey, now, award);
  const standing = await readClaimedAward(trx, order.orderKey, lineId);
  if (lineId !== null && standing.lines.length === 0) throw refused('unknown_line', `The order has no line ${lineId}.`, 'line_id');
  if (isPending(standing)) return null;
  if (earnableLines(standing).length === 0) {
    const why = standing.lines.map((line) => `line ${line.line_id} is ${line.decision} (${line.explained.reason ?? 'no reason'})`);
    throw new DomainError('order_not_claimable', `Nobody can earn this order: ${why.join(', ')}.`);
  }
  return { standing, before: before.revision };
}

async function refuseTooLate(trx: Transaction<DB>, { merchantId, attributionAt }: NamedOrder, now: Date): Promise<void> {
  const terms = inForce((await readMerchants(trx, [merchantId])).get(merchantId), attributionAt!.getTime());
  const days = terms!.policy.cutoff_days;
  if (now.getTime() <= attributionAt!.getTime() + days * DAY_MS) return;
  throw new DomainError('claim_too_late', `Orders of this merchant can be claimed for ${days} days; this one is older.`);
}
