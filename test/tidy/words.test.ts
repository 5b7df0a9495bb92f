// The words: what names are made of, what code never says, and nothing of the machine it was
// written on.

import { basename } from 'node:path';

import { expect, test } from 'vitest';

import { at, codeBelow, example, expectLaw, isMember, nameOf, nodesOf, pathsBelow, textOf } from './files.ts';
import type { CodeFile, Law, TextFile, Visit } from './files.ts';

/** The one file that must spell what it forbids. */
const ITSELF = 'test/tidy/words.test.ts';
/** Names that say nothing, so that everything ends up behind them. */
const EMPTY_NAMES = /^(index|utils?|helpers?|common|shared|lib|misc|managers?|services?)$/;
const FILE_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/;
const TEXT = /(^|\/)([^.]+|\.[^./]+)$|\.(ts|mjs|js|json|sql|md|ya?ml|html|css|csv|sh|example)$/;

const src = codeBelow('src');
const code = [...src, ...codeBelow('test'), ...codeBelow('client')];
const texts = pathsBelow('')
  .filter((path) => TEXT.test(path) && path !== ITSELF)
  .map((path) => ({ path, text: textOf(path) }));

const hasTellingName: Law<TextFile> = ({ path }) => {
  const empty = path.split(/[/.-]/).filter((word) => EMPTY_NAMES.test(word));
  const strange = path.split('/').filter((part) => !FILE_NAME.test(part));
  return [...empty, ...strange].map((word) => `${path} is named ${word}`);
};

test('files and folders are named after what they hold, in lower case', () => {
  const badly = ['src/index.ts', 'src/utils/dates.ts', 'src/orders/order-helper.ts', 'src/orders/OrderStore.ts', 'test/common.ts'];
  expectLaw(
    hasTellingName,
    code,
    badly.map((path) => ({ ...example('src/app.ts', ''), path })),
  );
});

/** A law against a kind of place in the syntax. */
function never(reason: string, isWrong: (visit: Visit, file: CodeFile) => boolean): Law<CodeFile> {
  return (file) => [...nodesOf(file.tree)].filter((visit) => isWrong(visit, file)).map(({ node }) => `${at(file, node)} ${reason}`);
}

/** A law against a kind of text, in code and in comments. */
function neverSays(words: RegExp): Law<TextFile> {
  return (file) => [...file.text.matchAll(words)].map((match) => `${at(file, match.index)} says ${match[0]}`);
}

test('everything is exported by its name', () => {
  expectLaw(
    never('has no name', ({ node }) => node.type === 'ExportDefaultDeclaration' || nameOf(node['exported']) === 'default'),
    code,
    [example('src/app.ts', 'export default 1;'), example('src/app.ts', 'const app = 1; export { app as default };')],
  );
});

/** The names by which a file knows what is of others. */
function borrowedBy({ tree }: CodeFile): Set<string | undefined> {
  return new Set([...nodesOf(tree)].flatMap(({ node }) => (/^Import.*Specifier$/.test(node.type) ? nameOf(node['local']) : [])));
}

test('what is exported is exported by the file that owns it', () => {
  const exportsAgain = never('exports what another file owns', ({ node }, file) => {
    if (node.type === 'ExportAllDeclaration') return true;
    if (node.type === 'ExportNamedDeclaration') return node['source'] != null;
    return node.type === 'ExportSpecifier' && borrowedBy(file).has(nameOf(node['local']));
  });
  expectLaw(exportsAgain, code, [
    example('src/app.ts', `export * from './orders/store.ts';`),
    example('src/app.ts', `export { save } from './orders/store.ts';`),
    example('src/app.ts', `import { save } from './orders/store.ts'; export { save };`),
  ]);
});

test('nothing is of any type', () => {
  expectLaw(
    never('is of any type', ({ node }) => node.type === 'TSAnyKeyword'),
    code,
    [example('src/app.ts', 'const app: any = 1;'), example('src/app.ts', 'export function f(x: Record<string, any>) {}')],
  );
});

test('nothing is printed past the log', () => {
  expectLaw(
    never('prints past the log', ({ node }) => node.type === 'MemberExpression' && nameOf(node['object']) === 'console'),
    code,
    [example('src/app.ts', `console.log('here');`), example('src/app.ts', `console['error']('here');`)],
  );
});

