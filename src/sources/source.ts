// What every order system must be able to do for us. One adapter a file; nothing else knows a
// platform's words.

import { z } from 'zod';

import type { canonicalReport } from '../core/report.ts';
import { timeText } from '../platform/http/fields.ts';
import type { Asking } from './asking.ts';
import type { Values, SourceSecrets } from './signing.ts';

/**
 * What arrived at `/webhooks/{source_id}`. Header names are in lower case; what came several times
 * is joined by commas, or a list.
 */
export interface Push {
  method: string;
  headers: Values;
  query: Values;
  body: Buffer;
  secrets: SourceSecrets;
  now: Date;
}

/** What the platform wants to hear, to the letter. */
export interface PushAnswer {
  status: number;
  contentType: string;
  body: string;
}

/** Why a push is not believed. A closed list, so that refusals can be counted by it. */
export type PushRefusal = 'no_secret' | 'missing_signature' | 'bad_timestamp' | 'stale_timestamp' | 'wrong_signature';

/**
 * Whether a push is believed. `signedId` is an id of the message that the signature covers; `keep`
 * are the headers worth keeping beside the body; `content` is the decrypted body where the push was
 * encrypted. With `answer` there is nothing to keep: a handshake is only answered.
 */
export type PushVerdict =
  | { ok: true; signedId: string | null; keep: Record<string, string>; content?: Buffer }
  | { ok: true; answer: PushAnswer }
  | { ok: false; reason: PushRefusal };

/**
 * A delivery as it was kept. What was pulled has the headers `feed`, the name of its feed, and
 * `fetched-at`, when its page was asked for by the clock of the database; that is its `receivedAt`,
 * too, so it orders reports that state no time of their own.
 */
export interface KeptDelivery {
  body: Buffer;
  headers: Readonly<Record<string, string>>;
  receivedAt: Date;
  options: unknown;
}

type CanonicalInput = z.input<typeof canonicalReport>;

/** A canonical report, not yet checked, whose merchant the source or a mapping may have to name. */
export type SourceReport = Omit<CanonicalInput, 'merchant_id'> & { merchant_id?: CanonicalInput['merchant_id'] | null };

/**
 * What a platform calls a promoter or a link: a mapping of this type and value says who that is.
 */
export interface PlatformName {
  type: string;
  value: string;
  /** The line of which it is said; absent: the order. */
  lineId?: string;
}

/**
 * One report of a delivery. `shop` is what the platform calls the merchant; `names` are its words
 * for promoters and links.
 */
export interface MappedReport {
  report: SourceReport;
  shop: string | null;
  names: PlatformName[];
  /**
   * A code of the platform that nobody has told us the meaning of, like `validCode 99`. The report
   * says what is known without it, which leaves the order where it was, and its delivery is parked
   * under `unknown_code` until it is replayed by a program that knows it.
   */
  unknownCode?: string | null;
}

/**
 * An order system. `verify` and `map` are pure: the same delivery always maps to the same reports,
 * so what `map` throws is a fault of the delivery and is not tried again. A delivery that tells of
 * no order maps to nothing.
 */
export interface Adapter {
  kind: string;
  secrets: z.ZodType<SourceSecrets>;
  options: z.ZodType<Record<string, unknown>>;
  /**
   * No push of the platform is longer; a longer one is refused before it is looked at. Absent: what
   * the door takes at all.
   */
  pushBytesMax?: number;
  verify(push: Push): PushVerdict;
  /** Sent after the commit. */
  answer: PushAnswer;
  map(delivery: KeptDelivery): MappedReport[];
  /**
   * The unknown codes that these options give a meaning: deliveries that are parked for one of them
   * go on when the options are stated.
   */
  explains?(options: Record<string, unknown>): readonly string[];
  /**
   * What the delivery names only by an id, and `detail` must fetch: by pure reading, like `map`.
   */
  wanted?(delivery: KeptDelivery): WantedDetail[];
  /**
   * Where the platform is asked, without a slash at its end. Of what an API may state only a host
   * that can be nobody else's.
   */
  baseUrl?(options: Record<string, unknown>): string;
  /** What can be asked for by time. */
  feeds?: readonly Feed[];
  /**
   * Fetches what was wanted. Every body is a delivery as `map` understands it; none: there is
   * nothing to tell, and it is wanted no more. Throws `AskingFailed`; one that is `item_refused` is
   * asked for again ever later, and keeps nothing else from being asked.
   */
  detail?(key: string, asking: Asking): Promise<Buffer[]>;
  /**
   * Makes a link of the platform's own to a product, with our code inside, or else with the
   * platform's name of the promoter.
   */
  promote?(wish: PromotionWish, asking: Asking): Promise<Promotion>;
  /**
   * The hosts that such links are on, all of them the platform's own; `*.` stands for any name
   * below.
   */
  linkHosts?: readonly string[];
  /**
   * For how long the platform locks a buyer to whoever shared, as the shop of that name has it set.
   * Throws `AskingFailed`.
   */
  lockDays?(shop: string, asking: Asking): Promise<LockDays>;
}

