// The tables line up in a terminal, whatever stands in them.

import { expect, test } from 'vitest';

import { percent, table, widthOf, yuan } from '../../src/demo/table.ts';

test('a Chinese character is as wide as two Latin ones', () => {
  expect(widthOf('bob')).toBe(3);
  expect(widthOf('木木母婴')).toBe(8);
  expect(widthOf('奶粉 15%')).toBe(8);
  expect(widthOf('（全角）')).toBe(8);
  expect(widthOf('𠮷')).toBe(2);
  expect(widthOf('é')).toBe(1);
});

test('columns line up where Chinese stands beside Latin', () => {
  const text = table(
    [{ title: 'name' }, { title: 'fen', right: true }, { title: 'kind' }],
    [
      ['木木', '9', 'shop'],
      ['bob', '100', '推客'],
    ],
  );
  expect(text).toBe(['name  fen  kind', '----  ---  ----', '木木    9  shop', 'bob   100  推客', ''].join('\n'));
});

test('a row is as tall as its tallest cell', () => {
  const text = table(
    [{ title: 'who' }, { title: 'gets' }],
    [
      ['bob', '4.00\n2.00'],
      ['alice', '1.00'],
    ],
  );
  expect(text.split('\n').slice(2)).toEqual(['bob    4.00', '       2.00', 'alice  1.00', '']);
});

test('a heading stands alone over its rows, and widens no column', () => {
  const text = table([{ title: 'who' }, { title: 'gets' }], ['those of 星河传媒', ['bob', '4.00'], 'nobody’s']);
  expect(text.split('\n').slice(1)).toEqual(['---  ----', '', 'those of 星河传媒', 'bob  4.00', '', 'nobody’s', '']);
});

test('fen are written as yuan, and parts per million as percent', () => {
  expect([0, 7, 69, 999, 1234567, -31].map(yuan)).toEqual(['0.00', '0.07', '0.69', '9.99', '12345.67', '-0.31']);
  expect(yuan('-900719925474099312')).toBe('-9007199254740993.12');
  expect(() => yuan('1e3')).toThrow('no amount');
  expect([100_000, 125_000, 666_667].map(percent)).toEqual(['10 %', '12.5 %', '66.6667 %']);
});
