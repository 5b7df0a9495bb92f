// What every order system sends, spoilt part by part: what is wrong with it is said in words.
import { describe, expect, test } from 'vitest';

import { readDelivery } from '../../src/inbox/read.ts';
import type { TakenDelivery } from '../../src/inbox/delivery-store.ts';
import { parseJson } from '../../src/platform/http/json.ts';
import { SUBJECTS } from '../sources/subjects.ts';
import { messageOf } from '../../src/platform/error-text.ts';

const NOW = new Date('2026-06-02T00:00:00Z');
const PARTS = [7, 'x', null, [], {}, [{}], [[]], [7]];

/** What an error says; nothing where there is none. */
function wordsOf(read: () => unknown): string {
  try {
    read();
    return '';
  } catch (error) {
    return messageOf(error);
  }
}

describe.each(SUBJECTS.map((subject) => [subject.adapter.kind, subject] as const))(
  '%s',
  (kind, { adapter, story, options, headers = {} }) => {
    const origin = { sourceId: 's1', kind, merchantId: 'm1', options: adapter.options.parse(options ?? {}) };
    const times = { received_at: NOW, clock_skew_seconds: null, untimed_at: null, content_hashes: null };

    test('what is wrong with a delivery is said in words, never as the dump of a schema', () => {
      const value = parseJson(story('3705115058471208928').paid) as Record<string, unknown>;
      for (const name of [...Object.keys(value), 'line_items', 'data', 'order_id']) {
        for (const part of PARTS) {
          const body = Buffer.from(JSON.stringify({ ...value, [name]: part }));
          const delivery: TakenDelivery = {
            delivery_id: 'd1',
            source_id: 's1',
            merchant_id: null,
            origin: 'push',
            body,
            headers,
            ...times,
          };
          expect(wordsOf(() => readDelivery(delivery, origin, new Map([[kind, adapter]])))).not.toMatch(/^\s*[[{]|"code":/);
        }
      }
    });
  },
);
