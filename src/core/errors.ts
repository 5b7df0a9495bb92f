// The one error that the domain throws, and the closed list of what can be wrong with a request,
// each with its HTTP status.

const STATUS_BY_CODE = {
  malformed_request: 400,
  invalid_cursor: 400,
  invalid_idempotency_key: 400,
  unauthorized: 401,
  invalid_signature: 401,
  cannot_choose: 403,
  forbidden: 403,
  review_required: 403,
  role_forbidden: 403,
  second_person_required: 403,
  suspended: 403,
  not_found: 404,
  method_not_allowed: 405,
  ambiguous_file: 409,
  ambiguous_offer: 409,
  ambiguous_order: 409,
  claim_decided: 409,
  claim_exists: 409,
  claim_waiting: 409,
  claimed_by_another: 409,
  application_decided: 409,
  application_exists: 409,
  conflict: 409,
  coupon_taken: 409,
  idempotency_in_progress: 409,
  rule_conflict: 409,
  draft_changed: 409,
  draft_decided: 409,
  draft_not_approved: 409,
  draft_stale: 409,
  batch_changed: 409,
  batch_decided: 409,
  batch_empty: 409,
  not_cancellable: 409,
  payout_final: 409,
  program_conflict: 409,
  provider_stopped: 409,
  re_rating_changed: 409,
  re_rating_decided: 409,
  re_rating_unfinished: 409,
  rule_book_changed: 409,
  simulation_finished: 409,
  simulation_unfinished: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  all_orders_new: 422,
  budget_below_spent: 422,
  already_credited: 422,
  cannot_promote: 422,
  claim_too_late: 422,
  conditions_not_met: 422,
  currency_needed: 422,
  invalid_landing_url: 422,
  invalid_plan: 422,
  invalid_webhook_url: 422,
  landing_host_not_allowed: 422,
  not_payable: 422,
  notice_too_short: 422,
  offer_conflict: 422,
  offer_too_wide: 422,
  order_not_claimable: 422,
  platform_refused: 422,
  promoter_suspended: 422,
  referral_cycle: 422,
  range_too_long: 422,
  re_rating_lowers: 422,
  referral_levels_exceeded: 422,
  reserved_source: 422,
  retroactive_not_allowed: 422,
  too_many_rows: 422,
  rule_ended: 422,
  unknown_agency: 422,
  unknown_currency: 422,
  unknown_inviter: 422,
  unknown_line: 422,
  unknown_link: 422,
  unknown_merchant: 422,
  unknown_order: 422,
  unknown_product: 422,
  unknown_provider: 422,
  unknown_promoter: 422,
  unknown_source: 422,
  unproven_share: 422,
  unprocessable: 422,
  warnings_not_acknowledged: 422,
  header_too_large: 431,
  application_limit: 429,
  claim_limit: 429,
  link_limit: 429,
  too_many_requests: 429,
  internal_error: 500,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof STATUS_BY_CODE;

/** The HTTP status of a code, as a type. */
export type StatusOf<Code extends ErrorCode> = (typeof STATUS_BY_CODE)[Code];

export const ERROR_CODES = Object.keys(STATUS_BY_CODE) as ErrorCode[];

/**
 * What each code says to whoever reads the document; the detail of a problem says it of the very
 * request.
 */
export const MEANING_BY_CODE: Readonly<Record<ErrorCode, string>> = {
  malformed_request: 'The request cannot be read, or does not fit its schema.',
  invalid_cursor: 'The cursor is not one of this list.',
  invalid_idempotency_key: 'An Idempotency-Key has 1 to 255 visible ASCII characters.',
  unauthorized: 'The key is missing, not known, or was revoked.',
  invalid_signature: 'The signature of the push is not that of its source.',
  cannot_choose: 'A promoter does not choose what decides who is paid for a link.',
  second_person_required: 'Another person than the one who made it has to do this.',
  review_required: 'What changes what is earned is drafted here, and published once another person has approved it.',
  role_forbidden: 'The role of the key does not allow it.',
  forbidden: 'The scope of the key does not allow it, or the key is bound to another merchant or promoter.',
  suspended: 'This promoter is suspended: its key may read, and make nothing.',
  not_found: 'There is no such thing.',
  method_not_allowed: 'This address answers other methods only; the header Allow names them.',
  ambiguous_file: 'The batch has several files: name the provider.',
  ambiguous_offer: 'Several merchants have an offer of this id: name one.',
  ambiguous_order: 'Several merchants or sources have this order: name one.',
  application_decided: 'The application was decided before.',
  application_exists: 'The promoter has applied for this offer already, or is in it.',
  claim_decided: 'The claim is settled or was decided, and is not decided twice.',
  claim_exists: 'The promoter has a claim to this order already that is not decided yet.',
  claim_waiting: 'The order of the claim has not arrived, or has not been paid.',
  claimed_by_another: 'A claim of somebody else to the same was approved, and what was ruled stands.',
  conflict: 'What is there already does not allow it.',
  coupon_taken: 'The coupon code is that of another promoter.',
  idempotency_in_progress: 'The first request under this Idempotency-Key is still running. Try again.',
  batch_changed: 'The batch is not what was looked at, or was changed by the approval: look at it again.',
  batch_decided: 'The batch was approved or cancelled before.',
  batch_empty: 'The batch pays nobody.',
  not_cancellable: 'The payout can no longer be cancelled.',
  payout_final: 'The payout has ended, and what was told now contradicts it.',
  program_conflict: 'The merchant has another tier program.',
  provider_stopped: 'The database was restored: nothing is approved for this provider until an operator has compared and resumed it.',
  draft_changed: 'The draft is not what was looked at: look at it again.',
  draft_decided: 'The draft was approved, published or rejected before.',
  draft_not_approved: 'The draft was not approved as it is.',
  draft_stale: 'What the draft replaces has a newer version than when it was drafted: draft it again.',
  re_rating_changed: 'The re-rating is not what was looked at: look at it again.',
  re_rating_decided: 'The re-rating was approved or cancelled before, or has failed.',
  re_rating_unfinished: 'The re-rating is not previewed yet.',
  rule_book_changed: 'The rules have changed since the re-rating was previewed: ask for it anew.',
  simulation_finished: 'The rehearsal has ended before.',
  simulation_unfinished: 'The rehearsal has no result, or none yet.',
  rule_conflict: 'A rule of the same scope and priority is in force at the same time.',
  payload_too_large: 'The body is larger than this address takes.',
  unsupported_media_type: 'This address does not read bodies of this content type.',
  idempotency_key_reused: 'This Idempotency-Key was used for another request. Nothing was done.',
  all_orders_new: 'No order of the file is known, though its source tells of its orders by itself: confirm that this is right.',
  budget_below_spent: 'More of the budget is spent than it would have.',
  already_credited: 'The order is credited to the promoter already.',
  cannot_promote: 'This source makes no tracked links for this promoter.',
  claim_too_late: 'The order is older than orders of its merchant can be claimed for.',
  conditions_not_met: 'The promoter has not sold what the offer asks for; the faults say what is missing.',
  currency_needed: 'The orders have several currencies, or none: say in which one the sums are to be.',
  invalid_landing_url: 'The landing URL cannot be used, or there is none.',
  invalid_plan: 'The rule is well-formed, but its plan or scope cannot be published.',
  invalid_webhook_url: 'The address is none that webhooks are sent to.',
  landing_host_not_allowed: 'The landing URL leads to a host that the merchant has not named.',
  not_payable: 'The promoter could not be paid now; the fault says why.',
  notice_too_short: 'The merchant tells its promoters earlier of what lowers their earnings; the detail names the earliest time.',
  offer_conflict: 'An offer cannot stand beside what is there; the detail names it.',
  offer_too_wide: 'The offer would have more rules than one may have.',
  order_not_claimable: 'Nobody can earn this order as it stands.',
  platform_refused: 'The platform was asked, and refuses.',
  promoter_suspended: 'The promoter was suspended when the order was paid.',
  range_too_long: 'The time is longer than what can be told of it in one answer.',
  re_rating_lowers: 'Promoters get less by the re-rating, which has to be asked for: "lowers": true.',
  referral_cycle: 'The inviter was invited by this promoter, directly or through others.',
  referral_levels_exceeded: 'The plan pays deeper up the chain than the levels that may be paid.',
  reserved_source: 'The source `rest` is there for every merchant by itself.',
  retroactive_not_allowed: 'The time lies in the past.',
  too_many_rows: 'The answer would have more rows than one may have.',
  rule_ended: 'The rule was ended before.',
  unknown_agency: 'There is no such agency.',
  unknown_currency: 'There is no such currency in ISO 4217.',
  unknown_inviter: 'There is no such inviter.',
  unknown_line: 'The order has no such line.',
  unknown_link: 'There is no such link of this merchant.',
  unknown_merchant: 'There is no such merchant.',
  unknown_order: 'The order has not arrived, and nobody can tell whose it will be: name its merchant.',
  unknown_product: 'There is no such product of this merchant.',
  unknown_promoter: 'There is no such promoter.',
  unknown_provider: 'There is no such payout provider.',
  unknown_source: 'There is no such source of this merchant.',
  unproven_share: 'The click token is none of the link that is shared again.',
  unprocessable: 'The request is well-formed, but cannot be done.',
  warnings_not_acknowledged: 'The draft has warnings that the approval does not acknowledge.',
  header_too_large: 'The header of the request is larger than 16 KiB.',
  application_limit: 'The promoter has applied for as many offers as a day allows.',
  claim_limit: 'The promoter has made as many claims as a day allows.',
  link_limit: "The promoter's key has made as many links as a day allows.",
  too_many_requests: 'More requests came within a minute than are answered.',
  internal_error: 'Something went wrong on our side. The operator finds it in the log by this request_id.',
  unavailable: 'We cannot store anything right now. Try again.',
};

/**
 * Where in the input a fault is: `path` in the dotted form `lines.0.paid_amount`, and what is wrong
 * there.
 */
export interface Fault {
  path: string;
  message: string;
}

/**
 * A request that cannot be done, said in words for its sender. Anything else that is thrown is our
 * own fault and is answered 500.
 */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly errors: Fault[];
  /** When to try again, where that is known better than the code tells. */
  readonly retryAfterSeconds: number | null;

  constructor(code: ErrorCode, message: string, details: { errors?: Fault[]; cause?: unknown; retryAfterSeconds?: number } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'DomainError';
    this.code = code;
    this.errors = details.errors ?? [];
    this.retryAfterSeconds = details.retryAfterSeconds ?? null;
  }

  get status(): number {
    return STATUS_BY_CODE[this.code];
  }
}

/** The HTTP status of a code; the only table from one to the other. */
export function statusOf(code: ErrorCode): number {
  return STATUS_BY_CODE[code];
}

/** States a law of the code itself: when it fails, the code is wrong, not its input. */
export function assert(condition: unknown, law: string): asserts condition {
  if (!condition) throw new Error(`broken law: ${law}`);
}
