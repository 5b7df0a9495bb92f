// The shop of the demo tells of its orders only to whoever has its token.

import { expect, test } from 'vitest';

import { openWeixin, type Weixin } from '../../../src/demo/platforms/weixin.ts';

const ORDER = '/channels/ec/order/get';

function tokenOf({ answer, secrets }: Weixin): string {
  const told = answer('/cgi-bin/stable_token', null, { appid: secrets.app_id, secret: secrets.app_secret });
  return (told as { access_token: string }).access_token;
}

test('an order and an after-sale are told by their ids to whoever has the token', () => {
  const weixin = openWeixin();
  expect(weixin.sell('taotao-weixin')).toHaveLength(3);
  const token = tokenOf(weixin);
  expect(weixin.answer(ORDER, token, { order_id: '3705115058471208928' })).toMatchObject({
    errcode: 0,
    order: { status: 20, order_detail: { product_infos: [{ real_price: 15_800 }] } },
  });
  const returned = { after_sale_order_id: '2000000000041001' };
  expect(weixin.answer('/channels/ec/aftersale/getaftersaleorder', token, returned)).toMatchObject({
    after_sale_order: { order_id: '3705115058471209472', refund_info: { amount: 4_000 } },
  });
});

test('a wrong secret gets no token, and a wrong token, an unknown order and an unknown question get no order', () => {
  const weixin = openWeixin();
  const { app_id: appid } = weixin.secrets;
  expect(weixin.answer('/cgi-bin/stable_token', null, { appid, secret: 'guessed' })).toMatchObject({ errcode: 40125 });
  expect(weixin.answer(ORDER, 'guessed', { order_id: '3705115058471208928' })).toMatchObject({ errcode: 40001 });
  expect(weixin.answer(ORDER, null, { order_id: '3705115058471208928' })).toMatchObject({ errcode: 40001 });
  expect(weixin.answer(ORDER, tokenOf(weixin), { order_id: '1' })).toMatchObject({ errcode: 100002 });
  expect(weixin.answer('/channels/ec/order/close', tokenOf(weixin), {})).toMatchObject({ errcode: 40066 });
});
