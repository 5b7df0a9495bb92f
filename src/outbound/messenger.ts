// Sends messages: to every endpoint that something is due for by itself, so that one that is slow
// or dead keeps nobody else waiting.

import { Counter, Gauge, type Registry } from '@prometheus-io/client';
import type { Kysely } from 'kysely';

import { recordChange } from '../platform/keys/audit-log.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import type { MasterKeys } from '../platform/keys/secrets.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Allowed, Resolve } from '../platform/net/address.ts';
import { signingSecrets, stopGoneEndpoint } from './endpoint-store.ts';
import { ATTEMPTS_MAX, afterAttempt, type AttemptOutcome, type NextAttempt } from './retry-schedule.ts';
import { takeMessages, endpointsDue, forgetMessages, measureMessages, settleMessage, type TakenMessage } from './message-store.ts';
import { post } from './post.ts';
import { signedHeaders } from './signature.ts';
import { messageOf } from '../platform/error-text.ts';
import { within } from '../platform/waiting.ts';

const ENDPOINTS_AT_ONCE = 32;
const MESSAGES_AT_ONCE = 10;
/**
 * An endpoint with a long backlog has so many rounds; it begins again behind those that wait
 * longer.
 */
const ROUNDS_MAX = 10;
const FORGOTTEN_AT_ONCE = 1000;
const MEASURE_INTERVAL_MS = 10_000;
/**
 * What is under way when we are told to end may take so long; the receivers of the rest may get it
 * twice.
 */
const CLOSE_TIMEOUT_MS = 5000;

/** What is told to Prometheus; made once per process. */
export interface MessageMetrics {
  pending: Gauge;
  oldestSeconds: Gauge;
  attempts: Counter<'outcome'>;
}

export function messageMetrics(registry: Registry): MessageMetrics {
  const registers = [registry];
  return {
    pending: new Gauge({ name: 'fenyong_webhook_messages_pending', help: 'How many messages wait to be delivered.', registers }),
    oldestSeconds: new Gauge({
      name: 'fenyong_webhook_messages_oldest_seconds',
      help: 'For how long the oldest message has been waiting.',
      registers,
    }),
    attempts: new Counter({
      name: 'fenyong_webhook_attempts_total',
      help: 'Attempts to deliver a message, by how they went: delivered, put off, or failed for good.',
      labelNames: ['outcome'],
      registers,
    }),
  };
}

export interface MessengerDeps {
  db: Kysely<DB>;
  keys: MasterKeys;
  /** What may be called beside public addresses. */
  allowed: Allowed;
  metrics: MessageMetrics;
  /** Sending to an endpoint has ended by this error; it begins again when it is its turn. */
  onError: (error: unknown) => void;
  resolve?: Resolve;
}

interface Messenger {
  /**
   * Begins to send whatever is due. The promise is of the look at what is due, not of the sending.
   */
  deliver: () => Promise<void>;
  /** Resolves when nothing is under way. */
  idle: () => Promise<void>;
  /** Begins nothing more, and ends what is under way. */
  close: () => Promise<void>;
}

export function openMessenger(deps: MessengerDeps): Messenger {
  const sending = new Map<string, Promise<void>>();
  /** Nothing more begins; and then, what is under way is cut off. */
  const ending = new AbortController();
  const cutting = new AbortController();
  let measuredAt = -Infinity;

  async function sendTo(endpointId: string): Promise<void> {
    try {
      for (let round = 0; round < ROUNDS_MAX && !ending.signal.aborted; round++) {
        const taken = await takeMessages(deps.db, endpointId, MESSAGES_AT_ONCE);
        const ended = await Promise.allSettled(taken.map((message) => deliverMessage(deps, message, cutting.signal)));
        const broken = ended.find((one) => one.status === 'rejected');
        if (broken !== undefined) throw broken.reason;
        if (taken.length < MESSAGES_AT_ONCE) break;
      }
    } catch (error) {
      deps.onError(error);
    }
    sending.delete(endpointId);
  }

  async function keepHouse(): Promise<void> {
    if (performance.now() < measuredAt + MEASURE_INTERVAL_MS) return;
    measuredAt = performance.now();
    const { pending, oldestSeconds } = await measureMessages(deps.db);
    deps.metrics.pending.set(pending);
    deps.metrics.oldestSeconds.set(oldestSeconds);
    await forgetMessages(deps.db, FORGOTTEN_AT_ONCE);
  }

  const idle = async () => {
    await Promise.all(sending.values());
  };

  return {
    async deliver() {
      for (const endpointId of await endpointsDue(deps.db, ENDPOINTS_AT_ONCE)) {
        if (!ending.signal.aborted && sending.size < ENDPOINTS_AT_ONCE && !sending.has(endpointId)) {
          sending.set(endpointId, sendTo(endpointId));
        }
      }
      await keepHouse();
    },
    idle,
    async close() {
      ending.abort();
      await within(CLOSE_TIMEOUT_MS, idle(), undefined);
      cutting.abort();
      await idle();
    },
  };
}

async function deliverMessage(deps: MessengerDeps, message: TakenMessage, signal: AbortSignal): Promise<void> {
  const now = new Date();
  const outcome = await attempt(deps, message, now, signal);
  const verdict = afterAttempt(outcome, { attempt: message.attempts, dice: Math.random(), now });
  await settle(deps.db, message, outcome, verdict);
  deps.metrics.attempts.inc({ outcome: verdict.state === 'pending' ? 'put_off' : verdict.state });
}

async function attempt(deps: MessengerDeps, message: TakenMessage, now: Date, signal: AbortSignal): Promise<AttemptOutcome> {
  const { keys, allowed, resolve } = deps;
  const { attempts, endpoint_id: endpointId, event_id: id, secrets, url, body } = message;
  // Every attempt that went before was counted when it began, and the last ones have never said how
  // they went.
  if (attempts > ATTEMPTS_MAX) return { status: null, error: 'our process ended during every one of the last attempts' };
  let headers: Record<string, string>;
  try {
    headers = signedHeaders({ id, at: now, body }, signingSecrets(keys, endpointId, secrets, now));
  } catch (error) {
    return { status: null, error: `it cannot be signed: ${messageOf(error)}` };
  }
  return post({ url, headers, body, allowed, signal, ...(resolve === undefined ? {} : { resolve }) });
}

async function settle(db: Kysely<DB>, message: TakenMessage, outcome: AttemptOutcome, verdict: NextAttempt): Promise<void> {
  const { endpoint_id: endpointId, url } = message;
  if (verdict.state !== 'failed' || !verdict.gone) {
    await settleMessage(db, message, { outcome, verdict });
    return;
  }
  await inTransaction(db, async ({ trx, now }) => {
    await settleMessage(trx, message, { outcome, verdict });
    const stopped = await stopGoneEndpoint(trx, { endpointId, url, now });
    if (stopped === null) return;
    const change = { action: 'webhook_endpoint_stopped', subjectKind: 'webhook_endpoint', subjectId: endpointId };
    await recordChange(trx, { actor: null, now, ...change, ...stopped });
  });
}
