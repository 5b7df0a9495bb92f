// What a test must know of an order system to try its adapter: how it signs, how it tells of an
// order, and a server that speaks as it does.
import type { Adapter } from '../../src/sources/source.ts';
import type { SourceSecrets } from '../../src/sources/signing.ts';

/**
 * A push as the platform sends it: the body may be encrypted, the signature may stand in the query.
 */
export interface Sent {
  headers?: Record<string, string>;
  query?: Record<string, string>;
  body: Buffer;
}

export interface Signer {
  send: (body: Buffer, secrets: SourceSecrets, at: Date) => Sent;
  /** Of the same form as the good ones, other keys. */
  otherSecrets: SourceSecrets;
  /** The good ones and the others, both valid at once; null where the platform cannot. */
  rotating: SourceSecrets | null;
  /** Older pushes are refused; null: the platform signs no time. */
  staleMs: number | null;
}

/**
 * The life of one order with one line (quantity 1, product `p1`): bodies as `map` reads them, each
 * with a later update time than the one before. Null: the platform has no such word.
 */
export interface Story {
  paid: Buffer;
  completed: Buffer;
  partlyRefunded: Buffer | null;
  refunded: Buffer | null;
  /** A status that nobody knows. */
  unknownCode: Buffer | null;
  /** Like `paid`, of a product that nobody has stated. */
  unknownProduct: Buffer;
}

export interface Subject {
  adapter: Adapter;
  secrets: SourceSecrets;
  options?: Record<string, unknown>;
  /** Null: nothing is pushed. */
  push: Signer | null;
  /** `orderId` may have 19 digits; it is written as the platform writes it. */
  story: (orderId: string) => Story;
  /** Minor units of the line, and of what `partlyRefunded` takes back. */
  paidAmount: number;
  partAmount: number;
  /** Kept headers of the bodies of the story. */
  headers?: Record<string, string>;
  /** What the platform calls the shop of the story, where it names one. */
  shop?: string;
  /** For systems that are pulled. */
  open?: () => Promise<Double>;
  /** How many questions a page takes at most, where a list names its rows only; else one. */
  questionsPerPage?: number;
}

/** How a double answers its next list question instead of answering it. */
export type Failure = 'rate_limited' | 'refused' | 'temporary' | 'token_ended';

/** What a double was asked: the path with its query, and the body as text. */
export interface Question {
  path: string;
  body: string;
}

/**
 * A server that speaks as the platform does, over real sockets, and refuses what the platform
 * refuses.
 */
export interface Double {
  url: string;
  /**
   * Makes the paid order of that id, or changes it: another row of the same order, updated at `at`.
   */
  put(orderId: string, at: Date): void;
  failNext(kind: Failure): void;
  /**
   * From now on what this gives is answered instead, to the questions for which it gives something.
   */
  instead(answer: (question: Question) => { status: number; body: unknown } | null): void;
  /** Called after every answered list page, with their count: rows are moved there. */
  afterPage(hook: (page: number) => void): void;
  /** How many list questions were answered. */
  asked(): number;
  close(): Promise<void>;
}
