import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { createClient, type FenyongClient } from '../../client/client.ts';
import { makeSecret, signedHeaders } from '../../src/outbound/signature.ts';
import { ADMIN_KEY, openService, type Service } from '../running.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLIENT = join(ROOT, 'client/client.ts');

let service: Service;
let client: FenyongClient;
let folder: string;

beforeAll(async () => {
  service = await openService({ works: true, listens: true });
  client = createClient({ url: service.url, key: ADMIN_KEY });
  folder = await mkdtemp(join(tmpdir(), 'fenyong-client-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
  await service.close();
});

/** The README's code as one program, and what it says that it prints. */
async function readReadme(): Promise<{ program: string; printed: string }> {
  const text = await readFile(join(ROOT, 'client/README.md'), 'utf8');
  const blocks = [...text.matchAll(/^```(ts)?\n([\s\S]*?)^```/gm)];
  const program = blocks.flatMap(([, language, code]) => (language === 'ts' ? code! : [])).join('\n');
  return { program: program.replace('./client.ts', CLIENT), printed: blocks.at(-1)![2]! };
}

/**
 * What follows the README's code: a webhook that is signed as the service signs, and one that is
 * not.
 */
function webhooksAfterwards(secret: string): string {
  const body = JSON.stringify({ type: 'order.paid', timestamp: new Date().toISOString(), data: { order_id: '1001' } });
  const headers = signedHeaders({ id: 'e1', at: new Date(), body }, [secret]);
  const forged = { ...headers, 'webhook-id': 'e2' };
  const request = (fields: object) => `new Request('http://127.0.0.1', ${JSON.stringify({ method: 'POST', body, headers: fields })})`;
  return `
    for (const [request, status] of [[${request(headers)}, 204], [${request(forged)}, 400]] as const) {
      const answer = await receive(request);
      if (answer.status !== status) throw new Error(String(answer.status));
    }`;
}

test('the examples of the README run, and print what is printed there', { timeout: 60_000 }, async () => {
  const { program, printed } = await readReadme();
  const secret = makeSecret();
  await writeFile(join(folder, 'readme.mts'), program + webhooksAfterwards(secret));
  const env = { ...process.env, FENYONG_URL: service.url, FENYONG_KEY: ADMIN_KEY, FENYONG_WEBHOOK_SECRET: secret, NO_COLOR: '1' };
  // A Node that can strip types reads the client as it is.
  const reader = 'typescript' in process.features && process.features.typescript ? [] : ['--import', 'tsx'];
  const { stdout } = await run(process.execPath, [...reader, join(folder, 'readme.mts')], { cwd: ROOT, env });
  expect(stdout).toBe(printed);
});

/** Each names something that the document does not have, or leaves out what it asks for. */
const MISTAKES = [
  `client.POST('/v1/orders', { body: { merchant_id: 'm1', order_id: '1', orderid: 1 } });`,
  `client.POST('/v1/orders', { body: { merchant_id: 'm1' } });`,
  `client.POST('/v1/orders');`,
  `client.POST('/webhooks/{source_id}', { params: { path: { source_id: 's1' } }, body: '' });`,
  `client.GET('/v1/orders/{source_id}/{order_id}', { params: { path: { source_id: 'rest' } } });`,
  `client.GET('/v1/nothing');`,
  `client.each('/v1/merchants/{merchant_id}/products');`,
  `client.each('/v1/orders', { query: { merchantid: 'm1' } });`,
  `client.each('/v1/orders/{source_id}/{order_id}');`,
];

test('the compiler takes the examples of the README, and none of the mistakes', { timeout: 60_000 }, async () => {
  const { program } = await readReadme();
  await writeFile(join(folder, 'readme.mts'), program);
  const opening = `import { createClient } from '${CLIENT}'; const client = createClient();`;
  await writeFile(join(folder, 'mistakes.mts'), [opening, ...MISTAKES.map((call) => `void ${call}`)].join('\n'));
  const compilerOptions = { typeRoots: [join(ROOT, 'node_modules/@types')] };
  const settings = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['*.mts'] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  const words = [join(ROOT, 'node_modules/typescript/bin/tsc'), '--pretty', 'false', '-p', folder];
  const { stdout } = await run(process.execPath, words).catch((error: unknown) => error as { stdout: string });
  const faults = [...stdout.matchAll(/^\S*?(\w+)\.mts\((\d+),/gm)].map(([, file, line]) => `${file} ${line}`);
  expect(faults, stdout).toEqual(MISTAKES.map((_, index) => `mistakes ${index + 2}`));
});

test('a list is read to its end, page by page, and no page before it is needed', async () => {
  const names = Array.from({ length: 7 }, (_, index) => `list-${index}`);
  for (const merchant_id of names) {
    await client.PUT('/v1/merchants/{merchant_id}', { params: { path: { merchant_id } }, body: { name: merchant_id, currency: 'CNY' } });
  }
  let asked = 0;
  const counting = createClient({ url: service.url, key: ADMIN_KEY, fetch: (request, init) => ((asked += 1), fetch(request, init)) });
  const read: string[] = [];
  for await (const { merchant_id } of counting.each('/v1/merchants', { query: { limit: 3 } })) read.push(merchant_id);
  expect(read.filter((name) => names.includes(name))).toEqual(names);
  expect(asked).toBe(Math.ceil(read.length / 3));

  asked = 0;
  for await (const { merchant_id } of counting.each('/v1/merchants', { query: { limit: 3 } })) if (merchant_id !== '') break;
  expect(asked).toBe(1);
});

test('a list below a path takes its ids, and begins at a cursor that is given', async () => {
  await client.PUT('/v1/merchants/{merchant_id}', {
    params: { path: { merchant_id: 'ruleCache' } },
    body: { name: 'Shelf', currency: 'CNY' },
  });
  for (const product_id of ['a/1', 'b 2', '产品']) {
    const path = { merchant_id: 'ruleCache', product_id };
    await client.PUT('/v1/merchants/{merchant_id}/products/{product_id}', { params: { path }, body: { title: product_id } });
  }
  const path = { merchant_id: 'ruleCache' };
  const { data: page } = await client.GET('/v1/merchants/{merchant_id}/products', { params: { path, query: { limit: 1 } } });
  const rest: string[] = [];
  for await (const product of client.each('/v1/merchants/{merchant_id}/products', { path, query: { cursor: page.next_cursor! } })) {
    rest.push(product.product_id);
  }
  expect([page.data[0]!.product_id, ...rest]).toEqual(['a/1', 'b 2', '产品']);
});

test('a POST that is sent twice under one key is done once, and tells its secret once', async () => {
  const options = { params: { header: { 'Idempotency-Key': 'once' } }, body: { label: 'once', scope: 'auditor' as const } };
  const first = await client.POST('/v1/keys', options);
  const second = await client.POST('/v1/keys', options);
  expect(second.data.key_id).toBe(first.data.key_id);
  expect(second.response.headers.get('idempotent-replayed')).toBe('true');
  expect(['key' in first.data, 'key' in second.data]).toEqual([true, false]);
});

test('what is refused is thrown by its code, with what is wrong where', async () => {
  const order = { merchant_id: 'm1', order_id: '1', lines: [{ line_id: '1', paid_amount: -1 }] };
  await expect(client.POST('/v1/orders', { body: order })).rejects.toMatchObject({
    name: 'FenyongError',
    code: 'malformed_request',
    status: 400,
    detail: expect.any(String) as string,
    errors: [{ path: 'lines.0.paid_amount', message: expect.any(String) as string }],
    requestId: expect.stringMatching(/./) as string,
  });
  await expect(createClient({ url: service.url, key: 'fy_none' }).GET('/v1/orders')).rejects.toMatchObject({
    code: 'unauthorized',
    status: 401,
  });
  const { data } = await client.POST('/v1/keys', { body: { label: 'reads', scope: 'auditor' } });
  const reader = createClient({ url: service.url, key: data.key });
  await expect(reader.POST('/v1/orders', { body: { merchant_id: 'm1', order_id: '1' } })).rejects.toMatchObject({
    code: 'forbidden',
    status: 403,
  });
});
