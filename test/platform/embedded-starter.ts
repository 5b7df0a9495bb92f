// A process of its own that starts the embedded PostgreSQL of a folder, says where it is, and stays
// until it is told to stop or is killed.

import { once } from 'node:events';

import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import { buildLogger } from '../../src/platform/process/log.ts';

const embedded = await startEmbedded({ dataDir: process.argv[2]!, log: buildLogger('silent') });
process.stdout.write(`${JSON.stringify({ connectionString: embedded.connectionString, startedHere: embedded.startedHere })}\n`);
await once(process.stdin.resume(), 'end');
await embedded.stop();
