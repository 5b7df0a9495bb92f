// Every order system, as the contract suite tries it.
import type { Subject } from './subject.ts';
import { subject as doudian } from './subjects/doudian.ts';
import { subject as jd } from './subjects/jd.ts';
import { subject as pdd } from './subjects/pdd.ts';
import { subject as shopify } from './subjects/shopify.ts';
import { subject as standardWebhooks } from './subjects/standard-webhooks.ts';
import { subject as taobao } from './subjects/taobao.ts';
import { subject as wechatShop } from './subjects/wechat-shop.ts';
import { subject as woocommerce } from './subjects/woocommerce.ts';

export const SUBJECTS: readonly Subject[] = [standardWebhooks, shopify, woocommerce, wechatShop, doudian, taobao, jd, pdd];
