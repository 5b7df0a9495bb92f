// Lints the OpenAPI document by Spectral: `node test/spectral.mjs`. It lies in node_modules beside
// what is locked, since it brings 243 packages, one of them without a licence, and an install
// script that reports to somebody. Without a registry it says that it was skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '6.16.3';

const project = fileURLToPath(new URL('..', import.meta.url));
const folder = join(project, 'node_modules', '.spectral', VERSION);
const done = join(folder, 'installed');
const program = join(folder, 'node_modules', '@stoplight', 'spectral-cli', 'dist', 'index.js');

if (!existsSync(done)) {
  process.stderr.write(`Installing Spectral ${VERSION} …\n`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  const wanted = `@stoplight/spectral-cli@${VERSION}`;
  const args = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', wanted];
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (status === 0) writeFileSync(done, VERSION);
}
if (existsSync(done)) {
  const args = [program, 'lint', '--ruleset', '.spectral.yaml', '--fail-severity', 'hint', 'openapi/openapi.json'];
  process.exitCode = spawnSync(process.execPath, args, { cwd: project, stdio: 'inherit' }).status ?? 1;
} else {
  process.stderr.write('SKIPPED: Spectral could not be installed; the document is linted by Redocly alone.\n');
}
