// What is exported is wanted elsewhere: a name that only its own file uses is no one else's to
// know, and a function that only tests call is no part of the program.

import { posix } from 'node:path';

import { expect, test } from 'vitest';

import { at, codeBelow, example, expectLaw, isNode, nameOf, nodesOf, type CodeFile, type Law, type Node } from './files.ts';

/** Made by a generator, which exports every name it makes. */
const GENERATED = new Set(['src/platform/postgres/tables.ts', 'client/api.ts']);
/** The tool that runs the tests calls it by its name. */
const CALLED_BY_VITEST = 'test/global-setup.ts setup';

const src = codeBelow('src');
const tests = codeBelow('test');
const client = codeBelow('client');

/** One export as `path name`, with the node that declares it. */
interface Export {
  key: string;
  name: string;
  node: Node;
}

function listOf(value: unknown): Node[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** The names that a pattern binds: one for `a`, two for `{ a, b: c }` and for `[a, b]`. */
function boundBy(pattern: unknown): string[] {
  if (!isNode(pattern)) return [];
  if (pattern.type === 'Identifier') return [nameOf(pattern)!];
  return [...listOf(pattern['properties']).map((property) => property['value']), ...listOf(pattern['elements'])].flatMap(boundBy);
}

function exportsOf({ path, tree }: CodeFile): Export[] {
  const found = listOf(tree['body'])
    .filter(({ type }) => type === 'ExportNamedDeclaration')
    .flatMap((node) => {
      const declared = isNode(node['declaration']) ? node['declaration'] : null;
      const names = [declared?.['id'], ...listOf(declared?.['declarations']).map((one) => one['id'])].flatMap(boundBy);
      return [...names, ...listOf(node['specifiers']).map((one) => nameOf(one['exported'])!)].map((name) => ({ name, node }));
    });
  return found.map(({ name, node }) => ({ key: `${path} ${name}`, name, node }));
}

/** What a file takes from the others, each as `path name`; of `import(…)` what it takes apart. */
function takenBy({ path, text, tree }: CodeFile): string[] {
  const from = (source: unknown, names: readonly string[]) => {
    const specifier = nameOf(source) ?? '';
    const target = posix.join(posix.dirname(path), specifier);
    return specifier.startsWith('.') ? names.map((name) => `${target} ${name}`) : [];
  };
  const atOnce = listOf(tree['body'])
    .filter(({ type }) => type === 'ImportDeclaration')
    .flatMap((node) =>
      from(
        node['source'],
        listOf(node['specifiers']).flatMap((one) => nameOf(one['imported']) ?? []),
      ),
    );
  if (!text.includes('import(')) return atOnce;
  const later = [...nodesOf(tree)].flatMap(({ node, parents }) => {
    if (node.type === 'TSImportType') return from(node['source'], boundBy(node['qualifier']));
    const keys = listOf((parents.at(-2)?.['id'] as Node | undefined)?.['properties']).flatMap((one) => nameOf(one['key']) ?? []);
    const member = parents.slice(-3).find(({ type }) => type === 'MemberExpression')?.['property'];
    return node.type === 'ImportExpression' ? from(node['source'], [...keys, nameOf(member) ?? []].flat()) : [];
  });
  return [...atOnce, ...later];
}

const takenByProgram = new Set([...src, ...client].flatMap(takenBy));
const taken = new Set([...takenByProgram, ...tests.flatMap(takenBy), CALLED_BY_VITEST]);

const isWantedElsewhere: Law<CodeFile> = (file) =>
  exportsOf(file)
    .filter(({ key }) => !taken.has(key))
    .map(({ name, node }) => `${at(file, node)} exports ${name}, which no other file imports`);

test('what is exported is imported by another file', () => {
  const files = [...src, ...tests].filter(({ path }) => !GENERATED.has(path));
  expectLaw(isWantedElsewhere, files, [
    example('src/app.ts', 'export const nobody = 1;'),
    example('src/app.ts', 'export const { nobody } = { nobody: 1 };'),
    example('src/app.ts', 'export async function nobody() {}'),
    example('src/app.ts', 'export class Nobody {}'),
    example('src/app.ts', 'export interface Nobody { a: 1 }'),
    example('src/app.ts', 'export type Nobody = 1;'),
    example('src/app.ts', 'const nobody = 1; export { nobody };'),
  ]);
});

test('what is imported is seen, be it at once, as a type in passing, or while the program runs', () => {
  const atOnce = `import { a, type B, c as d } from './x.ts'; type E = import('./x.ts').E;`;
  const file = `${atOnce} const { f } = await import('./x.ts'); (await import('./x.ts')).g;`;
  expect(takenBy(example('src/app.ts', file))).toEqual(['a', 'B', 'c', 'E', 'f', 'g'].map((name) => `src/x.ts ${name}`));
});

/** How often a name stands in a file: once where it is declared, more where it is used. */
function timesNamed(file: CodeFile, name: string): number {
  return [...nodesOf(file.tree)].filter(({ node }) => node.type === 'Identifier' && nameOf(node) === name).length;
}

const isUsedByProgram: Law<CodeFile> = (file) =>
  exportsOf(file)
    .filter(({ key, name }) => !takenByProgram.has(key) && timesNamed(file, name) < 2)
    .map(({ name, node }) => `${at(file, node)} exports ${name}, which only tests use`);

test('what only tests use is no part of the program', () => {
  const files = src.filter(({ path }) => !GENERATED.has(path));
  expectLaw(isUsedByProgram, files, [
    example('src/app.ts', 'export function forTests() {}'),
    example('src/app.ts', 'export interface ForTests { a: 1 }'),
  ]);
  expect(isUsedByProgram(example('src/app.ts', 'export function part() {} export const unused = part();'))).toHaveLength(1);
});
