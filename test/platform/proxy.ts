// A network between a client and a server that can be broken in the ways in which networks break.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

import { freePort } from '../harness.ts';

export interface Proxy {
  /** The address of the server, by way of this network. */
  url: string;
  /** From now on nothing arrives any more in either direction, and nobody is told. */
  swallow: () => void;
  /** Ends all connections, and refuses new ones. */
  refuse: () => Promise<void>;
  /** Works again, on the same port. */
  mend: () => Promise<void>;
}

export async function openProxy(serverUrl: string): Promise<Proxy> {
  const target = new URL(serverUrl);
  const port = await freePort();
  const sockets = new Set<Socket>();
  let swallowing = false;

  function join(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on('data', (chunk) => swallowing || to.write(chunk));
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  }

  let server = listen();

  function listen() {
    return createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname);
      join(client, upstream);
      join(upstream, client);
    }).listen(port, '127.0.0.1');
  }

  await once(server, 'listening');
  const url = new URL(serverUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    swallow: () => (swallowing = true),
    async refuse() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    async mend() {
      swallowing = false;
      if (server.listening) return;
      server = listen();
      await once(server, 'listening');
    },
  };
}
