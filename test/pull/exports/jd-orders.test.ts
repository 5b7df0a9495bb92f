import { expect, test } from 'vitest';

import { csvOf, readFile } from './reading.ts';

const JD =
  `订单号,主单号,订单状态,商品编号,商品名称,店铺名称,商品数量,售后数量,退货数量,下单时间,完成时间,结算时间,佣金比例,分成比例,预估计佣金额,预估佣金,实际计佣金额,
实际佣金,推广位ID,子渠道标识,订单类型`
    .replaceAll('\n', '')
    .split(',');

const SKU = {
  订单号: '298765432101',
  主单号: '0',
  订单状态: '已付款',
  商品编号: '100012043978',
  商品数量: '2',
  下单时间: '2026-11-05 21:06:21',
  预估计佣金额: '199.80',
  预估佣金: '9.99',
  推广位ID: '3001234567',
};

test("京东联盟's table is read as the platform's own list; a sku stands in for the number of its row", async () => {
  const done = {
    ...SKU,
    商品编号: '100012043979',
    订单状态: '已完成',
    完成时间: '2026-11-10 08:00:00',
    结算时间: '2026-12-20',
    实际计佣金额: '99.90',
    实际佣金: '5.00',
  };
  const {
    export: known,
    reports,
    bad,
  } = await readFile(csvOf(JD, SKU, done, { ...SKU, 商品编号: '1', 订单状态: '无效-取消' }), { kind: 'jd' });
  expect({ known, bad }).toEqual({ known: 'jd_orders', bad: [] });
  expect(reports).toMatchObject([
    {
      order_id: '298765432101',
      currency: 'CNY',
      lines: [{ line_id: '*:100012043978', product_id: '100012043978', quantity: 2, paid_amount: 19980, platform_commission: 999 }],
    },
    { lines: [{ line_id: '*:100012043979', paid_amount: 9990, platform_commission: 500 }] },
    { lines: [{ line_id: '*:1', paid_amount: 0, platform_commission: 0 }] },
  ]);
  expect(reports[0]!.names).toMatchObject([{ type: 'position_id', value: '3001234567' }]);
});

test.each([
  [{ ...SKU, 订单状态: '在路上' }, '在路上'],
  [{ ...SKU, 下单时间: '' }, 'ordered_at'],
])('a row that cannot be read is refused for its reason: %o', async (row, reason) => {
  const { reports, bad } = await readFile(csvOf(JD, row), { kind: 'jd' });
  expect(reports).toEqual([]);
  expect(bad).toMatchObject([{ line: 2, fault: expect.stringContaining(reason) as string }]);
});

test('the rows of a union are its own: none of their columns is mapped', async () => {
  await expect(readFile(csvOf(JD, SKU), { kind: 'jd', mapping: [['店铺名称', 'promoter_id']] })).rejects.toThrow(
    "read as the platform's own",
  );
});
