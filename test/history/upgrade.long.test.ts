// What earlier versions have made, brought up to date: nothing of it may read otherwise afterwards,
// and it goes on.

import { readdir } from 'node:fs/promises';

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { auditCommand } from '../../src/audit/commands.ts';
import { openRuntime, type Runtime } from '../../src/runtime.ts';
import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import { readConfig } from '../../src/platform/process/config.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { testDatabase, testLog, type TestDatabase } from '../harness.ts';
import { ADMIN_KEY, openService, type Service } from '../running.ts';
import { readRecording, restoreRecording, type Answers } from './recording.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const NAMES = (await readdir(new URL('.', import.meta.url))).flatMap((file) => /^(.*)\.json\.gz$/.exec(file)?.[1] ?? []).toSorted();
const RECORDINGS = await Promise.all(NAMES.map(async (name) => ({ name, recorded: await readRecording(name) })));
const laws = allGuards({ levelsMax: 2, spooled: () => 0 }).filter(({ kind }) => kind === 'law');

interface WireChange {
  /** The answers that it changes. */
  of: RegExp;
  was: RegExp;
  is: string;
}

/**
 * All that the API says otherwise than it did when there is no version between: each stands in the
 * CHANGELOG under "Changed on the wire".
 */
const WIRE_CHANGES: readonly WireChange[] = [
  // Ids are strings everywhere.
  { of: /\/explanation\?/, was: /"transfer_id":(\d+)/g, is: '"transfer_id":"$1"' },
  // Merchants say when their promoters are paid, and what notice they are given of lower rates.
  {
    of: /^\/v1\/merchants\?/,
    was: /("hold_days":\d+,)("attribution")/g,
    is: '$1"payouts":"always","rate_notice":null,"rate_lock":"none",$2',
  },
  // Rules tell whose offer publishes them.
  { of: /^\/v1\/rules\?/, was: /("fixed_per_unit":\d+\})\}/g, is: '$1,"offer_id":null}' },
  // Entries and transfers tell their cause, which was an order's revision until then.
  {
    of: /^\/v1\/(promoters\/[^/]+\/entries|ledger\/transfers)\b/,
    was: /("kind":"(?:accrue|reverse|release)",)("merchant_id":(?:(?!"revision").)*"revision":(\d+))/g,
    is: '$1"cause":"order","cause_id":"$3",$2',
  },
];

/** What was answered then, as it is to be answered now. */
function asAnsweredNow(path: string, text: string): string {
  return WIRE_CHANGES.filter(({ of }) => of.test(path)).reduce((said, { was, is }) => said.replace(was, is), text);
}

