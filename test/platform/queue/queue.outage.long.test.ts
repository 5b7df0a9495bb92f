// Nudges while what carries them breaks: stores that go away, connections that are cut, workers
// that are killed.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { sql } from 'kysely';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { openProxy } from '../proxy.ts';
import { freshKind, useStores, work } from '../queue-stores.ts';

const stores = await useStores();
const LOCK_MS = 500;
let processes: ChildProcess[] = [];

afterEach(() => {
  for (const child of processes) child.kill('SIGKILL');
  processes = [];
});

for (const { store, absent } of stores.all) {
  describe.skipIf(absent !== null)(`nudges through ${store}${absent === null ? '' : ` (${absent})`}`, () => {
    test('cost their sender nothing while the store is away, and arrive again when it is back', async () => {
      const ours = freshKind();
      const proxy = await openProxy(stores.addressOf(store));
      await proxy.refuse();
      const handler = vi.fn(async () => undefined);
      work(stores.open(store, proxy.url), ours, handler);
      const sender = stores.open(store, proxy.url);
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
      await stores.closeAll();
      await proxy.refuse();
    });

    test('do not keep a process from closing while the store is away', async () => {
      const ours = freshKind();
      const proxy = await openProxy(stores.addressOf(store));
      const [never, lost] = [stores.open(store, proxy.url), stores.open(store, proxy.url)];
      work(lost, ours, async () => undefined);
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
    stores.all
      .filter(({ absent }) => absent === null)
      .map(async ({ store }) => {
        const killed = await takeAndHold(store, ours);
        const handler = vi.fn(async () => undefined);
        work(stores.open(store, undefined, { lockMs: LOCK_MS }), ours, handler);
        killed.kill('SIGKILL');
        await vi.waitFor(() => expect(handler).toHaveBeenCalled(), { timeout: 25_000 });
      }),
  );
});

/** Nudges a process that takes the nudge and never finishes with it. */
async function takeAndHold(store: string, ours: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('../queue-receiver.ts', import.meta.url));
  const loader = process.features.typescript ? [] : ['--import', 'tsx'];
  const address = store === 'Redis' ? [stores.ground().connectionString, stores.addressOf(store)] : [stores.ground().connectionString];
  const child = spawn(process.execPath, [...loader, script, String(LOCK_MS), ...address], { stdio: ['pipe', 'pipe', 'inherit'] });
  processes.push(child);
  stores.open(store).nudge(ours);
  await once(createInterface(child.stdout), 'line');
  return child;
}

test('connections that are cut, the listening one too, are made again', async () => {
  const ours = freshKind();
  const handler = vi.fn(async () => undefined);
  work(stores.open('PostgreSQL'), ours, handler);
  const sender = stores.open('PostgreSQL');
  sender.nudge(ours);
  await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(1), { timeout: 10_000 });
  const ourConnections = sql`datname = current_database() and application_name = 'fenyong-nudges'`;
  const cut = await sql`select pg_terminate_backend(pid) from pg_stat_activity where ${ourConnections}`.execute(stores.ground().owner);
  expect(cut.rows).not.toHaveLength(0);
  sender.nudge(ours);
  await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(2), { timeout: 10_000 });
});
