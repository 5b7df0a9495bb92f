// The 推客 that are bound to an institution at 微信小店, and who pays each of them.
import { z } from 'zod';

import { TokenEnded } from '../access-token.ts';
import { AskingFailed, type Asking } from '../asking.ts';
import { ask } from './api.ts';
import { code, list, word } from './fields.ts';

const PAGE_SIZE_MAX = 20;

const bound = z.object({ sharer_info_list: list(z.object({ sharer_appid: word, commission_type: code })) });

/** Asked once for all commission orders of a page: what is asked with lives as long as the page. */
const asked = new WeakMap<Asking, Map<string, Promise<string | null>>>();

/**
 * `channels/ec/promoter/get_bind_sharer_list`: the `commission_type` of a bound 推客, 0 where WeChat
 * pays it and 1 where the institution does. Null where WeChat does not say: it is bound no more, or
 * the institution may not ask, or there was no answer. A commission order does not wait for that:
 * it changes once more before anything of it is released, and is asked for with this again.
 * (developers.weixin.qq.com/doc/store/leagueheadsupplier/api/sharer/account/api_getbindsharerlist)
 */
export function commissionTypeOf(appid: string, asking: Asking): Promise<string | null> {
  const ofPage = asked.get(asking) ?? new Map<string, Promise<string | null>>();
  asked.set(asking, ofPage);
  const known = ofPage.get(appid) ?? askCommissionType(appid, asking);
  ofPage.set(appid, known);
  return known;
}

async function askCommissionType(appid: string, asking: Asking): Promise<string | null> {
  const question = { next_key: '', page_size: PAGE_SIZE_MAX, sharer_appid: appid };
  try {
    const answer = await ask('/channels/ec/promoter/get_bind_sharer_list', question, asking);
    return bound.parse(answer).sharer_info_list.find((one) => one.sharer_appid === appid)?.commission_type ?? null;
  } catch (error) {
    if (!isSilence(error)) throw error;
    return null;
  }
}

/** A platform that wants rest gets it, and a token that has ended is no answer to this question. */
const isSilence = (error: unknown): boolean =>
  error instanceof AskingFailed && !(error instanceof TokenEnded) && error.kind !== 'rate_limited';
