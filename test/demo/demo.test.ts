// The demo as whoever tries it runs it: a process of its own, on a database of its own, of which nothing is left.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

const ENTRY = fileURLToPath(new URL('../../src/start.mjs', import.meta.url));
const RUN_TIMEOUT_MS = 240_000;
const HEADINGS = [
  '1. The order systems side by side',
  '2. Orders: who earned them, and how it was split',
  '3. Why M-1001 went to bob and not to alice',
  '4. Balances of the promoters, in yuan',
  '5. Trial balance',
  '6. Guards: ',
];
const KINDS = ['REST', 'standard-webhooks', 'shopify', 'woocommerce', 'wechat-shop', 'pdd'];
/** What somebody reads without scrolling back for long. */
const LINES_MAX = 120;

/** In the place of the system's folder for temporary files. */
let folder: string;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fenyong-demo-test-'));
});

afterEach(async () => {
  for (const child of running) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** The data folders that demos have made and not removed. */
async function leftBehind(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('fenyong-demo-'));
}

/** Starts the demo, with what it leaves behind in our folder. */
function run(args: string[], environment: Record<string, string> = {}) {
  const env = { ...process.env, DATA_DIR: '', TMPDIR: folder, TEMP: folder, ...environment };
  const child = spawn(process.execPath, [ENTRY, 'demo', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const told = { output: '', errors: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told.output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told.errors += text));
  const closed = once(child, 'close').then(([code]) => ({ code: code as number | null, ...told }));
  return {
    closed,
    interrupt: () => child.kill('SIGINT'),
    /** What the first match captured, as soon as the output has one. */
    async says(pattern: RegExp): Promise<string> {
      for (;;) {
        const match = pattern.exec(told.output);
        if (match !== null) return match[1] ?? '';
        if (child.exitCode !== null) throw new Error(`the demo ended with ${child.exitCode}:\n${told.output}${told.errors}`);
        await once(child.stdout, 'data');
      }
    },
  };
}

test(
  'the story comes to what it must, and leaves nothing behind',
  async () => {
    const { code, output, errors } = await run([]).closed;
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
    expect(await leftBehind()).toEqual([]);
  },
  RUN_TIMEOUT_MS,
);

test(
  'kept, it serves until it is interrupted, and a second story is not told into the first one',
  async () => {
    const dataDir = join(folder, 'data');
    const kept = run(['--keep'], { DATA_DIR: dataDir });
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

    const second = await run([], { DATA_DIR: dataDir }).closed;
    expect(second.errors).toContain('There are orders or rules in DATA_DIR already.');
    expect(second.code).toBe(1);
  },
  RUN_TIMEOUT_MS,
);

test(
  'interrupted in the middle, it ends what it started and removes what it made',
  async () => {
    const story = run([]);
    await story.says(/(Opening the marketplace)/);
    expect(await leftBehind()).toHaveLength(1);
    story.interrupt();
    const { code, errors } = await story.closed;
    expect(code, errors).toBe(130);
    expect(await leftBehind()).toEqual([]);
  },
  RUN_TIMEOUT_MS,
);

test(
  'what it does not know is refused with a sentence',
  async () => {
    const { code, output, errors } = await run(['--kepe']).closed;
    expect({ code, output }).toEqual({ code: 1, output: '' });
    expect(errors).toContain("Unknown option '--kepe'");
  },
  RUN_TIMEOUT_MS,
);
