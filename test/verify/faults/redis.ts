// Faults of Redis, which only carries nudges: whatever happens to it may delay by a sweep, and
// loses nothing.

import type { RedisServer } from '../redis.ts';
import type { Stage } from '../stage.ts';
import { aWhile, someMoment, type Fault } from './fault.ts';

function redisOf({ redis }: Stage): RedisServer {
  if (redis === null) throw new Error('this fault needs a Redis');
  return redis;
}

export const REDIS_FAULTS: Fault[] = [
  {
    name: 'redis-flushed',
    needs: 'redis',
    async inject(stage, random) {
      for (let times = random.int(1, 4); times > 0; times -= 1) {
        await someMoment(random);
        await redisOf(stage).flush();
      }
    },
  },
  {
    name: 'redis-killed',
    needs: 'redis',
    async inject(stage, random) {
      await someMoment(random);
      await redisOf(stage).kill();
      await aWhile(random, 5000);
      await redisOf(stage).start();
    },
  },
  {
    name: 'redis-restarted-empty',
    needs: 'redis',
    async inject(stage, random) {
      for (let times = random.int(1, 3); times > 0; times -= 1) {
        await someMoment(random);
        await redisOf(stage).kill();
        await redisOf(stage).start();
      }
    },
  },
  {
    name: 'redis-frozen',
    needs: 'redis',
    async inject(stage, random) {
      await someMoment(random);
      await redisOf(stage).freeze(random.int(1000, 5000));
    },
  },
];
