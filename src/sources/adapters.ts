// Every order system that speaks to us. A further one is one file, and one line here.
import { doudian } from './doudian/adapter.ts';
import { jd } from './unions/jd.ts';
import { pdd } from './unions/pdd.ts';
import { shopify } from './shopify/adapter.ts';
import type { Adapter } from './source.ts';
import { standardWebhooks } from './standard-webhooks/adapter.ts';
import { taobao } from './unions/taobao.ts';
import { wechatShop } from './wechat-shop/adapter.ts';
import { woocommerce } from './woocommerce/adapter.ts';

export const ADAPTERS: readonly Adapter[] = [standardWebhooks, shopify, woocommerce, wechatShop, doudian, taobao, jd, pdd];
