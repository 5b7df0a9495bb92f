// How bodies are read: strict JSON everywhere, raw bytes where a signature is verified, streams
// where a file is loaded.

import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';

import { DomainError } from '../../core/errors.ts';
import type { App } from './app.ts';
import { parseJson } from './json.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The body as it came, for signatures and fingerprints; null without a body and for streams.
     */
    rawBody: Buffer | null;
  }
}

const STREAM_BYTES_MAX = 1024 * 1024 * 1024;
export const STREAM_TIMEOUT_MS = 60 * 60 * 1000;
/**
 * A file that still arrives when the server has been closing for so long is cut off, so that the
 * server can end in good order.
 */
const STREAM_GRACE_MS = 8000;
/** Whoever sends nothing cannot be told that he is cut off. */
const SILENT_GRACE_MS = 2000;

/** Sockets on which a file is arriving: it may take longer than a request may. */
const streaming = new WeakSet<Socket>();

/** Whether a body is being streamed in on this socket. */
export function isStreaming(socket: Socket): boolean {
  return streaming.has(socket);
}

/** Reads JSON bodies, strictly (see json.ts), and nothing else: any other content type is 415. */
export function acceptJson(app: App): void {
  app.removeAllContentTypeParsers();
  readJson(app);
  // What a browser sends without asking first. It is readable, so it is the body that is at fault,
  // not its type.
  app.addContentTypeParser('text/plain', { parseAs: 'buffer' }, (_request, _bytes, done) => {
    done(new DomainError('malformed_request', 'Send JSON, as application/json.'));
  });
}

/** Reads JSON bodies beside what the scope reads already. */
export function readJson(app: App): void {
  for (const contentType of ['application/json', /^application\/[\w.-]+\+json(?:$|;)/]) {
    app.addContentTypeParser<Buffer>(contentType, { parseAs: 'buffer' }, (request, bytes, done) => {
      request.rawBody = bytes;
      const value = parseJson(bytes);
      done(null, value);
    });
  }
}

/** What is certainly a content type: nearly every sender's. */
const PLAIN_CONTENT_TYPE = /^[a-z]+\/[a-z0-9.+-]+(?:; ?charset=[\w-]+)?$/i;
const NO_BODY = Buffer.alloc(0);

/**
 * Within this scope every body, of whatever content type or none, is the Buffer `request.rawBody`.
 * A sender whose Content-Type cannot be parsed is heard too, since what it says may be an order:
 * its body is taken as application/octet-stream.
 */
export function rawBodyScope(scope: App): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (request, bytes, done) => {
    request.rawBody = bytes;
    done(null, null);
  });
  scope.addHook('onRequest', (request, _reply, done) => {
    const { headers } = request.raw;
    request.rawBody = NO_BODY;
    if (headers['content-type'] !== undefined && !PLAIN_CONTENT_TYPE.test(headers['content-type'])) {
      headers['content-type'] = 'application/octet-stream';
    }
    done();
  });
}

/**
 * Within this scope bodies of these content types reach the handler as they arrive, as an
 * `AsyncIterable<Buffer>` of at most 1 GiB that throws `payload_too_large` beyond. Its routes may
 * take an hour; while the server closes they have `graceMs`, and then the iterable throws
 * `unavailable`.
 */
export function streamScope(
  scope: App,
  contentTypes: string[],
  { bytesMax = STREAM_BYTES_MAX, graceMs = STREAM_GRACE_MS }: { bytesMax?: number; graceMs?: number } = {},
): void {
  let closesAt = Number.POSITIVE_INFINITY;
  const silenced = new AbortController();
  scope.addHook('preClose', (done) => {
    closesAt = Date.now() + graceMs;
    setTimeout(() => silenced.abort(), graceMs + SILENT_GRACE_MS).unref();
    done();
  });
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(contentTypes, (request, payload, done) => {
    if (Number(request.headers['content-length']) > bytesMax) done(tooLarge(bytesMax));
    else {
      done(
        null,
        capped(addAbortSignal(silenced.signal, payload), bytesMax, () => Date.now() >= closesAt),
      );
    }
  });
  // Who is cut off goes on sending; the answer is the last on his connection.
  scope.addHook('onSend', (_request, reply, payload, done) => {
    if (closesAt < Number.POSITIVE_INFINITY) reply.header('connection', 'close');
    done(null, payload);
  });
  scope.addHook('onRoute', (route) => {
    route.handlerTimeout = STREAM_TIMEOUT_MS;
  });
  scope.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw;
    streaming.add(socket);
    // It may be quiet for long while we are storing what came. (What is injected comes by no
    // socket.)
    if (socket instanceof Socket) socket.setTimeout(0);
    reply.raw.once('close', () => streaming.delete(socket));
    done();
  });
}

/** Stopping early must not destroy the socket: the refusal still has to be answered on it. */
async function* capped(payload: Readable, bytesMax: number, isCutOff: () => boolean): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of payload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (isCutOff()) throw new DomainError('unavailable', 'This server is shutting down. Send the file again.');
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    yield chunk;
  }
}

function tooLarge(bytesMax: number): DomainError {
  return new DomainError('payload_too_large', `The body is larger than ${bytesMax} bytes.`);
}
