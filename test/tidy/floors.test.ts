// The house: imports run downwards only, nothing lies about unused, and only what is installed in
// production is relied on.

import { isBuiltin } from 'node:module';

import { expect, test } from 'vitest';

import { at, codeBelow, example, expectLaw, importsOf, nameOf, nodesOf, textOf, type CodeFile, type Law } from './files.ts';

/**
 * Every folder of src and its floor. A folder imports itself and the floors below it, never its
 * neighbours.
 */
const FLOOR_OF: Readonly<Record<string, number>> = {
  core: 0,
  platform: 1,
  outbound: 2,
  promotion: 2,
  orders: 2,
  ledger: 2,
  sources: 2,
  commission: 3,
  'sign-in': 3,
  inbox: 4,
  guards: 4,
  claims: 4,
  payouts: 4,
  statistics: 4,
  pull: 5,
  selection: 5,
  erasures: 5,
  audit: 5,
  backup: 5,
  console: 5,
  me: 5,
  demo: 5,
};
/** The files beside the folders put everything together. */
const TOP_FLOOR = 6;
/** What speaks to the service by HTTP alone takes the client, and nothing else of ours. */
const SPEAKS_HTTP = new Set(['demo', 'console', 'me']);
/** Run by Node itself, imported by nobody. */
const ENTRIES = new Set([
  'src/start.mjs',
  'src/install.mjs',
  'src/dev.mjs',
  'src/me/browser/page.ts',
  'src/main.ts',
  'src/console/desk.tsx',
  'src/audit/audit-thread.mjs',
  'src/commission/simulations/simulation-thread.mjs',
]);
const STORES = /(^src\/platform\/postgres\/(database|tables)|store)\.ts$/;

/**
 * Bundled for browsers when the desk is built, with packages that the program runs without.
 */
const BUNDLED = /^src\/console\/(?!(routes\.ts|build\.mjs)$)/;
/** What starts the program, before any package is there. */
const STARTS = /^src\/(start|dev|install|console\/build)\.mjs$/;

const src = codeBelow('src');

function folderOf(path: string): string | null {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? null;
}

/** Why a file may not import another, or null when it may. */
function forbidden(from: string, to: string): string | null {
  const [own, other] = [folderOf(from), folderOf(to)];
  if (STARTS.test(from) && STARTS.test(to)) return null;
  if (BUNDLED.test(to) && !BUNDLED.test(from)) return 'is made for browsers';
  if (to.startsWith('client/')) return own !== null && SPEAKS_HTTP.has(own) ? null : 'is for those who speak HTTP';
  if (!to.startsWith('src/')) return 'lies outside the program';
  if (own === null || own === other) return null;
  // What builds runs before everything else, and installs what it builds with.
  if (other === null) return to === 'src/install.mjs' && from.endsWith('/build.mjs') ? null : 'stands at the top';
  if (own === 'platform') return to === 'src/core/errors.ts' ? null : 'is no business of the platform';
  if (own === 'demo') return other === 'platform' && !STORES.test(to) ? null : 'is not reached by HTTP';
  const [floor = -1, below = TOP_FLOOR] = [FLOOR_OF[own], FLOOR_OF[other]];
  return below < floor ? null : 'is not on a lower floor';
}

const importsDownwards: Law<CodeFile> = (file) =>
  importsOf(file).flatMap(({ target, line }) => {
    const reason = target === null ? null : forbidden(file.path, target);
    return reason === null ? [] : [`${file.path}:${line} imports ${target}, which ${reason}`];
  });

test('imports run downwards only', () => {
  expectLaw(importsDownwards, src, [
    example('src/core/split.ts', `import { now } from '../platform/clock.ts';`),
    example('src/platform/http/http.ts', `import type { Amount } from '../../core/money.ts';`),
    example('src/orders/order-store.ts', `import { findLink } from '../promotion/links/link-store.ts';`),
    example('src/sources/connections/source-routes.ts', `export const pay = async () => import('../../ledger/booking-store.ts');`),
    example('src/ledger/booking-store.ts', `type Rule = import('../commission/rules/rule-store.ts').Rule;`),
    example('src/inbox/delivery-store.ts', `import { runGuards } from '../guards/run.ts';`),
    example('src/demo/shop.ts', `import { saveOrder } from '../orders/store.ts';`),
    example('src/demo/shop.ts', `import { openDatabase } from '../platform/postgres/database.ts';`),
    example('src/claims/routes.ts', `import { createClient } from '../../client/client.ts';`),
    example('src/app.ts', `import type { paths } from '../client/api.ts';`),
    example('src/guards/run.ts', `import { buildApp } from '../app.ts';`),
    example('src/orders/order-store.ts', `import { aClick } from '../../test/harness.ts';`),
    example('src/elsewhere/store.ts', `import { partOf } from '../core/money.ts';`),
    example('src/console/routes.ts', `import { money } from './parts/amounts.ts';`),
    example('src/app.ts', `import { install } from './console/parts/api.ts';`),
  ]);
});

const takesNothingAlong: Law<CodeFile> = (file) =>
  importsOf(file).flatMap(({ specifier, target, line }) => {
    const isOwn = target === null ? specifier === 'openapi-fetch' || specifier.startsWith('node:') : target.startsWith('client/');
    return isOwn ? [] : [`${file.path}:${line} imports ${specifier}`];
  });

