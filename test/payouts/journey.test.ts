// A month of a small market over its API, with every figure reckoned by hand: clicks, orders,
// refunds, waits, payouts by hand, by file and by WeChat Pay with their tax, a return, a debt, the
// statements, the invoices, and books that agree at the end. Each test goes on from the one before.

import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { auditCommand } from '../../src/audit/commands.ts';
import { chainTransfers } from '../../src/ledger/hash-chain-store.ts';
import { checkStatement } from '../../src/ledger/statement-check.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { foldAll, settle } from '../ledger/books.ts';
import { ENTRIES_OF_ALICE } from './expected-entries.ts';
import { daysAgo, inBatch, MARKET_LEVELS_MAX, MARKET_SECRETS, openMarket, type Draft, type Market } from './market.ts';

type Row = Record<string, string>;

let market: Market;
/** The batches of the month, as they were drafted. */
let first: Draft;
let second: Draft;

beforeAll(async () => {
  market = await openMarket();
});
afterAll(() => market.close());

const ofPayout = (payout_id: string) => ({ params: { path: { payout_id } } });
const ofMerchant = (merchant_id: string) => ({ params: { path: { merchant_id } } });

describe('orders', () => {
  test('of 40,000.00 and 99.99, by a click ten days ago, are earned down a chain of three', async () => {
    const click_token = await market.clickedDaysAgo(await market.link('bob', 'mumu'), 11);
    const line = { product_id: 'p1', quantity: 1 };
    const lines = [
      { line_id: '1', ...line, paid_amount: 4_000_000 },
      { line_id: '2', ...line, paid_amount: 9999 },
    ];
    await market.report({ status: 'paid', currency: 'CNY', paid_at: daysAgo(10), click_token, lines });
    const order = await market.settled('rest', 'M-1', { award: 'estimated' });
    // Pool 400000. Gross: agency 400000, Bob 70 % = 280000, Alice 10 % = 28000, Carol 20 % = 5600.
    expect(market.shares(order, '1')).toEqual(['agency xinghe 120000', 'promoter bob 252000', 'upline1 alice 22400', 'upline2 carol 5600']);
    // Pool 999. Gross: 999, 699, 69, 13.
    expect(market.shares(order, '2')).toEqual(['agency xinghe 300', 'promoter bob 630', 'upline1 alice 56', 'upline2 carol 13']);
    expect(await market.balance('bob')).toEqual([252_630, 0, 0, 0, 0]);
  });

  test('that are refunded before their release lose it while it waits', async () => {
    const tomorrow = daysAgo(-1);
    await market.report({ status: 'completed', completed_at: daysAgo(8), hold_until: tomorrow });
    await market.report({ refunds: [{ refund_id: 'R-1', line_id: '2', amount: 3000 }] });
    const order = await market.settled('rest', 'M-1', { award: 'confirmed', releases_at: tomorrow, lines: [{}, { pool: 699 }] });
    // Base 6999. Gross: 699, 489, 48, 9.
    expect(market.shares(order, '2')).toEqual(['agency xinghe 210', 'promoter bob 441', 'upline1 alice 39', 'upline2 carol 9']);
    expect(await market.balance('bob')).toEqual([252_441, 0, 0, 0, 0]);
    expect(await market.draft()).toMatchObject({ payouts: 0, gross: 0, skipped: [] });
  });

  test('are released when their time has passed, and not before', async () => {
    const soon = new Date(Date.now() + 700).toISOString();
    await market.report({ hold_until: soon });
    const { released_at } = await market.settled('rest', 'M-1', { award: 'released' });
    expect(Date.parse(released_at!)).toBeGreaterThanOrEqual(Date.parse(soon));
    expect(await market.balance('bob')).toEqual([0, 252_441, 0, 0, 0]);
    expect(await market.balance('alice')).toEqual([0, 22_439, 0, 0, 0]);
    expect(await market.balance('carol')).toEqual([0, 5609, 0, 0, 0]);
    expect(await market.balance('xinghe')).toEqual([0, 120_210, 0, 0, 0]);
  });

  test('of Shopify are paid, completed and released by its push, and a later refund takes back what is available', async () => {
    const fy_click = await market.clickedDaysAgo(await market.link('alice', 'haochi'), 6);
    const at = daysAgo(5);
    await market.pushShopify('orders/paid', {
      id: 5561,
      currency: 'CNY',
      financial_status: 'paid',
      created_at: at,
      processed_at: at,
      updated_at: at,
      note_attributes: [{ name: 'fy_click', value: fy_click }],
      line_items: [{ id: 1, product_id: 'p1', quantity: 1, price: '123450.00' }],
    });
    const order = await market.settled('haochi-shopify', '5561', { award: 'released' });
    // Pool 5 % = 617250. Gross: 617250, Alice 80 % = 493800, Carol 25 % = 123450.
    expect(market.shares(order, '1')).toEqual(['platform - 123450', 'promoter alice 370350', 'upline1 carol 123450']);
    expect(await market.balance('alice', 'haochi')).toEqual([0, 370_350, 0, 0, 0]);
    await market.pushShopify('refunds/create', {
      id: 8801,
      order_id: 5561,
      created_at: daysAgo(1),
      refund_line_items: [{ line_item_id: 1, subtotal: '3450.00' }],
      transactions: [{ kind: 'refund', status: 'success', amount: '3450.00', currency: 'CNY' }],
    });
    // Base 12000000, pool 600000. Gross: 600000, 480000, 120000.
    const refunded = await market.settled('haochi-shopify', '5561', { lines: [{ pool: 600_000 }] });
    expect(market.shares(refunded, '1')).toEqual(['platform - 120000', 'promoter alice 360000', 'upline1 carol 120000']);
    expect(await market.balance('alice')).toEqual([0, 382_439, 0, 0, 0]);
    expect(await market.balance('carol')).toEqual([0, 125_609, 0, 0, 0]);
  });

  test('that wait are of no payout: 11,000.00 of today, by a link that was followed', async () => {
    const click_token = await market.follow(await market.link('bob', 'mumu'));
    const lines = [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 1_100_000 }];
    await market.pushErp('order.completed', { order_id: 'E-1', status: 'completed', click_token, lines });
    const order = await market.settled('mumu-erp', 'E-1', { award: 'confirmed' });
    // Pool 110000. Gross: 110000, 77000, 7700, 1540.
    expect(market.shares(order, '1')).toEqual(['agency xinghe 33000', 'promoter bob 69300', 'upline1 alice 6160', 'upline2 carol 1540']);
  });
});

