// A webhook as it goes over the wire, and how its order system sends it.

const ANSWER_TIMEOUT_MS = 30_000;

export interface Push {
  sourceId: string;
  /** With its question mark, or nothing. */
  query: string;
  headers: Record<string, string>;
  body: string;
}

/** Sends it, without any key. Throws when it is not answered with the status. */
export async function deliver(url: string, push: Push, signal: AbortSignal, status = 200): Promise<void> {
  const { sourceId, query, headers, body } = push;
  const path = `/webhooks/${sourceId}`;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  const response = await fetch(url + path + query, { method: 'POST', headers, body, signal: limited });
  const text = await response.text();
  if (response.status !== status) throw new Error(`POST ${path} was answered ${response.status}, and not ${status}: ${text}`);
}
