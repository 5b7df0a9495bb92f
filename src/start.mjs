// The door of the program: installs what is missing, lets this Node read TypeScript, and hands over
// to main.ts.
import { install } from './install.mjs';

install({ development: false });
if (!process.features.typescript) (await import('tsx/esm/api')).register();
const { main } = await import('./main.ts');
await main(process.argv.slice(2));
