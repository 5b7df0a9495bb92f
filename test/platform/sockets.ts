// Requests as they are on the wire, for what no HTTP client would send.

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { App } from '../../src/platform/http/app.ts';

/** Listens on a free port of the loopback and tells its number. */
export async function listen(app: App): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen on a port');
  return address.port;
}

/** Opens a connection; `received` is everything that came back so far. */
export function openSocket(port: number): { socket: Socket; received: () => string; closed: Promise<void> } {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
  });
  return { socket, received: () => text, closed };
}

/**
 * Sends these bytes on a connection of their own and tells all that comes back until it is closed.
 */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const { socket, received, closed } = openSocket(port);
  socket.write(bytes);
  await closed;
  return received();
}

/** Waits until it is so, or fails after ten seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 1000) throw new Error('it never was so');
    await sleep(10);
  }
}
