// The door of the program: installs what is missing, builds the pages for whoever serves them, lets
// this Node read TypeScript, and hands over to main.ts.
import { buildDesk } from './console/build.mjs';
import { install } from './install.mjs';
import { buildMe } from './me/build.mjs';

const SERVING = ['serve', 'api'];

const args = process.argv.slice(2);
install({ development: false });
if (SERVING.includes(args[0] ?? 'serve')) {
  try {
    buildDesk();
    buildMe();
  } catch (error) {
    // Orders come in without the pages too; earlier ones are served meanwhile, where there are any.
    process.stderr.write(
      `The pages could not be built: ${error.message}\nBuild them with: node src/console/build.mjs && node src/me/build.mjs\n`,
    );
  }
}
if (!process.features.typescript) (await import('tsx/esm/api')).register();
const { main } = await import('./main.ts');
await main(args);
