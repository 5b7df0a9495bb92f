import { expect, test } from 'vitest';

import { asUtf8, recogniseEncoding } from '../../../src/pull/tables/encoding.ts';

/** `订单编号,订单状态,付款金额` and a row, as a GBK program writes them. */
const GBK = Buffer.from('b6a9b5a5b1e0bac52cb6a9b5a5d7b4ccac2cb8b6bfeebdf0b6ee0a312cd2d1b8b6bfee2c392e39390a', 'hex');
const CHINESE = '订单编号,订单状态,付款金额\n1,已付款,9.99\n';

const utf16 = (text: string, mark: boolean, big: boolean): Buffer => {
  const bytes = Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le');
  return big ? bytes.swap16() : bytes;
};

test.each([
  ['plain ASCII', Buffer.from('order_id,status\n1,paid'), 'ascii'],
  ['UTF-8', Buffer.from(CHINESE), 'utf-8'],
  ['UTF-8 with its mark', Buffer.from(`\ufeff${CHINESE}`), 'utf-8'],
  ['UTF-8 with one broken character', Buffer.concat([Buffer.from(CHINESE.repeat(20)), Buffer.from([0xe4, 0xb8])]), 'utf-8'],
  ['UTF-8 that is cut within a character', Buffer.from(CHINESE).subarray(0, 7), 'utf-8'],
  ['UTF-16', utf16(CHINESE, true, false), 'utf-16le'],
  ['UTF-16 of the other order', utf16(CHINESE, true, true), 'utf-16be'],
  ['UTF-16 without its mark', utf16('order_id,status\n1,paid', false, false), 'utf-16le'],
  ['UTF-16 of the other order without its mark', utf16('order_id,status\n1,paid', false, true), 'utf-16be'],
  ['GB18030', GBK, 'gb18030'],
])('%s is recognised by its bytes', (_, bytes, encoding) => {
  expect(recogniseEncoding(bytes)).toBe(encoding);
});

test.each([
  ['Big5', Buffer.from('ad71b3e6bd73b8b92cad71b3e6aaacba412ca549b4daaaf7c3422cb3d0abd8aec9b6a1', 'hex'), 'Big5'],
  ['Shift_JIS', Buffer.from('9298 95b6 94d4 8d86 2c 8354 83 43 8359 2c 82a0 82a2'.replaceAll(' ', ''), 'hex'), 'Shift_JIS'],
  ['Windows-1252', Buffer.from('Prénom,Numéro,Référence,Été,payé\n', 'latin1'), 'Windows-1252'],
  ['EUC-KR', Buffer.from('c1d6b9aeb9f8c8a3'.repeat(8), 'hex'), 'EUC-KR'],
  ['bytes of a program', Buffer.from([1, 2, 0, 3, 0, 0, 200, 0]), 'no text'],
])('%s is refused by the name of what it looks like, and never read as Chinese', (_, bytes, look) => {
  expect(() => recogniseEncoding(bytes)).toThrow(look);
});

async function* inOrder(parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield await Promise.resolve(part);
}

async function textOf(parts: readonly Buffer[], encoding: ReturnType<typeof recogniseEncoding>): Promise<string> {
  const read: Buffer[] = [];
  for await (const part of asUtf8(inOrder(parts), encoding)) read.push(part);
  return Buffer.concat(read).toString();
}

test.each([GBK, utf16(CHINESE, true, false), utf16(CHINESE, true, true)])(
  'a character that two parts share is one character',
  async (bytes) => {
    for (const size of [1, 2, 3, 7]) {
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
      expect(await textOf(parts, recogniseEncoding(bytes))).toBe(CHINESE);
    }
  },
);

test('a file that is ASCII for long is recognised where it is no more', async () => {
  expect(await textOf([Buffer.from('order_id,promoter_id\n'), GBK], 'ascii')).toContain('已付款');
  const late = Buffer.concat([Buffer.from('a,b\n'.repeat(200_000)), GBK]);
  expect(await textOf([late], recogniseEncoding(late))).toContain('已付款');
});
