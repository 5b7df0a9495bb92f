// The threads of an audit find what the audit itself finds, and tell when they fail.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { audit } from '../../src/audit/audit.ts';
import { differenceLine } from '../../src/audit/difference.ts';
import { openThreadPool } from '../../src/audit/thread-pool.ts';
import { openMarket, trade, type Market } from './market.ts';

let market: Market;

beforeAll(async () => {
  market = await openMarket();
  await trade(market);
});

afterAll(() => market.close());

async function inThread(): Promise<{ orders: number; lines: string[] }> {
  const lines: string[] = [];
  const threads = openThreadPool(market.auditDeps, 1);
  try {
    const { orders } = await audit(market.db, threads.auditors, {
      ordersPerBatch: 4,
      onDifference: (one) => lines.push(differenceLine(one)),
    });
    return { orders, lines: lines.toSorted() };
  } finally {
    await threads.close();
  }
}

test('a thread finds the very differences that are found without it', async () => {
  await sql`update orders set status = 'completed' where order_id in ('plain', 'locked')`.execute(market.owner);
  const { orders, lines } = await market.audit();
  expect(lines.length).toBeGreaterThan(0);
  expect(await inThread()).toEqual({ orders, lines });
});

test('a thread that cannot work ends the audit with its error, and does not let it wait', async () => {
  const missing = new URL(market.auditDeps.connectionString);
  missing.pathname = 'missing';
  const threads = openThreadPool({ ...market.auditDeps, connectionString: missing.href }, 1);
  await expect(audit(market.db, threads.auditors, { onDifference: () => undefined })).rejects.toThrow('database "missing" does not exist');
  await threads.close();
});