describe('the first payout', () => {
  test('is drafted by one person: 8,806.99, of which 1,040.98 would be tax', async () => {
    first = await market.draft();
    // Bob 252441 + Alice 382439 + Carol 125609 + the agency 120210. Tax: 20 % of all above 800.00,
    // Bob 34488.2, Alice 60487.8, Carol 9121.8; a company sends an invoice.
    expect(first).toMatchObject({ state: 'draft', payouts: 4, gross: 880_699, withheld: 104_098, net: 776_601, skipped: [] });
    expect(await market.balance('alice')).toEqual([6160, 0, 382_439, 0, 0]);
    await expect(market.approve(first, market.zhang)).rejects.toMatchObject({ status: 403, code: 'second_person_required' });
  });

  test('is approved by another one, and fixes the tax and the file of the bank', async () => {
    const approved = await market.approve(first);
    expect(approved).toMatchObject({ state: 'paying', approved_alone: false, files: [{ provider_id: 'bank', payouts: 2, net: 442_161 }] });
    const payouts = await market.payoutsOf(first.batch_id);
    const figures = Object.entries(payouts).map(([name, { gross, withheld, net }]) => `${name} ${gross} ${withheld} ${net}`);
    expect(figures.toSorted()).toEqual([
      'alice 382439 60488 321951',
      'bob 252441 34488 217953',
      'carol 125609 9122 116487',
      'xinghe 120210 0 120210',
    ]);
    const { data: file } = await market.zhang.GET('/v1/payout-batches/{batch_id}/file', { ...inBatch(first.batch_id), parseAs: 'text' });
    const rows = parse(file, { bom: true, relax_column_count: true });
    const paid = rows.slice(1, -1).map(([, name, account, , , amount, currency]) => [name, account, amount, currency].join(' '));
    expect(paid.toSorted()).toEqual(['星河传媒 1100012345678 1202.10 CNY', '艾丽丝 6222021234567890123 3219.51 CNY']);
    // 1202.10 + 3219.51.
    expect(rows.at(-1)).toEqual(['TOTAL', '2', '4421.61']);
  });

  test('by hand is paid when that is told', async () => {
    const { carol } = await market.payoutsOf(first.batch_id);
    const told = { ...ofPayout(carol!.payout_id), body: { state: 'paid' as const, reference: 'CASH-1' } };
    expect((await market.zhang.POST('/v1/payouts/{payout_id}/results', told)).data).toMatchObject({ state: 'paid', outcome: 'settled' });
    expect((await market.zhang.POST('/v1/payouts/{payout_id}/results', told)).data).toMatchObject({ state: 'paid', outcome: 'known' });
    expect(await market.balance('carol')).toEqual([1540, 0, 0, 9122, 116_487]);
  });

  test('by file is paid by the file that the bank answers with', async () => {
    const { alice, xinghe } = await market.payoutsOf(first.batch_id);
    const csv = `payout_id,state,reference,reason\n${alice!.payout_id},paid,BANK-1,\n${xinghe!.payout_id},paid,BANK-2,\n`;
    const body = new Blob([csv], { type: 'text/csv' });
    const { data } = await market.zhang.POST('/v1/payout-batches/{batch_id}/results', { ...inBatch(first.batch_id), body });
    expect(data).toMatchObject({ taken: 2, known: 0, refused: 0 });
    expect(await market.balance('xinghe')).toEqual([33_000, 0, 0, 0, 120_210]);
    // Tax by largest remainder: 60488 × 22439 / 382439 = 3549.04 at 木木母婴, 56938.96 at 好吃零食铺.
    expect(await market.balance('alice', 'mumu')).toEqual([6160, 0, 0, 3549, 18_890]);
    expect(await market.balance('alice', 'haochi')).toEqual([0, 0, 0, 56_939, 303_061]);
  });

  test('by WeChat Pay is paid once the payee has confirmed it, and once only', async () => {
    const { bob } = await market.payoutsOf(first.batch_id);
    const own = await market.ofPromoter('bob');
    const read = async () => (await own.GET('/v1/payouts/{payout_id}', ofPayout(bob!.payout_id))).data;
    await expect.poll(read, { timeout: 20_000 }).toMatchObject({ state: 'action_required', net: 217_953 });
    const { payload } = (await own.GET('/v1/payouts/{payout_id}/action', ofPayout(bob!.payout_id))).data;
    const bills = (await (await fetch(`${market.double.url}/bills`)).json()) as { out_bill_no: string; package_info: string }[];
    expect(bills.map(({ package_info }) => package_info)).toEqual([payload['package_info']]);
    const billNo = bills[0]!.out_bill_no;
    expect(market.double.confirm(billNo, 'openid-of-bob') && market.double.settle(billNo)).toBe(true);
    expect(await market.double.deliver()).toBe(0);
    expect(await read()).toMatchObject({ state: 'paid', gross: 252_441, withheld: 34_488, net: 217_953 });
    expect(market.double.journal()).toMatchObject([{ openid: 'openid-of-bob', amount: 217_953 }]);
    expect(await market.balance('bob')).toEqual([69_300, 0, 0, 34_488, 217_953]);
    expect(await market.batch(first.batch_id)).toMatchObject({ state: 'paid', paid: 776_601, returned: 0 });
  });
});