describe.each(RECORDINGS)('what was made by the version $name', ({ recorded }) => {
  let database: TestDatabase;
  let runtime: Runtime;
  let service: Service;

  beforeAll(async () => {
    database = await testDatabase({ migrated: false });
    await restoreRecording(database.owner, recorded);
    // As a process of a fleet is started: with nothing but what the old installation has.
    const config = readConfig({ ...recorded.keys, DATABASE_URL: database.connectionString, DATA_DIR: '/nonexistent' });
    runtime = await openRuntime(config, testLog, { mayMakeSecrets: false });
    service = await openService({ works: false, listens: false, database, secrets: runtime });
  });
  afterAll(async () => {
    await service?.close();
    await runtime?.close();
  });

  const textOf = async (url: string): Promise<string> => {
    const answer = await service.app.inject({ url, headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    expect(answer.statusCode, `${url}: ${answer.payload}`).toBe(200);
    return answer.payload;
  };
  const get = async <Answer>(url: string) => JSON.parse(await textOf(url)) as Answer;

  const balanceOf = async (promoterId: string) => (await get<{ data: object[] }>(`/v1/promoters/${promoterId}/balance`)).data;

  /** The differences that audit finds. */
  async function differences(): Promise<string[]> {
    let printed = '';
    await auditCommand({ ...runtime, adapters: ADAPTERS, levelsMax: 2 }, (text) => (printed += text));
    expect(printed).toMatch(/\n(all agrees|\d+ differences)\n$/);
    return printed.split('\n').filter((line) => line.includes('\texpected '));
  }

  test('orders, balances and the book read as they did', async () => {
    const { orders, balances, trialBalance } = recorded.answers;
    expect(orders.length).toBeGreaterThan(10);
    for (const order of orders) {
      const { source_id, order_id, merchant_id } = order;
      const now = await get<object>(`/v1/orders/${source_id}/${encodeURIComponent(order_id)}?merchant_id=${merchant_id}`);
      expect(now, order_id).toMatchObject(order);
    }
    for (const [promoterId, then] of Object.entries(balances)) expect(await balanceOf(promoterId), promoterId).toEqual(then);
    expect((await get<{ data: object[] }>('/v1/ledger/trial-balance')).data).toEqual(trialBalance);
  });

  if (recorded.texts !== undefined) bytesStay(recorded.texts);

  function bytesStay(texts: Record<string, string>): void {
    test('whatever it answered is answered with the same bytes, but for the changes that are listed', async () => {
      const paths = Object.keys(texts);
      for (const kind of [/\/explanation\?/, /^\/v1\/audit-log\?/, /^\/v1\/webhook-messages\//, /^\/v1\/claims\?/]) {
        expect(paths).toContainEqual(expect.stringMatching(kind));
      }
      const differing = [];
      for (const [path, then] of Object.entries(texts)) {
        const [was, is] = [asAnsweredNow(path, then), await textOf(path)];
        if (was !== is) differing.push({ path, was, is });
      }
      expect(differing).toEqual([]);
    });

    test.each(WIRE_CHANGES)('what $of answers has changed as it is listed', ({ of, was }) => {
      const changed = Object.entries(texts).filter(([path, text]) => of.test(path) && text.search(was) !== -1);
      expect(changed).not.toEqual([]);
    });
  }

  test('audit agrees', async () => {
    expect(await differences()).toEqual([]);
  });

  test('it goes on: what is reported now is merged and awarded, every law holds, and audit agrees again', async () => {
    await service.close();
    const again = await reopened(recorded.answers);
    database = again.database;
    service = again.service;
    for (const law of laws) expect(await askGuard(database.db, law), law.name).toEqual({ violations: 0, sample: [] });
    expect(await differences()).toEqual([]);
  });

  /**
   * The same data once more, with a worker; an old order is refunded and a new one comes for the
   * same link.
   */
  async function reopened({ orders }: Answers): Promise<{ database: TestDatabase; service: Service }> {
    const fresh = await testDatabase({ migrated: false });
    await restoreRecording(fresh.owner, recorded);
    const config = readConfig({ ...recorded.keys, DATABASE_URL: fresh.connectionString, DATA_DIR: '/nonexistent' });
    await runtime.close();
    runtime = await openRuntime(config, testLog, { mayMakeSecrets: false });
    const working = await openService({ works: true, listens: false, database: fresh, secrets: runtime });
    const post = async (payload: object) => {
      const headers = { authorization: `Bearer ${ADMIN_KEY}` };
      const answer = await working.app.inject({ method: 'POST', url: '/v1/orders', headers, payload });
      expect(answer.statusCode, answer.payload).toBe(202);
    };
    const read = async (orderId: string) =>
      (
        await working.app.inject({ url: `/v1/orders/rest/${orderId}?merchant_id=old`, headers: { authorization: `Bearer ${ADMIN_KEY}` } })
      ).json();
    expect(orders).toContainEqual(expect.objectContaining({ order_id: 'o-2' }));
    await post({ merchant_id: 'old', order_id: 'o-2', refunds: [{ refund_id: 'now', amount: 9999 }] });
    await post({
      merchant_id: 'old',
      order_id: 'new',
      status: 'paid',
      currency: 'CNY',
      promoter_id: 'ben',
      lines: [{ line_id: '1', paid_amount: 1000 }],
    });
    await expect.poll(() => read('o-2'), { timeout: 60_000 }).toMatchObject({ award: 'void', lines: [{ refunded_amount: 9999, pool: 0 }] });
    await expect.poll(() => read('new'), { timeout: 60_000 }).toMatchObject({ award: 'estimated', lines: [{ pool: 123 }] });
    await expect.poll(async () => (await sql`select from award_due`.execute(fresh.owner)).rows.length, { timeout: 60_000 }).toBe(0);
    await working.stopWork();
    return { database: fresh, service: working };
  }
});
