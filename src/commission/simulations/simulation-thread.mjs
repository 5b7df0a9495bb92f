// The door of one thread of a rehearsal: lets this Node read TypeScript, and hands over to
// simulation-thread.ts.
import { parentPort, workerData } from 'node:worker_threads';

if (!process.features.typescript) (await import('tsx/esm/api')).register();
const { simulateInThread } = await import('./simulation-thread.ts');
simulateInThread(parentPort, workerData);
