// A shop whose merchant m1 sells at platforms too: their doubles over real sockets, sources for
// them, and links that are made there.
import { sql } from 'kysely';

import { awardBacklog } from '../../src/commission/award/award.ts';
import { emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import { processDeliveries } from '../../src/inbox/process.ts';
import { accountCache } from '../../src/ledger/booking-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { askSources } from '../../src/pull/asking-sources.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { putMappings } from '../../src/sources/connections/mapping-store.ts';
import { lockSourceRow, saveSource } from '../../src/sources/connections/source-store.ts';
import { openShop, type Answer, type Shop } from '../promotion/shop.ts';
import type { Double, Subject } from '../sources/subject.ts';
import { BOUNDS } from '../core/reading.ts';

export const PAGE = 'https://item.jd.com/100012043978.html';
const HOSTS = ['shop.example.com', 'item.jd.com', 'mobile.yangkeduo.com', 'haohuo.jinritemai.com'];

export interface Linker {
  shop: Shop;
  /** By kind. */
  doubles: Record<string, Double>;
  baseUrls: Record<string, string>;
  /** Makes a source of m1, named as its kind, or states its options anew. */
  connect: (subject: Subject, options?: object) => Promise<void>;
  /** States what a source calls a merchant or a promoter. */
  map: (sourceId: string, type: string, value: string, target: object) => Promise<void>;
  /** Makes a link of bob's to p1, or as wished. */
  make: (wish: object, headers?: Record<string, string>) => Promise<Answer>;
  /** The status of an answer, its code, and the field that is at fault. */
  codeOf: (wish: object) => Promise<unknown[]>;
  links: () => Promise<bigint>;
  trackingOf: (code: string) => Promise<unknown>;
  /** Lets so much time pass for what the platform made for this link. */
  elapse: (code: string, interval: string) => Promise<unknown>;
  landing: (code: string) => Promise<string | null>;
  /** Pulls what is due, and answers whom each order was decided for, and by what evidence. */
  decide: () => Promise<object[]>;
  close: () => Promise<void>;
}

export async function openLinker(subjects: readonly Subject[]): Promise<Linker> {
  const baseUrls: Record<string, string> = {};
  const doubles: Record<string, Double> = {};
  for (const { adapter, open } of subjects) {
    doubles[adapter.kind] = await open!();
    baseUrls[adapter.kind] = doubles[adapter.kind]!.url;
  }
  const shop = await openShop({ baseUrls, deadlineMs: 1000 });
  await shop.stock();
  await shop.stock('m2');
  await shop.call('PUT', '/v1/merchants/m1', { name: 'Baby Care', currency: 'CNY', landing_hosts: HOSTS });
  const { owner } = shop.database;

  const make: Linker['make'] = (wish, headers) => {
    const body = { promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1', landing_url: PAGE, ...wish };
    return shop.call('POST', '/v1/links', body, undefined, headers);
  };
  return {
    shop,
    doubles,
    baseUrls,
    make,
    connect: (subject, options = {}) => connect(shop, subject, options),
    map: (...word) => map(shop, ...word),
    async codeOf(wish) {
      const { status, body } = await make(wish);
      return [status, body.code, body.errors[0]?.path];
    },
    links: () => sql<{ n: bigint }>`select count(*) as n from link`.execute(owner).then(({ rows }) => rows[0]!.n),
    trackingOf: async (code) => (await shop.call('GET', `/v1/links/${code}`)).body['tracking'],
    elapse: (code, interval) =>
      sql`update tracked_link set expires_at = expires_at - ${interval}::interval, next_attempt_at = next_attempt_at - ${interval}::interval
        where code = ${code}`.execute(owner),
    async landing(code) {
      shop.path.links.forget();
      return (await shop.follow(code)).location;
    },
    decide: () => decide(shop),
    async close() {
      await shop.close();
      for (const double of Object.values(doubles)) await double.close();
    },
  };
}

async function connect({ tracking: { db, keys } }: Shop, { adapter, secrets }: Subject, options: object): Promise<void> {
  const statement = { kind: adapter.kind, merchantId: 'm1', secrets, options: adapter.options.parse(options) };
  await inTransaction(db, async ({ trx, now }) => {
    const before = await lockSourceRow(trx, adapter.kind);
    await saveSource(trx, keys, { sourceId: adapter.kind, before, now }, statement);
  });
}

async function map({ tracking: { db } }: Shop, sourceId: string, type: string, value: string, target: object): Promise<void> {
  const meaning = { merchant_id: null, promoter_id: null, link_code: null, ...target };
  await inTransaction(db, ({ trx, now }) => putMappings(trx, sourceId, [{ type, value, effectiveFrom: null, ...meaning }], now));
}

async function decide({ tracking, identityKey, tokenKey }: Shop): Promise<object[]> {
  const { db } = tracking;
  await sql`update pull set due_at = null`.execute(db);
  await sql`update pull_feed set due_at = now() where due_at is not null`.execute(db);
  const failed = await askSources(tracking, new AbortController().signal);
  if (failed.length > 0) throw failed[0]!.error;
  while ((await processDeliveries({ db, adapters: ADAPTERS, identityKey, bounds: BOUNDS })) > 0);
  await awardBacklog({ db, identityKey, tokenKeys: [tokenKey], levelsMax: 2, ruleCache: emptyRuleCache(), accounts: accountCache() }, 10);
  const { rows } = await sql<object>`
    select order_id, promoter_id, evidence from decision join orders using (order_key) order by order_id`.execute(db);
  return rows;
}
