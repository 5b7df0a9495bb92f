// A receiver of webhooks: a real server on this machine, which keeps what it got and answers as it
// is told.
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

type Answer = (response: Parameters<RequestListener>[1], got: Received) => void;

const thanks: Answer = (response) => response.writeHead(204).end();

/** Answers 204, until it is told otherwise. */
export async function openReceiver() {
  const received: Received[] = [];
  let answer = thanks;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const got = { method, path, headers, body: Buffer.concat(chunks).toString() };
      received.push(got);
      answer(response, got);
    });
  });
  let connections = 0;
  server.on('connection', () => (connections += 1));
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const { port } = server.address() as AddressInfo;
  return {
    received,
    port,
    url: `http://127.0.0.1:${port}/hooks`,
    connections: () => connections,
    answer: (given: Answer) => {
      answer = given;
    },
    status: (status: number, headers: Record<string, string> = {}) => {
      answer = (response) => response.writeHead(status, headers).end();
    },
    close: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

export type Receiver = Awaited<ReturnType<typeof openReceiver>>;
