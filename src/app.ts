// The service over HTTP: every route, and what they need to be durable and quick. It does not
// listen.
import type { Registry } from '@prometheus-io/client';
import { API_DOCUMENT } from './api-document.ts';
import { claimRoutes } from './claims/claim-routes.ts';
import { tellClaim } from './claims/claim-events.ts';
import { markDueByIdentities, markNamedDue } from './commission/award/due-store.ts';
import { identityPreviewRoutes } from './commission/orders/identity-preview-routes.ts';
import { orderViewRoutes as awardedOrderRoutes } from './commission/orders/order-view-routes.ts';
import { bonusProgramRoutes } from './commission/bonuses/bonus-program-routes.ts';
import { campaignRoutes } from './commission/campaigns/campaign-routes.ts';
import { campaignsNaming } from './commission/campaigns/campaign-store.ts';
import { draftRoutes } from './commission/rules/drafts/draft-routes.ts';
import { merchantDrafts } from './commission/rules/drafts/merchant-drafts.ts';
import { campaignDrafts } from './commission/rules/drafts/campaign-drafts.ts';
import { applicationRoutes } from './commission/offers/application-routes.ts';
import { offerRoutes } from './commission/offers/offer-routes.ts';
import { sharedProductRoutes } from './commission/offers/offered-product-routes.ts';
import { offerDrafts } from './commission/rules/drafts/offer-drafts.ts';
import { programDrafts } from './commission/rules/drafts/program-drafts.ts';
import { endDrafts, reversionDrafts, ruleDrafts } from './commission/rules/drafts/rule-drafts.ts';
import { tierProgramRoutes } from './commission/tiers/tier-program-routes.ts';
import { reRatingRoutes } from './commission/re-ratings/re-rating-routes.ts';
import { ruleRoutes } from './commission/rules/rule-routes.ts';
import { simulationRoutes } from './commission/simulations/simulation-routes.ts';
import { emptyRuleCache } from './commission/rules/rule-cache.ts';
import { consoleRoutes } from './console/routes.ts';
import { pullDeps, sendingDeps, type Runtime } from './runtime.ts';
import type { Guard } from './guards/guard.ts';
import { erasureRoutes } from './erasures/erasure-routes.ts';
import { guardRoutes } from './guards/guard-routes.ts';
import { healthRoutes } from './health.ts';
import { deliveryRoutes } from './inbox/deliveries/delivery-routes.ts';
import { deliveryWriter, type DeliveryWriter } from './inbox/door/delivery-writer.ts';
import { knownMerchants } from './inbox/door/known-merchants.ts';
import { orderReportRoutes } from './inbox/door/order-report-routes.ts';
import { unpark } from './inbox/parking.ts';
import { webhookRoutes, WEBHOOKS } from './inbox/door/webhook-routes.ts';
import { accountCache } from './ledger/booking-store.ts';
import { ledgerRoutes } from './ledger/ledger-routes.ts';
import { mePageRoutes } from './me/routes.ts';
import { batchFileRoutes } from './payouts/batches/batch-file-routes.ts';
import { batchRoutes } from './payouts/batches/batch-routes.ts';
import { noticeRoutes } from './payouts/bills/notice-routes.ts';
import type { DraftDeps } from './payouts/batches/drafting.ts';
import { payeeRoutes } from './payouts/payees/payee-routes.ts';
import { payoutRoutes } from './payouts/payout-routes.ts';
import { providerRoutes } from './payouts/providers/provider-routes.ts';
import { allowedFor } from './platform/net/address.ts';
import { webhookEndpointRoutes } from './outbound/endpoint-routes.ts';
import { webhookMessageRoutes } from './outbound/message-routes.ts';
import { payoutRequestRoutes } from './payouts/requests/request-routes.ts';
import { scheduleRoutes } from './payouts/schedules/schedule-routes.ts';
import { nextPayouts } from './payouts/schedules/scheduled-drafts.ts';
import { readableStatementRoutes } from './payouts/statements/readable-statement-routes.ts';
import { withholdingReportRoutes } from './payouts/withholding/report-routes.ts';
import { debtRoutes } from './payouts/debts/debt-routes.ts';
import { invoiceRoutes } from './payouts/invoices/invoice-routes.ts';
import { merchantsOwing } from './payouts/invoices/merchant-balance.ts';
import { paymentRoutes } from './payouts/invoices/payment-routes.ts';
import { auditLogRoutes } from './platform/keys/audit-log-routes.ts';
import { requireKeys } from './platform/keys/auth.ts';
import { knownKeys } from './platform/keys/known-keys.ts';
import { dedicatedConnection } from './platform/postgres/dedicated-connection.ts';
import { openHotRoutes } from './platform/http/hot-routes.ts';
import { furnish, openHttp } from './platform/http/http.ts';
import type { App } from './platform/http/app.ts';
import { keysRoutes } from './platform/keys/keys-routes.ts';
import { meRoute, sessionRoutes } from './platform/keys/session-routes.ts';
import { streamTicketRoutes } from './platform/keys/stream-ticket-routes.ts';
import { hotCounter, serveMetrics, timeRequests } from './platform/process/metrics.ts';
import { collectOpenApi, serveOpenApi } from './platform/http/openapi.ts';
import type { Queue } from './platform/queue/queue.ts';
import { rateCounts, type RateCounts } from './platform/http/rate-counts.ts';
import { limitRates, refusedCallers, type RateLimits, type RefusedCallers } from './platform/http/rate-limit.ts';
import type { ClickPath } from './promotion/clicks/click-path.ts';
import { clickRoutes } from './promotion/clicks/click-routes.ts';
import { identityRoutes } from './promotion/buyers/identity-routes.ts';
import { importRoutes } from './promotion/imports.ts';
import { linkRoutes } from './promotion/links/link-routes.ts';
import type { MerchantMade, OnEvidence, PromotersChanged } from './promotion/listeners.ts';
import { merchantRoutes, productRoutes } from './promotion/merchants/merchant-routes.ts';
import { merchantExists } from './promotion/merchants/merchant-store.ts';
import { refuseSuspended } from './promotion/promoters/promoter-keys.ts';
import { promoterRoutes } from './promotion/promoters/promoter-routes.ts';
import { promoterExists } from './promotion/promoters/promoter-store.ts';
import { REDIRECT, redirectRoutes } from './promotion/clicks/redirect.ts';
import { askingForLinks } from './pull/tracked-links.ts';
import { oidcSettings } from './sign-in/oidc.ts';
import { signInRoutes } from './sign-in/sign-in-routes.ts';
import { lockDaysRoutes } from './pull/lock-days-routes.ts';
import { reconciliationRoutes } from './pull/reconciliations/reconciliation-routes.ts';
import { mappingRoutes } from './sources/connections/mapping-routes.ts';
import { sourcesRoutes } from './sources/connections/source-routes.ts';
import { statisticsStreamRoutes } from './statistics/stream/stream-routes.ts';
import { sourceCache, type SourceCache } from './sources/connections/source-cache.ts';
import type { Adapter } from './sources/source.ts';
import { funnelRoutes } from './statistics/reading/funnel-routes.ts';
import { recommendationRoutes } from './selection/recommendation-routes.ts';
import { statisticsRoutes } from './statistics/reading/statistics-routes.ts';

