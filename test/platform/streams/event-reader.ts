// A reader of server-sent events as the standard says it: what it was sent, by event, and how it
// was sent away.

import { get, type IncomingHttpHeaders } from 'node:http';

export interface ReadEvent {
  event: string;
  id: string;
  data: unknown;
}

export interface EventReader {
  status: number;
  headers: IncomingHttpHeaders;
  /** In the order in which they came. */
  events: ReadEvent[];
  comments: () => number;
  /** When it would come back, as it was last told. */
  retryMs: () => number | null;
  isEnded: () => boolean;
  close: () => void;
}

/** Opens a stream; resolves with the head of its answer. */
export function readEvents(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      const events: ReadEvent[] = [];
      let [rest, comments, isEnded] = ['', 0, false];
      let retryMs: number | null = null;
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        const blocks = (rest + part).split('\n\n');
        rest = blocks.pop()!;
        for (const block of blocks) {
          const fields = new Map(block.split('\n').map((line): [string, string] => [line.split(':', 1)[0]!, line.replace(/^\w*: ?/, '')]));
          if (fields.has('')) comments += 1;
          if (fields.has('retry')) retryMs = Number(fields.get('retry'));
          const data = fields.get('data');
          if (data !== undefined) events.push({ event: fields.get('event')!, id: fields.get('id')!, data: JSON.parse(data) });
        }
      });
      response.on('error', () => undefined);
      response.on('close', () => {
        isEnded = true;
      });
      resolve({
        status: response.statusCode!,
        headers: response.headers,
        events,
        comments: () => comments,
        retryMs: () => retryMs,
        isEnded: () => isEnded,
        close: () => request.destroy(),
      });
    });
  });
}
