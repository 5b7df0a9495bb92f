// What the page of statistics asks for: its address as the query of the API.

import type { Schemas } from '../parts/api.ts';

export type Figures = Schemas['StatisticsTotal'];
export type FigureRow = Schemas['StatisticsRow'];
export type Group = Schemas['StatisticsQuery']['group_by'][number];
export type Bucket = Schemas['StatisticsQuery']['bucket'];
type Chosen = Readonly<Record<string, string>>;

export const GROUPS = [
  'promoter',
  'merchant',
  'product',
  'category',
  'scene',
  'campaign',
  'link',
  'source',
  'agency',
  'level',
] as const satisfies readonly Group[];

/** The fields of the API that hold the keys of each group. */
export const KEYS = {
  promoter: 'promoter_id',
  merchant: 'merchant_id',
  product: 'product_id',
  category: 'category',
  scene: 'scene',
  campaign: 'campaign_id',
  link: 'link_code',
  source: 'source_id',
  agency: 'agency_id',
  level: 'level',
} as const satisfies Record<Group, keyof FigureRow>;

export const BUCKETS = ['hour', 'day', 'week', 'month'] as const satisfies readonly Bucket[];

const DAY_MS = 24 * 60 * 60 * 1000;
const DAYS_DEFAULT = 7;

/** What the figures are of: the filters and the time that the address names. */
export function placeOf(chosen: Chosen) {
  const filters = Object.fromEntries(Object.values(KEYS).flatMap((key) => (chosen[key] === undefined ? [] : [[key, chosen[key]]])));
  const { from = localDay(Date.now() - (DAYS_DEFAULT - 1) * DAY_MS), to, currency } = chosen;
  return {
    ...filters,
    from: dayStart(from),
    ...(to !== undefined && { to: dayAfter(to) }),
    ...(currency !== undefined && { currency }),
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    basis: chosen['basis'] === 'booking' ? ('booking' as const) : ('order' as const),
  };
}

/** Of a group as the address names it; nothing for what is none. */
export function groupOf(text: string | undefined): Group | undefined {
  return GROUPS.find((group) => group === text);
}

/** A value as a filter of the API: what has none is the empty text, and its signs mean nothing. */
export function filterOf(value: string | number | null | undefined): string {
  return value === null || value === undefined ? '' : String(value).replaceAll(/[\\,]/g, '\\$&').replace(/^-/, '\\-');
}

/** The day of the reader in which a moment lies, `2026-12-01`. */
function localDay(moment: number): string {
  const at = new Date(moment);
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
}

function dayStart(day: string): string {
  return new Date(`${day}T00:00`).toISOString();
}

/** The end of a day, which is exclusive. */
function dayAfter(day: string): string {
  const start = new Date(`${day}T00:00`);
  return new Date(start.getFullYear(), start.getMonth(), start.getDate() + 1).toISOString();
}
