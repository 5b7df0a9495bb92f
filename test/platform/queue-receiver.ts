// A process of its own that takes a nudge, says so, and never finishes with it: to be killed. It
// ends with who started it.

import { buildLogger } from '../../src/platform/process/log.ts';
import { openQueue } from '../../src/platform/queue/queue.ts';

process.stdin.resume().once('end', () => process.exit());

const [lockMs, connectionString = '', redisUrl] = process.argv.slice(2);
const queue = openQueue({ redisUrl: redisUrl ?? null, connectionString, log: buildLogger('silent'), lockMs: Number(lockMs) });
queue.onNudge((kind) => {
  process.stdout.write(`${kind}\n`);
  return new Promise(() => undefined);
});
