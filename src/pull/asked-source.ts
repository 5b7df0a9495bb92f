// A source as it is asked: with its adapter, its secrets, and the place of its platform.
import type { Kysely } from 'kysely';

import type { MasterKeys } from '../platform/keys/secrets.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Asking, Fetch } from '../sources/asking.ts';
import type { Adapter, Feed } from '../sources/source.ts';
import { findLiveSource, type LiveSource } from '../sources/connections/source-store.ts';
import { keptTokens } from './token-store.ts';

export interface PullDeps {
  db: Kysely<DB>;
  keys: MasterKeys;
  adapters: readonly Adapter[];
  /** Where platforms are, by kind, where this server was told to ask elsewhere. */
  baseUrls: Readonly<Record<string, string>>;
  fetch: Fetch;
  /** There may be deliveries to process now. Called after the commit. */
  onDelivered: () => void;
  /** How long a source may go on in one turn before the others have theirs, in milliseconds. */
  turnMs?: number;
}

export interface AskedSource {
  source: LiveSource;
  adapter: Adapter;
  feeds: readonly Feed[];
  /** As the adapter parsed them. */
  options: Record<string, unknown>;
  /**
   * What the adapter asks with; made for each page, because it holds the time. Tokens are the same
   * for all.
   */
  asking(now: Date): Asking;
}

/** The source, ready to be asked; null when there is none, or its kind cannot be asked anything. */
export async function openSource(deps: PullDeps, sourceId: string): Promise<AskedSource | null> {
  const { db, keys, adapters, baseUrls, fetch } = deps;
  const source = await findLiveSource(db, keys, sourceId);
  const adapter = adapters.find((one) => one.kind === source?.kind);
  if (source === null || adapter === undefined) return null;
  // What was put before an option was known gets its default.
  const options = adapter.options.parse(source.options);
  const tokens = keptTokens(db, keys, sourceId);
  const feeds = (adapter.feeds ?? []).filter((feed) => feed.appliesTo?.(options) ?? true);
  return {
    source,
    adapter,
    feeds,
    options,
    asking: (now) => ({
      baseUrl: (baseUrls[adapter.kind] ?? adapter.baseUrl?.(options) ?? '').replace(/\/+$/, ''),
      secrets: source.secrets,
      options,
      fetch,
      now,
      ...tokens,
    }),
  };
}

/** Asks so, too, for somebody who waits: after that long every question is broken off. */
export function withDeadline(asking: Asking, deadlineMs: number): Asking {
  const late = AbortSignal.timeout(deadlineMs);
  const fetch: Fetch = (url, init = {}) =>
    asking.fetch(url, { ...init, signal: AbortSignal.any([late, ...(init.signal ? [init.signal] : [])]) });
  return { ...asking, fetch };
}