describe('afterwards', () => {
  test('a bank returns a payout: net and tax are available again, with each shop what was of it', async () => {
    const { alice } = await market.payoutsOf(first.batch_id);
    const body = { state: 'returned' as const, reference: 'BANK-1', reason: 'ACCOUNT_CLOSED' };
    await market.zhang.POST('/v1/payouts/{payout_id}/results', { ...ofPayout(alice!.payout_id), body });
    expect(await market.balance('alice', 'mumu')).toEqual([6160, 22_439, 0, 0, 0]);
    expect(await market.balance('alice', 'haochi')).toEqual([0, 360_000, 0, 0, 0]);
    // 776601 − 321951 stayed.
    expect(await market.batch(first.batch_id)).toMatchObject({ state: 'paid', paid: 454_650, returned: 321_951 });
  });

  test('a refund of 10,000.00 after the payout makes debts of who was paid', async () => {
    await market.report({ refunds: [{ refund_id: 'R-2', line_id: '1', amount: 1_000_000 }] });
    const order = await market.settled('rest', 'M-1', { award: 'released', lines: [{ pool: 300_000 }, { pool: 699 }] });
    // Gross: 300000, 210000, 21000, 4200.
    expect(market.shares(order, '1')).toEqual(['agency xinghe 90000', 'promoter bob 189000', 'upline1 alice 16800', 'upline2 carol 4200']);
    // Less than before: 30000, 63000, 5600, 1400.
    expect(await market.balance('xinghe')).toEqual([33_000, -30_000, 0, 0, 120_210]);
    expect(await market.balance('bob')).toEqual([69_300, -63_000, 0, 34_488, 217_953]);
    expect(await market.balance('alice', 'mumu')).toEqual([6160, 16_839, 0, 0, 0]);
    expect(await market.balance('carol')).toEqual([1540, -1400, 0, 9122, 116_487]);
  });

  test('the next payout passes over who owes, and taxes the month without what came back', async () => {
    second = await market.draft();
    // 16839 + 360000; 20 % of 296839 is 59367.8. Debts: 30000 + 63000 + 1400.
    expect(second).toMatchObject({ payouts: 1, gross: 376_839, withheld: 59_368, net: 317_471 });
    expect(second).toMatchObject({ skipped: [{ reason: 'negative_balance', promoters: 3, amount: -94_400 }] });
    await market.approve(second);
    const { alice } = await market.payoutsOf(second.batch_id);
    const body = { state: 'paid' as const, reference: 'BANK-3' };
    await market.zhang.POST('/v1/payouts/{payout_id}/results', { ...ofPayout(alice!.payout_id), body });
    // Tax: 59368 × 16839 / 376839 = 2652.85, and 56715.15.
    expect(await market.balance('alice', 'mumu')).toEqual([6160, 0, 0, 2653, 14_186]);
    expect(await market.balance('alice', 'haochi')).toEqual([0, 0, 0, 56_715, 303_285]);
  });

  test('a debt is written off by two persons, and the others stay', async () => {
    const wish = { promoter_id: 'carol', merchant_id: 'mumu', currency: 'CNY', amount: 1400, reason: 'Not worth a letter.' };
    const { write_off_id } = (await market.zhang.POST('/v1/debts/write-offs', { body: wish })).data;
    const params = { path: { write_off_id: write_off_id } };
    await market.li.POST('/v1/debts/write-offs/{write_off_id}/approval', { params });
    expect(await market.balance('carol')).toEqual([1540, 0, 0, 9122, 116_487]);
    const { data, sums } = (await market.zhang.GET('/v1/debts')).data;
    expect(data.map(({ promoter_id, amount, age_days }) => `${promoter_id} ${amount} ${age_days}`).toSorted()).toEqual([
      'bob 63000 0',
      'xinghe 30000 0',
    ]);
    expect(sums).toEqual([{ currency: 'CNY', bucket: '0-30', accounts: 2, amount: 93_000 }]);
  });
});