test('the client is taken elsewhere, so it imports nothing of the program and one package', () => {
  expectLaw(takesNothingAlong, codeBelow('client'), [
    example('client/client.ts', `import { makeSecret } from '../src/outbound/signature.ts';`),
    example('client/client.ts', `import type { Order } from '../src/core/order.ts';`),
    example('client/client.ts', `import { z } from 'zod';`),
  ]);
});

test('imports go in no circle, those of types included', () => {
  expect(
    circlesIn(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['a']],
        ['d', ['a']],
      ]),
    ),
  ).toEqual([['a', 'b', 'c']]);
  const imports = new Map(src.map((file) => [file.path, importsOf(file).flatMap(({ target }) => target ?? [])]));
  expect(imports.size).toBeGreaterThan(0);
  expect(circlesIn(imports)).toEqual([]);
});

/** What imports itself by way of others, each circle once. */
function circlesIn(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const reached = new Map([...imports.keys()].map((path) => [path, reachedFrom(path, imports)]));
  const circles = [...reached].flatMap(([path, targets]) => {
    const circle = [...targets].filter((target) => reached.get(target)?.has(path)).toSorted();
    return circle[0] === path ? [circle] : [];
  });
  return circles;
}

function reachedFrom(path: string, imports: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>();
  const open = [...(imports.get(path) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    open.push(...(imports.get(next) ?? []));
  }
  return reached;
}

/** A folder is opened to find a thing by its name: they must be seen at once. */
const NAMES_MAX = 17;

test('a folder is one screen of names', () => {
  const names = new Map<string, Set<string>>();
  for (const { path } of src) {
    const [, folder, name] = /^(.+)\/([^/]+)$/.exec(path)!;
    names.set(folder!, (names.get(folder!) ?? new Set()).add(name!));
  }
  expect([...names].filter(([, inside]) => inside.size > NAMES_MAX).map(([folder]) => folder)).toEqual([]);
});

test('every folder stands on a floor', () => {
  const folders = new Set(src.flatMap(({ path }) => folderOf(path) ?? []));
  expect([...folders].filter((folder) => FLOOR_OF[folder] === undefined)).toEqual([]);
});

test('every file is imported by another, or is where a process begins', () => {
  const imported = new Set(src.flatMap((file) => importsOf(file).flatMap(({ target }) => (target === file.path ? [] : target))));
  expect(imported.size).toBeGreaterThan(0);
  const idle = src.map(({ path }) => path).filter((path) => !imported.has(path) && !ENTRIES.has(path) && !path.endsWith('.d.ts'));
  expect(idle.join('\n')).toBe('');
});

type Versions = Readonly<Record<string, string>>;
const { dependencies, devDependencies } = JSON.parse(textOf('package.json')) as { dependencies: Versions; devDependencies: Versions };

/**
 * `@scope/name/file` is of the package `@scope/name`; of a file or of Node itself there is none.
 */
function packageOf(specifier: string): string | null {
  if (/^[./]/.test(specifier) || isBuiltin(specifier)) return null;
  return /^(@[^/]+\/)?[^/]+/.exec(specifier)![0];
}

const importsWhatIsInstalled: Law<CodeFile> = (file) =>
  importsOf(file).flatMap(({ specifier, typeOnly, line }) => {
    const name = packageOf(specifier);
    if (name === null) return isBuiltin(specifier) && !specifier.startsWith('node:') ? [`${file.path}:${line} lacks node:`] : [];
    // A type is gone before anything runs, and what is bundled has its packages in it.
    const isThere = dependencies[name] !== undefined || ((typeOnly || BUNDLED.test(file.path)) && devDependencies[name] !== undefined);
    return isThere ? [] : [`${file.path}:${line} imports ${name}, which is no dependency`];
  });

test('the program imports its dependencies only, so that it runs where the tools of development are not installed', () => {
  expectLaw(importsWhatIsInstalled, src, [
    example('src/app.ts', `import { test } from 'vitest';`),
    example('src/app.ts', `import { type Test, test } from 'vitest';`),
    example('src/app.ts', `import type { OpenAPIV3_1 } from 'no-such-package/types';`),
    example('src/app.ts', `import { readFile } from 'fs/promises';`),
  ]);
});

test('every dependency is used', () => {
  const used = new Set([...src, ...codeBelow('client')].flatMap((file) => importsOf(file).map(({ specifier }) => packageOf(specifier))));
  // What starts the program names the package that reads TypeScript in a text, for a Node that
  // cannot read it.
  for (const { path, tree } of src) {
    if (!path.endsWith('.mjs')) continue;
    for (const { node } of nodesOf(tree)) if (node.type === 'Literal') used.add(packageOf(nameOf(node) || '.'));
  }
  expect(Object.keys(dependencies).filter((name) => !used.has(name))).toEqual([]);
});

const needsNoPackage: Law<CodeFile> = (file) =>
  [...nodesOf(file.tree)].flatMap(({ node }) => {
    const specifier = node.type === 'ImportDeclaration' ? nameOf(node['source'])! : '';
    return specifier === '' || specifier.startsWith('node:') || /^\..*\.mjs$/.test(specifier)
      ? []
      : [`${at(file, node)} imports ${specifier} at once`];
  });

test('what runs before the packages are there, and before TypeScript can be read, imports neither', () => {
  const early = src.filter(({ path }) => path.endsWith('.mjs'));
  expectLaw(needsNoPackage, early, [
    example('src/start.mjs', `import { register } from 'tsx/esm/api';`),
    example('src/start.mjs', `import { main } from './main.ts';`),
  ]);
});
