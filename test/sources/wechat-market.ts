// The service as an operator and a platform meet it: its routes, its door for pushes of 微信小店, and
// what it has decided of an order.
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'vitest';

import { send } from '../platform/callers.ts';
import { ADMIN_KEY, type Service } from '../running.ts';
import { subject } from './subjects/wechat-shop.ts';

const PATIENCE_MS = 20_000;
const HEADERS = { authorization: `Bearer ${ADMIN_KEY}` };

interface Line {
  line_id: string;
  decision: string;
  promoter_id: string | null;
  pool: number;
}

export interface Market {
  must: (method: 'GET' | 'POST' | 'PUT', url: string, payload?: object) => Promise<Record<string, unknown>>;
  /** States what a source calls a merchant or a promoter. */
  map: (source: string, type: string, value: string, target: object) => Promise<unknown>;
  /** WeChat pushes that something has changed. */
  push: (source: string, event: string, content: object) => Promise<void>;
  /**
   * Waits until the lines of an order are decided so, in the order of their ids; answers the whole
   * order.
   */
  decided: (source: string, orderId: string, expected: Partial<Line>[]) => Promise<Record<string, unknown>>;
}

export function openMarket(service: Service): Market {
  let pushes = 0;
  const must: Market['must'] = async (method, url, payload) => {
    const { status, body } = await send<Record<string, unknown>>(service.app, { method, url, body: payload, headers: HEADERS });
    if (status >= 300) throw new Error(`${method} ${url}: ${status} ${JSON.stringify(body)}`);
    return body;
  };
  return {
    must,
    map: (source, type, value, target) => must('PUT', `/v1/sources/${source}/mappings/${type}/${value}`, target),
    async push(source, event, content) {
      const message = { ToUserName: 'gh_1', FromUserName: 'o', CreateTime: Math.floor(Date.now() / 1000), MsgType: 'event', Event: event };
      // Each push is another message: the same bytes would be the same delivery.
      const body = Buffer.from(JSON.stringify({ ...message, ...content, n: pushes++ }));
      const sent = subject.push!.send(body, subject.secrets, new Date());
      const url = `/webhooks/${source}?${new URLSearchParams(sent.query).toString()}`;
      const headers = { 'content-type': 'application/json' };
      const answer = await service.app.inject({ method: 'POST', url, payload: sent.body, headers });
      expect([answer.statusCode, answer.body]).toEqual([200, 'success']);
    },
    async decided(source, orderId, expected) {
      for (const end = Date.now() + PATIENCE_MS; ; await sleep(20)) {
        const answer = await service.app.inject({ url: `/v1/orders/${source}/${orderId}`, headers: HEADERS });
        const order = answer.json<{ lines?: Line[] }>();
        const lines = (order.lines ?? []).map(({ line_id, decision, promoter_id, pool }) => ({ line_id, decision, promoter_id, pool }));
        if (lines.length === expected.length && expected.every((one, index) => isSo(lines[index]!, one))) return { ...order };
        if (Date.now() > end) expect(lines).toMatchObject(expected);
      }
    },
  };
}

const isSo = (line: Line, expected: Partial<Line>): boolean =>
  Object.entries(expected).every(([name, value]) => line[name as keyof Line] === value);
