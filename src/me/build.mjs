// Builds what the promoter's page runs in a browser into dist/me, when it is not there as its
// sources are. Plain JavaScript, because it runs before anything else does.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { alone, install } from '../install.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = join(root, 'src', 'me', 'browser');
const target = join(root, 'dist', 'me');
const lockfile = join(root, 'package-lock.json');
/** What the browsers of the phones that people still carry can read, WeChat's among them. */
const BROWSERS = ['safari13', 'chrome78'];

/**
 * Builds the script and the style of the page where they are not built of these very sources,
 * installing first what is needed for that; does nothing otherwise, in a few milliseconds. Without
 * the lockfile, as in an image, what is built is taken as it is. Throws when it cannot be built.
 */
export function buildMe() {
  if (isFresh()) return;
  install({ development: true });
  alone(() => {
    if (!isFresh()) build();
  });
}

function isFresh() {
  if (!existsSync(lockfile)) return true;
  const manifest = join(target, 'manifest.json');
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).hash === hashOfSources();
}

/** One hash of whatever the bundle is made of: its sources and the packages. */
function hashOfSources() {
  const hash = createHash('sha256');
  const files = [
    ...readdirSync(sources)
      .toSorted()
      .map((name) => join(sources, name)),
    fileURLToPath(import.meta.url),
    lockfile,
  ];
  for (const path of files) hash.update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

function build() {
  const esbuild = createRequire(import.meta.url)('esbuild');
  const hash = hashOfSources();
  const fresh = `${target}.${process.pid}`;
  const earlier = `${fresh}.earlier`;
  process.stderr.write("Building the promoter's page …\n");
  try {
    mkdirSync(fresh, { recursive: true });
    const { metafile } = esbuild.buildSync({
      absWorkingDir: root,
      entryPoints: [join(sources, 'page.ts'), join(sources, 'page.css')],
      outdir: fresh,
      bundle: true,
      format: 'iife',
      target: BROWSERS,
      minify: true,
      metafile: true,
      legalComments: 'none',
      entryNames: '[name]-[hash]',
      tsconfig: join(sources, 'tsconfig.json'),
      logLevel: 'error',
    });
    const names = Object.keys(metafile.outputs).map((path) => path.slice(path.lastIndexOf('/') + 1));
    const manifest = { hash, script: names.find((name) => name.endsWith('.js')), style: names.find((name) => name.endsWith('.css')) };
    writeFileSync(join(fresh, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    if (existsSync(target)) renameSync(target, earlier);
    renameSync(fresh, target);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(earlier, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) buildMe();
