// What people decide of re-ratings: one asks, a second one approves what the preview shows, and
// until then anybody may cancel it.

import type { Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { announce } from '../../outbound/announce.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import { approvedAs, isRelatedKey, requireSecondPerson } from '../../platform/keys/persons.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { merchantExists } from '../../promotion/merchants/merchant-store.ts';
import { readRules } from '../rules/rule-cache.ts';
import { currenciesOf } from '../simulations/recorded-store.ts';
import { reRatingApproved, reRatingCancelled } from './re-rating-events.ts';
import {
  addReRating,
  countRunning,
  holdBookRevision,
  lockReRating,
  rulesChangedSince,
  saveApproval,
  saveCancellation,
  type ReRating,
  type ReRatingQuery,
} from './re-rating-store.ts';

/** Those that are previewed, and those that wait for it. */
const RUNNING_MAX = 20;
/** Rules that a refusal names. */
const RULES_NAMED_MAX = 10;

/** Who does something with a re-rating, and when. */
interface By {
  reRatingId: string;
  actor: Actor;
  now: Date;
}

/** What is asked; without a currency it is the only one that the orders have. */
export type AskedReRating = Omit<ReRatingQuery, 'currency'> & { currency: string | null };

/**
 * Puts a re-rating down to be previewed. Throws `unprocessable` for an empty period, `conflict`
 * while too many run, `unknown_merchant`, `not_found` for a rule that is not there, and
 * `currency_needed`.
 */
export async function askForReRating(trx: Transaction<DB>, asked: AskedReRating, by: By): Promise<ReRating> {
  if (asked.to <= asked.from) {
    throw new DomainError('unprocessable', 'to must lie after from.', { errors: [{ path: 'to', message: 'must lie after from' }] });
  }
  if ((await countRunning(trx)) >= RUNNING_MAX) {
    throw new DomainError('conflict', `${RUNNING_MAX} re-ratings are previewed or wait for it: cancel one, or wait.`);
  }
  const { merchantId, ruleIds } = asked;
  if (merchantId !== null && !(await merchantExists(trx, merchantId))) {
    throw new DomainError('unknown_merchant', `There is no merchant ${merchantId}.`);
  }
  if (ruleIds !== null) {
    const known = new Set((await readRules(trx, ruleIds)).map((rule) => rule.ruleId));
    const unknown = ruleIds.find((ruleId) => !known.has(ruleId));
    if (unknown !== undefined) throw new DomainError('not_found', `There is no rule ${unknown}.`);
  }
  const currency = asked.currency ?? (await onlyCurrency(trx, asked));
  const made = await addReRating(trx, by.reRatingId, { ...asked, currency }, by);
  await audit(trx, by, { action: 're_rating_asked', before: null, after: made });
  return made;
}

async function onlyCurrency(trx: Transaction<DB>, query: Parameters<typeof currenciesOf>[1]): Promise<string> {
  const [only, other] = await currenciesOf(trx, query);
  if (only !== undefined && other === undefined) return only;
  const found = only === undefined ? 'No order of the period has one' : `The orders have several, such as ${only} and ${other}`;
  const errors = [{ path: 'currency', message: 'is needed' }];
  throw new DomainError('currency_needed', `${found}: say in which currency orders are to be re-rated.`, { errors });
}

/**
 * Approves what the preview shows, and so has it executed. What lowers is approved by a second
 * person even where there is only one yet, as an emergency is. Throws `not_found`,
 * `re_rating_unfinished`, `re_rating_decided`, `re_rating_changed`, `second_person_required`,
 * `re_rating_lowers`, and `rule_book_changed`.
 */
export async function approveReRating(trx: Transaction<DB>, contentHash: Buffer, by: By): Promise<ReRating> {
  const before = await lockReRating(trx, by.reRatingId);
  if (before.state === 'running') throw new DomainError('re_rating_unfinished', 'The re-rating is not previewed yet.');
  if (before.state !== 'ready') throw decided(before);
  if (!before.contentHash!.equals(contentHash)) throw new DomainError('re_rating_changed', 'The re-rating is not what was looked at.');
  const made = { persons: [before.madePerson], at: before.madeAt };
  const { alone } = await requireSecondPerson(trx, made, by.actor, 'operator');
  const { orders, promoters } = before.result!.lowered;
  if (alone && orders > 0) {
    throw new DomainError('second_person_required', 'What lowers is approved by a second person, even where there is only one yet.');
  }
  if (orders > 0 && !before.lowers) {
    const errors = [{ path: 'lowers', message: 'must be true' }];
    const detail = `${promoters} promoters get less on ${orders} orders: ask for it anew with "lowers": true.`;
    throw new DomainError('re_rating_lowers', detail, { errors });
  }
  await refuseOtherBook(trx, before);
  const related = await isRelatedKey(trx, { keyIds: [before.madeBy], at: before.madeAt }, by.actor);
  const after = await saveApproval(trx, by.reRatingId, { ...by, alone, related });
  await audit(trx, by, { action: approvedAs('re_rating_approved', { alone, related }), before, after });
  await announce(trx, () => [reRatingApproved(after, by.now)], by.now);
  return after;
}

/** The rules that were published or ended since the preview, by name. */
async function refuseOtherBook(trx: Transaction<DB>, { bookRevision, startedAt }: ReRating): Promise<void> {
  if ((await holdBookRevision(trx)) === bookRevision) return;
  const changed = await rulesChangedSince(trx, startedAt!, RULES_NAMED_MAX);
  const named = changed.length === 0 ? '' : `, of ${changed.join(', ')}`;
  throw new DomainError('rule_book_changed', `Rules were published or ended since the preview${named}: ask for the re-rating anew.`);
}

/** Cancels one that was not approved. Throws `not_found` and `re_rating_decided`. */
export async function cancelReRating(trx: Transaction<DB>, by: By): Promise<ReRating> {
  const before = await lockReRating(trx, by.reRatingId);
  if (before.state !== 'running' && before.state !== 'ready') throw decided(before);
  const after = await saveCancellation(trx, by.reRatingId, by);
  await audit(trx, by, { action: 're_rating_cancelled', before, after });
  await announce(trx, () => [reRatingCancelled(after, by.now)], by.now);
  return after;
}

const decided = ({ state }: ReRating): DomainError => new DomainError('re_rating_decided', `The re-rating is ${state}.`);

/** Without what the preview found order by order, which its hash stands for. */
function recorded(reRating: ReRating | null) {
  if (reRating === null) return null;
  const { contentHash, result, bookRevision, ordersDone, ordersOf, ...plain } = reRating;
  const sums = result && {
    changed_orders: result.changed_orders,
    before: result.before,
    after: result.after,
    lowered: result.lowered,
    debts: result.debts_count,
    debts_amount: result.debts_amount,
  };
  return { ...plain, bookRevision, orders: ordersOf ?? ordersDone, contentHash: contentHash?.toString('hex') ?? null, result: sums };
}

async function audit(
  trx: Transaction<DB>,
  { reRatingId, actor, now }: By,
  { action, before, after }: { action: string; before: ReRating | null; after: ReRating },
): Promise<void> {
  const subject = { subjectKind: 're_rating', subjectId: reRatingId, before: recorded(before), after: recorded(after) };
  await recordChange(trx, { actor, now, action, ...subject });
}