const invoiceOf = async (merchant_id: string) => {
  const params = { path: { merchant_id, month: market.month } };
  return (await market.admin.GET('/v1/merchants/{merchant_id}/invoices/{month}', { params })).data.totals;
};
const owedBy = async (merchant_id: string) =>
  (await market.admin.GET('/v1/merchants/{merchant_id}/balance', ofMerchant(merchant_id))).data.data;

describe('at the end of the month', () => {
  test('the shops are charged for what was released and kept, pay, and owe the rest', async () => {
    // 400000 + 699 released, 100000 taken back.
    const ofMumu = { released: 400_699, reversed: -100_000, revenue: 0, bonuses: 0, amount: 300_699 };
    expect(await invoiceOf('mumu')).toEqual([{ currency: 'CNY', ...ofMumu }]);
    // 370350 + 123450 released, 10350 + 3450 taken back; of our own 123450, 3450.
    const ofHaochi = { released: 493_800, reversed: -13_800, revenue: 120_000, bonuses: 0, amount: 600_000 };
    expect(await invoiceOf('haochi')).toEqual([{ currency: 'CNY', ...ofHaochi }]);
    for (const [id, amount] of [
      ['mumu', 300_000],
      ['haochi', 700_000],
    ] as const) {
      const body = { amount, currency: 'CNY', reference: `ICBC ${id}` };
      for (let told = 0; told < 2; told += 1) await market.zhang.POST('/v1/merchants/{merchant_id}/payments', { ...ofMerchant(id), body });
    }
    expect(await owedBy('mumu')).toEqual([{ currency: 'CNY', owed: 699, pending: 110_000, paid: 300_000 }]);
    expect(await owedBy('haochi')).toEqual([{ currency: 'CNY', owed: -100_000, pending: 0, paid: 700_000 }]);
  });

  test('the report of the quarter says what was paid, came back and was withheld', async () => {
    const [year, month] = market.month.split('-');
    const quarter = `${year}-Q${Math.ceil(Number(month) / 3)}`;
    await settle(market.service.database.db);
    const { data } = await market.zhang.GET('/v1/withholding/report', { params: { query: { quarter } }, parseAs: 'text' });
    const rows = parse<Row>(data, { columns: true, bom: true });
    const columns = ['promoter_id', 'kind', 'gross', 'reversed', 'net', 'withheld', 'withheld_reversed'];
    expect(rows.map((row) => columns.map((column) => row[column]))).toEqual([
      // 3824.39 + 3768.39, and 604.88 + 593.68.
      ['alice', 'individual', '7592.78', '3824.39', '3768.39', '1198.56', '604.88'],
      ['bob', 'individual', '2524.41', '0.00', '2524.41', '344.88', '0.00'],
      ['carol', 'individual', '1256.09', '0.00', '1256.09', '91.22', '0.00'],
      ['xinghe', 'company', '1202.10', '0.00', '1202.10', '0.00', '0.00'],
      ['', '', '11373.28', '3824.39', '7548.89', '1634.66', '604.88'],
      ['', '', '1202.10', '0.00', '1202.10', '0.00', '0.00'],
    ]);
  });

  test('the books sum to zero', async () => {
    const accounts = {
      // −(300699 + 110000) + 300000 and −600000 + 700000.
      commission: -10_699,
      received: -1_000_000,
      pending: 110_000,
      // −63000 − 30000.
      available: -93_000,
      paying: 0,
      // 34488 + 59368 + 9122.
      withheld: 102_978,
      // 217953 + 317471 + 116487 + 120210.
      paid: 772_121,
      // 120000 − 1400.
      revenue: 118_600,
    };
    expect(await market.trialBalance()).toEqual([{ currency: 'CNY', accounts, sum: 0 }]);
  });
});

