// What one thread of a rehearsal does: the slices of orders that it is sent, by connections of its
// own, and behind everybody else who wants the processor.

import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import type { MessagePort } from 'node:worker_threads';

import { openDatabase } from '../../platform/postgres/database.ts';
import { buildLogger } from '../../platform/process/log.ts';
import { serveThread } from '../../platform/process/thread.ts';
import { openSimulator, type SimulationTask } from './simulator.ts';

/** What a thread is started with. */
export interface SimulationThreadData {
  connectionString: string;
  task: SimulationTask;
  /** How many slices it is sent at a time. */
  simulators: number;
}

/** Serves a port. */
export function simulateInThread(port: MessagePort, { connectionString, task, simulators }: SimulationThreadData): void {
  const log = buildLogger('warn');
  stepBack();
  const { db, close } = openDatabase({ connectionString, poolSize: simulators, applicationName: 'fenyong-simulation', log });
  serveThread(port, { answer: openSimulator(db, task), close });
}

/** Linux alone says which thread this is, and takes a thread for a process. */
function stepBack(): void {
  if (process.platform !== 'linux') return;
  setPriority(Number(basename(readlinkSync('/proc/thread-self'))), constants.priority.PRIORITY_BELOW_NORMAL);
}
