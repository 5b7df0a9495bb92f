// A gateway of an affiliate union: it checks the signature of every form, lists rows by their
// update time, and fails as it is told to.
import { createHash } from 'node:crypto';

import type { Double, Failure } from '../subject.ts';
import { other, plainRow, serve, type PlainRow } from './server.ts';

export type Parameters = Readonly<Record<string, string>>;

interface Speech {
  path: string;
  secret: string;
  /**
   * Whether this asks for the list of orders; other questions fail on demand too, and are not
   * counted.
   */
  isList: (parameters: Parameters) => boolean;
  /** The rows are in the order of their update times. */
  answer: (parameters: Parameters, rows: readonly PlainRow[]) => unknown;
  failures: Readonly<Record<Exclude<Failure, 'temporary'>, unknown>>;
  wrongSignature: unknown;
}

export function unionDouble({ path, secret, isList, answer, failures, wrongSignature }: Speech): Promise<Double> {
  return serve<PlainRow>({
    answer({ url, body }, rows) {
      if (url.pathname !== path) return other(null, 404);
      const parameters: Parameters = Object.fromEntries(new URLSearchParams(body.toString()));
      if (parameters['sign'] !== signOf(parameters, secret)) return other(wrongSignature);
      const ordered = rows.toSorted((a, b) => a.at.getTime() - b.at.getTime());
      return { answered: { status: 200, body: answer(parameters, ordered) }, isPage: isList(parameters), mayFail: true };
    },
    fail: (kind) => (kind === 'temporary' ? { status: 502, body: 'bad gateway' } : { status: 200, body: failures[kind] }),
    row: plainRow,
  });
}

function signOf(parameters: Parameters, secret: string): string {
  const text = Object.entries(parameters)
    .filter(([name]) => name !== 'sign')
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flat()
    .join('');
  return createHash('md5')
    .update(secret + text + secret)
    .digest('hex')
    .toUpperCase();
}

/** The moment that a clock in China shows as this text. */
export function ofChina(text: string): Date {
  return new Date(`${text.replace(' ', 'T')}+08:00`);
}

/** What a clock in China shows. */
export function inChina(at: Date): string {
  return new Date(at.getTime() + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
}