const VERSION = '0.1.0';

/**
 * Order systems wait five seconds for an answer; before that we say that we cannot store, so that
 * they send again.
 */
const DELIVERY_DEADLINE_MS = 3000;

interface AppDeps {
  runtime: Runtime;
  queue: Queue;
  adapters: readonly Adapter[];
  guards: readonly Guard[];
  registry: Registry;
  clickPath: ClickPath;
}

/** New evidence about buyers lets their orders be awarded again. */
export const onEvidence: OnEvidence = (trx, _merchantId, identities, now) => markDueByIdentities(trx, identities, now);

const merchantMade: MerchantMade = async (trx, merchantId) => {
  await unpark(trx, [`merchant:${merchantId}`]);
};

const promotersChanged: PromotersChanged = async (trx, promoterIds, now) => {
  await unpark(
    trx,
    promoterIds.map((promoterId) => `promoter:${promoterId}`),
  );
  await markNamedDue(trx, promoterIds, now);
};

/** Builds the server with all its routes. Closing it makes durable whatever it has taken. */
export async function buildApp(deps: AppDeps): Promise<App> {
  const { runtime, queue, guards, registry } = deps;
  const { config, db, log } = runtime;
  const app = openHttp({ logger: log, trustProxy: config.trustProxy });
  await collectOpenApi(app, { version: VERSION, ...API_DOCUMENT });
  const door = openDoor(app, deps);
  const { counts, limits } = rates(app, runtime);
  await serveHot(app, { ...deps, counts }, door);

  await app.register(async (scope) => {
    const rest = scope as App;
    furnish(rest);
    await serveOpenApi(rest);
    timeRequests(rest, registry);
    const keys = knownKeys(db, (error) => log.warn({ err: error }, 'the last use of a key was not noted'));
    const refused = refusedCallers(counts, 'key', config.rateRefused);
    const operations = requireKeys(rest, keys, refused);
    // Whoever watches the service is never told that he asks too often.
    healthRoutes(rest, { db });
    await limitRates(rest, counts, limits);
    serveMetrics(rest, registry);
    refuseSuspended(rest, db);
    consoleRoutes(rest);
    mePageRoutes(rest, { timeZone: config.taxTimeZone });
    keysRoutes(rest, { db, keys, parties: { merchantExists, promoterExists } });
    sessionRoutes(rest, { db, keys, publicUrl: config.publicUrl });
    signInRoutes(rest, { db, keys, publicUrl: config.publicUrl, tokenKeys: runtime.tokenKeys, refused, oidc: oidcSettings(config) });
    meRoute(rest, operations);
    streamTicketRoutes(rest, { db });
    auditLogRoutes(rest, db);
    servePromotion(rest, deps);
    serveOrders(rest, deps, door);
    serveRules(rest, deps);
    const award = {
      db,
      tokenKeys: runtime.tokenKeys,
      identityKey: runtime.identityKey,
      levelsMax: config.referralLevelsMax,
      ruleCache: emptyRuleCache(),
    };
    awardedOrderRoutes(rest, { db });
    statisticsRoutes(rest, db);
    funnelRoutes(rest, db);
    recommendationRoutes(rest, { db, levelsMax: config.referralLevelsMax, ruleCache: emptyRuleCache() });
    identityPreviewRoutes(rest, award);
    claimRoutes(rest, { db, award, tell: tellClaim, nudge: queue.nudge });
    servePayoutWishes(rest, runtime);
    servePayouts(rest, deps, refusedCallers(counts, 'push', config.rateRefused));
    serveMerchantMoney(rest, runtime);
    erasureRoutes(rest, { db, identityKey: runtime.identityKey, onAsked: () => queue.nudge('erasures') });
    lockDaysRoutes(rest, pullDeps(runtime, deps.adapters, door.onDelivered));
    reconciliationRoutes(rest, { db, adapters: deps.adapters, onAsked: () => queue.nudge('pull') });
    guardRoutes(rest, { db, guards });
    statisticsStreamRoutes(rest, { db, log, registry, limits: { perKey: config.streamsPerKey, inAll: config.streamsMax } });
    webhookEndpointRoutes(rest, { db, keys: runtime.masterKeys, allowed: allowedFor(config.publicUrl) });
    webhookMessageRoutes(rest, { db, onAnnounced: () => queue.nudge('messages') });
  });
  return app;
}

