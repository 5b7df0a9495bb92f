// When all is quiet, everything is reconciled once more: what was pulled before must be all there
// is.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from 'pg';

import { adminOf } from '../market.ts';
import type { Platform } from './platform.ts';
import type { Finding } from './table.ts';

const STALLED_MS = 5 * 60_000;
const POLL_MS = 300;

const DELIVERIES = `select source_id, count(*)::int from delivery where origin = 'pull' group by 1`;

/**
 * Reconciles everything once more, now that all is quiet: nothing may be missing or different, and
 * no row may become another delivery.
 */
export async function checkAgain(client: Client, url: string, platforms: readonly Platform[], since: Date): Promise<Finding[]> {
  const count = async () => {
    const { rows } = await client.query<{ source_id: string; count: number }>(DELIVERIES);
    return new Map(rows.map((row) => [row.source_id, row.count]));
  };
  const before = await count();
  const found = await Promise.all(platforms.map(({ system, orders }) => reconcile(url, system.kind, since, orders.size)));
  const after = await count();
  for (const { system } of platforms) {
    const more = (after.get(system.kind) ?? 0) - (before.get(system.kind) ?? 0);
    if (more !== 0) found.push([{ system: system.kind, column: 'doubled', text: `${more} rows that were read before became deliveries` }]);
  }
  return found.flat();
}

async function reconcile(url: string, system: string, from: Date, orders: number): Promise<Finding[]> {
  const client = adminOf(url);
  const range = { source_id: system, from: from.toISOString(), to: new Date().toISOString() };
  let { data: told } = await client.POST('/v1/reconciliations', { body: range });
  let since = Date.now();
  while (told.finished_at === null && Date.now() - since < STALLED_MS) {
    await sleep(POLL_MS);
    const { checked: before, reconciliation_id } = told;
    ({ data: told } = await client.GET('/v1/reconciliations/{reconciliation_id}', { params: { path: { reconciliation_id } } }));
    if (told.checked !== before) since = Date.now();
  }
  const { state, checked, missing, different, error } = told;
  const isFine = state === 'done' && checked === orders && missing === 0 && different === 0;
  const text = `its reconciliation says ${JSON.stringify({ state, checked, missing, different, error })} of ${orders} orders`;
  return isFine ? [] : [{ system, column: 'missed', text }];
}