/**
 * Days after a click, and after an order, for links to products and to contents; null: the platform
 * does not say.
 */
export interface LockDays {
  productClick: number | null;
  productOrder: number | null;
  contentClick: number | null;
  contentOrder: number | null;
}

/** Something to fetch: `key` is the adapter's own word for it, like `order/3705115058471208928`. */
export interface WantedDetail {
  key: string;
  /** Not at once, but after so long: the platform may not know it yet. */
  afterMs?: number;
}

/**
 * Something that was not fetched; `error` says why, or is null where it was not asked for because
 * others had failed before it.
 */
export interface UnfetchedDetail {
  key: string;
  error: unknown;
}

/** One list of a platform that tells what changed within a time. */
export interface Feed {
  /** Names it in the database and in `headers.feed`; never change it. */
  name: string;
  /** The longest time that one question may span, where it begins at `from`. */
  windowMs(from: Date): number;
  /** How far back the platform answers; null: without end. */
  backMs: number | null;
  /**
   * How much of what was read is read again each time, where the source does not say: lists lag
   * behind what they list.
   */
  overlapMs: number;
  /** Whether a source with these options has this feed; absent: always. */
  appliesTo?(options: Record<string, unknown>): boolean;
  /**
   * One page of what changed in [from, until); `cursor` is null for the first page, then what the
   * page before gave as `next`. Rows may move while they are read: a feed must be read such that
   * none is missed, while one that comes twice costs nothing. A cursor is kept, and may come back
   * to another process after a pause. Throws `AskingFailed`.
   */
  list(question: FeedQuestion, asking: Asking): Promise<FeedPage>;
}

export interface FeedQuestion {
  from: Date;
  until: Date;
  cursor: string | null;
}

/**
 * Each body is a delivery as `map` understands it: one row, the same bytes for as long as the row
 * is the same.
 */
export interface FeedPage {
  bodies: Buffer[];
  /**
   * The keys, as `detail` knows them, of rows whose detail is among the bodies: what waited of them
   * is wanted no more.
   */
  fetched?: readonly string[];
  /**
   * Rows whose detail was not told. The page ends without them; they are kept as wanted and fetched
   * later, each by itself.
   */
  unfetched?: readonly UnfetchedDetail[];
  /** Where to go on; null after the last page. */
  next: string | null;
}

/** A product for which a platform is to make a tracked link. */
export interface PromotionWish {
  productId: string;
  landingUrl: string | null;
  /** Means the link of ours: comes back with its orders, where the platform has a field for it. */
  code: string;
  /**
   * What the platform calls the promoter, as it is mapped: where a platform has no such field, its
   * link can still say who shares.
   */
  names: readonly PlatformName[];
  /** What the platform calls the merchant, as it is mapped. */
  shops: readonly string[];
}

export interface Promotion {
  url: string;
  /** When the platform lets it end; null: never, or it does not say. */
  expiresAt: Date | null;
}

/**
 * `options.pull` of every kind that has feeds: when it is there, the source is pulled by itself.
 */
export const pullOptions = z
  .strictObject({
    every_seconds: z.int().min(10).max(86_400).default(300),
    look_back_seconds: z
      .int()
      .min(0)
      .max(30 * 86_400)
      .optional()
      .meta({ description: 'How much of what was read is read again each time; by default what suits the platform.' }),
    since: timeText
      .optional()
      .meta({ description: 'From when the first pull reads; by default a look-back before the source is first pulled.' }),
  })
  .optional()
  .meta({ description: 'Pull what changed at the platform by itself.' });
