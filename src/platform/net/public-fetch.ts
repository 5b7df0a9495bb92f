// Asking others over HTTP without letting them lead us into our own network.
import { lookup } from 'node:dns/promises';

import { addressOf, mayCall, subnets } from './address.ts';

const NOTHING_BESIDE_THE_INTERNET = subnets([]);

/**
 * `fetch` over https to hosts whose addresses are all public, and to `allowed` origins
 * (`https://host:port`) as they are. Redirects are errors. A name that changes its address between
 * the look and the connection reaches nothing: the certificate must be of that name.
 */
export function publicFetch(allowed: readonly string[]): (url: string | URL, init?: RequestInit) => Promise<Response> {
  const known = new Set(allowed.map((url) => new URL(url).origin));
  return async (url, init = {}) => {
    const { origin, protocol, hostname } = new URL(url);
    if (!known.has(origin)) {
      if (protocol !== 'https:') throw new Error(`${origin} is not asked: it is not https`);
      for (const address of await addressesOf(hostname)) {
        if (!mayCall(address, NOTHING_BESIDE_THE_INTERNET)) {
          throw new Error(`${origin} is not asked: it is no address of the public internet`);
        }
      }
    }
    return fetch(url, { ...init, redirect: 'error' });
  };
}

async function addressesOf(hostname: string): Promise<string[]> {
  const address = addressOf(hostname);
  return address === null ? (await lookup(hostname, { all: true })).map((found) => found.address) : [address];
}
