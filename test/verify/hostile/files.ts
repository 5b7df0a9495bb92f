// Sayings as files that people make: in our columns under any names of theirs, as CSV with any
// separator in any encoding, or as a workbook, with rows between that cannot be read.

import { workbookOf } from '../../pull/tables/workbook.ts';
import type { Random } from '../random.ts';
import { shuffled } from './json.ts';
import type { SaidLine, Saying, ToldOrder } from './said.ts';

export interface HostileFile {
  bytes: Buffer;
  contentType: string;
  /** Of the query, beside whose orders these are. */
  query: Record<string, string>;
  rows: number;
  badRows: number;
}

type Row = Record<string, string>;
type Form = 'comma' | 'semicolon' | 'tab' | 'xlsx';

const COLUMNS = `order_id observed_at status paid_at completed_at created_at deposit_paid_at currency line_id product_id quantity
  paid_amount refund_id refunded_amount link_code coupon_code click_token promoter_id`.split(/\s+/);
const IGNORED = '备注说明（给仓库看的）';
const REMARK = '请尽快发货谢谢老板，不要放快递柜，周末也可以配送';
const CHINA_MS = 8 * 3_600_000;

interface Style {
  form: Form;
  isDecimal: boolean;
  random: Random;
}

/** One file with these sayings. */
export function fileOf(told: readonly { order: ToldOrder; saying: Saying }[], random: Random): HostileFile {
  const form = random.pick(['comma', 'semicolon', 'tab', 'xlsx'] as const);
  const style = { form, isDecimal: random.chance(0.5), random };
  const good = told.flatMap(({ order, saying }) => rowsOf(order, saying, style));
  const bad = Array.from({ length: random.int(0, 4) }, (_, n) => badRow(n, random));
  const rows = shuffled([...good, ...bad], random);
  const names = shuffled(COLUMNS, random);
  const theirs = new Map(
    names.map((name) => [name, random.chance(0.2) ? `Their ${name.toUpperCase()}` : random.pick([name, name.toUpperCase(), ` ${name}`])]),
  );
  const mapping = [...theirs].filter(([, their]) => their.startsWith('Their')).map(([name, their]) => `${their}:${name}`);
  const head = [...names.map((name) => theirs.get(name)!), IGNORED];
  const cells = rows.map((row) => [...names.map((name) => row[name] ?? random.pick(['', '', ' '])), REMARK]);
  const query = { ...(mapping.length > 0 && { columns: mapping.join(',') }), ...(style.isDecimal && { amounts: 'decimal' }) };
  return { ...written(head, cells, style), query, rows: rows.length, badRows: bad.length };
}

/** A row for each line and each refund: each says all that is said of the order. */
function rowsOf(order: ToldOrder, saying: Saying, style: Style): Row[] {
  const { random } = style;
  const time = (at: number | undefined) => (at === undefined ? '' : fileTime(at, style));
  const common: Row = {
    order_id: guarded(order.orderId, style),
    observed_at: time(saying.at),
    status: saying.status === undefined ? '' : random.pick([saying.status, saying.status.toUpperCase()]),
    paid_at: time(saying.paidAt),
    completed_at: time(saying.completedAt),
    created_at: time(saying.createdAt),
    deposit_paid_at: time(saying.depositPaidAt),
    currency: saying.currency ?? (style.isDecimal ? 'CNY' : ''),
    link_code: guarded(saying.linkCode ?? '', style),
    coupon_code: saying.couponCodes?.[0] ?? '',
    click_token: saying.clickToken ?? '',
    promoter_id: guarded(saying.promoterId ?? '', style),
  };
  const lines = (saying.lines ?? []).map((line) => ({ ...common, ...lineCells(line, style) }));
  const refunds = (saying.refunds ?? []).map(({ refundId, lineId, amount = 0 }) => ({
    ...common,
    refund_id: guarded(refundId, style),
    line_id: guarded(lineId ?? '', style),
    refunded_amount: money(amount, style),
  }));
  return lines.length + refunds.length === 0 ? [common] : [...lines, ...refunds];
}

const lineCells = ({ lineId, productId, quantity, paid }: SaidLine, style: Style): Row => ({
  line_id: guarded(lineId, style),
  product_id: guarded(productId ?? '', style),
  quantity: quantity === undefined ? '' : style.random.pick([String(quantity), `${quantity}.0`]),
  paid_amount: paid === undefined ? '' : money(paid, style),
});

/** As people keep a spreadsheet from changing an id. */
function guarded(id: string, { random, form }: Style): string {
  if (id === '') return '';
  const ways =
    form === 'xlsx' ? [id, ` ${id} `] : [id, id, ` ${id}`, `="${id.replaceAll('"', '""')}"`, ...(/^[\dA-Za-z]/.test(id) ? [`'${id}`] : [])];
  return random.pick(ways);
}

