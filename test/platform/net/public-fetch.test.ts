// Whoever states an address for us to ask cannot make us ask ourselves.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, test } from 'vitest';

import { publicFetch } from '../../../src/platform/net/public-fetch.ts';

test('neither http, nor our own addresses, nor a name of them is asked, except where the server was told to', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/away') response.writeHead(302, { location: '/' });
    response.end('here');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = publicFetch([]);
  await expect(ask(url)).rejects.toThrow('not https');
  await expect(ask('https://127.0.0.1/')).rejects.toThrow('public internet');
  await expect(ask('https://[::1]/')).rejects.toThrow('public internet');
  await expect(ask('https://localhost/')).rejects.toThrow('public internet');
  expect(await (await publicFetch([url])(url)).text()).toBe('here');
  await expect(publicFetch([url])(`${url}/away`)).rejects.toThrow();
  server.close();
});
