// Files as people have them, over HTTP: what enters, what is refused and why, and what nothing may
// ever do to known orders.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { subject } from '../../sources/subjects/woocommerce.ts';
import { openDesk, type Desk } from '../desk.ts';
import { SOURCE } from '../puller.ts';
import { workbookOf } from '../tables/workbook.ts';

const AT = new Date('2026-06-01T10:00:00Z');
const HERE = `?source_id=${SOURCE}`;
const REST = '?merchant_id=m1';
const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';

let desk: Desk;

beforeAll(async () => {
  desk = await openDesk(subject);
  // The merchant's books, for files that name no currency.
  await sql`
    insert into merchant_version (merchant_id, version, effective_from, recorded_at, name, currency, landing_hosts, hold_days, policy)
    values ('m1', 1, '-infinity', now(), 'Baby Care', 'CNY', '{}', 7, '{}')`.execute(desk.puller.database.owner);
});
afterAll(() => desk.close());
beforeEach(() => desk.puller.wait());

const csv = (text: string | Buffer, query = REST) => desk.post(text, { query, type: 'text/csv' });

async function ordersOf(sourceId: string): Promise<string[]> {
  const { rows } = await sql<{ order_id: string }>`
    select order_id from orders where source_id = ${sourceId} order by order_id`.execute(desk.puller.database.owner);
  return rows.map((row) => row.order_id);
}

const BOUNDARY = 'a-boundary-of-a-form';

function formOf(parts: { name: string; file?: string; content: string | Buffer }[]): { body: Buffer; type: string } {
  const pieces = parts.flatMap(({ name, file, content }) => {
    const head = [`Content-Disposition: form-data; name="${name}"`, ...(file === undefined ? [] : [`filename="${file}"`])].join('; ');
    return [Buffer.from(`--${BOUNDARY}\r\n${head}\r\n\r\n`), Buffer.from(content), Buffer.from('\r\n')];
  });
  return { body: Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)]), type: `multipart/form-data; boundary=${BOUNDARY}` };
}

const post = ({ body, type }: { body: Buffer; type: string }, query = REST) => desk.post(body, { query, type });

test('a file says what it was recognised as, and which of its columns mean nothing here', async () => {
  const { body } = await csv('order_id;status;Colour;paid_amount;currency\nf1;paid;red;1250;CNY\n');
  expect(body).toMatchObject({
    state: 'done',
    rows: 1,
    missing: 1,
    recovered: 1,
    file: { form: 'csv', encoding: 'utf-8', delimiter: ';', export: null, ignored_columns: ['Colour'] },
  });
});

test('columns are mapped by their names, below titles and blanks, in any encoding', async () => {
  const text = '\ufeff某店铺订单\n\n单号\t实付\t状态\nf2\t12.50\tpaid\n';
  const query = `${REST}&amounts=decimal&columns=${encodeURIComponent('单号:order_id,实付:paid_amount,状态:status')}`;
  expect((await csv(Buffer.from(text, 'utf16le'), query)).body).toMatchObject({
    rows: 1,
    missing: 1,
    file: { encoding: 'utf-16le', delimiter: '\t' },
  });
  expect(await ordersOf('rest')).toContain('f2');
  const lost = await csv('order_id\n1', `${REST}&columns=${encodeURIComponent('Nothing:status')}`);
  expect(lost).toMatchObject({ status: 400, body: { errors: [{ path: 'columns' }] } });
  expect((await csv('order_id\n1', `${REST}&columns=a:b`)).status).toBe(400);
  expect((await csv('order_id,a,b\n1,2,3', `${REST}&columns=a:status,b:status`)).status).toBe(400);
});

test('a form brings its file, and one without a file, with two, or with fields is refused', async () => {
  const file = { name: 'file', file: 'orders.csv', content: 'order_id,status\nf3,paid\n' };
  expect((await post(formOf([file]))).body).toMatchObject({ rows: 1, missing: 1 });
  expect(await post(formOf([]))).toMatchObject({ status: 400, body: { detail: 'The form has no file.' } });
  expect(await post(formOf([file, file]))).toMatchObject({ status: 400 });
  expect(await post(formOf([file, { name: 'amounts', content: 'decimal' }]))).toMatchObject({ status: 400 });
  const cut = formOf([file]);
  expect(await post({ ...cut, body: cut.body.subarray(0, cut.body.length - 30) })).toMatchObject({ status: 400 });
  expect(await post({ ...cut, type: 'multipart/form-data' })).toMatchObject({ status: 400 });
});