/**
 * What promoters are told of their money and ask of it, and what is drafted without being asked
 * for.
 */
function servePayoutWishes(app: App, runtime: Runtime): void {
  const { db, config } = runtime;
  const deps = draftDeps(runtime);
  ledgerRoutes(app, { db, nextPayouts: (promoterId) => nextPayouts(db, deps, promoterId) });
  readableStatementRoutes(app, { db, taxTimeZone: config.taxTimeZone });
  withholdingReportRoutes(app, { db, taxes: deps.taxes });
  payoutRequestRoutes(app, { db, ...deps });
  scheduleRoutes(app, { db });
}

/** How often anybody may call, and how often anybody did, in all processes. */
function rates(app: App, { config, db, log }: Runtime): { counts: RateCounts; limits: RateLimits } {
  const counts = rateCounts(db, (error) => log.warn({ err: error }, 'limits of requests hold for this process alone'));
  app.addHook('onClose', () => counts.close());
  return { counts, limits: { perKey: config.ratePerCaller, perAddress: config.ratePerAddress } };
}

/** The two routes that most requests are for, each in a scope of its own. */
async function serveHot(app: App, deps: AppDeps & { counts: RateCounts }, door: Door): Promise<void> {
  const { clickPath, adapters, registry, counts, runtime } = deps;
  const refused = refusedCallers(counts, 'push', runtime.config.rateRefused);
  const count = hotCounter(registry);
  const { publicUrl, rateRedirects: redirectsPerAddress } = runtime.config;
  const { tokenKeys, identityKey } = runtime;
  const { links, clicks, onLost, onFlooded } = clickPath;
  await openHotRoutes(app, {
    url: REDIRECT,
    count,
    routes: (scope) => {
      redirectRoutes(scope, { publicUrl, tokenKeys, identityKey, links, clicks, redirectsPerAddress, onLost, onFlooded });
    },
  });
  await openHotRoutes(app, { url: WEBHOOKS, count, routes: (scope) => webhookRoutes(scope, { ...door, adapters, registry, refused }) });
}

/** Rules, offers, programs, and the drafts of whatever changes what is earned. */
function serveRules(app: App, { runtime: { config, db }, queue }: AppDeps): void {
  const deps = { db, levelsMax: config.referralLevelsMax, reviewRequired: config.ruleReview === 'required', nudge: queue.nudge };
  ruleRoutes(app, deps);
  simulationRoutes(app, deps);
  reRatingRoutes(app, deps);
  draftRoutes(app, {
    ...deps,
    kinds: [ruleDrafts, endDrafts, reversionDrafts, offerDrafts, programDrafts, campaignDrafts, merchantDrafts],
  });
  offerRoutes(app, deps);
  sharedProductRoutes(app, { ...deps, ruleCache: emptyRuleCache() });
  applicationRoutes(app, deps);
  tierProgramRoutes(app, deps);
  bonusProgramRoutes(app, deps);
  campaignRoutes(app, deps);
}

