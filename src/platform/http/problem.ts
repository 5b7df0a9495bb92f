// Every refusal as an RFC 9457 problem: the one form of errors on the wire, and the one translation
// of whatever was thrown into it.

import { STATUS_CODES } from 'node:http';

import { z } from 'zod';

import { DomainError, MEANING_BY_CODE, statusOf as statusOfCode, type ErrorCode, type Fault, type StatusOf } from '../../core/errors.ts';
import { isUnavailable } from '../postgres/database.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

const EXAMPLE_REQUEST_ID = '0b9ab6bc-6f3f-4c5f-a0a4-6d0ae3f4a1f5';

/** When to come back, in seconds, for the refusals that pass by themselves. */
const RETRY_AFTER_SECONDS = new Map<string, number>([
  ['unavailable', 5],
  ['idempotency_in_progress', 1],
  ['too_many_requests', 1],
]);

/** What the framework and Node refuse of themselves, in our codes. */
const CODE_BY_STATUS: Record<number, ErrorCode> = {
  400: 'malformed_request',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  414: 'malformed_request',
  415: 'unsupported_media_type',
  429: 'too_many_requests',
  431: 'header_too_large',
  503: 'unavailable',
};

/** A fault of a request, or of a line of a file. */
export const faultSchema = z.object({
  path: z.string().meta({ description: 'Where in the body, dotted: `lines.0.paid_amount`.' }),
  message: z.string().meta({ description: 'What is wrong there, for people.' }),
});

const problemSchema = z
  .object({
    type: z.string().meta({ description: 'A name of this kind of problem, as a URN.' }),
    title: z.string().meta({ description: 'The kind of problem in words.' }),
    status: z.int().meta({ description: 'The HTTP status once more.' }),
    detail: z.string().meta({ description: 'What is wrong with this very request.' }),
    code: z.string().meta({ description: 'Stable and snake_case: what a program should look at.' }),
    errors: z.array(faultSchema).optional().meta({ description: 'What is wrong where; of bad input.' }),
    request_id: z.string().optional().meta({ description: 'What to tell the operator when the fault is ours.' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });

type Problem = z.infer<typeof problemSchema>;

/**
 * An answer of a route that is a problem, as the document tells it; which codes it may have is
 * added to what is told of every route.
 */
interface ProblemAnswer {
  description: string;
  content: { 'application/problem+json': { schema: typeof problemSchema } };
  codes: readonly ErrorCode[];
}

/**
 * The `response` entries of a route for the refusals of its own: `{...problems('not_found',
 * 'unknown_merchant')}`.
 */
export function problems<Code extends ErrorCode>(...codes: Code[]) {
  const entries = codes.map((code): [number, ProblemAnswer] => {
    const status = statusOfCode(code);
    const content = { 'application/problem+json': { schema: problemSchema } };
    const description = STATUS_CODES[status] ?? 'Refused';
    return [status, { description, content, codes: codes.filter((one) => statusOfCode(one) === status) }];
  });
  return Object.fromEntries(entries) as Record<StatusOf<Code>, ProblemAnswer>;
}

/** A problem of this code as somebody may be answered it. */
export function exampleOf(code: ErrorCode): Problem {
  const errors =
    code === 'malformed_request' ? [{ path: 'lines.0.paid_amount', message: 'Invalid input: expected int, received string' }] : [];
  return problemOf(new DomainError(code, MEANING_BY_CODE[code], { errors }), EXAMPLE_REQUEST_ID);
}

/**
 * The problem of whatever was thrown. What is no refusal of ours or of the framework is our fault:
 * 500, and its message stays inside.
 */
export function problemOf(error: unknown, requestId: string): Problem {
  const refusal = refusalOf(error);
  const problem = problemOfRefusal(refusal);
  return refusal.code === 'internal_error' ? { ...problem, request_id: requestId } : problem;
}

export function problemOfRefusal({ code, status, message, errors }: DomainError): Problem {
  const problem = { type: `urn:fenyong:problem:${code}`, title: titleOf(code), status, detail: message, code };
  return errors.length === 0 ? problem : { ...problem, errors };
}

/**
 * The header fields that go with a problem: when to try again, and how to authenticate. `error` is
 * what was thrown.
 */
export function problemHeaders(code: string, error?: unknown): Record<string, string> {
  const known = error instanceof DomainError ? error.retryAfterSeconds : null;
  const seconds = known ?? RETRY_AFTER_SECONDS.get(code);
  if (seconds !== undefined) return { 'retry-after': String(seconds) };
  return code === 'unauthorized' ? { 'www-authenticate': 'Bearer realm="fenyong"' } : {};
}

function refusalOf(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (isUnavailable(error)) return new DomainError('unavailable', 'We cannot store anything right now. Try again.');
  const status = statusOf(error);
  if (status === 503) {
    return new DomainError(
      'unavailable',
      'This took too long, and whether it was done is not known. Try again, under the same Idempotency-Key.',
    );
  }
  if (error instanceof Error && status >= 400 && status < 500) {
    return new DomainError(CODE_BY_STATUS[status] ?? 'malformed_request', sentence(error.message), { cause: error });
  }
  return new DomainError('internal_error', 'Something went wrong on our side. The operator finds it in the log by this request_id.');
}

function statusOf(error: unknown): number {
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : 500;
}

function titleOf(code: string): string {
  return sentence(code.replaceAll('_', ' ')).slice(0, -1);
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${words.endsWith('.') ? '' : '.'}`;
}

/**
 * The faults of a value that does not fit its schema, each with the dotted path of its place:
 * `lines.0.paid_amount`.
 */
export function faultsOf(error: z.core.$ZodError): Fault[] {
  return faultsAt([], error.issues);
}

function faultsAt(above: readonly string[], issues: readonly z.core.$ZodIssue[]): Fault[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...issue.path.map(String)];
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'Unknown key' }));
    const meant = issue.code === 'invalid_union' ? formMeant(issue) : undefined;
    return meant === undefined ? [{ path: path.join('.'), message: issue.message }] : faultsAt(path, meant);
  });
}

/** What is wrong with the one form, of several that a value may have, which is of its type. */
function formMeant({ errors }: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] | undefined {
  const forms = errors.filter((issues) => issues.every(({ code, path }) => code !== 'invalid_type' || path.length > 0));
  return forms.length === 1 ? forms[0] : undefined;
}

const PART_NAMES: Record<string, string> = { querystring: 'query', params: 'path', headers: 'header' };

/**
 * A part of a request with the schema that its route declares for it: of zod, though the framework
 * does not know.
 */
interface CheckedPart {
  schema: unknown;
  httpPart?: string | undefined;
}

/** Checks every part of a request, and refuses it by the first fault. */
export function checkParts({ schema, httpPart = 'request' }: CheckedPart) {
  return (data: unknown) => {
    const result = (schema as z.ZodType).safeParse(data);
    if (result.success) return { value: result.data };
    const errors = faultsOf(result.error);
    const first = errors[0]!;
    const place = first.path === '' ? 'as a whole' : `at ${first.path}`;
    const detail = `The ${PART_NAMES[httpPart] ?? httpPart} is wrong ${place}: ${first.message}.`;
    return { error: new DomainError('malformed_request', detail, { errors }) };
  };
}

/**
 * Checks every part but the body, for routes that read theirs themselves: a well-formed rule that
 * may not be published is 422 and not 400.
 */
export function checkAllButBody(part: CheckedPart): ReturnType<typeof checkParts> {
  return part.httpPart === 'body' ? (data) => ({ value: data }) : checkParts(part);
}
