// The one error that the domain throws, and the closed list of what can be wrong with a request, each with its HTTP status.

const STATUS_BY_CODE = {
  malformed_request: 400,
  invalid_cursor: 400,
  invalid_idempotency_key: 400,
  unauthorized: 401,
  invalid_signature: 401,
  cannot_choose: 403,
  forbidden: 403,
  suspended: 403,
  not_found: 404,
  method_not_allowed: 405,
  ambiguous_order: 409,
  claim_decided: 409,
  claim_exists: 409,
  claim_waiting: 409,
  claimed_by_another: 409,
  conflict: 409,
  coupon_taken: 409,
  idempotency_in_progress: 409,
  rule_conflict: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  all_orders_new: 422,
  already_credited: 422,
  cannot_promote: 422,
  claim_too_late: 422,
  invalid_landing_url: 422,
  invalid_plan: 422,
  invalid_webhook_url: 422,
  landing_host_not_allowed: 422,
  order_not_claimable: 422,
  platform_refused: 422,
  promoter_suspended: 422,
  referral_cycle: 422,
  referral_levels_exceeded: 422,
  reserved_source: 422,
  retroactive_not_allowed: 422,
  rule_ended: 422,
  unknown_agency: 422,
  unknown_currency: 422,
  unknown_inviter: 422,
  unknown_line: 422,
  unknown_link: 422,
  unknown_merchant: 422,
  unknown_order: 422,
  unknown_product: 422,
  unknown_promoter: 422,
  unknown_source: 422,
  unproven_share: 422,
  unprocessable: 422,
  header_too_large: 431,
  claim_limit: 429,
  link_limit: 429,
  too_many_requests: 429,
  internal_error: 500,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof STATUS_BY_CODE;

/** Where in the input a fault is: `path` in the dotted form `lines.0.paid_amount`, and what is wrong there. */
export interface Fault {
  path: string;
  message: string;
}

/** A request that cannot be done, said in words for its sender. Anything else that is thrown is our own fault and is answered 500. */
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
