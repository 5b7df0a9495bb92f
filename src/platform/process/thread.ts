// A thread of its own for work that would keep this one from answering: it is asked questions,
// several at a time, and answers each.

import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker, type MessagePort } from 'node:worker_threads';

/** Each holds some batches in memory. */
const THREADS_MAX = 8;
/**
 * A batch lives longer than the young generation of V8 by default: it would be copied again and
 * again.
 */
const YOUNG_MIB_MAX = 96;

/** How many threads this machine can run at once, at most eight. */
export const threadsHere = (): number => Math.min(availableParallelism(), THREADS_MAX);

/** A question on its way, and its answer, are told apart by their number. */
interface Asked<Question> {
  id: number;
  question: Question;
}

interface Answered<Answer> {
  id: number;
  answer: Answer;
}

interface Waiting<Answer> {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

interface Thread<Question, Answer> {
  /** Rejects with what has ended the thread. */
  ask: (question: Question) => Promise<Answer>;
  /** Ends it, when nothing is asked of it any more. */
  close: () => Promise<void>;
  /** Ends it in the middle of whatever it does. */
  kill: () => Promise<void>;
}

/** Starts a thread at its door, a module of JavaScript, with the data that it is to be given. */
export function openThread<Question, Answer>(door: URL, workerData: unknown): Thread<Question, Answer> {
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MIB_MAX };
  // It is given no options of ours: its own door lets it read TypeScript.
  const worker = new Worker(door, { workerData, resourceLimits, execArgv: [] });
  const waiting = new Map<number, Waiting<Answer>>();
  let failure: Error | null = null;
  let last = 0;
  const fail = (error: Error): void => {
    failure ??= error;
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  worker.on('message', ({ id, answer }: Answered<Answer>) => {
    waiting.get(id)!.resolve(answer);
    waiting.delete(id);
  });
  worker.on('error', fail);
  const ended = once(worker, 'exit').then(
    () => fail(new Error('a thread has ended')),
    () => undefined,
  );
  return {
    ask: (question) =>
      new Promise<Answer>((resolve, reject) => {
        if (failure !== null) return reject(failure);
        last += 1;
        waiting.set(last, { resolve, reject });
        worker.postMessage({ id: last, question } satisfies Asked<Question>, []);
      }),
    close: async () => {
      worker.postMessage(null, []);
      await ended;
    },
    kill: async () => {
      await worker.terminate();
      await ended;
    },
  };
}

/**
 * Answers what a thread is asked, until it is asked nothing more. What goes wrong ends the thread,
 * and is told to who has started it as its error.
 */
export function serveThread(
  port: MessagePort,
  { answer, close }: { answer: (question: never) => Promise<unknown>; close: () => Promise<void> },
): void {
  const serve = async (asked: Asked<never> | null): Promise<void> => {
    if (asked !== null) {
      port.postMessage({ id: asked.id, answer: await answer(asked.question) } satisfies Answered<unknown>);
      return;
    }
    await close();
    port.close();
  };
  port.on('message', (asked: Asked<never> | null) => void serve(asked));
}
