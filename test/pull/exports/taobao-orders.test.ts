import { expect, test } from 'vitest';

import { csvOf, readFile } from './reading.ts';

/** 推广者订单明细 of today. */
const TAOBAO =
  `创建时间,付款时间,点击时间,结算时间,商品图片,商品标题,商品ID,商品数量,商品单价,掌柜旺旺,店铺名称,付款金额,类目名称,淘宝订单编号,淘宝子订单号,订单状态,
订单类型,结算金额,佣金比率,佣金金额,补贴比率,补贴金额,补贴类型,收入比率,分成比率,提成,技术服务费率,技术服务费,付款预估收入,结算预估收入,产品类型,推广者身份,媒体ID,
媒体名称,推广位ID,推广位名称,成交平台,维权标签,专项服务费率,预估专项服务费,结算专项服务费,渠道关系ID,会员运营ID,定金付款时间,定金淘宝付款时间,定金付款金额`
    .replaceAll('\n', '')
    .split(',');

/** The table of before, which has no number for a part of a purchase. */
const TAOBAO_BEFORE =
  `创建时间,点击时间,商品信息,商品ID,掌柜旺旺,所属店铺,商品数,商品单价,订单状态,订单类型,收入比率,分成比率,付款金额,效果预估,结算金额,预估收入,结算时间,
佣金比率,佣金金额,技术服务费比率,补贴比率,补贴金额,补贴类型,成交平台,第三方服务来源,订单编号,类目名称,来源媒体ID,来源媒体名称,广告位ID,广告位名称`
    .replaceAll('\n', '')
    .split(',');

const PART = {
  创建时间: '2026-11-05 21:06:21',
  付款时间: '2026-11-05 21:07:00',
  商品ID: '610001443539',
  商品数量: '1',
  掌柜旺旺: 'a shop',
  付款金额: '￥99.90',
  淘宝订单编号: '="3705115058471208928"',
  淘宝子订单号: '="3705115058472208928"',
  订单状态: '已付款',
  付款预估收入: '4.50',
  产品类型: '如意投',
  推广位ID: '110000000001',
  渠道关系ID: '2900000001',
  定金付款时间: '--',
};

const gbk = (text: string): Buffer => {
  // The reverse of the decoder that Node has: every pair of bytes that is a character.
  const decoder = new TextDecoder('gb18030');
  const codes = new Map<string, number[]>();
  for (let lead = 0xa1; lead <= 0xf7; lead++) {
    for (let trail = 0xa1; trail <= 0xfe; trail++) codes.set(decoder.decode(Uint8Array.of(lead, trail)), [lead, trail]);
  }
  return Buffer.from(Array.from(text).flatMap((character) => codes.get(character) ?? [character.codePointAt(0)!]));
};

test("淘宝联盟's table is read as the platform's own list, with its parts, its positions and its shop; in GBK, too", async () => {
  const file = csvOf(TAOBAO, PART, {
    ...PART,
    淘宝子订单号: '3705115058473208928',
    订单状态: '已结算',
    结算时间: '2026-11-20 09:00:00',
    结算金额: '88.00',
    结算预估收入: '4.00',
  });
  for (const bytes of [file, gbk(file.toString())]) {
    const { export: known, reports, bad } = await readFile(bytes, { kind: 'taobao' });
    expect({ known, bad }).toEqual({ known: 'taobao_orders', bad: [] });
    expect(reports).toMatchObject([
      {
        order_id: '3705115058471208928',
        created_at: expect.stringContaining('2026-11-05T21:06:21+08:00') as string,
        shop: 'a shop',
        names: [expect.objectContaining({ type: 'relation_id', value: '2900000001' }) as object],
        lines: [{ line_id: '3705115058472208928', product_id: '610001443539', paid_amount: 9990, platform_commission: 450 }],
      },
      { order_id: '3705115058471208928', lines: [{ line_id: '3705115058473208928', paid_amount: 8800, platform_commission: 400 }] },
    ]);
    // The table does not say when a row was changed last: what stands for that in the list is not
    // taken for it.
    expect(reports[0]!.observed_at ?? null).toBeNull();
  }
});

test('the table of before has no number of a part: its product stands in for it, and twice the same is a bad row', async () => {
  const part = {
    创建时间: '2026-11-05 21:06:21',
    商品ID: '61',
    商品数: '2',
    订单状态: '订单失效',
    付款金额: '10.00',
    效果预估: '0.50',
    订单编号: '3705115058471208928',
  };
  const rows = [part, { ...part, 商品ID: '62', 订单状态: '订单付款' }, { ...part, 商品ID: '62', 订单状态: '订单付款' }];
  const { reports, bad } = await readFile(csvOf(TAOBAO_BEFORE, ...rows), { kind: 'taobao' });
  expect(reports).toMatchObject([
    { lines: [{ line_id: '*:61', paid_amount: 0 }] },
    { lines: [{ line_id: '*:62', paid_amount: 1000, quantity: 2 }] },
  ]);
  expect(bad).toMatchObject([{ line: 4, fault: expect.stringContaining('stands already in line 3') as string }]);
});

test.each([
  [{ ...PART, 订单状态: '飞走了' }, '飞走了'],
  [{ ...PART, 淘宝订单编号: '3.70512E+18' }, 'its last digits are lost'],
  [{ ...PART, 付款金额: '-1' }, 'below zero'],
])('a row that cannot be read is refused for its reason: %o', async (row, reason) => {
  const { reports, bad } = await readFile(csvOf(TAOBAO, row), { kind: 'taobao' });
  expect(reports).toEqual([]);
  expect(bad).toMatchObject([{ line: 2, fault: expect.stringContaining(reason) as string }]);
});
