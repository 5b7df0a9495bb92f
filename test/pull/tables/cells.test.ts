import { expect, test } from 'vitest';

import { amountOf, damageOf, mayBeRounded, textOf, cellTime } from '../../../src/pull/tables/cells.ts';

test.each([
  ['="3705115058471208928"', '3705115058471208928'],
  ["'3705115058471208928", '3705115058471208928'],
  ['\t3705115058471208928\t', '3705115058471208928'],
  ['`3705115058471208928', '3705115058471208928'],
  [' #1001 ', '#1001'],
  ['--', ''],
  ['无', ''],
  ["o'clock", "o'clock"],
])('what only keeps a spreadsheet from changing a cell is no part of it: %s', (cell, text) => {
  expect(textOf(cell)).toBe(text);
});

test.each(['3.70512E+18', '3,70512E+18', '4E+12', '1001.0', '3,705,115', '#REF!', '=A1&B2', '#######', 'a\ufffdb'])(
  'an id that a spreadsheet changed is damaged, for a reason: %s',
  (id) => {
    expect(damageOf(id)).not.toBeNull();
  },
);

test.each(['3705115058471208928', '260503-565696346452160', '#1001', 'A-17', '1E5', '2024.10', '007'])(
  'an id that may be one is none the worse: %s',
  (id) => {
    expect(damageOf(id)).toBeNull();
  },
);

test('digits beyond the fifteenth that are all zeros may be what a spreadsheet rounded', () => {
  expect(['3705115058471200000', '1234567890123450', '370511505847120'].map(mayBeRounded)).toEqual([true, true, false]);
  expect(mayBeRounded('3705115058471209000')).toBe(true);
  expect(mayBeRounded('3705115058471208928')).toBe(false);
});

test.each([
  ['12.50', 'CNY', 1250n],
  ['¥1,234.50', 'CNY', 123450n],
  ['￥ 9.9', 'CNY', 990n],
  ['9.9元', 'CNY', 990n],
  ['US$ 12', 'USD', 1200n],
  ['-$5.00', 'USD', -500n],
  ['12.5 EUR', 'EUR', 1250n],
  ['909.09', 'JPY', 909n],
  ['10.005', 'USD', 1001n],
  ['0.1', 'KWD', 100n],
  ['99.90000000000001', 'CNY', 9990n],
  ['1.2E-1', 'CNY', 12n],
  ['1.5E3', 'CNY', 150000n],
])('an amount is read as it is written: %s %s', (cell, currency, amount) => {
  expect(amountOf(cell, currency)).toEqual({ value: amount });
});

test('a comma is of decimals where the file is parted by semicolons, and a guess nowhere', () => {
  expect(amountOf('12,50', 'EUR', { comma: true })).toEqual({ value: 1250n });
  expect(amountOf('1.234,50', 'EUR', { comma: true })).toEqual({ value: 123450n });
  expect(amountOf('1,234', 'EUR', { comma: true })).toHaveProperty('fault');
  expect(amountOf('12,50', 'EUR')).toHaveProperty('fault');
  expect(amountOf('twelve', 'EUR')).toHaveProperty('fault');
  expect(amountOf('1', 'XYZ')).toHaveProperty('fault');
  expect(amountOf('1E99', 'EUR')).toHaveProperty('fault');
});

test.each([
  ['2026-11-05 21:06:21 +0400', 'UTC', '2026-11-05T17:06:21.000Z'],
  ['2026-11-05T21:06:21Z', 'Asia/Shanghai', '2026-11-05T21:06:21.000Z'],
  ['2026-11-05 21:06:21', '+08:00', '2026-11-05T13:06:21.000Z'],
  ['2026/11/5 9:06', 'Asia/Shanghai', '2026-11-05T01:06:00.000Z'],
  ['2026年11月05日 14:28', '+08:00', '2026-11-05T06:28:00.000Z'],
  ['2026-11-05', 'America/New_York', '2026-11-05T05:00:00.000Z'],
  ['2026-07-05 12:00:00', 'Europe/Berlin', '2026-07-05T10:00:00.000Z'],
  ['2026-10-25 02:30:00', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
  ['46331.87941', '+08:00', '2026-11-05T13:06:21.000Z'],
  ['1793912781', 'UTC', '2026-11-05T21:06:21.000Z'],
])('a time is one moment: %s of %s', (cell, zone, time) => {
  expect(cellTime(cell, zone)).toEqual({ value: time });
});

test.each(['', '0', '0000-00-00 00:00:00'])('no time is no time: %s', (cell) => {
  expect(cellTime(cell, 'UTC')).toEqual({ value: null });
});

test.each(['11/05/2026', '05.11.2026', '2026-02-30', '2026-13-01', 'yesterday', '2026-11-05 25:00'])(
  'a time that is not certain is a fault: %s',
  (cell) => {
    expect(cellTime(cell, 'UTC')).toHaveProperty('fault');
  },
);
