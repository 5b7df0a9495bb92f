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
