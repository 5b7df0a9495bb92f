// Reports that cannot be read, each for one reason: what they say of an order must change nothing,
// and cost no other order anything.

import type { Random } from '../random.ts';
import { jsonText, Literal } from './json.ts';

type Value = Record<string, unknown>;

/** Breaks a good report in one way; gives its bytes. */
type Break = (report: Value, random: Random) => string | Buffer;

const edited =
  (change: (report: Value) => Value): Break =>
  (report, random) =>
    jsonText(change({ ...report, lines: [LINE] }), random);
const LINE: Value = { line_id: '1', paid_amount: 999_999 };
const withLine = (more: Value): Break => edited((report) => ({ ...report, lines: [{ ...LINE, ...more }] }));
const withField = (more: Value): Break => edited((report) => ({ ...report, ...more }));
const inText =
  (change: (text: string) => string | Buffer): Break =>
  (report) =>
    change(JSON.stringify({ ...report, lines: [LINE] }));

const BREAKS: readonly Break[] = [
  withField({ unknown_field: 1 }),
  withLine({ price: 100 }),
  withLine({ paid_amount: -1 }),
  withLine({ paid_amount: 0.5 }),
  withLine({ paid_amount: '9999' }),
  withLine({ paid_amount: 10 ** 13 + 1 }),
  withLine({ paid_amount: new Literal('9007199254740993') }),
  withLine({ paid_amount: new Literal('1e400') }),
  withLine({ paid_amount: true }),
  withLine({ quantity: 2_147_483_648 }),
  withLine({ quantity: -1 }),
  withLine({ quantity: 1.5 }),
  withLine({ line_id: '' }),
  withLine({ line_id: null }),
  withLine({ line_id: 'x'.repeat(129) }),
  withLine({ line_id: 'a\u0000b' }),
  withLine({ line_id: 'a\nb' }),
  withLine({ line_id: '\ud800' }),
  withField({ lines: [LINE, { ...LINE, paid_amount: 1 }] }),
  withField({
    lines: [
      { ...LINE, paid_amount: 6 * 10 ** 12 },
      { line_id: '2', paid_amount: 6 * 10 ** 12 },
    ],
  }),
  withField({ lines: { 0: LINE } }),
  withField({ lines: 'none' }),
  withField({ refunds: [{ refund_id: 'x', amount: -5 }] }),
  withField({ refunds: [{ refund_id: 'x', status: 'REFUNDED' }] }),
  withField({ refunds: [{ refund_id: 'x' }, { refund_id: 'x' }] }),
  withField({ disputes: [{ dispute_id: 'x', state: 'maybe' }] }),
  withField({ status: 'shipped' }),
  withField({ status: 'PAID' }),
  withField({ currency: 'cny' }),
  withField({ currency: 'RMB' }),
  withField({ currency: '' }),
  withField({ void: true }),
  withField({ void: 'cancelled' }),
  withField({ whole: ['everything'] }),
  withField({ observed_at: '2026-06-01 10:00:00' }),
  withField({ observed_at: '2026-06-01T10:00:00' }),
  withField({ observed_at: 1_780_308_000 }),
  withField({ paid_at: '2026-02-30T10:00:00Z' }),
  withField({ paid_at: '1999-12-31T23:59:59Z' }),
  withField({ paid_at: '2101-01-01T00:00:00Z' }),
  withField({ paid_at: '+275760-09-13T00:00:00Z' }),
  withField({ completed_at: '' }),
  withField({ buyer: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`t${n}`, 'v'])) }),
  withField({ buyer: { openid: { nested: true } } }),
  withField({ buyer: ['openid'] }),
  withField({ coupon_codes: Array.from({ length: 51 }, (_, n) => `c${n}`) }),
  withField({ coupon_codes: 'ONE' }),
  withField({ click_token: 'x'.repeat(2049) }),
  withField({ parent: { order_id: 'x', kind: 'twin' } }),
  withField({ order_id: '' }),
  withField({ order_id: null }),
  withField({ order_id: 'x'.repeat(129) }),
  withField({ order_id: 1.5 }),
  withField({ test: 'true' }),
  inText((text) => text.slice(0, -1)),
  inText((text) => `${text}}`),
  inText((text) => text.replace('{', '{"status":"paid","status":"completed",')),
  inText((text) => text.replace('{', '{"__proto__":{"void":false},')),
  inText((text) => text.replace('{', '{"constructor":{"prototype":{"x":1}},')),
  inText((text) => text.replace('{', `{"deep":${'['.repeat(500)}${']'.repeat(500)},`)),
  inText((text) => text.replace('{', '{"order_note":"\\ud83d",')),
  inText((text) => text.replaceAll('"', "'")),
  inText((text) =>
    Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from(',"x":"'), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('"}')]),
  ),
  inText((text) => Buffer.from(text, 'utf16le')),
  inText((text) => `[${text}]`),
  inText(() => 'null'),
];

/** The bytes of a report that cannot be read; `wrap` puts its text into what its door expects. */
export function brokenBody(report: Value, random: Random, wrap: (text: string) => string): Buffer {
  const broken = random.pick(BREAKS)(report, random);
  if (typeof broken === 'string') return Buffer.from(wrap(broken));
  const [head = '', tail = ''] = wrap('\n').split('\n');
  return Buffer.concat([Buffer.from(head), broken, Buffer.from(tail)]);
}
