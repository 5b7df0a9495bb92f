// Rehearsals over a world: asked for as the route asks for them, and brought to their end.

import { randomUUID } from 'node:crypto';

import { sql } from 'kysely';

import { readChange } from '../../../src/commission/simulations/changes.ts';
import { simulateNext, type SimulationDeps } from '../../../src/commission/simulations/simulation.ts';
import { addSimulation, findSimulation } from '../../../src/commission/simulations/simulation-store.ts';
import type { SumKind } from '../../../src/commission/simulations/tally.ts';
import { stringifyJson } from '../../../src/platform/http/json.ts';
import { makeKey } from '../../../src/platform/keys/keys-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { testLog } from '../../harness.ts';
import { ago, inDays, type World } from '../world.ts';

/** What is asked, where it is not everything of the last days in CNY. */
interface Asked {
  merchantId?: string | null;
  from?: string;
  to?: string;
  currency?: string;
}

export const simulationDeps = ({ db, connectionString, deps }: World): SimulationDeps => ({
  db,
  connectionString,
  log: testLog,
  tokenKeys: deps.tokenKeys,
  identityKey: deps.identityKey,
  levelsMax: deps.levelsMax,
  slots: 2,
});

/** Asks for a rehearsal, and leaves it to be taken. */
export async function askForSimulation(world: World, changes: unknown[], asked: Asked = {}): Promise<string> {
  const { merchantId = null, from = ago(60), to = inDays(1), currency = 'CNY' } = asked;
  const simulationId = randomUUID();
  const understood = JSON.parse(stringifyJson(changes.map(readChange))) as unknown[];
  await inTransaction(world.db, async ({ trx, now }) => {
    const { row } = await makeKey(trx, { scope: 'auditor', merchantId: null, promoterId: null, label: 'asks' }, null, now);
    const actor = { keyId: row.key_id, scope: 'auditor' as const, role: null, person: 'li', merchantId: null, promoterId: null };
    const query = { changes: understood, from: new Date(from), to: new Date(to), merchantId, currency };
    await addSimulation(trx, simulationId, query, { actor, now });
  });
  return simulationId;
}

/** A rehearsal from the question to its end. */
export async function rehearse(world: World, changes: unknown[], asked: Asked = {}, deps: Partial<SimulationDeps> = {}) {
  const simulationId = await askForSimulation(world, changes, asked);
  await simulateNext({ ...simulationDeps(world), ...deps }, new AbortController().signal);
  const simulation = (await findSimulation(world.db, simulationId))!;
  if (simulation.result === null) throw new Error(`${simulation.state}: ${simulation.error}`);
  return { ...simulation, result: simulation.result };
}

type Rehearsed = Awaited<ReturnType<typeof rehearse>>;

/** What a rehearsal says of one kind, by name: before and after. */
export function sumsOf({ result }: Rehearsed, kind: SumKind): Record<string, [before: number, after: number]> {
  return Object.fromEntries(result.sums[kind].told.map(({ name, before, after }) => [name, [Number(before), Number(after)]]));
}

/** What the books have of a merchant's orders by promoter: accrued less taken back. */
export async function bookedOf({ db }: World, merchantId: string): Promise<Record<string, number>> {
  const { rows } = await sql<{ name: string; amount: string }>`
    select coalesce(promoter_id, '') as name, sum(case kind when 'accrue' then amount else -amount end) as amount
    from transfer where merchant_id = ${merchantId} and kind in ('accrue', 'reverse') and currency = 'CNY' group by 1 order by 1`.execute(
    db,
  );
  return Object.fromEntries(rows.map(({ name, amount }) => [name, Number(amount)]).filter(([, amount]) => amount !== 0));
}

/** One side of sums, without those who have nothing. */
export function side(sums: Record<string, [number, number]>, which: 0 | 1): Record<string, number> {
  const picked = Object.entries(sums).map(([name, both]): [string, number] => [name, both[which]]);
  return Object.fromEntries(picked.filter(([, amount]) => amount !== 0).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
