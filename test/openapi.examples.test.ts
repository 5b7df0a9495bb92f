// Every operation of the document is called with its example on the running service, and every
// answer is held against what the document says of it. What is called comes from the document
// itself, so no example goes untried.

import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { OpenAPIV3_1 } from 'openapi-types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { accountCache, bookCaused } from '../src/ledger/booking-store.ts';
import { inTransaction } from '../src/platform/postgres/database.ts';
import { ADMIN_KEY, openService, type Service } from './running.ts';

const document = JSON.parse(await readFile(new URL('../openapi/openapi.json', import.meta.url), 'utf8')) as OpenAPIV3_1.Document<{
  'x-scopes'?: string[];
}>;

type Operation = OpenAPIV3_1.OperationObject & { 'x-scopes'?: string[] };
type Media = OpenAPIV3_1.MediaTypeObject;

interface Call {
  id: string;
  method: string;
  path: string;
  operation: Operation;
}

const METHODS = ['get', 'put', 'post', 'delete'] as const;

/** What others need comes first, in this order; what takes away comes last. */
const FIRST = `imports.merchants merchants.put imports.products products.put imports.promoters promoters.put imports.links rules.publish
  tierPrograms.put bonusPrograms.put campaigns.put ruleDrafts.make
  sources.put mappings.put webhookEndpoints.put payoutSchedules.put clicks.make orders.report pushes.send orders.get webhookMessages.list
  offers.put offers.apply`.split(/\s+/);
const LAST =
  `identities.reverse ruleDrafts.reject rules.end reconciliations.make reconciliations.get webhookEndpoints.remove payoutSchedules.remove
  keys.revoke`.split(/\s+/);

/**
 * What is understood, and refused for what is there: no batch and no draft has the hash of the
 * example, no payout was sent, no link has the code, and no stream has the 30 days of a question
 * that names no time.
 */
const REFUSED: Readonly<Record<string, number>> = {
  'payoutBatches.approve': 409,
  'payouts.tellResult': 409,
  'payouts.correct': 409,
  'reRatings.approve': 409,
  'ruleDrafts.approve': 409,
  'ruleSimulations.cancel': 409,
  'signIns.make': 401,
  'statistics.stream': 422,
};

const calls: Call[] = Object.entries(document.paths ?? {})
  .flatMap(([path, item]) => METHODS.map((method) => ({ method, path, operation: item?.[method] as Operation | undefined })))
  .flatMap(({ operation, ...call }) => (operation === undefined ? [] : [{ ...call, operation, id: operation.operationId! }]))
  .toSorted((a, b) => rankOf(a.id) - rankOf(b.id));

function rankOf(id: string): number {
  if (FIRST.includes(id)) return FIRST.indexOf(id) - FIRST.length;
  return LAST.indexOf(id) + 1;
}

/**
 * The bodies of an operation that have an example; one without a body for an operation that takes
 * none.
 */
function bodiesOf({ requestBody }: Operation): { type: string | null; value: unknown }[] {
  if (requestBody === undefined) return [{ type: null, value: undefined }];
  const media = Object.entries((requestBody as OpenAPIV3_1.RequestBodyObject).content);
  // The last is asked of a source that is nowhere, by then without a worker: files go before it.
  const ordered = media.toSorted(([a], [b]) => Number(a === 'application/json') - Number(b === 'application/json'));
  return ordered.flatMap(([type, one]) => examplesOf(one).map((value) => ({ type, value })));
}

function examplesOf({ example, examples }: Media): unknown[] {
  const named = Object.values((examples ?? {}) as Record<string, OpenAPIV3_1.ExampleObject>).map(({ value }) => value as unknown);
  return example === undefined ? named : [example, ...named];
}

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
const validators = new Map<string, ValidateFunction>();

/** What is wrong with a value by a schema of the document. */
function faultsOf(name: string, schema: object, value: unknown): string[] {
  const known = validators.get(name);
  const validate = known ?? ajv.compile({ components: document.components, ...schema });
  validators.set(name, validate);
  return validate(value) ? [] : validate.errors!.map(({ instancePath, message }) => `${name}${instancePath} ${message}`);
}

/**
 * Signs a push as Standard Webhooks does, with the secret that the example of the source states.
 */
