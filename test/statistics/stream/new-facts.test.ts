import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { foldStatistics } from '../../../src/statistics/fold/fold.ts';
import type { StatisticsQuery } from '../../../src/statistics/reading/query.ts';
import { concerning, readNewFacts, readPosition, type Parties, type Position } from '../../../src/statistics/stream/new-facts.ts';
import { until } from '../../platform/sockets.ts';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
let position: Position;

beforeAll(async () => {
  stage = await openStage();
  position = await readPosition(stage.service.database.db);
});

afterAll(() => stage.close());

/** Who had facts since it was last asked. */
async function came(): Promise<string[]> {
  const found = await readNewFacts(stage.service.database.db, position);
  ({ position } = found);
  return found.parties!.map(({ merchantId, promoterId }) => `${merchantId} ${promoterId ?? '-'}`).toSorted();
}

describe('what came since a moment', () => {
  test('is told once, by merchant and promoter: links, clicks, awards', async () => {
    await came();
    const code = await stage.link('alice');
    expect([await came(), await came()]).toEqual([['m1 alice'], []]);
    const clickToken = await stage.click(code);
    await stage.click(await stage.link('bob', 'm2'));
    expect([await came(), await came()]).toEqual([['m1 alice', 'm2 bob'], []]);
    await stage.order('O-1', { clickToken });
    expect([await came(), await came()]).toEqual([['m1 -', 'm1 alice'], []]);
  });

  test('is of those, too, who had a part in an order before', async () => {
    await stage.order('O-2', { promoterId: 'alice', merchantId: 'm2' });
    await came();
    await stage.order('O-2', { promoterId: 'bob', merchantId: 'm2' });
    expect(await came()).toEqual(['m2 -', 'm2 alice', 'm2 bob']);
  });

  test('is nothing of what else is written', async () => {
    await came();
    await stage.ask('PUT', '/v1/promoters/alice', { name: 'Alice', kind: 'person' });
    await stage.makeKey({ scope: 'auditor' });
    expect(await came()).toEqual([]);
  });

  test('comes when it commits, and nothing comes twice, however long another transaction runs', async () => {
    const { owner } = stage.service.database;
    const early = await stage.link('alice');
    await came();
    await owner.transaction().execute(async (trx) => {
      await sql`
        insert into link (code, merchant_id, promoter_id, landing_url, scene, sharers, made_at)
        select 'late', 'm2', 'bob', landing_url, scene, sharers, now() from link limit 1`.execute(trx);
      await stage.click(early);
      expect([await came(), await came()]).toEqual([['m1 alice'], []]);
    });
    expect([await came(), await came()]).toEqual([['m2 bob'], []]);
  });

  test('may be asked for by a watermark: what no transaction below it has made', async () => {
    const { db } = stage.service.database;
    const { rows } = await sql<{ made_xid: bigint }>`select made_xid from link where code = ${await stage.link('alice', 'm2')}`.execute(db);
    const { made_xid: xid } = rows[0]!;
    const partiesFrom = async (watermark: bigint) => (await readNewFacts(db, watermark)).parties!.map(({ promoterId }) => promoterId);
    expect([await partiesFrom(xid), await partiesFrom(xid + 1n)]).toEqual([['alice'], []]);
    expect(await partiesFrom(0n)).toContain('bob');
  });

  test('is found though it comes days late, and is folded already', async () => {
    const { owner } = stage.service.database;
    const code = await stage.link('alice');
    await came();
    const { rows } = await sql<{ below: bigint }>`
      with clicked as (
        insert into click (click_id, link_code, clicked_at, bot)
        values (partition_key('click', now() - interval '3 days')::uuid, ${code}, now() - interval '3 days', false) returning click_id
      )
      insert into late_click (click_id) select click_id from clicked returning recorded_xid + 1 as below`.execute(owner);
    const isFolded = sql<{ folded: boolean }>`select below_xid >= ${rows[0]!.below} as folded from statistics_fold`;
    await foldStatistics(owner);
    await until(async () => (await isFolded.execute(owner)).rows[0]!.folded);
    expect([await came(), await came()]).toEqual([['m1 alice'], []]);
  });
});

describe('what concerns a query', () => {
  const parties: Parties[] = [
    { merchantId: 'm1', promoterId: 'alice', at: new Date(0) },
    { merchantId: 'm1', promoterId: null, at: new Date(0) },
    { merchantId: 'm2', promoterId: 'bob', at: new Date(0) },
  ];
  const concerned = (query: Partial<StatisticsQuery>) =>
    concerning({ filters: {}, bounds: {}, ...query } as StatisticsQuery, parties).map((one) => parties.indexOf(one));

  test('is what its filters want, and its key may see', () => {
    expect(concerned({})).toEqual([0, 1, 2]);
    expect(concerned({ filters: { merchant: { wanted: ['m1'], unwanted: [] } } })).toEqual([0, 1]);
    expect(concerned({ filters: { merchant: { wanted: [], unwanted: ['m1'] } } })).toEqual([2]);
    expect(concerned({ filters: { promoter: { wanted: [null, 'bob'], unwanted: [] } } })).toEqual([1, 2]);
    expect(concerned({ bounds: { promoter: 'bob' } })).toEqual([2]);
    expect(concerned({ bounds: { merchant: 'm1' }, filters: { promoter: { wanted: ['bob'], unwanted: [] } } })).toEqual([]);
    expect(concerned({ filters: { level: { wanted: ['1'], unwanted: [] } } })).toEqual([0, 1, 2]);
  });
});
