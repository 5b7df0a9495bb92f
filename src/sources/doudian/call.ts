// How a method of 抖店 is called: its signature, the access token of whoever has authorised it, and
// what its error codes mean.
import { createHmac } from 'node:crypto';

import { z } from 'zod';

import { askWithToken, TokenEnded } from '../access-token.ts';
import { askJson, AskingFailed, type Asking, type NoAnswer, type Token } from '../asking.ts';
import { secretsNamed } from '../signing.ts';
import { unionId, unionWord } from '../unions/union.ts';

/** A token is renewed so long before it ends. */
const TOKEN_MARGIN_SECONDS = 600;
const DONE = '10000';

/**
 * What is signed of a call: between twice the secret the names and values of the five parameters,
 * in the order of the names.
 */
export function doudianText(secret: string, call: { appKey: string; method: string; json: string; timestamp: number }): string {
  const { appKey, method, json, timestamp } = call;
  return `${secret}app_key${appKey}method${method}param_json${json}timestamp${timestamp}v2${secret}`;
}

/**
 * The signature of a call: HMAC-SHA256 under the secret. The business parameters are JSON with
 * sorted keys.
 */
export function doudianSign(secret: string, call: Parameters<typeof doudianText>[1]): string {
  return createHmac('sha256', secret).update(doudianText(secret, call)).digest('hex');
}

/**
 * Asks about one order: what the platform refuses of that (it is another shop's, or is not there)
 * says nothing of other questions.
 */
export async function askOfOne(method: string, question: object, asking: Asking): Promise<unknown> {
  try {
    return await ask(method, question, asking);
  } catch (error) {
    throw error instanceof QuestionRefused ? new AskingFailed('item_refused', error.message, { cause: error }) : error;
  }
}

/**
 * Asks a method, and once more with another token when the one at hand has ended. Throws
 * `AskingFailed`.
 */
export async function ask(method: string, question: object, asking: Asking): Promise<unknown> {
  const obtain = () => obtainToken(asking);
  return askWithToken(asking, obtain, (token) => call(method, question, asking, token));
}

const tokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.int() });

const subject = z.object({
  shop_id: z.string().optional(),
  auth_id: z.string().optional(),
  auth_subject_type: z.string().optional(),
  orders: z.string().optional(),
  role: z.string().optional(),
});

/**
 * Who authorises, as whom: an institution or a 抖客 by an id and a type of its own, a shop by its id
 * alone.
 */
function subjectOf(options: Asking['options']): Pick<z.output<typeof subject>, 'shop_id' | 'auth_id' | 'auth_subject_type'> | null {
  const { shop_id, auth_id, auth_subject_type: stated, orders, role } = subject.parse(options);
  if (auth_id === undefined) return shop_id === undefined ? null : { shop_id };
  const type = stated ?? (orders === 'talent' ? 'DouKe' : role === 'ads' ? 'MCN' : 'Colonel');
  return { auth_id, auth_subject_type: type };
}

/** `token.create` for an application of one's own. */
async function obtainToken(asking: Asking): Promise<Token> {
  const whose = subjectOf(asking.options);
  if (whose === null) {
    throw new AskingFailed('refused', '抖店 gives its token to somebody: state options.shop_id or options.auth_id of the source');
  }
  const { auth_id, auth_subject_type, shop_id } = whose;
  const question = { auth_id, auth_subject_type, code: '', grant_type: 'authorization_self', shop_id };
  const { access_token: value, expires_in } = tokenAnswer.parse(await call('token.create', question, asking, null));
  return { value, expiresAt: new Date(asking.now.getTime() + (expires_in - TOKEN_MARGIN_SECONDS) * 1000) };
}

const envelope = z.object({ code: unionId, msg: unionWord, sub_code: unionWord, sub_msg: unionWord, data: z.unknown().optional() });

async function call(method: string, question: object, asking: Asking, token: string | null): Promise<unknown> {
  const [appKey = ''] = secretsNamed(asking.secrets, 'app_key');
  const [secret = ''] = secretsNamed(asking.secrets, 'app_secret');
  const json = JSON.stringify(question);
  const timestamp = Math.floor(asking.now.getTime() / 1000);
  const query = new URLSearchParams({
    method,
    app_key: appKey,
    ...(token === null ? {} : { access_token: token }),
    timestamp: String(timestamp),
    v: '2',
    sign_method: 'hmac-sha256',
    sign: doudianSign(secret, { appKey, method, json, timestamp }),
  });
  const url = `${asking.baseUrl}/${method.replaceAll('.', '/')}?${query.toString()}`;
  const { value } = await askJson(asking.fetch, url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: json });
  const { code, msg, sub_code: subCode, sub_msg: subMsg, data } = envelope.parse(value);
  if (code === DONE) return data;
  const words = [code, msg, subCode, subMsg].filter(Boolean).join(' ');
  const message = `抖店 answered ${method} with ${words}`;
  if (isOfQuestion({ code, subCode })) throw new QuestionRefused(OF_RIGHTS.test(words) ? 'refused' : 'item_refused', message);
  if (/access.?token.*(expired|invalid)|token.*过期/i.test(words)) throw new TokenEnded('refused', message);
  if (/limit|限流|频率|too many/i.test(words)) throw new AskingFailed('rate_limited', message);
  throw new AskingFailed(kindOf(words), message);
}

const OF_RIGHTS = /isv\.(auth|sign|app|access|permission)|sign invalid|permission|unauthori[sz]ed|权限|授权|签名/i;

/**
 * `isp` is what the platform has to mend, `isv` what the caller has to: only what is about keys and
 * rights is about everything.
 */
function kindOf(words: string): NoAnswer {
  if (OF_RIGHTS.test(words)) return 'refused';
  return /isp\./.test(words) ? 'temporary' : 'item_refused';
}

/**
 * The platform does not like this question; asked about one thing it says nothing of others,
 * whatever its words.
 */
class QuestionRefused extends AskingFailed {}

/**
 * A parameter that is wrong, somebody else's, or not found; a rule of the business. What is wrong
 * with keys and rights has other codes.
 */
const OF_QUESTIONS = new Set(['40003', '40004', '50002']);

const isOfQuestion = ({ code, subCode }: { code: string; subCode: string | null }): boolean =>
  subCode === null ? OF_QUESTIONS.has(code) : /^isv\.(business-failed|parameter-invalid)/.test(subCode);
