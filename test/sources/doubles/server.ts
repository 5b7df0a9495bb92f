// What all doubles of platforms have in common: a server on a free port, failures on demand, and
// rows that are moved between pages.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Double, Failure, Question } from '../subject.ts';

export interface Asked {
  method: string;
  url: URL;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

export interface Answered {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/**
 * An order as a double keeps it that needs no more of it: when it was changed last, and how often.
 */
export interface PlainRow {
  orderId: string;
  at: Date;
  version: number;
}

export interface Told {
  answered: Answered;
  /** Whether a page of the list was asked for: those are counted, and fail on demand. */
  isPage: boolean;
  /** Whether another question fails on demand, too. */
  mayFail?: boolean;
}

export const plainRow = (orderId: string, at: Date, version: number): PlainRow => ({ orderId, at, version });

/** An answer that is no page of a list. */
export const other = (body: unknown, status = 200): Told => ({ answered: { status, body }, isPage: false });

/** Serves `answer`; `fail` says how the platform words a failure. */
export async function serve<Row>({
  answer,
  fail,
  row,
}: {
  answer: (asked: Asked, rows: readonly Row[]) => Told;
  fail: (kind: Failure) => Answered;
  row: (orderId: string, at: Date, version: number) => Row;
}): Promise<Double> {
  const rows = new Map<string, { row: Row; version: number }>();
  const failures: Failure[] = [];
  let pages = 0;
  let hook: ((page: number) => void) | null = null;
  let instead: ((question: Question) => { status: number; body: unknown } | null) | null = null;
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const asked = {
        method: request.method!,
        url: new URL(request.url!, 'http://double'),
        headers: request.headers,
        body: Buffer.concat(chunks),
      };
      const told = answer(
        asked,
        [...rows.values()].map((one) => one.row),
      );
      const failure = told.isPage || told.mayFail === true ? failures.shift() : undefined;
      const otherwise: Answered | null = instead?.({ path: request.url!, body: asked.body.toString() }) ?? null;
      const { status, body, headers } = otherwise ?? (failure === undefined ? told.answered : fail(failure));
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(typeof body === 'string' ? body : JSON.stringify(body));
      if (told.isPage && failure === undefined && status === 200) {
        pages++;
        hook?.(pages);
      }
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    put: (orderId, at) => {
      const version = (rows.get(orderId)?.version ?? 0) + 1;
      // A row that changes moves to the end of what was modified.
      rows.delete(orderId);
      rows.set(orderId, { row: row(orderId, at, version), version });
    },
    instead: (given) => {
      instead = given;
    },
    failNext: (kind) => void failures.push(kind),
    afterPage: (given) => {
      hook = given;
    },
    asked: () => pages,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
