// What the auditor's command prints, and how it ends.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { auditCommand } from '../../src/audit/commands.ts';
import { openMarket, type Market } from './market.ts';

let market: Market;

beforeAll(async () => {
  market = await openMarket();
  await market.order('plain', { link_code: await market.link('m1', 'bob') });
});

afterAll(() => market.close());

async function run(): Promise<{ code: number; printed: string }> {
  let printed = '';
  const code = await auditCommand(market.auditDeps, (text) => (printed += text));
  return { code, printed };
}

test('it ends with 0 and with counts where all agrees, and with 1 and a line for every difference where it does not', async () => {
  const { code, printed } = await run();
  expect(printed).toContain('1 orders (0 wait for their award), 1 reports of 1 deliveries, 3 transfers');
  expect(printed.endsWith('all agrees\n')).toBe(true);
  expect(code).toBe(0);
  await sql`update orders set status = 'completed'`.execute(market.owner);
  const faulty = await run();
  expect(faulty.printed).toContain('m1/rest/plain\tstatus\texpected "paid"\tfound "completed"\n');
  expect(faulty.printed.endsWith('1 differences\n')).toBe(true);
  expect(faulty.code).toBe(1);
});
