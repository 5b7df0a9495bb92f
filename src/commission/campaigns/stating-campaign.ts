// States a campaign: makes it, gives it new terms, pauses it or lets it go on. What lowers what
// promoters earn keeps the notice of the merchant.

import { isDeepStrictEqual } from 'node:util';

import type { Kysely, Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { announce } from '../../outbound/announce.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { merchantExists, unknownMerchant } from '../../promotion/merchants/merchant-store.ts';
import { earliestLowering } from '../rules/rate-notice.ts';
import {
  isPausedAt,
  latestOf,
  loweringOf,
  openPause,
  type Campaign,
  type CampaignTerms,
  type CampaignVersion,
  type StatedCampaign,
} from './campaign.ts';
import { showTerms } from './campaign-body.ts';
import { campaignPaused, campaignPublished, type ChangedBy } from './campaign-events.ts';
import {
  addCampaign,
  addCampaignVersion,
  addPause,
  countCampaigns,
  endPause,
  findCampaign,
  lockCampaign,
  raiseCampaigns,
  readSpends,
  restateBudget,
} from './campaign-store.ts';

/** All of them are held in memory, so that nobody has very many. */
const CAMPAIGNS_MAX = 1000;

/**
 * Makes the campaign or its next version. Throws `unknown_merchant`, `conflict` for another
 * merchant or currency than it was made with, `budget_below_spent`, `notice_too_short`,
 * `retroactive_not_allowed`, and `unprocessable` where it ends before it starts.
 */
export async function stateCampaign(
  trx: Transaction<DB>,
  stated: StatedCampaign,
  by: ChangedBy,
): Promise<{ campaign: Campaign; made: boolean }> {
  const before = await lockCampaign(trx, stated.campaignId);
  const campaign = await nextCampaign(trx, stated, before, by);
  if (campaign === before) return { campaign, made: false };
  const version = latestOf(campaign);
  if (before === null) await addCampaign(trx, campaign);
  await addCampaignVersion(trx, campaign.campaignId, version);
  if (version.effectiveFrom <= by.now) await restateBudget(trx, campaign.campaignId, version.limits.total);
  await raiseCampaigns(trx);
  await recordChange(trx, {
    ...by,
    action: 'campaign_stated',
    subjectKind: 'campaign',
    subjectId: campaign.campaignId,
    before: before === null ? null : recorded(before),
    after: recorded(campaign),
  });
  await announce(trx, () => [campaignPublished(campaign, by)], by.now);
  return { campaign, made: before === null };
}

const recorded = (campaign: Campaign) => ({
  campaign_id: campaign.campaignId,
  merchant_id: campaign.merchantId,
  ...showTerms(campaign, latestOf(campaign)),
});

/**
 * The campaign with its next version, which nothing is written of; `before` itself where nothing
 * changes. Throws what `stateCampaign` throws.
 */
export async function nextCampaign(
  db: Kysely<DB>,
  { terms, effectiveFrom: stated, ...wanted }: StatedCampaign,
  before: Campaign | null,
  { now, emergency = null }: Pick<ChangedBy, 'now' | 'emergency'>,
): Promise<Campaign> {
  if (terms.endsAt <= terms.startsAt) {
    throw fault('unprocessable', 'ends_at', 'must lie after starts_at', 'ends_at must lie after starts_at.');
  }
  if (before === null) {
    await refuseNew(db, wanted.merchantId);
    const effectiveFrom = terms.startsAt < now ? terms.startsAt : now;
    return { ...wanted, madeAt: now, versions: [{ ...terms, version: 1, effectiveFrom, recordedAt: now }], pauses: [] };
  }
  refuseMoved(before, wanted);
  const latest = latestOf(before);
  if (stated === null && isDeepStrictEqual(termsOf(latest), terms)) return before;
  if (stated !== null && stated < now) {
    throw fault('retroactive_not_allowed', 'effective_from', 'lies in the past', 'A change counts from now on at the earliest.');
  }
  await refuseBelowSpent(db, before, terms);
  const effectiveFrom = await effectiveTime(db, before, { terms, stated, now, isEmergency: emergency !== null });
  return { ...before, versions: [...before.versions, { ...terms, version: latest.version + 1, effectiveFrom, recordedAt: now }] };
}

const termsOf = ({ name, startsAt, endsAt, scope, boost, limits }: CampaignVersion): CampaignTerms => ({
  name,
  startsAt,
  endsAt,
  scope,
  boost,
  limits,
});

async function refuseNew(db: Kysely<DB>, merchantId: string): Promise<void> {
  if (!(await merchantExists(db, merchantId))) throw unknownMerchant();
  if ((await countCampaigns(db, merchantId)) < CAMPAIGNS_MAX) return;
  throw new DomainError('unprocessable', `The merchant has ${CAMPAIGNS_MAX} campaigns, which are as many as it may have.`);
}

function refuseMoved(before: Campaign, wanted: Pick<Campaign, 'merchantId' | 'currency'>): void {
  for (const field of ['merchantId', 'currency'] as const) {
    if (before[field] === wanted[field]) continue;
    throw new DomainError(
      'conflict',
      `The campaign was made with ${before[field]} and stays so, as money is booked by it: make another one.`,
    );
  }
}

async function refuseBelowSpent(db: Kysely<DB>, { campaignId }: Campaign, { limits: { total } }: CampaignTerms): Promise<void> {
  const { spent } = (await readSpends(db, [campaignId])).get(campaignId)!;
  if (total >= spent) return;
  throw fault('budget_below_spent', 'budget.total', `must be ${spent} or more`, `${spent} are spent already.`);
}

function fault(
  code: 'unprocessable' | 'budget_below_spent' | 'notice_too_short' | 'retroactive_not_allowed',
  path: string,
  message: string,
  detail: string,
): DomainError {
  return new DomainError(code, detail, { errors: [{ path, message }] });
}

interface Change {
  terms: CampaignTerms;
  stated: Date | null;
  now: Date;
  isEmergency: boolean;
}

/**
 * When new terms may count: at once, or with what was announced before, or where they lower
 * anything at the first time that leaves the notice.
 */
async function effectiveTime(db: Kysely<DB>, before: Campaign, { terms, stated, now, isEmergency }: Change): Promise<Date> {
  const earliest = isEmergency ? null : await earliestLowering(db, before.merchantId);
  if (earliest === null) return stated ?? now;
  const lowered = (at: Date) => loweredWithin(before, terms, { from: at, until: earliest });
  if (stated !== null) {
    const path = lowered(stated);
    if (path === null) return stated;
    throw noticeTooShort(before.merchantId, `${path} lowers what they earn.`, earliest);
  }
  const announced = latestOf(before).effectiveFrom;
  const times = announced > now ? [now, announced] : [now];
  return times.find((at) => lowered(at) === null) ?? earliest;
}

function noticeTooShort(merchantId: string, why: string, earliest: Date): DomainError {
  const at = earliest.toISOString();
  const detail = `The promoters of ${merchantId} are told before they earn less: this may take effect at ${at} at the earliest. ${why}`;
  return fault('notice_too_short', 'effective_from', `must be ${at} or later`, detail);
}

interface Span {
  from: Date;
  until: Date;
}

/** By what the terms lower a version that pays within the span; null where they do not. */
function loweredWithin({ versions }: Campaign, terms: CampaignTerms, span: Span): string | null {
  for (const [place, version] of versions.entries()) {
    const takenOver = versions.slice(place + 1).map(({ effectiveFrom }) => effectiveFrom.getTime());
    const from = Math.max(version.effectiveFrom.getTime(), version.startsAt.getTime(), span.from.getTime());
    const until = Math.min(version.endsAt.getTime(), span.until.getTime(), ...takenOver);
    const path = from < until ? loweringOf(version, terms) : null;
    if (path !== null) return path;
  }
  return null;
}

/**
 * Lets a campaign grant nothing to what is attributed from a time on; one that is paused by then
 * stays as it is. Throws `not_found`, `notice_too_short` and `retroactive_not_allowed`.
 */
export async function pauseCampaign(
  trx: Transaction<DB>,
  { campaignId, stated }: { campaignId: string; stated: Date | null },
  by: ChangedBy,
): Promise<Campaign> {
  const before = await lockKnown(trx, campaignId);
  if (stated !== null && stated < by.now) {
    throw fault('retroactive_not_allowed', 'effective_from', 'lies in the past', 'A pause begins now at the earliest.');
  }
  if (openPause(before) !== null) return before;
  const earliest = await earliestLowering(trx, before.merchantId);
  const from = pauseTime(before, { stated, now: by.now, earliest });
  await addPause(trx, campaignId, from, by.now);
  return changedPause(trx, before, { paused: true, from }, by);
}

function pauseTime(before: Campaign, { stated, now, earliest }: { stated: Date | null; now: Date; earliest: Date | null }): Date {
  const wanted = stated ?? now;
  if (earliest === null || wanted >= earliest || !paysWithin(before, { from: wanted, until: earliest })) return wanted;
  if (stated === null) return earliest;
  throw noticeTooShort(before.merchantId, 'A pause lowers what they earn.', earliest);
}

/** Whether any version pays something within the span. */
function paysWithin({ versions }: Campaign, { from, until }: Span): boolean {
  return versions.some(({ startsAt, endsAt }) => startsAt < until && endsAt > from);
}

/** Lets a campaign grant again from now on; one that is not paused stays as it is. */
export async function resumeCampaign(trx: Transaction<DB>, campaignId: string, by: ChangedBy): Promise<Campaign> {
  const before = await lockKnown(trx, campaignId);
  if (openPause(before) === null) return before;
  await endPause(trx, campaignId, by.now);
  return changedPause(trx, before, { paused: false, from: by.now }, by);
}

async function lockKnown(trx: Transaction<DB>, campaignId: string): Promise<Campaign> {
  const campaign = await lockCampaign(trx, campaignId);
  if (campaign === null) throw new DomainError('not_found', `There is no campaign ${campaignId}.`);
  return campaign;
}

async function changedPause(
  trx: Transaction<DB>,
  before: Campaign,
  change: { paused: boolean; from: Date },
  by: ChangedBy,
): Promise<Campaign> {
  await raiseCampaigns(trx);
  const after = (await findCampaign(trx, before.campaignId))!;
  await recordChange(trx, {
    ...by,
    action: change.paused ? 'campaign_paused' : 'campaign_resumed',
    subjectKind: 'campaign',
    subjectId: before.campaignId,
    before: { paused: isPausedAt(before, by.now), paused_from: openPause(before)?.from ?? null },
    after: { paused: isPausedAt(after, by.now), paused_from: openPause(after)?.from ?? null },
  });
  await announce(trx, () => [campaignPaused(after, change, by)], by.now);
  return after;
}
