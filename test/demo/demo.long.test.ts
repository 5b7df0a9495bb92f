// The demo as whoever tries it runs it: told to its end, kept, or ended in the middle, of which
// nothing is left.

import { join } from 'node:path';

import { expect, test } from 'vitest';

import { STORY_MS_MAX, useDemo } from './demo-process.ts';

const HEADINGS = [
  '1. The order systems side by side',
  '2. Orders: who earned them, and how it was split',
  '3. Why M-1001 went to bob and not to alice',
  '4. Balances of the promoters, in yuan',
  '5. A payout: ',
  '6. Trial balance',
  '7. Guards: ',
  '8. A rehearsal: ',
  '9. Statistics: ',
];
const KINDS = ['REST', 'standard-webhooks', 'shopify', 'woocommerce', 'wechat-shop', 'pdd'];
/** What somebody reads without scrolling back for long. */
const LINES_MAX = 180;

const demo = useDemo();

test(
  'the story comes to what it must, and leaves nothing behind',
  async () => {
    const { code, output, errors } = await demo.run([]).closed;
    expect(code, output + errors).toBe(0);
    expect(output).toContain('\nEvery figure is what it must be.\n');
    for (const heading of HEADINGS) expect(output).toContain(`\n${heading}`);
    expect(output).toMatch(/^CNY +sum +0\.00$/m);
    expect(output).toMatch(/(\d+) of \1 laws hold/);
    const [, sideBySide] = /\n1\. [^\n]+\n\n([^]*?)\n\n/.exec(output)!;
    expect(
      sideBySide!
        .split('\n')
        .slice(2, -1)
        .map((line) => line.split(/ {2,}/)[1]),
    ).toEqual(KINDS);
    expect(output.split('\n').length).toBeLessThan(LINES_MAX);
    expect(await demo.leftBehind()).toEqual([]);
  },
  STORY_MS_MAX,
);

test(
  'kept, it serves until it is interrupted, and a second story is not told into the first one',
  async () => {
    const dataDir = join(demo.folder(), 'data');
    const kept = demo.run(['--keep'], { DATA_DIR: dataDir });
    const url = await kept.says(/The service goes on at (http:\S+)/);
    const key = await kept.says(/Admin key: (\S+)/);
    const headers = { authorization: `Bearer ${key}` };
    const order = await fetch(`${url}/v1/orders/haochi-erp/H-2001`, { headers });
    expect(order.status).toBe(200);
    expect(await order.json()).toMatchObject({ award: 'released', lines: [{ pool: 1000, promoter_id: 'bob' }] });
    const ofUnion = await fetch(`${url}/v1/orders/duoduo/261122-330198425510642`, { headers });
    expect(await ofUnion.json()).toMatchObject({
      merchant_id: 'guoyuan',
      lines: [{ evidence: 'link_code', promoter_id: 'carol', pool: 956 }],
    });
    await kept.says(/(Ctrl-C)/);
    kept.interrupt();
    const { code, errors } = await kept.closed;
    expect(code, errors).toBe(0);
    await expect(fetch(`${url}/readyz`)).rejects.toThrow('fetch failed');

    const second = await demo.run([], { DATA_DIR: dataDir }).closed;
    expect(second.errors).toContain('There are orders or rules in DATA_DIR already.');
    expect(second.code).toBe(1);
  },
  STORY_MS_MAX,
);

test(
  'interrupted in the middle, it ends what it started and removes what it made',
  async () => {
    const story = demo.run([]);
    await story.says(/(Opening the marketplace)/);
    expect(await demo.leftBehind()).toHaveLength(1);
    story.interrupt();
    const { code, errors } = await story.closed;
    expect(code, errors).toBe(130);
    expect(await demo.leftBehind()).toEqual([]);
  },
  STORY_MS_MAX,
);
