// The load: senders that play a schedule and send each report until it is acknowledged, as order
// systems do, and keep the journal.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { planOf } from '../market.ts';
import { ADMIN_KEY } from './fleet.ts';
import type { Column, Journal, Told } from './journal.ts';
import { rateAt, SOURCE, type Market } from './market.ts';
import { poisonBody } from './poison.ts';
import { bodyOf, clickIdIn, newTold, reportsOf, signatureOf } from './reports.ts';
import type { PlannedOrder, PlannedSend, Schedule } from './schedule.ts';

const REQUEST_MS_MAX = 8000;
const UNACKNOWLEDGED_MS_MAX = 75_000;
const RETRY_MS = 150;

interface LoadOptions {
  url: () => string;
  market: Market;
  schedule: Schedule;
  journal: Journal;
}

interface Sent {
  status: number;
  text: string;
  location: string | null;
}

/** Plays the schedule; resolves when everything was acknowledged, or is known never to be. */
export async function runLoad({ url, market, schedule, journal }: LoadOptions): Promise<void> {
  const started = Date.now();
  const deadline = started + schedule.lengthMs + UNACKNOWLEDGED_MS_MAX;
  const at = (milliseconds: number) => sleep(Math.max(0, started + milliseconds - Date.now()));
  const found = (column: Column, text: string) => journal.findings.push({ column, text });
  const admin = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };

  /**
   * Sends until it is acknowledged; null when it never was. The headers are made anew for every
   * attempt.
   */
  async function insist(path: string, headers: () => Record<string, string>, body: string, told: string): Promise<Sent | null> {
    let last = '';
    while (Date.now() < deadline) {
      const answer = await send(url() + path, { method: 'POST', headers: headers(), body });
      if (typeof answer !== 'string' && answer.status < 300) {
        journal.acknowledged += 1;
        return answer;
      }
      last = typeof answer === 'string' ? answer : `${answer.status} ${answer.text}`;
      if (typeof answer !== 'string' && answer.status < 500 && ![409, 429].includes(answer.status)) break;
      journal.retried += 1;
      await sleep(RETRY_MS);
    }
    found('refused', `${told} was never acknowledged: ${last}`);
    return null;
  }

  async function clickToken({ click, seller }: PlannedOrder): Promise<string | null> {
    const code = market.links[seller];
    const answer =
      click === 'redirect'
        ? await send(`${url()}/r/${code}`, { redirect: 'manual', headers: { 'user-agent': 'Mozilla/5.0 (iPhone) Mobile' } })
        : await send(`${url()}/v1/clicks`, { method: 'POST', headers: admin, body: JSON.stringify({ code }) });
    // Nobody clicks again for us: what was not answered was not acknowledged, and the order names
    // the link instead.
    if (typeof answer === 'string' || answer.status >= 400) return null;
    const token =
      answer.location === null
        ? (JSON.parse(answer.text) as { click_token: string }).click_token
        : new URL(answer.location).searchParams.get('fy_click');
    if (token === null) found('lost', `a redirect led to ${answer.location}, without a click token`);
    else {
      journal.acknowledged += 1;
      journal.clickIds.push(clickIdIn(token));
    }
    return token;
  }

  async function deliver(body: string, told: Told, viaWebhook: boolean, { delays, keyed }: PlannedSend): Promise<void> {
    journal.told.push(told);
    const key: Record<string, string> = keyed ? { 'idempotency-key': randomUUID() } : {};
    const id = `msg_${randomUUID()}`;
    const signed = () => signatureOf(id, body, Date.now());
    const [path, headers]: [string, () => Record<string, string>] = viaWebhook
      ? [`/webhooks/${SOURCE}`, signed]
      : ['/v1/orders', () => ({ ...admin, ...key })];
    if (viaWebhook && schedule.skewMs !== 0) await expectStale(path, id, body);
    await Promise.all(
      delays.map(async (delay) => {
        await sleep(delay);
        const answer = await insist(path, headers, body, `a report of ${told.orderId ?? 'nothing'}`);
        if (answer === null) return;
        told.acknowledged += 1;
        if (!viaWebhook) told.deliveryIds.add((JSON.parse(answer.text) as { delivery_id: string }).delivery_id);
      }),
    );
  }

  /** What a sender signs with a clock that is so far off must not be believed. */
  async function expectStale(path: string, id: string, body: string): Promise<void> {
    const answer = await send(url() + path, { method: 'POST', headers: signatureOf(id, body, Date.now() + schedule.skewMs), body });
    if (typeof answer !== 'string' && answer.status < 300) found('wrong', 'a webhook that was signed ten minutes off was believed');
  }

  async function order(planned: PlannedOrder): Promise<void> {
    await at(planned.at);
    const token = await clickToken(planned);
    const { rates } = market;
    const now = Date.now() + schedule.skewMs;
    const paidAt = rates.pendingFrom !== null && now >= rates.pendingFrom ? rates.pendingFrom - 1 : now;
    const { orderId, seller, lines, refunds, viaWebhook } = planned;
    const sourceId = viaWebhook ? SOURCE : 'rest';
    journal.orders.push({ sourceId, orderId, seller, ratePpm: rateAt(rates, paidAt), lines, refunds });
    // A click that a slow clock puts after the payment does not count; the storefront names the
    // link as well.
    const evidence = { click_token: token, link_code: token === null || schedule.skewMs < 0 ? market.links[seller] : null };
    const bodies = reportsOf(planned, paidAt, evidence).map((report) => bodyOf(report, viaWebhook, paidAt));
    await Promise.all(
      bodies.map((body, index) => deliver(body, newTold(sourceId, body, orderId, 'processed'), viaWebhook, planned.sends[index]!)),
    );
  }

  async function publish(when: number, ratePpm: number): Promise<void> {
    await at(when);
    if (market.rates.pendingFrom !== null) return;
    const from = Date.now() + 100;
    market.rates.pendingFrom = from;
    const body = JSON.stringify({ effective_from: new Date(from).toISOString(), retroactive: true, plan: planOf(ratePpm) });
    const key = { ...admin, 'idempotency-key': randomUUID() };
    const answer = await insist(`/v1/rules/${market.ruleId}/versions`, () => key, body, 'a version of the rule');
    // Never acknowledged: nobody may pay after it any more, because its rate is not known.
    if (answer === null) return;
    market.rates.versions.push({ from, ratePpm });
    market.rates.pendingFrom = null;
  }

  async function poison(when: number, kind: number): Promise<void> {
    await at(when);
    const { body, ends } = poisonBody(kind, randomUUID());
    await deliver(body, newTold(SOURCE, body, null, ends), true, { delays: [0], keyed: false });
  }

  await Promise.all([
    at(schedule.lengthMs),
    ...schedule.orders.map(order),
    ...schedule.rates.map(({ at: when, ratePpm }) => publish(when, ratePpm)),
    ...schedule.poison.map(({ at: when, kind }) => poison(when, kind)),
  ]);
}

/** The answer, or why there is none. */
async function send(url: string, init: RequestInit): Promise<Sent | string> {
  try {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_MS_MAX) });
    return { status: answer.status, text: await answer.text(), location: answer.headers.get('location') };
  } catch (error) {
    return error instanceof Error ? `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}` : String(error);
  }
}
