// Where the reader is: the page's address below /console, and how one gets to another.

import { useSyncExternalStore } from 'react';

/** Where the service stands: the files of the desk come from /console/assets/ below it. */
export const ROOT = new URL('../../', import.meta.url);

const HOME = new URL('console', ROOT).pathname;

export type Query = Record<string, string | number | null | undefined>;

interface Place {
  /** Below /console, beginning with a slash, as it is encoded: `/orders/rest/O-1`. */
  path: string;
  query: Readonly<Record<string, string>>;
}

/** What a page is given: the named parts of its address, and its query. */
export interface PageProps {
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
}

const listeners = new Set<() => void>();
let place = readPlace();

window.addEventListener('popstate', arrive);

function readPlace(): Place {
  const path = location.pathname.startsWith(HOME) ? location.pathname.slice(HOME.length) : '';
  return { path: path === '' ? '/' : path, query: Object.fromEntries(new URLSearchParams(location.search)) };
}

function arrive(): void {
  place = readPlace();
  for (const listener of listeners) listener();
}

export function usePlace(): Place {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => place,
  );
}

/** The address of a page of the desk: its parts, encoded, and what of the query says something. */
export function addressOf(parts: readonly string[], query: Query = {}): string {
  const told = Object.entries(query).flatMap(([name, value]) => {
    return value === null || value === undefined || value === '' ? [] : [[name, String(value)]];
  });
  const search = new URLSearchParams(told).toString();
  return `/${parts.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

/** The address as a browser needs it. */
export function hrefOf(address: string): string {
  return address === '/' ? HOME : HOME + address;
}

/** Goes to a page of the desk. `replace` leaves no step to go back to, as filters do. */
export function go(address: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', hrefOf(address));
  else history.pushState(null, '', hrefOf(address));
  arrive();
  if (!replace) window.scrollTo(0, 0);
}
