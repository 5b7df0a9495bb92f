// The ground floor is pure: what it answers depends on its arguments alone, and its money is never
// a floating-point number.

import { expect, test } from 'vitest';

import { at, codeBelow, example, expectLaw, importsOf, isMember, nameOf, nodesOf, type CodeFile, type Law, type Visit } from './files.ts';

/** Whatever gives another answer tomorrow, or elsewhere, or does something to the world. */
const IMPURE = new Set(
  `process globalThis global performance crypto fetch console require Buffer setTimeout setInterval setImmediate queueMicrotask Worker
  WebSocket`.split(/\s+/),
);
/** The functions that make a number of an amount, and why they may. */
const MAY_MAKE_NUMBERS: Readonly<Record<string, string>> = {
  'src/core/money.ts jsonAmount': 'writes an amount as a JSON number where that is exact',
  'src/core/attribution.ts weightsPpm': 'makes parts per million, which are no amounts',
};

const core = codeBelow('src').filter(({ path }) => path.startsWith('src/core/'));

const importsItselfOnly: Law<CodeFile> = (file) =>
  importsOf(file)
    .filter(({ specifier, target }) => specifier !== 'zod' && target?.startsWith('src/core/') !== true)
    .map(({ specifier, line }) => `${file.path}:${line} imports ${specifier}`);

test('the core imports only itself and zod', () => {
  expectLaw(importsItselfOnly, core, [
    example('src/core/order.ts', `import { randomUUID } from 'node:crypto';`),
    example('src/core/order.ts', `import { z } from 'zod/mini';`),
    example('src/core/order.ts', `import { problem } from '../platform/problem.ts';`),
  ]);
});

/**
 * Whether an identifier stands for the value of that name, and is not merely what a field is
 * called.
 */
function isValue({ node, parents, field }: Visit): boolean {
  const isFieldName = field === 'property' || field === 'key';
  return node.type === 'Identifier' && (!isFieldName || parents.at(-1)?.['computed'] === true);
}

function impurity(visit: Visit): string | null {
  const { node } = visit;
  if (node.type === 'AwaitExpression' || node['async'] === true || node['await'] === true) return 'waits';
  if (node.type === 'ImportExpression' || node.type === 'MetaProperty') return 'knows where it lies';
  if (isMember(node, 'Date', 'now')) return 'reads the clock';
  if (isMember(node, 'Math', 'random')) return 'throws dice';
  const made = nameOf(node['callee']) === 'Date' ? node.type : '';
  if (made === 'CallExpression' || (made === 'NewExpression' && (node['arguments'] as unknown[]).length === 0)) return 'reads the clock';
  return isValue(visit) && IMPURE.has(nameOf(node)!) ? `uses ${nameOf(node)}` : null;
}

const isPure: Law<CodeFile> = (file) =>
  [...nodesOf(file.tree)].flatMap((visit) => {
    const reason = impurity(visit);
    return reason === null ? [] : [`${at(file, visit.node)} ${reason}`];
  });

test('the core has no clock, no dice, no I/O and waits for nothing', () => {
  const impure = [
    'export const at = Date.now();',
    'export const at = new Date();',
    'export const at = Date();',
    `export const at = Date['now']();`,
    'export const luck = Math.random();',
    'export const port = process.env.PORT;',
    'export const port = globalThis;',
    'export async function later() {}',
    'export const later = async () => 1;',
    'await Promise.resolve();',
    `export const later = import('./money.ts');`,
    'setTimeout(() => undefined, 1);',
    'export const id = crypto.randomUUID();',
  ];
  expectLaw(
    isPure,
    core,
    impure.map((text) => example('src/core/order.ts', text)),
  );
});

test('purity does not forbid a time that is given, nor a field that has the name of something impure', () => {
  const pure = `
    export const at = (text: string) => new Date(Date.parse(text));
    export const step = (state: { process: number }) => state.process;
    export const state = { process: 1, fetch() { return Date.UTC(2026); } };`;
  expect(isPure(example('src/core/order.ts', pure))).toEqual([]);
});

function functionOf(parents: readonly Visit['node'][]): string {
  return nameOf(parents.findLast(({ type }) => type === 'FunctionDeclaration')?.['id']) ?? 'at its top';
}

/**
 * A place where something becomes a number: `Number` as a function, and all that reads or writes
 * decimals.
 */
function makesNumber(visit: Visit): boolean {
  const { node, parents, field } = visit;
  if (node.type === 'MemberExpression') {
    return ['toFixed', 'toPrecision', 'parseFloat', 'parseInt'].includes(nameOf(node['property']) ?? '');
  }
  if (!isValue(visit)) return false;
  if (['parseFloat', 'parseInt'].includes(nameOf(node)!)) return true;
  return nameOf(node) === 'Number' && !(parents.at(-1)?.type === 'MemberExpression' && field === 'object');
}

function numbersOf(file: CodeFile): { place: string; of: string }[] {
  return [...nodesOf(file.tree)]
    .filter(makesNumber)
    .map(({ node, parents }) => ({ place: at(file, node), of: `${file.path} ${functionOf(parents)}` }));
}

const keepsMoneyWhole: Law<CodeFile> = (file) =>
  numbersOf(file)
    .filter(({ of }) => MAY_MAKE_NUMBERS[of] === undefined)
    .map(({ place, of }) => `${place} makes a number in ${of}`);

test('nothing in the core makes a number of an amount, except what is named here', () => {
  expectLaw(keepsMoneyWhole, core, [
    example('src/core/money.ts', 'export function half(amount: bigint) { return Number(amount) / 2; }'),
    example('src/core/money.ts', 'export const numbers = (amounts: bigint[]) => amounts.map(Number);'),
    example('src/core/money.ts', 'export const yuan = (fen: number) => (fen / 100).toFixed(2);'),
    example('src/core/money.ts', `export const amount = (text: string) => Number.parseFloat(text);`),
    example('src/core/money.ts', `export const amount = (text: string) => parseInt(text, 10);`),
  ]);
});

test('who is named as making numbers still does', () => {
  const made = new Set(core.flatMap((file) => numbersOf(file).map(({ of }) => of)));
  expect(Object.keys(MAY_MAKE_NUMBERS).filter((of) => !made.has(of))).toEqual([]);
});
