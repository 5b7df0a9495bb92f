// What the document says of every operation in the same way: who may call it, how it is retried,
// how it is refused, and which headers go with its answers. It is derived from what the code does,
// so that no route can say otherwise.

import { STATUS_CODES } from 'node:http';

import type { FastifySchema, RouteOptions } from 'fastify';
import type { OpenAPIV3_1 } from 'openapi-types';
import type { z } from 'zod';

import { ERROR_CODES, MEANING_BY_CODE, statusOf, type ErrorCode } from '../../core/errors.ts';
import { isGranted, isReading, SCOPES, type KeyRole, type KeyScope } from '../keys/actor.ts';
import { IDEMPOTENCY_DAYS } from './idempotency.ts';
import { exampleOf } from './problem.ts';

declare module 'fastify' {
  interface FastifySchema {
    hide?: boolean;
    /**
     * The body of a route that reads it itself, raw or as a stream, by its content type: for the
     * document alone.
     */
    sends?: Record<string, z.ZodType>;
    /**
     * The headers of its answers beside those of all answers, by their status and name, in words:
     * for the document alone.
     */
    answerHeaders?: Record<number, Record<string, string>>;
  }
}

/** What the document calls the API key in Authorization. */
/** What a request shows who calls by, one of them. */
export const SECURITY_SCHEMES = {
  key: { type: 'http', scheme: 'bearer', description: 'An API key, as POST /v1/keys made it.' },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'fy_session',
    description: 'A session, as POST /v1/sessions made it; with `X-CSRF-Token`.',
  },
} as const;

/** What properties and parameters mean that say nothing of their own, by their names. */
export type PropertyWords = Readonly<Record<string, string>>;

type Operation = OpenAPIV3_1.OperationObject & {
  'x-scopes'?: KeyScope[];
  'x-roles'?: KeyRole[];
  'x-codes'?: ErrorCode[];
  'x-headers'?: FastifySchema['answerHeaders'];
};
type Response = OpenAPIV3_1.ResponseObject;
type Schema = OpenAPIV3_1.SchemaObject;
type Parameter = OpenAPIV3_1.ParameterObject;

/** What the swagger plugin hands over of a route, and what it takes back. */
interface Given {
  schema?: FastifySchema;
  url: string;
  route: RouteOptions;
}
type ToJson = (given: never) => { schema?: FastifySchema; url: string };

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

/**
 * Makes the schema of a route into JSON by `toJson`, and adds what its code says of it: scopes,
 * codes of refusals, body, headers.
 */
export function describeRoute(toJson: ToJson) {
  return (given: Given) => {
    const { url, schema } = toJson(given as never);
    const { config, method } = given.route;
    if (schema?.hide === true || (schema === undefined && config?.scopes === undefined)) return { url, schema: schema ?? {} };
    const { sends, answerHeaders, ...rest } = schema ?? {};
    const scopes = config?.scopes;
    const granted = scopes === undefined ? undefined : SCOPES.filter((scope) => isGranted(scope, scopes, String(method)));
    const described = {
      ...rest,
      security: granted === undefined ? [] : Object.keys(SECURITY_SCHEMES).map((name) => ({ [name]: [] })),
      ...(granted === undefined ? {} : { 'x-scopes': granted }),
      ...(config?.roles === undefined ? {} : { 'x-roles': [...config.roles] }),
      'x-codes': codesOf(given),
      ...(answerHeaders === undefined ? {} : { 'x-headers': answerHeaders }),
      ...(sends === undefined ? {} : { body: { content: contentOf(sends, given, toJson) } }),
    };
    return { url, schema: described };
  };
}

