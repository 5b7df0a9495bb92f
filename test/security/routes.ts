// Who may ask for what: every route under /v1, written down a second time by hand, with a request
// that its owner may send.

import { bonusProgram, campaign, NOBODY_LISTENS, offer, orderOf, ruleOf } from './market.ts';

/**
 * Keys of the owners: of the shop m1, of the merchant m1, and of the promoter alice. The admin may
 * do everything, and the auditor read everything and do what says so.
 */
type Owner = 'shop' | 'merchant' | 'alice' | 'auditor';

/** What an admin with a role may do besides reading, which all may where no row says otherwise. */
export type Role = 'operator' | 'finance' | 'risk';

export interface Route {
  /** Who may, beside the admin. */
  open: readonly Owner[];
  /** It asks for no key, and looks at none. */
  keyless?: boolean;
  /** It is of whoever asks: those may as well who own what is of m2 and bob. */
  ofItself?: boolean;
  /**
   * Which roles may; a row that reads and says nothing is open to all of them, any other to
   * operators.
   */
  roles?: readonly Role[];
  /**
   * The address with ids that are there: `{code}` and the like stand for those that the service has
   * given, `{new}` for one that is not.
   */
  url: string;
  /** A string goes as it is, as JSON lines or as what `type` says. */
  body?: object | string;
  type?: string;
  /**
   * The answer to those who may, where it is no 2xx: the market has no platform that could be
   * asked.
   */
  answered?: number;
}

/** The address is that of the route with the ids of the market in it, where no other is said. */
type Row = Omit<Route, 'url'> & Partial<Pick<Route, 'url'>>;

/** What is of m1 and alice, by the words in which the routes name it. */
const IDS: Record<string, string> = {
  merchant_id: 'm1',
  promoter_id: 'alice',
  product_id: 'p1',
  source_id: 'sw',
  type: 'promoter',
  value: 'A1',
  endpoint_id: 'e1',
  schedule_id: 'monthly',
  name: '{guard}',
  provider_id: 'manual',
  offer_id: 'pram',
};

const shop: Owner[] = ['shop'];
const alice: Owner[] = ['alice'];
const owners: Owner[] = ['shop', 'merchant'];
const both: Owner[] = ['shop', 'alice'];
const readers: Owner[] = ['shop', 'merchant', 'alice'];
const operator: Owner[] = [];
const finance: Role[] = ['finance'];
const ofMoney: Role[] = ['finance', 'risk'];
const auditors: Owner[] = ['auditor'];
const everyRole: Role[] = ['operator', 'finance', 'risk'];
const ofMerchant: Owner[] = ['merchant'];
const ofBoth: Owner[] = ['merchant', 'alice'];

const merchant = { name: 'taken over', currency: 'CNY', landing_hosts: ['evil.example.com'] };
const promoter = { name: 'taken over', kind: 'person', status: 'suspended' };
const link = { merchant_id: 'm1', promoter_id: 'alice', product_id: 'p1' };
const identities = { merchant_id: 'm1', identities: { openid: 'o1', phone: '1' } };
const claim = { promoter_id: 'alice', merchant_id: 'm1', order_id: '{new}', evidence: 'I sent it.' };
const writeOff = { promoter_id: 'alice', merchant_id: 'm1', currency: 'CNY', amount: 1, reason: 'I say so.' };
const thisMonth = new Date().toISOString().slice(0, 7);
const laterRule = { ...ruleOf('next', {}), name: undefined, scope: undefined };