function signed(body: string): Record<string, string> {
  const [id, at] = ['msg_example', String(Math.floor(Date.now() / 1000))];
  const source = bodiesOf(calls.find((call) => call.id === 'sources.put')!.operation)[0]!.value as { secrets: { secret: string } };
  const key = Buffer.from(source.secrets.secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` };
}

/** The parameters of an operation; those that are components left out. */
const parametersOf = ({ parameters = [] }: Operation): OpenAPIV3_1.ParameterObject[] =>
  parameters.flatMap((parameter) => ('$ref' in parameter ? [] : [parameter]));

const isRetriable = ({ parameters = [] }: Operation): boolean =>
  parameters.some((parameter) => '$ref' in parameter && parameter.$ref === '#/components/parameters/IdempotencyKey');

/** Ids that answers have told, by their names. */
const told = new Map<string, string>();

function remember(body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  const { data } = body as { data?: unknown };
  if (Array.isArray(data)) remember(data[0]);
  for (const [name, value] of Object.entries(body)) if (name.endsWith('_id') && typeof value === 'string') told.set(name, value);
}

function urlOf({ path, operation }: Call): string {
  const parameters = parametersOf(operation);
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value: unknown = parameters.find((one) => one.in === 'path' && one.name === name)?.example ?? told.get(name);
    if (typeof value !== 'string') throw new Error(`${path}: there is no example of ${name}, and no answer has told one`);
    return encodeURIComponent(value);
  });
  const query = parameters.filter((one) => one.in === 'query' && one.example !== undefined);
  return (
    filled +
    (query.length === 0 ? '' : `?${new URLSearchParams(query.map((one): [string, string] => [one.name, String(one.example)])).toString()}`)
  );
}

/** What is wrong with an answer by what the document says of its operation. */
async function checked({ id, operation }: Call, answer: Response): Promise<string[]> {
  const text = await answer.text();
  const documented = operation.responses?.[String(answer.status)];
  if (documented === undefined) return [`${id}: ${answer.status} is not documented: ${text}`];
  const response = resolved<OpenAPIV3_1.ResponseObject>(documented);
  const type = answer.headers.get('content-type')?.split(';')[0];
  if (text === '') return response.content === undefined ? [] : [`${id}: ${answer.status} has no body`];
  const media = response.content?.[type!];
  if (media === undefined) return [`${id}: ${answer.status} is not documented as ${type}`];
  if (type?.endsWith('json') !== true) return [];
  const body: unknown = JSON.parse(text);
  remember(body);
  return faultsOf(`${id} ${answer.status}`, media.schema!, body);
}

function resolved<Value extends object>(value: Value | OpenAPIV3_1.ReferenceObject): Value {
  if (!('$ref' in value)) return value;
  const [, , kind, name] = value.$ref.split('/') as [string, string, keyof OpenAPIV3_1.ComponentsObject, string];
  return document.components![kind]![name] as Value;
}

describe('every example is accepted by the service', () => {
  let service: Service;

  beforeAll(async () => {
    service = await openService({ works: true, listens: true });
  });

  afterAll(() => service.close(), 120_000);

  async function send(call: Call, { type, value }: { type: string | null; value: unknown }, retry: string): Promise<Response> {
    const body = value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value);
    const headers: Record<string, string> = {
      ...(call.operation['x-scopes'] === undefined ? {} : { authorization: `Bearer ${ADMIN_KEY}` }),
      ...(type === null ? {} : { 'content-type': type === '*/*' ? 'application/json' : type }),
      ...(isRetriable(call.operation) ? { 'idempotency-key': retry } : {}),
      ...(call.id === 'pushes.send' ? signed(body!) : {}),
    };
    const init = { method: call.method.toUpperCase(), headers, redirect: 'manual' as const, ...(body === undefined ? {} : { body }) };
    return fetch(service.url + urlOf(call), init);
  }

  /** Lets the worker do what the next call asks about. */
  async function until(url: string, isThere: (body: Record<string, unknown>) => boolean): Promise<void> {
    const ask = async () => (await fetch(service.url + url, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).json();
    await expect.poll(async () => isThere((await ask()) as Record<string, unknown>), { timeout: 20_000 }).toBe(true);
  }

  async function prepare({ id }: Call): Promise<void> {
    if (id === 'orders.get') await until('/v1/orders/rest/1001', (order) => order['award'] === 'estimated');
    if (id === 'webhookMessages.list') {
      await until('/v1/webhook-endpoints/erp/messages', ({ data }) => Array.isArray(data) && data.length > 0);
    }
    if (id === 'ruleSimulations.get') await until(`/v1/rule-simulations/${told.get('simulation_id')!}`, ({ state }) => state === 'done');
    if (id === 'reRatings.get') await until(`/v1/re-ratings/${told.get('re_rating_id')!}`, ({ state }) => state === 'ready');
    if (id === 'payoutRequests.make') await earn();
  }

  /** Gives bob something to be paid, which orders would only after their wait. */
  async function earn(): Promise<void> {
    const bonus = { cause: 'bonus', causeId: 'example', position: 0, kind: 'accrue', from: 'commission', to: 'available' } as const;
    const earned = { ...bonus, merchantId: 'm1', promoterId: 'bob', currency: 'CNY', amount: 1000n };
    await inTransaction(service.database.db, ({ trx, now }) => bookCaused(trx, [earned], accountCache(), now));
  }

  for (const call of calls) {
    const bodies = bodiesOf(call.operation);
    it(`${call.id}: ${bodies.length === 1 ? 'its example' : `each of its ${bodies.length} examples`}`, { timeout: 60_000 }, async () => {
      await prepare(call);
      for (const [index, body] of bodies.entries()) {
        if (call.id === 'reconciliations.make') await readyToAsk(service, body.type);
        const retry = `${call.id}-${index}`;
        const answer = await send(call, body, retry);
        const { status } = answer;
        expect(await checked(call, answer)).toEqual([]);
        const refused = REFUSED[call.id];
        if (refused !== undefined) expect(status).toBe(refused);
        else if (body.value !== undefined) expect(status).toBeLessThan(300);
        if (!isRetriable(call.operation) || status >= 400) continue;
        const again = await send(call, body, retry);
        expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([status, 'true']);
      }
    });
  }

  it('and of every kind of body there is one', () => {
    const without = calls.filter(({ operation }) => bodiesOf(operation).length === 0).map(({ id }) => id);
    expect(without).toEqual([]);
    expect(calls.filter(({ operation }) => operation.requestBody !== undefined).length).toBeGreaterThan(20);
  });
});

/**
 * The source that the example asks, which is nowhere: the worker ends before it would ask. A file
 * is read by the worker.
 */
async function readyToAsk(service: Service, type: string | null): Promise<void> {
  if (type !== 'application/json') return;
  const payload = {
    kind: 'woocommerce',
    merchant_id: 'm1',
    secrets: { secret: 'a secret of the examples', consumer_key: 'ck_example', consumer_secret: 'cs_example' },
    options: { url: 'https://store.example.com' },
  };
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const made = await service.app.inject({ method: 'PUT', url: '/v1/sources/store', headers, payload });
  expect(made.statusCode).toBe(201);
  await service.stopWork();
}

describe('the examples of answers', () => {
  it('are what the document says of these answers', { timeout: 120_000 }, () => {
    const faults = calls.flatMap(({ id, operation }) =>
      Object.entries(operation.responses ?? {}).flatMap(([status, response]) =>
        Object.values(resolved<OpenAPIV3_1.ResponseObject>(response).content ?? {}).flatMap((media) =>
          Object.values(media.examples ?? {}).flatMap((example) =>
            faultsOf(`${id} ${status}`, media.schema!, resolved<OpenAPIV3_1.ExampleObject>(example).value),
          ),
        ),
      ),
    );
    expect(faults).toEqual([]);
  });

  it('are shown of every component that has one as it is answered', () => {
    const components = Object.entries(document.components?.schemas ?? {}) as [string, { examples?: unknown[] }][];
    const shown = components.flatMap(([name, { examples = [] }]) => examples.map((example) => ({ name, example })));
    expect(shown.map(({ name }) => name)).toEqual(expect.arrayContaining(['Balance', 'Claim', 'Link', 'Order']));
    expect(shown.flatMap(({ name, example }) => faultsOf(name, { $ref: `#/components/schemas/${name}` }, example))).toEqual([]);
  });
});
