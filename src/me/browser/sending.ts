// Requests to the API from the page: with the session's cookie, what shows that they are ours, and
// an answer in words.

/** What the page says of itself, written into it by the server. */
interface PageData {
  csrf: string | null;
  words: Record<string, string>;
  /** What is said for a problem, by its code. */
  refusals: Record<string, string>;
}

export interface Outcome {
  ok: boolean;
  /** The answer, or the problem. */
  body: Record<string, unknown>;
}

const KEY_BYTES = 16;

export function readPageData(): PageData {
  return JSON.parse(document.getElementById('page')?.textContent ?? '{}') as PageData;
}

/** A name for one wish, under which it is carried out once however often it is sent. */
export function makeWishName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(KEY_BYTES)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

interface Wish {
  method: string;
  url: string;
  body?: unknown;
  headers?: Record<string, string>;
}

async function ask(wish: Wish, csrf: string | null): Promise<Outcome> {
  const isSaying = wish.body !== undefined;
  const answer = await fetch(wish.url, {
    method: wish.method,
    credentials: 'same-origin',
    headers: {
      ...wish.headers,
      ...(isSaying ? { 'content-type': 'application/json' } : {}),
      ...(csrf === null ? {} : { 'x-csrf-token': csrf }),
    },
    ...(isSaying ? { body: JSON.stringify(wish.body) } : {}),
  });
  const text = await answer.text();
  return { ok: answer.ok, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

/**
 * Sends something. Where the session was made anew meanwhile, in another tab, it is asked for what
 * shows the request to be ours, and sent once more: what was typed is not lost.
 */
export async function send(wish: Wish, page: PageData): Promise<Outcome> {
  const first = await ask(wish, page.csrf);
  if (first.body['code'] !== 'csrf') return first;
  const me = await ask({ method: 'GET', url: '/v1/me' }, null);
  page.csrf = typeof me.body['csrf'] === 'string' ? me.body['csrf'] : null;
  return ask(wish, page.csrf);
}

/** What a field of an answer says; nothing where it is no text. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Why something was refused, as people read it. */
export function refusalText(outcome: Outcome, page: PageData): string {
  const text = page.refusals[textOf(outcome.body['code'])] ?? page.words['refused'] ?? '{detail}';
  return text.replace('{detail}', textOf(outcome.body['detail']));
}
