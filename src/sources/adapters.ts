// Every order system that speaks to us. A further one is one file, and one line here.
import { doudian } from './doudian.ts';
import { jd } from './jd.ts';
import { pdd } from './pdd.ts';
import { shopify } from './shopify.ts';
import type { Adapter } from './source.ts';
import { standardWebhooks } from './standard-webhooks.ts';
import { taobao } from './taobao.ts';
import { wechatShop } from './wechat-shop.ts';
import { woocommerce } from './woocommerce.ts';

export const ADAPTERS: readonly Adapter[] = [standardWebhooks, shopify, woocommerce, wechatShop, doudian, taobao, jd, pdd];
