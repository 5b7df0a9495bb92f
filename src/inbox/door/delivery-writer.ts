// The door's writer: deliveries become durable in groups, on a connection of their own.
import { DomainError } from '../../core/errors.ts';
import type { DedicatedConnection } from '../../platform/postgres/dedicated-connection.ts';
import { groupCommit } from '../../platform/postgres/group-commit.ts';
import { onClient, storeDeliveries, type NewDelivery } from '../delivery-store.ts';

const DELIVERIES_PER_COMMIT_MAX = 500;
const DELIVERIES_WAITING_MAX = 5000;
const BYTES_PER_STATEMENT_MAX = 4 * 1024 * 1024;
const BYTES_WAITING_MAX = 128 * 1024 * 1024;

export interface DeliveryWriter {
  /**
   * Resolves after the commit with the id under which the delivery is kept, an earlier one's where
   * it is a double. Rejects with an error that is answered 503 when it cannot be stored now.
   */
  write(delivery: NewDelivery): Promise<string>;
  /** Takes no more, and resolves when all that was taken is settled. */
  close(): Promise<void>;
}

export function deliveryWriter(connection: DedicatedConnection): DeliveryWriter {
  let bytesWaiting = 0;

  // When a later part fails, those before it are stored: tried again they are doubles of
  // themselves, and keep their ids.
  async function commit(deliveries: NewDelivery[]): Promise<string[]> {
    const ids: string[] = [];
    for (const part of partsOf(deliveries)) ids.push(...(await connection.run((client) => storeDeliveries(onClient(client), part))));
    return ids;
  }

  const group = groupCommit<NewDelivery, string>({ commit, itemsMax: DELIVERIES_PER_COMMIT_MAX, waitingMax: DELIVERIES_WAITING_MAX });

  return {
    async write(delivery) {
      if (bytesWaiting > BYTES_WAITING_MAX) throw new DomainError('unavailable', 'Too much is waiting to be stored. Try again.');
      bytesWaiting += delivery.body.length;
      try {
        return await group.push(delivery);
      } finally {
        bytesWaiting -= delivery.body.length;
      }
    },
    close: () => group.close(),
  };
}

/** Parts of the list whose bodies are not too much for one query. */
function partsOf(deliveries: readonly NewDelivery[]): NewDelivery[][] {
  const parts: NewDelivery[][] = [[]];
  let bytes = 0;
  for (const delivery of deliveries) {
    bytes += delivery.body.length;
    if (bytes > BYTES_PER_STATEMENT_MAX && parts.at(-1)!.length > 0) {
      parts.push([]);
      bytes = delivery.body.length;
    }
    parts.at(-1)!.push(delivery);
  }
  return parts;
}