function contentOf(sends: NonNullable<FastifySchema['sends']>, given: Given, toJson: ToJson) {
  const entries = Object.entries(sends).map(([type, body]) => {
    const { schema } = toJson({ ...given, schema: { body } } as never);
    return [type, { schema: schema?.body }];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** Every code that the route may refuse with: its own, and those of all routes of its kind. */
function codesOf({ schema, route }: Given): ErrorCode[] {
  const answers = Object.values((schema?.response ?? {}) as Record<string, { codes?: ErrorCode[] }>);
  const codes = new Set<ErrorCode>(answers.flatMap((answer) => answer.codes ?? []));
  codes.add('internal_error');
  if (route.config?.scopes === undefined) return sorted(codes);
  for (const code of ['malformed_request', 'unauthorized', 'forbidden', 'role_forbidden', 'too_many_requests', 'unavailable'] as const) {
    codes.add(code);
  }
  if (!isReading(String(route.method))) codes.add('csrf');
  if (hasCursor(schema?.querystring)) codes.add('invalid_cursor');
  if (schema?.body !== undefined || schema?.sends !== undefined) codes.add('payload_too_large').add('unsupported_media_type');
  if (isRetriable(String(route.method), route.config.scopes)) {
    codes.add('invalid_idempotency_key').add('idempotency_in_progress').add('idempotency_key_reused');
  }
  return sorted(codes);
}

const hasCursor = (query: unknown): boolean =>
  typeof query === 'object' && query !== null && 'shape' in query && Object.hasOwn(query.shape as object, 'cursor');

const sorted = (codes: ReadonlySet<ErrorCode>): ErrorCode[] => ERROR_CODES.filter((code) => codes.has(code));

/** Every POST with a key honours an Idempotency-Key. */
const isRetriable = (method: string, scopes: unknown): boolean => scopes !== undefined && method.toLowerCase() === 'post';

interface Completion {
  words: PropertyWords;
  pathExamples: Readonly<Record<string, string>>;
}

/**
 * The document with all that is said of every operation, and words for all that has none of its
 * own.
 */
export function completeDocument(document: OpenAPIV3_1.Document, { words, pathExamples }: Completion): OpenAPIV3_1.Document {
  const components = { ...document.components, ...COMPONENTS };
  for (const [name, schema] of Object.entries(components.schemas ?? {})) {
    if (name.endsWith('Input')) sayDefaults(schema);
    describeAll(schema, name.replace(/Input$/, ''), words);
  }
  const requests = new Map<string, string>();
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = item?.[method] as Operation | undefined;
      if (operation === undefined) continue;
      completeOperation(operation, method);
      describeAll(operation, operation.operationId ?? '', words);
      for (const parameter of (operation.parameters ?? []) as Parameter[]) giveExample(parameter, pathExamples);
      requests.set(operation.operationId ?? '', requestOf(method, path, operation));
    }
  }
  const description = document.info.description?.replace(/\{\{([\w.]+)\}\}/g, (_, id: string) => requests.get(id) ?? `(${id})`);
  return { ...document, info: { ...document.info, ...(description === undefined ? {} : { description }) }, components };
}

/** Examples of parameters stand beside their schemas. */
function giveExample(parameter: Parameter, pathExamples: Completion['pathExamples']): void {
  const schema = parameter.schema as Schema | undefined;
  const own: unknown = schema?.example;
  const example = own ?? (parameter.in === 'path' ? pathExamples[parameter.name] : undefined);
  if (example !== undefined) parameter.example = example;
  if (own !== undefined) delete schema!.example;
}

/** The first example of an operation as the text of a request. */
function requestOf(method: string, path: string, operation: Operation): string {
  const { parameters = [], requestBody, 'x-scopes': scopes } = operation;
  const named = new Map((parameters as Parameter[]).map(({ name, in: place, example }) => [`${place} ${name}`, example]));
  const url = path.replace(/\{(\w+)\}/g, (whole, name: string) => String(named.get(`path ${name}`) ?? whole));
  const query = [...named].filter(([name, example]) => name.startsWith('query ') && example !== undefined);
  const search = query.map(([name, example]) => `${name.slice('query '.length)}=${String(example)}`).join('&');
  const lines = [`${method.toUpperCase()} ${url}${search === '' ? '' : `?${search}`}`];
  if (scopes !== undefined) lines.push('Authorization: Bearer <key>');
  const [type, media] = Object.entries((requestBody as OpenAPIV3_1.RequestBodyObject | undefined)?.content ?? {})[0] ?? [];
  const example = exampleIn(media);
  if (example !== undefined) {
    if (type !== '*/*') lines.push(`Content-Type: ${type}`);
    lines.push('', typeof example === 'string' ? example.trimEnd() : JSON.stringify(example, null, 2));
  }
  return `\`\`\`http\n${lines.join('\n')}\n\`\`\``;
}

function exampleIn(media: OpenAPIV3_1.MediaTypeObject | undefined): unknown {
  const [named] = Object.values((media?.examples ?? {}) as Record<string, OpenAPIV3_1.ExampleObject>);
  return media?.example ?? named?.value;
}

function completeOperation(operation: Operation, method: string): void {
  const { 'x-scopes': scopes, 'x-roles': roles, 'x-codes': codes = [], 'x-headers': headers = {} } = operation;
  delete operation['x-codes'];
  delete operation['x-headers'];
  const needs = scopes === undefined ? 'Needs no key.' : `Needs a key of scope ${listed(scopes)}.`;
  const narrowed =
    roles?.length === 0 ? 'An admin’s key needs to be one without a role.' : `Of the roles of admins open to ${listed(roles ?? [])}.`;
  operation.description = [operation.description, needs, ...(roles === undefined ? [] : [narrowed])]
    .filter((text) => text !== undefined)
    .join('\n\n');
  const retriable = isRetriable(method, scopes);
  if (retriable) operation.parameters = [...(operation.parameters ?? []), { $ref: '#/components/parameters/IdempotencyKey' }];
  const answers = Object.entries((operation.responses ?? {}) as Record<string, Response>).filter(([, { content }]) => !isProblem(content));
  for (const [status, answer] of answers) completeAnswer(answer, status, { retriable, headers: headers[Number(status)] ?? {} });
  operation.responses = { ...Object.fromEntries(answers), ...refusals(codes) };
}

const listed = (names: readonly string[]): string => names.join(', ').replace(/, ([^,]+)$/, ' or $1');

const isProblem = (content: Response['content']): boolean => content?.['application/problem+json'] !== undefined;

const DONE: Readonly<Record<string, string>> = {
  200: 'Done.',
  201: 'Made.',
  202: 'Taken, and stored for good; it is done soon.',
  204: 'Done; there is nothing to tell.',
};

interface AnswerOptions {
  retriable: boolean;
  headers: Record<string, string>;
}

function completeAnswer(answer: Response, status: string, { retriable, headers }: AnswerOptions): void {
  if (answer.description === 'Default Response') answer.description = DONE[status] ?? STATUS_CODES[status] ?? status;
  const own = Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]);
  answer.headers = {
    'X-Request-Id': { $ref: '#/components/headers/RequestId' },
    ...(retriable ? { 'Idempotent-Replayed': { $ref: '#/components/headers/IdempotentReplayed' } } : {}),
    ...(Object.fromEntries(own) as Record<string, OpenAPIV3_1.HeaderObject>),
  };
}

