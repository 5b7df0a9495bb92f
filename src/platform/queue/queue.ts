// Nudges: "there is work of this kind". The row is the truth, and a sweep finds whatever is due, so
// a nudge may come late, twice, or never; it is here to make that seldom, and to cost whoever sends
// it nothing.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from 'pino';

import { LOCK_MS, postgresEngine, redisEngine, type Engine, type Processor, type Receiver, type Sender } from './queue-engine.ts';
import { within } from '../waiting.ts';

const ATTEMPTS_MAX = 5;
const RETRY_PAUSE_MS = 100;
const RECEIVER_PAUSE_MS = 1000;
/** Under load one job says as much as a hundred: between two of a kind there is this much time. */
const SPACING_MS = 20;
const WORK_TIMEOUT_MS = 10_000;
const GOODBYE_TIMEOUT_MS = 500;
const QUIET_MS = 60_000;
const MESSAGES_MAX = 100;

/** Works off what is due of one kind. It is never run twice at the same time for one kind. */
export type NudgeHandler = (kind: string) => Promise<void>;

export interface Queue {
  /**
   * Says that there is work, at once and without ever throwing. After the last of many calls the
   * handler runs at least once more, from its beginning: here when this process has a handler, else
   * in whichever process does.
   */
  nudge: (kind: string) => void;
  /** Makes this process one of those that work. To be called once. */
  onNudge: (handler: NudgeHandler) => void;
  /** Takes no more nudges, and waits for the handler that is running. */
  close: () => Promise<void>;
}

interface QueueOptions {
  /** Null: the jobs live in PostgreSQL, in tables that `migrateQueue` makes. */
  redisUrl: string | null;
  connectionString: string;
  log: Logger;
  /** After so long without a word from its worker a nudge is given to another. */
  lockMs?: number;
}

export function openQueue({ redisUrl, connectionString, log, lockMs = LOCK_MS }: QueueOptions): Queue {
  const onError = quietly((error) => log.warn({ err: error }, 'the queue is in trouble; the sweep does its work meanwhile'));
  const engine = redisUrl === null ? postgresEngine(connectionString, lockMs, onError) : redisEngine(redisUrl, lockMs, onError);
  const closing = new AbortController();
  const life: Life = { engine, onError, signal: closing.signal };
  const elsewhere = sending(life);
  let handler: NudgeHandler | undefined;
  let receiving: Promise<Receiver | undefined> | undefined;

  const here = perKind(async (kind) => {
    await handler?.(kind).catch((error: unknown) => log.error({ err: error, kind }, 'the work of a nudge failed'));
  });

  /** What is being worked on may take its time; a store that is away may not. */
  async function closeAll(): Promise<void> {
    const received = receiving?.then((receiver) => receiver?.close());
    await within(WORK_TIMEOUT_MS, here.idle(), undefined);
    if (received !== undefined) await within(GOODBYE_TIMEOUT_MS, received, undefined);
    await elsewhere.close();
  }

  return {
    nudge(kind) {
      if (closing.signal.aborted) return;
      void (handler === undefined ? elsewhere.send(kind) : here.request(kind));
    },
    onNudge(given) {
      if (handler !== undefined) throw new Error('this process has a handler already');
      handler = given;
      receiving = receive(life, (job) => here.request(job.name));
    },
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      await closeAll().catch(onError);
      await engine.end();
    },
  };
}

/** What sending and receiving have in common; they end when the signal says so. */
interface Life {
  engine: Engine;
  onError: (error: unknown) => void;
  signal: AbortSignal;
}

function sending({ engine, onError, signal }: Life): { send: (kind: string) => Promise<void>; close: () => Promise<void> } {
  /**
   * Jobs of different processes are not merged: several workers may be woken by several senders.
   */
  const sentBy = randomBytes(6).toString('hex');
  let sender: Promise<Sender> | undefined;

  async function open(): Promise<Sender> {
    try {
      return await ready(engine.sender());
    } catch (error) {
      sender = undefined;
      throw error;
    }
  }

  const jobs = perKind(async (kind) => {
    const deduplication = { id: `${kind}-${sentBy}`, keepLastIfActive: true };
    for (let attempt = 1; attempt <= ATTEMPTS_MAX && !signal.aborted; attempt += 1) {
      try {
        sender ??= open();
        await (await sender).add(kind, {}, { deduplication, removeOnComplete: true, removeOnFail: true });
        break;
      } catch (error) {
        onError(error);
        await pause(RETRY_PAUSE_MS * 2 ** attempt, signal);
      }
    }
    await pause(SPACING_MS, signal);
  });

  return {
    send: jobs.request,
    async close() {
      await within(GOODBYE_TIMEOUT_MS, jobs.idle(), undefined);
      const closed = sender?.then((opened) => opened.close());
      if (closed !== undefined) await within(GOODBYE_TIMEOUT_MS, closed, undefined);
    },
  };
}

/** Begins to receive, as soon as the store is there. */
async function receive({ engine, onError, signal }: Life, processor: Processor): Promise<Receiver | undefined> {
  while (!signal.aborted) {
    try {
      const receiver = await ready(engine.receiver(processor));
      receiver.run().catch(onError);
      return receiver;
    } catch (error) {
      onError(error);
      await pause(RECEIVER_PAUSE_MS, signal);
    }
  }
  return undefined;
}

/** Waits, but not for longer than we live. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal, ref: false }).catch(() => 'closing');
}

/** What did not get ready once never does, so it is thrown away. */
async function ready<T extends Sender | Receiver>(made: T): Promise<T> {
  try {
    await made.waitUntilReady();
    return made;
  } catch (error) {
    await made.close();
    throw error;
  }
}

/** The same work for each kind, coalesced within the kind. `idle` waits until none is running. */
function perKind(work: (kind: string) => Promise<void>): { request: (kind: string) => Promise<void>; idle: () => Promise<unknown> } {
  const runs = new Map<string, Runs>();
  return {
    request(kind) {
      let run = runs.get(kind);
      if (run === undefined) runs.set(kind, (run = oneRunAtATime(() => work(kind))));
      return run.request();
    },
    idle: () => Promise.all([...runs.values()].map(({ last }) => last())),
  };
}

interface Runs {
  request: () => Promise<void>;
  /** The end of the last run that was asked for. */
  last: () => Promise<void>;
}

/**
 * However often it is asked for, the work runs once at a time; each request is followed by a run
 * that begins after it.
 */
function oneRunAtATime(work: () => Promise<void>): Runs {
  let current = Promise.resolve();
  let following: Promise<void> | undefined;
  let busy = false;

  async function begin(): Promise<void> {
    busy = true;
    following = undefined;
    await work();
    busy = following !== undefined;
  }

  return {
    request() {
      if (!busy) return (current = begin());
      return (following ??= current.then(() => (current = begin())));
    },
    last: () => following ?? current,
  };
}

/** Lets each message through once a minute: a store that is away makes thousands. */
function quietly(tell: (error: Error) => void): (error: unknown) => void {
  const toldAt = new Map<string, number>();
  return (thrown) => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const now = performance.now();
    if (now - (toldAt.get(error.message) ?? -QUIET_MS) < QUIET_MS) return;
    if (toldAt.size >= MESSAGES_MAX) toldAt.clear();
    toldAt.set(error.message, now);
    tell(error);
  };
}
