// A test stands where what it tests stands, and has its name.

import { expect, test } from 'vitest';

import { example, expectLaw, pathsBelow, type Law, type TextFile } from './files.ts';

/** The tests of more than one file, each with what it is that they test. */
const OF_THE_WHOLE: Readonly<Record<string, string>> = {
  'test/openapi.test.ts': 'the published document against all routes',
  'test/openapi.examples.test.ts': 'the examples of the published document, sent to the running service',
  'test/late-evidence.test.ts': 'evidence that comes after the order, from every route to the award',
  'test/console/words.test.ts': 'the words of the desk in both languages, against the pages that say them',
  'test/demo/demo.test.ts': 'the demo, run as its user runs it',
  'test/readme.test.ts': 'the commands of the README against what they print',
  'test/guards/alarms.test.ts': 'every alarm against its sign',
  'test/guards/arithmetic.test.ts': 'what the guards add up in SQL against what the core reckons',
  'test/guards/clean.test.ts': 'all guards against books that are in order',
  'test/guards/laws.test.ts': 'every law against a violation that was planted for it',
  'test/inbox/bounds.test.ts': 'how large an order may be and how times are read, from request to row',
  'test/backtest/backtest.test.ts': 'the ranking of products against held-out time of generated markets',
  'test/commission/partitions.test.ts': 'the statements of the hot paths in books of three years',
  'test/commission/plans.test.ts': 'the statements of the hot paths against a large database',
  'test/commission/award/award.lines.test.ts': 'the award of lines that speak for themselves',
  'test/history/growth.long.test.ts': 'large tables of earlier versions, brought into months',
  'test/history/upgrade.long.test.ts': 'data of earlier versions, brought up to date',
  'test/inbox/door.test.ts': 'the one door, from request to row',
  'test/payouts/journey.test.ts': 'a month of a small market, from the clicks to the books at its end',
  'test/pull/pulling.test.ts': 'every order system that is pulled, against its double',
  'test/pull/unions.test.ts': 'what the unions say of parts of orders, from their lists to the commission',
  'test/verify/verify.test.ts': 'the verifier itself: its seeds, its reckoning, its mutants',
  'test/verify/hostile/plan.test.ts': 'the generator of the hostile market and its reckoning',
  'test/payouts/hostile.test.ts': 'the routes of money out against names, numbers and files that mean ill',
  'test/promotion/outage.long.test.ts': 'the way of a click while the database is away',
  'test/security/corpora.test.ts': 'all routes against texts that have broken other servers',
  'test/security/floods.test.ts': 'the door while somebody sends without end',
  'test/security/hostile.test.ts': 'all routes against what no column, time or number can hold',
  'test/security/keys.test.ts': 'all routes against every key that must not open them',
  'test/security/log.test.ts': 'a lively market against its own log',
  'test/security/standing.test.ts': 'all bodies, lists and headers against the further risks of the OWASP list',
  'test/statistics/recount.test.ts': 'the statistics against a recount from the facts, over random histories',
  'test/sources/contract.test.ts': 'all adapters against what every adapter promises',
  'test/sources/vectors.test.ts': 'the adapters against signatures that were computed by others',
};
/** How the project itself is kept. */
const OF_THE_PROJECT = /^test\/tidy\//;

const sources = new Set([...pathsBelow('src'), ...pathsBelow('client')]);
const tests = pathsBelow('test')
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => ({ path, text: '' }));

/**
 * `test/core/split.laws.test.ts` is, with `test/core/split.test.ts`, of `src/core/split.ts`, and
 * `test/client/api.test.ts` of `client/api.ts`; what takes long says so last.
 */
const mirrorsSource: Law<TextFile> = ({ path }) => {
  if (OF_THE_WHOLE[path] !== undefined || OF_THE_PROJECT.test(path)) return [];
  const source = path
    .replace(/^test\/(?!client\/)/, 'src/')
    .replace(/^test\//, '')
    .replace(/(\.[^./]+)?(\.long)?\.test\.ts$/, '');
  return sources.has(`${source}.ts`) || sources.has(`${source}.mjs`) ? [] : [`${path} tests no file of src or client`];
};

test('every test mirrors a source file, or is named as a test of the whole', () => {
  expectLaw(mirrorsSource, tests, [
    example('test/core/no-such-file.test.ts', ''),
    example('test/no-such-file.laws.test.ts', ''),
    example('test/client/no-such-file.test.ts', ''),
  ]);
});

test('the named tests of the whole are there', () => {
  const paths = new Set(tests.map(({ path }) => path));
  expect(Object.keys(OF_THE_WHOLE).filter((path) => !paths.has(path))).toEqual([]);
});
