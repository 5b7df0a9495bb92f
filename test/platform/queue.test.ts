import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { buildLogger } from '../../src/platform/log.ts';
import { openQueue, type NudgeHandler, type Queue } from '../../src/platform/queue.ts';
import { redisForTests, testDatabase, type TestDatabase } from '../harness.ts';
import { openProxy } from './proxy.ts';

const log = buildLogger('silent');
const redis = await redisForTests();
const stores = [
  { store: 'PostgreSQL', absent: null },
  { store: 'Redis', absent: redis.url === null ? redis.reason : null },
];

let ground: TestDatabase;
let opened: Queue[] = [];
let processes: ChildProcess[] = [];
let kind = '';
let number = 0;

beforeAll(async () => {
  ground = await testDatabase();
});

afterAll(async () => {
  await ground.close();
  if (redis.url !== null) await redis.close();
});

afterEach(async () => {
  for (const child of processes) child.kill('SIGKILL');
  await Promise.all(opened.map((queue) => queue.close()));
  opened = [];
  processes = [];
});

/** The address of the store, and what `openQueue` takes for it. */
function addressOf(store: string): string {
  return store === 'Redis' ? (redis.url ?? expect.fail('no Redis')) : ground.connectionString;
}

function open(store: string, url = addressOf(store)): Queue {
  const options =
    store === 'Redis' ? { redisUrl: url, connectionString: ground.connectionString } : { redisUrl: null, connectionString: url };
  const queue = openQueue({ ...options, log });
  opened.push(queue);
  return queue;
}

/** Works for this test's kind only: what an earlier test left in the store is not for us. */
function work(queue: Queue, handler: NudgeHandler): void {
  const ours = kind;
  queue.onNudge(async (given) => {
    if (given.startsWith(ours)) await handler(given);
  });
}

function freshKind(): string {
  number += 1;
  kind = `kind${number}`;
  return kind;
}

for (const { store, absent } of stores) {
  describe.skipIf(absent !== null)(`nudges through ${store}${absent === null ? '' : ` (${absent})`}`, () => {
    test('reach a handler in another process', async () => {
      const ours = freshKind();
      const handler = vi.fn(async () => undefined);
      work(open(store), handler);
      open(store).nudge(ours);
      await vi.waitFor(() => expect(handler).toHaveBeenCalledWith(ours), { timeout: 10_000 });
    });

    test('that come in a burst are a few jobs, and the last of them is followed by a run from its beginning', async () => {
      const ours = freshKind();
      let written = 0;
      let seen = 0;
      let runs = 0;
      work(open(store), async () => {
        runs += 1;
        seen = written;
        await sleep(5);
      });
      const sender = open(store);
      for (; written < 1000; written += 1) sender.nudge(ours);
      sender.nudge(ours);
      await expect.poll(() => seen, { timeout: 10_000 }).toBe(1000);
      await sleep(200);
      expect(runs).toBeLessThanOrEqual(3);
    });

    test('that come at any moment of a run are never lost, from several senders to several workers', async () => {
      const ours = freshKind();
      let written = 0;
      let seen = 0;
      const handler = async (): Promise<void> => {
        const now = written;
        await sleep(Math.random() * 15);
        seen = Math.max(seen, now);
      };
      work(open(store), handler);
      work(open(store), handler);
      const senders = [open(store), open(store)];
      for (let round = 0; round < 40; round += 1) {
        for (const sender of senders) {
          written += 1;
          sender.nudge(ours);
          await sleep(Math.random() * 12);
        }
        if (round % 8 === 7) await expect.poll(() => seen, { timeout: 4000 }).toBe(written);
      }
    });

    test('of one kind are worked on one after the other, those of two kinds beside each other', async () => {
      const ours = freshKind();
      const running = new Map<string, number>();
      let together = 0;
      work(open(store), async (given) => {
        running.set(given, (running.get(given) ?? 0) + 1);
        expect(running.get(given)).toBe(1);
        together = Math.max(
          together,
          [...running.values()].reduce((sum, value) => sum + value, 0),
        );
        await sleep(100);
        running.set(given, 0);
      });
      const senders = [open(store), open(store)];
      for (const sender of senders) for (const suffix of ['a', 'b', 'a']) sender.nudge(`${ours}-${suffix}`);
      await expect.poll(() => together, { timeout: 10_000 }).toBe(2);
    });

    test('go on after a handler that failed', async () => {
      const ours = freshKind();
      let runs = 0;
      work(open(store), async () => {
        runs += 1;
        if (runs === 1) throw new Error('no');
      });
      const sender = open(store);
      sender.nudge(ours);
      await expect.poll(() => runs, { timeout: 10_000 }).toBe(1);
      sender.nudge(ours);
      await expect.poll(() => runs, { timeout: 10_000 }).toBe(2);
    });

    test('cost their sender nothing while the store is away, and arrive again when it is back', async () => {
      const ours = freshKind();
      const proxy = await openProxy(addressOf(store));
      await proxy.refuse();
      const handler = vi.fn(async () => undefined);
      work(open(store, proxy.url), handler);
      const sender = open(store, proxy.url);
      for (let count = 0; count < 1000; count += 1) sender.nudge(ours);
      await sleep(300);
      await proxy.mend();
      const nudging = setInterval(() => sender.nudge(ours), 100);
      await vi.waitFor(() => expect(handler).toHaveBeenCalled(), { timeout: 15_000 });
      await proxy.refuse();
      await sleep(300);
      await proxy.mend();
      handler.mockClear();
      await vi.waitFor(() => expect(handler).toHaveBeenCalled(), { timeout: 15_000 });
      clearInterval(nudging);
      await Promise.all(opened.map((queue) => queue.close()));
      await proxy.refuse();
    });

    test('do not keep a process from closing while the store is away', async () => {
      const ours = freshKind();
      const proxy = await openProxy(addressOf(store));
      const [never, lost] = [open(store, proxy.url), open(store, proxy.url)];
      work(lost, async () => undefined);
      lost.nudge(ours);
      await sleep(500);
      await proxy.refuse();
      never.nudge(ours);
      await sleep(50);
      await Promise.all([never.close(), lost.close()]);
    }, 8000);
  });
}

