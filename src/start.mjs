// The door of the program: installs what is missing, builds the promoter's page for whoever serves
// it, lets this Node read TypeScript, and hands over to main.ts.
import { install } from './install.mjs';
import { buildMe } from './me/build.mjs';

const SERVING = ['serve', 'api'];

const args = process.argv.slice(2);
install({ development: false });
if (SERVING.includes(args[0] ?? 'serve')) {
  try {
    buildMe();
  } catch (error) {
    // Orders come in without the page too; an earlier one, where there is one, is served meanwhile.
    process.stderr.write(`The promoter's page could not be built: ${error.message}\nBuild it with: node src/me/build.mjs\n`);
  }
}
if (!process.features.typescript) (await import('tsx/esm/api')).register();
const { main } = await import('./main.ts');
await main(args);
