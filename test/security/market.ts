// A small market in which everything has an owner, and the keys of those who own none of it.

import { randomUUID } from 'node:crypto';

import { send, type Answered as AnsweredAs } from '../platform/callers.ts';
import { until } from '../platform/sockets.ts';
import { ADMIN_KEY, openService, type Service } from '../running.ts';

export const SHOP_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
/**
 * Of this machine, whose port of discarded words is closed: what is sent there is refused at once.
 */
export const NOBODY_LISTENS = 'http://127.0.0.1:9/hooks';

/** A test looks into whatever was answered. */
export type Answered = AnsweredAs<ReturnType<typeof JSON.parse>>;

interface Asked {
  key?: string | null;
  headers?: Record<string, string>;
}

export interface Market {
  service: Service;
  /**
   * Asks the service, as the admin where no other key is named. A body that is a string goes as it
   * is.
   */
  ask: (method: string, url: string, body?: unknown, asked?: Asked) => Promise<Answered>;
  makeKey: (wanted: Record<string, string>) => Promise<{ keyId: string; key: string }>;
  /** The ids that the service has given, by the words in which the routes name them. */
  ids: Record<string, string>;
  /** The text with those ids in it. `{new}` becomes a word that nobody has said before. */
  fill: (text: string) => string;
}

/**
 * Opens the service with merchants m1 and m2, promoters alice and bob, and all that is of m1 and
 * alice. Its worker goes on.
 */
export async function openMarket(options: Partial<Parameters<typeof openService>[0]> = {}): Promise<Market> {
  // At home on this machine the service calls endpoints on it, and so no test calls anybody else.
  const env = { PUBLIC_URL: 'http://localhost:8080', ...options.env };
  const service = await openService({ works: true, listens: false, ...options, env });
  const ask: Market['ask'] = (method, url, body, { key = ADMIN_KEY, headers = {} } = {}) =>
    send(service.app, { method, url, body, headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...headers } });
  const makeKey: Market['makeKey'] = async (wanted) => {
    const { body } = await ask('POST', '/v1/keys', wanted);
    return { keyId: body.key_id, key: body.key };
  };
  const ids: Market['ids'] = {};
  const fill: Market['fill'] = (text) =>
    text.replaceAll(/\{(\w+)\}/g, (whole, id: string) => (id === 'new' ? `new-${randomUUID()}` : (ids[id] ?? whole)));
  const market: Market = { service, ask, makeKey, ids, fill };
  await furnish(market);
  return market;
}