test('nudges that a killed worker held are given to another one', async () => {
  const ours = freshKind();
  await Promise.all(
    stores
      .filter(({ absent }) => absent === null)
      .map(async ({ store }) => {
        const killed = await takeAndHold(store, ours);
        const handler = vi.fn(async () => undefined);
        work(open(store), handler);
        killed.kill('SIGKILL');
        await vi.waitFor(() => expect(handler).toHaveBeenCalled(), { timeout: 25_000 });
      }),
  );
});

/** Nudges a process that takes the nudge and never finishes with it. */
async function takeAndHold(store: string, ours: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('queue-receiver.ts', import.meta.url));
  const loader = process.features.typescript ? [] : ['--import', 'tsx'];
  const address = store === 'Redis' ? [ground.connectionString, addressOf(store)] : [ground.connectionString];
  const child = spawn(process.execPath, [...loader, script, ...address], { stdio: ['ignore', 'pipe', 'inherit'] });
  processes.push(child);
  open(store).nudge(ours);
  await once(createInterface(child.stdout), 'line');
  return child;
}

test('connections that are cut, the listening one too, are made again', async () => {
  const ours = freshKind();
  const handler = vi.fn(async () => undefined);
  work(open('PostgreSQL'), handler);
  const sender = open('PostgreSQL');
  sender.nudge(ours);
  await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(1), { timeout: 10_000 });
  const ourConnections = sql`datname = current_database() and application_name = 'fenyong-nudges'`;
  const cut = await sql`select pg_terminate_backend(pid) from pg_stat_activity where ${ourConnections}`.execute(ground.owner);
  expect(cut.rows).not.toHaveLength(0);
  sender.nudge(ours);
  await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(2), { timeout: 10_000 });
});

describe('nudges in a process that has a handler', () => {
  test('need no store at all', async () => {
    const ours = freshKind();
    const proxy = await openProxy(ground.connectionString);
    await proxy.refuse();
    const queue = open('PostgreSQL', proxy.url);
    const handler = vi.fn(async () => undefined);
    work(queue, handler);
    queue.nudge(ours);
    await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(1));
  });

  test('run it once for each burst, and once more for what came while it ran', async () => {
    const ours = freshKind();
    const queue = open('PostgreSQL');
    const ends: (() => void)[] = [];
    work(queue, () => new Promise((end) => ends.push(end)));
    for (let count = 0; count < 1000; count += 1) queue.nudge(ours);
    expect(ends).toHaveLength(1);
    ends[0]!();
    await vi.waitFor(() => expect(ends).toHaveLength(2));
    ends[1]!();
    await sleep(50);
    expect(ends).toHaveLength(2);
    queue.nudge(ours);
    await vi.waitFor(() => expect(ends).toHaveLength(3));
    ends[2]!();
  });

  test('let it finish before the process closes, and are not taken after', async () => {
    const ours = freshKind();
    const queue = open('PostgreSQL');
    let finished = 0;
    work(queue, async () => {
      await sleep(200);
      finished += 1;
    });
    queue.nudge(ours);
    await queue.close();
    expect(finished).toBe(1);
    queue.nudge(ours);
    await sleep(300);
    expect(finished).toBe(1);
  });
});
