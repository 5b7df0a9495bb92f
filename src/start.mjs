// The door of the program: installs what is missing, builds the desk for whoever serves it, lets
// this Node read TypeScript, and hands over to main.ts.
import { buildDesk } from './console/build.mjs';
import { install } from './install.mjs';

const SERVING = ['serve', 'api'];

const args = process.argv.slice(2);
install({ development: false });
if (SERVING.includes(args[0] ?? 'serve')) {
  try {
    buildDesk();
  } catch (error) {
    // Orders come in without the desk too; an earlier one, where there is one, is served meanwhile.
    process.stderr.write(`The desk could not be built: ${error.message}\nBuild it with: node src/console/build.mjs\n`);
  }
}
if (!process.features.typescript) (await import('tsx/esm/api')).register();
const { main } = await import('./main.ts');
await main(args);
