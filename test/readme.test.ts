// The quick start of the README is run as it is written.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { freePort } from './harness.ts';

const READY_MS_MAX = 60_000;

/** The blocks of the README's quick start: how to start, what to type, what it prints. */
async function quickStart(): Promise<string[]> {
  const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const section = text.split('## Run it')[1]!.split('\n## ')[0]!;
  return [...section.matchAll(/```(?:sh)?\n([\s\S]*?)```/g)].map((block) => block[1]!);
}

async function untilReady(url: string): Promise<void> {
  for (const deadline = Date.now() + READY_MS_MAX; Date.now() < deadline; await sleep(100)) {
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok === true) return;
  }
  throw new Error(`${url} is not ready`);
}

/** The longest way of one order that a reader is asked to go. */
const WAY_FILES_MAX = 35;

describe('the way of one order in the README', () => {
  it('is short, and leads from each file to those that it uses', async () => {
    const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const section = text.split('**The way of one order**')[1]!.split('\n## ')[0]!;
    const way = [...section.matchAll(/^\d+\. `(src\/[^`]+)`/gm)].map((step) => step[1]!);
    expect(way.length).toBeGreaterThan(20);
    expect(way.length).toBeLessThanOrEqual(WAY_FILES_MAX);
    expect(new Set(way).size).toBe(way.length);
    // Where it begins: what the server answers, what the worker does, and which order systems there
    // are.
    const reached = new Set((await Promise.all(['src/app.ts', 'src/worker.ts', 'src/sources/adapters.ts'].map(importedBy))).flat());
    for (const file of way) {
      expect([...reached], file).toContain(file);
      for (const target of await importedBy(file)) reached.add(target);
    }
  });
});

async function importedBy(file: string): Promise<string[]> {
  const text = await readFile(new URL(`../${file}`, import.meta.url), 'utf8');
  return [...text.matchAll(/ from '(\.{1,2}\/[^']+)'/g)].map((found) => join(dirname(file), found[1]!));
}

describe('the README in Chinese', () => {
  it('starts and types what the English one does, and prints the same', async () => {
    const text = await readFile(new URL('../README.zh.md', import.meta.url), 'utf8');
    expect([...text.matchAll(/```(?:sh)?\n([\s\S]*?)```/g)].map((block) => block[1]!).slice(1)).toEqual(await quickStart());
  });
});

describe('the quick start of the README', () => {
  it('does what it says, command by command, and prints what is printed there', { timeout: 120_000 }, async () => {
    const [start, commands, printed] = await quickStart();
    const port = await freePort();
    const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-readme-'));
    const env = { ...process.env, PORT: String(port), DATA_DIR: dataDir, DATABASE_URL: '', REDIS_URL: '', LOG_LEVEL: 'warn' };
    const service = spawn('sh', ['-c', start!], { env, detached: true, stdio: 'ignore' });
    const exited = once(service, 'exit');
    try {
      await untilReady(`http://127.0.0.1:${port}`);
      // The port is the only thing that a test must change.
      const typed = spawnSync('sh', ['-c', commands!.replace('127.0.0.1:3000', `127.0.0.1:${port}`)], { encoding: 'utf8' });
      expect(typed.stderr).toBe('');
      expect(typed.stdout).toBe(printed);
    } finally {
      process.kill(-service.pid!, 'SIGTERM');
      await exited;
      await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
  });
});
