// One call to WeChat Pay: signed by the merchant, bounded in time and size, and believed only when
// WeChat's own signature is on the answer.

import { randomBytes } from 'node:crypto';

import type { ProviderAccess } from '../provider.ts';
import { authorization, merchantKeyOf, sealingSerialOf, verifySaid } from './signing.ts';

const HOST = 'https://api.mch.weixin.qq.com';
/** From the first byte sent to the last byte read. */
const ANSWER_TIMEOUT_MS = 10_000;
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

/**
 * Calls once. Never throws: a broken connection, ten seconds without the whole answer, more than
 * 64 KiB, and an answer that WeChat has not signed (as its front servers do not: plain pages with
 * 400 or 502 are known) are not proven.
 */
export async function call(question: Call, access: ProviderAccess): Promise<Answered> {
  try {
    const response = await access.fetch(new URL(question.path, access.baseUrl ?? HOST), {
      method: question.method,
      headers: headersOf(question, access),
      ...(question.body.length === 0 ? {} : { body: new Uint8Array(question.body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const body = await readAll(response);
    if (body === null) return { proven: false, reason: `answered ${response.status} with more than ${ANSWER_BYTES_MAX} bytes` };
    // `Headers` joins a header that came several times with commas, which no signature survives.
    const header = (name: string): string | undefined => response.headers.get(name) ?? undefined;
    const verified = verifySaid({ header, body }, access.secrets, access.now());
    if (!verified.ok) return { proven: false, reason: `answered ${response.status}, but ${verified.reason}` };
    return { proven: true, status: response.status, body };
  } catch (error) {
    return { proven: false, reason: `not answered: ${reasonOf(error)}` };
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

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an error without words';
  return error.cause instanceof Error ? error.cause.message : error.message;
}
