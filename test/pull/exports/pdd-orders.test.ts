import { expect, test } from 'vitest';

import { csvOf, readFile } from './reading.ts';

const PDD =
  '订单编号,商品ID,商品名称,商品数量,订单状态,订单金额（元）,佣金比例,佣金（元）,订单创建时间,支付时间,成团时间,确认收货时间,审核时间,结算时间,推广位ID,自定义参数,审核失败原因'.split(
    ',',
  );

const ORDER = {
  订单编号: '261105-565696346452160',
  商品ID: '938521528818',
  商品数量: '1',
  订单状态: '已成团',
  '订单金额（元）': '18.90',
  '佣金（元）': '0.95',
  订单创建时间: '2026-11-05 21:06:21',
  支付时间: '2026-11-05 21:06:40',
  推广位ID: '8050042_44955797',
};

test("多多进宝's table is read as the platform's own list, though its amounts are in yuan", async () => {
  const rows = [ORDER, { ...ORDER, 订单编号: '261105-565696346452161', 订单状态: '审核失败（不可提现）', 审核失败原因: '售后' }];
  const { export: known, reports, bad } = await readFile(csvOf(PDD, ...rows), { kind: 'pdd' });
  expect({ known, bad }).toEqual({ known: 'pdd_orders', bad: [] });
  expect(reports).toMatchObject([
    {
      order_id: '261105-565696346452160',
      status: 'paid',
      paid_at: '2026-11-05T13:06:40.000Z',
      names: [expect.objectContaining({ type: 'pid', value: '8050042_44955797' }) as object],
      lines: [{ line_id: '261105-565696346452160', product_id: '938521528818', paid_amount: 1890, platform_commission: 95 }],
    },
    { void: { reason: '售后' } },
  ]);
});

test.each([
  [{ ...ORDER, 订单状态: '想多了' }, '想多了'],
  [{ ...ORDER, '订单金额（元）': '' }, 'paid: is missing'],
])('a row that cannot be read is refused for its reason: %o', async (row, reason) => {
  const { reports, bad } = await readFile(csvOf(PDD, row), { kind: 'pdd' });
  expect(reports).toEqual([]);
  expect(bad).toMatchObject([{ line: 2, fault: expect.stringContaining(reason) as string }]);
});
