// Floods from outside: what they leave behind, what they take away from others, and whom they never
// keep out.

import autocannon from 'autocannon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { until } from '../platform/sockets.ts';
import { PHONE } from '../promotion/shop.ts';
import { ADMIN_KEY } from '../running.ts';
import { runs } from '../runs.ts';
import { openMarket, orderOf, type Market } from './market.ts';

const REDIRECTS_KEPT = 3;
/** Of each attack. */
const SECONDS = runs(1);
/** What a visitor or a load balancer waits at most while somebody else attacks. */
const WAIT_MS_MAX = 250;

let market: Market;

beforeAll(async () => {
  market = await openMarket({ listens: true, env: { RATE_REDIRECTS: String(REDIRECTS_KEPT), RATE_REFUSED: '20' } });
  await market.ask('PUT', '/v1/sources/wx', {
    kind: 'wechat-shop',
    merchant_id: 'm1',
    secrets: { app_id: 'wx1', app_secret: 's'.repeat(32), token: 'token', encoding_aes_key: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' },
  });
});

afterAll(() => market.service.close());

describe('a flood of redirects', () => {
  test('leaves tokens by which orders earn, stored or not, and every law holds', async () => {
    const tokens: string[] = [];
    for (let n = 0; n < REDIRECTS_KEPT + 4; n++) {
      const { status, headers } = await market.ask('GET', `/r/${market.ids['code']}`, undefined, {
        key: null,
        headers: { 'user-agent': PHONE },
      });
      expect(status).toBe(302);
      tokens.push(new URL(String(headers['location'])).searchParams.get('fy_click')!);
    }
    for (const [at, token] of tokens.entries()) {
      const order = { ...orderOf(`flooded-${at}`), buyer: { openid: `flooded-${at}` }, click_token: token };
      expect((await market.ask('POST', '/v1/orders', order)).status).toBe(202);
    }
    for (const at of tokens.keys()) {
      const url = `/v1/orders/rest/flooded-${at}`;
      await until(async () => (await market.ask('GET', url)).body.award === 'estimated');
      expect((await market.ask('GET', url)).body.lines[0]).toMatchObject({ evidence: 'click_token', promoter_id: 'alice' });
    }
    const rows = await market.service.database.db.selectFrom('click').select('bot_reason').where('bot', '=', true).execute();
    expect(rows.map(({ bot_reason }) => bot_reason)).toContain('flooded');
    expect((await market.ask('POST', '/v1/guards/credits_due/runs')).body).toMatchObject({ ok: true, violations: 0 });
  });
});

const attacks: [string, (url: string) => autocannon.Options][] = [
  ['redirects', (url) => ({ url: `${url}/r/${market.ids['code']}` })],
  [
    'wrong keys, each another one',
    (url) => ({ url: `${url}/v1/orders`, idReplacement: true, headers: { authorization: 'Bearer fy_admin_guess_[<id>]' } }),
  ],
  ['pushes to sources that there are not', (url) => ({ url: `${url}/webhooks/[<id>]`, method: 'POST', idReplacement: true, body: '{}' })],
  ['long pushes without a signature', (url) => ({ url: `${url}/webhooks/sw`, method: 'POST', body: 'x'.repeat(60_000) })],
  ['unsigned markup', (url) => ({ url: `${url}/webhooks/wx`, method: 'POST', body: `<xml>${'<a>'.repeat(21_000)}` })],
  ['the document', (url) => ({ url: `${url}/openapi.json` })],
  ['metrics', (url) => ({ url: `${url}/metrics`, headers: { authorization: `Bearer ${ADMIN_KEY}` } })],
];

describe('while somebody sends without end', () => {
  test.each(attacks)('%s, visitors are led on and the process says that it lives', async (_name, attack) => {
    const { url } = market.service;
    const options = { connections: 16, duration: SECONDS, workers: 1, ...attack(url) };
    const attacking = autocannon(options);
    const waited: number[] = [];
    const end = Date.now() + SECONDS * 1000;
    while (Date.now() < end) {
      for (const path of ['/healthz', `/r/${market.ids['code']}`]) {
        const begun = performance.now();
        const { status } = await fetch(url + path, { redirect: 'manual' });
        waited.push(performance.now() - begun);
        expect([200, 302]).toContain(status);
      }
    }
    expect((await attacking).requests.total).toBeGreaterThan(0);
    expect(waited.length).toBeGreaterThan(3 * SECONDS);
    expect(waited.toSorted((a, b) => a - b)[Math.floor(waited.length / 2)]).toBeLessThan(WAIT_MS_MAX);
    // A key that this process has never seen is let in, from the very address of the attacker.
    const { key } = await market.makeKey({ scope: 'auditor' });
    const fresh = await fetch(`${url}/v1/orders?merchant_id=m1`, { headers: { authorization: `Bearer ${key}` } });
    expect(fresh.status).toBe(200);
  });
});
