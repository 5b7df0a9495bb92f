// Floods of one address: how they are told apart from visits, and from whom.

import { expect, test } from 'vitest';

import { floodGate, hashOfAddress } from '../../../src/promotion/clicks/flood.ts';

const NOW = Date.UTC(2026, 5, 1, 10, 0, 30);

test('an address is over its limit with the next visit, and no more with the next minute', () => {
  const gate = floodGate(3);
  const visits = [1, 2, 3, 4, 5].map(() => gate.isOver('192.0.2.1', NOW));
  expect(visits).toEqual([false, false, false, true, true]);
  expect(gate.isOver('192.0.2.2', NOW)).toBe(false);
  expect(gate.isOver('192.0.2.1', NOW + 30_000)).toBe(false);
});

/** Whether all of these are counted as one. */
const same = (...addresses: string[]): boolean => new Set(addresses.map((address) => hashOfAddress(address, 7))).size === 1;

test('an IPv6 network of 64 bits is one address, however it is written, and a mapped IPv4 address is itself', () => {
  expect(same('2001:db8:1:2:3:4:5:6', '2001:db8:1:2::', '2001:db8:1:2::9', '2001:0DB8:0001:0002:ffff:0:0:1')).toBe(true);
  expect(same('2001:db8::1', '2001:db8:0:0:1:2:3:4', '2001:db8::1:2:3:4')).toBe(true);
  expect(same('::1', '::', '0:0:0:0:5:6:7:8')).toBe(true);
  expect(same('2001::1:2:3:4:5', '2001:0:0:1:9:9:9:9')).toBe(true);
  expect(same('::ffff:192.0.2.1', '192.0.2.1')).toBe(true);
  for (const other of ['2001:db8:1:3::', '2001:db8:2:1::', '2001:db8::1:2:3:4', '192.0.2.1', '::1', '']) {
    expect(same('2001:db8:1:2::1', other), other).toBe(false);
  }
});

test('whatever stands where an address should, is counted and harms nobody', () => {
  const gate = floodGate(1);
  for (const address of [undefined, '', ':', ':::::::::', 'unknown', '2001:db8:zzzz::', 'fe80::1%eth0', 'x'.repeat(10_000)]) {
    expect(() => gate.isOver(address, NOW)).not.toThrow();
  }
});

test('a flood from ten thousand addresses keeps hardly anybody else over the limit', () => {
  const gate = floodGate(100);
  for (let n = 0; n < 10_000; n++) for (let visit = 0; visit < 101; visit++) gate.isOver(`10.1.${n >> 8}.${n & 255}`, NOW);
  let wronged = 0;
  for (let n = 0; n < 10_000; n++) if (gate.isOver(`172.16.${n >> 8}.${n & 255}`, NOW)) wronged += 1;
  // A seventh of the places of each row is full, and an address must meet two of them.
  expect(wronged).toBeLessThan(10_000 * 0.05);
});

test('of a link at most one visit a second is kept', () => {
  const gate = floodGate(1);
  expect([gate.isSample('abcd', NOW), gate.isSample('abcd', NOW + 999), gate.isSample('efgh', NOW)]).toEqual([true, false, true]);
  expect(gate.isSample('abcd', NOW + 1000)).toBe(true);
});
