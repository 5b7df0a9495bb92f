// A service that fails as it is told: for each request the next of its answers, over real sockets.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * `reset` ends the connection without a word, `cut` in the middle of the answer, `hang` never
 * answers.
 */
export type Answer = 'reset' | 'cut' | 'hang' | { status: number; headers?: Record<string, string>; body?: unknown };

interface Asked {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** When it came, in milliseconds since 1970. */
  at: number;
}

export interface Double {
  url: string;
  asked: Asked[];
  /** What is answered from now on; the last of it to whatever comes after. */
  answers: (...given: Answer[]) => void;
  close: () => Promise<void>;
}

export async function openDouble(): Promise<Double> {
  const asked: Asked[] = [];
  let left: Answer[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      asked.push({ method, path, headers, body: Buffer.concat(chunks).toString(), at: Date.now() });
      give(response, left.length > 1 ? left.shift()! : left[0]!);
    });
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answers: (...given) => {
      asked.length = 0;
      left = given;
    },
    close: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function give(response: ServerResponse, answer: Answer): void {
  if (answer === 'hang') return;
  if (answer === 'reset') {
    response.socket?.destroy();
  } else if (answer === 'cut') {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"data":', () => response.socket?.destroy());
  } else {
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {});
    response
      .writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
      .end(answer.status === 204 ? undefined : text);
  }
}

/** A refusal as the API puts it. */
export function problem(status: number, code: string, headers: Record<string, string> = {}): Answer {
  const body = { type: `urn:fenyong:problem:${code}`, title: code, status, detail: `This is ${code}.`, code };
  return { status, headers: { 'content-type': 'application/problem+json', 'x-request-id': 'r1', ...headers }, body };
}