function money(amount: number, { isDecimal, form, random }: Style): string {
  if (!isDecimal) return random.pick([String(amount), `${amount}.00`]);
  const [whole, cents] = [String(Math.floor(amount / 100)), String(amount % 100).padStart(2, '0')];
  if (form === 'semicolon') return random.pick([`${whole},${cents}`, `${whole.replaceAll(/\B(?=(\d{3})+$)/g, '.')},${cents}`]);
  const thousands = whole.replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return random.pick([
    `${whole}.${cents}`,
    `${thousands}.${cents}`,
    `¥${thousands}.${cents}`,
    `${whole}.${cents} CNY`,
    `${whole}.${cents}00`,
  ]);
}

/** Without a zone it is of the merchant's clock, which is China's. */
function fileTime(at: number, { random }: Style): string {
  const [utc, local] = [new Date(at).toISOString(), new Date(at + CHINA_MS).toISOString()];
  const [day, clock] = [local.slice(0, 10), local.slice(11, 19)];
  return random.pick([
    utc,
    `${day} ${clock}`,
    `${day.replaceAll('-', '/')} ${clock}`,
    `${Number(day.slice(0, 4))}年${Number(day.slice(5, 7))}月${Number(day.slice(8))}日 ${clock}`,
    `${day} ${clock} +0800`,
    String(at / 1000),
    String(at),
  ]);
}

/** Rows whose id a spreadsheet has changed, or that nobody can read. */
function badRow(n: number, random: Random): Row {
  const plain: Row = { order_id: `bad-${n}`, observed_at: '2026-06-01T10:00:00Z', line_id: '1', paid_amount: '100', currency: 'CNY' };
  return {
    ...plain,
    ...random.pick<Row>([
      { order_id: '3.70512E+18' },
      { order_id: '#REF!' },
      { order_id: '3,705,115,058' },
      { order_id: '########' },
      { order_id: '' },
      { paid_amount: 'ten' },
      { paid_amount: '-1' },
      { paid_amount: '99999999999999999999' },
      { observed_at: 'yesterday' },
      { observed_at: '2026-02-30 10:00:00' },
      { status: 'shipped' },
      { currency: '人民币', status: 'paid' },
      { quantity: 'two' },
      { order_id: 'x'.repeat(129) },
      { order_id: 'broken \ufffd sign' },
    ]),
  };
}

function written(head: string[], rows: string[][], { form, random }: Style): Pick<HostileFile, 'bytes' | 'contentType'> {
  if (form === 'xlsx') {
    const contentType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
    return { bytes: workbookOf([head, ...rows.map((row) => row.map((cell) => (cell === '' ? null : cell)))]), contentType };
  }
  const separator = { comma: ',', semicolon: ';', tab: '\t' }[form];
  const end = random.pick(['\n', '\r\n']);
  const cell = (text: string) => (/["\r\n,;\t]/.test(text) || random.chance(0.1) ? `"${text.replaceAll('"', '""')}"` : text);
  const text = [head, ...rows].map((row) => row.map(cell).join(separator)).join(end) + random.pick(['', end]);
  return { bytes: encoded(text, random), contentType: random.pick(['text/csv', 'application/vnd.ms-excel', 'text/csv; charset=utf-8']) };
}

/** In an encoding that has all of its signs. */
function encoded(text: string, random: Random): Buffer {
  const ways = [
    () => Buffer.from(text),
    () => Buffer.from(`\ufeff${text}`),
    () => Buffer.from(`\ufeff${text}`, 'utf16le'),
    () => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
    () => gbk(text) ?? Buffer.from(text),
  ];
  return random.pick(ways)();
}

let squares: ReadonlyMap<string, number> | null = null;

/** The bytes of GBK; null where a sign has none. */
function gbk(text: string): Buffer | null {
  squares ??= gbkSquares();
  const bytes: number[] = [];
  for (const sign of text) {
    const code = sign.charCodeAt(0);
    const pair = squares.get(sign);
    if (code < 0x80) bytes.push(code);
    else if (pair === undefined) return null;
    else bytes.push(pair >> 8, pair & 0xff);
  }
  return Buffer.from(bytes);
}

function gbkSquares(): Map<string, number> {
  const decoder = new TextDecoder('gbk');
  const found = new Map<string, number>();
  for (let lead = 0x81; lead <= 0xfe; lead += 1) {
    for (let trail = 0x40; trail <= 0xfe; trail += 1) {
      const sign = decoder.decode(new Uint8Array([lead, trail]));
      if (sign.length === 1 && sign !== '\ufffd') found.set(sign, (lead << 8) | trail);
    }
  }
  return found;
}
