// The quick HMAC against Node's own, and the bytes of uuids.

import { createHmac, createSecretKey } from 'node:crypto';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { hmacHex } from '../../src/promotion/hmac.ts';
import { readUuid, writeUuid } from '../../src/promotion/uuid-bytes.ts';

test('the quick HMAC is the HMAC, whatever the lengths of key and message', () => {
  const messages = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 2000 }),
    fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), messages, messages, (secret, first, second) => {
      const key = createSecretKey(Buffer.from(secret));
      for (const message of [first, second, first]) {
        expect(hmacHex(key, message)).toBe(createHmac('sha256', key).update(message).digest('hex'));
      }
    }),
    { numRuns: 500 },
  );
});

test('the bytes of a uuid are read as they were written', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.nat(10), (uuid, offset) => {
      const bytes = Buffer.alloc(32);
      writeUuid(bytes, uuid, offset);
      expect(readUuid(bytes, offset)).toBe(uuid);
      expect(bytes.toString('hex', offset, offset + 16)).toBe(uuid.replaceAll('-', ''));
    }),
  );
});
