import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { addressOf, allowedFor, guardedLookup, mayCall, subnets, type Resolve } from '../../../src/platform/net/address.ts';

const nothing = subnets([]);

const hostOf = (url: string) => addressOf(new URL(url).hostname);

const answering =
  (...addresses: string[]): Resolve =>
  (_host, _options, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
const find = (resolve: Resolve, options: object = {}) =>
  promisify((done: (error: Error | null, found: unknown) => void) => guardedLookup(nothing, resolve)('a.test', options, done))();

describe('an address', () => {
  test.each([
    ['this host', '0.0.0.0'],
    ['a private network', '10.0.0.1'],
    ['a private network', '172.31.255.255'],
    ['a private network', '192.168.1.1'],
    ['the network of a carrier', '100.64.0.1'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['a cloud’s metadata', '169.254.169.254'],
    ['documentation', '203.0.113.7'],
    ['benchmarks', '198.19.0.1'],
    ['multicast', '224.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['no address', '::'],
    ['loopback', '::1'],
    ['mapped loopback', '::ffff:127.0.0.1'],
    ['mapped loopback', '::ffff:7f00:1'],
    ['a mapped public address', '::ffff:8.8.8.8'],
    ['compatible loopback', '::127.0.0.1'],
    ['NAT64 to loopback', '64:ff9b::7f00:1'],
    ['6to4 of loopback', '2002:7f00:1::'],
    ['Teredo', '2001::1'],
    ['documentation', '2001:db8::1'],
    ['link-local', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['a private network', 'fd00:ec2::254'],
    ['multicast', 'ff02::1'],
    ['no address at all', 'localhost'],
  ])('of %s is not called: %s', (_what, address) => {
    expect(mayCall(address, nothing)).toBe(false);
  });

  test.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2400:3200::1'])(
    'of the internet is called: %s',
    (address) => {
      expect(mayCall(address, nothing)).toBe(true);
    },
  );

  test('is called when it is allowed, and its neighbours are not', () => {
    const allowed = subnets(['10.1.0.0/16', 'fd00::/64']);
    expect(['10.1.2.3', 'fd00::5'].every((address) => mayCall(address, allowed))).toBe(true);
    expect(['10.2.2.3', 'fd01::5', '127.0.0.1'].some((address) => mayCall(address, allowed))).toBe(false);
  });

  test('is read from every form in which a URL writes it', () => {
    for (const url of ['https://127.0.0.1/', 'https://2130706433/', 'https://0x7f.1/', 'https://0177.0.0.1/', 'https://127.1./']) {
      expect(hostOf(url)).toBe('127.0.0.1');
    }
    expect(hostOf('https://[::ffff:127.0.0.1]/')).toBe('::ffff:7f00:1');
    expect(hostOf('https://example.com/')).toBeNull();
  });
});

describe('this machine', () => {
  test('is called only by a service that is at home on it', () => {
    for (const url of ['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000']) {
      expect(mayCall('127.0.0.1', allowedFor(url))).toBe(true);
      expect(mayCall('::1', allowedFor(url))).toBe(true);
      expect(mayCall('10.0.0.1', allowedFor(url))).toBe(false);
    }
    for (const url of ['https://fy.example.com', 'http://10.0.0.5:3000', 'https://localhost.example.com']) {
      expect(mayCall('127.0.0.1', allowedFor(url))).toBe(false);
    }
  });
});

describe('a lookup', () => {
  test('hands on public addresses: the first, or all where all are asked for', async () => {
    expect(await find(answering('8.8.8.8', '2606:4700::1'))).toBe('8.8.8.8');
    expect(await find(answering('8.8.8.8', '2606:4700::1'), { all: true })).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ]);
  });

  test('refuses a name as soon as one of its addresses is not public', async () => {
    await expect(find(answering('8.8.8.8', '169.254.169.254'))).rejects.toThrow('a.test is at an address that we do not call');
    await expect(find(answering('::1'), { all: true })).rejects.toThrow('do not call');
  });

  test('refuses a name without addresses, and tells when there is no such name', async () => {
    await expect(find(answering())).rejects.toThrow('do not call');
    await expect(find((_host, _options, done) => done(new Error('no such name'), []))).rejects.toThrow('no such name');
  });
});
