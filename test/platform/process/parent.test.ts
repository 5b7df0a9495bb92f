// A process that outlives the one that started it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

test('a process learns that its parent has ended', async () => {
  const script = fileURLToPath(new URL('../orphan.ts', import.meta.url));
  const loader = process.features.typescript ? [] : ['--import', 'tsx'];
  // The shell waits, because a command follows; so it is the parent, as npm is of the service.
  const parent = spawn('sh', ['-c', '"$@"; true', 'sh', process.execPath, ...loader, script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface(parent.stdout);
  expect(await once(lines, 'line')).toEqual(['here']);
  const told = once(lines, 'line');
  parent.kill('SIGKILL');
  expect(await told).toEqual(['orphaned']);
});