test('a spreadsheet is kept as it is and read, alone and in a form, whatever its sender calls it', async () => {
  const bytes = workbookOf([
    ['Orders of May'],
    ['order_id', 'status', 'paid_amount', 'currency', 'paid_at'],
    ['x1', 'paid', 12.5, 'CNY', 46331.5],
    ['x2', 'paid', 7, 'CNY', null],
  ]);
  expect((await desk.post(bytes, { query: `${REST}&amounts=decimal`, type: XLSX })).body).toMatchObject({
    state: 'done',
    rows: 2,
    missing: 2,
    recovered: 2,
    file: { form: 'xlsx', encoding: null },
  });
  const again = await post(formOf([{ name: 'file', file: 'a.csv', content: bytes }]), `${REST}&amounts=decimal`);
  expect(again.body).toMatchObject({ state: 'done', rows: 2, missing: 0, different: 0 });
});

test('an id that a spreadsheet shortened is never a new order, in a text as in a sheet', async () => {
  const { body } = await csv('order_id,status\n"=""3705115058471208928""",paid\n3.70512E+18,paid\n3705115058471200000,paid\n');
  expect(body).toMatchObject({ rows: 3, missing: 1, bad_rows: 2, errors: [{ line: 3 }, { line: 4 }] });
  const sheet = workbookOf([
    ['order_id', 'status'],
    [3.705115058471209e18, 'paid'],
    ['3705115058471208928', 'paid'],
  ]);
  expect((await desk.post(sheet, { query: REST, type: XLSX })).body).toMatchObject({
    rows: 2,
    checked: 1,
    missing: 0,
    bad_rows: 1,
    errors: [{ line: 2 }],
  });
  expect((await ordersOf('rest')).filter((id) => id.startsWith('3'))).toEqual(['3705115058471208928']);
});

test('an id that ends in zeros is believed of an order that is known', async () => {
  const known = '1234567890123450000';
  desk.puller.double.put(known, AT);
  await desk.post({ source_id: SOURCE, from: '2026-06-01T00:00:00Z', to: '2026-06-02T00:00:00Z' });
  const { body } = await csv(`order_id,status\n${known},paid\n1234567890123460000,paid`, HERE);
  expect(body).toMatchObject({ checked: 1, missing: 0, bad_rows: 1, errors: [{ line: 3 }] });
});

test('two rows of one order that name no line are never one by chance: the second is a bad row, wherever it stands', async () => {
  const rows = Array.from({ length: 700 }, (_, n) => `d${n},paid,USD,10000,`);
  const { body } = await csv(
    ['order_id,status,currency,paid_amount,line_id', ...rows, 'd0,paid,USD,140000,', 'd1,paid,USD,5,a'].join('\n'),
  );
  expect(body).toMatchObject({ rows: 702, missing: 700, bad_rows: 1 });
  expect(body['errors']).toEqual([{ line: 702, message: expect.stringContaining('stands already in line 2') as string }]);
});

test('a dry run answers what would happen, and nothing of it happens', async () => {
  await csv('order_id,status,line_id,paid_amount,currency\nk1,paid,a,100,CNY\nk2,paid,a,100,CNY');
  const before = await ordersOf('rest');
  const file =
    'order_id,status,line_id,paid_amount,currency\nk1,paid,a,100,CNY\nk2,paid,a,200,CNY\nk3,paid,a,1,CNY\nk3,paid,b,1,CNY\nk4,paid,a,x,CNY';
  const dry = await csv(file, `${REST}&dry_run=true`);
  expect(dry).toMatchObject({
    status: 200,
    body: { state: 'done', dry_run: true, rows: 5, checked: 3, missing: 1, different: 1, recovered: 0, bad_rows: 1 },
  });
  expect(await ordersOf('rest')).toEqual(before);
  const { rows } = await sql<{ left: bigint }>`
    select (select count(*) from reconciled_order where reconciliation_id = ${dry.body['reconciliation_id']}) as left`.execute(
    desk.puller.database.owner,
  );
  expect(rows).toEqual([{ left: 0n }]);
  expect((await csv(file)).body).toMatchObject({ checked: 3, missing: 1, different: 1, recovered: 2 });
});

