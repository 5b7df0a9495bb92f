// Everything a fault can break, opened together: a database, a Redis, the wires to them, the fleet,
// and the market it serves.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { openFleet, type Fleet } from './fleet.ts';
import { openMarket, type Market } from './market.ts';
import type { Postgres } from './postgres.ts';
import type { RedisServer } from './redis.ts';
import { openWire, type Wire } from './wire.ts';

export interface Wires {
  apiToPostgres: Wire;
  workersToPostgres: Wire;
  /** Null where there is no Redis. */
  toRedis: Wire | null;
}

export interface Stage {
  postgres: Postgres;
  /** Around every wire, for the verifier itself. */
  databaseUrl: string;
  redis: RedisServer | null;
  wires: Wires;
  fleet: Fleet;
  market: Market;
  /** Where the api keeps clicks that wait for the database. */
  dataDir: string;
  close(): Promise<void>;
}

interface StageOptions {
  /** Names the database. */
  name: string;
  /** Where the code of the service lies. */
  root: string;
  /** For the data of its processes. */
  folder: string;
  postgres: Postgres;
  redis: RedisServer | null;
  /** Further variables for its processes. */
  env?: Readonly<Record<string, string>>;
}

/** Opens a stage on a database of its own. */
export async function openStage({ name, root, folder, postgres, redis, env = {} }: StageOptions): Promise<Stage> {
  const databaseUrl = await postgres.makeDatabase(name);
  const dataDir = join(folder, name);
  await mkdir(dataDir);
  const wires = {
    apiToPostgres: await openWire(postgres.port),
    workersToPostgres: await openWire(postgres.port),
    toRedis: redis === null ? null : await openWire(redis.port),
  };
  const closeWires = async () => {
    for (const wire of Object.values(wires)) await wire?.close();
  };
  const by = (wire: Wire) => Object.assign(new URL(databaseUrl), { port: String(wire.port) }).href;
  try {
    const fleet = await openFleet({
      root,
      dataDir,
      apiDatabaseUrl: by(wires.apiToPostgres),
      workerDatabaseUrl: by(wires.workersToPostgres),
      redisUrl: wires.toRedis === null ? null : `redis://127.0.0.1:${wires.toRedis.port}`,
      env,
    });
    const close = async () => {
      await fleet.close();
      await closeWires();
    };
    try {
      return { postgres, databaseUrl, redis, wires, fleet, dataDir, market: await openMarket(fleet.url()), close };
    } catch (error) {
      await close();
      throw error;
    }
  } catch (error) {
    await closeWires();
    throw error;
  }
}
