// Links as the redirect needs them, in memory: loaded in batches, refreshed while they are served,
// and served stale while the database is away.

import { LruMap } from 'toad-cache';

import { DomainError } from '../../core/errors.ts';
import { isUnavailable } from '../../platform/postgres/database.ts';
import type { Landing } from './landing.ts';

/** A link that leads somewhere. */
export interface LiveLink {
  code: string;
  merchantId: string;
  /** Null: its merchant no longer names the host, so that it leads nowhere. */
  landing: Landing | null;
  /**
   * The link of a platform that knows ours by its code: followed instead, by visits that may earn.
   */
  tracked: string | null;
  /** How the merchant is written in a visitor's value. */
  visitorTag: string;
  /** Whether its promoter may earn. */
  active: boolean;
  /** Epoch milliseconds; Infinity when it does not expire. */
  expiresAt: number;
}

export interface LinkCache {
  /**
   * What is known without waiting: the link, null when there is none of this code, undefined when
   * it must be loaded.
   */
  peek: (code: string, now: number) => LiveLink | null | undefined;
  /**
   * The link, or null. Rejects with `unavailable` when the database is away and the link is not
   * known.
   */
  load: (code: string) => Promise<LiveLink | null>;
  /** Everything is asked for again before it is served: a merchant or a promoter has changed. */
  forget: () => void;
}

interface LinkCacheOptions {
  /** Reads the links of these codes; a code that is missing in the answer has no link. */
  read: (codes: string[]) => Promise<LiveLink[]>;
  /** What a refresh in the background has failed of, if not of a lost database. */
  onError: (error: unknown) => void;
  linksMax?: number;
  /** How long a link is served before it is read again in the background. */
  freshMs?: number;
  /** How long a read may take before what is known is served instead. */
  waitMsMax?: number;
}

interface Entry {
  link: LiveLink;
  loadedAt: number;
  /** In which epoch it was read; it is as good as unread once the epoch is over. */
  epoch: number;
}

const LINKS_MAX = 100_000;
const UNKNOWN_MAX = 10_000;
const UNKNOWN_MS = 3000;
const FRESH_MS = 30_000;
const WAIT_MS_MAX = 1000;
const BATCH_MAX = 1000;

export function linkCache(options: LinkCacheOptions): LinkCache {
  const { read, onError, linksMax = LINKS_MAX, freshMs = FRESH_MS, waitMsMax = WAIT_MS_MAX } = options;
  const known = new LruMap<Entry>(linksMax);
  const unknown = new LruMap<true>(UNKNOWN_MAX, UNKNOWN_MS);
  const loading = new Map<string, Promise<LiveLink | null>>();
  let wanted: Wanted[] = [];
  let epoch = 0;

  function peek(code: string, now: number): LiveLink | null | undefined {
    const entry = known.get(code);
    if (entry === undefined) return unknown.get(code) === undefined ? undefined : null;
    if (entry.epoch !== epoch) return undefined;
    if (now - entry.loadedAt > freshMs && !loading.has(code)) ask(code).catch((error: unknown) => isAway(error) || onError(error));
    return entry.link;
  }

  async function load(code: string): Promise<LiveLink | null> {
    try {
      return await within(waitMsMax, loading.get(code) ?? ask(code));
    } catch (error) {
      const stale = known.get(code);
      if (stale === undefined || !isAway(error)) throw error;
      // It is served from now on without waiting, and asked for again in the background.
      stale.epoch = epoch;
      return stale.link;
    }
  }

  function ask(code: string): Promise<LiveLink | null> {
    const asked = new Promise<LiveLink | null>((resolve, reject) => {
      if (wanted.length === 0) setImmediate(() => void readWanted());
      wanted.push({ code, resolve, reject });
    });
    const settled = asked.finally(() => {
      if (loading.get(code) === settled) loading.delete(code);
    });
    loading.set(code, settled);
    return settled;
  }

  async function readWanted(): Promise<void> {
    const batch = wanted.splice(0, BATCH_MAX);
    if (wanted.length > 0) setImmediate(() => void readWanted());
    const begun = { loadedAt: Date.now(), epoch };
    try {
      const links = await read(batch.map((one) => one.code));
      const byCode = new Map(links.map((link) => [link.code, link]));
      for (const { code, resolve } of batch) resolve(keep(code, byCode.get(code) ?? null, begun));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  function keep(code: string, link: LiveLink | null, begun: { loadedAt: number; epoch: number }): LiveLink | null {
    if (link !== null) known.set(code, { link, ...begun });
    else if (begun.epoch === epoch) unknown.set(code, true);
    return link;
  }

  function forget(): void {
    epoch += 1;
    unknown.clear();
    // A read that has begun may have seen what was before the change.
    loading.clear();
  }

  return { peek, load, forget };
}

/** The database is away, or did not answer in time. */
export function isAway(error: unknown): boolean {
  return isUnavailable(error) || (error instanceof DomainError && error.code === 'unavailable');
}

interface Wanted {
  code: string;
  resolve: (link: LiveLink | null) => void;
  reject: (error: unknown) => void;
}

/** The result, or `unavailable` when it takes longer. */
async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DomainError('unavailable', 'The link could not be looked up in time. Try again.')), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
