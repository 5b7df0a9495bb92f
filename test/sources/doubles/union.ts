// A gateway of an affiliate union over a real socket: it checks the signature of every form, lists rows by their update time, and fails as
// it is told to.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Double, Failure } from '../subject.ts';

/** An order of the double: how often it was changed, and when last. */
export interface Row {
  orderId: string;
  at: Date;
  version: number;
}

export type Parameters = Readonly<Record<string, string>>;

export interface Speech {
  path: string;
  secret: string;
  /** Parameters that the platform leaves out of its signature. */
  unsigned?: readonly string[];
  /** Whether this asks for the list of orders; other questions are answered and fail too, and are not counted. */
  isList(parameters: Parameters): boolean;
  /** The rows are in the order of their update times. */
  answer(parameters: Parameters, rows: readonly Row[]): unknown;
  failures: Readonly<Record<Exclude<Failure, 'temporary'>, unknown>>;
  wrongSignature: unknown;
}

export async function unionDouble(speech: Speech): Promise<Double> {
  const rows = new Map<string, Row>();
  let next: Failure | null = null;
  let hook: ((page: number) => void) | null = null;
  let asked = 0;

  function answer(parameters: Parameters): { status: number; value: unknown } {
    if (parameters['sign'] !== signOf(parameters, speech)) return { status: 200, value: speech.wrongSignature };
    const failure = next;
    next = null;
    if (failure === 'temporary') return { status: 502, value: 'bad gateway' };
    if (failure !== null) return { status: 200, value: speech.failures[failure] };
    if (speech.isList(parameters)) asked += 1;
    return { status: 200, value: speech.answer(parameters, sorted(rows)) };
  }

  const server = createServer((request, response) => {
    void (async () => {
      const parameters = await readForm(request);
      const before = asked;
      const { status, value } = request.url === speech.path ? answer(parameters) : { status: 404, value: null };
      response.writeHead(status, { 'content-type': 'application/json' }).end(typeof value === 'string' ? value : JSON.stringify(value));
      if (asked > before) hook?.(asked);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    put: (orderId, at) => void rows.set(orderId, { orderId, at, version: (rows.get(orderId)?.version ?? 0) + 1 }),
    failNext: (kind) => {
      next = kind;
    },
    afterPage: (told) => {
      hook = told;
    },
    asked: () => asked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const sorted = (rows: ReadonlyMap<string, Row>): Row[] => [...rows.values()].toSorted((a, b) => a.at.getTime() - b.at.getTime());

async function readForm(request: IncomingMessage): Promise<Parameters> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
}

function signOf(parameters: Parameters, { secret, unsigned = [] }: Speech): string {
  const signed = Object.entries(parameters).filter(([name]) => name !== 'sign' && !unsigned.includes(name));
  const text = signed
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flat()
    .join('');
  return createHash('md5')
    .update(secret + text + secret)
    .digest('hex')
    .toUpperCase();
}

/** The moment that a clock in China shows as this text. */
export function ofChina(text: string): Date {
  return new Date(`${text.replace(' ', 'T')}+08:00`);
}

/** What a clock in China shows. */
export function inChina(at: Date): string {
  return new Date(at.getTime() + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
}
