// Faults of the network between each pair of processes: cut, cut before the answer, half-open,
// slow.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Random } from '../random.ts';
import type { Stage, Wires } from '../stage.ts';
import type { Wire } from '../wire.ts';
import { aWhile, someMoment, type Fault } from './fault.ts';

const PAIRS: readonly [name: string, wire: keyof Wires][] = [
  ['api-postgres', 'apiToPostgres'],
  ['workers-postgres', 'workersToPostgres'],
  ['service-redis', 'toRedis'],
];

const WAYS: Readonly<Record<string, (wire: Wire, random: Random) => Promise<void>>> = {
  async cut(wire, random) {
    for (let times = random.int(2, 6); times > 0; times -= 1) {
      wire.cut();
      await sleep(random.int(50, 500));
    }
  },
  async 'answers-cut'(wire, random) {
    wire.cutAnswers(12, random);
    await aWhile(random, 3000);
  },
  async 'half-open'(wire, random) {
    wire.fallSilent();
    await aWhile(random, 3000);
  },
  async slow(wire, random) {
    wire.slowDown(random.int(20, 150));
    await aWhile(random, 4000);
  },
};

export const NETWORK_FAULTS: Fault[] = PAIRS.flatMap(([pair, name]) =>
  Object.entries(WAYS).map(([way, breakIt]): Fault => ({
    name: `${pair}-${way}`,
    ...(name === 'toRedis' && { needs: 'redis' }),
    async inject({ wires }: Stage, random: Random) {
      const wire = wires[name];
      if (wire === null) throw new Error('there is no such wire');
      await someMoment(random);
      try {
        await breakIt(wire, random);
      } finally {
        wire.mend();
      }
    },
  })),
);
