// The routes of claims over a world of orders, with keys of every scope, and without a port.
import { claimRoutes } from '../../src/claims/claim-routes.ts';
import type { Claim } from '../../src/claims/claim.ts';
import { takeUpClaims } from '../../src/claims/take-up.ts';
import { orderViewRoutes } from '../../src/commission/orders/order-view-routes.ts';
import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import { trialBalance } from '../../src/ledger/balances.ts';
import { openShop, openWorld } from '../commission/world.ts';
import { callersOf, keyedApp } from '../platform/callers.ts';

interface ShownLine {
  line_id: string;
  evidence: string | null;
  promoter_id: string | null;
  shares: { role: string; promoter_id: string | null; amount: number }[];
}

/** A claim as it is answered, as far as tests look into it one by one; or a problem. */
interface Shown {
  [field: string]: unknown;
  claim_id: string;
  state: string;
  code: string;
  before: ShownLine[] | null;
  after: ShownLine[] | null;
  data: Shown[];
  next_cursor: string | null;
}

type ClaimsService = Awaited<ReturnType<typeof openClaims>>;

export async function openClaims() {
  const world = await openWorld();
  const app = keyedApp(world.db);
  const told: [string, string][] = [];
  const tell = async (_trx: unknown, { claimId, state }: Claim) => {
    told.push([claimId, state]);
  };
  claimRoutes(app, { db: world.db, award: world.deps, tell, nudge: () => undefined });
  orderViewRoutes(app, { db: world.db });

  const callers = await callersOf<Shown>(app, world.db);
  return {
    world,
    told,
    ...callers,
    takeUp: () => takeUpClaims(world.db, tell, 100),
    decide: (claimId: unknown, decision: 'approve' | 'reject', reason = 'the shop has confirmed it') =>
      callers.post(`/v1/claims/${String(claimId)}/decision`, { decision, reason }),
    async close() {
      await app.close();
      await world.close();
    },
  };
}

/** The stage states its world by plain inserts, of which the audit log knows nothing. */
const laws = allGuards({ levelsMax: 2, spooled: () => 0 }).filter(({ kind, name }) => kind === 'law' && name !== 'changes_audited');

export function booksOf({ world: { db } }: ClaimsService) {
  return {
    /** What the accounts of all kinds sum to, of every currency. */
    sums: async () => (await trialBalance(db)).map(({ sum }) => Number(sum)),
    /** The laws of the books that are broken, and how often. */
    violations: async () => {
      const found = await Promise.all(laws.map(async (guard) => [guard.name, (await askGuard(db, guard)).violations]));
      return found.filter(([, count]) => count !== 0);
    },
  };
}

export type Market = Awaited<ReturnType<typeof openMarket>>;

/** A shop of the worked example, a rival of Bob's with a link, and the keys of the two. */
export async function openMarket({ world, keyOf, post }: ClaimsService, terms: Record<string, unknown> = {}) {
  const shop = await openShop(world, terms);
  await shop.rule();
  const carol = `carol-${shop.m}`;
  await world.promoter(carol);
  const carolsCode = await world.link(shop.m, carol);
  const keys = {
    admin: await keyOf('admin'),
    bob: await keyOf('promoter', { promoterId: shop.bob }),
    carol: await keyOf('promoter', { promoterId: carol }),
  };
  return {
    ...shop,
    carol,
    carolsCode,
    keys,
    claim: (orderId: string, more: object = {}, key = keys.bob) =>
      post('/v1/claims', { merchant_id: shop.m, order_id: orderId, evidence: 'she bought after my message', ...more }, { key }),
  };
}
