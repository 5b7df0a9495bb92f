// The service over HTTP: every route, and what they need to be durable and quick. It does not listen.
import type { Registry } from '@prometheus-io/client';
import { markDueByIdentities, markNamedDue } from './commission/due-store.ts';
import { orderRoutes as awardedOrderRoutes } from './commission/order-routes.ts';
import { ruleRoutes } from './commission/rule-routes.ts';
import { consoleRoutes } from './console/routes.ts';
import type { Ground } from './ground.ts';
import type { Guard } from './guards/guard.ts';
import { guardRoutes } from './guards/routes.ts';
import { healthRoutes } from './health.ts';
import { deliveryRoutes } from './inbox/delivery-routes.ts';
import { deliveryWriter } from './inbox/delivery-writer.ts';
import { knownMerchants } from './inbox/merchants-known.ts';
import { orderRoutes } from './inbox/order-routes.ts';
import { unpark } from './inbox/parking.ts';
import { webhookRoutes } from './inbox/webhook-routes.ts';
import { ledgerRoutes } from './ledger/routes.ts';
import { auditLogRoutes } from './platform/audit-log-routes.ts';
import { knownKeys, requireKeys } from './platform/auth.ts';
import { dedicatedConnection } from './platform/dedicated-connection.ts';
import { buildHttp, type App } from './platform/http.ts';
import { keysRoutes } from './platform/keys-routes.ts';
import { serveMetrics } from './platform/metrics.ts';
import { serveOpenApi } from './platform/openapi.ts';
import type { Queue } from './platform/queue.ts';
import type { ClickPath } from './promotion/click-path.ts';
import { clickRoutes } from './promotion/click-routes.ts';
import type { PromotionDeps } from './promotion/deps.ts';
import { identityRoutes } from './promotion/identity-routes.ts';
import { importRoutes } from './promotion/imports.ts';
import { linkRoutes } from './promotion/link-routes.ts';
import { merchantRoutes, productRoutes } from './promotion/merchant-routes.ts';
import { promoterRoutes } from './promotion/promoter-routes.ts';
import { redirectRoutes } from './promotion/redirect.ts';
import { mappingRoutes } from './sources/mapping-routes.ts';
import { sourcesRoutes } from './sources/routes.ts';
import { sourceCache } from './sources/source-cache.ts';
import type { Adapter } from './sources/source.ts';

export const VERSION = '0.1.0';

/** Order systems wait five seconds for an answer; before that we say that we cannot store, so that they send again. */
const DELIVERY_DEADLINE_MS = 3000;

const TAGS = [
  { name: 'merchants', description: 'Who sells, what, and on which terms.' },
  { name: 'promoters', description: 'Who shares, and who invited whom.' },
  { name: 'links', description: 'Shares, clicks, buyers.' },
  { name: 'sources', description: 'Connections to order systems.' },
  { name: 'orders', description: 'Reports of orders, and what orders earn.' },
  { name: 'rules', description: 'How much is earned, and how it is split.' },
  { name: 'ledger', description: 'The books.' },
  { name: 'guards', description: 'The laws of the books, checked all the time.' },
];

export interface AppDeps {
  ground: Ground;
  queue: Queue;
  adapters: readonly Adapter[];
  guards: readonly Guard[];
  registry: Registry;
  clickPath: ClickPath;
}

/** New evidence about buyers lets their orders be awarded again. */
export const onEvidence: PromotionDeps['onEvidence'] = (trx, _merchantId, identities, now) => markDueByIdentities(trx, identities, now);

/** Builds the server with all its routes. Closing it makes durable whatever it has taken. */
export async function buildApp(deps: AppDeps): Promise<App> {
  const { ground, queue, guards, registry } = deps;
  const { config, db, log } = ground;
  const app = buildHttp({ logger: log, trustProxy: config.trustProxy });
  await serveOpenApi(app, { version: VERSION, tags: TAGS });
  serveMetrics(app, registry);
  const keys = knownKeys(db, (error) => log.warn({ err: error }, 'the last use of a key was not noted'));
  app.addHook('onClose', () => keys.close());
  requireKeys(app, keys);

  healthRoutes(app, { db });
  consoleRoutes(app);
  keysRoutes(app, { db, keys });
  auditLogRoutes(app, db);
  servePromotion(app, deps);
  serveOrders(app, deps);
  ruleRoutes(app, { db, levelsMax: config.referralLevelsMax, nudge: queue.nudge });
  awardedOrderRoutes(app, { db });
  ledgerRoutes(app, { db });
  guardRoutes(app, { db, guards });
  return app;
}

/** Merchants, promoters, links and clicks. */
function servePromotion(app: App, { ground, queue, clickPath }: AppDeps): void {
  const { config, db, tokenKeys, identityKey } = ground;
  const deps: PromotionDeps = {
    db,
    publicUrl: config.publicUrl,
    tokenKeys,
    identityKey,
    links: clickPath.links,
    clicks: clickPath.clicks,
    onEvidence,
    merchantMade: async (trx, merchantId) => {
      await unpark(trx, [`merchant:${merchantId}`]);
    },
    promotersChanged: async (trx, promoterIds, now) => {
      await unpark(
        trx,
        promoterIds.map((promoterId) => `promoter:${promoterId}`),
      );
      await markNamedDue(trx, promoterIds, now);
    },
    nudge: queue.nudge,
  };
  merchantRoutes(app, deps);
  productRoutes(app, deps);
  promoterRoutes(app, deps);
  importRoutes(app, deps);
  linkRoutes(app, deps);
  clickRoutes(app, deps);
  identityRoutes(app, deps);
  redirectRoutes(app, { ...deps, onLost: clickPath.onLost });
}

/** Sources and the one door, with the writer of deliveries. */
function serveOrders(app: App, { ground, queue, adapters, registry }: AppDeps): void {
  const { db, log, connectionString, masterKeys: keys } = ground;
  const connection = dedicatedConnection({
    connectionString,
    applicationName: 'fenyong deliveries',
    log,
    deadlineMs: DELIVERY_DEADLINE_MS,
  });
  const writer = deliveryWriter(connection);
  const sources = sourceCache(db, keys);
  const onDelivered = () => queue.nudge('deliveries');
  app.addHook('onClose', async () => {
    await writer.close();
    await connection.close();
  });

  const sourcesDeps = { db, keys, adapters, cache: sources, unpark, onDelivered };
  sourcesRoutes(app, sourcesDeps);
  mappingRoutes(app, sourcesDeps);
  orderRoutes(app, { db, writer, merchants: knownMerchants(db), sources, onDelivered });
  webhookRoutes(app, { writer, sources, adapters, registry, onDelivered });
  deliveryRoutes(app, { db, onDelivered });
}
