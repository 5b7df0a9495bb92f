import { expect, test } from 'vitest';

import { retryWhileAway } from '../../../src/platform/postgres/retry.ts';

const away = () => new Error('Connection terminated due to connection timeout');

test('what the database could not be asked for a moment is asked again', async () => {
  let asked = 0;
  const read = () => {
    asked += 1;
    return asked < 2 ? Promise.reject(away()) : Promise.resolve('read');
  };
  expect([await retryWhileAway(read, 10), asked]).toEqual(['read', 2]);
});

test('what is wrong with the question is not asked again', async () => {
  let asked = 0;
  const read = () => {
    asked += 1;
    return Promise.reject(new Error('there is no such column'));
  };
  await expect(retryWhileAway(read)).rejects.toThrow('no such column');
  expect(asked).toBe(1);
});

test('a database that stays away ends it with the error, in the end', async () => {
  let asked = 0;
  const read = () => {
    asked += 1;
    return Promise.reject(away());
  };
  await expect(retryWhileAway(read, 1)).rejects.toThrow('Connection terminated');
  expect(asked).toBe(8);
});