const cellsOf = (csv: string): string[][] => parse(csv, { bom: true });

function monthAfter(month: string): string {
  const [year, number] = month.split('-').map(Number);
  return new Date(Date.UTC(year!, number)).toISOString().slice(0, 7);
}

describe('the statement of Alice', () => {
  beforeAll(() => settle(market.service.database.db));

  test('says what there was, every entry with its tax, the payouts, and what is left', async () => {
    const rows = parse<Row>(await market.statement('alice', { format: 'csv', lang: 'en' }), { columns: true, bom: true });
    const of = (record: string, columns: string[]) =>
      rows.filter((row) => row['Record'] === record).map((row) => columns.map((column) => row[column] || '.').join(' '));
    const accounts = ['Waiting', 'Available', 'Being paid', 'Tax withheld', 'Paid out'];
    const nothing = '0.00 0.00 0.00 0.00 0.00';
    expect(of('Opening', ['Merchant', ...accounts])).toEqual([`haochi ${nothing}`, `mumu ${nothing}`]);
    const entries = of('Entry', ['What', 'Merchant', 'Order', 'Order line', ...accounts]);
    expect(entries).toEqual(ENTRIES_OF_ALICE.trim().split('\n'));
    expect(of('Payout', ['What', 'Merchant', 'Gross', 'Tax', 'Net', 'Reference', 'Reason'])).toEqual([
      'Returned haochi mumu 3824.39 604.88 3219.51 BANK-1 ACCOUNT_CLOSED',
      'Paid haochi mumu 3768.39 593.68 3174.71 BANK-3 .',
    ]);
    const closing = ['haochi 0.00 0.00 0.00 567.15 3032.85', 'mumu 61.60 0.00 0.00 26.53 141.86'];
    expect(of('Closing', ['Merchant', ...accounts])).toEqual([...closing, 'All merchants 61.60 0.00 0.00 593.68 3174.71']);
    const next = await market.statement('alice', { format: 'csv', lang: 'en', month: monthAfter(market.month) });
    const opened = parse<Row>(next, { columns: true, bom: true }).filter((row) => row['Record'] === 'Opening');
    expect(opened.map((row) => ['Merchant', ...accounts].map((column) => row[column]).join(' '))).toEqual(closing);
  });

  test('says the same in Chinese, and as pages', async () => {
    const [en, zh] = [
      await market.statement('alice', { format: 'csv', lang: 'en' }),
      await market.statement('alice', { format: 'csv', lang: 'zh' }),
    ];
    // Merchant, currency, order, line, payout, and all amounts.
    const figures = (csv: string) =>
      cellsOf(csv)
        .slice(1)
        .map((cells) => [...cells.slice(4, 7), ...cells.slice(8)]);
    expect(figures(zh)).toEqual(figures(en));
    const kinds = new Set(
      cellsOf(zh)
        .slice(1)
        .map(([record]) => record),
    );
    expect([...kinds]).toEqual(['期初', '明细', '提现', '汇总', '期末']);
    const pages = {
      en: ['<h1>Statement', 'Tax withheld +567.15', 'Paid out +3032.85', 'Tax 593.68', 'Net 3174.71', 'Returned by the bank', 'Taken back'],
      zh: ['<h1>对账单', '已扣税 +567.15', '已付款 +3032.85', '扣税 593.68', '实付 3174.71', '银行退回', '佣金收回'],
    };
    for (const lang of ['en', 'zh'] as const) {
      const page = await market.statement('alice', { lang });
      for (const text of pages[lang]) expect(page).toContain(text);
    }
    // What is still to be paid: all of it waits.
    expect(await market.statement('alice', { lang: 'en' })).toContain('Owed to you: Closing</th><td class="n">61.60');
    expect(await market.statement('alice', { lang: 'zh' })).toContain('应付给您: 期末</th><td class="n">61.60');
  });

  test('proves itself once its transfers are chained', async () => {
    const { db } = market.service.database;
    const params = { path: { promoter_id: 'alice' }, query: { month: market.month, time_zone: market.zone } };
    const read = async () => (await market.admin.GET('/v1/promoters/{promoter_id}/statement.csv', { params, parseAs: 'text' })).data;
    // Whoever folds or chains already is not waited for: the worker may be about it.
    const chained = async () => {
      await foldAll(db);
      while ((await chainTransfers(db)).more);
      return checkStatement(await read());
    };
    // On her accounts 4 times earned, 3 times taken back; and of two accounts each 3 releases and 4
    // times set aside, taxed, paid, returned.
    await expect.poll(chained, { timeout: 20_000 }).toMatchObject({ faults: [], entries: 45, unchained: 0 });
    const closing = parse<Row>(await read(), { columns: true, bom: true }).filter(
      ({ record, balance }) => record === 'closing' && balance !== '0',
    );
    expect(closing.map(({ merchant_id, account, balance }) => `${merchant_id} ${account} ${balance}`).toSorted()).toEqual([
      'haochi paid 303285',
      'haochi withheld 56715',
      'mumu paid 14186',
      'mumu pending 6160',
      'mumu withheld 2653',
    ]);
  });
});

describe('whoever checks all of it', () => {
  test('finds every law kept and no alarm ringing', async () => {
    const { data } = (await market.admin.GET('/v1/guards')).data;
    const runs = data.map(async ({ name }) => (await market.admin.POST('/v1/guards/{name}/runs', { params: { path: { name } } })).data);
    const guards = await Promise.all(runs);
    expect(guards.filter(({ kind }) => kind === 'law').length).toBeGreaterThan(0);
    // These are about the machine, which other tests share.
    const ours = guards.filter(({ name }) => !['clocks_agree', 'fold_advances', 'statistics_advance'].includes(name));
    expect(ours.filter(({ ok }) => !ok).map(({ name, sample }) => [name, sample])).toEqual([]);
  });

  test('computes everything again and comes to the same', async () => {
    const printed: string[] = [];
    const { db, connectionString } = market.service.database;
    const deps = { db, connectionString, adapters: ADAPTERS, levelsMax: MARKET_LEVELS_MAX, ...MARKET_SECRETS };
    expect(await auditCommand(deps, (text) => printed.push(text))).toBe(0);
    expect(printed.join('')).toMatch(/^3 orders \(0 wait for their award\).* 5 payouts, .*\nall agrees\n$/s);
  });
});
