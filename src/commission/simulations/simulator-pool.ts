// Who works on a rehearsal: this thread itself where it is small, else threads of their own, so
// that requests are answered meanwhile and all processors work.

import type { Kysely } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { openThread, threadsHere } from '../../platform/process/thread.ts';
import type { OrderSlice } from './recorded-store.ts';
import type { SimulationThreadData } from './simulation-thread.ts';
import { openSimulator, type SimulationTask, type Simulator, type SliceOutcome } from './simulator.ts';

/** So that a thread computes one slice while the database reads another for it. */
const SIMULATORS_PER_THREAD = 2;

export interface SimulatorPool {
  simulators: Simulator[];
  /** Ends them, when nothing is asked of them any more. */
  close: () => Promise<void>;
  /** Ends them, whatever they are at. */
  kill: () => Promise<void>;
}

/** Those of this thread itself. */
export function ownSimulators(db: Kysely<DB>, task: SimulationTask): SimulatorPool {
  return { simulators: [openSimulator(db, task)], close: () => Promise.resolve(), kill: () => Promise.resolve() };
}

/** Starts as many threads as this machine can run at once. */
export function openSimulatorPool(connectionString: string, task: SimulationTask, count = threadsHere()): SimulatorPool {
  const data: SimulationThreadData = { connectionString, task, simulators: SIMULATORS_PER_THREAD };
  const door = new URL('simulation-thread.mjs', import.meta.url);
  const threads = Array.from({ length: count }, () => openThread<OrderSlice, SliceOutcome>(door, data));
  return {
    simulators: Array.from({ length: SIMULATORS_PER_THREAD }, () => threads.map((thread) => thread.ask)).flat(),
    close: async () => {
      await Promise.all(threads.map((thread) => thread.close()));
    },
    kill: async () => {
      await Promise.all(threads.map((thread) => thread.kill()));
    },
  };
}
