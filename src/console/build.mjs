// Builds the desk into dist/console, when it is not there as its sources are. Plain JavaScript,
// because it runs before anything else does.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { alone, install } from '../install.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const target = join(root, 'dist', 'console');
const lockfile = join(root, 'package-lock.json');
const ENTRY = 'src/console/desk.tsx';
const WORDS = { en: 'src/console/words/en.ts', zh: 'src/console/words/zh.ts' };

/**
 * Builds the desk where it is not built of these very sources, installing first what is needed for
 * that; does nothing otherwise, in a few milliseconds. Without the lockfile, as in an image, what
 * is built is taken as it is. Throws when it cannot be built.
 */
export function buildDesk() {
  if (isFresh()) return;
  install({ development: true });
  alone(() => {
    if (!isFresh()) build();
  });
}

function isFresh() {
  const manifest = join(target, 'manifest.json');
  if (!existsSync(lockfile)) return true;
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).hash === hashOfSources();
}

/** One hash of whatever the desk is made of: its sources, the client, and the packages. */
function hashOfSources() {
  const hash = createHash('sha256');
  for (const path of [...filesBelow('src/console'), ...filesBelow('client'), 'package-lock.json']) {
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0');
  }
  return hash.digest('hex');
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .toSorted();
}

function options(outdir) {
  return {
    absWorkingDir: root,
    entryPoints: [ENTRY],
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['chrome110', 'safari16', 'firefox115'],
    jsx: 'automatic',
    minify: true,
    metafile: true,
    legalComments: 'none',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    // Without its own styles: they stand in desk.css as a whole, so that no page waits for some.
    alias: {
      'tdesign-react/lib': './node_modules/tdesign-react/lib',
      'tdesign-react/dist': './node_modules/tdesign-react/dist',
      'tdesign-react': './node_modules/tdesign-react/lib/index.js',
    },
    define: { 'process.env.NODE_ENV': '"production"' },
    tsconfig: join(root, 'src/console/tsconfig.json'),
    logLevel: 'error',
  };
}

function build() {
  const esbuild = createRequire(import.meta.url)('esbuild');
  const hash = hashOfSources();
  const fresh = `${target}.${process.pid}`;
  const earlier = `${fresh}.earlier`;
  process.stderr.write('Building the desk …\n');
  try {
    mkdirSync(fresh, { recursive: true });
    const { metafile } = esbuild.buildSync(options(fresh));
    writeFileSync(join(fresh, 'manifest.json'), manifestOf(metafile, hash));
    if (existsSync(target)) renameSync(target, earlier);
    renameSync(fresh, target);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(earlier, { recursive: true, force: true });
  }
}

function nameOf(path) {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Which file is what, for the page that names them. */
function manifestOf({ outputs }, hash) {
  const all = Object.entries(outputs);
  const [entry, made] = all.find(([, { entryPoint }]) => entryPoint === ENTRY);
  const withStatic = (path, seen) => {
    for (const { path: next, kind } of outputs[path].imports) {
      if (kind !== 'import-statement' || seen.has(next)) continue;
      seen.add(next);
      withStatic(next, seen);
    }
    return seen;
  };
  const words = Object.fromEntries(
    Object.entries(WORDS).map(([language, source]) => [language, nameOf(all.find(([, { entryPoint }]) => entryPoint === source)[0])]),
  );
  const manifest = {
    hash,
    script: nameOf(entry),
    style: nameOf(made.cssBundle),
    preloads: [...withStatic(entry, new Set())].map(nameOf),
    words,
    files: all.map(([path]) => nameOf(path)),
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** Builds anew after every change, until it is ended. */
async function watch() {
  install({ development: true });
  const esbuild = createRequire(import.meta.url)('esbuild');
  const told = {
    name: 'manifest',
    setup: ({ onEnd }) => {
      onEnd(({ metafile, errors }) => {
        if (errors.length > 0 || metafile === undefined) return;
        writeFileSync(join(target, 'manifest.json'), manifestOf(metafile, hashOfSources()));
        process.stderr.write('The desk is built.\n');
      });
    },
  };
  const context = await esbuild.context({ ...options(target), minify: false, sourcemap: 'inline', plugins: [told] });
  await context.watch();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (process.argv.includes('--watch')) await watch();
  else buildDesk();
}
