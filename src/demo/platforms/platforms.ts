// The platforms that the service asks, on a port of this machine: without them it would ask those
// of the real world.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import { openDuoduo, type Duoduo } from './duoduo.ts';
import { openWeixin, type Weixin } from './weixin.ts';

const DUODUO_PATH = '/api/router';

export interface Platforms {
  weixin: Weixin;
  duoduo: Duoduo;
  /** Where they are asked, in the words of `PULL_BASE_URLS`. */
  baseUrls: string;
}

/** Lets the platforms answer while `work` runs, whatever comes of it. */
export async function withPlatforms<Result>(work: (platforms: Platforms) => Promise<Result>): Promise<Result> {
  const [weixin, duoduo] = [openWeixin(), openDuoduo()];
  const server = createServer((request, response) => {
    readAll(request)
      .then((body) => answerOf({ weixin, duoduo }, request.url ?? '/', body))
      .then((answer) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer)))
      .catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return await work({ weixin, duoduo, baseUrls: `wechat-shop=${url},pdd=${url}` });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

function answerOf({ weixin, duoduo }: Pick<Platforms, 'weixin' | 'duoduo'>, target: string, body: string): object {
  const { pathname, searchParams } = new URL(target, 'http://platforms');
  if (pathname === DUODUO_PATH) return duoduo.answer(Object.fromEntries(new URLSearchParams(body)));
  return weixin.answer(pathname, searchParams.get('access_token'), JSON.parse(body) as Record<string, unknown>);
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