test('a file of another column of ids is refused where the source tells of its orders itself, before anything enters', async () => {
  for (const id of ['31', '32']) desk.puller.double.put(id, AT);
  await desk.post({ source_id: SOURCE, from: '2026-06-01T00:00:00Z', to: '2026-06-02T00:00:00Z' });
  const before = await ordersOf(SOURCE);
  const wrong = 'order_id,status\n#1031,paid\n#1032,paid';
  expect(await csv(wrong, HERE)).toMatchObject({ status: 422, body: { code: 'all_orders_new' } });
  expect(await ordersOf(SOURCE)).toEqual(before);
  expect(await csv(wrong, `${HERE}&dry_run=true`)).toMatchObject({ status: 200, body: { checked: 2, missing: 2 } });
  expect(await csv('order_id,status\n31,paid\n33,paid', HERE)).toMatchObject({ status: 200, body: { missing: 1 } });
  expect(await csv('order_id,status\n34,paid', `${HERE}&confirm_all_new=true`)).toMatchObject({ status: 200, body: { missing: 1 } });
});

test('an export tells of no second set of lines and refunds of an order whose lines are known, and says where its sums differ', async () => {
  desk.puller.double.put('77', AT);
  await desk.post({ source_id: SOURCE, from: '2026-06-01T00:00:00Z', to: '2026-06-02T00:00:00Z' });
  const paid = await paidOf('77');
  const head = 'order_id,order_date,status,shipping_total,order_total,order_currency,customer_id,line_item_1';
  const row = (total: string) => `${head}\n77,2026-06-01 10:00:00,processing,0,${total},CNY,0,name:A|product_id:|quantity:1|total:${total}`;
  const agrees = await csv(row(`${Number(paid) / 100}`), HERE);
  expect(agrees.body).toMatchObject({ file: { export: 'woocommerce_orders' }, checked: 1, missing: 0, different: 0 });
  expect((await csv(row('1.00'), HERE)).body).toMatchObject({ checked: 1, different: 1, recovered: 0 });
  expect(await paidOf('77')).toBe(paid);
});

/** What the lines with ids of their own say was paid. */
async function paidOf(orderId: string): Promise<string> {
  const { rows } = await sql<{ paid: string }>`
    select sum((line -> 'paidAmount' ->> 0)::numeric)::text as paid from orders, jsonb_array_elements(merged -> 'lines') as line
    where order_id = ${orderId} and line ->> 'lineId' not like '*%'`.execute(desk.puller.database.owner);
  return rows[0]!.paid;
}

test('an export of another platform is refused: its ids would be taken for those of this one', async () => {
  const shopify = 'Name,Financial Status,Subtotal,Total,Lineitem quantity,Id\n#1,paid,5.00,5.00,1,9001';
  expect(await csv(shopify, HERE)).toMatchObject({ status: 422, body: { detail: expect.stringContaining('shopify') as string } });
  expect((await csv(shopify, REST)).body).toMatchObject({ file: { export: 'shopify_orders' }, missing: 1, recovered: 1 });
  expect(await ordersOf('rest')).toContain('9001');
});

test.each([
  ['a PDF', Buffer.from('%PDF-1.7 …'), 'PDF'],
  ['a text in Latin-1', Buffer.from('order_id,Prénom\n1,André\n2,Zoé\n', 'latin1'), 'Windows-1252'],
  ['columns that nobody knows', Buffer.from('Auftrag,Summe\n1,2\n'), '"Auftrag", "Summe"'],
  ['no column of ids', Buffer.from('status\npaid'), 'order_id'],
])('%s is refused at once, by its reason', async (_, bytes, reason) => {
  expect(await csv(bytes)).toMatchObject({
    status: 400,
    body: { code: 'malformed_request', detail: expect.stringContaining(reason) as string },
  });
});
