// One suite over all order systems that are asked: what their lists do with an answer that is none,
// over real sockets.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, test } from 'vitest';

import type { Asking } from '../../src/sources/asking.ts';
import type { Feed } from '../../src/sources/source.ts';
import type { Subject } from './subject.ts';
import { HOUR_MS } from '../../src/platform/durations.ts';

const NOW = new Date('2026-06-02T00:00:00Z');
const CHUNK = Buffer.alloc(1024 * 1024, ' ');
/** What is read at most, and as much again for what lies in buffers. */
const SENT_MAX = 64;

/** What every list promises of an answer that is none. */
export function askedContractOf({ adapter, secrets, options }: Subject, feed: Feed): void {
  const ask = async (listener: RequestListener): Promise<unknown> => {
    const server = createServer(listener);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const asking: Asking = {
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      secrets,
      options: adapter.options.parse(options ?? {}),
      fetch,
      now: NOW,
      token: () => Promise.resolve('token'),
    };
    try {
      return await feed.list({ from: new Date(NOW.getTime() - HOUR_MS), until: NOW, cursor: null }, asking);
    } catch (error) {
      return error;
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };
  const answered = (status: number, body: string, headers: Record<string, string> = {}) =>
    ask((_request, response) => response.writeHead(status, headers).end(body));

  // All lists ask in one way: one of each kind is enough for what takes its time.
  if (feed === adapter.feeds?.[0]) {
    test(`${feed.name}: an answer without an end is broken off`, async () => {
      let chunks = 0;
      const failed = await ask((_request, response) => {
        const send = (): void => {
          while (!response.destroyed && chunks < SENT_MAX * 2) {
            chunks++;
            if (!response.write(CHUNK)) return void response.once('drain', send);
          }
          response.end();
        };
        send();
      });
      expect(failed).toMatchObject({ name: 'AskingFailed', kind: 'temporary', message: expect.stringMatching(/more than \d+ bytes/) });
      expect(chunks).toBeLessThan(SENT_MAX);
    });
  }

  test.each(['', '<html>502 Bad Gateway</html>', '{"data":['])(`${feed.name}: %j is no answer`, async (body) => {
    expect(await answered(200, body)).toMatchObject({ name: 'AskingFailed', kind: 'temporary' });
  });

  test.each(['null', '17', '"ok"', '[[]]', '{}', '{"error_response":{}}', '{"code":"?"}'])(
    `${feed.name}: %s is not taken for an empty page`,
    async (body) => {
      expect(await answered(200, body)).toBeInstanceOf(Error);
    },
  );

  test(`${feed.name}: what a gateway before the platform says is told apart`, async () => {
    expect(await answered(503, '{}')).toMatchObject({ name: 'AskingFailed', kind: 'temporary' });
    expect(await answered(403, '{}')).toMatchObject({ name: 'AskingFailed', kind: 'refused' });
    expect(await answered(404, '{}')).toMatchObject({ name: 'AskingFailed', kind: 'item_refused' });
    const tooOften = { name: 'AskingFailed', kind: 'rate_limited', retryAfterMs: 7000 };
    expect(await answered(429, '{}', { 'retry-after': '7' })).toMatchObject(tooOften);
  });

  test(`${feed.name}: nobody sends us elsewhere`, async () => {
    const asked: string[] = [];
    const failed = await ask((request, response) => {
      asked.push(request.url!);
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect(failed).toMatchObject({ name: 'AskingFailed', kind: 'temporary' });
    expect(asked).not.toContain('/elsewhere');
  });
}