/** Merchants, promoters, links and clicks. */
function servePromotion(app: App, { runtime, queue, clickPath, adapters }: AppDeps): void {
  const { db, tokenKeys, identityKey } = runtime;
  const { publicUrl, linksPerDay, ruleReview } = runtime.config;
  const reviewRequired = ruleReview === 'required';
  const { links } = clickPath;
  const { nudge } = queue;
  const askForLink = askingForLinks(pullDeps(runtime, adapters, () => nudge('deliveries')));
  merchantRoutes(app, { db, links, merchantMade, reviewRequired, nudge });
  productRoutes(app, { db });
  promoterRoutes(app, { db, links, promotersChanged, nudge });
  importRoutes(app, { db, links, merchantMade, reviewRequired, promotersChanged, nudge });
  linkRoutes(app, { db, publicUrl, tokenKeys, linksPerDay, askForLink, acceptedInto: campaignsNaming });
  clickRoutes(app, { db, links, tokenKeys, identityKey, onEvidence, nudge });
  identityRoutes(app, { db, tokenKeys, identityKey, onEvidence, nudge });
}

/** What merchants owe and pay, and what promoters owe. */
function serveMerchantMoney(app: App, { db, config }: Runtime): void {
  const accounts = accountCache();
  invoiceRoutes(app, { db });
  paymentRoutes(app, { db, accounts });
  debtRoutes(app, { db, accounts, taxTimeZone: config.taxTimeZone });
}

/** The one door: the writer of deliveries, the sources whose pushes it takes, and whom it tells. */
interface Door {
  writer: DeliveryWriter;
  sources: SourceCache;
  onDelivered: () => void;
}

function openDoor(app: App, { runtime, queue }: AppDeps): Door {
  const { db, log, connectionString, masterKeys } = runtime;
  const connection = dedicatedConnection({
    connectionString,
    applicationName: 'fenyong deliveries',
    log,
    deadlineMs: DELIVERY_DEADLINE_MS,
  });
  const writer = deliveryWriter(connection);
  app.addHook('onClose', async () => {
    await writer.close();
    await connection.close();
  });
  return { writer, sources: sourceCache(db, masterKeys), onDelivered: () => queue.nudge('deliveries') };
}

/** Money out: payees, providers, batches, payouts. */
function servePayouts(app: App, { runtime, queue, registry }: AppDeps, refused: RefusedCallers): void {
  const { config, db, masterKeys: keys, identityKey } = runtime;
  const { payeeChangeWaitHours } = config;
  payeeRoutes(app, { db, keys, identityKey, payeeChangeWaitHours, promoterExists });
  providerRoutes(app, { db, keys });
  batchRoutes(app, { db, nudge: queue.nudge, ...draftDeps(runtime) });
  batchFileRoutes(app, { db, keys, accounts: accountCache() });
  payoutRoutes(app, { db, accounts: accountCache(), nudge: queue.nudge });
  noticeRoutes(app, { ...sendingDeps(runtime), refused, registry, nudge: () => queue.nudge('payouts') });
}

/** What a draft and an approval go by; a line of the log says how far one of many pages is. */
export function draftDeps({ config, log, masterKeys: keys, identityKey: numberKey }: Runtime): DraftDeps {
  const { withholding, withholdingGap, taxTimeZone, payeeChangeWaitHours } = config;
  const taxes = { scheme: withholding, gap: withholdingGap, timeZone: taxTimeZone };
  const onProgress: DraftDeps['onProgress'] = ({ work, batchId, payouts }) =>
    log.info({ work, batch_id: batchId, payouts }, 'payouts of a batch so far, not committed yet');
  return { taxes, keys, numberKey, payeeChangeWaitHours, merchantsOwing, onProgress };
}

/** Sources, and the orders and deliveries that come from them. */
function serveOrders(app: App, { runtime }: AppDeps, door: Door): void {
  const { db, masterKeys: keys } = runtime;
  const { sources, onDelivered } = door;
  const sourcesDeps = { db, keys, cache: sources, unpark, onDelivered };
  sourcesRoutes(app, sourcesDeps);
  mappingRoutes(app, sourcesDeps);
  orderReportRoutes(app, { db, merchants: knownMerchants(db), ...door });
  deliveryRoutes(app, { db, onDelivered });
}