/** In the order in which the owners send them in the end: what takes something away comes last. */
const TABLE: Record<string, Row> = {
  'GET /v1/audit-log': { open: operator },

  'GET /v1/merchants': { open: operator },
  'GET /v1/merchants/{merchant_id}': { open: owners },
  'GET /v1/merchants/{merchant_id}/products': { open: owners },
  'GET /v1/merchants/{merchant_id}/products/{product_id}': { open: owners },
  'PUT /v1/merchants/{merchant_id}/products/{product_id}': {
    open: ofMerchant,
    body: { title: 'taken over', landing_url: 'https://shop.example.com/p1', commissionable: false },
  },

  'GET /v1/merchants/{merchant_id}/balance': { open: ofMerchant },
  'GET /v1/merchants/{merchant_id}/invoices': { open: ofMerchant },
  'GET /v1/merchants/{merchant_id}/invoices/{month}': { open: ofMerchant, url: `/v1/merchants/m1/invoices/${thisMonth}` },
  'GET /v1/merchants/{merchant_id}/payments': { open: ofMerchant, roles: ['finance', 'risk'] },
  'POST /v1/merchants/{merchant_id}/payments': {
    open: operator,
    roles: ['finance'],
    body: { amount: 1, currency: 'CNY', reference: '{new}' },
  },
  'GET /v1/debts': { open: operator, roles: ['finance', 'risk'] },
  'GET /v1/debts/write-offs': { open: operator, roles: ['finance', 'risk'] },
  'GET /v1/debts/write-offs/{write_off_id}': { open: operator, roles: ['finance', 'risk'] },
  'POST /v1/debts/write-offs': { open: operator, roles: ['finance'], body: writeOff },
  'POST /v1/debts/write-offs/{write_off_id}/approval': { open: operator, roles: ['finance'], answered: 409 },
  'POST /v1/debts/write-offs/{write_off_id}/rejection': { open: operator, roles: ['finance'], body: { reason: 'I say so.' } },

  'GET /v1/promoters': { open: operator },
  'GET /v1/promoters/{promoter_id}': { open: alice },
  'GET /v1/promoters/{promoter_id}/balance': { open: alice },
  'GET /v1/promoters/{promoter_id}/entries': { open: alice },
  'GET /v1/promoters/{promoter_id}/statement.csv': { open: alice, url: `/v1/promoters/alice/statement.csv?month=${thisMonth}` },

  'GET /v1/promoters/{promoter_id}/statement': {
    open: alice,
    roles: ['finance', 'risk'],
    url: `/v1/promoters/alice/statement?month=${thisMonth}`,
  },
  'GET /v1/promoters/{promoter_id}/payout-requests': { open: alice, roles: ['finance', 'risk'] },
  'POST /v1/payout-requests': { open: alice, roles: ['finance'], body: { currency: 'CNY', promoter_id: 'alice' }, answered: 422 },

  'GET /v1/payout-schedules': { open: operator, roles: ['finance', 'risk'] },
  'GET /v1/payout-schedules/{schedule_id}': { open: operator, roles: ['finance', 'risk'] },
  'PUT /v1/payout-schedules/{schedule_id}': {
    open: operator,
    roles: ['finance'],
    body: { currency: 'JPY', day_of_month: 1, time_zone: 'UTC' },
  },
  'GET /v1/withholding/report': { open: operator, roles: ['finance', 'risk'], url: '/v1/withholding/report?quarter=2026-Q4' },

  // Asked for what no stream has, since a stream has no end.
  'GET /v1/statistics/stream': {
    open: both,
    url: '/v1/statistics/stream?merchant_id=m1&promoter_id=alice&group_by=product,link&compare=year',
    answered: 422,
  },
  'POST /v1/stream-tickets': { open: ['shop', 'alice', 'auditor'], ofItself: true, roles: everyRole },

  'GET /v1/links': { open: readers, url: '/v1/links?promoter_id=alice&merchant_id=m1' },
  'GET /v1/links/{code}': { open: readers },
  'GET /v1/links/{code}/qr.svg': { open: readers },
  'GET /v1/links/{code}/qr.png': { open: readers },
  'POST /v1/links': { open: both, body: link },
  'POST /v1/links/batch': { open: both, body: { links: [link, link] } },
  'POST /v1/clicks': { open: shop, body: { code: '{code}', buyer: { openid: 'o9' } } },
  'POST /v1/identities': { open: shop, body: identities },
  'POST /v1/identities/previews': { open: shop, body: identities },
  'GET /v1/identities/statements': { open: operator, url: '/v1/identities/statements?merchant_id=m1' },
  'POST /v1/identities/{statement_id}/reversal/previews': { open: operator },

  'GET /v1/sources': { open: operator },
  'GET /v1/sources/{source_id}': { open: operator },
  'PUT /v1/sources/{source_id}': {
    open: operator,
    body: { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: 'whsec_dGFrZW4gb3ZlciBieSBzb21lYm9keSBlbHNl' } },
  },
  'GET /v1/sources/{source_id}/lock-days': { open: operator, url: '/v1/sources/sw/lock-days?shop=1', answered: 422 },
  'GET /v1/sources/{source_id}/mappings': { open: operator },
  'POST /v1/sources/{source_id}/mappings': { open: operator, body: '{"type":"promoter","value":"A2","promoter_id":"bob"}\n' },
  'GET /v1/sources/{source_id}/mappings/{type}/{value}': { open: operator },
  'PUT /v1/sources/{source_id}/mappings/{type}/{value}': { open: operator, body: { promoter_id: 'bob' } },

  'POST /v1/reconciliations': {
    open: operator,
    url: '/v1/reconciliations?merchant_id=m1',
    body: 'order_id,status\nO-1,taken over',
    type: 'text/csv',
  },
  'GET /v1/reconciliations/{reconciliation_id}': { open: operator },

  'GET /v1/statistics': { open: both, url: '/v1/statistics?merchant_id=m1&promoter_id=alice' },
  'GET /v1/statistics/rows': { open: both, url: '/v1/statistics/rows?measure=clicks&merchant_id=m1&promoter_id=alice' },
  'GET /v1/funnel': { open: both, url: '/v1/funnel?merchant_id=m1&promoter_id=alice' },

  'GET /v1/orders': { open: readers, url: '/v1/orders?merchant_id=m1&promoter_id=alice' },
  'GET /v1/orders/{source_id}/{order_id}': { open: readers, url: '/v1/orders/rest/O-1' },
  'GET /v1/orders/{source_id}/{order_id}/explanation': { open: readers, url: '/v1/orders/rest/O-1/explanation' },
  'POST /v1/orders': { open: shop, body: { ...orderOf('O-2'), promoter_id: 'bob' } },
  'GET /v1/deliveries': { open: shop, url: '/v1/deliveries?merchant_id=m1' },
  'GET /v1/deliveries/{delivery_id}': { open: shop },
  'POST /v1/deliveries/{delivery_id}/replays': { open: operator },
  'POST /v1/deliveries/replays': { open: operator, body: { state: 'processed' } },

  'POST /v1/erasures': { open: operator, body: { merchant_id: 'm1', buyer: { openid: 'o-of-nobody' } } },
  'GET /v1/erasures': { open: operator },
  'GET /v1/erasures/{erasure_id}': { open: operator },
  'GET /v1/claims': { open: readers, url: '/v1/claims?promoter_id=alice&merchant_id=m1' },
  'GET /v1/claims/{claim_id}': { open: readers },
  'POST /v1/claims': { open: alice, roles: ['operator', 'risk'], body: claim },
  'POST /v1/claims/{claim_id}/decision': {
    open: operator,
    roles: ['operator', 'risk'],
    body: { decision: 'approve', reason: 'I say so.' },
  },

  'GET /v1/rules': { open: operator },
  'GET /v1/rules/{rule_id}': { open: operator },
  'GET /v1/rules/effective': { open: operator, url: '/v1/rules/effective?merchant_id=m1&product_id=p1&promoter_id=alice' },
  'POST /v1/rules': { open: operator, body: ruleOf('for bob', { promoter_id: 'bob' }) },
  'POST /v1/rules/{rule_id}/versions': { open: operator, body: laterRule },

  'GET /v1/offers': { open: readers, url: '/v1/offers?promoter_id=alice&merchant_id=m1' },
  'GET /v1/recommendations': { open: readers, url: '/v1/recommendations?promoter_id=alice&merchant_id=m1' },
  'POST /v1/offers/{offer_id}/applications': { open: alice, body: { promoter_id: 'alice', merchant_id: 'm1' }, answered: 409 },
  'GET /v1/offer-applications': { open: ofBoth, url: '/v1/offer-applications?promoter_id=alice&merchant_id=m1' },
  'GET /v1/offer-applications/{application_id}': { open: ofBoth },
  'POST /v1/offer-applications/{application_id}/decision': { open: ofMerchant, body: { decision: 'accept' }, answered: 409 },
  'GET /v1/merchants/{merchant_id}/offers': { open: ofMerchant },
  'GET /v1/merchants/{merchant_id}/offers/{offer_id}': { open: ofMerchant },
  'PUT /v1/merchants/{merchant_id}/offers/{offer_id}': { open: ofMerchant, body: { ...offer, rate_ppm: 1_000_000 } },

  'GET /v1/tier-programs': { open: operator },
  'GET /v1/tier-programs/{program_id}': { open: operator, url: '/v1/tier-programs/tiers' },
  'GET /v1/tier-programs/{program_id}/tiers': { open: operator, url: '/v1/tier-programs/tiers/tiers' },
  'PUT /v1/tier-programs/{program_id}': {
    open: operator,
    url: '/v1/tier-programs/tiers',
    body: { merchant_id: 'm1', measure: 'orders', tiers: [{ tier: 'gold', at_least: 1 }] },
  },
  'GET /v1/bonus-programs': { open: operator },
  'GET /v1/bonus-programs/{program_id}': { open: operator, url: '/v1/bonus-programs/spring' },
  'GET /v1/bonus-programs/{program_id}/progress': { open: alice, url: '/v1/bonus-programs/spring/progress?promoter_id=alice' },
  'PUT /v1/bonus-programs/{program_id}': {
    open: operator,
    url: '/v1/bonus-programs/spring',
    body: { ...bonusProgram, steps: [{ at_least: 0, rate_ppm: 1_000_000 }] },
  },
  'GET /v1/campaigns': { open: operator },
  'GET /v1/campaigns/{campaign_id}': { open: operator, url: '/v1/campaigns/june' },
  'PUT /v1/campaigns/{campaign_id}': { open: operator, url: '/v1/campaigns/june', body: { ...campaign, name: 'June, by somebody' } },
  'POST /v1/campaigns/{campaign_id}/pause': { open: operator, url: '/v1/campaigns/june/pause', body: {} },
  'POST /v1/campaigns/{campaign_id}/resumption': { open: operator, url: '/v1/campaigns/june/resumption' },
  'POST /v1/rules/checks': { open: operator, body: ruleOf('checked', { promoter_id: 'bob' }) },
  'POST /v1/rules/{rule_id}/reversion': { open: operator, body: { to_version: 1 } },
  'GET /v1/rule-drafts': { open: ofMerchant, url: '/v1/rule-drafts?merchant_id=m1' },
  'GET /v1/rule-drafts/{draft_id}': { open: ofMerchant },
  'POST /v1/rule-drafts': { open: ofMerchant, body: { rule: ruleOf('{new}', { merchant_id: 'm1', promoter_id: 'bob' }) } },
  'PUT /v1/rule-drafts/{draft_id}': { open: ofMerchant, body: { rule: ruleOf('mine', { merchant_id: 'm1', promoter_id: 'bob' }) } },
  'POST /v1/rule-drafts/{draft_id}/approval': { open: operator, body: { content_hash: '0'.repeat(64) }, answered: 409 },
  'POST /v1/rule-drafts/{draft_id}/publication': { open: operator, answered: 409 },
  'POST /v1/rule-drafts/{draft_id}/rejection': { open: operator, body: { reason: 'I say so.' } },

  'POST /v1/rule-simulations': {
    open: auditors,
    roles: everyRole,
    body: {
      changes: [ruleOf('rehearsed', { promoter_id: 'alice' })],
      from: '2026-06-01T00:00:00Z',
      to: '2099-06-01T00:00:00Z',
      currency: 'CNY',
    },
  },
  'GET /v1/rule-simulations/{simulation_id}': { open: operator },
  'GET /v1/rule-simulations/{simulation_id}/orders': { open: operator },
  'GET /v1/rule-simulations/{simulation_id}/orders.csv': { open: operator },
  'DELETE /v1/rule-simulations/{simulation_id}': { open: auditors, roles: everyRole, answered: 409 },

  'GET /v1/re-ratings': { open: operator },
  'POST /v1/re-ratings': {
    open: operator,
    body: { merchant_id: 'm1', from: '2026-06-01T00:00:00Z', to: '2026-06-02T00:00:00Z', reason: 'I say so.', currency: 'CNY' },
  },
  'GET /v1/re-ratings/{re_rating_id}': { open: operator },
  'GET /v1/re-ratings/{re_rating_id}/orders': { open: operator },
  'GET /v1/re-ratings/{re_rating_id}/orders.csv': { open: operator },
  'POST /v1/re-ratings/{re_rating_id}/approval': { open: operator, body: { content_hash: '0'.repeat(64) }, answered: 409 },
  'DELETE /v1/re-ratings/{re_rating_id}': { open: operator, answered: 409 },

  'GET /v1/ledger/trial-balance': { open: operator },
  'GET /v1/ledger/accounts': { open: operator, url: '/v1/ledger/accounts?promoter_id=alice' },
  'GET /v1/ledger/transfers': { open: operator, url: '/v1/ledger/transfers?order_id=O-1' },
  'GET /v1/guards': { open: operator },
  'GET /v1/guards/{name}': { open: operator },
  'POST /v1/guards/{name}/runs': { open: operator, roles: ['operator', 'finance', 'risk'] },

  'GET /v1/payout-providers': { open: operator, roles: ofMoney },
  'GET /v1/payout-providers/{provider_id}': { open: operator, roles: ofMoney },
  'PUT /v1/payout-providers/{provider_id}': { open: operator, roles: finance, body: { kind: 'manual' } },
  'POST /v1/payout-providers/{provider_id}/resumption': { open: operator, roles: finance },
  'GET /v1/promoters/{promoter_id}/payee': { open: alice, roles: ofMoney },
  'POST /v1/promoters/{promoter_id}/payee/confirmation': { open: operator, roles: finance, answered: 403 },
  'GET /v1/promoters/{promoter_id}/payouts': { open: alice, roles: ofMoney },
  'GET /v1/payout-batches': { open: operator, roles: ofMoney },
  'POST /v1/payout-batches': { open: operator, roles: finance, body: { currency: 'CNY' } },
  'GET /v1/payout-batches/{batch_id}': { open: operator, roles: ofMoney },
  'GET /v1/payout-batches/{batch_id}/payouts': { open: operator, roles: ofMoney },
  'GET /v1/payout-batches/{batch_id}/skipped': { open: operator, roles: ofMoney },
  'GET /v1/payout-batches/{batch_id}/file': { open: operator, roles: finance, answered: 404 },
  'POST /v1/payout-batches/{batch_id}/results': {
    open: operator,
    roles: finance,
    body: 'payout_id,state\nnone,paid\n',
    type: 'text/csv',
  },
  'POST /v1/payout-batches/{batch_id}/approval': { open: operator, roles: finance, body: { content_hash: '0'.repeat(64) }, answered: 409 },
  'GET /v1/payouts/{payout_id}': { open: alice, roles: ofMoney },
  'GET /v1/payouts/{payout_id}/action': { open: alice, roles: [], answered: 404 },
  'POST /v1/payouts/{payout_id}/results': { open: operator, roles: finance, body: { state: 'paid' }, answered: 409 },
  'POST /v1/payouts/{payout_id}/results/confirmation': { open: operator, roles: finance, answered: 404 },
  'POST /v1/payouts/{payout_id}/corrections': {
    open: operator,
    roles: finance,
    body: { state: 'paid', reason: 'I say so.' },
    answered: 409,
  },
  'POST /v1/payouts/{payout_id}/corrections/approval': { open: operator, roles: finance, answered: 404 },
  'POST /v1/payouts/{payout_id}/cancellation': { open: operator, roles: finance, body: { reason: 'I say so.' }, answered: 409 },
  'POST /v1/payout-batches/{batch_id}/cancellation': { open: operator, roles: finance },
  'PUT /v1/promoters/{promoter_id}/payee': {
    open: alice,
    roles: finance,
    body: { kind: 'individual', name: 'Mallory', provider_id: 'manual' },
  },

  'GET /v1/webhook-endpoints': { open: operator },
  'GET /v1/webhook-endpoints/{endpoint_id}': { open: operator },
  'GET /v1/webhook-endpoints/{endpoint_id}/messages': { open: operator },
  'GET /v1/webhook-messages/{message_id}': { open: operator },
  'POST /v1/webhook-messages/{message_id}/redeliveries': { open: operator },
  'POST /v1/webhook-endpoints/{endpoint_id}/secret-rotations': { open: operator },
  'PUT /v1/webhook-endpoints/{endpoint_id}': {
    open: operator,
    body: { url: `${NOBODY_LISTENS}/of-mine`, events: ['order.*', 'commission.*'] },
  },

  'POST /v1/imports/merchants': { open: operator, body: `${JSON.stringify({ merchant_id: 'm1', ...merchant })}\n` },
  'POST /v1/imports/products': { open: operator, body: '{"merchant_id":"m1","product_id":"p1","title":"x"}\n' },
  'POST /v1/imports/promoters': { open: operator, body: `${JSON.stringify({ promoter_id: 'alice', ...promoter })}\n` },
  'POST /v1/imports/links': { open: operator, body: `${JSON.stringify(link)}\n` },

  'GET /v1/keys': { open: operator },
  'POST /v1/keys': { open: operator, roles: [], body: { scope: 'admin', label: 'mine now' } },
  'POST /v1/sessions': { open: ['shop', 'merchant', 'alice', 'auditor'], ofItself: true, roles: everyRole },
  'GET /v1/sessions': { open: ['shop', 'merchant', 'alice'], ofItself: true },
  'DELETE /v1/sessions/{session_id}': {
    open: ['shop', 'merchant', 'alice', 'auditor'],
    ofItself: true,
    roles: everyRole,
    url: '/v1/sessions/current',
    answered: 404,
  },
  'POST /v1/promoters/{promoter_id}/sign-in-links': { open: operator },
  'GET /v1/me': { open: ['shop', 'merchant', 'alice'], ofItself: true },
  'POST /v1/identities/{statement_id}/reversal': { open: operator },
  'POST /v1/rules/{rule_id}/end': { open: operator, body: {} },
  'PUT /v1/merchants/{merchant_id}': { open: operator, body: merchant },
  'PUT /v1/promoters/{promoter_id}': { open: operator, body: promoter },
  'DELETE /v1/webhook-endpoints/{endpoint_id}': { open: operator },
  'DELETE /v1/payout-schedules/{schedule_id}': { open: operator, roles: ['finance'] },
  'DELETE /v1/keys/{key_id}': { open: operator, roles: [] },
};

export const ROUTES: Record<string, Route> = Object.fromEntries(
  Object.entries(TABLE).map(([name, row]) => [name, { url: addressOf(name), ...row }]),
);

function addressOf(name: string): string {
  return name.slice(name.indexOf('/')).replaceAll(/\{(\w+)\}/g, (whole, id: string) => IDS[id] ?? whole);
}
