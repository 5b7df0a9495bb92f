// The demo as a process of its own, in a test that ends whatever it has started.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeAll } from 'vitest';

import { temporaryFolder } from '../leftovers.ts';

const ENTRY = fileURLToPath(new URL('../../src/start.mjs', import.meta.url));

/** How long a story may take, on the busiest machine. */
export const STORY_MS_MAX = 240_000;

/**
 * A folder in the place of the system's for temporary files, for the tests of the file that calls
 * it, and the demos that run there.
 */
export function useDemo() {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const running = new Set<ChildProcess>();

  beforeAll(async () => {
    folder = await temporaryFolder('demo-test');
  });
  afterEach(async () => {
    for (const child of running) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  });
  afterAll(() => folder.remove());

  /** Starts the demo, with what it leaves behind in our folder. */
  function run(args: string[], environment: Record<string, string> = {}) {
    const env = { ...process.env, DATA_DIR: '', TMPDIR: folder.path, TEMP: folder.path, ...environment };
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

  /** The data folders that demos have made and not removed. */
  async function leftBehind(): Promise<string[]> {
    return (await readdir(folder.path)).filter((name) => name.startsWith('fenyong-demo-'));
  }

  return { run, leftBehind, folder: () => folder.path };
}
