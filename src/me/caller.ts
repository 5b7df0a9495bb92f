// The public API, asked in the name of whoever opened a page: a page shows what its visitor's key
// or session may read, and nothing else.

import type { FastifyRequest } from 'fastify';

import type { paths } from '../../client/api.ts';
import { DomainError, ERROR_CODES } from '../core/errors.ts';
import { parseJson } from '../platform/http/json.ts';

type AnswerTo<Path extends keyof paths> = paths[Path] extends {
  get: { responses: { 200: { content: { 'application/json': infer Body } } } };
}
  ? Body
  : never;

interface Question {
  /** What stands in the braces of the path. */
  path?: Readonly<Record<string, string>>;
  /** Undefined ones are left out. */
  query?: Readonly<Record<string, string | number | undefined>>;
}

/**
 * Reads one address of the API. Throws the `DomainError` that it is refused with. Integers beyond
 * 2^53 come as texts.
 */
export type Ask = <Path extends keyof paths>(path: Path, question?: Question) => Promise<AnswerTo<Path>>;

/** Asks as the visitor would: with what was sent to open the page, from the visitor's address. */
export function askAs({ server, headers, ip }: Pick<FastifyRequest, 'server' | 'headers' | 'ip'>): Ask {
  const { cookie, authorization } = headers;
  const shown = { ...(cookie !== undefined && { cookie }), ...(authorization !== undefined && { authorization }) };
  return async <Path extends keyof paths>(path: Path, { path: named = {}, query = {} }: Question = {}) => {
    const place = path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => encodeURIComponent(named[name] ?? ''));
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
    const answer = await server.inject({ method: 'GET', url: `${place}?${search.toString()}`, headers: shown, remoteAddress: ip });
    const body = parseJson(answer.rawPayload);
    if (answer.statusCode !== 200) throw refusalOf(body);
    return body as AnswerTo<Path>;
  };
}

function refusalOf(problem: unknown): DomainError {
  const { code, detail } = problem as { code: string; detail: string };
  const known = ERROR_CODES.find((one) => one === code);
  if (known === undefined) throw new Error(`a page was refused with ${code}: ${detail}`);
  return new DomainError(known, detail);
}
