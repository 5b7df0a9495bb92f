// Answers that come late: of work that is one transaction over very many, and takes a minute where
// others take milliseconds.

import { Socket } from 'node:net';

import type { FastifyReply, FastifyRequest } from 'fastify';

import { STREAM_TIMEOUT_MS } from './bodies.ts';

/**
 * What a route is declared with whose answer may take up to an hour. While it is worked on nothing
 * passes over its connection, which would end for that; the next request on it is as any other.
 */
export const ANSWERED_LATE = {
  handlerTimeout: STREAM_TIMEOUT_MS,
  onRequest({ raw: { socket } }: FastifyRequest, _reply: FastifyReply, done: () => void): void {
    // What is injected comes by no socket.
    if (socket instanceof Socket) socket.setTimeout(0);
    done();
  },
};
