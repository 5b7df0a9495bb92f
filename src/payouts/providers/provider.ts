// What moves the money: one contract for all kinds of providers. A kind declares its terms and its
// shapes; a kind that is asked over the network has a channel beside.

import type { z } from 'zod';

/** What a provider allows and asks for. Amounts are minor units of the payout's currency. */
export interface ProviderTerms {
  /** Currencies that it pays; null for any. */
  currencies: readonly string[] | null;
  /** Least and greatest net of one payment; null for none. */
  minimum: bigint;
  maximum: bigint | null;
  /** From this net on the payee's real name must be known; null for never. */
  nameFrom: bigint | null;
  /** Characters and length of its bill numbers. */
  billNumber: { alphabet: string; length: number };
  /** Days in which a bill can be asked for; null for always. */
  queryDays: number | null;
  /** Whether the payee has something to do before the money arrives. */
  payeeActs: boolean;
  /** Whether a bill can be cancelled once it was sent. */
  cancellable: boolean;
}

/** How the payee is known to the provider; opened only to make a request or a file. */
export interface PayeeAccount {
  promoterId: string;
  name: string;
  account: Readonly<Record<string, string>>;
}

/** A payment that is to be made, of which a request is frozen. */
export interface Payment {
  payoutId: string;
  billNo: string;
  /** The net, in minor units. */
  amount: bigint;
  currency: string;
  payee: PayeeAccount;
  /** Where the provider tells its end; null where we have no public address. */
  noticeUrl: string | null;
}

/** The exact bytes of a request, kept before the first call and sent again as they are. */
export interface FrozenRequest {
  body: Buffer;
  /**
   * What belongs to these bytes and is kept beside them, as headers: the key that a name was sealed
   * with, and whatever the kind must know of that moment to read later answers (who paid, when).
   * The kind decides which of them it sends.
   */
  headers: Readonly<Record<string, string>>;
}

/** One try of a payout at a provider, as it was frozen. */
export interface Bill {
  billNo: string;
  amount: bigint;
  currency: string;
  request: FrozenRequest;
}

/**
 * What a provider says of a bill. Only what it has said of the bill itself, and provably, ends it;
 * everything that was not understood is `unknown`.
 * - `accepted`: taken, its end is not known.
 * - `action_required`: the payee must act; `payload` is for that payee alone.
 * - `refused`: this call was refused, provably; says nothing of an earlier call with this number.
 * - `not_found`: provably no bill of this number is there.
 * - `differs`: a bill of this number is there for another amount, payee or payer.
 */
export type BillAnswer =
  | { state: 'paid'; reference: string | null; at: Date | null }
  | { state: 'accepted'; reference: string | null }
  | { state: 'action_required'; reference: string | null; payload: Readonly<Record<string, string>> | null; expiresAt: Date | null }
  | { state: 'failed'; reference: string | null; reason: string }
  | { state: 'cancelled'; reference: string | null; reason: string | null }
  | { state: 'returned'; reference: string | null; reason: string | null }
  | { state: 'refused'; reason: string }
  | { state: 'not_found' }
  | { state: 'differs'; reason: string }
  | { state: 'unknown'; reason: string };

/** A provider that was set up, with its secrets opened. */
export interface ProviderAccess {
  providerId: string;
  secrets: Readonly<Record<string, string | string[]>>;
  options: Readonly<Record<string, unknown>>;
  /** Asks over the public internet only, or where the configuration says. */
  fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
  /** Instead of the provider's own address; null outside of tests. */
  baseUrl: string | null;
  now: () => Date;
}

/** A notice as it came: headers in small letters and the raw bytes. */
export interface RawNotice {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Buffer;
}

/**
 * A notice that is proven, of the bill of this number; `answerFor` compares it with what was
 * frozen. One that is not proven is refused; `isProbe` says that the provider itself tried us.
 */
export type ReadNotice =
  | { proven: true; noticeId: string; billNo: string; answerFor: (bill: Bill) => BillAnswer }
  | { proven: false; reason: string; isProbe: boolean };

/**
 * How a provider is asked. Nothing here throws for what the other side does: a timeout, a 5xx, an
 * answer that is not proven are `unknown`.
 */
export interface ProviderChannel {
  /** Makes the request of a payment. What it draws at random is drawn here, once. */
  freeze(payment: Payment, access: ProviderAccess): FrozenRequest;
  send(bill: Bill, access: ProviderAccess): Promise<BillAnswer>;
  ask(bill: Bill, access: ProviderAccess): Promise<BillAnswer>;
  /** Asks to cancel; its end is asked for. */
  cancel(bill: Bill, access: ProviderAccess): Promise<BillAnswer>;
  readNotice(notice: RawNotice, access: ProviderAccess): ReadNotice;
  /** The answer that the provider expects to a notice that is kept, or was not. */
  noticeAnswer(kept: boolean): { status: number; body: string };
  /** Calls in one second that it allows. */
  callsPerSecond: number;
}

/** A kind of provider. */
export interface ProviderKind {
  kind: 'manual' | 'file' | 'wechat-pay';
  /** Shapes of what is stated of a provider and of a payee's account with it. */
  secrets: z.ZodType<Record<string, string | string[]>>;
  options: z.ZodType<Record<string, unknown>>;
  account: z.ZodType<Record<string, string>>;
  /** Null where people or files say how a payout ended. */
  channel: ProviderChannel | null;
  /** `options` are those that `options` has parsed. */
  terms(options: Readonly<Record<string, unknown>>): ProviderTerms;
}