async function furnish({ ask, makeKey, ids }: Market): Promise<void> {
  const put = async (url: string, body: unknown): Promise<void> => {
    const answer = await ask('PUT', url, body);
    if (answer.status !== 201) throw new Error(`PUT ${url}: ${JSON.stringify(answer.body)}`);
  };
  for (const merchant of ['m1', 'm2']) {
    await put(`/v1/merchants/${merchant}`, { name: merchant, currency: 'CNY', landing_hosts: ['shop.example.com'], hold_days: 0 });
  }
  await put('/v1/merchants/m1/products/p1', { title: 'Bottle', landing_url: 'https://shop.example.com/p1' });
  await put('/v1/promoters/alice', { name: 'Alice', kind: 'person', coupon_codes: [{ merchant_id: 'm1', code: 'ALICE' }] });
  await put('/v1/promoters/bob', { name: 'Bob', kind: 'person' });
  await put('/v1/sources/sw', { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: SHOP_SECRET } });
  await put('/v1/sources/sw/mappings/promoter/A1', { promoter_id: 'alice' });
  const rule = await ask('POST', '/v1/rules', ruleOf('everything', {}));
  ids['rule_id'] = rule.body.rule_id;
  const draft = await ask('POST', '/v1/rule-drafts', { rule: ruleOf('drafted', { merchant_id: 'm1', promoter_id: 'alice' }) });
  ids['draft_id'] = draft.body.draft_id;
  const link = await ask('POST', '/v1/links', { promoter_id: 'alice', merchant_id: 'm1', product_id: 'p1' });
  ids['code'] = link.body.code;
  const click = await ask('POST', '/v1/clicks', { code: ids['code'], buyer: { openid: 'o1' } });
  const order = await ask('POST', '/v1/orders', { ...orderOf('O-1'), click_token: click.body.click_token });
  ids['delivery_id'] = order.body.delivery_id;
  ids['key_id'] = (await makeKey({ scope: 'auditor', label: 'of nobody here' })).keyId;
  await until(async () => (await ask('GET', '/v1/orders/rest/O-1')).body.award === 'estimated');
  const stated = await ask('POST', '/v1/identities', { merchant_id: 'm1', identities: { openid: 'o1', phone: '+8613800000000' } });
  ids['statement_id'] = stated.body.statement_id;
  await put('/v1/payout-schedules/monthly', { currency: 'JPY', day_of_month: 1, time_zone: 'UTC' });
  await put('/v1/webhook-endpoints/e1', { url: NOBODY_LISTENS, events: ['claim.*'], merchant_id: 'm1' });
  await ask('POST', '/v1/orders', { ...orderOf('O-nobodys'), buyer: { openid: 'o5' } });
  await until(async () => (await ask('GET', '/v1/orders/rest/O-nobodys')).body.lines?.[0]?.decision === 'unattributed');
  const claim = await ask('POST', '/v1/claims', { promoter_id: 'alice', merchant_id: 'm1', order_id: 'O-nobodys', evidence: 'I sent it.' });
  ids['claim_id'] = claim.body.claim_id;
  const file = { headers: { 'content-type': 'text/csv' } };
  const compared = await ask('POST', '/v1/reconciliations?merchant_id=m1', 'order_id,status\nO-1,paid', file);
  ids['reconciliation_id'] = compared.body.reconciliation_id;
  const erased = await ask('POST', '/v1/erasures', { merchant_id: 'm1', buyer: { openid: 'o-of-nobody' } });
  ids['erasure_id'] = erased.body.erasure_id;
  await put('/v1/tier-programs/tiers', { merchant_id: 'm1', measure: 'paid_amount', tiers: [{ tier: 'gold', at_least: 1000 }] });
  await put('/v1/bonus-programs/spring', bonusProgram);
  await put('/v1/campaigns/june', campaign);
  await put('/v1/merchants/m1/products/p9', { title: 'Pram' });
  await put('/v1/merchants/m1/offers/pram', offer);
  const application = await ask('POST', '/v1/offers/pram/applications', { promoter_id: 'alice' });
  ids['application_id'] = application.body.application_id;
  await ask('POST', `/v1/offer-applications/${ids['application_id']}/decision`, { decision: 'accept' });
  await put('/v1/promoters/alice/payee', { kind: 'individual', name: 'Alice', provider_id: 'manual' });
  const done = { status: 'completed', completed_at: new Date().toISOString(), promoter_id: 'alice' };
  await ask('POST', '/v1/orders', { ...orderOf('O-done'), ...done });
  await until(async () => (await ask('GET', '/v1/orders/rest/O-done')).body.award === 'released');
  const batch = await ask('POST', '/v1/payout-batches', { currency: 'CNY' });
  ids['batch_id'] = batch.body.batch_id;
  const payouts = await ask('GET', `/v1/payout-batches/${ids['batch_id']}/payouts`);
  ids['payout_id'] = payouts.body.data[0].payout_id;
  const changes = [
    { name: 'dearer', scope: { merchant_id: 'm1' }, plan: { rate_ppm: 120_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] } },
  ];
  const rehearsed = { changes, from: '2026-01-01T00:00:00Z', to: '2099-01-01T00:00:00Z', merchant_id: 'm1' };
  ids['simulation_id'] = (await ask('POST', '/v1/rule-simulations', rehearsed)).body.simulation_id;
  await until(async () => (await ask('GET', `/v1/rule-simulations/${ids['simulation_id']}`)).body.state === 'done');
  const reRated = { merchant_id: 'm1', from: '2026-01-01T00:00:00Z', to: '2099-01-01T00:00:00Z', reason: 'So.', currency: 'CNY' };
  ids['re_rating_id'] = (await ask('POST', '/v1/re-ratings', reRated)).body.re_rating_id;
  await until(async () => (await ask('GET', `/v1/re-ratings/${ids['re_rating_id']}`)).body.state === 'ready');
  await ask('DELETE', `/v1/re-ratings/${ids['re_rating_id']}`);
  // By somebody else than who asks later: what he made himself nobody approves.
  const { key } = await makeKey({ scope: 'admin', role: 'finance', person: 'Li' });
  const wanted = { promoter_id: 'alice', merchant_id: 'm1', currency: 'CNY', amount: 1, reason: 'She has left.' };
  ids['write_off_id'] = (await ask('POST', '/v1/debts/write-offs', wanted, { key })).body.write_off_id;
  const messages = await ask('GET', '/v1/webhook-endpoints/e1/messages');
  ids['message_id'] = messages.body.data[0].message_id;
}

/** A bonus of nothing, so that it changes no money of others. */
export const bonusProgram = {
  merchant_id: 'm1',
  currency: 'CNY',
  period: 'month',
  measure: 'paid_amount',
  steps: [{ at_least: 0, rate_ppm: 0 }],
  mode: 'whole',
};

/** A campaign of nothing, so that it changes no money of others. */
export const campaign = {
  merchant_id: 'm1',
  name: 'June',
  starts_at: '2026-06-01T00:00:00Z',
  ends_at: '2099-01-01T00:00:00Z',
  boost: { rate_ppm: 0 },
  budget: { currency: 'CNY', total: 0 },
};

/** An offer of a product that nobody buys. */
export const offer = { kind: 'exclusive', product_ids: ['p9'], rate_ppm: 90_000, promoters: ['bob'], applications: 'review' };

/** A rule that gives 10 % to the promoter. */
export function ruleOf(name: string, scope: object): object {
  return { name, scope, plan: { base: 'paid_amount', rate_ppm: 100_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] } };
}

export function orderOf(orderId: string): object {
  return {
    merchant_id: 'm1',
    order_id: orderId,
    status: 'paid',
    currency: 'CNY',
    observed_at: new Date().toISOString(),
    paid_at: new Date().toISOString(),
    buyer: { openid: 'o1' },
    lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 9999 }],
  };
}
