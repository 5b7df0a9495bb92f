// The two stores in which nudges may live, and queues on them that are closed after each test.

import { afterAll, afterEach, beforeAll, expect } from 'vitest';

import { buildLogger } from '../../src/platform/process/log.ts';
import { openQueue, type NudgeHandler, type Queue } from '../../src/platform/queue/queue.ts';
import { redisForTests, testDatabase, type TestDatabase } from '../harness.ts';

const log = buildLogger('silent');
let number = 0;

interface Stores {
  all: { store: string; absent: string | null }[];
  ground: () => TestDatabase;
  /** Where the store is, as an address. */
  addressOf: (store: string) => string;
  /** A queue as a process of its own would have it. */
  open: (store: string, url?: string, more?: { lockMs: number }) => Queue;
  /** All queues that the test has opened. */
  closeAll: () => Promise<void>;
}

export async function useStores(): Promise<Stores> {
  const redis = await redisForTests();
  let ground: TestDatabase;
  let opened: Queue[] = [];

  beforeAll(async () => {
    ground = await testDatabase();
  });
  afterEach(closeAll);
  afterAll(async () => {
    await ground.close();
    if (redis.url !== null) await redis.close();
  });

  function addressOf(store: string): string {
    return store === 'Redis' ? (redis.url ?? expect.fail('no Redis')) : ground.connectionString;
  }

  function open(store: string, url = addressOf(store), more = {}): Queue {
    const addresses =
      store === 'Redis' ? { redisUrl: url, connectionString: ground.connectionString } : { redisUrl: null, connectionString: url };
    const queue = openQueue({ ...addresses, ...more, log });
    opened.push(queue);
    return queue;
  }

  async function closeAll(): Promise<void> {
    await Promise.all(opened.map((queue) => queue.close()));
    opened = [];
  }

  const all = [
    { store: 'PostgreSQL', absent: null },
    { store: 'Redis', absent: redis.url === null ? redis.reason : null },
  ];
  return { all, ground: () => ground, addressOf, open, closeAll };
}

/** A kind of work that no other test of the file has. */
export function freshKind(): string {
  number += 1;
  return `kind${number}`;
}

/**
 * Works for kinds that begin like this one: what an earlier test left in the store is not for us.
 */
export function work(queue: Queue, kind: string, handler: NudgeHandler): void {
  queue.onNudge(async (given) => {
    if (given.startsWith(kind)) await handler(given);
  });
}
