// A platform that is asked: its double behind a gate, where connections break, orders cost what
// their last change says, and rows change between two answers. One question is answered at a time,
// so that each answer is true when it is given.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Random } from '../random.ts';
import { withAmounts } from './amounts.ts';
import type { Script, Trouble } from './script.ts';
import type { System } from './systems.ts';

const PAID_LEAST = 1000;
const PAID_MOST = 30_000;
/** Platforms tell times by the second: an order that changes again changes in a later one. */
const SECOND_MS = 1000;
/** So many changes come for a hundred orders that were told. */
const CHANGES_PERCENT = 35;
const NOT_PASSED_ON = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'date']);

export interface Platform {
  system: System;
  url: string;
  /** Every order with its last version. */
  orders: ReadonlyMap<string, { at: Date; paid: number }>;
  /** Questions of any kind. */
  asked(): number;
  /** Those of them that were not answered as they should be. */
  failed(): number;
  changed(): number;
  /** Whether all of its script is played. */
  isQuiet(): boolean;
  close(): Promise<void>;
}

interface PlatformOptions {
  system: System;
  /** Of the orders that are there at first: when each was changed. */
  orders: ReadonlyMap<string, Date>;
  /** Ids of those that appear later. */
  later: readonly string[];
  script: Script;
  random: Random;
  /** The code of Bob's link. */
  code: () => string;
  /** Kills whoever asks. */
  kill: () => void;
}

export async function openPlatform({ system, script, random, code, kill, ...given }: PlatformOptions): Promise<Platform> {
  const double = await system.subject.open();
  const orders = new Map<string, { at: Date; paid: number }>();
  const told = new Set<string>();
  const ids = [...given.orders.keys()];
  const count = given.orders.size + given.later.length;
  const [troubles, changes, later] = [[...script.troubles], [...script.changes], [...given.later]];
  let [asked, failed, changed, credit] = [0, 0, 0, 0];
  let wasWell = true;

  function put(orderId: string, at: Date): void {
    orders.set(orderId, { at, paid: random.int(PAID_LEAST, PAID_MOST) });
    double.put(orderId, at);
  }

  /** Changes as many orders as answers have earned. */
  function change(): void {
    const at = new Date(Math.floor(Date.now() / SECOND_MS) * SECOND_MS);
    for (; credit >= 100 && changes.length > 0; credit -= 100) {
      if (changes.pop() === 'made') {
        ids.push(later.pop()!);
        put(ids.at(-1)!, at);
      } else {
        put(pickBefore(at), at);
        changed += 1;
      }
    }
  }

  function pickBefore(at: Date): string {
    for (;;) {
      const orderId = random.pick(ids);
      if (orders.get(orderId)!.at < at) return orderId;
    }
  }

  /** One trouble at a time: the next one waits for a question that was answered well. */
  function due(): Trouble | null {
    const [next] = troubles;
    if (next === undefined || told.size < next.at * count || !wasWell) return null;
    return troubles.shift()!.trouble;
  }

  const more = () => system.withLink?.(code()) ?? {};
  function tellOf(orderId: string) {
    const order = orders.get(orderId);
    if (order === undefined) return undefined;
    told.add(orderId);
    credit += CHANGES_PERCENT;
    return { paid: order.paid, more: more() };
  }

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    asked += 1;
    const body = await readAll(request);
    const trouble = due();
    wasWell = trouble === null;
    if (trouble === 'kill') kill();
    else if (trouble !== null) failed += 1;
    if (trouble === 'rate_limited' || trouble === 'temporary' || trouble === 'token_ended') double.failNext(trouble);
    if (trouble === 'cut') {
      request.socket.destroy();
      return;
    }
    const answer = await fetch(double.url + request.url!, {
      method: request.method!,
      headers: passedOn(Object.entries(request.headers)),
      ...(body.length > 0 && { body }),
    });
    const said = await answer.text();
    const text = isJson(said) ? withAmounts(said, tellOf) : said;
    response.writeHead(answer.status, { ...passedOn([...answer.headers]), 'content-length': Buffer.byteLength(text) });
    if (trouble === 'torn') response.write(text.slice(0, text.length >> 1), () => request.socket.destroy());
    else response.end(text);
    change();
  }

  let last: Promise<unknown> = Promise.resolve();
  const server = createServer((request, response) => {
    // Whoever is killed while asking hears no answer.
    last = last.then(() => pass(request, response)).catch(() => request.socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  for (const [orderId, at] of given.orders) put(orderId, at);
  return {
    system,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    orders,
    asked: () => asked,
    failed: () => failed,
    changed: () => changed,
    isQuiet: () => troubles.length + changes.length === 0,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await double.close();
    },
  };
}

async function readAll(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function passedOn(headers: readonly [name: string, value: string | string[] | undefined][]): Record<string, string> {
  return Object.fromEntries(
    headers.filter((entry): entry is [string, string] => typeof entry[1] === 'string' && !NOT_PASSED_ON.has(entry[0])),
  );
}

const isJson = (text: string): boolean => /^[[{]/.test(text);