/**
 * The refusals of an operation by their status: those with its usual codes alone are one component
 * for all operations.
 */
function refusals(codes: readonly ErrorCode[]): Record<string, Response | OpenAPIV3_1.ReferenceObject> {
  const statuses = [...new Set(codes.map(statusOf))].toSorted((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      refusal(
        status,
        codes.filter((code) => statusOf(code) === status),
      ),
    ]),
  );
}

/** Codes that most operations refuse with, and the name of the component for that. */
const USUAL: Readonly<Partial<Record<ErrorCode, string>>> = {
  malformed_request: 'MalformedRequest',
  unauthorized: 'Unauthorized',
  forbidden: 'Forbidden',
  not_found: 'NotFound',
  payload_too_large: 'PayloadTooLarge',
  unsupported_media_type: 'UnsupportedMediaType',
  too_many_requests: 'TooManyRequests',
  internal_error: 'InternalError',
  unavailable: 'Unavailable',
};

function refusal(status: number, codes: readonly ErrorCode[]): Response | OpenAPIV3_1.ReferenceObject {
  const usual = codes.length === 1 ? USUAL[codes[0]!] : undefined;
  return usual === undefined ? refusalOf(status, codes) : { $ref: `#/components/responses/${usual}` };
}

function refusalOf(status: number, codes: readonly ErrorCode[]): Response {
  const schema = {
    allOf: [
      { $ref: '#/components/schemas/Problem' },
      {
        type: 'object' as const,
        properties: {
          status: { const: status, description: 'The HTTP status once more.' },
          code: { type: 'string' as const, enum: [...codes], description: 'What a program should look at.' },
        },
      },
    ],
  };
  const examples = Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]));
  return {
    description: codes.map((code) => `\`${code}\`: ${MEANING_BY_CODE[code]}`).join('\n\n'),
    headers: headersOfRefusal(codes),
    content: { 'application/problem+json': { schema, examples } },
  };
}

