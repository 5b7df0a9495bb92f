// Every fault there is, in the order of the table.

import type { Fault } from './fault.ts';
import { NETWORK_FAULTS } from './network.ts';
import { POSTGRES_FAULTS } from './postgres.ts';
import { PROCESS_FAULTS } from './processes.ts';
import { REDIS_FAULTS } from './redis.ts';
import { SENDER_FAULTS } from './senders.ts';

export const FAULTS: readonly Fault[] = [...SENDER_FAULTS, ...PROCESS_FAULTS, ...POSTGRES_FAULTS, ...REDIS_FAULTS, ...NETWORK_FAULTS];

/** Those of these names, in their order. Throws for a name that none has. */
export function faultsNamed(names: readonly string[]): Fault[] {
  return names.map((name) => {
    const fault = FAULTS.find((one) => one.name === name);
    if (fault === undefined) throw new Error(`there is no fault ${name}; there are ${FAULTS.map((one) => one.name).join(', ')}`);
    return fault;
  });
}
