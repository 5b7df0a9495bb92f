// The Redis under test, without anything on the disk: whatever it knew is gone when it is killed.

import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from 'ioredis';

import { freePort } from '../../src/platform/embedded/embedded-postmaster.ts';
import { mortalServer } from '../leftovers.ts';

const READY_MS_MAX = 10_000;

export interface RedisServer {
  port: number;
  flush(): Promise<void>;
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  start(): Promise<void>;
  /** It keeps its connections and answers nothing for a while. */
  freeze(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

export function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).error === undefined;
}

export async function openRedis(): Promise<RedisServer> {
  const port = await freePort();
  const launch = () => mortalServer(['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']);
  let server: { kill: () => Promise<void> } | null = null;

  async function asked<Result>(work: (redis: Redis) => Promise<Result>): Promise<Result> {
    const redis = new Redis({ port, retryStrategy: (times) => (times * 20 > READY_MS_MAX / 20 ? null : 20) });
    // Refused connections are tried again; what fails for good rejects the command.
    redis.on('error', () => undefined);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }

  async function start(): Promise<void> {
    server ??= launch();
    await asked((redis) => redis.ping());
  }

  async function kill(): Promise<void> {
    await server?.kill();
    server = null;
  }

  await start();
  return {
    port,
    start,
    kill,
    flush: async () => void (await asked((redis) => redis.flushall())),
    async freeze(milliseconds) {
      const info = await asked((redis) => redis.info('server'));
      const pid = Number(/process_id:(\d+)/.exec(info)?.[1]);
      process.kill(pid, 'SIGSTOP');
      try {
        await sleep(milliseconds);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    },
    close: kill,
  };
}
