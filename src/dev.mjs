// `npm run dev`: serves, starts anew when the program changes, and builds the desk anew when that
// does.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { buildDesk } from './console/build.mjs';
import { buildMe } from './me/build.mjs';

buildDesk();
buildMe();
const root = fileURLToPath(new URL('..', import.meta.url));
const commands = [
  ['src/console/build.mjs', '--watch'],
  ['--watch', 'src/start.mjs', 'serve'],
];
const children = commands.map((args) => spawn(process.execPath, args, { cwd: root, stdio: 'inherit' }));
const endAll = () => {
  for (const child of children) child.kill('SIGTERM');
};
for (const child of children) child.once('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, endAll);
