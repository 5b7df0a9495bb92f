// The union of the demo is as strict as the real one where that matters to who asks it.

import { expect, test } from 'vitest';

import { openDuoduo, type Duoduo } from '../../../src/demo/platforms/duoduo.ts';
import { pinduoduoSign } from '../../../src/demo/platforms/signing.ts';

const now = () => Math.floor(Date.now() / 1000);

function ask({ answer, secrets }: Duoduo, told: Record<string, string>): unknown {
  const question = { client_id: secrets.client_id, data_type: 'JSON', timestamp: String(now()), ...told };
  return answer({ ...question, sign: pinduoduoSign(secrets.client_secret, question) });
}

const LIST = { type: 'pdd.ddk.order.list.increment.get', page: '1', page_size: '50' };
const hour = () => ({ ...LIST, start_update_time: String(now() - 3600), end_update_time: String(now()) });

function linkOf(duoduo: Duoduo, written: string): string {
  const told = {
    type: 'pdd.ddk.goods.promotion.url.generate',
    p_id: '8800_1',
    goods_sign_list: '["660021934"]',
    custom_parameters: written,
  };
  const answer = ask(duoduo, told) as {
    goods_promotion_url_generate_response: { goods_promotion_url_list: { short_url: string }[] };
  };
  return answer.goods_promotion_url_generate_response.goods_promotion_url_list[0]!.short_url;
}

test('an order by a link of the union carries what was written into the link', () => {
  const duoduo = openDuoduo();
  linkOf(duoduo, '{"uid":"another"}');
  duoduo.sell(linkOf(duoduo, '{"uid":"mine"}'));
  expect(ask(duoduo, hour())).toMatchObject({
    order_list_get_response: {
      total_count: 3,
      order_list: [
        { order_status: 1, custom_parameters: '{"uid":"mine"}' },
        { order_status: 4, custom_parameters: '{"uid":"mine"}' },
        { order_status: 5, custom_parameters: '' },
      ],
    },
  });
});

test('what it did not sign, what is old, and what is another account’s is refused', () => {
  const duoduo = openDuoduo();
  const refused = { error_response: { error_code: 20004, error_msg: '签名sign校验失败' } };
  expect(duoduo.answer({ ...hour(), client_id: duoduo.secrets.client_id, timestamp: String(now()), sign: 'A'.repeat(32) })).toEqual(
    refused,
  );
  expect(ask(duoduo, { ...hour(), timestamp: String(now() - 3600) })).toEqual(refused);
  expect(ask(duoduo, { ...hour(), client_id: openDuoduo().secrets.client_id })).toEqual(refused);
});

test('more than a day at once, pages that are too small, and questions that it does not know are refused', () => {
  const duoduo = openDuoduo();
  const wrong = { error_response: { error_code: 50001, error_msg: '业务参数错误' } };
  expect(ask(duoduo, { ...hour(), start_update_time: String(now() - 86_401) })).toEqual(wrong);
  expect(ask(duoduo, { ...hour(), page_size: '9' })).toEqual(wrong);
  expect(ask(duoduo, { type: 'pdd.unknown' })).toEqual(wrong);
});

test('nobody buys by a link that the union has not made', () => {
  expect(() => openDuoduo().sell('https://guoyuan.example.com/p/660021934')).toThrow('is no link that the union has made');
});
