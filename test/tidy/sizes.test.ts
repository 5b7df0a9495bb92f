// What a reader can hold: short files, short functions, short lines, and a first sentence that says
// what a file is for.

import { expect, test } from 'vitest';

import { at, codeBelow, example, expectLaw, isNode, lineOf, nameOf, nodesOf, pathsBelow, textOf } from './files.ts';
import type { CodeFile, Law, Node, TextFile } from './files.ts';

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
/** What sets a stage for tests is told in one go. */
const STAGE_LINES_MAX = 120;
const LINE_LENGTH_MAX = 150;
/** Prose is read from edge to edge, code is not. */
const COMMENT_LENGTH_MAX = 100;
/** Made from the migrated database and from the document of the API, and read by nobody. */
const GENERATED = new Set(['src/platform/postgres/tables.ts', 'client/api.ts']);

const code = [...codeBelow('src'), ...codeBelow('test'), ...codeBelow('client')].filter(({ path }) => !GENERATED.has(path));
const migrations: TextFile[] = pathsBelow('migrations').map((path) => ({ path, text: textOf(path) }));

/**
 * A dictionary is as long as what it has words for, and is read by looking up; its sentences stand
 * in one piece.
 */
const DICTIONARY = /^src\/(guards\/words-\w+|console\/words\/\w+\/\w+)\.ts$/;

const isShort: Law<TextFile> = ({ path, text }) => {
  if (DICTIONARY.test(path)) return [];
  const count = text.trimEnd().split('\n').length;
  return count > FILE_LINES_MAX ? [`${path} has ${count} lines`] : [];
};

test(`a file has at most ${FILE_LINES_MAX} lines`, () => {
  expectLaw(isShort, [...code, ...migrations], [{ path: 'src/app.ts', text: 'line\n'.repeat(FILE_LINES_MAX + 1) }]);
});

const hasShortLines: Law<TextFile> = ({ path, text }) => {
  if (DICTIONARY.test(path)) return [];
  const lines = text.split('\n');
  return lines.flatMap((line, index) => (line.length > LINE_LENGTH_MAX ? [`${path}:${index + 1} is ${line.length} characters long`] : []));
};

test(`a line has at most ${LINE_LENGTH_MAX} characters`, () => {
  expectLaw(hasShortLines, [...code, ...migrations], [{ path: 'src/app.ts', text: '-'.repeat(LINE_LENGTH_MAX + 1) }]);
});

/** Comments that begin their line. Those of SQL stay as they were released. */
const COMMENTS = /^[ \t]*(\/\*[\s\S]*?\*\/|\/\/.*$)/gm;

const hasShortComments: Law<TextFile> = ({ path, text }) =>
  [...text.matchAll(COMMENTS)].flatMap((comment) => {
    const first = lineOf(text, comment.index);
    return comment[0].split('\n').flatMap((line, index) => {
      // An address cannot be broken.
      const isOneWord = !line
        .trim()
        .replace(/^(\/\/|\*) /, '')
        .includes(' ');
      return line.length > COMMENT_LENGTH_MAX && !isOneWord ? [`${path}:${first + index} is a comment of ${line.length} characters`] : [];
    });
  });

test(`a line of a comment has at most ${COMMENT_LENGTH_MAX} characters`, () => {
  const long = 'word '.repeat(COMMENT_LENGTH_MAX / 5);
  const files = ['src', 'test', 'client']
    .flatMap(pathsBelow)
    .filter((path) => /\.(ts|mjs|js|css)$/.test(path) && !GENERATED.has(path))
    .map((path) => ({ path, text: textOf(path) }));
  expectLaw(hasShortComments, files, [
    { path: 'src/app.ts', text: `// ${long}` },
    { path: 'src/app.ts', text: `const app = 1;\n  /** ${long} */` },
    { path: 'src/app.ts', text: `/**\n * Short.\n * ${long}\n */` },
    { path: 'src/console/page.css', text: `/* ${long} */` },
  ]);
});

/** With what a chain of calls begins: `describe` of `describe.each([…])('…', …)`. */
function beginningOf(callee: unknown): string | undefined {
  return isNode(callee) ? (nameOf(callee) ?? beginningOf(callee['object'] ?? callee['callee'])) : undefined;
}

/** What groups tests is a heading, not a function. */
function isHeading(call: Node | undefined): boolean {
  return beginningOf(call?.['callee']) === 'describe';
}

const hasShortFunctions: Law<CodeFile> = (file) =>
  [...nodesOf(file.tree)].flatMap(({ node, parents }) => {
    if (!/^(Arrow)?Function(Declaration|Expression)$/.test(node.type)) return [];
    const count = lineOf(file.text, node.end) - lineOf(file.text, node.start) + 1;
    const most = file.path.startsWith('test/') && !file.path.endsWith('.test.ts') ? STAGE_LINES_MAX : FUNCTION_LINES_MAX;
    return count > most && !isHeading(parents.at(-1)) ? [`${at(file, node)} is a function of ${count} lines`] : [];
  });

test(`a function has at most ${FUNCTION_LINES_MAX} lines, whatever stands inside it included`, () => {
  const long = `{${'\n'.repeat(FUNCTION_LINES_MAX)}}`;
  expectLaw(hasShortFunctions, code, [
    example('src/app.ts', `function long() ${long}`),
    example('src/app.ts', `const long = async () => ${long}`),
    example('src/app.ts', `const app = { async long() ${long} }`),
    example('test/app.test.ts', `describe('a heading', () => { test('a long test', () => ${long}); });`),
  ]);
});

test('a heading over many tests is not a long function', () => {
  const long = `() => {${'\n'.repeat(FUNCTION_LINES_MAX)}}`;
  for (const heading of ['describe', 'describe.each([1])', 'describe.skipIf(true)']) {
    expect(hasShortFunctions(example('test/app.test.ts', `${heading}('of tests', ${long})`))).toEqual([]);
  }
});

const opensWithComment: Law<TextFile> = ({ path, text }) => {
  const first = text.replace(/^#!.*\n/, '');
  // What a test file is for is said by its name, and by the laws that its tests are named as.
  if (path.endsWith('.test.ts')) return [];
  const begins = path.endsWith('.sql') ? /^--\s*\S/ : /^(\/\/\s*\S|\/\*)/;
  return begins.test(first) ? [] : [`${path}:1 does not say what the file is for`];
};

test('every file opens by saying what it is for', () => {
  expectLaw(
    opensWithComment,
    [...code, ...migrations],
    [
      { path: 'src/app.ts', text: `import { z } from 'zod';` },
      { path: 'src/app.ts', text: `\n// Late.` },
      { path: 'migrations/0001-x.sql', text: 'create table x (y int);' },
    ],
  );
});
