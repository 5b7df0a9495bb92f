// Asking platforms for their tracked links (转链): at once when a link of ours is made, and again in
// the background until they answer.
import { DomainError } from '../core/errors.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import { isAllowed } from '../promotion/links/landing.ts';
import { notifyChanged } from '../promotion/links/link-notices.ts';
import { keepAnswer, takeDueTracking, type AskForLink, type TrackedAnswer, type TrackedWish } from '../promotion/links/link-tracking.ts';
import { AskingFailed } from '../sources/asking.ts';
import { namesOf, shopsOf } from '../sources/connections/mapping-store.ts';
import type { Adapter } from '../sources/source.ts';
import { withDeadline, openSource, type AskedSource, type PullDeps } from './asked-source.ts';
import { HOUR_MS } from '../platform/durations.ts';
import { messageOf } from '../platform/error-text.ts';

/** Whoever makes a link waits for the answer. */
const ANSWER_WITHIN_MS = 4000;
/**
 * So few that a turn ends before its lease does, even when every answer takes as long as it may.
 */
const LINKS_PER_TURN = 25;
const REFUSED_RETRY_MS = HOUR_MS;
const ERROR_LENGTH_MAX = 1000;
const URL_LENGTH_MAX = 2048;

export interface TrackingDeps extends PullDeps {
  /** How long a platform may take for one link. */
  deadlineMs?: number;
}

/** How a link of ours gets the link of a platform when it is made. */
export function askingForLinks(deps: TrackingDeps): AskForLink {
  return async (sourceId, wish) => {
    const asked = await openSource(deps, sourceId);
    if (asked === null || (asked.source.merchantId ?? wish.merchantId) !== wish.merchantId) {
      throw refusal('unknown_source', `There is no source ${sourceId} for this merchant.`, 'is not a source for this merchant');
    }
    const { kind } = asked.adapter;
    if (asked.adapter.promote === undefined) {
      const words =
        `Sources of kind ${kind} make no links that carry a code of ours. Make the link without source_id, make the platform's link at the ` +
        `platform, and map what that calls the promoter: PUT /v1/sources/${sourceId}/mappings/{type}/{value}.`;
      throw refusal('cannot_promote', words, `is of kind ${kind}, which makes no tracked links`);
    }
    const { answer, gives } = await askFor(deps, asked, wish);
    if (gives !== 'refusal' || answer.state === 'made') return answer;
    throw refusal('platform_refused', `The platform makes no link: ${answer.error}`, 'was refused the link by its platform');
  };
}

function refusal(code: 'unknown_source' | 'cannot_promote' | 'platform_refused', words: string, message: string): DomainError {
  return new DomainError(code, words, { errors: [{ path: 'source_id', message }] });
}

/**
 * Asks again for the links that are missing, and for new ones before the old ones expire. One that
 * a platform refuses now is asked for again, too: it may be a right that somebody restores. Answers
 * how many were made.
 */
export async function retryTrackedLinks(deps: TrackingDeps): Promise<number> {
  const { db } = deps;
  const silent = new Set<string>();
  let made = 0;
  for (const due of await takeDueTracking(db, LINKS_PER_TURN)) {
    // What is left of a source that gives no answer comes up again when its lease ends, and has
    // lost no attempt.
    if (silent.has(due.sourceId)) continue;
    const asked = await openSource(deps, due.sourceId);
    const { answer, gives } = asked === null ? refused(`there is no source ${due.sourceId} any more`) : await askFor(deps, asked, due);
    if (gives === 'link') made += 1;
    else if (gives === 'nothing') silent.add(due.sourceId);
    await inTransaction(db, ({ trx, now }) => keepAnswer(trx, due, answer, now));
  }
  if (made > 0) await inTransaction(db, ({ trx }) => notifyChanged(trx));
  return made;
}

interface Asked {
  answer: TrackedAnswer;
  /**
   * A refusal changes by somebody's doing only, here or at the platform; nonsense may be about this
   * one link, nothing is about all.
   */
  gives: 'link' | 'refusal' | 'nonsense' | 'nothing';
}

async function askFor(
  { db, deadlineMs = ANSWER_WITHIN_MS }: TrackingDeps,
  asked: AskedSource,
  { code, merchantId, promoterId, productId, landingUrl }: TrackedWish,
): Promise<Asked> {
  const { adapter, source } = asked;
  const names = await namesOf(db, source.sourceId, promoterId);
  const shops = await shopsOf(db, source.sourceId, merchantId);
  const given = withDeadline(asked.asking(await inTransaction(db, async ({ now }) => now)), deadlineMs);
  try {
    const made = await adapter.promote?.({ productId, landingUrl, code, names, shops }, given);
    if (made === undefined) return refused(`sources of kind ${adapter.kind} make no links any more`);
    return { answer: { state: 'made', url: checkHost(adapter, made.url), expiresAt: made.expiresAt }, gives: 'link' };
  } catch (error) {
    const message = messageOf(error).slice(0, ERROR_LENGTH_MAX);
    if (!(error instanceof AskingFailed)) return { answer: { state: 'waiting', error: message, retryAfterMs: null }, gives: 'nonsense' };
    if (error.kind === 'refused' || error.kind === 'item_refused') return refused(message);
    return { answer: { state: 'waiting', error: message, retryAfterMs: error.retryAfterMs }, gives: 'nothing' };
  }
}

function refused(error: string): Asked {
  return { answer: { state: 'waiting', error, retryAfterMs: REFUSED_RETRY_MS }, gives: 'refusal' };
}

/**
 * The URL when it leads to the platform itself: whatever a platform answers, our redirect leads
 * nowhere else.
 */
function checkHost({ kind, linkHosts = [] }: Adapter, text: string): string {
  if (!URL.canParse(text) || text.length > URL_LENGTH_MAX) throw new Error(`${kind} answered with a link that is no web address`);
  const url = new URL(text);
  const hosts = linkHosts.map((host) => (host.startsWith('*.') && url.hostname.endsWith(host.slice(1)) ? url.hostname : host));
  if (isAllowed(url, hosts)) return url.href;
  throw new Error(`${kind} answered with a link to ${url.origin}, and links of its own are https on ${linkHosts.join(', ')}`);
}
