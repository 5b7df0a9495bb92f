// How often anybody may call: by key, by address where no key is asked for, and hardest for those
// who are refused.

import { fastifyRateLimit, normalizeIP } from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';

import { DomainError } from '../../core/errors.ts';
import type { App } from './app.ts';
import type { RateCounts } from './rate-counts.ts';

const WINDOW_MS = 60_000;

/** How many calls a minute may bring. */
export interface RateLimits {
  perKey: number;
  /** Of pages and documents, which ask for no key. */
  perAddress: number;
}

/** Those whose keys were missing or wrong, or whose pushes were not believed, by their address. */
export interface RefusedCallers {
  note(address: string | undefined): void;
  /** Whether this address was refused too often within this minute. */
  isOver(address: string | undefined): boolean;
  /** What it is told then. */
  problem(): DomainError;
}

/** Counts the refusals of one kind, which have a limit of their own. */
export function refusedCallers(counts: RateCounts, kind: 'key' | 'push', perAddress: number): RefusedCallers {
  const subjectOf = (address: string | undefined): string => `refused ${kind} ${callerAt(address)}`;
  return {
    note: (address) => void counts.add(subjectOf(address), perAddress),
    isOver: (address) => counts.count(subjectOf(address)) >= perAddress,
    problem: () => tooMany(perAddress, counts.msLeft(), `requests with a wrong ${kind === 'key' ? 'key' : 'signature'}`),
  };
}

/**
 * Limits every later route: one that asks for a key by that key, any other by the address of its
 * caller.
 */
export async function limitRates(app: App, counts: RateCounts, { perKey, perAddress }: RateLimits): Promise<void> {
  await app.register(fastifyRateLimit, {
    max: (request) => (hasKey(request) ? perKey : perAddress),
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => (hasKey(request) ? `key ${request.actor.keyId}` : `address ${callerAt(request.ip)}`),
    store: storeOf(counts),
    errorResponseBuilder: (_request, { max, ttl }) => tooMany(max, ttl),
    // The problem says when to come back; what is left of a limit that nobody reaches need not be
    // told with every answer.
    addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    addHeaders: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false, 'retry-after': false },
  });
}

/**
 * Who calls is known by then: the hook that asks for the key runs before those of the route. Where
 * it may be nobody, the address counts.
 */
function hasKey(request: FastifyRequest): boolean {
  const { scopes, openToMachine = false } = request.routeOptions.config;
  return scopes !== undefined && !openToMachine;
}

/**
 * An IPv6 network of 64 bits is one caller. Who has hung up has no address any more, and reads no
 * answer either.
 */
function callerAt(address: string | undefined): string {
  return address === undefined ? 'gone' : normalizeIP(address);
}

function tooMany(limit: number, msLeft: number, what = 'requests'): DomainError {
  const retryAfterSeconds = Math.ceil(msLeft / 1000);
  const message = `More than ${limit} ${what} came within a minute. Try again in ${retryAfterSeconds} seconds.`;
  return new DomainError('too_many_requests', message, { retryAfterSeconds });
}

/** Our counts in the form that the plugin asks for: a class of its own making. */
function storeOf(counts: RateCounts) {
  return class {
    incr(subject: string, done: (error: Error | null, result: { current: number; ttl: number }) => void, _windowMs: number, max: number) {
      done(null, { current: counts.add(subject, max), ttl: counts.msLeft() });
    }

    child() {
      return this;
    }
  };
}
