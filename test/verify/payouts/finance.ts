// The people who pay, and the promoters they pay: all of it over the API, and insisted on. A
// request that a kill cut off is sent again under the same Idempotency-Key until it is answered.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { WechatPayDouble } from '../../payouts/providers/wechat-pay/double.ts';
import { ADMIN_KEY } from '../fleet.ts';

const INSIST_MS_MAX = 90_000;
const REQUEST_MS_MAX = 20_000;
const AGAIN_MS = 100;
export const PROVIDER = 'wechat';
const MERCHANT = 'payers';
/** Of every fen that is paid a promoter earns so much. */
const RATE_PPM = 100_000;

/** An answer is looked into freely: what does not stand there is found by who compares it. */
export type Body = ReturnType<typeof JSON.parse>;

export interface Finance {
  /** Sends until it is answered by other than "busy"; gives the status with the body. */
  ask: (method: string, path: string, body?: unknown, key?: string) => Promise<{ status: number; body: Body }>;
  /** The same, and throws for a refusal. */
  must: (method: string, path: string, body?: unknown, key?: string) => Promise<Body>;
  /** Two persons: who drafts, and who approves. */
  zhang: string;
  li: string;
}

export interface Payee {
  promoterId: string;
  openid: string;
  linkCode: string;
  /** What its orders have earned it, in fen. */
  earned: number;
}

export interface SoldOrder {
  orderId: string;
  linkCode: string;
  paid: number;
}

/**
 * A merchant without a wait, a rule that pays a tenth to who sold, the provider, and two persons.
 */
export async function openFinance(url: () => string, double: WechatPayDouble): Promise<Finance> {
  const { ask, must } = asking(url);
  await must('PUT', `/v1/merchants/${MERCHANT}`, {
    name: 'Payers',
    currency: 'CNY',
    landing_hosts: ['shop.example.com'],
    hold_days: 0,
  });
  await must('PUT', `/v1/merchants/${MERCHANT}/products/p1`, { title: 'Bottle', landing_url: 'https://shop.example.com/p/1' });
  await must('POST', '/v1/rules', {
    name: 'a tenth',
    scope: { merchant_id: MERCHANT },
    effective_from: new Date(Date.UTC(2020)).toISOString(),
    retroactive: true,
    plan: { rate_ppm: RATE_PPM, split: [{ to: 'promoter', share_ppm: 1_000_000 }] },
  });
  const { secrets, options } = double;
  await must('PUT', `/v1/payout-providers/${PROVIDER}`, { kind: 'wechat-pay', secrets, options });
  const keyOf = async (person: string) => (await must('POST', '/v1/keys', { scope: 'admin', role: 'finance', person })).key as string;
  return { ask, must, zhang: await keyOf('zhang'), li: await keyOf('li') };
}

export function asking(url: () => string): Pick<Finance, 'ask' | 'must'> {
  const ask: Finance['ask'] = async (method, path, body, key = ADMIN_KEY) => {
    const headers = {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(method === 'POST' && { 'idempotency-key': randomUUID() }),
    };
    const deadline = Date.now() + INSIST_MS_MAX;
    for (;;) {
      const answer = await once(url() + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      const isBusy = typeof answer === 'string' || answer.status >= 500 || answer.body?.code === 'idempotency_in_progress';
      if (!isBusy) return answer;
      if (Date.now() > deadline) throw new Error(`${method} ${path}: ${typeof answer === 'string' ? answer : JSON.stringify(answer)}`);
      await sleep(AGAIN_MS);
    }
  };
  const must: Finance['must'] = async (method, path, body, key) => {
    const answer = await ask(method, path, body, key);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return { ask, must };
}

/** The answer, or why there is none. */
async function once(url: string, init: RequestInit): Promise<{ status: number; body: Body } | string> {
  try {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_MS_MAX) });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
  } catch (error) {
    return String(error);
  }
}

/** A promoter with a link and a payee at the provider. */
export async function openPayee({ must }: Finance, double: WechatPayDouble, promoterId: string): Promise<Payee> {
  const openid = `openid-of-${promoterId}`;
  await must('PUT', `/v1/promoters/${promoterId}`, { name: promoterId, kind: 'person' });
  await must('PUT', `/v1/promoters/${promoterId}/payee`, {
    kind: 'individual',
    name: '张三',
    tax_id: `id-${promoterId}`,
    provider_id: PROVIDER,
    account: { openid },
  });
  double.knowName(openid, '张三');
  const { code } = await must('POST', '/v1/links', { promoter_id: promoterId, merchant_id: MERCHANT, product_id: 'p1' });
  return { promoterId, openid, linkCode: code, earned: 0 };
}

/** Tells of orders that are complete, so that what they earn is available at once. */
export async function tellOrders({ must }: Finance, orders: readonly SoldOrder[]): Promise<void> {
  const at = new Date().toISOString();
  for (const { orderId, linkCode, paid } of orders) {
    await must('POST', '/v1/orders', {
      merchant_id: MERCHANT,
      order_id: orderId,
      status: 'completed',
      currency: 'CNY',
      link_code: linkCode,
      paid_at: at,
      completed_at: at,
      lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: paid }],
    });
  }
}

/** What an order of that amount earns who sold it. */
export const earnedOf = (paid: number): number => Math.floor((paid * RATE_PPM) / 1_000_000);
