// Whom we may call: public addresses of the internet, and never what lies around us (loopback,
// private networks, a cloud's metadata).
import { lookup as resolveByDns, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** IANA special-purpose registry (RFC 6890 and later), with multicast and what is reserved. */
const REFUSED_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/**
 * All of IPv6 that is routed lies in here; mapped IPv4, NAT64, loopback, link-local, private and
 * multicast addresses do not.
 */
const ROUTED_V6 = ['2000::/3'];
/**
 * Teredo and other protocol assignments, documentation, and 6to4, which holds an IPv4 address that
 * could be any.
 */
const REFUSED_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

const loopback = subnets(LOOPBACK);
const refusedV4 = subnets(REFUSED_V4);
const routedV6 = subnets(ROUTED_V6);
const refusedV6 = subnets(REFUSED_V6);

/** Addresses that may be called although they are not public. */
export type Allowed = BlockList;

/** The subnets, as `10.0.0.0/8`, in the form in which addresses are looked up. */
export function subnets(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', bits] = text.split('/');
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/**
 * What may be called beside the internet: this machine, where the service is itself at home on it
 * only, and nothing anywhere else.
 */
export function allowedFor(publicUrl: string): Allowed {
  return isLocalName(new URL(publicUrl).hostname) ? loopback : new BlockList();
}

/** Whether a host of a URL says this machine. */
export function isLocalName(host: string): boolean {
  const address = addressOf(host);
  return host === 'localhost' || (address !== null && isIn(loopback, address));
}

/**
 * The IP address that the host of a URL is; null for a name. A URL writes IPv6 in brackets, and
 * every form of IPv4 with four numbers.
 */
export function addressOf(host: string): string | null {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? null : bare;
}

/** Whether an address may be called. */
export function mayCall(address: string, allowed: Allowed): boolean {
  if (isIn(allowed, address)) return true;
  if (isIP(address) === 4) return !isIn(refusedV4, address);
  return isIP(address) === 6 && isIn(routedV6, address) && !isIn(refusedV6, address);
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Finds the addresses of a name, as Node's own lookup does. */
export type Resolve = (host: string, options: { all: true }, done: (error: Error | null, found: LookupAddress[]) => void) => void;

/**
 * A lookup for connections that hands on none but addresses that may be called: what was checked is
 * what is connected to, whatever the name said before. One address among several that may not be
 * called refuses the name. It is not asked for a host that is an address already.
 */
export function guardedLookup(allowed: Allowed, resolve: Resolve = resolveByDns): LookupFunction {
  return (host, options, done) => {
    resolve(host, { all: true }, (error, found) => {
      const refused = error === null ? found.find(({ address }) => !mayCall(address, allowed)) : undefined;
      const first = found?.[0];
      if (error !== null) done(error, '', 0);
      else if (refused !== undefined || first === undefined) done(new Error(`${host} is at an address that we do not call`), '', 0);
      else if (options.all === true) done(null, found);
      else done(null, first.address, first.family);
    });
  };
}
