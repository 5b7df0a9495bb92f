// Asking others over HTTP without letting them lead us into our own network.
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';

/** What is no address of the public internet (IANA's special-purpose registries): loopback, private, link-local, shared, multicast. */
const NOT_PUBLIC = new BlockList();
for (const [address, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  NOT_PUBLIC.addSubnet(address, bits, 'ipv4');
for (const [address, bits] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  NOT_PUBLIC.addSubnet(address, bits, 'ipv6');

/** Whether an IP address is of the public internet. An IPv4 address written as IPv6 is judged as what it is. */
export function isPublic(address: string): boolean {
  return !NOT_PUBLIC.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/**
 * `fetch` over https to hosts whose addresses are all public, and to `allowed` origins (`https://host:port`) as they are. Redirects are
 * errors. A name that changes its address between the look and the connection reaches nothing: the certificate must be of that name.
 */
export function publicFetch(allowed: readonly string[]): (url: string | URL, init?: RequestInit) => Promise<Response> {
  const known = new Set(allowed.map((url) => new URL(url).origin));
  return async (url, init = {}) => {
    const { origin, protocol, hostname } = new URL(url);
    if (!known.has(origin)) {
      if (protocol !== 'https:') throw new Error(`${origin} is not asked: it is not https`);
      const host = hostname.replace(/^\[|\]$/g, '');
      const addresses = isIP(host) === 0 ? (await lookup(host, { all: true })).map((one) => one.address) : [host];
      if (!addresses.every(isPublic)) throw new Error(`${origin} is not asked: it is no address of the public internet`);
    }
    return fetch(url, { ...init, redirect: 'error' });
  };
}
