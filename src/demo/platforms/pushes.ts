// What the order systems push: signed, every message twice and in whatever order they arrive; and
// one of each system by a forger.

import { randomInt } from 'node:crypto';

import type { Marketplace } from '../marketplace.ts';
import { pushesOfErp, pushesOfShopify, pushesOfWoocommerce } from '../messages.ts';
import type { Tokens } from '../shoppers.ts';
import { deliver, type Push } from './push.ts';

/** How many arrive at the same time. */
const AT_ONCE = 4;
const REFUSED = 401;

/**
 * Sends every message of all systems twice, shuffled. Of each system one comes with another's body,
 * too, and must be refused.
 */
export async function pushEverything(market: Marketplace, tokens: Tokens): Promise<void> {
  const { url, signal, platforms } = market;
  const systems = [
    pushesOfErp(market, tokens),
    pushesOfShopify(market, tokens),
    pushesOfWoocommerce(market, tokens),
    platforms.weixin.sell('taotao-weixin'),
  ];
  const pushes = systems.flat();
  const forged = systems.map(([first, second]) => ({ ...first!, body: second!.body }));
  const waiting = shuffled([...pushes, ...pushes].map((push) => ({ push, status: 200 })).concat(forged.map(refused)));
  const sendNext = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await deliver(url, next.push, signal, next.status);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sendNext));
}

function refused(push: Push) {
  return { push, status: REFUSED };
}

function shuffled<Item>(items: Item[]): Item[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
  return items;
}
