// What the laws of style speak of: the files of this project, their syntax, and what they import.

import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'vitest';
import { parseAst } from 'vitest/node';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CODE = /\.(ts|mjs)$/;
/** What is not kept in the repository. */
const NOT_OURS = new Set(['.git', 'node_modules', '.data', 'coverage', '.env', 'dist']);

/** One file of text; `path` is its place in the project, with slashes. */
export interface TextFile {
  path: string;
  text: string;
}

/** A node of the syntax tree, as far as the laws look at it. */
export interface Node {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
}

export interface CodeFile extends TextFile {
  tree: Node;
}

interface Import {
  specifier: string;
  /** The file of this project that is meant; null for a package or one of Node's own modules. */
  target: string | null;
  /** Nothing of it is left when the program runs. */
  typeOnly: boolean;
  line: number;
}

/** What one file does against a law, each as `path:line what`. */
export type Law<File extends TextFile> = (file: File) => string[];

/** The text of a file that must be there. */
export function textOf(path: string): string {
  return readFileSync(posix.join(ROOT, path), 'utf8');
}

/** The paths of all files below a folder of the project ('' is all of it), sorted. */
export function pathsBelow(folder: string): string[] {
  return readdirSync(posix.join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => !NOT_OURS.has(entry.name))
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) return pathsBelow(path);
      return entry.isFile() ? [path] : [];
    })
    .toSorted();
}

/** A file that exists only to break a law. */
export function example(path: string, text: string): CodeFile {
  return { path, text, tree: parseAst(text, { lang: 'ts' }, path) as unknown as Node };
}

/** The program, its tests, and the client that others take with them. */
export function codeBelow(folder: 'src' | 'test' | 'client'): CodeFile[] {
  return pathsBelow(folder)
    .filter((path) => CODE.test(path))
    .map((path) => example(path, textOf(path)));
}

/**
 * Holds the files to a law, after the law has shown on each counterexample that it can be broken: a
 * law that sees nothing would hold for ever.
 */
export function expectLaw<File extends TextFile>(law: Law<File>, files: File[], counterexamples: File[]): void {
  for (const counterexample of counterexamples) {
    expect(law(counterexample), `the law does not see what is wrong with\n${counterexample.text}`).not.toEqual([]);
  }
  expect(files.length).toBeGreaterThan(0);
  expect(files.flatMap(law).join('\n')).toBe('');
}

/** `path:line`, for the place of a node or of a character. */
export function at(file: TextFile, place: Node | number): string {
  const offset = typeof place === 'number' ? place : place.start;
  return `${file.path}:${lineOf(file.text, offset)}`;
}

/** On which line, counted from 1, a character stands. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** A node with what it stands in, the nearest last, and as which field of it. */
export interface Visit {
  node: Node;
  parents: readonly Node[];
  field: string;
}

/** Every node of a tree, from the outside in and in the order of the text. */
export function* nodesOf(root: Node): Generator<Visit> {
  const left: Visit[] = [{ node: root, parents: [], field: '' }];
  for (let visit = left.pop(); visit !== undefined; visit = left.pop()) {
    yield visit;
    left.push(...insideOf(visit).toReversed());
  }
}

function insideOf({ node, parents }: Visit): Visit[] {
  const inside: Visit[] = [];
  const around = [...parents, node];
  for (const [field, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) inside.push({ node: child, parents: around, field });
    }
  }
  return inside;
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

/** The name that an identifier or a text has; undefined for whatever else. */
export function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Identifier') return String(node['name']);
  return node.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : undefined;
}

/** Whether a node is `object.property`, however it is written. */
export function isMember(node: unknown, object: string, property: string): boolean {
  return isNode(node) && node.type === 'MemberExpression' && nameOf(node['object']) === object && nameOf(node['property']) === property;
}

/** Whatever a file imports or exports again, be it as a type only or while it runs. */
export function importsOf(file: CodeFile): Import[] {
  return [...nodesOf(file.tree)].flatMap(({ node }) => {
    if (!/^(Import(Declaration|Expression)|TSImportType|Export(All|Named)Declaration)$/.test(node.type)) return [];
    const specifier = nameOf(node['source']);
    if (specifier === undefined) return [];
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(file.path), specifier) : null;
    const typeOnly = node['importKind'] === 'type' || node.type === 'TSImportType';
    return [{ specifier, target, typeOnly, line: lineOf(file.text, node.start) }];
  });
}

/** The names of the environment's variables that the program reads, sorted. */
export function configVariables(): string[] {
  const path = 'src/platform/process/config.ts';
  const keys = [...nodesOf(example(path, textOf(path)).tree)].flatMap(({ node }) =>
    node.type === 'Property' ? (nameOf(node['key']) ?? []) : [],
  );
  return keys.filter((key) => /^[A-Z][A-Z_]+$/.test(key)).toSorted();
}
