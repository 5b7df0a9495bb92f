// What the machine may lack, each told in one sentence.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { openHttp } from '../../../src/platform/http/http.ts';
import { assertWritable, listenOn } from '../../../src/platform/http/listening.ts';
import { StartFailure } from '../../../src/platform/process/start-failure.ts';
import { testLog } from '../../harness.ts';
import { errorOf } from '../answers.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fenyong-listening-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function refusalOf(host: string, port: number): Promise<unknown> {
  const app = openHttp({ logger: testLog, trustProxy: [] });
  try {
    return await errorOf(listenOn(app, { host, port }));
  } finally {
    await app.close();
  }
}

test('a port that is taken, and an address of another machine, are told in a sentence', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const taken = `Port ${port} of 127.0.0.1 is taken by another program: end that one, or set PORT to another.`;
  expect(await refusalOf('127.0.0.1', port)).toEqual(new StartFailure(taken));
  other.close();
  expect(await refusalOf('192.0.2.1', 0)).toMatchObject({
    name: 'StartFailure',
    message: expect.stringContaining('192.0.2.1 is no address'),
  });
});

test('a data folder is made where it is missing, and told where it cannot be', async () => {
  await assertWritable(join(folder, 'made', 'deep'));
  await writeFile(join(folder, 'file'), '');
  const blocked = join(folder, 'file', 'data');
  const error = await errorOf(assertWritable(blocked));
  expect(error).toBeInstanceOf(StartFailure);
  expect(error).toMatchObject({
    message: `DATA_DIR ${blocked} cannot be written (ENOTDIR): let the account of the service own it, or name another.`,
  });
});