test('no test shuts out the others', () => {
  expectLaw(
    never('shuts out other tests', ({ node }) => node.type === 'MemberExpression' && nameOf(node['property']) === 'only'),
    code,
    [example('test/app.test.ts', `test.only('one', () => {});`), example('test/app.test.ts', `describe.only.each([1])('one', () => {});`)],
  );
});

test('the environment is read in one place, which main.ts hands it to', () => {
  const READERS = new Set<string | undefined>(['readConfig', 'givenDataDir']);
  const readsEnvironment = never('reads the environment', ({ node, parents }, { path }) => {
    if (path === 'src/platform/process/config.ts') return false;
    if (node.type === 'ImportSpecifier') return nameOf(node['imported']) === 'env' && nameOf(parents.at(-1)?.['source']) === 'node:process';
    if (!isMember(node, 'process', 'env')) return false;
    return path !== 'src/main.ts' || !READERS.has(nameOf(parents.at(-1)?.['callee']));
  });
  expectLaw(readsEnvironment, src, [
    example('src/app.ts', 'const port = process.env.PORT;'),
    example('src/app.ts', `const { PORT } = process['env'];`),
    example('src/app.ts', `import { env } from 'node:process';`),
    example('src/main.ts', 'const port = process.env.PORT;'),
    example('src/app.ts', 'const config = readConfig(process.env);'),
  ]);
  expect(readsEnvironment(example('src/main.ts', 'const config = readConfig(process.env);'))).toEqual([]);
});

test('what is not done is not left as a note', () => {
  expectLaw(
    neverSays(/\b(TODO|FIXME)\b/g),
    texts.filter(({ path }) => path !== 'package-lock.json'),
    [example('src/app.ts', '// TODO: later'), example('src/app.ts', '// FIXME later')],
  );
});

test('no checker is told to look away', () => {
  expectLaw(
    neverSays(/@ts-(ignore|nocheck|expect-error)|(eslint|oxlint|prettier|oxfmt)-(disable|ignore)/g),
    code.filter(({ path }) => path !== ITSELF),
    [example('src/app.ts', '// @ts-ignore'), example('src/app.ts', '// oxlint-disable-next-line no-console')],
  );
});

const papers = new Set(texts.map(({ path }) => basename(path)));

/** Whoever reads of a paper must be able to open it. */
const namesOwnPapers: Law<TextFile> = (file) =>
  [...file.text.matchAll(/[\w./-]*\w\.md\b/g)]
    .filter((match) => !papers.has(basename(match[0])))
    .map((match) => `${at(file, match.index)} names ${match[0]}, which is not here`);

test('nothing speaks of the machine or the papers it was written with', () => {
  expectLaw(neverSays(/(?<![\w.-])\/(work|root)\/|\.\.\/shared\b/g), texts, [
    { path: '.ci/run', text: `cd ${['', 'root', 'x'].join('/')}` },
    { path: 'src/app.ts', text: `// See ${['..', 'shared', 'x'].join('/')}.` },
  ]);
  expectLaw(namesOwnPapers, texts, [{ path: 'src/app.ts', text: '// As no-such-paper.md says.' }]);
});

const asksPublicRegistry: Law<TextFile> = ({ path, text }) =>
  [...text.matchAll(/"resolved": "(?!https:\/\/registry\.npmjs\.org\/)([^"]*)"|^\s*@?[\w/:-]*registry\s*=\s*(.*)$/gm)].map(
    (match) => `${path} asks ${match[1] ?? match[2]}`,
  );

test('packages come from wherever whoever installs them says', () => {
  const files = ['package-lock.json', '.npmrc'].map((path) => ({ path, text: textOf(path) }));
  expectLaw(asksPublicRegistry, files, [
    { path: 'package-lock.json', text: '"resolved": "http://mirror.example.com/zod.tgz"' },
    { path: '.npmrc', text: 'loglevel=error\nregistry=http://mirror.example.com/' },
    { path: '.npmrc', text: '@scope:registry=http://mirror.example.com/' },
  ]);
});
