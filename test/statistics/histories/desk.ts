// A service without a worker, whoever speaks to it over HTTP, and its work, which is done when a
// history says so and at times that it names.

import { createSecretKey } from 'node:crypto';

import { sql } from 'kysely';

import { awardOrders, type AwardDeps } from '../../../src/commission/award/award.ts';
import { takeOrders } from '../../../src/commission/award/award-store.ts';
import { markMaturedDue } from '../../../src/commission/award/due-store.ts';
import { recheckLockChanges } from '../../../src/commission/award/lock-change-store.ts';
import { countPrograms } from '../../../src/commission/programs.ts';
import { reRateNext } from '../../../src/commission/re-ratings/running.ts';
import { emptyRuleCache } from '../../../src/commission/rules/rule-cache.ts';
import { standardPush } from '../../../src/demo/platforms/signing.ts';
import { processDeliveries } from '../../../src/inbox/process.ts';
import { accountCache } from '../../../src/ledger/booking-store.ts';
import { masterKeys } from '../../../src/platform/keys/secrets.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { ADAPTERS } from '../../../src/sources/adapters.ts';
import { BOUNDS } from '../../core/reading.ts';
import { testLog } from '../../harness.ts';
import { ADMIN_KEY, openService } from '../../running.ts';
import type { Cell } from './recount.ts';

const LEVELS_MAX = 3;
const MATURED_MAX = 10_000;
/** What its sources sign with. */
export const PUSH_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

const secrets = {
  tokenKeys: [createSecretKey(Buffer.from('tokens of the histories'))] as [ReturnType<typeof createSecretKey>],
  identityKey: createSecretKey(Buffer.from('buyers of the histories')),
  masterKeys: masterKeys(['secrets of the histories']),
};

/** What is read of answers, whichever route gives them. */
interface Body {
  key: string;
  rule_id: string;
  code: string;
  click_token: string;
  re_rating_id: string;
  state: string;
  content_hash: string;
  query: { from: string; to: string };
  data: Cell[];
  totals: Cell[];
  next_cursor: string | null;
}

export type Desk = Awaited<ReturnType<typeof openDesk>>;

export async function openDesk() {
  const service = await openService({ works: false, listens: true, secrets, env: { REFERRAL_LEVELS_MAX: String(LEVELS_MAX) } });
  const { db } = service.database;
  const deps: AwardDeps = { db, ...secrets, levelsMax: LEVELS_MAX, ruleCache: emptyRuleCache(), accounts: accountCache() };

  /** The answer of a request that must be granted. */
  async function ask(method: string, path: string, body?: object, key = ADMIN_KEY): Promise<Body> {
    const headers = { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const answer = await fetch(service.url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} ${JSON.stringify(body)}: ${answer.status} ${text}`);
    return JSON.parse(text) as Body;
  }

  async function push(sourceId: string, data: object): Promise<void> {
    const { headers, body } = standardPush(sourceId, PUSH_SECRET, { type: 'order.changed', timestamp: new Date().toISOString(), data });
    const answer = await fetch(`${service.url}/webhooks/${sourceId}`, { method: 'POST', headers, body });
    if (answer.status !== 200) throw new Error(`the push was answered ${answer.status} ${await answer.text()}`);
  }

  const keyOf = async (person: string): Promise<string> => (await ask('POST', '/v1/keys', { scope: 'admin', person, label: person })).key;
  const [zhang, li] = [await keyOf('zhang'), await keyOf('li')];

  /** Pays what a merchant sold by the rules as they stand now, once a second person has seen it. */
  async function reRate(asked: object): Promise<void> {
    const { re_rating_id: id } = await ask('POST', '/v1/re-ratings', { reason: 'the rate was wrong', lowers: true, ...asked }, zhang);
    await reRateAll(deps);
    const { state, content_hash } = await ask('GET', `/v1/re-ratings/${id}`);
    if (state !== 'ready') return;
    await ask('POST', `/v1/re-ratings/${id}/approval`, { content_hash }, li);
    await reRateAll(deps);
  }

  return { db, url: service.url, ask, push, reRate, awardAt: (at: Date) => awardAt(deps, at), close: () => service.close() };
}

/** Deliveries become orders, and orders are awarded as of `at`, with what has matured by then. */
async function awardAt(deps: AwardDeps, at: Date): Promise<void> {
  const { db, identityKey, accounts } = deps;
  while ((await processDeliveries({ db, adapters: ADAPTERS, identityKey, bounds: BOUNDS })) > 0);
  await inTransaction(db, ({ trx }) => markMaturedDue(trx, at, MATURED_MAX));
  for (;;) {
    const { rows } = await sql<{ order_key: bigint }>`select order_key from award_due`.execute(db);
    if (rows.length === 0) break;
    const due = rows.map((row) => row.order_key);
    const noted = await inTransaction(db, async ({ trx }) => awardOrders(trx, await takeOrders(trx, due), at, deps));
    if (noted !== null) await inTransaction(db, ({ trx, now }) => recheckLockChanges(trx, noted, now));
  }
  await countPrograms({ db, accounts }, new Date());
}

async function reRateAll(deps: AwardDeps): Promise<void> {
  while (await reRateNext({ ...deps, log: testLog }, new AbortController().signal));
}
