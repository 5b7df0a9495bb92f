// One stream of server-sent events, as the EventSource of a browser reads it: how it is framed,
// kept open and ended, and what becomes of a reader that does not read.

import { Socket } from 'node:net';

import type { FastifyReply } from 'fastify';

/** Proxies end a connection on which nothing passes for a minute, some for half of one. */
const COMMENT_MS = 15_000;
/** After how long a reader comes back whose stream has broken. */
const RETURN_MS = 3000;
/** Within this time those come back who were sent away at once. */
const SPREAD_MS = 15_000;
/** A reader that has taken nothing for so long is not there any more. */
const PATIENCE_MS = 60_000;
/** What is left to be sent when a stream is ended has this time to go out. */
const LAST_WORDS_MS = 1000;

const HEADERS = {
  'content-type': 'text/event-stream',
  // Nobody on the way keeps it, compresses it, or waits until there is more of it.
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

const COMMENT = ':\n\n';

interface ServerEvent {
  event: string;
  id: string;
  /** A text without line breaks, as JSON is. */
  data: string;
}

/** An event as its bytes, which may go to any number of readers. */
export function frameOf({ event, id, data }: ServerEvent): Buffer {
  return Buffer.from(`event: ${event}\nid: ${id}\ndata: ${data}\n\n`);
}

export interface EventStream {
  /**
   * Whether the reader has taken what it was sent. What is sent to one that has not would wait in
   * our memory: so nothing is, until it has.
   */
  isReady(): boolean;
  send(frame: Buffer): void;
  /**
   * Ends it. The reader comes back by itself: soon, or with `spread` at a moment of its own, so
   * that not all come back at once who were sent away at once.
   */
  end(options?: { spread?: boolean }): void;
}

interface EventStreamOptions {
  /** Called once, however it ended. */
  onClosed: () => void;
  commentMs?: number;
  patienceMs?: number;
}

/**
 * Answers a request with a stream: from here on the reply is this stream's alone. It has no
 * deadline; every 15 seconds a comment shows the proxies that it is there.
 */
export function openEventStream(reply: FastifyReply, options: EventStreamOptions): EventStream {
  const { onClosed, commentMs = COMMENT_MS, patienceMs = PATIENCE_MS } = options;
  const { raw } = reply.hijack();
  const { socket } = reply.request.raw;
  // What is injected comes by no socket.
  if (socket instanceof Socket) socket.setTimeout(0);
  let takenAt = Date.now();
  const isReady = (): boolean => !raw.writableNeedDrain && !raw.writableEnded && !raw.destroyed;

  const beating = setInterval(() => {
    if (isReady()) raw.write(COMMENT);
    else if (Date.now() - takenAt >= patienceMs) raw.destroy();
  }, commentMs);
  raw.on('drain', () => {
    takenAt = Date.now();
  });
  raw.on('error', () => raw.destroy());
  raw.once('close', () => {
    clearInterval(beating);
    onClosed();
  });

  function write(bytes: Buffer | string): void {
    takenAt = Date.now();
    raw.write(bytes);
  }

  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.writeHead(200, HEADERS);
  write(`retry: ${RETURN_MS}\n\n`);
  return {
    isReady,
    send: write,
    end({ spread = false } = {}) {
      if (!isReady()) {
        raw.destroy();
        return;
      }
      raw.end(spread ? `retry: ${RETURN_MS + Math.floor(Math.random() * SPREAD_MS)}\n\n` : '');
      setTimeout(() => {
        if (!raw.writableFinished) raw.destroy();
      }, LAST_WORDS_MS).unref();
    },
  };
}
