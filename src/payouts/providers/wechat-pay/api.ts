// One call to WeChat Pay: signed by the merchant, bounded in time and size, and believed only when
// WeChat's own signature is on the answer.

import { randomBytes } from 'node:crypto';

import type { ProviderAccess } from '../provider.ts';
import { authorization, merchantKeyOf, sealingSerialOf, verifySaid } from './signing.ts';

const HOST = 'https://api.mch.weixin.qq.com';
/** WeChat's second address for the same calls, where the first cannot be reached. */
const STANDBY_HOST = 'https://api2.mch.weixin.qq.com';
/** From the first byte sent to the last byte read. */
const ANSWER_TIMEOUT_MS = 10_000;
/** Shorter, so that the calls for one payout together end within the lease on it. */
const STANDBY_TIMEOUT_MS = 5000;
/** The connection was not made, so that nothing of the call has arrived anywhere. */
const NOT_CONNECTED = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/** An answer about one bill has under one kilobyte. */
const ANSWER_BYTES_MAX = 64 * 1024;

export interface Call {
  method: 'GET' | 'POST';
  path: string;
  /** Empty for a call that sends none; what is sent is what is signed. */
  body: Buffer;
  mchId: string;
  merchantSerialNo: string;
  /** The key that a part of the body was sealed with; null where nothing was. */
  sealedWith: string | null;
}

/** What was answered and is proven; or why nothing is known, which says nothing of the bill. */
type Answered = { proven: true; status: number; body: Buffer } | { proven: false; reason: string };

/** The same of one address; `lost` where no answer came from it. */
type Attempt = Answered & { lost?: 'not connected' | 'not answered' };

/**
 * Calls, and calls the standby address where the first was not reached, or where a question went
 * unanswered: the same number and the same bytes, which WeChat takes once wherever they arrive.
 * What may change something and went unanswered is asked about before it is sent again. Never
 * throws.
 */
export async function call(question: Call, access: ProviderAccess): Promise<Answered> {
  if (access.baseUrl !== null) return attempt(question, access, { host: access.baseUrl, timeoutMs: ANSWER_TIMEOUT_MS });
  const first = await attempt(question, access, { host: HOST, timeoutMs: ANSWER_TIMEOUT_MS });
  const goesOn = first.lost === 'not connected' || (first.lost === 'not answered' && question.method === 'GET');
  if (!goesOn) return first;
  const second = await attempt(question, access, { host: STANDBY_HOST, timeoutMs: STANDBY_TIMEOUT_MS });
  return second.lost === undefined ? second : first;
}

/**
 * Calls one address once. Never throws: a broken connection, a time-out before the whole answer,
 * more than 64 KiB, and an answer that WeChat has not signed (as its front servers do not: plain
 * pages with 400 or 502 are known) are not proven.
 */
async function attempt(question: Call, access: ProviderAccess, { host, timeoutMs }: { host: string; timeoutMs: number }): Promise<Attempt> {
  try {
    const response = await access.fetch(new URL(question.path, host), {
      method: question.method,
      headers: headersOf(question, access),
      ...(question.body.length === 0 ? {} : { body: new Uint8Array(question.body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = await readAll(response);
    if (body === null) return { proven: false, reason: `answered ${response.status} with more than ${ANSWER_BYTES_MAX} bytes` };
    // `Headers` joins a header that came several times with commas, which no signature survives.
    const header = (name: string): string | undefined => response.headers.get(name) ?? undefined;
    const verified = verifySaid({ header, body }, access.secrets, access.now());
    if (!verified.ok) return { proven: false, reason: `answered ${response.status}, but ${verified.reason}` };
    return { proven: true, status: response.status, body };
  } catch (error) {
    const lost = isNotConnected(error) ? 'not connected' : 'not answered';
    return { proven: false, reason: `${lost}: ${reasonOf(error)}`, lost };
  }
}

/**
 * While a merchant changes from certificates to the public key, WeChat signs its answer with the
 * key that the request names.
 */
function headersOf({ method, path, body, mchId, merchantSerialNo, sealedWith }: Call, access: ProviderAccess): Record<string, string> {
  const seconds = Math.floor(access.now().getTime() / 1000);
  const nonce = randomBytes(16).toString('hex');
  const merchant = { mchId, serialNo: merchantSerialNo, key: merchantKeyOf(access.secrets) };
  const serial = sealedWith ?? sealingSerialOf(access.secrets);
  return {
    accept: 'application/json',
    // WeChat refuses requests that do not say what sends them.
    'user-agent': 'fenyong',
    authorization: authorization({ method, pathAndQuery: path, seconds, nonce, body }, merchant),
    ...(body.length === 0 ? {} : { 'content-type': 'application/json' }),
    ...(serial === null ? {} : { 'wechatpay-serial': serial }),
  };
}

async function readAll(response: Response): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function isNotConnected(error: unknown): boolean {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error && 'code' in cause && NOT_CONNECTED.has(String(cause.code));
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an error without words';
  return error.cause instanceof Error ? error.cause.message : error.message;
}
