// The demo signs with code of its own; the adapters are what it must be believed by.

import { expect, test } from 'vitest';

import type { Push } from '../../../src/demo/platforms/push.ts';
import { pinduoduoSign, shopifyPush, standardPush, wechatPush, woocommercePush } from '../../../src/demo/platforms/signing.ts';
import { shopify } from '../../../src/sources/shopify/adapter.ts';
import type { Adapter } from '../../../src/sources/source.ts';
import type { SourceSecrets } from '../../../src/sources/signing.ts';
import { standardWebhooks } from '../../../src/sources/standard-webhooks/adapter.ts';
import { wechatShop } from '../../../src/sources/wechat-shop/adapter.ts';
import { woocommerce } from '../../../src/sources/woocommerce/adapter.ts';

const STANDARD = { secret: `whsec_${Buffer.from('a secret of the demo').toString('base64')}` };
const HUSH = { secret: 'hush' };
const WECHAT = {
  app_id: 'wxb11529c136998cb6',
  app_secret: 'app secret',
  token: 'pamtest',
  encoding_aes_key: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
};

const SIGNERS: readonly [name: string, adapter: Adapter, secrets: SourceSecrets, push: (text: string) => Push][] = [
  ['standard webhooks', standardWebhooks, STANDARD, (text) => standardPush('s', STANDARD.secret, { data: { order_id: text } })],
  ['Shopify', shopify, HUSH, (text) => shopifyPush('s', HUSH.secret, 'orders/paid', { id: text })],
  ['WooCommerce', woocommerce, HUSH, (text) => woocommercePush('s', HUSH.secret, 'created', { id: text })],
  ['WeChat', wechatShop, WECHAT, (text) => wechatPush('s', WECHAT, `{"Event":"${text}"}`)],
];

const verify = (adapter: Adapter, secrets: SourceSecrets, { headers, query, body }: Push) =>
  adapter.verify({
    method: 'POST',
    headers,
    query: Object.fromEntries(new URLSearchParams(query)),
    body: Buffer.from(body),
    secrets,
    now: new Date(),
  });

test.each(SIGNERS)('a push of %s is believed, and with the body of another it is not', (_, adapter, secrets, push) => {
  const [one, other] = [push('first'), push('second')];
  expect(verify(adapter, secrets, one)).toMatchObject({ ok: true });
  expect(verify(adapter, secrets, { ...one, body: other.body })).toEqual({ ok: false, reason: 'wrong_signature' });
});

test('what WeChat encrypts is opened again, however long it is', () => {
  for (const length of [0, 1, 11, 12, 13, 31, 32, 33, 500]) {
    const text = `{"Event":"${'佣'.repeat(length)}"}`;
    const verified = verify(wechatShop, WECHAT, wechatPush('s', WECHAT, text));
    expect(verified.ok && 'content' in verified ? verified.content?.toString() : null).toBe(text);
  }
});

test('a question to 多多进宝 is signed as its guide signs one', () => {
  const parameters = {
    type: 'pdd.order.number.list.get',
    client_id: '1',
    access_token: 'asd78172s8ds9a921j9qqwda12312w1w21211',
    data_type: 'XML',
    order_status: '1',
    page: '1',
    page_size: '10',
    timestamp: '1480411125',
  };
  expect(pinduoduoSign('testSecret', parameters)).toBe('E4DE3ED21002510DED352819E7AE6775');
});
