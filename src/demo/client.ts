// How the demo speaks to the service: JSON with a key, a browser that follows a link, and the signatures of two order systems.

import { createHmac, randomUUID } from 'node:crypto';

const REQUEST_TIMEOUT_MS = 30_000;

/** The service as one key sees it. Every call throws an error that quotes the answer when that is no success. */
export interface Client {
  get: <Answer>(path: string) => Promise<Answer>;
  put: (path: string, body: unknown) => Promise<void>;
  post: <Answer>(path: string, body: unknown) => Promise<Answer>;
}

/** A webhook as it goes over the wire. */
export interface Push {
  sourceId: string;
  headers: Record<string, string>;
  body: string;
}

export function openClient(url: string, key: string, signal: AbortSignal): Client {
  async function call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers = { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const text = body === undefined ? null : JSON.stringify(body);
    const response = await fetch(url + path, { method, headers, body: text, signal: limited(signal) });
    return JSON.parse(await successOf(response, `${method} ${path}`)) as Answer;
  }
  return {
    get: (path) => call('GET', path),
    put: async (path, body) => {
      await call('PUT', path, body);
    },
    post: (path, body) => call('POST', path, body),
  };
}

/** Follows a link as a browser does, as far as the shop. Answers with the click token in the address it is led to. */
export async function followLink(url: string, userAgent: string, signal: AbortSignal): Promise<string> {
  const headers = { 'user-agent': userAgent };
  const response = await fetch(url, { headers, redirect: 'manual', signal: limited(signal) });
  const landing = response.headers.get('location');
  const token = landing === null ? null : new URL(landing).searchParams.get('fy_click');
  if (response.status !== 302 || token === null) throw new Error(`GET ${url} was answered ${response.status} to ${landing ?? 'nowhere'}`);
  return token;
}

/** Sends a webhook as its order system does, without any key. */
export async function deliver(url: string, { sourceId, headers, body }: Push, signal: AbortSignal): Promise<void> {
  const path = `/webhooks/${sourceId}`;
  await successOf(await fetch(url + path, { method: 'POST', headers, body, signal: limited(signal) }), `POST ${path}`);
}

/** A message signed as standardwebhooks.com says; the secret is `whsec_<base64>`. */
export function standardPush(sourceId: string, secret: string, message: unknown): Push {
  const body = JSON.stringify(message);
  const id = `msg_${randomUUID()}`;
  const timestamp = String(Math.floor(Date.now() / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
  return { sourceId, headers: { 'content-type': 'application/json', ...headers }, body };
}

/** A message signed as Shopify does: the HMAC of the bare body. */
export function shopifyPush(sourceId: string, secret: string, topic: string, message: unknown): Push {
  const body = JSON.stringify(message);
  const signature = createHmac('sha256', secret).update(body).digest('base64');
  const headers = { 'x-shopify-topic': topic, 'x-shopify-webhook-id': randomUUID(), 'x-shopify-hmac-sha256': signature };
  return { sourceId, headers: { 'content-type': 'application/json', ...headers }, body };
}

function limited(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
}

async function successOf(response: Response, asked: string): Promise<string> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${asked} was answered ${response.status}: ${text}`);
  return text;
}