const RETRIED_STATUSES = new Set([409, 429, 503]);

function headersOfRefusal(codes: readonly ErrorCode[]): Record<string, OpenAPIV3_1.ReferenceObject> {
  return {
    'X-Request-Id': { $ref: '#/components/headers/RequestId' },
    ...(codes.some((code) => RETRIED_STATUSES.has(statusOf(code))) ? { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } } : {}),
    ...(codes.includes('unauthorized') ? { 'WWW-Authenticate': { $ref: '#/components/headers/Authenticate' } } : {}),
  };
}

const COMPONENTS: OpenAPIV3_1.ComponentsObject = {
  parameters: {
    IdempotencyKey: {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description:
        'A key of your own making for this request, 1 to 255 visible ASCII characters, such as a UUID. A retry with the same key and the same ' +
        `body has no further effect and is answered as the first request was, for ${IDEMPOTENCY_DAYS} days. It holds for your API key alone.`,
      schema: { type: 'string', minLength: 1, maxLength: 257, pattern: '^[\\x21-\\x7e]+$' },
    },
  },
  headers: {
    RequestId: {
      description:
        'Names this request, in the log of the service too: your own `X-Request-Id` where it is 1 to 64 letters, digits, `-` or `_`.',
      schema: { type: 'string' },
    },
    IdempotentReplayed: {
      description: '`true` where this is the answer to the first request under this Idempotency-Key, given once more.',
      schema: { type: 'string', enum: ['true'] },
    },
    RetryAfter: {
      description: 'When to try again, in seconds; absent where trying again is of no use.',
      schema: { type: 'integer', minimum: 0 },
    },
    Authenticate: { description: 'How to authenticate; where a key was asked for.', schema: { type: 'string' } },
  },
  responses: Object.fromEntries(
    Object.entries(USUAL).map(([code, name]) => [name, refusalOf(statusOf(code as ErrorCode), [code as ErrorCode])]),
  ),
  examples: Object.fromEntries(ERROR_CODES.map((code) => [code, { summary: MEANING_BY_CODE[code], value: exampleOf(code) }])),
};

/**
 * In what is sent, a default is said in words: makers of clients read a `default` of a component as
 * a property that is always there, which it is in answers alone.
 */
function sayDefaults(schema: Schema): void {
  for (const property of Object.values(schema.properties ?? {}) as Schema[]) {
    if (property.default === undefined) continue;
    const words = `\`${JSON.stringify(property.default)}\` when left out.`;
    property.description = property.description === undefined ? words : `${property.description} ${words}`;
    delete property.default;
  }
}

/**
 * Gives every property and parameter below that says nothing of its own the words for its name, in
 * `owner` or everywhere.
 */
function describeAll(node: unknown, owner: string, words: PropertyWords): void {
  if (Array.isArray(node)) {
    for (const one of node) describeAll(one, owner, words);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const wordsOf = (name: string): string | undefined => words[`${owner}.${name}`] ?? words[name];
  const { properties, in: place, name } = node as { properties?: unknown; in?: unknown; name?: unknown };
  if (typeof place === 'string' && typeof name === 'string') addWords(node, wordsOf(name));
  if (typeof properties === 'object' && properties !== null) {
    for (const [property, schema] of Object.entries(properties)) addWords(schema as object, wordsOf(property));
  }
  for (const [key, child] of Object.entries(node)) if (key !== 'example' && key !== 'examples') describeAll(child, owner, words);
}

function addWords(target: { description?: string }, text: string | undefined): void {
  if (text !== undefined && target.description === undefined && !('$ref' in target)) target.description = text;
}
