// BullMQ on the one or the other store: what differs between Redis and PostgreSQL, and nothing
// else.

import { setTimeout as sleep } from 'node:timers/promises';

import { createPostgresBackend, Queue, withBackend, Worker, type JobsOptions, type WorkerOptions } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { Pool, type QueryResult, type QueryResultRow } from 'pg';

/** Names the rows, the keys, and the connection that listens. */
const QUEUE = 'fenyong-nudges';
const REDIS_PREFIX = 'fenyong';

const POOL_SIZE = 4;
const QUERY_TIMEOUT_MS = 10_000;
const CONNECTION_TIMEOUT_MS = 2000;
const COMMAND_TIMEOUT_MS = 2000;
const RECONNECT_PAUSE_MS_MAX = 2000;
/**
 * BullMQ's worker asks again at once after most failures; this keeps it from asking a broken
 * database thousands of times a second.
 */
const FAILURE_PAUSE_MS = 200;

/**
 * A job is run again by somebody else this long after its worker was killed. Twice is no harm: it
 * only says that there is work.
 */
export const LOCK_MS = 5000;
const CONCURRENCY = 8;
/**
 * After two deaths BullMQ would give a job up for ever. Whether work is left is not for the queue
 * to decide.
 */
const STALLED_COUNT_MAX = 1000;
const POLL_SECONDS = 5;

export interface Sender {
  add(kind: string, data: object, options: JobsOptions): Promise<unknown>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

export interface Receiver {
  run(): Promise<void>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

export type Processor = (job: { name: string }) => Promise<void>;

export interface Engine {
  sender: () => Sender;
  receiver: (processor: Processor) => Receiver;
  /** Cuts every connection; senders and receivers are to be closed before. */
  end: () => Promise<void>;
}

/** How long a connection waits for what it sends. */
type Patience = Pick<RedisOptions, 'maxRetriesPerRequest' | 'enableOfflineQueue' | 'commandTimeout'>;

function receiving(lockMs: number) {
  return {
    autorun: false,
    concurrency: CONCURRENCY,
    lockDuration: lockMs,
    stalledInterval: lockMs,
    maxStalledCount: STALLED_COUNT_MAX,
    drainDelay: POLL_SECONDS,
    runRetryDelay: 1000,
  } satisfies Omit<WorkerOptions, 'connection'>;
}

export function redisEngine(url: string, lockMs: number, onError: (error: Error) => void): Engine {
  const connections: Redis[] = [];

  function connect(options: Patience): Redis {
    const connection = new Redis(url, { ...options, retryStrategy: pauseBeforeRetry, connectTimeout: CONNECTION_TIMEOUT_MS });
    connection.on('error', onError);
    connections.push(connection);
    return connection;
  }

  return {
    sender: () => {
      // It fails at once when Redis is away, instead of keeping in memory what it cannot send.
      const connection = connect({ maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: COMMAND_TIMEOUT_MS });
      return new Queue(QUEUE, { connection, prefix: REDIS_PREFIX }).on('error', onError);
    },
    receiver: (processor) => {
      const connection = connect({ maxRetriesPerRequest: null });
      return new Worker(QUEUE, processor, { ...receiving(lockMs), connection, prefix: REDIS_PREFIX }).on('error', onError);
    },
    end: async () => {
      for (const connection of connections) connection.disconnect();
    },
  };
}

function pauseBeforeRetry(times: number): number {
  return Math.min(times * 100, RECONNECT_PAUSE_MS_MAX);
}

export function postgresEngine(connectionString: string, lockMs: number, onError: (error: Error) => void): Engine {
  const { Queue: PostgresQueue, Worker: PostgresWorker } = withBackend(createPostgresBackend);
  // A nudge that a crash of the server loses was not worth the wait for the disk: the row is there,
  // and the sweep finds it.
  const pool = new Pool({
    connectionString,
    max: POOL_SIZE,
    keepAlive: true,
    application_name: QUEUE,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    options: '-c search_path=bullmq -c synchronous_commit=off',
  });
  pool.on('error', onError);
  const connection = {
    options: pool.options,
    connect: () => pool.connect(),
    end: () => pool.end(),
    on: pool.on.bind(pool),
    removeAllListeners: pool.removeAllListeners.bind(pool),
    async query(text: string, parameters?: readonly unknown[]): Promise<QueryResult> {
      try {
        return await pool.query<QueryResultRow>(text, parameters?.slice());
      } catch (error) {
        await sleep(FAILURE_PAUSE_MS);
        throw error;
      }
    },
  };
  return {
    sender: () => new PostgresQueue(QUEUE, { connection }).on('error', onError),
    receiver: (processor) => new PostgresWorker(QUEUE, processor, { ...receiving(lockMs), connection }).on('error', onError),
    end: () => pool.end(),
  };
}
