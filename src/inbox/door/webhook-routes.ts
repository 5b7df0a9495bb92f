// The door of the order systems: a push is verified on its raw bytes, stored, and only then
// answered as its platform expects.
import { hash } from 'node:crypto';

import { Counter, type Registry } from '@prometheus-io/client';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LruMap } from 'toad-cache';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { rawBodyScope } from '../../platform/http/bodies.ts';
import type { App } from '../../platform/http/app.ts';
import { problems } from '../../platform/http/problem.ts';
import type { RefusedCallers } from '../../platform/http/rate-limit.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import type { SourceCache } from '../../sources/connections/source-cache.ts';
import type { Adapter, PushAnswer, Push, PushRefusal } from '../../sources/source.ts';
import type { LiveSource } from '../../sources/connections/source-store.ts';
import { pullOnly } from '../../sources/unions/union.ts';
import { noSource, sourcePath } from '../../sources/connections/source-fields.ts';
import type { DeliveryWriter } from './delivery-writer.ts';

interface WebhookDeps {
  writer: DeliveryWriter;
  sources: SourceCache;
  adapters: readonly Adapter[];
  registry: Registry;
  /** Those whose pushes were refused, by their address. */
  refused: RefusedCallers;
  /** There is a delivery to process. Called after the commit. */
  onDelivered: () => void;
}

/**
 * One refusal a minute of each source and reason is logged: whoever can reach us can be refused.
 */
const REFUSAL_LOGGED_MS = 60_000;
const REFUSALS_REMEMBERED_MAX = 1000;

/**
 * What an address is still verified that was refused too often within this minute: so little that
 * it costs no more than the request itself. Other senders may have the same address, so a push of
 * theirs is not refused for it; a longer one is sent again by its platform.
 */
const REFUSED_BYTES_MAX = 64 * 1024;

type Refuse = (request: FastifyRequest, source: LiveSource, reason: PushRefusal) => DomainError;

/**
 * Counts refusals and logs them, so that a secret that is wrong after a rotation shows before its
 * platform gives up.
 */
function refusals(registry: Registry): Refuse {
  const refused = new Counter({
    name: 'fenyong_webhooks_refused_total',
    help: 'Pushes that were not believed, by the kind of their source and the reason.',
    labelNames: ['kind', 'reason'],
    registers: [registry],
  });
  const logged = new LruMap<true>(REFUSALS_REMEMBERED_MAX, REFUSAL_LOGGED_MS);
  return (request, { sourceId, kind }, reason) => {
    refused.inc({ kind, reason });
    const name = `${sourceId}\0${reason}`;
    if (logged.get(name) === undefined) {
      request.log.warn({ source_id: sourceId, reason }, 'a webhook was refused');
      logged.set(name, true);
    }
    return new DomainError('invalid_signature', `This push is not believed: ${reason}.`);
  };
}

export const WEBHOOKS = '/webhooks/:source_id';

/**
 * POST and GET /webhooks/{source_id}, in a scope of their own: there every body is raw.
 */
