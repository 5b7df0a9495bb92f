// The quick start of the README is run as it is written.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
