// Every order system that is pulled, at a double of its platform: nothing is missed and nothing
// doubled, whatever happens meanwhile.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { SUBJECTS } from '../sources/subjects.ts';
import { openPuller, SOURCE, type Puller } from './puller.ts';
import { HOUR_MS } from '../../src/platform/durations.ts';

const ORDERS = 230;

for (const subject of SUBJECTS.filter((one) => one.open !== undefined)) {
  describe(subject.adapter.kind, () => {
    let puller: Puller;
    const since = new Date(Date.now() - HOUR_MS);
    const ids = Array.from({ length: ORDERS }, (_, index) => String(370_000 + index));

    beforeAll(async () => {
      puller = await openPuller(subject, { since: since.toISOString(), look_back_seconds: 1800 });
      for (const [index, id] of ids.entries()) puller.double.put(id, new Date(since.getTime() + 60_000 + index * 5000));
    });
    afterAll(() => puller.close());
    beforeEach(() => puller.wait());

    test('rows that move while they are read, a kill after each second page, and no row is missed', async () => {
      let moved = 0;
      puller.double.afterPage(() => {
        // Those that were not read yet go to the end, and what is behind them moves up. Platforms
        // tell times by the second.
        for (const id of ids.slice(moved, (moved += 7))) puller.double.put(id, new Date(Date.now() - 2000));
      });
      const asked = puller.double.asked();
      for (let kills = 0; kills < 200; kills++) {
        let left = 2 * (subject.questionsPerPage ?? 1) + 1;
        const failed = await puller.ask((url, init) => (left-- > 0 ? fetch(url, init) : Promise.reject(new Error('killed'))));
        await puller.wait();
        if (failed.length === 0) break;
      }
      puller.double.afterPage(() => undefined);
      expect(puller.double.asked()).toBeGreaterThan(asked);
      await puller.wait();
      expect(await puller.ask()).toEqual([]);
      await puller.work();
      expect(await puller.orders()).toEqual(ids);
    });

    test('what was read before is no other delivery', async () => {
      const count = async () => (await sql<{ n: bigint }>`select count(*) as n from delivery`.execute(puller.database.owner)).rows[0]!.n;
      const before = await count();
      expect(await puller.ask()).toEqual([]);
      expect(await count()).toBe(before);
    });

    test('asked too often, it rests for as long as it demands, and is not asked meanwhile', async () => {
      puller.double.failNext('rate_limited');
      expect(await puller.ask()).toMatchObject([{ kind: 'rate_limited' }]);
      const asked = puller.double.asked();
      expect(await puller.ask()).toEqual([]);
      expect(puller.double.asked()).toBe(asked);
      await puller.wait();
      expect(await puller.ask()).toEqual([]);
      expect(puller.double.asked()).toBeGreaterThan(asked);
    });

    test('what it refuses is told in words, without a secret', async () => {
      puller.double.failNext('refused');
      expect(await puller.ask()).toMatchObject([{ kind: 'refused' }]);
      const { rows } = await sql<{ error: string }>`select error from pull_feed where source_id = ${SOURCE} and error is not null`.execute(
        puller.database.owner,
      );
      expect(rows[0]!.error).not.toBe('');
      for (const secret of Object.values(subject.secrets).flat()) expect(rows[0]!.error).not.toContain(secret);
    });

    test('two processes do not ask it at the same time', async () => {
      const asking: number[] = [];
      let most = 0;
      const askAs = (process: number) =>
        puller.ask((url, init) => {
          asking.push(process);
          most = Math.max(most, new Set(asking).size);
          return fetch(url, init).finally(() => asking.splice(asking.indexOf(process), 1));
        });
      await Promise.all([1, 2, 3].map(askAs));
      expect(most).toBe(1);
    });
  });
}