export function webhookRoutes(app: App, deps: WebhookDeps): void {
  const { refused } = deps;
  const refuse = refusals(deps.registry);
  const adapters = new Map(deps.adapters.map((adapter) => [adapter.kind, adapter]));

  /** The refusal, counted; or that there were too many from this address. */
  function counted(request: FastifyRequest, refusal: DomainError): DomainError {
    if (refused.isOver(request.ip)) return refused.problem();
    refused.note(request.ip);
    return refusal;
  }

  async function take(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { source_id: sourceId } = request.params as z.output<typeof sourcePath>;
    const source = await deps.sources.find(sourceId);
    const adapter = source === null ? undefined : adapters.get(source.kind);
    if (source === null || adapter === undefined) throw counted(request, noSource(sourceId));
    const body = request.rawBody!;
    if (body.length > REFUSED_BYTES_MAX && refused.isOver(request.ip)) throw refused.problem();
    if (body.length > (adapter.pushBytesMax ?? body.length)) throw counted(request, tooLong(adapter.pushBytesMax!));
    const now = Date.now();
    const verified = adapter.verify({
      method: request.method,
      headers: request.headers,
      query: request.query as Push['query'],
      body,
      secrets: source.secrets,
      now: new Date(now),
    });
    if (!verified.ok) throw counted(request, refuse(request, source, verified.reason));
    if ('answer' in verified) {
      send(reply, verified.answer);
      return;
    }
    const content = verified.content ?? body;
    await deps.writer.write({
      deliveryId: uuidv7(now),
      sourceId,
      merchantId: null,
      origin: 'push',
      body: content,
      bodyHash: hash('sha256', content, 'buffer'),
      signedId: verified.signedId,
      headers: verified.keep,
    });
    deps.onDelivered();
    send(reply, adapter.answer);
  }

  rawBodyScope(app);
  app.addHook('onRequest', (request, _reply, done) => {
    const isLong = Number(request.headers['content-length'] ?? 0) > REFUSED_BYTES_MAX;
    if (isLong && refused.isOver(request.ip)) done(refused.problem());
    else done();
  });
  app.post(WEBHOOKS, { schema: pushSchema(deps.adapters.filter(({ answer }) => answer !== pullOnly.answer)), handler: take });
  app.get(WEBHOOKS, { schema: handshakeSchema, handler: take });
}

const tags = ['webhooks'];

/** POST /webhooks/{source_id}, with what each of these platforms wants to hear. */
function pushSchema(adapters: readonly Adapter[]) {
  return {
    operationId: 'pushes.send',
    tags,
    summary: 'A push of an order system, signed as its platform signs',
    description:
      'Order systems send here; you do not. Every body is read as bytes, of whatever content type, and verified with the secrets of the ' +
      'source before it is stored. It is answered once it is stored for good, exactly as its platform expects:\n\n' +
      adapters.map(({ kind, answer }) => `- \`${kind}\`: ${answer.status} \`${answer.body}\``).join('\n'),
    params: sourcePath,
    sends: { '*/*': pushedBody },
    response: {
      200: answersOf(adapters),
      ...problems('malformed_request', 'invalid_signature', 'not_found', 'payload_too_large', 'too_many_requests', 'unavailable'),
    },
  };
}

/** The body of a push, for the document: bytes that only its platform explains. */
const pushedBody = z.string().meta({
  description: 'The bytes of the push, as its platform signs them.',
  format: 'binary',
  examples: [
    JSON.stringify({
      type: 'order.paid',
      timestamp: '2026-06-01T10:05:30Z',
      data: { merchant_id: 'm1', order_id: '2001', status: 'paid', currency: 'CNY', lines: [{ line_id: '1', paid_amount: 29900 }] },
    }),
  ],
});

const text = z.string();
const HANDSHAKE = { description: 'What was to be repeated.', content: { 'text/plain': { schema: text } } };

/** What the platforms are answered, for the document, by its content type. */
function answersOf(adapters: readonly Adapter[]) {
  const types = new Set(adapters.map(({ answer }) => answer.contentType.split(';')[0]!));
  const schemas = { 'application/json': z.record(z.string(), z.unknown()), 'text/plain': text };
  const content = Object.fromEntries(Object.entries(schemas).flatMap(([type, schema]) => (types.has(type) ? [[type, { schema }]] : [])));
  return { description: 'Stored for good; what the platform wants to hear.', content };
}

const handshakeSchema = {
  operationId: 'pushes.handshake',
  tags,
  summary: 'The handshake of an order system, where its platform has one',
  description:
    'Order systems ask this once, when the address is entered at them, signed as their pushes are. What they sent to be repeated is ' +
    'answered; nothing is stored.',
  params: sourcePath,
  response: { 200: HANDSHAKE, ...problems('malformed_request', 'invalid_signature', 'not_found', 'too_many_requests') },
};

function tooLong(bytesMax: number): DomainError {
  return new DomainError('payload_too_large', `No push of this platform is longer than ${bytesMax} bytes.`);
}

function send(reply: FastifyReply, { status, contentType, body }: PushAnswer): void {
  void reply.code(status).type(contentType).send(body);
}
