// The service as separate processes: one api and two workers, which are killed, brought back, and
// replaced as an orchestrator would.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from '../../src/platform/embedded/embedded-postmaster.ts';

export const ADMIN_KEY = 'fy_admin_of_the_verifier';
/** What processes of a fleet are given, because none of them may make its own. */
export const SECRETS = {
  TOKEN_SECRET: 'the_verifier_signs_clicks_by_it',
  SECRETS_KEY: 'the_verifier_seals_by_it',
  IDENTITY_KEY: 'the_verifier_hashes_by_it',
};
const WORKERS = 2;
const READY_MS_MAX = 90_000;
const START_PAUSE_MS = 200;
const TAIL_LENGTH = 6000;

/** None of them outlives the verifier, however that ends. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Where the code lies, and how its processes reach what they need. */
interface FleetOptions {
  root: string;
  dataDir: string;
  apiDatabaseUrl: string;
  workerDatabaseUrl: string;
  redisUrl: string | null;
  /** Further variables of its environment. */
  env?: Readonly<Record<string, string>>;
}

export interface Fleet {
  /** Where requests go now. */
  url(): string;
  killApi(): Promise<void>;
  killWorkers(): Promise<void>;
  killWorker(index: number): Promise<void>;
  /** Starts what is not running, again and again until all of it runs. */
  restore(): Promise<void>;
  /**
   * A new api takes over; the old one is told to end in good order, after `meanwhile` was begun
   * with its address.
   */
  replaceApi(meanwhile: (oldUrl: string) => Promise<void>): Promise<void>;
  /** Tells a worker to end in good order, and starts another one. */
  replaceWorker(index: number): Promise<void>;
  /** Processes that ended without having been told to. */
  surprises: string[];
  close(): Promise<void>;
}

interface Program {
  child: ChildProcess;
  exited: Promise<unknown>;
  tail: () => string;
}

/**
 * Starts the fleet on an empty database. Throws with the end of its log when one of the processes
 * refuses to start.
 */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const surprises: string[] = [];
  const told = new WeakSet<ChildProcess>();
  let apiPort = await freePort();
  let api: Program | null = null;
  const workers: (Program | null)[] = Array.from({ length: WORKERS }, () => null);

  function launch(role: 'api' | 'worker', port: number): Program {
    const program = start(role, port, options);
    program.child.once('exit', (code, signal) => {
      if (!told.has(program.child)) surprises.push(`${role} ended by itself (${code ?? signal})\n${program.tail()}`);
    });
    return program;
  }

  const startApi = async (port: number) => ready(launch('api', port), 'fenyong serves');
  const startWorker = async () => ready(launch('worker', apiPort), 'the worker works');

  async function end(program: Program | null, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (program === null) return;
    told.add(program.child);
    if (isRunning(program)) program.child.kill(signal);
    await program.exited;
  }

  async function kill(index: number | 'api'): Promise<void> {
    const program = index === 'api' ? api : workers[index]!;
    if (index === 'api') api = null;
    else workers[index] = null;
    await end(program, 'SIGKILL');
  }

  try {
    api = await startApi(apiPort);
    for (const index of workers.keys()) workers[index] = await startWorker();
  } catch (error) {
    await Promise.all([api, ...workers].map((program) => end(program, 'SIGKILL')));
    throw error;
  }

  return {
    url: () => `http://127.0.0.1:${apiPort}`,
    surprises,
    killApi: () => kill('api'),
    killWorker: kill,
    killWorkers: async () => void (await Promise.all(workers.map((_, index) => kill(index)))),
    async restore() {
      await Promise.all([
        api !== null && isRunning(api) ? null : untilStarted(() => startApi(apiPort), surprises).then((started) => (api = started)),
        ...workers.map(async (worker, index) => {
          if (worker === null || !isRunning(worker)) workers[index] = await untilStarted(startWorker, surprises);
        }),
      ]);
    },
    async replaceApi(meanwhile) {
      const [old, oldUrl] = [api, `http://127.0.0.1:${apiPort}`];
      const port = await freePort();
      api = await startApi(port);
      apiPort = port;
      await meanwhile(oldUrl);
      await end(old, 'SIGTERM');
      if (old?.child.exitCode !== 0) surprises.push(`the old api did not end in good order\n${old?.tail()}`);
    },
    async replaceWorker(index) {
      const old = workers[index]!;
      workers[index] = await startWorker();
      await end(old, 'SIGTERM');
      if (old?.child.exitCode !== 0) surprises.push(`the old worker did not end in good order\n${old?.tail()}`);
    },
    async close() {
      await Promise.all([api, ...workers].map((program) => end(program, 'SIGTERM')));
    },
  };
}

function start(role: 'api' | 'worker', port: number, options: FleetOptions): Program {
  const child = spawn(process.execPath, ['src/start.mjs', role, '--no-env-file'], {
    cwd: options.root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PORT: String(port),
      DATA_DIR: options.dataDir,
      DATABASE_URL: role === 'api' ? options.apiDatabaseUrl : options.workerDatabaseUrl,
      REDIS_URL: options.redisUrl ?? '',
      ADMIN_KEY,
      ...SECRETS,
      LOG_LEVEL: 'info',
      SWEEP_INTERVAL_MS: '1000',
      GUARD_INTERVAL_MS: '1000',
      // All load comes from one address, and every click of it is to be kept.
      RATE_REDIRECTS: '100000000',
      // Whoever is started by npm ends when npm is gone: so do these when the verifier is.
      npm_lifecycle_event: 'verify',
      ...options.env,
    },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let tail = '';
  const keep = (chunk: Buffer) => (tail = (tail + chunk.toString('utf8')).slice(-TAIL_LENGTH));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return { child, exited: once(child, 'exit'), tail: () => tail };
}

const isRunning = ({ child }: Program) => child.exitCode === null && child.signalCode === null;

/** Waits until its log says that it is there. */
async function ready(program: Program, words: string): Promise<Program> {
  const deadline = Date.now() + READY_MS_MAX;
  while (Date.now() < deadline && isRunning(program)) {
    if (program.tail().includes(words)) return program;
    await sleep(20);
  }
  throw new Error(`a process of the service did not start:\n${program.tail()}`);
}

/**
 * While its database is away a process refuses to start; whoever runs it tries again, and that is
 * no surprise.
 */
async function untilStarted<Result>(work: () => Promise<Result>, surprises: string[]): Promise<Result> {
  const deadline = Date.now() + READY_MS_MAX;
  for (;;) {
    const before = surprises.length;
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      surprises.length = before;
    }
    await sleep(START_PAUSE_MS);
  }
}
