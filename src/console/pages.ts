// The pages of the desk: their addresses, their titles, what one must be allowed to see them, and
// where their code is, which is loaded when somebody goes there.

import type { ComponentType } from 'react';

import type { Operation } from './parts/api.ts';
import type { PageProps } from './parts/place.ts';
import type { Word } from './words/en.ts';

export interface PageEntry {
  /** Below /console; a part that begins with a colon is any. */
  path: string;
  title: Word;
  /** Who may not do all of them does not see the page. */
  needs: readonly Operation[];
  /** Where it stands in the menu; left out of pages that are reached from others. */
  menu?: MenuGroup;
  load: () => Promise<ComponentType<PageProps>>;
}

/** The parts of the menu, in their order; each is a word. */
export const MENU_GROUPS = ['menu.today', 'menu.promotion', 'menu.rules', 'menu.money', 'menu.sources', 'menu.platform'] as const;
type MenuGroup = (typeof MENU_GROUPS)[number];

export const PAGES: readonly PageEntry[] = [
  {
    path: '/',
    title: 'overview',
    needs: ['me.get'],
    menu: 'menu.today',
    load: async () => (await import('./insight/overview.tsx')).OverviewPage,
  },
  {
    path: '/statistics',
    title: 'statistics',
    needs: ['statistics.read', 'statistics.funnel'],
    menu: 'menu.today',
    load: async () => (await import('./insight/statistics.tsx')).StatisticsPage,
  },
  {
    path: '/statistics/rows',
    title: 'statistics',
    needs: ['statistics.rows'],
    load: async () => (await import('./insight/rows.tsx')).FigureRowsPage,
  },
  {
    path: '/orders',
    title: 'orders',
    needs: ['orders.list'],
    menu: 'menu.today',
    load: async () => (await import('./orders/orders.tsx')).OrdersPage,
  },
  {
    path: '/orders/:source_id/:order_id',
    title: 'order',
    needs: ['orders.explain'],
    load: async () => (await import('./orders/order.tsx')).OrderPage,
  },
  {
    path: '/promoters',
    title: 'promoters',
    needs: ['promoters.list'],
    menu: 'menu.promotion',
    load: async () => (await import('./promoters/promoters.tsx')).PromotersPage,
  },
  {
    path: '/promoters/:promoter_id',
    title: 'promoter',
    needs: ['promoters.get'],
    load: async () => (await import('./promoters/promoter.tsx')).PromoterPage,
  },
  {
    path: '/links',
    title: 'links',
    needs: ['links.list'],
    menu: 'menu.promotion',
    load: async () => (await import('./links/links.tsx')).LinksPage,
  },
  {
    path: '/links/:code',
    title: 'link',
    needs: ['links.get'],
    load: async () => (await import('./links/link.tsx')).LinkPage,
  },
  {
    path: '/merchants',
    title: 'merchants',
    needs: ['merchants.list'],
    menu: 'menu.promotion',
    load: async () => (await import('./merchants/merchants.tsx')).MerchantsPage,
  },
  {
    path: '/merchants/:merchant_id',
    title: 'merchant',
    needs: ['merchants.get'],
    load: async () => (await import('./merchants/merchant.tsx')).MerchantPage,
  },
  {
    path: '/merchants/:merchant_id/products/:product_id',
    title: 'product',
    needs: ['products.get'],
    load: async () => (await import('./merchants/product.tsx')).ProductPage,
  },
  {
    path: '/rules',
    title: 'rules',
    needs: ['rules.list'],
    menu: 'menu.rules',
    load: async () => (await import('./rules/rules.tsx')).RulesPage,
  },
  {
    path: '/rules/:rule_id',
    title: 'rule',
    needs: ['rules.get'],
    load: async () => (await import('./rules/rule.tsx')).RulePage,
  },
  {
    path: '/effective-rule',
    title: 'which_rule',
    needs: ['rules.effective'],
    menu: 'menu.rules',
    load: async () => (await import('./rules/effective-rule.tsx')).EffectiveRulePage,
  },
  {
    path: '/deliveries',
    title: 'deliveries',
    needs: ['deliveries.list'],
    menu: 'menu.sources',
    load: async () => (await import('./sources/deliveries.tsx')).DeliveriesPage,
  },
  {
    path: '/deliveries/:delivery_id',
    title: 'delivery',
    needs: ['deliveries.get'],
    load: async () => (await import('./sources/delivery.tsx')).DeliveryPage,
  },
  {
    path: '/guards',
    title: 'guards',
    needs: ['guards.list'],
    menu: 'menu.platform',
    load: async () => (await import('./platform/guards.tsx')).GuardsPage,
  },
  {
    path: '/audit-log',
    title: 'audit_log',
    needs: ['auditLog.list'],
    menu: 'menu.platform',
    load: async () => (await import('./platform/audit-log.tsx')).AuditLogPage,
  },
  {
    path: '/keys',
    title: 'keys',
    needs: ['keys.list'],
    menu: 'menu.platform',
    load: async () => (await import('./platform/keys.tsx')).KeysPage,
  },
  {
    path: '/sessions',
    title: 'sessions',
    needs: ['sessions.list'],
    menu: 'menu.platform',
    load: async () => (await import('./platform/sessions.tsx')).SessionsPage,
  },
];

/** The page of an address, with the parts that it names; null where there is none. */
export function pageAt(path: string): { page: PageEntry; params: Record<string, string> } | null {
  const parts = path.split('/').slice(1);
  for (const page of PAGES) {
    const params = paramsOf(page.path.split('/').slice(1), parts);
    if (params !== null) return { page, params };
  }
  return null;
}

function paramsOf(pattern: readonly string[], parts: readonly string[]): Record<string, string> | null {
  if (pattern.length !== parts.length) return null;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const part = decoded(parts[index] ?? '');
    if (expected.startsWith(':')) params[expected.slice(1)] = part;
    else if (expected !== part) return null;
  }
  return params;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Somebody typed a percent sign into the address; it means itself.
    return text;
  }
}
