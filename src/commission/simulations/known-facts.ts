// What the choice of a rule reads of promoters, products and merchants, kept from batch to batch:
// what is known once is not read again while one rehearsal goes on.

import type { Transaction } from 'kysely';

import type { RuleBook } from '../../core/rule.ts';
import { clockOf } from '../../platform/calendar.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { NO_CAMPAIGNS } from '../campaigns/campaign-cache.ts';
import { productKey, type Facts } from '../facts/facts.ts';
import { readMerchants, readProducts, readPromoters } from '../facts/facts-store.ts';
import { readTierPeriods } from '../tiers/tier-store.ts';
import { readZones } from './recorded-store.ts';
import type { RecordedOrder } from './simulated-order.ts';

/** With more of each it is full, and another one begins at nothing. */
const KNOWN_MAX = 100_000;
/** No zone is apart from UTC by a part of it. */
const QUARTER_MS = 15 * MINUTE_MS;

export class KnownFacts {
  private readonly facts: Facts;
  private readonly named: readonly string[];
  private readonly zones = new Map<string, string>();
  private readonly clocks = new Map<string, (at: Date) => string>();
  private readonly days = new Map<string, string>();

  /** `named` are promoters whom plans name, which every order may ask for. */
  constructor(rules: RuleBook, named: readonly string[], levelsMax: number) {
    const nothing = { merchants: new Map(), products: new Map(), promoters: new Map(), coupons: new Map(), links: new Map() };
    this.facts = { ...nothing, tierPeriods: [], rules, campaigns: NO_CAMPAIGNS, levelsMax };
    this.named = named;
  }

  get isFull(): boolean {
    const { merchants, products, promoters } = this.facts;
    return [merchants, products, promoters, this.days].some((known) => known.size > KNOWN_MAX);
  }

  /**
   * What these orders ask for: what is not known of it yet is read, and so are the tiers that
   * programs have set for those who won.
   */
  async read(trx: Transaction<DB>, orders: readonly RecordedOrder[]): Promise<Facts> {
    const { merchants, products, promoters } = this.facts;
    const wanted = { merchants: new Set<string>(), products: new Map<string, { merchantId: string; productId: string }>() };
    const promoterIds = new Set(this.named.filter((id) => !promoters.has(id)));
    for (const { head, lines } of orders) {
      const { merchantId } = head;
      if (!this.zones.has(merchantId)) wanted.merchants.add(merchantId);
      for (const { pin } of lines) {
        if (pin === null) continue;
        for (const { promoter_id: id } of pin.winners) if (!promoters.has(id)) promoterIds.add(id);
        if (pin.product_id === null || pin.category !== null) continue;
        const key = productKey(merchantId, pin.product_id);
        if (!products.has(key)) wanted.products.set(key, { merchantId, productId: pin.product_id });
      }
    }
    if (wanted.merchants.size > 0) {
      const merchantIds = [...wanted.merchants];
      keep(merchants, merchantIds, await readMerchants(trx, merchantIds), []);
      for (const [merchantId, zone] of await readZones(trx, merchantIds)) this.zones.set(merchantId, zone);
    }
    // What is nowhere is known to be nowhere: an empty history.
    if (wanted.products.size > 0) {
      keep(products, wanted.products.keys(), await readProducts(trx, [...wanted.products.values()]), []);
    }
    if (promoterIds.size > 0) keep(promoters, promoterIds, await readPromoters(trx, [...promoterIds]), []);
    return { ...this.facts, tierPeriods: orders.length === 0 ? [] : await readTierPeriods(trx, tierQuestion(orders)) };
  }

  /** The day of a moment where the merchant is. */
  dayOf(merchantId: string, at: Date): string {
    const zone = this.zones.get(merchantId)!;
    const key = `${zone}\n${Math.floor(at.getTime() / QUARTER_MS)}`;
    let day = this.days.get(key);
    if (day === undefined) {
      const clock = this.clocks.get(zone) ?? clockOf(zone);
      this.clocks.set(zone, clock);
      day = clock(at).slice(0, 10);
      this.days.set(key, day);
    }
    return day;
  }
}

function tierQuestion(orders: readonly RecordedOrder[]) {
  const won = orders.flatMap(({ lines }) => lines.flatMap(({ pin }) => pin?.winners.map((winner) => winner.promoter_id) ?? []));
  const since = orders.reduce((earliest, { head }) => Math.min(earliest, head.attributionAt.getTime()), Infinity);
  return { merchantIds: [...new Set(orders.map(({ head }) => head.merchantId))], promoterIds: [...new Set(won)], since };
}

function keep<Value>(known: Map<string, Value>, asked: Iterable<string>, found: ReadonlyMap<string, Value>, nothing: Value): void {
  for (const key of asked) known.set(key, found.get(key) ?? nothing);
}
