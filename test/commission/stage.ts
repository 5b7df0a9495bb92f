// The routes of commission over a world, with keys of every scope, and without a port.
import { bonusProgramRoutes } from '../../src/commission/bonuses/bonus-program-routes.ts';
import { campaignRoutes } from '../../src/commission/campaigns/campaign-routes.ts';
import { orderViewRoutes } from '../../src/commission/orders/order-view-routes.ts';
import { campaignDrafts } from '../../src/commission/rules/drafts/campaign-drafts.ts';
import { applicationRoutes } from '../../src/commission/offers/application-routes.ts';
import { offerRoutes } from '../../src/commission/offers/offer-routes.ts';
import { sharedProductRoutes } from '../../src/commission/offers/offered-product-routes.ts';
import { draftRoutes } from '../../src/commission/rules/drafts/draft-routes.ts';
import { merchantDrafts } from '../../src/commission/rules/drafts/merchant-drafts.ts';
import { offerDrafts } from '../../src/commission/rules/drafts/offer-drafts.ts';
import { programDrafts } from '../../src/commission/rules/drafts/program-drafts.ts';
import { endDrafts, reversionDrafts, ruleDrafts } from '../../src/commission/rules/drafts/rule-drafts.ts';
import { emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import { ruleRoutes } from '../../src/commission/rules/rule-routes.ts';
import { tierProgramRoutes } from '../../src/commission/tiers/tier-program-routes.ts';
import { callersOf, keyedApp } from '../platform/callers.ts';
import type { World } from './world.ts';

/** A rule or an order, as far as tests look into it one by one. */
interface Item {
  [field: string]: unknown;
  rule_id: string;
  order_id: string;
  reason: string;
}

/** What is answered: an item, a page of them, or a problem. */
interface Body extends Item {
  code: string;
  errors: { path: string; message: string }[];
  effective_from: string;
  data: Item[];
  losers: Item[];
  next_cursor: string | null;
}

export async function openService(world: World, { reviewRequired = false } = {}) {
  const app = keyedApp(world.db);
  const nudged: string[] = [];
  const deps = { db: world.db, levelsMax: world.deps.levelsMax, reviewRequired, nudge: (kind: string) => void nudged.push(kind) };
  ruleRoutes(app, deps);
  tierProgramRoutes(app, deps);
  bonusProgramRoutes(app, deps);
  campaignRoutes(app, deps);
  draftRoutes(app, {
    ...deps,
    kinds: [ruleDrafts, endDrafts, reversionDrafts, offerDrafts, programDrafts, campaignDrafts, merchantDrafts],
  });
  offerRoutes(app, deps);
  sharedProductRoutes(app, { ...deps, ruleCache: emptyRuleCache() });
  applicationRoutes(app, deps);
  orderViewRoutes(app, { db: world.db });
  return { nudged, close: () => app.close(), ...(await callersOf<Body>(app, world.db)) };
}
