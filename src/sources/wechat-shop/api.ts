// How 微信小店 is asked: with an access token, and what its error codes mean. A shop, an institution
// (联盟带货机构) and a talent (带货助手) have calls of their own; those of another role answer 48001.
import { z } from 'zod';

import { stringifyJson } from '../../platform/http/json.ts';
import { askWithToken, TokenEnded } from '../access-token.ts';
import { askJson, AskingFailed, secretOf, type Asking, type NoAnswer, type Token } from '../asking.ts';
import { MINUTE_MS } from '../../platform/durations.ts';

/** A token is renewed so long before it ends. */
const TOKEN_MARGIN_SECONDS = 300;
const TOKEN_ENDED = new Set([40001, 40014, 42001]);
/** WeChat's own failure, and too many people at once. */
const BUSY = new Set([-1, 9700223, 10021044]);
const PER_DAY = 45009;
const PER_MINUTE = 45011;
/**
 * What an operator has to change: the application, its secret, the addresses it may be asked from,
 * its rights. Of the codes that are common to all calls
 * (developers.weixin.qq.com/doc/store/shop/dev_before/commErrCode), others are about one thing, or
 * mended by themselves.
 */
const REFUSED = new Set([40013, 40125, 40164, 45035, 48001, 48004, 50001, 50002, 61004]);

/**
 * Asks with the access token, and answers what was answered but for an error code, which is thrown
 * as `AskingFailed`.
 */
export async function ask(path: string, question: object, asking: Asking): Promise<Record<string, unknown>> {
  const obtain = () => obtainToken(asking);
  return askWithToken(asking, obtain, (token) => post(`${path}?access_token=${encodeURIComponent(token)}`, question, asking));
}

const tokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.int() });

/**
 * `cgi-bin/stable_token`: asking for it again gives the same token for as long as it is good, so
 * that two processes do not end each other's.
 */
async function obtainToken(asking: Asking): Promise<Token> {
  const [appid, secret] = [secretOf(asking, 'app_id'), secretOf(asking, 'app_secret')];
  const answer = await post('/cgi-bin/stable_token', { grant_type: 'client_credential', appid, secret }, asking);
  const { access_token: value, expires_in } = tokenAnswer.parse(answer);
  return { value, expiresAt: new Date(asking.now.getTime() + (expires_in - TOKEN_MARGIN_SECONDS) * 1000) };
}

/** Some examples of the documentation write the code as a text. */
const code = z.union([
  z.int(),
  z
    .string()
    .regex(/^-?\d+$/)
    .transform(Number),
]);
const envelope = z.looseObject({ errcode: code.optional(), errmsg: z.string().default('') });

async function post(pathAndQuery: string, question: object, asking: Asking): Promise<Record<string, unknown>> {
  const { value } = await askJson(asking.fetch, asking.baseUrl + pathAndQuery, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: stringifyJson(question),
  });
  const answer = envelope.parse(value);
  const { errcode = 0, errmsg } = answer;
  if (errcode === 0) return answer;
  const told = `WeChat answered ${pathAndQuery.split('?', 1)[0]} with ${errcode} ${errmsg}`;
  if (TOKEN_ENDED.has(errcode)) throw new TokenEnded('refused', told);
  throw new RefusedByCode(kindOf(errcode), told, { retryAfterMs: errcode === PER_MINUTE ? MINUTE_MS : null });
}

/**
 * A code that is nothing of these is about the one thing that was asked for: nothing else has to
 * wait for it.
 */
function kindOf(errcode: number): NoAnswer {
  if (errcode === PER_DAY || errcode === PER_MINUTE) return 'rate_limited';
  if (BUSY.has(errcode)) return 'temporary';
  return REFUSED.has(errcode) ? 'refused' : 'item_refused';
}

/** WeChat itself has answered, with an error code, and nothing that stands before WeChat. */
class RefusedByCode extends AskingFailed {}

/**
 * What was answered, or null where WeChat refuses the question by a code; every other failure is
 * thrown on.
 */
export async function unlessRefused<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RefusedByCode && (error.kind === 'refused' || error.kind === 'item_refused')) return null;
    throw error;
  }
}
