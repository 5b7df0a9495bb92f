// The door of one thread of the audit: lets this Node read TypeScript, and hands over to
// audit-thread.ts.
import { parentPort, workerData } from 'node:worker_threads';

if (!process.features.typescript) (await import('tsx/esm/api')).register();
const { auditInThread } = await import('./audit-thread.ts');
auditInThread(parentPort, workerData);
