// The HTTP server that every route stands on: limits, timeouts, bodies, security headers, and one
// answer for everything that goes wrong.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { fastify, LogController } from 'fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';

import { DomainError } from '../../core/errors.ts';
import { acceptJson, isStreaming } from './bodies.ts';
import { stringifyJson } from './json.ts';
import { checkParts, problemHeaders, problemOf, problemOfRefusal, PROBLEM_TYPE } from './problem.ts';
import { sendSecurityHeaders } from './security-headers.ts';
import type { App } from './app.ts';

const BODY_BYTES_MAX = 1024 * 1024;
/** An id has 128 characters, and percent-encoded each may take 12 bytes. */
const PARAM_BYTES_MAX = 128 * 12;
const HEADER_BYTES_MAX = 16 * 1024;
/**
 * Some clients do not read that a connection is to end, and would be answered 503 on it; proxies
 * end theirs long before.
 */
const REQUESTS_PER_SOCKET_MAX = 1_000_000;
const HANDLER_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 20_000;
/**
 * Longer than the idle timeout of the proxies before us, so that they never send into a socket that
 * we are closing.
 */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const CHECKING_INTERVAL_MS = 2000;
const IDLE_CHECK_MS = 100;

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export interface HttpOptions {
  logger?: Logger;
  /** Greatest JSON body in bytes; 1 MiB when absent. */
  bodyLimit?: number;
  /** The addresses of the proxies whose X-Forwarded-For is believed. */
  trustProxy?: string[];
  /** How long a request may take to arrive, and its handler to answer; both in milliseconds. */
  requestTimeoutMs?: number;
  handlerTimeoutMs?: number;
}

/**
 * The bare server, which does not listen yet: it validates and serializes, and answers what goes
 * wrong. All but hot routes belongs into a furnished scope of it.
 */
export function openHttp(options: HttpOptions = {}): App {
  const app: App = fastify(serverOptions(options)).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(checkParts);
  app.setSerializerCompiler(() => stringifyJson);
  app.setReplySerializer(stringifyJson);
  logTo(app, options.logger);
  app.setErrorHandler(answerError);
  app.decorateRequest('rawBody', null);
  endIdleConnections(app);
  return app;
}

/**
 * Requests log here. A server that is given a logger of its own makes another one for every request
 * and listens for the end of every answer, which takes a tenth of the time of a redirect.
 */
function logTo(app: App, logger: Logger | undefined): void {
  if (logger !== undefined) app.setChildLoggerFactory(() => logger);
}

/**
 * What the routes of a scope have in common: its deadline (`handlerTimeout`, where the route sets
 * none), its name, JSON, and safe headers.
 */
export function furnish(app: App, { handlerTimeoutMs = HANDLER_TIMEOUT_MS }: Pick<HttpOptions, 'handlerTimeoutMs'> = {}): void {
  app.addHook('onRoute', (route) => {
    route.handlerTimeout ??= handlerTimeoutMs;
  });
  app.setNotFoundHandler(answerNotFound);
  greet(app);
  acceptJson(app);
  sendSecurityHeaders(app);
}

function serverOptions({ bodyLimit, trustProxy, requestTimeoutMs }: HttpOptions) {
  const requestTimeout = requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  return {
    // An info line per request costs a third of the throughput; metrics count requests, and errors
    // are logged where they are answered.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimit ?? BODY_BYTES_MAX,
    trustProxy: trustProxy ?? false,
    genReqId: requestIdOf,
    requestIdHeader: false as const,
    requestTimeout,
    connectionTimeout: IDLE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxRequestsPerSocket: REQUESTS_PER_SOCKET_MAX,
    http: {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeout),
      connectionsCheckingInterval: Math.min(CHECKING_INTERVAL_MS, requestTimeout),
      maxHeaderSize: HEADER_BYTES_MAX,
      requestTimeout,
    },
    routerOptions: { maxParamLength: PARAM_BYTES_MAX },
    forceCloseConnections: 'idle' as const,
    // While we close, what still arrives is served: see `greet`.
    return503OnClosing: false,
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerClientError,
  };
}

/** A caller's own request id is kept when it can do no harm in a log line. */
function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w-]{1,64}$/.test(given) ? given : randomUUID();
}

/**
 * The first look at every request: it is named, and its address holds no zero byte, which
 * PostgreSQL could not compare. While the server closes, what still arrives on an open connection
 * is served, and is the last on it.
 */
function greet(app: App): void {
  const isClosing = closingOf(app);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    if (isClosing()) reply.header('connection', 'close');
    if (request.raw.url?.includes('%00') === true) done(new DomainError('malformed_request', 'The address holds a zero byte.'));
    else done();
  });
}

/**
 * While the server closes, a connection whose request began before that ends once it is answered:
 * its client was told that he may keep it, and Node looks for idle connections only once.
 */
function endIdleConnections(app: App): void {
  app.addHook('preClose', (done) => {
    const timer = setInterval(() => app.server.closeIdleConnections(), IDLE_CHECK_MS);
    app.server.once('close', () => clearInterval(timer));
    timer.unref();
    done();
  });
}

/** Tells from now on whether the server has begun to close. */
export function closingOf(app: App): () => boolean {
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  return () => closing;
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error, request.id);
  if (problem.status >= 500) {
    const route = request.routeOptions.url;
    request.log.error({ err: error, request_id: request.id, method: request.method, route }, 'request failed');
  }
  // Closing at once would cut off a sender who is still sending, before he can read why. What comes
  // is read and thrown away instead, for as long as a request may take to arrive.
  if (problem.status === 413) reply.removeHeader('connection');
  return reply.code(problem.status).headers(problemHeaders(problem.code, error)).type(PROBLEM_TYPE).send(problem);
}

function answerNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const url = request.raw.url ?? '/';
  const path = url.split('?', 1)[0]!;
  const allowed = METHODS.filter((method) => request.server.findRoute({ method, url: path }) !== null);
  if (allowed.length === 0) return answerError(new DomainError('not_found', 'There is nothing at this address.'), request, reply);
  reply.header('allow', allowed.join(', '));
  return answerError(new DomainError('method_not_allowed', `This address answers ${allowed.join(', ')} only.`), request, reply);
}

/**
 * Addresses that the router refuses before any hook runs: bad percent-encoding, and ids that are
 * far too long.
 */
function answerFrameworkError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  answerError(error, request, reply.header('x-request-id', request.id));
}

/** What is not even a request. The raw socket is all there is to answer on. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isStreaming(socket)) return;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy(error);
    return;
  }
  const problem = clientProblem(error.code);
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
}

function clientProblem(code: string | undefined) {
  if (code === 'HPE_HEADER_OVERFLOW') return problemOfRefusal(new DomainError('header_too_large', 'The header is larger than 16 KiB.'));
  const refusal = problemOfRefusal(new DomainError('malformed_request', 'This is not an HTTP request that we can read.'));
  if (code !== 'ERR_HTTP_REQUEST_TIMEOUT') return refusal;
  const type = 'urn:fenyong:problem:request_timeout';
  return {
    ...refusal,
    type,
    title: 'Request timeout',
    status: 408,
    code: 'request_timeout',
    detail: 'The request took too long to arrive.',
  };
}
