// One attempt over the network: a POST to an address that may be called, followed nowhere, and not
// for ever.
import { request as requestPlainly, type IncomingMessage } from 'node:http';
import { request as requestSecurely } from 'node:https';

import { addressOf, guardedLookup, mayCall, type Allowed, type Resolve } from '../platform/net/address.ts';
import type { AttemptOutcome } from './retry-schedule.ts';

const TIMEOUT_MS = 15_000;
/**
 * The status is all that counts; so much of the answer is read out of politeness, and none is kept.
 */
const ANSWER_BYTES_MAX = 64 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;

export interface Post {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  allowed: Allowed;
  /** Ends the attempt. */
  signal: AbortSignal;
  timeoutMs?: number;
  resolve?: Resolve;
}

/**
 * Posts, and tells how it went; it never throws. A redirect is an answer like any other that is not
 * 2xx.
 */
export async function post({ url, headers, body, allowed, signal, timeoutMs = TIMEOUT_MS, resolve }: Post): Promise<AttemptOutcome> {
  const target = new URL(url);
  const address = addressOf(target.hostname);
  // Node asks no lookup for a host that is an address.
  if (address !== null && !mayCall(address, allowed)) return unanswered('the url is at an address that we do not call');
  const request = target.protocol === 'https:' ? requestSecurely : requestPlainly;
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  return new Promise((settle) => {
    const sent = request(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'Fenyong', ...headers, 'content-length': Buffer.byteLength(body) },
      agent: false,
      lookup: guardedLookup(allowed, resolve),
      maxHeaderSize: HEADER_BYTES_MAX,
      signal: ended,
    });
    sent.on('response', (answer) => readAnswer(answer, settle));
    sent.on('error', (error) => settle(unanswered(reasonOf(error, ended, timeoutMs))));
    sent.end(body);
  });
}

function readAnswer(answer: IncomingMessage, settle: (outcome: AttemptOutcome) => void): void {
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) answer.destroy();
  });
  // An answer that breaks off has said its status before.
  answer.on('error', () => undefined);
  answer.on('close', () => settle({ status: answer.statusCode!, retryAfter: answer.headers['retry-after'] ?? null }));
}

const unanswered = (error: string): AttemptOutcome => ({ status: null, error });

function reasonOf(error: Error, { aborted, reason }: AbortSignal, timeoutMs: number): string {
  if (!aborted) return error.message;
  return reason instanceof Error && reason.name === 'TimeoutError' ? `no answer within ${timeoutMs} ms` : 'we were shut down meanwhile';
}
