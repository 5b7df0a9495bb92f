// A wire between two processes that can be broken as wires break: cut, cut after a request, silent,
// slow, down.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

import type { Random } from './random.ts';

export interface Wire {
  port: number;
  /** Ends every connection now; new ones work. */
  cut(): void;
  /**
   * From now on a request in `oneIn` is passed on, and its connection cut before the answer comes
   * back.
   */
  cutAnswers(oneIn: number, random: Random): void;
  /**
   * Nothing arrives any more and nobody is told. What is connected now stays dead, also after
   * `mend`.
   */
  fallSilent(): void;
  /** Everything takes so much longer, in both directions. */
  slowDown(milliseconds: number): void;
  /** Ends every connection, and accepts none that lasts. */
  goDown(): void;
  /** New connections work. */
  mend(): void;
  close(): Promise<void>;
}

interface Link {
  client: Socket;
  server: Socket;
  dead: boolean;
}

const never = () => false;

/**
 * The end of a dead connection hears nothing of the other end: its own keepalives, which a wire of
 * ours would answer, find that out.
 */
const KEEPALIVES_MS = 60_000;

/** Opens a wire to a port of the loopback. */
export async function openWire(target: number): Promise<Wire> {
  const links = new Set<Link>();
  let silent = false;
  let down = false;
  let delayMs = 0;
  let losesAnswer = never;

  function end(link: Link): void {
    links.delete(link);
    link.client.destroy();
    link.server.destroy();
  }

  function pass(link: Link, chunk: Buffer, from: Socket, to: Socket): void {
    if (link.dead) return;
    const write = () => {
      if (!link.dead && !to.destroyed) to.write(chunk);
      if (from === link.client && losesAnswer()) loseAnswer(link);
    };
    if (delayMs === 0) write();
    else setTimeout(write, delayMs);
  }

  /** The request has left; its sender will never know what came of it. */
  function loseAnswer(link: Link): void {
    link.dead = true;
    link.client.destroy();
    setTimeout(() => end(link), 100);
  }

  const server = createServer((client) => {
    if (down) {
      client.destroy();
      return;
    }
    const link: Link = { client, server: connect(target, '127.0.0.1'), dead: silent };
    links.add(link);
    for (const [from, to] of [[client, link.server] as const, [link.server, client] as const]) {
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => pass(link, chunk, from, to));
      // Either end may break; the other one then learns of it as it would from a network.
      from.on('error', () => to.destroy());
      from.on('close', () => (link.dead ? setTimeout(() => end(link), KEEPALIVES_MS).unref() : end(link)));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the wire has no port');

  const cut = () => {
    for (const link of links) end(link);
  };
  return {
    port: address.port,
    cut,
    cutAnswers(oneIn, random) {
      losesAnswer = () => random.int(1, oneIn) === 1;
    },
    fallSilent() {
      silent = true;
      for (const link of links) link.dead = true;
    },
    slowDown(milliseconds) {
      delayMs = milliseconds;
    },
    goDown() {
      down = true;
      cut();
    },
    mend() {
      silent = false;
      down = false;
      delayMs = 0;
      losesAnswer = never;
    },
    async close() {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
}
