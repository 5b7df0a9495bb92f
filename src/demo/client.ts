// How the demo speaks to the service: JSON with a key, a browser that follows a link, and an order
// system that pushes.

const REQUEST_TIMEOUT_MS = 30_000;

/**
 * The service as one key sees it. Every call throws an error that quotes the answer when that is no
 * success.
 */
export interface Client {
  get: <Answer>(path: string) => Promise<Answer>;
  put: (path: string, body: unknown) => Promise<void>;
  post: <Answer>(path: string, body: unknown) => Promise<Answer>;
}

/** A webhook as it goes over the wire. */
export interface Push {
  sourceId: string;
  /** With its question mark, or nothing. */
  query: string;
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

/** Follows a link as a browser does, as far as the shop. Answers with the address it is led to. */
export async function followLink(url: string, userAgent: string, signal: AbortSignal): Promise<string> {
  const headers = { 'user-agent': userAgent };
  const response = await fetch(url, { headers, redirect: 'manual', signal: limited(signal) });
  const landing = response.headers.get('location');
  if (response.status === 302 && landing !== null) return landing;
  throw new Error(`GET ${url} was answered ${response.status} to ${landing ?? 'nowhere'}`);
}

/**
 * Sends a webhook as its order system does, without any key. Throws when it is not answered with
 * the status.
 */
export async function deliver(url: string, push: Push, signal: AbortSignal, status = 200): Promise<void> {
  const { sourceId, query, headers, body } = push;
  const path = `/webhooks/${sourceId}`;
  const response = await fetch(url + path + query, { method: 'POST', headers, body, signal: limited(signal) });
  const text = await response.text();
  if (response.status !== status) throw new Error(`POST ${path} was answered ${response.status}, and not ${status}: ${text}`);
}

function limited(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
}

async function successOf(response: Response, asked: string): Promise<string> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${asked} was answered ${response.status}: ${text}`);
  return text;
}
